"""P9, no silent misuse: whatever an array is like, the answer is that of a contiguous copy or a named
exception before the first write."""

import re
import sys
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastloss as fl
from support.layouts import BFLOAT16, DTYPES, LAYOUTS, compute, misaligned, same_bits

PATTERN = 7.0


def example(n=6, classes=5, dtype="f4", seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, classes)).astype(dtype), rng.integers(0, classes, n)


def refused(f, *args, match, error=ValueError, outs=("out",), **options):
    """The call raises, and nothing was written to any of its outputs."""
    with pytest.raises(error, match=match) as caught:
        f(*args, **options)
    for name in outs:
        if isinstance(options.get(name), np.ndarray):
            assert (np.asarray(options[name]) == PATTERN).all(), f"{name} was written"
    return str(caught.value)


def filled(shape, dtype="f4"):
    return np.full(shape, PATTERN, dtype)


# --- layouts ------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_mixture_of_dtypes_and_layouts_gives_the_answer_of_contiguous_copies(data):
    pick = lambda options: data.draw(st.sampled_from(sorted(options, key=str)))  # noqa: E731
    rows = data.draw(st.lists(st.integers(0, 5), min_size=0, max_size=3))
    classes = pick([1, 2, 7, 64, 65, 130])
    axis = data.draw(st.integers(-len(rows) - 1, len(rows)))
    dtype, out_dtype, soft = pick(DTYPES), pick(DTYPES), data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    logits = np.moveaxis(rng.standard_normal((*rows, classes)).astype(dtype), -1, axis)
    if soft:
        target = rng.random(logits.shape).astype(pick(DTYPES))
    else:
        widths = [np.dtype(c) for c in "bhiqBHIQ" if classes - 1 <= np.iinfo(c).max]
        target = np.asarray(rng.integers(0, classes, rows), pick(widths))
    weight = (
        np.asarray(rng.random(rows), pick([np.dtype("f4"), np.dtype("f8")]))
        if data.draw(st.booleans())
        else None
    )
    options = dict(axis=axis, reduction=pick(["sum", "none"]))
    value, grad = fl.cross_entropy.value_and_grad(
        logits.copy(), target.copy(), sample_weight=weight, out=np.empty(logits.shape, out_dtype), **options
    )
    lay = lambda a: LAYOUTS[pick(LAYOUTS)](a)  # noqa: E731
    out = lay(filled(logits.shape, out_dtype))
    got, _ = fl.cross_entropy.value_and_grad(
        lay(logits), lay(target), sample_weight=None if weight is None else lay(weight), out=out, **options
    )
    assert same_bits(got, value) and same_bits(out, grad)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_mixture_for_elements(data):
    pick = lambda options: data.draw(st.sampled_from(sorted(options, key=str)))  # noqa: E731
    shape = tuple(data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=4)))
    dtype, out_dtype = pick(DTYPES), pick(DTYPES)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    pred = rng.standard_normal(shape).astype(dtype)
    target = rng.integers(0, 2, shape).astype(pick([np.dtype(c) for c in "?bBqQefd"] + [BFLOAT16]))
    weight = rng.random(shape[: data.draw(st.integers(1, len(shape)))])
    options = dict(reduction=pick(["sum", "none"]))
    want = fl.mse.value_and_grad(
        pred, target, sample_weight=weight, out=np.empty(shape, out_dtype), **options
    )
    lay = lambda a: LAYOUTS[pick(LAYOUTS)](a)  # noqa: E731
    out = lay(filled(shape, out_dtype))
    got, _ = fl.mse.value_and_grad(lay(pred), lay(target), sample_weight=lay(weight), out=out, **options)
    assert same_bits(got, want[0]) and same_bits(out, want[1])


@pytest.mark.parametrize("swapped", ["logits", "target", "soft", "sample_weight", "class_weight"])
def test_byte_swapped_inputs_are_read_right_or_refused(swapped):
    logits, target = example(dtype="f8")
    soft = np.abs(logits)
    args = dict(
        logits=logits,
        target=soft if swapped == "soft" else target,
        sample_weight=np.arange(6.0),
        class_weight=np.arange(1.0, 6),
    )
    want = fl.cross_entropy(**args)
    name = "target" if swapped == "soft" else swapped
    args[name] = args[name].astype(args[name].dtype.newbyteorder())
    try:
        assert fl.cross_entropy(**args) == want
    except (TypeError, ValueError) as refusal:
        assert name in str(refusal)


@pytest.mark.parametrize("f", [fl.cross_entropy.grad, fl.softmax], ids=["grad", "softmax"])
def test_byte_swapped_out_is_written_right_or_refused(f):
    logits, target = example(dtype="f8")
    args = (logits, target) if f is not fl.softmax else (logits,)
    out = filled(logits.shape, np.dtype("f8").newbyteorder())
    try:
        f(*args, out=out)
    except (TypeError, ValueError) as refusal:
        assert "out" in str(refusal) and (out == PATTERN).all()
    else:
        assert np.array_equal(out, f(*args))


@pytest.mark.parametrize("classes", [5, 64, 65, 1100])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_nothing_is_written_beside_out(dtype, classes):
    logits, target = example(7, classes, dtype)
    wide = filled((9, classes + 70), dtype)
    out = wide[1:8, 30 : 30 + classes]
    fl.cross_entropy.grad(logits, target, out=out)
    assert same_bits(out, fl.cross_entropy.grad(logits, target))
    out[...] = PATTERN
    assert (wide == PATTERN).all()
    gaps = filled((7, 2 * classes), dtype)
    fl.cross_entropy.grad(logits, target, out=gaps[:, 1::2])
    assert same_bits(gaps[:, 1::2], fl.cross_entropy.grad(logits, target)) and (gaps[:, ::2] == PATTERN).all()


def test_inputs_are_not_changed():
    logits, target = example()
    weight, vector = np.arange(6.0), np.ones_like(logits)
    inputs = (logits, target, weight, vector)
    copies = [a.copy() for a in inputs]
    for a in inputs:
        a.flags.writeable = False
    fl.cross_entropy.hvp(logits, target, vector, sample_weight=weight)
    fl.cross_entropy.grad_and_hess(logits, target, sample_weight=weight)
    assert all(same_bits(a, b) for a, b in zip(inputs, copies))


def test_lists_and_integers_become_float64():
    value, grad = fl.cross_entropy.value_and_grad([[1, 2], [3, 0]], [0, 1])
    want = fl.cross_entropy.value_and_grad(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([0, 1]))
    assert value == want[0] and grad.dtype == np.float64 and same_bits(grad, want[1])
    assert fl.mse([1, 2], [0, 0]) == 2.5 and fl.mse.grad([1, 2], [0, 0]).dtype == np.float64
    for integer in "bhiqBHIQ":
        assert fl.mse.grad(np.ones(3, integer), np.zeros(3)).dtype == np.float64


def test_a_row_of_scores_with_a_label_is_one_row():
    row = np.array([1.0, 2.0, 4.0])
    for label in (2, np.int8(2), np.array(2)):
        assert fl.cross_entropy(row, label) == fl.cross_entropy(row[None], np.array([2]))
    none = fl.cross_entropy(row, 2, reduction="none")
    assert np.shape(none) == () and none == fl.cross_entropy(row, 2)
    assert fl.cross_entropy.grad(row, 2).shape == (3,)
    assert fl.cross_entropy(row, np.array([0.5, 0, 0.5])) == fl.cross_entropy(
        row[None], np.array([[0.5, 0, 0.5]])
    )


# --- labels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, at", [(5, 3), (5, 0), (5, 4), (3000, 2999), (100_000, 99_999)])
@pytest.mark.parametrize("label", [5, 7, -1, -2, 1_000_000, -(2**63), 2**63 - 1])
def test_a_label_out_of_range_is_named_before_anything_is_written(label, n, at):
    """scikit-learn: wrong or a crash; Keras on JAX: 0; optax: -1 wraps."""
    logits, target = np.zeros((n, 5), "f4"), np.zeros(n, np.int64)
    target[at] = label
    out, hess = filled(logits.shape), filled(logits.shape)
    rule = re.escape(f"target[{at}] = {label} is out of range for 5 classes")
    ce = fl.cross_entropy
    refused(ce.grad_and_hess, logits, target, out=out, hess_out=hess, match=rule, outs=("out", "hess_out"))
    refused(ce.value_and_grad, logits, target, out=out, match=rule)
    refused(ce, logits, target, match=rule)
    refused(ce.hvp, logits, target, logits, match=rule)
    refused(ce.rows, logits, target, match=rule)


def test_the_first_bad_label_is_named_by_its_position():
    target = np.zeros((3, 4), int)
    target[1, 2], target[2, 3] = 9, -5
    refused(
        fl.cross_entropy,
        np.zeros((3, 4, 5)),
        target,
        match=r"target\[1, 2\] = 9 is out of range for 5 classes",
    )
    moved = np.zeros((3, 5, 4))
    refused(
        fl.cross_entropy, moved, target, axis=1, match=r"target\[1, 2\] = 9 is out of range for 5 classes"
    )
    refused(
        fl.cross_entropy, np.zeros(5), 7, match=r"target = 7 is out of range for 5 classes|target\[\] = 7"
    )
    refused(fl.cross_entropy, np.zeros((4, 5)), target[:, 2:][[0, 1, 0, 0], 0], match=r"target\[1\] = 9")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("first, second", [(0, 1), (0, 300), (0, 1030), (5, 40_000), (299, 301)])
def test_the_first_of_two_faults_is_named(first, second, threads):
    """Wherever blocks and tasks end between them."""
    n = 40_001
    for loss, arrays, wrong in [
        (fl.cross_entropy, [np.zeros((n, 2), "f4"), np.zeros(n, int)], 2),
        (fl.cross_entropy, [np.zeros((n, 2), "f4"), np.zeros((n, 2))], -1),
        (fl.cosine_embedding, [np.ones((n, 2), "f4"), np.ones((n, 2), "f4"), np.ones(n)], 0),
        (fl.binary_cross_entropy_with_logits, [np.zeros(n), np.zeros(n)], 2),
        (fl.mse, [np.zeros(n), np.zeros(n)], None),
        (fl.gaussian_nll, [np.zeros(n), np.zeros(n)], None),
    ]:
        options = {"n_threads": threads}
        if wrong is None:
            array = np.ones(n)
            options["var" if loss is fl.gaussian_nll else "sample_weight"] = array
            wrong = -1
        else:
            array = arrays[-1]
        array[[first, second]] = wrong
        refused(loss.grad, *arrays, **options, match=rf"\[{first}(, 0)?\] = {wrong}")


@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "bhilBHIL"], ids=str)
def test_a_label_of_any_width_is_range_checked(dtype):
    logits, target = np.zeros((4, 5)), np.array([0, 1, 2, 5], dtype)
    refused(fl.cross_entropy, logits, target, match=r"target\[3\] = 5 is out of range for 5 classes")
    target[3] = np.iinfo(dtype).max
    refused(fl.cross_entropy, logits, target, match=rf"target\[3\] = {np.iinfo(dtype).max} is out of range")


def test_bool_labels_need_two_classes():
    refused(
        fl.cross_entropy, np.zeros((2, 1)), np.array([False, True]), match=r"target\[1\] = .* for 1 class"
    )


@pytest.mark.parametrize("bad", [-0.25, -np.inf])
def test_a_negative_soft_target_is_refused(bad):
    logits, target = np.zeros((4, 3), "f4"), np.ones((4, 3))
    target[2, 1] = bad
    refused(fl.cross_entropy.grad, logits, target, out=filled((4, 3)), match=r"target\[2, 1\] = -.*>= 0")


def test_a_soft_target_of_nan_is_refused_or_stays_in_its_row():
    logits, target = np.zeros((4, 3), "f4"), np.ones((4, 3))
    target[2, 1] = np.nan
    try:
        got = fl.cross_entropy(logits, target, reduction="none")
    except ValueError as refusal:
        assert "target" in str(refusal)
    else:
        assert np.isnan(got).tolist() == [False, False, True, False]


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "f, shape", [(fl.cross_entropy, (6, 5)), (fl.mse, (6,))], ids=["cross_entropy", "mse"]
)
def test_sample_weight_must_be_finite_and_not_negative(f, shape, bad):
    first, labels = np.zeros(shape, "f4"), np.zeros(6, int)
    weight = np.ones(6)
    weight[4] = bad
    refused(f.grad, first, labels, sample_weight=weight, out=filled(shape), match=r"sample_weight\[4\] = ")


# --- shapes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "logits, target",
    [
        ((4, 5), (4, 1)),
        ((4, 5), (5,)),
        ((4, 5), (1, 4)),
        ((4, 1, 5), (4,)),
        ((4, 5), (3,)),
        ((2, 4, 5), (4,)),
        ((5,), (1,)),
    ],
    ids=str,
)
def test_cross_entropy_never_broadcasts(logits, target):
    out = filled(logits)
    refused(
        fl.cross_entropy.grad, np.zeros(logits, "f4"), np.zeros(target, int), out=out, match="target.*shape"
    )


@pytest.mark.parametrize(
    "logits, target", [((4, 5), (1, 5)), ((4, 5), (4, 1)), ((4, 5), (4,)), ((4, 5), (5, 4))], ids=str
)
def test_soft_targets_never_broadcast(logits, target):
    given = np.zeros(logits), np.full(target, 0.5)
    refused(fl.cross_entropy, *given, match="target", error=(ValueError, TypeError))


@pytest.mark.parametrize(
    "pred, target", [((4, 1), (4,)), ((4,), (4, 1)), ((4, 1), (1, 4)), ((4,), (5,)), ((2, 3), (3,))], ids=str
)
def test_mse_never_broadcasts(pred, target):
    refused(fl.mse.grad, np.zeros(pred, "f4"), np.zeros(target), out=filled(pred), match="target.*shape")


def test_a_scalar_target_names_broadcast_to():
    refused(fl.mse, np.zeros(3), 1.0, match="broadcast_to")
    refused(fl.mse, np.zeros((3, 2)), np.float32(1), match="broadcast_to")
    refused(fl.cross_entropy, np.zeros((3, 2)), 1, match="broadcast_to")


def test_broadcast_views_are_read_without_a_copy():
    row = np.random.default_rng(1).standard_normal(8)
    logits, target = np.broadcast_to(row, (50, 8)), np.broadcast_to(np.int64(3), 50)
    assert fl.cross_entropy(logits, target) == fl.cross_entropy(logits.copy(), target.copy())
    assert fl.mse(logits, np.broadcast_to(0.0, (50, 8))) == fl.mse(logits.copy(), np.zeros((50, 8)))


@pytest.mark.parametrize("weight", [(4,), (6, 5), (3, 2), (1,), (6, 1), (6, 7, 1)], ids=str)
def test_sample_weight_has_the_shape_of_the_loss_or_of_its_leading_axes(weight):
    refused(
        fl.cross_entropy,
        np.zeros((6, 7, 5)),
        np.zeros((6, 7), int),
        sample_weight=np.ones(weight),
        match="sample_weight.*shape",
    )
    refused(
        fl.mse,
        np.zeros((6, 7)),
        np.zeros((6, 7)),
        sample_weight=np.ones(weight),
        match="sample_weight.*shape",
    )


def test_no_classes_is_refused():
    refused(fl.cross_entropy, np.zeros((3, 0)), np.zeros(3, int), match="class")
    refused(fl.softmax, np.zeros((3, 0)), match="class|empty")


def test_a_score_without_a_class_axis_is_refused():
    refused(fl.cross_entropy, 1.0, 0, match="logits")
    refused(fl.softmax, np.float64(1), match="logits")


# --- dtypes ---------------------------------------------------------------------------------------------


UNREADABLE = [np.dtype(c) for c in ("c8", "c16", "O", "U3", "S3", "M8[s]", "m8[s]", "V4")]


@pytest.mark.parametrize("dtype", UNREADABLE, ids=str)
def test_unreadable_dtypes_are_named(dtype):
    bad = np.zeros((3, 4), dtype)
    refused(fl.cross_entropy, bad, np.zeros(3, int), match="logits", error=TypeError)
    refused(fl.cross_entropy, np.zeros((3, 4)), bad[:, 0], match="target", error=TypeError)
    refused(fl.mse, bad, np.zeros((3, 4)), match="pred", error=TypeError)
    refused(fl.mse, np.zeros((3, 4)), bad, match="target", error=TypeError)
    refused(fl.mse, np.zeros(3), np.zeros(3), sample_weight=bad[:, 0], match="sample_weight", error=TypeError)


def test_masked_arrays_are_refused():
    """The mask would be lost without a word."""
    logits, target = example()
    mask = np.ma.masked_array
    refused(fl.cross_entropy, mask(logits), target, match="logits.*mask", error=TypeError)
    refused(fl.cross_entropy, logits, mask(target), match="target.*mask", error=TypeError)
    refused(
        fl.cross_entropy,
        logits,
        target,
        sample_weight=mask(np.ones(6)),
        match="sample_weight.*mask",
        error=TypeError,
    )
    refused(
        fl.cross_entropy,
        logits,
        target,
        class_weight=mask(np.ones(5)),
        match="class_weight.*mask",
        error=TypeError,
    )
    refused(
        fl.cross_entropy.grad,
        logits,
        target,
        out=mask(logits.copy()),
        match="out.*mask",
        error=TypeError,
        outs=(),
    )
    refused(fl.mse, mask(logits), logits, match="pred.*mask", error=TypeError)
    refused(fl.softmax, mask(logits), match="logits.*mask", error=TypeError)


# --- out ------------------------------------------------------------------------------------------------


def each_out():
    logits, target = example()
    yield fl.cross_entropy.value_and_grad, (logits, target), "out", {}
    yield fl.cross_entropy.grad, (logits, target), "out", {}
    yield fl.cross_entropy.grad_and_hess, (logits, target), "hess_out", {}
    yield fl.mse.grad, (logits, logits.copy()), "out", {}
    yield fl.mse.grad_and_hess, (logits, logits.copy()), "hess_out", {}
    yield fl.softmax, (logits,), "out", {}
    yield fl.log_softmax, (logits,), "out", {}


@pytest.mark.parametrize("f, args, name, options", list(each_out()))
def test_bad_outs_are_refused(f, args, name, options):
    shape = args[0].shape
    for bad in (filled(shape[::-1]), filled((*shape, 1)), filled(shape[0]), filled((1, *shape))):
        refused(f, *args, **{name: bad}, match=f"{name}.*shape", outs=(name,))
    for dtype in ("i4", "c8", "g", "?"):
        refused(f, *args, **{name: np.zeros(shape, dtype)}, match=name, error=TypeError, outs=())
    refused(f, *args, **{name: args[0].tolist()}, match=name, error=TypeError)
    read_only = filled(shape)
    read_only.flags.writeable = False
    refused(f, *args, **{name: read_only}, match=f"{name}.*read-only|{name}.*writ", outs=(name,))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("classes", [5, 64, 65, 1100, 5000])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_in_place(layout, classes, dtype):
    logits, target = example(9, classes, dtype)
    for method in ("value_and_grad", "grad_and_hess"):
        want = getattr(fl.cross_entropy, method)(logits, target)
        inside = LAYOUTS[layout](logits)
        got = getattr(fl.cross_entropy, method)(
            inside, target, out=inside[:]
        )  # another object, the same memory
        assert all(same_bits(a, b) for a, b in zip(got, want)) and same_bits(
            inside, want[method == "value_and_grad"]
        )
    pred = LAYOUTS[layout](logits)
    want = fl.mse.grad(logits, logits[::-1].copy())
    assert same_bits(fl.mse.grad(pred, logits[::-1].copy(), out=pred), want)


def test_in_place_with_a_class_axis_that_is_not_last():
    logits, target = example(12, 7)
    logits = np.ascontiguousarray(logits.reshape(3, 4, 7).swapaxes(1, 2))
    want = fl.cross_entropy.grad(logits, target.reshape(3, 4), axis=1)
    assert same_bits(fl.cross_entropy.grad(logits, target.reshape(3, 4), axis=1, out=logits), want)


def overlaps():
    """(name, first argument, out): shares some memory, but is not the same array."""

    def buffer():
        return np.zeros(80, "f4")

    b = buffer()
    yield "one_further", b[:30].reshape(6, 5), b[1:31].reshape(6, 5)
    b = buffer()
    yield "last_row", b[:30].reshape(6, 5), b[25:55].reshape(6, 5)
    b = buffer()
    yield "backwards", b[:30].reshape(6, 5), b[:30].reshape(6, 5)[::-1]
    b = buffer()
    yield "other_stride", b[:30].reshape(6, 5), b[:60].reshape(6, 10)[:, :5]
    b = buffer()
    yield "other_dtype", b[:60].view("f8").reshape(6, 5), b[:30].reshape(6, 5)
    b = np.zeros((5, 5), "f4")
    yield "transposed", b, b.T


@pytest.mark.parametrize("case, first, out", list(overlaps()), ids=lambda v: v if isinstance(v, str) else "")
def test_partial_overlap_is_refused(case, first, out):
    out[...] = PATTERN
    n = len(first)
    refused(fl.cross_entropy.grad, first, np.zeros(n, int), out=out, match="out.*overlap")
    refused(fl.mse.grad, first, np.zeros(first.shape), out=out, match="out.*overlap")
    refused(fl.softmax, first, out=out, match="out.*overlap")


def test_out_may_not_be_another_argument():
    logits, target = example(dtype="f8")
    fill = filled(logits.shape, "f8")
    refused(fl.cross_entropy.grad, logits, fill, out=fill, match="out.*overlap")
    refused(fl.mse.grad, logits, fill, out=fill, match="out.*overlap")
    refused(fl.mse.grad, logits, logits.copy(), sample_weight=fill, out=fill, match="out.*overlap")
    refused(fl.cross_entropy.hvp, logits, target, fill, out=fill, match="out.*overlap")
    both = dict(out=fill, hess_out=fill)
    refused(
        fl.cross_entropy.grad_and_hess, logits, target, **both, match="out.*overlap", outs=("out", "hess_out")
    )


def test_interleaved_memory_is_not_overlap():
    wide = np.zeros((6, 10), "f4")
    logits, target = example()
    wide[:, ::2] = logits
    got = fl.cross_entropy.grad(wide[:, ::2], target, out=wide[:, 1::2])
    assert same_bits(got, fl.cross_entropy.grad(logits, target)) and same_bits(wide[:, ::2], logits)


# --- memory ---------------------------------------------------------------------------------------------


def peak(f, *args, **options):
    """Bytes that NumPy and Python took, at most, beyond what was there before the call."""
    f(*args, **options)  # what a first call keeps for good is not meant
    tracemalloc.start()
    try:
        f(*args, **options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"misaligned"}))
def test_no_copy_is_made(layout, dtype):
    """Shifted views, narrow labels, half scores: read where they lie. With `out` a call takes O(rows)."""
    n, classes = 300, 1000
    logits, target = example(n, classes, dtype)
    lay, ce = LAYOUTS[layout], fl.cross_entropy
    view, labels, rows = lay(logits), lay(target.astype(np.int16)), 16 * n + 20_000
    assert peak(ce, view, labels) < rows
    assert peak(ce, view, labels, reduction="none") < rows
    assert peak(ce.value_and_grad, view, labels, out=np.empty_like(logits)) < rows
    assert peak(ce.rows, view, labels) < rows
    assert peak(ce.value_and_grad, view, labels) < rows + logits.nbytes
    assert peak(fl.mse.value_and_grad, view, lay(logits), out=np.empty_like(logits)) < rows
    assert peak(fl.gather_log_softmax, view, labels) < rows
    inside = lay(logits)
    assert peak(fl.log_softmax, inside, out=inside) < rows
    turned = np.ascontiguousarray(logits.T)
    assert peak(ce.value_and_grad, turned, labels, axis=0, out=turned) < rows


def test_arguments_are_let_go():
    """Answered or refused, a call keeps no reference to an array."""
    logits, target = example()
    out, weight, bad = np.empty_like(logits), np.ones(6), target + 5
    arrays = (logits, target, out, weight, bad)
    before = [sys.getrefcount(a) for a in arrays]
    for _ in range(10):
        fl.cross_entropy.grad(logits, target, sample_weight=weight, out=out)
        for wrong in (dict(target=bad), dict(target=target, sample_weight=-weight), dict(target=target[:3])):
            with pytest.raises(ValueError):
                fl.cross_entropy.grad(logits, **wrong, out=out)
    del wrong
    assert [sys.getrefcount(a) for a in arrays] == before


# --- visitors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_torch_tensors(dtype):
    torch = pytest.importorskip("torch", reason="torch is optional")
    logits, target = example(dtype=dtype if dtype != "bfloat16" else ml_dtypes.bfloat16)
    tensor = torch.tensor(logits.astype("f8")).to(getattr(torch, dtype))
    want = fl.cross_entropy.value_and_grad(logits, target)
    got = fl.cross_entropy.value_and_grad(tensor, torch.tensor(target))
    assert got[0] == want[0] and same_bits(np.asarray(got[1]), want[1])
    assert fl.cross_entropy(tensor.t().contiguous().t(), torch.tensor(target)) == want[0]
    out = torch.empty_like(tensor)
    fl.cross_entropy.value_and_grad(tensor, torch.tensor(target), out=out)
    assert torch.equal(out, torch.tensor(want[1].astype("f8")).to(out.dtype))
    assert fl.mse(tensor, tensor.clone()) == 0.0


def test_torch_tensors_that_require_grad_are_told_to_detach():
    torch = pytest.importorskip("torch", reason="torch is optional")
    leaf = torch.zeros(3, 4, requires_grad=True)
    half = torch.zeros(3, 4, dtype=torch.bfloat16, requires_grad=True)
    labels = torch.zeros(3, dtype=torch.int64)
    for call in (
        lambda: fl.cross_entropy(leaf, labels),
        lambda: fl.cross_entropy(leaf * 2, labels),
        lambda: fl.cross_entropy(half, labels),
        lambda: fl.cross_entropy(torch.zeros(3, 4), labels, sample_weight=leaf[:, 0].abs()),
        lambda: fl.mse(torch.zeros(3, 4), leaf),
        lambda: fl.softmax(leaf),
    ):
        with pytest.raises((TypeError, ValueError, RuntimeError), match="detach"):
            call()


def test_jax_arrays():
    jax = pytest.importorskip("jax", reason="jax is optional")
    logits, target = example()
    for dtype in ("float32", "float16", "bfloat16"):
        array = jax.numpy.asarray(logits).astype(dtype)
        want = fl.cross_entropy(logits.astype(array.dtype), target)
        assert fl.cross_entropy(array, jax.numpy.asarray(target)) == want
    with pytest.raises((TypeError, ValueError), match="out"):
        fl.cross_entropy.grad(logits, target, out=jax.numpy.zeros(logits.shape))


def test_pandas_columns():
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    logits, target = example()
    frame = pandas.DataFrame(logits)
    assert fl.cross_entropy(frame, pandas.Series(target)) == fl.cross_entropy(logits, target)
    assert fl.mse(frame[0], frame[1]) == fl.mse(logits[:, 0], logits[:, 1])


def test_arrow_columns():
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is optional")
    logits, target = example()
    assert fl.cross_entropy(logits, pyarrow.array(target)) == fl.cross_entropy(logits, target)
    assert fl.mse(pyarrow.array(logits[:, 0]), pyarrow.array(logits[:, 1])) == fl.mse(
        logits[:, 0], logits[:, 1]
    )


def test_ndarray_subclasses_are_read_as_arrays():
    logits, target = example()

    class Tagged(np.ndarray):
        pass

    assert fl.cross_entropy(logits.view(Tagged), target) == fl.cross_entropy(logits, target)
    path = misaligned(logits)
    assert fl.mse(path, logits) == 0.0 and fl.mse.grad(path, logits).dtype == compute(logits.dtype)


@pytest.mark.exhaustive
def test_more_than_two_to_the_31_elements():
    row = np.random.default_rng(2).standard_normal(1024).astype("f4")
    n = 2**21 + 8
    logits, target = np.broadcast_to(row, (n, 1024)), np.zeros(n, np.uint8)
    target[-1] = 200
    none = fl.cross_entropy(logits, target, reduction="none")
    assert (
        none[-1] == fl.cross_entropy(row, 200) and (none[:-1] == np.float32(fl.cross_entropy(row, 0))).all()
    )
