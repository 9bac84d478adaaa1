"""Writes tests/data/vectors.json: `pip install mpmath`, then `python -m tools.vectors`.

For the elementary functions of the core, the logistic primitives and every loss a table of inputs and exact
results. Numbers are hexadecimal, so that nothing is rounded on the way; a result is two of
them, the exact value correctly rounded to float64 and the rest of it, so that float64 can be judged as well.
The formulas are those of tests/support/formulas.py; derivatives are mpmath's, of the value.
"""

import json
import math
from functools import partial
from pathlib import Path

import numpy as np
from mpmath import diff, exp, inf, log, log1p, mp, mpf, sinh, tanh

from tests.support import formulas
from tests.support.namespaces import MP

VECTORS = Path(__file__).parents[1] / "tests" / "data" / "vectors.json"
# What is left of a second difference must lie below the subnormal numbers.
mp.dps = 700


FUNCTIONS = {
    "exp": exp,
    "exp_nonpositive": exp,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
    "sinh": sinh,
    "sigmoid": MP.sigmoid,
    "log_sigmoid": lambda x: -MP.softplus(-x),
    "softplus": MP.softplus,
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


# (domain, keywords, kinks of r or of the margin, whether there is a Hessian)
LOSSES = {
    "mse": ("real", [{}], [], True),
    "half_squared": ("real", [{}], [], True),
    "mae": ("real", [{}], [0], False),
    "huber": ("real", [dict(delta=1.0), dict(delta=0.3)], ["delta"], True),
    "smooth_l1": ("real", [dict(beta=1.0), dict(beta=0.3)], ["beta"], True),
    "pseudo_huber": ("real", [dict(delta=1.0), dict(delta=0.3)], [], True),
    "log_cosh": ("real", [{}], [], True),
    "quantile": ("real", [dict(q=0.5), dict(q=0.9)], [0], False),
    "expectile": ("real", [dict(tau=0.5), dict(tau=0.9)], [0], True),
    "epsilon_insensitive": ("real", [dict(eps=0.1), dict(eps=0.5)], ["eps"], False),
    "squared_epsilon_insensitive": ("real", [dict(eps=0.1), dict(eps=0.5)], ["eps"], True),
    "msle": ("above -1", [{}], [], True),
    "mape": ("real", [{}], [0], False),
    "poisson": ("count", [dict(log_input=True)], [], True),
    "poisson of a rate": ("rate", [dict(log_input=False)], [], True),
    "gamma": ("count", [{}], [], True),
    "tweedie": ("count", [dict(power=1.5), dict(power=1.1)], [], True),
    "gaussian_nll": ("real", [dict(var=1.0), dict(var=0.3), dict(var=0.0)], [], True),
    "binary_cross_entropy_with_logits": (
        "logit",
        [dict(pos_weight=1.0, label_smoothing=0.0), dict(pos_weight=2.5, label_smoothing=0.1)],
        [],
        True,
    ),
    "binary_cross_entropy": ("unit", [dict(eps=1e-7), dict(eps=0.0)], [], True),
    "binary_focal": ("logit", [dict(alpha=None, gamma=2.0), dict(alpha=0.25, gamma=1.5)], [], True),
    "hinge": ("margin", [{}], [1], False),
    "squared_hinge": ("margin", [{}], [1], True),
    "perceptron": ("margin", [{}], [0], False),
    "soft_margin": ("margin", [{}], [], True),
    "modified_huber": ("margin", [{}], [1, -1], True),
    "exponential": ("small margin", [{}], [], True),
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
    domain, _, kinks, curved = LOSSES[name]
    formula = getattr(formulas, name.split()[0])
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
            return formula(MP, t, v, **exact_own)

        found = [f(u), diff(f, u)] + ([diff(f, u, 2)] if curved else [])
        found = [d if abs(d) > mpf(10) ** -400 else mpf(0) for d in found]
        if all(abs(d) < mpf(2) ** 1000 for d in found):
            rows.append([written(x), written(y), *map(rounded, found)])
    return rows


# --- losses of rows and of two vectors --------------------------------------------------------------------


def of_classes(name):
    """The formula on lists: of x, of the dense target t and of the class weights w."""

    def value(x, t, w, label_smoothing=0.0, **own):
        masses = formulas.smoothed(np.array(t), label_smoothing, np.array(w))
        return getattr(formulas, name)(MP, np.array([x]), masses[None], **own)[0]

    return value


def of_vectors(name):
    def value(x1, x2, *side, **own):
        return getattr(formulas, name)(MP, np.array([x1]), np.array([x2]), *side, **own)[0]

    return value


WEIGHT = dict(class_weight=True)  # of_rows puts numbers there
# (what x is, kinds of target, keywords, whether there is a Hessian)
ROW_LOSSES = {
    "cross_entropy": (
        "logits",
        ["labels", "soft"],
        [{}, dict(label_smoothing=0.1, z_loss=0.01) | WEIGHT, dict(softcap=5.0, logit_scale=1.5)],
        True,
    ),
    "nll": ("log", ["labels", "soft"], [{}, WEIGHT], False),
    "log_loss": ("unit", ["labels", "soft"], [{}, dict(eps=0.0) | WEIGHT], True),
    "focal": ("logits", ["labels", "soft"], [{}, dict(gamma=1.5) | WEIGHT], True),
    "poly_cross_entropy": ("logits", ["labels", "soft"], [{}, dict(epsilon=2.5) | WEIGHT], False),
    "generalized_cross_entropy": ("logits", ["labels"], [{}, dict(q=0.1) | WEIGHT], False),
    "brier": ("logits", ["labels", "soft"], [{}], False),
    "brier_from_probabilities": ("unit", ["labels", "soft"], [{}], False),
    "kl_div": ("log", ["soft"], [{}, dict(log_target=True)], False),
    "kl_div_with_logits": ("logits", ["soft"], [{}, dict(log_target=True, temperature=2.5)], True),
    "js_div_with_logits": ("logits", ["soft"], [{}, dict(beta=0.3)], False),
    "multiclass_hinge": ("logits", ["labels"], [{}], False),
    "categorical_hinge": ("logits", ["labels"], [{}], False),
    "multi_margin": ("logits", ["labels"], [{}, dict(p=2, margin=2.5) | WEIGHT], False),
    "am_softmax": ("cosines", ["labels"], [{}, dict(margin=0.2, scale=4.0) | WEIGHT], False),
    "arcface": ("cosines", ["labels"], [{}, dict(margin=0.3, scale=4.0) | WEIGHT], False),
    "l_softmax": ("cosines", ["labels"], [{}, dict(margin=3, scale=4.0) | WEIGHT], False),
    "sm_softmax": ("logits", ["labels"], [{}, dict(margin=2.0) | WEIGHT], False),
    "cosine_distance": ("vectors", ["none"], [{}], False),
    "cosine_embedding": ("vectors", ["sides"], [{}, dict(margin=-0.25)], False),
}
SCORES = {
    "logits": lambda x: 8 * x,
    "log": lambda x: -8 * abs(x),
    "unit": abs,
    "cosines": lambda x: x,
    "vectors": lambda x: 2 * x,
}


def spread(start, n):
    """n numbers between -1 and 1 that float32 holds: the fractions of multiples of the golden ratio."""
    return [((start + i) * 10368889 % 2**25 - 2**24) / 2**24 for i in range(1, n + 1)]


def arguments(kind, target, own, classes, rows):
    """What is given beside the keywords: the label is the best class, the worst, the last, or in between."""
    for i in range(rows):
        x = list(map(SCORES[kind], spread(100 * classes + 10 * i, classes)))
        other = spread(7000 + 100 * classes + 10 * i, classes)
        if kind == "vectors":
            yield [x, other] + ([[1, -1][i % 2]] if target == "sides" else [])
        elif target == "labels":
            best, worst = x.index(max(x)), x.index(min(x))
            yield [x, classes // 2 if rows == 1 else [best, worst, classes - 1][i]]
        elif own.get("log_target"):
            yield [x, [-4 * abs(v) for v in other]]
        else:
            yield [x, [abs(v) if (c + i) % 3 else 0.0 for c, v in enumerate(other)]]


def of_rows(name, target, own, classes, rows):
    """(own, rows): the arguments of one, its value, its gradients, its Hessian."""
    kind, _, _, curved = ROW_LOSSES[name]
    value = (of_vectors if kind == "vectors" else of_classes)(name)
    weights = [[0.25, 1.5, 2.0, 0.75, 1.0][c % 5] for c in range(classes)]
    keywords = {k: mpf(v) for k, v in own.items() if k != "class_weight"}
    own, found = own | (dict(class_weight=weights) if "class_weight" in own else {}), []
    for given in arguments(kind, target, own, classes, rows):
        exact = [list(map(mpf, a)) if isinstance(a, list) else a for a in given]
        if target == "labels":
            exact[1] = [mpf(c == given[1]) for c in range(classes)]
        if kind != "vectors":
            exact.append([mpf(v) for v in own.get("class_weight", [1] * classes)])

        orders = [(0, 1), (1, 1)] if kind == "vectors" else [(0, 1), (0, 2)] if curved else [(0, 1)]
        derivatives = []
        for i, order in orders:  # by each number of argument i

            def f(v, c, i=i, exact=exact):
                changed = [*exact[i][:c], v, *exact[i][c + 1 :]]
                return value(*exact[:i], changed, *exact[i + 1 :], **keywords)

            every = [diff(partial(f, c=c), exact[i][c], order) for c in range(classes)]
            derivatives.append([rounded(d if abs(d) > mpf(10) ** -100 else mpf(0)) for d in every])
        texts = [list(map(written, a)) if isinstance(a, list) else a for a in given]
        found.append([texts, rounded(mpf(value(*exact, **keywords))), *derivatives])
    return own, found


def main():
    losses = [
        [name.split()[0], own, of_loss(name, own)] for name, entry in LOSSES.items() for own in entry[1]
    ]
    with mp.workdps(120):  # the least of a softmax are 1e-56
        rows = [
            [name, *of_rows(name, target, own, *shape)]
            for name, (_, targets, owns, *_) in ROW_LOSSES.items()
            for target in targets
            for own in owns
            for shape in ((5, 3), (19, 1))
        ]
    tables = dict(functions=[[name, of_function(name)] for name in FUNCTIONS], losses=losses, rows=rows)
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
