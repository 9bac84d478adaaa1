"""P15, a model by default is a model: the bounds that boosting steps by, and what trees make of them."""

import numpy as np
import pytest

import fastloss as fl
from fastloss import boosting
from fastloss.boosting import lightgbm_objective, xgboost_objective
from support.boosted import OBJECTIVES, Dataset, each_library

# --- the bound itself -----------------------------------------------------------------------------------


def of_rate(grad, hess):
    return np.maximum(np.exp(0.7) * hess, abs(grad))


# What the Hessian is before both are scaled: m is the residual, no less than the floor.
BOUNDS = {
    "mae": ({}, lambda x, y, m, f: 1 / m),
    "huber": ({"delta": 0.7}, lambda x, y, m, f: 0.7 / np.maximum(m, 0.7)),
    "smooth_l1": ({"beta": 0.7}, lambda x, y, m, f: 1 / np.maximum(m, 0.7)),
    "pseudo_huber": ({"delta": 0.7}, lambda x, y, m, f: 1 / np.sqrt(1 + (m / 0.7) ** 2)),
    "log_cosh": ({}, lambda x, y, m, f: 1 / np.maximum(m, 1)),
    "quantile": ({"q": 0.2}, lambda x, y, m, f: 0.5 / m),
    "epsilon_insensitive": (
        {"eps": 0.5},
        lambda x, y, m, f: sum(0.5 / np.maximum(abs(abs(x - y) + e), f) for e in (-0.5, 0.5)),
    ),
    "mape": ({}, lambda x, y, m, f: 1 / (abs(y) * m)),
    "squared_epsilon_insensitive": ({"eps": 0.5}, lambda x, y, m, f: np.full_like(x, 2)),
    "msle": ({}, lambda x, y, m, f: 2 * (1 + abs(np.log1p(x) - np.log1p(y))) / (1 + x) ** 2),
    "poisson": ({}, lambda x, y, m, f: of_rate(np.exp(x) - y, np.exp(x))),
    "gamma": ({}, lambda x, y, m, f: of_rate(1 - y * np.exp(-x), y * np.exp(-x))),
    "tweedie": (
        {"power": 1.5},
        lambda x, y, m, f: of_rate(
            np.exp(x / 2) - y * np.exp(-x / 2), (np.exp(x / 2) + y * np.exp(-x / 2)) / 2
        ),
    ),
}
RESIDUAL = [name for name in BOUNDS if fl.losses[name].facts.bound == "residual"]


def drawn(n, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 3, n).astype("f4")
    return scale * rng.uniform(-0.9, 3, n), scale * rng.uniform(0.01, 3, n), weight


def test_every_bound_is_looked_at():
    assert set(BOUNDS) == {name for name, loss in fl.losses.items() if loss.facts.bound}


@each_library
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("n", [1, 15, 17, 1100])
@pytest.mark.parametrize("name", BOUNDS)
def test_the_default_is_the_bound_scaled_with_the_gradient(name, n, scale, weighted, library):
    own, bound = BOUNDS[name]
    scale = scale if name in RESIDUAL else 1.0
    x, y, weight = drawn(n, scale=scale)
    x = x.astype("f4").astype("f8")
    weight = np.maximum(weight, np.arange(n) == 0).astype("f4") if weighted else np.ones(n, "f4")
    floor = 0.3 * np.median(abs(x - y)[weight > 0])
    hess = bound(x, y, np.maximum(abs(x - y), floor), floor) * weight
    grad = fl.losses[name].grad(x, y, reduction="sum", sample_weight=weight, **own)
    mean = min(1, hess.sum() / weight.sum())
    scores = x.astype("f4") if library == "xgboost" else x
    with np.errstate(all="raise"):
        got = OBJECTIVES[library](name, **own)(y, scores, weight if weighted else None)
    np.testing.assert_allclose(got[0], grad / mean, rtol=3e-5, atol=1e-5 * abs(grad / mean).max())
    np.testing.assert_allclose(got[1], hess / mean, rtol=3e-5)


@pytest.mark.parametrize("name", [name for name in RESIDUAL if name not in ("mape", "epsilon_insensitive")])
def test_the_parabola_lies_above_the_loss(name):
    """Where the floor is out of the way; so a step by the bound never makes the loss greater."""
    own, bound = BOUNDS[name]
    r = np.concatenate([-np.geomspace(1e-3, 50, 40), np.geomspace(1e-3, 50, 40)])
    zero = np.zeros_like(r)
    value = fl.losses[name](r, zero, reduction="none", **own)
    grad = fl.losses[name].grad(r, zero, reduction="sum", **own)
    hess = bound(r, zero, abs(r), 0.0)
    for to in np.linspace(-60, 60, 241):
        step = to - r
        after = fl.losses[name](zero + to, zero, reduction="none", **own)
        assert (after <= value + grad * step + hess * step**2 / 2 + 1e-9 * (1 + value)).all()


@pytest.mark.parametrize("name", BOUNDS)
def test_any_number_of_threads_gives_the_same_bits(name):
    own, _ = BOUNDS[name]
    x, y, weight = drawn(100_000)
    for w in (None, weight):
        one, *others = [xgboost_objective(name, n_threads=k, **own)(y, x.astype("f4"), w) for k in (1, 2, 3)]
        for other in others:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", RESIDUAL)
def test_residuals_of_zero_and_rows_that_do_not_count(name):
    """Half of the targets are met exactly, or all; a row of weight 0 holds anything."""
    own, _ = BOUNDS[name]
    y = np.array([1.0, 1, 1, 1, 2, 4])
    for target in (y, np.ones(6)):
        scores = np.array([1.0, 1, 1, 1, 1, 1.5])
        grad, hess = lightgbm_objective(name, **own)(target, scores, np.ones(6))
        assert np.isfinite(grad).all() and (hess > 0).all() and np.isfinite(hess).all()
    x = np.array([0.0, 1, 2, 3, 4, np.nan])
    got = lightgbm_objective(name, **own)(y, x, np.array([1, 1, 1, 1, 1, 0.0]))
    want = lightgbm_objective(name, **own)(y[:5], x[:5], None)
    np.testing.assert_array_equal([got[0][:5], got[1][:5]], want)
    assert got[0][5] == got[1][5] == 0


# --- what goes in ---------------------------------------------------------------------------------------


@each_library
@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_a_negative_count_is_named(name, library):
    objective, y = OBJECTIVES[library](name), np.array([1.0, 0, -2, 3])
    with pytest.raises(ValueError, match=rf"label\[2\] = -2.0 must be >= 0 for {name}"):
        objective(np.array([0.1, 0.2, 0.3, 0.4]), Dataset(y))
    objective(y, np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 1, 0, 1]))  # of weight 0: does not count
    two = np.stack([y, np.abs(y)], 1)
    objective(two, np.full((4, 2), [[0.1, 0.2]]), np.array([1.0, 1, 0, 1]))
    with pytest.raises(ValueError, match="must be >= 0"):
        objective(np.append(y, np.nan), np.arange(5.0))


@each_library
def test_outputs_of_different_scales_are_models_of_their_own(library):
    """Several labels a row, as XGBoost's models of several outputs have them."""
    rng = np.random.default_rng(0)
    scores, y = rng.normal(size=(200, 3)), rng.normal(size=(200, 3)) * [1, 1e6, 1e-3]
    weight = rng.integers(0, 3, 200).astype("f4")
    scores = scores.astype("f4") if library == "xgboost" else np.asfortranarray(scores)
    objective = OBJECTIVES[library]("mae")
    for w in (None, weight):
        whole = objective(y, scores, w)
        for column in range(3):
            alone = objective(y[:, column].copy(), scores[:, column].copy(), w)
            np.testing.assert_array_equal([part[:, column] for part in whole], alone)


@each_library
def test_a_floor_of_the_callers_own_is_that_of_the_result(library):
    rng = np.random.default_rng(0)
    y, weight = rng.normal(size=300) * 1e5, rng.integers(0, 3, 300).astype("f4")
    objective, raised = (OBJECTIVES[library]("mae", min_hessian=m) for m in (1e-16, 0.5))
    hess, want = (o(y, y[::-1].copy(), weight)[1] for o in (raised, objective))
    np.testing.assert_array_equal(hess, np.maximum(want, 0.5 * weight))


def test_a_step_of_msle_stays_above_minus_one():
    x = np.array([1000.0, 50.0, 3.0, 0.5])
    grad, hess = lightgbm_objective("msle")(np.ones(4), x)
    assert (x - grad / hess > -1).all()


def test_a_rate_of_no_events_is_not_left_at_once():
    x, y = np.array([0.5, 2.0, 3.0, 0.1]), np.array([0.0, 1.0, 4.0, 2.0])
    grad, hess = lightgbm_objective("poisson", log_input=False)(y, x)
    assert (x - grad / hess >= -1e-6).all()


@each_library
def test_several_quantiles_of_one_label_a_row(library):
    rng = np.random.default_rng(0)
    scores, y, q = rng.normal(size=(50, 3)), rng.normal(size=50), np.array([0.1, 0.5, 0.9])
    scores = scores.astype("f4") if library == "xgboost" else np.asfortranarray(scores)
    objective = OBJECTIVES[library]("quantile", q=q, hessian="exact")
    for given in (y, y[:, None]):
        grad, hess = objective(given, scores)
        want = fl.quantile.grad(scores, np.repeat(y[:, None], 3, 1), q=q, reduction="sum")
        np.testing.assert_allclose(grad, want, rtol=1e-6)
    grad, hess = OBJECTIVES[library]("quantile", q=q)(scores, Dataset(y))
    assert grad.shape == hess.shape == (50, 3) and (hess > 0).all()
    with pytest.raises(ValueError, match="target has shape"):
        OBJECTIVES[library]("quantile", q=q[:2])(y, scores)


@each_library
def test_a_start_far_from_the_targets_is_said(library, recwarn):
    y = np.array([5.0, 6, 7, 9])
    where = {"xgboost": "base_score or base_margin", "lightgbm": "init_score"}[library]
    for name, label, sign in (("mae", y, "<= 0"), ("poisson", y, "<= 0"), ("mae", -y, ">= 0")):
        best = f"{fl.losses[name].intercept(label):g}"
        message = f"{name}: all scores are 0.5, .* gradient is {sign}.*{name}.intercept.*{best}.*{where}"
        with pytest.warns(RuntimeWarning, match=message):
            OBJECTIVES[library](name)(label, np.full(4, 0.5))
    for start in (0.5, 6.5):
        with pytest.warns(RuntimeWarning, match=r"every gradient is 0: no tree .*forgives \(eps\)"):
            OBJECTIVES[library]("epsilon_insensitive", eps=100)(y, np.full(4, start))
    recwarn.clear()
    OBJECTIVES[library]("mae")(y, np.full(4, fl.mae.intercept(y)))
    OBJECTIVES[library]("mae")(y, np.array([0.5, 0.5, 0.5, 0.6]))  # a later round
    OBJECTIVES[library]("half_squared")(y, np.full(4, 0.5))
    OBJECTIVES[library]("mae")(np.array([1.0, 1, 1, 7]), np.ones(4))  # the median is the least of them
    assert not recwarn.list


# --- models ---------------------------------------------------------------------------------------------

ROUNDS = 100
REGRESSION = {
    "mae": {}, "huber": {}, "smooth_l1": {}, "pseudo_huber": {}, "log_cosh": {}, "quantile": {"q": 0.5},
    "half_squared": {}, "expectile": {"tau": 0.5}, "epsilon_insensitive": {"eps": 0.0},
}  # fmt: skip
TARGETS = {
    "friedman1": lambda y: y,
    "times 1e4": lambda y: y * 1e4,
    "minus 300": lambda y: y - 300,
    "over 1e3": lambda y: y / 1e3,
}


def problem(which):
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is optional")
    if which == "diabetes":
        X, y = datasets.load_diabetes(return_X_y=True)
    else:
        X, y = datasets.make_friedman1(2000, noise=1.0, random_state=0)
        y = TARGETS[which](y)
    test = np.random.default_rng(1).permutation(len(y)) < len(y) // 4
    return X[~test], X[test], y[~test], y[test]


def predicted(library, loss, parameters, X, other, y):
    """Of an estimator with default parameters."""
    pytest.importorskip(library, reason=f"{library} is optional")
    kind, quiet = ("LGBM", {"verbose": -1}) if library == "lightgbm" else ("XGB", {})
    model = getattr(boosting, kind + "Regressor")(loss=loss, loss_params=parameters, n_jobs=1, **quiet)
    return model.fit(X, y).predict(other).astype("f8")


def built_in(library, name, X, other, y):
    module = pytest.importorskip(library, reason=f"{library} is optional")
    if library == "lightgbm":
        params = {"objective": name, "verbose": -1, "num_threads": 1}
        return module.train(params, module.Dataset(X, y), ROUNDS).predict(other)
    params = {"objective": name, "nthread": 1}
    return module.train(params, module.DMatrix(X, y), ROUNDS).predict(module.DMatrix(other)).astype("f8")


@pytest.mark.slow
@each_library
@pytest.mark.parametrize("which", [*TARGETS, "diabetes"])
def test_any_offset_and_scale_of_the_target(which, library):
    """Within 1.3 x of the absolute error of LightGBM's own objective for it, unseen data."""
    X, other, y, truth = problem(which)
    own = abs(built_in("lightgbm", "regression_l1", X, other, y) - truth).mean()
    errors = {}
    for name, given in REGRESSION.items():
        if library == "xgboost" and name == "half_squared" and which == "over 1e3":
            continue  # where reg:squarederror itself stops splitting
        errors[name] = abs(predicted(library, name, given, X, other, y) - truth).mean() / own
    assert max(errors.values()) <= 1.3, errors


COUNTS = {
    "poisson": ({"lightgbm": "poisson", "xgboost": "count:poisson"}, 1.0),
    "gamma": ({"lightgbm": "gamma", "xgboost": "reg:gamma"}, 2.0),
    "tweedie": ({"lightgbm": "tweedie", "xgboost": "reg:tweedie"}, 1.5),
}


@pytest.mark.slow
@each_library
@pytest.mark.parametrize("mean", [0.05, 3, 200, 1e5])
@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_amounts_of_any_mean(name, mean, library):
    """Deviance within 1.3 x of that of the built-in objective."""
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is optional")
    X, other, y, truth = problem("friedman1")
    rng = np.random.default_rng(2)

    def amounts(y):
        rate = mean * np.exp((y - 14) / 7)
        if name == "poisson":
            return rng.poisson(rate).astype("f8")
        return rate * rng.gamma(2, 0.5, len(rate)) * (rng.random(len(rate)) < 0.8 if name == "tweedie" else 1)

    y, truth = amounts(y), amounts(truth)
    theirs, power = COUNTS[name]
    ours = predicted(library, name, None, X, other, y)
    own = built_in(library, theirs[library], X, other, y)
    deviance = [metrics.mean_tweedie_deviance(truth, p, power=power) for p in (ours, own)]
    assert deviance[0] <= 1.3 * deviance[1], deviance
