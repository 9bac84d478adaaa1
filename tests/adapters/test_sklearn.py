"""fastloss.sklearn beside sklearn.metrics: values, types, warnings and errors, over random arguments of all
kinds, right and wrong ones. And that what is ordinary is computed here, and not handed on.
"""

import inspect
import pickle
import re
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest

import fastloss as fl
from support import ROOT

REASON = "scikit-learn is optional"
metrics = pytest.importorskip("sklearn.metrics", reason=REASON)

import fastloss.sklearn as ours  # noqa: E402

CLASSES = [
    "log_loss",
    "brier_score_loss",
    "hinge_loss",
    "accuracy_score",
    "zero_one_loss",
    "top_k_accuracy_score",
]
REGRESSION = [name for name in ours.__all__ if "mean_" in name]
FUNCTIONS = CLASSES + REGRESSION
each_function = pytest.mark.parametrize("name", FUNCTIONS)
each_regression = pytest.mark.parametrize("name", REGRESSION)


def outcome(function, args, options):
    """What a call comes to: its value or error, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **options)
        except Exception as error:
            result = error
    return result, {(w.category, str(w.message)) for w in caught}


def check_same(name, args, options):
    want, warned = outcome(getattr(metrics, name), args, options)
    got, also_warned = outcome(getattr(ours, name), args, options)
    told = f"{name}(*{args!r}, **{options!r}): {got!r}, scikit-learn {want!r}"
    assert also_warned == warned, told
    if isinstance(want, Exception):
        assert type(got) is type(want) and str(got) == str(want), told
        return False
    arrays = (*args, options.get("sample_weight"))
    single = any(getattr(a, "dtype", None) in (np.float32, np.float16) for a in arrays)
    assert np.shape(got) == np.shape(want), told
    assert isinstance(got, float | np.floating) if np.ndim(want) == 0 else got.dtype == want.dtype, told
    # scikit-learn averages float32 in float32.
    np.testing.assert_allclose(
        got, want, rtol=1e-5 if single else 1e-11, atol=1e-6 if single else 1e-14, err_msg=told
    )
    return True


class Draw:
    """Random arguments, mostly right."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.n = int(self.rng.integers(1, 40))

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def rarely(self, probability=0.1):
        return self.rng.random() < probability

    def classes(self, count=None):
        count = count or int(self.rng.integers(2, 6))
        style = self.pick("first", "first", "apart", "bool", "float", "text", "object")
        if style == "bool":
            return np.array([False, True])
        if style in ("text", "object"):
            return np.array(
                sorted(["ant", "bee", "cat", "dog", "eel"][:count]), object if style == "object" else None
            )
        if style == "apart":
            return np.sort(self.rng.choice(np.array([-7, -1, 0, 1, 2, 3, 5, 40, 2000]), count, replace=False))
        kinds = ("i1", "i4", "i8", "u1") if style == "first" else ("f4", "f8")
        return np.arange(count).astype(self.pick(*kinds))

    def labels_of(self, classes):
        y = classes[self.rng.integers(0, len(classes), self.n)]
        if self.rarely(0.2):
            y[:] = y[0]
        return y

    def container(self, array):
        if self.rarely():
            return array.tolist()
        if self.rarely():
            return pytest.importorskip("pandas", reason="pandas is optional").Series(array)
        return array[:-1] if self.rarely(0.03) else array

    def weight(self):
        kind = self.pick("none", "none", "some", "some", "zeros", "whole", "list", "odd")
        if kind == "none":
            return {}
        w = self.rng.uniform(0, 3, self.n)
        if kind == "zeros":
            w[self.rng.random(self.n) < 0.5] = 0
        if kind == "whole":
            w = self.rng.integers(0, 3, self.n)
        if kind == "list":
            w = w.tolist()
        if kind == "odd":
            w = self.pick(
                np.zeros(self.n),
                -w,
                np.append(w, 1),
                np.full(self.n, np.nan),
                w[:, None],
                2.0,
                w.astype("f2"),
                w.astype("f4"),
                np.full(self.n, np.inf),
                "heavy",
            )
        return {"sample_weight": w}

    def normalize(self):
        if self.rarely(0.5):
            return {}
        return {"normalize": self.pick(True, False, False, 1 if self.rarely() else True)}

    def known(self, classes):
        kind = self.pick("none", "none", "all", "all", "list", "odd")
        if kind == "none":
            return {}
        labels = classes.tolist() if kind == "list" else classes
        if kind == "odd":
            labels = self.pick(
                classes[::-1],
                classes[1:],
                classes[:1],
                np.append(classes, classes[-1]),
                ["zoo", "yak"],
                [0, 1, 2],
                np.arange(30),
            )
        return {"labels": labels}

    def spoilt(self, array):
        if array.dtype.kind != "f":
            return array
        if self.rarely(0.05):
            array = array.copy()
            array.flat[self.rng.integers(array.size)] = self.pick(np.nan, np.inf, -0.25, 1.5)
        if self.rarely(0.05):
            whole = np.round(np.nan_to_num(array, posinf=1)).astype(int)
            array = self.pick(
                array.astype("f2"),
                array.tolist(),
                whole,
                array[:, None],
                np.asfortranarray(array),
                np.repeat(array, 2, axis=0)[::2],
                array.astype("g"),
            )
        return array

    def scores(self, columns):
        shape = (self.n, columns) if columns > 1 else (self.n, 1) if self.rarely(0.3) else self.n
        values = self.rng.normal(size=shape)
        if self.rarely(0.3):
            values = np.round(values)  # ties
        return values.astype(self.pick("f4", "f8", "f8"))

    def probabilities(self, columns):
        if columns == 1:
            p = 1 / (1 + np.exp(-self.scores(1)))
        else:
            e = np.exp(self.scores(columns))
            p = e / e.sum(axis=1, keepdims=True)
        if self.rarely(0.2):
            p = np.round(p)  # certain, and some rows do not sum to one
        if self.rarely(0.1):
            p = p * p.dtype.type(0.75)
        return p


def arguments(name, seed):
    """(args, options) of one call."""
    d = Draw(seed)
    if name in REGRESSION:
        return regression_arguments(name, d)
    classes = d.classes()
    y = d.container(d.labels_of(classes))
    if name in ("accuracy_score", "zero_one_loss"):
        other = classes if not d.rarely() else d.classes()
        return (y, d.container(d.labels_of(other))), {**d.normalize(), **d.weight()}
    columns = 1 if len(classes) == 2 and d.rarely(0.7) else len(classes)
    options = {**d.weight(), **d.known(classes)}
    if name == "hinge_loss":
        return (y, d.spoilt(d.scores(columns))), options
    if name == "top_k_accuracy_score":
        k = d.pick(1, 2, 2, 3, 7, 0, 2.0, np.int64(2)) if d.rarely(0.6) else 2
        return (y, d.spoilt(d.scores(columns))), {**options, **d.normalize(), "k": k}
    if name == "log_loss":
        return (y, d.spoilt(d.probabilities(columns))), {**options, **d.normalize()}
    if d.rarely(0.4):
        options["pos_label"] = d.pick(classes[0], classes[-1], 1, "ant", True, None)
        if isinstance(options["pos_label"], np.str_):
            options["pos_label"] = str(options["pos_label"])
    if d.rarely(0.4):
        options["scale_by_half"] = d.pick(True, False, "auto", "half")
    return (y, d.spoilt(d.probabilities(columns))), options


def regression_arguments(name, d):
    outputs = d.pick(0, 0, 1, 2, 5)
    shape = (d.n, outputs) if outputs else (d.n,)
    dtypes = d.pick(
        ("f8", "f8"),
        ("f4", "f4"),
        ("f4", "f8"),
        ("f8", "f4"),
        ("i8", "f8"),
        ("i4", "f4"),
        ("i8", "i8"),
        ("u1", "f8"),
        ("?", "f8"),
    )
    y, pred = (np.abs(d.rng.normal(2, 2, shape)).astype(t) for t in dtypes)
    if d.rarely(0.2) and pred.dtype.kind == "f":
        pred -= 3
    if outputs == 1 and d.rarely(0.5):
        pred = pred[:, 0]
    kind = d.pick("none", "uniform_average", "raw_values", "weights", "odd")
    options = d.weight()
    if kind == "weights":
        options["multioutput"] = d.rng.uniform(0, 1, max(outputs, 1))
    elif kind == "odd":
        options["multioutput"] = d.pick(
            "variance_weighted", [1, 0], [-1.0, 2.0], [0.0, 0.0], 3, [1, 2, 3, 4, 5]
        )
    elif kind != "none":
        options["multioutput"] = kind
    if name == "mean_pinball_loss":
        options["alpha"] = d.pick(0.5, 0.1, 0.9, 0.25, 0, 1, 0.0, 1.0, 1.5, np.float64(0.3), 1e-50)
    if outputs == 0 and d.rarely(0.05):
        pred = d.pick(pred[:-1], np.append(pred, pred), pred.astype(str), pred + 1j)
    return (d.container(y) if y.ndim == 1 else y, d.spoilt(pred)), options


CALLS = 150


@each_function
def test_random_arguments_come_to_the_same(name):
    right = sum(check_same(name, *arguments(name, seed)) for seed in range(CALLS))
    assert CALLS * 0.15 < right < CALLS * 0.97  # both values and errors were compared


def probabilities(n, classes, seed=0, dtype="f8"):
    p = np.random.default_rng(seed).random((n, classes)).astype(dtype)
    return p / p.sum(axis=1, keepdims=True)


def ordinary(name, n=50, kind="i8"):
    rng = np.random.default_rng(0)
    if name in REGRESSION:
        return rng.random((n, 3)), rng.random((n, 3))
    y = rng.integers(0, 4, n).astype(kind)
    if name in ("accuracy_score", "zero_one_loss"):
        return y, rng.integers(0, 4, n).astype(kind)
    return y, probabilities(n, 4)


@each_function
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["i8", "f8", "U"])
def test_the_ordinary_is_computed_here(name, weighted, kind):
    args = ordinary(name, kind=kind)
    options = {"sample_weight": np.arange(50) % 3} if weighted else {}
    want = getattr(metrics, name)(*args, **options)
    alone = getattr(ours, name).__wrapped__  # hands nothing on
    assert alone(*args, **options) == pytest.approx(want, rel=1e-12)


BINARY = np.array([0, 1, 1, 0, 1])


@pytest.mark.parametrize(
    "name, args, options",
    [
        ("log_loss", (BINARY, [0.1, 0.8, 0.9, 0.3, 0.2]), {}),
        ("log_loss", (BINARY == 1, np.array([[0.1], [0.8], [0.9], [0.3], [0.2]])), {"normalize": False}),
        ("log_loss", ([2, 2, 7], probabilities(3, 3)), {"labels": [2, 5, 7]}),
        ("log_loss", (["b", "b", "a"], probabilities(3, 3)), {"labels": ["a", "b", "c"]}),
        ("brier_score_loss", (BINARY, [0.1, 0.8, 0.9, 0.3, 0.2]), {"scale_by_half": False}),
        ("brier_score_loss", (["no", "yes"], [0.1, 0.8]), {"pos_label": "yes"}),
        ("brier_score_loss", (2 * BINARY - 1, [0.1, 0.8, 0.9, 0.3, 0.2]), {}),
        ("brier_score_loss", (BINARY + 3, probabilities(5, 2)), {}),
        ("hinge_loss", (BINARY, np.array([0.5, -2.0, 2.0, -0.3, 1.0])), {"labels": [0, 1]}),
        ("hinge_loss", (np.ones(3, int), np.array([0.5, -2.0, 2.0])), {"labels": [0, 1]}),
        ("hinge_loss", (["b", "a"], np.eye(2, 3)), {"labels": ["a", "b", "c"]}),
        ("top_k_accuracy_score", ([0, 2, 1, 1], np.ones((4, 3))), {"k": 1}),
        ("mean_squared_error", ([1, 2], [1.5, 2.5]), {"multioutput": "raw_values"}),
        ("mean_pinball_loss", (np.eye(4), np.ones((4, 4))), {"multioutput": [1, 2, 3, 4], "alpha": 0.1}),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_more_of_the_ordinary(name, args, options):
    want = getattr(metrics, name)(*args, **options)
    alone = getattr(ours, name).__wrapped__  # hands nothing on
    assert alone(*args, **options) == pytest.approx(want, rel=1e-12)


@each_function
def test_signatures_are_scikit_learns(name):
    def arguments_of(function):
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    assert arguments_of(getattr(ours, name)) == arguments_of(getattr(metrics, name))


@each_function
def test_sparse_and_other_containers_go_to_scikit_learn(name):
    sparse = pytest.importorskip("scipy.sparse", reason="SciPy is optional")
    y, p = ordinary(name)
    for args in (
        (y, sparse.csr_array(np.atleast_2d(p))),
        (np.ma.masked_array(y), p),
        (None, p),
        (y, "text"),
        ([], []),
        (np.eye(4, dtype=int), np.eye(4, dtype=int)),
        (y.reshape(-1, 1), p),
    ):
        check_same(name, args, {})


def test_the_old_name_of_the_probabilities():
    y, p = ordinary("log_loss")
    check_same("log_loss", (y,), {"y_pred": p})
    check_same("log_loss", (y, p), {"y_pred": p})
    check_same("log_loss", (y,), {})


def test_rows_that_do_not_sum_to_one_are_found_in_any_block():
    p = probabilities(200_000, 5, dtype="f4")
    y = np.arange(200_000) % 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.log_loss(y, p)
    for row in (0, -1):
        kept = p[row].copy()
        p[row] = 0.1
        for function in (ours.log_loss, ours.brier_score_loss):
            with pytest.warns(UserWarning, match="do not sum to one") as caught:
                function(y, p)
            assert caught[0].filename == __file__
        p[row] = kept
    p[-1, -1] = np.nan
    for function in (ours.log_loss, ours.brier_score_loss, ours.hinge_loss, ours.top_k_accuracy_score):
        with pytest.raises(ValueError, match="contains NaN"):
            function(y, p)


@pytest.mark.parametrize("dtype, tolerance", [("f4", 3.4527e-4), ("f8", 2.4901e-8)])
def test_how_far_from_one_a_row_may_sum(dtype, tolerance):
    y, warned = [0, 2, 1], []
    for off in (0.9 * tolerance, 1.1 * tolerance, -0.9 * tolerance, -1.1 * tolerance):
        p = np.full((3, 3), 1 / 4, dtype)
        p[:, 0] += 1 / 4
        p[1, 1] += off
        for name in ("log_loss", "brier_score_loss"):
            assert check_same(name, (y, p), {})
            warned.append(bool(outcome(getattr(ours, name), (y, p), {})[1]))
    assert warned == [False, False, True, True] * 2


@pytest.mark.parametrize(
    "y, labels",
    [
        ([0, 1, 5], [0, 1, 2]),
        ([-1, 0, 1], [0, 1, 2]),
        ([3, 4, 5], [3, 5, 9]),
        ([9, 10, 3], [3, 5, 9]),
        (["a", "x", "b"], ["a", "b", "c"]),
    ],
    ids=str,
)
def test_a_label_that_is_not_in_labels(y, labels):
    for name in ("log_loss", "brier_score_loss", "hinge_loss", "top_k_accuracy_score"):
        assert not check_same(name, (y, probabilities(3, 3)), {"labels": labels})


@each_function
def test_negative_weights_are_scikit_learns_to_judge(name):
    weight = np.r_[-0.5, np.ones(49)]
    check_same(name, ordinary(name), {"sample_weight": weight})
    check_same(name, ordinary(name), {"sample_weight": weight.astype("f4")})


@pytest.mark.parametrize("label", [-1, 0, 1, 7])
def test_brier_of_one_class(label):
    check_same("brier_score_loss", ([label] * 3, [0.1, 0.4, 0.8]), {})


@each_regression
def test_nan_behind_a_weight_of_zero_is_an_error_all_the_same(name):
    y, p = np.ones(4), np.ones(4)
    weight = np.array([1, 1, 1, 0])
    for bad in (np.nan, np.inf, -np.inf):
        p[-1] = bad
        check_same(name, (y, p), {"sample_weight": weight})
        check_same(name, (p, y), {"sample_weight": weight})


@pytest.mark.parametrize("low", [-1.0, -2.0, -1.5])
def test_a_logarithm_of_nothing_is_an_error_all_the_same(low):
    good, bad = np.ones(3), np.array([1, 2, low])
    for args in ((good, bad), (bad, good), (bad, bad)):
        for options in ({}, {"sample_weight": [1, 1, 0]}, {"multioutput": "raw_values"}):
            for name in ("mean_squared_log_error", "root_mean_squared_log_error"):
                assert not check_same(name, args, options)


@each_regression
def test_many_rows_of_several_outputs(name):
    rng = np.random.default_rng(0)
    y, p = rng.random((50_000, 3)), np.asfortranarray(rng.random((50_000, 3)))
    for multioutput in ("raw_values", "uniform_average", [0.2, 0.3, 0.5]):
        for weight in (None, rng.random(50_000)):
            assert check_same(name, (y, p), {"multioutput": multioutput, "sample_weight": weight})


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@each_regression
def test_small_weights_of_several_outputs(name, dtype):
    p = np.random.default_rng(0).random((50, 2)).astype(dtype)
    q = p + np.float32(1e-5)
    for weight in (np.full(50, np.exp(-85)), np.geomspace(1e-300, 1e-290, 50), np.arange(50) % 3):
        for multioutput in ("raw_values", "uniform_average", [0.3, 0.7]):
            assert check_same(name, (p, q), {"multioutput": multioutput, "sample_weight": weight})
            want = getattr(metrics, name)(p, q, multioutput=multioutput, sample_weight=weight)
            got = getattr(ours, name)(p, q, multioutput=multioutput, sample_weight=weight)
            # No absolute tolerance: all are small. scikit-learn subtracts logarithms in float32.
            np.testing.assert_allclose(got, want, rtol=1e-3 if "log" in name else 2e-5)


def test_a_square_that_overflows_behind_a_weight_of_zero():
    p = np.ones((3, 2), "f4")
    p[0] = 1e30
    options = {"multioutput": "raw_values", "sample_weight": [0.0, 1.0, 1.0]}
    check_same("mean_squared_error", (p, np.zeros((3, 2), "f4")), options)


def test_weights_that_are_bool_are_counted():
    y, weight = np.array([0, 1, 2, 2]), np.array([True, True, True, False])
    for kind in (bool, "f8"):  # scikit-learn's own counts of bool are bool: docs/sklearn.md
        options = {"sample_weight": weight.astype(kind), "normalize": False}
        assert ours.accuracy_score(y, y, **options) == 3.0
        assert ours.top_k_accuracy_score(y, np.eye(3)[y], k=1, **options) == 3.0
        assert ours.zero_one_loss(y, [0, 1, 1, 1], **options) == 1.0
    options = {"sample_weight": weight}
    for name in ("accuracy_score", "zero_one_loss"):
        check_same(name, (y, [0, 1, 1, 1]), options)
    check_same("log_loss", (y, probabilities(4, 3)), {**options, "normalize": False})


@pytest.mark.parametrize("mixed", [["a", np.nan], ["a", 1], ("a", 1.5), ["a", True], [1, "a"]], ids=str)
def test_labels_of_two_kinds_in_a_list(mixed):
    assert not check_same("log_loss", (mixed, [0.2, 0.3]), {})
    assert not check_same("log_loss", (mixed, probabilities(2, 2)), {})
    # Of these scikit-learn takes some.
    check_same("hinge_loss", (mixed, [0.2, 0.3]), {})
    check_same("brier_score_loss", (mixed, [0.2, 0.3]), {"pos_label": "a"})
    check_same("brier_score_loss", (mixed, probabilities(2, 2)), {})
    check_same("top_k_accuracy_score", ([*mixed, "b"], probabilities(3, 3)), {})
    check_same("accuracy_score", (mixed, ["a", "b"]), {})
    check_same("log_loss", (["a", "b"], [0.2, 0.3]), {"labels": mixed})


def test_labels_of_narrow_integers():
    y = np.array([-128, 127, 0, 127], "i1")
    check_same("log_loss", (y, probabilities(4, 3)), {})
    check_same("log_loss", (y, probabilities(4, 256)), {"labels": np.arange(-128, 128)})
    check_same("log_loss", (y.astype("i8") << 40, probabilities(4, 3)), {})
    check_same("log_loss", (y.astype("u8"), probabilities(4, 3)), {})


@pytest.mark.parametrize("name", ["log_loss", "brier_score_loss", "top_k_accuracy_score", "hinge_loss"])
def test_nothing_is_copied(name):
    p = probabilities(100_000, 50, dtype="f4")
    y = np.arange(100_000) % 50
    function = getattr(ours, name)
    function(y[:100], p[:100])
    tracemalloc.start()
    try:
        function(y, p)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < p.nbytes / 10


@pytest.fixture(scope="module")
def data():
    datasets = pytest.importorskip("sklearn.datasets", reason=REASON)
    return datasets.load_iris(return_X_y=True)


def test_scorers_are_scikit_learns():
    theirs = metrics.get_scorer_names()
    assert len(ours.scorers) == 10 and set(ours.scorers) < {*theirs}
    for name, scorer in ours.scorers.items():
        known = metrics.get_scorer(name)
        assert scorer._sign == known._sign and scorer._response_method == known._response_method
        assert scorer._score_func.__name__ == known._score_func.__name__
        again = pickle.loads(pickle.dumps(scorer))
        assert again._score_func is getattr(ours, known._score_func.__name__)


@pytest.mark.parametrize("name", list(ours.scorers))
@pytest.mark.parametrize("several", [False, True], ids=["two", "three"])
def test_scorers_in_cross_val_score(name, several, data):
    selection = pytest.importorskip("sklearn.model_selection", reason=REASON)
    models = pytest.importorskip("sklearn.tree", reason=REASON)
    X, y = data if several else (data[0][:100], data[1][:100])
    model = models.DecisionTreeClassifier(max_depth=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two classes: every k is right
        want = selection.cross_val_score(model, X, y, scoring=name, cv=3)
        got = selection.cross_val_score(model, X, y, scoring=ours.scorers[name], cv=3)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert np.isfinite(got).all()


@pytest.mark.filterwarnings("ignore")  # two classes: every k is right
def test_scorers_in_the_place_of_scikit_learns(data, monkeypatch):
    """What is handed on: weights with a negative one, several labels a row, the best two of two classes."""
    selection = pytest.importorskip("sklearn.model_selection", reason=REASON)
    models = pytest.importorskip("sklearn.tree", reason=REASON)
    X, y = data[0][50:], data[1][50:]
    labels = np.stack([y == 1, X[:, 0] > 6], axis=1).astype(int)
    weight = np.r_[-0.5, np.ones(len(y) - 1)]
    model = models.DecisionTreeClassifier(max_depth=1, random_state=0)
    fitted = models.DecisionTreeClassifier(max_depth=1, random_state=0).fit(X, y)

    def results(scorer):
        yield from (scorer(name)(fitted, X, y, sample_weight=weight) for name in ours.scorers)
        yield from selection.cross_val_score(model, X, labels, scoring=scorer("accuracy"), cv=3)
        yield from selection.cross_val_score(model, X, y, scoring=scorer("top_k_accuracy"), cv=3)

    def made(name):
        known = metrics.get_scorer(name)
        function = getattr(metrics, known._score_func.__name__)
        return metrics.make_scorer(
            function, greater_is_better=known._sign > 0, response_method=known._response_method
        )

    want = [*results(metrics.get_scorer)]
    in_their_place(monkeypatch)
    assert made("accuracy")._score_func is ours.accuracy_score
    assert [*results(made)] == want and [*results(ours.scorers.__getitem__)] == want


@pytest.mark.filterwarnings("ignore")  # of the worker processes, which are not ours
def test_scorers_in_a_grid_search_of_two_processes(data):
    selection = pytest.importorskip("sklearn.model_selection", reason=REASON)
    models = pytest.importorskip("sklearn.tree", reason=REASON)
    names = ["neg_log_loss", "neg_brier_score", "accuracy"]

    def search(scoring, n_jobs):
        grid = selection.GridSearchCV(
            models.DecisionTreeClassifier(random_state=0),
            {"max_depth": [1, 2]},
            scoring=scoring,
            cv=3,
            refit=names[0],
            n_jobs=n_jobs,
        )
        return grid.fit(*data)

    got = search({name: ours.scorers[name] for name in names}, 2)
    want = search(names, None)
    for name in names:
        key = f"mean_test_{name}"
        np.testing.assert_allclose(got.cv_results_[key], want.cv_results_[key], rtol=1e-12)
    assert got.best_params_ == want.best_params_


def test_without_scikit_learn_the_extra_is_named():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import fastloss\n"
        "try: import fastloss.sklearn\n"
        "except ImportError as error: assert '.[sklearn]' in str(error), error\n"
        "else: raise SystemExit('no error')\n"
    )
    run(code)


def run(code):
    root = inspect.getfile(ours).rpartition("fastloss")[0]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def in_their_place(monkeypatch):
    """Ours wherever a module of scikit-learn has its own."""
    theirs = {name: getattr(metrics, name) for name in FUNCTIONS}
    for module in [module for name, module in sys.modules.items() if name.startswith("sklearn.")]:
        for name in FUNCTIONS:
            if vars(module).get(name) is theirs[name]:
                monkeypatch.setattr(module, name, getattr(ours, name))


@each_function
def test_in_the_place_of_scikit_learns_what_is_handed_on_comes_to_the_same(name, monkeypatch):
    y, p = ordinary(name)
    calls = [
        ((y, p), {"sample_weight": np.r_[-0.5, np.ones(49)]}),
        ((y, p[:-1]), {}),
        ((np.eye(4, dtype=int), np.eye(4, dtype=int)[::-1]), {"sample_weight": [1, 1, 1, -2]}),
    ]
    home, theirs = sys.modules[getattr(metrics, name).__module__], getattr(metrics, name)
    want = [outcome(theirs, *call) for call in calls]
    in_their_place(monkeypatch)
    assert getattr(metrics, name) is getattr(home, name) is getattr(ours, name) is not theirs
    for (args, options), (value, warned) in zip(calls, want):
        with pytest.raises(ours._Elsewhere):
            getattr(ours, name).__wrapped__(*args, **options)
        got, also_warned = outcome(getattr(metrics, name), args, options)
        assert type(got) is type(value) and str(got) == str(value) and also_warned == warned


def test_reloaded_in_the_place_of_scikit_learns_the_originals_are_found():
    run(f"""
import importlib, sys
import sklearn.metrics as metrics
import fastloss.sklearn as ours

names = {FUNCTIONS!r}
theirs = {{name: getattr(metrics, name) for name in names}}
for turn in range(4):
    for name in names:
        assert getattr(ours, name)._theirs is theirs[name]
        setattr(metrics, name, getattr(ours, name))
    assert metrics.mean_squared_error([1, 2], [1, 4], sample_weight=[-1, 3]) == 6
    assert metrics.zero_one_loss([[0, 1]], [[1, 1]]) == 1
    if turn < 2:
        importlib.reload(ours)
    else:
        del sys.modules["fastloss.sklearn"]
        import fastloss.sklearn as ours
""")


def test_the_page_runs_as_it_stands():
    page = ROOT / "docs" / "sklearn.md"
    if not page.exists():
        pytest.skip("the tests came without the documentation")
    (code,) = re.findall(r"^```py\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    made = {}
    exec(compile(code, page.name, "exec"), made)
    assert made["scores"].shape == (3,) and made["search"].best_params_ == {"max_depth": 5}
    named = {*re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\|.*$", page.read_text(), re.MULTILINE)))}
    assert named == {*FUNCTIONS, *ours.scorers}


def test_a_scorer_of_any_loss():
    linear = pytest.importorskip("sklearn.linear_model")
    selection = pytest.importorskip("sklearn.model_selection")
    X, y = pytest.importorskip("sklearn.datasets").load_iris(return_X_y=True)
    words = np.array(["setosa", "versicolor", "virginica"])[y]
    model, w = linear.LogisticRegression(max_iter=1000).fit(X, words), np.linspace(0, 1, len(y))
    raw, p = model.decision_function(X), model.predict_proba(X)
    for loss, own, want in (
        ("cross_entropy", {}, fl.cross_entropy(raw, y)),
        (fl.focal.bind(gamma=1.0), {}, fl.focal(raw, y, gamma=1.0)),
        ("log_loss", {}, fl.log_loss(p, y)), ("nll", {}, fl.nll(np.log(p), y)),
        ("brier_from_probabilities", {}, fl.brier_from_probabilities(p, y)),
        ("cross_entropy", {"label_smoothing": 0.1}, fl.cross_entropy(raw, y, label_smoothing=0.1)),
    ):  # fmt: skip
        made = pickle.loads(pickle.dumps(ours.scorer(loss, **own)))
        assert made(model, X, words) == -want
    assert ours.scorer("focal")(model, X, words, sample_weight=w) == -fl.focal(raw, y, sample_weight=w)
    two = linear.LogisticRegression(max_iter=1000).fit(X[50:], words[50:])
    score = two.decision_function(X[50:])
    want = fl.binary_cross_entropy_with_logits(score, (y[50:] == 2) * 1.0)
    for name in ("binary_cross_entropy_with_logits", "soft_margin", "cross_entropy", "binary_cross_entropy"):
        assert ours.scorer(name)(two, X[50:], words[50:]) == pytest.approx(-want, rel=1e-9)
    ridge = linear.Ridge().fit(X, X[:, 0])
    want = fl.huber(ridge.predict(X), X[:, 0], delta=0.01)
    assert ours.scorer("huber", delta=0.01)(ridge, X, X[:, 0]) == -want
    counts = np.random.default_rng(0).poisson(np.exp(X[:, 0] - 5))
    rates = linear.PoissonRegressor().fit(X, counts)
    for own, raw in (({}, np.log(rates.predict(X))), ({"log_input": False}, rates.predict(X))):
        assert ours.scorer("poisson", **own)(rates, X, counts) == -fl.poisson(raw, counts, **own)
    with pytest.raises(ValueError, match="binary_focal is of two classes, the estimator has 3"):
        ours.scorer("binary_focal")(model, X, words)
    scores = selection.cross_val_score(model, X, words, scoring=ours.scorer(fl.focal.bind(gamma=2.0)), cv=3)
    assert (-0.2 < scores).all() and (scores < 0).all()
    with pytest.raises(ValueError, match=r"y\[1\] = 'rose' is none of the classes"):
        ours.scorer("focal")(model, X[:2], ["setosa", "rose"])
    with pytest.raises(ValueError, match="loss = 'focus' is not one of"):
        ours.scorer("focus")
    with pytest.raises(TypeError, match="loss is 7"):
        ours.scorer(7)
    with pytest.raises(TypeError, match="delta"):
        ours.scorer("focal", delta=1)
