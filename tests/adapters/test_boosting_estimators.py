"""The estimators of XGBoost and LightGBM with a loss of ours: from where they start to what they predict."""

import copy
import doctest
import inspect
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import fastloss as fl
from fastloss import boosting
from fastloss.boosting import lightgbm_metric, xgboost_metric
from support.boosted import OBJECTIVES, each_library

datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is optional")
base = pytest.importorskip("sklearn.base")
selection = pytest.importorskip("sklearn.model_selection")

METRICS = {"xgboost": xgboost_metric, "lightgbm": lightgbm_metric}
QUIET = {"xgboost": {"n_jobs": 1}, "lightgbm": {"n_jobs": 1, "verbose": -1}}
PREFIX = {"xgboost": "XGB", "lightgbm": "LGBM"}


def estimator(library, kind, loss=None, loss_params=None, **params):
    """One of ours, few and quiet trees."""
    pytest.importorskip(library, reason=f"{library} is optional")
    made = getattr(boosting, PREFIX[library] + kind)
    return made(loss=loss, loss_params=loss_params, **({"n_estimators": 20} | QUIET[library] | params))


def theirs(library, kind, **params):
    module = pytest.importorskip(library, reason=f"{library} is optional")
    return getattr(module, PREFIX[library] + kind)(**({"n_estimators": 20} | QUIET[library] | params))


def raw_of(library, model, X):
    return model.predict(X, **{"output_margin" if library == "xgboost" else "raw_score": True})


def booster_of(library, model):
    return model.get_booster() if library == "xgboost" else model.booster_


def booster_predicts(library, booster, X):
    module = sys.modules[library]
    return booster.predict(module.DMatrix(X) if library == "xgboost" else X)


@pytest.fixture(scope="module")
def diabetes():
    return datasets.load_diabetes(return_X_y=True)


@pytest.fixture(scope="module")
def cancer():
    X, y = datasets.load_breast_cancer(return_X_y=True)
    return X, np.array(["malignant", "benign"])[y]


@pytest.fixture(scope="module")
def iris():
    X, y = datasets.load_iris(return_X_y=True)
    mixed = np.random.default_rng(0).permutation(len(y))
    return X[mixed], np.array(["setosa", "versicolor", "virginica"])[y[mixed]]


# --- as classes -----------------------------------------------------------------------------------------


def test_no_library_is_imported_before_its_estimator_is_asked_for():
    both = ("XGBRegressor", "xgboost", "lightgbm"), ("LGBMClassifier", "lightgbm", "xgboost")
    for name, library, other in both:
        pytest.importorskip(library, reason=f"{library} is optional")
        code = f"""
import sys
from fastloss import boosting
assert "{name}" in dir(boosting) and not {{"xgboost", "lightgbm", "sklearn"}} & set(sys.modules)
from fastloss.boosting import {name}
assert {name} is boosting.{name} and "{library}" in sys.modules
assert issubclass({name}, sys.modules["{library}"].{name}) and {name}.__module__ == "fastloss.boosting"
if "{library}" == "xgboost":
    assert "{other}" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", code], check=True)


@each_library
def test_a_library_that_is_not_there_is_named(library, monkeypatch):
    name = PREFIX[library] + "Regressor"
    monkeypatch.delitem(vars(boosting), name, raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"needs {library}.*\.\[{library}\]"):
        getattr(boosting, name)
    with pytest.raises(AttributeError, match="has no attribute 'CatBoostRegressor'"):
        _ = boosting.CatBoostRegressor


@each_library
@pytest.mark.parametrize("kind", ["Regressor", "Classifier"])
def test_clone_pickle_params_and_repr(library, kind, iris, diabetes):
    X, y = iris if kind == "Classifier" else diabetes
    loss, params = ("focal", {"gamma": 1.5}) if kind == "Classifier" else ("huber", {"delta": 20.0})
    model = estimator(library, kind, loss, params, hessian=1.0, max_depth=3)
    given = model.get_params()
    assert given["loss"] == loss and given["loss_params"] == params and given["max_depth"] == 3
    assert given["hessian"] == 1.0 and given["min_hessian"] == 1e-16 and "objective" not in given
    again = base.clone(model)
    assert type(again) is type(model) and again.get_params() == given
    assert repr(model).replace("\n", "").startswith(f"{PREFIX[library]}{kind}(")
    assert f"loss='{loss}'" in repr(model) and "learning_rate" not in repr(model)
    model.fit(X, y)
    assert model.get_params() == given  # fitting sets no parameter
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), base.clone(model).fit(X, y)):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
    model.set_params(loss=None, loss_params=None, hessian=None, learning_rate=0.2)
    assert model.get_params() == given | dict(loss=None, loss_params=None, hessian=None, learning_rate=0.2)
    model.fit(X, y)
    assert raw_of(library, model, X).shape == raw_of(library, again.fit(X, y), X).shape
    own = inspect.signature(type(model)).parameters
    assert list(own)[:4] == ["loss", "loss_params", "hessian", "min_hessian"] and "learning_rate" in own


@each_library
@pytest.mark.parametrize("kind", ["Regressor", "Classifier"])
def test_the_docstring_says_what_it_is_and_its_example_runs(library, kind):
    made = type(estimator(library, kind))
    for said in ("loss_params", f"{library}_objective", "start_", "Raises", "Early stopping", "20"):
        assert said in made.__doc__
    test = doctest.DocTestParser().get_doctest(made.__doc__, {}, made.__name__, None, 0)
    runner, lines = doctest.DocTestRunner(), []
    runner.run(test, out=lines.append)
    assert runner.summarize(verbose=False).failed == 0 and test.examples, "".join(lines)


@each_library
@pytest.mark.parametrize("kind", ["Regressor", "Classifier"])
def test_scikit_learn_checks_them_as_it_checks_the_libraries_own(library, kind):
    """None of its checks fails that the estimator beneath passes, but that of weights as repeated rows: both
    libraries bin rows by their number."""
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    failed = []
    for make in (theirs, estimator):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = checks.check_estimator(make(library, kind, n_estimators=5), on_fail=None)
        failed.append({result["check_name"] for result in results if result["status"] == "failed"})
        assert len(results) > 40
    assert {name for name in failed[1] - failed[0] if "weight_equivalence" not in name} == set()


@each_library
def test_a_search_over_losses(library, diabetes):
    X, y = diabetes
    tried = {"loss": ["mae", "half_squared", fl.huber]}
    search = selection.GridSearchCV(estimator(library, "Regressor"), tried, cv=3,
                                    scoring="neg_mean_absolute_error")  # fmt: skip
    search.fit(X, y)
    assert -search.best_score_ < 55 and np.isfinite(search.cv_results_["mean_test_score"]).all()
    scores = selection.cross_val_score(search.best_estimator_, X, y, cv=3)
    assert scores.min() > 0.2


# --- what they train ------------------------------------------------------------------------------------


@each_library
@pytest.mark.parametrize("loss", ["mae", "poisson", "half_squared"])
def test_as_the_bare_objective_from_the_intercept(library, loss, diabetes):
    X, y = diabetes
    model = estimator(library, "Regressor", loss).fit(X, y)
    start = fl.losses[loss].intercept(y)
    assert model.start_ == start
    module, objective = sys.modules[library], OBJECTIVES[library](loss)
    if library == "xgboost":
        params = {"base_score": start, "nthread": 1}
        want = module.train(params, module.DMatrix(X, y), 20, obj=objective).predict(module.DMatrix(X))
    else:
        params = {"objective": objective, "num_threads": 1, "verbose": -1}
        data = module.Dataset(X, y, init_score=np.full(len(y), start))
        want = module.train(params, data, 20).predict(X) + start
    np.testing.assert_allclose(raw_of(library, model, X), want, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), fl.losses[loss].inverse_link(raw_of(library, model, X)))


@each_library
@pytest.mark.parametrize("kind, loss, hessian, data", [
    ("Regressor", None, None, "diabetes"),
    ("Classifier", None, None, "cancer"),
    ("Classifier", "cross_entropy", {"xgboost": "upper", "lightgbm": "lightgbm"}, "iris"),
])  # fmt: skip
def test_the_defaults_are_the_libraries_own(library, kind, loss, hessian, data, request):
    """The same predictions as the built-in objective but for where XGBoost starts."""
    X, y = request.getfixturevalue(data)
    model = estimator(library, kind, loss, hessian=hessian and hessian[library]).fit(X, y)
    own = theirs(library, kind)
    if kind == "Classifier":
        own.fit(X, np.unique(y, return_inverse=True)[1])
        np.testing.assert_allclose(model.predict_proba(X), own.predict_proba(X), atol=2e-2)
    else:
        np.testing.assert_allclose(model.predict(X), own.fit(X, y).predict(X), rtol=2e-2)


@each_library
def test_the_start_is_in_the_model(library, iris, diabetes, tmp_path):
    """What the library itself loads and predicts, and how it explains it, has the start in it."""
    for kind, loss, (X, y) in (("Regressor", "mae", diabetes), ("Classifier", "cross_entropy", iris)):
        y = y if kind == "Classifier" else y + 1000
        model = estimator(library, kind, loss).fit(X, y)
        booster, raw = booster_of(library, model), raw_of(library, model, X)
        booster.save_model(tmp_path / "model.json")
        load = sys.modules[library].Booster
        loaded = load(model_file=str(tmp_path / "model.json"))
        np.testing.assert_allclose(booster_predicts(library, loaded, X), raw, rtol=1e-6)
        if library == "xgboost":
            parts = booster.predict(sys.modules[library].DMatrix(X), pred_contribs=True).sum(-1)
        else:
            parts = model.predict(X, pred_contrib=True).reshape(len(X), -1, X.shape[1] + 1).sum(-1)
        np.testing.assert_allclose(parts.reshape(raw.shape), raw, rtol=2e-4, atol=1e-4)
        one = estimator(library, kind, loss, n_estimators=1, learning_rate=1e-9).fit(X, y)
        np.testing.assert_allclose(raw_of(library, one, X), np.broadcast_to(one.start_, raw.shape), rtol=1e-6)


@each_library
def test_training_goes_on_from_a_model_or_a_margin_of_the_callers(library, diabetes):
    X, y = diabetes
    y = y + 1000
    whole, half = (estimator(library, "Regressor", "mae", n_estimators=n).fit(X, y) for n in (20, 10))
    more = {"xgb_model": half} if library == "xgboost" else {"init_model": half}
    rest = estimator(library, "Regressor", "mae", n_estimators=10).fit(X, y, **more)
    assert rest.start_ is None
    np.testing.assert_allclose(rest.predict(X), whole.predict(X), rtol=1e-3)
    margin = np.full(len(y), 1100.0)
    name = "base_margin" if library == "xgboost" else "init_score"
    model = estimator(library, "Regressor", "mae").fit(X, y, **{name: margin})
    assert abs(model.predict(X)).max() < 400  # neither library keeps it
    if library == "xgboost":
        assert abs(model.predict(X, base_margin=margin) - y).mean() < 30
        model = estimator(library, "Regressor", "mae", base_score=1100.0).fit(X, y)
        assert model.start_ is None and abs(model.predict(X) - y).mean() < 40


@each_library
def test_rates_classes_probabilities_and_quantiles(library, diabetes, cancer, iris):
    X, y = diabetes
    model = estimator(library, "Regressor", "tweedie", {"power": 1.3}).fit(X, y)
    assert model.predict(X).mean() == pytest.approx(y.mean(), rel=0.02)
    for loss in ("binary_focal", "soft_margin", "exponential", "modified_huber", "focal", "brier", None):
        (X, y), hessian = cancer, 1.0 if loss == "brier" else None
        model = estimator(library, "Classifier", loss, hessian=hessian).fit(X, y)
        p, raw = model.predict_proba(X), model.decision_function(X)
        assert model.classes_.tolist() == ["benign", "malignant"] and model.score(X, y) > 0.95
        assert p.shape == (len(y), 2) and p.min() >= 0
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
        columns = raw_of(library, model, X)
        assert columns.shape == ((len(y), 2) if loss in ("focal", "brier") else (len(y),))
        np.testing.assert_array_equal(raw, columns if columns.ndim == 1 else columns[:, 1] - columns[:, 0])
        assert (model.predict(X) == model.classes_[p.argmax(1)]).all()
    for loss, data in (("hinge", cancer), ("perceptron", cancer), ("multiclass_hinge", iris)):
        model = estimator(library, "Classifier", loss).fit(*data)
        assert model.score(*data) > 0.9 and not hasattr(model, "predict_proba")
    X, y = iris
    model = estimator(library, "Classifier", "cross_entropy", {"logit_scale": 3.0, "label_smoothing": 0.1})
    p = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(p, fl.softmax(3 * model.decision_function(X)), rtol=1e-5)
    assert model.score(X, y) > 0.95 and model.predict(X[:3]).tolist() == y[:3].tolist()
    am = estimator(library, "Classifier", "am_softmax", {"scale": 4.0}, hessian=1.0).fit(X, y)
    np.testing.assert_allclose(am.predict_proba(X), fl.softmax(4 * am.decision_function(X)), rtol=1e-5)
    X, y = diabetes
    model = estimator(library, "Regressor", "quantile", {"q": [0.2, 0.5, 0.8]}).fit(X, y)
    assert model.start_.tolist() == [fl.quantile.intercept(y, q=q) for q in (0.2, 0.5, 0.8)]
    assert (y[:, None] <= model.predict(X)).mean(0) == pytest.approx([0.2, 0.5, 0.8], abs=0.07)


def test_targets_of_several_columns(diabetes):
    X, y = diabetes
    both = np.stack([y + 1000, y / 1000], 1)
    model = estimator("xgboost", "Regressor", "mae").fit(X, both)
    assert model.start_ == pytest.approx([1140, 0.14])
    error = abs(model.predict(X) - both).mean(0)
    assert error[0] < 30 and error[1] < 0.03


@each_library
def test_weights(library, diabetes, cancer):
    """A weight is so many rows; a row of weight 0 moves neither the start nor a leaf."""
    X, y = diabetes
    w = np.random.default_rng(0).integers(0, 3, len(y)).astype("f8")
    few = {"min_child_samples": 1} if library == "lightgbm" else {}
    one = estimator(library, "Regressor", "huber", {"delta": 20.0}, **few).fit(X, y, sample_weight=w)
    assert one.start_ == fl.huber.intercept(y, w, delta=20.0) != fl.huber.intercept(y, delta=20.0)
    other = y.copy()
    other[w == 0] = 1e5
    again = base.clone(one).fit(X, other, sample_weight=w)
    np.testing.assert_allclose(again.predict(X), one.predict(X), rtol=1e-6)
    X, y = cancer
    w = np.where(y == "benign", 0.05, 1.0)
    light = estimator(library, "Classifier").fit(X, y, sample_weight=w)
    assert light.start_ == pytest.approx(np.log(w[y != "benign"].sum() / w[y == "benign"].sum()))
    if library == "lightgbm":
        by_class = estimator(library, "Classifier", class_weight={"benign": 0.05}).fit(X, y)
        assert by_class.start_ == pytest.approx(light.start_)
        np.testing.assert_allclose(by_class.predict_proba(X), light.predict_proba(X), rtol=1e-5)


@each_library
@pytest.mark.parametrize("loss", [None, "cross_entropy", "binary_focal", "hinge"])
def test_one_class_alone_and_rows_too_few_to_split(library, loss, iris):
    X = iris[0]
    model = estimator(library, "Classifier", loss).fit(X[:6], ["a"] * 6)
    assert (model.predict(X) == "a").all()
    model = estimator(library, "Classifier", loss).fit(X[:7], list("abababa"))
    assert np.isfinite(model.decision_function(X)).all() and set(model.predict(X)) <= {"a", "b"}
    for loss in ("poisson", "mae"):
        model = estimator(library, "Regressor", loss).fit(X[:6], np.zeros(6))
        assert abs(model.predict(X)).max() < 1e-6


@each_library
def test_two_columns_of_scores_are_one_decision_for_scikit_learn(library, cancer, iris):
    calibration, ensemble, multiclass = (
        pytest.importorskip(f"sklearn.{name}") for name in ("calibration", "ensemble", "multiclass")
    )
    model = estimator(library, "Classifier", "focal")
    assert selection.cross_val_score(model, *cancer, cv=3, scoring="roc_auc").min() > 0.95
    assert calibration.CalibratedClassifierCV(model, cv=2).fit(*cancer).score(*cancer) > 0.95
    assert multiclass.OneVsRestClassifier(model).fit(*iris).score(*iris) > 0.95
    hinge = estimator(library, "Classifier", "hinge")
    assert not hasattr(hinge, "predict_proba") and hasattr(estimator(library, "Classifier"), "predict_proba")
    both = [("hinge", hinge), ("log", estimator(library, "Classifier"))]
    assert ensemble.StackingClassifier(both, cv=2).fit(*cancer).score(*cancer) > 0.95


@each_library
def test_a_loss_whose_best_constant_has_no_gradient_starts_elsewhere(library, iris, cancer):
    for data in (iris, cancer):
        q = {"q": 1.0}
        model = estimator(library, "Classifier", "generalized_cross_entropy", q, hessian=1.0, n_estimators=60)
        assert model.fit(*data).score(*data) > 0.9


@each_library
def test_the_start_knows_all_parameters_of_the_loss(library, iris):
    X, y = iris[0], (np.arange(150) < 140).astype(int)
    for own in ({"softcap": 5.0}, {"softcap": 5.0, "logit_scale": 2.0}, {"z_loss": 0.1}, {"n_threads": 1}):
        model = estimator(library, "Classifier", "cross_entropy", own, n_estimators=1, learning_rate=1e-9)
        p = model.fit(X, y).predict_proba(X[:1])
        np.testing.assert_allclose(p, [[10 / 150, 140 / 150]], rtol=1e-5)
    X, y = datasets.load_diabetes(return_X_y=True)
    model = estimator(library, "Regressor", "huber", {"delta": 3.0, "n_threads": 1}).fit(X, y)
    assert model.start_ == fl.huber.intercept(y, delta=3.0)
    one = estimator(library, "Regressor", "quantile", {"q": [0.7]}).fit(X, y)
    np.testing.assert_array_equal(
        one.predict(X), estimator(library, "Regressor", "quantile", {"q": 0.7}).fit(X, y).predict(X)
    )
    with pytest.raises(ValueError, match="q is empty"):
        estimator(library, "Regressor", "quantile", {"q": []}).fit(X, y)


@each_library
def test_what_is_set_after_a_fit_changes_no_model(library, cancer, iris):
    X, y = cancer
    model = estimator(library, "Classifier", "focal").fit(X, y)
    p, raw = model.predict_proba(X), raw_of(library, model, X)
    model.set_params(loss="binary_focal", loss_params={"gamma": 1.0})
    np.testing.assert_array_equal(model.predict_proba(X), p)
    with pytest.raises(ValueError, match="is of two classes"):
        model.fit(*iris)
    assert model.classes_.tolist() == ["benign", "malignant"]
    np.testing.assert_array_equal(model.predict_proba(X), p)
    np.testing.assert_array_equal(raw_of(library, model, X), raw)
    model.set_params(loss=None, loss_params=None).fit(*iris)
    assert model.predict_proba(iris[0]).shape == (150, 3) and model.score(*iris) > 0.95


@each_library
def test_the_signatures_are_the_librarys(library, iris):
    """By position too, and for the routing of metadata."""
    X, y = iris
    both = ["fit", "predict"]
    for kind, methods in (("Classifier", [*both, "predict_proba"]), ("Regressor", both)):
        for method in methods:
            made = [getattr(make(library, kind), method) for make in (estimator, theirs)]
            ours, own = (list(inspect.signature(each).parameters) for each in made)
            assert ours == own, method
    model = estimator(library, "Classifier").fit(X, y)
    if library == "lightgbm":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # eval_set is deprecated
            again = estimator(library, "Classifier").fit(X, y, None, None, [(X[:50], y[:50])])
        assert list(again.evals_result_["valid_0"]) == ["cross_entropy"]
        raw = model.predict(X, raw_score=True)
        np.testing.assert_array_equal(model.predict_proba(X, True), raw)
        assert model.predict_proba(X, pred_leaf=True).dtype == np.int32
        assert model.predict_proba(X, pred_contrib=True).shape == (150, 15)
        with pytest.raises(TypeError, match="eval_metric = 7 must be a function, a name"):
            model.fit(X, y, eval_metric=7)
    else:
        np.testing.assert_array_equal(model.predict_proba(X, False), model.predict_proba(X))
        with pytest.raises(TypeError, match="positional"):
            model.predict(X, True)


def test_weights_of_classes_by_any_way_of_lightgbm(iris):
    X, y = iris
    for weight in ("balanced", {"setosa": 5.0, "versicolor": 1.0, "virginica": 0.1}):
        made = estimator("lightgbm", "Classifier", class_weight=weight).fit(X, y)
        later = estimator("lightgbm", "Classifier").set_params(class_weight=weight)
        for other in (later, base.clone(later)):
            np.testing.assert_array_equal(other.fit(X, y).predict_proba(X), made.predict_proba(X))
            assert other.get_params()["class_weight"] == weight


def test_the_training_rows_among_the_evaluation_sets(diabetes):
    X, y = diabetes
    w = np.linspace(0.1, 3, len(y))
    for target in (y, y.tolist(), y.astype("f4")):
        model = estimator("lightgbm", "Regressor", "mae")
        model.fit(X, target, sample_weight=w, eval_X=X, eval_y=target)
        history = model.evals_result_["training"]["mae"]
        assert history[-1] == pytest.approx(fl.mae(model.predict(X), y, sample_weight=w), rel=1e-5)


def test_threads_of_the_objective():
    asked = [("n_jobs", 2, 2), ("n_jobs", -1, None), ("num_threads", 3, 3), ("n_jobs", None, None)]
    for name, n, want in asked:
        model = estimator("lightgbm", "Regressor", **{name: n})
        model.fit(np.arange(100.0)[:, None], np.arange(100.0))
        assert model.objective_.n_threads == want


@each_library
def test_labels_of_any_kind(library, iris):
    X, y = iris
    code = np.unique(y, return_inverse=True)[1]
    as_objects = [code.astype(object), y.astype(object)]
    for labels in (y.tolist(), code - 1, code + 0.0, code == 1, code[:, None], *as_objects):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the column
            model = estimator(library, "Classifier").fit(X, labels)
        flat = np.asarray(labels).reshape(-1)
        assert (model.predict(X) == flat).mean() > 0.95
        assert model.predict_proba(X).shape == (150, len(set(flat.tolist())))
    one = estimator(library, "Classifier").fit(X, ["a"] * 150)
    assert one.predict_proba(X).shape == (150, 1) and one.predict_proba(X).min() > 0.99


# --- evaluation and early stopping ----------------------------------------------------------------------


def halves(X, y):
    at = np.random.default_rng(3).permutation(len(y)) < len(y) // 2
    return X[at], y[at], X[~at], y[~at]


def stopped(library, model, X, y, other, truth, eval_metric=None):
    """Fitted with early stopping after five rounds: the history of each metric, and the best round."""
    if library == "xgboost":
        model.set_params(early_stopping_rounds=5, eval_metric=eval_metric)
        model.fit(X, y, eval_set=[(other, truth)], verbose=False)
        return model.evals_result()["validation_0"], model.best_iteration
    stop = sys.modules[library].early_stopping(5, verbose=False)
    model.fit(X, y, eval_X=other, eval_y=truth, eval_metric=eval_metric, callbacks=[stop])
    return model.evals_result_["valid_0"], model.best_iteration_ - 1


@each_library
@pytest.mark.parametrize("kind, loss, data", [
    ("Regressor", "mae", "diabetes"), ("Regressor", "poisson", "diabetes"),
    ("Classifier", "binary_focal", "cancer"), ("Classifier", "focal", "iris"),
])  # fmt: skip
def test_the_loss_itself_stops_early(library, kind, loss, data, request):
    X, y, other, truth = halves(*request.getfixturevalue(data))
    model = estimator(library, kind, loss, n_estimators=400, learning_rate=0.3)
    history, best = stopped(library, model, X, y, other, truth)
    assert list(history) == [loss] and best == np.argmin(history[loss])
    assert len(history[loss]) < 400
    code = np.unique(truth, return_inverse=True)[1] if kind == "Classifier" else truth
    raw = raw_of(library, model, other)
    assert fl.losses[loss](raw, code) == pytest.approx(min(history[loss]), rel=1e-4)


@each_library
def test_accuracy_stops_early_in_the_right_direction(library, iris):
    X, y, other, truth = halves(*iris)
    model = estimator(library, "Classifier", "focal", n_estimators=300, learning_rate=0.02)
    history, best = stopped(library, model, X, y, other, truth, METRICS[library]("accuracy"))
    ((name, values),) = history.items()
    rises = [1 - v for v in values] if library == "xgboost" else values
    assert name == ("1-accuracy" if library == "xgboost" else "accuracy")
    assert best == np.argmax(rises) and max(rises) == pytest.approx(model.score(other, truth))
    assert max(rises) > 0.85
    assert len(values) == best + 6 or len(values) == 300


def test_accuracy_in_xgboosts_own_estimator(iris):
    """It minimises, and calls its metrics by `__name__`."""
    xgboost = pytest.importorskip("xgboost", reason="xgboost is optional")
    X, y, other, truth = halves(iris[0], np.unique(iris[1], return_inverse=True)[1])
    for metric, name in (
        (xgboost_metric("accuracy"), "1-accuracy"),
        (xgboost_metric("top_k_accuracy", k=1, name="top"), "1-top"),
    ):
        model = xgboost.XGBClassifier(n_estimators=30, n_jobs=1, early_stopping_rounds=4, eval_metric=metric)
        model.fit(X, y, eval_set=[(other, truth)], verbose=False)
        values = model.evals_result()["validation_0"][name]
        assert model.best_iteration == np.argmin(values)
        assert 1 - min(values) == pytest.approx(model.score(other, truth))
    table = xgboost.cv({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(X, y), 3,
                       custom_metric=xgboost_metric("accuracy"))  # fmt: skip
    assert table["test-accuracy-mean"].iloc[-1] > 0.85


@each_library
def test_metrics_of_the_library_where_they_see_what_they_measure(library, diabetes, cancer):
    mean = {"xgboost": "mae", "lightgbm": "l1"}[library]
    X, y, other, truth = halves(*diabetes)
    model = estimator(library, "Regressor", "huber", {"delta": 20.0})
    history, _ = stopped(library, model, X, y, other, truth, [mean])
    assert min(history[mean]) == pytest.approx(abs(model.predict(other) - truth).mean(), rel=1e-5)
    X, y, other, truth = halves(*cancer)
    model = estimator(library, "Classifier", "binary_focal")
    history, _ = stopped(library, model, X, y, other, truth, "auc")
    area = pytest.importorskip("sklearn.metrics").roc_auc_score(truth, model.decision_function(other))
    assert list(history) == ["auc"] and max(history["auc"]) == pytest.approx(area, abs=1e-6)
    for kind, loss, metric, data in (
        ("Regressor", "poisson", mean, diabetes),
        ("Classifier", "binary_focal", "logloss", cancer),
        ("Classifier", "hinge", "error", cancer),
        ("Classifier", "focal", "auc", cancer),
    ):
        X, y, other, truth = halves(*data)
        with pytest.raises(ValueError, match=f"eval_metric = '{metric}' would be computed from raw scores"):
            stopped(library, estimator(library, kind, loss), X, y, other, truth, metric)
    if library == "lightgbm":
        estimator(library, "Regressor", "gamma", metric="None").fit(*diabetes)
        model = estimator(library, "Classifier", metric="auc,average_precision")
        assert len(stopped(library, model, *halves(*cancer))[0]) == 2
        model = estimator(library, "Regressor", "mae", metric="l2")
        X, y, other, truth = halves(*diabetes)
        assert list(stopped(library, model, X, y, other, truth)[0]) == ["l2"]
        with pytest.raises(ValueError, match="'l2' would be computed from raw scores"):
            estimator(library, "Regressor", "gamma", metric="l2").fit(X, y)
        for sets in ([(other, truth)], (other, truth)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # LightGBM 4.7 prefers eval_X and eval_y
                model = estimator(library, "Regressor", "mae").fit(X, y, eval_set=sets)
            want = fl.mae(model.predict(other), truth)
            assert model.evals_result_["valid_0"]["mae"][-1] == pytest.approx(want, rel=1e-6)


# --- what goes in ---------------------------------------------------------------------------------------

WRONG = [
    ("Regressor", {"loss": "cross_entropy"}, ValueError, "'cross_entropy' is of class scores: .* classifier"),
    ("Regressor", {"loss": "log_loss"}, ValueError, "take 'cross_entropy'"),
    ("Regressor", {"loss": "squares"}, ValueError, "loss = 'squares' is not one of"),
    ("Regressor", {"loss": fl.accuracy}, TypeError, "must be a loss of fastloss or its name"),
    ("Regressor", {"loss": "huber", "loss_params": {"delta": -1}}, ValueError, "delta = -1"),
    ("Regressor", {"loss": "huber", "loss_params": {"beta": 1}}, TypeError, "beta"),
    ("Regressor", {"loss": "huber", "loss_params": [1]}, TypeError, r"loss_params = \[1\] must be a dict"),
    ("Regressor", {"loss": "huber", "hessian": "upper"}, ValueError, "hessian = 'upper'"),
    ("Regressor", {"loss": "huber", "min_hessian": 0}, ValueError, "min_hessian = 0"),
    ("Classifier", {"loss": "mae"}, ValueError, "'mae' is of numbers, not of classes: .* regressor"),
    ("Classifier", {"loss": "hinge"}, ValueError, "'hinge' is of two classes, and y has 3"),
    ("Classifier", {"loss": "js_div_with_logits"}, ValueError, "'js_div_with_logits' compares distributions"),
    ("Classifier", {"scale_pos_weight": 2.0}, ValueError, "scale_pos_weight = 2.0 is for the library's own"),
]


@each_library
@pytest.mark.parametrize("kind, params, error, message", WRONG)
def test_what_is_wrong_is_said_when_it_is_fitted(library, kind, params, error, message, iris):
    X, y = iris
    y = y if kind == "Classifier" else np.arange(len(y), dtype=float)
    model = estimator(library, kind, **params)
    with pytest.raises(error, match=message):
        model.fit(X, y)


@each_library
def test_wrong_targets(library, diabetes, iris):
    X, y = diabetes
    for at, bad in ((3, np.nan), (7, np.inf)):
        wrong = y.copy()
        wrong[at] = bad
        with pytest.raises(ValueError, match=rf"y\[{at}\] = {bad} must be finite"):
            estimator(library, "Regressor", "half_squared").fit(X, wrong)
    with pytest.raises(ValueError, match=r"label\[0\] = -1.0 must be >= 0 for poisson"):
        estimator(library, "Regressor", "poisson").fit(X, np.where(np.arange(len(y)) == 0, -1, y))
    with pytest.raises(ValueError, match="sample_weight is 0 for every row"):
        estimator(library, "Regressor").fit(X, y, sample_weight=np.zeros(len(y)))
    X, y = iris
    missing = np.array([*y[:-1], None], object)
    with pytest.raises(ValueError, match=r"y\[149\] is missing"):
        estimator(library, "Classifier").fit(X, missing)
    with pytest.raises(ValueError, match=r"y has shape \(150, 2\): a classifier takes one label a row"):
        estimator(library, "Classifier").fit(X, np.stack([y, y], 1))
    if library == "xgboost":
        with pytest.raises(ValueError, match=r"eval_set\[0\]: label 'rose' in row 0 is none of those in y"):
            estimator(library, "Classifier").fit(X, y, eval_set=[(X[:1], ["rose"])])


@each_library
def test_objectives_have_no_place(library):
    for where in ("objective",) if library == "xgboost" else ("objective", "application"):
        with pytest.raises(TypeError, match=f"{where} = 'mae': `loss` takes the place of an objective"):
            estimator(library, "Regressor", **{where: "mae"})
        with pytest.raises(TypeError, match="takes the place of an objective"):
            estimator(library, "Regressor").set_params(**{where: "mae"})


def test_what_lightgbm_could_not_keep(diabetes, cancer):
    with pytest.raises(ValueError, match="linear_tree = True keeps no start"):
        estimator("lightgbm", "Regressor", linear_tree=True).fit(*diabetes)
    X, y = diabetes
    model = estimator("lightgbm", "Regressor", linear_tree=True).fit(X, y, init_score=np.full(len(y), 150.0))
    assert abs(model.predict(X) + 150 - y).mean() < 60
    with pytest.raises(ValueError, match="boosting_type = 'rf': LightGBM grows forests by its own"):
        estimator("lightgbm", "Regressor", boosting_type="rf").fit(*diabetes)
    with pytest.raises(ValueError, match="is_unbalance = True is for the library's own"):
        estimator("lightgbm", "Classifier", is_unbalance=True).fit(*cancer)


@each_library
def test_unfitted(library, iris):
    exceptions = pytest.importorskip("sklearn.exceptions")
    for kind in ("Regressor", "Classifier"):
        with pytest.raises(exceptions.NotFittedError):
            estimator(library, kind).predict(iris[0])
    with pytest.raises(exceptions.NotFittedError):
        estimator(library, "Classifier").predict_proba(iris[0])


def test_a_saved_model_of_xgboost(tmp_path, iris, diabetes, cancer):
    for kind, (X, y) in (("Regressor", diabetes), ("Classifier", iris)):
        loss = "cross_entropy" if kind == "Classifier" else "poisson"
        model = estimator("xgboost", kind, loss).fit(X, y)
        model.save_model(tmp_path / "model.json")
        fitted = estimator("xgboost", kind, loss).fit(*(cancer if kind == "Classifier" else (X, y + 1)))
        for again in (estimator("xgboost", kind, loss), fitted):
            again.load_model(tmp_path / "model.json")
            np.testing.assert_array_equal(again.predict(X), model.predict(X))
            assert kind == "Regressor" or again.classes_.tolist() == model.classes_.tolist()
