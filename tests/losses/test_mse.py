"""fl.mse, the first elementwise loss: what holds for it must hold for each that follows."""

import numpy as np
import pytest

import fastloss as fl
from support import reference as ref
from support.layouts import (
    DTYPES,
    LABELS,
    LAYOUTS,
    REDUCTIONS,
    assert_near,
    compute,
    eps,
    real,
    rounded,
    same_bits,
)

pytestmark = pytest.mark.without_fma

SHAPES = [(), (1,), (15,), (16,), (17,), (4097,), (7, 9), (3, 1, 5), (0,), (4, 0)]


def make(rng, shape, dtype):
    return (np.asarray(rng.standard_normal(shape)).astype(dtype) for _ in range(2))


def check(pred, target, sample_weight=None, normalizer=None, reduction="mean"):
    dtype = pred.dtype
    call = dict(sample_weight=sample_weight, normalizer=normalizer, reduction=reduction)
    target_read = np.asarray(target).astype(compute(dtype))
    value, grad, hess, _ = ref.reduced(ref.mse(pred, target_read, real=real(dtype)), **call)
    bound = ref.reduced(ref.mse.bounds(pred, target_read, eps(dtype), real=real(dtype)), **call)
    got, got_grad = fl.mse.value_and_grad(pred, target, **call)
    assert (
        type(got) is float if reduction != "none" else got.dtype == compute(dtype) and got.shape == pred.shape
    )
    assert_near(got, np.asarray(value), bound[0], compute(dtype), "value")
    assert_near(got_grad, grad, bound[1], dtype, "grad")
    grad2, got_hess = fl.mse.grad_and_hess(pred, target, **call)
    assert_near(got_hess, hess, bound[2], dtype, "hess")
    assert got_grad.dtype == got_hess.dtype == dtype and got_grad.shape == got_hess.shape == pred.shape
    assert same_bits(got, fl.mse(pred, target, **call))
    assert same_bits(got_grad, grad2) and same_bits(got_grad, fl.mse.grad(pred, target, **call))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [s for s in SHAPES if 0 not in s and s], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_matches_the_oracle(reduction, shape, dtype):
    check(*make(np.random.default_rng(1), shape, dtype), reduction=reduction)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout, dtype):
    pred, target = make(np.random.default_rng(2), (13, 21), dtype)
    lay = LAYOUTS[layout]
    check(lay(pred), lay(target), sample_weight=lay(abs(target.astype("f4"))))
    check(lay(pred), target, reduction="none")


@pytest.mark.parametrize("target_dtype", [*DTYPES, *LABELS, np.dtype(bool)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_target_of_any_dtype_is_converted_element_by_element(dtype, target_dtype):
    rng = np.random.default_rng(3)
    pred = rng.standard_normal(50).astype(dtype)
    target = rng.integers(0, 100, 50).astype(target_dtype)
    check(pred, target)
    read = target.astype(compute(dtype))
    assert same_bits(fl.mse.grad(pred, target), fl.mse.grad(pred, read))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight_shape", [(6, 5), (6,)], ids=str)
def test_sample_weight(weight_shape, reduction):
    """torch divides huber's weighted sum by N and mse's by the sum of weights; here all are the second."""
    rng = np.random.default_rng(4)
    pred, target = make(rng, (6, 5), np.dtype("f4"))
    weight = rng.integers(0, 4, weight_shape) / 2
    check(pred, target, sample_weight=weight, reduction=reduction)
    check(pred, target, sample_weight=weight.astype("f4"), reduction=reduction)


@pytest.mark.parametrize("n", [1023, 1024, 1025, 5000, 70_000])
def test_every_element_counts_in_the_normaliser(n):
    pred, target = make(np.random.default_rng(8), (n,), np.dtype("f8"))
    check(pred, target)
    check(pred, target, sample_weight=np.random.default_rng(9).integers(0, 5, n) / 4)


def test_weighted_mean_divides_by_the_weight_of_every_element():
    pred, target = np.array([[1.0, 3.0], [0.0, 0.0]]), np.zeros((2, 2))
    assert fl.mse(pred, target, sample_weight=np.array([3.0, 1.0])) == 3 * (1 + 9) / (3 * 2 + 1 * 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_normalizer(dtype):
    pred, target = make(np.random.default_rng(5), (40,), dtype)
    check(pred, target, normalizer=8)
    check(pred, target, normalizer=0.25, sample_weight=np.linspace(0, 1, 40))


def test_a_weight_of_zero_silences_what_the_element_holds():
    pred, target = np.array([1.0, np.nan, np.inf, 2.0]), np.array([0.0, 1.0, 1.0, np.nan])
    weight = np.array([2.0, 0.0, 0.0, 0.0])
    value, grad = fl.mse.value_and_grad(pred, target, sample_weight=weight)
    assert value == 1 and grad.tolist() == [2, 0, 0, 0]
    assert fl.mse(pred, target, sample_weight=weight, reduction="none").tolist() == [2, 0, 0, 0]


def test_a_bad_element_stays_one_element():
    rng = np.random.default_rng(6)
    for n in range(1, 70):
        pred, target = make(rng, (n,), np.dtype("f4"))
        clean, clean_grad = fl.mse.value_and_grad(pred, target, reduction="none")
        for bad in (np.nan, np.inf, -np.inf, 3e38):
            spoilt = pred.copy()
            spoilt[-1] = bad
            with np.errstate(all="raise"):
                value, grad = fl.mse.value_and_grad(spoilt, target, reduction="none")
            assert not np.isfinite(value[-1])
            assert same_bits(value[:-1], clean[:-1]) and same_bits(grad[:-1], clean_grad[:-1])


@pytest.mark.parametrize(
    "pred, options",
    [(np.zeros(0), {}), (np.zeros((3, 0)), {}), (np.ones(2), dict(sample_weight=np.zeros(2)))],
    ids=str,
)
def test_mean_of_nothing(pred, options):
    with pytest.warns(RuntimeWarning, match="mean of"):
        assert np.isnan(fl.mse(pred, pred, **options))
    with pytest.warns(RuntimeWarning, match="mean of"):
        value, grad = fl.mse.value_and_grad(pred, np.zeros_like(pred), **options)
    assert np.isnan(value) and (grad == 0).all()
    assert fl.mse(pred, pred, reduction="sum", **options) == 0.0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("out_dtype", DTYPES, ids=str)
def test_out_of_another_dtype_is_the_gradient_rounded_once(out_dtype, dtype):
    pred, target = make(np.random.default_rng(7), (77,), dtype)
    wide, out = np.empty(77, compute(dtype)), np.empty(77, out_dtype)
    fl.mse.grad(pred, target, out=wide)
    fl.mse.grad(pred, target, out=out)
    assert same_bits(out, rounded(wide, out_dtype))


def every_half(dtype):
    return np.arange(2**16, dtype=np.uint16).view(dtype)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
def test_every_half_number_is_read(dtype, step):
    half = np.repeat(every_half(dtype), step)[::step]
    out = np.empty(half.shape, np.float32)
    with np.errstate(all="ignore"):  # a signalling NaN
        want = 2 * half.astype(np.float32)
    fl.mse.grad(half, np.zeros(half.shape), reduction="sum", out=out)
    assert np.array_equal(out, want, equal_nan=True)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
def test_every_half_number_is_written_rounded_to_nearest_even(dtype, step):
    """Each number, the middle between it and the next, and the neighbours of the middle."""
    with np.errstate(all="ignore"):
        half = every_half(dtype).astype(np.float32)
        middle = half + (np.roll(half, -1) - half) / 2
        exact = np.concatenate([half, middle, np.nextafter(middle, -np.inf), np.nextafter(middle, np.inf)])
        exact = exact[abs(exact) > 2.0**-125]  # half of it must be a float32 too
        want = exact.astype(dtype)
    out = np.empty(step * len(exact), dtype)[::step]
    fl.mse.grad(exact / 2, np.zeros(exact.shape), reduction="sum", out=out)
    assert same_bits(out, want)


def test_half_mean_does_not_overflow():
    pred = np.full(100_000, 60.0, np.float16)
    assert fl.mse(pred, np.zeros_like(pred)) == 3600.0


def test_intercept_is_the_weighted_mean():
    target, weight = np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0])
    assert fl.mse.intercept(target) == pytest.approx(3.0, rel=1e-15)
    assert fl.mse.intercept(target, sample_weight=weight) == pytest.approx(3.75, rel=1e-15)


def test_inverse_link_is_the_identity():
    raw = np.array([-1.0, 2.0])
    assert np.array_equal(fl.mse.inverse_link(raw), raw)
