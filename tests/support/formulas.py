"""The formula of every loss and metric, once, for NumPy, torch, JAX and mpmath.

A formula takes an array namespace `xp` (the tests have theirs in namespaces.py, the benchmarks in
benchmarks/contenders.py), the arguments of the loss and the loss's own parameters, and gives a value for each
element or row: without reduction, weights or derivatives. Derivatives are in reference.py; torch, JAX and
mpmath find their own.

A namespace has the functions of NumPy that are used here, and some that each library has in its own form:

    times(c, a)       c a, and 0 where c is 0, whatever a is
    number(text)      a number in the precision of the namespace
    math              the functions of one such number
    sigmoid, softplus, softmax, log_softmax, logsumexp

A target t is what the namespace takes: labels, or a mass for each class, class weights included. Classes
stand last. These know what it is:

    at(x, t)          what the target looks at: the label's entry, or each class's
    expect(v, t)      of what stands there: the label's itself, or the sum of mass times value
    surprisal(x, t)   -log softmax(x), where the target looks
    mass(t)           1, or the sum of the masses
    hot(x, t)         for each class whether it is the label
    pick(x, t)        the label's entry
    dense(x, t)       the mass of each class
"""

import math

# --- regression -------------------------------------------------------------------------------------


def mse(xp, x, y):
    return (x - y) ** 2


def half_squared(xp, x, y):
    return (x - y) ** 2 / 2


def mae(xp, x, y):
    return abs(x - y)


def huber(xp, x, y, delta=1.0):
    a = abs(x - y)
    return xp.where(a <= delta, a**2 / 2, delta * (a - delta / 2))


def smooth_l1(xp, x, y, beta=1.0):
    a = abs(x - y)
    return xp.where(a < beta, a**2 / (2 * beta), a - beta / 2)


def pseudo_huber(xp, x, y, delta=1.0):
    """delta^2 (s - 1), where s = sqrt(1 + (r / delta)^2), without the cancellation."""
    r = x - y
    return r**2 / (1 + xp.sqrt(1 + (r / delta) ** 2))


def log_cosh(xp, x, y):
    """cosh r = 1 + 2 sinh^2(r / 2) = e^|r| (1 + e^(-2 |r|)) / 2"""
    r = x - y
    a = abs(r)
    return xp.where(a < 1, xp.log1p(2 * xp.sinh(r / 2) ** 2), a + xp.log1p(xp.expm1(-2 * a) / 2))


def quantile(xp, x, y, q=0.5):
    r = x - y
    return xp.where(r > 0, (1 - q) * r, -q * r)


def expectile(xp, x, y, tau=0.5):
    r = x - y
    return xp.where(r > 0, (1 - tau) * r**2, tau * r**2)


def epsilon_insensitive(xp, x, y, eps=0.1):
    return xp.clip(abs(x - y) - eps, 0, None)


def squared_epsilon_insensitive(xp, x, y, eps=0.1):
    return epsilon_insensitive(xp, x, y, eps) ** 2


def log_ratio(xp, x, y):
    """log(1 + x) - log(1 + y), without the cancellation where x is near y."""
    ratio = (x - y) / (1 + y)
    return xp.where(abs(ratio) < 0.5, xp.log1p(ratio), xp.log1p(x) - xp.log1p(y))


def msle(xp, x, y):
    return log_ratio(xp, x, y) ** 2


def mape(xp, x, y):
    return abs(x - y) / xp.clip(abs(y), 2.0**-52, None)


def poisson(xp, x, y, log_input=True):
    if log_input:
        return xp.exp(x) - xp.times(y, x)
    return x - xp.times(y, xp.log(x + xp.number("1e-8")))


def gamma(xp, x, y):
    return x + xp.times(y, xp.exp(-x))


def tweedie(xp, x, y, power=1.5):
    a, b = 2 - power, 1 - power
    return xp.exp(a * x) / a - xp.times(y, xp.exp(b * x)) / b


def gaussian_nll(xp, x, y, var):
    v = xp.clip(var, xp.number("1e-6"), None)
    return (xp.log(v) + (x - y) ** 2 / v) / 2


# --- binary: y is 0 to 1, the side s -1 or 1 ----------------------------------------------------------


def binary_cross_entropy_with_logits(xp, x, y, pos_weight=1.0, label_smoothing=0.0):
    yes = pos_weight * (y * (1 - label_smoothing) + label_smoothing / 2)
    no = (1 - y) * (1 - label_smoothing) + label_smoothing / 2
    return xp.times(yes, xp.softplus(-x)) + xp.times(no, xp.softplus(x))


def binary_cross_entropy(xp, x, y, eps=0.0):
    """-y log p - (1 - y) log(1 - p); each logarithm takes p or 1 - p, whichever is less."""
    p, not_p = xp.clip(x, eps, 1 - eps), xp.clip(1 - x, eps, 1 - eps)
    log_p = xp.where(x < 0.5, xp.log(p), xp.log1p(-not_p))
    log_not_p = xp.where(x < 0.5, xp.log1p(-p), xp.log(not_p))
    return -xp.times(y, log_p) - xp.times(1 - y, log_not_p)


def binary_focal(xp, x, y, alpha=None, gamma=2.0):
    wrong = y * xp.sigmoid(-x) + (1 - y) * xp.sigmoid(x)
    weight = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return xp.times(weight * wrong**gamma, binary_cross_entropy_with_logits(xp, x, y))


def hinge(xp, x, s):
    return xp.clip(1 - s * x, 0, None)


def squared_hinge(xp, x, s):
    return hinge(xp, x, s) ** 2


def perceptron(xp, x, s):
    return xp.clip(-s * x, 0, None)


def soft_margin(xp, x, s):
    return xp.softplus(-s * x)


def modified_huber(xp, x, s):
    z = s * x
    return xp.where(z < -1, -4 * z, xp.clip(1 - z, 0, None) ** 2)


def exponential(xp, x, s):
    return xp.exp(-s * x)


# --- rows of class scores -----------------------------------------------------------------------------


def smoothed(t, label_smoothing, class_weight):
    """The masses of a target t, which has a number for each class."""
    return class_weight * (t * (1 - label_smoothing) + label_smoothing / t.shape[-1])


def transformed(xp, x, softcap, logit_scale):
    """The logits that a loss sees."""
    u = x if logit_scale == 1 else logit_scale * x
    return u if softcap is None else softcap * xp.tanh(u / softcap)


def cross_entropy(xp, x, t, softcap=None, logit_scale=1, z_loss=0):
    u = transformed(xp, x, softcap, logit_scale)
    loss = xp.expect(xp.surprisal(u, t), t)
    return loss + z_loss * xp.logsumexp(u) ** 2 if z_loss else loss


def nll(xp, x, t):
    return xp.expect(-xp.at(x, t), t)


def log_loss(xp, p, t, eps=0.0):
    return xp.expect(-xp.log(xp.clip(xp.at(p, t), eps, 1 - eps)), t)


def through_softmax(term):
    """The expectation of a term of surprisal, -log p, and rest, 1 - p."""

    def formula(xp, x, t, **own):
        surprisal = xp.surprisal(x, t)
        return xp.expect(term(xp, surprisal, -xp.expm1(-surprisal), **own), t)

    formula.term = term
    return formula


@through_softmax
def focal(xp, surprisal, rest, gamma=2.0):
    return surprisal * rest**gamma


@through_softmax
def poly_cross_entropy(xp, surprisal, rest, epsilon=1.0):
    return surprisal + epsilon * rest


@through_softmax
def generalized_cross_entropy(xp, surprisal, rest, q=0.7):
    """(1 - p^q) / q"""
    return -xp.expm1(-q * surprisal) / q


def squared_length(xp, d):
    return xp.sum(d * d, -1)


def brier_from_probabilities(xp, p, t):
    return squared_length(xp, p - xp.dense(p, t))


def brier(xp, x, t):
    return brier_from_probabilities(xp, xp.softmax(x), t)


def divergence(xp, t, log_t, log_p):
    return xp.sum(xp.times(t, log_t - log_p), -1)


def kl_div(xp, log_p, t, log_target=False):
    return divergence(xp, xp.exp(t), t, log_p) if log_target else divergence(xp, t, xp.log(t), log_p)


def kl_div_with_logits(xp, x, t, log_target=False, temperature=1.0):
    return temperature**2 * kl_div(xp, xp.log_softmax(x / temperature), t, log_target)


def js_div(xp, t, p, log_p, beta=0.5):
    log_m = xp.log(beta * t + (1 - beta) * p)
    return beta * divergence(xp, t, xp.log(t), log_m) + (1 - beta) * divergence(xp, p, log_p, log_m)


def js_div_with_logits(xp, x, t, beta=0.5):
    log_p = xp.log_softmax(x)
    return js_div(xp, t, xp.exp(log_p), log_p, beta)


def multiclass_hinge(xp, x, t):
    others = xp.amax(xp.where(xp.hot(x, t), -math.inf, x), -1)
    return xp.clip(1 + others - xp.pick(x, t), 0, None)


def categorical_hinge(xp, x, t):
    others = xp.amax(xp.where(xp.hot(x, t), 0, x), -1)  # or 0, if that is more
    return xp.clip(1 + others - xp.pick(x, t), 0, None)


def multi_margin(xp, x, t, p=1, margin=1.0):
    z = xp.where(xp.hot(x, t), 0, xp.clip(margin + x - xp.pick(x, t)[..., None], 0, None))
    return xp.mass(t) * xp.sum(z if p == 1 else z * z, -1) / x.shape[-1]


def with_margin(xp, x, t, psi, scale):
    """Cross entropy of the scaled scores, with psi of the label's own in its place."""
    moved = xp.where(xp.hot(x, t), psi(xp.pick(x, t))[..., None], x)
    return cross_entropy(xp, moved, t, logit_scale=scale)


def am_softmax(xp, x, t, margin=0.35, scale=30.0):
    return with_margin(xp, x, t, lambda own: own - margin, scale)


def sm_softmax(xp, x, t, margin=0.35):
    return am_softmax(xp, x, t, margin, scale=1)


def arcface_psi(xp, c, margin, floor=0):
    """cos(angle + margin), beyond pi a line; `floor` is the least that the squared sine may be."""
    cos, sin = xp.math.cos(margin), xp.math.sin(margin)
    turned = c * cos - sin * xp.sqrt(xp.clip((1 - c) * (1 + c), floor, None))
    return xp.where(c <= -cos, c - margin * sin, turned)


def arcface(xp, x, t, margin=0.5, scale=64.0):
    return with_margin(xp, x, t, lambda own: arcface_psi(xp, own, margin), scale)


def l_softmax_psi(xp, c, margin):
    """cos(margin * angle), each piece of it mirrored and moved so that the whole falls."""
    angle = margin * xp.arccos(c)
    k = xp.floor(angle / xp.math.pi)
    return (1 - 2 * (k % 2)) * xp.cos(angle) - 2 * k


def l_softmax(xp, x, t, margin=4, scale=30.0):
    return with_margin(xp, x, t, lambda own: l_softmax_psi(xp, own, margin), scale)


# --- two vectors ----------------------------------------------------------------------------------------


def cosine(xp, a, b):
    return xp.sum(a * b, -1) / (xp.sqrt(xp.sum(a * a, -1)) * xp.sqrt(xp.sum(b * b, -1)))


def cosine_distance(xp, a, b):
    return 1 - cosine(xp, a, b)


def embedding(xp, cosine, y, margin=0.0):
    return xp.where(y > 0, 1 - cosine, xp.clip(cosine - margin, 0, None))


def cosine_embedding(xp, a, b, y, margin=0.0):
    return embedding(xp, cosine(xp, a, b), y, margin)


# --- metrics, of labels -----------------------------------------------------------------------------------


def accuracy(xp, x, y):
    return xp.argmax(x, -1) == y


def zero_one(xp, x, y):
    return xp.argmax(x, -1) != y


def top_k_accuracy(xp, x, y, k):
    return xp.sum(x > xp.pick(x, y)[..., None], -1) < k


def binary_accuracy(xp, x, y):
    return (x > 0) == (y > 0)


def perplexity(xp, x, y):
    return xp.exp(xp.mean(cross_entropy(xp, x, y)))


def entropy(xp, x):
    log_p = xp.log_softmax(x)
    return -xp.sum(xp.times(xp.exp(log_p), log_p), -1)
