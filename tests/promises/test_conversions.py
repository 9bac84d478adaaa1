"""P9, no silent misuse, of what is no array yet: labels as floats, one-hot rows or words, entries that are
missing, and the arrays and columns of other libraries. Each is taken where harmless, or told what to do."""

import ml_dtypes
import numpy as np
import pytest

import fastloss as fl
from support.layouts import same_bits
from support.refusals import example

pytestmark = pytest.mark.all_kernels(2)

X = np.random.default_rng(0).standard_normal((4, 3))
Y = np.array([0, 2, 1, 1])
TAKERS = ["cross_entropy", "focal", "multiclass_hinge", "log_loss"]


def scores_of(name):
    return fl.softmax(X) if name == "log_loss" else X


@pytest.mark.parametrize("name", TAKERS)
def test_whole_floats_and_one_hot_integers_are_labels(name):
    loss, x = fl.losses[name], scores_of(name)
    want = loss.value_and_grad(x, Y)
    for taken in (
        Y.astype("f8"),
        Y.astype("f4"),
        Y.astype(ml_dtypes.bfloat16),
        [0.0, 2, 1, 1],
        np.eye(3, dtype=int)[Y],
        np.eye(3, dtype=bool)[Y],
        np.eye(3, dtype="u1")[Y].tolist(),
    ):
        got = loss.value_and_grad(x, taken)
        assert got[0] == want[0] and np.array_equal(got[1], want[1])
    hot = np.eye(3, dtype=int)[Y].T
    assert loss(x.T, hot, axis=0) == loss(x, Y)
    assert loss(x, [0.0, -100, 1, 1]) == loss(x, [0, -100, 1, 1])
    for wrong, message in (
        ([0, np.nan, 1, 1], r"target\[1\] = nan is missing"),
        ([0, 2, 1.5, 1], r"target\[2\] = 1.5 is no label"),
        ([0, 2, 1, np.inf], r"target\[3\] = inf is no label"),
        ([0, 2, 1, 5.0], r"target\[3\] = 5 is out of range for 3 classes"),
        (np.ones((4, 3), int), r"target\[0\] is \[1, 1, 1\]: .* must be one-hot"),
        (2 * np.eye(3, dtype=int)[Y], r"target\[0\] is \[2, 0, 0\]: .* must be one-hot"),
    ):
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
    mixed = pd.DataFrame(
        {
            "a": pd.Series(X[:, 0], dtype="Float64"),
            "b": X[:, 1],
            "c": pd.Series(X[:, 2], dtype=pd.ArrowDtype(pa.float64())),
        }
    )
    assert fl.cross_entropy(mixed, Y) == want
    assert fl.cross_entropy(pd.Series(X.tolist()), Y) == want == fl.cross_entropy(pa.array(X.tolist()), Y)
    assert fl.cross_entropy(pd.Series([np.array(row) for row in X]), Y) == want
    column = pd.Series([*X.tolist(), [np.nan, 1.0, 0.0]])
    assert fl.top_k_accuracy(column, [*Y, 1], k=9) == 0.8  # all but the row of NaN
    assert fl.accuracy(column[:4], Y, axis=1) == fl.accuracy(X, Y)
    assert fl.Accumulator("accuracy", axis=1).update(column[:4], Y).result() == fl.accuracy(X, Y)
    for labels in (
        pd.Series([0, None, 1, 1], dtype="Int64"),
        pa.array([0, None, 1, 1]),
        pd.Series([0, None, 1, 1], dtype=pd.ArrowDtype(pa.int64())),
    ):
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


# --- arrays and columns of other libraries ----------------------------------------------------------------


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
