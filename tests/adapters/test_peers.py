"""Every peer is a witness: torch with its autograd, scikit-learn, optax, SciPy, Keras's formulas written out.
Where a peer computes what we do, the numbers agree. Where we differ on purpose, or a peer is wrong,
DIFFERENCES has both numbers: a release that changes its own is noticed here.

Witnesses compute in float64, if not said otherwise. A result in float64 may lie 1e-12 of itself off, which
is for the rounding of the peer; one in float32 must keep the bounds of P6 by themselves.
"""

import math

import numpy as np
import pytest

import fastloss as fl
from support import formulas, namespaces
from support import reference as ref
from support.cases import (
    CASES,
    ELEMENTWISE,
    EVERY,
    LOSSES,
    VARIANTS,
    make,
    moderate,
    name_of,
    options_of,
    sample,
    seeded,
)
from support.layouts import REDUCTIONS, assert_near, eps, real
from support.namespaces import torch_namespace

pytestmark = pytest.mark.same_lines

F4, F8 = np.dtype("f4"), np.dtype("f8")

WHERE = dict(
    torch="torch",
    F="torch.nn.functional",
    jax="jax",
    jnp="jax.numpy",
    optax="optax.losses",
    losses="sklearn._loss.loss",
    sgd="sklearn.linear_model._sgd_fast",
    metrics="sklearn.metrics",
    special="scipy.special",
    distance="scipy.spatial.distance",
    stats="scipy.stats",
)


class Peers:
    """Imported when a test first asks; the test is skipped where a peer is not installed."""

    def __getattr__(self, name):
        if name not in WHERE:
            raise AttributeError(name)
        return pytest.importorskip(WHERE[name], reason=f"{WHERE[name]} is optional")


P = Peers()
INF, NAN = math.inf, math.nan
EACH = dict(reduction="none")
both_dtypes = pytest.mark.parametrize("dtype", [F8, F4], ids=str)
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


def table(names, rows):
    ids = [f"{row[0]}-{i}" for i, row in enumerate(rows)]
    return pytest.mark.parametrize(names, rows, ids=ids)


def near(got, want, bound, dtype, what):
    want = np.asarray(want, "f8")
    assert_near(got, want, np.asarray(bound, "f8") + 1e-12 * abs(want) + 1e-13, dtype, what)


# --- torch ------------------------------------------------------------------------------------------------
# Unreduced, of tensors. Elementwise: (x, y, own parameters), y -1 or 1 where it is a side; NATIVE are torch's
# own, which reduce too. Rows: (x, mass), a dense target with class weights.


def native(function):
    def call(x, y, *more, class_weight=None, reduction="none", **own):
        weight = {} if class_weight is None else dict(weight=x.new_tensor(class_weight))
        return getattr(P.F, function)(x, y, *more, reduction=reduction, **weight, **own)

    return call


def bce_with_logits(x, y, pos_weight=1.0, label_smoothing=0.0, **how):
    smooth = y * (1 - label_smoothing) + label_smoothing / 2
    weight = P.torch.as_tensor(pos_weight).to(x.dtype)
    return native("binary_cross_entropy_with_logits")(x, smooth, pos_weight=weight, **how)


def gaussian_nll(x, y, var, **how):
    var = P.torch.as_tensor(var).to(x.dtype).expand_as(x)
    return native("gaussian_nll_loss")(x, y, var, full=False, **how)


NATIVE = {
    "mse": native("mse_loss"),
    "mae": native("l1_loss"),
    "huber": native("huber_loss"),
    "smooth_l1": native("smooth_l1_loss"),
    "poisson": native("poisson_nll_loss"),
    "gaussian_nll": gaussian_nll,
    "binary_cross_entropy_with_logits": bce_with_logits,
    "soft_margin": native("soft_margin_loss"),
}


def differentiated(name):
    """The formula of the tests, in torch for its autograd."""
    return lambda *tensors, **own: getattr(formulas, name)(torch_namespace(), *tensors, **own)


# binary_cross_entropy: torch's own has a second derivative that is 1e-11 off: it adds 1e-12 to p (1 - p).
WRITTEN = {name: differentiated(name) for name in ELEMENTWISE if name not in NATIVE}


def kl(x, mass, log_target=False):
    t = mass.clamp(min=-1e4) if log_target else mass  # torch has nan for a logarithm of -inf, see DIFFERENCES
    return P.F.kl_div(x, t, log_target=log_target, reduction="none").sum(-1)


def log_loss(x, mass, eps):
    """Clipped in the value alone: our gradient is not 0 where it clips."""
    return differentiated("log_loss")(x + (x.clamp(eps, 1 - eps) - x).detach(), mass)


def cosine_distance(a, b):
    return 1 - P.F.cosine_similarity(a, b, dim=-1)


def cosine_embedding(a, b, y, margin=0.0):
    k = P.F.cosine_similarity(a, b, dim=-1)
    return (1 - k).where(y > 0, (k - margin).relu())


OF_ROWS = {name: differentiated(name) for name in LOSSES} | {
    "kl_div": kl,
    "log_loss": log_loss,
    "cosine_distance": cosine_distance,
    "cosine_embedding": cosine_embedding,
}
ROW_CASES = [(name, kind, i) for name, kind in VARIANTS for i in range(len(LOSSES[name].options))]


def by_torch(f, *arrays, hessian=False, dtype="f8"):
    """Value, gradient, diagonal Hessian: the entries of a row are differentiated one after another."""
    arrays = map(np.asarray, arrays)
    x, *rest = (P.torch.tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for a in arrays)
    x.requires_grad_()
    value = f(x, *rest)
    (grad,) = P.torch.autograd.grad(value.sum(), x, create_graph=hessian)
    curve = P.torch.zeros_like(x)
    for c in range(x.shape[-1]) if hessian and grad.requires_grad else ():
        (slope,) = P.torch.autograd.grad(grad[..., c].sum(), x, retain_graph=True, allow_unused=True)
        curve[..., c] = 0 if slope is None else slope[..., c]
    return [a.numpy(force=True) for a in (value, grad, curve)]


def judge(name, f, arrays, own):
    """Ours against the unreduced f of torch."""
    loss, dtype = fl.losses[name], arrays[0].dtype
    bounds = getattr(ref, name).bounds(*arrays, eps(dtype), real=real(dtype), **own)
    got = list(loss.value_and_grad(*arrays, **EACH, **own))
    if hasattr(loss, "grad_and_hess"):
        got.append(loss.grad_and_hess(*arrays, **EACH, **own)[1])
    want = by_torch(f, *arrays, hessian=len(got) > 2)
    for what, *three in zip(("value", "grad", "hess"), got, want, bounds):
        near(*three, dtype, f"{name} {what}")


def test_torch_has_a_word_on_every_loss():
    assert set(NATIVE) < set(ELEMENTWISE) and set(OF_ROWS) == set(LOSSES)
    assert set(fl.losses) == {*ELEMENTWISE, *OF_ROWS, "cross_entropy"}  # which test_gradients compares


@both_dtypes
@pytest.mark.parametrize("entry", EVERY, ids=name_of)
def test_torch_elementwise(entry, dtype):
    *_, x, y, own = sample(entry, dtype, (30, 8), draw=moderate)
    f, ours = (NATIVE | WRITTEN)[entry[0]], {k: v for k, v in own.items() if k != "labels"}
    ours = {k: P.torch.tensor(v) if np.ndim(v) else v for k, v in ours.items()}
    judge(entry[0], lambda a, b: f(a, 2 * b - 1 if "labels" in own else b, **ours), [x, y], own)


@both_dtypes
@pytest.mark.parametrize("name, kind, i", ROW_CASES)
def test_torch_rows(name, kind, i, dtype):
    rng, options = seeded(name, kind), LOSSES[name].options[i]
    arrays, own = make(rng, name, kind, (30,), 5, dtype, options), options_of(options, 5, rng)
    if kind == "vectors":
        return judge(name, lambda *tensors: OF_ROWS[name](*tensors, **own), arrays, own)
    if name == "log_loss":
        own = dict(eps=eps(dtype)) | own
    w = own.get("class_weight")
    theirs = {k: v for k, v in own.items() if k != "class_weight"}
    mass, _, kept = map(P.torch.tensor, ref.dense_target(arrays[1], 5, w))
    judge(name, lambda x, _: OF_ROWS[name](x, mass, **theirs) * kept, arrays, own)


def batchmean(x, t, reduction):
    """What torch calls the mean over rows."""
    found = P.F.kl_div(x, t, reduction={"mean": "batchmean"}.get(reduction, reduction))
    return found.sum(-1) if reduction == "none" else found


W5 = np.array([0.5, 1.0, 2.0, 0.25, 3.0])
REDUCING = [
    *((name, "", {}, f) for name, f in NATIVE.items() if name != "gaussian_nll"),
    ("huber", "", dict(delta=0.7), NATIVE["huber"]),
    ("smooth_l1", "", dict(beta=0.7), NATIVE["smooth_l1"]),
    ("gaussian_nll", "", dict(var=np.linspace(0, 2, 8)), gaussian_nll),
    ("binary_cross_entropy", "", {}, native("binary_cross_entropy")),
    ("binary_cross_entropy_with_logits", "", dict(pos_weight=np.linspace(0.5, 4, 8)), bce_with_logits),
    ("nll", "labels", {}, native("nll_loss")),
    ("nll", "labels", dict(class_weight=W5, ignore_index=2), native("nll_loss")),
    *(
        ("multi_margin", "labels", dict(p=p, margin=0.7, class_weight=w), native("multi_margin_loss"))
        for p in (1, 2)
        for w in (None, W5)
    ),
    ("kl_div", "soft", {}, batchmean),
    ("cosine_embedding", "vectors", dict(margin=0.1), native("cosine_embedding_loss")),
]


@both_dtypes
@pytest.mark.parametrize("reduction", REDUCTIONS)
@table("name, kind, own, f", REDUCING)
def test_torch_reductions(name, kind, own, f, reduction, dtype):
    """torch's own functions in our dtype, which may miss by some eps of the largest entry: they cancel where
    ours do not. cosine_embedding_loss adds 1e-12 to squared norms."""
    rng, call, oracle = seeded(name), dict(reduction=reduction), getattr(ref, name)
    if kind:
        arrays = make(rng, name, kind, (30,), 5, dtype)
    else:
        arrays = [a.astype(dtype) for a in moderate(CASES[name], {}, rng, (30, 8))]
    if kind == "labels":
        arrays[1] = arrays[1] % 5  # torch's multi_margin has no ignore_index
    bounds = oracle.bounds(*arrays, eps(dtype), real=real(dtype), **own)
    bounds = ref.reduced(bounds, axis=-1 if kind else None, **call)
    want = by_torch(lambda *tensors: f(*tensors, **own, **call), *arrays, dtype=dtype)
    got = fl.losses[name].value_and_grad(*arrays, **call, **own)
    more = 1e-11 if name == "cosine_embedding" else 8 * eps(dtype)
    for what, a, b, bound in zip(("value", "grad"), got, want, bounds):
        near(a, b, bound + max(more, 8 * eps(dtype)) * abs(b).max(), dtype, f"{name} {what}")


@both_dtypes
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_torch_second_gradients(reduction, dtype):
    """By the variance, and by both vectors."""
    rng, call = np.random.default_rng(1), dict(reduction=reduction)
    x, y = rng.standard_normal((2, 30, 8)).astype(dtype)
    var, side = rng.choice([1e-9, 0.25, 1, 3], (30, 8)).astype(dtype), rng.choice([-1, 1], 30)
    wide, sides = P.torch.tensor(y.astype("f8")), P.torch.tensor(side)
    reduced = dict(mean=lambda a: a.mean(), sum=lambda a: a.sum(), none=lambda a: a)[reduction]
    for got, f, arrays in [
        (
            fl.gaussian_nll.value_and_grads(x, y, var=var, **call),
            lambda a, v: gaussian_nll(a, wide, v, **call),
            (x, var),
        ),
        (
            fl.cosine_distance.value_and_grads(x, y, **call),
            lambda a, b: reduced(cosine_distance(a, b)),
            (x, y),
        ),
        (
            fl.cosine_embedding.value_and_grads(x, y, side, margin=0.1, **call),
            lambda a, b: reduced(cosine_embedding(a, b, sides, margin=0.1)),
            (x, y),
        ),
    ]:
        a, b = (P.torch.tensor(v.astype("f8"), requires_grad=True) for v in arrays)
        value = f(a, b)
        value.sum().backward()
        wants = [v.numpy(force=True) for v in (value, a.grad, b.grad)]
        for what, mine, want in zip(("value", "first", "second"), (got[0], *got[1]), wants):
            near(mine, want, 24 * eps(dtype) * abs(want).max(), dtype, what)


@both_dtypes
def test_primitives_of_torch_and_scipy(dtype):
    x = (4 * np.random.default_rng(3).standard_normal((30, 9))).astype(dtype)
    wide = x.astype("f8")
    a, unit, log_p = P.torch.tensor(wide), 4 + abs(wide), P.special.log_softmax(wide, -1)
    for name, bound, *witnesses in [
        ("sigmoid", unit, a.sigmoid(), P.special.expit(wide)),
        ("log_sigmoid", unit, P.F.logsigmoid(a), P.special.log_expit(wide)),
        ("softplus", unit, P.F.softplus(a, threshold=1e3), np.logaddexp(0, wide)),
        ("softmax", 3 + wide.max(-1, keepdims=True) - wide, a.softmax(-1), P.special.softmax(wide, -1)),
        ("log_softmax", 3 * np.maximum(1, 1 / abs(log_p)), a.log_softmax(-1), log_p),
        ("logsumexp", 8, a.logsumexp(-1), P.special.logsumexp(wide, -1)),
    ]:
        for want in map(np.asarray, witnesses):
            near(getattr(fl, name)(x), want, eps(dtype) * bound * abs(want), dtype, name)


# --- scikit-learn -----------------------------------------------------------------------------------------

# Its private losses take (y_true, raw_prediction), give one value a sample, want 0 and 1 where we are told
# labels="01", and leave out the constants that we leave out.
PRIVATE = [
    ("half_squared", {}, "HalfSquaredError", {}),
    ("mae", {}, "AbsoluteError", {}),
    ("quantile", dict(q=0.7), "PinballLoss", dict(quantile=0.7)),
    ("huber", dict(delta=0.7), "HuberLoss", dict(delta=0.7)),
    ("poisson", {}, "HalfPoissonLoss", {}),
    ("gamma", {}, "HalfGammaLoss", {}),
    ("tweedie", {}, "HalfTweedieLoss", {}),
    ("tweedie", dict(power=1.1), "HalfTweedieLoss", dict(power=1.1)),
    ("binary_cross_entropy_with_logits", {}, "HalfBinomialLoss", {}),
    ("exponential", dict(labels="01"), "ExponentialLoss", {}),
    ("cross_entropy", {}, "HalfMultinomialLoss", dict(n_classes=5)),
]


@weighted
@both_dtypes
@table("name, own, theirs, how", PRIVATE)
def test_private_losses_of_scikit_learn(name, own, theirs, how, dtype, weighted):
    peer, loss, rng = getattr(P.losses, theirs)(**how), fl.losses[name], seeded(theirs)
    rows = name == "cross_entropy"
    if rows:
        x, y = 2 * rng.standard_normal((200, 5)), rng.integers(0, 5, 200)
    else:
        x, y = moderate(CASES[name], own, rng, (200,))
    x, their_y = x.astype(dtype), y.astype(dtype)
    y, w = y if rows else their_y, (1 + rng.integers(0, 8, 200) / 4).astype(dtype) if weighted else None
    call, ours = dict(y_true=their_y, raw_prediction=x, sample_weight=w), dict(sample_weight=w, **EACH)
    (value, slope), (_, curve) = peer.loss_gradient(**call), peer.gradient_hessian(**call)
    bounds = ref.cross_entropy_bounds if rows else getattr(ref, name).bounds
    bounds = ref.reduced(bounds(x, y, eps(dtype), real=real(dtype), **own), axis=-1 if rows else None, **ours)
    got = list(loss.value_and_grad(x, y, **ours, **own))
    if hasattr(loss, "grad_and_hess"):
        got.append(loss.grad_and_hess(x, y, **ours, **own)[1])
    else:  # it puts 1 there, for boosting; what is 0 almost everywhere is not offered here
        assert np.array_equal(np.broadcast_to(curve, 200), np.ones(200) if w is None else w)
    summed = abs(x).max() if rows else 0  # it adds terms this large in float32; else it computes in double
    for what, a, b, bound in zip(("value", "grad", "hess"), got, (value, slope, curve), bounds):
        near(a, b, bound + 2 * eps(dtype) * (abs(b) + summed), dtype, f"{name} {what}")


STOCHASTIC = [
    ("hinge", {}, "Hinge", (1.0,)),
    ("perceptron", {}, "Hinge", (0.0,)),
    ("squared_hinge", {}, "SquaredHinge", (1.0,)),
    ("modified_huber", {}, "ModifiedHuber", ()),
    ("epsilon_insensitive", dict(eps=0.25), "EpsilonInsensitive", (0.25,)),
    ("squared_epsilon_insensitive", dict(eps=0.25), "SquaredEpsilonInsensitive", (0.25,)),
]


@table("name, own, theirs, how", STOCHASTIC)
def test_losses_of_stochastic_gradient_descent(name, own, theirs, how):
    """At multiples of 1/4 nothing is rounded, and every kink is among them: equality counts there as here."""
    peer, x, y = getattr(P.sgd, theirs)(*how), np.repeat(np.arange(-12, 13) / 4, 2), np.tile([-1.0, 1.0], 25)
    value, grad = fl.losses[name].value_and_grad(x, y, **EACH, **own)
    assert value.tolist() == [peer.py_loss(a, b) for a, b in zip(x, y)]
    assert grad.tolist() == [peer.py_dloss(a, b) for a, b in zip(x, y)]


@weighted
def test_metrics_of_scikit_learn(weighted):
    m, rng, n = P.metrics, np.random.default_rng(4), 300
    w = rng.integers(0, 5, n) / 4 if weighted else None
    x, y, mu = rng.standard_normal(n), rng.uniform(0.1, 4, n), rng.uniform(0.1, 4, n)
    scores, labels, p = rng.integers(-4, 5, (n, 5)) / 2, np.arange(n) % 5, rng.dirichlet(np.ones(5), n)
    hit, prob, guess = rng.integers(0, 2, n), rng.random(n), scores.argmax(1)
    # Certain: once right, once wrong and clipped.
    prob[1:3], hit[1:3], p[1:3] = [0, 1], [0, 0], np.eye(5)[[1, 3]]
    narrow, of, s = p.astype("f4"), dict(sample_weight=w), 2 * hit - 1

    # A deviance is twice our loss and a term of the target, which we leave out.
    def deviance(loss, term, **own):
        return 2 * (loss(np.log(mu), y, **own, **of) + np.average(term, weights=w))

    for name, ours, theirs in [
        ("mse", fl.mse(x, y, **of), m.mean_squared_error(y, x, **of)),
        ("half_squared", 2 * fl.half_squared(x, y, **of), m.mean_tweedie_deviance(y, x, power=0, **of)),
        ("mae", fl.mae(x, y, **of), m.mean_absolute_error(y, x, **of)),
        ("mape", fl.mape(x, y, **of), m.mean_absolute_percentage_error(y, x, **of)),
        ("msle", fl.msle(mu, y, **of), m.mean_squared_log_error(y, mu, **of)),
        ("quantile", fl.quantile(x, y, q=0.7, **of), m.mean_pinball_loss(y, x, alpha=0.7, **of)),
        ("poisson", deviance(fl.poisson, y * np.log(y) - y), m.mean_poisson_deviance(y, mu, **of)),
        ("gamma", deviance(fl.gamma, -np.log(y) - 1), m.mean_gamma_deviance(y, mu, **of)),
        (
            "tweedie",
            deviance(fl.tweedie, y**0.7 / (-0.3 * 0.7), power=1.3),
            m.mean_tweedie_deviance(y, mu, power=1.3, **of),
        ),
        ("hinge", fl.hinge(x, s, **of), m.hinge_loss(s, x, **of)),
        ("hinge of 0 and 1", fl.hinge(x, hit, labels="01", **of), m.hinge_loss(hit, x, **of)),
        ("multiclass_hinge", fl.multiclass_hinge(scores, labels, **of), m.hinge_loss(labels, scores, **of)),
        ("log_loss", fl.log_loss(p, labels, **of), m.log_loss(labels, p, **of)),
        ("log_loss of float32", fl.log_loss(narrow, labels, **of), m.log_loss(labels, narrow, **of)),
        ("binary_cross_entropy", fl.binary_cross_entropy(prob, hit, **of), m.log_loss(hit, prob, **of)),
        ("brier of one column", fl.mse(prob, hit, **of), m.brier_score_loss(hit, prob, **of)),
        ("brier", fl.brier_from_probabilities(p, labels, **of), m.brier_score_loss(labels, p, **of)),
        ("accuracy", fl.accuracy(scores, labels, **of), m.accuracy_score(labels, guess, **of)),
        ("zero_one", fl.zero_one(scores, labels, **of), m.zero_one_loss(labels, guess, **of)),
        ("binary_accuracy", fl.binary_accuracy(x, hit, **of), m.accuracy_score(hit, x > 0, **of)),
        *(
            (
                "top_k",
                fl.top_k_accuracy(scores, labels, k=k, ties="last", **of),
                m.top_k_accuracy_score(labels, scores, k=k, **of),
            )
            for k in (1, 2, 4)
        ),
        (
            "cosine_distance",
            fl.cosine_distance(scores, p, **of),
            np.average(m.pairwise.paired_cosine_distances(scores, p), weights=w),
        ),
    ]:
        assert ours == pytest.approx(theirs, rel=4 * eps(F4) if "float32" in name else 1e-12), name


# --- optax, SciPy, and what is written out ------------------------------------------------------------------

OPTAX = [
    ("mse", {}, "", lambda o, x, y: o.squared_error(x, y)),
    ("half_squared", {}, "", lambda o, x, y: o.l2_loss(x, y)),
    ("huber", dict(delta=0.7), "", lambda o, x, y: o.huber_loss(x, y, delta=0.7)),
    ("log_cosh", {}, "", lambda o, x, y: o.log_cosh(x, y)),
    ("binary_cross_entropy_with_logits", {}, "", lambda o, x, y: o.sigmoid_binary_cross_entropy(x, y)),
    ("binary_focal", {}, "", lambda o, x, y: o.sigmoid_focal_loss(x, y)),
    (
        "binary_focal",
        dict(alpha=0.25, gamma=1.5),
        "",
        lambda o, x, y: o.sigmoid_focal_loss(x, y, alpha=0.25, gamma=1.5),
    ),
    ("hinge", {}, "", lambda o, x, y: o.hinge_loss(x, y)),
    ("perceptron", {}, "", lambda o, x, y: o.perceptron_loss(x, y)),
    ("cross_entropy", {}, "labels", lambda o, x, y: o.softmax_cross_entropy_with_integer_labels(x, y)),
    ("cross_entropy", {}, "soft", lambda o, x, t: o.softmax_cross_entropy(x, t)),
    (
        "cross_entropy",
        dict(label_smoothing=0.1),
        "labels",
        lambda o, x, y: o.softmax_cross_entropy(
            x, o.smooth_labels(P.jax.nn.one_hot(y, 5, dtype=x.dtype), 0.1)
        ),
    ),
    ("poly_cross_entropy", {}, "soft", lambda o, x, t: o.poly_loss_cross_entropy(x, t, epsilon=1.0)),
    ("poly_cross_entropy", dict(epsilon=2), "soft", lambda o, x, t: o.poly_loss_cross_entropy(x, t)),
    ("kl_div", {}, "soft", lambda o, x, t: o.kl_divergence(x, t)),
    ("kl_div", dict(log_target=True), "soft", lambda o, x, t: o.kl_divergence_with_log_targets(x, t)),
    ("multiclass_hinge", {}, "labels", lambda o, x, y: o.multiclass_hinge_loss(x, y)),
    ("cosine_distance", {}, "vectors", lambda o, x, y: o.cosine_distance(x, y)),
]


@table("name, own, kind, f", OPTAX)
def test_optax(name, own, kind, f):
    """One value an element or row: the mean is the caller's."""
    rng = seeded(name)
    if kind:
        x, y = make(rng, "focal" if name == "cross_entropy" else name, kind, (20,), 5, F8)
        y = y % 5 if kind == "labels" else np.log(y + 0.01) if own.get("log_target") else y
    else:
        x, y = moderate(CASES[name], own, rng, (20, 6))
    with P.jax.enable_x64(True):
        a, b = P.jnp.asarray(x), P.jnp.asarray(y)
        value, grad = f(P.optax, a, b), P.jax.grad(lambda a: f(P.optax, a, b).sum())(a)
        assert grad.dtype == F8
    for got, want in zip(fl.losses[name].value_and_grad(x, y, **EACH, **own), (value, grad)):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)


def test_formulas_of_scipy_and_keras():
    """Keras is not installed, so written out: its target comes first, 1e-7 keeps away from zero, and it
    averages the last axis. Where its numbers differ, the way from ours to them is said."""
    rng, tiny, shift, label = np.random.default_rng(6), 1e-7, 1e-7 - 1e-8, np.arange(30) % 5
    (x, y), rate = rng.standard_normal((2, 30, 5)), rng.uniform(0.1, 3, (30, 5))
    (p, t), bit, hot = rng.dirichlet(np.ones(5), (2, 30)), rng.integers(0, 2, (30, 5)), np.eye(5)[label]
    r, log_p, p_t = x - y, np.log(p), namespaces.sigmoid((2 * bit - 1) * x)
    unit = lambda a: a / np.sqrt((a**2).sum(-1, keepdims=True))  # noqa: E731
    positive = np.maximum(x, tiny)
    for name, ours, theirs in [
        ("huber", fl.huber(x, y, delta=0.7, **EACH), P.special.huber(0.7, r)),
        ("pseudo_huber", fl.pseudo_huber(x, y, delta=0.7, **EACH), P.special.pseudo_huber(0.7, r)),
        ("rel_entr", fl.kl_div(log_p, t, **EACH), P.special.rel_entr(t, p).sum(-1)),
        (
            "jensenshannon",
            fl.js_div_with_logits(log_p, t, **EACH),
            P.distance.jensenshannon(p, t, axis=-1) ** 2,
        ),
        ("entropy", fl.entropy(log_p, **EACH), P.stats.entropy(p, axis=-1)),
        ("cosine", fl.cosine_distance(x, y, **EACH), [P.distance.cosine(a, b) for a, b in zip(x, y)]),
        ("LogCosh", fl.log_cosh(x, y, **EACH), r + np.log1p(np.exp(-2 * r)) - np.log(2)),
        (
            "Poisson",
            fl.poisson(p + shift, rate, log_input=False, **EACH) - shift,
            p - rate * np.log(p + tiny),
        ),
        ("MeanAbsolutePercentageError", 100 * fl.mape(x, y, **EACH), 100 * abs(r / np.maximum(abs(y), tiny))),
        (
            "MeanSquaredLogarithmicError",
            fl.msle(positive, rate, **EACH),
            (np.log(positive + 1) - np.log(rate + 1)) ** 2,
        ),
        (
            "CategoricalHinge",
            fl.categorical_hinge(x, label, **EACH),
            np.maximum(0, ((1 - hot) * x).max(-1) - (hot * x).sum(-1) + 1),
        ),
        (
            "BinaryFocalCrossentropy",
            fl.binary_focal(x, bit, alpha=0.25, **EACH),
            np.where(bit, 0.25, 0.75) * (1 - p_t) ** 2 * -np.log(p_t),
        ),
        ("KLDivergence", fl.kl_div(log_p, t, **EACH), (t * np.log(t / p)).sum(-1)),
        ("CosineSimilarity", fl.cosine_distance(x, y, **EACH) - 1, -(unit(x) * unit(y)).sum(-1)),
    ]:
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-14, err_msg=name)


# --- where we differ ----------------------------------------------------------------------------------------


def t(a, **how):
    return P.torch.tensor(a, **how)


def j(a):
    return P.jnp.array(a)  # float32, or int32


def private(loss, y, x, call="loss", **how):
    found = getattr(getattr(P.losses, loss)(**how), call)(y_true=np.array(y), raw_prediction=np.array(x))
    return found[0] if isinstance(found, tuple) else found


def f4(*a):
    return np.array(a, F4)


ce, bce, kl_div = fl.cross_entropy, fl.binary_cross_entropy_with_logits, fl.kl_div
distance = fl.cosine_distance
R, ZERO, W = [2.0, 0.5, -3.0], [0.0, 0.0, 0.0], [1.0, 0.5, 2.0]
LOG_P, MASS = [[0.0, -INF]], [[1.0, 0.0]]  # the class without mass is impossible
RAW, MANY, MORE = np.arange(20.0).reshape(4, 5), (20_000, 160), (100_000, 20)
ALL = math.log(np.exp(RAW[0]).sum())
NULL, ONES, BIG, SMALL = [[0.0, 0.0]], [[1.0, 1.0]], f4([1e30, 1e30]), f4([1e-10, 1e-10])
# What of whom: theirs, its number; ours, its number or its error.
DIFFERENCES = {
    "torch: huber's weighted mean divides by N": (
        lambda: P.F.huber_loss(t(R), t(ZERO), weight=t(W)),
        6.5625 / 3,
        lambda: fl.huber(R, ZERO, sample_weight=W),
        6.5625 / 3.5,
    ),
    "torch: that of mse by the sum of weights, as ours": (
        lambda: P.F.mse_loss(t(R), t(ZERO), weight=t(W)),
        22.125 / 3.5,
        lambda: fl.mse(R, ZERO, sample_weight=W),
        22.125 / 3.5,
    ),
    "torch: that of l1 too": (
        lambda: P.F.l1_loss(t(R), t(ZERO), weight=t(W)),
        8.25 / 3.5,
        lambda: fl.mae(R, ZERO, sample_weight=W),
        8.25 / 3.5,
    ),
    "torch: the mean of kl_div is over elements": (
        lambda: P.F.kl_div(t([[-1.0, -1.0]]), t([[0.5, 0.5]])),
        (1 - math.log(2)) / 2,
        lambda: kl_div([[-1.0, -1.0]], [[0.5, 0.5]]),
        1 - math.log(2),
    ),
    "torch: (n, 1) against (n,) is a mean over n x n": (
        lambda: P.F.mse_loss(t([[1.0], [2]]), t([1.0, 2])),
        0.5,
        lambda: fl.mse([[1.0], [2]], [1, 2]),
        ValueError,
    ),
    "torch: float16 is summed in float16, inf": (
        lambda: P.F.cross_entropy(P.torch.zeros(MANY).half(), P.torch.zeros(20_000).long()),
        INF,
        lambda: ce(np.zeros(MANY, "f2"), np.zeros(20_000, int)),
        math.log(160),
    ),
    "torch: float16 is summed in float16, nan": (
        lambda: P.F.cross_entropy(P.torch.zeros(MORE).half(), P.torch.zeros(100_000).long()),
        NAN,
        lambda: ce(np.zeros(MORE, "f2"), np.zeros(100_000, int)),
        math.log(20),
    ),
    "torch: a confident row costs nothing": (
        lambda: P.F.cross_entropy(t([[18.0, 0]]), t([0])),
        0,
        lambda: ce(f4([18, 0]), [0]),
        math.exp(-18),
    ),
    "torch: a logit of -inf where no mass is": (
        lambda: P.F.cross_entropy(t(LOG_P), t(MASS)),
        NAN,
        lambda: ce(LOG_P, MASS),
        0,
    ),
    "optax: a logit of -inf where no mass is": (
        lambda: P.optax.softmax_cross_entropy(j(LOG_P), j(MASS)),
        NAN,
        lambda: ce(LOG_P, MASS),
        0,
    ),
    "torch: in kl_div": (
        lambda: P.F.kl_div(t(LOG_P), t(MASS), reduction="sum"),
        NAN,
        lambda: kl_div(LOG_P, MASS),
        0,
    ),
    "optax: in kl_divergence": (
        lambda: P.optax.kl_divergence(j(LOG_P), j(MASS)),
        NAN,
        lambda: kl_div(LOG_P, MASS),
        0,
    ),
    "torch: the logarithm of no mass": (
        lambda: P.F.kl_div(t([[-1.0, -2]]), t(LOG_P), reduction="sum", log_target=True),
        NAN,
        lambda: kl_div([[-1.0, -2]], LOG_P, log_target=True),
        1,
    ),
    "optax: the label -1 wraps around": (
        lambda: P.optax.softmax_cross_entropy_with_integer_labels(j([[1.0, 2, 4]]), j([-1])),
        0.16984602,
        lambda: ce([[1.0, 2, 4]], [-1]),
        ValueError,
    ),
    "optax: a label out of range is no class": (
        lambda: P.optax.multiclass_hinge_loss(j([1.0, 2, 0]), j(7)),
        3,
        lambda: fl.multiclass_hinge([[1.0, 2, 0]], [7]),
        ValueError,
    ),
    "scikit-learn: label 7 of 5 costs the logsumexp": (
        lambda: private("HalfMultinomialLoss", [7.0, 1, 2, 3], RAW, "loss_gradient", n_classes=5)[0],
        ALL,
        lambda: ce(RAW, [7, 1, 2, 3]),
        ValueError,
    ),
    "scikit-learn: or reads past the row, with 1e6 a crash": (
        lambda: private("HalfMultinomialLoss", [7.0, 1, 2, 3], RAW, n_classes=5)[0],
        ALL - RAW.flat[7],
        lambda: ce(RAW, [7, 1, 2, 3]),
        ValueError,
    ),
    "torch: the right infinite logit": (
        lambda: P.F.binary_cross_entropy_with_logits(t([INF]), t([1.0])),
        NAN,
        lambda: bce([INF], [1]),
        0,
    ),
    "optax: the right infinite logit": (
        lambda: P.optax.sigmoid_binary_cross_entropy(j([INF]), j([1.0])),
        NAN,
        lambda: bce([INF], [1]),
        0,
    ),
    "optax: the right infinite logit in focal loss": (
        lambda: P.optax.sigmoid_focal_loss(j([INF]), j([1.0])),
        NAN,
        lambda: fl.binary_focal([INF], [1]),
        0,
    ),
    "scikit-learn: the right infinite logit": (
        lambda: private("HalfBinomialLoss", [1.0], [INF]),
        NAN,
        lambda: bce([INF], [1]),
        0,
    ),
    "torch: a target of 2 makes the loss negative": (
        lambda: P.F.binary_cross_entropy_with_logits(t([1.0]), t([2.0])),
        math.log1p(math.e) - 2,
        lambda: bce([1.0], [2.0]),
        ValueError,
    ),
    "torch: logarithms are kept above -100": (
        lambda: P.F.binary_cross_entropy(t([0.0]), t([1.0])),
        100,
        lambda: fl.binary_cross_entropy(f4(0), [1]),
        23 * math.log(2),
    ),
    "torch: soft_margin overflows": (
        lambda: P.F.soft_margin_loss(t([-89.0]), t([1.0])),
        INF,
        lambda: fl.soft_margin(f4(-89), [1]),
        89,
    ),
    "optax: log cosh of 1e-4 is 0": (
        lambda: P.optax.log_cosh(j([1e-4])),
        0,
        lambda: fl.log_cosh(f4(1e-4), [0]),
        5e-9,
    ),
    "optax: log cosh of 1e-3 is 7 % off": (
        lambda: P.optax.log_cosh(j([1e-3])),
        5.364418e-7,
        lambda: fl.log_cosh(f4(1e-3), [0]),
        5e-7,
    ),
    "optax: half a hinge at equality": (
        lambda: P.jax.grad(lambda x: P.optax.hinge_loss(x, 1.0))(1.0),
        -0.5,
        lambda: fl.hinge.grad([1.0], [1]),
        -1,
    ),
    "optax: half a perceptron at equality": (
        lambda: P.jax.grad(lambda x: P.optax.perceptron_loss(x, 1.0))(0.0),
        -0.5,
        lambda: fl.perceptron.grad([0.0], [1]),
        -1,
    ),
    "optax: a hinge of the label 0": (
        lambda: P.optax.hinge_loss(j([3.0]), j([0.0])),
        1,
        lambda: fl.hinge([3.0], [0]),
        ValueError,
    ),
    "optax: tied classes share the gradient": (
        lambda: P.jax.grad(lambda x: P.optax.multiclass_hinge_loss(x, 2))(j([1.0, 1, 0])),
        [0.5, 0.5, -1],
        lambda: fl.multiclass_hinge.grad([1.0, 1, 0], 2),
        [1, 0, -1],
    ),
    "scikit-learn: absolute error at r = 0": (
        lambda: private("AbsoluteError", [1.0], [1.0], "gradient"),
        -1,
        lambda: fl.mae.grad([1.0], [1.0]),
        0,
    ),
    "scikit-learn: pinball loss at r = 0": (
        lambda: private("PinballLoss", [1.0], [1.0], "gradient", quantile=0.9),
        -0.9,
        lambda: fl.quantile.grad([1.0], [1.0], q=0.9),
        0,
    ),
    "scikit-learn: half the Brier score of two classes": (
        lambda: P.metrics.brier_score_loss([0, 1], [0.25, 0.5]),
        0.15625,
        lambda: fl.brier_from_probabilities([[0.75, 0.25], [0.5, 0.5]], [0, 1]),
        0.3125,
    ),
    "scikit-learn: a tie is no hit": (
        lambda: P.metrics.top_k_accuracy_score([0, 1, 0], np.zeros((3, 3)), k=1, labels=range(3)),
        0,
        lambda: fl.top_k_accuracy(np.zeros((3, 3)), [0, 1, 0], k=1),
        2 / 3,
    ),
    "torch: the gradient at a zero vector": (
        lambda: by_torch(lambda a: P.F.cosine_similarity(a, t(ONES).double()), NULL)[1],
        1e8 / 2**0.5,
        lambda: distance.grad(NULL, ONES),
        0,
    ),
    "optax: a zero vector": (
        lambda: P.optax.cosine_distance(j(NULL), j(ONES)),
        NAN,
        lambda: distance(NULL, ONES),
        1,
    ),
    "scikit-learn: a zero vector": (
        lambda: P.metrics.pairwise.paired_cosine_distances(NULL, ONES),
        0.5,
        lambda: distance(NULL, ONES),
        1,
    ),
    "SciPy: a zero vector": (
        lambda: P.distance.cosine(NULL[0], ONES[0]),
        NAN,
        lambda: distance(NULL, ONES),
        1,
    ),
    "torch: norms overflow": (
        lambda: P.F.cosine_similarity(t(BIG), t(BIG)),
        0,
        lambda: 1 - distance(BIG, BIG),
        1,
    ),
    "torch: norms vanish in cosine_embedding_loss": (
        lambda: 1 - P.F.cosine_embedding_loss(t(SMALL), t(SMALL), t([1])),
        0,
        lambda: 1 - fl.cosine_embedding(SMALL, SMALL, [1]),
        1,
    ),
    "torch: a side of 3 costs nothing": (
        lambda: P.F.cosine_embedding_loss(t(ONES), t(NULL), t([3])),
        0,
        lambda: fl.cosine_embedding(ONES, NULL, [3]),
        ValueError,
    ),
    "torch: softplus above 20 is x": (
        lambda: P.F.softplus(t([20.5]).double()) - 20.5,
        0,
        lambda: fl.softplus(np.array([20.5])) - 20.5,
        math.exp(-20.5),
    ),
    "torch: logsumexp of inf": (
        lambda: P.torch.logsumexp(t([INF, 0]), 0),
        INF,
        lambda: fl.logsumexp(np.array([INF, 0])),
        NAN,
    ),
}


@pytest.mark.filterwarnings("ignore:Using a target size", "ignore:reduction. 'mean' divides the total loss")
@pytest.mark.parametrize("theirs, number, ours, other", DIFFERENCES.values(), ids=DIFFERENCES)
def test_where_we_differ(theirs, number, ours, other):
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(theirs(), number, rtol=1e-6, err_msg="the peer has changed")
    if other is ValueError:
        with pytest.raises(ValueError, match=r"target|\by\b"):
            ours()
    else:
        np.testing.assert_allclose(ours(), other, rtol=3e-6)
