"""What each loss is tried with: its kinds of targets, its own keywords, the numbers that it must get right,
and what it must refuse. A new loss has its line here: of rows in LOSSES, elementwise in CASES."""

import zlib
from typing import NamedTuple

import numpy as np

import fastloss as fl
from support import namespaces
from support import reference as ref
from support.differences import STEP
from support.layouts import compute

NOT_FINITE = [np.nan, np.inf, -np.inf]

# --- losses of rows and of two vectors --------------------------------------------------------------------

WEIGHT = dict(class_weight=True)  # options_of puts an array there


class RowCase(NamedTuple):
    scores: str  # what the first argument holds
    targets: str  # "labels", "soft", "both", or "vectors"
    own: dict  # its own keywords with their defaults
    options: list  # what it is tried with
    smooth: list = ()  # what it is differentiated with, if those are too steep for a step of 1e-3


CLASSED = dict(class_weight=None, ignore_index=-100)
LOSSES = {
    "nll": RowCase("log_probs", "both", CLASSED, [{}, WEIGHT]),
    "log_loss": RowCase(
        "probs",
        "both",
        CLASSED | dict(eps="dtype"),
        [{}, dict(eps=0), dict(eps=0.125) | WEIGHT],
        [{}, dict(eps=0) | WEIGHT],  # where it clips, the gradient is not that of the value
    ),
    "focal": RowCase(
        "logits",
        "both",
        CLASSED | dict(gamma=2.0),
        [{}, dict(gamma=0), dict(gamma=0.5) | WEIGHT, dict(gamma=3.5), dict(gamma=1)],
    ),
    "poly_cross_entropy": RowCase(
        "logits", "both", CLASSED | dict(epsilon=1.0), [{}, dict(epsilon=-1), dict(epsilon=2.5) | WEIGHT]
    ),
    "generalized_cross_entropy": RowCase(
        "logits", "labels", CLASSED | dict(q=0.7), [{}, dict(q=0.01), dict(q=1) | WEIGHT]
    ),
    "brier": RowCase("logits", "both", dict(ignore_index=-100), [{}]),
    "brier_from_probabilities": RowCase("probs", "both", dict(ignore_index=-100), [{}]),
    "kl_div": RowCase("log_probs", "soft", dict(log_target=False), [{}, dict(log_target=True)]),
    "kl_div_with_logits": RowCase(
        "logits",
        "soft",
        dict(log_target=False, temperature=1.0),
        [{}, dict(temperature=2.5), dict(log_target=True, temperature=0.5), dict(log_target=True)],
    ),
    "js_div_with_logits": RowCase("logits", "soft", dict(beta=0.5), [{}, dict(beta=0.3), dict(beta=0.9)]),
    "multiclass_hinge": RowCase("scores", "labels", dict(ignore_index=-100), [{}]),
    "categorical_hinge": RowCase("scores", "labels", dict(ignore_index=-100), [{}]),
    "multi_margin": RowCase(
        "scores",
        "labels",
        CLASSED | dict(p=1, margin=1.0),
        [{}, dict(p=2), dict(p=2, margin=0.7) | WEIGHT, dict(margin=2.5)],
    ),
    "am_softmax": RowCase(
        "cosines",
        "labels",
        CLASSED | dict(margin=0.35, scale=30.0),
        [{}, dict(margin=0, scale=8) | WEIGHT],
        [dict(scale=3.0), dict(margin=0.1, scale=2.0) | WEIGHT],
    ),
    "arcface": RowCase(
        "cosines",
        "labels",
        CLASSED | dict(margin=0.5, scale=64.0),
        [{}, dict(margin=0.3, scale=10) | WEIGHT],
        [dict(scale=3.0), dict(margin=0.3, scale=2.0) | WEIGHT],
    ),
    "l_softmax": RowCase(
        "cosines",
        "labels",
        CLASSED | dict(margin=4, scale=30.0),
        [{}, dict(margin=1), *(dict(margin=m, scale=10) for m in (2, 3, 5, 6, 7)), dict(margin=8) | WEIGHT],
        [dict(margin=m, scale=0.5) | WEIGHT for m in range(1, 9)],
    ),
    "sm_softmax": RowCase("logits", "labels", CLASSED | dict(margin=0.35), [{}, dict(margin=2) | WEIGHT]),
    "cosine_distance": RowCase("vectors", "vectors", {}, [{}]),
    "cosine_embedding": RowCase(
        "vectors", "vectors", dict(margin=0.0), [{}, dict(margin=0.3), dict(margin=-0.2), dict(margin=1)]
    ),
}
HESSIANS = {"log_loss", "focal", "kl_div_with_logits", "cross_entropy"}
HERE = [name for name in LOSSES if name in fl.losses]
ROWS = [name for name in HERE if LOSSES[name].targets != "vectors"]
VECTORS = [name for name in HERE if LOSSES[name].targets == "vectors"]
LABELLED = [name for name in ROWS if LOSSES[name].targets != "soft"]
WEIGHTED = [name for name in LABELLED if "class_weight" in LOSSES[name].own]
KINDS = dict(labels=["labels"], soft=["soft"], both=["labels", "soft"], vectors=["vectors"])
VARIANTS = [(name, kind) for name in HERE for kind in KINDS[LOSSES[name].targets]]


def seeded(*key):
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def make(rng, name, kind, rows, classes, dtype, options=None):
    """The arrays of a call, classes last: ignored rows among the labels, zeros among soft targets."""
    scores, shape, options = LOSSES[name].scores, (*rows, classes), options or {}
    if scores == "vectors":
        y = [2 * rng.integers(0, 2, rows) - 1] if name == "cosine_embedding" else []
        return [*rng.standard_normal((2, *shape)).astype(dtype), *y]
    x = 2 * rng.standard_normal(shape)
    x = {"log_probs": namespaces.log_softmax, "probs": namespaces.softmax}.get(scores, np.asarray)(x)
    x = (rng.uniform(-0.98, 0.98, shape) if scores == "cosines" else x).astype(dtype)
    if kind == "soft":
        target = (rng.random(shape) * (rng.random(shape) < 0.7)).astype(compute(dtype))
        with np.errstate(divide="ignore"):
            return [x, np.log(target) if options.get("log_target") else target]
    target = rng.integers(0, classes, rows)
    return [x, np.where(rng.random(rows) < 0.15, -100, target)]


def options_of(options, classes, rng):
    return options | (dict(class_weight=rng.integers(1, 9, classes) / 4) if "class_weight" in options else {})


# Of (name, keyword), values outside its domain.
OUTSIDE = {
    ("log_loss", "eps"): [-1e-9, 0.5, 1, np.nan, "float"],
    ("focal", "gamma"): [-0.5, *NOT_FINITE],
    ("poly_cross_entropy", "epsilon"): [-1.5, *NOT_FINITE],
    ("generalized_cross_entropy", "q"): [0, -0.5, 1.5, *NOT_FINITE],
    ("kl_div_with_logits", "temperature"): [0, -1, *NOT_FINITE],
    ("js_div_with_logits", "beta"): [0, 1, -0.5, 2, *NOT_FINITE],
    ("multi_margin", "p"): [0, 3, 1.5, -1, np.nan],
    ("multi_margin", "margin"): [0, -1, *NOT_FINITE],
    ("am_softmax", "margin"): [-0.1, *NOT_FINITE],
    ("am_softmax", "scale"): [0, -1, *NOT_FINITE],
    ("arcface", "margin"): [-0.1, 3.2, *NOT_FINITE],
    ("arcface", "scale"): [0, -1, *NOT_FINITE],
    ("l_softmax", "margin"): [0, 9, -1],
    ("l_softmax", "scale"): [0, -1, *NOT_FINITE],
    ("sm_softmax", "margin"): [-0.1, *NOT_FINITE],
    ("cosine_embedding", "margin"): [-1.1, 1.1, *NOT_FINITE],
}


# --- elementwise losses -----------------------------------------------------------------------------------


F4, F8 = np.dtype("f4"), np.dtype("f8")
ELEMENTWISE = sorted(name for name, loss in fl.losses.items() if not loss._rowwise and name not in VECTORS)


def columns(*values):
    """A parameter with one number an entry of the last axis."""
    return lambda shape: np.resize(np.array(values), shape[-1:])


def full(*values):
    """A parameter with one number an element."""
    return lambda shape: np.resize(np.array(values), shape)


class ElementCase(NamedTuple):
    domain: str
    parameters: list  # each a set of keywords; those that are functions make an array for a shape
    kinks: object = lambda **own: []  # of r, of the margin y x, or of the probability


SIDES = [{}, dict(labels="01")]
CASES = {
    "mse": ElementCase("real", [{}]),
    "half_squared": ElementCase("real", [{}]),
    "mae": ElementCase("real", [{}], lambda: [0]),
    "huber": ElementCase(
        "real", [{}, dict(delta=0.25), dict(delta=0.3), dict(delta=30)], lambda delta=1: [-delta, delta]
    ),
    "smooth_l1": ElementCase(
        "real", [{}, dict(beta=0), dict(beta=0.5), dict(beta=0.3)], lambda beta=1: [-beta, beta]
    ),
    "pseudo_huber": ElementCase("real", [{}, dict(delta=0.01), dict(delta=0.3), dict(delta=50.0)]),
    "log_cosh": ElementCase("real", [{}]),
    "quantile": ElementCase(
        "real",
        [{}, *(dict(q=q) for q in (0.9, 0.1, 0.999, columns(0.25, 0.5, 0.875), full(0.125, 0.5, 0.75)))],
        lambda q=0.5: [0],
    ),
    "expectile": ElementCase(
        "real", [{}, dict(tau=0.9), dict(tau=0.1), dict(tau=0.999)], lambda tau=0.5: [0]
    ),
    "epsilon_insensitive": ElementCase(
        "real", [{}, dict(eps=0), dict(eps=0.5), dict(eps=20)], lambda eps=0.1: [-eps, eps]
    ),
    "squared_epsilon_insensitive": ElementCase(
        "real", [{}, dict(eps=0), dict(eps=0.5), dict(eps=20)], lambda eps=0.1: [-eps, eps]
    ),
    "msle": ElementCase("above -1", [{}]),
    "mape": ElementCase("real", [{}], lambda: [0]),
    "poisson": ElementCase("count", [{}, dict(log_input=True)]),
    "gamma": ElementCase("count", [{}]),
    "tweedie": ElementCase("count", [{}, *(dict(power=p) for p in (1.01, 1.1, 1.9, 1.99))]),
    "gaussian_nll": ElementCase(
        "real",
        [dict(var=v) for v in (1.0, 0.25, 1e-7, 0, 400, columns(0.5, 2.0, 0.0), full(0.125, 3.0, 1.0, 0.75))],
    ),
    "binary_cross_entropy_with_logits": ElementCase(
        "logit",
        [
            {},
            dict(pos_weight=2.5),
            dict(label_smoothing=0.1),
            dict(label_smoothing=1),
            dict(pos_weight=columns(0.5, 1.0, 8.0), label_smoothing=0.25),
            dict(pos_weight=full(0.5, 1.0, 3.0, 8.0)),
        ],
    ),
    "binary_cross_entropy": ElementCase(
        "unit",
        [{}, dict(eps=0), dict(eps=1e-3), dict(eps=1e-7), dict(eps=0.25)],
        lambda eps=1e-7: [eps, 1 - eps],
    ),
    "binary_focal": ElementCase(
        "logit",
        [
            {},
            *(dict(gamma=g) for g in (0, 0.5, 1, 1.5, 5)),
            *(dict(alpha=a) for a in (0, 0.25, 1)),
            dict(alpha=0.25, gamma=0),
        ],
    ),
    "hinge": ElementCase("margin", SIDES, lambda labels="pm1": [1]),
    "squared_hinge": ElementCase("margin", SIDES, lambda labels="pm1": [1]),
    "perceptron": ElementCase("margin", SIDES, lambda labels="pm1": [0]),
    "soft_margin": ElementCase("margin", SIDES),
    "modified_huber": ElementCase("margin", SIDES, lambda labels="pm1": [-1, 1]),
    "exponential": ElementCase("small margin", SIDES),
}
RATE = ElementCase("rate", [dict(log_input=False)])  # poisson of a rate itself has a domain of its own
EVERY = [(name, case, i) for name, case in CASES.items() for i in range(len(case.parameters))]
EVERY.append(("poisson", RATE, 0))
ONE = [(name, case, 0) for name, case in CASES.items()] + EVERY[-1:]


def name_of(entry):
    name, case, i = entry
    own = {k: "array" if callable(v) else v for k, v in case.parameters[i].items()}
    return "-".join([name, *(f"{k}={v}" for k, v in own.items())])


def spread(rng, shape):
    """From 1e-6 to 1e4, of both signs, and round numbers."""
    wide = rng.choice([-1, 1], shape) * 10 ** rng.uniform(-6, 4, shape)
    round_ = rng.choice([0.0, -0.0, 0.5, -0.5, 1, -1, 2, -3, 100, 1e4, -1e4, 1e-6, -1e-6], shape)
    return np.where(rng.random(shape) < 0.3, round_, wide)


def one_of(rng, *choices):
    return np.choose(rng.integers(0, len(choices), np.shape(choices[0])), choices)


def off_the_edge(u):
    """0 for what lies where exp(-|u|) or exp(-2|u|) stops being a normal number, of which P6 says less."""
    a = abs(u)
    return np.where(
        (a > 40) & (a < 55) | (a > 80) & (a < 110) | (a > 340) & (a < 380) | (a > 690) & (a < 760), 0, u
    )


def hard_cases(case, own, rng, shape, dtype):
    """Tiny, large, at the kinks exactly: what a loss must get right in its whole domain."""
    wide, more = spread(rng, shape), spread(rng, shape)
    half = 0.5 - 10 ** rng.uniform(-4, -1, shape)  # where 1 - 2y is small, and 1 - y rounded
    part = one_of(rng, np.zeros(shape), np.ones(shape), rng.random(shape), half)
    sign, at = rng.choice([-1.0, 1.0], shape), exact_kinks(case, own)
    if case.domain == "real":
        kind, whole = rng.integers(0, 3, shape), np.round(more)
        r = np.choose(
            kind, [off_the_edge(wide - more), rng.standard_normal(shape), rng.choice([0, *at], shape)]
        )
        y = np.where(kind < 2, more, whole)
        return (y + r).astype(dtype), y.astype(dtype)
    if case.domain == "above -1":
        return one_of(rng, abs(wide), -rng.random(shape) * 0.99).astype(dtype), abs(more).astype(dtype)
    if case.domain == "rate":
        return abs(wide).astype(dtype), abs(more).astype(dtype)
    if case.domain == "unit":
        p = one_of(rng, part, 10 ** rng.uniform(-6, 0, shape), 1 - 10 ** rng.uniform(-6, 0, shape))
        return p.astype(dtype), one_of(rng, part, part[::-1]).astype(dtype)
    x = one_of(rng, rng.uniform(-80, 80, shape), 3 * rng.standard_normal(shape), np.clip(wide, -80, 80))
    if case.domain == "count":
        return x.astype(dtype), one_of(rng, np.zeros(shape), rng.integers(0, 50, shape), part).astype(dtype)
    if case.domain == "logit":
        return off_the_edge(one_of(rng, x, wide)).astype(dtype), part.astype(dtype)
    if case.domain == "margin":
        x = off_the_edge(one_of(rng, x, wide, rng.choice([-1, 0, 1], shape)))
    return x.astype(dtype), coded(sign, own).astype(dtype)


def moderate(case, own, rng, shape):
    """Where a difference quotient is good, and further than 2 STEP from a kink."""
    sign = rng.choice([-1.0, 1.0], shape)
    part = one_of(rng, np.zeros(shape), np.ones(shape), rng.random(shape))
    low = max(0.05, own.get("eps", 0) + 0.01)  # the gradient of what is clipped is not that of the value
    draw, y = {
        "real": (rng.standard_normal, rng.standard_normal(shape)),
        "above -1": (lambda shape: rng.uniform(-0.5, 3, shape), rng.uniform(0, 3, shape)),
        "rate": (lambda shape: rng.uniform(0.3, 3, shape), rng.integers(0, 4, shape).astype("f8")),
        "count": (rng.standard_normal, rng.integers(0, 4, shape).astype("f8")),
        "unit": (lambda shape: rng.uniform(low, 1 - low, shape), part),
        "logit": (lambda shape: 2 * rng.standard_normal(shape), part),
    }.get(case.domain, (lambda shape: 2 * rng.standard_normal(shape), coded(sign, own)))
    x = draw(shape)
    while (near := distance(case, own, x, y) < 3 * STEP).any():
        x = np.where(near, draw(shape), x)
    return x, y


def coded(sign, own):
    return (sign + 1) / 2 if own.get("labels") == "01" else sign


def exact_kinks(case, own):
    """Those that every dtype holds."""
    return [c for c in case.kinks(**own) if float(np.float16(c)) == c]


def distance(case, own, x, y):
    """From the nearest kink."""
    x, y = x.astype(np.longdouble), y.astype(np.longdouble)
    if "margin" in case.domain:
        x = x * (2 * y - 1 if own.get("labels") == "01" else y)
    elif case.domain == "real":
        x = x - y
    return np.min([abs(x - c) for c in case.kinks(**own)] or [np.full(x.shape, np.inf)], axis=0)


def sample(entry, dtype, shape, seed=0, draw=hard_cases):
    """(loss, oracle, pred, target, own parameters)"""
    name, case, i = entry
    rng = np.random.default_rng([seed, *name.encode()])
    own = {k: v(shape) if callable(v) else v for k, v in case.parameters[i].items()}
    x, y = draw(case, own, rng, shape, dtype) if draw is hard_cases else draw(case, own, rng, shape)
    return fl.losses[name], getattr(ref, name), x.astype(dtype), y.astype(dtype), own


def results(loss, x, y, **options):
    """Value, gradient and, where there is one, Hessian, each from the call that gives the most."""
    value, grad = loss.value_and_grad(x, y, **options)
    return [value, grad, *(loss.grad_and_hess(x, y, **options)[1:] if hasattr(loss, "grad_and_hess") else [])]


# Of (name, keyword), values outside its domain.
REFUSED = {
    ("huber", "delta"): [0, -1, *NOT_FINITE],
    ("smooth_l1", "beta"): [-0.5, *NOT_FINITE],
    ("pseudo_huber", "delta"): [0, -1, *NOT_FINITE],
    ("quantile", "q"): [0, 1, -0.5, 2, *NOT_FINITE],
    ("expectile", "tau"): [0, 1, -0.5, 2, *NOT_FINITE],
    ("epsilon_insensitive", "eps"): [-0.1, *NOT_FINITE],
    ("squared_epsilon_insensitive", "eps"): [-0.1, *NOT_FINITE],
    ("tweedie", "power"): [1, 2, 0, 3, *NOT_FINITE],
    ("gaussian_nll", "var"): [-1, -1e-9, -np.inf],
    ("binary_cross_entropy_with_logits", "pos_weight"): [0, -1, *NOT_FINITE],
    ("binary_cross_entropy_with_logits", "label_smoothing"): [-0.1, 1.1, *NOT_FINITE],
    ("binary_cross_entropy", "eps"): [-0.1, 0.5, 1, *NOT_FINITE],
    ("binary_focal", "alpha"): [-0.1, 1.1, *NOT_FINITE],
    ("binary_focal", "gamma"): [-0.1, *NOT_FINITE],
    **{(n, "labels"): ["pm", "", 1, None, True] for n, c in CASES.items() if "margin" in c.domain},
}
# By the last word of the domain.
BAD_TARGETS = {
    "margin": [0.0, 2.0, -2.0, 0.5, np.nan, np.inf],
    "logit": [-0.5, 1.5, 2.0, -1.0, np.inf, -np.inf],
    "unit": [-0.5, 1.5, 2.0, -1.0, np.inf, -np.inf],
}
