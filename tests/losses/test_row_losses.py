"""The losses of rows and of two vectors against their oracles, one table for all: cross_entropy has a file of
its own. Then what the contract says of some of them: kinks, infinities, confident rows, who equals whom."""

import inspect
from functools import partial

import ml_dtypes
import numpy as np
import pytest

import fastloss as fl
from support import reference as ref
from support.cases import (
    HERE,
    HESSIANS,
    KINDS,
    LABELLED,
    LOSSES,
    OUTSIDE,
    ROWS,
    VARIANTS,
    VECTORS,
    WEIGHT,
    WEIGHTED,
    make,
    options_of,
    seeded,
)
from support.differences import assert_close, difference, differences
from support.layouts import (
    DTYPES,
    LABELS,
    LAYOUTS,
    REDUCTIONS,
    as_score,
    assert_near,
    compute,
    eps,
    real,
    rounded,
    same_bits,
    storing,
)

CLASSES = [1, 2, 3, 10, 63, 64, 65, 100, 1000, 1025, 2100]

each_variant = pytest.mark.parametrize("name, kind", VARIANTS, ids=["-".join(v) for v in VARIANTS])
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def moved(name, kind, arrays, axis):
    """The arrays with their class axis there instead of last."""
    n = 1 if kind == "labels" else 2
    return [np.ascontiguousarray(np.moveaxis(a, -1, axis)) for a in arrays[:n]] + arrays[n:]


def check(
    name, arrays, axis=-1, vector=None, sample_weight=None, normalizer=None, reduction="mean", **options
):
    """Every method agrees with the oracle within the bounds, and with the others to the bit."""
    loss, oracle = fl.losses[name], getattr(ref, name)
    call = dict(sample_weight=sample_weight, normalizer=normalizer, reduction=reduction, axis=axis)
    dtype, about = arrays[0].dtype, dict(axis=axis, real=real(arrays[0].dtype), **options)
    about |= {} if vector is None else dict(vector=vector)
    value, grad, hess, hvp = ref.reduced(oracle(*arrays, **about), **call)
    bound, *bounds = ref.reduced(oracle.bounds(*arrays, eps(dtype), **about), **call)

    got = loss(*arrays, **call, **options)
    if reduction == "none":
        assert got.shape == value.shape and got.dtype == compute(dtype)
    else:
        assert type(got) is float
    assert_near(got, np.asarray(value), bound + 2 * eps(dtype) * abs(value), compute(dtype), "value")

    beside, grad1 = loss.value_and_grad(*arrays, **call, **options)
    assert same_bits(got, beside), "a value alone is the value beside a gradient"
    assert same_bits(grad1, loss.grad(*arrays, **call, **options))
    results = {"grad": (grad1, grad, bounds[0])}
    if name in HESSIANS:
        grad2, hess1 = loss.grad_and_hess(*arrays, **call, **options)
        assert same_bits(grad1, grad2)
        results["hess"] = (hess1, hess, bounds[1])
    if vector is not None:
        results["hvp"] = (loss.hvp(*arrays, vector, **call, **options), hvp, bounds[2])
    if LOSSES[name].targets == "vectors":
        value2, (first, second) = loss.value_and_grads(*arrays, **call, **options)
        assert same_bits(got, value2) and same_bits(grad1, first)
        exchanged = [arrays[1], arrays[0], *arrays[2:]]
        want = ref.reduced(oracle(*exchanged, **about), **call)[1]
        off = ref.reduced(oracle.bounds(*exchanged, eps(dtype), **about), **call)[1]
        results["second grad"] = (second, want, off)
    largest = float(ml_dtypes.finfo(dtype).max)
    for what, (have, want, off) in results.items():
        assert have.dtype == dtype and have.shape == arrays[0].shape
        want = np.where(abs(want) > largest, np.copysign(np.inf, want), want)  # 1 / p^2 in float16
        assert_near(have, want, off, dtype, what)


def everything(name, arrays, **call):
    """All that the loss can say, as a list of arrays."""
    loss = fl.losses[name]
    value, grad = loss.value_and_grad(*arrays, **call)
    found = [value, loss(*arrays, **call), grad]
    if name in HESSIANS:
        found += loss.grad_and_hess(*arrays, **call)
    if hasattr(loss, "hvp"):
        found.append(loss.hvp(*arrays, arrays[0], **call))
    if name in VECTORS:
        found += loss.value_and_grads(*arrays, **call)[1]
    return found


def assert_same(some, other, what=""):
    assert len(some) == len(other)
    for i, (a, b) in enumerate(zip(some, other)):
        assert same_bits(a, b), f"result {i} {what}"


# --- the table ----------------------------------------------------------------------------------------


def test_every_row_loss_stands_in_the_table_and_has_an_oracle():
    rows = {n for n, loss in fl.losses.items() if "axis" in inspect.signature(loss).parameters}
    assert rows == {*LOSSES, "cross_entropy"}
    for name in LOSSES:
        assert callable(getattr(ref, name)) and callable(getattr(ref, name).bounds)


@pytest.mark.parametrize("name", HERE)
def test_signature(name):
    case, found = LOSSES[name], inspect.signature(fl.losses[name]).parameters
    first = "x1" if case.scores == "vectors" else case.scores
    second = ["x2", "y"][: 1 + (name == "cosine_embedding")] if case.scores == "vectors" else ["target"]
    assert [p.name for p in found.values() if p.kind is not p.KEYWORD_ONLY] == [first, *second]
    common = dict(reduction="mean", sample_weight=None, normalizer=None, n_threads=None, axis=-1)
    assert {p.name: p.default for p in found.values() if p.kind is p.KEYWORD_ONLY} == case.own | common


@pytest.mark.parametrize("name", HERE)
def test_what_has_no_second_derivative_says_so(name):
    loss = fl.losses[name]
    assert hasattr(loss, "hvp") == (name == "kl_div_with_logits")
    assert hasattr(loss, "value_and_grads") == (name in VECTORS)
    if name in HESSIANS:
        assert callable(loss.grad_and_hess)
    else:
        with pytest.raises(AttributeError, match=f"{name} has no grad_and_hess"):
            loss.grad_and_hess(*[np.zeros((1, 1))] * 2)


# --- the grid -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", CLASSES)
@each_dtype
@each_variant
def test_matches_the_oracle(name, kind, dtype, classes):
    rng = seeded(name, kind, classes)
    n = 37 if classes <= 65 else 19 if classes == 100 else 3
    for i, options in enumerate(LOSSES[name].options):
        if i and classes in (3, 63, 1000):  # the widths that change no path of the kernel: once is enough
            continue
        arrays = make(rng, name, kind, (n,), classes, dtype, options)
        axis = 0 if i % 2 else -1
        arrays = moved(name, kind, arrays, axis)
        vector = None
        if hasattr(fl.losses[name], "hvp"):
            vector = rng.standard_normal(arrays[0].shape).astype(dtype)
        reduction = REDUCTIONS[(i + classes) % 3]
        options = options_of(options, classes, rng)
        check(name, arrays, axis=axis, vector=vector, reduction=reduction, **options)


@pytest.mark.parametrize("axis", [0, 1, -2, -4])
@pytest.mark.parametrize("classes", [3, 70, 1030])
@each_variant
def test_any_class_axis(name, kind, classes, axis):
    """torch's images are (N, C, H, W) with axis=1."""
    rng = seeded(name, classes, axis)
    dtype = DTYPES[axis % 3]
    arrays = moved(name, kind, make(rng, name, kind, (2, 2, 3), classes, dtype), axis)
    check(name, arrays, axis=axis)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("leading", [False, True], ids=["every_row", "leading_axis"])
@each_variant
def test_sample_weight_and_class_weight(name, kind, leading, reduction):
    rng = seeded(name, leading)
    arrays = make(rng, name, kind, (6, 7), 11, np.dtype("f4"))
    weight = rng.integers(0, 5, (6,) if leading else (6, 7)) / 4
    check(name, arrays, sample_weight=weight, reduction=reduction)
    if name in WEIGHTED:
        options = options_of(WEIGHT, 11, rng)
        check(name, arrays, sample_weight=weight.astype("f4"), reduction=reduction, **options)
        options["class_weight"][rng.integers(0, 11, 4)] = 0
        check(name, arrays, reduction=reduction, **options)


@each_dtype
@each_variant
def test_normalizer_replaces_the_divisor_of_the_mean(name, kind, dtype):
    rng = seeded(name)
    arrays = make(rng, name, kind, (9,), 12, dtype)
    options = options_of(WEIGHT, 12, rng) if name in WEIGHTED else {}
    check(name, arrays, normalizer=0.5, sample_weight=rng.random(9), **options)


@pytest.mark.parametrize("name", WEIGHTED)
def test_what_a_mean_with_class_weights_divides_by(name):
    """torch: the weights of the labels; but the number of rows with soft targets and in multi_margin."""
    loss, w = fl.losses[name], np.array([0.5, 2.0, 0.25])
    arrays = make(seeded(name), name, "labels", (4,), 3, np.dtype("f8"))
    arrays[1][:] = [0, 1, 1, -100]
    total = loss(*arrays, class_weight=w, reduction="sum")
    by = 3 if name == "multi_margin" else 0.5 + 2 + 2
    assert loss(*arrays, class_weight=w) == pytest.approx(total / by, rel=1e-15)
    assert total == pytest.approx((loss(*arrays, reduction="none") * [0.5, 2, 2, 0]).sum(), rel=1e-14)
    if (name, "soft") in VARIANTS:
        arrays[1] = np.eye(3)[[0, 1, 1, 2]]
        total = loss(*arrays, class_weight=w, reduction="sum")
        assert loss(*arrays, class_weight=w) == pytest.approx(total / 4, rel=1e-15)


@pytest.mark.parametrize("rows", [(), (1,), (4, 1), (2, 3, 4), (0,), (3, 0), (1,) * 8], ids=str)
@each_variant
def test_any_leading_shape(name, kind, rows):
    arrays = make(seeded(name), name, kind, rows, 5, np.dtype("f4"))
    if kind == "labels":
        arrays[1] = np.asarray(np.abs(arrays[1]) % 5)
    arrays = [np.asarray(a) for a in arrays]
    check(name, arrays, reduction="sum")
    check(name, arrays, reduction="none")


# --- the same bits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", [3, 10, 65, 1100])
@each_variant
def test_threads_and_layout_change_nothing(name, kind, classes, layout):
    lay = LAYOUTS[layout]
    for dtype in DTYPES if classes < 1100 else DTYPES[1:2]:
        arrays = make(seeded(name, classes), name, kind, (36,), classes, dtype)
        threads = 1 + (classes + list(LAYOUTS).index(layout)) % 9
        want = everything(name, arrays, n_threads=1, reduction="none")
        assert same_bits(want[0], want[1]), "a value alone is the value beside a gradient"
        laid, out = [lay(a) for a in arrays], lay(np.zeros_like(arrays[0]))
        assert_same(everything(name, laid, n_threads=threads, reduction="none"), want, str(dtype))
        fl.losses[name].grad(*laid, out=out, n_threads=threads, reduction="none")
        assert same_bits(np.ascontiguousarray(out), want[2])


@pytest.mark.parametrize("classes", [3, 100])
@each_variant
def test_any_number_of_threads(name, kind, classes):
    """Enough rows for several tasks, so that several threads have work."""
    n = 200_000 // classes
    arrays = make(seeded(name), name, kind, (n,), classes, np.dtype("f4"))
    weight = seeded(name).random(n)
    one = fl.losses[name].value_and_grad(*arrays, n_threads=1, sample_weight=weight)
    for threads in range(2, 10):
        got = fl.losses[name].value_and_grad(*arrays, n_threads=threads, sample_weight=weight)
        assert_same(got, one, f"{threads} threads")
    value, grad, *_ = ref.reduced(getattr(ref, name)(*arrays), sample_weight=weight, axis=-1)
    assert one[0] == pytest.approx(value, rel=1e-6)
    assert abs(one[1] - grad).max() <= 1e-5 * abs(grad).max(), "one row left out would show"


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("classes", [2, 10, 65, 1100])
@each_variant
def test_a_row_does_not_depend_on_its_neighbours(name, kind, classes, axis):
    n = 150 if classes <= 65 else 9
    dtype = DTYPES[classes % 4]
    arrays = make(seeded(name), name, kind, (n,), classes, dtype)
    whole = everything(name, moved(name, kind, arrays, axis), reduction="none", axis=axis)
    for rows in (slice(0, 1), slice(1, n), slice(n // 3, n // 3 + 5), slice(n - 2, n)):
        some = everything(
            name, moved(name, kind, [a[rows] for a in arrays], axis), reduction="none", axis=axis
        )
        for i, (a, b) in enumerate(zip(whole, some)):
            assert same_bits(a[rows] if a.ndim == 1 or axis else a[:, rows], b), f"result {i}, rows {rows}"


@each_dtype
@pytest.mark.parametrize("classes", [10, 1100])
@each_variant
def test_out_of_another_dtype_is_the_gradient_rounded_once(name, kind, classes, dtype):
    arrays = make(seeded(name), name, kind, (9,), classes, dtype)
    loss, widest = fl.losses[name], np.empty(arrays[0].shape, compute(dtype))
    value, got = loss.value_and_grad(*arrays, out=widest)
    assert got is widest
    for out_dtype in DTYPES:
        out = np.empty(arrays[0].shape, out_dtype)
        assert loss.value_and_grad(*arrays, out=out)[0] == value
        assert same_bits(out, rounded(widest, out_dtype))
    inside = arrays[0].copy()
    loss.grad(inside, *arrays[1:], out=inside)
    assert same_bits(inside, loss.grad(*arrays)), "in place"


# --- labels and soft targets --------------------------------------------------------------------------


@pytest.mark.parametrize("name", LABELLED)
def test_labels_of_any_integer_width(name):
    for classes in (7, 70):
        arrays = make(seeded(name), name, "labels", (50,), classes, np.dtype("f4"))
        labels = np.abs(arrays[1]) % classes
        want = everything(name, [arrays[0], labels])
        for dtype in LABELS:
            assert_same(everything(name, [arrays[0], labels.astype(dtype)]), want, str(dtype))
    two = make(seeded(name), name, "labels", (50,), 2, np.dtype("f4"))[0]
    assert fl.losses[name](two, labels % 2 == 1) == fl.losses[name](two, labels % 2)


@pytest.mark.parametrize("ignore_index", [-100, -1, 255, 3])
@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("name", LABELLED)
def test_ignored_rows_count_for_nothing_whatever_they_hold(name, classes, ignore_index):
    loss = fl.losses[name]
    x, target = make(seeded(name), name, "labels", (40,), classes, np.dtype("f4"))
    target = np.where(target == -100, ignore_index, target)
    kept = target != ignore_index
    check(name, [x, target], ignore_index=ignore_index)
    want = loss.value_and_grad(x[kept], target[kept])
    x[~kept] = np.resize([np.nan, np.inf, -np.inf, as_score(name, 3e38)], x[~kept].shape)
    out = np.full_like(x, 7)
    with np.errstate(all="raise"):
        value, _ = loss.value_and_grad(x, target, ignore_index=ignore_index, out=out)
    assert (out[~kept] == 0).all() and same_bits(out[kept], want[1])
    assert value == pytest.approx(want[0], rel=1e-14)
    none = loss(x, target, ignore_index=ignore_index, reduction="none")
    assert (none[~kept] == 0).all()
    if name in HESSIANS:
        hess = np.full_like(x, 7)
        loss.grad_and_hess(x, target, ignore_index=ignore_index, hess_out=hess)
        assert (hess[~kept] == 0).all()
    with (
        pytest.raises(ValueError, match=rf"target\[\d+\] = {ignore_index} is out of range")
        if (not 0 <= ignore_index < classes)
        else np.errstate()
    ):
        loss(x, target, ignore_index=None)


@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].targets != "labels"])
def test_soft_targets_of_any_float_dtype(name):
    for dtype in DTYPES:
        x, target = make(seeded(name), name, "soft", (20,), 9, dtype)
        for soft_dtype in DTYPES:
            t = target.astype(soft_dtype)
            check(name, [x, t.astype(compute(dtype))])  # read in the type of the arithmetic
            assert_same(everything(name, [x, t]), everything(name, [x, t.astype(compute(dtype))]))


@each_dtype
@pytest.mark.parametrize("classes", [2, 10, 65])
@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].targets == "both"])
def test_a_one_hot_soft_target_gives_what_the_label_gives(name, classes, dtype):
    x, target = make(seeded(name), name, "labels", (40,), classes, dtype)
    target = np.abs(target) % classes
    hot, oracle = np.eye(classes, dtype=compute(dtype))[target], getattr(ref, name)
    hard = fl.losses[name].value_and_grad(x, target, reduction="none")
    soft = fl.losses[name].value_and_grad(x, hot, reduction="none")
    bounds = [oracle.bounds(x, t, eps(dtype), real=real(dtype)) for t in (target, hot)]
    for a, b, some, other in zip(hard, soft, *bounds):
        assert_near(a, b.astype(real(dtype)), some + other + storing(some, dtype), dtype, "hard, soft")


@pytest.mark.parametrize("name", LABELLED)
def test_a_label_out_of_range_is_named_before_anything_is_written(name):
    x, out = np.full((5, 5), 0.25), np.full((5, 5), 7.0)
    for wrong in (7, 5, -1, 10**6):
        for call in (fl.losses[name].grad, fl.losses[name].value_and_grad):
            with pytest.raises(ValueError, match=rf"target\[3\] = {wrong} is out of range for 5 classes"):
                call(x, np.array([0, 1, -100, wrong, 2]), out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].targets == "labels"])
def test_soft_targets_where_labels_are_wanted(name):
    with pytest.raises(TypeError, match="target has dtype float64: it must hold integer labels"):
        fl.losses[name](np.full((2, 3), 0.25), np.eye(3)[:2])


@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].targets == "soft"])
def test_labels_where_soft_targets_are_wanted(name):
    with pytest.raises(TypeError, match=r"target has dtype int\d+.*soft targets"):
        fl.losses[name](np.zeros((2, 3)), np.array([0, 1]))
    with pytest.raises(TypeError, match=r"target has dtype int\d+.*soft targets"):
        fl.losses[name](np.zeros((2, 3)), np.eye(3, dtype=np.int64)[:2])


@pytest.mark.parametrize("classes", [5, 70, 1100])
@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].targets != "labels"])
def test_negative_soft_targets(name, classes):
    x, out = np.full((4, classes), as_score(name, 0.25)), np.full((4, classes), 7.0)
    target = np.full((4, classes), 1 / classes)
    target[2, classes - 1] = -0.25
    with pytest.raises(ValueError, match=rf"target\[2, {classes - 1}\] = -0.25 is negative"):
        fl.losses[name].grad(x, target, out=out)
    assert (out == 7).all()
    if "log_target" in LOSSES[name].own:
        fl.losses[name].grad(x, target, out=out, log_target=True)  # logarithms may be


@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].targets != "labels"])
def test_soft_targets_have_the_shape_of_the_scores(name):
    with pytest.raises(ValueError, match=r"target has .*shape \(2, 4\)"):
        fl.losses[name](np.full((2, 3), 0.25), np.full((2, 4), 0.25))


# --- parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, parameter", [k for k in OUTSIDE if k[0] in HERE])
def test_a_parameter_outside_its_domain_is_named(name, parameter):
    arrays = make(seeded(name), name, KINDS[LOSSES[name].targets][0], (3,), 4, np.dtype("f8"))
    out = np.full((3, 4), 7.0)
    for wrong in OUTSIDE[name, parameter]:
        with pytest.raises((ValueError, TypeError) if parameter == "p" else ValueError, match=parameter):
            fl.losses[name].grad(*arrays, out=out, **{parameter: wrong})
    for wrong in (None, "1", [1.0, 2.0], 1j):
        with pytest.raises((TypeError, ValueError), match=parameter):
            fl.losses[name].grad(*arrays, out=out, **{parameter: wrong})
    assert (out == 7).all()


@pytest.mark.parametrize("wrong", [2.5, "4", None, True], ids=repr)
def test_the_margin_of_l_softmax_is_an_integer(wrong):
    with pytest.raises((TypeError, ValueError), match="margin"):
        fl.l_softmax(np.zeros((2, 3)), [0, 1], margin=wrong)


@pytest.mark.parametrize("name", WEIGHTED)
def test_class_weights_are_checked(name):
    arrays = make(seeded(name), name, "labels", (3,), 4, np.dtype("f8"))
    for wrong, match in (([1.0, -1, 1, 1], "class_weight"), ([1.0, 2], "class_weight has 2 entries")):
        with pytest.raises(ValueError, match=match):
            fl.losses[name](*arrays, class_weight=wrong)


# --- mean of nothing, weights of zero, bad rows ----------------------------------------------------------


@each_variant
def test_mean_of_nothing_is_nan_with_a_warning_and_zero_gradients(name, kind):
    loss = fl.losses[name]
    arrays = make(seeded(name), name, kind, (3,), 4, np.dtype("f8"))
    cases = [([a[:0] for a in arrays], {}), (arrays, dict(sample_weight=np.zeros(3)))]
    if kind == "labels":
        cases.append(([arrays[0], np.full(3, -100)], {}))
        if name in WEIGHTED and name != "multi_margin":
            cases.append(([arrays[0], np.full(3, 1)], dict(class_weight=[1.0, 0, 1, 1])))
    for given, options in cases:
        out = np.full_like(given[0], 7)
        with pytest.warns(RuntimeWarning, match="mean of"):
            value, grad = loss.value_and_grad(*given, out=out, **options)
        assert np.isnan(value) and grad is out and (out == 0).all()
        assert loss(*given, reduction="sum", **options) == 0.0
        assert (loss(*given, reduction="none", **options) == 0).all()


PLANTED = [np.nan, np.inf, -np.inf, 1e-45, 3e38]


@pytest.mark.parametrize("classes", [1, 2, 5, 16, 17, 31, 33, 63, 64, 65, 66, 79, 81, 127, 1025])
@each_variant
def test_a_bad_row_stays_one_row_and_a_weight_of_zero_silences_it(name, kind, classes):
    n = 37 if classes <= 66 else 6
    arrays = make(seeded(name, classes), name, kind, (n,), classes, np.dtype("f4"))
    if kind == "labels":
        arrays[1] = np.abs(arrays[1]) % classes
    clean = everything(name, arrays, reduction="none")
    silent = np.ones(n)
    for i, bad in enumerate(PLANTED):
        row, at = ((0, 15, 31, 32, n - 1)[i] if n == 37 else i), (classes - 1 - i % min(3, classes))
        spoilt = [a.copy() for a in arrays]
        where = (i + classes) % 2 if name in VECTORS else 0
        spoilt[where][row, at] = as_score(name, bad) if np.isfinite(bad) else bad
        with np.errstate(all="raise"):
            got = everything(name, spoilt, reduction="none")
        for j, (a, b) in enumerate(zip(got, clean)):
            assert same_bits(np.delete(a, row, 0), np.delete(b, row, 0)), f"result {j}, {bad}"
        blind = name in ("nll", "log_loss", "kl_div")  # they look where the target is, and nowhere else
        if blind:
            blind = arrays[1][row] != at if kind == "labels" else arrays[1][row, at] == 0
        if bad != bad and not blind:
            assert np.isnan(got[0][row])
            assert np.isnan(got[2][row]).any() or name in ("nll", "kl_div")
        silent[row] = 0
    spoilt = [a.copy() for a in arrays]
    for a in spoilt[: 2 if kind in ("soft", "vectors") else 1]:
        a[silent == 0] = np.nan
    want = everything(name, arrays, sample_weight=silent)
    got = everything(name, spoilt, sample_weight=silent)
    assert_same(got, want)
    none = everything(name, spoilt, sample_weight=silent, reduction="none")
    assert all((a[silent == 0] == 0).all() for a in none)


@pytest.mark.parametrize("classes", [1, 5, 64, 65, 1100])
@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].targets != "labels"])
def test_a_soft_target_that_is_no_number_makes_its_row_nan(name, classes):
    """It is not negative, so no error."""
    arrays = make(seeded(name, classes), name, "soft", (20,), classes, np.dtype("f4"))
    clean = everything(name, arrays, reduction="none")
    arrays[1][7, classes // 2] = np.nan
    with np.errstate(all="raise"):
        got = everything(name, arrays, reduction="none")
    assert np.isnan(got[0][7]) and np.isnan(got[2][7]).any()
    assert_same([np.delete(a, 7, 0) for a in got], [np.delete(a, 7, 0) for a in clean])


@pytest.mark.parametrize("kind", ["labels", "soft"])
@pytest.mark.parametrize("name", [n for n in ROWS if LOSSES[n].scores == "logits"])
def test_plus_inf_and_a_row_of_minus_inf_are_nan(name, kind):
    if (name, kind) not in VARIANTS:
        return
    for classes in (5, 70, 1100):
        arrays = make(seeded(name), name, kind, (4,), classes, np.dtype("f8"))
        arrays[0][0, 3], arrays[0][1] = np.inf, -np.inf
        if kind == "labels":
            arrays[1][:] = 1
        with np.errstate(all="raise"):
            value, grad = fl.losses[name].value_and_grad(*arrays, reduction="none")
        assert np.isnan(value).tolist() == [True, True, False, False]
        assert np.isnan(grad).all(-1).tolist() == [True, True, False, False]


# --- minus infinity -----------------------------------------------------------------------------------


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


# --- right gradients ----------------------------------------------------------------------------------


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


def differentiate(name, arrays, vector=None, **call):
    loss, (x, *others) = fl.losses[name], arrays
    summed = call | (dict(reduction="sum") if call.get("reduction") == "none" else {})
    value, grad = loss(x, *others, **summed), loss.grad(x, *others, **call)
    assert_close(grad, differences(lambda a: loss(a, *others, **summed), x), value)
    if name in HESSIANS:
        full = differences(lambda a: loss.grad(a, *others, **call), x).reshape(x.size, x.size)
        assert_close(loss.grad_and_hess(x, *others, **call)[1].ravel(), np.diag(full), value)
    if vector is not None:
        along = difference(lambda a: loss.grad(a, *others, **call), x, vector)
        assert_close(loss.hvp(x, *others, vector, **call), along, value)
    if name in VECTORS:
        second = loss.value_and_grads(*arrays, **call)[1][1]
        want = differences(lambda b: loss(x, b, *others[1:], **summed), others[0])
        assert_close(second, want, value)


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
    log_p = ref.log_softmax(x)
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
    p = ref.softmax(x)
    weight = rng.random(50)
    want = metrics.log_loss(y, p, sample_weight=weight)
    assert fl.log_loss(p, y, sample_weight=weight) == pytest.approx(want, rel=1e-14)


# --- who equals whom ----------------------------------------------------------------------------------


def close(a, b):
    for one, other in zip(a, b):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("weight", [None, [0.5, 1.0, 2.0, 0.25, 0.0]], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["labels", "soft"])
def test_what_becomes_cross_entropy(kind, weight):
    x, target = make(seeded(kind), "focal", kind, (20,), 5, np.dtype("f8"))
    options = dict(class_weight=weight)
    want = fl.cross_entropy.value_and_grad(x, target, **options)
    close(fl.focal.value_and_grad(x, target, gamma=0, **options), want)
    close(
        fl.focal.grad_and_hess(x, target, gamma=0, **options),
        fl.cross_entropy.grad_and_hess(x, target, **options),
    )
    close(fl.poly_cross_entropy.value_and_grad(x, target, epsilon=0, **options), want)
    of_logs = fl.nll(fl.log_softmax(x), target, **options)
    of_probabilities = fl.log_loss(fl.softmax(x), target, eps=0, **options)
    close([of_logs, of_probabilities], [want[0]] * 2)
    if kind == "labels":
        cosines, options["scale"] = np.tanh(x), 3.0
        scaled = fl.cross_entropy.value_and_grad(cosines, target, logit_scale=3.0, class_weight=weight)
        close(fl.am_softmax.value_and_grad(cosines, target, margin=0, **options), scaled)
        close(fl.arcface.value_and_grad(cosines, target, margin=0, **options), scaled)
        close(fl.l_softmax.value_and_grad(cosines, target, margin=1, **options), scaled)
        del options["scale"]
        close(fl.sm_softmax.value_and_grad(x, target, margin=0, **options), want)
        for a, b in zip(fl.generalized_cross_entropy.value_and_grad(x, target, q=1e-7, **options), want):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9)


def test_generalized_cross_entropy_with_q_of_one_is_one_minus_p():
    x, target = make(seeded(1), "focal", "labels", (20,), 5, np.dtype("f8"))
    target = np.abs(target) % 5
    got = fl.generalized_cross_entropy(x, target, q=1, reduction="none")
    np.testing.assert_allclose(got, 1 - ref.softmax(x)[np.arange(20), target], rtol=1e-13)


@pytest.mark.parametrize("kind", ["labels", "soft"])
def test_brier_is_that_of_the_probabilities(kind):
    x, target = make(seeded(2), "brier", kind, (20,), 5, np.dtype("f8"))
    assert fl.brier(x, target) == pytest.approx(fl.brier_from_probabilities(fl.softmax(x), target), rel=1e-13)


def test_kl_div_with_logits_is_kl_div_of_the_log_softmax():
    x, target = make(seeded(3), "kl_div", "soft", (20,), 5, np.dtype("f8"))
    for T in (1.0, 2.5):
        want = T * T * fl.kl_div(fl.log_softmax(x / T), target)
        assert fl.kl_div_with_logits(x, target, temperature=T) == pytest.approx(want, rel=1e-13)
        with np.errstate(divide="ignore"):
            logs = np.log(target)
        got = fl.kl_div_with_logits(x, logs, temperature=T, log_target=True)
        assert got == pytest.approx(want, rel=1e-13)
    close(fl.kl_div_with_logits.grad_and_hess(x, target), fl.cross_entropy.grad_and_hess(x, target))


@pytest.mark.parametrize("classes", [2, 10, 65, 1100])
def test_divergences_vanish_where_both_are_equal(classes):
    p = seeded(4).dirichlet(np.ones(classes), 4)
    for name in ("kl_div_with_logits", "js_div_with_logits", "brier"):
        value, grad = fl.losses[name].value_and_grad(np.log(p), p, reduction="none")
        assert (abs(value) <= 2e-14).all() and (abs(grad) <= 1e-14 * p * (1 + abs(np.log(p)))).all(), name


def test_js_is_symmetric_at_one_half_and_turns_round_with_beta():
    a, b = seeded(5).dirichlet(np.ones(6), (2, 30))
    js = fl.js_div_with_logits
    assert js(np.log(a), b) == pytest.approx(js(np.log(b), a), rel=1e-13)
    assert js(np.log(a), b, beta=0.2) == pytest.approx(js(np.log(b), a, beta=0.8), rel=1e-13)
    apart = js(np.array([[0.0, -np.inf]]), np.array([[0.0, 1.0]]))
    assert apart == pytest.approx(np.log(2), rel=1e-14)


def test_the_worked_example():
    assert round(fl.log_loss([[0.228, 0.619, 0.153]], [1]), 4) == 0.4797


def test_losses_of_labels_look_at_the_label_only():
    x = np.array([[np.nan, 0.5, np.inf], [0.25, np.nan, 0.5]])
    assert fl.log_loss(x, [1, 2]) == pytest.approx(np.log(2))
    assert fl.nll(-x, [1, 2]) == 0.5
    assert fl.nll.grad(-x, [1, 2]).tolist() == [[0, -0.5, 0], [0, 0, -0.5]]
    assert fl.log_loss.grad(x, [1, 2]).tolist() == [[0, -1, 0], [0, 0, -1]]


# --- two vectors --------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("classes", [1, 2, 10, 65, 1100])
def test_a_zero_vector_has_cosine_zero_and_gradient_zero(classes, dtype):
    a, b = make(seeded(6), "cosine_distance", "vectors", (8,), classes, dtype)
    a[1], b[2], a[3], b[3] = 0, 0, 0, 0
    with np.errstate(all="raise"):
        value, (first, second) = fl.cosine_distance.value_and_grads(a, b, reduction="none")
    assert (value[1:4] == 1).all() and (first[1:4] == 0).all() and (second[1:4] == 0).all()
    check("cosine_distance", [a, b])
    check("cosine_embedding", [a, b, np.array([1, 1, -1, 1, -1, -1, 1, -1])], reduction="none")
    value = fl.cosine_embedding(a, b, np.array([1, 1, -1, 1, -1, -1, 1, -1]), margin=-0.5, reduction="none")
    assert value[1:4].tolist() == [1, 0.5, 1]


@pytest.mark.parametrize(
    "dtype, sizes", [("f4", (1e30, 1e-30)), ("f8", (1e200, 1e-200))], ids=["float32", "float64"]
)
@pytest.mark.parametrize("classes", [2, 10, 64, 65, 1100])
def test_norms_neither_overflow_nor_vanish(classes, dtype, sizes):
    rng = seeded(7)
    for big in sizes:
        for other in (1.0, *sizes):
            a, b = make(rng, "cosine_distance", "vectors", (8,), classes, np.dtype(dtype))
            a, b = a * a.dtype.type(big), b * b.dtype.type(other)
            with np.errstate(all="raise"):
                check("cosine_distance", [a, b], reduction="none")
    assert fl.cosine_distance(a, a) == pytest.approx(0, abs=4 * float(np.finfo(dtype).eps))
    assert fl.cosine_distance(a, -a) == pytest.approx(2, rel=4 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_norms_of_one_huge_entry_beside_small_ones(dtype):
    info = np.finfo(dtype)
    a = np.array([[info.max, 1, 0], [info.max, info.max, info.max], [info.smallest_normal * 4, 0, 0]], dtype)
    b = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1]], dtype)
    value = fl.cosine_distance(a, b, reduction="none")
    np.testing.assert_allclose(value, [1 - 0.5**0.5, 0, 1 - 0.5**0.5], rtol=8 * info.eps, atol=4 * info.eps)


@pytest.mark.parametrize("name", VECTORS)
@each_dtype
def test_gradients_of_both_vectors_go_where_they_are_told(name, dtype):
    loss = fl.losses[name]
    for classes in (10, 70):
        arrays = make(seeded(8), name, "vectors", (33,), classes, dtype)
        value, (first, second) = loss.value_and_grads(*arrays)
        outs = (np.full(arrays[0].shape, 7, dtype), np.full((*arrays[0].shape, 2), 7, dtype)[..., 0])
        value2, got = loss.value_and_grads(*arrays, outs=outs)
        assert value == value2 and got[0] is outs[0] and got[1] is outs[1]
        assert same_bits(outs[0], first) and same_bits(outs[1], second)
        inside = [a.copy() for a in arrays]
        _, (g1, g2) = loss.value_and_grads(*inside, outs=(inside[0], None))
        assert g1 is inside[0] and same_bits(g1, first) and same_bits(g2, second)
        inside = [a.copy() for a in arrays]
        _, (g1, g2) = loss.value_and_grads(*inside, outs=(None, inside[0]))
        assert g2 is inside[0] and same_bits(g1, first) and same_bits(g2, second)
        check(name, arrays, sample_weight=seeded(9).integers(0, 3, 33) / 2)


@pytest.mark.parametrize("name", VECTORS)
def test_outs_are_checked(name):
    arrays = make(seeded(10), name, "vectors", (3,), 4, np.dtype("f8"))
    out, small = np.full((3, 4), 7.0), np.full((3, 3), 7.0)
    for outs in ((out, small), (small, out), (out, out), (out,), out):
        with pytest.raises((TypeError, ValueError), match="out"):
            fl.losses[name].value_and_grads(*arrays, outs=outs)
    assert (out == 7).all() and (small == 7).all()


def test_second_vectors_of_another_dtype():
    a, b = make(seeded(11), "cosine_distance", "vectors", (20,), 10, np.dtype("f4"))
    for dtype in DTYPES:
        check("cosine_distance", [a, b.astype(dtype).astype("f4")])
        assert fl.cosine_distance(a, b.astype(dtype)) == fl.cosine_distance(a, b.astype(dtype).astype("f4"))


@pytest.mark.parametrize("sides", ["i1", "i8", "f4", "f8", "f2"])
def test_sides_of_any_signed_dtype(sides):
    a, b, y = make(seeded(12), "cosine_embedding", "vectors", (20,), 10, np.dtype("f4"))
    want = fl.cosine_embedding.value_and_grad(a, b, y)
    assert_same(fl.cosine_embedding.value_and_grad(a, b, y.astype(sides)), want)


@pytest.mark.parametrize("wrong", [0, 2, -2])
def test_a_side_is_plus_or_minus_one(wrong):
    a, b, y = make(seeded(13), "cosine_embedding", "vectors", (6,), 4, np.dtype("f8"))
    out = np.full((6, 4), 7.0)
    y[4] = wrong
    with pytest.raises(ValueError, match=rf"y\[4\] = {wrong}"):
        fl.cosine_embedding.value_and_grad(a, b, y, out=out)
    with pytest.raises(ValueError, match=r"y\[4\] = nan"):
        fl.cosine_embedding.grad(a, b, np.where(y == wrong, np.nan, y), out=out)
    with pytest.raises(ValueError, match=r"y has shape \(6, 4\)"):
        fl.cosine_embedding.grad(a, b, np.ones((6, 4)), out=out)
    assert (out == 7).all()


def test_vectors_have_one_shape():
    with pytest.raises(ValueError, match=r"x2 has shape \(2, 4\)"):
        fl.cosine_distance(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(TypeError, match="y"):
        fl.cosine_embedding(np.ones((2, 3)), np.ones((2, 3)))
