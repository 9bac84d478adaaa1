"""Draws the README's picture of the speed from the times of one run:

python -m benchmarks.figures --json figures.json    (or python -m fastloss bench --json > figures.json)
python -m benchmarks.picture figures.json           writes docs/speed.svg
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from fastloss._command.bench import shape_label

TITLES = {"forward": "value", "gradient": "value and gradient"}
COLOURS = {
    "fastloss": "#d62728",
    "JAX": "#4c78a8",
    "torch": "#f2a65a",
    "scikit-learn": "#8c8c8c",
    "SciPy": "#b7b7b7",
    "NumPy": "#d9d9d9",
}


def draw(run: dict[str, Any], output: Path) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "fastloss"  # the same run gives the same file
    rows = [row for row in run["rows"] if row["loss"] == "cross_entropy" and row["dtype"] == "float32"]
    large = [row for row in rows if math.prod(row["shape"]) > 1e5]  # not the small calls
    shapes = list(dict.fromkeys(tuple(row["shape"]) for row in large))
    names = [name for name in COLOURS if any(row["contender"] == name for row in large)]
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    for axes, what in zip(figure.subplots(1, 2, sharey=True), TITLES, strict=True):
        speed = {(tuple(r["shape"]), r["contender"]): r["gb_per_s"] for r in large if r["what"] == what}
        for k, name in enumerate(names):
            heights = [speed[shape, name] for shape in shapes]
            places = [place + (k - (len(names) - 1) / 2) * 0.8 / len(names) for place in range(len(shapes))]
            bars = axes.bar(places, heights, 0.8 / len(names), label=name, color=COLOURS[name])
            if name == "fastloss":
                axes.bar_label(bars, fmt="%.0f", fontsize=8)
        labels = [shape_label(shape).replace(" x ", "\nx ") for shape in shapes]
        axes.set_xticks(range(len(shapes)), labels, fontsize=8)
        axes.set(title=TITLES[what], xlabel="rows x classes")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("GB of logits a second")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)
    where = "{machine}, {threads} threads, fastloss {version} ({isa})".format_map(run)
    figure.suptitle(f"Cross entropy of float32 logits\n{where}")
    figure.savefig(output, dpi=120, metadata={"Date": None} if output.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.picture")
    parser.add_argument("json", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "speed.svg")
    options = parser.parse_args()
    draw(json.loads(options.json.read_text()), options.output)


if __name__ == "__main__":
    main()
