"""Regression losses, r = pred - target."""

from __future__ import annotations

import math
from typing import Any

from fastloss import _check, _core
from fastloss._core import Parameters
from fastloss._loss import elementwise
from fastloss._losses.intercepts import (
    exponential,
    identity,
    log_mean,
    log_rate,
    mean,
    mean_by_precision,
    mean_of_logs,
    median,
    median_of_percentages,
    rate,
    root,
    smoothed_median,
    weighted_quantile,
)


@elementwise(hessian=True, intercept=mean, inverse_link=identity)
def mse(pred: Any, target: Any) -> Parameters:
    """Squared error, (pred - target)^2; its mean is the mean squared error.

    gradient 2 (pred - target), Hessian 2. In the units of the target, squared.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    reduction, sample_weight, normalizer, n_threads : as for every loss; `sample_weight` has the shape of
        `pred` or of its leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN (and a reduced value with it); an element of weight 0 counts nothing.

    Gauss, Theoria combinationis observationum (1823).

    >>> import numpy as np, fastloss as fl
    >>> fl.mse(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0]))
    1.6666666666666667
    >>> grad = np.empty(3)
    >>> value, grad = fl.mse.value_and_grad(np.array([1.0, 2.0, 4.0]), [1, 3, 2], reduction="sum", out=grad)
    >>> value, grad
    (5.0, array([ 0., -2.,  4.]))
    """
    return Parameters()


@elementwise(hessian=True, intercept=mean, inverse_link=identity)
def half_squared(pred: Any, target: Any) -> Parameters:
    """Half the squared error, (pred - target)^2 / 2: the one whose gradient is the residual.

    gradient pred - target, Hessian 1. In the units of the target, squared.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN; an infinite residual costs inf.

    Legendre, Nouvelles méthodes pour la détermination des orbites des comètes (1805).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.half_squared.value_and_grad(pred, target, reduction="sum")
    >>> value, grad
    (2.5, array([ 0., -1.,  2.]))
    """
    return Parameters()


@elementwise(hessian=False, intercept=median, inverse_link=identity, bound="residual", piecewise_linear=True)
def mae(pred: Any, target: Any) -> Parameters:
    """Absolute error, |pred - target|; its mean is the mean absolute error.

    gradient sign(pred - target), 0 at the kink. In the units of the target. No Hessian: it is 0 almost
    everywhere. `intercept` is the weighted median, of two the lower one.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN, its gradient too; an infinite residual costs inf, with gradient 1 or -1.

    Edgeworth, On observations relating to several quantities (1887).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.mae.value_and_grad(pred, target, reduction="sum")
    >>> value, grad
    (3.0, array([ 0., -1.,  1.]))
    """
    return Parameters()


@elementwise(hessian=True, intercept=root, inverse_link=identity, bound="residual")
def huber(pred: Any, target: Any, *, delta: float = 1.0) -> Parameters:
    """Squared near the target, linear beyond delta: Huber's loss.

    With r = pred - target:

        |r| <= delta    r^2 / 2                     gradient r                 Hessian 1
        else            delta (|r| - delta / 2)     gradient delta sign(r)     Hessian 0

    Value and gradient are continuous. In the units of the target, squared.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    delta : > 0, the residual from which it is linear, in the units of the target
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight, delta not > 0.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN; an infinite residual costs inf, with gradient delta or -delta.

    Huber, Robust estimation of a location parameter (1964).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.5, 2.0])
    >>> value, grad = fl.huber.value_and_grad(pred, target, reduction="sum")
    >>> value, grad
    (1.625, array([ 0. , -0.5,  1. ]))
    """
    return Parameters({"delta": _check.positive("delta", delta)})


@elementwise(hessian=True, intercept=smoothed_median, inverse_link=identity, bound="residual")
def smooth_l1(pred: Any, target: Any, *, beta: float = 1.0) -> Parameters:
    """Absolute error, made smooth within beta of the target: `huber` with delta = beta, over beta.

    With r = pred - target:

        |r| < beta    r^2 / (2 beta)     gradient r / beta     Hessian 1 / beta
        else          |r| - beta / 2     gradient sign(r)      Hessian 0

    beta = 0 is `mae`. In the units of the target.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    beta : >= 0, the residual up to which it is squared, in the units of the target
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight, a negative beta.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN; an infinite residual costs inf, with gradient 1 or -1. With beta = 0 the
    gradient at the kink is 0.

    Girshick, Fast R-CNN (2015).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.25, 2.0])
    >>> value, grad = fl.smooth_l1.value_and_grad(pred, target, beta=0.5, reduction="sum")
    >>> value, grad
    (1.8125, array([ 0. , -0.5,  1. ]))
    """
    return Parameters({"beta": _check.non_negative("beta", beta)})


@elementwise(hessian=True, intercept=root, inverse_link=identity, bound="residual")
def pseudo_huber(pred: Any, target: Any, *, delta: float = 1.0) -> Parameters:
    """A Huber loss with all derivatives, delta^2 (sqrt(1 + (r / delta)^2) - 1).

    With r = pred - target and h = sqrt(1 + (r / delta)^2), evaluated as

        loss = r^2 / (1 + h)     gradient r / h     Hessian 1 / h^3

    which keeps its accuracy near the target. In the units of the target, squared.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    delta : > 0, where squared turns into linear, in the units of the target
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight, delta not > 0.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN; an infinite residual costs inf, with gradient delta or -delta.

    Charbonnier, Blanc-Féraud, Aubert and Barlaud, Two deterministic half-quadratic regularization algorithms
    for computed imaging (1994).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.pseudo_huber.value_and_grad(pred, target, reduction="sum")
    >>> round(value, 6), grad.round(4)
    (1.650282, array([ 0.    , -0.7071,  0.8944]))
    """
    return Parameters({"delta": _check.positive("delta", delta)})


@elementwise(hessian=True, intercept=root, inverse_link=identity, bound="residual")
def log_cosh(pred: Any, target: Any) -> Parameters:
    """log(cosh(pred - target)): half the square near the target, |r| - log 2 far away.

    With r = pred - target:

        loss = log1p(2 sinh(r / 2)^2) for |r| < 1, else (|r| - log 2) + log1p(exp(-2 |r|))
        gradient tanh(r)     Hessian 1 - tanh(r)^2, as 4 exp(-2 |r|) / (1 + exp(-2 |r|))^2

    Right for small residuals too, where other forms cancel to 0. The target's units must be such that 1 is
    where squared turns into linear.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN; an infinite residual costs inf, with gradient 1 or -1.

    Green, Bayesian reconstructions from emission tomography data using a modified EM algorithm (1990).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.log_cosh.value_and_grad(pred, target, reduction="sum")
    >>> round(value, 6), grad.round(4)
    (1.758784, array([ 0.    , -0.7616,  0.964 ]))
    """
    return Parameters()


@elementwise(
    hessian=False,
    intercept=weighted_quantile,
    inverse_link=identity,
    bound="residual",
    piecewise_linear=True,
    array_parameter="q",
    column_parameter="q",
)
def quantile(pred: Any, target: Any, *, q: Any = 0.5) -> Parameters:
    """Pinball loss, which is least where pred is the q-quantile of the target.

    With r = pred - target:

        loss = max(-q r, (1 - q) r)     gradient -q below the target, 1 - q above it, 0 at the kink

    In the units of the target; q = 0.5 is half of `mae`. No Hessian: it is 0 almost everywhere. `intercept`
    is the weighted quantile, of several the lowest.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    q : in (0, 1): a number, or an array of one entry for each on the last axis of `pred` or of its shape
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight, a q outside (0, 1).
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN, its gradient too; an infinite residual costs inf.

    Koenker and Bassett, Regression quantiles (1978).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.quantile.value_and_grad(pred, target, q=0.75, reduction="sum")
    >>> value, grad
    (1.25, array([ 0.  , -0.75,  0.25]))
    >>> fl.quantile(np.zeros((2, 3)), np.ones((2, 3)), q=[0.125, 0.5, 0.875], reduction="none")[0]
    array([0.125, 0.5  , 0.875])
    """
    number, array = _check.number_or_array("q", q, _check.inside)
    return Parameters({"q": number}, array=array)


@elementwise(hessian=True, intercept=root, inverse_link=identity)
def expectile(pred: Any, target: Any, *, tau: float = 0.5) -> Parameters:
    """Squared error weighted by its side, which is least where pred is the tau-expectile of the target.

    With r = pred - target and w = tau for r <= 0, 1 - tau for r > 0:

        loss = w r^2     gradient 2 w r     Hessian 2 w

    In the units of the target, squared; tau = 0.5 is half of `mse`.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    tau : a number in (0, 1)
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight, a tau outside (0, 1).
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN; an infinite residual costs inf. At r = 0 the Hessian is 2 tau.

    Newey and Powell, Asymmetric least squares estimation and testing (1987).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.expectile.value_and_grad(pred, target, tau=0.75, reduction="sum")
    >>> value, grad
    (1.75, array([ 0. , -1.5,  1. ]))
    """
    return Parameters({"tau": _check.inside("tau", tau)})


@elementwise(hessian=False, intercept=root, inverse_link=identity, bound="residual", piecewise_linear=True)
def epsilon_insensitive(pred: Any, target: Any, *, eps: float = 0.1) -> Parameters:
    """Absolute error beyond eps, nothing within: the loss of support vector regression.

    With r = pred - target:

        loss = max(0, |r| - eps)     gradient sign(r) where |r| > eps, else 0

    In the units of the target. No Hessian: it is 0 almost everywhere.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    eps : >= 0, the error that costs nothing, in the units of the target
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight, a negative eps.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN, its gradient too. At the kinks |r| = eps the gradient is 0.

    Vapnik, The nature of statistical learning theory (1995).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.epsilon_insensitive.value_and_grad(pred, target, eps=0.5, reduction="sum")
    >>> value, grad
    (2.0, array([ 0., -1.,  1.]))
    """
    return Parameters({"eps": _check.non_negative("eps", eps)})


@elementwise(hessian=True, intercept=root, inverse_link=identity, bound="rate")
def squared_epsilon_insensitive(pred: Any, target: Any, *, eps: float = 0.1) -> Parameters:
    """The square of `epsilon_insensitive`.

    With r = pred - target and e = max(0, |r| - eps):

        loss = e^2     gradient 2 e sign(r)     Hessian 2 where |r| >= eps, else 0

    In the units of the target, squared.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    eps : >= 0, the error that costs nothing, in the units of the target
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight, a negative eps.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN. At the kinks of the gradient, |r| = eps, the Hessian is 2: with
    eps = 0 it is 2 everywhere.

    Drucker, Burges, Kaufman, Smola and Vapnik, Support vector regression machines (1997).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.squared_epsilon_insensitive.value_and_grad(pred, target, eps=0.5, reduction="sum")
    >>> value, grad
    (2.5, array([ 0., -1.,  3.]))
    """
    return Parameters({"eps": _check.non_negative("eps", eps)})


@elementwise(hessian=True, intercept=mean_of_logs, inverse_link=identity, bound="rate")
def msle(pred: Any, target: Any) -> Parameters:
    """Squared error of log(1 + x); its mean is the mean squared logarithmic error.

    With d = log(1 + pred) - log(1 + target), evaluated as log1p((pred - target) / (1 + target)):

        loss = d^2     gradient 2 d / (1 + pred)     Hessian 2 (1 - d) / (1 + pred)^2

    A number without unit. The Hessian is negative where d > 1.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64); > -1
    target : array of exactly that shape, any float, integer or bool dtype; > -1
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN, and so does a prediction of -1 or less.

    Törnqvist, Vartia and Vartia, How should relative changes be measured? (1985).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    >>> value, grad = fl.msle.value_and_grad(pred, target)
    >>> round(value, 6), grad.round(4)
    (0.114568, array([ 0.    , -0.0639,  0.0681]))
    """
    return Parameters()


@elementwise(
    hessian=False,
    intercept=median_of_percentages,
    inverse_link=identity,
    bound="residual",
    piecewise_linear=True,
)
def mape(pred: Any, target: Any) -> Parameters:
    """Absolute error as a fraction of the target; its mean is the mean absolute percentage error.

    With r = pred - target and m = max(|target|, 2.2e-16), float64's epsilon for every dtype:

        loss = |r| / m     gradient sign(r) / m, 0 at the kink

    A fraction: times 100 for percent. No Hessian: it is 0 almost everywhere. `intercept` is the median
    weighted by 1 / m.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; those near 0 rule the mean
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN, its gradient too.

    De Myttenaere, Golden, Le Grand and Rossi, Mean absolute percentage error for regression models (2016).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([1.0, 3.0, 4.0]), np.array([1.0, 4.0, 2.0])
    >>> value, grad = fl.mape.value_and_grad(pred, target, reduction="sum")
    >>> value, grad
    (1.25, array([ 0.  , -0.25,  0.5 ]))
    """
    return Parameters()


@elementwise(hessian=True, intercept=log_rate, inverse_link=rate, bound="rate", target="counts")
def poisson(pred: Any, target: Any, *, log_input: bool = True) -> Parameters:
    """Negative log-likelihood of counts, pred being the log of the rate (or the rate), without log(target!).

        log_input    exp(x) - y x            gradient exp(x) - y           Hessian exp(x)
        else         x - y log(x + 1e-8)     gradient 1 - y / (x + 1e-8)   Hessian y / (x + 1e-8)^2

    In nats. `inverse_link` gives the rate; `intercept` is the log of the mean, with log_input=False the mean.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; >= 0
    log_input : whether `pred` is the log of the rate
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array; a log_input that is not a bool.

    A NaN makes its own element NaN; with log_input=False so does a rate below -1e-8 where the target is not
    0. A finite score whose exp overflows costs inf. Without a count the log-rate -inf costs 0.

    Nelder and Wedderburn, Generalized linear models (1972).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.0, 1.0, 1.0]), np.array([1, 3, 0])
    >>> value, grad = fl.poisson.value_and_grad(pred, target, reduction="sum")
    >>> round(value, 6), grad.round(4)
    (3.436564, array([ 0.    , -0.2817,  2.7183]))
    """
    return Parameters(kernel=None if _check.flag("log_input", log_input) else "poisson_rate")


@elementwise(hessian=True, intercept=log_mean, inverse_link=exponential, bound="rate", target="counts")
def gamma(pred: Any, target: Any) -> Parameters:
    """Negative log-likelihood of a gamma distribution of mean exp(pred), over its shape, without constants.

        loss = x + y exp(-x)     gradient 1 - y exp(-x)     Hessian y exp(-x)

    In nats; half the deviance but for 1 + log y. `inverse_link` gives the mean.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; > 0
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN; a finite score whose exp(-x) overflows costs inf.

    McCullagh and Nelder, Generalized linear models (1983).

    >>> import numpy as np, fastloss as fl
    >>> value, grad = fl.gamma.value_and_grad(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    >>> round(value, 6), grad.round(4)
    (1.367879, array([0.    , 0.1321]))
    """
    return Parameters()


@elementwise(hessian=True, intercept=log_mean, inverse_link=exponential, bound="rate", target="counts")
def tweedie(pred: Any, target: Any, *, power: float = 1.5) -> Parameters:
    """Half the deviance of a Tweedie distribution of mean exp(pred), without constants.

    With a = 1 - power and b = 2 - power:

        loss = exp(b x) / b - y exp(a x) / a
        gradient exp(b x) - y exp(a x)     Hessian b exp(b x) - a y exp(a x)

    For targets that are 0 with a probability of their own and positive else, as rain and claims are.
    `inverse_link` gives the mean.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; >= 0
    power : in (1, 2), the power of the mean that the variance grows with; `poisson` is the limit 1, `gamma` 2
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight, a power outside (1, 2).
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN; a finite score whose exp overflows costs inf.

    Tweedie, An index which distinguishes between some important exponential families (1984).

    >>> import numpy as np, fastloss as fl
    >>> value, grad = fl.tweedie.value_and_grad(np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    >>> round(value, 6), grad.round(4)
    (3.861783, array([0.5   , 0.2178]))
    """
    return Parameters({"power": _check.inside("power", power, 1, 2)})


@elementwise(
    hessian=True,
    intercept=mean_by_precision,
    inverse_link=identity,
    array_parameter="var",
    array_rule=_core.VARIANCE,
    second_grad="var",
)
def gaussian_nll(pred: Any, target: Any, *, var: Any) -> Parameters:
    """Negative log-likelihood of a normal distribution of mean pred and variance var, without log(2 pi) / 2.

    With r = pred - target and v = max(var, 1e-6):

        loss = (log v + r^2 / v) / 2     gradient r / v     Hessian 1 / v
        gradient by var (1 / v - (r / v)^2) / 2

    In nats. `value_and_grads` gives both gradients; `var` must then have the shape of `pred`. Below 1e-6 the
    gradient by var is the one at 1e-6. `intercept` is the mean weighted by 1 / v.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    var : >= 0, in the units of the target, squared: a number, or an array of one entry for each on the last
        axis of `pred` or of its shape
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight or variance.
    TypeError
        A dtype that is not read; a masked array; no var.

    A NaN makes its own element NaN; an infinite residual costs inf.

    Nix and Weigend, Estimating the mean and variance of the target probability distribution (1994).

    >>> import numpy as np, fastloss as fl
    >>> pred, target, var = np.array([1.0, 2.0]), np.array([1.0, 4.0]), np.array([1.0, 4.0])
    >>> value, (grad, by_var) = fl.gaussian_nll.value_and_grads(pred, target, var=var, reduction="sum")
    >>> round(value, 6), grad, by_var
    (1.193147, array([ 0. , -0.5]), array([0.5, 0. ]))
    """
    number, array = _check.number_or_array("var", var, _check.non_negative, scanned=True)
    if array is not None:
        return Parameters(array=array, scanned=True)
    v = max(number, 1e-6)
    return Parameters({"var": v, "log_var": math.log(v)}, kernel="gaussian_nll_of_number")
