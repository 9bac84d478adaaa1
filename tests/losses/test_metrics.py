"""Metrics against brute force: ranks by sorting nothing, ties, NaN, ignored rows, weights; P4 for them."""

import collections.abc
import copy
import doctest
import inspect
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastloss as fl
from support import namespaces
from support import reference as ref
from support.layouts import DTYPES, LABELS, LAYOUTS, REDUCTIONS, assert_near, compute, eps, real, same_bits

pytestmark = [pytest.mark.without_fma, pytest.mark.memory_safety]

NAMES = ["accuracy", "binary_accuracy", "entropy", "perplexity", "top_k_accuracy", "zero_one"]
OF_ROWS = ["accuracy", "top_k_accuracy", "zero_one"]
# Around the classes of a narrow tile, of a wide one, and one that is far from full.
CLASSES = [1, 2, 3, 10, 63, 64, 65, 100, 1025]
KS = [1, 2, 5, 2000]


def make(rng, rows, classes, dtype):
    """Scores full of ties, labels, some of them ignored, and a row with NaN."""
    scores = rng.integers(0, max(2, classes // 2), (*rows, classes)).astype(dtype)
    target = rng.integers(0, classes, rows)
    target[rng.random(rows) < 0.2] = -100
    flat = scores.reshape(-1, classes)
    if len(flat) > 3:
        flat[1, rng.integers(classes)] = np.nan
        flat[2, rng.integers(classes)] = -np.inf
        flat[3, rng.integers(classes)] = np.inf
    return scores, target


def brute(scores, target, k=1, ties="first", ignore_index=-100):
    """(hit, kept), a row at a time; the class axis is the last."""
    scores = np.asarray(scores).astype(np.float64)
    hit, kept = np.zeros(target.shape, bool), np.zeros(target.shape, bool)
    for at in np.ndindex(target.shape):
        row, y = scores[at], int(target[at])
        if y == ignore_index:
            continue
        kept[at] = True
        equal = np.arange(len(row)) > y if ties == "last" else np.arange(len(row)) < y
        before = (row > row[y]).sum() + ((row == row[y]) & equal).sum()
        hit[at] = not np.isnan(row).any() and before < k
    return hit, kept


def reduced(value, kept, reduction, weight, normalizer=None):
    w = ref.weights_of(value.astype(float), weight)
    if reduction == "none":
        return np.where(kept, w * value, 0)
    total = (w * value)[kept].sum()
    if reduction == "sum":
        return total
    return total / (w[kept].sum() if normalizer is None else normalizer)


def assert_right(got, want, dtype, reduction):
    if reduction == "none":
        assert got.shape == want.shape and got.dtype == compute(dtype)
        assert np.array_equal(got, want.astype(got.dtype))
    else:
        assert got == pytest.approx(want, rel=1e-14, abs=0)


# --- accuracy, top_k_accuracy, zero_one ---------------------------------------------------------------


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("ties", ["first", "last"])
def test_matches_brute_force(ties, dtype, classes):
    rng = np.random.default_rng(classes)
    n = 150 if classes <= 100 else 20
    scores, target = make(rng, (n,), classes, dtype)
    weight = rng.integers(0, 5, n) / 4
    every = [brute(scores, target, k, ties) for k in KS]
    kept = every[0][1]
    for reduction in REDUCTIONS:
        for w in (None, weight):
            call = dict(reduction=reduction, sample_weight=w)
            want = [reduced(hit, kept, reduction, w) for hit, _ in every]
            got = fl.top_k_accuracy(scores, target, k=KS, ties=ties, **call)
            assert got.shape == ((n, len(KS)) if reduction == "none" else (len(KS),))
            for i, k in enumerate(KS):
                one = fl.top_k_accuracy(scores, target, k=k, ties=ties, **call)
                assert type(one) is (np.ndarray if reduction == "none" else float)
                assert_right(one, want[i], dtype, reduction)
                assert same_bits(got[..., i], one)
            if ties == "first":
                assert same_bits(fl.accuracy(scores, target, **call), got[..., 0])
                wrong = reduced(~every[0][0], kept, reduction, w)
                assert_right(fl.zero_one(scores, target, **call), wrong, dtype, reduction)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("classes", [3, 70, 1030])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_any_class_axis(dtype, classes, axis):
    scores, target = make(np.random.default_rng(1), (4, 5), classes, dtype)
    moved = np.ascontiguousarray(np.moveaxis(scores, -1, axis))
    for ties in ("first", "last"):
        for reduction in REDUCTIONS:
            call = dict(k=[1, 3], ties=ties, reduction=reduction)
            assert same_bits(
                fl.top_k_accuracy(moved, target, axis=axis, **call), fl.top_k_accuracy(scores, target, **call)
            )
    hit, kept = brute(scores, target)
    assert fl.accuracy(moved, target, axis=axis, reduction="sum") == hit.sum()
    assert fl.zero_one(moved, target, axis=axis, reduction="sum") == (kept & ~hit).sum()


def test_ties():
    """The first of equals, as np.argmax; with ties="last" the last, as in scikit-learn."""
    scores = np.zeros((4, 4))
    assert fl.accuracy(scores, np.arange(4), reduction="none").tolist() == [1, 0, 0, 0]
    assert fl.zero_one(scores, np.arange(4), reduction="none").tolist() == [0, 1, 1, 1]
    first = fl.top_k_accuracy(scores, np.arange(4), k=[1, 2, 3, 4], reduction="none")
    last = fl.top_k_accuracy(scores, np.arange(4), k=[1, 2, 3, 4], ties="last", reduction="none")
    assert np.array_equal(first, np.triu(np.ones((4, 4)))) and np.array_equal(last, first[::-1])


@pytest.mark.parametrize("classes", [2, 5, 64, 65, 1100])
def test_accuracy_is_that_of_argmax(classes):
    rng = np.random.default_rng(2)
    for dtype in DTYPES:
        scores, target = rng.standard_normal((200, classes)).astype(dtype), rng.integers(0, classes, 200)
        target[::2] = scores[::2].argmax(-1)
        assert fl.accuracy(scores, target) == (scores.argmax(-1) == target).mean()
        assert np.array_equal(
            fl.cross_entropy.rows(scores, target).correct, fl.accuracy(scores, target, reduction="none")
        )


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_of_scikit_learn(k):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    scores, target = rng.integers(0, 4, (300, 5)).astype(float), rng.integers(0, 5, 300)
    weight = rng.random(300)
    for w in (None, weight):
        want = sklearn.top_k_accuracy_score(target, scores, k=k, labels=range(5), sample_weight=w)
        assert fl.top_k_accuracy(scores, target, k=k, ties="last", sample_weight=w) == pytest.approx(want)


@pytest.mark.parametrize("classes", [2, 15, 16, 17, 64, 65, 1030])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_nan_anywhere_is_wrong_and_stays_in_its_row(dtype, classes):
    rng = np.random.default_rng(4)
    scores, target = rng.standard_normal((40, classes)).astype(dtype), rng.integers(0, classes, 40)
    clean = fl.top_k_accuracy(scores, target, k=[1, classes], reduction="none")
    assert (clean[:, 1] == 1).all()
    for at in {0, classes // 2, classes - 1, int(target[17])}:
        spoilt = scores.copy()
        spoilt[17, at] = np.nan
        with np.errstate(all="raise"):
            got = fl.top_k_accuracy(spoilt, target, k=[1, classes], reduction="none")
            more = fl.top_k_accuracy(spoilt, target, k=classes + 7, reduction="none")
        assert (got[17] == 0).all() and more[17] == 0
        assert same_bits(np.delete(got, 17, 0), np.delete(clean, 17, 0))
        assert fl.zero_one(spoilt, target, reduction="none")[17] == 1


def test_infinities_have_their_place():
    scores = np.array([[np.inf, 0, -np.inf], [-np.inf] * 3, [np.inf, np.inf, 0]])
    assert fl.accuracy(scores, [0, 0, 0], reduction="none").tolist() == [1, 1, 1]
    assert fl.top_k_accuracy(scores, [2, 2, 1], k=2, reduction="none").tolist() == [0, 0, 1]
    for classes in (2, 17, 63, 64, 65, 1030):  # what pads the end of a row is no class
        scores = np.zeros((2, classes), "f4")
        scores[:, -1] = -np.inf
        for ties in ("first", "last"):
            got = fl.top_k_accuracy(scores, [classes - 1] * 2, k=[classes - 1, classes], ties=ties)
            assert got.tolist() == [0, 1]


@pytest.mark.parametrize("ignore_index", [-100, -1, 255, 3])
@pytest.mark.parametrize("name", OF_ROWS)
def test_ignored_rows_count_for_nothing(name, ignore_index):
    scores, target = make(np.random.default_rng(5), (60,), 10, np.dtype("f4"))
    target = np.where(target == -100, ignore_index, target)
    f, kept = fl.metrics[name], target != ignore_index
    scores[~kept] = np.nan
    weight = np.random.default_rng(6).random(60)
    for w in (None, weight):
        some = None if w is None else w[kept]
        assert f(scores, target, ignore_index=ignore_index, sample_weight=w) == f(
            scores[kept], target[kept], ignore_index=None, sample_weight=some
        )
        none = f(scores, target, ignore_index=ignore_index, sample_weight=w, reduction="none")
        assert (none[~kept] == 0).all()
    with pytest.raises(ValueError, match=r"target\[0\] = -100 is out of range for 10 classes"):
        f(scores[:1], [-100], ignore_index=None)


@pytest.mark.parametrize("label", [*LABELS, np.dtype(bool)], ids=str)
@pytest.mark.parametrize("name", OF_ROWS)
def test_labels_of_any_integer_width(name, label):
    scores = np.random.default_rng(7).standard_normal((50, 2))
    target = np.random.default_rng(8).integers(0, 2, 50)
    assert fl.metrics[name](scores, target.astype(label)) == fl.metrics[name](scores, target)


@pytest.mark.parametrize("rows", [(), (1,), (4, 1), (2, 3, 4), (0,), (3, 0)], ids=str)
@pytest.mark.parametrize("name", OF_ROWS)
def test_any_leading_shape(name, rows):
    rng = np.random.default_rng(9)
    scores, target = rng.standard_normal((*rows, 5)), np.asarray(rng.integers(0, 5, rows))
    f = fl.metrics[name]
    none = f(scores, target, reduction="none")
    hit, kept = brute(scores, target)
    want = kept & ~hit if name == "zero_one" else hit
    assert isinstance(none, np.ndarray) and none.shape == rows and np.array_equal(none, want)
    assert f(scores, target, reduction="sum") == want.sum()
    if target.size:
        assert f(scores, target) == want.mean()
    assert fl.top_k_accuracy(scores, target, k=[1, 2], reduction="none").shape == (*rows, 2)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_sample_weight_of_the_leading_axes(reduction):
    rng = np.random.default_rng(10)
    scores, target = make(rng, (6, 7), 5, np.dtype("f4"))
    weight = rng.integers(0, 4, 6) / 4
    full = np.repeat(weight, 7).reshape(6, 7)
    for name in OF_ROWS:
        f = fl.metrics[name]
        for w in (weight, weight.astype("f2"), weight.tolist()):
            assert same_bits(
                f(scores, target, sample_weight=w, reduction=reduction),
                f(scores, target, sample_weight=full, reduction=reduction),
            )


def test_a_weight_of_zero_silences_a_row():
    scores, target, weight = np.array([[1.0, 0.0], [np.nan, 0.0]]), np.array([0, 0]), np.array([2.0, 0.0])
    assert fl.accuracy(scores, target, sample_weight=weight) == 1
    assert fl.zero_one(scores, target, sample_weight=weight, reduction="none").tolist() == [0, 0]


def test_a_mean_of_many_hits_is_exact():
    """Sums are float64 or integers: float32 could not count to 2^24 + 1."""
    scores = np.broadcast_to(np.array([1.0, 0.0], "f4"), (2**24 + 3, 2))
    target = np.zeros(2**24 + 3, np.int8)
    target[-1] = 1
    assert fl.accuracy(scores, target, reduction="sum") == 2**24 + 2
    assert fl.zero_one(scores, target, reduction="sum") == 1


# --- what a caller may do wrong -------------------------------------------------------------------------


ROWS = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 1.0]]), np.array([0, 1])


@pytest.mark.parametrize("name", OF_ROWS)
def test_errors(name):
    f, (scores, target) = fl.metrics[name], ROWS
    with pytest.raises(TypeError, match="integer labels"):
        f(scores, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"target\[0\] = 0.5 is no label: labels are integers"):
        f(scores, [0.5, 1.0])
    for bad in (3, -1, -100):
        with pytest.raises(ValueError, match=rf"target\[1\] = {bad} is out of range for 3 classes"):
            f(scores, [0, bad], ignore_index=None)
    for wrong in ([0], [[0, 1]], 0):
        with pytest.raises(ValueError, match="target"):
            f(scores, wrong)
    for weight in ([1.0, -1.0], [1.0, np.nan], [1.0, np.inf], [1.0, 1.0, 1.0]):
        with pytest.raises(ValueError, match="sample_weight"):
            f(scores, target, sample_weight=weight)
    for reduction in ("avg", None, 1):
        with pytest.raises(ValueError, match=r"reduction.*mean.*sum.*none"):
            f(scores, target, reduction=reduction)
    with pytest.raises(ValueError, match="normalizer"):
        f(scores, target, normalizer=0)
    with pytest.raises(ValueError, match=r"normalizer.*mean"):
        f(scores, target, normalizer=2, reduction="sum")
    with pytest.raises(ValueError, match="n_threads"):
        f(scores, target, n_threads=0)
    with pytest.raises(ValueError, match="axis"):
        f(scores, target, axis=2)
    with pytest.raises(TypeError, match="ignore_index"):
        f(scores, target, ignore_index=1.5)
    with pytest.raises(TypeError, match="mask"):
        f(np.ma.masked_array(scores, mask=False), target)
    with pytest.raises(TypeError, match="complex"):
        f(scores.astype(complex), target)
    with pytest.raises(TypeError, match="wieght"):
        f(scores, target, wieght=1)


@pytest.mark.parametrize("k", [0, -1, [], [1, 0], 1.0, "2", True, None, [[1]], [1.5]], ids=str)
def test_k_must_be_integers_of_1_or_more(k):
    with pytest.raises((ValueError, TypeError), match="k"):
        fl.top_k_accuracy(*ROWS, k=k)


@pytest.mark.parametrize("k", [[1, 2], (1, 2), np.array([1, 2]), np.array([1, 2], "u1"), range(1, 3)])
def test_k_may_be_any_sequence(k):
    assert fl.top_k_accuracy(*ROWS, k=k).tolist() == [0.5, 1.0]


def test_ties_must_be_first_or_last():
    with pytest.raises(ValueError, match=r'ties.*"first" or "last"'):
        fl.top_k_accuracy(*ROWS, ties="all")


@pytest.mark.parametrize("name", OF_ROWS)
def test_mean_of_nothing(name):
    f = fl.metrics[name]
    for scores, target, options in [
        (np.zeros((0, 3)), np.zeros(0, int), {}),
        (np.zeros((2, 3)), [-100, -100], {}),
        (np.zeros((2, 3)), [0, 1], dict(sample_weight=[0.0, 0.0])),
    ]:
        with pytest.warns(RuntimeWarning, match="mean of nothing"):
            assert np.isnan(f(scores, target, **options)).all()
        assert f(scores, target, reduction="sum", **options) == 0
        assert f(scores, target, normalizer=4, **options) == 0
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert np.isnan(fl.top_k_accuracy(np.zeros((0, 3)), np.zeros(0, int), k=[1, 2])).all()


def test_normalizer():
    scores, target = make(np.random.default_rng(11), (30,), 4, np.dtype("f4"))
    hit, kept = brute(scores, target)
    assert fl.accuracy(scores, target, normalizer=64) == hit.sum() / 64
    assert fl.zero_one(scores, target, normalizer=64) == (kept & ~hit).sum() / 64
    assert fl.top_k_accuracy(scores, target, k=[1], normalizer=64)[0] == hit.sum() / 64


# --- binary_accuracy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("labels", ["01", "pm1", "bool"])
def test_binary_accuracy(labels, reduction, dtype):
    rng = np.random.default_rng(12)
    pred, positive = (rng.integers(-4, 5, (9, 15)) / 4).astype(dtype), rng.integers(0, 2, (9, 15)) == 1
    pred[3, 4] = np.nan
    target = {"01": positive.astype(int), "pm1": np.where(positive, 1, -1), "bool": positive}[labels]
    options = {} if labels == "bool" else dict(labels=labels)
    for threshold in (0.0, 0.5):
        x = pred.astype(float)
        hit = (np.where(x > threshold, 1, 0) == positive) & ~np.isnan(x)
        for w in (None, rng.integers(0, 5, (9, 15)) / 4, rng.integers(0, 5, 9) / 4):
            call = dict(reduction=reduction, sample_weight=w, threshold=threshold, **options)
            want = reduced(hit, np.ones((9, 15), bool), reduction, w)
            assert_right(fl.binary_accuracy(pred, target, **call), want, dtype, reduction)
            for lay in LAYOUTS.values():
                assert same_bits(
                    fl.binary_accuracy(lay(pred), lay(target), **call),
                    fl.binary_accuracy(pred, target, **call),
                )


def test_binary_accuracy_takes_bool_with_either_labels():
    pred, target = np.array([1.0, -1.0, 1.0]), np.array([True, False, False])
    for labels in ("01", "pm1"):
        assert fl.binary_accuracy(pred, target, labels=labels) == 2 / 3
        assert fl.binary_accuracy(pred.tolist(), target.tolist(), labels=labels) == 2 / 3


def test_binary_accuracy_checks_its_arguments():
    pred = np.array([1.0, -1.0])
    with pytest.raises(ValueError, match=r"target\[1\] = -1 .*pm1"):
        fl.binary_accuracy(pred, np.array([1, -1]))
    with pytest.raises(ValueError, match=r"target\[1\] = 0 .*01"):
        fl.binary_accuracy(pred, np.array([1, 0]), labels="pm1")
    with pytest.raises(ValueError, match=r"target\[0\] = nan"):
        fl.binary_accuracy(pred, np.array([np.nan, 0]))
    with pytest.raises(ValueError, match="labels"):
        fl.binary_accuracy(pred, np.array([1, 0]), labels="10")
    with pytest.raises(ValueError, match="target"):
        fl.binary_accuracy(pred, np.ones((2, 1)))
    with pytest.raises(ValueError, match="threshold"):
        fl.binary_accuracy(pred, np.ones(2), threshold=np.nan)
    with pytest.raises(ValueError, match="sample_weight"):
        fl.binary_accuracy(pred, np.ones(2), sample_weight=[1, -1])
    with pytest.raises(ValueError, match="reduction"):
        fl.binary_accuracy(pred, np.ones(2), reduction="all")
    with pytest.raises(ValueError, match="normalizer"):
        fl.binary_accuracy(pred, np.ones(2), normalizer=1, reduction="none")
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert np.isnan(fl.binary_accuracy(np.zeros(0), np.zeros(0)))


# --- perplexity, entropy ---------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 10, 65, 1100])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_perplexity_is_exp_of_the_mean_cross_entropy(dtype, classes):
    rng = np.random.default_rng(13)
    logits, target = (3 * rng.standard_normal((20, classes))).astype(dtype), rng.integers(0, classes, 20)
    target[3] = -100
    for options in ({}, dict(sample_weight=rng.random(20)), dict(normalizer=16), dict(ignore_index=-100)):
        loss = fl.cross_entropy(logits, target, **options)
        assert fl.perplexity(logits, target, **options) == math.exp(loss)
    hot = np.eye(classes, dtype="f4")[abs(target) % classes]
    assert fl.perplexity(logits, hot) == math.exp(fl.cross_entropy(logits, hot))
    assert fl.perplexity(logits.T, target, axis=0) == pytest.approx(fl.perplexity(logits, target), rel=1e-5)


def test_perplexity_at_its_ends():
    assert fl.perplexity(np.zeros((3, 7)), [0, 1, 2]) == pytest.approx(7, rel=1e-14)
    assert fl.perplexity(np.array([[1000.0, 0.0]]), [1]) == math.inf
    assert fl.perplexity(np.array([[0.0, -np.inf]]), [1]) == math.inf
    assert math.isnan(fl.perplexity(np.array([[0.0, np.nan]]), [1]))
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert math.isnan(fl.perplexity(np.zeros((0, 3)), np.zeros(0, int)))
    with pytest.raises(TypeError, match="reduction"):
        fl.perplexity(np.zeros((2, 3)), [0, 1], reduction="sum")
    with pytest.raises(ValueError, match=r"target\[1\] = 3 is out of range"):
        fl.perplexity(np.zeros((2, 3)), [0, 3])


def entropy_bound(x, e):
    """That of cross_entropy.rows: H = log s + sum p (m - x), terms >= 0."""
    t, p = x.max(-1, keepdims=True) - x, namespaces.softmax(x)
    first = (p * t * (6 + t)).sum(-1) + 6 * np.log(np.exp(-t).sum(-1))
    second = (p * (4 + t)).sum(-1) * (p * t).sum(-1)
    return x.shape[-1] * 2.0**-53 * ref.entropy(x) + e * (first + second) + 4 * np.finfo(x.dtype).eps


@pytest.mark.parametrize("classes", [1, 2, 10, 64, 65, 1100])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_entropy(dtype, classes):
    rng = np.random.default_rng(14)
    logits = (3 * rng.standard_normal((24, classes))).astype(dtype)
    x = logits.astype(real(dtype))
    rows = fl.entropy(logits, reduction="none")
    assert rows.shape == (24,) and rows.dtype == compute(dtype)
    assert_near(rows, ref.entropy(x), entropy_bound(x, eps(dtype)), compute(dtype), "entropy")
    assert same_bits(rows, fl.cross_entropy.rows(logits, np.zeros(24, int)).entropy)
    wide = rows.astype(float)
    weight = rng.integers(0, 5, (24,)) / 4
    assert fl.entropy(logits) == pytest.approx(wide.mean(), rel=1e-14)
    assert fl.entropy(logits, reduction="sum") == pytest.approx(wide.sum(), rel=1e-14)
    assert fl.entropy(logits, normalizer=8) == pytest.approx(wide.sum() / 8, rel=1e-14)
    mean = np.average(wide, weights=weight)
    assert fl.entropy(logits, sample_weight=weight) == pytest.approx(mean, rel=1e-14)
    weighted = fl.entropy(logits, sample_weight=weight, reduction="none")
    assert same_bits(weighted, (weight * wide).astype(rows.dtype))
    moved = np.ascontiguousarray(logits.reshape(4, 6, classes).transpose(0, 2, 1))
    got, want = fl.entropy(moved, axis=1, reduction="none"), ref.entropy(x)
    bound = entropy_bound(x, eps(dtype)).reshape(4, 6)
    assert_near(got, want.reshape(4, 6), bound, compute(dtype), "entropy along another axis")


def test_entropy_of_what_is_no_number():
    logits = np.array([[0.0, 0.0, -np.inf], [np.nan, 0.0, 1.0], [50.0, 0.0, 0.0]])
    with np.errstate(all="raise"):
        rows = fl.entropy(logits, reduction="none")
        assert fl.entropy(logits, sample_weight=[1, 0, 0]) == pytest.approx(math.log(2), rel=1e-15)
        assert fl.entropy(logits, sample_weight=[1, 0, 1], reduction="none")[1] == 0
    assert rows[0] == pytest.approx(math.log(2), rel=1e-15) and np.isnan(rows[1]) and 0 < rows[2] < 1e-19
    assert math.isnan(fl.entropy(logits))
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert math.isnan(fl.entropy(np.zeros((0, 3))))
    for options in (dict(axis=2), dict(sample_weight=[1, 1, -1]), dict(reduction="all"), dict(n_threads=0)):
        with pytest.raises(ValueError, match=next(iter(options))):
            fl.entropy(logits, **options)
    with pytest.raises(ValueError, match="at least one class"):
        fl.entropy(np.zeros((3, 0)))
    assert fl.entropy([[0, 0]]) == pytest.approx(math.log(2), rel=1e-15)


# --- the same bits ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 200),
    classes=st.sampled_from([1, 2, 3, 10, 16, 17, 63, 64, 65, 257, 1025]),
    dtype=st.sampled_from(DTYPES),
    reduction=st.sampled_from(REDUCTIONS),
    threads=st.integers(1, 9),
    layout=st.sampled_from(sorted(LAYOUTS)),
    weighted=st.booleans(),
    seed=st.integers(0, 9),
)
def test_threads_and_layout_change_nothing(n, classes, dtype, reduction, threads, layout, weighted, seed):
    rng = np.random.default_rng(seed)
    scores, target = make(rng, (n,), classes, dtype)
    target[0] = 0
    w, lay = rng.random(n) + 0.1 if weighted else None, LAYOUTS[layout]
    call, moved = dict(reduction=reduction, sample_weight=w), dict(reduction=reduction, n_threads=threads)
    moved["sample_weight"] = None if w is None else lay(w)
    for name in OF_ROWS:
        f = fl.metrics[name]
        assert same_bits(f(lay(scores), lay(target), **moved), f(scores, target, n_threads=1, **call))
    assert same_bits(fl.entropy(lay(scores), **moved), fl.entropy(scores, n_threads=1, **call))


@pytest.mark.parametrize("n", [4097, 300_000])
@pytest.mark.parametrize("classes", [2, 70])
def test_many_rows(classes, n):
    rng = np.random.default_rng(15)
    n = min(n, 30_000) if classes == 70 else n
    scores, target = rng.standard_normal((n, classes), np.float32), rng.integers(0, classes, n)
    weight = rng.random(n)
    rank = (scores > np.take_along_axis(scores, target[:, None], 1)).sum(1)
    for w in (None, weight):
        want = [np.average(rank < k, weights=w) for k in (1, 2)]
        for threads in (None, 1, 2, 9):
            got = fl.top_k_accuracy(scores, target, k=[1, 2], sample_weight=w, n_threads=threads)
            assert got == pytest.approx(want, rel=1e-12)
            assert same_bits(got, fl.top_k_accuracy(scores, target, k=[1, 2], sample_weight=w, n_threads=1))


# --- a metric is an object ---------------------------------------------------------------------------------


def test_registry_is_a_read_only_mapping():
    assert isinstance(fl.metrics, collections.abc.Mapping) and sorted(fl.metrics) == NAMES
    with pytest.raises(TypeError):
        fl.metrics["mine"] = fl.accuracy
    for name, metric in fl.metrics.items():
        assert metric.__name__ == name and getattr(fl, name) is metric and name not in fl.losses


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_itself_after_pickle_and_copy(name):
    metric = fl.metrics[name]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(metric, protocol)) is metric
    assert copy.copy(metric) is metric and copy.deepcopy([metric])[0] is metric
    assert repr(metric) == f"<metric fastloss.{name}>"
    assert not hasattr(metric, "grad") and not hasattr(metric, "value_and_grad")


@pytest.mark.parametrize("name", NAMES)
def test_signature(name):
    parameters = inspect.signature(fl.metrics[name]).parameters
    positional = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    first = {"entropy": "logits", "perplexity": "logits", "binary_accuracy": "pred"}.get(name, "scores")
    assert positional == [first] + ["target"] * (name != "entropy")
    common = dict(reduction="mean", sample_weight=None, normalizer=None, n_threads=None, axis=-1)
    own = {
        "binary_accuracy": dict(threshold=0.0, labels="01"),
        "entropy": {},
        "top_k_accuracy": dict(k=1, ties="first", ignore_index=-100),
    }.get(name, dict(ignore_index=-100))
    without = {"binary_accuracy": "axis", "perplexity": "reduction"}.get(name)
    want = own | {key: value for key, value in common.items() if key != without}
    assert {p.name: p.default for p in parameters.values() if p.kind is p.KEYWORD_ONLY} == want


@pytest.mark.parametrize("name", NAMES)
def test_docstring(name):
    doc = fl.metrics[name].__doc__
    for word in ("shape", "dtype", "ValueError", "NaN"):
        assert word in doc, f"{name} does not speak of {word}"
    test = doctest.DocTestParser().get_doctest(doc, {"fl": fl, "np": np}, name, None, 0)
    runner, lines = doctest.DocTestRunner(), []
    runner.run(test, out=lines.append)
    assert test.examples and runner.summarize(verbose=False).failed == 0, "".join(lines)
