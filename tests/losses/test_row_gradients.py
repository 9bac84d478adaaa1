"""P7 of the losses of rows: four-point differences, minima, weights; torch and scikit-learn as witnesses."""

from functools import partial

import numpy as np
import pytest

import fastloss as fl
from support import namespaces
from support import reference as ref
from support.cases import HERE, LOSSES, WEIGHTED, make, options_of, seeded
from support.layouts import as_score, assert_near, eps
from support.rows import differentiate, each_variant, moved

pytestmark = [pytest.mark.numbers, pytest.mark.same_lines]


def smooth_example(name, kind, rng, options, classes=5):
    """Float64 arrays with no kink within 2 steps: hinges on a grid, cosines far from the joints."""
    rows = (4,)
    arrays = make(rng, name, kind, rows, classes, np.dtype("f8"), options)
    if LOSSES[name].scores == "probs":
        arrays[0] = 0.05 + 0.9 * arrays[0]
    if LOSSES[name].scores == "scores":
        arrays[0] = np.stack([rng.permutation(classes) for _ in range(4)]) / 4 - 0.45
        arrays[0] += 0.15 * (arrays[1][:, None] == np.arange(classes))
    if LOSSES[name].scores == "cosines":
        joints = [np.cos(np.arange(m + 1) * np.pi / m) for m in range(1, 9)] + [-np.cos([0.3, 0.5])]
        joints = np.concatenate(joints)
        while abs(arrays[0][..., None] - joints).min() < 4e-3:
            near = abs(arrays[0][..., None] - joints).min(-1) < 4e-3
            arrays[0] = np.where(near, rng.uniform(-0.93, 0.93, near.shape), arrays[0])
    if kind == "soft" and options.get("log_target"):
        arrays[1] = np.maximum(arrays[1], -3)
    return arrays


@each_variant
def test_four_point_differences(name, kind):
    rng, case = seeded(name, kind), LOSSES[name]
    weight = np.array([1.0, 0.5, 0.0, 2.0])
    for options in case.smooth or case.options:
        arrays = smooth_example(name, kind, rng, options)
        vector = rng.standard_normal(arrays[0].shape) if hasattr(fl.losses[name], "hvp") else None
        options = options_of(options, 5, rng)
        for call in ({}, dict(reduction="none"), dict(normalizer=3.0)):
            call |= dict(sample_weight=weight) if call else {}
            differentiate(name, arrays, vector, **call, **options)


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("classes", [1, 2, 64, 65])
@each_variant
def test_four_point_differences_at_each_kind_of_width(name, kind, classes, axis):
    rng, case = seeded(name, kind, classes), LOSSES[name]
    options = (case.smooth or case.options)[-1]
    arrays = [a[:2] for a in smooth_example(name, kind, rng, options, classes)]
    if kind == "labels":
        arrays[1] = np.array([classes - 1, 0])
        if case.scores == "scores":
            arrays[0] = np.round(arrays[0] * 4) / 4 + 0.05 + 0.1 * (arrays[1][:, None] == np.arange(classes))
    if as_score(name, 1.0) < 0:
        arrays[0] = arrays[0] - 0.25  # room for a step up
    arrays = moved(name, kind, arrays, axis)
    vector = np.cos(np.arange(arrays[0].size)).reshape(arrays[0].shape)
    vector = vector if hasattr(fl.losses[name], "hvp") else None
    differentiate(name, arrays, vector, axis=axis, reduction="sum", **options_of(options, classes, rng))


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2, 3.5])
@pytest.mark.parametrize("kind", ["labels", "soft"])
def test_the_hessian_of_focal(kind, gamma):
    """It is negative in places; both confident rows and hopeless ones."""
    rng = seeded(gamma)
    for shift in (-4.0, 0.0, 4.0):
        x, target = make(rng, "focal", "labels", (4,), 5, np.dtype("f8"))
        target = np.abs(target) % 5
        x[np.arange(4), target] += shift
        soft = 0.9 * np.eye(5)[target] + 0.02
        differentiate("focal", [x, target if kind == "labels" else soft], gamma=gamma, reduction="sum")


@each_variant
def test_float32_agrees_with_float64(name, kind):
    """To the bounds of float32: an error that both share with the oracle would have to be in three places."""
    arrays = make(seeded(name), name, kind, (30,), 12, np.dtype("f4"))
    wide = [a.astype("f8") if a.dtype == np.float32 else a for a in arrays]
    options = dict(eps=float(np.finfo("f4").eps)) if name == "log_loss" else {}
    narrow = fl.losses[name].value_and_grad(*arrays, reduction="none", **options)
    exact = fl.losses[name].value_and_grad(*wide, reduction="none", **options)
    bounds = getattr(ref, name).bounds(*arrays, eps(np.float32), **options)
    for a, b, bound in zip(narrow, exact, bounds):
        assert_near(a, b, bound, np.float32, name)


def least(name, classes, dtype):
    """Arrays whose loss no score can make smaller, and how large an entry of the gradient may be there."""
    rng = seeded(name, classes)
    label, t = rng.integers(0, classes, 9), rng.dirichlet(np.ones(classes), 9)
    at, few = np.eye(classes)[label], 64 * eps(dtype)
    scores, bound = {
        "logits": (1e3 * at, 0),
        "scores": (4 * at + rng.uniform(0, 1, at.shape), 0),
        "probs": (at, 0),
        "cosines": (2 * at - 1, classes * np.exp(-40)),
        "vectors": (rng.standard_normal(at.shape), few),
    }[LOSSES[name].scores]
    if LOSSES[name].targets == "vectors":
        side = [np.ones(9)] if name == "cosine_embedding" else []
        return [scores.astype(dtype), (3 * scores).astype(dtype), *side], bound
    if name == "brier_from_probabilities":
        return [t.astype(dtype), t.astype(dtype).astype("f8")], 0
    if LOSSES[name].targets == "soft" or name == "brier":
        return [np.log(t).astype(dtype), t], few * (1 + abs(np.log(t)))
    return [scores.astype(dtype), label], bound


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [2, 10, 64, 65, 1100])
@pytest.mark.parametrize("name", [n for n in HERE if LOSSES[n].scores != "log_probs" and n != "log_loss"])
def test_the_gradient_is_zero_at_the_minimum(name, classes, dtype):
    """Those of log-probabilities, and of probabilities by their logarithm, fall without end."""
    arrays, bound = least(name, classes, np.dtype(dtype))
    grad = fl.losses[name].grad(*arrays, reduction="sum")
    assert (abs(grad) <= bound).all()
    elsewhere = (arrays[0][:, ::-1] / 1024).astype(dtype)
    assert (abs(fl.losses[name].grad(elsewhere, *arrays[1:], reduction="sum")) > 1e-6).any()


@each_variant
def test_weights_multiply(name, kind):
    arrays, loss = make(seeded(name), name, kind, (6,), 5, np.dtype("f8")), fl.losses[name]
    once = loss.value_and_grad(*arrays, reduction="none")
    twice = loss.value_and_grad(*arrays, sample_weight=np.full(6, 2.0), reduction="none")
    for a, b in zip(once, twice):
        assert np.array_equal(2 * a, b)
    if name in WEIGHTED and kind == "labels":
        w, target = np.array([0.5, 1.0, 2.0, 0.25, 3.0]), np.abs(arrays[1]) % 5
        by_class = loss.value_and_grad(arrays[0], target, class_weight=w, reduction="sum")
        by_row = loss.value_and_grad(arrays[0], target, sample_weight=w[target], reduction="sum")
        for a, b in zip(by_class, by_row):
            np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-16)


def test_torch_agrees():
    torch = pytest.importorskip("torch", reason="torch is optional")
    F, tensor = torch.nn.functional, torch.tensor
    rng = seeded("torch")
    x, t = rng.standard_normal((6, 5)), rng.dirichlet(np.ones(5), 6)
    y, sides = np.array([0, 4, -100, 2, 2, 1]), np.array([1, -1, -1, 1, -1, 1])
    w = np.array([0.5, 1, 2, 0.25, 3])
    log_p = namespaces.log_softmax(x)
    kept = np.abs(y) % 5

    def agree(name, arrays, f, **options):
        a = tensor(arrays[0], requires_grad=True)
        value = f(a, *(tensor(b) for b in arrays[1:]))
        value.backward()
        got, grad = fl.losses[name].value_and_grad(*arrays, **options)
        np.testing.assert_allclose(got, value.item(), rtol=1e-11)
        np.testing.assert_allclose(grad, a.grad.numpy(), rtol=1e-11, atol=1e-13)

    for weight in (None, w):
        ours, theirs = dict(class_weight=weight), dict(weight=None if weight is None else tensor(weight))
        agree("nll", [log_p, y], partial(F.nll_loss, **theirs), **ours)
        for p in (1, 2):
            their = partial(F.multi_margin_loss, p=p, margin=0.7, **theirs)
            agree("multi_margin", [x, kept], their, p=p, margin=0.7, **ours)
    kl = partial(F.kl_div, reduction="batchmean")
    agree("kl_div", [log_p, t], kl)
    agree("kl_div", [log_p, np.log(t)], partial(kl, log_target=True), log_target=True)
    agree("kl_div_with_logits", [x, t], lambda a, b: 9 * kl((a / 3).log_softmax(1), b), temperature=3.0)
    agree("cosine_distance", [x, t], lambda a, b: (1 - F.cosine_similarity(a, b)).mean())
    agree("cosine_embedding", [x, t, sides], partial(F.cosine_embedding_loss, margin=0.1), margin=0.1)


def test_scikit_learn_agrees():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is optional")
    rng = seeded("sklearn")
    x, y = 2 * rng.standard_normal((50, 4)), np.arange(50) % 4
    assert fl.multiclass_hinge(x, y) == pytest.approx(metrics.hinge_loss(y, x), rel=1e-14)
    p = namespaces.softmax(x)
    weight = rng.random(50)
    want = metrics.log_loss(y, p, sample_weight=weight)
    assert fl.log_loss(p, y, sample_weight=weight) == pytest.approx(want, rel=1e-14)
