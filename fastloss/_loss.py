"""class Loss: what every loss can do. A loss itself is declared in the module of its family.

A declaration is a function: its signature and docstring are the loss's, its body checks the loss's own
parameters and gives them to the core.

    @elementwise(hessian=True)
    def mse(pred, target):
        '''Mean squared error ...'''
        return Parameters()
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType, MappingProxyType, MethodType
from typing import Any

from fastloss import _check, _core
from fastloss._core import GRAD, HESS, HVP, SECOND, VALUE, Parameters

_REDUCTIONS = {"mean": _core.MEAN, "sum": _core.SUM, "none": _core.NONE}
_TALLY = object()  # no caller can name it
_KERNELS = _core.kernels()
_TARGETS = {"labels": _core.LABELS, "soft": _core.SOFT, "both": _core.LABELS | _core.SOFT}

_registry: dict[str, Loss] = {}
losses: Mapping[str, Loss] = MappingProxyType(_registry)

_PLAIN = frozenset((int, float, bool, str, type(None)))
_MADE = 64  # sets of parameters a loss remembers

Declaration = Callable[..., Parameters]

# What methods take beside the loss's own arguments: an operand more, and where results go.
_METHODS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "value_and_grad": ((), ("out",)), "grad": ((), ("out",)), "grad_and_hess": ((), ("out", "hess_out")),
    "hvp": (("vector",), ("out",)), "value_and_grads": ((), ("outs",)),
}

# What each kind of method lacks, said when it is asked for.
_ABSENT = {
    "grad_and_hess": "no Hessian is defined for it",
    "hvp": "Hessian-vector products exist for the softmax family only",
    "rows": "row statistics exist for cross_entropy only",
    "value_and_grads": "it has one differentiable argument: value_and_grad gives its gradient",
}


class Loss:
    """A loss function: call it for the value, or ask it for derivatives."""

    __name__: str
    __signature__: inspect.Signature

    def __init__(self, declaration: Declaration, kernel: int, *, targets: int = 0,
                 intercept: Callable[..., Any] | None = None,
                 inverse_link: Callable[..., Any] | None = None, bound: str | None = None,
                 binary: bool = False, start: Callable[..., Any] | None = None) -> None:
        self.__name__ = self.__qualname__ = declaration.__name__.removeprefix("_")
        self.__doc__ = inspect.getdoc(declaration)
        self.__module__ = "fastloss"
        self._parameters = declaration
        self._kernel = kernel
        self._targets = targets
        self._made: dict[Any, Parameters] = {}
        self._fixed: dict[str, Any] = {}  # by bind
        self._rowwise = targets != 0
        self._intercept = intercept
        self._inverse_link = inverse_link
        self._bound = bound
        self._binary = binary
        self._start = start
        own = list(inspect.signature(declaration).parameters.values())
        self._names = tuple(p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD)
        self._keywords = frozenset(p.name for p in own if p.kind is p.KEYWORD_ONLY)
        required = any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in own)
        self._default = None if required else self._own({})
        self.__signature__ = inspect.Signature(own + _common(self._rowwise))
        self._sign_methods()
        _registry[self.__name__] = self

    def _sign_methods(self) -> None:
        """Each method anew, with the full signature of this loss; that costs a call nothing."""
        parameters = list(self.__signature__.parameters.values())
        operands, keywords = parameters[: len(self._names)], parameters[len(self._names):]
        own = [p for p in keywords if p.name in self._keywords]
        for name, (operand, outs) in _METHODS.items():
            if hasattr(type(self), name):
                more = [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in operand]
                out = [inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=None) for each in outs]
                self._sign(name, [*operands, *more, *keywords, *out])
        for name, function in (("intercept", self._intercept), ("inverse_link", self._inverse_link)):
            if function is not None:
                takes = list(inspect.signature(function).parameters.values())
                fixed = [p.replace(default=self._fixed.get(p.name, p.default)) for p in takes]
                self._sign(name, fixed if takes[-1].kind is not inspect.Parameter.VAR_KEYWORD else
                           [*fixed[:-1], *own])

    def _sign(self, name: str, parameters: list[inspect.Parameter]) -> None:
        method: Any = getattr(type(self), name)
        copied = FunctionType(method.__code__, method.__globals__, name, method.__defaults__,
                              method.__closure__)
        copied.__kwdefaults__, copied.__doc__ = method.__kwdefaults__, method.__doc__
        copied.__qualname__, copied.__module__ = f"{self.__name__}.{name}", "fastloss"
        itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        copied.__signature__ = inspect.Signature([itself, *parameters])  # type: ignore[attr-defined]
        self.__dict__[name] = MethodType(copied, self)

    def bind(self, **parameters: Any) -> Loss:
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
        _check.keywords(f"{self.__name__}.bind", parameters, sorted(self._keywords))
        if not parameters:
            return self
        bound: Loss = object.__new__(type(self))
        # Copies, since a caller may write to what was given.
        bound.__dict__.update(self.__dict__, _made={}, _fixed={**self._fixed, **copy.deepcopy(parameters)})
        signature = self.__signature__.parameters.values()
        fixed = [p.replace(default=bound._fixed.get(p.name, p.default)) for p in signature]
        bound.__signature__ = inspect.Signature(fixed)
        required = any(p.default is p.empty for p in fixed if p.kind is p.KEYWORD_ONLY)
        bound._default = None if required else bound._own({})
        bound._sign_methods()
        return bound

    def _parted(self) -> tuple[Loss, dict[str, Any]]:
        """The loss of the registry, and what is fixed of it."""
        return _registry[self.__name__], self._fixed

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
        """The constant raw score that minimises the mean loss over `target`: where boosting starts.

        Where that lies at infinity, since all labels are of one class or all counts are 0, it is the score of
        a share of 1e-15, or of 1 less that.
        """
        if self._intercept is None:
            raise AttributeError(f"{self.__name__} has no intercept: no constant score is a model of it")
        fixed = taken(self._intercept, self._fixed)
        if self._rowwise:  # elementwise ones ask the loss itself
            known = list(inspect.signature(self.intercept).parameters)
            _check.keywords(f"{self.__name__}.intercept", parameters, known)
        return self._intercept(target, sample_weight, **{**fixed, **parameters})

    def inverse_link(self, raw: Any, **options: Any) -> Any:
        """What a raw score means on the scale of the target: a probability, a rate, or itself."""
        if self._inverse_link is None:
            raise AttributeError(f"{self.__name__} has no inverse_link: its arguments are vectors")
        return self._inverse_link(raw, **{**taken(self._inverse_link, self._fixed), **options})

    def _boosted(self, pred: Any, target: Any, parameters: dict[str, Any], sample_weight: Any, out: Any,
                 hess_out: Any, n_threads: Any, factor: float, least: float, floor: float = -1.0) -> None:
        """Of the sum: gradient, and Hessian times a factor, no less than `least` times the row's weight. From
        0 on, `floor` asks for the bound of the loss in place of its Hessian. The outs are the adapter's:
        after an error nobody sees them."""
        self._run(GRAD | HESS, (pred, target), parameters, "sum", sample_weight, None, n_threads, out,
                  hess_out, hess_factor=factor, hess_least=least, fresh=True, hess_floor=floor)

    def _tally(self, args: tuple[Any, ...], parameters: dict[str, Any], sample_weight: Any,
               n_threads: Any) -> tuple[float, float, int]:
        """Sum of the weighted losses, what the mean divides it by, and how many rows or elements count."""
        return self._run(VALUE, args, parameters, _TALLY, sample_weight, None, n_threads)

    def _run(self, want: int, args: tuple[Any, ...], parameters: dict[str, Any], reduction: Any, weight: Any,
             normalizer: Any, n_threads: Any, out: Any = None, other_out: Any = None,
             vector: Any = None, hess_factor: float = 1.0, hess_least: float = 0.0,
             fresh: bool = False, hess_floor: float = -1.0) -> Any:
        if len(args) != len(self._names):
            args = self._bind(args, parameters)
        pred, target, *third = args
        if third:
            vector = third[0]
            if vector is None:
                raise TypeError(f"{self._names[2]} is None: it must be an array of one number a row")
        axis = parameters.pop("axis", -1) if parameters and self._rowwise else -1
        p = self._own(parameters) if parameters or self._default is None else self._default
        how = _REDUCTIONS.get(reduction) if isinstance(reduction, str) else None
        if how is None:
            if reduction is not _TALLY:
                _check.reduction(reduction)
            how = _core.TALLY
        if normalizer is not None:
            normalizer = _check.normalizer(normalizer, reduction)
        if n_threads is not None:
            n_threads = _check.n_threads(n_threads)
        result = _core.run(self._kernel, self._targets, self._names, pred, target, vector, p, want, how,
                           weight, normalizer, out, other_out, axis, n_threads, hess_factor, hess_least,
                           fresh, hess_floor)
        if result is not None:
            return result
        outs = ("outs[0]", "outs[1]") if want & SECOND else ("out", "hess_out")
        x, t, w, o, h, v, axis = _check.prepare(self._names, self._targets, pred, target, p, weight, out,
                                                other_out, vector, axis, outs)
        result = _core.run(self._kernel, self._targets, self._names, x, t, v, p, want, how, w, normalizer, o,
                           h, axis, n_threads, hess_factor, hess_least, fresh, hess_floor)
        if result is None:
            raise TypeError(f"{self.__name__}: these arguments cannot be used together")
        return _handed(result, (o, out), (h, other_out))

    def _own(self, parameters: dict[str, Any]) -> Parameters:
        """What the loss's own keywords come to. Plain values are checked once: a small call would wait."""
        types = tuple(map(type, parameters.values()))
        if not _PLAIN.issuperset(types):
            return self._make(parameters)
        key = (types, *parameters.items())  # the types too: True == 1.0
        made = self._made.get(key)
        if made is None:
            made = self._make(parameters)
            if len(self._made) >= _MADE:
                self._made.clear()
            self._made[key] = made
        return made

    def _make(self, parameters: dict[str, Any]) -> Parameters:
        if not self._keywords.issuperset(parameters):
            shown = [*self.__signature__.parameters][len(self._names):]
            _check.keywords(self.__name__, parameters, self._keywords, [*shown, "out"])
        return self._parameters(*(None for _ in self._names), **{**self._fixed, **parameters})

    def _of_any_scores(self) -> Loss:
        """The same loss without the rule of its scores, for adapters of those who have none."""
        twin: Loss = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, _made={})

        def make(parameters: dict[str, Any]) -> Parameters:
            made = self._make(parameters)
            made.score_rule = _core.ANY
            return made

        twin._make = make  # type: ignore[method-assign]
        twin._default = twin._own({})
        twin._sign_methods()
        return twin

    def _bind(self, args: tuple[Any, ...], parameters: dict[str, Any]) -> tuple[Any, ...]:
        """The arrays, where they were passed by name."""
        given = dict(zip(self._names, args))
        for name in self._names[len(args):]:
            if name in parameters:
                given[name] = parameters.pop(name)
        if len(args) > len(self._names) or len(given) < len(self._names):
            raise TypeError(f"{self.__name__} takes {' and '.join(self._names)}, and keywords; "
                            f"{len(args)} positional arguments were given")
        return tuple(given[name] for name in self._names)

    def __getattr__(self, name: str) -> Any:
        if name in _ABSENT:
            raise AttributeError(f"{self.__dict__.get('__name__', 'this loss')} has no {name}: "
                                 f"{_ABSENT[name]}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        fixed = ", ".join(f"{name}={value!r}" for name, value in self._fixed.items())
        return f"<loss fastloss.{self.__name__}{f'({fixed})' if fixed else ''}>"

    def __reduce__(self) -> Any:
        return (_with_fixed, (self.__name__, self._fixed)) if self._fixed else self.__name__


def _with_fixed(name: str, fixed: dict[str, Any]) -> Loss:
    return _registry[name].bind(**fixed)


def taken(function: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """Those that a function takes."""
    if not parameters:
        return parameters
    known = inspect.signature(function).parameters.values()
    anything = any(p.kind is p.VAR_KEYWORD for p in known)
    names = {p.name for p in known}
    return {name: value for name, value in parameters.items() if anything or name in names}


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


class _TwoGradients:
    """A loss with a second argument that has a gradient."""

    def value_and_grads(self, *args: Any, reduction: str = "mean", sample_weight: Any = None,
                        normalizer: Any = None, outs: Any = None, n_threads: Any = None,
                        **parameters: Any) -> Any:
        """The loss and a gradient for each differentiable argument, in one fused pass.

        Takes what the loss takes, and `outs`, two arrays (or None) for the gradients. Returns
        `(value, (grad_first, grad_second))`, both of the shape of the first argument.
        """
        first, second = (None, None) if outs is None else _check.pair("outs", outs)
        run: Any = self._run  # type: ignore[attr-defined]
        return run(VALUE | GRAD | SECOND, args, parameters, reduction, sample_weight, normalizer, n_threads,
                   first, second)


class VectorLoss(_TwoGradients, Loss):
    """A loss of two vectors a row."""


class ParameterLoss(_TwoGradients, LossWithHessian):
    """An elementwise loss with a gradient by its own array parameter too."""

    def _run(self, want: int, args: tuple[Any, ...], parameters: dict[str, Any], *rest: Any,
             **more: Any) -> Any:
        if want & SECOND:
            if len(args) != len(self._names):
                args = self._bind(args, parameters)
            pred, array = _check.as_array(self._names[0], args[0]), self._own(parameters).array
            if array is None or array.shape != pred.shape:
                shape = "a number" if array is None else f"of shape {array.shape}"
                raise ValueError(f"{self._second} is {shape}, {self._names[0]} has shape {pred.shape}: "
                                 f"for a gradient by {self._second} they must match exactly")
        return super()._run(want, args, parameters, *rest, **more)

    _second: str


def _handed(result: Any, *pairs: tuple[Any, Any]) -> Any:
    """The result with the caller's own object for each part that was written into it."""
    if isinstance(result, tuple):
        return tuple(_handed(part, *pairs) for part in result)
    for array, given in pairs:
        if result is array and given is not None:
            return given
    return result


def _common(rowwise: bool) -> list[inspect.Parameter]:
    defaults: dict[str, Any] = {"reduction": "mean", "sample_weight": None, "normalizer": None,
                                "n_threads": None}
    if rowwise:
        defaults["axis"] = -1
    return [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
            for name, value in defaults.items()]


def elementwise(*, hessian: bool, intercept: Callable[..., Any], inverse_link: Callable[..., Any],
                second: str | None = None, bound: str | None = None,
                binary: bool = False) -> Callable[[Declaration], Any]:
    """Declares an elementwise loss; its kernel is the core's function of the same name.

    `second` names the array parameter that has a gradient of its own. `bound`: its kernel has one,
    by which boosting steps better than by the Hessian; of "residual"s, which wants a floor for them, or of a
    "rate", which does not. `binary`: its target is one of two classes, or the probability of the second.
    """
    kind: type[Loss] = LossWithHessian if hessian else Loss

    def declare(declaration: Declaration) -> Loss:
        kernel = _KERNELS[declaration.__name__]
        if second is None:
            return kind(declaration, kernel, intercept=intercept, inverse_link=inverse_link, bound=bound,
                        binary=binary)
        loss = ParameterLoss(declaration, kernel, intercept=intercept, inverse_link=inverse_link)
        loss._second = second
        return loss

    return declare


def rowwise(*, targets: str, hessian: bool, intercept: Callable[..., Any] | None,
            inverse_link: Callable[..., Any], kernel: str | None = None, kind: type[Loss] | None = None,
            start: Callable[..., Any] | None = None) -> Callable[[Declaration], Any]:
    """Declares a loss of rows; its kernel is the core's of the same name, or of the name given.

    `targets`: "labels", "soft" or "both". `start`: where boosting starts, if that is not the intercept.
    """
    chosen = kind or (LossWithHessian if hessian else Loss)

    def declare(declaration: Declaration) -> Loss:
        name = kernel or declaration.__name__
        return chosen(declaration, _KERNELS[name], targets=_TARGETS[targets], intercept=intercept,
                      inverse_link=inverse_link, start=start)

    return declare


def vectors() -> Callable[[Declaration], Any]:
    """Declares a loss of two vectors a row; its kernel is the core's of the same name."""

    def declare(declaration: Declaration) -> Loss:
        return VectorLoss(declaration, _KERNELS[declaration.__name__], targets=_core.VECTORS)

    return declare
