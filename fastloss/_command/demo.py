"""Why cross entropy: one small network learns handwritten digits twice, `python -m fastloss demo`.

Once with the cross entropy of a softmax, once with the mean squared error of sigmoid outputs. With z the
raw outputs, t the one-hot label and C classes, the gradients that reach z are

    cross entropy        softmax(z) - t               near 1 in size for as long as the answer is wrong
    mse of sigmoids a    2/C * (a - t) * a * (1 - a)  vanishes where an output saturates: a near 0 or 1

so the squared error has least to learn from just where it is most wrong. To see that, the last layer
starts with weights large enough for many outputs to be saturated and wrong; the same run from ordinary
weights, where the two losses do equally well, is the control.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastloss as fl

Array = NDArray[np.float32]
Labels = NDArray[np.int64]
LossAndGrad = Callable[[Array, Labels], tuple[float, Array]]  # of the raw outputs; the gradient replaces them

CLASSES, HIDDEN, BATCH = 10, 64, 32
RATES = tuple(10 ** (k / 2) for k in range(-5, 4))  # wide enough for the small gradients of the squared error
STARTS = {"saturated start": 16.0, "ordinary start": 1.0}  # times the usual spread, 1/sqrt(HIDDEN)


@dataclass(frozen=True)
class Digits:
    """1797 images of 8 x 8 pixels, in 0..1, with their labels."""

    train: tuple[Array, Labels]
    validation: tuple[Array, Labels]
    test: tuple[Array, Labels]


@dataclass(frozen=True)
class Run:
    """One training. `curve` holds training loss and test accuracy, before the first epoch and after each."""

    rate: float
    curve: list[tuple[float, float]]
    validation: float  # accuracy at the end

    def epochs_to(self, wanted: float) -> int | None:
        return next((epoch for epoch, (_, accuracy) in enumerate(self.curve) if accuracy >= wanted), None)


class Network:
    """pixels -> tanh -> raw outputs z; what z means is the business of the loss."""

    def __init__(self, features: int, last_spread: float) -> None:
        rng = np.random.default_rng(0)  # both losses start from the same weights
        self.first = rng.standard_normal((features, HIDDEN), np.float32) / np.float32(features**0.5)
        self.last = rng.standard_normal((HIDDEN, CLASSES), np.float32) * np.float32(last_spread / HIDDEN**0.5)
        self.first_bias, self.last_bias = np.zeros(HIDDEN, np.float32), np.zeros(CLASSES, np.float32)

    def outputs(self, pixels: Array) -> Array:
        self.hidden = np.tanh(pixels @ self.first + self.first_bias)
        z: Array = self.hidden @ self.last + self.last_bias
        return z

    def step(self, pixels: Array, grad: Array, rate: float) -> None:
        """Gradient descent; `grad` is the gradient in the outputs that were just computed."""
        back = (grad @ self.last.T) * (1 - self.hidden**2)
        self.last -= rate * (self.hidden.T @ grad)
        self.last_bias -= rate * grad.sum(axis=0)
        self.first -= rate * (pixels.T @ back)
        self.first_bias -= rate * back.sum(axis=0)

    def accuracy(self, pixels: Array, labels: Labels) -> float:
        return float(np.mean(self.outputs(pixels).argmax(axis=1) == labels))


def cross_entropy(z: Array, labels: Labels) -> tuple[float, Array]:
    return fl.cross_entropy.value_and_grad(z, labels, out=z)


def mse_of_sigmoids(z: Array, labels: Labels) -> tuple[float, Array]:
    a = sigmoid(z)
    value, grad = fl.mse.value_and_grad(a, one_hot(labels), out=z)
    grad *= a * (1 - a)  # the chain rule through the sigmoid
    return value, grad


LOSSES: dict[str, LossAndGrad] = {"cross entropy": cross_entropy, "mse of sigmoids": mse_of_sigmoids}


def sigmoid(z: Array) -> Array:
    from scipy.special import expit  # SciPy comes with scikit-learn

    a: Array = expit(z)
    return a


def one_hot(labels: Labels) -> Array:
    return np.eye(CLASSES, dtype=np.float32)[labels]


def load() -> Digits:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    def split(pixels: Any, labels: Any) -> Any:
        return train_test_split(pixels, labels, test_size=360, stratify=labels, random_state=0)

    pixels, labels = load_digits(return_X_y=True)
    rest, test, rest_labels, test_labels = split((pixels / 16).astype(np.float32), labels)
    train, validation, train_labels, validation_labels = split(rest, rest_labels)
    return Digits((train, train_labels), (validation, validation_labels), (test, test_labels))


def train(loss: LossAndGrad, data: Digits, last_spread: float, rate: float, epochs: int) -> Run:
    pixels, labels = data.train
    network = Network(pixels.shape[1], last_spread)
    order = np.random.default_rng(1)  # the same batches for both losses

    def point() -> tuple[float, float]:
        return loss(network.outputs(pixels), labels)[0], network.accuracy(*data.test)

    curve = [point()]
    for _ in range(epochs):
        for batch in np.array_split(order.permutation(len(labels)), len(labels) // BATCH):
            _, grad = loss(network.outputs(pixels[batch]), labels[batch])
            network.step(pixels[batch], grad, rate)
        curve.append(point())
    return Run(rate, curve, network.accuracy(*data.validation))


def best_run(loss: LossAndGrad, data: Digits, last_spread: float, epochs: int, title: str) -> Run:
    """The run with the rate that the validation digits like best: the same budget for every loss."""
    from tqdm.auto import tqdm

    with np.errstate(over="ignore", invalid="ignore"):  # rates that are too large blow up, and lose
        runs = [train(loss, data, last_spread, rate, epochs) for rate in tqdm(RATES, title, unit="rate")]
    return max(runs, key=lambda run: run.validation)


def vanishing(data: Digits, last_spread: float) -> tuple[int, dict[str, float]]:
    """How many training digits the untrained network gets confidently wrong, and for each loss the mean
    size of what then reaches the output that should have been 1: |d loss / d z| of such a digit."""
    pixels, labels = data.train
    z = Network(pixels.shape[1], last_spread).outputs(pixels)
    a = sigmoid(z)
    wrong = (a.max(axis=1) > 0.99) & (a[np.arange(len(a)), labels] < 0.01)
    sizes = {}
    for name, loss in LOSSES.items():
        if wrong.any():
            _, grad = loss(z[wrong], labels[wrong])  # of the mean, so times the number for that of one digit
            sizes[name] = float(np.abs(grad[np.arange(len(grad)), labels[wrong]]).mean()) * len(grad)
    return int(wrong.sum()), sizes


def draw(runs: dict[str, dict[str, Run]], output: str) -> None:
    try:
        from matplotlib.figure import Figure  # without pyplot: no window, no global state
    except ImportError:
        print('\nNo picture: that needs matplotlib, which pip install ".[demo]" in a clone brings.')
        return
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, (start, by_loss) in zip(figure.subplots(1, 2, sharey=True), runs.items(), strict=True):
        for name, run in by_loss.items():
            axes.plot([accuracy for _, accuracy in run.curve], label=f"{name}, rate {run.rate:.2g}")
        axes.set(title=start, xlabel="epoch", ylim=(0, 1))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
    figure.axes[0].set_ylabel("test accuracy")
    figure.suptitle("Handwritten digits: cross entropy does not stall where outputs saturate")
    figure.savefig(output, dpi=120)
    print(f"\nThe learning curves are in {output}")


def report(start: str, data: Digits, by_loss: dict[str, Run]) -> None:
    count, sizes = vanishing(data, STARTS[start])
    print(f"\n{start.capitalize()}: the last layer's first weights have {STARTS[start]:g} x the usual spread")
    print(f"  digits that the untrained network gets confidently wrong: {count} of {len(data.train[1])}")
    if sizes:
        print("  mean size of the gradient that reaches the output which should have been 1, on these:")
    for name, size in sizes.items():
        print(f"    {name:16} {size:.5f}")
    print(f"  {'':18} {'rate':>7} {'training loss':>20} {'test accuracy':>15} {'epochs to 90 %':>16}")
    for name, run in by_loss.items():
        (first, _), (last, accuracy) = run.curve[0], run.curve[-1]
        epochs = run.epochs_to(0.9) or "not reached"
        print(f"  {name:18} {run.rate:7.2g} {first:9.4f} to {last:7.4f} {accuracy:15.1%} {epochs:>16}")


def run(*, output: str, quick: bool = False) -> None:
    try:
        import sklearn  # noqa: F401
        import tqdm  # noqa: F401
    except ImportError as error:
        needs = 'The demo needs scikit-learn and tqdm: pip install ".[demo]" in a clone'
        raise SystemExit(f"{needs} ({error})") from None
    data, epochs = load(), 3 if quick else 40
    train, validation, test = (len(labels) for _, labels in (data.train, data.validation, data.test))
    print(
        f"Handwritten digits: {train} to train, {validation} to choose the learning rate, {test} to test.\n"
        f"A network of {HIDDEN} tanh units, batches of about {BATCH}, {epochs} epochs; the same first\n"
        f"weights and the same batches for both losses. Each tries the same {len(RATES)} learning rates,\n"
        f"{RATES[0]:.2g} to {RATES[-1]:.2g}, and keeps the one that gets most validation digits right.\n",
        flush=True,
    )
    runs: dict[str, dict[str, Run]] = {start: {} for start in STARTS}
    for start, spread in STARTS.items():
        for name, loss in LOSSES.items():
            runs[start][name] = best_run(loss, data, spread, epochs, f"{start}, {name}")
    for start, by_loss in runs.items():
        report(start, data, by_loss)
    draw(runs, output)
