"""P9, no silent misuse, of keywords and weights: a parameter outside its domain, a keyword of another library
and weights whose sum is no number are named before the first write. A mean of nothing warns at the caller's
line."""

import inspect
import warnings

import numpy as np
import pytest

import fastloss as fl

pytestmark = [pytest.mark.without_openmp, pytest.mark.all_kernels(2)]

X, Y = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.array([0, 1])
SCORES, LABELS = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 2, 1, 1])
CALLED = {"cross_entropy": fl.cross_entropy, "mse": fl.mse}
each_loss = pytest.mark.parametrize("name", CALLED)


def arguments(name):
    if name == "mse":
        return np.array([1.0, 2.0]), np.array([0.0, 0.0])
    return np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([0, 1])


# --- parameters -------------------------------------------------------------------------------------------


@each_loss
@pytest.mark.parametrize("reduction", ["avg", "", None, 1, "Mean", b"mean"])
def test_unknown_reduction(name, reduction):
    with pytest.raises(ValueError, match=r"reduction.*mean.*sum.*none"):
        CALLED[name](*arguments(name), reduction=reduction)


@each_loss
@pytest.mark.parametrize("normalizer", [0, -1.0, np.nan, np.inf, 0.0])
def test_normalizer_must_be_positive(name, normalizer):
    with pytest.raises(ValueError, match="normalizer"):
        CALLED[name](*arguments(name), normalizer=normalizer)


@each_loss
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_normalizer_belongs_to_the_mean(name, reduction):
    with pytest.raises(ValueError, match=r"normalizer.*mean"):
        CALLED[name](*arguments(name), normalizer=2.0, reduction=reduction)


@pytest.mark.parametrize(
    "option, value",
    [
        *[("label_smoothing", v) for v in (-0.1, 1.5, np.nan, np.inf)],
        *[("z_loss", v) for v in (-1.0, np.nan, np.inf)],
        *[("softcap", v) for v in (0, -3.0, np.nan, np.inf)],
        *[("logit_scale", v) for v in (0, -1, np.nan, np.inf)],
        *[("axis", v) for v in (2, -3)],
        *[
            ("class_weight", v)
            for v in ([1.0], [1.0, 2, 3], [1, np.nan], [1, np.inf], [1, -1], [[1.0, 1.0]], 1.0)
        ],
    ],
)
def test_parameters_out_of_their_domain(option, value):
    out = np.full((2, 2), 7.0)
    with pytest.raises(ValueError, match=option):
        fl.cross_entropy.value_and_grad(*arguments("cross_entropy"), out=out, **{option: value})
    assert (out == 7).all()


@pytest.mark.parametrize(
    "option",
    [
        "label_smoothing",
        "z_loss",
        "softcap",
        "logit_scale",
        "ignore_index",
        "axis",
        "class_weight",
        "sample_weight",
    ],
)
@pytest.mark.parametrize("value", ["many", ["a", "b"], object()], ids=["string", "strings", "object"])
def test_parameters_of_a_wrong_type(option, value):
    with pytest.raises((TypeError, ValueError), match=option):
        fl.cross_entropy(*arguments("cross_entropy"), **{option: value})


@pytest.mark.parametrize("value", [1e-320, 1e-50, 1e39, 1e300])
@pytest.mark.parametrize("option", ["softcap", "logit_scale"])
def test_parameters_that_are_no_float32(option, value):
    """With float32 scores: the answer of float64, or a refusal, but no nan from 0 * inf."""
    scores = np.array([[0.0, 1.0, -1.0]], "f4")
    with np.errstate(over="ignore"):
        want = np.float32(fl.cross_entropy(scores.astype("f8"), [0], **{option: value}))
    try:
        got = fl.cross_entropy(scores, [0], **{option: value})
    except ValueError as refusal:
        assert option in str(refusal)
    else:
        assert np.float32(got) == pytest.approx(want, rel=1e-6)


def test_vector_must_have_the_shape_of_the_logits():
    with pytest.raises(ValueError, match="vector"):
        fl.cross_entropy.hvp(*arguments("cross_entropy"), np.ones(2))


def test_numbers_beyond_a_double_are_not_finite():
    with pytest.raises(ValueError, match=r"delta = 10+ must be finite"):
        fl.huber(np.zeros(2), np.ones(2), delta=10**400)


class NoNumber:
    def __float__(self):
        raise TypeError


def test_what_only_looks_like_a_number():
    with pytest.raises(TypeError, match=r"delta = .* must be a number"):
        fl.huber(np.zeros(2), np.ones(2), delta=NoNumber())


def test_a_parameter_may_be_an_array_of_no_dimension():
    x, y = np.zeros(3), np.ones(3)
    assert fl.quantile(x, y, q=np.array(0.25)) == fl.quantile(x, y, q=0.25)
    with pytest.raises(ValueError, match=r"q = .* must lie in"):
        fl.quantile(x, y, q=np.array(1.0))


def test_an_empty_list_of_labels():
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert np.isnan(fl.cross_entropy(np.zeros((0, 3)), []))


def test_the_functions_of_the_core_take_floats():
    for x in (np.zeros(3, np.int64), np.zeros(3, np.float16), np.zeros((4, 4))[:, ::2]):
        with pytest.raises((TypeError, ValueError), match=r"No matching signature|not C-contig"):
            fl._core.math("exp", x)


@pytest.mark.memory_safety
@pytest.mark.parametrize("axis", [2**40, -(2**40), 2**70])
def test_an_axis_beyond_any_integer_is_named(axis):
    for f in (
        lambda: fl.cross_entropy(X, Y, axis=axis),
        lambda: fl.softmax(X, axis=axis),
        lambda: fl.cross_entropy.rows(X, Y, axis=axis),
    ):
        with pytest.raises(ValueError, match="axis = "):
            f()


@pytest.mark.memory_safety
@pytest.mark.parametrize("weight", [[1.0, 1e39, 1.0], [1e-50] * 3])
def test_class_weights_that_float32_cannot_hold(weight):
    with pytest.raises(ValueError, match="class_weight must be normal"):
        fl.cross_entropy(X.astype("f4"), Y, class_weight=weight)
    assert np.isfinite(fl.cross_entropy(X, Y, class_weight=weight))


@pytest.mark.memory_safety
@pytest.mark.parametrize(
    "loss, call",
    [(fl.log_loss, (np.array([[0, 1.0]], "f4"), [0])), (fl.binary_cross_entropy, (np.ones(1, "f4"), [0.0]))],
)
def test_an_epsilon_that_float32_cannot_hold(loss, call):
    with pytest.raises(ValueError, match="normal numbers in float32"):
        loss(*call, eps=1e-300)


@pytest.mark.memory_safety
def test_an_array_of_parameters_must_fit_the_arithmetic():
    x, y = np.zeros((2, 2), np.float32), np.ones((2, 2))
    with pytest.raises(ValueError, match="normal numbers in float32"):
        fl.binary_cross_entropy_with_logits(x, y, pos_weight=np.array([1.0, 1e300]))
    x = x.astype("f8")
    assert np.isfinite(fl.binary_cross_entropy_with_logits(x, y, pos_weight=np.array([1.0, 1e300])))
    for var in (np.array([1.0, np.inf]), np.array([[1.0, 1.0], [1.0, np.inf]])):
        for method in (fl.gaussian_nll, fl.gaussian_nll.grad):
            with pytest.raises(ValueError, match=r"var\[.*inf must be finite and >= 0"):
                method(x, y, var=var)


@pytest.mark.memory_safety
def test_the_third_array_may_not_be_none():
    with pytest.raises(TypeError, match="y is None"):
        fl.cosine_embedding(X, X, None)


# --- weights, keywords, warnings --------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e308, 5e-324, 1e-309])
@pytest.mark.parametrize(
    "name", ["mse", "cross_entropy", "nll", "accuracy", "entropy", "top_k_accuracy", "perplexity"]
)
def test_weights_whose_sum_is_no_normal_number(name, scale):
    """Their ratios count, and those of numbers that are left of a subnormal one."""
    thing = {**fl.losses, **fl.metrics}[name]
    weight, ratios = np.array([1.0, 1, 1, 0]) * scale, np.array([1.0, 1, 1, 0])
    x = -abs(SCORES)
    given = (x[:, 0], np.ones(4)) if name == "mse" else (x,) if name == "entropy" else (x, LABELS)
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
    got = fl.cross_entropy(SCORES, LABELS, class_weight=[1e308] * 3)
    assert got == pytest.approx(fl.cross_entropy(SCORES, LABELS), rel=1e-14)


def test_class_weights_in_other_clothes():
    want = fl.cross_entropy(SCORES, LABELS, class_weight=[1.0, 2, 3])
    assert fl.cross_entropy(SCORES, LABELS, class_weight={2: 3.0, 0: 1, 1: 2}) == want
    with pytest.raises(ValueError, match=r"class_weight = 'balanced' must be an array.*np.bincount"):
        fl.cross_entropy(SCORES, LABELS, class_weight="balanced")
    with pytest.raises(ValueError, match=r"class_weight has keys \[1, 2, 3\]: they must be the classes 0 to"):
        fl.cross_entropy(SCORES, LABELS, class_weight={1: 1, 2: 2, 3: 3})


def test_an_accumulator_of_several_takes_what_each_takes():
    both = fl.Accumulator(["cross_entropy", "accuracy"])
    for classes in (3, 20):
        x = np.random.default_rng(0).standard_normal((4, classes))
        want = base_of(x)
        for target in (LABELS.astype(float), np.eye(classes, dtype=int)[LABELS], LABELS.tolist()):
            assert base_of(x, target) == want
    with pytest.raises(TypeError, match="target holds strings"):
        both.update(SCORES, ["a", "b", "c", "c"])
    assert both.count == {"cross_entropy": 0, "accuracy": 0}


def base_of(x, target=LABELS):
    return fl.Accumulator(["cross_entropy", "accuracy"]).update(x, target).result()


def test_a_keyword_of_another_library():
    for name, meant in (
        ("weight", "sample_weight"),
        ("dim", "axis"),
        ("label_smothing", "label_smoothing"),
        ("n_jobs", "n_threads"),
        ("clas_weight", "class_weight"),
    ):
        for method in (fl.cross_entropy, fl.cross_entropy.grad, fl.cross_entropy.value_and_grad):
            message = rf"cross_entropy\(\) got an unexpected keyword .* '{name}': did you mean '{meant}'\?"
            with pytest.raises(TypeError, match=message):
                method(SCORES, LABELS, **{name: 1})
    with pytest.raises(TypeError, match=r"rows\(\) got an .* 'weight': did you mean 'class_weight'"):
        fl.cross_entropy.rows(SCORES, LABELS, weight=1)
    with pytest.raises(TypeError, match=r"entropy.intercept\(\) got .* 'weight': did you mean 'sample_w"):
        fl.cross_entropy.intercept(LABELS, weight=1)
    with pytest.raises(TypeError, match="'outt': did you mean 'out'"):
        fl.mse.grad(SCORES, SCORES, outt=SCORES)
    with pytest.raises(TypeError, match=r"accuracy\(\) got an .* 'weight': did you mean 'sample_weight'\?"):
        fl.accuracy(SCORES, LABELS, weight=np.ones(4))
    with pytest.raises(TypeError, match="unexpected keyword argument 'temperature': it takes class_weight, "):
        fl.cross_entropy(SCORES, LABELS, temperature=2.0)


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
