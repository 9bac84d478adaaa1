"""The losses as objectives and metrics of XGBoost and LightGBM: their derivatives against the losses' own,
and whole models against the libraries' built-in objectives, on real data.
"""

import copy
import gc
import pickle
import re
import tracemalloc

import numpy as np
import pytest

import fastloss as fl
from fastloss.boosting import lightgbm_metric, lightgbm_objective, xgboost_metric, xgboost_objective
from support import ROOT
from support.boosted import OBJECTIVES, Dataset, each_library

pytestmark = [pytest.mark.memory_safety, pytest.mark.all_kernels(9)]

METRICS = {"xgboost": xgboost_metric, "lightgbm": lightgbm_metric}
BCE = "binary_cross_entropy_with_logits"
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def scores_as(library, values):
    return np.asarray(values, "f4") if library == "xgboost" else np.asarray(values, "f8", order="F")


def multi(library, rng, n=60, classes=5):
    return scores_as(library, rng.normal(size=(n, classes))), rng.integers(0, classes, n)


# --- derivatives ------------------------------------------------------------------------------------------


@each_library
@weighted
@pytest.mark.parametrize("hessian, factor", [("exact", 1), ("upper", 2), ("lightgbm", 5 / 4)])
def test_multiclass(library, weighted, hessian, factor, rng):
    scores, y = multi(library, rng)
    weight = rng.uniform(0, 2, 60) if weighted else None
    objective = OBJECTIVES[library]("cross_entropy", hessian=hessian, label_smoothing=0.1)
    grad, hess = objective(scores, Dataset(y, weight))
    want = fl.cross_entropy.grad_and_hess(
        scores.astype("f8"), y, reduction="sum", sample_weight=weight, label_smoothing=0.1
    )
    np.testing.assert_allclose(grad, want[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(hess, factor * want[1], rtol=1e-5)
    for array in (grad, hess):
        assert array.dtype == np.float32
        assert array.flags.f_contiguous if library == "lightgbm" else array.flags.c_contiguous
    also = objective(y.astype("f4"), scores, weight)  # as the estimators call it
    np.testing.assert_array_equal(also, (grad, hess))


def test_the_hessian_of_lightgbm_is_rounded_once(rng):
    scores = np.asfortranarray(rng.normal(size=(200_001, 3)))
    y, weight = rng.integers(0, 3, 200_001), rng.uniform(0, 2, 200_001)
    for w in (None, weight):
        grad, hess = lightgbm_objective("cross_entropy", hessian="lightgbm")(scores, Dataset(y, w))
        want = fl.cross_entropy.grad_and_hess(scores, y, reduction="sum", sample_weight=w)
        np.testing.assert_array_equal(grad, want[0].astype("f4"))
        np.testing.assert_array_equal(hess, (want[1] * 1.5).astype("f4"))
    narrow, y = rng.normal(size=(2000, 4)).astype("f4"), rng.integers(0, 4, 2000)
    want = fl.cross_entropy.grad_and_hess(narrow, y, reduction="sum")[1]
    hess = xgboost_objective("cross_entropy", hessian="lightgbm")(y, narrow)[1]
    np.testing.assert_array_equal(hess, (want.astype("f8") * (4 / 3)).astype("f4"))


def test_errors_name_the_row(rng):
    scores = np.asfortranarray(rng.normal(size=(200_001, 3)))
    y, weight = rng.integers(0, 3, 200_001), rng.uniform(0, 2, 200_001)
    objective = lightgbm_objective("cross_entropy", hessian="lightgbm")
    with pytest.raises(ValueError, match="target has shape"):
        objective(scores, Dataset(np.append(y, 0)))
    with pytest.raises(ValueError, match="sample_weight has shape"):
        objective(y, scores, np.append(weight, 1).tolist())
    weight[199_000] = -1
    with pytest.raises(ValueError, match=r"sample_weight\[199000\] = -1"):
        objective(scores, Dataset(y, weight))
    y[198_000] = 3
    with pytest.raises(ValueError, match=r"target\[198000\] = 3 is out of range"):
        objective(scores, Dataset(y))


ELEMENTWISE = {
    BCE: {},
    "half_squared": {},
    "mse": {},
    "huber": {"delta": 0.5},
    "poisson": {},
    "gamma": {},
    "tweedie": {"power": 1.3},
    "expectile": {"tau": 0.2},
    "log_cosh": {},
    "binary_focal": {"gamma": 1.5},
    "gaussian_nll": {"var": 2.0},
    "squared_hinge": {"labels": "01"},
    "soft_margin": {"labels": "01"},
}


@each_library
@weighted
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(library, weighted, name, rng):
    scores, y = scores_as(library, rng.normal(size=80)), rng.integers(0, 2, 80)
    weight = rng.integers(0, 3, 80).astype("f4") if weighted else None
    objective = OBJECTIVES[library](getattr(fl, name), **ELEMENTWISE[name], hessian="exact", min_hessian=0.01)
    grad, hess = objective(scores, Dataset(y, weight))
    want = getattr(fl, name).grad_and_hess(
        scores.astype("f8"), y.astype("f8"), reduction="sum", sample_weight=weight, **ELEMENTWISE[name]
    )
    np.testing.assert_allclose(grad, want[0], rtol=1e-5, atol=1e-6)
    floor = 0.01 * (1 if weight is None else weight)
    np.testing.assert_allclose(hess, np.maximum(want[1], floor), rtol=1e-5, atol=1e-6)


@each_library
@weighted
@pytest.mark.parametrize("name", ["mae", "quantile", "epsilon_insensitive", "mape", "hinge", "perceptron"])
def test_the_hessian_of_pieces_of_lines_is_one(library, weighted, name, rng):
    scores, y = scores_as(library, rng.normal(size=40)), rng.choice([-1.0, 1.0], 40)
    weight = rng.uniform(0, 2, 40) if weighted else None
    grad, hess = OBJECTIVES[library](name, hessian="exact")(scores, Dataset(y, weight))
    want = getattr(fl, name).grad(scores, y, reduction="sum", sample_weight=weight)
    np.testing.assert_allclose(grad, want, rtol=1e-6)
    np.testing.assert_allclose(hess, np.ones(40) if weight is None else weight, rtol=1e-6)


@pytest.mark.parametrize("name", ["brier", "multiclass_hinge", "poly_cross_entropy", "sm_softmax", "focal"])
def test_a_number_stands_for_any_hessian(name, rng):
    scores, y = multi("lightgbm", rng)
    weight = rng.uniform(0, 2, 60)
    grad, hess = lightgbm_objective(name, hessian=0.25)(scores, Dataset(y, weight))
    want = getattr(fl, name).grad(scores, y, reduction="sum", sample_weight=weight)
    np.testing.assert_allclose(grad, want, rtol=1e-6)
    np.testing.assert_allclose(hess, np.broadcast_to(0.25 * weight[:, None], (60, 5)), rtol=1e-6)
    assert hess.flags.f_contiguous


def test_the_floor_of_negative_hessians(rng):
    scores, y = multi("xgboost", rng)
    exact = fl.focal.grad_and_hess(scores, y, reduction="sum")[1]
    assert exact.min() < 0
    np.testing.assert_array_equal(
        xgboost_objective("focal")(scores, Dataset(y))[1], np.maximum(exact, np.float32(1e-16))
    )
    silent = np.arange(60.0) % 2
    hess = xgboost_objective("focal", min_hessian=0.1)(scores, Dataset(y, silent))[1]
    assert (hess[::2] == 0).all() and hess[1::2].min() == np.float32(0.1)


CLASS_WEIGHT = np.array([1.0, 2.0, 0.5, 3.0, 0.0])


@each_library
@weighted
@pytest.mark.parametrize(
    "name, own",
    [
        ("cross_entropy", {"hessian": 1.0}),
        ("brier", {"hessian": 0.25}),
        ("multiclass_hinge", {}),
        ("categorical_hinge", {}),
        ("cross_entropy", {"hessian": 1.0, "ignore_index": 2}),
        ("cross_entropy", {"hessian": 1.0, "class_weight": CLASS_WEIGHT}),
        ("multi_margin", {"hessian": 1.0, "class_weight": CLASS_WEIGHT}),
    ],
)
def test_a_constant_hessian_has_the_weight_of_its_row(library, weighted, name, own, rng):
    scores, y = multi(library, rng)
    ignored = own.get("ignore_index", -100)
    y[::7] = ignored
    weight = rng.uniform(0.1, 2, 60) if weighted else np.ones(60)
    grad, hess = OBJECTIVES[library](name, **own)(scores, Dataset(y, weight if weighted else None))
    mass = weight * (y != ignored)
    if "class_weight" in own:
        mass *= CLASS_WEIGHT[np.where(y == ignored, 0, y)]
    want = np.broadcast_to((own.get("hessian", 1.0) * mass)[:, None], hess.shape)
    np.testing.assert_allclose(hess, want, rtol=1e-6)
    assert (hess[::7] == 0).all() and not grad[::7].any() and (hess[(grad != 0).any(axis=1)] > 0).all()


def test_class_weights_of_smoothed_and_soft_targets(rng):
    scores, y = multi("xgboost", rng)
    objective = xgboost_objective(
        "cross_entropy", hessian=1.0, class_weight=CLASS_WEIGHT, label_smoothing=0.1
    )
    q = 0.9 * np.eye(5)[y] + 0.1 / 5
    for target in (y, np.eye(5)[y]):
        np.testing.assert_allclose(objective(target, scores)[1][:, 0], q @ CLASS_WEIGHT, rtol=1e-6)


@pytest.mark.parametrize("hessian", ["exact", "upper", "lightgbm"])
def test_the_floor_has_the_weight_of_its_row(hessian):
    scores, y = np.zeros((4, 3)), np.array([0, -100, 1, 2])
    scores[:, 0] = -200  # a Hessian of 0 there
    objective = lightgbm_objective(
        "cross_entropy", hessian=hessian, min_hessian=0.5, class_weight=[1.0, 0.5, 0.0]
    )
    np.testing.assert_array_equal(objective(y, scores, [1.0, 1.0, 3.0, 1.0])[1][:, 0], [0.5, 0, 0.75, 0])


FLOORED = [
    (BCE, {}, (300,), "labels"),
    (BCE, {}, (30, 10), "labels"),
    ("binary_focal", {}, (300,), "labels"),
    ("cross_entropy", {}, (37, 2), "labels"),
    ("cross_entropy", {}, (37, 5), "labels"),
    ("cross_entropy", {"ignore_index": 1}, (37, 28), "labels"),
    ("cross_entropy", {}, (5, 70), "labels"),
    ("cross_entropy", {}, (3, 3000), "labels"),
    ("cross_entropy", {"softcap": 3.0}, (37, 5), "labels"),
    ("cross_entropy", {"label_smoothing": 0.1}, (37, 5), "labels"),
    ("cross_entropy", {}, (37, 5), "soft"),
    ("focal", {}, (37, 5), "labels"),
    ("focal", {}, (37, 70), "soft"),
]


@each_library
@weighted
@pytest.mark.parametrize("name, own, shape, targets", FLOORED, ids=lambda value: str(value).replace(" ", ""))
def test_the_floor(library, weighted, name, own, shape, targets, rng):
    """As the kernels make it, against the Hessian and one pass of NumPy."""
    scores = scores_as(library, 3 * rng.normal(size=shape))
    y = rng.integers(0, 2 if name.startswith("binary") else shape[-1], shape[0])
    if targets == "soft":
        y = rng.dirichlet(np.ones(shape[1]), shape[0])
    elif name.startswith("binary") and len(shape) == 2:
        y = rng.integers(0, 2, shape)
    weight = rng.integers(0, 3, y.shape[:1] if targets == "soft" else y.shape).astype("f4")
    weight = weight if weighted else None
    exact = np.empty(shape, "f4")
    fl.losses[name].grad_and_hess(scores, y, reduction="sum", sample_weight=weight, hess_out=exact, **own)
    least = np.float32(0.03) * (np.ones(y.shape) if weight is None else weight)
    if "ignore_index" in own:
        least = least * (y != 1)
    least = least if least.shape == shape else least.reshape((*shape[:1], 1))
    want = np.maximum(exact, least.astype("f4"))
    assert (want != exact).any() and (want == exact).any()
    hess = OBJECTIVES[library](name, min_hessian=0.03, **own)(y, scores, weight)[1]
    np.testing.assert_array_equal(hess, want)


def test_a_nan_is_not_raised_to_the_floor():
    scores = np.array([[np.nan, 0.0], [0.0, 0.0]], "f4")
    hess = xgboost_objective("cross_entropy")(np.array([0, 1]), scores)[1]
    assert np.isnan(hess).tolist() == [[True, True], [False, False]]
    assert np.isnan(xgboost_objective(BCE)(np.array([0, 1]), scores[0])[1]).tolist() == [True, False]


@each_library
def test_derivatives_are_written_where_those_that_nobody_has_were(library, rng):
    scores, y = multi(library, rng, 4000)
    objective, data = OBJECTIVES[library]("cross_entropy"), Dataset(y)
    first = objective(scores, data)
    want, part = [a.copy() for a in first], first[1][5:7]
    second = objective(1 - scores, data)  # while the first live
    np.testing.assert_array_equal(first, want)
    assert not any(np.shares_memory(a, b) for a in first for b in second)
    del first, second
    third = objective(2 - scores, data)  # and while a part of them does
    np.testing.assert_array_equal(part, want[1][5:7])
    assert not any(np.shares_memory(part, a) for a in third)
    addresses = {a.ctypes.data for a in third}
    del third, part
    for _ in range(2):
        again = objective(scores, data)
        np.testing.assert_array_equal(again, want)
    fourth = objective(scores, data)
    assert not any(np.shares_memory(a, b) for a in again for b in fourth)
    assert {a.ctypes.data for a in again} | {a.ctypes.data for a in fourth} >= addresses


@each_library
@pytest.mark.filterwarnings("ignore:.*every gradient:RuntimeWarning")
def test_a_row_that_counts_has_a_hessian(library):
    tiny = np.finfo("f4").tiny
    weight = np.array([1e-30, 1.0, 0.0])
    scores = scores_as(library, [5.0, 5.0, 5.0])
    make = OBJECTIVES[library]
    for objective in (make("huber", hessian="exact"), make("mae", hessian=1e-10)):
        grad, hess = objective(np.zeros(3), scores, weight)
        assert grad[0] > 0 and hess[0] == tiny
        assert hess[1] == np.float32(objective.min_hessian if objective.hessian == "exact" else 1e-10)
        assert hess[2] == 0
    weight[0] = 1e-60  # nothing in float32
    for name in ("cross_entropy", "focal"):
        hess = OBJECTIVES[library](name)(np.zeros(3, int), scores_as(library, np.zeros((3, 2))), weight)[1]
        assert (hess[0] == tiny).all() and (hess[1] > 0.1).all() and (hess[2] == 0).all()
    weight[0] = 1e-30
    hess = OBJECTIVES[library]("half_squared", hessian=1e38)(np.zeros(3), scores, weight * 1e4)[1]
    assert hess[1] == np.finfo("f4").max


def test_soft_targets_of_models_of_several_outputs(rng):
    scores, soft = rng.normal(size=(30, 4)).astype("f4"), rng.dirichlet(np.ones(4), 30)
    grad, _ = xgboost_objective("cross_entropy")(scores, Dataset(soft))
    np.testing.assert_allclose(grad, fl.softmax(scores) - soft, rtol=1e-4, atol=1e-6)
    grad, _ = xgboost_objective("half_squared")(scores, Dataset(soft))
    np.testing.assert_allclose(grad, scores - soft, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "shapes",
    [((3, 2), (2, 3)), ((6,), (2, 3)), ((2, 3), (6,)), ((1, 6), (6, 1)), ((6,), (1, 6)), ((6,), (6, 1, 1))],
    ids=str,
)
def test_only_a_column_is_as_good_as_a_vector(shapes):
    label, score = np.arange(6.0).reshape(shapes[0]), np.zeros(shapes[1], "f4")
    for given in (Dataset(label), label):
        first, second = (score, given) if isinstance(given, Dataset) else (given, score)
        for adapter in (xgboost_objective("mse"), xgboost_metric("mse")):
            with pytest.raises(ValueError, match="target has shape"):
                adapter(first, second)


def test_a_column_is_as_good_as_a_vector():
    for label, score in (((6,), (6, 1)), ((6, 1), (6,)), ((6,), (6,)), ((2, 3), (2, 3))):
        grad = xgboost_objective("half_squared")(np.arange(6.0).reshape(label), np.zeros(score, "f4"))[0]
        assert grad.shape == score
        np.testing.assert_array_equal(grad.ravel(), -np.arange(6.0))


@each_library
def test_a_dataset_without_labels(library):
    none = Dataset([])
    for adapter, score in (
        (OBJECTIVES[library]("mse"), np.zeros(3)),
        (METRICS[library]("mse"), np.zeros(3)),
        (OBJECTIVES[library]("cross_entropy"), np.zeros((3, 2))),
    ):
        for none.get_label in (lambda: np.empty(0, "f4"), lambda: None):
            with pytest.raises(ValueError, match="the dataset has no labels"):
                adapter(scores_as(library, score), none)


def test_xgboosts_data_without_labels():
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is optional")
    with pytest.raises(ValueError, match="the dataset has no labels, and mse needs them: set label="):
        xgboost.train({}, xgboost.DMatrix(np.zeros((3, 2))), 1, obj=xgboost_objective("mse"))


# --- labels, memory, objects ------------------------------------------------------------------------------


def test_labels_are_converted_once_a_dataset(rng, monkeypatch):
    scores, y = multi("lightgbm", rng)
    objective, dataset = lightgbm_objective("cross_entropy"), Dataset(y)
    conversions = []
    convert = type(objective)._as_integers
    monkeypatch.setattr(
        type(objective),
        "_as_integers",
        lambda self, labels: (conversions.append(1), convert(self, labels))[1],
    )
    want = objective(scores, dataset)
    dataset.copies = True  # XGBoost's way
    np.testing.assert_array_equal(objective(scores, dataset), want)
    assert len(conversions) == 1
    dataset.label = ((y + 1) % 5).astype("f4")  # set_label
    assert (objective(scores, dataset)[0] != want[0]).any()
    assert len(conversions) == 2
    objective(scores, Dataset(y))
    assert len(conversions) == 3
    del dataset
    gc.collect()
    assert len(objective._converted) == 0


@each_library
@pytest.mark.parametrize("bad", [0.5, np.nan, np.inf, 3e9])
def test_a_label_that_is_no_integer(library, bad, rng):
    scores, y = multi(library, rng)
    label = y.astype("f4")
    label[7] = bad
    with pytest.raises(ValueError, match=r"label\[7\] = .* must be an integer: cross_entropy takes classes"):
        OBJECTIVES[library]("cross_entropy")(scores, Dataset(label))
    label[7] = 5
    with pytest.raises(ValueError, match=r"target\[7\] = 5 is out of range for 5 classes"):
        OBJECTIVES[library]("cross_entropy")(scores, Dataset(label))


@each_library
def test_no_copies_of_scores(library, rng):
    scores = scores_as(library, rng.normal(size=(50_000, 8)))
    dataset = Dataset(rng.integers(0, 8, 50_000))
    objective = OBJECTIVES[library]("cross_entropy")
    objective(scores, dataset)
    tracemalloc.start()
    try:
        objective(scores, dataset)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * 4 * scores.size + 100_000  # gradient and Hessian


@each_library
def test_objects_are_pickled_and_say_what_they_are(library, rng):
    scores, y = multi(library, rng)
    objective = OBJECTIVES[library]("focal", gamma=1.5, hessian="exact")
    dataset = Dataset(y)
    want = objective(scores, dataset)
    assert len(objective._converted) == 1
    for again in (pickle.loads(pickle.dumps(objective)), copy.deepcopy(objective)):
        assert repr(again) == repr(objective) and again.function is fl.focal and len(again._converted) == 0
        np.testing.assert_array_equal(again(scores, dataset), want)
    assert repr(objective) == f"{library}_objective('focal', hessian='exact', min_hessian=1e-16, gamma=1.5)"
    metric = METRICS[library]("top_k_accuracy", name="top2", k=2)
    assert repr(metric) == f"{library}_metric('top_k_accuracy', name='top2', k=2)"
    assert pickle.loads(pickle.dumps(metric))(scores, dataset) == metric(scores, dataset)


@each_library
@weighted
def test_metrics(library, weighted, rng):
    scores, y = multi(library, rng)
    weight = rng.uniform(0, 2, 60) if weighted else None
    for name, higher, own in (
        ("cross_entropy", False, {"label_smoothing": 0.1}),
        ("accuracy", True, {}),
        ("top_k_accuracy", True, {"k": 3}),
        ("zero_one", False, {}),
        ("perplexity", False, {}),
        ("brier", False, {}),
    ):
        want = getattr(fl, name)(scores, y, sample_weight=weight, **own)
        for given in (name, getattr(fl, name)):
            metric = METRICS[library](given, **own)
            expected = (name, want, higher) if library == "lightgbm" else (name, want)
            assert metric(scores, Dataset(y, weight)) == expected
            # XGBoost's estimators call it so, and minimise.
            assert metric(y, scores, weight) == (expected if library == "lightgbm" else abs(higher - want))
            assert metric.__name__ == ("1-" if higher and library == "xgboost" else "") + name
    metric = METRICS[library]("binary_accuracy", name="share", threshold=0.5)
    share = fl.binary_accuracy(scores[:, 0], y > 2, threshold=0.5)
    assert metric(scores[:, 0], Dataset(y > 2))[:2] == ("share", share)


# --- errors -----------------------------------------------------------------------------------------------


@each_library
@pytest.mark.parametrize(
    "args, options, error, message",
    [
        (("no_such",), {}, ValueError, "loss = 'no_such' is not one of"),
        ((3,), {}, TypeError, "loss is 3: it must be a loss of fastloss or its name"),
        ((fl.accuracy,), {}, TypeError, "must be a loss"),
        (("cosine_distance",), {}, ValueError, "compares vectors"),
        (("cross_entropy",), {"hessian": "best"}, ValueError, "hessian = 'best' must be"),
        (("cross_entropy",), {"hessian": "majorize"}, ValueError, "cross_entropy has no bound here"),
        (("mse",), {"hessian": "majorize"}, ValueError, "mse has no bound here"),
        (("cross_entropy",), {"hessian": 0}, ValueError, "hessian"),
        (("focal",), {"hessian": "upper"}, ValueError, "it is for cross_entropy"),
        (("cross_entropy",), {"hessian": "lightgbm", "z_loss": 0.1}, ValueError, "without z_loss"),
        (("cross_entropy",), {"hessian": "upper", "softcap": 3.0}, ValueError, "without z_loss and softcap"),
        (("brier",), {}, ValueError, "brier has no Hessian here: hessian=1.0"),
        (("mse",), {"min_hessian": 0}, ValueError, "min_hessian"),
        (("mse",), {"min_hessian": 1e-40}, ValueError, "normal number in float32"),
        (
            ("mse",),
            {"min_hessian": 1e60},
            ValueError,
            "min_hessian = 1e[+]60 must be a normal number in float32",
        ),
        (("mse",), {"hessian": 1e60}, ValueError, "hessian = 1e[+]60 must be a normal number in float32"),
        (("mse",), {"hessian": 1e-60}, ValueError, "hessian = 1e-60 must be a normal number in float32"),
        (("log_loss",), {}, ValueError, "is of probabilities .* take 'cross_entropy'"),
        ((fl.nll,), {"hessian": 1.0}, ValueError, "take 'cross_entropy'"),
        (("binary_cross_entropy",), {}, ValueError, "take 'binary_cross_entropy_with_logits'"),
        (("brier_from_probabilities",), {"hessian": 1.0}, ValueError, "take 'brier'"),
        (("kl_div",), {"hessian": 1.0}, ValueError, "take 'kl_div_with_logits'"),
        (("mse",), {"delta": 1}, TypeError, "delta"),
        (("huber",), {"delta": -1}, ValueError, "delta"),
        (("mse",), {"reduction": "mean"}, TypeError, "reduction is not for the caller"),
        (("cross_entropy",), {"axis": 0}, TypeError, "axis is not for the caller"),
        (("mse",), {"n_threads": 0}, ValueError, "n_threads"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_objectives_that_cannot_be(library, args, options, error, message):
    with pytest.raises(error, match=message):
        OBJECTIVES[library](*args, **options)


@each_library
@pytest.mark.parametrize(
    "name, options, error, message",
    [
        ("no_such", {}, ValueError, "metric = 'no_such' is not one of"),
        ("entropy", {}, ValueError, "has no target"),
        ("cosine_embedding", {}, ValueError, "compares vectors"),
        ("top_k_accuracy", {"k": [1, 2]}, ValueError, "must be an integer"),
        ("accuracy", {"k": 2}, TypeError, "k"),
        ("top_k_accuracy", {"k": -3}, ValueError, "k = -3 must be >= 1"),
        ("top_k_accuracy", {"ties": "both"}, ValueError, "ties = 'both' is unknown"),
        ("binary_accuracy", {"threshold": np.nan}, ValueError, "threshold = nan must be finite"),
        ("binary_accuracy", {"labels": "10"}, ValueError, "labels = '10' is unknown"),
        ("accuracy", {"ignore_index": 0.5}, TypeError, "ignore_index = 0.5 must be an integer"),
        ("huber", {"delta": -1}, ValueError, "delta"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_metrics_that_cannot_be(library, name, options, error, message):
    with pytest.raises(error, match=message):
        METRICS[library](name, **options)


@each_library
def test_metrics_that_can_be(library, recwarn):
    for name, own in (
        ("top_k_accuracy", {"k": 50}),
        ("accuracy", {"ignore_index": 1}),
        ("perplexity", {"ignore_index": 1}),
        ("perplexity", {"ignore_index": None}),
        ("binary_accuracy", {"labels": "pm1"}),
        ("log_loss", {}),
        ("nll", {}),
        ("binary_cross_entropy", {}),
        ("brier_from_probabilities", {}),
        ("kl_div", {}),
    ):
        METRICS[library](name, **own)
    OBJECTIVES[library]("poisson", log_input=False)  # of a rate, not of probabilities
    assert len(recwarn) == 0


def test_one_class_has_no_hessian_of_lightgbm():
    with pytest.raises(ValueError, match=r"divides by K - 1: the scores have shape \(4, 1\)"):
        lightgbm_objective("cross_entropy", hessian="lightgbm")(np.zeros(4), np.zeros((4, 1)))


@each_library
def test_scores_without_classes(library):
    with pytest.raises(ValueError, match=rf"shape \(3,\): set num_class of {library}"):
        OBJECTIVES[library]("cross_entropy")(scores_as(library, np.zeros(3)), Dataset([0, 1, 0]))


# --- whole models -----------------------------------------------------------------------------------------

ROUNDS = 20
PROBLEMS = {"binary": "load_breast_cancer", "classes": "load_digits", "regression": "load_diabetes"}
each_problem = pytest.mark.parametrize("problem", PROBLEMS)


def real_data(problem, weighted):
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is optional")
    X, y = getattr(datasets, PROBLEMS[problem])(return_X_y=True)
    return X, y, np.random.default_rng(0).uniform(0, 2, len(y)) if weighted else None


@weighted
@each_problem
def test_xgboost_grows_the_trees_of_its_own_objective(problem, weighted):
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is optional")
    X, y, weight = real_data(problem, weighted)
    built_in, objective, start, own = {
        "binary": ("binary:logistic", xgboost_objective(BCE), (0.5, 0.0), {}),
        "classes": (
            "multi:softprob",
            xgboost_objective("cross_entropy", hessian="upper"),
            (0.5, 0.5),
            {"num_class": 10},
        ),
        "regression": ("reg:squarederror", xgboost_objective("half_squared"), (150.0, 150.0), {}),
    }[problem]
    params = {"max_depth": 4, "nthread": 1, **own}
    data = xgboost.DMatrix(X, y, weight=weight)
    theirs = xgboost.train({**params, "objective": built_in, "base_score": start[0]}, data, ROUNDS)
    ours = xgboost.train({**params, "base_score": start[1]}, data, ROUNDS, obj=objective)
    got, want = (booster.predict(data, output_margin=True) for booster in (ours, theirs))
    np.testing.assert_allclose(got, want, atol=1e-4, rtol=1e-6)


@weighted
@each_problem
def test_lightgbm_grows_the_trees_of_its_own_objective(problem, weighted):
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is optional")
    X, y, weight = real_data(problem, weighted)
    built_in, objective, own = {
        "binary": ("binary", lightgbm_objective(BCE), {}),
        "classes": ("multiclass", lightgbm_objective("cross_entropy", hessian="lightgbm"), {"num_class": 10}),
        "regression": ("regression", lightgbm_objective("half_squared"), {}),
    }[problem]
    params = {"num_threads": 1, "verbose": -1, "boost_from_average": False, "num_leaves": 16, **own}

    def margins(objective):
        data = lightgbm.Dataset(X, y, weight=weight)
        return lightgbm.train({**params, "objective": objective}, data, ROUNDS).predict(X, raw_score=True)

    np.testing.assert_allclose(margins(objective), margins(built_in), atol=1e-4, rtol=1e-6)


def test_lightgbm_starts_where_the_loss_is_least():
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is optional")
    X, y, _ = real_data("binary", False)
    start = fl.binary_cross_entropy_with_logits.intercept(y)
    params = {"num_threads": 1, "verbose": -1}
    theirs = lightgbm.train({**params, "objective": "binary"}, lightgbm.Dataset(X, y), 5)
    data = lightgbm.Dataset(X, y, init_score=np.full(len(y), start))
    ours = lightgbm.train({**params, "objective": lightgbm_objective(BCE)}, data, 5)
    np.testing.assert_allclose(start + ours.predict(X), theirs.predict(X, raw_score=True), atol=1e-4)


@weighted
@each_problem
def test_estimators_of_xgboost(problem, weighted):
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is optional")
    X, y, weight = real_data(problem, weighted)
    kind, name, own = {
        "binary": (xgboost.XGBClassifier, BCE, {}),
        "classes": (xgboost.XGBClassifier, "cross_entropy", {"num_class": 10}),
        "regression": (xgboost.XGBRegressor, "half_squared", {}),
    }[problem]
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is optional")
    model = kind(
        n_estimators=4,
        max_depth=3,
        n_jobs=1,
        base_score=0.5,
        objective=xgboost_objective(name),
        eval_metric=xgboost_metric(name),
    )
    model = base.clone(model).fit(
        X,
        y,
        sample_weight=weight,
        eval_set=[(X, y)],
        sample_weight_eval_set=None if weight is None else [weight],
        verbose=False,
    )
    evals, data = {}, xgboost.DMatrix(X, y, weight=weight)
    start = 0.0 if problem == "binary" else 0.5  # the estimator's is a probability
    booster = xgboost.train(
        {"max_depth": 3, "nthread": 1, "base_score": start, **own},
        data,
        4,
        obj=xgboost_objective(name),
        custom_metric=xgboost_metric(name),
        evals=[(data, "train")],
        evals_result=evals,
        verbose_eval=False,
    )
    raw = model.predict(X, output_margin=True)
    np.testing.assert_allclose(raw, booster.predict(data, output_margin=True), rtol=1e-5, atol=1e-5)
    history = evals["train"][name]
    np.testing.assert_allclose(model.evals_result()["validation_0"][name], history, rtol=1e-6)
    assert history[-1] == pytest.approx(getattr(fl, name)(raw, y, sample_weight=weight), rel=1e-5)
    assert history == sorted(history, reverse=True)
    assert pickle.loads(pickle.dumps(model)).predict(X).shape == y.shape


@weighted
@each_problem
@pytest.mark.filterwarnings("ignore:.*feature names:UserWarning", "ignore::FutureWarning")
def test_estimators_of_lightgbm(problem, weighted):
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is optional")
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is optional")
    X, y, weight = real_data(problem, weighted)
    kind, name, own = {
        "binary": (lightgbm.LGBMClassifier, BCE, {}),
        "classes": (lightgbm.LGBMClassifier, "cross_entropy", {"num_class": 10}),
        "regression": (lightgbm.LGBMRegressor, "half_squared", {}),
    }[problem]
    model = kind(n_estimators=4, num_leaves=8, n_jobs=1, verbose=-1, objective=lightgbm_objective(name))
    model = base.clone(model).fit(
        X,
        y,
        sample_weight=weight,
        eval_set=[(X, y)],
        eval_sample_weight=[weight],
        eval_metric=lightgbm_metric(name),
    )
    history = {}
    data = lightgbm.Dataset(X, y, weight=weight)
    params = {"num_leaves": 8, "num_threads": 1, "verbose": -1, "objective": lightgbm_objective(name), **own}
    booster = lightgbm.train(
        params,
        data,
        4,
        valid_sets=[data],
        valid_names=["train"],
        feval=[lightgbm_metric(name), lightgbm_metric(name, name="again")],
        callbacks=[lightgbm.record_evaluation(history)],
    )
    raw = model.predict(X, raw_score=True)
    np.testing.assert_allclose(raw, booster.predict(X), rtol=1e-6, atol=1e-8)
    values = history["train"][name]
    assert values == history["train"]["again"] == sorted(values, reverse=True)
    (validation,) = model.evals_result_.values()
    np.testing.assert_allclose(validation[name], values, rtol=1e-6)
    assert values[-1] == pytest.approx(getattr(fl, name)(raw, y, sample_weight=weight), rel=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X, raw_score=True), raw)


def test_early_stopping_knows_that_accuracy_rises():
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is optional")
    X, y, _ = real_data("classes", False)
    params = {
        "num_leaves": 8,
        "num_threads": 1,
        "verbose": -1,
        "num_class": 10,
        "objective": lightgbm_objective("cross_entropy"),
        "learning_rate": 0.3,
    }
    train = lightgbm.Dataset(X[:1200], y[:1200])
    valid = lightgbm.Dataset(X[1200:], y[1200:], reference=train)
    booster = lightgbm.train(
        params,
        train,
        30,
        valid_sets=[valid],
        feval=lightgbm_metric("accuracy"),
        callbacks=[lightgbm.early_stopping(3, verbose=False)],
    )
    assert booster.best_iteration > 5
    assert booster.best_score["valid_0"]["accuracy"] > 0.85


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_xgboost_with_several_outputs(strategy):
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is optional")
    X, y, _ = real_data("regression", False)
    data = xgboost.DMatrix(X, np.stack([y, -y], axis=1))
    params = {
        "max_depth": 3,
        "nthread": 1,
        "base_score": 0.5,
        "multi_strategy": strategy,
        "tree_method": "hist",
    }
    theirs = xgboost.train({**params, "objective": "reg:squarederror"}, data, 5).predict(data)
    evals = {}
    ours = xgboost.train(
        params,
        data,
        5,
        obj=xgboost_objective("half_squared"),
        evals=[(data, "train")],
        custom_metric=xgboost_metric("mse"),
        evals_result=evals,
        verbose_eval=False,
    )
    raw = ours.predict(data, output_margin=True)
    np.testing.assert_allclose(raw, theirs, rtol=1e-6, atol=1e-4)
    assert evals["train"]["mse"][-1] == pytest.approx(fl.mse(raw, np.stack([y, -y], axis=1)), rel=1e-5)


def test_cross_validation_of_the_libraries():
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is optional")
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is optional")
    pytest.importorskip("pandas", reason="pandas is optional")
    X, y, weight = real_data("classes", True)
    params = {
        "num_class": 10,
        "num_threads": 1,
        "verbose": -1,
        "objective": lightgbm_objective("cross_entropy"),
    }
    history = lightgbm.cv(
        params, lightgbm.Dataset(X, y, weight=weight), 4, nfold=2, feval=lightgbm_metric("accuracy")
    )
    assert history["valid accuracy-mean"][-1] > 0.85
    params = {"num_class": 10, "nthread": 1, "max_depth": 3}
    table = xgboost.cv(
        params,
        xgboost.DMatrix(X, y, weight=weight),
        4,
        nfold=2,
        obj=xgboost_objective("cross_entropy"),
        custom_metric=xgboost_metric("accuracy"),
    )
    assert table["test-accuracy-mean"].iloc[-1] > 0.85


@each_library
def test_focal_loss_trains(library):
    module = pytest.importorskip(library, reason=f"{library} is optional")
    X, y, _ = real_data("classes", False)
    if library == "xgboost":
        data = module.DMatrix(X, y)
        booster = module.train(
            {"num_class": 10, "max_depth": 3, "nthread": 1},
            data,
            10,
            obj=xgboost_objective("focal", min_hessian=0.01),
        )
        raw = booster.predict(data, output_margin=True)
    else:
        objective = lightgbm_objective("focal", min_hessian=0.01)
        booster = module.train(
            {"num_class": 10, "num_leaves": 8, "num_threads": 1, "verbose": -1, "objective": objective},
            module.Dataset(X, y),
            10,
        )
        raw = booster.predict(X)
    assert fl.accuracy(raw, y) > 0.95


def test_the_page_runs_as_it_stands():
    for library in ("xgboost", "lightgbm", "sklearn"):
        pytest.importorskip(library, reason=f"{library} is optional")
    page = ROOT / "docs" / "boosting.md"
    if not page.exists():
        pytest.skip("the tests came without the documentation")
    estimators, objectives = re.findall(r"^```py\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    made = {}
    exec(compile(estimators, page.name, "exec"), made)
    assert fl.accuracy(made["probability"], made["digits"]) > 0.85
    assert (made["low"] <= made["middle"]).mean() > 0.95 and (made["middle"] <= made["high"]).mean() > 0.95
    exec(compile(objectives, page.name, "exec"), made)
    assert fl.accuracy(made["probability"], made["digits"]) > 0.9
