"""class Loss: what every loss can do. A loss itself is declared in the module of its family.

A declaration is a function: its signature and docstring are the loss's, its body checks the loss's own
parameters and gives them to the core.

    @elementwise(hessian=True)
    def mse(pred, target):
        '''Mean squared error ...'''
        return Parameters()
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from fastloss import _check, _core
from fastloss._core import GRAD, HESS, HVP, VALUE, Parameters

_REDUCTIONS = {"mean": _core.MEAN, "sum": _core.SUM, "none": _core.NONE}
_KERNELS = _core.elementwise_kernels()
_SOFTMAX = -1

_registry: dict[str, Loss] = {}
losses: Mapping[str, Loss] = MappingProxyType(_registry)

# What each kind of method lacks, said when it is asked for.
_ABSENT = {
    "grad_and_hess": "no Hessian is defined for it",
    "hvp": "Hessian-vector products exist for the softmax family only",
    "rows": "row statistics exist for cross_entropy only",
}


class Loss:
    """A loss function: call it for the value, or ask it for derivatives."""

    __name__: str
    __signature__: inspect.Signature

    def __init__(self, declaration: Callable[..., Parameters], kernel: int, *, soft: bool = False,
                 intercept: Callable[..., Any], inverse_link: Callable[..., Any]) -> None:
        self.__name__ = self.__qualname__ = declaration.__name__
        self.__doc__ = inspect.getdoc(declaration)
        self.__module__ = "fastloss"
        self._parameters = declaration
        self._kernel = kernel
        self._rowwise = kernel == _SOFTMAX
        self._soft = soft
        self._intercept = intercept
        self._inverse_link = inverse_link
        self._default = declaration(None, None)
        own = list(inspect.signature(declaration).parameters.values())
        self._names = (own[0].name, own[1].name)
        self.__signature__ = inspect.Signature(own + _common(self._rowwise))
        _registry[self.__name__] = self

    def __call__(self, *args: Any, reduction: str = "mean", sample_weight: Any = None, normalizer: Any = None,
                 n_threads: Any = None, **parameters: Any) -> Any:
        return self._run(VALUE, args, parameters, reduction, sample_weight, normalizer, n_threads)

    def value_and_grad(self, *args: Any, reduction: str = "mean", sample_weight: Any = None,
                       normalizer: Any = None, out: Any = None, n_threads: Any = None,
                       **parameters: Any) -> Any:
        """The loss and its gradient with respect to the first argument, in one fused pass.

        Takes what the loss takes, and `out`: where the gradient goes, an array of the shape of the first
        argument and any supported float dtype, which may be the first argument itself. Returns
        `(value, grad)`; the gradient is that of the reduced value, for "none" that of the sum.
        """
        return self._run(VALUE | GRAD, args, parameters, reduction, sample_weight, normalizer, n_threads, out)

    def grad(self, *args: Any, reduction: str = "mean", sample_weight: Any = None, normalizer: Any = None,
             out: Any = None, n_threads: Any = None, **parameters: Any) -> Any:
        """The gradient alone; arguments as for `value_and_grad`."""
        return self._run(GRAD, args, parameters, reduction, sample_weight, normalizer, n_threads, out)

    def intercept(self, target: Any, sample_weight: Any = None, **parameters: Any) -> Any:
        """The constant raw score that minimises the mean loss over `target`: where boosting starts."""
        return self._intercept(target, sample_weight, **parameters)

    def inverse_link(self, raw: Any, **options: Any) -> Any:
        """What a raw score means on the scale of the target: a probability, a rate, or itself."""
        return self._inverse_link(raw, **options)

    def _run(self, want: int, args: tuple[Any, ...], parameters: dict[str, Any], reduction: Any, weight: Any,
             normalizer: Any, n_threads: Any, out: Any = None, hess_out: Any = None,
             vector: Any = None) -> Any:
        try:
            pred, target = args
        except ValueError:
            pred, target = self._bind(args, parameters)
        axis = parameters.pop("axis", -1) if parameters and self._rowwise else -1
        p = self._parameters(None, None, **parameters) if parameters else self._default
        how = _REDUCTIONS.get(reduction) if isinstance(reduction, str) else None
        if how is None:
            _check.reduction(reduction)
        if normalizer is not None:
            normalizer = _check.normalizer(normalizer, reduction)
        if n_threads is not None:
            n_threads = _check.n_threads(n_threads)
        result = _core.run(self._kernel, pred, target, p, want, how, weight, normalizer, out, hess_out,
                           vector, axis, n_threads)
        if result is not None:
            return result
        x, t, w, o, h, v, axis = _check.prepare(self._names, self._rowwise, self._soft, pred, target, p,
                                                weight, out, hess_out, vector, axis)
        result = _core.run(self._kernel, x, t, p, want, how, w, normalizer, o, h, v, axis, n_threads)
        if result is None:
            raise TypeError(f"{self.__name__}: these arguments cannot be used together")
        if isinstance(result, tuple):
            return tuple(_handed(part, (o, out), (h, hess_out)) for part in result)
        return _handed(result, (o, out), (h, hess_out))

    def _bind(self, args: tuple[Any, ...], parameters: dict[str, Any]) -> tuple[Any, Any]:
        """The two arrays, where they were passed by name."""
        given = dict(zip(self._names, args))
        for name in self._names[len(args):]:
            if name in parameters:
                given[name] = parameters.pop(name)
        if len(args) > 2 or len(given) < 2:
            raise TypeError(f"{self.__name__} takes {self._names[0]} and {self._names[1]}, and keywords; "
                            f"{len(args)} positional arguments were given")
        return given[self._names[0]], given[self._names[1]]

    def __getattr__(self, name: str) -> Any:
        if name in _ABSENT:
            raise AttributeError(f"{self.__dict__.get('__name__', 'this loss')} has no {name}: "
                                 f"{_ABSENT[name]}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<loss fastloss.{self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__


class LossWithHessian(Loss):
    """A loss whose diagonal Hessian is defined."""

    def grad_and_hess(self, *args: Any, reduction: str = "mean", sample_weight: Any = None,
                      normalizer: Any = None, out: Any = None, hess_out: Any = None, n_threads: Any = None,
                      **parameters: Any) -> Any:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
        return self._run(GRAD | HESS, args, parameters, reduction, sample_weight, normalizer, n_threads, out,
                         hess_out)


class SoftmaxLoss(LossWithHessian):
    """A loss of class scores through the softmax, with Hessian-vector products."""

    def hvp(self, *args: Any, reduction: str = "mean", sample_weight: Any = None, normalizer: Any = None,
            out: Any = None, n_threads: Any = None, **parameters: Any) -> Any:
        """`hvp(logits, target, vector)`: the Hessian times a vector of the shape of the logits.

        The full Hessian (classes of a row interact), which is never formed. Takes what `value_and_grad`
        takes.
        """
        *arrays, vector = (*args, parameters.pop("vector")) if "vector" in parameters else args or (None,)
        if vector is None or len(arrays) > 2:
            raise TypeError(f"hvp takes {self._names[0]}, {self._names[1]} and vector, and keywords")
        return self._run(HVP, tuple(arrays), parameters, reduction, sample_weight, normalizer, n_threads, out,
                         vector=vector)


def _handed(part: Any, *pairs: tuple[Any, Any]) -> Any:
    """The caller's own object for a result that was written into it."""
    for array, given in pairs:
        if part is array and given is not None:
            return given
    return part


def _common(rowwise: bool) -> list[inspect.Parameter]:
    defaults: dict[str, Any] = {"reduction": "mean", "sample_weight": None, "normalizer": None,
                                "n_threads": None}
    if rowwise:
        defaults["axis"] = -1
    return [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
            for name, value in defaults.items()]


def elementwise(*, hessian: bool, intercept: Callable[..., Any],
                inverse_link: Callable[..., Any]) -> Callable[[Callable[..., Parameters]], Any]:
    """Declares an elementwise loss; its kernel is the core's function of the same name."""
    kind = LossWithHessian if hessian else Loss

    def declare(declaration: Callable[..., Parameters]) -> Loss:
        return kind(declaration, _KERNELS[declaration.__name__], intercept=intercept,
                    inverse_link=inverse_link)

    return declare


def weighted_mean(target: Any, sample_weight: Any = None) -> float:
    """The constant that minimises squared losses."""
    y = np.asarray(_check.as_array("target", target), np.float64)
    if sample_weight is None:
        return float(y.mean()) if y.size else _check.mean_of_nothing()
    w = _check.spread_weights(sample_weight, y.shape)
    return float((w[w != 0] * y[w != 0]).sum() / w.sum()) if w.any() else _check.mean_of_nothing()


def identity(raw: Any) -> np.ndarray:
    """The inverse link of losses whose raw score is the prediction."""
    return _check.scores("raw", raw)
