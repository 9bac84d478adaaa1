"""P6, stated accuracy. A float32 result is judged in float64, a float64 result in long double (and both,
in places, with mpmath). Where long double is no wider than double, mpmath judges fewer points."""

import os
from concurrent.futures import ThreadPoolExecutor

import mpmath
import numpy as np
import pytest

import fastloss as fl
from support import namespaces
from support import reference as ref
from support.functions import FUNCTIONS, ULP_F8, domain
from support.layouts import compute, eps, real, same_bits

pytestmark = [pytest.mark.numbers, pytest.mark.same_lines, pytest.mark.all_kernels(4)]

F4, F8 = np.dtype("f4"), np.dtype("f8")
WIDE_LONGDOUBLE = np.finfo(np.longdouble).eps < 2.0**-60


def exact_function(name):
    return getattr(np, name.removesuffix("_nonpositive"))


def ulps(got, exact, dtype):
    """|got - exact| in units of the last place of `exact`, which below the normal numbers stays."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        exponent = np.maximum(np.frexp(exact)[1] - 1, info.minexp)
        error = abs(got.astype(exact.dtype) - exact) / np.ldexp(exact.dtype.type(1), exponent - info.nmant)
    return np.where(got.astype(exact.dtype) == exact, 0, error)


def allowed(exact, limit, dtype):
    """Below the normal numbers P6 promises only the smallest of them, absolutely: 2**nmant units."""
    return np.where(abs(exact) < np.finfo(dtype).smallest_normal, 2.0 ** np.finfo(dtype).nmant, limit)


def worst_of(name, x, limit):
    """The worst error on x, which must be within the limit."""
    dtype = x.dtype
    with np.errstate(all="ignore"):
        exact = exact_function(name)(x.astype(real(dtype)))
    inside = abs(exact) <= np.finfo(dtype).max
    x, exact = x[inside], exact[inside]
    error = ulps(fl._core.math(name, x), exact, dtype)
    over = error - allowed(exact, limit, dtype)
    at = int(np.argmax(over)) if len(x) else 0
    assert len(x) == 0 or over[at] <= 0, f"{name}({float(x[at]).hex()}) is off by {error[at]:.4f} ULP"
    return error[abs(exact) >= np.finfo(dtype).smallest_normal].max(initial=0)


def sample(name, dtype, n, rng):
    """Uniform over the bit patterns (each binade alike), over the interval, and around the hard points."""
    low, high = domain(name, dtype)
    with np.errstate(all="ignore"):
        patterns = rng.integers(0, 2 ** (8 * dtype.itemsize), n, dtype=f"u{dtype.itemsize}").view(dtype)
        span = rng.uniform(max(low, -100.0), min(high, 100.0), n).astype(dtype)
        hard = np.concatenate(
            [
                (np.arange(-1100, 1100) * np.log(2) / 2).astype(dtype),  # where exp changes its reduction
                1 + np.arange(-2000, 2000).astype(dtype) * np.finfo(dtype).eps,  # log near its zero
                np.ldexp(dtype.type(1), np.arange(np.finfo(dtype).minexp, np.finfo(dtype).maxexp)),
                np.sqrt(dtype.type(2)) * (1 + np.arange(-50, 50).astype(dtype) * np.finfo(dtype).eps),
            ]
        )
        near = np.concatenate([np.nextafter(hard, -np.inf), hard, np.nextafter(hard, np.inf)])
        x = np.concatenate([patterns, span, near, -near])
        return x[(x > low) & (x < high)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_functions(name):
    x = sample(name, F4, 300_000, np.random.default_rng(1))
    worst_of(name, x, FUNCTIONS[name][0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_functions(name):
    x = sample(name, F8, 300_000 if WIDE_LONGDOUBLE else 0, np.random.default_rng(2))
    worst_of(name, x, ULP_F8)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_functions_in_mpmath(name, n=300):
    x = sample(name, F8, n, np.random.default_rng(3))
    x = np.random.default_rng(4).choice(x, min(len(x), 4 * n), replace=False)
    judge_in_mpmath(name, x)


def judge_in_mpmath(name, x):
    f = getattr(mpmath, name.removesuffix("_nonpositive"))
    got = fl._core.math(name, x)
    limit = ULP_F8
    with mpmath.workdps(60):
        for v, y in zip(x.tolist(), got.tolist()):
            exact = f(mpmath.mpf(v))
            if abs(exact) > np.finfo(F8).max:
                continue
            unit = (
                mpmath.mpf(2) ** (max(mpmath.frexp(exact)[1] - 1, -1022) - 52)
                if exact
                else mpmath.mpf(2) ** -1074
            )
            small = abs(exact) < np.finfo(F8).smallest_normal
            assert abs(y - exact) <= unit * (2.0**52 if small else limit), f"{name}({v.hex()})"


@pytest.mark.parametrize("dtype", [F4, F8], ids=str)
def test_functions_at_special_points(dtype):
    def f(name, *x):
        return fl._core.math(name, np.array(x, dtype)).tolist()

    inf, tiny = np.inf, float(np.finfo(dtype).smallest_subnormal)
    assert f("exp", 0.0, -0.0, -inf, inf, -1e4, 1e4) == [1, 1, 0, inf, 0, inf]
    assert f("exp_nonpositive", 0.0, -0.0, -inf, -1e4) == [1, 1, 0, 0]
    assert f("log", 1.0, 0.0, inf) == [0, -inf, inf]
    assert f("log1p", 0.0, tiny, -tiny, -1.0, inf) == [0, tiny, -tiny, -inf, inf]
    assert f("tanh", 0.0, inf, -inf, 100.0, tiny) == [0, 1, -1, 1, tiny]
    assert f("sinh", 0.0, inf, -inf, tiny, 1e4) == [0, inf, -inf, tiny, inf]
    for name in FUNCTIONS:
        assert np.isnan(f(name, np.nan)).all()
    assert np.isnan(f("log", -1.0, -inf)).all() and np.isnan(f("log1p", -1.5, -inf)).all()


# Where a function changes its ways: zeros, subnormals, ln 2, edges of the range, no numbers.
VECTORS = [
    *("0x0p+0", "-0x0p+0", "0x1p-149", "-0x1p-126", "0x1.fffffep-127", "0x1p-24", "-0x1p-24", "0x1p-12"),
    *(
        "0x1.62e43p-2",
        "-0x1.62e43p-2",
        "0x1.62e42ep-1",
        "0x1.6a09e6p-1",
        "0x1.6a09e8p-1",
        "0x1.4p-1",
        "0x1.4p+0",
    ),
    *(
        "0x1p+0",
        "-0x1p+0",
        "-0x1.fffffep-1",
        "0x1.fffffep+0",
        "-0x1.5d58ap+6",
        "0x1.62e42ep+6",
        "0x1.65a9fap+6",
    ),
    *("-0x1.9fe36ap+6", "0x1p+24", "-0x1p+24", "0x1.fffffep+127", "-0x1.fffffep+127", "inf", "-inf", "nan"),
]


@pytest.mark.parametrize("dtype", [F4, F8], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_do_not_depend_on_the_lane(name, dtype):
    """Each vector at each position, the tail's too, gives the bits it gives alone; so do its neighbours."""
    points = np.array([float.fromhex(v) for v in VECTORS], dtype)
    points = points[~(points > 0)] if name == "exp_nonpositive" else points
    plain = fl._core.math(name, np.full(40, -0.3, dtype))
    for point in points:
        alone = fl._core.math(name, point[None])
        for n in (1, 7, 8, 9, 15, 16, 17, 33):
            for at in range(n):
                x = np.full(n, -0.3, dtype)
                x[at] = point
                got = fl._core.math(name, x)
                assert same_bits(got[at : at + 1], alone), (float(point).hex(), n, at)
                assert same_bits(np.delete(got, at), plain[1:n]), (float(point).hex(), n, at)


# --- every float32, and float64 in bulk: minutes, so behind a marker ---------------------------------------


ODD = ("tanh", "sinh")
PIECE = 2**22


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_float32(name):
    """All floats of the domain, by their bits. Odd functions are judged for one sign, mirrored for the other;
    exp_nonpositive has the bits of exp."""
    limit, low, high = FUNCTIONS[name]

    def piece(start):
        x = np.arange(start, start + PIECE, dtype=np.uint32).view(F4)
        x = x[(x > low) & (x < high)]
        if name in ODD:
            assert same_bits(fl._core.math(name, -x), -fl._core.math(name, x))
        if name == "exp_nonpositive":
            assert same_bits(fl._core.math(name, x), fl._core.math("exp", x))
            return 0
        return worst_of(name, x, limit)

    starts = range(0, 2**31 if name in ODD else 2**32, PIECE)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert max(pool.map(piece, starts)) <= limit


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_in_bulk(name):
    """10^7 points against long double, 10^5 and all that are hard against mpmath."""
    rng, judged = np.random.default_rng(5), 0
    while WIDE_LONGDOUBLE and judged < 10_000_000:
        x = sample(name, F8, 1_000_000, rng)
        worst_of(name, x, ULP_F8)
        judged += len(x)
    hard = sample(name, F8, 0, rng)
    judge_in_mpmath(name, np.concatenate([hard, rng.choice(sample(name, F8, 100_000, rng), 100_000)]))


@pytest.mark.exhaustive
@pytest.mark.skipif(not WIDE_LONGDOUBLE, reason="long double is double here: mpmath alone judges")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_long_double_is_a_judge_of_float64(name):
    """Its own error on 10^4 points: thousandths of a float64's ULP."""
    rng = np.random.default_rng(6)
    x = rng.choice(sample(name, F8, 10_000, rng), 10_000)
    with np.errstate(all="ignore"):
        exact = exact_function(name)(x.astype(real(F8)))
    f = getattr(mpmath, name.removesuffix("_nonpositive"))
    with mpmath.workdps(60):
        for v, y in zip(x.tolist(), exact):
            true = f(mpmath.mpf(v))
            if not np.finfo(F8).smallest_normal <= abs(true) <= np.finfo(F8).max:
                continue
            high = float(y)  # y as the sum of two float64
            off = abs(mpmath.mpf(high) + mpmath.mpf(float(y - high)) - true)
            assert off <= mpmath.mpf(2) ** (mpmath.frexp(true)[1] - 53) / 100, f"{name}({v.hex()})"


# --- rows ---------------------------------------------------------------------------------------------------


WIDTHS = [2, 10, 64, 65, 1000, 50257]
sigmas = pytest.mark.parametrize("sigma", [1, 10, 30])
widths = pytest.mark.parametrize("classes", WIDTHS)
dtypes = pytest.mark.parametrize("dtype", [F4, F8], ids=str)


def rows(classes, sigma, dtype, offset=0.0):
    rng = np.random.default_rng([classes, sigma])
    n = max(3, min(400, 200_000 // classes))
    return (offset + sigma * rng.standard_normal((n, classes))).astype(dtype), rng.integers(0, classes, n)


def worst(error, bound):
    """The largest error as a part of its bound."""
    return float((error / bound).max())


@sigmas
@widths
@dtypes
@pytest.mark.parametrize("offset", [0, 10_000])
def test_log_softmax(offset, dtype, classes, sigma):
    logits, _ = rows(classes, sigma, dtype, offset)
    exact = namespaces.log_softmax(logits.astype(real(dtype)))
    assert worst(abs(fl.log_softmax(logits) - exact), 3 * eps(dtype) * np.maximum(1, abs(exact))) <= 1


@pytest.mark.parametrize("classes", [2**17])
@dtypes
def test_log_softmax_of_the_widest_rows(dtype, classes):
    logits, _ = rows(classes, 30, dtype)
    exact = namespaces.log_softmax(logits.astype(real(dtype)))
    assert worst(abs(fl.log_softmax(logits) - exact), 3 * eps(dtype) * np.maximum(1, abs(exact))) <= 1


@sigmas
@widths
@dtypes
def test_softmax(dtype, classes, sigma):
    logits, _ = rows(classes, sigma, dtype)
    x = logits.astype(real(dtype))
    exact, t = namespaces.softmax(x), x.max(-1, keepdims=True) - x
    bound = eps(dtype) * (3 + t) * exact + np.finfo(dtype).smallest_normal
    assert worst(abs(fl.softmax(logits) - exact), bound) <= 1


@sigmas
@widths
@dtypes
@pytest.mark.parametrize("at", ["anywhere", "maximum"])
def test_loss_and_gradient_of_the_target(at, dtype, classes, sigma):
    logits, target = rows(classes, sigma, dtype)
    target = logits.argmax(-1) if at == "maximum" else target
    judge_rows(logits, target, dtype)


def judge_rows(logits, target, dtype):
    """Loss and the target's gradient are relative to eps (4 + margin), the other gradients as softmax."""
    n = np.arange(len(target))
    x = logits.astype(real(dtype))
    loss, grad = ref.hard_row(x, target)
    top = np.where(np.arange(x.shape[1]) == target[:, None], -np.inf, x).max(-1)
    margin = np.maximum(0, x[n, target] - top)
    bound, small = eps(dtype) * (4 + margin), float(np.finfo(dtype).smallest_normal)
    got, got_grad = fl.cross_entropy.value_and_grad(logits, target, reduction="none")
    assert worst(abs(got - loss), bound * loss + small) <= 1
    assert worst(abs(got_grad - grad)[n, target], bound * abs(grad[n, target]) + small) <= 1
    t = x.max(-1, keepdims=True) - x
    assert worst(abs(got_grad - grad), eps(dtype) * (4 + t + margin[:, None]) * abs(grad) + small) <= 1
    assert (abs(got_grad.astype(real(dtype)).sum(-1)) <= x.shape[1] * eps(dtype)).all()


@pytest.mark.parametrize("classes", [2, 3, 10, 64, 65, 1000])
@dtypes
def test_margins_to_80(dtype, classes):
    """torch returns 0 from a margin of about 17 in float32 and 37 in float64."""
    rng = np.random.default_rng(6)
    n = 600
    logits, target = rng.standard_normal((n, classes)).astype(dtype), rng.integers(0, classes, n)
    logits[np.arange(n), target] = -np.inf
    logits[np.arange(n), target] = logits.max(-1) + np.linspace(0, 80, n).astype(dtype)
    judge_rows(logits, target, dtype)


@dtypes
def test_margins_in_mpmath(dtype):
    rng = np.random.default_rng(7)
    for margin in [0, 0.5, 1, 5, 16, 17, 20, 36, 37, 40, 60, 79]:
        logits = rng.standard_normal(7).astype(dtype)
        logits[3] = np.delete(logits, 3).max() + dtype.type(margin)
        loss, grad = ref.hard_row_mp(logits, 3)
        got, got_grad = fl.cross_entropy.value_and_grad(logits, 3, reduction="none")
        bound = eps(dtype) * (4 + margin)
        with mpmath.workdps(50):
            assert abs(mpmath.mpf(float(got)) - loss) <= bound * loss
            assert abs(mpmath.mpf(float(got_grad[3])) - grad[3]) <= -bound * grad[3]


@sigmas
@pytest.mark.parametrize("softcap", [5.0, 30.0])
@pytest.mark.parametrize("classes", [2, 10, 65, 1000])
@dtypes
def test_softcap(dtype, classes, softcap, sigma):
    """eps (4 + margin + 4 max|u|). Far beyond the cap the derivative is small, and must still be right."""
    logits, target = rows(classes, sigma, dtype)
    check_softcap(logits, target, dtype, softcap)
    check_softcap(logits, logits.argmax(-1), dtype, softcap)


def check_softcap(logits, target, dtype, softcap):
    n = np.arange(len(target))
    u, d, _ = ref.transform(logits.astype(real(dtype)), softcap, 1)
    loss, grad = ref.hard_row(u, target)
    grad = d * grad
    top = np.where(np.arange(u.shape[1]) == target[:, None], -np.inf, u).max(-1)
    margin = np.maximum(0, u[n, target] - top)
    bound, small = eps(dtype) * (4 + margin + 4 * abs(u).max(-1)), float(np.finfo(dtype).smallest_normal)
    got, got_grad = fl.cross_entropy.value_and_grad(logits, target, softcap=softcap, reduction="none")
    assert worst(abs(got - loss), bound * loss + small) <= 1
    assert worst(abs(got_grad - grad)[n, target], bound * abs(grad[n, target]) + small) <= 1


@pytest.mark.parametrize("scale", [0.01, 0.5, 3.0, 64.0])
@dtypes
def test_logit_scale_is_applied_after_subtracting_the_maximum(dtype, scale):
    """So a common offset costs nothing. The scale is exact in both dtypes; the product rounds once."""
    rng = np.random.default_rng(8)
    scale = float(np.float32(scale))
    logits = (1000 + np.round(rng.standard_normal((200, 50)) * 64) / 64).astype(dtype)
    target = rng.integers(0, 50, 200)
    x = scale * logits.astype(real(dtype))
    loss, grad = ref.hard_row(x, target)
    got, got_grad = fl.cross_entropy.value_and_grad(logits, target, logit_scale=scale, reduction="none")
    t = x.max(-1, keepdims=True) - x
    assert worst(abs(got - loss), eps(dtype) * (4 + t.max(-1)) * loss) <= 1
    small = (1 + scale) * float(np.finfo(dtype).smallest_normal)  # exp below the normal numbers is 0
    assert worst(abs(got_grad - scale * grad), eps(dtype) * (6 + 2 * t) * abs(scale * grad) + small) <= 1


@sigmas
@dtypes
def test_logsumexp_and_entropy(dtype, sigma):
    for classes in WIDTHS:
        logits, target = rows(classes, sigma, dtype)
        x = logits.astype(real(dtype))
        exact = namespaces.logsumexp(x)
        bound = eps(dtype) * (3 * np.maximum(1, abs(exact)) + abs(x.max(-1)))
        assert worst(abs(fl.logsumexp(logits) - exact), bound) <= 1
        assert worst(abs(fl.cross_entropy.rows(logits, target).logsumexp - exact), bound) <= 1


@pytest.mark.parametrize("n", [1000, 300_000])
def test_the_mean_of_many_rows_is_summed_in_float64(n):
    """No worse than one row: float32 lanes inside a row, float64 across rows."""
    rng = np.random.default_rng(9)
    logits, target = rng.standard_normal((n, 8)).astype("f4"), rng.integers(0, 8, n)
    exact = ref.hard_row(logits.astype("f8"), target)[0].mean()
    # The row errors are independent: their mean is much smaller than the bound of one.
    assert abs(fl.cross_entropy(logits, target) - exact) <= 0.5 * eps(F4) * exact


@pytest.mark.parametrize("n", [10, 4097, 1_000_000])
@dtypes
def test_mse_of_many_elements(dtype, n):
    rng = np.random.default_rng(10)
    pred, target = rng.standard_normal((2, n)).astype(dtype)
    exact = ref.mse(pred, target, real=real(dtype)).loss.mean()
    assert abs(fl.mse(pred, target) - exact) <= 10 * eps(compute(dtype)) * exact
