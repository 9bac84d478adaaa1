"""One step of softmax regression, typed: `mypy examples/typed_usage.py`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import fastloss as fl


def step(weights: NDArray[np.float32], pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Improves the weights in place and returns the loss they had."""
    logits = pixels @ weights
    loss, grad = fl.cross_entropy.value_and_grad(logits, labels, out=logits)  # replaces the logits
    weights -= 0.1 * (pixels.T @ grad)
    return loss


def hardest(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> int:
    """The row that costs most: reduction="none" gives an array where the mean is a float."""
    rows = fl.cross_entropy(logits, labels, reduction="none")
    return int(rows.argmax())


def main() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.standard_normal((1000, 20), dtype=np.float32)
    labels = (pixels @ rng.standard_normal((20, 3), dtype=np.float32)).argmax(axis=1)
    weights = np.zeros((20, 3), np.float32)
    losses = [step(weights, pixels, labels) for _ in range(200)]
    logits = pixels @ weights
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    one_hot = np.eye(3)[labels]
    print(f"hardest row {hardest(logits, labels)}, mse {fl.mse(fl.softmax(logits), one_hot):.4f}")


if __name__ == "__main__":
    main()
