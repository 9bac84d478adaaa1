"""Every elementwise loss of the registry: right to P6, right gradients (P7), the same bits (P4), one bad
element stays one (P8), and named errors before the first write (P9). test_mse.py has more of mse."""

import math

import mpmath
import numpy as np
import pytest

import fastloss as fl
from support import formulas
from support import reference as ref
from support.cases import (
    BAD_TARGETS,
    CASES,
    ELEMENTWISE,
    EVERY,
    ONE,
    REFUSED,
    coded,
    distance,
    exact_kinks,
    moderate,
    name_of,
    results,
    sample,
)
from support.differences import assert_close, differences
from support.layouts import (
    DTYPES,
    LAYOUTS,
    REDUCTIONS,
    as_score,
    assert_near,
    bits,
    compute,
    eps,
    real,
    rounded,
    same_bits,
)
from support.namespaces import MP

pytestmark = [pytest.mark.numbers, pytest.mark.same_lines]

F4, F8 = np.dtype("f4"), np.dtype("f8")
PATTERN = 7.0


# Targets of these may be NaN; of the others a NaN breaks the rule or may.
FREE = {"real", "above -1", "count", "rate"}


every = pytest.mark.parametrize("entry", EVERY, ids=name_of)
one_each = pytest.mark.parametrize("entry", ONE, ids=name_of)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def assert_same(some, other):
    assert len(some) == len(other)
    for i, (a, b) in enumerate(zip(some, other)):
        assert same_bits(a, b), ("value", "grad", "hess")[i]


def test_each_loss_has_an_oracle_and_parameters():
    assert set(ELEMENTWISE) == set(CASES)
    assert all(callable(getattr(ref, name, None)) and CASES[name].parameters for name in ELEMENTWISE)


# --- P6 ---------------------------------------------------------------------------------------------------


@every
@dtypes
def test_matches_the_oracle(dtype, entry):
    """Reductions, weights (a NaN under a weight of zero), normalizer; gradients in the compute dtype."""
    shape = (150, 8)
    loss, oracle, x, y, own = sample(entry, dtype, shape)
    exact = oracle(x, y, real=real(dtype), **own)
    bound = oracle.bounds(x, y, eps(dtype), real=real(dtype), **own)
    if bound.hess is not None:  # at a kink either side's is right: see below
        at_kink = distance(entry[1], own, x, y) <= 4 * eps(dtype) * (1 + abs(x.astype("f8")))
        bound = bound._replace(hess=np.where(at_kink, np.inf, bound.hess))
    rng = np.random.default_rng(1)
    whole, leading = rng.integers(0, 4, shape) / 2, rng.integers(0, 4, shape[0]) / 2
    calls = [dict(reduction=r, sample_weight=w) for r in REDUCTIONS for w in (None, whole, leading)]
    for call in [*calls, dict(normalizer=48), dict(normalizer=48, sample_weight=whole)]:
        weight = call.get("sample_weight")
        judge(loss, *spoilt(entry[1], x, y, weight), own, exact, bound, call)


def spoilt(case, x, y, weight):
    """NaN wherever the weight is 0."""
    if weight is None:
        return x, y
    x, y = x.copy(), y.copy()
    x[weight == 0] = np.nan
    if case.domain in FREE:
        y[weight == 0] = np.nan
    return x, y


def judge(loss, x, y, own, exact, bound, call):
    dtype, wide = x.dtype, compute(x.dtype)
    want, allowed = ref.reduced(exact, **call), ref.reduced(bound, **call)
    call = call | own
    value, grad = loss.value_and_grad(x, y, out=np.empty(x.shape, wide), **call)
    unreduced = call.get("reduction") == "none"
    assert (value.dtype == wide and value.shape == x.shape) if unreduced else type(value) is float
    assert_near(value, np.asarray(want[0]), allowed[0], wide, f"value, {call}")
    assert_near(grad, want[1], allowed[1], wide, f"grad, {call}")
    stored = loss.grad(x, y, **call)
    assert stored.dtype == dtype and same_bits(stored, rounded(grad, dtype))
    assert same_bits(value, loss(x, y, **call))
    if exact.hess is None:
        return
    again, hess = loss.grad_and_hess(
        x, y, out=np.empty(x.shape, wide), hess_out=np.empty(x.shape, wide), **call
    )
    assert same_bits(again, grad)
    assert_near(hess, want[2], allowed[2], wide, f"hess, {call}")


@every
@dtypes
def test_the_hessian_at_a_kink_is_that_of_one_side(dtype, entry):
    name, case, i = entry
    own = case.parameters[i]
    at = [] if case.domain == "unit" or any(map(callable, own.values())) else exact_kinks(case, own)
    loss, oracle = fl.losses[name], getattr(ref, name)
    for c in at if hasattr(loss, "grad_and_hess") else []:
        y = coded(np.array([-1.0, 1.0] * 20), own) if "margin" in case.domain else np.arange(40.0) - 20
        x = c * (2 * y - 1 if own.get("labels") == "01" else y) if "margin" in case.domain else y + c
        x, y = x.astype(dtype), y.astype(dtype)
        hess = np.empty(x.shape, compute(dtype))
        loss.grad_and_hess(x, y, reduction="sum", hess_out=hess, **own)
        error = [abs(hess - oracle(x.astype("f8") + h, y, **own).hess) for h in (-1e-3, 1e-3)]
        assert (np.minimum(*error) <= 4 * eps(dtype) * hess).all()


@one_each
@pytest.mark.parametrize("out_dtype", DTYPES, ids=str)
@dtypes
def test_out_is_the_gradient_rounded_once(dtype, out_dtype, entry):
    """Of another dtype, or the scores themselves."""
    loss, _, x, y, own = sample(entry, dtype, (77,), draw=moderate)
    _, *wide = results(loss, x, y, out=np.empty(77, compute(dtype)), **own)
    out, hess_out = np.full(77, PATTERN, out_dtype), np.full(77, PATTERN, out_dtype)
    value, got = loss.value_and_grad(x, y, out=out, **own)
    assert got is out and value == loss(x, y, **own) and same_bits(out, rounded(wide[0], out_dtype))
    if len(wide) > 1:
        out[...] = PATTERN
        loss.grad_and_hess(x, y, out=out, hess_out=hess_out, **own)
        assert same_bits(out, rounded(wide[0], out_dtype))
    inside = x.copy()
    loss.grad(inside, y, out=inside, **own)
    assert same_bits(inside, rounded(wide[0], dtype))


# How each is called so that its value is f(x), and from where on f(x) is a normal number.
SMOOTH = {
    "log_cosh": (1, 0, -np.inf),
    "pseudo_huber": (1, 0, -np.inf),
    "soft_margin": (-1, 1, -85),
    "binary_cross_entropy_with_logits": (1, 0, -85),
}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("out_dtype", DTYPES[2:], ids=str)
def test_a_double_is_rounded_to_half_at_once(out_dtype, sign):
    """Just above the middle of two halves: by way of float32 it would first become the middle."""
    ulp = float(ref.ml_dtypes.finfo(out_dtype).eps)
    x, out = sign * np.array([1 + ulp / 2 + 2.0**-40, 1 + 3 * ulp / 2 - 2.0**-40]), np.empty(2, out_dtype)
    fl.half_squared.grad(x, np.zeros(2), reduction="sum", out=out)
    assert out.astype("f8").tolist() == [sign * (1 + ulp)] * 2


@pytest.mark.parametrize("dtype", [F4, F8], ids=str)
@pytest.mark.parametrize("name", SMOOTH)
def test_four_ulps_everywhere(name, dtype):
    """In ULP of the exact value, not in eps: up to twice as strict."""
    rng, (sign, target, low) = np.random.default_rng(2), SMOOTH[name]
    wide = rng.choice([-1, 1], 200_000) * 10 ** rng.uniform(-18, 18, 200_000)
    x = np.concatenate([wide, rng.uniform(-80, 80, 200_000), 10 ** rng.uniform(-1, 1, 200_000)])
    x = np.append(x, [1, -1, 1e-6, 1e-4, 1e-3, *np.nextafter(F4.type(1), F4.type([0, 2]))])
    x = x[x > low].astype(dtype)
    y = np.full(x.shape, target, dtype)
    exact = getattr(ref, name)(sign * x, y, real=real(dtype)).loss
    normal = exact >= np.finfo(dtype).smallest_normal
    x, y, exact = x[normal], y[normal], exact[normal]
    got = getattr(fl, name)(sign * x, y, reduction="none")
    unit = np.ldexp(real(dtype)(1), np.frexp(exact)[1] - 1 - np.finfo(dtype).nmant)
    error = abs(got - exact) / unit
    assert error.max() <= 4, f"{error.max():.3f} ULP at {float(x[error.argmax()])!r}"


@pytest.mark.parametrize("dtype", [F4, F8], ids=str)
def test_log_cosh_near_zero(dtype):
    """Keras and optax in float32: 0 at 1e-4 and 7 % off at 1e-3."""
    for r in (1e-6, 1e-4, 1e-3, 0.03, 0.5, 0.999, 1.0, 1.001, 7.0, 50.0):
        r = dtype.type(r)
        with mpmath.workdps(60):
            exact = formulas.log_cosh(MP, mpmath.mpf(float(r)), 0)
            slope = mpmath.tanh(mpmath.mpf(float(r)))
        for sign in (1, -1):
            value, grad = fl.log_cosh.value_and_grad(sign * r[None], np.zeros(1, dtype))
            assert abs(value - exact) <= 4 * eps(dtype) * exact
            assert abs(sign * float(grad[0]) - slope) <= 4 * eps(dtype) * slope


LENGTHS = [0, 1, 2, 15, 16, 17, 31, 1023, 1024, 1025, 16383, 16384, 16385]


@one_each
@pytest.mark.parametrize("dtype", DTYPES[1:3], ids=str)
def test_every_element_counts(dtype, entry):
    """An element's results do not depend on the length, and sums have them all, the last one too."""
    n = max(LENGTHS)
    loss, _, x, y, own = sample(entry, dtype, (n,), draw=moderate)
    values, grads, *hess = results(loss, x, y, reduction="none", **own)
    weight = np.random.default_rng(3).integers(1, 5, n) / 4
    for k in LENGTHS:
        part = {name: v[:k] if np.ndim(v) else v for name, v in own.items()}
        got = results(loss, x[:k], y[:k], reduction="none", **part)
        assert_same(got, [a[:k] for a in (values, grads, *hess)])
        for w in (None, weight[:k]):
            want = math.fsum((1 if w is None else w) * values[:k].astype("f8"))
            total = loss(x[:k], y[:k], reduction="sum", sample_weight=w, **part)
            assert total == pytest.approx(want, rel=1e-12, abs=1e-12)
            if k:
                mean = loss(x[:k], y[:k], sample_weight=w, **part)
                assert mean == pytest.approx(want / (k if w is None else w.sum()), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_weighted_means_divide_by_the_sum_of_weights(name):
    """torch's huber divides by N, its mse and l1 by the sum of weights."""
    x, y, w = np.array([2.0, 0.5, -3.0]), np.zeros(3), np.array([1.0, 0.5, 2.0])
    each = {"mse": [4, 0.25, 9], "mae": [2, 0.5, 3], "huber": [1.5, 0.125, 2.5]}[name]
    assert fl.losses[name](x, y, sample_weight=w) == pytest.approx(np.dot(w, each) / 3.5, rel=1e-15)


# --- P4 and P8 ----------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_any_layout_gives_the_bits_of_contiguous_copies(dtype, entry):
    loss, _, x, y, own = sample(entry, dtype, (13, 21))
    weight = np.random.default_rng(4).integers(0, 4, x.shape) / 2
    for options in (dict(reduction="none", sample_weight=weight), dict(reduction="sum")):
        want = results(loss, x, y, **options, **own)
        for lay in LAYOUTS.values():
            laid = {k: lay(v) if isinstance(v, np.ndarray) else v for k, v in (options | own).items()}
            out = lay(np.full(x.shape, PATTERN, dtype))
            assert_same(results(loss, lay(x), lay(y), out=out, **laid), want)
            assert same_bits(out, want[1])


@one_each
def test_the_number_of_threads_changes_no_bit(entry):
    """torch's mse, l1, smooth_l1 and bce_with_logits change theirs."""
    n = 100_003
    loss, _, x, y, own = sample(entry, F4, (n,), draw=tiled)
    weight = np.random.default_rng(5).random(n)
    for options in ({}, dict(sample_weight=weight), dict(reduction="none")):
        want = results(loss, x, y, n_threads=1, **options, **own)
        assert same_bits(want[0], loss(x, y, **options, **own))
        for threads in range(2, 10):
            assert_same(results(loss, x, y, n_threads=threads, **options, **own), want)


def tiled(case, own, rng, shape):
    return tuple(np.resize(a, shape) for a in moderate(case, {}, rng, (1009,)))


@one_each
@pytest.mark.parametrize("dtype", [F4, F8], ids=str)
def test_a_bad_element_stays_one_element(dtype, entry):
    for n in (1, 2, 7, 8, 9, 15, 16, 17, 33, 1025):
        loss, _, x, y, own = sample(entry, dtype, (n,), draw=moderate)
        clean = results(loss, x, y, reduction="none", **own)
        for at in {0, n // 2, n - 1}:
            for bad in (np.nan, np.inf, -np.inf, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal):
                for first in (True, False) if entry[1].domain in FREE else (True,):
                    a, b = x.copy(), y.copy()
                    (a if first else b)[at] = as_score(entry[0], bad) if first and np.isfinite(bad) else bad
                    with np.errstate(all="raise"):
                        got = results(loss, a, b, reduction="none", **own)
                    assert_same([np.delete(p, at) for p in got], [np.delete(p, at) for p in clean])
                    if np.isnan(bad):
                        assert np.isnan(got[0][at]) and np.isnan(got[1][at]), "pred" if first else "target"
                        assert np.isnan(loss(a, b, **own)) and np.isnan(loss(a, b, reduction="sum", **own))


@one_each
def test_the_same_bits_with_and_without_a_gradient(entry):
    for dtype in DTYPES:
        loss, _, x, y, own = sample(entry, dtype, (3, 700))
        weight = np.random.default_rng(6).random(3)
        for options in ({}, dict(sample_weight=weight), dict(reduction="none"), dict(normalizer=3)):
            value, grad, *_ = results(loss, x, y, **options, **own)
            assert same_bits(value, loss(x, y, **options, **own))
            assert same_bits(grad, loss.grad(x, y, **options, **own))
            if hasattr(loss, "grad_and_hess"):
                assert same_bits(grad, loss.grad_and_hess(x, y, **options, **own)[0])


# --- special values -----------------------------------------------------------------------------------------


@dtypes
def test_the_right_infinite_logit_costs_nothing(dtype):
    """nan in torch, optax and scikit-learn."""
    x, y = np.array([np.inf, -np.inf], dtype), np.array([1.0, 0.0])
    bce = fl.binary_cross_entropy_with_logits
    calls = [(bce, dict(pos_weight=w)) for w in (1, 3.0, np.array([2.0, 0.5]))]
    calls += [(fl.binary_focal, dict(gamma=g, alpha=a)) for g in (0, 0.5, 1, 2) for a in (None, 0.25)]
    for loss, own in calls:
        for part in results(loss, x, y, reduction="none", **own):
            assert part.tolist() == [0, 0], (loss, own)
        assert np.isposinf(loss(x, 1 - y, reduction="none", **own)).all()
    for name in (name for name, case in CASES.items() if "margin" in case.domain):
        for part in results(fl.losses[name], x, 2 * y - 1, reduction="none"):
            assert part.tolist() == [0, 0], name


def test_the_wrong_infinite_logit_has_a_finite_gradient():
    bce = fl.binary_cross_entropy_with_logits
    value, grad = bce.value_and_grad([np.inf, -np.inf], [0, 1], reduction="none")
    assert value.tolist() == [np.inf] * 2 and grad.tolist() == [1, -1]


@dtypes
def test_no_event_at_rate_zero_costs_nothing(dtype):
    for part in results(fl.poisson, np.array([-np.inf], dtype), np.zeros(1)):
        assert np.ravel(part).tolist() == [0]
    value, grad = fl.poisson.value_and_grad(np.zeros(1, dtype), np.zeros(1), log_input=False)
    assert value == 0 and grad.tolist() == [1]


def test_exact_probabilities_cost_nothing_unclipped():
    for part in results(fl.binary_cross_entropy, [0.0, 1.0], [0, 1], reduction="none", eps=0)[:1]:
        assert part.tolist() == [0, 0]
    assert fl.binary_cross_entropy([1.0], [0], eps=0) == np.inf
    assert fl.binary_cross_entropy.grad([0.0, 1.0], [0, 1], reduction="sum", eps=0).tolist() == [1, -1]


@dtypes
def test_probabilities_are_clipped_by_the_epsilon_of_their_dtype(dtype):
    e = float(ref.ml_dtypes.finfo(dtype).eps)
    value, grad = fl.binary_cross_entropy.value_and_grad(np.array([0, 1], dtype), [1, 0], reduction="none")
    assert value == pytest.approx(-math.log(e), rel=2 * eps(dtype))
    assert grad.astype("f8") == pytest.approx([-1 / e, 1 / e], rel=4 * eps(dtype))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype, r", [(F4, 1e30), (F4, 3e38), (F8, 1e200), (F8, 1.7e308)], ids=str)
def test_large_residuals_do_not_overflow(dtype, r, sign):
    x, y = np.array([sign * r], dtype), np.zeros(1, dtype)
    r = float(abs(x[0]))
    for name, own, want, slope in [
        ("mae", {}, r, 1),
        ("huber", dict(delta=0.5), r / 2, 0.5),
        ("pseudo_huber", {}, r, 1),
        ("pseudo_huber", dict(delta=0.25), r / 4, 0.25),
        ("log_cosh", {}, r, 1),
        ("smooth_l1", {}, r, 1),
        ("smooth_l1", dict(beta=0), r, 1),
        ("quantile", {}, r / 2, 0.5),
        ("epsilon_insensitive", {}, r, 1),
    ]:
        value, grad = fl.losses[name].value_and_grad(x, y, **own)
        assert value == pytest.approx(want, rel=4 * eps(dtype)), name
        assert grad == pytest.approx([sign * slope], rel=4 * eps(dtype)), name
        if hasattr(fl.losses[name], "grad_and_hess"):
            assert abs(fl.losses[name].grad_and_hess(x, y, **own)[1]) <= 1e-30, name


@pytest.mark.parametrize("dtype", [F4, F8], ids=str)
def test_the_curvature_of_pseudo_huber_far_away(dtype):
    """(1 + a^2)^(-3/2), which is a^-3 there."""
    for power in (10, 20, 26, 27, 28, 29, 30, 40, 59, 60, 61, 80):
        if dtype == F4 and power > 40:
            continue  # below float32's normal numbers
        a = 2.0**power
        for delta in (1.0, 0.25):
            x = np.array([a * delta, -a * delta], dtype)
            hess = fl.pseudo_huber.grad_and_hess(x, np.zeros(2, dtype), delta=delta, reduction="sum")[1]
            assert hess == pytest.approx([(1 + a * a) ** -1.5] * 2, rel=8 * eps(dtype), abs=0), (power, delta)


@dtypes
def test_msle_is_nan_from_minus_one_down(dtype):
    x = np.array([-1, -1.5, -np.inf, -0.5, 0], dtype)
    value, grad = fl.msle.value_and_grad(x, np.zeros(5), reduction="none")
    assert np.isnan(value).tolist() == np.isnan(grad).tolist() == [True] * 3 + [False] * 2


def test_a_target_of_zero_has_the_floor_of_mape():
    """scikit-learn's, which is float64's epsilon for every dtype."""
    for dtype in (F4, F8):
        assert fl.mape(np.ones(1, dtype), np.zeros(1)) == 2.0**52


def test_bool_targets_are_always_zero_and_one():
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal(50), rng.integers(0, 2, 50)
    for name in (n for n, case in CASES.items() if "margin" in case.domain):
        want = results(fl.losses[name], x, 2 * y - 1)
        for labels in ("pm1", "01"):
            assert_same(results(fl.losses[name], x, y == 1, labels=labels), want)
        assert_same(results(fl.losses[name], x, y.astype(np.uint8), labels="01"), want)


def test_label_smoothing_mixes_the_two_labels():
    x, y = np.linspace(-3, 3, 20), np.linspace(0, 1, 20)
    bce = fl.binary_cross_entropy_with_logits
    want = bce(x, 0.8 * y + 0.1)
    assert bce(x, y, label_smoothing=0.2) == pytest.approx(want, rel=1e-15)


def test_focusing_nothing_is_cross_entropy():
    x, y = np.linspace(-30, 30, 50), np.linspace(0, 1, 50)
    for some, other in zip(
        results(fl.binary_focal, x, y, gamma=0), results(fl.binary_cross_entropy_with_logits, x, y)
    ):
        np.testing.assert_allclose(some, other, rtol=4e-15, atol=1e-18)


def test_binary_is_two_classes():
    x = np.linspace(-90, 90, 181)
    for y in (np.zeros(181, int), np.ones(181, int)):
        value, grad = fl.binary_cross_entropy_with_logits.value_and_grad(x, y, reduction="none")
        pair = np.stack([np.zeros(181), x], -1)
        two, two_grad = fl.cross_entropy.value_and_grad(pair, y, reduction="none")
        np.testing.assert_allclose(value, two, rtol=1e-14)
        np.testing.assert_allclose(grad, two_grad[:, 1], rtol=2e-14)


# --- P7 -----------------------------------------------------------------------------------------------------


CALLS = {
    "mean": {},
    "sum": dict(reduction="sum"),
    "none": dict(reduction="none"),
    "normalizer": dict(normalizer=2.5),
    "weights": dict(sample_weight=np.array([1.0, 0.0, 0.5])),
}


@every
@pytest.mark.parametrize("call", CALLS)
def test_differences(call, entry):
    loss, _, x, y, own = sample(entry, F8, (3, 4), draw=moderate)
    call = CALLS[call] | own
    summed = call | dict(reduction="sum") if call.get("reduction") == "none" else call
    value = loss(x, y, **summed)
    assert_close(loss.grad(x, y, **call), differences(lambda a: loss(a, y, **summed), x), value)
    if hasattr(loss, "grad_and_hess"):
        square = differences(lambda a: loss.grad(a, y, **call), x).reshape(x.size, x.size)
        assert_close(np.diag(loss.grad_and_hess(x, y, **call)[1].ravel()), square, value)


def test_the_gradient_is_zero_at_the_minimum():
    rng = np.random.default_rng(8)
    y = rng.uniform(0.5, 4, 100)
    for name in (n for n, case in CASES.items() if case.domain in ("real", "above -1")):
        own = dict(var=0.5) if name == "gaussian_nll" else {}
        value, grad = fl.losses[name].value_and_grad(y, y, reduction="none", **own)
        assert (grad == 0).all() and (name == "gaussian_nll" or (value == 0).all()), name
    p = rng.uniform(0.05, 0.95, 100)
    for grad, scale in [
        (fl.poisson.grad(np.log(y), y, reduction="sum"), y),
        (fl.poisson.grad(y, y, log_input=False, reduction="sum") - 1e-8 / y, 1),
        (fl.gamma.grad(np.log(y), y, reduction="sum"), 1),
        (fl.tweedie.grad(np.log(y), y, reduction="sum"), y),
        (fl.binary_cross_entropy_with_logits.grad(np.log(p) - np.log1p(-p), p, reduction="sum"), 1),
        (fl.binary_cross_entropy.grad(p, p, reduction="sum"), 1),
    ]:
        assert (abs(grad) <= 16 * np.finfo(float).eps * scale).all()
    sides = np.repeat([-1.0, 1.0], 50)
    for name in ("hinge", "squared_hinge", "modified_huber", "perceptron"):
        assert (fl.losses[name].grad(sides * np.linspace(1.01, 5, 100), sides) == 0).all()


def test_gradients_at_kinks():
    """0 where an absolute value has its corner; hinge and perceptron are active at equality."""
    zero = np.zeros(3, "f4")
    for name in ("mae", "quantile", "mape", "epsilon_insensitive"):
        own = dict(eps=0) if name == "epsilon_insensitive" else {}
        assert (fl.losses[name].grad(zero, zero, **own) == 0).all()
    assert (fl.quantile.grad(zero, zero, q=0.9) == 0).all()
    assert (fl.smooth_l1.grad(zero, zero, beta=0) == 0).all()
    s = np.array([-1.0, 1.0])
    assert fl.hinge.grad(s, s, reduction="sum").tolist() == [1, -1]
    assert fl.perceptron.grad(0 * s, s, reduction="sum").tolist() == [1, -1]
    assert fl.squared_hinge.grad_and_hess(s, s, reduction="sum")[1].tolist() == [2, 2]


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_torch_agrees(reduction):
    torch = pytest.importorskip("torch", reason="torch is optional")
    f = torch.nn.functional
    rng = np.random.default_rng(9)
    x, y = rng.standard_normal((2, 5, 4))
    p, t, w = rng.random((5, 4)), rng.random((5, 4)), rng.uniform(0.5, 3, 4)
    count, side, var = rng.integers(0, 5, (5, 4)).astype("f8"), np.sign(y), rng.uniform(0.1, 2, (5, 4))
    how = dict(reduction=reduction)
    as_tensor = torch.tensor
    for loss, a, b, own, peer in [
        (fl.mse, x, y, {}, lambda u, v: f.mse_loss(u, v, **how)),
        (fl.mae, x, y, {}, lambda u, v: f.l1_loss(u, v, **how)),
        (fl.huber, x, y, dict(delta=0.7), lambda u, v: f.huber_loss(u, v, delta=0.7, **how)),
        (fl.smooth_l1, x, y, dict(beta=0.7), lambda u, v: f.smooth_l1_loss(u, v, beta=0.7, **how)),
        (fl.poisson, x, count, {}, lambda u, v: f.poisson_nll_loss(u, v, **how)),
        (
            fl.poisson,
            p,
            count,
            dict(log_input=False),
            lambda u, v: f.poisson_nll_loss(u, v, log_input=False, **how),
        ),
        (fl.gaussian_nll, x, y, dict(var=var), lambda u, v: f.gaussian_nll_loss(u, v, as_tensor(var), **how)),
        (fl.binary_cross_entropy, p, t, {}, lambda u, v: f.binary_cross_entropy(u, v, **how)),
        (
            fl.binary_cross_entropy_with_logits,
            x,
            t,
            dict(pos_weight=w),
            lambda u, v: f.binary_cross_entropy_with_logits(u, v, pos_weight=as_tensor(w), **how),
        ),
        (fl.soft_margin, x, side, {}, lambda u, v: f.soft_margin_loss(u, v, **how)),
    ]:
        u = as_tensor(a, requires_grad=True)
        want = peer(u, as_tensor(b))
        want.sum().backward()
        value, grad = loss.value_and_grad(a, b, **how, **own)
        named = dict(atol=1e-14, err_msg=loss.__name__)
        np.testing.assert_allclose(value, want.detach().numpy(), rtol=1e-13, **named)
        np.testing.assert_allclose(grad, u.grad.numpy(), rtol=1e-12, **named)


def test_scikit_learn_agrees():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is optional")
    from sklearn._loss import loss as peers

    rng = np.random.default_rng(10)
    x, y = rng.standard_normal(50), rng.uniform(0.1, 4, 50)
    for loss, own, peer in [
        (fl.poisson, {}, peers.HalfPoissonLoss()),
        (fl.gamma, {}, peers.HalfGammaLoss()),
        (fl.tweedie, dict(power=1.3), peers.HalfTweedieLoss(power=1.3)),
        (fl.quantile, dict(q=0.7), peers.PinballLoss(quantile=0.7)),
        (fl.half_squared, {}, peers.HalfSquaredError()),
        (fl.mae, {}, peers.AbsoluteError()),
    ]:
        value, grad = loss.value_and_grad(x, y, reduction="none", **own)
        np.testing.assert_allclose(value, peer.loss(y_true=y, raw_prediction=x), rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(grad, peer.gradient(y_true=y, raw_prediction=x), rtol=1e-12, atol=1e-14)
    assert fl.mape(x, y) == pytest.approx(metrics.mean_absolute_percentage_error(y, x), rel=1e-14)
    assert fl.msle(abs(x), y) == pytest.approx(metrics.mean_squared_log_error(y, abs(x)), rel=1e-13)
    side = np.sign(x)
    assert fl.hinge(x - 0.3, side) == pytest.approx(metrics.hinge_loss(side, x - 0.3), rel=1e-14)
    p, hit = rng.random(50), rng.integers(0, 2, 50)
    assert fl.binary_cross_entropy(p, hit) == pytest.approx(metrics.log_loss(hit, p), rel=1e-13)


# --- gaussian_nll by its variance ---------------------------------------------------------------------------


@dtypes
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_gradient_by_the_variance(reduction, dtype):
    loss, oracle, x, y, _ = sample(("gaussian_nll", CASES["gaussian_nll"], 0), dtype, (60, 5))
    rng, wide = np.random.default_rng(11), compute(dtype)
    var = rng.choice([0.0, 1e-9, 0.25, 1.0, 3.0, 400.0], x.shape).astype(dtype)
    weight = rng.integers(0, 4, x.shape) / 2
    for call in (dict(reduction=reduction), dict(reduction=reduction, sample_weight=weight)):
        oracle = ref.gaussian_nll_by_var
        _, want, *_ = ref.reduced(oracle(x, y, var=var, real=real(dtype)), **call)
        bound = ref.reduced(oracle.bounds(x, y, eps(dtype), var=var, real=real(dtype)), **call)[1]
        outs = np.full(x.shape, PATTERN, wide), np.full(x.shape, PATTERN, wide)
        value, (grad, by_var) = loss.value_and_grads(x, y, var=var, outs=outs, **call)
        assert grad is outs[0] and by_var is outs[1]
        assert_near(by_var, want, bound, wide, "by var")
        alone = loss.value_and_grad(x, y, var=var, out=np.empty_like(outs[0]), **call)
        assert same_bits(value, alone[0]) and same_bits(grad, alone[1])
        _, plain = loss.value_and_grads(x, y, var=var, **call)
        assert all(p.dtype == dtype and same_bits(p, rounded(o, dtype)) for p, o in zip(plain, outs))


@pytest.mark.parametrize("call", CALLS)
def test_differences_by_the_variance(call):
    loss, rng = fl.gaussian_nll, np.random.default_rng(12)
    x, y = rng.standard_normal((2, 3, 4))
    var, call = rng.uniform(0.3, 3, (3, 4)), CALLS[call]
    summed = call | dict(reduction="sum") if call.get("reduction") == "none" else call
    value = loss(x, y, var=var, **summed)
    _, (grad, by_var) = loss.value_and_grads(x, y, var=var, **call)
    assert_close(grad, differences(lambda a: loss(a, y, var=var, **summed), x), value)
    assert_close(by_var, differences(lambda v: loss(x, y, var=v, **summed), var), value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_gradients_in_any_layout(layout):
    rng, lay = np.random.default_rng(13), LAYOUTS[layout]
    x, y = rng.standard_normal((2, 13, 7)).astype("f4")
    var = rng.uniform(0.1, 3, (13, 7)).astype("f4")
    value, grads = fl.gaussian_nll.value_and_grads(x, y, var=var)
    outs = lay(np.empty((13, 7), "f8")), lay(np.empty((13, 7), "f4"))
    got, _ = fl.gaussian_nll.value_and_grads(lay(x), lay(y), var=lay(var), outs=outs)
    assert got == value and same_bits(outs[0], grads[0].astype("f8")) and same_bits(outs[1], grads[1])


def test_two_gradients_need_a_variance_an_element():
    x, out = np.zeros((3, 4), "f4"), np.full((3, 4), PATTERN, "f4")
    other = out.copy()
    for var in (1.0, np.ones(4), np.ones((3, 1))):
        refused(fl.gaussian_nll.value_and_grads, x, x + 1, var=var, outs=(out, other), match="var")
    var = np.ones((3, 4))
    for outs in [(out,), out, (out, other, other), (out, out), (out, other[:2])]:
        with pytest.raises((TypeError, ValueError), match="out"):
            fl.gaussian_nll.value_and_grads(x, x + 1, var=var, outs=outs)
    assert (out == PATTERN).all() and (other == PATTERN).all()
    with pytest.raises(AttributeError):
        fl.mse.value_and_grads  # noqa: B018


# --- P9 -----------------------------------------------------------------------------------------------------


def refused(f, *args, match, error=ValueError, **options):
    """The call raises, and wrote to none of its outputs."""
    with pytest.raises(error, match=match):
        f(*args, **options)
    outs = [options.get("out"), options.get("hess_out"), *(options.get("outs") or ())]
    assert all((o == PATTERN).all() for o in outs if o is not None)


NOT_NUMBERS = ["1", None, True, [1.0, 2.0], 1j]
ARRAYS = {("quantile", "q"), ("gaussian_nll", "var"), ("binary_cross_entropy_with_logits", "pos_weight")}


def calls_of(name, dtype="f4", shape=(6, 4)):
    """Each way to call the loss, with outputs that must stay as they are."""
    loss, out = fl.losses[name], np.full(shape, PATTERN, dtype)
    yield loss, {}
    yield loss.value_and_grad, dict(out=out)
    yield loss.grad, dict(out=out)
    if hasattr(loss, "grad_and_hess"):
        yield loss.grad_and_hess, dict(out=out, hess_out=out.copy())


def legal(name, shape=(6, 4)):
    """A prediction and a target that are in order for every loss."""
    own = dict(var=1.0) if name == "gaussian_nll" else {}
    return np.full(shape, 0.5, "f4"), np.ones(shape, "f4"), own


def test_each_parameter_has_bad_values():
    own = {
        (name, p)
        for name in ELEMENTWISE
        for p in list(fl.losses[name].__signature__.parameters)[2:]
        if p not in ("reduction", "sample_weight", "normalizer", "n_threads")
    }
    assert own - {("poisson", "log_input")} == set(REFUSED)


@pytest.mark.parametrize("name, parameter", REFUSED)
def test_parameters_outside_their_domain(name, parameter):
    x, y, own = legal(name)
    for value in REFUSED[name, parameter]:
        for f, outs in calls_of(name):
            refused(f, x, y, **outs, **(own | {parameter: value}), match=rf"\b{parameter}\b")
    if parameter == "labels":
        return
    for value in NOT_NUMBERS:
        if value is None and parameter == "alpha":
            continue
        for f, outs in calls_of(name):
            call = own | {parameter: value}
            refused(f, x, y, **outs, **call, match=rf"\b{parameter}\b", error=(TypeError, ValueError))


@pytest.mark.parametrize("name, parameter", sorted(ARRAYS))
def test_array_parameters(name, parameter):
    rng = np.random.default_rng(14)
    loss, x, y = fl.losses[name], rng.standard_normal((6, 4)), rng.random((6, 4))
    columns_, each = rng.uniform(0.1, 0.9, 4), rng.uniform(0.1, 0.9, (6, 4))
    wide = np.broadcast_to(columns_, (6, 4))
    for reduction in REDUCTIONS:
        call = dict(reduction=reduction)
        want = results(loss, x, y, **call, **{parameter: wide.copy()})
        assert_same(results(loss, x, y, **call, **{parameter: columns_}), want)
        assert_same(results(loss, x, y, **call, **{parameter: columns_.tolist()}), want)
        assert_same(results(loss, x, y, **call, **{parameter: wide}), want)
    whole = loss(x, y, reduction="none", **{parameter: each})
    single = [loss(a, b, **{parameter: float(c)}) for a, b, c in zip(x.ravel(), y.ravel(), each.ravel())]
    np.testing.assert_allclose(whole.ravel(), single, rtol=1e-15, atol=1e-16)
    same = loss(x, y, **{parameter: np.full(4, 0.25)})
    assert same == pytest.approx(loss(x, y, **{parameter: 0.25}), rel=1e-15)
    assert loss(x[0], y[0], **{parameter: each[0]}) == loss(x[:1], y[:1], **{parameter: each[:1]})


@pytest.mark.parametrize("name, parameter", sorted(ARRAYS))
def test_array_parameters_of_a_wrong_shape_or_value(name, parameter):
    x, y, _ = legal(name)
    for shape in [(6,), (3,), (5,), (1,), (6, 1), (1, 4), (4, 6), (2, 6, 4), (0,)]:
        for f, outs in calls_of(name):
            refused(f, x, y, **outs, **{parameter: np.full(shape, 0.5)}, match=rf"\b{parameter}\b.*shape")
    for bad in REFUSED[name, parameter]:
        for shape in [(4,), (6, 4)]:
            array = np.full(shape, 0.5)
            array[-1] = bad
            for f, outs in calls_of(name):
                refused(f, x, y, **outs, **{parameter: array}, match=rf"\b{parameter}\b")
    for array in (np.full(4, "a"), np.ma.masked_array(np.full(4, 0.5)), np.full(4, 1j)):
        for f, outs in calls_of(name):
            call = {parameter: array}
            refused(f, x, y, **outs, **call, match=rf"\b{parameter}\b", error=(TypeError, ValueError))


def test_gaussian_nll_needs_a_variance():
    for f, outs in calls_of("gaussian_nll"):
        refused(f, *legal("gaussian_nll")[:2], **outs, match="var", error=TypeError)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_parameters_are_keywords_that_exist(name):
    x, y, own = legal(name)
    for f, outs in calls_of(name):
        refused(f, x, y, **outs, **own, gama=1, match="gama", error=TypeError)
        refused(f, x, y, 0.5, **outs, **own, match=name, error=TypeError)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.domain.split()[-1] in BAD_TARGETS])
@pytest.mark.parametrize("at", [(0, 0), (3, 2), (5, 3)])
def test_targets_outside_their_domain(name, at):
    """The message has the place and the value, and of a margin loss the other coding."""
    x, y, _ = legal(name)
    domain = CASES[name].domain.split()[-1]
    for bad in BAD_TARGETS[domain]:
        y[at] = bad
        rule = rf"target\[{at[0]}, {at[1]}\]" + (r'[\s\S]*labels ?= ?"01"' if domain == "margin" else "")
        for f, outs in calls_of(name):
            refused(f, x, y, **outs, match=rule)
            refused(f, x, y.astype("f8"), **outs, sample_weight=np.ones(6), match=rule)
    if domain == "margin":
        for bad in (-1.0, 2.0, 0.5, np.nan):
            y[at] = bad
            for f, outs in calls_of(name):
                refused(f, x, y, **outs, labels="01", match=r'target\[[\s\S]*labels ?= ?"pm1"')


@pytest.mark.parametrize("name", ["hinge", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("n", [1, 17, 5000, 100_000])
def test_the_last_target_is_looked_at_too(name, n):
    x, y, out = np.zeros(n, "f4"), np.ones(n), np.full(n, PATTERN, "f4")
    y[-1] = 3
    refused(fl.losses[name].grad, x, y, out=out, match=rf"target\[{n - 1}\] = 3")
    y[-1], y[0] = 1, 3
    refused(fl.losses[name].grad, x, y, out=out, match=r"target\[0\] = 3")


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nothing_is_broadcast(name):
    x, y, own = legal(name)
    for other in (y[:1], y[0], y[:, :1], y.T, y.ravel(), np.float32(1)):
        for f, outs in calls_of(name):
            refused(f, x, other, **outs, **own, match="target")


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_losses_without_a_hessian_say_so(name):
    x, y, own = legal(name)
    if getattr(ref, name)(x, y, **own).hess is None:
        with pytest.raises(AttributeError, match=name):
            fl.losses[name].grad_and_hess  # noqa: B018
    else:
        assert fl.losses[name].grad_and_hess(x, y, **own)[1].shape == x.shape
    with pytest.raises(AttributeError):
        fl.losses[name].hvp  # noqa: B018


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_mean_of_nothing(name):
    _, _, own = legal(name)
    for x, weight in [(np.zeros(0), None), (np.full(2, 0.5), np.zeros(2))]:
        call = own | dict(sample_weight=weight)
        with pytest.warns(RuntimeWarning, match="mean of"):
            value, grad = fl.losses[name].value_and_grad(x, np.ones_like(x), **call)
        assert np.isnan(value) and (bits(grad) == 0).all()
        assert fl.losses[name](x, np.ones_like(x), reduction="sum", **call) == 0.0


@pytest.mark.memory_safety
def test_probabilities_of_one_are_clipped_by_an_epsilon_that_one_does_not_feel():
    value, grad = fl.binary_cross_entropy.value_and_grad(np.array([1.0], "f4"), [0.0], eps=1e-15)
    assert np.isclose(value, 34.538776) and np.isclose(grad[0], 1e15)
    unclipped = fl.binary_cross_entropy([1.0, 1.0], [1.0, 0.0], eps=0, reduction="none")
    assert unclipped.tolist() == [0, np.inf]
