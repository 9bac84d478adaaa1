"""softmax, log_softmax, logsumexp and gather_log_softmax: the kernels of cross entropy by themselves; then
sigmoid, log_sigmoid and softplus."""

import mpmath
import numpy as np
import pytest

import fastloss as fl
from support import namespaces
from support import reference as ref
from support.layouts import BAD, CLASSES, DTYPES, LAYOUTS, assert_near, compute, eps, real, rounded, same_bits
from support.namespaces import MP, sigmoid, softplus

pytestmark = pytest.mark.without_fma


def make(rng, shape, dtype, sigma=3.0):
    return (sigma * rng.standard_normal(shape)).astype(dtype)


def expected(name, logits, axis):
    """The oracle and its bound, class axis where the caller has it."""
    x = np.moveaxis(np.asarray(logits).astype(real(logits.dtype)), axis, -1)
    t, e = x.max(-1, keepdims=True) - x, eps(logits.dtype)
    want = getattr(namespaces, name)(x)
    bound = {
        "softmax": lambda: e * (3 + t) * want,
        "log_softmax": lambda: 3 * e * np.maximum(1, abs(want)),
        "logsumexp": lambda: e * (3 * np.maximum(1, abs(want)) + 2 * abs(x.max(-1))),
    }[name]()
    if name == "logsumexp":
        return want, bound
    return np.moveaxis(want, -1, axis), np.moveaxis(bound, -1, axis)


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_matches_the_oracle(name, dtype, classes):
    rng = np.random.default_rng(classes)
    for shape, axis in [((37, classes), -1), ((2, classes, 5), 1), ((classes, 5), 0), ((classes,), -1)]:
        logits = make(rng, shape, dtype)
        got = getattr(fl, name)(logits, axis=axis)
        want, bound = expected(name, logits, axis)
        assert got.shape == want.shape
        assert got.dtype == (compute(dtype) if name == "logsumexp" else dtype)
        assert_near(got, want, bound, got.dtype, name)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_any_layout(name, dtype, layout):
    logits = make(np.random.default_rng(1), (6, 50), dtype)
    f, lay = getattr(fl, name), LAYOUTS[layout]
    want = f(logits)
    out = lay(np.full_like(want, 7))
    assert same_bits(f(lay(logits)), want)
    assert f(lay(logits), out=out) is out and same_bits(out, want)


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_in_place(name, dtype, axis):
    for classes in (10, 70, 1100):
        logits = np.moveaxis(make(np.random.default_rng(2), (3, 4, classes), dtype), -1, axis)
        want, inside = getattr(fl, name)(logits, axis=axis), logits.copy()
        assert getattr(fl, name)(inside, axis=axis, out=inside) is inside
        assert same_bits(inside, want)


@pytest.mark.parametrize("out_dtype", DTYPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_out_of_another_dtype_is_rounded_once(name, dtype, out_dtype):
    logits, f = make(np.random.default_rng(3), (9, 40), dtype), getattr(fl, name)
    shape = (9,) if name == "logsumexp" else (9, 40)
    wide, out = np.empty(shape, compute(dtype)), np.empty(shape, out_dtype)
    f(logits, out=wide)
    f(logits, out=out)
    assert same_bits(out, rounded(wide, out_dtype))


def test_integers_and_lists_become_float64():
    for name in ("softmax", "log_softmax", "logsumexp"):
        f = getattr(fl, name)
        got = np.asarray(f([[0, 1], [2, 5]]))
        assert got.dtype == np.float64 and same_bits(got, f(np.array([[0.0, 1.0], [2.0, 5.0]])))


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("classes", [5, 64, 65, 1100])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_bad_row_is_nan_and_only_that_row(name, classes, case):
    logits, f = make(np.random.default_rng(4), (20, classes), np.dtype("f4")), getattr(fl, name)
    clean = f(logits)
    BAD[case](logits[7])
    with np.errstate(all="raise"):
        got = f(logits)
    assert np.isnan(got[7]).all()
    assert same_bits(np.delete(got, 7, 0), np.delete(clean, 7, 0))


def test_minus_inf_is_probability_zero():
    logits = np.array([[0.0, -np.inf, 0.0]])
    assert fl.softmax(logits).tolist() == [[0.5, 0.0, 0.5]]
    assert fl.log_softmax(logits)[0, 1] == -np.inf
    assert fl.logsumexp(logits)[0] == pytest.approx(np.log(2), rel=1e-15)


def test_logsumexp_of_nan_is_nan():
    got = fl.logsumexp(np.array([[0.0, np.nan], [1.0, 1.0]]))
    assert np.isnan(got[0]) and got[1] == pytest.approx(1 + np.log(2), rel=1e-15)


# --- gather_log_softmax --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("classes", [1, 2, 10, 64, 65, 1100, 5000])
@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_gather_log_softmax(axis, classes, dtype):
    rng = np.random.default_rng(5)
    logits, index = make(rng, (3, 4, classes), dtype), rng.integers(0, classes, (3, 4))
    want, bound = expected("log_softmax", logits, -1)
    want, bound = (np.take_along_axis(a, index[..., None], -1)[..., 0] for a in (want, bound))
    moved = np.moveaxis(logits, -1, axis)
    got = fl.gather_log_softmax(moved, index, axis=axis)
    assert got.shape == (3, 4) and got.dtype == compute(dtype)
    assert_near(got, want, bound, got.dtype, "log p")


@pytest.mark.parametrize("out_dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gather_log_softmax_out(layout, out_dtype):
    rng = np.random.default_rng(8)
    logits, index = make(rng, (40, 30), np.dtype("f4")), rng.integers(0, 30, 40)
    out = LAYOUTS[layout](np.full(40, 7, out_dtype))
    want = fl.gather_log_softmax(logits, index).astype(out_dtype)
    assert fl.gather_log_softmax(logits, index, out=out) is out and same_bits(out, want)
    with pytest.raises(ValueError, match="overlap"):
        fl.gather_log_softmax(logits, index, out=logits[:, 0])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("classes", [2, 10, 65, 1100])
def test_gather_log_softmax_value_and_grad(classes, dtype):
    """The gradient of sum(weight * log p): an advantage may be negative, and half of them are."""
    rng = np.random.default_rng(6)
    logits, index = make(rng, (30, classes), dtype), rng.integers(0, classes, 30)
    rows = ref.cross_entropy(logits, index, real=real(dtype))
    bounds = ref.cross_entropy_bounds(logits, index, eps(dtype), real=real(dtype))
    for weight in (None, rng.integers(-8, 9, 30) / 4):
        w = np.ones(30) if weight is None else weight
        values, grad = fl.gather_log_softmax.value_and_grad(logits, index, weight)
        assert same_bits(values, fl.gather_log_softmax(logits, index))  # the values are not weighted
        assert grad.dtype == dtype
        assert_near(grad, -w[:, None] * rows.grad, abs(w)[:, None] * bounds.grad, dtype, "grad")
        out = np.full_like(logits, 7)
        _, grad2 = fl.gather_log_softmax.value_and_grad(logits, index, weight, out=out)
        assert grad2 is out and same_bits(out, grad)


def test_gather_log_softmax_is_minus_cross_entropy_to_the_bit():
    rng = np.random.default_rng(7)
    logits, index = make(rng, (30, 100), np.dtype("f4")), rng.integers(0, 100, 30)
    assert same_bits(fl.gather_log_softmax(logits, index), -fl.cross_entropy(logits, index, reduction="none"))


def test_gather_log_softmax_weights():
    """One number a row or a leading axis; 0 silences what the row holds."""
    logits, index = make(np.random.default_rng(9), (4, 6, 5), np.dtype("f4")), np.zeros((4, 6), int)
    weight = np.array([1.0, -0.5, 2.0, 0.0])
    _, want = fl.gather_log_softmax.value_and_grad(logits, index, np.repeat(weight, 6).reshape(4, 6))
    logits[3] = np.nan
    _, grad = fl.gather_log_softmax.value_and_grad(logits, index, weight)
    assert same_bits(grad, want) and (grad[3] == 0).all()


@pytest.mark.parametrize("bad", [-1, 5, -100])
def test_gather_log_softmax_checks_the_index_first(bad):
    out = np.full((4, 5), 7.0)
    with pytest.raises(ValueError, match=rf"index\[2\] = {bad} is out of range for 5 classes"):
        fl.gather_log_softmax.value_and_grad(np.zeros((4, 5)), [0, 1, bad, 2], out=out)
    assert (out == 7).all()


def test_gather_log_softmax_checks_shapes():
    with pytest.raises(ValueError, match="index"):
        fl.gather_log_softmax(np.zeros((4, 5)), np.zeros((4, 1), int))
    with pytest.raises(ValueError, match="weight"):
        fl.gather_log_softmax.value_and_grad(np.zeros((4, 5)), np.zeros(4, int), np.ones(5))
    with pytest.raises(ValueError, match="weight"):
        fl.gather_log_softmax.value_and_grad(np.zeros((4, 5)), np.zeros(4, int), [0, 1, np.nan, 1])


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_arguments_are_checked(name):
    f, x = getattr(fl, name), np.zeros((3, 4))
    for axis in (2, -3, 1.0, None):
        with pytest.raises((ValueError, TypeError), match="axis"):
            f(x, axis=axis)
    with pytest.raises(ValueError, match="n_threads"):
        f(x, n_threads=0)
    with pytest.raises(ValueError, match="out"):
        f(x, out=np.empty((4, 4)))
    with pytest.raises(TypeError, match="out"):
        f(x, out=np.empty(f(x).shape, int))
    with pytest.raises(TypeError, match="mask"):
        f(np.ma.masked_array(x, mask=False))
    with pytest.raises(TypeError, match="complex"):
        f(x.astype(complex))
    if name != "logsumexp":
        buffer = np.zeros(13)
        with pytest.raises(ValueError, match="overlap"):
            f(buffer[:12].reshape(3, 4), out=buffer[1:].reshape(3, 4))


# --- sigmoid, log_sigmoid, softplus --------------------------------------------------------------------


UNARY = {"sigmoid": sigmoid, "log_sigmoid": lambda x: -softplus(-x), "softplus": softplus}
each_unary = pytest.mark.parametrize("name", UNARY)


def of_all_sizes(dtype, n=100_000):
    """Where results are normal numbers, the smallest and the largest arguments among them."""
    rng, info = np.random.default_rng(10), np.finfo(dtype)
    span = np.floor(-np.log(info.smallest_normal))
    tiny = 10.0 ** rng.uniform(np.log10(info.smallest_normal), np.log10(span), n)
    spread = [rng.uniform(-span, span, n), rng.standard_normal(n), tiny, -tiny, [0.0, span, -span]]
    return np.concatenate(spread).astype(dtype)


@each_unary
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_unary_within_4_ulp(dtype, name):
    x = of_all_sizes(dtype)
    want = UNARY[name](x.astype(np.longdouble))
    got = getattr(fl, name)(x)
    ulp = np.spacing(abs(want).astype(dtype)).astype(np.longdouble)
    assert got.dtype == dtype and (abs(got - want) <= 4 * ulp).all()


def test_the_oracle_of_unary_functions_against_mpmath():
    """Longdouble itself is off by less than a thousandth of a ULP of float64."""
    exact = {"sigmoid": MP.sigmoid, "log_sigmoid": lambda v: -MP.softplus(-v), "softplus": MP.softplus}
    x = of_all_sizes(np.float64, 200)
    with mpmath.workdps(60):
        for name, f in exact.items():
            for v, close in zip(x, UNARY[name](x.astype(np.longdouble))):
                near = mpmath.mpf(np.format_float_scientific(close))
                assert abs(near - f(mpmath.mpf(float(v)))) <= 2.0**-60 * abs(near), (name, v)


@each_unary
@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
def test_unary_of_every_half_number(dtype, name):
    """Computed in float32 and rounded once."""
    f, half = getattr(fl, name), np.arange(2**16, dtype=np.uint16).view(dtype)
    with np.errstate(all="ignore"):  # a signalling NaN
        want = f(half.astype(np.float32)).astype(dtype)
    got = f(half)
    nan = np.isnan(want.astype("f4"))
    assert got.dtype == dtype and np.array_equal(np.isnan(got.astype("f4")), nan)
    assert same_bits(got[~nan], want[~nan])


@each_unary
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_unary_at_the_ends(dtype, name):
    big = float(np.finfo(compute(dtype)).max) if dtype.itemsize > 2 else 3e4
    x = np.array([-np.inf, -big, -120 if dtype == np.float32 else -1e4, 0, 200, big, np.inf, np.nan], dtype)
    with np.errstate(all="raise"):
        got = getattr(fl, name)(x).astype("f8")
    x, log2 = x.astype("f8"), float(np.log(2.0).astype(dtype))
    want = {
        "sigmoid": [0, 0, 0, 0.5, 1, 1, 1, np.nan],
        "log_sigmoid": [-np.inf, x[1], x[2], -log2, 0, 0, 0, np.nan],
        "softplus": [0, 0, 0, log2, x[4], x[5], np.inf, np.nan],
    }[name]
    assert np.array_equal(got[[0, 3, 5, 6, 7]], np.array(want)[[0, 3, 5, 6, 7]], equal_nan=True)
    assert got == pytest.approx(want, rel=eps(dtype), abs=float(np.finfo("f4").smallest_normal), nan_ok=True)


@each_unary
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(7, 33), (2, 3, 65), (4097,), (), (0,), (3, 0)], ids=str)
def test_unary_of_any_layout(shape, dtype, layout, name):
    x, f, lay = make(np.random.default_rng(11), shape, dtype), getattr(fl, name), LAYOUTS[layout]
    x = np.asarray(x)
    want = f(x, n_threads=1)
    assert isinstance(want, np.ndarray) and want.shape == shape
    out = lay(np.full_like(want, 7))
    assert same_bits(f(lay(x)), want)
    assert f(lay(x), out=out) is out and same_bits(out, want)
    inside = lay(x)
    assert f(inside, out=inside, n_threads=3) is inside and same_bits(inside, want)


@each_unary
@pytest.mark.parametrize("out_dtype", DTYPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_unary_out_of_another_dtype_is_the_result_rounded_once(dtype, out_dtype, name):
    x, f = make(np.random.default_rng(12), (999,), dtype), getattr(fl, name)
    wide, out = np.empty(999, compute(dtype)), np.empty(999, out_dtype)
    f(x, out=wide)
    assert f(x, out=out) is out and same_bits(out, rounded(wide, out_dtype))


@each_unary
@pytest.mark.parametrize("n", [1, 15, 16, 17, 1025, 300_001])
def test_unary_bits_do_not_depend_on_threads_or_neighbours(n, name):
    f = getattr(fl, name)
    for dtype in DTYPES:
        x = make(np.random.default_rng(13), (n,), dtype)
        want = f(x, n_threads=1)
        for threads in (None, 2, 9):
            assert same_bits(f(x, n_threads=threads), want)
        assert same_bits(f(x[n // 3 :]), want[n // 3 :]) and same_bits(f(x[::-1])[::-1], want)


@each_unary
def test_unary_arguments(name):
    f, x = getattr(fl, name), np.zeros((3, 4))
    got = f([[0, 1], [2, 3]])
    assert got.dtype == np.float64 and same_bits(got, f(np.array([[0.0, 1.0], [2.0, 3.0]])))
    assert same_bits(f(x.astype(">f8")), f(x))
    with pytest.raises(ValueError, match="n_threads"):
        f(x, n_threads=0)
    for out, error in [
        (np.empty((4, 3)), ValueError),
        (np.empty((3, 4), int), TypeError),
        (np.empty((3, 4), ">f8"), TypeError),
        ([], TypeError),
    ]:
        with pytest.raises(error, match="out"):
            f(x, out=out)
    read_only = np.empty((3, 4))
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match=r"out.*read-only"):
        f(x, out=read_only)
    buffer = np.zeros(13)
    with pytest.raises(ValueError, match="overlap"):
        f(buffer[:12], out=buffer[1:])
    with pytest.raises(TypeError, match="mask"):
        f(np.ma.masked_array(x, mask=False))
    with pytest.raises(TypeError, match="complex"):
        f(x.astype(complex))
