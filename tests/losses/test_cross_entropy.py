"""fl.cross_entropy against the oracle: every option, reduction, dtype, layout and kind of label, then
each line of the table of special cases, which is part of the contract."""

import numpy as np
import pytest

import fastloss as fl
from support import namespaces
from support import reference as ref
from support.layouts import (
    BAD,
    CLASSES,
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
    storing,
)

pytestmark = [pytest.mark.numbers, pytest.mark.same_lines]

OPTIONS = {
    "plain": {},
    "class_weight": dict(class_weight=True),
    "smoothing": dict(label_smoothing=0.125),
    "z_loss": dict(z_loss=0.01),
    "softcap": dict(softcap=3.0),
    "logit_scale": dict(logit_scale=0.7),
    "all": dict(class_weight=True, label_smoothing=0.1, z_loss=0.01, softcap=6.0, logit_scale=1.5),
}


def make(rng, rows, classes, dtype, soft=False, sigma=2.0):
    """Logits, target; class axis last. Ignored rows among the hard labels, zeros among the soft ones."""
    logits = (sigma * rng.standard_normal((*rows, classes))).astype(dtype)
    if soft:
        target = rng.random((*rows, classes)) * (rng.random((*rows, classes)) < 0.7)
        return logits, target.astype(compute(dtype))
    target = rng.integers(0, classes, rows)
    target[rng.random(rows) < 0.15] = -100
    return logits, target


def options_of(name, classes, rng):
    options = dict(OPTIONS[name])
    if "class_weight" in options:
        options["class_weight"] = rng.integers(1, 9, classes) / 4
    return options


def check(
    logits, target, axis=-1, vector=None, sample_weight=None, normalizer=None, reduction="mean", **options
):
    """Every method agrees with the oracle within P6, and with the others to the bit."""
    ce, call = (
        fl.cross_entropy,
        dict(axis=axis, sample_weight=sample_weight, normalizer=normalizer, reduction=reduction, **options),
    )
    dtype, about = logits.dtype, dict(vector=vector, axis=axis, real=real(logits.dtype), **options)
    rows = ref.cross_entropy(logits, target, **about)
    bounds = ref.cross_entropy_bounds(logits, target, eps(dtype), **about)
    scaling = dict(reduction=reduction, sample_weight=sample_weight, normalizer=normalizer, axis=axis)
    value, grad, hess, hvp = ref.reduced(rows, **scaling)
    v_bound, *g_bounds = ref.reduced(bounds, **scaling)

    got = ce(logits, target, **call)
    if reduction == "none":
        assert got.shape == value.shape and got.dtype == compute(dtype)
    else:
        assert type(got) is float
    assert_near(got, np.asarray(value), v_bound + 2 * eps(dtype) * abs(value), compute(dtype), "value")

    value2, grad1 = ce.value_and_grad(logits, target, **call)
    grad2, hess1 = ce.grad_and_hess(logits, target, **call)
    assert same_bits(got, value2)
    assert same_bits(grad1, ce.grad(logits, target, **call))
    results = {
        "grad": (grad1, grad, g_bounds[0]),
        "grad beside hess": (grad2, grad, g_bounds[0]),
        "hess": (hess1, hess, g_bounds[1]),
    }
    if vector is not None:
        results["hvp"] = (ce.hvp(logits, target, vector, **call), hvp, g_bounds[2])
    for name, (have, want, bound) in results.items():
        assert have.dtype == dtype and have.shape == logits.shape
        assert_near(have, want, bound, dtype, name)


# --- the grid ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("name", OPTIONS)
def test_matches_the_oracle(name, soft, dtype, classes):
    rng = np.random.default_rng(classes)
    n = 37 if classes <= 100 else 5
    logits, target = make(rng, (n,), classes, dtype, soft)
    vector = rng.standard_normal(logits.shape).astype(dtype)
    for reduction in REDUCTIONS if classes <= 100 else ["mean"]:
        check(logits, target, vector=vector, reduction=reduction, **options_of(name, classes, rng))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("leading", [False, True], ids=["every_row", "leading_axis"])
@pytest.mark.parametrize("name", ["plain", "class_weight", "all"])
def test_sample_weight(name, leading, soft, reduction):
    rng = np.random.default_rng(5)
    logits, target = make(rng, (6, 7), 11, np.dtype("f4"), soft)
    weight = rng.integers(0, 5, (6,) if leading else (6, 7)) / 4
    check(logits, target, sample_weight=weight, reduction=reduction, **options_of(name, 11, rng))
    check(logits, target, sample_weight=weight.astype("f4"), reduction=reduction)


@pytest.mark.parametrize("n", [255, 256, 257, 1024, 5000, 70_000])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_every_row_counts_in_the_normaliser(soft, n):
    """Labels and weights are looked over in blocks and tasks; one row left out of 70,000 would show."""
    rng = np.random.default_rng(28)
    logits, target = make(rng, (n,), 3, np.dtype("f8"), soft)
    weight, by_class = rng.integers(0, 5, n) / 4, [0.5, 1.0, 2.0]
    for options in (
        {},
        dict(sample_weight=weight),
        dict(class_weight=by_class),
        dict(sample_weight=weight, class_weight=by_class),
    ):
        scaling = dict(sample_weight=options.get("sample_weight"))
        rows = ref.cross_entropy(logits, target, class_weight=options.get("class_weight"))
        value, grad, *_ = ref.reduced(rows, axis=-1, **scaling)
        got, got_grad = fl.cross_entropy.value_and_grad(logits, target, **options)
        assert got == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(got_grad, grad, rtol=1e-11, atol=1e-15 / n)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("normalizer", [1, 0.5, np.float32(37), np.int64(640)], ids=str)
def test_normalizer_replaces_the_divisor_of_the_mean(normalizer, dtype):
    rng = np.random.default_rng(6)
    logits, target = make(rng, (9,), 12, dtype)
    check(logits, target, normalizer=normalizer, sample_weight=rng.random(9), class_weight=rng.random(12))


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2, -4])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("classes", [3, 70, 1030])
@pytest.mark.parametrize("dtype", DTYPES[:3], ids=str)
def test_any_class_axis(dtype, classes, soft, axis):
    """torch's images are (N, C, H, W) with axis=1."""
    rng = np.random.default_rng(7)
    logits, target = make(rng, (2, 3, 5), classes, dtype, soft)
    logits = np.ascontiguousarray(np.moveaxis(logits, -1, axis))
    target = np.ascontiguousarray(np.moveaxis(target, -1, axis)) if soft else target
    vector = rng.standard_normal(logits.shape).astype(dtype)
    for name in ("plain", "all"):
        check(logits, target, axis=axis, vector=vector, **options_of(name, classes, rng))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_any_layout(layout, dtype, soft):
    rng = np.random.default_rng(8)
    logits, target = make(rng, (4, 9), 10, dtype, soft)
    lay = LAYOUTS[layout]
    check(lay(logits), lay(target), vector=lay(logits), sample_weight=lay(rng.random((4, 9))))


@pytest.mark.parametrize("rows", [(), (1,), (4, 1), (2, 3, 4), (0,), (3, 0), (1,) * 8])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_any_leading_shape(rows, soft):
    logits, target = make(np.random.default_rng(9), rows, 5, np.dtype("f4"), soft)
    target = np.asarray(target) if soft else np.abs(target) % 5
    check(logits, np.asarray(target), reduction="sum")
    check(logits, np.asarray(target), reduction="none")


@pytest.mark.parametrize("label", LABELS, ids=str)
def test_any_integer_width(label):
    rng = np.random.default_rng(10)
    logits, target = make(rng, (50,), 7, np.dtype("f4"))
    target = np.abs(target) % 7
    want = fl.cross_entropy.value_and_grad(logits, target)
    got = fl.cross_entropy.value_and_grad(logits, target.astype(label))
    assert same_bits(got[0], want[0]) and same_bits(got[1], want[1])


def test_bool_labels_are_two_classes():
    logits, target = make(np.random.default_rng(11), (50,), 2, np.dtype("f4"))
    assert fl.cross_entropy(logits, target == 1) == fl.cross_entropy(logits, (target == 1).astype(int))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("soft_dtype", DTYPES, ids=str)
def test_soft_targets_of_any_float_dtype(dtype, soft_dtype):
    rng = np.random.default_rng(12)
    logits, target = make(rng, (20,), 9, dtype, soft=True)
    target = target.astype(soft_dtype)
    # The target is read in the type of the arithmetic.
    check(logits, target.astype(compute(dtype)))
    want, got = fl.cross_entropy(logits, target.astype(compute(dtype))), fl.cross_entropy(logits, target)
    assert same_bits(got, want)


@pytest.mark.parametrize("classes", [2, 10, 100, 1500])
def test_one_hot_soft_target_gives_what_the_hard_label_gives(classes):
    rng = np.random.default_rng(13)
    for dtype in DTYPES:
        logits, target = make(rng, (40,), classes, dtype)
        target = np.abs(target) % classes
        hot, x = np.eye(classes, dtype="f4")[target], logits.astype(real(dtype))
        for options in ({}, dict(label_smoothing=0.25)):
            hard = fl.cross_entropy.value_and_grad(logits, target, reduction="none", **options)
            soft = fl.cross_entropy.value_and_grad(logits, hot, reduction="none", **options)
            t = x.max(-1, keepdims=True) - x
            for a, b, far in zip(hard, soft, (t.max(-1), t)):
                a, b = a.astype(x.dtype), b.astype(x.dtype)
                assert (abs(a - b) <= 2 * eps(dtype) * (4 + far) * abs(a) + storing(a, dtype)).all()


def test_soft_targets_need_not_sum_to_one():
    rng = np.random.default_rng(14)
    logits, target = make(rng, (20,), 9, np.dtype("f8"), soft=True)
    check(logits, 17 * target, class_weight=rng.random(9))


# --- ignored rows -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ignore_index", [-100, -1, 255, 3])
@pytest.mark.parametrize("name", OPTIONS)
def test_ignored_rows_count_for_nothing(name, ignore_index):
    """An ignored row is left out of value and normaliser; its gradient is written, as zeros."""
    rng = np.random.default_rng(15)
    logits, target = make(rng, (40,), 10, np.dtype("f4"))
    target = np.where(target == -100, ignore_index, target)
    kept = target != ignore_index
    options = options_of(name, 10, rng)
    check(logits, target, ignore_index=ignore_index, vector=logits, **options)
    out = np.full_like(logits, 7)
    value, _ = fl.cross_entropy.value_and_grad(logits, target, ignore_index=ignore_index, out=out, **options)
    assert (out[~kept] == 0).all()
    assert value == pytest.approx(fl.cross_entropy(logits[kept], target[kept], **options), rel=1e-14)


def test_ignored_rows_may_hold_anything():
    logits, target = make(np.random.default_rng(16), (9,), 6, np.dtype("f4"))
    target[:] = [0, -100, 1, -100, 2, -100, 3, -100, 4]
    clean = fl.cross_entropy.value_and_grad(logits, target)
    logits[1], logits[3], logits[5], logits[7] = np.nan, np.inf, -np.inf, 3e38
    value, grad = fl.cross_entropy.value_and_grad(logits, target, z_loss=0)
    assert value == clean[0] and same_bits(grad, clean[1])
    assert fl.cross_entropy(logits, target, reduction="none")[1::2].tolist() == [0] * 4


def test_ignore_index_is_compared_as_a_number_not_as_a_bit_pattern():
    logits = np.zeros((2, 200), "f4")
    target = np.array([156, 3], np.uint8)  # 156 is -100 in eight bits
    check(logits, target)
    with pytest.raises(
        ValueError, match=r"target\[1\] = 18446744073709551516 is out of range for 200 classes"
    ):
        fl.cross_entropy(logits, np.array([1, 2**64 - 100], np.uint64))


def test_ignore_index_none_switches_it_off():
    with pytest.raises(ValueError, match=r"target\[1\] = -100 is out of range for 3 classes"):
        fl.cross_entropy(np.zeros((2, 3)), [0, -100], ignore_index=None)


def test_another_ignore_index_does_not_excuse_the_default():
    with pytest.raises(ValueError, match=r"target\[0\] = -100 is out of range for 3 classes"):
        fl.cross_entropy(np.zeros((2, 3)), [-100, 1], ignore_index=-1)


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.0]])
def test_normaliser_of_the_mean_is_the_class_weight_of_the_labels(weight):
    """torch's choice: sum of w_y over the rows that count, with smoothing too; soft targets divide by N."""
    logits = np.log([[0.5, 0.25, 0.25]] * 4)
    target = np.array([0, 1, 1, -100])
    w = [1, 1, 1] if weight is None else weight
    want = (w[0] * np.log(2) + 2 * w[1] * np.log(4)) / (w[0] + 2 * w[1])
    assert fl.cross_entropy(logits, target, class_weight=weight) == pytest.approx(want, rel=1e-15)
    hot = np.eye(3)[[0, 1, 1, 1]]
    want = (w[0] * np.log(2) + 3 * w[1] * np.log(4)) / 4
    assert fl.cross_entropy(logits, hot, class_weight=weight) == pytest.approx(want, rel=1e-15)


# --- mean of nothing --------------------------------------------------------------------------------


NOTHING = {
    "empty": (np.zeros((0, 4)), np.zeros(0, int), {}),
    "all_ignored": (np.ones((3, 4)), np.full(3, -100), {}),
    "weights_sum_to_zero": (np.ones((3, 4)), np.array([0, 1, 2]), dict(sample_weight=np.zeros(3))),
    "class_weights_sum_to_zero": (np.ones((2, 4)), np.array([1, 1]), dict(class_weight=[1.0, 0, 1, 1])),
    "soft": (np.zeros((0, 4)), np.zeros((0, 4)), {}),
}


@pytest.mark.parametrize("case", NOTHING)
def test_mean_of_nothing_is_nan_with_a_warning_and_zero_gradients(case):
    logits, target, options = NOTHING[case]
    ce, out = fl.cross_entropy, np.full_like(logits, 7)
    with pytest.warns(RuntimeWarning, match="mean of"):
        assert np.isnan(ce(logits, target, **options))
    with pytest.warns(RuntimeWarning, match="mean of"):
        value, grad = ce.value_and_grad(logits, target, out=out, **options)
    assert np.isnan(value) and grad is out and (out == 0).all()
    grad, hess = ce.grad_and_hess(logits, target, **options)  # no value, nothing to warn of
    assert (grad == 0).all() and (hess == 0).all()


@pytest.mark.parametrize("case", NOTHING)
def test_sum_and_none_of_nothing_are_zero(case):
    logits, target, options = NOTHING[case]
    assert fl.cross_entropy(logits, target, reduction="sum", **options) == 0.0
    none = fl.cross_entropy(logits, target, reduction="none", **options)
    assert none.shape == logits.shape[:1] and (none == 0).all()
    assert fl.cross_entropy(logits, target, normalizer=8, **options) == 0.0


# --- rows that are not numbers -------------------------------------------------------------------------


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("classes", [5, 40, 64, 65, 300, 1100, 5000])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_bad_row_is_nan_and_only_that_row(dtype, classes, case):
    logits, target = make(np.random.default_rng(17), (35,), classes, dtype)
    target[:] = 1
    clean, clean_grad = fl.cross_entropy.value_and_grad(logits, target, reduction="none")
    bad = [0, 16, 34]
    for row in bad:
        BAD[case](logits[row])
    with np.errstate(all="raise"):
        value, grad = fl.cross_entropy.value_and_grad(logits, target, reduction="none")
        _, hess = fl.cross_entropy.grad_and_hess(logits, target, reduction="none")
    assert (
        np.isnan(value[bad]).all()
        and np.isnan(grad[bad].astype("f4")).all()
        and np.isnan(hess[bad].astype("f4")).all()
    )
    good = np.setdiff1d(np.arange(35), bad)
    assert same_bits(value[good], clean[good]) and same_bits(grad[good], clean_grad[good])
    assert np.isnan(fl.cross_entropy(logits, target))


@pytest.mark.parametrize("case", BAD)
def test_sample_weight_zero_silences_a_bad_row(case):
    """Padding may hold anything: a weight of 0 gives exactly 0, not 0 * nan."""
    logits, target = make(np.random.default_rng(18), (20,), 6, np.dtype("f4"))
    target[:] = 1
    weight = np.ones(20)
    weight[[0, 7, 19]] = 0
    clean = fl.cross_entropy.value_and_grad(logits, target, sample_weight=weight)
    for row in (0, 7, 19):
        BAD[case](logits[row])
    value, grad = fl.cross_entropy.value_and_grad(logits, target, sample_weight=weight)
    assert value == clean[0] and same_bits(grad, clean[1])
    none = fl.cross_entropy(logits, target, sample_weight=weight, reduction="none")
    assert (none[[0, 7, 19]] == 0).all() and np.isfinite(none).all()
    _, hess = fl.cross_entropy.grad_and_hess(logits, target, sample_weight=weight)
    hvp = fl.cross_entropy.hvp(logits, target, np.ones_like(logits), sample_weight=weight)
    assert (hess[[0, 7, 19]] == 0).all() and (hvp[[0, 7, 19]] == 0).all()


@pytest.mark.parametrize("weight", [[5e-324, 0, 0], [1e-300, 0, 1e-300], [1e300, 0, 1e300]], ids=str)
def test_weights_at_the_ends_of_the_range(weight):
    """Only their ratio matters; a weight of 0 stays a gradient of 0 however the others are scaled."""
    logits, target = np.array([[0.0, 1.0], [np.nan, 0.0], [2.0, 0.0]]), [0, 0, 1]
    value, grad = fl.cross_entropy.value_and_grad(logits, target, sample_weight=weight)
    assert (grad[1] == 0).all() and np.isfinite(value)
    if weight[2]:
        want = fl.cross_entropy.value_and_grad(logits, target, sample_weight=[1, 0, 1])
        assert value == pytest.approx(want[0], rel=1e-12) and grad == pytest.approx(want[1], rel=1e-12)


@pytest.mark.parametrize("classes", [3, 64, 65, 1100, 5000])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_target_at_minus_inf_costs_inf_with_a_finite_gradient(dtype, classes):
    logits, target = make(np.random.default_rng(19), (5,), classes, dtype)
    target[:] = classes - 1
    logits[2, classes - 1] = -np.inf
    check(logits, target, reduction="none")
    value, grad = fl.cross_entropy.value_and_grad(logits, target, reduction="none")
    assert value[2] == np.inf and np.isfinite(grad.astype("f4")).all() and grad[2, -1] == -1
    assert fl.cross_entropy(logits, target) == np.inf


@pytest.mark.parametrize("classes", [3, 64, 65, 1100, 5000])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("name", ["plain", "class_weight", "z_loss", "logit_scale"])
def test_minus_inf_where_the_target_is_zero_contributes_nothing(name, soft, classes):
    rng = np.random.default_rng(20)
    logits, target = make(rng, (6,), classes, np.dtype("f4"), soft)
    if soft:
        target[:, 0], target[:, -1] = 1, 0
    else:
        target[:] = 0
    logits[::2, -1] = -np.inf
    options = options_of(name, classes, rng)
    check(logits, target, vector=np.ones_like(logits), **options)
    assert np.isfinite(fl.cross_entropy(logits, target, **options))
    assert (fl.cross_entropy.grad(logits, target, **options)[::2, -1] == 0).all()


@pytest.mark.parametrize("axis, classes, masked", [(-1, 1100, 1024), (0, 100, 64)], ids=["wide", "across"])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_a_first_tile_of_minus_inf(soft, axis, classes, masked):
    """So far the maximum is -inf, and the difference to it NaN: neither may stay in a sum."""
    logits, target = make(np.random.default_rng(24), (6,), classes, np.dtype("f4"), soft)
    logits[:4, :masked] = -np.inf
    if soft:
        target[:2, :masked] = 0
    else:
        target[:] = classes - 1, masked, masked - 1, 0, 0, 5
    want = ref.cross_entropy(logits[:2, masked:], target[:2, masked:] if soft else target[:2] - masked).loss
    logits, target = (np.moveaxis(a, -1, axis).copy() if a.ndim > 1 else a for a in (logits, target))
    value, grad = fl.cross_entropy.value_and_grad(logits, target, axis=axis, reduction="none")
    np.testing.assert_allclose(value[:2], want, rtol=1e-6)
    assert (value[2:4] == np.inf).all() and np.isfinite(value[4:]).all() and np.isfinite(grad).all()
    if not soft:
        smooth = fl.cross_entropy(logits, target, axis=axis, reduction="none", label_smoothing=0.1)
        assert (smooth[:4] == np.inf).all() and np.isfinite(smooth[4:]).all()


def test_smoothing_puts_mass_on_minus_inf():
    logits = np.array([[0.0, 1.0, -np.inf], [0.0, 1.0, 2.0]])
    value, grad = fl.cross_entropy.value_and_grad(logits, [0, 1], label_smoothing=0.3, reduction="none")
    assert value[0] == np.inf and np.isfinite(value[1])
    assert grad[0, 2] == pytest.approx(-0.1, rel=1e-14)
    # A class of weight zero has no target even then.
    options = dict(label_smoothing=0.3, class_weight=[1.0, 1.0, 0.0])
    check(logits, np.array([0, 1]), **options)
    assert np.isfinite(fl.cross_entropy(logits, [0, 1], **options))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_softcap_turns_minus_inf_into_minus_s(dtype):
    logits = np.array([[0.5, -np.inf, 1.0], [0.5, 200.0, -200.0]], dtype)
    with np.errstate(all="raise"):
        value, grad = fl.cross_entropy.value_and_grad(logits, [0, 1], softcap=2.0, reduction="none")
    u = 2 * np.tanh(np.array([[0.5, -np.inf, 1.0], [0.5, 200.0, -200.0]]) / 2)
    assert value == pytest.approx(-namespaces.log_softmax(u)[[0, 1], [0, 1]], rel=8 * eps(dtype))
    assert grad[0, 1] == 0 and np.isfinite(grad.astype("f4")).all()


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize("classes", [3, 64, 65, 1100])
def test_huge_and_tiny_scores_do_not_overflow(classes, dtype):
    big = np.finfo(dtype).max
    logits = np.zeros((4, classes), dtype)
    logits[0, 0], logits[1, 0], logits[2, :] = big, -big, np.finfo(dtype).smallest_subnormal
    logits[3, 0], logits[3, 1] = big, -big
    with np.errstate(all="raise"):
        value, grad = fl.cross_entropy.value_and_grad(logits, np.array([0, 1, 1, 0]), reduction="none")
    assert value[0] == 0 and value[3] == 0
    assert value[1:3] == pytest.approx(np.log([classes - 1, classes]), rel=4 * eps(dtype))
    assert np.isfinite(grad).all()


# --- confident rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 10, 64, 65, 1000, 5000])
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_a_confident_row_keeps_its_relative_accuracy(dtype, classes):
    """torch returns exactly 0 here. Scores are multiples of 1/64, so the differences are exact."""
    rng = np.random.default_rng(21)
    margins = np.arange(0.0, 80.5, 0.5)
    n = len(margins)
    logits = np.round(rng.standard_normal((n, classes)) * 64) / 64
    target = rng.integers(0, classes, n)
    logits[np.arange(n), target] = -np.inf
    logits[np.arange(n), target] = logits.max(1) + margins
    loss, grad = ref.hard_row(logits.astype(real(dtype)), target)
    got, got_grad = fl.cross_entropy.value_and_grad(logits.astype(dtype), target, reduction="none")
    bound = eps(dtype) * (4 + margins)
    assert (abs(got - loss) <= bound * loss).all()
    at = np.arange(n), target
    assert (abs(got_grad[at] - grad[at]) <= bound * abs(grad[at]) + storing(0, dtype)).all()
    hot = np.zeros((n, classes), dtype)
    hot[at] = 1
    soft, soft_grad = fl.cross_entropy.value_and_grad(logits.astype(dtype), hot, reduction="none")
    assert (abs(soft - loss) <= bound * loss).all()
    assert (abs(soft_grad[at] - grad[at]) <= bound * abs(grad[at]) + storing(0, dtype)).all()


def test_a_confident_row_exactly():
    loss = fl.cross_entropy(np.array([[18.0, 0.0]], "f4"), [0])
    assert loss == pytest.approx(np.log1p(np.exp(-18)), rel=2**-22)
    value, grad = fl.cross_entropy.value_and_grad(np.array([[60.0, 0.0]]), [0])
    assert value == pytest.approx(np.exp(-60), rel=1e-15) and grad[0, 0] == pytest.approx(
        -np.exp(-60), rel=1e-15
    )


# --- half formats -------------------------------------------------------------------------------------


def test_a_half_mean_over_many_rows_is_right():
    """torch 2.13 accumulates in half: inf at 20,000 rows, nan at 100,000."""
    rng = np.random.default_rng(22)
    logits = rng.standard_normal((100_000, 20), np.float32).astype(np.float16)
    target = rng.integers(0, 20, 100_000)
    want = ref.cross_entropy(logits, target).loss.mean()
    assert fl.cross_entropy(logits, target) == pytest.approx(want, rel=2 * eps(np.float16))


@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
def test_half_gradients_need_not_underflow(dtype):
    """Divided by 100,000 rows a float16 gradient is subnormal; loss scaling or a float32 `out` saves it."""
    rng = np.random.default_rng(23)
    logits, target = make(rng, (64,), 500, dtype)
    target = np.abs(target) % 500
    mean = dict(sample_weight=np.full(64, 2.0**-12))
    scaled = fl.cross_entropy.grad(logits, target, normalizer=2.0**-10, **mean)
    check(logits, target, normalizer=2.0**-10, **mean)
    wide = np.empty(logits.shape, np.float32)
    fl.cross_entropy.grad(logits, target, normalizer=64.0, out=wide, **mean)
    exact = ref.reduced(ref.cross_entropy(logits, target), normalizer=64.0, axis=-1, **mean)
    bound = ref.reduced(
        ref.cross_entropy_bounds(logits, target, eps(dtype)), normalizer=64.0, axis=-1, **mean
    )
    assert (abs(wide - exact[1]) <= bound[1] + storing(0, np.float32)).all() and (wide != 0).all()
    # A power of two apart: the same numbers, rounded once.
    assert same_bits(scaled, (wide * np.float32(2.0**16)).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("out_dtype", DTYPES, ids=str)
@pytest.mark.parametrize("classes", [10, 1100])
def test_out_of_another_dtype_is_the_gradient_rounded_once(classes, out_dtype, dtype):
    logits, target = make(np.random.default_rng(24), (33,), classes, dtype)
    widest = np.empty(logits.shape, compute(dtype))
    out, hess, widest_hess = (
        np.empty(logits.shape, out_dtype),
        np.empty(logits.shape, out_dtype),
        widest.copy(),
    )
    fl.cross_entropy.grad_and_hess(logits, target, out=widest, hess_out=widest_hess)
    fl.cross_entropy.grad_and_hess(logits, target, out=out, hess_out=hess)
    assert same_bits(out, rounded(widest, out_dtype)) and same_bits(hess, rounded(widest_hess, out_dtype))


# --- rows, intercept, inverse_link --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("classes", [1, 5, 64, 65, 1100])
@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_rows(soft, axis, classes, dtype):
    rng = np.random.default_rng(25)
    logits, target = make(rng, (37,), classes, dtype, soft)
    logits[5] = 1  # ties: correct only for the first
    x = logits.astype(real(dtype))
    got = fl.cross_entropy.rows(
        np.moveaxis(logits, -1, axis), np.moveaxis(target, -1, axis) if soft else target, axis=axis
    )
    assert got._fields == ("loss", "logsumexp", "entropy", "correct")
    assert all(a.shape == (37,) for a in got) and got.correct.dtype == bool
    assert {a.dtype for a in got[:3]} == {compute(dtype)}
    bounds = ref.cross_entropy_bounds(logits, target, eps(dtype), real=real(dtype))
    assert_near(
        got.loss,
        ref.cross_entropy(logits, target, real=real(dtype)).loss,
        bounds.loss,
        compute(dtype),
        "loss",
    )
    L, m = namespaces.logsumexp(x), abs(x.max(-1))
    assert_near(got.logsumexp, L, eps(dtype) * (4 + 2 * m), compute(dtype), "logsumexp")
    # H = log s + sum p (m - x): terms >= 0, each relative to eps (4 + |x - m|)
    t, p = x.max(-1, keepdims=True) - x, namespaces.softmax(x)
    # and summed over the classes in float64, at worst half an eps an addition.
    bound = classes * 2.0**-53 * ref.entropy(x) + eps(dtype) * (
        (p * t * (6 + t)).sum(-1) + 6 * np.log(np.exp(-t).sum(-1)) + (p * (4 + t)).sum(-1) * (p * t).sum(-1)
    )
    assert_near(got.entropy, ref.entropy(x), bound + 4 * np.finfo(x.dtype).eps, compute(dtype), "entropy")
    answer = target.argmax(-1) if soft else target
    assert np.array_equal(got.correct, x.argmax(-1) == answer)


def test_rows_are_of_the_transformed_logits():
    logits, target = make(np.random.default_rng(26), (30,), 8, np.dtype("f8"))
    got = fl.cross_entropy.rows(logits, target, softcap=2.0, logit_scale=1.5)
    u = 2 * np.tanh(1.5 * logits / 2)
    assert got.logsumexp == pytest.approx(namespaces.logsumexp(u), rel=1e-14)
    assert got.entropy == pytest.approx(ref.entropy(u), rel=1e-14)
    assert same_bits(
        got.loss, fl.cross_entropy(logits, target, softcap=2.0, logit_scale=1.5, reduction="none")
    )


def test_rows_where_the_target_is_ignored_are_real_but_for_loss_and_correct():
    logits = np.array([[0.0, 1.0, 3.0], [2.0, 1.0, 0.0]])
    got = fl.cross_entropy.rows(logits, [-100, 0])
    assert got.loss[0] == 0 and not got.correct[0] and got.correct[1]
    assert got.logsumexp == pytest.approx(namespaces.logsumexp(logits)) and got.entropy == pytest.approx(
        ref.entropy(logits)
    )


def test_rows_with_minus_inf_and_nan():
    logits = np.array([[0.0, -np.inf, 0.0], [np.nan, 1.0, 2.0], [-np.inf, -np.inf, 4.0]])
    got = fl.cross_entropy.rows(logits, [0, 2, 2])
    assert (
        got.entropy[[0, 2]] == pytest.approx([np.log(2), 0])
        and np.isnan(got.entropy[1])
        and np.isnan(got.loss[1])
    )
    assert got.correct.tolist() == [True, False, True]


@pytest.mark.parametrize("weight", [None, [1, 1, 2, 3, 1, 50, 0.5]], ids=["plain", "weighted"])
def test_intercept_is_the_log_frequency_of_the_classes(weight):
    target = np.array([0, 2, 2, 1, 2, -100, 2])
    kept = target >= 0
    mass = np.bincount(target[kept], None if weight is None else np.array(weight)[kept])
    got = fl.cross_entropy.intercept(target, sample_weight=weight)
    assert namespaces.softmax(got) == pytest.approx(mass / mass.sum(), rel=1e-14)
    # It minimises the mean: the gradient of a constant row vanishes.
    grad = fl.cross_entropy.grad(np.tile(got, (7, 1)), target, sample_weight=weight)
    assert grad.sum(0) == pytest.approx(np.zeros(3), abs=1e-15)
    assert np.array_equal(fl.cross_entropy.intercept(target, sample_weight=weight, n_classes=3), got)


def test_intercept_checks_its_labels():
    with pytest.raises(ValueError, match=r"target\[2\] = 2 is out of range for 2 classes"):
        fl.cross_entropy.intercept([0, 1, 2], n_classes=2)
    with pytest.raises(ValueError, match=r"target\[1\] = -3 is out of range"):
        fl.cross_entropy.intercept([0, -3, 2])
    with pytest.raises(ValueError, match="sample_weight"):
        fl.cross_entropy.intercept([0, 1], sample_weight=[1.0, -1.0])
    with pytest.warns(RuntimeWarning, match="mean of"):
        assert np.isnan(fl.cross_entropy.intercept([-100, -100], n_classes=2)).all()


def test_inverse_link_is_softmax():
    raw = np.random.default_rng(27).standard_normal((5, 4))
    assert fl.cross_entropy.inverse_link(raw) == pytest.approx(namespaces.softmax(raw), rel=1e-14)


@pytest.mark.memory_safety
def test_no_z_loss_of_an_infinite_logsumexp_is_nothing():
    assert fl.cross_entropy(np.array([[1e308, -1e308, 0.0]]), [0], logit_scale=30.0) == 0
