"""How tight are the methods? Width of the bounds on the gradient over the exact width.

Networks on half-moons (2 features), iris (4), diabetes (6 of its features) and digits (64) are
trained as usual. For boxes of growing ε around inputs that were not trained on, the widths of all
features and inputs are summed, for each method, and divided by the exact sum. With up to six
features that comes from all linear regions of the box; on digits, where regions are out of reach,
from branch and bound, over those inputs on which its bounds meet gradients that it found. The
gradient is that of the predicted class's logit, on standardised features (digits: of a range of 1).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_moons
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from affidavit.certify import gradient_bounds
from affidavit.certify.bab import Progress
from affidavit.graph import Graph, Interval, load
from benchmarks.networks import mlp
from experiments.recording import arguments, record, say

mpl.use("Agg")

from matplotlib import pyplot as plt

MET = 1e-8  # gap, as a share of the first bounds' size, at which bounds and gradients have met

METHODS: dict[str, dict[str, Any]] = {
    "ibp": {"method": "ibp"},
    "crown": {"method": "crown"},
    "bab, 100 boxes": {"method": "bab", "max_boxes": 100, "max_regions": 0},
    "bab": {"method": "bab"},
}
"""What is measured: the third halves boxes only, the fourth settles parts outright as well."""


def moons(seed: int) -> tuple[Any, Any]:
    return make_moons(600, noise=0.15, random_state=seed)


def iris(seed: int) -> tuple[Any, Any]:
    return load_iris(return_X_y=True)


def diabetes(seed: int) -> tuple[Any, Any]:
    """Age, body mass index, blood pressure and three of serum; above the median or not."""
    x, y = load_diabetes(return_X_y=True)
    return x[:, [0, 2, 3, 6, 8, 9]], (y > 140).astype(int)


def digits(seed: int) -> tuple[Any, Any]:
    return load_digits(return_X_y=True)


NETWORKS: dict[str, tuple[Callable[[int], tuple[Any, Any]], list[int], tuple[float, ...]]] = {
    "half-moons": (moons, [2, 32, 32, 2], (0.01, 0.03, 0.1, 0.3)),
    "iris": (iris, [4, 16, 16, 3], (0.01, 0.03, 0.1, 0.3)),
    "diabetes": (diabetes, [6, 16, 16, 2], (0.01, 0.03, 0.1, 0.3)),
    "digits": (digits, [64, 32, 32, 10], (0.0025, 0.005, 0.01, 0.02)),
}
"""Data, layers, and sizes of boxes."""


def trained(name: str, seed: int) -> tuple[Graph, Tensor, float]:
    """A network, inputs that it has not seen, and its accuracy on these."""
    data, sizes, _ = NETWORKS[name]
    x, y = data(seed)
    x, unseen, y, labels = train_test_split(x, y, test_size=0.3, random_state=seed, stratify=y)
    mean, scale = (0.0, 16.0) if name == "digits" else (x.mean(0), x.std(0))
    inputs = torch.tensor((x - mean) / scale, dtype=torch.float64)
    rest = torch.tensor((unseen - mean) / scale, dtype=torch.float64)
    torch.manual_seed(seed)
    model = mlp(*sizes).double()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    target = torch.tensor(y)
    for _ in range(300):
        loss = nn.functional.cross_entropy(model(inputs), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = (model(rest).argmax(1) == torch.tensor(labels)).double().mean()
    return load(model, rest[:1]), rest, float(right)


def measured(
    graph: Graph, x: Tensor, epsilon: float, options: Mapping[str, Any]
) -> tuple[Interval, float]:
    """The bounds of a method, and the time it took."""
    start = time.perf_counter()
    found = gradient_bounds(graph, x, epsilon=epsilon, **options)
    return found, time.perf_counter() - start


def reference(graph: Graph, x: Tensor, epsilon: float, seconds: float) -> dict[str, Any]:
    """Exact widths [input, feature] of those inputs where they were found, and what that took."""
    start = time.perf_counter()
    if x.shape[1] <= 6:
        found = gradient_bounds(graph, x, epsilon=epsilon, method="exact").width
        kept = list(range(len(x)))
    else:
        kept, widths = [], []
        for i in range(len(x)):
            last: list[Progress] = []
            bounds = gradient_bounds(
                graph,
                x[i : i + 1],
                epsilon=epsilon,
                method="bab",
                max_seconds=seconds,
                progress=last.append,
            )
            if last and not last[-1].open and last[-1].gap <= MET:
                kept.append(i)
                widths.append(bounds.width)
        found = torch.cat(widths) if widths else x[:0]
    return {"width": found, "inputs": kept, "seconds": time.perf_counter() - start}


def compared(name: str, inputs: int, seconds: float, seed: int) -> dict[str, Any]:
    """Widths over the exact ones, and times, by size of the box."""
    graph, x, right = trained(name, seed)
    x = x[:inputs]
    rows = []
    for epsilon in NETWORKS[name][2]:
        exact = reference(graph, x, epsilon, seconds)
        kept = x[exact["inputs"]]
        row: dict[str, Any] = {
            "epsilon": epsilon,
            "inputs": len(kept),
            "exact_width": float(exact["width"].sum()) / max(1, exact["width"].numel()),
            "exact_seconds_an_input": exact["seconds"] / len(x),
            "width_over_exact": {},
            "seconds_an_input": {},
        }
        for method, options in METHODS.items():
            if not len(kept) or float(exact["width"].sum()) == 0:
                continue
            found, took = measured(graph, kept, epsilon, options)
            # Nothing may be cut off.
            if float((exact["width"] - found.width).max()) > 1e-9:
                raise RuntimeError(f"{method} is tighter than exact bounds on {name} at {epsilon}")
            row["width_over_exact"][method] = float(found.width.sum() / exact["width"].sum())
            row["seconds_an_input"][method] = took / len(kept)
        say(f"{name}: {row}")
        rows.append(row)
    return {"layers": NETWORKS[name][1], "accuracy": right, "boxes": rows}


def draw(results: Mapping[str, Any], path: Path) -> None:
    """One panel a network: widths over the exact width by ε."""
    figure, panels = plt.subplots(1, len(results), figsize=(3.1 * len(results), 2.9), sharey=True)
    marks = dict(zip(METHODS, ("o-", "s-", "^-", "D-"), strict=True))
    for panel, (name, found) in zip(panels, results.items(), strict=True):
        for method, mark in marks.items():
            rows = [row for row in found["boxes"] if method in row["width_over_exact"]]
            ratio = [row["width_over_exact"][method] for row in rows]
            panel.loglog([row["epsilon"] for row in rows], ratio, mark, label=method, ms=4)
        panel.set_title(f"{name}, {'-'.join(map(str, found['layers']))}", fontsize=9)
        sizes = [row["epsilon"] for row in found["boxes"]]
        panel.set_xticks(sizes, [f"{size:g}" for size in sizes])
        panel.minorticks_off()
        panel.set_xlabel("ε")
        panel.grid(alpha=0.3)
    panels[0].set_yticks([1, 2, 3, 4, 5], ["1", "2", "3", "4", "5"])
    panels[0].set_ylabel("width / exact width")
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    given = arguments(
        __doc__,
        inputs={"type": int, "default": 20, "help": "inputs a network (default 20)"},
        seconds={"type": float, "default": 5.0, "help": "for one input of digits"},
    )
    results = {name: compared(name, given.inputs, given.seconds, given.seed) for name in NETWORKS}
    draw(results, given.out / "tightness.png")
    settings = {"inputs": given.inputs, "seconds": given.seconds, "methods": METHODS}
    record(given, settings, results, ("scipy",))


if __name__ == "__main__":
    main()
