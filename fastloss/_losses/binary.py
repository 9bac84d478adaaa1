"""Losses of a raw score, or of a probability, against a binary target."""

from __future__ import annotations

from typing import Any

from fastloss import _check, _core
from fastloss._core import Parameters
from fastloss._loss import elementwise
from fastloss._losses.intercepts import (
    clipped_mean,
    focal_logit,
    half_log_odds,
    identity,
    log_odds,
    logit,
    majority,
    mean_sign,
    probability,
    probability_between,
    probability_of_half,
    zero,
)

# What the word for how the two labels are written stands for.
_LABELS = {"pm1": _core.SIGNS, "01": _core.BITS}


@elementwise(
    hessian=True, intercept=logit, inverse_link=probability, target="binary", array_parameter="pos_weight"
)
def binary_cross_entropy_with_logits(
    pred: Any, target: Any, *, pos_weight: Any = 1.0, label_smoothing: float = 0.0
) -> Parameters:
    """Cross entropy of log odds against labels 0 and 1 or probabilities: logistic regression.

    With p = sigmoid(x), w = pos_weight and s = y (1 - e) + e / 2, e being label_smoothing:

        loss = w s softplus(-x) + (1 - s) softplus(x)
        gradient (1 - s) p - w s (1 - p)     Hessian (w s + 1 - s) p (1 - p)

    In nats. `inverse_link` gives p; `intercept` is the log odds of the weighted target.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; in [0, 1]
    pos_weight : > 0, multiplies what target 1 costs: a number, or an array of one entry for each on the last
        axis of `pred` or of its shape
    label_smoothing : e in [0, 1]
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target outside [0, 1], before anything is written; shapes that differ, a scalar target, a negative
        or non-finite weight; a pos_weight not > 0, a label_smoothing outside [0, 1].
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN. A term of coefficient 0 is left out: the infinite score on the
    right side costs 0, on the wrong side inf.

    Cox, The regression analysis of binary sequences (1958).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.0, 2.0, -1.0]), np.array([1, 1, 0])
    >>> value, grad = fl.binary_cross_entropy_with_logits.value_and_grad(pred, target, reduction="sum")
    >>> round(value, 6), grad.round(4)
    (1.133337, array([-0.5   , -0.1192,  0.2689]))
    """
    number, array = _check.number_or_array("pos_weight", pos_weight, _check.positive)
    smoothing = _check.fraction("label_smoothing", label_smoothing)
    plain = array is None and number == 1 and smoothing == 0
    return Parameters(
        {"pos_weight": number, "smoothing": smoothing},
        array=array,
        target=_core.UNIT,
        kernel="plain_binary_cross_entropy_with_logits" if plain else None,
    )


@elementwise(
    hessian=True,
    intercept=clipped_mean,
    inverse_link=identity,
    target="binary",
    scores="probabilities",
    of_logits="binary_cross_entropy_with_logits",
)
def binary_cross_entropy(pred: Any, target: Any, *, eps: Any = "dtype") -> Parameters:
    """Cross entropy of probabilities against labels 0 and 1 or probabilities: the log loss.

    With c = pred clipped to [eps, 1 - eps]:

        loss = -y log c - (1 - y) log(1 - c)
        gradient (1 - y) / (1 - c) - y / c     Hessian (1 - y) / (1 - c)^2 + y / c^2

    In nats. Where pred is clipped, the gradient is the one at c, not 0.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64);
        probabilities of target 1
    target : array of exactly that shape, any float, integer or bool dtype; in [0, 1]
    eps : "dtype", the epsilon of the dtype of `pred`, or a number in [0, 0.5); 0 clips to [0, 1] alone
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target outside [0, 1], before anything is written; shapes that differ, a scalar target, a negative
        or non-finite weight; an eps outside [0, 0.5).
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN. A term of coefficient 0 is left out: with eps = 0 the certain
    and right answer costs 0, the wrong one inf.

    Good, Rational decisions (1952).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.8, 0.3, 0.6]), np.array([1, 0, 1])
    >>> value, grad = fl.binary_cross_entropy.value_and_grad(pred, target, reduction="sum")
    >>> round(value, 6), grad.round(4)
    (1.090644, array([-1.25  ,  1.4286, -1.6667]))
    """
    return Parameters(clip=_check.clip("eps", eps), target=_core.UNIT)


@elementwise(hessian=True, intercept=focal_logit, inverse_link=probability, target="binary")
def binary_focal(pred: Any, target: Any, *, alpha: float | None = None, gamma: float = 2.0) -> Parameters:
    """Cross entropy of log odds that turns from what is easy to what is hard: (1 - p_t)^gamma times it.

    With p = sigmoid(x), p_t = y p + (1 - y) (1 - p), a_t = y alpha + (1 - y) (1 - alpha) (1 without alpha),
    B = y softplus(-x) + (1 - y) softplus(x) and n = 1 - p_t, n' = (1 - 2 y) p (1 - p):

        loss = a_t n^gamma B
        gradient a_t n^gamma (gamma n' B / n + p - y)
        Hessian a_t n^gamma (gamma (gamma - 1) (n' / n)^2 B + gamma ((1 - 2 p) n' B + 2 n' (p - y)) / n
                             + p (1 - p))

    In nats. gamma = 0 is `binary_cross_entropy_with_logits`. `inverse_link` gives p.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; in [0, 1]
    alpha : None, or in [0, 1]: multiplies what target 1 costs, 1 - alpha what target 0 costs
    gamma : >= 0
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target outside [0, 1], before anything is written; shapes that differ, a scalar target, a negative
        or non-finite weight; an alpha outside [0, 1], a negative gamma.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN. The infinite score on the right side costs 0, on the wrong side inf.

    Lin, Goyal, Girshick, He and Dollár, Focal loss for dense object detection (2017).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.0, 2.0, -1.0]), np.array([1, 1, 0])
    >>> value, grad = fl.binary_focal.value_and_grad(pred, target, reduction="sum")
    >>> round(value, 6), grad.round(4)
    (0.197748, array([-0.2983, -0.0049,  0.0526]))
    """
    share = 1.0 if alpha is None else _check.fraction("alpha", alpha)
    rest = 1.0 if alpha is None else 1 - share
    power = _check.non_negative("gamma", gamma)
    return Parameters(
        {"gamma": power, "share_of_ones": share, "share_of_zeros": rest},
        target=_core.UNIT,
        kernel="binary_focal_of_squares" if power == 2 else None,
    )


@elementwise(hessian=False, intercept=majority, inverse_link=identity, target="binary", piecewise_linear=True)
def hinge(pred: Any, target: Any, *, labels: str = "pm1") -> Parameters:
    """max(0, 1 - y x), the loss of support vector machines; y is the label as -1 or 1.

    gradient -y where 1 - y x >= 0 (active at the kink), else 0. No Hessian: it is 0 almost everywhere.
    `intercept` is the label of the majority, as -1 or 1.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; bool is always "01"
    labels : "pm1", the targets are -1 and 1, or "01", they are 0 and 1
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target that is none of the two labels, NaN too, before anything is written; shapes that differ, a
        scalar target, a negative or non-finite weight, unknown labels.
    TypeError
        A dtype that is not read; a masked array.

    A NaN score makes its own element NaN, its gradient too.

    Cortes and Vapnik, Support-vector networks (1995).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.5, -2.0, 3.0]), np.array([1, 1, -1])
    >>> value, grad = fl.hinge.value_and_grad(pred, target, reduction="sum")
    >>> value, grad
    (7.5, array([-1., -1.,  1.]))
    >>> fl.hinge(pred, [1, 1, 0], labels="01")
    2.5
    """
    return Parameters(target=_check.one_of("labels", labels, _LABELS))


@elementwise(hessian=True, intercept=mean_sign, inverse_link=identity, target="binary")
def squared_hinge(pred: Any, target: Any, *, labels: str = "pm1") -> Parameters:
    """max(0, 1 - y x)^2; y is the label as -1 or 1.

    gradient -2 y max(0, 1 - y x), Hessian 2 where 1 - y x >= 0, else 0.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; bool is always "01"
    labels : "pm1", the targets are -1 and 1, or "01", they are 0 and 1
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target that is none of the two labels, NaN too, before anything is written; shapes that differ, a
        scalar target, a negative or non-finite weight, unknown labels.
    TypeError
        A dtype that is not read; a masked array.

    A NaN score makes its own element NaN.

    Chang, Hsieh and Lin, Coordinate descent method for large-scale L2-loss linear support vector machines
    (2008).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.5, -2.0, 3.0]), np.array([1, 1, -1])
    >>> value, grad = fl.squared_hinge.value_and_grad(pred, target, reduction="sum")
    >>> value, grad
    (25.25, array([-1., -6.,  8.]))
    """
    return Parameters(target=_check.one_of("labels", labels, _LABELS))


@elementwise(hessian=False, intercept=zero, inverse_link=identity, target="binary", piecewise_linear=True)
def perceptron(pred: Any, target: Any, *, labels: str = "pm1") -> Parameters:
    """max(0, -y x), what a wrong side costs; y is the label as -1 or 1.

    gradient -y where y x <= 0 (active at the kink, or a model of zeros would never start), else 0. No
    Hessian: it is 0 almost everywhere. `intercept` is 0.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; bool is always "01"
    labels : "pm1", the targets are -1 and 1, or "01", they are 0 and 1
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target that is none of the two labels, NaN too, before anything is written; shapes that differ, a
        scalar target, a negative or non-finite weight, unknown labels.
    TypeError
        A dtype that is not read; a masked array.

    A NaN score makes its own element NaN, its gradient too.

    Rosenblatt, The perceptron: a probabilistic model for information storage and organization in the brain
    (1958).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.5, -2.0, 3.0]), np.array([1, 1, -1])
    >>> value, grad = fl.perceptron.value_and_grad(pred, target, reduction="sum")
    >>> value, grad
    (5.0, array([ 0., -1.,  1.]))
    """
    return Parameters(target=_check.one_of("labels", labels, _LABELS))


@elementwise(hessian=True, intercept=log_odds, inverse_link=probability, target="binary")
def soft_margin(pred: Any, target: Any, *, labels: str = "pm1") -> Parameters:
    """log(1 + exp(-y x)), the logistic loss; y is the label as -1 or 1.

    With p = sigmoid(x):

        gradient -y sigmoid(-y x)     Hessian p (1 - p)

    In nats: `binary_cross_entropy_with_logits` of the labels. `inverse_link` gives p; `intercept` is the log
    odds.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; bool is always "01"
    labels : "pm1", the targets are -1 and 1, or "01", they are 0 and 1
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target that is none of the two labels, NaN too, before anything is written; shapes that differ, a
        scalar target, a negative or non-finite weight, unknown labels.
    TypeError
        A dtype that is not read; a masked array.

    A NaN score makes its own element NaN. The infinite score on the right side costs 0, on the wrong side
    inf.

    Friedman, Hastie and Tibshirani, Additive logistic regression: a statistical view of boosting (2000).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.5, -2.0, 3.0]), np.array([1, 1, -1])
    >>> value, grad = fl.soft_margin.value_and_grad(pred, target, reduction="sum")
    >>> round(value, 6), grad.round(4)
    (5.649592, array([-0.3775, -0.8808,  0.9526]))
    """
    return Parameters(target=_check.one_of("labels", labels, _LABELS))


@elementwise(hessian=True, intercept=mean_sign, inverse_link=probability_between, target="binary")
def modified_huber(pred: Any, target: Any, *, labels: str = "pm1") -> Parameters:
    """`squared_hinge` that goes on as a straight line below -1; y is the label as -1 or 1.

    With z = y x:

        z >= -1    max(0, 1 - z)^2     gradient -2 y max(0, 1 - z)     Hessian 2 up to z = 1, then 0
        else       -4 z                gradient -4 y                   Hessian 0

    `inverse_link` gives the probability (x + 1) / 2, clipped to [0, 1].

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; bool is always "01"
    labels : "pm1", the targets are -1 and 1, or "01", they are 0 and 1
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target that is none of the two labels, NaN too, before anything is written; shapes that differ, a
        scalar target, a negative or non-finite weight, unknown labels.
    TypeError
        A dtype that is not read; a masked array.

    A NaN score makes its own element NaN.

    Zhang, Solving large scale linear prediction problems using stochastic gradient descent algorithms (2004).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.5, -2.0, 3.0]), np.array([1, 1, -1])
    >>> value, grad = fl.modified_huber.value_and_grad(pred, target, reduction="sum")
    >>> value, grad
    (20.25, array([-1., -4.,  4.]))
    """
    return Parameters(target=_check.one_of("labels", labels, _LABELS))


@elementwise(hessian=True, intercept=half_log_odds, inverse_link=probability_of_half, target="binary")
def exponential(pred: Any, target: Any, *, labels: str = "pm1") -> Parameters:
    """exp(-y x), the loss of AdaBoost; y is the label as -1 or 1.

    gradient -y exp(-y x), Hessian exp(-y x). `inverse_link` gives the probability sigmoid(2 x); `intercept`
    is half the log odds.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype; bool is always "01"
    labels : "pm1", the targets are -1 and 1, or "01", they are 0 and 1
    reduction, sample_weight, normalizer, n_threads : as for `mse`

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        A target that is none of the two labels, NaN too, before anything is written; shapes that differ, a
        scalar target, a negative or non-finite weight, unknown labels.
    TypeError
        A dtype that is not read; a masked array.

    A NaN score makes its own element NaN; a score far on the wrong side costs inf.

    Freund and Schapire, A decision-theoretic generalization of on-line learning and an application to
    boosting (1997).

    >>> import numpy as np, fastloss as fl
    >>> pred, target = np.array([0.5, -2.0, 3.0]), np.array([1, 1, -1])
    >>> value, grad = fl.exponential.value_and_grad(pred, target, reduction="sum")
    >>> round(value, 6), grad.round(4)
    (28.081124, array([-0.6065, -7.3891, 20.0855]))
    """
    return Parameters(target=_check.one_of("labels", labels, _LABELS))
