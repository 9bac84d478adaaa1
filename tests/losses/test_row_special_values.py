"""P6 and P8 of the losses of rows where numbers are special: minus infinity, confident rows, kinks."""

import numpy as np
import pytest

import fastloss as fl
from support import reference as ref
from support.cases import HERE, KINDS, LOSSES, ROWS, make, seeded
from support.layouts import DTYPES, assert_near, eps, real
from support.rows import check, differentiate, each_dtype, each_variant, moved

pytestmark = [pytest.mark.numbers, pytest.mark.same_lines]

# --- minus infinity ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [3, 64, 65, 1100])
@each_variant
def test_minus_inf_where_the_target_is_zero_contributes_nothing(name, kind, classes):
    if LOSSES[name].scores not in ("logits", "scores", "log_probs"):
        return
    for dtype in DTYPES[:3]:
        x, target = make(seeded(name, classes), name, kind, (6,), classes, dtype)
        if kind == "soft":
            target[:, 0], target[:, -1] = 0.5, 0
        else:
            target[:] = 0
        x[::2, -1] = -np.inf
        vector = np.ones_like(x) if hasattr(fl.losses[name], "hvp") else None
        with np.errstate(all="raise"):
            check(name, [x, target], vector=vector, reduction="none")
        value, grad = fl.losses[name].value_and_grad(x, target)
        assert np.isfinite(value) and (grad[::2, -1] == 0).all()


@pytest.mark.parametrize("classes", [3, 64, 65, 1100])
@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].scores in ("logits", "log_probs")])
def test_minus_inf_at_the_target(name, classes):
    """inf for what is a logarithm of p, a finite number for what is not."""
    for kind in KINDS[LOSSES[name].targets]:
        x, target = make(seeded(name, classes), name, kind, (5,), classes, np.dtype("f4"))
        if kind == "soft":
            target[2, -1] = 0.5
        else:
            target[:] = classes - 1
        x[2, -1] = -np.inf
        check(name, [x, target], reduction="none")
        value, grad = fl.losses[name].value_and_grad(x, target, reduction="none")
        finite = name in ("generalized_cross_entropy", "brier", "js_div_with_logits")
        assert np.isfinite(grad).all() and (np.isfinite(value[2]) if finite else value[2] == np.inf)


@pytest.mark.parametrize("axis, classes, masked", [(-1, 1100, 1024), (0, 100, 64)], ids=["wide", "across"])
@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].scores == "logits"])
def test_a_first_tile_of_minus_inf(name, axis, classes, masked):
    """So far the maximum is -inf, and the difference to it NaN: neither may stay in a sum."""
    for kind in KINDS[LOSSES[name].targets]:
        x, target = make(seeded(name, classes), name, kind, (6,), classes, np.dtype("f4"))
        x[:4, :masked] = -np.inf
        if kind == "soft":
            target[1::2, :masked] = 0
        else:
            target[:4] = 0, classes - 1, masked - 1, masked
        check(name, moved(name, kind, [x, target], axis), axis=axis, reduction="none")


@pytest.mark.parametrize("eps_", ["dtype", 0, 1e-3])
@pytest.mark.parametrize("kind", ["labels", "soft"])
@each_dtype
def test_log_loss_at_probabilities_of_zero_and_one(dtype, kind, eps_):
    """scikit-learn clips to the epsilon of the input's dtype; its gradient here is -q/clip(p), not zeroed."""
    probs = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.25, 0.5, 0.25]], dtype)
    target = np.array([1, 1, 1]) if kind == "labels" else np.array([[0, 1, 0], [0, 1, 0], [0.5, 0.5, 0]])
    with np.errstate(all="raise"):  # the weight keeps 1 / eps^2 within float16
        check("log_loss", [probs, target], sample_weight=np.full(3, 2.0**-12), reduction="none", eps=eps_)
    value, grad = fl.log_loss.value_and_grad(probs, target, reduction="none", eps=eps_)
    if eps_ == 0:
        assert value[0] == 0 and value[1] == np.inf
    else:
        assert np.isfinite(value).all() and np.isfinite(grad.astype("f4")).all() and value[0] > 0


# --- confident rows -----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 10, 64, 65, 1100])
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize(
    "name, options",
    [
        ("focal", dict(gamma=0.5)),
        ("focal", {}),
        ("poly_cross_entropy", {}),
        ("generalized_cross_entropy", {}),
        ("am_softmax", dict(scale=64.0)),
        ("arcface", {}),
        ("l_softmax", dict(margin=2, scale=64.0)),
        ("sm_softmax", dict(margin=1.0)),
    ],
    ids=str,
)
def test_a_confident_row_keeps_its_relative_accuracy(name, options, dtype, classes):
    """Scores are multiples of 1/64, so that their differences are exact."""
    if name not in HERE:
        pytest.fail(f"{name} is missing")
    rng = seeded(name, classes)
    margins = np.arange(20.0, 80.5, 1.5)
    n = len(margins)
    x, target = np.round(rng.standard_normal((n, classes)) * 64) / 64, rng.integers(0, classes, n)
    at, cosines = (np.arange(n), target), LOSSES[name].scores == "cosines"
    if cosines:  # label 1 - 1/32, the others so far below that scale * distance is the margin
        x = 31 / 32 - np.minimum(1.9, (margins[:, None] + abs(x) + 20) / 64)
        x[at] = 31 / 32
    else:
        x[at] = -np.inf
        x[at] = x.max(1) + margins
    x = x.astype(dtype)
    oracle, about = getattr(ref, name), dict(real=real(dtype), **options)
    want, bound = oracle(x, target, **about), oracle.bounds(x, target, eps(dtype), **about)
    # The bounds judge digits, not sizes: tens to hundreds of eps of the result itself.
    most = eps(dtype) * (16 + 8 * margins.max() + (8 * 64 if cosines else 0))
    least = 1000 * classes * float(np.finfo(dtype).smallest_normal)
    assert (bound.loss <= most * want.loss + least).all()
    assert (bound.grad[at] <= most * abs(want.grad[at]) + least).all()
    got, grad = fl.losses[name].value_and_grad(x, target, reduction="none", **options)
    assert_near(got, want.loss, bound.loss, dtype, "loss")
    assert_near(grad, want.grad, bound.grad, dtype, "grad")
    big = want.loss > least
    assert (got[big] > 0).all() and big.any()


@pytest.mark.parametrize("classes", [2, 10, 64, 65, 1100])
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize(
    "name, own", [("focal", {}), ("focal", dict(gamma=0.5)), ("poly_cross_entropy", {}), ("brier", {})]
)
def test_a_confident_row_of_a_sum_over_classes(name, own, dtype, classes):
    """Summed over all classes the gradient at the target, and the Hessian, cancel to some eps."""
    rng, margins = seeded(name, classes), np.arange(1.0, 25, 1.5)
    n = len(margins)
    x, y = np.round(rng.standard_normal((n, classes)) * 64) / 64, rng.integers(0, classes, n)
    at = (np.arange(n), y)
    x[at] = -np.inf
    x[at] = x.max(1) + margins
    x, one_hot = x.astype(dtype), np.eye(classes)[y].astype(dtype)
    loss, most = fl.losses[name], eps(dtype) * (100 + 20 * margins)
    if name == "brier":
        e = np.exp((x - x[at][:, None]).astype(real(dtype)))
        e[at] = 0
        others = e.sum(1)
        p, rest = 1 / (1 + others), others / (1 + others)
        want = -2 * p * (rest**2 + ((e / (1 + others)[:, None]) ** 2).sum(1))
        hess = None
    else:
        want, hess = loss.grad(x, y, reduction="sum", **own)[at], None
        if hasattr(loss, "grad_and_hess"):
            hess = loss.grad_and_hess(x, y, reduction="sum", **own)[1][at]
    got = loss.grad(x, one_hot, reduction="sum", **own)
    assert (abs(got[at] - want) <= most * abs(want)).all()
    assert (abs(got.astype(real(dtype)).sum(1)) <= classes * eps(dtype) * abs(got).max(1)).all()
    if hess is not None:
        found = loss.grad_and_hess(x, one_hot, reduction="sum", **own)[1][at]
        assert (abs(found - hess) <= most * abs(hess)).all()


# --- kinks --------------------------------------------------------------------------------------------


@each_dtype
def test_hinges_at_equality_are_not_active(dtype):
    x = np.array([[0.0, 1.0, -1.0], [3.0, 1.0, 2.0], [0.0, 0.0, 0.0], [-2.0, 1.0, -3.0]], dtype)
    y = np.array([1, 0, 2, 1])
    for name in ("multiclass_hinge", "categorical_hinge", "multi_margin"):
        value, grad = fl.losses[name].value_and_grad(x, y, reduction="none")
        assert value[[0, 1, 3]].tolist() == [0, 0, 0] and (grad[[0, 1, 3]].astype("f4") == 0).all(), name
        assert value[2] == pytest.approx(2 / 3 if name == "multi_margin" else 1, rel=2 * eps(dtype))
    # Ties of the maximum: the first class; in categorical_hinge the zero that takes part is not beaten.
    assert fl.multiclass_hinge.grad(x, y, reduction="none")[2].tolist() == [1, 0, -1]
    assert fl.categorical_hinge.grad(x, y, reduction="none")[2].tolist() == [0, 0, -1]


@pytest.mark.parametrize("classes", [3, 16, 17, 64, 65, 1100])
@pytest.mark.parametrize("name", ["multiclass_hinge", "categorical_hinge"])
def test_ties_of_the_maximum_go_to_the_first_class(name, classes):
    for first in {0, 1, classes // 2, classes - 2}:
        x = np.zeros((40, classes), "f4")
        y = np.full(40, classes - 1 if first else 1)
        x[:, first:] = 2.0
        x[:, y[0]] = 2.5 if first else 2.0
        first = first if first else 0
        grad = fl.losses[name].grad(x, y, reduction="none")
        want = np.zeros_like(x)
        want[:, first], want[np.arange(40), y] = 1, -1
        assert np.array_equal(grad, want)


def test_one_class():
    """No other class: nothing to be afraid of; categorical_hinge still compares with zero."""
    x, y = np.array([[0.5], [-3.0], [4.0]]), np.zeros(3, int)
    assert fl.multiclass_hinge(x, y, reduction="none").tolist() == [0, 0, 0]
    assert fl.categorical_hinge(x, y, reduction="none").tolist() == [0.5, 4, 0]
    assert fl.categorical_hinge.grad(x, y, reduction="none").tolist() == [[-1], [-1], [0]]
    assert fl.multi_margin(x, y, reduction="none").tolist() == [0, 0, 0]
    for name in ("focal", "poly_cross_entropy", "generalized_cross_entropy", "brier", "sm_softmax"):
        value, grad = fl.losses[name].value_and_grad(x, y, reduction="none")
        assert (value == 0).all() and (grad == 0).all(), name


def test_beyond_a_cosine_of_one():
    """arcface clips, and what is clipped has no slope; the others take their polynomial as it stands."""
    x, y = np.array([[1.2, 0.2, -0.4], [-1.2, 0.2, -0.4]]), np.array([0, 0])
    clipped = np.clip(x, -1, 1)
    assert np.array_equal(fl.arcface(x, y, reduction="none"), fl.arcface(clipped, y, reduction="none"))
    assert np.isfinite(fl.arcface.grad(clipped, y)).all()
    for name in ("am_softmax", "l_softmax", "arcface"):
        differentiate(name, [x, y], scale=2.0)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
@pytest.mark.parametrize("classes", [3, 100])
def test_rows_that_count_alone_and_rows_left_out(name, classes):
    """At each place among those that the kernel takes together."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(35, classes)), rng.integers(0, classes, 35)
    loss = fl.losses[name]
    whole = loss.grad_and_hess(x, y, reduction="sum")
    for row in range(35):
        only = np.arange(35) == row
        for got, want in zip(loss.grad_and_hess(x, y, reduction="sum", sample_weight=only), whole):
            assert np.array_equal(got[row], want[row]) and not got[~only].any()
        spoilt, ignoring = np.where(only[:, None], np.nan, x), np.where(only, -100, y)
        for options in ({"sample_weight": ~only}, {}):
            labels = y if options else ignoring
            for got, want in zip(loss.grad_and_hess(spoilt, labels, reduction="sum", **options), whole):
                assert np.array_equal(got[~only], want[~only]) and not got[only].any()


def test_arcface_falls_back_where_the_angle_would_pass_pi():
    m = 0.5
    for c in (-0.88, -0.95, -1.0):  # -cos m = -0.8776
        got = fl.arcface(np.array([[c, 0.3]]), [0], margin=m, scale=2.0)
        assert got == pytest.approx(np.log1p(np.exp(2 * (0.3 - (c - m * np.sin(m))))), rel=1e-14)
    for c in (-0.87, 0.0, 0.6):
        got = fl.arcface(np.array([[c, 0.3]]), [0], margin=m, scale=2.0)
        assert got == pytest.approx(np.log1p(np.exp(2 * (0.3 - np.cos(np.arccos(c) + m)))), rel=1e-14)


@pytest.mark.parametrize("margin", range(1, 9))
def test_l_softmax_is_its_definition(margin):
    """psi = (-1)^k cos(m angle) - 2k, at and between the joints, continuous and falling."""
    c = np.linspace(1, -1, 201)
    angle = np.arccos(c)
    k = np.minimum(np.floor(angle * margin / np.pi + 1e-12), margin - 1)
    psi = (-1) ** k * np.cos(margin * angle) - 2 * k
    loss = fl.l_softmax(
        np.stack([c, np.zeros(201)], 1), np.zeros(201, int), margin=margin, scale=1.0, reduction="none"
    )
    np.testing.assert_allclose(loss, np.log1p(np.exp(-psi)), rtol=1e-13)
    assert (np.diff(loss) > -1e-15).all()


@pytest.mark.memory_safety
def test_a_label_of_minus_inf_costs_inf():
    value, grad = fl.multi_margin.value_and_grad(np.array([-np.inf, 1.0, 2.0]), np.array(0))
    assert value == np.inf and np.allclose(grad, [-2 / 3, 1 / 3, 1 / 3])


@pytest.mark.memory_safety
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arcface_beside_a_cosine_of_one(dtype):
    """The last number below 1, where (1 - c)(1 + c) is the floor itself; and 1, where the angle has none."""
    c, m, eps = np.nextafter(dtype(1), dtype(0)), 0.5, float(np.finfo(dtype).eps)
    assert (1 - float(c)) * 2 == eps
    slope = np.cos(m) + np.sin(m) * float(c) / np.sqrt(eps)
    for cosine, want in ((c, slope), (dtype(1), np.cos(m))):
        x = np.array([[cosine, 0.5]], dtype)
        logits = np.array([[float(cosine) * np.cos(m) - np.sin(m) * np.sqrt(eps), 0.5]])
        grad = fl.arcface.grad(x, np.array([0]), margin=m, scale=1.0)[0, 0]
        p = np.exp(logits[0, 0]) / np.exp(logits).sum()
        assert abs(grad / ((p - 1) * want) - 1) < 100 * eps
