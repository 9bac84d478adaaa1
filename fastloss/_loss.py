"""What every loss can do: class Loss. A loss itself is declared in the module of its family.

A declaration is a function: its signature and docstring are the loss's, its body checks the loss's own
parameters and gives them to the core. Whatever else is known of the loss is an argument of its declaration,
and is read from there (`Facts`).

    @elementwise(hessian=True, intercept=mean, inverse_link=identity)
    def mse(pred, target):
        '''Mean squared error ...'''
        return Parameters()
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import FunctionType, MappingProxyType, MethodType
from typing import Any

from fastloss import _call, _check, _core
from fastloss._core import GRAD, HESS, HVP, SECOND_GRAD, VALUE, Parameters, Plan
from fastloss._declared import COMMON, REDUCTIONS, Declared, Tally, taken
from fastloss._losses.intercepts import best_constant

_registry: dict[str, Loss] = {}
losses: Mapping[str, Loss] = MappingProxyType(_registry)

Declaration = Callable[..., Parameters]

_TARGETS = {
    "numbers": _core.NUMBERS,
    "counts": _core.NUMBERS,
    "binary": _core.NUMBERS,
    "labels": _core.LABELS,
    "soft": _core.SOFT,
    "labels or soft": _core.LABELS | _core.SOFT,
    "vectors": _core.VECTORS,
}
_SCORES = {"raw": _core.ANY, "probabilities": _core.PROBABILITY, "log-probabilities": _core.LOG_PROBABILITY}

# What methods take beside the loss's own arguments: an operand more, and where results go.
_METHODS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "value_and_grad": ((), ("out",)),
    "grad": ((), ("out",)),
    "grad_and_hess": ((), ("out", "hess_out")),
    "hvp": (("vector",), ("out",)),
    "value_and_grads": ((), ("outs",)),
}

# What each kind of method lacks, said when it is asked for.
_ABSENT = {
    "grad_and_hess": "no Hessian is defined for it",
    "hvp": "Hessian-vector products exist for the softmax family only",
    "rows": "row statistics exist for cross_entropy only",
    "value_and_grads": "it has one differentiable argument: value_and_grad gives its gradient",
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a loss beside its numbers."""

    target: str = "numbers"  # what it is compared with, a key of _TARGETS
    scores: str = "raw"  # what its first argument holds: "raw" scores, "probabilities", "log-probabilities"
    of_logits: str | None = None  # the loss of raw scores, where it is one of probabilities
    inverse_link: Callable[..., Any] | None = None
    start: Callable[..., Any] | None = None  # where boosting starts, if that is not the intercept
    piecewise_linear: bool = False  # it has no Hessian, and 1 stands in for it
    bound: str | None = None  # boosting steps better by it: of "residual"s, which wants a floor, or a "rate"
    softmax_hessian: bool = False  # its Hessian is a multiple of p (1 - p), which libraries scale
    column_parameter: str | None = None  # of which each entry is a model, a column of scores, of its own
    second_grad: str | None = None  # the array parameter that has a gradient too


class Loss(Declared):
    """A loss function: call it for the value, or ask it for derivatives."""

    _gives: tuple[tuple[int, ...], ...] = ((VALUE,), (VALUE, GRAD), (GRAD,))
    _outs = ("out",)

    def __init__(
        self, declaration: Declaration, plan: Plan, facts: Facts, intercept: Callable[..., Any] | None = None
    ) -> None:
        super().__init__(declaration, COMMON | {"axis": -1} if plan.rowwise else COMMON)
        self.facts = facts
        self._rowwise = plan.rowwise
        # Of an elementwise loss `intercept` is a solver, of a loss of rows the whole function.
        self._intercept = intercept
        if intercept is not None and not plan.rowwise:
            self._intercept = partial(best_constant, self, intercept)
        self._fixed: dict[str, Any] = {}  # by bind
        self._follow(plan)
        self._sign_methods()
        _registry[self.__name__] = self

    def _follow(self, plan: Plan) -> None:
        """The plans of all methods, by what they give and how it is reduced."""
        self._plan = plan
        self._plans = {
            outputs: {name: plan.giving(outputs, how) for name, how in REDUCTIONS.items()}
            for outputs in self._gives
        }
        self._tally_plan = plan.giving((VALUE,), _core.TALLY)
        self._own = _core.Remembered(self._make, plan.array_parameter)
        self._default: Parameters | None = None
        signature = self.__signature__.parameters.values()
        if not any(p.default is p.empty for p in signature if p.kind is p.KEYWORD_ONLY):
            self._default = self._own({})

    def _sign_methods(self) -> None:
        """Each method anew, with the full signature of this loss; that costs a call nothing."""
        parameters = list(self.__signature__.parameters.values())
        operands, keywords = parameters[: len(self._names)], parameters[len(self._names) :]
        own = [p for p in keywords if p.name in self._keywords]
        for name, (operand, outs) in _METHODS.items():
            if hasattr(type(self), name):
                more = [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in operand]
                out = [inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=None) for each in outs]
                self._sign(name, [*operands, *more, *keywords, *out])
        for name, function in (("intercept", self._intercept), ("inverse_link", self.facts.inverse_link)):
            if function is not None:
                takes = list(inspect.signature(function).parameters.values())
                fixed = [p.replace(default=self._fixed.get(p.name, p.default)) for p in takes]
                self._sign(
                    name,
                    fixed if takes[-1].kind is not inspect.Parameter.VAR_KEYWORD else [*fixed[:-1], *own],
                )

    def _sign(self, name: str, parameters: list[inspect.Parameter]) -> None:
        method: Any = getattr(type(self), name)
        copied = FunctionType(
            method.__code__, method.__globals__, name, method.__defaults__, method.__closure__
        )
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
        signature = self.__signature__.parameters.values()
        # Copies, since a caller may write to what was given.
        fixed = {**self._fixed, **copy.deepcopy(parameters)}
        signed = inspect.Signature([p.replace(default=fixed.get(p.name, p.default)) for p in signature])
        return self._twin(self._plan, _fixed=fixed, __signature__=signed)

    def _twin(self, plan: Plan, **changes: Any) -> Loss:
        """The same loss by another plan, or with other parameters fixed."""
        twin: Loss = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, **changes)
        twin._follow(plan)
        twin._sign_methods()
        return twin

    def _parted(self) -> tuple[Loss, dict[str, Any]]:
        """The loss of the registry, and what is fixed of it."""
        return _registry[self.__name__], self._fixed

    def __call__(
        self,
        *args: Any,
        reduction: str = "mean",
        sample_weight: Any = None,
        normalizer: Any = None,
        n_threads: Any = None,
        **parameters: Any,
    ) -> Any:
        return self._run((VALUE,), args, parameters, reduction, sample_weight, normalizer, n_threads)

    def value_and_grad(
        self,
        *args: Any,
        reduction: str = "mean",
        sample_weight: Any = None,
        normalizer: Any = None,
        out: Any = None,
        n_threads: Any = None,
        **parameters: Any,
    ) -> Any:
        """The loss and its gradient with respect to the first argument, in one fused pass.

        Takes what the loss takes, and `out`: where the gradient goes, an array of the shape of the first
        argument and any supported float dtype, which may be the first argument itself. Returns
        `(value, grad)`; the gradient is that of the reduced value, for "none" that of the sum.
        """
        return self._run(
            (VALUE, GRAD), args, parameters, reduction, sample_weight, normalizer, n_threads, out
        )

    def grad(
        self,
        *args: Any,
        reduction: str = "mean",
        sample_weight: Any = None,
        normalizer: Any = None,
        out: Any = None,
        n_threads: Any = None,
        **parameters: Any,
    ) -> Any:
        """The gradient alone; arguments as for `value_and_grad`."""
        return self._run((GRAD,), args, parameters, reduction, sample_weight, normalizer, n_threads, out)

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
        link = self.facts.inverse_link
        if link is None:
            raise AttributeError(f"{self.__name__} has no inverse_link: its arguments are vectors")
        return link(raw, **{**taken(link, self._fixed), **options})

    def _boosted(
        self,
        args: tuple[Any, ...],
        parameters: dict[str, Any],
        sample_weight: Any,
        outs: tuple[Any, Any],
        n_threads: Any,
        **hessian: Any,
    ) -> None:
        """Gradient and Hessian of the sum, the latter as `hessian` says (Plan.giving). The outs are the
        adapter's: after an error nobody sees them."""
        plan = self._plan.giving((GRAD, HESS), _core.SUM, fresh=True, **hessian)
        self._computed(plan, args, parameters, sample_weight, n_threads, *outs)

    def _tally(
        self, args: tuple[Any, ...], parameters: dict[str, Any], sample_weight: Any, n_threads: Any
    ) -> Tally:
        """Sum of the weighted losses, what the mean divides it by, and how many rows or elements count."""
        total, divisor, counted = self._computed(self._tally_plan, args, parameters, sample_weight, n_threads)
        return Tally((total,), divisor, counted)

    def _run(
        self,
        outputs: tuple[int, ...],
        args: tuple[Any, ...],
        parameters: dict[str, Any],
        reduction: Any,
        weight: Any,
        normalizer: Any,
        n_threads: Any,
        out: Any = None,
        other_out: Any = None,
        vector: Any = None,
    ) -> Any:
        plan = self._plans[outputs].get(reduction) if isinstance(reduction, str) else None
        if plan is None:
            _check.reduction(reduction)
        if normalizer is not None:
            normalizer = _check.normalizer(normalizer, reduction)
        return self._computed(plan, args, parameters, weight, n_threads, out, other_out, vector, normalizer)

    def _computed(
        self,
        plan: Plan,
        args: tuple[Any, ...],
        parameters: dict[str, Any],
        weight: Any,
        n_threads: Any,
        out: Any = None,
        other_out: Any = None,
        vector: Any = None,
        normalizer: float | None = None,
    ) -> Any:
        """What a plan of this loss gives of the arguments of a method."""
        if len(args) != len(self._names):
            args = self._bind(args, parameters)
        if len(args) > 2:
            vector = args[2]
            if vector is None:
                raise TypeError(f"{self._names[2]} is None: it must be an array of one number a row")
        p, axis = self._default, -1
        if parameters or p is None:
            axis = parameters.pop("axis", -1) if self._rowwise else -1
            if parameters or p is None:
                p = self._own(parameters)
        if n_threads is not None:
            n_threads = _check.n_threads(n_threads)
        return _call.run(
            plan, p, args[0], args[1], vector, weight, out, other_out, axis, normalizer, n_threads
        )

    def _make(self, parameters: dict[str, Any]) -> Parameters:
        return super()._make({**self._fixed, **parameters})

    def _of_any_scores(self) -> Loss:
        """The same loss without the rule of its scores, for adapters of those who have none."""
        return self._twin(self._plan.of_any_scores())

    def __getattr__(self, name: str) -> Any:
        if name in _ABSENT:
            raise AttributeError(
                f"{self.__dict__.get('__name__', 'this loss')} has no {name}: {_ABSENT[name]}"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        fixed = ", ".join(f"{name}={value!r}" for name, value in self._fixed.items())
        return f"<loss fastloss.{self.__name__}{f'({fixed})' if fixed else ''}>"

    def __reduce__(self) -> Any:
        return (_with_fixed, (self.__name__, self._fixed)) if self._fixed else self.__name__


def _with_fixed(name: str, fixed: dict[str, Any]) -> Loss:
    return _registry[name].bind(**fixed)


class LossWithHessian(Loss):
    """A loss whose diagonal Hessian is defined."""

    _gives = (*Loss._gives, (GRAD, HESS))

    def grad_and_hess(
        self,
        *args: Any,
        reduction: str = "mean",
        sample_weight: Any = None,
        normalizer: Any = None,
        out: Any = None,
        hess_out: Any = None,
        n_threads: Any = None,
        **parameters: Any,
    ) -> Any:
        """The gradient and the diagonal of the Hessian, both of the shape of the first argument.

        Takes what `value_and_grad` takes, and `hess_out`, where the Hessian goes. At a kink the Hessian is
        the almost-everywhere value.
        """
        return self._run(
            (GRAD, HESS), args, parameters, reduction, sample_weight, normalizer, n_threads, out, hess_out
        )


class SoftmaxLoss(LossWithHessian):
    """A loss of class scores through the softmax, with Hessian-vector products."""

    _gives = (*LossWithHessian._gives, (HVP,))

    def hvp(
        self,
        *args: Any,
        reduction: str = "mean",
        sample_weight: Any = None,
        normalizer: Any = None,
        out: Any = None,
        n_threads: Any = None,
        **parameters: Any,
    ) -> Any:
        """`hvp(logits, target, vector)`: the Hessian times a vector of the shape of the logits.

        The full Hessian (classes of a row interact), which is never formed. Takes what `value_and_grad`
        takes.
        """
        *arrays, vector = (*args, parameters.pop("vector")) if "vector" in parameters else args or (None,)
        if vector is None or len(arrays) > 2:
            raise TypeError(f"hvp takes {self._names[0]}, {self._names[1]} and vector, and keywords")
        return self._run(
            (HVP,),
            tuple(arrays),
            parameters,
            reduction,
            sample_weight,
            normalizer,
            n_threads,
            out,
            vector=vector,
        )


class _TwoGradients(Loss):
    """A loss with a second argument that has a gradient."""

    _gives = (*Loss._gives, (VALUE, GRAD, SECOND_GRAD))

    def value_and_grads(
        self,
        *args: Any,
        reduction: str = "mean",
        sample_weight: Any = None,
        normalizer: Any = None,
        outs: Any = None,
        n_threads: Any = None,
        **parameters: Any,
    ) -> Any:
        """The loss and a gradient for each differentiable argument, in one fused pass.

        Takes what the loss takes, and `outs`, two arrays (or None) for the gradients. Returns
        `(value, (grad_first, grad_second))`, both of the shape of the first argument.
        """
        first, second = (None, None) if outs is None else _check.pair("outs", outs)
        value, *grads = self._run(
            (VALUE, GRAD, SECOND_GRAD),
            args,
            parameters,
            reduction,
            sample_weight,
            normalizer,
            n_threads,
            first,
            second,
        )
        return value, tuple(grads)


class VectorLoss(_TwoGradients):
    """A loss of two vectors a row."""


class ParameterLoss(_TwoGradients, LossWithHessian):
    """An elementwise loss with a gradient by its own array parameter too."""

    _gives = (*LossWithHessian._gives, (VALUE, GRAD, SECOND_GRAD))

    def _run(
        self,
        outputs: tuple[int, ...],
        args: tuple[Any, ...],
        parameters: dict[str, Any],
        *rest: Any,
        **more: Any,
    ) -> Any:
        if SECOND_GRAD in outputs:
            if len(args) != len(self._names):
                args = self._bind(args, parameters)
            pred, array = _check.as_array(self._names[0], args[0]), self._own(parameters).array
            if array is None or array.shape != pred.shape:
                shape, name = (
                    "a number" if array is None else f"of shape {array.shape}",
                    self.facts.second_grad,
                )
                raise ValueError(
                    f"{name} is {shape}, {self._names[0]} has shape {pred.shape}: for a gradient "
                    f"by {name} they must match exactly"
                )
        return super()._run(outputs, args, parameters, *rest, **more)


def elementwise(
    *,
    hessian: bool,
    intercept: Callable[..., Any],
    array_parameter: str | None = None,
    array_rule: int = _core.ANY,
    **facts: Any,
) -> Callable[[Declaration], Any]:
    """Declares an elementwise loss; its kernel is the core's function of the same name.

    `intercept` solves for the best constant (_losses/intercepts.py). `array_parameter` names the parameter
    that may be an array, of numbers that obey `array_rule`. `facts` are those of `Facts`.
    """
    known = Facts(**facts)
    kind: type[Loss] = ParameterLoss if known.second_grad else LossWithHessian if hessian else Loss

    def declare(declaration: Declaration) -> Loss:
        plan = _planned(declaration, known, array_parameter=array_parameter and (array_parameter, array_rule))
        return kind(declaration, plan, known, intercept)

    return declare


def rowwise(
    *,
    intercept: Callable[..., Any] | None,
    kernel: str | None = None,
    hessian: bool = False,
    kind: type[Loss] | None = None,
    reads_all_scores: bool = False,
    mean_of_rows: bool = False,
    **facts: Any,
) -> Callable[[Declaration], Any]:
    """Declares a loss of rows; its kernel is the core's of the same name, or of the name given.

    `reads_all_scores`: not only those whose target is not 0. `mean_of_rows`: the mean divides by the rows
    that count, whatever the weights of their classes. `facts` are those of `Facts`.
    """
    known = Facts(**facts)

    def declare(declaration: Declaration) -> Loss:
        plan = _planned(
            declaration,
            known,
            kernel,
            rowwise=True,
            reads_all_scores=reads_all_scores,
            mean_of_rows=mean_of_rows,
        )
        return (kind or (LossWithHessian if hessian else Loss))(declaration, plan, known, intercept)

    return declare


def vectors() -> Callable[[Declaration], Any]:
    """Declares a loss of two vectors a row; its kernel is the core's of the same name."""
    known = Facts(target="vectors")
    return lambda declaration: VectorLoss(declaration, _planned(declaration, known, rowwise=True), known)


def _planned(declaration: Declaration, facts: Facts, kernel: str | None = None, **more: Any) -> Plan:
    parameters = inspect.signature(declaration).parameters.values()
    names = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    return Plan(
        kernel or declaration.__name__,
        names,
        targets=_TARGETS[facts.target],
        scores=_SCORES[facts.scores],
        of_logits=facts.of_logits,
        **more,
    )
