"""Every peer is a witness: torch with its autograd, scikit-learn, optax, SciPy, and formulas of Keras and
XGBoost written out. Where a peer computes what we do, the numbers agree. Where we differ on purpose, or a
peer is wrong, DIFFERENCES has both numbers: a release that changes its own is noticed here.

The witness computes in float64. A result in float64 may lie 1e-12 of itself from it, which is for rounding in
the peer; one in float32 must keep the bounds of P6 by themselves.
"""

import math
import warnings
from functools import cached_property

import numpy as np
import pytest
import reference as ref
from layouts import REDUCTIONS, assert_near, eps, real
from test_elementwise import CASES, ELEMENTWISE, EVERY, F4, F8, moderate, name_of, sample
from test_row_losses import LOSSES, VARIANTS, VECTORS, make, options_of, seeded

import fastloss as fl


class Peers:
    """Imported when a test first asks; the test is skipped where a peer is not installed."""

    def __getattr__(self, name):
        path = dict(F="torch.nn.functional", losses="sklearn._loss.loss", sgd="sklearn.linear_model._sgd_fast",
                    metrics="sklearn.metrics", jnp="jax.numpy", optax="optax.losses").get(name, name)
        return pytest.importorskip(path, reason=f"{path} is optional")

    @cached_property
    def tensor(self):
        return self.torch.tensor


P = Peers()
INF, NAN = math.inf, math.nan
both_dtypes = pytest.mark.parametrize("dtype", [F8, F4], ids=str)
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


def near(got, want, bound, dtype, what):
    want = np.asarray(want, "f8")
    rounding = 1e-12 * abs(want) + 1e-13 if dtype == F8 else 0
    assert_near(got, want, np.asarray(bound, "f8") + rounding, dtype, what)


# --- torch ------------------------------------------------------------------------------------------------
# Unreduced, in tensors. Elementwise: (x, y, own parameters), y -1 or 1 where it is a side. NATIVE are torch's
# own, which reduce too. Rows: (x, mass, t), dense targets with and without class weights.


def native(function):
    """torch's own, of our keywords."""
    return lambda *arrays, reduction="none", **own: getattr(P.F, function)(
        *arrays, reduction=reduction, **own
    )


def bce_with_logits(x, y, pos_weight=1.0, label_smoothing=0.0, reduction="none"):
    smooth = y * (1 - label_smoothing) + label_smoothing / 2
    weight = P.torch.as_tensor(pos_weight, dtype=x.dtype)
    return P.F.binary_cross_entropy_with_logits(x, smooth, pos_weight=weight, reduction=reduction)


def gaussian_nll(x, y, var, reduction="none"):
    var = P.torch.as_tensor(var, dtype=x.dtype).expand_as(x)
    return P.F.gaussian_nll_loss(x, y, var, full=False, reduction=reduction)


NATIVE = {
    "mse": native("mse_loss"),
    "mae": native("l1_loss"),
    "huber": native("huber_loss"),
    "smooth_l1": native("smooth_l1_loss"),
    "poisson": native("poisson_nll_loss"),
    "gaussian_nll": gaussian_nll,
    "binary_cross_entropy": lambda x, y, eps=0, **how: native("binary_cross_entropy")(x, y, **how),
    "binary_cross_entropy_with_logits": bce_with_logits,
    "soft_margin": native("soft_margin_loss"),
}


def binary_focal(x, y, alpha=None, gamma=2.0):
    p = x.sigmoid()
    a = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return a * (y * (1 - p) + (1 - y) * p) ** gamma * bce_with_logits(x, y)


WRITTEN = {
    "half_squared": lambda x, y: (x - y) ** 2 / 2,
    "pseudo_huber": lambda x, y, delta=1.0: (x - y) ** 2 / (1 + (1 + ((x - y) / delta) ** 2).sqrt()),
    "log_cosh": lambda x, y: (x - y).cosh().log(),
    "quantile": lambda x, y, q=0.5: (q * (y - x)).maximum((1 - q) * (x - y)),
    "expectile": lambda x, y, tau=0.5: (tau - (x > y).double()).abs() * (x - y) ** 2,
    "epsilon_insensitive": lambda x, y, eps=0.1: ((x - y).abs() - eps).relu(),
    "squared_epsilon_insensitive": lambda x, y, eps=0.1: ((x - y).abs() - eps).relu() ** 2,
    "msle": lambda x, y: (x.log1p() - y.log1p()) ** 2,
    "mape": lambda x, y: (x - y).abs() / y.abs().clamp(min=2.0**-52),
    "gamma": lambda x, y: x + y * (-x).exp(),
    "tweedie": lambda x, y, power=1.5: (
        ((2 - power) * x).exp() / (2 - power) - y * ((1 - power) * x).exp() / (1 - power)
    ),
    "binary_focal": binary_focal,
    "hinge": lambda x, y: (1 - y * x).relu(),
    "squared_hinge": lambda x, y: (1 - y * x).relu() ** 2,
    "perceptron": lambda x, y: (-y * x).relu(),
    "modified_huber": lambda x, y: (-4 * y * x).where(y * x < -1, (1 - y * x).relu() ** 2),
    "exponential": lambda x, y: (-y * x).exp(),
}


def nll(log_p, mass):
    return -(mass * log_p).sum(-1)


def largest_other(x, t):
    return x.masked_fill(t > 0, -INF).amax(-1)


def arcface(x, mass, t, margin=0.5, scale=64.0):
    turned = (x.acos() + margin).cos().where(x > -math.cos(margin), x - margin * math.sin(margin))
    return nll((scale * turned.where(t > 0, x)).log_softmax(-1), mass)


def l_softmax(x, mass, t, margin=4, scale=30.0):
    angle = x.acos()
    k = (margin * angle / math.pi).floor().detach()
    psi = (1 - 2 * (k % 2)) * (margin * angle).cos() - 2 * k
    return nll((scale * psi.where(t > 0, x)).log_softmax(-1), mass)


def kl(log_p, mass, t, log_target=False):
    t = t.clamp(min=-1e4) if log_target else t  # torch has nan for a logarithm of -inf, see DIFFERENCES
    return P.F.kl_div(log_p, t, log_target=log_target, reduction="none").sum(-1)


def js(x, mass, t, beta=0.5):
    p, m = x.softmax(-1), beta * t + (1 - beta) * x.softmax(-1)
    return (beta * P.F.kl_div(m.log(), t, reduction="none") + (1 - beta) * p * (p / m).log()).sum(-1)


OF_ROWS = {
    "nll": lambda x, mass, t: nll(x, mass),
    # Clipped in the value alone: our gradient is not 0 where it clips.
    "log_loss": lambda x, mass, t, eps: nll((x + (x.clamp(eps, 1 - eps) - x).detach()).log(), mass),
    "focal": lambda x, mass, t, gamma=2.0: nll(x.log_softmax(-1), mass * (1 - x.softmax(-1)) ** gamma),
    "poly_cross_entropy": lambda x, mass, t, epsilon=1.0: (
        nll(x.log_softmax(-1), mass) + epsilon * (mass * (1 - x.softmax(-1))).sum(-1)
    ),
    "generalized_cross_entropy": lambda x, mass, t, q=0.7: (mass * (1 - x.softmax(-1) ** q) / q).sum(-1),
    "brier": lambda x, mass, t: ((x.softmax(-1) - t) ** 2).sum(-1),
    "brier_from_probabilities": lambda x, mass, t: ((x - t) ** 2).sum(-1),
    "kl_div": kl,
    "kl_div_with_logits": lambda x, mass, t, temperature=1.0, **own: (
        temperature**2 * kl((x / temperature).log_softmax(-1), mass, t, **own)
    ),
    "js_div_with_logits": js,
    "multiclass_hinge": lambda x, mass, t: (1 + largest_other(x, t) - (x * t).sum(-1)).relu(),
    "categorical_hinge": lambda x, mass, t: (1 + largest_other(x, t).relu() - (x * t).sum(-1)).relu(),
    "multi_margin": lambda x, mass, t, p=1, margin=1.0: (
        mass.mean(-1) * ((1 - t) * (margin - (x * t).sum(-1, keepdim=True) + x).relu() ** p).sum(-1)
    ),
    "am_softmax": lambda x, mass, t, margin=0.35, scale=30.0: (
        nll((scale * (x - margin * t)).log_softmax(-1), mass)
    ),
    "arcface": arcface,
    "l_softmax": l_softmax,
    "sm_softmax": lambda x, mass, t, margin=0.35: nll((x - margin * t).log_softmax(-1), mass),
    "cosine_distance": lambda a, b: 1 - P.F.cosine_similarity(a, b, dim=-1),
    "cosine_embedding": native("cosine_embedding_loss"),
}
ROW_CASES = [(name, kind, i) for name, kind in VARIANTS for i in range(len(LOSSES[name].options))]


def by_torch(f, arrays, hessian=False, dtype="f8"):
    """Values, gradient and the diagonal of the Hessian: of each last-axis entry alone, so of any row."""
    x, *rest = (P.tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for a in map(np.asarray, arrays))
    x.requires_grad_()
    value = f(x, *rest)
    (grad,) = P.torch.autograd.grad(value.sum(), x, create_graph=hessian)
    found = [value.detach().numpy(), grad.detach().numpy()]
    if not hessian:
        return found
    curve = np.zeros(x.shape)
    for c in range(x.shape[-1]) if grad.requires_grad else ():
        (slope,) = P.torch.autograd.grad(grad[..., c].sum(), x, retain_graph=True, allow_unused=True)
        curve[..., c] = 0 if slope is None else slope[..., c]
    return [*found, curve]


def judge(name, f, arrays, own):
    """Ours against the unreduced f of torch."""
    loss, dtype = fl.losses[name], arrays[0].dtype
    hessian = hasattr(loss, "grad_and_hess")
    want = by_torch(f, arrays, hessian)
    bounds = getattr(ref, name).bounds(*arrays, eps(dtype), real=real(dtype), **own)
    got = list(loss.value_and_grad(*arrays, reduction="none", **own))
    got += loss.grad_and_hess(*arrays, reduction="none", **own)[1:] if hessian else []
    for what, *three in zip(("value", "grad", "hess"), got, want, bounds):
        near(*three, dtype, f"{name} {what}")


def test_torch_has_a_word_on_every_loss():
    assert {*NATIVE, *WRITTEN} == set(ELEMENTWISE) and set(OF_ROWS) == set(LOSSES)
    assert set(fl.losses) == {*ELEMENTWISE, *OF_ROWS, "cross_entropy"}  # which test_gradients compares


@both_dtypes
@pytest.mark.parametrize("entry", EVERY, ids=name_of)
def test_torch_elementwise(entry, dtype):
    name = entry[0]
    *_, x, y, own = sample(entry, dtype, (30, 8), draw=moderate)
    coded = {k: P.tensor(v) if np.ndim(v) else v for k, v in own.items() if k != "labels"}
    f = (NATIVE | WRITTEN)[name]
    judge(name, lambda a, b: f(a, 2 * b - 1 if "labels" in own else b, **coded), [x, y], own)


@both_dtypes
@pytest.mark.parametrize("name, kind, i", ROW_CASES)
def test_torch_rows(name, kind, i, dtype):
    rng, options = seeded(name, kind), LOSSES[name].options[i]
    arrays, own = make(rng, name, kind, (30,), 5, dtype, options), options_of(options, 5, rng)
    if kind == "vectors":
        return judge(name, lambda *tensors: OF_ROWS[name](*tensors, **own), arrays, own)
    if name == "log_loss" and "eps" not in own:
        own["eps"] = eps(dtype)
    mass, _, kept = map(P.tensor, ref.dense_target(arrays[1], 5, own.get("class_weight")))
    t = P.tensor(ref.dense_target(arrays[1], 5)[0])
    theirs = {k: v for k, v in own.items() if k != "class_weight"}
    judge(name, lambda x, _: OF_ROWS[name](x, mass, t, **theirs) * kept, arrays, own)


def of_nll(x, y, class_weight=None, **how):
    return P.F.nll_loss(x, y, weight=None if class_weight is None else P.tensor(class_weight, dtype=x.dtype),
                        **how)


def of_multi_margin(x, y, class_weight=None, **how):
    weight = None if class_weight is None else P.tensor(class_weight, dtype=x.dtype)
    return P.F.multi_margin_loss(x, y, weight=weight, **how)


def of_kl_div(x, t, reduction, **own):
    """batchmean is the mean over rows."""
    found = P.F.kl_div(x, t, reduction={"mean": "batchmean"}.get(reduction, reduction), **own)
    return found.sum(-1) if reduction == "none" else found


W5 = np.array([0.5, 1.0, 2.0, 0.25, 3.0])
REDUCING = [(f, name, None, own) for name, own, f in (
    *((name, {}, f) for name, f in NATIVE.items() if name != "gaussian_nll"),
    ("huber", dict(delta=0.7), NATIVE["huber"]),
    ("smooth_l1", dict(beta=0.7), NATIVE["smooth_l1"]),
    ("gaussian_nll", dict(var=np.linspace(0, 2, 8)), NATIVE["gaussian_nll"]),
    ("binary_cross_entropy_with_logits", dict(pos_weight=np.linspace(0.5, 4, 8)), bce_with_logits),
)] + [
    (of_nll, "nll", "labels", {}),
    (of_nll, "nll", "labels", dict(class_weight=W5)),
    (of_nll, "nll", "labels", dict(class_weight=W5, ignore_index=2)),
    *((of_multi_margin, "multi_margin", "labels", dict(p=p, margin=0.7, class_weight=w))
      for p in (1, 2) for w in (None, W5)),
    (of_kl_div, "kl_div", "soft", {}),
    (NATIVE_EMBEDDING := native("cosine_embedding_loss"), "cosine_embedding", "vectors", dict(margin=0.1)),
]


@both_dtypes
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("f, name, kind, own", REDUCING, ids=[f"{r[1]}-{i}" for i, r in enumerate(REDUCING)])
def test_torch_reductions(f, name, kind, own, reduction, dtype):
    """torch in the same dtype, float32 too: nobody promises that, so it may take four times our bound."""
    rng = seeded(name)
    if kind is None:
        arrays = [a.astype(dtype) for a in moderate(CASES[name], {}, rng, (30, 8))]
    else:
        arrays = make(rng, name, kind, (30,), 5, dtype)
    if name in ("multi_margin", "nll"):
        arrays[1] = arrays[1] % 5  # torch's multi_margin has no ignore_index
    call = dict(reduction=reduction)
    want = by_torch(lambda *tensors: f(*tensors, **own, **call), arrays, dtype=dtype)
    oracle = getattr(ref, name)
    bounds = oracle.bounds(*arrays, eps(dtype), real=real(dtype), **own)
    bounds = ref.reduced(bounds._replace(share=oracle(*arrays, **own).share),
                         axis=None if kind is None else -1, **call)
    got = fl.losses[name].value_and_grad(*arrays, **call, **own)
    for what, a, b, bound in zip(("value", "grad"), got, want, bounds):
        near(a, b, 5 * bound + (8 * eps(dtype) * abs(b) if what == "value" else 0), dtype, f"{name} {what}")


@both_dtypes
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_torch_second_gradients(reduction, dtype):
    """By the variance, and by both vectors."""
    rng, call = np.random.default_rng(1), dict(reduction=reduction)
    x, y = rng.standard_normal((2, 30, 8)).astype(dtype)
    var, side = rng.choice([1e-9, 0.25, 1, 3], (30, 8)).astype(dtype), rng.choice([-1, 1], 30)
    similar = P.F.cosine_similarity
    mean = {"mean": lambda rows: rows.mean(), "sum": lambda rows: rows.sum(), "none": lambda rows: rows}
    for got, f, arrays in [
        (fl.gaussian_nll.value_and_grads(x, y, var=var, **call),
         lambda a, b: gaussian_nll(a, P.tensor(y.astype("f8")), b, **call), (x, var)),
        (fl.cosine_distance.value_and_grads(x, y, **call),
         lambda a, b: mean[reduction](1 - similar(a, b)), (x, y)),
        (fl.cosine_embedding.value_and_grads(x, y, side, margin=0.1, **call),
         lambda a, b: P.F.cosine_embedding_loss(a, b, P.tensor(side), margin=0.1, **call), (x, y)),
    ]:
        a, b = (P.tensor(v.astype("f8"), requires_grad=True) for v in arrays)
        value = f(a, b)
        value.sum().backward()
        scale = 8 * eps(dtype) * max(1, abs(value.detach().numpy()).max())
        near(got[0], value.detach().numpy(), scale, dtype, "value")
        for mine, theirs in zip(got[1], (a.grad.numpy(), b.grad.numpy())):
            near(mine, theirs, 24 * eps(dtype) * abs(theirs).max(), dtype, "grad")


def test_torch_hessian_times_a_vector():
    rng = np.random.default_rng(2)
    x, v, t = *rng.standard_normal((2, 6, 5)), rng.dirichlet(np.ones(5), 6)
    kl_2 = lambda a: 4 * P.F.kl_div((a / 2).log_softmax(-1), P.tensor(t), reduction="batchmean")  # noqa: E731
    ce = lambda a: P.F.cross_entropy(a, P.tensor(t), weight=P.tensor(W5), label_smoothing=0.1)  # noqa: E731
    for got, f in [
        (fl.kl_div_with_logits.hvp(x, t, v, temperature=2.0), kl_2),
        (fl.cross_entropy.hvp(x, t, v, class_weight=W5, label_smoothing=0.1), ce),
    ]:
        _, want = P.torch.autograd.functional.hvp(f, P.tensor(x), P.tensor(v))
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-12, atol=1e-14)


@both_dtypes
def test_torch_and_scipy_primitives(dtype):
    x = (4 * np.random.default_rng(3).standard_normal((30, 9))).astype(dtype)
    index, wide = np.arange(30) % 9, x.astype("f8")
    a, special = P.tensor(wide), pytest.importorskip("scipy.special", reason="SciPy is optional")
    unit = 4 + abs(wide)  # P6: what e^x may be off, relative
    log_p = a.log_softmax(-1)
    for name, bound, *witnesses in [
        ("sigmoid", unit, a.sigmoid(), special.expit(wide)),
        ("log_sigmoid", unit, P.F.logsigmoid(a), special.log_expit(wide)),
        ("softplus", unit, P.F.softplus(a, threshold=1e3), np.logaddexp(0, wide)),
        ("softmax", 3 + wide.max(-1, keepdims=True) - wide, a.softmax(-1), special.softmax(wide, -1)),
        ("log_softmax", 3 * np.maximum(1, 1 / abs(log_p.numpy())), log_p, special.log_softmax(wide, -1)),
        ("logsumexp", 8, a.logsumexp(-1), special.logsumexp(wide, -1)),
    ]:
        for want in map(np.asarray, witnesses):
            near(getattr(fl, name)(x), want, eps(dtype) * bound * abs(want), dtype, name)
    value, grad = fl.gather_log_softmax.value_and_grad(x, index, wide[:, 0])
    a.requires_grad_()
    picked = a.log_softmax(-1).gather(-1, P.tensor(index)[:, None])[:, 0]
    (picked * P.tensor(wide[:, 0])).sum().backward()
    near(value, picked.detach().numpy(), 3 * eps(dtype) * np.maximum(1, abs(value)), dtype, "picked")
    near(grad, a.grad.numpy(), 32 * eps(dtype) * abs(wide[:, :1]), dtype, "its gradient")


# --- scikit-learn -----------------------------------------------------------------------------------------

# Its private losses take (y_true, raw_prediction) and one value a sample; for labels 0 and 1 where we ask for
# labels="01". Without the constants of the target, as ours.
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
@pytest.mark.parametrize("name, own, theirs, how", PRIVATE, ids=[f"{p[2]}-{i}" for i, p in enumerate(PRIVATE)])
def test_private_losses_of_scikit_learn(name, own, theirs, how, dtype, weighted):
    peer, loss, rng = getattr(P.losses, theirs)(**how), fl.losses[name], seeded(theirs)
    if name == "cross_entropy":
        x, y = 2 * rng.standard_normal((200, 5)), rng.integers(0, 5, 200)
    else:
        x, y = moderate(CASES[name], own, rng, (200,))
    x, w = x.astype(dtype), (1 + rng.integers(0, 8, 200) / 4).astype(dtype) if weighted else None
    y = y if name == "cross_entropy" else y.astype(dtype)
    call = dict(y_true=y.astype(dtype), raw_prediction=x, sample_weight=w)
    (value, slope), (_, curve) = peer.loss_gradient(**call), peer.gradient_hessian(**call)
    if name == "cross_entropy":
        bounds, axis = ref.cross_entropy_bounds(x, y, eps(dtype), real=real(dtype)), -1
    else:
        bounds, axis = getattr(ref, name).bounds(x, y, eps(dtype), real=real(dtype), **own), None
    bounds = ref.reduced(bounds, reduction="none", sample_weight=w, axis=axis)
    got = list(loss.value_and_grad(x, y, reduction="none", sample_weight=w, **own))
    if hasattr(loss, "grad_and_hess"):
        got.append(loss.grad_and_hess(x, y, reduction="none", sample_weight=w, **own)[1])
    else:  # it puts 1 there, for boosting; what is 0 almost everywhere is not offered here
        assert np.array_equal(np.broadcast_to(curve, 200), np.ones(200) if w is None else w)
    for what, a, b, bound in zip(("value", "grad", "hess"), got, (value, slope, curve), bounds):
        # It computes float32 in double and rounds at the end; the weight is one factor more.
        near(a, b, bound + 2 * eps(dtype) * abs(b), dtype, f"{name} {what}")


STOCHASTIC = [
    ("hinge", {}, "Hinge", (1.0,)),
    ("perceptron", {}, "Hinge", (0.0,)),
    ("squared_hinge", {}, "SquaredHinge", (1.0,)),
    ("modified_huber", {}, "ModifiedHuber", ()),
    ("epsilon_insensitive", dict(eps=0.25), "EpsilonInsensitive", (0.25,)),
    ("squared_epsilon_insensitive", dict(eps=0.25), "SquaredEpsilonInsensitive", (0.25,)),
]


@pytest.mark.parametrize("name, own, theirs, how", STOCHASTIC, ids=[s[0] for s in STOCHASTIC])
def test_losses_of_stochastic_gradient_descent(name, own, theirs, how):
    """At multiples of 1/4 nothing is rounded, and every kink is among them: equality counts as it does there."""
    peer = getattr(P.sgd, theirs)(*how)
    x = np.repeat(np.arange(-12, 13) / 4, 2)
    y = np.tile([-1.0, 1.0], 25)
    value, grad = fl.losses[name].value_and_grad(x, y, reduction="none", **own)
    assert value.tolist() == [peer.py_loss(a, b) for a, b in zip(x, y)]
    assert grad.tolist() == [peer.py_dloss(a, b) for a, b in zip(x, y)]


@weighted
def test_metrics_of_scikit_learn(weighted):
    m, rng = P.metrics, np.random.default_rng(4)
    n, c = 300, 5
    w = rng.integers(0, 5, n) / 4 if weighted else None
    x, y, mu = rng.standard_normal(n), rng.uniform(0.1, 4, n), rng.uniform(0.1, 4, n)
    scores, labels = rng.integers(-4, 5, (n, c)) / 2, np.arange(n) % c
    p, hit, prob = rng.dirichlet(np.ones(c), n), rng.integers(0, 2, n), rng.random(n)
    prob[:2], hit[:2] = [0, 1], [0, 0]  # of which one is certain and right, the other wrong, and clipped
    p[:2] = np.eye(c)[[0, 3]]
    guess, of, s = scores.argmax(1), dict(sample_weight=w), 2 * hit - 1
    average = lambda a: np.average(a, weights=w)  # noqa: E731
    # Deviances are twice ours, with their constants: terms of the target alone.
    poisson, gamma = average(y * np.log(y) - y), average(-np.log(y) - 1)
    tweedie = average(y**0.7 / (-0.3 * 0.7))
    for name, ours, theirs in [
        ("mse", fl.mse(x, y, **of), m.mean_squared_error(y, x, **of)),
        ("mae", fl.mae(x, y, **of), m.mean_absolute_error(y, x, **of)),
        ("mape", fl.mape(x, y, **of), m.mean_absolute_percentage_error(y, x, **of)),
        ("msle", fl.msle(mu, y, **of), m.mean_squared_log_error(y, mu, **of)),
        ("quantile", fl.quantile(x, y, q=0.7, **of), m.mean_pinball_loss(y, x, alpha=0.7, **of)),
        ("poisson", 2 * (fl.poisson(np.log(mu), y, **of) + poisson), m.mean_poisson_deviance(y, mu, **of)),
        ("gamma", 2 * (fl.gamma(np.log(mu), y, **of) + gamma), m.mean_gamma_deviance(y, mu, **of)),
        ("tweedie", 2 * (fl.tweedie(np.log(mu), y, power=1.3, **of) + tweedie),
         m.mean_tweedie_deviance(y, mu, power=1.3, **of)),
        ("half_squared", 2 * fl.half_squared(x, y, **of), m.mean_tweedie_deviance(y, x, power=0, **of)),
        ("hinge", fl.hinge(x, s, **of), m.hinge_loss(s, x, **of)),
        ("hinge of 0 and 1", fl.hinge(x, hit, labels="01", **of), m.hinge_loss(hit, x, **of)),
        ("multiclass_hinge", fl.multiclass_hinge(scores, labels, **of), m.hinge_loss(labels, scores, **of)),
        ("log_loss", fl.log_loss(p, labels, **of), m.log_loss(labels, p, **of)),
        ("log_loss of float32", fl.log_loss(p.astype("f4"), labels, **of),
         m.log_loss(labels, p.astype("f4"), **of)),
        ("binary_cross_entropy", fl.binary_cross_entropy(prob, hit, **of), m.log_loss(hit, prob, **of)),
        ("brier of two", fl.mse(prob, hit, **of), m.brier_score_loss(hit, prob, **of)),
        ("brier", fl.brier_from_probabilities(p, labels, **of), m.brier_score_loss(labels, p, **of)),
        ("accuracy", fl.accuracy(scores, labels, **of), m.accuracy_score(labels, guess, **of)),
        ("zero_one", fl.zero_one(scores, labels, **of), m.zero_one_loss(labels, guess, **of)),
        ("binary_accuracy", fl.binary_accuracy(x, hit, **of), m.accuracy_score(hit, x > 0, **of)),
        *(("top_k", fl.top_k_accuracy(scores, labels, k=k, ties="last", **of),
           m.top_k_accuracy_score(labels, scores, k=k, **of)) for k in (1, 2, 4)),
        ("cosine_distance", fl.cosine_distance(scores, p, **of),
         average(m.pairwise.paired_cosine_distances(scores, p))),
    ]:
        rel = 1e-6 if "float32" in name else 1e-12
        assert ours == pytest.approx(theirs, rel=rel, abs=1e-12), name


# --- optax, SciPy, and what is written out ------------------------------------------------------------------

OPTAX = [
    ("mse", {}, "", lambda o, x, y: o.squared_error(x, y)),
    ("half_squared", {}, "", lambda o, x, y: o.l2_loss(x, y)),
    ("huber", dict(delta=0.7), "", lambda o, x, y: o.huber_loss(x, y, delta=0.7)),
    ("log_cosh", {}, "", lambda o, x, y: o.log_cosh(x, y)),
    ("binary_cross_entropy_with_logits", {}, "", lambda o, x, y: o.sigmoid_binary_cross_entropy(x, y)),
    ("binary_focal", {}, "", lambda o, x, y: o.sigmoid_focal_loss(x, y)),
    ("binary_focal", dict(alpha=0.25, gamma=1.5), "",
     lambda o, x, y: o.sigmoid_focal_loss(x, y, alpha=0.25, gamma=1.5)),
    ("hinge", {}, "", lambda o, x, y: o.hinge_loss(x, y)),
    ("perceptron", {}, "", lambda o, x, y: o.perceptron_loss(x, y)),
    ("cross_entropy", {}, "labels", lambda o, x, y: o.softmax_cross_entropy_with_integer_labels(x, y)),
    ("cross_entropy", {}, "soft", lambda o, x, t: o.softmax_cross_entropy(x, t)),
    ("cross_entropy", dict(label_smoothing=0.1), "labels", lambda o, x, y: o.softmax_cross_entropy(
        x, o.smooth_labels(P.jax.nn.one_hot(y, 5, dtype=x.dtype), 0.1))),
    ("poly_cross_entropy", {}, "soft", lambda o, x, t: o.poly_loss_cross_entropy(x, t, epsilon=1.0)),
    ("poly_cross_entropy", dict(epsilon=2), "soft", lambda o, x, t: o.poly_loss_cross_entropy(x, t)),
    ("kl_div", {}, "soft", lambda o, x, t: o.kl_divergence(x, t)),
    ("kl_div", dict(log_target=True), "soft", lambda o, x, t: o.kl_divergence_with_log_targets(x, t)),
    ("multiclass_hinge", {}, "labels", lambda o, x, y: o.multiclass_hinge_loss(x, y)),
    ("cosine_distance", {}, "vectors", lambda o, x, y: o.cosine_distance(x, y)),
]


@pytest.mark.parametrize("name, own, kind, f", OPTAX, ids=[f"{o[0]}-{i}" for i, o in enumerate(OPTAX)])
def test_optax(name, own, kind, f):
    """One value an element or row; the mean is the caller's."""
    optax, jax, rng = P.optax, P.jax, seeded(name)
    if kind:
        x, y = make(rng, "focal" if name == "cross_entropy" else name, kind, (20,), 5, F8)
        y = y % 5 if kind == "labels" else np.log(y + 0.01) if own.get("log_target") else y
    else:
        x, y = moderate(CASES[name], own, rng, (20, 6))
    with jax.enable_x64(True):
        a, b = P.jnp.asarray(x), P.jnp.asarray(y)
        value, grad = f(optax, a, b), jax.grad(lambda a: f(optax, a, b).sum())(a)
        assert grad.dtype == "f8"
    got, slope = fl.losses[name].value_and_grad(x, y, reduction="none", **own)
    np.testing.assert_allclose(got, value, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope, grad, rtol=1e-11, atol=1e-15)
    assert fl.losses[name](x, y, **own) == pytest.approx(float(np.mean(value)), rel=1e-12)


def test_scipy():
    special = pytest.importorskip("scipy.special", reason="SciPy is optional")
    from scipy import spatial, stats

    rng = np.random.default_rng(5)
    (x, y), (p, t) = rng.standard_normal((2, 30, 5)), rng.dirichlet(np.ones(5), (2, 30))
    each, log_p = dict(reduction="none"), np.log(p)
    for name, ours, theirs in [
        ("huber", fl.huber(x, y, delta=0.7, **each), special.huber(0.7, x - y)),
        ("pseudo_huber", fl.pseudo_huber(x, y, delta=0.7, **each), special.pseudo_huber(0.7, x - y)),
        ("kl_div", fl.kl_div(log_p, t, **each), special.rel_entr(t, p).sum(-1)),
        ("js", fl.js_div_with_logits(log_p, t, **each), spatial.distance.jensenshannon(p, t, axis=-1) ** 2),
        ("entropy", fl.entropy(log_p, **each), stats.entropy(p, axis=-1)),
        ("cosine", fl.cosine_distance(x, y, **each), [spatial.distance.cosine(a, b) for a, b in zip(x, y)]),
    ]:
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15, err_msg=name)


def test_formulas_of_keras_and_xgboost():
    """Not installed, so written out. Keras: 1e-7 keeps from zero, the target comes first, the last axis is
    averaged; where its numbers differ by design, the way from one to the other is said."""
    rng, tiny, shift = np.random.default_rng(6), 1e-7, 1e-7 - 1e-8
    x, y, rate = *rng.standard_normal((2, 30, 5)), rng.uniform(0.1, 3, (30, 5))
    p, t = rng.dirichlet(np.ones(5), (2, 30))
    label = np.arange(30) % 5
    hot, bit, prob = np.eye(5)[label], rng.integers(0, 2, (30, 5)), ref.sigmoid(x)
    p_t = np.where(bit, prob, 1 - prob)
    unit = lambda a: a / np.sqrt((a**2).sum(-1, keepdims=True))  # noqa: E731
    r, each = x - y, dict(reduction="none")
    for name, ours, theirs in [
        ("LogCosh", fl.log_cosh(x, y, **each), r + np.log1p(np.exp(-2 * r)) - np.log(2)),
        ("Huber", fl.huber(x, y, delta=0.7, **each),
         np.where(abs(r) <= 0.7, 0.5 * r**2, 0.7 * abs(r) - 0.5 * 0.7**2)),
        ("Poisson", fl.poisson(p + shift, rate, log_input=False, **each) - shift, p - rate * np.log(p + tiny)),
        ("MeanAbsolutePercentageError", 100 * fl.mape(x, y, **each), 100 * abs(r / np.maximum(abs(y), tiny))),
        ("MeanSquaredLogarithmicError", fl.msle(np.maximum(x, tiny), rate, **each),
         (np.log(np.maximum(x, tiny) + 1) - np.log(rate + 1)) ** 2),
        ("CategoricalHinge", fl.categorical_hinge(x, label, **each),
         np.maximum(0, ((1 - hot) * x).max(-1) - (hot * x).sum(-1) + 1)),
        ("Hinge", fl.hinge(x, bit, labels="01", **each), np.maximum(0, 1 - (2 * bit - 1) * x)),
        ("SquaredHinge", fl.squared_hinge(x, bit == 1, **each), np.maximum(0, 1 - (2 * bit - 1) * x) ** 2),
        ("BinaryFocalCrossentropy", fl.binary_focal(x, bit, alpha=0.25, **each),
         np.where(bit, 0.25, 0.75) * (1 - p_t) ** 2 * -np.log(p_t)),
        ("CategoricalFocalCrossentropy", fl.focal(x, label, class_weight=np.full(5, 0.25), **each),
         (0.25 * (1 - ref.softmax(x)) ** 2 * -hot * ref.log_softmax(x)).sum(-1)),
        ("CategoricalGeneralizedCrossEntropy", fl.generalized_cross_entropy(np.log(p), label, q=0.5, **each),
         (1 - p[np.arange(30), label] ** 0.5) / 0.5),
        ("CategoricalCrossentropy", fl.log_loss(2 * p / (2 * p).sum(-1, keepdims=True), label, **each),
         -(hot * np.log(2 * p / (2 * p).sum(-1, keepdims=True))).sum(-1)),
        ("KLDivergence", fl.kl_div(np.log(p), t, **each), (t * np.log(t / p)).sum(-1)),
        ("CosineSimilarity", fl.cosine_distance(x, y, **each) - 1, -(unit(x) * unit(y)).sum(-1)),
        ("reg:pseudohubererror", fl.pseudo_huber(x, y, delta=0.7, **each),
         0.7**2 * (np.sqrt(1 + (r / 0.7) ** 2) - 1)),
        ("reg:expectileerror", fl.expectile(x, y, tau=0.7, **each) / 2, np.where(r < 0, 0.7, 0.3) * r**2 / 2),
        ("reg:squaredlogerror", fl.msle(rate, p, **each) / 2, (np.log1p(rate) - np.log1p(p)) ** 2 / 2),
    ]:
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13, err_msg=name)
