"""Misuse that a second reading found, each refused by name or right."""

import timeit

import numpy as np
import pytest

import fastloss as fl

X, Y = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.array([0, 1])


class Copies:
    """Gives NumPy a copy of its data each time, so nothing written to it is kept."""

    def __array__(self, dtype=None, copy=None):
        return np.zeros(X.shape)


def test_an_out_that_would_lose_the_result_is_refused():
    with pytest.raises(TypeError, match="out is a Copies"):
        fl.cross_entropy.grad(X, Y, out=Copies())


@pytest.mark.parametrize("strides", [(8, 8), (16, 8), (0, 8), (-8, 8)])
def test_an_out_that_overlaps_itself_is_refused(strides):
    memory = np.full(64, 7.0)
    out = np.lib.stride_tricks.as_strided(memory[16:], X.shape, strides)
    with pytest.raises(ValueError, match="out has strides"):
        fl.cross_entropy.grad(X, Y, out=out)
    assert (memory == 7).all()


def test_values_do_not_go_over_the_index():
    index = np.array([0, 1])
    with pytest.raises(ValueError, match="out overlaps index"):
        fl.gather_log_softmax(X, index, out=index.view("f8"))


def test_hvp_takes_names_and_wants_a_vector():
    v = np.arange(6.0).reshape(X.shape)
    assert np.array_equal(fl.cross_entropy.hvp(logits=X, target=Y, vector=v), fl.cross_entropy.hvp(X, Y, v))
    assert np.array_equal(fl.cross_entropy.hvp(X, target=Y, vector=v), fl.cross_entropy.hvp(X, Y, v))
    for call in (lambda: fl.cross_entropy.hvp(X, Y, None), lambda: fl.cross_entropy.hvp()):
        with pytest.raises(TypeError, match="vector"):
            call()


@pytest.mark.parametrize("axis", [2**40, -(2**40), 2**70])
def test_an_axis_beyond_any_integer_is_named(axis):
    for f in (lambda: fl.cross_entropy(X, Y, axis=axis), lambda: fl.softmax(X, axis=axis),
              lambda: fl.cross_entropy.rows(X, Y, axis=axis)):
        with pytest.raises(ValueError, match="axis = "):
            f()


@pytest.mark.parametrize("dtype", ["u1", "u8", "i2", "?"])
def test_intercept_of_any_integer_labels(dtype):
    priors = fl.cross_entropy.intercept(np.array([0, 1, 1, 1], dtype))
    assert np.allclose(np.exp(priors), [0.25, 0.75])


def test_intercept_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"class_weight has 2 entries, 3 classes"):
        fl.cross_entropy.intercept([0, 1], n_classes=3, class_weight=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"target\[0, 1\] = -1.0 is negative"):
        fl.cross_entropy.intercept([[1.0, -1.0]])
    with pytest.warns(RuntimeWarning, match="mean of nothing"):
        assert np.isnan(fl.cross_entropy.intercept(np.array([-100]), n_classes=2)).all()


def test_intercept_and_inverse_link_are_inverse():
    p = fl.cross_entropy.inverse_link(fl.cross_entropy.intercept([0, 1, 1], logit_scale=3.0), logit_scale=3.0)
    assert np.allclose(p, [1 / 3, 2 / 3], rtol=1e-14)


@pytest.mark.parametrize("weight", [[1.0, 1e39, 1.0], [1e-50] * 3])
def test_class_weights_that_float32_cannot_hold(weight):
    with pytest.raises(ValueError, match="class_weight must be normal"):
        fl.cross_entropy(X.astype("f4"), Y, class_weight=weight)
    assert np.isfinite(fl.cross_entropy(X, Y, class_weight=weight))


def test_many_threads_asked_for_are_not_too_many():
    x = np.broadcast_to(np.float32(1), (600, 16384))
    assert fl.mse(x, x, n_threads=10**6) == 0


# --- the catalogue, read a second time ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["multiclass_hinge", "brier_from_probabilities", "multi_margin"])
def test_a_class_axis_that_is_not_the_last_costs_no_more_than_a_copy(name):
    """What lies ahead is asked for only where it lies in one piece: once this took 100 times as long."""
    scores, labels = np.zeros((100, 40_000), "f4"), np.zeros(40_000, int)
    last, first = np.ascontiguousarray(scores.T), fl.losses[name]

    def seconds(*call, **options):
        return min(timeit.repeat(lambda: first(*call, n_threads=1, **options), number=1, repeat=5))

    assert seconds(scores, labels, axis=0) < 25 * seconds(last, labels)


def test_a_row_of_huge_vectors_does_not_rescale_its_neighbours():
    a, b = np.array([[2.0**-39, 0]], "f4"), np.array([[2.0**39, 2.0**-120]], "f4")
    alone = fl.cosine_distance.grad(a, b, reduction="sum")
    beside = fl.cosine_distance.grad(np.r_[a, np.float32([[1e30, 0]])], np.r_[b, np.float32([[1, 1]])],
                                     reduction="sum")
    assert alone[0, 1] != 0 and np.array_equal(alone[0], beside[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_zero_vector_does_not_hide_a_bad_one(bad):
    value, (first, second) = fl.cosine_distance.value_and_grads([bad, 1.0], [0.0, 0.0])
    assert np.isnan(value) and np.isnan(first).all() and np.isnan(second).all()


def test_a_vector_is_not_nearer_to_itself_than_zero():
    x = np.random.default_rng(0).standard_normal((500, 7))
    assert (fl.cosine_distance(x, x, reduction="none") >= 0).all()


def test_a_label_of_minus_inf_costs_inf():
    value, grad = fl.multi_margin.value_and_grad(np.array([-np.inf, 1.0, 2.0]), np.array(0))
    assert value == np.inf and np.allclose(grad, [-2 / 3, 1 / 3, 1 / 3])


def test_probabilities_of_one_are_clipped_by_an_epsilon_that_one_does_not_feel():
    value, grad = fl.binary_cross_entropy.value_and_grad(np.array([1.0], "f4"), [0.0], eps=1e-15)
    assert np.isclose(value, 34.538776) and np.isclose(grad[0], 1e15)
    unclipped = fl.binary_cross_entropy([1.0, 1.0], [1.0, 0.0], eps=0, reduction="none")
    assert unclipped.tolist() == [0, np.inf]


@pytest.mark.parametrize("loss, call", [
    (fl.log_loss, (np.array([[0, 1.0]], "f4"), [0])), (fl.binary_cross_entropy, (np.ones(1, "f4"), [0.0]))])
def test_an_epsilon_that_float32_cannot_hold(loss, call):
    with pytest.raises(ValueError, match="normal numbers in float32"):
        loss(*call, eps=1e-300)


def test_no_z_loss_of_an_infinite_logsumexp_is_nothing():
    assert fl.cross_entropy(np.array([[1e308, -1e308, 0.0]]), [0], logit_scale=30.0) == 0


@pytest.mark.parametrize(
    "name", ["cross_entropy", "focal", "poly_cross_entropy", "generalized_cross_entropy", "multi_margin"]
)
@pytest.mark.parametrize("classes", [3, 70])
def test_a_class_weight_of_zero_hides_no_nan(name, classes):
    """sample_weight 0 hides a row; class_weight 0 says only that its class costs nothing."""
    x, y = np.zeros((2, classes)), np.array([1, 1])
    x[0, 2] = np.nan
    weight = np.ones(classes)
    weight[1] = 0
    loss = fl.losses[name]
    value, grad = loss.value_and_grad(x, y, class_weight=weight, reduction="none")
    assert np.isnan(value[0]) and value[1] == 0 and np.isnan(grad[0]).all() and (grad[1] == 0).all()
    hidden = loss.value_and_grad(x, y, class_weight=weight, reduction="none", sample_weight=[0, 1])
    assert (hidden[0] == 0).all() and (hidden[1] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [2, 3, 65])
def test_cosines_of_subnormal_vectors(dtype, d):
    tiny = float(np.finfo(dtype).smallest_normal)
    for size in (tiny / 4, tiny, 1.0):
        x1 = np.full((1, d), size, dtype)
        x2 = np.arange(1, d + 1, dtype=dtype)[None] * dtype(size)
        value, (first, second) = fl.cosine_distance.value_and_grads(x1, x2)
        a, b = x1[0] / dtype(size), x2[0] / dtype(size)
        a, b = a.astype(np.longdouble), b.astype(np.longdouble)
        c = (a @ b) / np.sqrt((a @ a) * (b @ b))
        want = [(c * u / np.sqrt(u @ u) - v / np.sqrt(v @ v)) / np.sqrt(u @ u) / np.longdouble(size)
                for u, v in ((a, b), (b, a))]
        assert abs(value - float(1 - c)) < 1e-6
        for got, exact in zip((first[0], second[0]), want):
            most = abs(exact).max() * 100 * np.finfo(dtype).eps
            assert (abs(got - exact) <= most).all(), (size, got, exact)


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


def test_errors_name_the_pair_of_outputs():
    x, v = np.zeros((2, 3)), np.ones((2, 3))
    for call in (lambda outs: fl.cosine_distance.value_and_grads(x, v, outs=outs),
                 lambda outs: fl.gaussian_nll.value_and_grads(x, v, var=v, outs=outs)):
        for i in (0, 1):
            with pytest.raises(ValueError, match=rf"outs\[{i}\] has shape"):
                call(tuple(np.zeros(4) if i == k else None for k in (0, 1)))


def test_the_third_array_may_not_be_none():
    with pytest.raises(TypeError, match="y is None"):
        fl.cosine_embedding(X, X, None)


@pytest.mark.parametrize("name", ["cross_entropy", "am_softmax", "kl_div_with_logits"])
def test_probabilities_of_half_scores_are_scaled_in_float32(name):
    raw = np.array([[60000.0, 59968.0]], np.float16)
    key = {"cross_entropy": "logit_scale", "am_softmax": "scale", "kl_div_with_logits": "temperature"}[name]
    p = fl.losses[name].inverse_link(raw, **{key: 0.5 if key == "temperature" else 2.0})
    assert p.dtype == np.float16 and p.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arcface_beside_a_cosine_of_one(dtype):
    """The last number below 1, where (1 - c)(1 + c) is the floor itself; and 1, where the angle has none."""
    c, m, eps = np.nextafter(dtype(1), dtype(0)), 0.5, float(np.finfo(dtype).eps)
    assert (1 - float(c)) * 2 == eps
    slope = np.cos(m) + np.sin(m) * float(c) / np.sqrt(eps)
    for cosine, want in ((c, slope), (dtype(1), np.cos(m))):
        x = np.array([[cosine, 0.5]], dtype)
        logits = np.array([[float(cosine) * np.cos(m) - np.sin(m) * np.sqrt(eps), 0.5]])
        grad = fl.arcface.grad(x, np.array([0]), margin=m, scale=1.0)[0, 0]
        p = np.exp(logits[0, 0]) / np.exp(logits).sum()
        assert abs(grad / ((p - 1) * want) - 1) < 100 * eps
