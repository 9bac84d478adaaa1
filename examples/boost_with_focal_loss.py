"""A gradient-boosted classifier with focal loss, beside LightGBM's built-in log loss, on real data.

    pip install ".[lightgbm,sklearn]"
    python examples/boost_with_focal_loss.py

Handwritten digits, of which the eights are made rare: one in forty of the training images. Focal loss counts
an image less the better it is classified already. Here it ranks the images about as well as log loss does,
and its probabilities are less sure of themselves where they are wrong: their log loss is smaller.
"""

from __future__ import annotations

import time

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, recall_score
from sklearn.model_selection import train_test_split

import fastloss as fl
from fastloss.boosting import lightgbm_objective
from fastloss.sklearn import log_loss

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

RARE = 8
ROUNDS = 100
SEEDS = range(4)
LOG_LOSS = "binary_cross_entropy_with_logits"


def rare_digits(seed: int) -> tuple[Floats, Floats, Labels, Labels]:
    """Pixels and labels to train and test with; in the first most eights are left out."""
    pixels, digits = load_digits(return_X_y=True)
    labels = (digits == RARE).astype(np.int64)
    train, test, y, y_test = train_test_split(
        pixels, labels, test_size=0.5, stratify=labels, random_state=seed
    )
    keep = np.ones(len(y), bool)
    keep[np.flatnonzero(y)[20:]] = False
    return train[keep], test, y[keep], y_test


def trained(objective: object, train: Floats, y: Labels, start: float) -> lightgbm.Booster:
    """LightGBM starts its own objectives at the best constant, and others at 0: all start at `start` here."""
    params = {
        "objective": objective,
        "num_leaves": 8,
        "min_data_in_leaf": 5,
        "learning_rate": 0.1,
        "verbose": -1,
        "num_threads": 1,
        "boost_from_average": False,
        "seed": 0,
    }
    data = lightgbm.Dataset(train, y, init_score=np.full(len(y), start))
    return lightgbm.train(params, data, ROUNDS)


def main() -> None:
    focal = lightgbm_objective("binary_focal", gamma=2.0, min_hessian=1e-3)
    print(f"the mean of {len(SEEDS)} splits; {focal}")
    contenders = {
        "built-in log loss": ("binary", LOG_LOSS),
        "our log loss": (lightgbm_objective(LOG_LOSS), LOG_LOSS),
        "our focal loss": (focal, "binary_focal"),
    }
    print(f"\n{'':20}{'average precision':>18}{'recall at 1/2':>15}{'log loss':>10}{'seconds':>9}")
    for name, (objective, loss) in contenders.items():
        scores = []
        for seed in SEEDS:
            train, test, y, y_test = rare_digits(seed)
            start = float(fl.losses[loss].intercept(y))
            began = time.perf_counter()
            raw = start + np.asarray(trained(objective, train, y, start).predict(test, raw_score=True))
            seconds = time.perf_counter() - began
            probability = fl.losses[loss].inverse_link(raw)
            scores.append(
                (
                    average_precision_score(y_test, raw),
                    recall_score(y_test, probability > 0.5),
                    log_loss(y_test, probability),
                    seconds,
                )
            )
        precision, recall, cost, seconds = np.mean(scores, axis=0)
        print(f"{name:20}{precision:18.3f}{recall:15.3f}{cost:10.3f}{seconds:9.2f}")


if __name__ == "__main__":
    main()
