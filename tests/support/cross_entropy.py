"""Cross entropy in more detail than the catalogue: all that one call can say."""

import numpy as np

import fastloss as fl

OPTIONS = [
    {},
    dict(label_smoothing=0.1, z_loss=0.01),
    dict(softcap=5.0, logit_scale=1.5),
    dict(class_weight=True),
]


def example(n, classes, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, classes), np.float32).astype(dtype), rng.integers(0, classes, n)


def everything(logits, target, **options):
    """All that one call can say, as a list of arrays."""
    ce, g = fl.cross_entropy, {}
    if options.pop("class_weight", None):
        g["class_weight"] = 1 + np.arange(logits.shape[options.get("axis", -1)]) % 7 / 4
    value, grad = ce.value_and_grad(logits, target, **options, **g)
    grad2, hess = ce.grad_and_hess(logits, target, **options, **g)
    return [
        value,
        ce(logits, target, **options, **g),
        grad,
        grad2,
        hess,
        ce.hvp(logits, target, logits, **options, **g),
    ]
