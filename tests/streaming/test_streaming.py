"""fl.Accumulator and fl.evaluate: the loss's own mean over batches, the same bits in every order."""

import copy
import functools
import inspect
import itertools
import math
import operator
import pickle
import random
import sys
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastloss as fl
from fastloss import _core
from fastloss._streaming import evaluate as _evaluate
from fastloss._streaming import requests
from fastloss._streaming.exact_sum import ExactSum
from support.batches import KEPT, LABELS, LOGITS, POSITIVE, REAL, RNG, SHARES, SIGNS, WEIGHTS, C, N, operands

CLASS_WEIGHT = [1.0, 2.0, 0.5, 3.0, 0.0, 1.5, 1.0]


OPTIONS = [
    ("cross_entropy", dict(class_weight=CLASS_WEIGHT, label_smoothing=0.1, z_loss=0.01)),
    ("cross_entropy", dict(softcap=3.0)),
    ("nll", dict(class_weight=CLASS_WEIGHT)),
    ("focal", dict(gamma=1.5, class_weight=CLASS_WEIGHT)),
    ("multi_margin", dict(class_weight=CLASS_WEIGHT, p=2)),
    ("quantile", dict(q=0.9)),
    ("top_k_accuracy", dict(k=[1, 3, 5], ties="last")),
    ("top_k_accuracy", dict(k=2, reduction="sum")),
    ("mse", dict(reduction="sum")),
    ("binary_accuracy", dict(threshold=0.25)),
]
CASES = [*((name, {}) for name in (*fl.losses, *fl.metrics)), *OPTIONS]
each_case = pytest.mark.parametrize("name, options", CASES, ids=lambda v: str(v)[:40])


def direct(name, options, weight):
    pred, target, parameters, arrays = operands(name)
    thing = fl.losses.get(name) or fl.metrics[name]
    args = (pred,) if target is None else (pred, target)
    return thing(*args, sample_weight=weight, **{**parameters, **options, **arrays})


def cut(array, span):
    return None if array is None else array[span]


def parts(name, options, weight, sizes):
    """An accumulator for each batch."""
    pred, target, parameters, arrays = operands(name)
    start, made = 0, []
    for size in sizes:
        span = slice(start, start + size)
        one = fl.Accumulator(name, **parameters, **options)
        made.append(
            one.update(
                pred[span], cut(target, span), cut(weight, span), **{k: v[span] for k, v in arrays.items()}
            )
        )
        start += size
    assert start == N
    return made


@each_case
@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_one_batch_gives_what_the_loss_gives_and_many_the_same_mean(name, options, weight):
    expected = direct(name, options, weight)
    (whole,) = parts(name, options, weight, [N])
    np.testing.assert_array_equal(whole.result(), expected)
    assert type(whole.result()) is type(expected)
    total = sum(parts(name, options, weight, [1, 99, 600, 0, 300]))
    np.testing.assert_allclose(total.result(), expected, rtol=1e-13)
    assert total.count == whole.count and math.isclose(total.weight, whole.weight, rel_tol=1e-14)


@pytest.mark.parametrize("name", ["cross_entropy", "accuracy", "brier", "mse", "entropy", "binary_accuracy"])
def test_count_and_weight(name):
    rows = name not in ("mse", "entropy", "binary_accuracy")
    kept = LABELS != -100 if rows else np.ones(N, bool)
    (plain,), (weighted,) = parts(name, {}, None, [N]), parts(name, {}, WEIGHTS, [N])
    assert plain.count == plain.weight == kept.sum()
    assert weighted.count == (kept & (WEIGHTS > 0)).sum()
    assert weighted.weight == pytest.approx(WEIGHTS[kept].sum(), rel=1e-14)
    assert isinstance(plain.count, int) and isinstance(plain.weight, float)


def test_the_divisor_of_class_weights_is_theirs():
    (one,) = parts("cross_entropy", dict(class_weight=CLASS_WEIGHT), WEIGHTS, [N])
    kept = LABELS >= 0
    assert one.weight == pytest.approx((WEIGHTS * np.take(CLASS_WEIGHT, KEPT))[kept].sum(), rel=1e-14)


# ---- order ---------------------------------------------------------------------------------------------


@given(st.permutations(range(8)), st.data())
@settings(max_examples=60, deadline=None)
def test_no_order_of_updates_or_merges_changes_a_bit(order, data):
    made = [copy.copy(one) for one in PARTS]
    rest = [made[i] for i in order]
    while len(rest) > 1:  # merged as any tree
        i = data.draw(st.integers(0, len(rest) - 2))
        rest[i : i + 2] = [rest[i] + rest[i + 1]]
    assert rest[0].result() == EXPECTED.result() and rest[0].weight == EXPECTED.weight
    again = fl.Accumulator(MANY)
    for i in order:
        again.update(*BATCHES[i])
    assert again.result() == EXPECTED.result() and again.count == EXPECTED.count


MANY = ["cross_entropy", "perplexity", "accuracy", "entropy", "top_k_accuracy:k=2"]
BATCHES = [
    (LOGITS[i : i + 125] * 10.0 ** (i / 100 - 5), LABELS[i : i + 125], WEIGHTS[i : i + 125] / 7)
    for i in range(0, N, 125)
]
PARTS = [fl.Accumulator(MANY).update(*batch) for batch in BATCHES]
EXPECTED = sum(PARTS)


def test_a_plain_sum_would_change_bits():
    """Or the test of orders shows nothing. Not by sum(), which compensates from Python 3.12 on."""
    totals = [fl.cross_entropy(x, y, sample_weight=w, reduction="sum") for x, y, w in BATCHES]
    orders = itertools.islice(itertools.permutations(totals), 1000)
    assert len({functools.reduce(operator.add, order) for order in orders}) > 1


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=12), st.randoms())
@settings(max_examples=300, deadline=None)
def test_exact_sum_is_the_rounded_sum(terms, shuffler):
    exact = sum(map(Fraction, terms), Fraction(0))
    try:
        expected = float(exact)
    except OverflowError:
        expected = math.inf if exact > 0 else -math.inf
    shuffler.shuffle(terms)
    half, other = ExactSum(), ExactSum()
    for i, term in enumerate(terms):
        (half if i % 2 else other).add(term)
    half.merge(other)
    assert half.value() == expected
    assert pickle.loads(pickle.dumps(half)).value() == expected


def test_exact_sum_of_what_cancels():
    terms = [1e308, 1e308, -1e308, -1e308, 1.5, 2.0**-1074, 1e-300, -1e-300]
    for _ in range(20):
        random.Random(1).shuffle(terms)
        total = ExactSum()
        for term in terms:
            total.add(term)
        assert total.value() == 1.5


@given(st.lists(st.sampled_from([math.inf, -math.inf, math.nan, 1.0, -1e300]), max_size=5))
def test_infinities_and_nans_are_as_in_ieee_754(terms):
    total, other = ExactSum(), ExactSum()
    for i, term in enumerate(terms):
        (total if i % 2 else other).add(term)
    total.merge(other)
    expected = math.nan if {math.inf, -math.inf} <= {*terms} else sum(terms)
    assert total.value() == expected or (math.isnan(total.value()) and math.isnan(expected))


def test_an_infinite_row_and_a_nan_row_stay_to_the_end():
    inf_row, nan_row = LOGITS[:2].copy(), LOGITS[2:4].copy()
    inf_row[1, 3], nan_row[0, 0] = -np.inf, np.nan
    total = fl.Accumulator("cross_entropy").update(inf_row, [0, 3]).update(LOGITS, LABELS)
    assert total.result() == math.inf
    assert math.isnan(total.update(nan_row, [1, 1]).result()) and total.count == 2 + 2 + (LABELS >= 0).sum()


# ---- several at once -----------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    "scores",
    [LOGITS, LOGITS.astype(np.float64), LOGITS.astype(np.float16), np.round(LOGITS)],
    ids=["f4", "f8", "f2", "ties"],
)
def test_what_shares_a_pass_is_what_each_gives_alone(scores, weight):
    asked = {
        "ce": "cross_entropy",
        "weighted": ("cross_entropy", dict(class_weight=CLASS_WEIGHT, z_loss=0.1)),
        "smooth": "cross_entropy:label_smoothing=0.2",
        "capped": "cross_entropy:softcap=2",
        "other": "cross_entropy:ignore_index=3",
        "accuracy": "accuracy",
        "wrong": fl.zero_one,
        "other accuracy": "accuracy:ignore_index=3",
        "perplexity": fl.perplexity,
        "entropy": "entropy",
        "top": "top_k_accuracy:k=[1,3]",
        "sum": "accuracy:reduction=sum",
        "brier": fl.brier,
    }
    labels = np.where(LABELS < 0, 3, LABELS)  # as every ignore_index here may have them
    labels[::11] = 3
    batch = scores, labels, weight
    alone = {name: fl.Accumulator(**_one(request)).update(*batch) for name, request in asked.items()}
    # Pairs of all kinds, and all at once.
    groups = [*itertools.combinations(asked, 2), tuple(asked), ("ce", "accuracy", "wrong", "entropy")]
    for group in groups:
        together = fl.Accumulator({name: asked[name] for name in group}).update(*batch)
        for name, value in together.result().items():
            np.testing.assert_allclose(value, alone[name].result(), rtol=1e-13, err_msg=f"{name} of {group}")
            assert together.count[name] == alone[name].count
            assert together.weight[name] == pytest.approx(alone[name].weight, rel=1e-14)


def _one(request):
    what, parameters = request if isinstance(request, tuple) else (request, {})
    return {"what": what, **parameters}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label", range(3))
@pytest.mark.parametrize("classes", [3, 20])  # of two passes, and of one
def test_accuracy_beside_cross_entropy_where_the_softmax_is_undefined(dtype, label, classes):
    inf, nan = np.inf, np.nan
    rows = [[inf, 0, 0], [0, inf, 0], [inf, inf, 0], [-inf] * 3, [-inf, 0, 0], [nan, 0, 1], [0, 0, 0]]
    for row in np.pad(np.array(rows, dtype), ((0, 0), (0, classes - 3)), constant_values=-inf):
        both = fl.Accumulator(["cross_entropy", "accuracy", "zero_one"]).update(row[None], [label]).result()
        assert both["accuracy"] == fl.accuracy(row[None], [label]) == 1 - both["zero_one"]


def test_soft_targets_share_what_has_no_labels():
    asked = ["cross_entropy", "perplexity", "entropy"]
    both = fl.Accumulator(asked).update(LOGITS, SHARES, WEIGHTS).result()
    expected = fl.cross_entropy(LOGITS, SHARES, sample_weight=WEIGHTS)
    assert both["cross_entropy"] == pytest.approx(expected, rel=1e-13)
    with pytest.raises(TypeError, match="must hold integer labels"):
        fl.Accumulator(["cross_entropy", "accuracy"]).update(LOGITS, SHARES)


def test_one_pass_is_made_where_one_is_enough(monkeypatch):
    calls, run = [], _core.run

    def counted(plan, *args):
        if len(plan.outputs) > 1:
            calls.append("rows")
        elif plan.outputs == (_core.ENTROPY,):
            calls.append("entropy")
        else:
            calls.append("ranks" if plan.reduction == _core.AS_IT_IS else "loss")
        return run(plan, *args)

    monkeypatch.setattr(_core, "run", counted)
    for asked, expected in [
        (["cross_entropy", "accuracy"], ["rows"]),
        (["cross_entropy", "perplexity"], ["loss"]),
        (["perplexity", "accuracy", "zero_one", "entropy", "cross_entropy"], ["rows"]),
        (["top_k_accuracy", "accuracy", "cross_entropy"], ["rows"]),
        (["top_k_accuracy:k=2", "accuracy", "cross_entropy"], ["loss", "ranks"]),
        (["accuracy", "zero_one"], ["ranks"]),
        (["cross_entropy:softcap=2", "accuracy"], ["loss", "ranks"]),
        (["cross_entropy:ignore_index=1", "accuracy"], ["loss", "ranks"]),
        (["entropy", "accuracy"], ["ranks", "entropy"]),
    ]:
        calls.clear()
        fl.Accumulator(asked).update(np.tile(LOGITS, 4), KEPT)
        assert calls == expected, asked
    # Of few classes a pass each takes less than one that keeps four numbers of each row.
    calls.clear()
    found = fl.Accumulator(["accuracy", "cross_entropy", "zero_one"]).update(LOGITS, KEPT).result()
    assert calls == ["loss", "ranks"] and list(found) == ["accuracy", "cross_entropy", "zero_one"]
    assert found["cross_entropy"] == fl.cross_entropy(LOGITS, KEPT)
    assert found["accuracy"] == fl.accuracy(LOGITS, KEPT)


def test_no_rows_of_soft_targets_beside_class_weights():
    total = fl.Accumulator({"loss": ("cross_entropy", {"class_weight": np.ones(C)}), "entropy": "entropy"})
    total.update(LOGITS[:0], SHARES[:0]).update(LOGITS, SHARES)
    assert total.result()["loss"] == fl.cross_entropy(LOGITS, SHARES, class_weight=np.ones(C))


def test_images_have_their_classes_on_another_axis():
    pred, target = RNG.standard_normal((6, 5, 4, 3)), RNG.integers(0, 5, (6, 4, 3))
    weight = RNG.random(6)
    asked = [f"{name}:axis=1" for name in ("cross_entropy", "accuracy", "entropy", "top_k_accuracy")]
    found = fl.evaluate(pred, target, asked, batch_size=4, sample_weight=weight)
    for name, value in found.items():
        thing = getattr(fl, name.partition(":")[0])
        args = (pred,) if thing is fl.entropy else (pred, target)
        assert value == pytest.approx(thing(*args, axis=1, sample_weight=weight), rel=1e-13)
    with pytest.raises(ValueError, match=r"axis = 0.*first axis"):
        fl.evaluate(pred, target, "cross_entropy", axis=0)


# ---- the object ----------------------------------------------------------------------------------------


def test_it_is_small_and_survives_pickle_and_copy():
    total = fl.Accumulator(["cross_entropy", "accuracy"])
    for i in range(0, N, 2):
        total.update(LOGITS[i : i + 2] * 2.0 ** (i / 20 - 25), LABELS[i : i + 2], WEIGHTS[i : i + 2])
    stored = pickle.dumps(total)
    assert len(stored) < 1000
    for other in (pickle.loads(stored), copy.copy(total), copy.deepcopy(total), total + 0, 0 + total):
        assert other.result() == total.result() and other.count == total.count
        before = total.result()
        other.update(LOGITS[:3], KEPT[:3])
        assert total.result() == before != other.result()


def test_merging_with_itself_doubles():
    total = fl.Accumulator("mse").update(*REAL)
    mean, count = total.result(), total.count
    total.merge(total)
    assert total.result() == mean and total.count == 2 * count
    total += total
    assert total.count == 4 * count and (total + total).count == 8 * count
    assert total.count == 4 * count and total.result() == mean


def test_only_the_same_can_be_merged():
    one = fl.Accumulator("quantile", q=0.9)
    assert one.merge(fl.Accumulator(fl.quantile, q=np.float64(0.9))) is one
    for other in (
        fl.Accumulator("quantile"),
        fl.Accumulator("mae"),
        fl.Accumulator(["quantile:q=0.9"]),
        fl.Accumulator("quantile", q=0.9, reduction="sum"),
    ):
        with pytest.raises(ValueError, match="cannot be merged"):
            one.merge(other)
    with pytest.raises(TypeError):
        one + 1
    with pytest.raises(TypeError):
        one.merge(3)
    weights = [fl.Accumulator("nll", class_weight=w) for w in ([1, 2], np.array([1.0, 2.0]), [1, 3])]
    weights[0].merge(weights[1])
    with pytest.raises(ValueError, match="cannot be merged"):
        weights[0].merge(weights[2])


@pytest.mark.parametrize("what", ["mse", "perplexity", "accuracy", "entropy"])
def test_the_mean_of_nothing(what):
    empty = fl.Accumulator(what)
    with pytest.warns(RuntimeWarning, match="mean of nothing") as caught:
        assert math.isnan(empty.result())
    assert caught[0].filename == __file__
    assert empty.count == 0 and empty.weight == 0
    assert fl.Accumulator("mse", reduction="sum").result() == 0.0
    with pytest.warns(RuntimeWarning):
        found = fl.Accumulator("top_k_accuracy", k=[1, 2]).update(LOGITS[:1], [-100]).result()
    assert found.shape == (2,) and np.isnan(found).all()


def test_perplexity_overflows_to_inf():
    assert fl.Accumulator("perplexity").update([[0.0, 1e4]], [0]).result() == math.inf


def test_an_error_adds_nothing():
    total = fl.Accumulator(["mse", "hinge"])
    total.update(REAL[0], SIGNS)
    before = total.result(), total.count
    with pytest.raises(ValueError, match=r"target\[0\].*must be -1 or 1"):
        total.update(*REAL)
    assert (total.result(), total.count) == before


@pytest.mark.parametrize("kind", [np.array, list])
def test_the_callers_arrays_are_copied(kind):
    weight = kind([1.0] * C)
    seen = fl.Accumulator("cross_entropy", class_weight=weight).update(LOGITS, LABELS)
    twin = fl.Accumulator([("cross_entropy", {"class_weight": weight})]).update(LOGITS, LABELS)
    before = pickle.dumps(seen)
    weight[0] = 9.0
    assert pickle.dumps(seen) == before
    assert seen.update(LOGITS, LABELS).result() == pytest.approx(fl.cross_entropy(LOGITS, LABELS))
    assert twin.update(LOGITS, LABELS).result()["cross_entropy"] == seen.result()


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: fl.Accumulator("crossentropy"), ValueError, "did you mean cross_entropy"),
        (lambda: fl.Accumulator(3), TypeError, "no loss and no metric"),
        (lambda: fl.Accumulator([]), ValueError, "no loss"),
        (lambda: fl.Accumulator(["mse", fl.mse]), ValueError, "mse is asked for twice"),
        (lambda: fl.Accumulator("mse", delta=1), TypeError, "mse takes no delta"),
        (lambda: fl.Accumulator("mse", sample_weight=[1]), TypeError, "goes with each batch"),
        (lambda: fl.Accumulator("mse", normalizer=2.0), TypeError, "normalizer"),
        (lambda: fl.Accumulator("huber", delta=-1), ValueError, "delta = -1 must be > 0"),
        (lambda: fl.Accumulator("huber:delta=-1"), ValueError, "delta = -1 must be > 0"),
        (lambda: fl.Accumulator("huber:delta"), ValueError, "must be key=value"),
        (lambda: fl.Accumulator("huber:delta=1,delta=2"), ValueError, "given twice"),
        (lambda: fl.Accumulator("huber:delta=1", delta=2), TypeError, "given twice"),
        (lambda: fl.Accumulator("mse", reduction="none"), ValueError, '"mean" or "sum"'),
        (lambda: fl.Accumulator("perplexity", reduction="sum"), TypeError, "takes no reduction"),
        (lambda: fl.Accumulator("top_k_accuracy", k=0), ValueError, "k = 0 must be >= 1"),
        (lambda: fl.Accumulator("top_k_accuracy", ties="no"), ValueError, "ties = 'no' is unknown"),
        (lambda: fl.Accumulator("accuracy", ignore_index=0.5), TypeError, "ignore_index"),
        (lambda: fl.Accumulator("binary_accuracy", threshold="a"), TypeError, "threshold"),
        (lambda: fl.Accumulator(["mse"], delta=1), TypeError, "give each its own"),
        (lambda: fl.Accumulator([("mse", 3)]), TypeError, "must be .loss, parameters."),
        (lambda: fl.Accumulator("mse", n_threads=0), ValueError, "n_threads"),
        (lambda: fl.Accumulator("mse").update([1.0], [1.0], foo=3), TypeError, "update takes no foo"),
        (lambda: fl.Accumulator("gaussian_nll").update([1.0], [1.0]), TypeError, "var"),
        (lambda: fl.cross_entropy(LOGITS, KEPT, reduction=_core.TALLY), ValueError, "reduction"),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_words_and_lists_in_a_name():
    asked = ["top_k_accuracy:k=[1,2],ties=last", "top_k_accuracy:k=1", "hinge:labels=01"]
    assert list(fl.Accumulator(asked[:2]).update(LOGITS, LABELS).result()) == asked[:2]
    with pytest.raises(ValueError, match="labels"):  # 01 is no number of Python's, and so a word
        fl.Accumulator(["hinge:labels=02"])
    assert fl.Accumulator("hinge:labels=01").update([1.0], [1]).result() == 0.0
    assert fl.Accumulator("cross_entropy:ignore_index=None").update(LOGITS, KEPT).count == N


# ---- evaluate ------------------------------------------------------------------------------------------

ASKED = ["cross_entropy", "accuracy", "top_k_accuracy:k=3"]


def evaluated(pred=LOGITS, target=LABELS, **options):
    return fl.evaluate(pred, target, ASKED, **{"batch_size": 64, **options})


def test_evaluate_is_what_an_accumulator_finds():
    expected = fl.Accumulator(ASKED)
    for i in range(0, N, 64):
        expected.update(LOGITS[i : i + 64], LABELS[i : i + 64], WEIGHTS[i : i + 64])
    assert evaluated(sample_weight=WEIGHTS) == expected.result()
    assert fl.evaluate(LOGITS, LABELS, "cross_entropy") == fl.cross_entropy(LOGITS, LABELS)
    assert fl.evaluate(LOGITS, None, "entropy") == fl.entropy(LOGITS)
    assert fl.evaluate(*REAL, fl.quantile, q=0.9, batch_size=100) == pytest.approx(fl.quantile(*REAL, q=0.9))
    found = fl.evaluate(*REAL, "gaussian_nll", var=POSITIVE[0], batch_size=100)
    assert found == pytest.approx(fl.gaussian_nll(*REAL, var=POSITIVE[0]), rel=1e-13)


def test_shards_need_not_be_cut_at_the_same_rows(tmp_path):
    expected = evaluated(sample_weight=WEIGHTS)
    np.save(tmp_path / "x.npy", LOGITS)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    labels, weights = [LABELS[:333], LABELS[333:]], [WEIGHTS[:7], WEIGHTS[7:]]
    for pred in (
        [LOGITS[:1], LOGITS[1:990], LOGITS[990:990], LOGITS[990:]],
        mapped,
        [mapped[:500], LOGITS[500:]],
        np.asfortranarray(LOGITS),
        LOGITS.astype(">f4"),
    ):
        assert evaluated(pred, labels, sample_weight=weights) == expected
    assert evaluated(LOGITS, LABELS.tolist(), sample_weight=WEIGHTS) == expected


def test_batches_that_are_iterated_over():
    expected = evaluated()
    batches = [(LOGITS[i : i + 64], LABELS[i : i + 64]) for i in range(0, N, 64)]
    for form in (batches, iter(batches), ([x, y] for x, y in batches), ((x, y, None) for x, y in batches)):
        assert fl.evaluate(form, None, ASKED) == expected
    alone = fl.evaluate(LOGITS, None, "entropy", batch_size=64)
    assert fl.evaluate((x for x, _ in batches), None, "entropy") == alone
    with pytest.raises(ValueError, match="batch_size and sample_weight must be None"):
        fl.evaluate(iter(batches), None, ASKED, batch_size=3)
    with pytest.raises(ValueError, match="batch 0 has 4 parts"):
        fl.evaluate([(1, 2, 3, 4)], None, ASKED)


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is optional")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        x = file.create_dataset("x", data=LOGITS, chunks=(100, C), compression="gzip")
        y = file.create_dataset("y", data=LABELS)
        assert evaluated(x, y) == evaluated()
        assert evaluated([x, x], [y, y], batch_size=50) == evaluated(batch_size=50)


def test_zarr(tmp_path):
    zarr = pytest.importorskip("zarr", reason="zarr is optional")
    x = zarr.create_array(store=str(tmp_path / "x.zarr"), data=LOGITS, chunks=(100, C))
    assert evaluated(x, zarr.array(LABELS)) == evaluated()


def test_whole_chunks_are_read():
    class Chunked:
        shape, dtype, chunks, asked = LOGITS.shape, LOGITS.dtype, (300, C), []

        def __getitem__(self, span):
            self.asked.append((span.start, span.stop))
            return LOGITS[span]

    evaluated(Chunked(), batch_size=None)
    assert Chunked.asked == [(0, 1000)]
    limit, _evaluate.BATCH_BYTES = _evaluate.BATCH_BYTES, 400 * 4 * C
    try:
        Chunked.asked.clear()
        evaluated(Chunked(), batch_size=None)
    finally:
        _evaluate.BATCH_BYTES = limit
    assert Chunked.asked == [(0, 600), (600, 1000)]


def test_pandas_and_torch():
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    assert evaluated(pandas.DataFrame(LOGITS), pandas.Series(LABELS, index=LABELS)) == evaluated()
    torch = pytest.importorskip("torch", reason="torch is optional")
    x, y = torch.from_numpy(LOGITS), torch.from_numpy(LABELS)
    assert evaluated(x, y) == evaluated()
    data = torch.utils.data.TensorDataset(x, y)
    assert fl.evaluate(torch.utils.data.DataLoader(data, 64), None, ASKED) == evaluated()


def test_shards_of_several_dtypes():
    y = LABELS.clip(0)
    parts = [y[:300].astype(np.uint64), y[300:500].astype(np.int64), y[500:].astype(np.int32)]
    assert evaluated(target=parts) == evaluated(target=y)
    huge = parts[0].copy()
    huge[7] = 2**64 - 100  # as an int64 it would be -100, and ignored
    with pytest.raises(ValueError, match=r"target\[7\] = 18446744073709551516"):
        evaluated(target=[parts[1][:0], huge, LABELS[300:]])
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is optional")
    halves = [LOGITS[:500].astype(ml_dtypes.bfloat16), LOGITS[500:].astype(np.float16)]
    wide = np.concatenate([half.astype(np.float32) for half in halves])
    assert evaluated(pred=halves) == evaluated(pred=wide)


def test_an_error_names_the_row_of_all():
    bad = LABELS.copy()
    bad[333] = C
    start = rf"^target\[333\] = {C} is out of range for {C} classes"
    with pytest.raises(ValueError, match=start + "$"):
        evaluated(target=bad)
    with pytest.raises(ValueError, match=start + r" \(target\[33\] of shard 1\)$"):
        evaluated(target=[bad[:300], bad[300:]])
    batches = ((LOGITS[i : i + 100], bad[i : i + 100]) for i in range(0, N, 100))
    with pytest.raises(ValueError, match=start + r" \(target\[33\] of batch 3\)$"):
        fl.evaluate(batches, None, ASKED)
    weights = WEIGHTS.copy()
    weights[777] = -1
    with pytest.raises(ValueError, match=r"^sample_weight\[777\] = -1.0 must be finite"):
        evaluated(sample_weight=weights)
    shares = SHARES.copy()
    shares[444, 2] = -1
    with pytest.raises(ValueError, match=r"^target\[444, 2\] = -1.0 is negative"):
        fl.evaluate(LOGITS, shares.astype(np.float32), "cross_entropy", batch_size=10)


@pytest.mark.parametrize(
    "options, error, words",
    [
        (dict(target=LABELS[:-1]), ValueError, "target has 999 rows, pred has 1000"),
        (dict(sample_weight=WEIGHTS[:5]), ValueError, "sample_weight has 5 rows"),
        (dict(pred=[LOGITS, LOGITS[:, :3]]), ValueError, r"pred\[1\] has rows of shape \(3,\)"),
        (dict(pred=[]), ValueError, "target has 1000 rows, pred has 0"),
        (dict(pred=np.float32(1)), ValueError, "pred is a scalar"),
        (dict(pred="x.npy"), TypeError, "pred is a path, 'x.npy'"),
        (dict(pred=np.ma.array(LOGITS)), TypeError, "masked"),
        (
            dict(pred=((a, b) for a, b in [(LOGITS, LABELS)])),
            TypeError,
            "pred is a generator: .*target must be None",
        ),
        (dict(pred=[[LOGITS, LABELS]], target=None), TypeError, r"pred\[0\] is a list: .*\(pred, target\)"),
        (
            dict(pred=[(np.float32(1), 0)], target=None, batch_size=None),
            ValueError,
            "pred of batch 0 is a scalar: it must have rows",
        ),
        (dict(batch_size=0), ValueError, "batch_size = 0"),
        (dict(batch_size=2.5), TypeError, "batch_size"),
        (dict(progress="yes"), TypeError, "progress"),
        (dict(n_threads=-1), ValueError, "n_threads"),
    ],
)
def test_errors_of_evaluate(options, error, words):
    with pytest.raises(error, match=words):
        evaluated(**options)


def test_nothing_to_evaluate_is_a_mean_of_nothing():
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert math.isnan(fl.evaluate(np.empty((0, 3)), np.empty(0, int), "cross_entropy"))


def test_progress(capsys, monkeypatch):
    seen = []
    evaluated(progress=lambda done, rows: seen.append((done, rows)), batch_size=300)
    assert seen == [(300, N), (600, N), (900, N), (N, N)]
    seen.clear()
    fl.evaluate([(LOGITS, LABELS)] * 2, None, ASKED, progress=lambda *now: seen.append(now))
    assert seen == [(N, None), (2 * N, None)]
    evaluated()
    assert capsys.readouterr() == ("", "")
    pytest.importorskip("tqdm", reason="tqdm is optional")
    evaluated(progress=True)
    assert "1.00k/1.00k" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r'pip install tqdm, or "\.\[evaluate\]" in a clone'):
        evaluated(progress=True)


def test_threads_change_no_bit():
    one = fl.Accumulator(MANY, n_threads=1).update(LOGITS, LABELS, WEIGHTS)
    two = fl.Accumulator(MANY, n_threads=2).update(LOGITS, LABELS, WEIGHTS)
    assert one.result() == two.result()
    one.merge(two)


def test_every_parameter_of_every_loss_is_known_to_the_accumulator():
    for name, thing in {**fl.losses, **fl.metrics}.items():
        request = fl.Accumulator(name)._requests[None]
        keywords = {p.name for p in inspect.signature(thing).parameters.values() if p.kind is p.KEYWORD_ONLY}
        known = {*request.parameters, *request.arrays, *requests.OF_THE_CALL, "reduction"}
        assert keywords <= known, name


def test_no_warning_is_raised_on_the_way():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        total = fl.Accumulator(MANY).update(LOGITS[:0], LABELS[:0]).update(LOGITS[:1], [-100])
        assert total.update(LOGITS, LABELS).count["accuracy"] == (LABELS >= 0).sum()
