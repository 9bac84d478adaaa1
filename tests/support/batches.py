"""A thousand rows for each loss and metric, to be cut into batches."""

import numpy as np

import fastloss as fl

N, C = 1000, 7
RNG = np.random.default_rng(5)
LOGITS = RNG.standard_normal((N, C)).astype(np.float32)
LABELS = RNG.integers(0, C, N)
LABELS[::9] = -100
WEIGHTS = RNG.random(N)
WEIGHTS[5:25] = 0
SHARES = RNG.dirichlet(np.ones(C), N)
# What the losses that are not satisfied with any numbers want: (pred, target), parameters, arrays of a batch.
SIGNS = np.where(RNG.random(N) < 0.5, -1.0, 1.0)
BITS = RNG.integers(0, 2, N)
REAL = RNG.standard_normal((2, N))
POSITIVE = RNG.random((2, N)) * 0.98 + 0.01
PROBS = np.exp(fl.log_softmax(LOGITS.astype(np.float64)))
KEPT = np.where(LABELS < 0, 0, LABELS)


def operands(name):
    """(pred, target), parameters, and the arrays that come with each batch."""
    if name == "gaussian_nll":
        return (*REAL, {}, {"var": POSITIVE[0]})
    if name == "cosine_embedding":
        return LOGITS, LOGITS[::-1].copy(), {}, {"y": SIGNS}
    if name == "cosine_distance":
        return LOGITS, LOGITS[::-1].copy(), {}, {}
    if name in ("kl_div", "kl_div_with_logits", "js_div_with_logits"):
        pred = np.log(PROBS) if name == "kl_div" else LOGITS
        return pred, SHARES.astype(pred.dtype), {}, {}
    if name in ("nll", "log_loss", "brier_from_probabilities"):
        return (np.log(PROBS) if name == "nll" else PROBS), LABELS, {}, {}
    if name in ("am_softmax", "arcface", "l_softmax"):
        return np.tanh(LOGITS), LABELS, {}, {}
    if name in fl.losses and fl.losses[name]._rowwise:
        return LOGITS, LABELS, {}, {}
    if name in ("accuracy", "zero_one", "top_k_accuracy", "perplexity"):
        return LOGITS, LABELS, {}, {}
    if name == "entropy":
        return LOGITS, None, {}, {}
    if name in ("hinge", "squared_hinge", "perceptron", "soft_margin", "modified_huber", "exponential"):
        return REAL[0], SIGNS, {}, {}
    if name in ("binary_accuracy", "binary_focal", "binary_cross_entropy_with_logits"):
        return REAL[0], BITS, {}, {}
    return POSITIVE[0], POSITIVE[1], {}, {}
