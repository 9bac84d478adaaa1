"""P9, wrong input never passes in silence: scores that are no probabilities, labels in other clothes, weights
whose sum is no number, keywords of other libraries. Each is taken where harmless, or told what to do."""

import inspect
import warnings

import ml_dtypes
import numpy as np
import pytest

import fastloss as fl
from support.layouts import DTYPES, LAYOUTS

# --- scores that are no probabilities ---------------------------------------------------------------------

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


# --- labels in other clothes ------------------------------------------------------------------------------

X = np.random.default_rng(0).standard_normal((4, 3))
Y = np.array([0, 2, 1, 1])
TAKERS = ["cross_entropy", "focal", "multiclass_hinge", "log_loss"]


def scores_of(name):
    return fl.softmax(X) if name == "log_loss" else X


@pytest.mark.parametrize("name", TAKERS)
def test_whole_floats_and_one_hot_integers_are_labels(name):
    loss, x = fl.losses[name], scores_of(name)
    want = loss.value_and_grad(x, Y)
    for taken in (Y.astype("f8"), Y.astype("f4"), Y.astype(ml_dtypes.bfloat16), [0.0, 2, 1, 1],
                  np.eye(3, dtype=int)[Y], np.eye(3, dtype=bool)[Y], np.eye(3, dtype="u1")[Y].tolist()):
        got = loss.value_and_grad(x, taken)
        assert got[0] == want[0] and np.array_equal(got[1], want[1])
    hot = np.eye(3, dtype=int)[Y].T
    assert loss(x.T, hot, axis=0) == loss(x, Y)
    assert loss(x, [0.0, -100, 1, 1]) == loss(x, [0, -100, 1, 1])
    for wrong, message in (([0, np.nan, 1, 1], r"target\[1\] = nan is missing"),
                           ([0, 2, 1.5, 1], r"target\[2\] = 1.5 is no label"),
                           ([0, 2, 1, np.inf], r"target\[3\] = inf is no label"),
                           ([0, 2, 1, 5.0], r"target\[3\] = 5 is out of range for 3 classes"),
                           (np.ones((4, 3), int), r"target\[0\] is \[1, 1, 1\]: .* must be one-hot"),
                           (2 * np.eye(3, dtype=int)[Y], r"target\[0\] is \[2, 0, 0\]: .* must be one-hot")):
        out = np.full(x.shape, 7.0)
        with pytest.raises(ValueError, match=message):
            loss.grad(x, wrong, out=out)
        assert (out == 7).all()


def test_one_row_that_is_one_hot():
    x, hot = X[0], [0, 0, 1]
    assert fl.cross_entropy(x, hot) == fl.cross_entropy(x, 2) == fl.cross_entropy(x, 2.0)
    assert fl.accuracy(x, hot) == fl.accuracy(x, 2)
    assert fl.gather_log_softmax(x, hot) == fl.gather_log_softmax(x, 2)
    assert fl.cross_entropy.rows(x, hot).loss == fl.cross_entropy.rows(x, 2).loss


@pytest.mark.parametrize("name", TAKERS)
def test_words_as_labels_are_told_how_to_become_places(name):
    words = np.array(["b", "c", "a", "a"])
    for wrong in (words, words.tolist(), words.astype(object), words.astype("S1")):
        with pytest.raises(TypeError, match=r"target holds strings .*np.unique\(target, return_inverse=True"):
            fl.losses[name](scores_of(name), wrong)
    with pytest.raises(TypeError, match="target holds strings"):
        fl.losses[name].intercept(words)


def test_missing_entries_name_their_row():
    for wrong in ([0, 1, None, 1], [[0, 1, 2], [0, 1, None]]):
        for argument in ("target", "pred"):
            given = {"pred": np.zeros(np.shape(wrong)), "target": np.zeros(np.shape(wrong)), argument: wrong}
            at = r"\[2\]" if np.ndim(wrong) == 1 else r"\[1, 2\]"
            with pytest.raises(ValueError, match=rf"{argument}{at} is missing \(None\)"):
                fl.mse(**given)
    with pytest.raises(ValueError, match=r"sample_weight\[1\] is missing"):
        fl.mse(np.zeros(2), np.zeros(2), sample_weight=[1.0, None])


def test_columns_of_pandas_and_arrow():
    pd = pytest.importorskip("pandas", reason="pandas is optional")
    pa = pytest.importorskip("pyarrow", reason="pyarrow is optional")
    want = fl.cross_entropy(X, Y)
    for dtype in ("Int64", "UInt8", pd.ArrowDtype(pa.int32()), "category", "int16"):
        assert fl.cross_entropy(X, pd.Series(Y).astype(dtype)) == want, dtype
    mixed = pd.DataFrame({"a": pd.Series(X[:, 0], dtype="Float64"), "b": X[:, 1],
                          "c": pd.Series(X[:, 2], dtype=pd.ArrowDtype(pa.float64()))})
    assert fl.cross_entropy(mixed, Y) == want
    assert fl.cross_entropy(pd.Series(X.tolist()), Y) == want == fl.cross_entropy(pa.array(X.tolist()), Y)
    assert fl.cross_entropy(pd.Series([np.array(row) for row in X]), Y) == want
    for labels in (pd.Series([0, None, 1, 1], dtype="Int64"), pa.array([0, None, 1, 1]),
                   pd.Series([0, None, 1, 1], dtype=pd.ArrowDtype(pa.int64()))):
        with pytest.raises(ValueError, match=r"target\[1\] (= nan )?is missing"):
            fl.cross_entropy(X, labels)
    with pytest.raises(ValueError, match=r"logits\[1\] has shape \(2,\), the first \(3,\): all rows"):
        fl.cross_entropy(pd.Series([[1.0, 2, 3], [1.0, 2], [1.0, 2, 3], [0.0, 0, 0]]), Y)
    with pytest.raises(TypeError, match="target holds strings"):
        fl.cross_entropy(X, pd.Series(["a", "b", "c", "c"]).astype("category"))


def test_rows_of_tensors():
    torch = pytest.importorskip("torch", reason="torch is optional")
    assert fl.cross_entropy([torch.tensor(row) for row in X], Y) == fl.cross_entropy(X, Y)


def test_named_axes():
    xarray = pytest.importorskip("xarray", reason="xarray is optional")
    scores = xarray.DataArray(np.moveaxis(X.reshape(2, 2, 3), -1, 1), dims=("time", "class", "place"))
    labels = Y.reshape(2, 2)
    want = fl.cross_entropy(scores.values, labels, axis=1)
    assert fl.cross_entropy(scores, labels, axis="class") == want
    assert fl.cross_entropy(scores, xarray.DataArray(labels, dims=("time", "place")), axis="class") == want
    for function in (fl.softmax, fl.logsumexp, fl.entropy, fl.focal.inverse_link):
        np.testing.assert_array_equal(function(scores, axis="class"), function(scores.values, axis=1))
    for function in (fl.accuracy, fl.perplexity, fl.focal, fl.gather_log_softmax):
        got = function(scores, labels, axis="class")
        np.testing.assert_array_equal(got, function(scores.values, labels, axis=1))
    seen = fl.Accumulator([f"{name}:axis=class" for name in ("cross_entropy", "accuracy", "entropy")])
    assert seen.update(scores, labels).result()["cross_entropy:axis=class"] == pytest.approx(want, rel=1e-14)
    with pytest.raises(ValueError, match=r"axis = 'classes' is none of .*, 'time', 'class', 'place'"):
        fl.cross_entropy(scores, labels, axis="classes")
    with pytest.raises(TypeError, match="axis = 'class' must be an integer: logits has no named axes"):
        fl.cross_entropy(scores.values, labels, axis="class")


def test_under_jit_the_argument_is_named():
    jax = pytest.importorskip("jax", reason="jax is optional")
    with pytest.raises(TypeError, match=r"logits cannot be read as an array \(under jax.jit give"):
        jax.jit(lambda x: fl.cross_entropy(x, Y))(X)


# --- weights, keywords, warnings --------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e308, 5e-324, 1e-309])
@pytest.mark.parametrize(
    "name", ["mse", "cross_entropy", "nll", "accuracy", "entropy", "top_k_accuracy", "perplexity"]
)
def test_weights_whose_sum_is_no_normal_number(name, scale):
    """Their ratios count, and those of numbers that are left of a subnormal one."""
    thing = {**fl.losses, **fl.metrics}[name]
    weight, ratios = np.array([1.0, 1, 1, 0]) * scale, np.array([1.0, 1, 1, 0])
    x = -abs(X)
    given = (x[:, 0], np.ones(4)) if name == "mse" else (x,) if name == "entropy" else (x, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        want = thing(*given, sample_weight=ratios)
        assert thing(*given, sample_weight=weight) == pytest.approx(want, rel=1e-14)
        if name in fl.losses:
            for out in (None, np.empty_like(given[0])):
                got = thing.value_and_grad(*given, sample_weight=weight, out=out)
                want = thing.value_and_grad(*given, sample_weight=ratios)
                assert got[0] == pytest.approx(want[0], rel=1e-14)
                np.testing.assert_allclose(got[1], want[1], rtol=1e-14)
            own = {} if name == "mse" else {"n_classes": 3}
            got = thing.intercept(given[1], weight, **own)
            np.testing.assert_allclose(got, thing.intercept(given[1], ratios, **own), rtol=1e-14)
            thing(*given, sample_weight=weight, normalizer=2.0)
            if scale > 1:
                with pytest.raises(ValueError, match="the weights sum to inf: a stream"):
                    fl.Accumulator(name).update(*given, sample_weight=weight)
    assert "nothing yet" in repr(fl.Accumulator("mse").update([1.0], [0.0], [0.0]))


def test_class_weights_whose_sum_overflows():
    got = fl.cross_entropy(X, Y, class_weight=[1e308] * 3)
    assert got == pytest.approx(fl.cross_entropy(X, Y), rel=1e-14)


def test_class_weights_in_other_clothes():
    want = fl.cross_entropy(X, Y, class_weight=[1.0, 2, 3])
    assert fl.cross_entropy(X, Y, class_weight={2: 3.0, 0: 1, 1: 2}) == want
    with pytest.raises(ValueError, match=r"class_weight = 'balanced' must be an array.*np.bincount"):
        fl.cross_entropy(X, Y, class_weight="balanced")
    with pytest.raises(ValueError, match=r"class_weight has keys \[1, 2, 3\]: they must be the classes 0 to"):
        fl.cross_entropy(X, Y, class_weight={1: 1, 2: 2, 3: 3})


def test_an_accumulator_of_several_takes_what_each_takes():
    both = fl.Accumulator(["cross_entropy", "accuracy"])
    for classes in (3, 20):
        x = np.random.default_rng(0).standard_normal((4, classes))
        want = base_of(x)
        for target in (Y.astype(float), np.eye(classes, dtype=int)[Y], Y.tolist()):
            assert base_of(x, target) == want
    with pytest.raises(TypeError, match="target holds strings"):
        both.update(X, ["a", "b", "c", "c"])
    assert both.count == {"cross_entropy": 0, "accuracy": 0}


def base_of(x, target=Y):
    return fl.Accumulator(["cross_entropy", "accuracy"]).update(x, target).result()


def test_a_keyword_of_another_library():
    for name, meant in (("weight", "sample_weight"), ("dim", "axis"), ("label_smothing", "label_smoothing"),
                        ("n_jobs", "n_threads"), ("clas_weight", "class_weight")):
        for method in (fl.cross_entropy, fl.cross_entropy.grad, fl.cross_entropy.value_and_grad):
            message = rf"cross_entropy\(\) got an unexpected keyword .* '{name}': did you mean '{meant}'\?"
            with pytest.raises(TypeError, match=message):
                method(X, Y, **{name: 1})
    with pytest.raises(TypeError, match=r"rows\(\) got an .* 'weight': did you mean 'class_weight'"):
        fl.cross_entropy.rows(X, Y, weight=1)
    with pytest.raises(TypeError, match=r"entropy.intercept\(\) got .* 'weight': did you mean 'sample_w"):
        fl.cross_entropy.intercept(Y, weight=1)
    with pytest.raises(TypeError, match="'outt': did you mean 'out'"):
        fl.mse.grad(X, X, outt=X)
    with pytest.raises(TypeError, match=r"accuracy\(\) got an .* 'weight': did you mean 'sample_weight'\?"):
        fl.accuracy(X, Y, weight=np.ones(4))
    with pytest.raises(TypeError, match="unexpected keyword argument 'temperature': it takes class_weight, "):
        fl.cross_entropy(X, Y, temperature=2.0)


def test_the_warning_of_nothing_points_at_the_callers_line_every_time():
    empty = np.zeros((0, 3)), np.zeros(0, int)
    calls = [
        lambda: fl.cross_entropy(*empty), lambda: fl.cross_entropy.value_and_grad(*empty),
        lambda: fl.cross_entropy.intercept(empty[1], n_classes=3), lambda: fl.mse.intercept([]),
        lambda: fl.accuracy(*empty), lambda: fl.Accumulator("mse").result(), lambda: fl.perplexity(*empty),
        lambda: fl.evaluate(*empty, "cross_entropy"), lambda: fl.brier.intercept(empty[1], n_classes=3),
    ]  # fmt: skip
    for call in calls:
        for _ in range(2):
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                call()
            assert {w.filename for w in seen} == {__file__}, inspect.getsource(call)


# --- files and arrays of other libraries ------------------------------------------------------------------


def test_one_dask_array():
    array = pytest.importorskip("dask.array", reason="dask is optional")
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        fl.evaluate(array.zeros((0, 5), chunks=(30, 5)), np.zeros(0, int), "cross_entropy")
    unknown = array.ones((6, 2), chunks=2)
    with pytest.raises(ValueError, match=r"pred has an unknown number of rows: compute_chunk_sizes\(\)"):
        fl.evaluate(unknown[unknown[:, 0] > 0], np.zeros(6, int), "cross_entropy")
    scores = np.random.default_rng(1).standard_normal((50, 3))
    labels = np.arange(50) % 3
    want = fl.evaluate(scores, labels, "cross_entropy", batch_size=20)
    chunked = array.from_array(scores, chunks=(20, 3)), array.from_array(labels, chunks=15)
    assert fl.evaluate(*chunked, "cross_entropy", batch_size=20) == want
    assert fl.evaluate(*chunked, "cross_entropy") == pytest.approx(want, rel=1e-14)
