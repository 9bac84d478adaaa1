"""fastloss.torch where torch does more than call a function: transforms, tracing, compiling, modes, patches.

A call is answered by a kernel, or by torch's own function: never refused, never baked into a graph.
"""

import contextlib
import functools
import gc
import inspect
import math
import os
import subprocess
import sys
import textwrap
import typing
import warnings
import weakref

import pytest

import fastloss as fl
from support import ROOT

torch = pytest.importorskip("torch", reason="torch is optional")

import fastloss.torch as ft  # noqa: E402

F, nn = torch.nn.functional, torch.nn
generator = torch.Generator().manual_seed(3)
X, Z = (torch.randn(6, 5, generator=generator) for _ in range(2))
Y = torch.tensor([0, 4, 2, 1, 3, 0])
# A call of each function that has kernels.
CALLS = {
    "cross_entropy": (X, Y),
    "nll_loss": (X.log_softmax(1), Y),
    "multi_margin_loss": (X, Y),
    "kl_div": (X.log_softmax(1), Z.softmax(1)),
    "mse_loss": (X, Z),
    "l1_loss": (X, Z),
    "smooth_l1_loss": (X, Z),
    "huber_loss": (X, Z),
    "binary_cross_entropy": (X.sigmoid(), Z.sigmoid()),
    "binary_cross_entropy_with_logits": (X, Z.sigmoid()),
    "multilabel_soft_margin_loss": (X, (Z > 0).float()),
    "soft_margin_loss": (X, Z.sign()),
    "poisson_nll_loss": (X, Z.abs().round()),
    "gaussian_nll_loss": (X, Z, Z.abs() + 0.1),
    "cosine_embedding_loss": (X, Z, Z[:, 0].sign()),
}
SMOOTH = [name for name in CALLS if name not in ("l1_loss", "multi_margin_loss", "cosine_embedding_loss")]
each = pytest.mark.parametrize("name", CALLS)
quiet = pytest.mark.filterwarnings("ignore")  # torch's own, on the way
close = torch.testing.assert_close


def both(name, **how):
    return [functools.partial(getattr(of, name), **how) for of in (F, ft)]


def outcomes(name, do):
    """What torch's function gives, and ours; or that both give an error of one kind."""
    results = []
    for of in (F, ft):
        try:
            results.append(do(getattr(of, name)))
        except Exception as error:
            results.append(type(error))
    return results


def value_and_grad(call, x, *rest, **how):
    leaf = x.detach().clone().requires_grad_()
    value = call(leaf, *rest, **how)
    return value, torch.autograd.grad(value.sum(), leaf)[0]


def test_every_function_is_called_here():
    assert {*CALLS} == {name for name in ft.__all__ if hasattr(getattr(ft, name), "operator")}


# --- who answers ------------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_kernel_answers_what_it_can(name, reduction):
    """Or the promises of speed and accuracy would be torch's."""
    x, *rest = CALLS[name]
    value = getattr(ft, name)(x.clone().requires_grad_(), *rest, reduction=reduction)
    assert "Fused" in type(value.grad_fn).__name__


ELSEWHERE = {
    "broadcast": ("mse_loss", lambda: (X, Z[:1]), {}),
    "target requires grad": ("cross_entropy", lambda: (X, Z.softmax(1).requires_grad_()), {}),
    "negative weight": ("cross_entropy", lambda: (X, Y), dict(weight=torch.tensor([1.0, -0.5, 1, 2, 1]))),
    "negative target": ("cross_entropy", lambda: (X, Z), {}),
    "target beyond 1": ("binary_cross_entropy_with_logits", lambda: (X, 3 * Z), {}),
    "sides": ("soft_margin_loss", lambda: (X, Z), {}),
    "complex": ("l1_loss", lambda: (X + 0j, Z + 1j), {}),
    "integers": ("l1_loss", lambda: (Y, Y + 1), dict(reduction="sum")),
    "wider target": ("mse_loss", lambda: (X, Z.double()), {}),
    "pos_weight 0": (
        "binary_cross_entropy_with_logits",
        lambda: (X, Z.sigmoid()),
        dict(pos_weight=torch.zeros(5)),
    ),
    "eps": ("poisson_nll_loss", lambda: (X.abs(), Z.abs()), dict(log_input=False, eps=1e-3)),
    "margin": ("multi_margin_loss", lambda: (X, Y), dict(margin=-1.0)),
    "deprecated": ("mse_loss", lambda: (X, Z), dict(size_average=False)),
    "meta": ("cross_entropy", lambda: (X.to("meta"), Y.to("meta")), {}),
}


@quiet
@pytest.mark.parametrize("case", ELSEWHERE)
def test_torch_answers_the_rest(case):
    name, arguments, how = ELSEWHERE[case]
    want, got = (call(*arguments()) for call in both(name, **how))
    close(got, want) if want.device.type == "cpu" else None
    assert (got.dtype, got.shape, got.device) == (want.dtype, want.shape, want.device)
    with ft.strict():
        if case == "wider target":
            assert getattr(ft, name)(*arguments(), **how).dtype == torch.float32
        else:
            with pytest.raises((TypeError, ValueError)):
                getattr(ft, name)(*arguments(), **how)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("cross_entropy", (X, Y + 3)),
        ("mse_loss", (X, Z[:, :3])),
        ("binary_cross_entropy", (X, Z.sigmoid())),
        ("cross_entropy", (X, Y.float())),
        ("mse_loss", (X.numpy(), Z)),
        ("huber_loss", (X, Z, "mean", -1.0)),
    ],
    ids=["label", "shape", "no probability", "labels that are floats", "array", "delta"],
)
@quiet
def test_where_torch_raises_the_error_is_torchs(name, arguments):
    with pytest.raises(Exception) as theirs:
        getattr(F, name)(*arguments)
    with pytest.raises(type(theirs.value)) as ours:
        getattr(ft, name)(*arguments)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    "name",
    [
        "mse_loss",
        "binary_cross_entropy_with_logits",
        "kl_div",
        "poisson_nll_loss",
        "cross_entropy",
        "gaussian_nll_loss",
    ],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_value_has_the_wider_dtype(name, dtype):
    x, y, *rest = CALLS[name]
    y = Z.softmax(1) if name == "cross_entropy" else y
    value, grad = value_and_grad(getattr(ft, name), x.to(dtype), y, *rest, reduction="none")
    assert value.dtype == getattr(F, name)(x.to(dtype), y, *rest, reduction="none").dtype == torch.float32
    assert "Fused" in type(value.grad_fn).__name__
    want, exact = value_and_grad(getattr(F, name), x.to(dtype).float(), y, *rest, reduction="none")
    close(value, want, rtol=2e-6, atol=2e-6)
    close(grad, exact.to(dtype))


def test_inplace_refuses():
    x = X.clone().requires_grad_() * 1
    for arguments in ((x, Z[:1]), (x, Z.clone().requires_grad_()[:, :2])):
        with pytest.raises(ValueError, match="they must match exactly"):
            ft.mse_loss(*arguments, inplace=True)
    assert torch.equal(x.detach(), X)


def test_strict_is_a_switch_and_a_context():
    def refuses():
        try:
            ft.cross_entropy(X, Z)  # negative targets
        except ValueError:
            return True
        return False

    assert not refuses()
    with ft.strict():
        assert refuses()
        with ft.strict(False):
            assert not refuses()
        assert refuses()
    assert not refuses()
    try:
        ft.strict(True)
        assert refuses()
        ft.MSELoss()
        with pytest.raises(ValueError, match="deprecated"):
            ft.MSELoss(reduce=False)
    finally:
        ft.strict(False)
    assert not refuses()
    with pytest.raises(TypeError, match="mode = 1 must be True or False"):
        ft.strict(1)


@quiet
def test_deprecated_options_of_modules_are_torchs():
    assert ft.MSELoss(size_average=False).reduction == nn.MSELoss(size_average=False).reduction == "sum"


PATCHED = """
import importlib, torch, warnings
warnings.simplefilter("ignore")
import fastloss.torch as ft
F, nn = torch.nn.functional, torch.nn
x, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
want = F.mse_loss(x, x[:1]), F.multilabel_soft_margin_loss(x, x.clone().requires_grad_())
for name in ft.__all__:
    where = F if hasattr(F, name) else nn if hasattr(nn, name) else None
    if where:
        setattr(where, name, getattr(ft, name))
for again in range(2):
    got = F.mse_loss(x, x[:1]), F.multilabel_soft_margin_loss(x, x.clone().requires_grad_())
    torch.testing.assert_close(got, want)
    nn.CrossEntropyLoss()(x.requires_grad_(), y).backward()
    torch.func.grad(lambda x: F.cross_entropy(x, y))(x.detach())
    importlib.reload(ft)
"""


def test_torch_patched_with_ours_does_not_recurse():
    done = subprocess.run([sys.executable, "-c", PATCHED], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_types_are_tensors():
    for name in CALLS:
        hints = typing.get_type_hints(getattr(ft, name))
        assert hints["return"] is torch.Tensor
        first = next(iter(inspect.signature(getattr(ft, name)).parameters))
        assert hints[first] is torch.Tensor
        assert inspect.signature(getattr(ft, name)).return_annotation == "Tensor"
    assert typing.get_type_hints(ft.CrossEntropyLoss.forward)["return"] is torch.Tensor


# --- where results are ------------------------------------------------------------------------------------


@each
def test_a_default_device_moves_nothing(name):
    x, *rest = CALLS[name]
    want = value_and_grad(getattr(ft, name), x, *rest)
    with torch.device("meta"):
        got = value_and_grad(getattr(ft, name), x, *rest)
        assert "Fused" in type(got[0].grad_fn).__name__
        assert getattr(ft, name)(x, *rest).device.type == "cpu"
    close(got, want)


def test_modes_and_subclasses_see_the_call():
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils.flop_counter import FlopCounterMode

    with FakeTensorMode() as mode:
        fake = mode.from_tensor(X)
        got = ft.mse_loss(fake, mode.from_tensor(Z))
        assert type(got) is type(fake) and got.shape == ()

    class Named(torch.Tensor):
        pass

    assert type(ft.mse_loss(X.as_subclass(Named), Z)) is Named

    seen = []

    class Sees(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            seen.append(function)
            return function(*args, **(kwargs or {}))

    with Sees():
        ft.cross_entropy(X, Y)
    assert F.cross_entropy in seen
    with FlopCounterMode(display=False):
        close(ft.mse_loss(X, Z), F.mse_loss(X, Z))


# --- derivatives ------------------------------------------------------------------------------------------


@each
@quiet
def test_transforms_of_torch_func(name):
    x, *rest = CALLS[name]
    tangent = torch.ones_like(x)
    two = torch.stack([x, x / 2])
    for transformed in (
        lambda f: torch.func.grad(f)(x),
        lambda f: torch.func.jacrev(f)(x),
        lambda f: torch.func.vmap(f)(two),
        lambda f: torch.func.vmap(torch.func.grad(f))(two),
        lambda f: torch.func.jvp(f, (x,), (tangent,)),
    ):
        want, got = outcomes(name, lambda call: transformed(lambda x: call(x, *rest)))  # noqa: B023
        close(got, want) if not isinstance(want, type) else None
        assert not isinstance(want, type) or got is want
        assert not isinstance(want, type) or name == "multi_margin_loss"  # which has no jvp


@quiet
@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_double_backward(name, reduction):
    x, *rest = (a.double() if a.is_floating_point() else a for a in CALLS[name])
    results = []
    for call in both(name, reduction=reduction):
        leaf = x.clone().requires_grad_()
        value = call(leaf * leaf if name == "binary_cross_entropy" else 2 * leaf, *rest)
        (grad,) = torch.autograd.grad(value.square().sum(), leaf, create_graph=True)
        (second,) = torch.autograd.grad(grad.square().sum(), leaf)
        results.append((grad.detach(), second))
    close(results[1], results[0])


def test_a_hessian():
    for call in both("cross_entropy"):
        h = torch.autograd.functional.hessian(lambda z: call(z, Y), X, vectorize=True)  # noqa: B023
        close(h, torch.func.hessian(lambda z: F.cross_entropy(z, Y))(X))


def test_double_backward_of_arguments_that_changed_is_an_error():
    for changed in (0, 1):
        x, y = X.clone().requires_grad_(), Y.clone()
        logits = x * 1
        loss = ft.cross_entropy(logits, y)
        (logits.detach() if changed == 0 else y).zero_()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            torch.autograd.grad(loss, x, create_graph=True)
        loss.backward()  # needs none of them
        close(x.grad, value_and_grad(F.cross_entropy, X, Y)[1])


def test_double_backward_twice_and_after_a_backward_pass():
    x = X.clone().requires_grad_()
    loss = ft.cross_entropy(x, Y)
    (want,) = torch.autograd.grad(F.cross_entropy(x, Y), x)
    for _ in range(2):
        (grad,) = torch.autograd.grad(loss, x, create_graph=True)
        close(grad.detach(), want)
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_the_input_is_held_until_the_backward_pass():
    for passes in (True, False):
        leaf = X.clone().requires_grad_()
        logits = leaf * 1
        storage = weakref.ref(logits.untyped_storage())
        loss = ft.cross_entropy(logits, Y)
        del logits
        gc.collect()
        assert storage() is not None
        if passes:
            loss.backward()
        else:
            del loss
        gc.collect()
        assert storage() is None


def test_checkpoints_hold_no_logits():
    from torch.utils.checkpoint import checkpoint

    kept = []

    def head(h, w):
        logits = h @ w
        kept.append(weakref.ref(logits.untyped_storage()))
        return ft.cross_entropy(logits, Y)

    h, w = X.clone().requires_grad_(), Z.T.clone().requires_grad_()
    loss = checkpoint(head, h, w, use_reentrant=False)
    gc.collect()
    assert kept[0]() is None
    want = torch.autograd.grad(F.cross_entropy(h @ w, Y), (h, w), create_graph=True)
    grads = torch.autograd.grad(loss, (h, w), create_graph=True)
    close(grads, want)
    close(torch.autograd.grad(grads[0].square().sum(), w), torch.autograd.grad(want[0].square().sum(), w))


DEPENDENT = {
    "mse_loss": lambda call, x: call(x, x * x),
    "huber_loss": lambda call, x: call(x, x),
    "gaussian_nll_loss": lambda call, x: call(x, Z.double(), x),
    "cosine_embedding_loss": lambda call, x: call(x, x * x.detach(), Z[:, 0].sign()),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_double_backward_of_arguments_made_of_each_other(name):
    from torch.autograd.graph import save_on_cpu

    for hooks in (save_on_cpu, contextlib.nullcontext):
        results = []
        for call in both(name):
            x = (X.double().abs() + 0.5).requires_grad_()
            h, calls = x * 1, []
            h.register_hook(lambda g: calls.append(1) or 2 * g)  # noqa: B023
            h.retain_grad()
            with hooks():
                value = DEPENDENT[name](call, h)
            (grad,) = torch.autograd.grad(value, x, create_graph=True)
            (second,) = torch.autograd.grad(grad.square().sum(), x, retain_graph=True, allow_unused=True)
            results.append((grad.detach(), second, torch.tensor(len(calls))))
        close(results[1], results[0])


def test_double_backward_of_what_no_longer_requires_grad():
    x, y = X.clone().requires_grad_(), Z.clone().requires_grad_()
    loss = ft.mse_loss(x, y)
    y.requires_grad_(False)
    (grad,) = torch.autograd.grad(loss, x, create_graph=True)
    close(grad.detach(), value_and_grad(F.mse_loss, X, Z)[1])


def test_a_mean_of_nothing_where_warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for arguments in ((X[:0], Z[:0]), (X, Y * 0 - 100)):
            name = "mse_loss" if arguments[1].is_floating_point() else "cross_entropy"
            assert getattr(ft, name)(*arguments).isnan()
            x = arguments[0].clone().requires_grad_()
            assert getattr(ft, name)(x, arguments[1]).isnan()


@quiet
@pytest.mark.parametrize(
    "name, arguments, how",
    [
        ("gaussian_nll_loss", (X, Z, 0.0), dict(eps=1e-9)),
        ("multilabel_soft_margin_loss", (X[:, :0], Z[:, :0]), dict(reduction="none")),
        ("kl_div", (X[:0], Z[:0]), dict(reduction="batchmean")),
        ("multilabel_soft_margin_loss", (X[:, :0], Z[:, :0]), dict(reduction="sum")),
        ("mse_loss", (X, Z), dict(weight=Z.double().abs())),
        ("gaussian_nll_loss", (X, Z, Z.double().abs() + 1), {}),
        ("mse_loss", (X, torch._efficientzerotensor((6, 5))), {}),
        ("binary_cross_entropy", (torch.tensor([0.5, 1e-39, 0.2]), torch.ones(3)), {}),
        ("binary_cross_entropy", (torch.tensor([0.5, 1e-60]).double(), torch.ones(2).double()), {}),
    ],
)
def test_corners_are_torchs(name, arguments, how):
    want, got = (value_and_grad(call, *arguments) for call in both(name, **how))
    close(got, want, equal_nan=True)


@quiet
def test_inplace_and_strict_are_not_traced():
    for how in (dict(inplace=True), {}):
        with ft.strict(not how), pytest.raises(TypeError, match="a trace"):
            torch.jit.trace(lambda x: ft.mse_loss(x * 1, Z, **how), (X,))  # noqa: B023


class Mine(ft.CrossEntropyLoss):
    """A user's own."""

    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def forward(self, input, target):
        return self.factor * super().forward(input, target)


@quiet
def test_modules_are_subclassed_and_scripted():
    assert Mine.__doc__ == "A user's own." and [*inspect.signature(Mine).parameters] == ["factor", "options"]
    with contextlib.suppress(Exception):  # torch may refuse to script it
        close(torch.jit.script(Mine(2.0))(X, Y), 2 * F.cross_entropy(X, Y))
    close(Mine(2.0, label_smoothing=0.1)(X, Y), 2 * F.cross_entropy(X, Y, label_smoothing=0.1))
    with ft.strict(), pytest.raises(ValueError, match="deprecated"):
        Mine(2.0, reduce=False)
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    scripted = torch.jit.script(ft.CrossEntropyLoss(weight, reduction="sum"))
    close(scripted(X, Y), F.cross_entropy(X, Y, weight, reduction="sum"))


# --- graphs -----------------------------------------------------------------------------------------------


@each
@quiet
def test_traces_bake_in_no_number(name):
    from torch.fx.experimental.proxy_tensor import make_fx

    x, *rest = CALLS[name]
    other = x.flip(0)
    for traced in (
        lambda f: make_fx(f)(x)(other),
        lambda f: make_fx(torch.func.grad(f))(x)(other),
        lambda f: torch.jit.trace(f, (x,))(other),
    ):
        want, got = outcomes(name, lambda call: traced(lambda x: call(x, *rest)))  # noqa: B023
        if name == "gaussian_nll_loss" and isinstance(want, type):
            assert got is want  # it looks at the variances, which have no values then
        else:
            close(got, want)


class Model(nn.Module):
    def __init__(self, name, **how):
        super().__init__()
        self.name, self.how = name, how

    def forward(self, x, *rest):
        return getattr(ft, self.name)(x, *rest, **self.how)


@each
@quiet
def test_exports_are_of_torchs_operators(name):
    """They are to run where there is no fastloss."""
    x, *rest = CALLS[name]
    for strict in (False, True):
        if name == "gaussian_nll_loss":
            with pytest.raises(Exception, match="data-dependent"):  # torch's own
                torch.export.export(Model(name), (x, *rest), strict=strict)
            continue
        program = torch.export.export(Model(name), (x, *rest), strict=strict)
        assert "fastloss" not in program.graph_module.code
        close(program.module()(x.flip(0), *rest), getattr(F, name)(x.flip(0), *rest))


@pytest.fixture
def compiled():
    """A function that compiles, without a break in the graph; what it compiled, as text."""
    torch._dynamo.reset()
    graphs = []

    def backend(module, inputs):
        graphs.append(module.code)
        from torch._dynamo.backends.debugging import aot_eager

        return aot_eager(module, inputs)

    def compile(function):
        return torch.compile(function, fullgraph=True, backend=backend)

    compile.graphs = graphs
    yield compile
    torch._dynamo.reset()


@each
@quiet
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_compiled(name, reduction, compiled):
    x, *rest = CALLS[name]
    before = torch.square if name == "binary_cross_entropy" else torch.neg
    theirs, ours = both(name, reduction=reduction)

    def eager(x, *rest):
        return theirs(before(x), *rest)

    step = compiled(lambda x, *rest: ours(before(x), *rest))
    for data in (x, x.flip(0)):
        close(value_and_grad(step, data, *rest), value_and_grad(eager, data, *rest))
    assert f"torch.ops.fastloss.{name}" in compiled.graphs[0] and len(compiled.graphs) == 1
    with torch.no_grad():
        close(step(x, *rest), eager(x, *rest))


@quiet
def test_compiled_with_every_gradient(compiled):
    for name, by in (("mse_loss", 2), ("gaussian_nll_loss", 3), ("cosine_embedding_loss", 2)):
        results = []
        for call in (getattr(F, name), compiled(getattr(ft, name))):
            leaves = [a.clone().requires_grad_() for a in CALLS[name][:by]]
            results.append(torch.autograd.grad(3 * call(*leaves, *CALLS[name][by:]), leaves))
        close(results[1], results[0])


@quiet
def test_compiled_calls_of_many_kinds(compiled):
    ignoring = torch.tensor([0, -100, 2, 1, 3, 0])
    for name, rest, how in [
        ("cross_entropy", (Y,), dict(weight=torch.rand(5), label_smoothing=0.1)),
        ("cross_entropy", (ignoring,), {}),
        ("cross_entropy", (Z.softmax(1),), {}),
        ("binary_cross_entropy_with_logits", (Z.sigmoid(),), dict(pos_weight=torch.rand(5))),
        ("gaussian_nll_loss", (Z, 0.5), {}),
        ("gaussian_nll_loss", (Z, Z[:, :1].abs() + 0.1), dict(full=True)),
        ("cross_entropy", (-Z,), {}),  # torch's, found when it runs
        ("mse_loss", (torch.stack([Z, X]),), dict(reduction="none")),  # torch's, found when it is compiled
        ("mse_loss", (Z,), dict(size_average=False)),
    ]:
        torch._dynamo.reset()
        theirs, ours = both(name, **how)
        close(value_and_grad(compiled(ours), X, *rest), value_and_grad(theirs, X, *rest))
    x = X.clone().requires_grad_()
    torch._dynamo.reset()
    value = compiled(lambda x: ft.cross_entropy(x, ignoring, reduction="none"))(x)
    (value * torch.tensor([1, math.nan, 1, 1, 1, 1])).sum().backward()
    assert not x.grad[1].any() and x.grad.isfinite().all()
    with pytest.raises(IndexError):
        compiled(lambda x: ft.cross_entropy(x, Y + 3))(X)


@quiet
def test_compiled_half_precision(compiled):
    step = compiled(lambda x: ft.cross_entropy(x, Y))
    for dtype in (torch.bfloat16, torch.float16):
        x = X.to(dtype)
        value, grad = value_and_grad(step, x)
        want, theirs = value_and_grad(lambda x: ft.cross_entropy(x, Y), x)
        assert value.dtype == grad.dtype == dtype
        close((value, grad), (want, theirs))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert step(X.bfloat16()).dtype == torch.float32


@quiet
def test_compiled_with_other_shapes(compiled):
    step = torch.compile(ft.cross_entropy, fullgraph=True, backend="aot_eager", dynamic=True)
    for rows in (6, 9, 4):
        x, y = torch.randn(rows, 5), torch.arange(rows) % 5
        close(value_and_grad(step, x, y), value_and_grad(F.cross_entropy, x, y))


ANY_LOSS = {
    "a name": lambda x: ft.loss("focal", x, Y, gamma=1.5, sample_weight=Z[:, 0].abs()),
    "an object": lambda x: ft.loss(fl.focal, x, Y, gamma=1.5, reduction="none"),
    "an axis": lambda x: ft.loss(fl.cross_entropy, x.T, Y, axis=0, reduction="none", ignore_index=None),
    "bound": lambda x: ft.loss(SHARP, x, Y),
    "two gradients": lambda x: ft.loss("cosine_distance", x, x * Z, reduction="none"),
    "an array": lambda x: ft.loss("gaussian_nll", x, Z, var=x.square() + 0.1),
    "a module": lambda x: MODULE(x, Y),
}
SHARP = fl.focal.bind(gamma=3.0)
MODULE = ft.Loss(fl.poly_cross_entropy, epsilon=2.0, class_weight=torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0]))


@quiet
@pytest.mark.parametrize("case", ANY_LOSS)
def test_any_loss_compiled(case, compiled):
    step = compiled(ANY_LOSS[case])
    for x in (X, X.flip(0), X.bfloat16()):
        tolerance = dict(rtol=3e-2, atol=3e-2) if x.dtype == torch.bfloat16 else {}
        close(value_and_grad(step, x), value_and_grad(ANY_LOSS[case], x), **tolerance)
    assert "torch.ops.fastloss.loss" in compiled.graphs[0]
    with pytest.raises(Exception, match="requires grad"):
        compiled(lambda w: ft.loss("focal", X, Y, sample_weight=w))(Z[:, 0].abs().requires_grad_())


@quiet
@pytest.mark.parametrize("shape", [(6, 1), (6,)])
def test_compiled_variances_that_are_repeated(shape, compiled):
    incoming, results = torch.arange(30.0).reshape(6, 5), []
    for call in (F.gaussian_nll_loss, compiled(ft.gaussian_nll_loss)):
        var = (Z[:, 0].abs() + 0.5).reshape(shape).requires_grad_()
        results.append(torch.autograd.grad(call(X, Z, var, reduction="none"), var, incoming))
    close(results[1], results[0])


@quiet
def test_compiled_values_of_torch_are_contiguous(compiled):
    x = torch.arange(12.0).reshape(4, 3).t()
    theirs, ours = both("binary_cross_entropy_with_logits", reduction="none")
    step = compiled(lambda x: ours(x, x - 3).as_strided((12,), (1,)))
    close(step(x), theirs(x, x - 3).flatten())


@quiet
def test_compiled_transforms_and_options(compiled):
    step = compiled(lambda x: torch.func.grad(lambda x: ft.cross_entropy(x, Y))(x))
    close(step(X), value_and_grad(F.cross_entropy, X, Y)[1])
    torch._dynamo.reset()
    step = compiled(lambda x, ignored: ft.cross_entropy(x, Y, ignore_index=ignored))
    for ignored in range(-12, 5):
        close(step(X, ignored), F.cross_entropy(X, Y, ignore_index=ignored))
    torch._dynamo.reset()
    step = compiled(lambda x: ft.loss("cross_entropy", x, Y, reduction="none", ignore_index=4))
    x = X.clone().requires_grad_()
    step(x).backward(torch.tensor([1, math.nan, 1, 1, 1, 1]))
    torch._dynamo.reset()
    step = compiled(lambda x, gamma: ft.loss("focal", x, Y, gamma=gamma))
    for gamma in (1.0, 2.0, 0.5):
        close(step(X, gamma), ft.loss("focal", X, Y, gamma=gamma))
    assert not x.grad[1].any() and x.grad.isfinite().all()


@quiet
@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: ft.mse_loss(x, Z, input=X),
        lambda x: ft.mse_loss(x),
        lambda x: ft.mse_loss(x, Z, size=3),
        lambda x: ft.mse_loss(x, Z, None, None, "mean", None, True),
        lambda x: ft.mse_loss(x, Z, inplace="yes"),
        lambda x: ft.mse_loss(2 * x, Z[:1], inplace=True),
    ],
)
def test_compiled_calls_that_are_wrong(wrong, compiled):
    with pytest.raises(Exception):  # noqa: B017
        compiled(wrong)(X.clone().requires_grad_())


@quiet
def test_compiled_strict(compiled):
    step = compiled(lambda x: ft.mse_loss(x, Z[:1]))
    with ft.strict(), pytest.raises(Exception, match="strict"):
        step(X)


@quiet
@each
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_what_the_compiler_traces_runs_without_it(name, reduction):
    """Each step of it is seen by a debugger then, and by coverage."""
    x, *rest = CALLS[name]
    traced = getattr(ft, name).operator.traced
    close(
        value_and_grad(lambda *a: traced(a, dict(reduction=reduction)), x, *rest),
        value_and_grad(getattr(F, name), x, *rest, reduction=reduction),
    )


class Sub(torch.Tensor):
    pass


@quiet
def test_what_is_traced_is_handed_on_where_an_operator_does_not_take_it():
    weight = torch.rand(5, generator=generator)
    for name, rest, how in [
        ("mse_loss", (Z[:1],), {}),
        ("mse_loss", (Z,), dict(reduce=False)),
        ("mse_loss", (Z.double(),), {}),
        ("l1_loss", (Z.to(torch.complex64),), {}),
        ("gaussian_nll_loss", (Z, 0.5), {}),
        ("gaussian_nll_loss", (Z, Z[:, 0].abs() + 1), {}),
        ("gaussian_nll_loss", (Z, Z[:, :1].abs() + 1), {}),
        ("cosine_embedding_loss", (Z, torch.ones(1)), {}),
        ("cross_entropy", (Y,), dict(weight=weight)),
        ("cross_entropy", (-Z,), {}),
        ("cross_entropy", (Z.softmax(1).requires_grad_(),), {}),
        ("binary_cross_entropy_with_logits", (Z.sigmoid(),), dict(weight=weight)),
        ("binary_cross_entropy", (Z.sigmoid(),), {}),
        ("mse_loss", (X[:0], Z[:0]), {}),
        ("mse_loss", (Z.as_subclass(Sub),), {}),
        ("cosine_embedding_loss", (Z, torch.ones(())), {}),
        ("cross_entropy", (Y,), dict(weight=weight.clone().requires_grad_())),
        ("binary_cross_entropy_with_logits", (Z.sigmoid(),), dict(weight=torch.rand(2, 6, 5))),
    ]:
        x = {"binary_cross_entropy": X * 0, "mse_loss": X}.get(name, X)
        x, rest = (rest[0], rest[1:]) if len(rest) > 1 and name == "mse_loss" else (x, rest)
        want, got = outcomes(name, lambda call: value_and_grad(call, x, *rest, **how))  # noqa: B023
        traced = getattr(ft, name).operator.traced
        if isinstance(want, type):
            with pytest.raises(want):
                value_and_grad(lambda *a: traced(a, dict(how)), x, *rest)  # noqa: B023
            continue
        traced_ones = value_and_grad(lambda *a: traced(a, dict(how)), x, *rest)  # noqa: B023
        close(traced_ones, want, equal_nan=True)
        close(got, want, equal_nan=True)
    traced = ft.mse_loss.operator.traced
    for args, kwargs, error in [
        ((X, Z), dict(inplace="yes"), "must be True or False"),
        ((X, Z[:1]), dict(inplace=True), "not taken"),
        ((X,), {}, "target"),
    ]:
        with pytest.raises(TypeError, match=error):
            traced(args, kwargs)
    with ft.strict(), pytest.raises(ValueError, match="negative"):
        ft.cross_entropy.operator.traced((X, -Z.exp()), {})


@quiet
@pytest.mark.parametrize("case", ANY_LOSS)
def test_any_loss_runs_as_an_operator(case, monkeypatch):
    want = value_and_grad(ANY_LOSS[case], X)
    from fastloss.torch import _any_loss

    monkeypatch.setattr(_any_loss, "run", None)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    got = value_and_grad(ANY_LOSS[case], X)
    monkeypatch.undo()
    close(got, want)


@quiet
def test_operators_have_no_double_backward():
    x = X.clone().requires_grad_()
    value, _ = torch.ops.fastloss.cross_entropy(x.sin(), Y, None, -100, "mean", 0.0, [True])
    with pytest.raises(RuntimeError, match="no double backward"):
        (grad,) = torch.autograd.grad(value, x, create_graph=True)
        grad.square().sum().backward()


@pytest.mark.slow
@quiet
def test_compiled_to_machine_code():
    model = nn.Linear(5, 5)
    step = torch.compile(lambda x, y: ft.cross_entropy(model(x), y), fullgraph=True)
    for call in (F.cross_entropy, step):
        model.zero_grad()
        loss = call(X, Y) if call is not F.cross_entropy else call(model(X), Y)
        loss.backward()
        if call is F.cross_entropy:
            want = loss.detach(), model.weight.grad.clone()
    close((loss.detach(), model.weight.grad), want)


# --- over processes ---------------------------------------------------------------------------------------

DISTRIBUTED = """
import os, sys, torch, torch.distributed as dist, torch.multiprocessing as mp
import fastloss.torch as ft

def train(rank, file, results):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://" + file, rank=rank, world_size=2)
    torch.manual_seed(0)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(5, 3))
    x, y = torch.randn(8, 5)[rank::2], (torch.arange(8) % 3)[rank::2]
    for f in (torch.nn.functional, ft):
        model.zero_grad()
        f.cross_entropy(model(x), y).backward()
        results[rank, f is ft] = model.module.weight.grad.clone()
    dist.destroy_process_group()

if __name__ == "__main__":
    results = mp.get_context("spawn").Manager().dict()
    mp.spawn(train, (sys.argv[1], results), 2)
    for rank in range(2):
        torch.testing.assert_close(results[rank, True], results[0, False])
"""


@pytest.mark.slow
def test_gradients_are_averaged_over_processes(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(DISTRIBUTED))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "meeting")],
        cwd=ROOT,
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
