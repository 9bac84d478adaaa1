"""P9, no silent misuse, of shapes, labels and dtypes: nothing is broadcast, a label out of range is named by
its place, and what cannot be read as numbers is refused, before the first write."""

import re

import numpy as np
import pytest

import fastloss as fl
from support.refusals import example, filled, refused

pytestmark = [pytest.mark.memory_safety, pytest.mark.all_kernels(6)]

# --- labels and weights -----------------------------------------------------------------------------------


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


# --- shapes -----------------------------------------------------------------------------------------------


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


# --- dtypes -----------------------------------------------------------------------------------------------


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
