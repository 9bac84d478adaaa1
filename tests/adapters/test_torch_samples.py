"""torch's own samples through fastloss.torch: it answers what torch answers, and raises where torch raises.

They are what torch tests itself with: OpInfo for functions, ModuleInfo for modules. As a script it prints a
table by name: python tests/adapters/test_torch_samples.py [name ...]
"""

import functools
import re
import sys
import time
import warnings
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import NamedTuple
from unittest import mock

import pytest
from hypothesis import settings

torch = pytest.importorskip("torch", reason="torch is optional")
pytest.importorskip("expecttest", reason="torch.testing._internal needs it")

import fastloss.torch as ft  # noqa: E402

pytestmark = pytest.mark.same_lines

F, nn = torch.nn.functional, torch.nn
# What differs, and why it may: {name: {the beginning of a shortfall: the reason}}.
KNOWN: dict[str, dict[str, str]] = {}
# Losses that torch has no samples of.
UNSAMPLED = {"AdaptiveLogSoftmaxWithLoss", "NLLLoss2d", "TripletMarginLoss", "TripletMarginWithDistanceLoss"}
CHECKED = 5  # samples of a function or module whose derivatives are checked by differences
LARGEST = 20_000  # elements that they may have, which bounds the time

LOSSES = re.compile("[a-z].*(loss|entropy)|kl_div")
FUNCTIONS = sorted(name for name in vars(F) if LOSSES.match(name) and callable(getattr(F, name)))
MODULES = sorted(name for name in vars(nn) if "Loss" in name and name not in UNSAMPLED)
EXACT = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


# --- torch's samples --------------------------------------------------------------------------------------


@functools.cache
def databases():
    """By name the OpInfos and ModuleInfos; their import (3 s) must leave the process as it was."""
    profile = settings.get_current_profile_name()
    # It freezes the flags of torch.backends, for which there is no opposite.
    freeze = mock.patch.object(torch.backends, "disable_global_flags", lambda: None)
    try:
        with freeze, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.testing._internal.common_methods_invocations import op_db
            from torch.testing._internal.common_modules import module_db
    finally:
        settings.load_profile(profile)  # it loads one of 10 examples
    found = defaultdict(list)
    for op in op_db:
        name = op.name.removeprefix("nn.functional.")
        if name != op.name and LOSSES.match(name):
            found[name].append(op)
    for info in module_db:
        if "Loss" in info.name:
            found[info.name.removeprefix("nn.")].append(info)
    return found


class Sample(NamedTuple):
    what: str
    dtype: object
    make: object  # (library) -> the function or module
    arguments: object  # (args, kwargs)
    wrapper: object = None  # what torch's own checks call the function by


def function_samples(op):
    name = op.name.removeprefix("nn.functional.")

    def of(what, dtype, sample):
        return Sample(
            what,
            dtype,
            lambda library: getattr(library, name),
            ((sample.input, *sample.args), sample.kwargs),
            op.gradcheck_wrapper,
        )

    order = [d for d in EXACT if d in op.supported_dtypes("cpu")]
    for dtype in (*order, *sorted(op.supported_dtypes("cpu") - {*order}, key=str)):
        # Without reference inputs of their own these are the sample inputs again.
        made = op.reference_inputs if op.reference_inputs_func else op.sample_inputs
        for sample in made("cpu", dtype, requires_grad=False):
            yield of("value", dtype, sample)
        if op.supports_autograd and dtype in op.supported_backward_dtypes("cpu"):
            for sample in made("cpu", dtype, requires_grad=True):
                yield of("gradient", dtype, sample)
                if dtype == torch.float64:
                    yield of("strided", dtype, sample.noncontiguous())
    if op.error_inputs_func is not None:
        for error in op.error_inputs("cpu"):
            sample = error.sample_input
            yield of("error", getattr(sample.input, "dtype", None), sample)


def module_samples(info):
    name = info.name.removeprefix("nn.")
    for dtype in (torch.float64, torch.float32):
        for sample in info.module_inputs_func(
            info, device="cpu", dtype=dtype, requires_grad=True, training=True
        ):
            built, given = sample.constructor_input, sample.forward_input

            def make(library, built=built, dtype=dtype):
                torch.manual_seed(0)  # of parameters
                args, kwargs = fresh((built.args, built.kwargs))
                return getattr(library, name)(*args, **kwargs).to(dtype)

            yield Sample(
                "gradient",
                dtype,
                make,
                (given.args, given.kwargs),
                of_log_softmax if name == "CTCLoss" else None,
            )


def of_log_softmax(ctc, log_probs, *rest, **options):
    """torch's gradient is right for what log_softmax made alone (its OpInfo has a wrapper like this)."""
    return ctc(log_probs.log_softmax(2), *rest, **options)


# --- one sample -------------------------------------------------------------------------------------------


def fresh(tree, dtypes=None):
    """New leaves of the same values and strides; with `dtypes` in those."""

    def new(t):
        if not isinstance(t, torch.Tensor):
            return t
        old = t.detach()
        if dtypes and t.dtype in dtypes:
            copy = old.to(dtypes[t.dtype], copy=True)
        else:
            copy = torch.empty(0, dtype=t.dtype).set_(
                old.untyped_storage().clone(), old.storage_offset(), old.size(), old.stride()
            )
        return copy.requires_grad_(t.requires_grad)

    return torch.utils._pytree.tree_map(new, tree)


def leaves_of(function, tree):
    parameters = [*function.parameters()] if isinstance(function, nn.Module) else []
    tensors = [t for t in torch.utils._pytree.tree_leaves(tree) if isinstance(t, torch.Tensor)]
    return [t for t in (*tensors, *parameters) if t.requires_grad]


def incoming(value, dtype):
    """Random, and the same for each value of this shape."""
    g = torch.randn(value.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return g.to(dtype).to(value.dtype)


class Answer(NamedTuple):
    value: object = None
    grads: tuple = ()
    error: object = None  # an exception, and the step that raised it
    step: str = ""


def answer(make, library, arguments, exactly=False, rounded=None):
    """Value and gradients, or the error."""
    dtypes = EXACT if exactly else None
    step = "forward"
    try:
        function = make(library)
        if exactly and isinstance(function, nn.Module):
            function = function.double()
        args, kwargs = fresh(arguments, dtypes)
        value = function(*args, **kwargs)
        if not isinstance(value, torch.Tensor) or not value.requires_grad:
            return Answer(value)
        step = "backward"
        leaves = leaves_of(function, (args, kwargs))
        grads = torch.autograd.grad(value, leaves, incoming(value, rounded or value.dtype), allow_unused=True)
    except Exception as error:
        return Answer(error=error, step=step)
    return Answer(value, grads)


def brief(error):
    """An exception without its numbers, which would keep equal ones apart."""
    message = re.sub(r"-?\b\d[\d.]*(e[+-]?\d+)?", "#", " ".join(str(error).split()))
    return f"{type(error).__name__}: {re.sub('#(, #)+', '#..', message)[:80]}"


def distance(mine, theirs, exact):
    """What is wrong with a tensor of ours; it is right near torch's or the exact one, or nearer to it."""
    if (mine is None) != (theirs is None):
        return f"{'none' if mine is None else 'one'} for {'none' if theirs is None else 'one'}"
    if mine is None:
        return None
    if not isinstance(mine, torch.Tensor):
        return f"is a {type(mine).__name__}"
    for what in ("shape", "dtype", "device", "layout"):
        if getattr(mine, what) != getattr(theirs, what):
            return f"{what} {getattr(mine, what)} for {getattr(theirs, what)}"
    rtol, atol = torch.testing._comparison.default_tolerances(mine)

    def near(want):
        # In its dtype first: what overflows there is inf.
        return torch.isclose(wide(mine), wide(want.to(mine.dtype)), rtol=rtol, atol=atol, equal_nan=True)

    right = near(theirs)
    if exact is not None:
        right |= near(exact) | ((wide(mine) - exact).abs() <= (wide(theirs) - exact).abs())
    if right.all():
        return None
    mine, theirs = wide(mine)[~right], wide(theirs)[~right]
    if not (mine.isfinite() & theirs.isfinite()).all():
        at = int((~(mine.isfinite() & theirs.isfinite())).nonzero()[0])
        return f"{float(mine[at].real):.1g} for {float(theirs[at].real):.1g}"
    return f"off by {float((mine - theirs).abs().max()):.0e}"


def wide(t):
    return t.to(torch.complex128 if t.is_complex() else torch.float64)


def compared(ours, theirs, exact):
    """What is short in our answer, or None."""
    if theirs.error is not None:
        return None if ours.error is not None else f"answers where torch raises {brief(theirs.error)}"
    if ours.error is not None:
        return f"{ours.step}: {brief(ours.error)}"
    wrong = distance(ours.value, theirs.value, exact and exact.value)
    if wrong is not None:
        return f"value: {wrong}"
    if ours.value.requires_grad != theirs.value.requires_grad:
        return f"value: requires_grad is {ours.value.requires_grad}"
    if len(ours.grads) != len(theirs.grads):
        return f"gradient: {len(ours.grads)} for {len(theirs.grads)}"
    for i, (mine, other) in enumerate(zip(ours.grads, theirs.grads)):
        wrong = distance(mine, other, exact.grads[i] if exact and exact.grads else None)
        if wrong is not None:
            return f"gradient {i}: {wrong}"
    return None


def checked(sample, library, check):
    """torch's own check of derivatives by differences: an exception, or None."""
    flat, spec = torch.utils._pytree.tree_flatten(fresh(sample.arguments))
    places = [i for i, t in enumerate(flat) if isinstance(t, torch.Tensor) and t.requires_grad]
    function = sample.make(library)

    def of_leaves(*leaves):
        full = [*flat]
        for i, leaf in zip(places, leaves):
            full[i] = leaf
        args, kwargs = torch.utils._pytree.tree_unflatten(full, spec)
        return sample.wrapper(function, *args, **kwargs) if sample.wrapper else function(*args, **kwargs)

    torch.manual_seed(2)  # of its directions
    try:
        check(of_leaves, tuple(flat[i] for i in places), fast_mode=True, nondet_tol=1e-12)
    except Exception as error:
        return error
    return None


def to_check(samples):
    """Some small ones from all over the list."""
    small = [
        s
        for s in samples
        if s.what == "gradient"
        and s.dtype == torch.float64
        and sum(
            t.numel() for t in torch.utils._pytree.tree_leaves(s.arguments) if isinstance(t, torch.Tensor)
        )
        <= LARGEST
    ]
    return small[:: max(1, -(-len(small) // CHECKED))]


# --- all samples of a name --------------------------------------------------------------------------------


@contextmanager
def alone():
    """One thread, no warnings, and a seed that is not the caller's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            yield
    finally:
        torch.set_num_threads(threads)


class Tally:
    def __init__(self):
        self.samples = self.checks = self.errors = self.other_type = 0  # errors: where torch raises
        self.short = defaultdict(Counter)  # {what is short: {dtype: how often}}
        self.seconds = 0.0

    def count(self, sample, wrong):
        if wrong is not None:
            self.short[wrong][str(sample.dtype).removeprefix("torch.")] += 1


def tally(name, library=ft):
    start, result = time.perf_counter(), Tally()
    theirs_in = F if name in FUNCTIONS else nn
    with alone():
        for info in databases()[name]:
            samples = [*(function_samples if name in FUNCTIONS else module_samples)(info)]
            result.samples += len(samples)
            if not hasattr(library, name):
                for sample in samples:
                    result.count(sample, "missing")
                continue
            for sample in samples:
                theirs = answer(sample.make, theirs_in, sample.arguments)
                ours = answer(sample.make, library, sample.arguments)
                exact = None
                if theirs.error is not None:
                    result.errors += 1
                    result.other_type += ours.error is not None and not isinstance(
                        ours.error, type(theirs.error)
                    )
                elif sample.dtype in EXACT:
                    exact = answer(sample.make, theirs_in, sample.arguments, True, theirs.value.dtype)
                    exact = None if exact.error is not None else exact
                result.count(sample, compared(ours, theirs, exact))
            checks = [torch.autograd.gradcheck, torch.autograd.gradgradcheck][: 1 + info.supports_gradgrad]
            for check in checks:
                for sample in to_check(samples):
                    if checked(sample, theirs_in, check) is None:  # at a kink torch's fails too
                        result.checks += 1
                        wrong = checked(sample, library, check)
                        result.count(sample, wrong and f"{check.__name__}: {brief(wrong)}")
    result.seconds = time.perf_counter() - start
    return result


def lines_of(short):
    """What is short, the most frequent first."""
    for wrong, dtypes in sorted(short.items(), key=lambda item: -sum(item[1].values())):
        yield f"{sum(dtypes.values()):6} x {wrong}  [{', '.join(f'{d} {n}' for d, n in dtypes.items())}]"


# --- tests ------------------------------------------------------------------------------------------------


def test_every_name_with_samples_is_tried():
    assert {*databases()} == {*FUNCTIONS, *MODULES}


@pytest.mark.parametrize("name", [*FUNCTIONS, *MODULES])
def test_torchs_samples_hold(name):
    found = tally(name)
    assert found.samples
    known = KNOWN.get(name, {})
    new = {wrong: n for wrong, n in found.short.items() if not wrong.startswith(tuple(known))}
    assert not new, "\n".join([f"{name}: {found.samples} samples", *lines_of(new)])
    gone = [start for start in known if not any(wrong.startswith(start) for wrong in found.short)]
    assert not gone, f"{name}: no longer short, take it out of KNOWN: {gone}"


def main(names):
    row = "{:36}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}"
    print(row.format("name", "samples", "checks", "hold", "short", "raises", "other", "seconds"))
    total = Counter()
    for name in names or [*FUNCTIONS, *MODULES]:
        found = tally(name, ft)
        short = sum(sum(dtypes.values()) for dtypes in found.short.values())
        figures = dict(
            samples=found.samples,
            checks=found.checks,
            hold=found.samples + found.checks - short,
            short=short,
            raises=found.errors,
            other=found.other_type,
            seconds=found.seconds,
        )
        total.update(figures)
        print(row.format(name, *(f"{n:.1f}" if n is found.seconds else n for n in figures.values())))
        print("".join(f"{line}\n" for line in lines_of(found.short)), end="", flush=True)
    print(row.format("all", *(f"{n:.1f}" if isinstance(n, float) else n for n in total.values())))
    print("raises: samples where torch raises; other: of those, where ours raises another type")


if __name__ == "__main__":
    main(sys.argv[1:])
