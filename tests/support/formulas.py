"""The formula of every loss and metric, once, for NumPy, torch, JAX and mpmath.

A formula takes an array namespace `xp` (the tests have theirs in namespaces.py, the benchmarks in
benchmarks/contenders.py), the arguments of the loss and the loss's own parameters, and gives a value for each
element or row: without reduction, weights or derivatives. Derivatives are in reference.py; torch, JAX and
mpmath find their own.

A namespace has the functions of NumPy that are used here, and some that each library has in its own form:

    times(c, a)       c a, and 0 where c is 0, whatever a is
    number(text)      a number in the precision of the namespace
    sigmoid, softplus
"""

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
    return xp.where(s * x < -1, -4 * s * x, squared_hinge(xp, x, s))


def exponential(xp, x, s):
    return xp.exp(-s * x)
