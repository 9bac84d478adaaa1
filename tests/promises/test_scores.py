"""P9, no silent misuse, of scores: where a loss wants probabilities or their logarithms, other numbers are
refused, and the message names the loss that takes logits."""

import ml_dtypes
import numpy as np
import pytest

import fastloss as fl
from support.layouts import DTYPES, LAYOUTS

pytestmark = pytest.mark.all_kernels(2)

LABELS = np.array([2, 0, 1])
SOFT = np.array([[0.0, 0.25, 0.75], [1, 0, 0], [0, 0.5, 0.5]])
# name: a legal example, the way out of range, what is read of a row with label 2 or the first of SOFT.
CASES = {
    "binary_cross_entropy": (np.full((3, 3), 0.5), SOFT, "binary_cross_entropy_with_logits"),
    "log_loss": (np.full((3, 3), 0.5), LABELS, "cross_entropy"),
    "log_loss of soft targets": (np.full((3, 3), 0.5), SOFT, "cross_entropy"),
    "nll": (np.full((3, 3), -0.5), LABELS, "cross_entropy"),
    "nll of soft targets": (np.full((3, 3), -0.5), SOFT, "cross_entropy"),
    "brier_from_probabilities": (np.full((3, 3), 0.5), LABELS, "brier"),
    "brier_from_probabilities of soft targets": (np.full((3, 3), 0.5), SOFT, "brier"),
    "kl_div": (np.full((3, 3), -0.5), SOFT, "kl_div_with_logits"),
}
each_case = pytest.mark.parametrize("case", CASES)


def read(case, row, column):
    """Does the loss read that score?"""
    _, target, _ = CASES[case]
    if case.startswith(("brier", "binary")):
        return True
    return target[row] == column if target.ndim == 1 else target[row, column] != 0


def methods(loss):
    names = ("__call__", "value_and_grad", "grad", "grad_and_hess")
    return [getattr(loss, name) for name in names if name == "__call__" or hasattr(loss, name)]


def legal(case, dtype="f8"):
    scores, target, _ = CASES[case]
    return scores.astype(dtype), target


@each_case
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_score_out_of_range_is_an_error_where_it_is_read(case, dtype):
    loss, advice = fl.losses[case.split()[0]], CASES[case][2]
    logs = "log_probs" in str(fl.losses[case.split()[0]].__signature__)
    for bad in (4.0,) if logs else (4.0, -3.0):
        for row, column in np.ndindex(3, 3):
            scores, target = legal(case, dtype)
            scores[row, column] = bad
            rule = "log-probability, which must be <= 0" if logs else r"probability, .* lie in \[0, 1\]"
            message = rf"\[{row}, {column}\] = {bad} is no {rule}: .*\(logits\) take {advice}$"
            for method in methods(loss):
                for weight in (None, np.ones(3)):
                    if read(case, row, column):
                        with pytest.raises(ValueError, match=message):
                            method(scores, target, sample_weight=weight)
                    else:
                        method(scores, target, sample_weight=weight)


@each_case
def test_nothing_is_written_before_it(case):
    scores, target = legal(case)
    scores[2, 1] = 7.0
    out = np.full((3, 3), 5.0)
    for given in (out, scores):
        with pytest.raises(ValueError, match=r"\[2, 1\] = 7.0"):
            fl.losses[case.split()[0]].grad(scores, target, out=given)
    assert (out == 5).all() and scores[2, 1] == 7 and (scores[:2] == legal(case)[0][:2]).all()


@each_case
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_there_is_room_for_rounding_and_none_beyond(case, dtype):
    """8 eps of the dtype of the scores; NaN and infinities are no error of range."""
    name = case.split()[0]
    logs = "log_probs" in str(fl.losses[name].__signature__)
    edge, room = 0.0 if logs else 1.0, 8 * float(ml_dtypes.finfo(dtype).eps)
    for sign in (1,) if logs else (1, -1):
        for at, passes in ((room, True), (room * 1.5, False)):
            scores, target = legal(case, dtype)
            scores[0, 2] = edge + at if sign > 0 else -at
            if passes:
                assert np.isfinite(fl.losses[name](scores, target))
            else:
                with pytest.raises(ValueError, match=r"\[0, 2\] = .* is no"):
                    fl.losses[name](scores, target)
    for bad in (np.nan, np.inf, -np.inf):
        scores, target = legal(case, dtype)
        scores[0, 2] = bad
        with np.errstate(all="raise"):
            assert not np.isnan(bad) or np.isnan(fl.losses[name](scores, target))
            fl.losses[name].grad(scores, target)


@each_case
def test_a_row_that_counts_for_nothing_may_hold_anything(case):
    name = case.split()[0]
    scores, target = legal(case)
    want = fl.losses[name].value_and_grad(scores, target, sample_weight=[1, 0, 2])
    scores[1] = [9.0, -9.0, 9.0]
    for out in (None, np.empty((3, 3))):
        got = fl.losses[name].value_and_grad(scores, target, sample_weight=[1, 0, 2], out=out)
        assert got[0] == want[0] and np.array_equal(got[1], want[1])
    with pytest.raises(ValueError, match=r"\[1, 0\] = 9.0 is no"):
        fl.losses[name](scores, target, sample_weight=[1, 1e-300, 2])
    if target.ndim == 1:
        ignored = np.where(np.arange(3) == 1, -100, target)
        for labels, own in ((ignored, {}), (target, {"ignore_index": int(target[1])})):
            for out in (None, np.empty((3, 3))):
                value, grad = fl.losses[name].value_and_grad(scores, labels, out=out, **own)
                assert np.isfinite(value) and (grad[1] == 0).all()


@each_case
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", [3, 70, 1100])
def test_in_any_layout_the_first_is_named(case, layout, classes):
    """Behind the first block and task too; the same words for any number of threads."""
    name, n = case.split()[0], 60_000 // classes
    target = CASES[case][1]
    scores = np.full((n, classes), CASES[case][0][0, 0])
    if target.ndim == 1:
        target = np.arange(n) % classes
    else:
        target = np.full((n, classes), 1 / classes)
    at = (n - 2, (n - 2) % classes)
    scores[at] = scores[n - 1] = 5.0
    laid = LAYOUTS[layout](scores)
    for threads in (1, 3):
        for out in (None, np.empty_like(scores)):
            with pytest.raises(ValueError, match=rf"\[{at[0]}, {at[1]}\] = 5.0 is no"):
                fl.losses[name].grad(laid, target, out=out, n_threads=threads)
    if case != "binary_cross_entropy":
        moved = np.moveaxis(target, -1, 0) if target.ndim == 2 else target
        with pytest.raises(ValueError, match=rf"\[{at[1]}, {at[0]}\] = 5.0 is no"):
            fl.losses[name](np.moveaxis(laid, 1, 0), moved, axis=0)


def test_logarithms_as_targets():
    """Where the target is log 0 nothing is read."""
    log_probs = np.array([[0.5, -0.5, -1.0]])
    target = np.log([[1e-300, 0.5, 0.5]])
    with pytest.raises(ValueError, match=r"log_probs\[0, 0\] = 0.5 is no log-probability"):
        fl.kl_div(log_probs, target, log_target=True)
    with np.errstate(divide="ignore"):
        assert np.isfinite(fl.kl_div(log_probs, np.log([[0, 0.5, 0.5]]), log_target=True))


def test_streams_name_the_row_of_all():
    scores = np.full((50, 2), 0.5)
    scores[37, 1] = 3.0
    with pytest.raises(ValueError, match=r"^pred\[37, 1\] = 3.0 is no probability"):
        fl.evaluate(scores, np.ones(50, int), "log_loss", batch_size=8)
    seen = fl.Accumulator("log_loss").update(scores[:8], np.ones(8, int))
    with pytest.raises(ValueError, match="is no probability"):
        seen.update(scores[30:], np.ones(20, int))
    assert seen.count == 8
