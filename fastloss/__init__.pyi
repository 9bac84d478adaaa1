"""Written by `python -m tools.stubs` from the signatures of the losses: edit those, and run it again."""

import inspect
from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeVar, overload, type_check_only

from numpy.typing import ArrayLike, NDArray

from fastloss._classification import Rows as _Rows

__version__: str

def show_config() -> None:
    """Prints version, instruction set in use and those available, OpenMP, threads now and compiler.

    >>> import fastloss as fl
    >>> fl.show_config()  # doctest: +ELLIPSIS
    fastloss ...
    """

@type_check_only
class _SupportsArray(Protocol):
    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...

# What is given as `out` comes back as the object it is.
_Out = TypeVar("_Out", bound=_SupportsArray)
_HessOut = TypeVar("_HessOut", bound=_SupportsArray)

@type_check_only
class _Loss:
    """What every loss can do."""

    __name__: str
    __signature__: inspect.Signature
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any: ...
    def grad(self, *args: Any, **kwargs: Any) -> Any: ...
    def intercept(self, *args: Any, **kwargs: Any) -> Any: ...
    def inverse_link(self, *args: Any, **kwargs: Any) -> Any: ...

losses: Mapping[str, _Loss]

@type_check_only
class _CrossEntropy(_Loss):
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 class_weight: ArrayLike | None = None, label_smoothing: float = 0.0,
                 ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                 logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 class_weight: ArrayLike | None = None, label_smoothing: float = 0.0,
                 ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                 logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", class_weight: ArrayLike | None = None,
                       label_smoothing: float = 0.0, ignore_index: int | None = -100, z_loss: float = 0.0,
                       softcap: float | None = None, logit_scale: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]:
        """The loss and its gradient with respect to the first argument, in one fused pass.

        Takes what the loss takes, and `out`: where the gradient goes, an array of the shape of the first
        argument and any supported float dtype, which may be the first argument itself. Returns
        `(value, grad)`; the gradient is that of the reduced value, for "none" that of the sum.
        """
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", class_weight: ArrayLike | None = None,
                       label_smoothing: float = 0.0, ignore_index: int | None = -100, z_loss: float = 0.0,
                       softcap: float | None = None, logit_scale: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       class_weight: ArrayLike | None = None, label_smoothing: float = 0.0,
                       ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                       logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       class_weight: ArrayLike | None = None, label_smoothing: float = 0.0,
                       ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                       logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", class_weight: ArrayLike | None = None,
             label_smoothing: float = 0.0, ignore_index: int | None = -100, z_loss: float = 0.0,
             softcap: float | None = None, logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: None = None) -> NDArray[Any]:
        """The gradient alone; arguments as for `value_and_grad`."""
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", class_weight: ArrayLike | None = None,
             label_smoothing: float = 0.0, ignore_index: int | None = -100, z_loss: float = 0.0,
             softcap: float | None = None, logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      class_weight: ArrayLike | None = None, label_smoothing: float = 0.0,
                      ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                      logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: None = None, hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      class_weight: ArrayLike | None = None, label_smoothing: float = 0.0,
                      ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                      logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: None = None, hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      class_weight: ArrayLike | None = None, label_smoothing: float = 0.0,
                      ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                      logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: _Out, hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      class_weight: ArrayLike | None = None, label_smoothing: float = 0.0,
                      ignore_index: int | None = -100, z_loss: float = 0.0, softcap: float | None = None,
                      logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: _Out, hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    @overload
    def hvp(self, logits: ArrayLike, target: ArrayLike, vector: ArrayLike, *,
            reduction: Literal["mean", "sum", "none"] = "mean", class_weight: ArrayLike | None = None,
            label_smoothing: float = 0.0, ignore_index: int | None = -100, z_loss: float = 0.0,
            softcap: float | None = None, logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
            normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
            out: None = None) -> NDArray[Any]:
        """`hvp(logits, target, vector)`: the Hessian times a vector of the shape of the logits.

        The full Hessian (classes of a row interact), which is never formed. Takes what `value_and_grad`
        takes.
        """
    @overload
    def hvp(self, logits: ArrayLike, target: ArrayLike, vector: ArrayLike, *,
            reduction: Literal["mean", "sum", "none"] = "mean", class_weight: ArrayLike | None = None,
            label_smoothing: float = 0.0, ignore_index: int | None = -100, z_loss: float = 0.0,
            softcap: float | None = None, logit_scale: float = 1.0, sample_weight: ArrayLike | None = None,
            normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
            out: _Out) -> _Out: ...
    def rows(self, logits: ArrayLike, target: ArrayLike, *, class_weight: ArrayLike | None = None,
             label_smoothing: float = 0.0, ignore_index: int | None = -100, z_loss: float = 0.0,
             softcap: float | None = None, logit_scale: float = 1.0, n_threads: int | None = None,
             axis: int = -1) -> _Rows:
        """Loss, logsumexp, entropy (nats) and correctness of each row, unweighted, in one call.

        `correct`: the target, or the argmax of a soft target, is the first argmax of the row. An ignored row
        has loss 0 and correct False, and the rest real; a NaN row is never correct.

        >>> import numpy as np, fastloss as fl
        >>> rows = fl.cross_entropy.rows(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([0, 1]))
        >>> rows.correct, rows.entropy.round(4)
        (array([ True, False]), array([0.3653, 0.6931]))
        """
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  n_classes: int | None = None, class_weight: ArrayLike | None = None,
                  label_smoothing: float = 0.0, ignore_index: int | None = -100,
                  logit_scale: float = 1.0) -> NDArray[Any]:
        """The constant raw score that minimises the mean loss over `target`: where boosting starts."""
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1, logit_scale: float = 1.0,
                     softcap: float | None = None) -> NDArray[Any]:
        """What a raw score means on the scale of the target: a probability, a rate, or itself."""

cross_entropy: _CrossEntropy
"""Softmax cross entropy of logits against integer labels or soft targets, fused.

With u = logit_scale * logits (or softcap * tanh(logit_scale * logits / softcap)), L = logsumexp(u),
p = softmax(u) and the effective target q of mass Q:

    loss = Q L - sum(q u) + z_loss L^2     gradient by u: Q p - q + 2 z_loss L p

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0 that need not sum
    to 1
class_weight : (C,) finite, >= 0; multiplies q. With labels "mean" divides by the sum of the weights of
    the labels
label_smoothing : e in [0, 1]; q becomes (1 - e) q + e / C, times class_weight
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
z_loss : >= 0; adds z_loss * L^2 to each row
softcap : None, or > 0
logit_scale : > 0, an inverse temperature
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative soft targets or weights; a parameter outside its domain.
TypeError
    A dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other. A logit of -inf is a class of probability 0: its
loss is inf where it is the target, and it contributes nothing elsewhere. The mean of nothing is nan with
a RuntimeWarning.

Bridle, Probabilistic interpretation of feedforward classification network outputs (1990); label
smoothing: Szegedy et al., Rethinking the Inception architecture (2016); z-loss: de Brebisson and
Vincent, The z-loss (2016).

>>> import numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> round(fl.cross_entropy(logits, np.array([0, 1])), 6)
0.251264
>>> grad = np.empty_like(logits)
>>> value, grad = fl.cross_entropy.value_and_grad(logits, np.array([0, 1]), out=grad)
>>> grad.round(4)
array([[-0.1674,  0.1224,  0.045 ],
       [ 0.0226, -0.0453,  0.0226]])
"""

@type_check_only
class _Mse(_Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[float, NDArray[Any]]:
        """The loss and its gradient with respect to the first argument, in one fused pass.

        Takes what the loss takes, and `out`: where the gradient goes, an array of the shape of the first
        argument and any supported float dtype, which may be the first argument itself. Returns
        `(value, grad)`; the gradient is that of the reduced value, for "none" that of the sum.
        """
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]:
        """The gradient alone; arguments as for `value_and_grad`."""
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The constant raw score that minimises the mean loss over `target`: where boosting starts."""
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]:
        """What a raw score means on the scale of the target: a probability, a rate, or itself."""

mse: _Mse
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

@type_check_only
class _GatherLogSoftmax:
    @overload
    def __call__(self, logits: ArrayLike, index: ArrayLike, *, axis: int = -1, n_threads: int | None = None,
                 out: None = None) -> NDArray[Any]: ...
    @overload
    def __call__(self, logits: ArrayLike, index: ArrayLike, *, axis: int = -1, n_threads: int | None = None,
                 out: _Out) -> _Out: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, index: ArrayLike, weight: ArrayLike | None = None, *,
                       axis: int = -1, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The values, and the gradient of sum(weight * value) by the logits.

        `weight` is one finite number a row, of either sign (an advantage); None is 1. A row of weight 0 has
        gradient 0 whatever it holds.

        >>> import numpy as np, fastloss as fl
        >>> logits, index, weight = np.zeros((1, 2)), np.array([1]), np.array([2.0])
        >>> value, grad = fl.gather_log_softmax.value_and_grad(logits, index, weight)
        >>> grad
        array([[-1.,  1.]])
        """
    @overload
    def value_and_grad(self, logits: ArrayLike, index: ArrayLike, weight: ArrayLike | None = None, *,
                       axis: int = -1, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...

gather_log_softmax: _GatherLogSoftmax
"""log p of one class a row, without an N x C temporary.

`gather_log_softmax(logits, index)` is `log_softmax(logits)[i, index[i]]`: what a policy gradient or a
language model's score needs.

Parameters
----------
logits : array (..., C), float64, float32, float16 or bfloat16, any strides
index : array (...) of integers in [0, C)
out : where the values go: the shape of `index`, any supported float dtype
axis, n_threads : as for every row loss

Returns
-------
array of the shape of `index`, or `out`; float32 for half and float32 logits, float64 for float64.

Raises
------
ValueError
    An index out of range, before anything is written; shapes that do not fit.

A row with NaN or +inf, or of -inf alone, is NaN. Williams, Simple statistical gradient-following
algorithms (1992).

>>> import numpy as np, fastloss as fl
>>> fl.gather_log_softmax(np.array([[0.0, np.log(3.0)]]), np.array([1])).round(6)
array([-0.287682])
"""

@overload
def softmax(logits: ArrayLike, *, axis: int = -1, n_threads: int | None = None,
            out: None = None) -> NDArray[Any]:
    """Probabilities exp(x) / sum(exp(x)) along `axis`.

    Parameters
    ----------
    logits : array (..., C), float64, float32, float16 or bfloat16, any strides; integers become float64
    axis : the class axis
    out : where the result goes: the shape of `logits`, any supported float dtype; it may be `logits` itself
    n_threads : None or the most threads to use

    Returns
    -------
    array of the shape and dtype of `logits`, or `out`. Relative error <= eps (3 + |x - max|).

    Raises
    ------
    ValueError, TypeError
        An axis out of range, no classes, an `out` that does not fit or overlaps in part.

    A row with NaN or +inf, or of -inf alone, becomes NaN. Bridle (1990).

    >>> import numpy as np, fastloss as fl
    >>> fl.softmax(np.array([0.0, np.log(3.0)]))
    array([0.25, 0.75])
    """
@overload
def softmax(logits: ArrayLike, *, axis: int = -1, n_threads: int | None = None, out: _Out) -> _Out: ...

@overload
def log_softmax(logits: ArrayLike, *, axis: int = -1, n_threads: int | None = None,
                out: None = None) -> NDArray[Any]:
    """Log-probabilities x - logsumexp(x) along `axis`, as (x - max) - log(sum(exp(x - max))).

    Parameters, shapes, errors and NaN behaviour are those of `softmax`. Absolute error
    <= 3 eps max(1, |result|). Blanchard, Higham and Higham, Accurately computing the log-sum-exp and softmax
    functions (2021).

    >>> import numpy as np, fastloss as fl
    >>> fl.log_softmax(np.array([0.0, 0.0])).round(6)
    array([-0.693147, -0.693147])
    """
@overload
def log_softmax(logits: ArrayLike, *, axis: int = -1, n_threads: int | None = None, out: _Out) -> _Out: ...

@overload
def logsumexp(logits: ArrayLike, *, axis: int = -1, n_threads: int | None = None,
              out: None = None) -> NDArray[Any]:
    """log(sum(exp(x))) along `axis`, without overflow.

    Parameters and errors are those of `softmax`; the result (and `out`) has the shape of the rows, and is
    float32 for half and float32 scores, float64 for float64. A row with NaN or +inf, or of -inf alone, is
    NaN. Blanchard, Higham and Higham (2021).

    >>> import numpy as np, fastloss as fl
    >>> fl.logsumexp(np.array([[1000.0, 1000.0]])).round(6)
    array([1000.693147])
    """
@overload
def logsumexp(logits: ArrayLike, *, axis: int = -1, n_threads: int | None = None, out: _Out) -> _Out: ...

__all__ = [
    "__version__",
    "cross_entropy",
    "gather_log_softmax",
    "log_softmax",
    "logsumexp",
    "losses",
    "mse",
    "show_config",
    "softmax",
]
