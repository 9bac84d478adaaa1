"""fastloss.torch equals torch: values, gradients and signature of each function, its place in autograd.

torch computes in float64 what ours computes in each dtype, from the very same inputs.
"""

import copy
import gc
import inspect
import io
import math
import os
import pickle
import re
import subprocess
import sys
import warnings
import weakref
from typing import NamedTuple

import numpy as np
import pytest

import fastloss as fl
from support import ROOT

torch = pytest.importorskip("torch", reason="torch is optional")

import fastloss.torch as ft  # noqa: E402

F, nn = torch.nn.functional, torch.nn
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
REDUCTIONS = ["mean", "sum", "none"]
NAMES = [name for name in ft.__all__ if name not in ("loss", "Loss", "empty_cache", "strict")]
FUNCTIONS = [name for name in NAMES if name.islower() and getattr(ft, name) is not getattr(F, name)]
MODULES = [name for name in NAMES if not name.islower() and getattr(ft, name) is not getattr(nn, name)]
TORCHS = [name for name in NAMES if name not in (*FUNCTIONS, *MODULES)]
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: str(d).removeprefix("torch."))


# --- cases ------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    function: str
    tensors: object  # (rng, shape) -> arguments by position; those that are floating come in each dtype
    by: int  # how many of them have a gradient
    shapes: list
    options: object = lambda rng, shape: {}
    reductions: list = REDUCTIONS


ROWS = [(7, 5), (5,), (3, 5, 4), (2, 5, 3, 4), (1, 5), (6, 40), (3, 1)]
ANY = [(7,), (6, 5), (), (2, 3, 4, 5), (300,), (1, 1)]


def normal(rng, shape):
    return torch.tensor(rng.normal(size=shape) * 2)


def uniform(rng, shape, low=0.05, high=0.95):
    return torch.tensor(rng.uniform(low, high, shape))


def classes(shape):
    return shape[1 if len(shape) > 1 else 0]


def labels_of(rng, shape, ignored=None):
    rows = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    target = torch.tensor(rng.integers(classes(shape), size=rows))
    if ignored is not None and target.numel() > 1:
        target[torch.tensor(rng.random(rows) < 0.3)] = ignored
        target.view(-1)[0] = 0  # never all
    return target


def labels(rng, shape):
    return [normal(rng, shape), labels_of(rng, shape)]


def some_ignored(rng, shape):
    return [normal(rng, shape), labels_of(rng, shape, -100)]


def soft(rng, shape):
    return [normal(rng, shape), normal(rng, shape).softmax(1 if len(shape) > 1 else 0)]


def log_probs(rng, shape):
    x, y = some_ignored(rng, shape)
    return [x.log_softmax(1 if len(shape) > 1 else 0), y]


def two(rng, shape):
    return [normal(rng, shape), normal(rng, shape)]


def sides(rng, shape):
    return [normal(rng, shape), normal(rng, shape).sign()]


def bits(rng, shape):
    return [normal(rng, shape), torch.tensor(rng.integers(2, size=shape)).double()]


def fractions(rng, shape):
    return [normal(rng, shape), uniform(rng, shape)]


def probabilities(rng, shape):
    return [uniform(rng, shape), uniform(rng, shape)]


def divergence(rng, shape):
    return [uniform(rng, shape).log(), uniform(rng, shape)]


def two_logs(rng, shape):
    return [uniform(rng, shape).log(), uniform(rng, shape).log()]


def counts(rng, shape):
    return [normal(rng, shape), torch.tensor(rng.poisson(2, shape)).double()]


def rates(rng, shape):
    return [uniform(rng, shape, 0.2, 4), torch.tensor(rng.poisson(2, shape)).double()]


def variances(rng, shape):
    return [*two(rng, shape), uniform(rng, shape, 0.3, 3)]


def angles(rng, shape):
    return [*two(rng, shape), normal(rng, shape[:-1]).sign()]


def class_weight(rng, shape):
    return dict(weight=uniform(rng, (classes(shape),), 0.2, 3))


def weight(rng, shape):
    return dict(weight=uniform(rng, shape, 0.2, 3))


def last_axis_weights(rng, shape):
    return dict(weight=uniform(rng, shape[-1:]), pos_weight=uniform(rng, shape[-1:], 0.5, 3))


def other_axis_weights(rng, shape):
    shape = (*shape[1:-1], 1) if len(shape) > 2 else shape
    return dict(weight=uniform(rng, shape), pos_weight=uniform(rng, shape, 0.5, 3))


def always(**options):
    return lambda rng, shape: options


def also(make, **options):
    return lambda rng, shape: make(rng, shape) | options


KL = [*REDUCTIONS, "batchmean"]
CASES = {
    "cross_entropy": Case("cross_entropy", some_ignored, 1, ROWS),
    "cross_entropy-weight": Case("cross_entropy", some_ignored, 1, ROWS, class_weight),
    "cross_entropy-ignore": Case("cross_entropy", labels, 1, ROWS[:1] + ROWS[2:4], always(ignore_index=2)),
    "cross_entropy-smooth": Case(
        "cross_entropy", some_ignored, 1, ROWS, also(class_weight, label_smoothing=0.2)
    ),
    "cross_entropy-soft": Case("cross_entropy", soft, 1, ROWS),
    "cross_entropy-soft-weight": Case(
        "cross_entropy", soft, 1, ROWS, also(class_weight, label_smoothing=0.1)
    ),
    "nll_loss": Case("nll_loss", log_probs, 1, ROWS),
    "nll_loss-weight": Case("nll_loss", log_probs, 1, ROWS, class_weight),
    "multi_margin_loss": Case("multi_margin_loss", labels, 1, [(7, 5), (5,), (3, 40)]),
    "multi_margin_loss-2": Case(
        "multi_margin_loss", labels, 1, [(7, 5), (5,), (3, 40)], also(class_weight, p=2, margin=0.5)
    ),
    "kl_div": Case("kl_div", divergence, 1, ANY, reductions=KL),
    "kl_div-log": Case("kl_div", two_logs, 1, ANY, always(log_target=True), KL),
    "mse_loss": Case("mse_loss", two, 2, ANY),
    "mse_loss-weight": Case("mse_loss", two, 2, ANY, weight),
    "l1_loss": Case("l1_loss", two, 2, ANY),
    "l1_loss-weight": Case("l1_loss", two, 2, ANY, weight),
    "smooth_l1_loss": Case("smooth_l1_loss", two, 2, ANY, always(beta=0.7)),
    "smooth_l1_loss-0": Case("smooth_l1_loss", two, 2, ANY, always(beta=0.0)),
    "huber_loss": Case("huber_loss", two, 2, ANY),
    "huber_loss-weight": Case("huber_loss", two, 2, ANY, also(weight, delta=0.6)),
    "binary_cross_entropy": Case("binary_cross_entropy", probabilities, 1, ANY),
    "binary_cross_entropy-weight": Case(
        "binary_cross_entropy",
        probabilities,
        1,
        ANY[:2] + ANY[3:],
        lambda rng, shape: dict(weight=uniform(rng, shape[-1:])),
    ),
    "bce_with_logits": Case("binary_cross_entropy_with_logits", fractions, 1, ANY),
    "bce_with_logits-last": Case("binary_cross_entropy_with_logits", bits, 1, ANY, last_axis_weights),
    "bce_with_logits-other": Case("binary_cross_entropy_with_logits", bits, 1, ANY, other_axis_weights),
    "multilabel_soft_margin_loss": Case("multilabel_soft_margin_loss", bits, 1, [(7, 5), (5,), (2, 3, 4)]),
    "multilabel_soft_margin_loss-weight": Case(
        "multilabel_soft_margin_loss", bits, 1, [(7, 5), (5,)], class_weight
    ),
    "soft_margin_loss": Case("soft_margin_loss", sides, 1, ANY),
    "poisson_nll_loss": Case("poisson_nll_loss", counts, 1, ANY),
    "poisson_nll_loss-rate": Case("poisson_nll_loss", rates, 1, ANY, always(log_input=False)),
    "poisson_nll_loss-full": Case("poisson_nll_loss", counts, 1, ANY, always(full=True)),
    "gaussian_nll_loss": Case("gaussian_nll_loss", variances, 3, ANY),
    "gaussian_nll_loss-full": Case("gaussian_nll_loss", variances, 3, ANY, always(full=True, eps=0.2)),
    "gaussian_nll_loss-number": Case("gaussian_nll_loss", two, 2, ANY, always(var=0.7)),
    "cosine_embedding_loss": Case("cosine_embedding_loss", angles, 2, [(7, 5), (5,), (1, 40)]),
    "cosine_embedding_loss-margin": Case(
        "cosine_embedding_loss", angles, 2, [(7, 5), (5,)], always(margin=0.3)
    ),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def rounded(thing, dtype):
    return thing.to(dtype) if isinstance(thing, torch.Tensor) and thing.is_floating_point() else thing


def made(case, shape, dtype, seed=0):
    """Arguments that are exact in the dtype, and options."""
    rng = np.random.default_rng([seed, *shape])
    arguments = [rounded(a, dtype) for a in case.tensors(rng, shape)]
    return arguments, {k: rounded(v, dtype) for k, v in case.options(rng, shape).items()}


def of_torch(name):
    def call(*args, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # kl_div warns of its mean
            return getattr(F, name)(*args, **options)

    return call


def derived(function, arguments, by, incoming=None, **options):
    """The value, and the gradients by the first `by` arguments."""
    leaves = [a.detach().clone(memory_format=torch.preserve_format).requires_grad_() for a in arguments[:by]]
    value = function(*leaves, *arguments[by:], **options)
    grads = torch.autograd.grad(value, leaves, incoming)
    return value.detach(), grads


def doubled(things):
    if isinstance(things, dict):
        return {k: rounded(v, torch.float64) for k, v in things.items()}
    return [rounded(v, torch.float64) for v in things]


def close(got, want, dtype, what, floor=0.0):
    eps = torch.finfo(dtype).eps
    assert got.shape == want.shape, what
    scale = want.abs().max() if want.numel() else 0
    torch.testing.assert_close(
        got.double(),
        want,
        rtol=4 * eps,
        atol=max(8 * eps * float(scale), floor),
        msg=lambda m: f"{what}\n{m}",
    )


def floor_of(case, dtype, gradient=False):
    """What terms that cancel in a value may leave; torch's cosine has 1e-12 more in its lengths."""
    cosine = 1e-13 if case.function == "cosine_embedding_loss" else 0.0
    return cosine if gradient else max(cosine, 4 * min(torch.finfo(dtype).eps, 2**-23))


def incoming_for(value, kind, seed=1):
    if kind == "one":
        return torch.ones_like(value)
    # Powers of two: they are exact in each dtype, and rounding stays where it was.
    powers = torch.tensor(np.random.default_rng(seed).integers(-3, 4, tuple(value.shape)))
    return torch.as_tensor(2.0**powers, dtype=value.dtype)


@pytest.fixture
def one_thread():
    """Small tensors gain nothing from two, and on a busy machine torch's threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def strictly():
    with ft.strict():
        yield


alone = pytest.mark.usefixtures("one_thread")
refusing = pytest.mark.usefixtures("strictly")


# --- torch's numbers --------------------------------------------------------------------------------------


@alone
@every_dtype
@each_case
def test_value_and_gradients_are_torchs(case, dtype):
    for shape in case.shapes:
        arguments, options = made(case, shape, dtype)
        for reduction in case.reductions:
            for kind in ("one", "many"):
                how = dict(reduction=reduction)
                whole = of_torch(case.function)(*doubled(arguments), **doubled(options), **how)
                g = incoming_for(whole, kind)
                want, grads = derived(
                    of_torch(case.function), doubled(arguments), case.by, g, **doubled(options), **how
                )
                got, ours = derived(
                    getattr(ft, case.function), arguments, case.by, g.to(dtype), **options, **how
                )
                assert got.dtype == dtype and all(mine.dtype == dtype for mine in ours)
                close(got, want, dtype, f"{shape} {reduction}: value", floor_of(case, dtype))
                for i, (mine, theirs) in enumerate(zip(ours, grads)):
                    close(
                        mine,
                        theirs,
                        dtype,
                        f"{shape} {reduction} {kind}: gradient {i}",
                        floor_of(case, dtype, True),
                    )


def strided(tensor):
    """The same values with the axes in reverse in memory, every other element."""
    if tensor.ndim == 0:
        return tensor
    room = tensor.new_zeros([2 * n for n in reversed(tensor.shape)])
    view = room.permute(*reversed(range(tensor.ndim)))[(slice(None, None, 2),) * tensor.ndim]
    view.copy_(tensor)
    assert tensor.numel() < 2 or not view.is_contiguous()
    return view


@alone
@each_case
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_strides_do_not_matter(case, reduction):
    shape = case.shapes[0] if len(case.shapes[0]) > 1 else case.shapes[1]
    arguments, options = made(case, shape, torch.float32)
    f = getattr(ft, case.function)
    g = incoming_for(f(*arguments, reduction=reduction, **options), "many")
    value, grads = derived(f, arguments, case.by, g, reduction=reduction, **options)
    views = [strided(a) for a in arguments]
    leaves = [view.requires_grad_() for view in views[: case.by]]
    again = f(
        *views,
        reduction=reduction,
        **{k: strided(v) if isinstance(v, torch.Tensor) else v for k, v in options.items()},
    )
    others = torch.autograd.grad(again, leaves, g)
    torch.testing.assert_close(again, value, rtol=1e-6, atol=1e-6)
    for mine, theirs in zip(others, grads):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


@alone
@each_case
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradcheck(case, reduction):
    arguments, options = made(case, case.shapes[0], torch.float64)
    leaves = [a.requires_grad_() for a in arguments[: case.by]]

    def f(*leaves):
        return getattr(ft, case.function)(*leaves, *arguments[case.by :], reduction=reduction, **options)

    assert torch.autograd.gradcheck(f, leaves)


@pytest.mark.parametrize(
    "function, shape",
    [
        ("cross_entropy", (0, 5)),
        ("mse_loss", (0,)),
        ("kl_div", (0, 3)),
        ("huber_loss", (0, 2)),
        ("gaussian_nll_loss", (0, 2)),
    ],
)
def test_of_nothing(function, shape):
    case = CASES[function]
    arguments, options = made(case, shape, torch.float32)
    f = getattr(ft, function)
    for reduction in ("sum", "none"):
        got, grads = derived(
            f,
            arguments,
            case.by,
            torch.ones_like(f(*arguments, reduction=reduction)),
            reduction=reduction,
            **options,
        )
        want = of_torch(function)(*arguments, reduction=reduction, **options)
        assert torch.equal(got, want) and all(g.shape == shape for g in grads)
    with pytest.warns(RuntimeWarning, match="mean of nothing|mean"):
        assert f(*arguments, **options).isnan() and of_torch(function)(*arguments, **options).isnan()


def test_all_ignored_is_nan_with_a_gradient_of_zeros():
    x = torch.randn(3, 4, requires_grad=True)
    with pytest.warns(RuntimeWarning):
        value = ft.cross_entropy(x, torch.full((3,), -100))
    value.backward()
    assert value.isnan() and not x.grad.any()


@pytest.mark.parametrize("function", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("inplace", [False, True])
def test_a_sentence_of_nothing_but_padding_does_not_spoil_the_others(inplace, function):
    logits = torch.randn(3, 6, 5).log_softmax(-1)
    y = torch.randint(5, (3, 6))
    y[1], y[0, 4:] = -100, -100
    results = []
    for f, how in ((of_torch(function), {}), (getattr(ft, function), dict(inplace=inplace))):
        leaf = logits.clone().requires_grad_()
        value = f((leaf * 1).transpose(1, 2), y, reduction="none", **how)
        (value.sum(1) / (y != -100).sum(1)).nansum().backward()  # 0 / 0, whose incoming gradient is nan
        results.append(leaf.grad)
    assert results[0].isfinite().all() and not results[0][1].any()
    torch.testing.assert_close(results[1], results[0])


def test_an_infinite_incoming_gradient_is_passed_on_but_for_ignored_rows():
    x, y = torch.randn(4, 5), torch.tensor([0, -100, 2, 3])
    for reduction, incoming in (("none", [math.nan, math.inf, 2.0, -1.0]), ("sum", math.nan)):
        results = []
        for f in (F.cross_entropy, ft.cross_entropy):
            leaf = x.clone().requires_grad_()
            f(leaf, y, reduction=reduction).backward(torch.tensor(incoming), retain_graph=True)
            results.append(leaf.grad)
        torch.testing.assert_close(results[1], results[0], equal_nan=True)
    leaf = x[0].clone().requires_grad_()
    ft.cross_entropy(leaf, torch.tensor(-100), reduction="none").backward(torch.tensor(math.inf))
    assert not leaf.grad.any()
    leaf = x.clone().requires_grad_()
    ft.loss("focal", leaf, y, reduction="none").backward(torch.full((4,), math.nan))
    assert leaf.grad.isnan().all(1).tolist() == [True, False, True, True] and not leaf.grad[1].any()


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (1, 6, 3), (4, 6, 3)])
def test_variances_are_repeated_as_in_torch(shape):
    rng = np.random.default_rng(5)
    x, y, var = normal(rng, (4, 6, 3)), normal(rng, (4, 6, 3)), uniform(rng, shape, 0.3, 3)
    want, theirs = derived(F.gaussian_nll_loss, [x, y, var], 3)
    got, ours = derived(ft.gaussian_nll_loss, [x, y, var], 3)
    close(got, want, torch.float64, "value")
    for mine, other in zip(ours, theirs):
        close(mine, other, torch.float64, "gradient")


def test_variances_below_eps_keep_the_gradient_at_eps():
    x, y = torch.tensor([1.0, 2.0]).double(), torch.tensor([0.5, 0.0]).double()
    var = torch.tensor([1e-9, 0.2]).double()
    for eps in (1e-6, 1e-3, 0.5):
        want, theirs = derived(F.gaussian_nll_loss, [x, y, var], 3, eps=eps)
        got, ours = derived(ft.gaussian_nll_loss, [x, y, var], 3, eps=eps)
        close(got, want, torch.float64, "value")
        for mine, other in zip(ours, theirs):
            close(mine, other, torch.float64, "gradient")
    assert ft.gaussian_nll_loss(x, y, var.clamp(min=1e-3), eps=1e-12).isfinite()
    with ft.strict(), pytest.raises(ValueError, match="eps = 1e-12"):
        ft.gaussian_nll_loss(x, y, var, eps=1e-12)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_probabilities_of_0_and_1_cost_what_they_cost_in_torch(reduction, inplace):
    x, y = torch.tensor([0.0, 1.0, 0.3, 1.0]), torch.tensor([1.0, 0.0, 1.0, 1.0])
    results = []
    for f, how in ((F.binary_cross_entropy, {}), (ft.binary_cross_entropy, dict(inplace=inplace))):
        leaf = x.clone().requires_grad_()
        value = f(leaf * 1, y, reduction=reduction, **how)
        value.sum().backward()
        results.append((value.detach(), leaf.grad))
    assert results[0][0].max() > 20 or reduction == "mean"
    for theirs, ours in zip(*results):
        torch.testing.assert_close(ours, theirs)


@refusing
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("bad", [-0.5, 1.25, math.nan, math.inf])
def test_what_is_no_probability_is_named(bad, inplace):
    x, y = torch.tensor([[0.2, 0.5], [bad, 0.3]], requires_grad=True), torch.zeros(2, 2)
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(x, y)
    with pytest.raises(ValueError, match=rf"input\[1, 0\] = {bad} .*\[0, 1\]"):
        ft.binary_cross_entropy(x * 1, y, inplace=inplace)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.float64])
def test_targets_of_any_dtype_whatever_the_probabilities(kind, inplace):
    y, weight = torch.tensor([1, 0, 1, 1]), torch.tensor([1.0, 2.0, 0.5, 1.0], dtype=torch.float64)
    for x in ([0.5, 0.5, 0.3, 0.9], [0.0, 1.0, 0.3, 1.0]):
        results = []
        for f, how, t, w in (
            (F.binary_cross_entropy, {}, y.float(), weight.float()),
            (ft.binary_cross_entropy, dict(inplace=inplace), y.to(kind), weight),
        ):
            leaf = torch.tensor(x, requires_grad=True)
            f(leaf * 1, t, w, **how).backward()
            results.append(leaf.grad)
        torch.testing.assert_close(results[1], results[0])


def test_float16_gradients_survive_a_loss_scale():
    x = torch.randn(4096, 64).half().requires_grad_()
    y = torch.randint(64, (4096,))
    (ft.cross_entropy(x, y) * 1024).backward()
    (want,) = torch.autograd.grad(F.cross_entropy(z := x.detach().double().requires_grad_(), y) * 1024, z)
    assert (want.abs() / 1024 < 2**-24).any()  # what float16 cannot hold before the scale
    torch.testing.assert_close(x.grad.double(), want, rtol=2**-10, atol=2**-25)


def test_autocast_gives_float32():
    x, y = torch.randn(8, 5).bfloat16().requires_grad_(), torch.randint(5, (8,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, want = ft.cross_entropy(x, y), F.cross_entropy(x, y)
    assert got.dtype == want.dtype == torch.float32
    torch.testing.assert_close(got, want)
    (3 * got).backward()
    assert x.grad.dtype == torch.bfloat16


# --- torch's names ----------------------------------------------------------------------------------------


def test_every_loss_of_torch_is_here():
    words = re.compile("[a-z].*(loss|entropy)|kl_div")
    theirs = {name for name in vars(F) if words.match(name) and callable(getattr(F, name))}
    assert theirs == {name for name in NAMES if name.islower()}
    modules = {name for name in vars(nn) if name.endswith("Loss")}
    head = {"AdaptiveLogSoftmaxWithLoss"}
    assert modules - head == {name for name in NAMES if not name.islower()}


def test_what_has_no_kernel_is_torchs():
    functions = {
        "ctc_loss",
        "hinge_embedding_loss",
        "linear_cross_entropy",
        "margin_ranking_loss",
        "multilabel_margin_loss",
        "triplet_margin_loss",
        "triplet_margin_with_distance_loss",
    }
    assert {name for name in TORCHS if name.islower()} == functions
    modules = {name.removesuffix("_loss").replace("_", "") + "loss" for name in functions}
    assert {name.lower() for name in TORCHS if not name.islower()} == modules


def test_the_module_shows_its_public_names():
    assert dir(ft) == sorted(ft.__all__)


def parameters_of(thing):
    return [(p.name, p.default, p.kind) for p in inspect.signature(thing).parameters.values()]


@pytest.mark.parametrize("name", [*FUNCTIONS, *MODULES])
def test_signatures_are_torchs_with_one_keyword_more(name):
    theirs = getattr(F if name.islower() else nn, name)
    ours = parameters_of(getattr(ft, name))
    assert ours == [*parameters_of(theirs), ("inplace", False, inspect.Parameter.KEYWORD_ONLY)]


@refusing
@pytest.mark.parametrize("name", FUNCTIONS)
def test_deprecated_options_are_refused(name):
    parameters = inspect.signature(getattr(ft, name)).parameters
    for option in {"size_average", "reduce"} & {*parameters}:
        with pytest.raises(ValueError, match=f"{option} = True is deprecated"):
            getattr(ft, name)(*[torch.ones(2)] * (3 if name.startswith("cosine") else 2), **{option: True})


WEIGHT = torch.tensor([0.5, 1.0, 2.0, 1.5, 0.7])
BUILT = {
    "CrossEntropyLoss": ("cross_entropy", dict(weight=WEIGHT, label_smoothing=0.1, reduction="sum")),
    "NLLLoss": ("cross_entropy-ignore", dict(weight=WEIGHT, ignore_index=2)),
    "MultiMarginLoss": ("multi_margin_loss", dict(p=2, margin=0.5, weight=WEIGHT)),
    "KLDivLoss": ("kl_div-log", dict(log_target=True, reduction="batchmean")),
    "MSELoss": ("mse_loss", dict(reduction="none")),
    "L1Loss": ("l1_loss", dict(reduction="sum")),
    "SmoothL1Loss": ("smooth_l1_loss", dict(beta=0.4)),
    "HuberLoss": ("huber_loss", dict(delta=0.4)),
    "BCELoss": ("binary_cross_entropy", dict(weight=WEIGHT)),
    "BCEWithLogitsLoss": ("bce_with_logits", dict(weight=WEIGHT, pos_weight=WEIGHT)),
    "MultiLabelSoftMarginLoss": ("multilabel_soft_margin_loss", dict(weight=WEIGHT)),
    "SoftMarginLoss": ("soft_margin_loss", dict(reduction="sum")),
    "PoissonNLLLoss": ("poisson_nll_loss-rate", dict(log_input=False)),
    "GaussianNLLLoss": ("gaussian_nll_loss", dict(full=True, eps=0.9)),
    "CosineEmbeddingLoss": ("cosine_embedding_loss", dict(margin=0.2)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_torchs(name):
    case, options = BUILT[name]
    arguments, _ = made(CASES[case], (6, 5), torch.float32)
    theirs, ours = getattr(nn, name)(**options), getattr(ft, name)(**options)
    assert isinstance(ours, getattr(nn, name)) and "inplace" not in repr(ours)
    theirs.load_state_dict(ours.state_dict())
    file = io.BytesIO()
    torch.save(ours, file)
    file.seek(0)
    for module in (
        ours,
        copy.deepcopy(ours),
        pickle.loads(pickle.dumps(ours)),
        torch.load(file, weights_only=False),
    ):
        torch.testing.assert_close(module(*arguments), theirs(*arguments))


@pytest.mark.parametrize("name", MODULES)
def test_modules_take_inplace(name):
    case, options = BUILT[name]
    arguments, _ = made(CASES[case], (6, 5), torch.float32)
    module = pickle.loads(pickle.dumps(getattr(ft, name)(**options, inplace=True)))
    assert module.inplace and repr(module) == f"{name}(inplace=True)"
    x = arguments[0].requires_grad_() * 1
    before = x.detach().clone()
    module(x, *arguments[1:]).sum().backward()
    want = torch.autograd.grad(getattr(nn, name)(**options)(*arguments).sum(), arguments[0])[0]
    assert not torch.equal(x.detach(), before)
    torch.testing.assert_close(arguments[0].grad, want)
    with pytest.raises(TypeError, match="inplace = 1 must be True or False"):
        getattr(ft, name)(inplace=1)


@refusing
def test_modules_refuse_what_is_deprecated():
    with pytest.raises(ValueError, match="size_average = False"):
        ft.MSELoss(size_average=False)


# --- autograd ---------------------------------------------------------------------------------------------


def softmax_regression(seed=0, n=12, classes=5, dtype=torch.float32):
    torch.manual_seed(seed)
    hidden = torch.randn(n, 4, dtype=dtype, requires_grad=True)
    weights = torch.randn(4, classes, dtype=dtype, requires_grad=True)
    return hidden, weights, torch.randint(classes, (n,))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_a_second_backward_pass_is_right(inplace, scale):
    """Also after somebody wrote to what the first one gave, and at the leaf."""
    h, w, y = softmax_regression()
    want = torch.autograd.grad(F.cross_entropy(h @ w, y) * scale, (h, w))
    loss = ft.cross_entropy(h @ w, y, inplace=inplace) * scale
    for last in (False, False, True):
        got = torch.autograd.grad(loss, (h, w), retain_graph=not last)
        torch.testing.assert_close(got, want)
        for each in got:
            each.zero_()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


@pytest.mark.parametrize("keeps", [True, False], ids=["known", "unknown"])
def test_a_gradient_that_was_handed_out_is_not_ours_any_more(keeps, monkeypatch):
    if not keeps:  # a torch that does not say whether the graph is kept
        monkeypatch.setattr("fastloss.torch._autograd._keeps_graph", lambda: True)
    x = torch.randn(6, 3, requires_grad=True)
    y = torch.randint(3, (6,))
    (want,) = torch.autograd.grad(F.cross_entropy(x, y), x)
    loss = ft.cross_entropy(x, y)
    for factor in (1.0, 3.0, 1.0):
        (got,) = torch.autograd.grad(loss, x, torch.tensor(factor), retain_graph=True)
        torch.testing.assert_close(got, factor * want)
        got.fill_(7)
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close(x.grad, 2 * want)


def test_gradients_accumulate():
    h, w, y = softmax_regression()
    for f in (F, ft):
        h.grad = w.grad = None
        for part in (slice(0, 5), slice(5, 12)):
            (f.cross_entropy(h[part] @ w, y[part]) * 0.5).backward()
        both = f.cross_entropy(h @ w, y) + f.mse_loss(h @ w, torch.zeros(12, 5))
        both.backward()
        if f is F:
            want = h.grad.clone(), w.grad.clone()
    torch.testing.assert_close((h.grad, w.grad), want)


def test_two_losses_of_the_same_logits():
    h, w, y = softmax_regression()
    grads = []
    for f in (F, ft):
        x = h @ w
        loss = f.cross_entropy(x, y) + 3 * f.cross_entropy(x, y, label_smoothing=0.5) + x.square().sum()
        grads.append(torch.autograd.grad(loss, (h, w)))
    torch.testing.assert_close(*grads)


def test_nothing_extra_where_the_incoming_gradient_is_1():
    """The memory of the fused pass is what the leaf's grad becomes."""
    x = torch.randn(64, 32, requires_grad=True)
    y = torch.randint(32, (64,))
    loss = ft.cross_entropy(x, y)
    made_at = loss.grad_fn.saved_tensors[0].data_ptr()
    loss.backward()
    assert x.grad.data_ptr() == made_at and x.grad._version == 0  # not written to
    x.grad = None
    loss = ft.cross_entropy(x, y, reduction="none")
    made_at = loss.grad_fn.saved_tensors[0].data_ptr()
    loss.sum().backward()
    assert x.grad.data_ptr() == made_at and x.grad._version == 0  # not written to
    x.grad = None
    loss = 2 * ft.cross_entropy(x, y)
    made_at = loss.grad_fn.next_functions[0][0].saved_tensors[0].data_ptr()
    loss.backward()  # multiplied where it lies
    assert x.grad.data_ptr() == made_at and x.grad._version == 1


@pytest.mark.parametrize("inplace", [False, True])
@refusing
def test_only_the_gradient_is_kept(inplace):
    h, w, y = softmax_regression()
    x = h @ w
    address, storage = x.data_ptr(), weakref.ref(x.untyped_storage())
    loss = ft.cross_entropy(x, y, inplace=inplace)
    del x
    gc.collect()
    assert (storage() is not None) == inplace  # there it is the gradient's
    assert (loss.grad_fn.saved_tensors[0].data_ptr() == address) == inplace
    assert sum(t.numel() for t in loss.grad_fn.saved_tensors) == 12 * 5


def test_no_gradient_where_none_is_wanted():
    h, w, y = softmax_regression()
    with torch.no_grad():
        x = h @ w
        before = x.clone()
        loss = ft.cross_entropy(x, y, inplace=True)
    assert not loss.requires_grad and torch.equal(x, before)
    with torch.no_grad():
        assert not ft.cross_entropy(h @ w, y).requires_grad
        ft.mse_loss(w, w)  # leaves
    with torch.inference_mode():
        assert ft.cross_entropy(h @ w, y, inplace=True).item() == pytest.approx(loss.item())
    x = torch.randn(3, 3)
    before = x.clone()
    assert not ft.mse_loss(x, torch.zeros(3, 3), inplace=True).requires_grad and torch.equal(x, before)


def test_the_gradient_by_the_target_alone():
    x, y = torch.randn(4, 3), torch.randn(4, 3, requires_grad=True)
    for inplace in (False, True):
        before = x.clone()
        (got,) = torch.autograd.grad(2 * ft.mse_loss(x, y, inplace=inplace), y)
        torch.testing.assert_close(got, torch.autograd.grad(2 * F.mse_loss(x, y), y)[0])
        assert torch.equal(x, before)
    var = torch.rand(4, 3).add(0.1).requires_grad_()
    (got,) = torch.autograd.grad(ft.gaussian_nll_loss(x, y.detach(), var), var)
    torch.testing.assert_close(got, torch.autograd.grad(F.gaussian_nll_loss(x, y.detach(), var), var)[0])


def test_a_target_of_another_dtype_gets_a_gradient_of_its_own():
    x, y = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    got = torch.autograd.grad(ft.mse_loss(x, y), (x, y))
    assert [g.dtype for g in got] == [torch.float32, torch.float64]
    torch.testing.assert_close(got, torch.autograd.grad(F.mse_loss(x, y), (x, y)))


def test_one_large_gradient_leaves_its_memory_to_the_next():
    from fastloss.torch import _autograd

    x = torch.randn(1 << 8, 1 << 15, requires_grad=True)  # 32 MB
    y, more = torch.arange(1 << 8), torch.randn(2, 1 << 15, requires_grad=True)
    ft.empty_cache()
    (first,) = torch.autograd.grad(ft.cross_entropy(x, y), x)
    address, want = first.data_ptr(), first.clone()
    (second,) = torch.autograd.grad(ft.cross_entropy(x, y), x)  # while the first lives
    assert second.data_ptr() != address and torch.equal(first, want)
    part = first[3:5]  # so does a view of it
    del first
    assert not _autograd._buffers._free
    del part
    assert len(_autograd._buffers._free) == 1
    del second
    assert len(_autograd._buffers._free) == 1  # one is enough
    torch.autograd.grad(ft.cross_entropy(more, y[:2]), more)  # too small to take it
    assert len(_autograd._buffers._free) == 1
    (third,) = torch.autograd.grad(ft.cross_entropy(x, y), x)
    assert third.data_ptr() == address and not _autograd._buffers._free and torch.equal(third, want)
    del third
    whole = torch.cat([x, x, x]).detach().requires_grad_()
    (larger,) = torch.autograd.grad(ft.cross_entropy(whole, y.repeat(3)), whole)
    assert not _autograd._buffers._free  # given back before more was taken
    torch.testing.assert_close(larger[: 1 << 8], want / 3)
    del larger
    ft.empty_cache()
    assert not _autograd._buffers._free


def test_a_large_gradient_may_outlive_everything():
    code = (
        "import torch, fastloss.torch as F; x = torch.zeros(1 << 23, requires_grad=True); "
        "F.mse_loss(x, x.detach() + 1).backward(); torch.keep = x"
    )
    done = run(code)
    assert done.returncode == 0 and not done.stderr


# --- over the logits --------------------------------------------------------------------------------------


VIEWS = {
    "itself": lambda x: x,
    "flat": lambda x: x.view(-1, 5),
    "shifted": lambda x: x.view(3, 4, 5)[:, :-1],
    "axis 1": lambda x: x.view(3, 4, 5).transpose(1, 2),
    "slice": lambda x: x[2:9],
}


@alone
@each_case
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_inplace_gives_the_same_and_lies_there(case, reduction):
    shape = case.shapes[0]
    arguments, options = made(case, shape, torch.float32)
    f, results = getattr(ft, case.function), []
    for inplace in (False, True):
        leaves = [a.detach().clone().requires_grad_() for a in arguments[: case.by]]
        x = leaves[0] * 1
        address = x.data_ptr()
        value = f(x, *leaves[1:], *arguments[case.by :], reduction=reduction, inplace=inplace, **options)
        g = incoming_for(value, "many")
        results.append((value.detach(), torch.autograd.grad(value, leaves, g)))
        if inplace:
            torch.testing.assert_close(x.detach(), results[-1][1][0])  # multiplied in place too
            assert x.data_ptr() == address
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-7)


@every_dtype
@pytest.mark.parametrize("view", VIEWS)
def test_inplace_through_views(view, dtype):
    h, w, _ = softmax_regression(dtype=dtype)
    axis, grads = (1 if view == "axis 1" else -1), []
    for f, how in ((F, {}), (ft, dict(inplace=True))):
        x = h @ w
        x = VIEWS[view](x)
        y = torch.arange(x.numel() // 5).reshape(x.movedim(axis, -1).shape[:-1]) % 5
        if f is F or axis == 1:
            loss = f.cross_entropy(x.movedim(axis, 1), y, **how)
        else:
            loss = ft.loss(fl.cross_entropy, x, y, **how)
            assert x._version == 1
        grads.append(torch.autograd.grad(loss, (h, w)))
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(*grads, rtol=8 * eps, atol=8 * eps)


def test_overwritten_logits_are_not_used_unnoticed():
    h, w, y = softmax_regression()
    x = h @ w
    loss = ft.cross_entropy(x, y, inplace=True)
    with pytest.raises(RuntimeError, match="overwritten by its gradient"):
        (loss + x.mean()).backward()  # after
    x = h @ w
    square = x.square().sum()  # needs x itself
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (ft.cross_entropy(x, y, inplace=True) + square).backward()
    x = (h @ w).tanh()  # its derivative needs its result
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        ft.cross_entropy(x, y, inplace=True).backward()
    x = h @ w
    loss = ft.cross_entropy(x, y, inplace=True)
    x.detach().zero_()  # the gradient is gone
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    x = h @ w
    loss = ft.cross_entropy(x.view(3, 4, 5).flatten(0, 1), y, inplace=True)  # the view's base, too
    with pytest.raises(RuntimeError, match="overwritten by its gradient"):
        (loss + x.mean()).backward()


def test_uses_before_that_do_not_need_the_values_are_right():
    h, w, y = softmax_regression()
    grads = []
    for f, how in ((F, {}), (ft, dict(inplace=True))):
        x = h @ w
        total = x.sum()
        grads.append(torch.autograd.grad(total + f.cross_entropy(x, y, **how), (h, w)))
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda h, w: w, "a leaf that requires grad"),
        (lambda h, w: w.view(4, 5), "a view of a leaf that requires grad"),
        (lambda h, w: (h @ w).chunk(3)[1], "several results"),
        (lambda h, w: (h @ w)[:1].expand(4, 5), "share memory"),
    ],
    ids=["leaf", "view of leaf", "chunk", "expanded"],
)
def test_inplace_refuses_before_anything_is_written(wrong, message):
    h, w, _ = softmax_regression()
    x = wrong(h, w)
    before = x.detach().clone()
    with pytest.raises(ValueError, match=message):
        ft.cross_entropy(x, torch.zeros(4, dtype=torch.int64), inplace=True)
    assert torch.equal(x.detach(), before) and x._version == 0


def test_inplace_refuses_a_retained_grad():
    h, w, y = softmax_regression()
    x = h @ w
    x.retain_grad()
    with pytest.raises(ValueError, match="retain_grad"):
        ft.cross_entropy(x, y, inplace=True)


def test_inplace_refuses_a_lazily_negated_view():
    z = torch.randn(4, 5, dtype=torch.complex64).requires_grad_()
    x = (z * 1).conj().imag
    assert x.is_neg()
    with pytest.raises(ValueError, match="negated"):
        ft.cross_entropy(x, torch.tensor([0, 1, 2, 3]), inplace=True)
    ft.cross_entropy(x, torch.tensor([0, 1, 2, 3])).backward(retain_graph=True)
    got, z.grad = z.grad, None
    F.cross_entropy(x, torch.tensor([0, 1, 2, 3])).backward()
    torch.testing.assert_close(got, z.grad)


def test_logits_of_a_call_that_failed_after_writing_are_not_used_unnoticed():
    h, w, _ = softmax_regression()
    x = h @ w
    before = x.sum()
    with warnings.catch_warnings(), pytest.raises(RuntimeWarning):
        warnings.simplefilter("error")
        ft.cross_entropy(x, torch.full((12,), -100), inplace=True)
    assert not x.detach().any()  # spent
    before.backward(retain_graph=True)  # what was computed before is right
    with pytest.raises(RuntimeError, match="overwritten by its gradient"):
        x.sum().backward()


def test_a_bad_label_leaves_the_logits_usable():
    h, w, y = softmax_regression()
    x = h @ w
    y[7] = 5
    with pytest.raises(ValueError, match=r"target\[7\] = 5 is out of range for 5 classes"):
        ft.cross_entropy(x, y, inplace=True)
    y[7] = 4
    got = torch.autograd.grad(ft.cross_entropy(x, y, inplace=True), (h, w))
    torch.testing.assert_close(got, torch.autograd.grad(F.cross_entropy(h @ w, y), (h, w)))


def test_hooks_on_the_logits_see_the_gradient():
    h, w, y = softmax_regression()
    seen = []
    for f, how in ((F, {}), (ft, dict(inplace=True))):
        x = h @ w
        x.register_hook(lambda g: seen.append(g.clone()))
        f.cross_entropy(x, y, **how).backward()
    torch.testing.assert_close(*seen)


# --- clear errors -----------------------------------------------------------------------------------------


X, Y = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
LEAF = torch.rand(4, 3).requires_grad_()


@refusing
@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: ft.cross_entropy(X.to("meta"), Y), TypeError, r"input is on meta: .* pass input\.cpu\(\)"),
        (lambda: ft.cross_entropy(X, Y.to("meta")), TypeError, "target is on meta"),
        (lambda: ft.cross_entropy(X.to_sparse(), Y), TypeError, "input is a torch.sparse_coo tensor"),
        (lambda: ft.cross_entropy(X.numpy(), Y), TypeError, "input is a ndarray: it must be a torch tensor"),
        (lambda: ft.cross_entropy(X.long(), Y), TypeError, "input has dtype torch.int64"),
        (lambda: ft.cross_entropy(X[0, 0], Y), ValueError, "an axis of classes"),
        (lambda: ft.cross_entropy(X, X), ValueError, "target"),
        (lambda: ft.cross_entropy(X, LEAF), TypeError, r"pass target\.detach\(\)"),
        (lambda: ft.cross_entropy(X, Y, weight=LEAF[0]), TypeError, r"pass weight\.detach\(\)"),
        (lambda: ft.cross_entropy(X, Y, reduction="max"), ValueError, "reduction = 'max'"),
        (
            lambda: ft.cross_entropy(X, X.softmax(1), ignore_index=1),
            ValueError,
            "ignore_index = 1 .* probabil",
        ),
        (lambda: ft.nll_loss(X, X.abs()), TypeError, "target has dtype torch.float32"),
        (lambda: ft.kl_div(X, LEAF), TypeError, r"pass target\.detach\(\)"),
        (lambda: ft.mse_loss(X, X[:, 0]), ValueError, "nothing is broadcast"),
        (lambda: ft.mse_loss(X, X, weight=X[0]), ValueError, "weight has shape"),
        (lambda: ft.binary_cross_entropy_with_logits(X, LEAF), TypeError, r"pass target\.detach\(\)"),
        (lambda: ft.binary_cross_entropy_with_logits(X, X + 9), ValueError, "target"),
        (lambda: ft.poisson_nll_loss(X, X.abs(), False, eps=1e-3), ValueError, "eps = 0.001"),
        (lambda: ft.gaussian_nll_loss(X, X, X.abs()[:2]), ValueError, "var has shape"),
        (lambda: ft.gaussian_nll_loss(X, X, -X.abs()), ValueError, "var"),
        (lambda: ft.gaussian_nll_loss(X, X, -X.abs(), eps=0.1), ValueError, "var"),
        (lambda: ft.loss("nothing", X, Y), TypeError, "which = 'nothing'"),
        (lambda: ft.loss(fl.focal, X), TypeError, "takes logits and target"),
        (lambda: ft.loss(fl.focal, X, Y, out=X), TypeError, "inplace=True"),
        (lambda: ft.loss(fl.focal, X, Y, sample_weight=LEAF[:, 0]), TypeError, "sample_weight requires grad"),
    ],
)
def test_errors_name_argument_value_and_rule(call, error, message):
    with pytest.raises(error, match=message):
        call()


@refusing
@pytest.mark.parametrize(
    "create",
    [
        lambda x: ft.cross_entropy(x, Y).backward(create_graph=True),
        lambda x: torch.autograd.functional.hessian(lambda z: ft.cross_entropy(z, Y), x),
    ],
)
def test_double_backward_says_so(create):
    with pytest.raises(RuntimeError, match="no double backward"):
        create(X.clone().requires_grad_())


@refusing
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own, on the way
def test_transforms_say_so():
    for transform in (torch.func.grad, torch.func.vmap, torch.func.jacrev):
        with pytest.raises(TypeError, match=r"inside torch\.func"):
            transform(lambda x: ft.mse_loss(x, x.detach()))(X)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(X, X)
        with pytest.raises(NotImplementedError, match="no forward-mode derivative"):
            ft.cross_entropy(dual, Y)
        ft.cross_entropy(X, Y)


@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_batches_of_incoming_gradients(reduction):
    y = torch.tensor([0, -100, 2, 1])
    rows = torch.eye(4) if reduction == "none" else torch.tensor([1.0, 2.0, 3.0])
    results = []
    for f in (F, ft):
        x = X.clone().requires_grad_()
        value = f.cross_entropy(x, y, reduction=reduction)
        grads = torch.autograd.grad(value, x, rows, is_grads_batched=True)[0]
        more = torch.autograd.functional.jacobian(
            lambda z: f.mse_loss(z, X * 2, reduction=reduction),  # noqa: B023
            X,
            vectorize=True,
        )
        results.append((grads, more))
    torch.testing.assert_close(results[1], results[0], equal_nan=True)


@refusing
def test_bfloat16_without_ml_dtypes_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(TypeError, match="ml_dtypes"):
        ft.cross_entropy(X.bfloat16(), Y)


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_without_torch_the_error_says_how_to_install_it():
    done = run("import sys; sys.modules['torch'] = None\nimport fastloss, fastloss.torch")
    message = 'this needs torch, which is not installed: pip install torch, or ".[torch]" in a clone'
    assert f"ImportError: {message}" in done.stderr
    assert not run("import sys, fastloss; sys.exit('torch' in sys.modules)").returncode


# --- any loss ---------------------------------------------------------------------------------------------


OWN = {"gaussian_nll": dict(var=0.5), "l_softmax": dict(scale=4.0), "arcface": dict(scale=4.0)}


def tensors_for(name):
    """Arguments that are inside the domain of each loss."""
    rng, names = np.random.default_rng(3), fl.losses[name]._names
    x = torch.tensor(rng.uniform(0.1, 0.9, (6, 5)))
    if name.startswith("cosine"):
        return [x, x.flip(0), torch.ones(6)][: len(names)]
    if "axis" not in inspect.signature(fl.losses[name]).parameters:
        sides = "labels" in inspect.signature(fl.losses[name]).parameters
        return [x, torch.ones(6, 5) if sides else x.flip(0)]
    if name.startswith(("kl", "js")):
        return [x.log(), x.flip(0).softmax(1)]
    return [x.log() if name == "nll" else x, torch.tensor(rng.integers(5, size=6))]


@alone
@every_dtype
@pytest.mark.parametrize("name", fl.losses)
def test_any_loss_of_fastloss(name, dtype):
    which, own = fl.losses[name], OWN.get(name, {})
    arguments = [rounded(a, dtype) for a in tensors_for(name)]
    for reduction in REDUCTIONS:
        for inplace in (False, True):
            leaf = arguments[0].detach().clone().requires_grad_()
            value = ft.loss(which, leaf * 1, *arguments[1:], inplace=inplace, reduction=reduction, **own)
            value.sum().backward()
            want, grad = which.value_and_grad(*[a.detach() for a in arguments], reduction=reduction, **own)
            torch.testing.assert_close(value.detach(), torch.as_tensor(np.asarray(want, "f8")).to(dtype))
            torch.testing.assert_close(leaf.grad, torch.tensor(grad.astype("f8")).to(dtype))


def test_a_module_of_any_loss():
    x = torch.randn(7, 5, requires_grad=True)
    y = torch.randint(5, (7,))
    w, s = torch.rand(5), torch.rand(7)
    module = ft.Loss(fl.focal, gamma=1.5, class_weight=w)
    module = pickle.loads(pickle.dumps(copy.deepcopy(module)))
    assert list(module.state_dict()) == ["class_weight"] and "focal, gamma=1.5" in repr(module)
    want, grad = fl.focal.value_and_grad(x.detach(), y, gamma=1.5, class_weight=w, sample_weight=s)
    loss = module(x, y, sample_weight=s)
    loss.backward()
    assert loss.item() == pytest.approx(want, rel=1e-6)
    np.testing.assert_array_equal(x.grad, grad)
    assert ft.Loss("focal", inplace=True)(x * 1, y).requires_grad


def test_any_loss_with_two_gradients_and_an_axis():
    rng = np.random.default_rng(0)
    x, y, var = (torch.tensor(rng.uniform(0.2, 2, (4, 3))).requires_grad_() for _ in range(3))
    assert torch.autograd.gradcheck(lambda x, v: ft.loss(fl.gaussian_nll, x, y.detach(), var=v), (x, var))
    for axis in (0, 1, -1):
        module = ft.Loss(fl.cosine_distance, axis=axis, reduction="none")
        assert torch.autograd.gradcheck(module, (x, y))
    z, t = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True), torch.randint(5, (2, 3))
    assert torch.autograd.gradcheck(
        lambda z: ft.loss("focal", z, t, axis=-2, reduction="none", gamma=1.0), (z,)
    )


# --- where it runs ----------------------------------------------------------------------------------------


def test_one_thread_of_torch_is_one_of_ours(monkeypatch):
    from fastloss.torch import _autograd

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert _autograd._threads(1) == _autograd._threads(1 << 24) == 1
    finally:
        torch.set_num_threads(before)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert _autograd._threads(100) is None and _autograd._threads(1 << 24) == 3


class LossesOfBatches(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        torch.manual_seed(i)
        x = torch.randn(600, 300, requires_grad=True)
        ft.cross_entropy(x, torch.arange(600) % 300).backward()
        return x.grad.abs().sum()


@pytest.mark.filterwarnings("ignore:os.fork")  # JAX says it, where another test has brought it in
def test_in_a_worker_of_a_data_loader():
    ft.mse_loss(torch.zeros(1 << 18), torch.ones(1 << 18))  # threads are running when it forks
    loader = torch.utils.data.DataLoader(LossesOfBatches(), num_workers=1, multiprocessing_context="fork")
    here = torch.stack([LossesOfBatches()[i] for i in range(4)])
    torch.testing.assert_close(torch.cat(list(loader)), here)


def test_the_page_runs_as_it_stands():
    blocks = re.findall(r"^```py\n(.*?)^```$", (ROOT / "docs" / "torch.md").read_text(), re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "torch.md", "exec"), {})


def test_checkpointed_logits():
    from torch.utils.checkpoint import checkpoint

    h, w, y = softmax_regression()
    want = torch.autograd.grad(F.cross_entropy(h @ w, y), (h, w))
    loss = checkpoint(lambda h, w: ft.cross_entropy(h @ w, y, inplace=True), h, w, use_reentrant=False)
    torch.testing.assert_close(torch.autograd.grad(loss, (h, w)), want)
    assert math.isfinite(loss.item())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own
def test_a_compiled_model_calls_it():
    h, w, y = softmax_regression()
    want = torch.autograd.grad(F.cross_entropy(h @ w, y), (h, w))
    for inplace in (False, True):
        step = torch.compile(lambda h, w: ft.cross_entropy(h @ w, y, inplace=inplace), backend="eager")  # noqa: B023
        torch.testing.assert_close(torch.autograd.grad(step(h, w), (h, w)), want)


@pytest.mark.slow
def test_the_example_trains_with_the_same_curve():
    command = [sys.executable, str(ROOT / "examples" / "train_language_model.py"), "--quick"]
    here = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=here)
    assert done.returncode == 0, done.stderr
    first, last = (re.search(rf"^ *{i} +(.*)$", done.stdout, re.M).group(1).split() for i in (0, 11))
    assert len(first) == 3 and float(last[2]) < float(first[2]) - 0.5
    assert float(re.search("the curves are (.*) apart", done.stdout).group(1)) <= 1e-5


def test_torch_takes_any_number_for_a_log_probability():
    x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], requires_grad=True)
    shares = torch.tensor([[0.5, 0.5], [0.1, 0.9]])
    for call, target in (("nll_loss", torch.tensor([0, 1])), ("kl_div", shares)):
        want = getattr(torch.nn.functional, call)(x, target, reduction="sum")
        got = getattr(F, call)(x, target, reduction="sum")
        assert got.item() == pytest.approx(want.item(), rel=1e-6)
        np.testing.assert_allclose(torch.autograd.grad(got, x)[0], torch.autograd.grad(want, x)[0], rtol=1e-6)
