"""`intercept`: no constant has a smaller mean. `inverse_link`: what a raw score means."""

import inspect
import math

import numpy as np
import pytest

import fastloss as fl

EACH = object()  # stands for one number an element
SIGNS = ("hinge", "squared_hinge", "perceptron", "soft_margin", "modified_huber", "exponential")
UNIT = ("binary_cross_entropy_with_logits", "binary_cross_entropy", "binary_focal")
RATES = ("msle", "mape", "poisson", "gamma", "tweedie")
OPTIONS = {
    "huber": [{}, dict(delta=0.01), dict(delta=100)],
    "smooth_l1": [{}, dict(beta=0), dict(beta=0.3)],
    "pseudo_huber": [{}, dict(delta=0.1)],
    "quantile": [{}, dict(q=0.9), dict(q=EACH)],
    "expectile": [{}, dict(tau=0.05)],
    "epsilon_insensitive": [{}, dict(eps=2.0), dict(eps=200)],
    "squared_epsilon_insensitive": [{}, dict(eps=3.0), dict(eps=0)],
    "poisson": [{}, dict(log_input=False)],
    "tweedie": [{}, dict(power=1.9)],
    "gaussian_nll": [dict(var=0.5), dict(var=EACH)],
    "binary_cross_entropy_with_logits": [
        {},
        dict(pos_weight=3.0, label_smoothing=0.25),
        dict(pos_weight=EACH),
    ],
    "binary_cross_entropy": [{}, dict(eps=0), dict(eps=0.4)],
    "binary_focal": [{}, dict(gamma=0), dict(gamma=0.3, alpha=0.25), dict(gamma=8)],
    **{name: [{}, dict(labels="01")] for name in SIGNS},
    "cross_entropy": [{}, dict(class_weight=[1.0, 2.0, 0.5, 3.0]), dict(label_smoothing=0.25, logit_scale=2)],
    "focal": [{}, dict(gamma=0.5), dict(gamma=5, class_weight=[1.0, 2.0, 0.5, 3.0])],
    "poly_cross_entropy": [{}, dict(epsilon=-1), dict(epsilon=4)],
    "generalized_cross_entropy": [{}, dict(q=0.3)],
    "kl_div_with_logits": [{}, dict(temperature=2.0)],
    "js_div_with_logits": [{}, dict(beta=0.9)],
    "multi_margin": [{}, dict(p=2, margin=0.5)],
}
SOFT = ("kl_div", "kl_div_with_logits", "js_div_with_logits")
LOG_PROBABILITIES = ("nll", "kl_div")
PROBABILITIES = ("log_loss", "brier_from_probabilities")
CLASSES = 4

elementwise = [name for name, loss in fl.losses.items() if not loss._rowwise]
rowwise = [name for name, loss in fl.losses.items() if loss._rowwise and loss._intercept is not None]
each_elementwise = pytest.mark.parametrize("name", elementwise)


def cases(names):
    return pytest.mark.parametrize(
        "name, options",
        [
            pytest.param(n, o, id=f"{n}-{','.join(o) or 'default'}-{i}")
            for n in names
            for i, o in enumerate(OPTIONS.get(n, [{}]))
        ],
    )


def targets(rng, name, n, labels="pm1"):
    if name in SIGNS:
        return rng.permutation(np.arange(n) % 3 > 0) * 2 - 1 if labels == "pm1" else np.arange(n) % 3 > 0
    if name in UNIT:
        return np.round(rng.random(n), 2)
    return rng.gamma(1.0, 3.0, n) + 0.1 if name in RATES else 3 * rng.standard_normal(n)


def filled(rng, options, n):
    return {key: rng.uniform(0.1, 0.9, n) if value is EACH else value for key, value in options.items()}


def constants(name, options, c):
    """Steps from c of all sizes, and a wide grid; where the loss is defined."""
    steps = 2.0 ** np.arange(-16, 7)
    around = np.concatenate([c - steps, c + steps, np.linspace(-40, 40, 321)])
    if name == "binary_cross_entropy":
        return around[(around > 0) & (around < 1)]
    if name == "msle" or not options.get("log_input", True):
        return around[around > 0]
    return around


# The log odds of a share of 1e-15, beyond which no intercept of classes lies.
EDGE = math.log((1 - 1e-15) / 1e-15)

# --- elementwise losses -----------------------------------------------------------------------------


@cases(elementwise)
@pytest.mark.parametrize("weights", ["none", "some", "zeros"])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_no_other_constant_has_a_smaller_mean(name, options, weights, n):
    rng = np.random.default_rng(n)
    loss, y, own = fl.losses[name], targets(rng, name, n, **labels_of(options)), filled(rng, options, n)
    w = {"none": None, "some": rng.random(n) + 0.1, "zeros": np.arange(n, 0, -1) // 2 + 1 - np.arange(n) % 2}
    c = loss.intercept(y, w[weights], **own)
    assert type(c) is float and not math.isnan(c)
    least = loss(np.full(n, c), y, sample_weight=w[weights], **own)
    # Of one class alone the exponential of half the log odds is left.
    edge = math.sqrt(1e-15) * (1 + 1e-7) if name == "exponential" and abs(c) > 17 else 0.0
    for other in constants(name, options, c):
        value = loss(np.full(n, other), y, sample_weight=w[weights], **own)
        assert least <= value + edge + 4e-15 * (1 + abs(value)), (c, other)


def labels_of(options):
    return {"labels": options["labels"]} if "labels" in options else {}


@cases(elementwise)
def test_a_weight_is_so_many_elements(name, options):
    rng = np.random.default_rng(1)
    y, own, w = targets(rng, name, 12, **labels_of(options)), filled(rng, options, 12), np.arange(12) % 5
    many = {key: np.repeat(value, w) if np.ndim(value) else value for key, value in own.items()}
    got, want = fl.losses[name].intercept(y, w, **own), fl.losses[name].intercept(np.repeat(y, w), **many)
    assert got == pytest.approx(want, rel=1e-7, abs=1e-9)
    half = fl.losses[name].intercept(y, w / 2, **own)
    assert half == pytest.approx(got, rel=1e-7, abs=1e-9)


@cases(elementwise)
def test_an_element_of_weight_zero_counts_for_nothing(name, options):
    rng = np.random.default_rng(2)
    y, own = targets(rng, name, 10, **labels_of(options)), filled(rng, options, 10)
    w = np.where(np.arange(10) < 6, 1.0 + np.arange(10), 0.0)
    few = {key: value[:6] if np.ndim(value) else value for key, value in own.items()}
    want = fl.losses[name].intercept(y[:6], w[:6], **few)
    assert fl.losses[name].intercept(y, w, **own) == want
    if name not in SIGNS:
        y[6:] = np.nan if name in UNIT else [np.nan, np.inf, -np.inf, 1e300]
        assert fl.losses[name].intercept(y, w, **own) == want


@each_elementwise
def test_weights_of_leading_axes_and_targets_of_any_shape(name):
    rng = np.random.default_rng(3)
    loss, y = fl.losses[name], targets(rng, name, 12).reshape(4, 3)
    own = dict(var=[0.5, 1.0, 2.0]) if name == "gaussian_nll" else {}
    w = np.array([1.0, 0.0, 2.0, 0.5])
    want = loss.intercept(y.ravel(), np.repeat(w, 3), **{k: np.tile(v, 4) for k, v in own.items()})
    assert loss.intercept(y, w, **own) == want
    assert loss.intercept(y.T.copy().T, w, **own) == want
    assert loss.intercept(y.tolist(), w.tolist(), **own) == want


@each_elementwise
def test_intercept_of_nothing_is_nan_with_a_warning(name):
    own = dict(var=1.0) if name == "gaussian_nll" else {}
    for y, w in (([], None), (np.zeros((0, 3)), None), ([1, 1], [0, 0])):
        with pytest.warns(RuntimeWarning, match="mean of nothing"):
            assert math.isnan(fl.losses[name].intercept(y, w, **own))


LABELLED = [n for n, f in fl.losses.items() if "ignore_index" in inspect.signature(f).parameters]


@pytest.mark.parametrize("name", [n for n in LABELLED if fl.losses[n]._intercept])
def test_intercept_of_no_class_is_empty_with_a_warning(name):
    """Nothing says how many classes there are; with n_classes there is a NaN for each."""
    for y, w in (([], None), ([-100, -100], None), ([-100], [1.0])):
        y = np.array(y, int)
        with pytest.warns(RuntimeWarning, match="mean of nothing"):
            assert fl.losses[name].intercept(y, w).shape == (0,)
        with pytest.warns(RuntimeWarning, match="mean of nothing"):
            nothing = fl.losses[name].intercept(y, w, n_classes=3)
        assert nothing.shape == (3,) and np.isnan(nothing).all()


@pytest.mark.parametrize("name", [name for name in elementwise if name not in SIGNS])
def test_a_nan_that_counts_makes_the_intercept_nan(name):
    own = dict(var=1.0) if name == "gaussian_nll" else {}
    assert math.isnan(fl.losses[name].intercept([1.0, np.nan, 0.0], **own))


@each_elementwise
def test_what_the_loss_refuses_the_intercept_refuses_in_the_same_words(name):
    loss, own = fl.losses[name], dict(var=1.0) if name == "gaussian_nll" else {}
    calls = [
        (["a", "b"], {}),
        (np.ma.array([1.0, 1.0]), {}),
        ([1, 1], dict(sample_weight=[1.0, -1.0])),
        ([1, 1], dict(sample_weight=[1.0, np.nan])),
        ([1, 1], dict(sample_weight=[1.0, 1.0, 1.0])),
        ([1, 1], dict(lables="01")),
    ]
    calls += [([1, bad], {}) for bad in (2, 0.5, np.nan) if name in SIGNS]
    calls += [([1, 0], {}), ([1, -1], dict(labels="01"))] if name in SIGNS else []
    calls += [([1, bad], {}) for bad in (1.5, -0.25) if name in UNIT]
    calls += [([1, 1], dict(labels="+-"))] if name in SIGNS else []
    for y, call in calls:
        with pytest.raises((TypeError, ValueError)) as by_loss:
            loss(np.zeros(2), y, **own, **call)
        with pytest.raises(by_loss.type) as by_intercept:
            loss.intercept(y, **own, **call)
        assert str(by_intercept.value) == str(by_loss.value)


@each_elementwise
@pytest.mark.parametrize("option", ["reduction", "out", "n_threads", "axis", "normalizer"])
def test_intercept_takes_no_keyword_but_the_losses_own(name, option):
    with pytest.raises(TypeError, match=option):
        fl.losses[name].intercept([1.0], **{option: None})


@pytest.mark.parametrize(
    "name, options, match",
    [
        ("huber", dict(delta=0), "delta"),
        ("smooth_l1", dict(beta=-1), "beta"),
        ("quantile", dict(q=[0.5, 1.0]), r"q\[1\] = 1\.0"),
        ("quantile", dict(q=[0.5, 0.5, 0.5]), r"q has shape \(3,\)"),
        ("expectile", dict(tau=1), "tau"),
        ("tweedie", dict(power=2), "power"),
        ("gaussian_nll", dict(var=[1.0, -1.0]), r"var\[1\] = -1\.0"),
        ("binary_cross_entropy", dict(eps=0.5), "eps"),
        ("binary_cross_entropy_with_logits", dict(pos_weight=[1.0, 0.0]), r"pos_weight\[1\] = 0\.0"),
        ("binary_focal", dict(gamma=-1), "gamma"),
        ("hinge", dict(labels="both"), "labels"),
    ],
)
def test_parameters_out_of_their_domain(name, options, match):
    with pytest.raises(ValueError, match=match):
        fl.losses[name].intercept([1.0, 1.0], **options)


@pytest.mark.parametrize("dtype", ["f4", "f2", "i1", "u8", "?"])
def test_targets_of_any_dtype(dtype):
    y = np.array([0, 1, 1, 1], dtype)
    assert fl.losses["mse"].intercept(y) == 0.75
    assert fl.losses["binary_cross_entropy_with_logits"].intercept(y) == pytest.approx(math.log(3), rel=1e-15)
    assert fl.losses["soft_margin"].intercept(y, labels="01") == pytest.approx(math.log(3), rel=1e-15)
    assert fl.losses["huber"].intercept(y, delta=100) == pytest.approx(0.75, rel=1e-14)


def test_exact_values():
    loss, y = fl.losses, np.array([1.0, 2.0, 4.0, 9.0])
    assert loss["mae"].intercept(y) == 2 and loss["mae"].intercept(y, [1, 1, 1, 5]) == 9
    assert loss["quantile"].intercept(y, q=0.75) == 4 and loss["quantile"].intercept(y, q=0.76) == 9
    assert loss["mape"].intercept(y) == 1  # the weights are 1/y
    assert loss["epsilon_insensitive"].intercept([0.0, 10.0, 10.5, 11.0, 40.0], eps=0) == 10.5
    assert loss["poisson"].intercept(y) == loss["gamma"].intercept(y) == loss["tweedie"].intercept(y)
    assert loss["poisson"].intercept(y) == math.log(4)
    assert loss["gaussian_nll"].intercept([1.0, 4.0], var=[1.0, 2.0]) == 2
    # Symmetric data: the least root above the rounding of its gradient.
    assert abs(loss["log_cosh"].intercept([-3.0, -1.0, 1.0, 3.0])) < 1e-15
    assert loss["huber"].intercept([1.0, 2.0, np.inf]) == 2  # an infinite target pulls with delta
    # Where many are as good, the least between the targets.
    assert loss["epsilon_insensitive"].intercept([3.0, 1.0, 2.0], eps=200) == 1
    for name in ("mse", "expectile", "squared_epsilon_insensitive"):
        assert math.isnan(loss[name].intercept([-np.inf, 0.0, np.inf]))
    one = dict(delta=0.5)
    assert loss["huber"].intercept([1.0, 1.0, 1e6, 1.0], **one) == pytest.approx(1 + 0.5 / 3, rel=1e-15)


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_alone(label):
    """The least loss lies at infinity: the intercept is where the other class has a share of 1e-15."""
    side, y = 2 * label - 1, np.full(3, label)
    for name in ("binary_cross_entropy_with_logits", "binary_focal"):
        assert fl.losses[name].intercept(y) == side * EDGE
        assert fl.losses[name].intercept(np.append(y, 1 - label), [1, 1, 1, 0]) == side * EDGE
    assert fl.losses["soft_margin"].intercept(y, labels="01") == side * EDGE
    assert fl.losses["exponential"].intercept(y, labels="01") == side * EDGE / 2
    for name in ("hinge", "squared_hinge", "modified_huber"):
        assert fl.losses[name].intercept(y, labels="01") == side
    assert fl.losses["binary_cross_entropy"].intercept(y, eps=0.25) == 0.25 + 0.5 * label
    for name in ("poisson", "tweedie"):
        assert fl.losses[name].intercept(0 * y) == math.log(1e-15)
        assert fl.losses[name].intercept(y + 1e-20) == pytest.approx(math.log(label + 1e-20))
    # alpha = 1 leaves the positives alone.
    assert fl.losses["binary_focal"].intercept([0, 1], alpha=1) == EDGE
    assert fl.losses["binary_focal"].intercept([0, 0], alpha=1) == 0


def test_huge_and_tiny_targets_do_not_hang():
    big = np.finfo(float).max
    for name in ("huber", "pseudo_huber", "log_cosh", "expectile", "squared_epsilon_insensitive"):
        with np.errstate(all="raise"):
            assert fl.losses[name].intercept([5e-324, 5e-324]) <= 5e-324
            fl.losses[name].intercept([-big, 0.0, 1.0, big])


# --- losses of class scores -------------------------------------------------------------------------


def some_rows(rng, name):
    if name in SOFT:
        t = rng.random((30, CLASSES)) ** 3
        return t / t.sum(-1, keepdims=True)
    # Two classes as frequent as one another, and ignored rows.
    return rng.permutation(np.repeat([*range(CLASSES), -100], [12, 6, 4, 4, 4]))


def log_softmax(u):
    m = u.max()
    return u - (m + np.log(np.exp(u - m).sum()))


def moved(name, c, step):
    """The constant row a step further, among the rows that the loss takes."""
    if name in LOG_PROBABILITIES:
        return log_softmax(c + step)
    return np.exp(log_softmax(np.log(c) + step)) if name in PROBABILITIES else c + step


@cases(rowwise)
@pytest.mark.parametrize("weighted", [False, True])
def test_no_other_constant_row_has_a_smaller_mean(name, options, weighted):
    rng = np.random.default_rng(4)
    loss, target = fl.losses[name], some_rows(rng, name)
    weight = rng.random(30) + 0.1 if weighted else None
    c = loss.intercept(target, weight, **options)
    assert c.shape == (CLASSES,) and c.dtype == np.float64 and np.isfinite(c).all()

    def mean(row):
        return loss(np.broadcast_to(row, (30, CLASSES)), target, sample_weight=weight, **options)

    least = mean(c)
    for size in 2.0 ** np.arange(-16, 4):
        for step in size * rng.standard_normal((20, CLASSES)):
            value = mean(moved(name, c, step))
            assert least <= value + 1e-14 * (1 + abs(value)), step


@pytest.mark.parametrize("name", rowwise)
def test_rows_are_weighted_repeated_and_left_out(name):
    rng = np.random.default_rng(5)
    loss, target, w = fl.losses[name], some_rows(rng, name), np.arange(30) % 4
    want = loss.intercept(np.repeat(target, w, axis=0))
    assert loss.intercept(target, w) == pytest.approx(want, rel=1e-9, abs=1e-12)
    if name in SOFT:
        target[w == 0] = np.nan
        assert loss.intercept(target, w) == pytest.approx(want, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", rowwise)
def test_intercept_of_no_rows_is_nan_with_a_warning(name):
    target = some_rows(np.random.default_rng(6), name)
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert np.isnan(fl.losses[name].intercept(target, np.zeros(30))).all()


@pytest.mark.parametrize("name", rowwise)
def test_a_class_without_targets_has_a_finite_score(name):
    for target in ([[0.0, 1, 0], [0, 0.5, 0.5]], [[0.0, 1, 0]]) if name in SOFT else ([1, 2], [1, 1]):
        kind = {} if name in SOFT else {"n_classes": 3}
        scores = fl.losses[name].intercept(np.array(target), **kind)
        assert scores.shape == (3,) and np.isfinite(scores).all()
        assert scores[0] == scores.min() and scores[1] == scores.max()


@pytest.mark.parametrize("name", [name for name in rowwise if name not in SOFT])
def test_labels_are_checked(name):
    with pytest.raises(ValueError, match=r"target\[1\] = -3 is out of range"):
        fl.losses[name].intercept([0, -3, 2])


# --- inverse links ----------------------------------------------------------------------------------

RAW = np.array([-50.0, -2.0, -0.5, 0.0, 0.5, 2.0, 50.0])
with np.errstate(over="ignore"):
    LINKS = {
        "binary_cross_entropy_with_logits": 1 / (1 + np.exp(-RAW)),
        "binary_focal": 1 / (1 + np.exp(-RAW)),
        "soft_margin": 1 / (1 + np.exp(-RAW)),
        "exponential": 1 / (1 + np.exp(-2 * RAW)),
        "modified_huber": np.array([0, 0, 0.25, 0.5, 0.75, 1, 1]),
        "poisson": np.exp(RAW),
        "gamma": np.exp(RAW),
        "tweedie": np.exp(RAW),
    }


@each_elementwise
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
def test_inverse_link(name, dtype):
    raw = RAW.astype(dtype)
    with np.errstate(all="raise"):
        got = fl.losses[name].inverse_link(raw)
    with np.errstate(over="ignore"):
        want = LINKS.get(name, RAW).astype(dtype)
    assert got.dtype == raw.dtype and got.shape == raw.shape
    tolerance = 4 * np.finfo(dtype).eps
    with np.errstate(all="ignore"):
        assert ((abs(got - want) <= tolerance * abs(want) + np.finfo(dtype).tiny) | (got == want)).all()


@each_elementwise
def test_inverse_link_of_the_intercept_is_a_mean_of_the_target(name):
    """What boosting shows before its first tree: for the losses of a mean, the mean itself."""
    if name not in ("poisson", "gamma", "tweedie", "binary_cross_entropy_with_logits", "soft_margin", "mse",
                    "half_squared", "exponential", "modified_huber"):  # fmt: skip
        return
    y = np.array([1, 0, 1, 1])
    own = dict(labels="01") if name in SIGNS else {}
    got = fl.losses[name].inverse_link([fl.losses[name].intercept(y, **own)])
    assert got == pytest.approx([0.75], rel=1e-14)


def test_inverse_link_of_a_rate_itself():
    assert fl.losses["poisson"].inverse_link([2.0], log_input=False).tolist() == [2]


@each_elementwise
def test_inverse_link_reads_what_scores_may_be(name):
    assert fl.losses[name].inverse_link([[1, 0]]).shape == (1, 2)
    with pytest.raises(TypeError, match="raw"):
        fl.losses[name].inverse_link(np.array(["a"]))
    with pytest.raises(TypeError, match="unit"):
        fl.losses[name].inverse_link(RAW, unit=1)


CAPPED = [
    dict(softcap=1.0), dict(softcap=1.0, z_loss=0.5), dict(softcap=0.3, z_loss=0.1),
    dict(softcap=5.0, z_loss=0.3, logit_scale=2.0), dict(z_loss=0.2),
]  # fmt: skip


@pytest.mark.parametrize("options", CAPPED, ids=str)
def test_no_constant_row_is_better_under_a_cap(options):
    target = np.array([0, 0, 0, 1, 2, 2, 2, 2, 2, 2])
    best = fl.cross_entropy.intercept(target, **options)

    def mean(row):
        return fl.cross_entropy(np.broadcast_to(row, (10, 3)), target, **options)

    rng = np.random.default_rng(0)
    for size in 2.0 ** np.arange(-12, 3):
        for step in size * rng.standard_normal((20, 3)):
            assert mean(best) <= mean(best + step) + 2e-6


# --- what intercept takes and refuses ---------------------------------------------------------------------


@pytest.mark.memory_safety
@pytest.mark.parametrize("dtype", ["u1", "u8", "i2", "?"])
def test_intercept_of_any_integer_labels(dtype):
    priors = fl.cross_entropy.intercept(np.array([0, 1, 1, 1], dtype))
    assert np.allclose(np.exp(priors), [0.25, 0.75])


@pytest.mark.memory_safety
def test_intercept_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"class_weight has 2 entries, 3 classes"):
        fl.cross_entropy.intercept([0, 1], n_classes=3, class_weight=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"target\[0, 1\] = -1.0 is negative"):
        fl.cross_entropy.intercept([[1.0, -1.0]])
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert np.isnan(fl.cross_entropy.intercept(np.array([-100]), n_classes=2)).all()


@pytest.mark.memory_safety
def test_intercept_and_inverse_link_are_inverse():
    p = fl.cross_entropy.inverse_link(fl.cross_entropy.intercept([0, 1, 1], logit_scale=3.0), logit_scale=3.0)
    assert np.allclose(p, [1 / 3, 2 / 3], rtol=1e-14)


@pytest.mark.memory_safety
@pytest.mark.parametrize("name", ["cross_entropy", "am_softmax", "kl_div_with_logits"])
def test_probabilities_of_half_scores_are_scaled_in_float32(name):
    raw = np.array([[60000.0, 59968.0]], np.float16)
    key = {"cross_entropy": "logit_scale", "am_softmax": "scale", "kl_div_with_logits": "temperature"}[name]
    p = fl.losses[name].inverse_link(raw, **{key: 0.5 if key == "temperature" else 2.0})
    assert p.dtype == np.float16 and p.tolist() == [[1.0, 0.0]]


def test_a_scalar_soft_target_has_no_intercept():
    with pytest.raises((TypeError, ValueError), match="target"):
        fl.cross_entropy.intercept(np.float64(0.5))


def test_intercept_of_logarithms():
    target = np.array([[0.25, 0.75], [0.5, 0.5]])
    want = fl.kl_div_with_logits.intercept(target)
    got = fl.kl_div_with_logits.intercept(np.log(target), log_target=True)
    assert np.allclose(got, want, rtol=1e-14)
