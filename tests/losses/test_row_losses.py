"""The losses of rows and of two vectors against their oracles (P6), one table for all: cross_entropy has a
file of its own. The same bits, labels, parameters, bad rows, and who equals whom."""

import inspect

import numpy as np
import pytest

import fastloss as fl
from support import namespaces
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
from support.rows import assert_same, check, each_dtype, each_variant, everything, moved

pytestmark = [pytest.mark.numbers, pytest.mark.same_lines]

CLASSES = [1, 2, 3, 10, 63, 64, 65, 100, 1000, 1025, 2100]


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
    np.testing.assert_allclose(got, 1 - namespaces.softmax(x)[np.arange(20), target], rtol=1e-13)


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
