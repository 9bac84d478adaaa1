"""Written by `python -m tools.stubs` from the signatures of the losses: edit those, and run it again."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, Self, TypeVar, overload, type_check_only

from numpy.typing import ArrayLike, NDArray

from fastloss._losses.classification import Rows as _Rows
from fastloss._streaming.accumulator import Accumulator as Accumulator
from fastloss._streaming.evaluate import evaluate as evaluate

__version__: str

def show_config() -> None:
    """Prints version, instruction sets, OpenMP, whose threads run the calls and how many, and compiler.

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
_Grads = tuple[NDArray[Any], NDArray[Any]]

class Loss:
    """What every loss can do: `fl.losses` lists them."""

    __name__: str
    __signature__: inspect.Signature
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def bind(self, **parameters: Any) -> Self:
        """This loss with some of its own parameters fixed: an object with all its methods.

        It goes wherever a loss goes: into accumulators, boosting objectives and scorers; it can be pickled.

        Raises
        ------
        TypeError
            A keyword that is no parameter of the loss (`sample_weight` and the like go with each call).
        ValueError
            A parameter outside its domain.

        >>> import numpy as np, fastloss as fl
        >>> sharp = fl.focal.bind(gamma=3.0)
        >>> sharp
        <loss fastloss.focal(gamma=3.0)>
        >>> x, y = np.array([[2.0, 0.0]]), np.array([1])
        >>> sharp(x, y) == fl.focal(x, y, gamma=3.0)
        True
        """
    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The loss and its gradient with respect to the first argument, in one fused pass.

        Takes what the loss takes, and `out`: where the gradient goes, an array of the shape of the first
        argument and any supported float dtype, which may be the first argument itself. Returns
        `(value, grad)`; the gradient is that of the reduced value, for "none" that of the sum.
        """
    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """The gradient alone; arguments as for `value_and_grad`."""
    def intercept(self, *args: Any, **kwargs: Any) -> Any:
        """The constant raw score that minimises the mean loss over `target`: where boosting starts.

        Where that lies at infinity, since all labels are of one class or all counts are 0, it is the score of
        a share of 1e-15, or of 1 less that.
        """
    def inverse_link(self, *args: Any, **kwargs: Any) -> Any:
        """What a raw score means on the scale of the target: a probability, a rate, or itself."""

losses: Mapping[str, Loss]
metrics: Mapping[str, Callable[..., Any]]

@type_check_only
class _BinaryCrossEntropyWithLogits(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 pos_weight: ArrayLike = 1.0, label_smoothing: float = 0.0,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 pos_weight: ArrayLike = 1.0, label_smoothing: float = 0.0,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", pos_weight: ArrayLike = 1.0,
                       label_smoothing: float = 0.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", pos_weight: ArrayLike = 1.0,
                       label_smoothing: float = 0.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       pos_weight: ArrayLike = 1.0, label_smoothing: float = 0.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       pos_weight: ArrayLike = 1.0, label_smoothing: float = 0.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             pos_weight: ArrayLike = 1.0, label_smoothing: float = 0.0,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             pos_weight: ArrayLike = 1.0, label_smoothing: float = 0.0,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", pos_weight: ArrayLike = 1.0,
                      label_smoothing: float = 0.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", pos_weight: ArrayLike = 1.0,
                      label_smoothing: float = 0.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", pos_weight: ArrayLike = 1.0,
                      label_smoothing: float = 0.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", pos_weight: ArrayLike = 1.0,
                      label_smoothing: float = 0.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

binary_cross_entropy_with_logits: _BinaryCrossEntropyWithLogits
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

@type_check_only
class _BinaryCrossEntropy(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 eps: ArrayLike = "dtype", sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 eps: ArrayLike = "dtype", sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", eps: ArrayLike = "dtype",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", eps: ArrayLike = "dtype",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       eps: ArrayLike = "dtype", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       eps: ArrayLike = "dtype", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             eps: ArrayLike = "dtype", sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None,
             out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             eps: ArrayLike = "dtype", sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", eps: ArrayLike = "dtype",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", eps: ArrayLike = "dtype",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", eps: ArrayLike = "dtype",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", eps: ArrayLike = "dtype",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

binary_cross_entropy: _BinaryCrossEntropy
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

@type_check_only
class _BinaryFocal(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 alpha: float | None = None, gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 alpha: float | None = None, gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", alpha: float | None = None,
                       gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", alpha: float | None = None,
                       gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       alpha: float | None = None, gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       alpha: float | None = None, gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             alpha: float | None = None, gamma: float = 2.0, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None,
             out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             alpha: float | None = None, gamma: float = 2.0, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", alpha: float | None = None,
                      gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", alpha: float | None = None,
                      gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", alpha: float | None = None,
                      gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", alpha: float | None = None,
                      gamma: float = 2.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

binary_focal: _BinaryFocal
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

@type_check_only
class _Hinge(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], labels: str = "pm1",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

hinge: _Hinge
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

@type_check_only
class _SquaredHinge(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], labels: str = "pm1",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

squared_hinge: _SquaredHinge
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

@type_check_only
class _Perceptron(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], labels: str = "pm1",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

perceptron: _Perceptron
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

@type_check_only
class _SoftMargin(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], labels: str = "pm1",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

soft_margin: _SoftMargin
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

@type_check_only
class _ModifiedHuber(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], labels: str = "pm1",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

modified_huber: _ModifiedHuber
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

@type_check_only
class _Exponential(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], labels: str = "pm1",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", labels: str = "pm1",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       labels: str = "pm1", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             labels: str = "pm1", sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", labels: str = "pm1",
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

exponential: _Exponential
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

@type_check_only
class _CrossEntropy(Loss):
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
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
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
             out: None = None) -> NDArray[Any]: ...
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
                  label_smoothing: float = 0.0, ignore_index: int | None = -100, logit_scale: float = 1.0,
                  softcap: float | None = None, z_loss: float = 0.0) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1, logit_scale: float = 1.0,
                     softcap: float | None = None) -> NDArray[Any]: ...

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

>>> import math, numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> round(fl.cross_entropy(logits, np.array([0, 1])), 6)
0.251264
>>> grad = np.empty_like(logits)
>>> value, grad = fl.cross_entropy.value_and_grad(logits, np.array([0, 1]), out=grad)
>>> grad.round(4)
array([[-0.1674,  0.1224,  0.045 ],
       [ 0.0226, -0.0453,  0.0226]])
>>> round(value / math.log(2), 6)  # bits a row: of a language model, bits per token
0.362498
"""

@type_check_only
class _Nll(Loss):
    @overload
    def __call__(self, log_probs: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, log_probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, log_probs: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, log_probs: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, log_probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, log_probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, log_probs: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", class_weight: ArrayLike | None = None,
             ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, log_probs: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", class_weight: ArrayLike | None = None,
             ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  n_classes: int | None = None, class_weight: ArrayLike | None = None,
                  ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

nll: _Nll
"""Negative log-likelihood of log-probabilities: minus the entry of the true class.

With the effective target q (class_weight at the label, or class_weight times the soft target):

    loss = -sum(q * log_probs)     gradient -q

`cross_entropy` of logits is faster than this of `log_softmax`, and keeps confident rows exact.

Parameters
----------
log_probs : (..., C) float64, float32, float16 or bfloat16, any strides; taken as they are, not normalised
target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
class_weight : (C,) finite, >= 0; with labels "mean" divides by the sum of the weights of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative soft targets or weights.
TypeError
    A dtype that is not read; a masked array.

Only the entries where q > 0 are looked at: a NaN there makes its row NaN, -inf makes its loss inf. The
mean of nothing is nan with a RuntimeWarning.

`intercept` gives the log of the mean target, the best constant among log-probabilities.

Fisher, On the mathematical foundations of theoretical statistics (1922).

>>> import numpy as np, fastloss as fl
>>> log_probs = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]))
>>> value, grad = fl.nll.value_and_grad(log_probs, np.array([0, 1]))
>>> round(value, 6)
0.289909
>>> grad
array([[-0.5,  0. ,  0. ],
       [ 0. , -0.5,  0. ]])
"""

@type_check_only
class _LogLoss(Loss):
    @overload
    def __call__(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, probs: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, eps: float | str = "dtype",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, probs: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, eps: float | str = "dtype",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, probs: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                      eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: None = None, hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, probs: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                      eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: None = None, hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, probs: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                      eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: _Out, hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, probs: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean",
                      class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                      eps: float | str = "dtype", sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: _Out, hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  n_classes: int | None = None, class_weight: ArrayLike | None = None,
                  ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

log_loss: _LogLoss
"""Log loss of probabilities, clipped to [eps, 1 - eps] and never renormalised.

With the effective target q (class_weight at the label, or class_weight times the soft target) and
c = clip(probs, eps, 1 - eps):

    loss = -sum(q log c)     gradient -q / c     diagonal Hessian q / c^2

The value is scikit-learn's. The gradient is taken at the clipped probability, not zeroed, so that a
probability of 0 can be learnt away from. `cross_entropy` of logits needs no clipping.

Parameters
----------
probs : (..., C) float64, float32, float16 or bfloat16, any strides; rows should sum to 1
target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
class_weight : (C,) finite, >= 0; with labels "mean" divides by the sum of the weights of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
eps : "dtype", the epsilon of the dtype of `probs`; or a number in [0, 0.5), 0 for no clipping
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

Only the entries where q > 0 are looked at: a NaN there makes its row NaN. The mean of nothing is nan
with a RuntimeWarning.

`intercept` gives the mean target, the best constant among probabilities.

Good, Rational decisions (1952).

>>> import numpy as np, fastloss as fl
>>> probs = np.array([[0.228, 0.619, 0.153]])
>>> round(fl.log_loss(probs, np.array([1])), 4)
0.4797
>>> value, grad = fl.log_loss.value_and_grad(probs, np.array([1]))
>>> grad.round(4)
array([[ 0.    , -1.6155,  0.    ]])
"""

@type_check_only
class _Focal(Loss):
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 gamma: float = 2.0, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 gamma: float = 2.0, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", gamma: float = 2.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", gamma: float = 2.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       gamma: float = 2.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       gamma: float = 2.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", gamma: float = 2.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", gamma: float = 2.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", gamma: float = 2.0,
                      class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, axis: int = -1, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", gamma: float = 2.0,
                      class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, axis: int = -1, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", gamma: float = 2.0,
                      class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, axis: int = -1, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", gamma: float = 2.0,
                      class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, axis: int = -1, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *, gamma: float = 2.0,
                  n_classes: int | None = None, class_weight: ArrayLike | None = None,
                  ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1) -> NDArray[Any]: ...

focal: _Focal
"""Focal loss of logits: cross entropy that counts well classified rows less.

With p = softmax(logits) and the effective target q (class_weight at the label, or class_weight times the
soft target):

    loss = sum(q (1 - p)^gamma (-log p))

    a_c = q_c (1 - p_c)^(gamma - 1) (gamma p_c log p_c - (1 - p_c))        A = sum(a)
    b_c = p_c da_c/dp_c                                                   B = sum(b)
    gradient a_j - p_j A     diagonal Hessian b_j (1 - 2 p_j) - p_j (1 - p_j) A + p_j^2 B

gamma = 0 is cross entropy. The diagonal of the Hessian may be negative.

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
gamma : >= 0, how much less
class_weight : (C,) finite, >= 0 (the paper's alpha); with labels "mean" divides by the sum of the weights
    of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
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

NaN or +inf in a row makes that row NaN and no other. A logit of -inf where the target is 0 contributes
nothing. The mean of nothing is nan with a RuntimeWarning.

Lin et al., Focal loss for dense object detection (2017).

>>> import numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> value, grad = fl.focal.value_and_grad(logits, np.array([0, 1]))
>>> round(value, 6)
0.023228
>>> grad.round(4)
array([[-0.0491,  0.0359,  0.0132],
       [ 0.0005, -0.0011,  0.0005]])
"""

@type_check_only
class _PolyCrossEntropy(Loss):
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 epsilon: float = 1.0, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 epsilon: float = 1.0, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", epsilon: float = 1.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", epsilon: float = 1.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       epsilon: float = 1.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       epsilon: float = 1.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", epsilon: float = 1.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", epsilon: float = 1.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *, epsilon: float = 1.0,
                  n_classes: int | None = None, class_weight: ArrayLike | None = None,
                  ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1) -> NDArray[Any]: ...

poly_cross_entropy: _PolyCrossEntropy
"""Poly-1 cross entropy of logits: cross entropy with another first coefficient of its series in 1 - p.

With p = softmax(logits) and the effective target q of mass Q (class_weight at the label, or class_weight
times the soft target t):

    loss = sum(q (epsilon (1 - p) - log p))     gradient Q p_j - q_j - epsilon p_j (q_j - sum(q p))

epsilon = 0 is cross entropy, -1 takes the first term of the series away.

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
epsilon : >= -1
class_weight : (C,) finite, >= 0; with labels "mean" divides by the sum of the weights of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative soft targets or weights; a parameter outside its domain.
TypeError
    A dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other. A logit of -inf where the target is 0 contributes
nothing. The mean of nothing is nan with a RuntimeWarning.

Leng et al., PolyLoss: a polynomial expansion perspective of classification loss functions (2022).

>>> import numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> value, grad = fl.poly_cross_entropy.value_and_grad(logits, np.array([0, 1]))
>>> round(value, 6)
0.463922
>>> grad.round(4)
array([[-0.2787,  0.2038,  0.075 ],
       [ 0.0432, -0.0865,  0.0432]])
"""

@type_check_only
class _GeneralizedCrossEntropy(Loss):
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 q: float = 0.7, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], q: float = 0.7,
                 class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", q: float = 0.7,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", q: float = 0.7,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       q: float = 0.7, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       q: float = 0.7, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", q: float = 0.7,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", q: float = 0.7,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *, q: float = 0.7,
                  n_classes: int | None = None, class_weight: ArrayLike | None = None,
                  ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1) -> NDArray[Any]: ...

generalized_cross_entropy: _GeneralizedCrossEntropy
"""Generalised cross entropy of logits, (1 - p_y^q) / q: robust to wrong labels, since it is bounded.

With p = softmax(logits), y the label and w_y its class weight:

    loss = w_y (1 - p_y^q) / q     gradient w_y p_y^q (p_j - [j = y])

q = 1 is 1 - p_y, half the absolute error of the probabilities; towards 0 it becomes cross entropy.

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels
q : in (0, 1]
class_weight : (C,) finite, >= 0; "mean" divides by the sum of the weights of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative weights; a parameter outside its domain.
TypeError
    Soft targets; a dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other. A logit of -inf at the label costs 1 / q, without a
gradient. The mean of nothing is nan with a RuntimeWarning.

Zhang and Sabuncu, Generalized cross entropy loss for training deep neural networks with noisy labels
(2018).

>>> import numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> value, grad = fl.generalized_cross_entropy.value_and_grad(logits, np.array([0, 1]))
>>> round(value, 6)
0.223226
>>> grad.round(4)
array([[-0.1258,  0.092 ,  0.0338],
       [ 0.0212, -0.0424,  0.0212]])
"""

@type_check_only
class _Brier(Loss):
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  n_classes: int | None = None, ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1) -> NDArray[Any]: ...

brier: _Brier
"""Brier score of logits: the squared distance of softmax(logits) from the target, summed over classes.

With p = softmax(logits), t the target (one-hot for a label) and d = 2 (p - t):

    loss = sum((p - t)^2)     gradient p_j (d_j - sum(p d))

In [0, 2] for labels; no half, and a sum, not a mean, over the classes.

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative soft targets or weights.
TypeError
    A dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other; -inf is a class of probability 0. The mean of
nothing is nan with a RuntimeWarning.

Brier, Verification of forecasts expressed in terms of probability (1950).

>>> import numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> value, grad = fl.brier.value_and_grad(logits, np.array([0, 1]))
>>> round(value, 6)
0.096181
>>> grad.round(4)
array([[-0.1198,  0.0978,  0.022 ],
       [ 0.0056, -0.0112,  0.0056]])
"""

@type_check_only
class _BrierFromProbabilities(Loss):
    @overload
    def __call__(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, probs: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, probs: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, probs: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  n_classes: int | None = None, ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

brier_from_probabilities: _BrierFromProbabilities
"""Brier score of probabilities: sum((probs - t)^2) over the classes, t one-hot for a label.

gradient 2 (probs - t). No half, and a sum, not a mean, over the classes.

Parameters
----------
probs : (..., C) float64, float32, float16 or bfloat16, any strides; taken as they are, not normalised
target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative soft targets or weights.
TypeError
    A dtype that is not read; a masked array.

NaN in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.

Brier, Verification of forecasts expressed in terms of probability (1950).

>>> import numpy as np, fastloss as fl
>>> probs = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
>>> value, grad = fl.brier_from_probabilities.value_and_grad(probs, np.array([0, 1]))
>>> round(value, 6)
0.1
>>> grad.round(4)
array([[-0.3,  0.2,  0.1],
       [ 0.1, -0.2,  0.1]])
"""

@type_check_only
class _KlDiv(Loss):
    @overload
    def __call__(self, log_probs: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 log_target: bool = False, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, log_probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 log_target: bool = False, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, log_probs: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", log_target: bool = False,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, log_probs: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", log_target: bool = False,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, log_probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       log_target: bool = False, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, log_probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       log_target: bool = False, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, log_probs: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, log_probs: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  log_target: bool = False, temperature: float = 1.0) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

kl_div: _KlDiv
"""Kullback-Leibler divergence KL(target || probs) of log-probabilities, summed over classes.

With t the target, or exp(target) with `log_target`:

    loss = sum(t (log t - log_probs))     gradient -t

The mean is over rows: torch's "batchmean" in two dimensions.

Parameters
----------
log_probs : (..., C) float64, float32, float16 or bfloat16, any strides; taken as they are, not normalised
target : (..., C) floating, >= 0, need not sum to 1; with `log_target` any logarithms
log_target : whether `target` holds logarithms
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    Shapes that do not fit; a negative target or weight, before anything is written.
TypeError
    Labels; a dtype that is not read; a masked array.

A class of t = 0 adds 0, whatever its log-probability, NaN too. NaN elsewhere makes its row NaN; -inf
where t > 0 makes its loss inf. The mean of nothing is nan with a RuntimeWarning.

`intercept` gives the log of the mean target, the best constant among log-probabilities.

Kullback and Leibler, On information and sufficiency (1951).

>>> import numpy as np, fastloss as fl
>>> log_probs = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]))
>>> target = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
>>> value, grad = fl.kl_div.value_and_grad(log_probs, target)
>>> round(value, 6)
0.256526
>>> grad
array([[-0.25, -0.25,  0.  ],
       [ 0.  , -0.5 ,  0.  ]])
"""

@type_check_only
class _KlDivWithLogits(Loss):
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 log_target: bool = False, temperature: float = 1.0, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 log_target: bool = False, temperature: float = 1.0, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", log_target: bool = False,
                       temperature: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", log_target: bool = False,
                       temperature: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       log_target: bool = False, temperature: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       log_target: bool = False, temperature: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
             temperature: float = 1.0, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
             temperature: float = 1.0, sample_weight: ArrayLike | None = None,
             normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
             out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
                      temperature: float = 1.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: None = None, hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
                      temperature: float = 1.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: None = None, hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
                      temperature: float = 1.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: _Out, hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, logits: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
                      temperature: float = 1.0, sample_weight: ArrayLike | None = None,
                      normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                      out: _Out, hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    @overload
    def hvp(self, logits: ArrayLike, target: ArrayLike, vector: ArrayLike, *,
            reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
            temperature: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
            n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]:
        """`hvp(logits, target, vector)`: the Hessian times a vector of the shape of the logits.

        The full Hessian (classes of a row interact), which is never formed. Takes what `value_and_grad`
        takes.
        """
    @overload
    def hvp(self, logits: ArrayLike, target: ArrayLike, vector: ArrayLike, *,
            reduction: Literal["mean", "sum", "none"] = "mean", log_target: bool = False,
            temperature: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
            n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  log_target: bool = False, temperature: float = 1.0) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1, temperature: float = 1.0) -> NDArray[Any]: ...

kl_div_with_logits: _KlDivWithLogits
"""Kullback-Leibler divergence KL(target || softmax(logits / T)), times T^2: distillation.

With p = softmax(logits / T), t the target (exp(target) with `log_target`) of mass Q:

    loss = T^2 sum(t (log t - log p))     gradient T (Q p - t)     diagonal Hessian Q p (1 - p)

and H v = Q p (v - <p, v>). The temperature divides these logits only: soften the teacher's yourself. The
factor T^2 keeps the gradient at the scale it has at T = 1.

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (..., C) floating, >= 0, need not sum to 1; with `log_target` any logarithms
log_target : whether `target` holds logarithms
temperature : T > 0
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats times T^2, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    Shapes that do not fit; a negative target or weight, before anything is written; a parameter outside
    its domain.
TypeError
    Labels; a dtype that is not read; a masked array.

NaN or +inf in a row of logits makes that row NaN and no other. A class of t = 0 adds 0 where its logit is
-inf too; t > 0 makes the loss inf there. The mean of nothing is nan with a RuntimeWarning.

Kullback and Leibler, On information and sufficiency (1951); Hinton, Vinyals and Dean, Distilling the
knowledge in a neural network (2015).

>>> import numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> target = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
>>> value, grad = fl.kl_div_with_logits.value_and_grad(logits, target, temperature=2.0)
>>> round(value, 6)
1.212207
>>> grad.round(4)
array([[ 0.0065, -0.1928,  0.1863],
       [ 0.1543, -0.3086,  0.1543]])
"""

@type_check_only
class _JsDivWithLogits(Loss):
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 beta: float = 0.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], beta: float = 0.5,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", beta: float = 0.5,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", beta: float = 0.5,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       beta: float = 0.5, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       beta: float = 0.5, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", beta: float = 0.5,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", beta: float = 0.5,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  beta: float = 0.5) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1) -> NDArray[Any]: ...

js_div_with_logits: _JsDivWithLogits
"""Jensen-Shannon divergence of softmax(logits) from the target, bounded and, at beta = 1/2, symmetric.

With p = softmax(logits), t the target, m = beta t + (1 - beta) p and g = (1 - beta) log(p / m):

    loss = beta KL(t || m) + (1 - beta) KL(p || m)     gradient p_j (g_j - sum(p g))

At beta = 1/2 in [0, log 2]. Towards 0, loss / beta becomes KL(t || p), towards 1 loss / (1 - beta)
becomes KL(p || t).

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (..., C) floating, >= 0; rows should sum to 1
beta : in (0, 1), the share of the target in m
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    Shapes that do not fit; a negative target or weight, before anything is written; a parameter outside
    its domain.
TypeError
    Labels; a dtype that is not read; a masked array.

NaN or +inf in a row of logits makes that row NaN and no other; -inf is a class of p = 0, whose loss is
finite. The mean of nothing is nan with a RuntimeWarning.

Lin, Divergence measures based on the Shannon entropy (1991); Englesson and Azizpour, Generalized
Jensen-Shannon divergence loss for learning with noisy labels (2021).

>>> import numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> target = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
>>> value, grad = fl.js_div_with_logits.value_and_grad(logits, target)
>>> round(value, 6)
0.045932
>>> grad.round(4)
array([[ 0.0141, -0.0286,  0.0145],
       [ 0.0076, -0.0153,  0.0076]])
"""

@type_check_only
class _MulticlassHinge(Loss):
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, scores: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, scores: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  n_classes: int | None = None, ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

multiclass_hinge: _MulticlassHinge
"""Multi-class hinge loss of Crammer and Singer, scikit-learn's `hinge_loss` of several classes.

With s the scores, y the label and c the first largest of the other classes:

    loss = max(0, 1 + s_c - s_y)     gradient 1 at c, -1 at y where the loss is > 0, else 0

Parameters
----------
scores : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative weights.
TypeError
    Soft targets; a dtype that is not read; a masked array.

NaN in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.

`intercept` is 1 at the class that more than half of the targets have, else zeros: where no class has half
the probability this loss does not find the most probable one (it is not consistent).

Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines (2001).

>>> import numpy as np, fastloss as fl
>>> scores = np.array([[2.0, 1.5, 0.0], [0.0, 3.0, 0.0]])
>>> value, grad = fl.multiclass_hinge.value_and_grad(scores, np.array([0, 1]))
>>> value
0.25
>>> grad
array([[-0.5,  0.5,  0. ],
       [ 0. ,  0. ,  0. ]])
"""

@type_check_only
class _CategoricalHinge(Loss):
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, scores: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, scores: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None, *,
                  n_classes: int | None = None, ignore_index: int | None = -100) -> NDArray[Any]: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

categorical_hinge: _CategoricalHinge
"""Categorical hinge loss exactly as in Keras, where 0 takes part in the maximum.

With s the scores, y the label and c the first largest of the other classes:

    loss = max(0, 1 + max(0, s_c) - s_y)     gradient 1 at c if s_c > 0, -1 at y where the loss is > 0

Parameters
----------
scores : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative weights.
TypeError
    Soft targets; a dtype that is not read; a masked array.

NaN in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.

`intercept` is 1 at the class that more than half of the targets have, else zeros, as for
`multiclass_hinge`, and for the same reason.

Chollet et al., Keras (2015), after Crammer and Singer (2001).

>>> import numpy as np, fastloss as fl
>>> scores = np.array([[0.5, -1.0, -2.0], [0.0, 3.0, 0.0]])
>>> value, grad = fl.categorical_hinge.value_and_grad(scores, np.array([0, 1]))
>>> value
0.25
>>> grad
array([[-0.5,  0. ,  0. ],
       [ 0. ,  0. ,  0. ]])
"""

@type_check_only
class _MultiMargin(Loss):
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 p: int = 1, margin: float = 1.0, class_weight: ArrayLike | None = None,
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], p: int = 1,
                 margin: float = 1.0, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", p: int = 1, margin: float = 1.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", p: int = 1, margin: float = 1.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], p: int = 1,
                       margin: float = 1.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, scores: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], p: int = 1,
                       margin: float = 1.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, scores: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", p: int = 1, margin: float = 1.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, scores: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", p: int = 1, margin: float = 1.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

multi_margin: _MultiMargin
"""Multi-class margin loss of Weston and Watkins, torch's: each other class pays for itself.

With s the scores, y the label, w_y its class weight and d_c = max(0, margin + s_c - s_y):

    loss = w_y sum(d_c^p over c != y) / C
    gradient at c != y: w_y p d_c^(p - 1) / C where d_c > 0, else 0; at y minus their sum

Parameters
----------
scores : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels
p : 1 or 2
margin : > 0
class_weight : (C,) finite, >= 0; it multiplies, and "mean" still divides by the number of rows (torch's
    choice for this loss)
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative weights; a parameter outside its domain.
TypeError
    Soft targets; a dtype that is not read; a masked array.

NaN in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.

Weston and Watkins, Support vector machines for multi-class pattern recognition (1999).

>>> import numpy as np, fastloss as fl
>>> scores = np.array([[2.0, 1.5, 0.0], [0.0, 0.5, 0.0]])
>>> value, grad = fl.multi_margin.value_and_grad(scores, np.array([0, 1]), p=2)
>>> value
0.125
>>> grad.round(4)
array([[-0.1667,  0.1667,  0.    ],
       [ 0.1667, -0.3333,  0.1667]])
"""

@type_check_only
class _AmSoftmax(Loss):
    @overload
    def __call__(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 margin: float = 0.35, scale: float = 30.0, class_weight: ArrayLike | None = None,
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 margin: float = 0.35, scale: float = 30.0, class_weight: ArrayLike | None = None,
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: float = 0.35, scale: float = 30.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: float = 0.35, scale: float = 30.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       margin: float = 0.35, scale: float = 30.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       margin: float = 0.35, scale: float = 30.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, cosines: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: float = 0.35, scale: float = 30.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, cosines: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: float = 0.35, scale: float = 30.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1, scale: float = 30.0) -> NDArray[Any]: ...

am_softmax: _AmSoftmax
"""Additive margin softmax (CosFace): cross entropy of scaled cosines, the true one less a margin.

With c the cosines, y the label, u_y = scale (c_y - margin), u_j = scale c_j elsewhere and
p = softmax(u):

    loss = w_y (logsumexp(u) - u_y)     gradient w_y scale (p_j - [j = y])

Parameters
----------
cosines : (..., C) float64, float32, float16 or bfloat16, any strides: of the angles between a sample and
    each class, from unit vectors; used as they are, not clipped
target : (...) integers or bool, the labels
margin : >= 0, in cosine
scale : > 0
class_weight : (C,) finite, >= 0, w; "mean" divides by the sum of the weights of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative weights; a parameter outside its domain.
TypeError
    Soft targets; a dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.
It has no `intercept`: no constant row is a model of cosines.

Wang et al., CosFace: large margin cosine loss for deep face recognition (2018); Wang et al., Additive
margin softmax for face verification (2018).

>>> import numpy as np, fastloss as fl
>>> cosines = np.array([[0.8, 0.3, -0.2], [0.1, 0.6, 0.0]])
>>> value, grad = fl.am_softmax.value_and_grad(cosines, np.array([0, 1]))
>>> round(value, 6)
0.011321
>>> grad.round(4)
array([[-0.1648,  0.1648,  0.    ],
       [ 0.1647, -0.1729,  0.0082]])
"""

@type_check_only
class _Arcface(Loss):
    @overload
    def __call__(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 margin: float = 0.5, scale: float = 64.0, class_weight: ArrayLike | None = None,
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 margin: float = 0.5, scale: float = 64.0, class_weight: ArrayLike | None = None,
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: float = 0.5, scale: float = 64.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: float = 0.5, scale: float = 64.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       margin: float = 0.5, scale: float = 64.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       margin: float = 0.5, scale: float = 64.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, cosines: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: float = 0.5, scale: float = 64.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, cosines: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: float = 0.5, scale: float = 64.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1, scale: float = 64.0) -> NDArray[Any]: ...

arcface: _Arcface
"""Additive angular margin softmax (ArcFace): the angle to the true class counts as larger by a margin.

With c the cosines, y the label, m the margin and s_y = sqrt(max((1 - c_y)(1 + c_y), eps)), eps that of
the arithmetic:

    phi = c_y cos m - s_y sin m, phi' = cos m + c_y sin m / s_y     where c_y > -cos m
    phi = c_y - m sin m, phi' = 1                                   elsewhere

u_y = scale phi, u_j = scale c_j elsewhere and p = softmax(u):

    loss = w_y (logsumexp(u) - u_y)     gradient w_y scale p_j, at the label w_y scale (p_y - 1) phi'

phi is cos(angle + m) as long as that angle is below pi; no arc cosine is taken.

Parameters
----------
cosines : (..., C) float64, float32, float16 or bfloat16, any strides: of the angles between a sample and
    each class, from unit vectors; c_y beyond [-1, 1], where rounding may leave it, is clipped, and
    has gradient 0
target : (...) integers or bool, the labels
margin : in [0, pi / 2], in radians
scale : > 0
class_weight : (C,) finite, >= 0, w; "mean" divides by the sum of the weights of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative weights; a parameter outside its domain.
TypeError
    Soft targets; a dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.
It has no `intercept`: no constant row is a model of cosines.

Deng et al., ArcFace: additive angular margin loss for deep face recognition (2019).

>>> import numpy as np, fastloss as fl
>>> cosines = np.array([[0.8, 0.3, -0.2], [0.1, 0.6, 0.0]])
>>> value, grad = fl.arcface.value_and_grad(cosines, np.array([0, 1]))
>>> round(value, 6)
0.031286
>>> grad.round(4)
array([[-0.032 ,  0.0211,  0.    ],
       [ 1.9179, -2.3767,  0.0032]])
"""

@type_check_only
class _LSoftmax(Loss):
    @overload
    def __call__(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 margin: int = 4, scale: float = 30.0, class_weight: ArrayLike | None = None,
                 ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], margin: int = 4,
                 scale: float = 30.0, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: int = 4, scale: float = 30.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: int = 4, scale: float = 30.0,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       margin: int = 4, scale: float = 30.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, cosines: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       margin: int = 4, scale: float = 30.0, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, cosines: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: int = 4, scale: float = 30.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, cosines: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: int = 4, scale: float = 30.0,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1, scale: float = 30.0) -> NDArray[Any]: ...

l_softmax: _LSoftmax
"""Large-margin softmax (SphereFace): the angle to the true class is multiplied by a margin.

With c the cosines, y the label, m the margin and k the number of j in 1..m-1 with c_y < cos(j pi / m):

    psi = (-1)^k T_m(c_y) - 2 k     psi' = (-1)^k m U_(m-1)(c_y)

T and U are Chebyshev's polynomials: psi = (-1)^k cos(m angle) - 2 k falls all the way from 0 to pi, and
no arc cosine is taken. u_y = scale psi, u_j = scale c_j elsewhere and p = softmax(u):

    loss = w_y (logsumexp(u) - u_y)     gradient w_y scale p_j, at the label w_y scale (p_y - 1) psi'

Parameters
----------
cosines : (..., C) float64, float32, float16 or bfloat16, any strides: of the angles between a sample and
    each class, from unit vectors; used as they are, not clipped
target : (...) integers or bool, the labels
margin : integer from 1 (plain softmax) to 8
scale : > 0, the length of the sample's vector where that is the same for all
class_weight : (C,) finite, >= 0, w; "mean" divides by the sum of the weights of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative weights; a parameter outside its domain.
TypeError
    Soft targets; a dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.
It has no `intercept`: no constant row is a model of cosines.

Liu et al., Large-margin softmax loss for convolutional neural networks (2016); Liu et al., SphereFace:
deep hypersphere embedding for face recognition (2017).

>>> import numpy as np, fastloss as fl
>>> cosines = np.array([[0.8, 0.3, -0.2], [0.1, 0.6, 0.0]])
>>> value, grad = fl.l_softmax.value_and_grad(cosines, np.array([0, 1]), margin=2, scale=10.0)
>>> round(value, 6)
2.46566
>>> grad.round(4)
array([[ -8.8239,   2.739 ,   0.0185],
       [  3.5965, -11.8069,   1.3231]])
"""

@type_check_only
class _SmSoftmax(Loss):
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 margin: float = 0.35, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 margin: float = 0.35, class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: float = 0.35,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: float = 0.35,
                       class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       margin: float = 0.35, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       margin: float = 0.35, class_weight: ArrayLike | None = None,
                       ignore_index: int | None = -100, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: float = 0.35,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, logits: ArrayLike, target: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: float = 0.35,
             class_weight: ArrayLike | None = None, ignore_index: int | None = -100,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    def inverse_link(self, raw: ArrayLike, *, axis: int = -1) -> NDArray[Any]: ...

sm_softmax: _SmSoftmax
"""Soft-margin softmax: cross entropy of logits, that of the true class less a margin.

With y the label, u_y = logits_y - margin, u_j = logits_j elsewhere and p = softmax(u):

    loss = w_y (logsumexp(u) - u_y)     gradient w_y (p_j - [j = y])

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels
margin : >= 0, in logits
class_weight : (C,) finite, >= 0, w; "mean" divides by the sum of the weights of the labels
ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows or of their leading axes

Returns
-------
float in nats, or with reduction="none" an array of the shape of the rows.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
    negative weights; a parameter outside its domain.
TypeError
    Soft targets; a dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.
It has no `intercept`.

Liang et al., Soft-margin softmax for deep classification (2017).

>>> import numpy as np, fastloss as fl
>>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
>>> value, grad = fl.sm_softmax.value_and_grad(logits, np.array([0, 1]))
>>> round(value, 6)
0.335528
>>> grad.round(4)
array([[-0.2083,  0.1523,  0.056 ],
       [ 0.031 , -0.0619,  0.031 ]])
"""

@type_check_only
class _Mse(Loss):
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
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
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
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
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
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

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
class _HalfSquared(Loss):
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
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
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
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
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
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

half_squared: _HalfSquared
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

@type_check_only
class _Mae(Loss):
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
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
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
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

mae: _Mae
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

@type_check_only
class _Huber(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 delta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], delta: float = 1.0,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", delta: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", delta: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       delta: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       delta: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             delta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             delta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", delta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", delta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", delta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", delta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

huber: _Huber
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

@type_check_only
class _SmoothL1(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 beta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], beta: float = 1.0,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", beta: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", beta: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       beta: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       beta: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             beta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             beta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", beta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", beta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", beta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", beta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

smooth_l1: _SmoothL1
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

@type_check_only
class _PseudoHuber(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 delta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], delta: float = 1.0,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", delta: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", delta: float = 1.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       delta: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       delta: float = 1.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             delta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             delta: float = 1.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", delta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", delta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", delta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", delta: float = 1.0,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

pseudo_huber: _PseudoHuber
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

@type_check_only
class _LogCosh(Loss):
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
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
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
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
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
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

log_cosh: _LogCosh
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

@type_check_only
class _Quantile(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 q: ArrayLike = 0.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], q: ArrayLike = 0.5,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", q: ArrayLike = 0.5,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", q: ArrayLike = 0.5,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       q: ArrayLike = 0.5, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       q: ArrayLike = 0.5, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             q: ArrayLike = 0.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             q: ArrayLike = 0.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

quantile: _Quantile
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

@type_check_only
class _Expectile(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 tau: float = 0.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], tau: float = 0.5,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", tau: float = 0.5,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", tau: float = 0.5,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       tau: float = 0.5, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       tau: float = 0.5, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             tau: float = 0.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             tau: float = 0.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", tau: float = 0.5,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", tau: float = 0.5,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", tau: float = 0.5,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", tau: float = 0.5,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

expectile: _Expectile
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

@type_check_only
class _EpsilonInsensitive(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 eps: float = 0.1, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], eps: float = 0.1,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", eps: float = 0.1,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", eps: float = 0.1,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       eps: float = 0.1, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       eps: float = 0.1, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             eps: float = 0.1, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             eps: float = 0.1, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

epsilon_insensitive: _EpsilonInsensitive
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

@type_check_only
class _SquaredEpsilonInsensitive(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 eps: float = 0.1, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], eps: float = 0.1,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", eps: float = 0.1,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", eps: float = 0.1,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       eps: float = 0.1, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       eps: float = 0.1, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             eps: float = 0.1, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             eps: float = 0.1, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", eps: float = 0.1,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", eps: float = 0.1,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", eps: float = 0.1,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", eps: float = 0.1,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

squared_epsilon_insensitive: _SquaredEpsilonInsensitive
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

@type_check_only
class _Msle(Loss):
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
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
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
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
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
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

msle: _Msle
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

@type_check_only
class _Mape(Loss):
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
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
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
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

mape: _Mape
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

@type_check_only
class _Poisson(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 log_input: bool = True, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                 log_input: bool = True, sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", log_input: bool = True,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", log_input: bool = True,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       log_input: bool = True, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       log_input: bool = True, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             log_input: bool = True, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             log_input: bool = True, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", log_input: bool = True,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", log_input: bool = True,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", log_input: bool = True,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", log_input: bool = True,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike, *, log_input: bool = True) -> NDArray[Any]: ...

poisson: _Poisson
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

@type_check_only
class _Gamma(Loss):
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
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
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
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
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
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

gamma: _Gamma
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

@type_check_only
class _Tweedie(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 power: float = 1.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], power: float = 1.5,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", power: float = 1.5,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", power: float = 1.5,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       power: float = 1.5, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       power: float = 1.5, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             power: float = 1.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             power: float = 1.5, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", power: float = 1.5,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", power: float = 1.5,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", power: float = 1.5,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", power: float = 1.5,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

tweedie: _Tweedie
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

@type_check_only
class _GaussianNll(Loss):
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 var: ArrayLike, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], var: ArrayLike,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", var: ArrayLike,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", var: ArrayLike,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       var: ArrayLike, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                       var: ArrayLike, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             var: ArrayLike, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             var: ArrayLike, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, out: _Out) -> _Out: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", var: ArrayLike,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", var: ArrayLike,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: None = None,
                      hess_out: _HessOut) -> tuple[NDArray[Any], _HessOut]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", var: ArrayLike,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: None = None) -> tuple[_Out, NDArray[Any]]: ...
    @overload
    def grad_and_hess(self, pred: ArrayLike, target: ArrayLike, *,
                      reduction: Literal["mean", "sum", "none"] = "mean", var: ArrayLike,
                      sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                      n_threads: int | None = None, out: _Out,
                      hess_out: _HessOut) -> tuple[_Out, _HessOut]: ...
    @overload
    def value_and_grads(self, pred: ArrayLike, target: ArrayLike, *,
                        reduction: Literal["mean", "sum"] = "mean", var: ArrayLike,
                        sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                        n_threads: int | None = None,
                        outs: tuple[Any, Any] | None = None) -> tuple[float, _Grads]:
        """The loss and a gradient for each differentiable argument, in one fused pass.

        Takes what the loss takes, and `outs`, two arrays (or None) for the gradients. Returns
        `(value, (grad_first, grad_second))`, both of the shape of the first argument.
        """
    @overload
    def value_and_grads(self, pred: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
                        var: ArrayLike, sample_weight: ArrayLike | None = None,
                        normalizer: float | None = None, n_threads: int | None = None,
                        outs: tuple[Any, Any] | None = None) -> tuple[NDArray[Any], _Grads]: ...
    def intercept(self, target: ArrayLike, sample_weight: ArrayLike | None = None,
                  **parameters: Any) -> float: ...
    def inverse_link(self, raw: ArrayLike) -> NDArray[Any]: ...

gaussian_nll: _GaussianNll
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

@type_check_only
class _CosineDistance(Loss):
    @overload
    def __call__(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["none"],
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["none"],
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["none"],
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["mean", "sum", "none"] = "mean",
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    @overload
    def value_and_grads(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                        sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                        n_threads: int | None = None, axis: int = -1,
                        outs: tuple[Any, Any] | None = None) -> tuple[float, _Grads]:
        """The loss and a gradient for each differentiable argument, in one fused pass.

        Takes what the loss takes, and `outs`, two arrays (or None) for the gradients. Returns
        `(value, (grad_first, grad_second))`, both of the shape of the first argument.
        """
    @overload
    def value_and_grads(self, x1: ArrayLike, x2: ArrayLike, *, reduction: Literal["none"],
                        sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                        n_threads: int | None = None, axis: int = -1,
                        outs: tuple[Any, Any] | None = None) -> tuple[NDArray[Any], _Grads]: ...

cosine_distance: _CosineDistance
"""Cosine distance, 1 less the cosine of the angle between two vectors; in [0, 2].

With |a|, |b| the lengths of x1, x2 and c = <x1, x2> / (|a| |b|):

    loss = 1 - c     gradient by x1: (c x1 / |a| - x2 / |b|) / |a|     by x2: the same, exchanged

A vector of zeros has cosine 0 with any other, and both gradients are 0. Lengths neither overflow nor
underflow.

Parameters
----------
x1 : (..., D) float64, float32, float16 or bfloat16, any strides; the axis of the vectors is `axis`
x2 : array of exactly that shape, any float, integer or bool dtype
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows (that of x1 without `axis`) or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows. `value_and_grads` gives
`(value, (gradient by x1, gradient by x2))`.

Raises
------
ValueError
    Shapes that differ, a negative or non-finite weight.
TypeError
    A dtype that is not read; a masked array.

NaN or an infinity in a row makes that row NaN and no other. The mean of nothing is nan with a
RuntimeWarning. It has neither `intercept` nor `inverse_link`: its arguments are vectors.

Salton, Wong and Yang, A vector space model for automatic indexing (1975).

>>> import numpy as np, fastloss as fl
>>> x1, x2 = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
>>> value, (grad1, grad2) = fl.cosine_distance.value_and_grads(x1, x2, reduction="sum")
>>> round(value, 6)
1.292893
>>> grad1.round(4)
array([[ 0.    , -1.    ],
       [-0.3536,  0.3536]])
"""

@type_check_only
class _CosineEmbedding(Loss):
    @overload
    def __call__(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *,
                 reduction: Literal["mean", "sum"] = "mean", margin: float = 0.0,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *, reduction: Literal["none"],
                 margin: float = 0.0, sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...
    @overload
    def value_and_grad(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: float = 0.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *,
                       reduction: Literal["mean", "sum"] = "mean", margin: float = 0.0,
                       sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                       n_threads: int | None = None, axis: int = -1, out: _Out) -> tuple[float, _Out]: ...
    @overload
    def value_and_grad(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *, reduction: Literal["none"],
                       margin: float = 0.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: None = None) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def value_and_grad(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *, reduction: Literal["none"],
                       margin: float = 0.0, sample_weight: ArrayLike | None = None,
                       normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                       out: _Out) -> tuple[NDArray[Any], _Out]: ...
    @overload
    def grad(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: float = 0.0,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: None = None) -> NDArray[Any]: ...
    @overload
    def grad(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *,
             reduction: Literal["mean", "sum", "none"] = "mean", margin: float = 0.0,
             sample_weight: ArrayLike | None = None, normalizer: float | None = None,
             n_threads: int | None = None, axis: int = -1, out: _Out) -> _Out: ...
    @overload
    def value_and_grads(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *,
                        reduction: Literal["mean", "sum"] = "mean", margin: float = 0.0,
                        sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                        n_threads: int | None = None, axis: int = -1,
                        outs: tuple[Any, Any] | None = None) -> tuple[float, _Grads]:
        """The loss and a gradient for each differentiable argument, in one fused pass.

        Takes what the loss takes, and `outs`, two arrays (or None) for the gradients. Returns
        `(value, (grad_first, grad_second))`, both of the shape of the first argument.
        """
    @overload
    def value_and_grads(self, x1: ArrayLike, x2: ArrayLike, y: ArrayLike, *, reduction: Literal["none"],
                        margin: float = 0.0, sample_weight: ArrayLike | None = None,
                        normalizer: float | None = None, n_threads: int | None = None, axis: int = -1,
                        outs: tuple[Any, Any] | None = None) -> tuple[NDArray[Any], _Grads]: ...

cosine_embedding: _CosineEmbedding
"""Cosine embedding loss, torch's: vectors marked 1 shall point the same way, those marked -1 shall not.

With c the cosine of the angle between x1 and x2:

    loss = 1 - c                if y = 1      gradient minus that of c
    loss = max(0, c - margin)   if y = -1     gradient that of c where c > margin, else 0

and the gradient of c by x1 as in `cosine_distance`. A vector of zeros has cosine 0 and gradient 0.

Parameters
----------
x1 : (..., D) float64, float32, float16 or bfloat16, any strides; the axis of the vectors is `axis`
x2 : array of exactly that shape, any float, integer or bool dtype
y : (...) one 1 or -1 a row, any float or integer dtype
margin : in [-1, 1]
reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
    shape of the rows (that of x1 without `axis`) or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows. `value_and_grads` gives
`(value, (gradient by x1, gradient by x2))`.

Raises
------
ValueError
    Shapes that do not fit; an entry of y that is not 1 or -1, before anything is written; a negative or
    non-finite weight; a margin outside its domain.
TypeError
    A dtype that is not read; a masked array.

NaN or an infinity in a row makes that row NaN and no other. The mean of nothing is nan with a
RuntimeWarning. It has neither `intercept` nor `inverse_link`: its arguments are vectors.

Collobert et al., Torch7: a Matlab-like environment for machine learning (2011).

>>> import numpy as np, fastloss as fl
>>> x1, x2 = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
>>> value, grad = fl.cosine_embedding.value_and_grad(x1, x2, np.array([1, -1]), margin=0.5)
>>> round(value, 6)
0.603553
>>> grad.round(4)
array([[ 0.    , -0.5   ],
       [ 0.1768, -0.1768]])
"""

@type_check_only
class _Accuracy:
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, ignore_index: int | None = -100,
                 reduction: Literal["mean", "sum"] = "mean", sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, ignore_index: int | None = -100,
                 reduction: Literal["none"], sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...

accuracy: _Accuracy
"""Share of the rows whose label is the first largest score.

Parameters
----------
scores : (..., C) float64, float32, float16 or bfloat16, any strides: logits, probabilities or any others
target : (...) integers or bool, the labels
ignore_index : rows with this label count for nothing; None switches it off
reduction : "mean"; "sum", the weight of the rows that are right; "none", that of each row
sample_weight : of the shape of the rows or of their leading axes
normalizer, n_threads, axis : as for every row loss

Returns
-------
float in [0, 1], or with reduction="none" an array of the shape of the rows, float32 for half and float32
scores, float64 for float64: 1 where the row is right, else 0, times its weight.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index; shapes that do not fit; a negative or non-finite
    weight.
TypeError
    Soft targets; a dtype that is not read; a masked array.

A row with NaN anywhere is wrong. The mean of nothing is nan with a RuntimeWarning.

>>> import numpy as np, fastloss as fl
>>> scores = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 1.0, 0.0], [np.nan, 0.0, 1.0]])
>>> fl.accuracy(scores, np.array([0, 1, 1, 2]))
0.5
"""

@type_check_only
class _ZeroOne:
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, ignore_index: int | None = -100,
                 reduction: Literal["mean", "sum"] = "mean", sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, ignore_index: int | None = -100,
                 reduction: Literal["none"], sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None,
                 axis: int = -1) -> NDArray[Any]: ...

zero_one: _ZeroOne
"""Zero-one loss: share of the rows whose label is not the first largest score, 1 - `accuracy`.

Parameters, shapes, dtypes, errors (ValueError, TypeError) and reductions are those of `accuracy`. A row
with NaN anywhere is wrong and so counts; an ignored row does not. The mean of nothing is nan with a
RuntimeWarning.

>>> import numpy as np, fastloss as fl
>>> scores = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 1.0, 0.0], [np.nan, 0.0, 1.0]])
>>> fl.zero_one(scores, np.array([0, 1, 1, 2]), reduction="sum")
2.0
"""

@type_check_only
class _TopKAccuracy:
    def __call__(self, scores: ArrayLike, target: ArrayLike, *, k: ArrayLike = 1, ties: str = "first",
                 ignore_index: int | None = -100, reduction: str = "mean",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> Any: ...

top_k_accuracy: _TopKAccuracy
"""Share of the rows whose label is among the k largest scores, for one k or several in one pass.

The classes before the true one are counted, O(C) a row; nothing is sorted.

Parameters
----------
scores : (..., C) float64, float32, float16 or bfloat16, any strides: logits, probabilities or any others
target : (...) integers or bool, the labels
k : an integer >= 1, or a sequence of them; more than the classes there are is allowed
ties : of equal scores the "first" class stands before the others, or the "last" (scikit-learn's choice)
ignore_index : rows with this label count for nothing; None switches it off
reduction : "mean"; "sum", the weight of the rows that are right; "none", that of each row
sample_weight : of the shape of the rows or of their leading axes
normalizer, n_threads, axis : as for every row loss

Returns
-------
float in [0, 1], for several k an array of them; with reduction="none" an array of the shape of the rows,
for several k (..., len(k)), float32 for half and float32 scores, float64 for float64.

Raises
------
ValueError
    A label outside [0, C) that is not ignore_index; shapes that do not fit; a negative or non-finite
    weight; a k below 1 or none at all.
TypeError
    Soft targets; a dtype that is not read; a masked array.

A row with NaN anywhere is wrong for every k. The mean of nothing is nan with a RuntimeWarning.

>>> import numpy as np, fastloss as fl
>>> scores = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 1.0, 0.0]])
>>> fl.top_k_accuracy(scores, np.array([0, 2, 1]), k=[1, 2, 3]).round(4)
array([0.3333, 1.    , 1.    ])
>>> fl.top_k_accuracy(scores, np.array([0, 2, 1]), ties="last")
0.6666666666666666
"""

@type_check_only
class _BinaryAccuracy:
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, threshold: float = 0.0, labels: str = "01",
                 reduction: Literal["mean", "sum"] = "mean", sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None) -> float: ...
    @overload
    def __call__(self, pred: ArrayLike, target: ArrayLike, *, threshold: float = 0.0, labels: str = "01",
                 reduction: Literal["none"], sample_weight: ArrayLike | None = None,
                 normalizer: float | None = None, n_threads: int | None = None) -> NDArray[Any]: ...

binary_accuracy: _BinaryAccuracy
"""Share of the elements where pred > threshold says the class 1 and the target is 1, or neither.

Parameters
----------
pred : array of any shape, float64, float32, float16 or bfloat16: raw scores (logits)
target : array of exactly that shape, any float, integer or bool dtype, holding `labels`
threshold : of `pred`: 0 for raw scores, 0.5 for probabilities
labels : "01", or "pm1" where the target holds -1 and 1; bool is always "01"
reduction : "mean"; "sum", the weight of the elements that are right; "none", that of each element
sample_weight : of the shape of `pred` or of its leading axes
normalizer, n_threads : as for every loss

Returns
-------
float in [0, 1], or with reduction="none" an array of the shape of `pred`, float32 for half and float32
scores, float64 for float64.

Raises
------
ValueError
    Shapes that differ; a target that is none of the labels, NaN too; a negative or non-finite weight.
TypeError
    A dtype that is not read; a masked array.

A NaN of `pred` is wrong. The mean of nothing is nan with a RuntimeWarning.

>>> import numpy as np, fastloss as fl
>>> fl.binary_accuracy(np.array([2.0, -1.0, 0.0, np.nan]), np.array([1, 1, 0, 0]))
0.5
"""

@type_check_only
class _Perplexity:
    def __call__(self, logits: ArrayLike, target: ArrayLike, *, ignore_index: int | None = -100,
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...

perplexity: _Perplexity
"""exp of the mean cross entropy: among how many equally likely classes the model in effect wavers.

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
target : (...) integers or bool, the labels; or (..., C) floating, soft targets >= 0
ignore_index : rows with this label count for nothing; None switches it off
sample_weight, normalizer, n_threads, axis : as for `cross_entropy`

Returns
-------
float >= 1, and C for a row of equal logits; inf where it overflows. Its log2 is the bits per token.

Raises
------
ValueError, TypeError
    As for `cross_entropy`: labels out of range, shapes that do not fit, bad weights, a dtype that is not
    read.

NaN or +inf in a row that counts makes it nan. The mean of nothing is nan with a RuntimeWarning.

Jelinek et al., Perplexity: a measure of the difficulty of speech recognition tasks (1977).

>>> import math, numpy as np, fastloss as fl
>>> logits, target = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), np.array([0, 2])
>>> round(fl.perplexity(logits, target), 6)
2.123592
>>> round(fl.cross_entropy(logits, target) / math.log(2), 6)  # bits per token
1.086507
"""

@type_check_only
class _Entropy:
    @overload
    def __call__(self, logits: ArrayLike, *, reduction: Literal["mean", "sum"] = "mean",
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> float: ...
    @overload
    def __call__(self, logits: ArrayLike, *, reduction: Literal["none"],
                 sample_weight: ArrayLike | None = None, normalizer: float | None = None,
                 n_threads: int | None = None, axis: int = -1) -> NDArray[Any]: ...

entropy: _Entropy
"""Entropy of softmax(logits) in nats, -sum(p log p): how undecided a model is. 0 to log C.

Parameters
----------
logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
reduction, normalizer, n_threads, axis : as for every row loss
sample_weight : of the shape of the rows or of their leading axes

Returns
-------
float, or with reduction="none" an array of the shape of the rows, float32 for half and float32 logits,
float64 for float64.

Raises
------
ValueError
    An axis out of range; a negative or non-finite weight.
TypeError
    A dtype that is not read; a masked array.

NaN or +inf in a row makes that row NaN and no other; a class of -inf adds 0. The mean of nothing is nan
with a RuntimeWarning.

Shannon, A mathematical theory of communication (1948).

>>> import numpy as np, fastloss as fl
>>> fl.entropy(np.array([[2.0, 0.0], [0.0, 0.0]]), reduction="none").round(4)
array([0.3653, 0.6931])
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

@overload
def sigmoid(x: ArrayLike, *, n_threads: int | None = None, out: None = None) -> NDArray[Any]:
    """The logistic function 1 / (1 + exp(-x)), element by element: the probability that log odds mean.

    Parameters
    ----------
    x : array of any shape, float64, float32, float16 or bfloat16, any strides; integers become float64
    out : where the result goes: the shape of `x`, any supported float dtype; it may be `x` itself
    n_threads : None or the most threads to use

    Returns
    -------
    array of the shape and dtype of `x`, or `out`. At most 4 ULP off.

    Raises
    ------
    ValueError, TypeError
        A dtype that is not read, an `out` that does not fit or overlaps in part.

    NaN stays NaN; -inf gives 0, +inf gives 1. Verhulst, Notice sur la loi que la population suit dans son
    accroissement (1838).

    >>> import numpy as np, fastloss as fl
    >>> fl.sigmoid(np.array([-np.inf, 0.0, 2.0])).round(6)
    array([0.      , 0.5     , 0.880797])
    """
@overload
def sigmoid(x: ArrayLike, *, n_threads: int | None = None, out: _Out) -> _Out: ...

@overload
def log_sigmoid(x: ArrayLike, *, n_threads: int | None = None, out: None = None) -> NDArray[Any]:
    """log(1 / (1 + exp(-x))), element by element: minus `softplus(-x)`, the log-probability of log odds.

    Parameters, shapes, dtypes and errors are those of `sigmoid`; at most 4 ULP off. NaN stays NaN; -inf gives
    -inf, +inf gives 0.

    >>> import numpy as np, fastloss as fl
    >>> fl.log_sigmoid(np.array([-1000.0, 0.0, 2.0])).round(6)
    array([-1.00000e+03, -6.93147e-01, -1.26928e-01])
    """
@overload
def log_sigmoid(x: ArrayLike, *, n_threads: int | None = None, out: _Out) -> _Out: ...

@overload
def softplus(x: ArrayLike, *, n_threads: int | None = None, out: None = None) -> NDArray[Any]:
    """log(1 + exp(x)), element by element, without overflow; its derivative is `sigmoid`.

    Parameters, shapes, dtypes and errors are those of `sigmoid`; at most 4 ULP off. NaN stays NaN; -inf gives
    0, +inf gives +inf. Dugas et al., Incorporating second-order functional knowledge for better option
    pricing (2001).

    >>> import numpy as np, fastloss as fl
    >>> fl.softplus(np.array([-2.0, 0.0, 1000.0])).round(6)
    array([1.26928e-01, 6.93147e-01, 1.00000e+03])
    """
@overload
def softplus(x: ArrayLike, *, n_threads: int | None = None, out: _Out) -> _Out: ...

__all__ = [
    "Accumulator",
    "Loss",
    "__version__",
    "accuracy",
    "am_softmax",
    "arcface",
    "binary_accuracy",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "binary_focal",
    "brier",
    "brier_from_probabilities",
    "categorical_hinge",
    "cosine_distance",
    "cosine_embedding",
    "cross_entropy",
    "entropy",
    "epsilon_insensitive",
    "evaluate",
    "expectile",
    "exponential",
    "focal",
    "gamma",
    "gather_log_softmax",
    "gaussian_nll",
    "generalized_cross_entropy",
    "half_squared",
    "hinge",
    "huber",
    "js_div_with_logits",
    "kl_div",
    "kl_div_with_logits",
    "l_softmax",
    "log_cosh",
    "log_loss",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "losses",
    "mae",
    "mape",
    "metrics",
    "modified_huber",
    "mse",
    "msle",
    "multi_margin",
    "multiclass_hinge",
    "nll",
    "perceptron",
    "perplexity",
    "poisson",
    "poly_cross_entropy",
    "pseudo_huber",
    "quantile",
    "show_config",
    "sigmoid",
    "sm_softmax",
    "smooth_l1",
    "soft_margin",
    "softmax",
    "softplus",
    "squared_epsilon_insensitive",
    "squared_hinge",
    "top_k_accuracy",
    "tweedie",
    "zero_one",
]
