"""Functions without a target: the softmax family, on the kernel of cross entropy, and the logistic family."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastloss import _call, _check, _core
from fastloss._core import AS_IT_IS, GRAD, VALUE, Parameters, Plan

_rows = Plan("cross_entropy", ("logits",), rowwise=True, targets=0)
_SOFTMAX, _LOG_SOFTMAX, _LOGSUMEXP = (
    _rows.giving((role,), AS_IT_IS) for role in (_core.SOFTMAX, _core.LOG_SOFTMAX, _core.LOGSUMEXP)
)
_NONE = Parameters()


def softmax(logits: Any, *, axis: int = -1, out: Any = None, n_threads: int | None = None) -> np.ndarray:
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
    return _call.run(_SOFTMAX, _NONE, logits, out=out, axis=axis, n_threads=_check.n_threads(n_threads))


def log_softmax(logits: Any, *, axis: int = -1, out: Any = None, n_threads: int | None = None) -> np.ndarray:
    """Log-probabilities x - logsumexp(x) along `axis`, as (x - max) - log(sum(exp(x - max))).

    Parameters, shapes, errors and NaN behaviour are those of `softmax`. Absolute error
    <= 3 eps max(1, |result|). Blanchard, Higham and Higham, Accurately computing the log-sum-exp and softmax
    functions (2021).

    >>> import numpy as np, fastloss as fl
    >>> fl.log_softmax(np.array([0.0, 0.0])).round(6)
    array([-0.693147, -0.693147])
    """
    return _call.run(_LOG_SOFTMAX, _NONE, logits, out=out, axis=axis, n_threads=_check.n_threads(n_threads))


def logsumexp(logits: Any, *, axis: int = -1, out: Any = None, n_threads: int | None = None) -> np.ndarray:
    """log(sum(exp(x))) along `axis`, without overflow.

    Parameters and errors are those of `softmax`; the result (and `out`) has the shape of the rows, and is
    float32 for half and float32 scores, float64 for float64. A row with NaN or +inf, or of -inf alone, is
    NaN. Blanchard, Higham and Higham (2021).

    >>> import numpy as np, fastloss as fl
    >>> fl.logsumexp(np.array([[1000.0, 1000.0]])).round(6)
    array([1000.693147])
    """
    return _call.run(_LOGSUMEXP, _NONE, logits, out=out, axis=axis, n_threads=_check.n_threads(n_threads))


# The kernel gives -log p, and its gradient times a scale.
_gather = Plan("cross_entropy", ("logits", "index"), rowwise=True, targets=_core.LABELS, signed_weights=True)
_GATHER = _gather.giving((VALUE,), AS_IT_IS)
_GATHER_AND_GRAD = _gather.giving((VALUE, GRAD), AS_IT_IS, scale=-1)


def _negated(value: Any) -> Any:
    array = _check.as_array("out", value)
    np.negative(array, out=array)
    return value


class GatherLogSoftmax:
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

    __name__ = __qualname__ = "gather_log_softmax"

    def __call__(
        self, logits: Any, index: Any, *, axis: int = -1, out: Any = None, n_threads: int | None = None
    ) -> np.ndarray:
        value = _call.run(
            _GATHER, _NONE, logits, index, out=out, axis=axis, n_threads=_check.n_threads(n_threads)
        )
        return _negated(value)

    def value_and_grad(
        self,
        logits: Any,
        index: Any,
        weight: Any = None,
        *,
        out: Any = None,
        axis: int = -1,
        n_threads: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The values, and the gradient of sum(weight * value) by the logits.

        `weight` is one finite number a row, of either sign (an advantage); None is 1. A row of weight 0 has
        gradient 0 whatever it holds.

        >>> import numpy as np, fastloss as fl
        >>> logits, index, weight = np.zeros((1, 2)), np.array([1]), np.array([2.0])
        >>> value, grad = fl.gather_log_softmax.value_and_grad(logits, index, weight)
        >>> grad
        array([[-1.,  1.]])
        """
        if weight is not None:
            weight = _check.as_array("weight", weight)
            _check.finite("weight", weight)
        value, grad = _call.run(
            _GATHER_AND_GRAD,
            _NONE,
            logits,
            index,
            weight=weight,
            other_out=out,
            axis=axis,
            n_threads=_check.n_threads(n_threads),
        )
        return _negated(value), grad

    def __repr__(self) -> str:
        return "<primitive fastloss.gather_log_softmax>"

    def __reduce__(self) -> str:
        return self.__name__


GatherLogSoftmax.__module__ = "fastloss"
gather_log_softmax = GatherLogSoftmax()


_SIGMOID, _LOG_SIGMOID, _SOFTPLUS = (
    Plan(kernel, ("x",), targets=0).giving((VALUE,), AS_IT_IS)
    for kernel in ("sigmoid", "log_sigmoid", "softplus")
)


def sigmoid(x: Any, *, out: Any = None, n_threads: int | None = None) -> np.ndarray:
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
    return _call.run(_SIGMOID, _NONE, x, out=out, n_threads=_check.n_threads(n_threads))


def log_sigmoid(x: Any, *, out: Any = None, n_threads: int | None = None) -> np.ndarray:
    """log(1 / (1 + exp(-x))), element by element: minus `softplus(-x)`, the log-probability of log odds.

    Parameters, shapes, dtypes and errors are those of `sigmoid`; at most 4 ULP off. NaN stays NaN; -inf gives
    -inf, +inf gives 0.

    >>> import numpy as np, fastloss as fl
    >>> fl.log_sigmoid(np.array([-1000.0, 0.0, 2.0])).round(6)
    array([-1.00000e+03, -6.93147e-01, -1.26928e-01])
    """
    return _call.run(_LOG_SIGMOID, _NONE, x, out=out, n_threads=_check.n_threads(n_threads))


def softplus(x: Any, *, out: Any = None, n_threads: int | None = None) -> np.ndarray:
    """log(1 + exp(x)), element by element, without overflow; its derivative is `sigmoid`.

    Parameters, shapes, dtypes and errors are those of `sigmoid`; at most 4 ULP off. NaN stays NaN; -inf gives
    0, +inf gives +inf. Dugas et al., Incorporating second-order functional knowledge for better option
    pricing (2001).

    >>> import numpy as np, fastloss as fl
    >>> fl.softplus(np.array([-2.0, 0.0, 1000.0])).round(6)
    array([1.26928e-01, 6.93147e-01, 1.00000e+03])
    """
    return _call.run(_SOFTPLUS, _NONE, x, out=out, n_threads=_check.n_threads(n_threads))
