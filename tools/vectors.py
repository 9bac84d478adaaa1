"""Writes tests/vectors.json: `pip install mpmath`, then `python tools/vectors.py`.

For the elementary functions of the core, the logistic primitives and every elementwise loss a table of
inputs and exact results. Numbers are hexadecimal, so that nothing is rounded on the way; a result is two of
them, the exact value correctly rounded to float64 and the rest of it, so that float64 can be judged as well.
A loss stands here once more, as its definition alone: derivatives are mpmath's, of the value.
"""

import json
import math
from pathlib import Path

from mpmath import cosh, diff, exp, inf, log, log1p, mp, mpf, sinh, sqrt, tanh

VECTORS = Path(__file__).parents[1] / "tests" / "vectors.json"
# What is left of a second difference must lie below the subnormal numbers.
mp.dps = 700


def softplus(x):
    return log1p(exp(x)) if x < 0 else x + log1p(exp(-x))


def sigmoid(x):
    return 1 / (1 + exp(-x))


FUNCTIONS = {
    "exp": exp,
    "exp_nonpositive": exp,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
    "sinh": sinh,
    "sigmoid": sigmoid,
    "log_sigmoid": lambda x: -softplus(-x),
    "softplus": softplus,
}

# Where exp changes its reduction, log its binade, tanh and sinh their polynomial; tiny, and at the ends.
POINTS = [
    *("0x1p-149", "0x1p-126", "0x1.fffffep-127", "0x1p-60", "0x1p-24", "0x1p-23", "0x1p-12", "0x1.47ae14p-7"),
    *(
        "0x1.99999ap-4",
        "0x1.62e42ep-2",
        "0x1.62e43p-2",
        "0x1.fffffep-2",
        "0x1p-1",
        "0x1.3ffffep-1",
        "0x1.4p-1",
    ),
    *("0x1.62e42ep-1", "0x1.62e43p-1", "0x1.6a09e6p-1", "0x1.6a09e8p-1", "0x1.921fb6p-1", "0x1.fffffep-1"),
    *("0x1p+0", "0x1.000002p+0", "0x1.3ffffep+0", "0x1.4p+0", "0x1.6a09e6p+0", "0x1.fffffep+0", "0x1p+1"),
    *("0x1.5bf0a8p+1", "0x1.921fb6p+1", "0x1.4p+3", "0x1.205966p+3", "0x1.4p+4", "0x1.9p+5", "0x1.4p+6"),
    *("0x1.5d589ep+6", "0x1.62e42ep+6", "0x1.9fe368p+6", "0x1p+10", "0x1.86ap+16", "0x1p+24", "0x1p+64"),
    *("0x1.fffffep+127", "0x1.0000000000001p+0", "0x1.fffffffffffffp-1", "0x1.62e42fefa39efp-1"),
    *(
        "0x1.62e42fefa39efp-2",
        "0x1.921fb54442d18p+1",
        "0x1.62b7d369a5aa9p+9",
        "0x1.0cc0000000001p+9",
        "0x1p-1022",
    ),
    *("0x1.123456789abcdp-30", "0x1.fedcba9876543p+5", "0x1.71547652b82fep+0", "0x1p+200"),
]


def numbers(*texts):
    return [float.fromhex(t) if isinstance(t, str) else float(t) for t in texts]


RESIDUALS = numbers(
    0, "0x1p-20", "0x1.0c6f7ap-20", "0x1.99999ap-11", "0x1.47ae14p-7", 0.25, "0x1.fcp-1", "0x1.04p+0"
)
RESIDUALS += numbers(
    "0x1.4ccccdp+1", 17.5, 300, "0x1.3880p+13", "0x1.5555555555555p-2", "0x1.921fb54442d18p+1"
)
LOGITS = numbers(0, "0x1p-20", 0.25, "0x1.99999ap-1", 1.25, 3.5, 7.75, "0x1.0624dep+4", 30, "0x1.2bp+6")
LOGITS += numbers("0x1.123456789abcdp+0", "0x1.fedcba9876543p+2")
SHARES = numbers(0, 1, 0.5, 0.125, "0x1.99999ap-4")
COUNTS = numbers(0, 1, 3, 40, 0.5)


def residuals():
    """(prediction, target), both signs, exactly so far apart in float64."""
    for i, r in enumerate(RESIDUALS):
        for y in numbers(0, [1.5, -3.25, 64][i % 3]):
            for s in (1, -1):
                if (y + s * r) - y == s * r:
                    yield y + s * r, y


def pairs(xs, ys):
    return [(x, ys[(i + k) % len(ys)]) for k in (0, 1) for i, v in enumerate(xs) for x in (v, -v)]


def sides(xs):
    return [(x, y) for v in xs for x in (v, -v) for y in (-1.0, 1.0)]


DOMAINS = {
    "real": list(residuals()),
    "above -1": [
        (x, y)
        for i, x in enumerate(numbers(-0.75, -0.5, 0, "0x1p-20", 0.25, 1.75, 40, "0x1.86ap+16"))
        for y in numbers(0, [0.25, 3, 1000][i % 3])
    ],
    "rate": [
        (x, y)
        for i, x in enumerate(numbers("0x1p-20", "0x1p-10", 0.25, 1, 1.75, 8, "0x1.921fb54442d18p+1", 1000))
        for y in numbers(0, [1, 3, 0.5][i % 3])
    ],
    "count": pairs(LOGITS[:-3], COUNTS),
    "unit": [
        (x, y)
        for i, x in enumerate(
            numbers("0x1p-9", "0x1.99999ap-5", 0.25, 0.5, 0.75, 0.9375, "0x1.fep-1", 0.4, 0.99)
        )
        for y in numbers(0, 1, SHARES[2 + i % 3])
    ],
    "logit": pairs(LOGITS, SHARES),
    "margin": sides(LOGITS),
    "small margin": sides(LOGITS[:-4]),
}


def nothing_below(x):
    return x if x > 0 else mpf(0)


def huber(r, delta):
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def tweedie(x, y, p):
    return exp((2 - p) * x) / (2 - p) - (y and y * exp((1 - p) * x) / (1 - p))


def focal(x, y, alpha, gamma):
    wrong = y * sigmoid(-x) + (1 - y) * sigmoid(x)
    weight = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return weight * wrong**gamma * (y * softplus(-x) + (1 - y) * softplus(x))


def modified_huber(z):
    return -4 * z if z < -1 else nothing_below(1 - z) ** 2


# (domain, keywords, value of x, y and the keywords, kinks of r or of the margin, whether there is a Hessian)
LOSSES = {
    "mse": ("real", [{}], lambda x, y: (x - y) ** 2, [], True),
    "half_squared": ("real", [{}], lambda x, y: (x - y) ** 2 / 2, [], True),
    "mae": ("real", [{}], lambda x, y: abs(x - y), [0], False),
    "huber": (
        "real",
        [dict(delta=1.0), dict(delta=0.3)],
        lambda x, y, delta: huber(x - y, delta),
        ["delta"],
        True,
    ),
    "smooth_l1": (
        "real",
        [dict(beta=1.0), dict(beta=0.3)],
        lambda x, y, beta: huber(x - y, beta) / beta,
        ["beta"],
        True,
    ),
    "pseudo_huber": (
        "real",
        [dict(delta=1.0), dict(delta=0.3)],
        lambda x, y, delta: delta**2 * (sqrt(1 + ((x - y) / delta) ** 2) - 1),
        [],
        True,
    ),
    "log_cosh": ("real", [{}], lambda x, y: log(cosh(x - y)), [], True),
    "quantile": (
        "real",
        [dict(q=0.5), dict(q=0.9)],
        lambda x, y, q: max(-q * (x - y), (1 - q) * (x - y)),
        [0],
        False,
    ),
    "expectile": (
        "real",
        [dict(tau=0.5), dict(tau=0.9)],
        lambda x, y, tau: abs(tau - (x > y)) * (x - y) ** 2,
        [0],
        True,
    ),
    "epsilon_insensitive": (
        "real",
        [dict(eps=0.1), dict(eps=0.5)],
        lambda x, y, eps: nothing_below(abs(x - y) - eps),
        ["eps"],
        False,
    ),
    "squared_epsilon_insensitive": (
        "real",
        [dict(eps=0.1), dict(eps=0.5)],
        lambda x, y, eps: nothing_below(abs(x - y) - eps) ** 2,
        ["eps"],
        True,
    ),
    "msle": ("above -1", [{}], lambda x, y: (log1p(x) - log1p(y)) ** 2, [], True),
    "mape": ("real", [{}], lambda x, y: abs(x - y) / max(abs(y), mpf(2) ** -52), [0], False),
    "poisson": ("count", [dict(log_input=True)], lambda x, y, log_input: exp(x) - y * x, [], True),
    "poisson of a rate": (
        "rate",
        [dict(log_input=False)],
        lambda x, y, log_input: x - y * log(x + mpf(1) / 10**8),
        [],
        True,
    ),
    "gamma": ("count", [{}], lambda x, y: x + y * exp(-x), [], True),
    "tweedie": (
        "count",
        [dict(power=1.5), dict(power=1.1)],
        lambda x, y, power: tweedie(x, y, power),
        [],
        True,
    ),
    "gaussian_nll": (
        "real",
        [dict(var=1.0), dict(var=0.3), dict(var=0.0)],
        lambda x, y, var: (log(max(var, mpf(1) / 10**6)) + (x - y) ** 2 / max(var, mpf(1) / 10**6)) / 2,
        [],
        True,
    ),
    "binary_cross_entropy_with_logits": (
        "logit",
        [dict(pos_weight=1.0, label_smoothing=0.0), dict(pos_weight=2.5, label_smoothing=0.1)],
        lambda x, y, pos_weight, label_smoothing: (
            pos_weight * (y * (1 - label_smoothing) + label_smoothing / 2) * softplus(-x)
            + (1 - (y * (1 - label_smoothing) + label_smoothing / 2)) * softplus(x)
        ),
        [],
        True,
    ),
    "binary_cross_entropy": (
        "unit",
        [dict(eps=1e-7), dict(eps=0.0)],
        lambda x, y, eps: -(y and y * log(x)) - (y != 1 and (1 - y) * log1p(-x)),
        [],
        True,
    ),
    "binary_focal": (
        "logit",
        [dict(alpha=None, gamma=2.0), dict(alpha=0.25, gamma=1.5)],
        focal,
        [],
        True,
    ),
    "hinge": ("margin", [{}], lambda x, y: nothing_below(1 - x * y), [1], False),
    "squared_hinge": ("margin", [{}], lambda x, y: nothing_below(1 - x * y) ** 2, [1], True),
    "perceptron": ("margin", [{}], lambda x, y: nothing_below(-x * y), [0], False),
    "soft_margin": ("margin", [{}], lambda x, y: softplus(-x * y), [], True),
    "modified_huber": ("margin", [{}], lambda x, y: modified_huber(x * y), [1, -1], True),
    "exponential": ("small margin", [{}], lambda x, y: exp(-x * y), [], True),
}


def written(x):
    """float.hex without the zeros behind."""
    head, p, exponent = x.hex().partition("p")
    return head.rstrip("0").rstrip(".") + p + exponent if p and "." in head else x.hex()


def rounded(exact):
    """The nearest float64, and what is left, of which a few bits do."""
    high = float(exact)
    fraction, exponent = math.frexp(float(exact - mpf(high)))
    return [written(high), written(math.ldexp(round(fraction * 4096), exponent - 12))]


def of_function(name):
    rows = []
    for x in numbers(*POINTS):
        for v in (x, -x):
            if (
                (name == "log" and v <= 0)
                or (name == "log1p" and v <= -1)
                or (name == "exp_nonpositive" and v > 0)
            ):
                continue
            if name in ("exp", "sinh", "exp_nonpositive") and abs(v) > 745:
                continue  # 0 or infinity
            exact = FUNCTIONS[name](mpf(v))
            if abs(exact) < mpf(2) ** 1024 and (v > 0 or name not in ("sigmoid", "softplus") or v > -745):
                rows.append([written(v), rounded(exact)])
    return rows


def of_loss(name, own):
    domain, _, value, kinks, curved = LOSSES[name]
    exact_own = {k: v if v is None or isinstance(v, bool) else mpf(v) for k, v in own.items()}
    kinks = [exact_own[k] if isinstance(k, str) else mpf(k) for k in kinks]
    rows = []
    for x, y in DOMAINS[domain]:
        u, v = mpf(x), mpf(y)
        at = u * v if "margin" in domain else u - v
        near = min([abs(abs(at) - abs(k)) for k in kinks], default=inf)
        if near < mpf(2) ** -30:
            continue  # a derivative has two sides there; the tests of kinks have it

        def f(t, v=v):
            return value(t, v, **exact_own)

        found = [f(u), diff(f, u)] + ([diff(f, u, 2)] if curved else [])
        found = [d if abs(d) > mpf(10) ** -400 else mpf(0) for d in found]
        if all(abs(d) < mpf(2) ** 1000 for d in found):
            rows.append([written(x), written(y), *map(rounded, found)])
    return rows


def main():
    losses = [
        [name.split()[0], own, of_loss(name, own)] for name, entry in LOSSES.items() for own in entry[1]
    ]
    tables = dict(functions=[[name, of_function(name)] for name in FUNCTIONS], losses=losses)
    lines = []
    for kind, entries in tables.items():
        blocks = []
        for *head, rows in entries:
            body = ",\n".join("  " + json.dumps(row) for row in rows)
            blocks.append(f"[{', '.join(json.dumps(h) for h in head)}, [\n{body}]]")
        lines.append(f'"{kind}": [\n' + ",\n".join(blocks) + "]")
    VECTORS.write_text("{" + ",\n".join(lines) + "}\n")
    print(f"{sum(len(e[-1]) for entries in tables.values() for e in entries)} vectors in {VECTORS}")


if __name__ == "__main__":
    main()
