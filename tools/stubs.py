"""Writes fastloss/__init__.pyi from the signatures of the losses and primitives that are there:

    python -m tools.stubs

Editors and type checkers do not read `__signature__`; they read this file. A test checks that it is current.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastloss as fl

STUB = Path(__file__).parents[1] / "fastloss" / "__init__.pyi"
WIDTH = 110
SCALAR, ARRAY = "float", "NDArray[Any]"
# A reduction decides what the value is: an overload each.
REDUCTIONS = (('Literal["mean", "sum"]', '"mean"', SCALAR), ('Literal["none"]', None, ARRAY))
COMMON = ("value_and_grad", "grad", "intercept", "inverse_link")
ANY_REDUCTION = ('Literal["mean", "sum", "none"]', '"mean"')

HEAD = '''\
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
    """{show_config}"""

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
        """{bind}"""
{common}

losses: Mapping[str, Loss]
metrics: Mapping[str, Callable[..., Any]]
'''


@dataclass(frozen=True)
class Argument:
    name: str
    type: str
    default: str | None = None  # as source; None: it must be given
    keyword: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.type}" + (f" = {self.default}" if self.default is not None else "")


def argument(parameter: inspect.Parameter) -> Argument:
    """One argument as it was declared; what is declared Any is something to make an array of."""
    if parameter.kind is parameter.VAR_KEYWORD:
        return Argument(f"**{parameter.name}", "Any")
    optional = parameter.default is not parameter.empty
    type_ = TYPES.get(parameter.name, parameter.annotation)
    if type_ in ("Any", parameter.empty):
        type_ = "ArrayLike | None" if parameter.default is None else "ArrayLike"
    return Argument(
        parameter.name,
        type_,
        source(parameter.default) if optional else None,
        parameter.kind is parameter.KEYWORD_ONLY,
    )


TYPES = {"normalizer": "float | None", "n_threads": "int | None", "axis": "int"}


def source(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def arguments(function: Callable[..., Any]) -> list[Argument]:
    return [argument(p) for p in inspect.signature(function).parameters.values()]


def returned(function: Callable[..., Any]) -> str:
    return {"np.ndarray": ARRAY}.get(text := inspect.signature(function).return_annotation, text)


def definition(
    name: str,
    args: Sequence[Argument],
    result: str,
    *,
    method: bool,
    doc: str | None = None,
    overloaded: bool = False,
) -> str:
    """The lines of one function, wrapped; a docstring goes to the first of several overloads."""
    words = ["self"] * method + [str(a) for a in args if not a.keyword]
    keywords = [str(a) for a in args if a.keyword]
    words += ["*"] * any(not k.startswith("**") for k in keywords) + keywords
    head, indent = f"def {name}(", "    " * method
    lines, line = [], head
    for i, word in enumerate(words):
        word += "," if i + 1 < len(words) else f") -> {result}: ..."
        if len(indent + line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = " " * len(head) + word
        else:
            line += word if line.endswith("(") else f" {word}"
    lines.append(line)
    if doc:
        lines[-1] = lines[-1].removesuffix(" ...")
        lines += textwrap.indent(quoted(doc), "    ").splitlines()
    return textwrap.indent("\n".join(["@overload"] * overloaded + lines), indent)


def quoted(doc: str) -> str:
    return f'"""{doc}"""' if "\n" not in doc else f'"""{doc}\n"""'


def overloads(
    name: str, variants: Iterable[tuple[Sequence[Argument], str]], doc: str | None, *, method: bool = True
) -> list[str]:
    several = list(variants)
    return [
        definition(name, args, result, method=method, doc=None if i else doc, overloaded=len(several) > 1)
        for i, (args, result) in enumerate(several)
    ]


def into(name: str, variable: str) -> tuple[tuple[Argument, str], tuple[Argument, str]]:
    """The two ways of an output: a new array, or the caller's own."""
    return (Argument(name, "None", "None"), ARRAY), (Argument(name, variable), variable)


def without(args: Sequence[Argument], *names: str) -> list[Argument]:
    return [a for a in args if a.name not in names]


def loss_class(loss: Any) -> str:
    args = [argument(p) for p in loss.__signature__.parameters.values()]
    operands = [a for a in args if not a.keyword]
    options = without([a for a in args if a.keyword], "reduction")
    any_reduction = Argument("reduction", *ANY_REDUCTION)
    reductions = [(Argument("reduction", type_, default), value) for type_, default, value in REDUCTIONS]
    outs, hess_outs = into("out", "_Out"), into("hess_out", "_HessOut")

    def doc(name: str) -> str | None:  # what every loss has is documented in the class of all
        return None if hasattr(fl.losses["mae"], name) else inspect.getdoc(getattr(type(loss), name))

    lines = [
        *overloads("__call__", [([*operands, r, *options], value) for r, value in reductions], None),
        *overloads(
            "value_and_grad",
            [
                ([*operands, r, *options, o], f"tuple[{value}, {grad}]")
                for r, value in reductions
                for o, grad in outs
            ],
            doc("value_and_grad"),
        ),
        *overloads(
            "grad", [([*operands, any_reduction, *options, o], grad) for o, grad in outs], doc("grad")
        ),
    ]
    if hasattr(loss, "grad_and_hess"):
        lines += overloads(
            "grad_and_hess",
            [
                ([*operands, any_reduction, *options, o, h], f"tuple[{grad}, {hess}]")
                for o, grad in outs
                for h, hess in hess_outs
            ],
            doc("grad_and_hess"),
        )
    if hasattr(loss, "hvp"):
        vector = Argument("vector", "ArrayLike", keyword=False)
        lines += overloads(
            "hvp", [([*operands, vector, any_reduction, *options, o], grad) for o, grad in outs], doc("hvp")
        )
    if hasattr(loss, "rows"):
        unweighted = without(options, "sample_weight", "normalizer")
        lines += overloads("rows", [([*operands, *unweighted], "_Rows")], doc("rows"))

    if hasattr(loss, "value_and_grads"):
        pair = Argument("outs", "tuple[Any, Any] | None", "None")
        lines += overloads(
            "value_and_grads",
            [([*operands, r, *options, pair], f"tuple[{value}, _Grads]") for r, value in reductions],
            doc("value_and_grads"),
        )
    if start := loss._intercept:
        lines += overloads("intercept", [(arguments(start), returned(start))], doc("intercept"))
    if loss.facts.inverse_link:
        lines += inverse_link(loss, doc("inverse_link"))
    return instance(loss, "Loss", lines)


def inverse_link(loss: Any, doc: str | None) -> list[str]:
    link = arguments(loss.facts.inverse_link)
    link[0] = Argument("raw", link[0].type, keyword=False)
    variants = [(link, returned(loss.facts.inverse_link))]
    if any(a.name == "out" for a in link):
        variants = [([*without(link, "out"), o], result) for o, result in into("out", "_Out")]
    return overloads("inverse_link", variants, doc)


def metric_class(metric: Any) -> str:
    """A metric's result is a number; "none" makes it an array, and so may several k."""
    args = [argument(p) for p in metric.__signature__.parameters.values()]
    names = [a.name for a in args]
    variants = [(args, "float")]
    if "reduction" in names:
        at = names.index("reduction")
        of_any = [("str", '"mean"', "Any")] if "k" in names else REDUCTIONS
        variants = [
            ([*args[:at], Argument("reduction", type_, default), *args[at + 1 :]], value)
            for type_, default, value in of_any
        ]
    return instance(metric, "", overloads("__call__", variants, None))


def instance(thing: Any, base: str, lines: Iterable[str]) -> str:
    """A class nobody but the type checker sees, and the one object of it."""
    name = "_" + thing.__name__.title().replace("_", "")
    head = f"@type_check_only\nclass {name}{f'({base})' * bool(base)}:\n"
    doc = inspect.getdoc(thing)
    assert doc
    return head + "\n".join(lines) + f"\n\n{thing.__name__}: {name}\n" + quoted(doc) + "\n"


def with_out(
    name: str, function: Callable[..., Any], result: str, *, method: bool = True, doc: bool = True
) -> list[str]:
    """A function that writes its last result to `out`."""
    args = without(arguments(function), "out", "self")
    variants = [([*args, o], result.format(array)) for o, array in into("out", "_Out")]
    return overloads(name, variants, inspect.getdoc(function) if doc else None, method=method)


def gather_class(gather: Any) -> str:
    value_and_grad = with_out("value_and_grad", gather.value_and_grad, f"tuple[{ARRAY}, {{}}]")
    return instance(gather, "", [*with_out("__call__", gather.__call__, "{}", doc=False), *value_and_grad])


def stub() -> str:
    """The text of fastloss/__init__.pyi."""
    config = textwrap.indent(inspect.getdoc(fl.show_config) or "", "    ").strip() + "\n    "
    common = [
        definition(name, [], "Any", method=True, doc=inspect.getdoc(getattr(type(fl.mae), name))).replace(
            "(self)", "(self, *args: Any, **kwargs: Any)"
        )
        for name in COMMON
    ]
    bind = textwrap.indent(str(inspect.getdoc(fl.Loss.bind)), " " * 8).strip()
    parts = [HEAD.format(show_config=config, common="\n".join(common), bind=f"{bind}\n        ")]
    parts += [loss_class(loss) for loss in fl.losses.values()]
    parts += [metric_class(metric) for metric in fl.metrics.values()]
    parts.append(gather_class(fl.gather_log_softmax))
    for function in (fl.softmax, fl.log_softmax, fl.logsumexp, fl.sigmoid, fl.log_sigmoid, fl.softplus):
        parts.append("\n".join(with_out(function.__name__, function, "{}", method=False)) + "\n")
    names = "".join(f'    "{name}",\n' for name in sorted(fl.__all__))
    return "\n".join(parts) + f"\n__all__ = [\n{names}]\n"


if __name__ == "__main__":
    STUB.write_text(stub())
