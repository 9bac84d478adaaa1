"""A small language model, trained on the CPU with torch's cross entropy and with fastloss's, side by side.

    python examples/train_language_model.py            # 32,000 tokens; some minutes
    python examples/train_language_model.py --quick    # seconds

The text is this project's own documentation. Three copies of one model see the same batches: the first with
torch.nn.functional.cross_entropy, the others with fastloss.torch, once as it is and once with the gradient
written over the logits. Their curves must agree within 1e-5. The loss step is timed from the call of the loss
to the moment its gradient arrives at the logits, the contenders taking turns. Peak memory is that of a
process of its own for each.
"""

from __future__ import annotations

import argparse
import functools
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

import fastloss.torch as fastloss

LOSSES: dict[str, Callable[..., Tensor]] = {
    "torch": nn.functional.cross_entropy,
    "fastloss": fastloss.cross_entropy,
    "fastloss, in place": functools.partial(fastloss.cross_entropy, inplace=True),
}
AGREEMENT = 1e-5


class LanguageModel(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Embedding, one recurrent layer, and the embedding again as the output layer."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.recurrent(self.embedding(tokens))
        return nn.functional.linear(hidden.flatten(0, 1), self.embedding.weight)


class Trainee:
    """A model, its optimiser, and what its steps cost."""

    def __init__(self, loss: Callable[..., Tensor], options: argparse.Namespace) -> None:
        torch.manual_seed(0)
        self.loss = loss
        self.model = LanguageModel(options.vocabulary, options.width)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-3)
        self.curve: list[float] = []
        self.loss_seconds: list[float] = []
        self.seconds: list[float] = []

    def step(self, inputs: Tensor, targets: Tensor) -> None:
        start = time.perf_counter()
        logits = self.model(inputs)
        called, arrived = time.perf_counter(), []
        logits.register_hook(lambda grad: arrived.append(time.perf_counter()))
        loss = self.loss(logits, targets.flatten())
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.seconds.append(time.perf_counter() - start)
        self.loss_seconds.append(arrived[0] - called)
        self.curve.append(loss.item())


def read_tokens(vocabulary: int) -> Tensor:
    """The documentation as numbers: the more frequent a word, the smaller; 0 for the too rare."""
    root = Path(__file__).resolve().parents[1]
    text = "\n".join(page.read_text() for page in sorted([*root.glob("*.md"), *root.glob("*/*.md")]))
    words = re.findall(r"\w+|[^\w\s]|\n", text)
    number = {word: i for i, (word, _) in enumerate(Counter(words).most_common(vocabulary - 1), 1)}
    return torch.tensor([number.get(word, 0) for word in words])


def batch(tokens: Tensor, step: int, options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    starts = torch.randint(len(tokens) - options.context - 1, (options.batch,), generator=generator)
    windows = torch.stack([tokens[s : s + options.context + 1] for s in starts.tolist()])
    return windows[:, :-1], windows[:, 1:]


def peak_bytes() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0])


def peak_of(name: str, options: argparse.Namespace) -> int:
    """Peak resident memory of two steps in a fresh process."""
    sizes = [f"--{size}={getattr(options, size)}" for size in ("vocabulary", "width", "batch", "context")]
    command = [sys.executable, __file__, *sizes, "--steps=2", f"--peak-of={name}"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smaller model, few steps, no look at memory")
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--width", type=int, default=64, help="of the hidden layer")
    parser.add_argument("--batch", type=int, default=8, help="windows a step")
    parser.add_argument("--context", type=int, default=128, help="tokens a window")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--peak-of", choices=LOSSES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.vocabulary, options.batch, options.context, options.steps = 8_000, 4, 64, 12
    return options


def main() -> None:
    options = parse()
    tokens = read_tokens(options.vocabulary)
    if options.peak_of:
        trainee = Trainee(LOSSES[options.peak_of], options)
        for step in range(options.steps):
            trainee.step(*batch(tokens, step, options))
        print(peak_bytes())
        return

    rows = options.batch * options.context
    print(
        f"{len(tokens):,} tokens of text, {len(tokens.unique()):,} of {options.vocabulary:,} in use; "
        f"{rows:,} rows a step, {torch.get_num_threads()} threads"
    )
    trainees = {name: Trainee(loss, options) for name, loss in LOSSES.items()}
    print("step  " + "".join(f"{name:>20}" for name in trainees))
    for step in range(options.steps):
        example = batch(tokens, step, options)
        for trainee in trainees.values():
            trainee.step(*example)
        if step % max(1, options.steps // 10) == 0 or step == options.steps - 1:
            print(f"{step:4}  " + "".join(f"{trainee.curve[-1]:20.6f}" for trainee in trainees.values()))

    theirs = trainees["torch"]
    logits = 4 * rows * options.vocabulary
    peaks = {} if options.quick else {name: peak_of(name, options) for name in trainees}
    print(f"\n{'':20}{'loss step':>12}{'faster':>8}{'whole step':>12}{'faster':>8}{'peak memory':>22}")
    for name, trainee in trainees.items():
        in_loss, in_all = median(trainee.loss_seconds[1:]), median(trainee.seconds[1:])
        line = (
            f"{name:20}{1e3 * in_loss:9.1f} ms{median(theirs.loss_seconds[1:]) / in_loss:7.1f}x"
            f"{1e3 * in_all:9.1f} ms{median(theirs.seconds[1:]) / in_all:7.1f}x"
        )
        if any(peaks.values()):
            less = (peaks["torch"] - peaks[name]) / logits
            line += f"{peaks[name] / 1e6:8.0f} MB, {less:4.1f} logits less"
        print(line)

    apart = max(abs(a - b) for t in trainees.values() for a, b in zip(t.curve, theirs.curve))
    print(f"\nthe curves are {apart:.1e} apart at most")
    if not apart <= AGREEMENT:
        sys.exit(f"they should agree within {AGREEMENT}")


if __name__ == "__main__":
    main()
