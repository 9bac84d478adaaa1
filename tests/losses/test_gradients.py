"""P7, right gradients: four-point differences in float64 over every combination of options, and torch's
autograd as a second witness."""

import itertools

import numpy as np
import pytest

import fastloss as fl
from support.differences import assert_close, difference, differences

pytestmark = [pytest.mark.numbers, pytest.mark.same_lines]

GRID = [
    dict(class_weight=w, label_smoothing=e, z_loss=z, softcap=s, logit_scale=k)
    for w, e, z, s, k in itertools.product(
        [None, np.array([0.5, 1.0, 2.0, 0.25, 0.0])], [0, 0.1], [0, 0.05], [None, 2.5], [1, 0.6]
    )
]


def name_of(options):
    return "+".join(k for k, v in options.items() if np.ndim(v) or v not in (None, 0, 1)) or "plain"


def example(soft, seed=0, n=6, classes=5):
    rng = np.random.default_rng(seed)
    logits = 2 * rng.standard_normal((n, classes))
    if soft:
        return logits, rng.random((n, classes))
    target = rng.integers(0, classes, n)
    target[1] = -100
    return logits, target


def check(loss, x, target, vector=None, **options):
    """grad against differences of the value; Hessian and Hv against differences of grad."""
    summed = dict(options, reduction="sum") if options.get("reduction") == "none" else options
    value = loss(x, target, **summed)
    grad, hess = loss.grad_and_hess(x, target, **options)
    assert_close(grad, differences(lambda a: loss(a, target, **summed), x), value)
    full = differences(lambda a: loss.grad(a, target, **options), x).reshape(x.size, x.size)
    assert_close(hess.ravel(), np.diag(full), value)
    if vector is not None:
        along = difference(lambda a: loss.grad(a, target, **options), x, vector)
        assert_close(loss.hvp(x, target, vector, **options), along, value)


@pytest.mark.parametrize("options", GRID, ids=name_of)
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_cross_entropy(soft, options):
    logits, target = example(soft)
    vector = np.random.default_rng(1).standard_normal(logits.shape)
    weight = np.array([1.0, 0.5, 2.0, 0.0, 1.5, 1.0])
    check(fl.cross_entropy, logits, target, vector, **options)
    check(fl.cross_entropy, logits, target, vector, sample_weight=weight, reduction="none", **options)
    check(fl.cross_entropy, logits, target, vector, sample_weight=weight, normalizer=3.0, **options)


@pytest.mark.parametrize("classes", [1, 2, 64, 65, 130])
@pytest.mark.parametrize("axis", [-1, 0])
def test_cross_entropy_at_each_kind_of_width(axis, classes):
    logits, target = example(False, n=2, classes=classes)
    target[0] = classes - 1
    logits = np.ascontiguousarray(np.moveaxis(logits, -1, axis))
    vector = np.cos(np.arange(logits.size)).reshape(logits.shape)
    check(
        fl.cross_entropy,
        logits,
        target,
        vector,
        axis=axis,
        z_loss=0.1,
        softcap=3.0,
        label_smoothing=0.2,
        reduction="sum",
    )


@pytest.mark.parametrize(
    "options", [{}, dict(reduction="sum"), dict(reduction="none"), dict(normalizer=2.0)], ids=str
)
def test_mse(options):
    rng = np.random.default_rng(2)
    pred, target = rng.standard_normal((2, 4, 3))
    check(fl.mse, pred, target, **options)
    check(fl.mse, pred, target, sample_weight=np.array([1.0, 0.0, 2.0, 0.5]), **options)


def test_gather_log_softmax():
    logits, index = example(False)
    index[1] = 0
    weight = np.array([1.0, -2.0, 0.5, 0.0, 3.0, -1.0])
    _, grad = fl.gather_log_softmax.value_and_grad(logits, index, weight)
    want = differences(lambda x: (weight * fl.gather_log_softmax(x, index)).sum(), logits)
    np.testing.assert_allclose(grad, want, rtol=5e-6, atol=1e-9)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", GRID, ids=name_of)
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_torch_agrees(soft, options, reduction):
    torch = pytest.importorskip("torch", reason="torch is optional")
    logits, target = example(soft)
    x, t = torch.tensor(logits, requires_grad=True), torch.tensor(target)
    u, s, w = options["logit_scale"] * x, options["softcap"], options["class_weight"]
    u = u if s is None else s * torch.tanh(u / s)
    w = None if w is None else torch.tensor(w)
    value = torch.nn.functional.cross_entropy(
        u, t, weight=w, label_smoothing=options["label_smoothing"], reduction=reduction
    )
    kept = torch.ones(len(t), dtype=u.dtype) if soft else (t != -100).to(u.dtype)
    by = kept.sum() if soft or w is None else (w[t.clamp(0)] * kept).sum()
    z = options["z_loss"] * torch.logsumexp(u, 1) ** 2 * kept
    value = value + {"mean": z.sum() / by, "sum": z.sum(), "none": z}[reduction]
    value.sum().backward()
    got, grad = fl.cross_entropy.value_and_grad(logits, target, reduction=reduction, **options)
    np.testing.assert_allclose(got, value.detach().numpy(), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(grad, x.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weight", [2.0, 3.0])
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_a_weight_is_a_number_of_repetitions(reduction, weight):
    logits, target = example(False)
    many = fl.cross_entropy.value_and_grad(
        logits, target, sample_weight=np.full(6, weight), reduction=reduction
    )
    once = fl.cross_entropy.value_and_grad(logits, target, reduction=reduction)
    for a, b in zip(many, once):
        np.testing.assert_allclose(a, weight * np.asarray(b), rtol=1e-15)
    # A mean does not know the scale of the weights.
    np.testing.assert_allclose(
        fl.cross_entropy.grad(logits, target, sample_weight=np.full(6, weight)),
        fl.cross_entropy.grad(logits, target),
        rtol=1e-15,
    )


def test_weights_multiply_class_weights():
    logits, target = example(False)
    target[1] = 2
    w = np.array([0.5, 1.0, 2.0, 0.25, 3.0])
    by_class = fl.cross_entropy.value_and_grad(logits, target, class_weight=w)
    by_row = fl.cross_entropy.value_and_grad(logits, target, sample_weight=w[target])
    np.testing.assert_allclose(by_class[0], by_row[0], rtol=1e-15)
    np.testing.assert_allclose(by_class[1], by_row[1], rtol=1e-14)


@pytest.mark.parametrize("classes", [2, 10, 65, 1100])
def test_gradient_is_zero_at_the_minimum(classes):
    """A soft target is met exactly by its own logarithm."""
    p = np.random.default_rng(3).dirichlet(np.ones(classes), 4)
    grad = fl.cross_entropy.grad(np.log(p), p, reduction="sum")
    assert (abs(grad) <= 16 * np.finfo(float).eps * p * (1 + abs(np.log(p)))).all()
    uniform = fl.cross_entropy.grad(
        np.full((3, classes), 2.0), np.full((3, classes), 1 / classes), reduction="sum"
    )
    assert (abs(uniform) <= 4 * np.finfo(float).eps / classes).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [1, 2, 10, 64, 65, 1000, 5000])
def test_a_row_of_the_gradient_sums_to_zero(classes, dtype):
    rng = np.random.default_rng(4)
    logits, target = (10 * rng.standard_normal((20, classes))).astype(dtype), rng.integers(0, classes, 20)
    grad = fl.cross_entropy.grad(logits, target, reduction="none").astype(np.longdouble)
    assert (abs(grad.sum(-1)) <= classes * np.finfo(dtype).eps).all()


def test_hvp_is_linear_and_symmetric():
    logits, target = example(False)
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((2, *logits.shape))
    hvp = lambda v: fl.cross_entropy.hvp(logits, target, v, z_loss=0.1, softcap=4.0)  # noqa: E731
    np.testing.assert_allclose(hvp(2 * a - 3 * b), 2 * hvp(a) - 3 * hvp(b), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose((a * hvp(b)).sum(), (b * hvp(a)).sum(), rtol=1e-13)
