"""What certified explanations cost: test accuracy by the size of the box in training.

The paper reports two points of accuracy for each 0.01 of ε_t on MNIST. Dense networks (two hidden
layers of 128) on digits and chest X-rays, by ε_t and by γ_t, with a linear network as a yardstick:
its explanations cannot change at all.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from torch import nn

from affidavit.certify import gradient_bounds
from affidavit.certify.training import GradientCertifiedLoss, Ramp, StandardLoss, accuracy
from experiments.certify.fitting import trained
from experiments.certify.networks import dense, gradient, images, linear
from experiments.recording import arguments, finished, record

mpl.use("Agg")

from matplotlib import pyplot as plt

SETS: dict[str, dict[str, Any]] = {
    "mnist": {"outputs": 10, "rows": 6_000, "epochs": 8},
    "pneumoniamnist": {"outputs": 2, "rows": None, "epochs": 15},
}
SIZES = (0.01, 0.02, 0.05)
ALPHA, BATCH, MEASURED = 0.01, 128, 200
RANGE = (0.0, 1.0)


def balanced(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Mean over the classes of the share of each that is right."""
    return float(np.mean([accuracy(model, x[y == c], y[y == c]) for c in y.unique()]))


def measured(
    model: nn.Module, kind: str, value: float, x: torch.Tensor, y: torch.Tensor
) -> dict[str, float]:
    """Accuracy, and how wide the bounds are."""
    x = x.double()
    few = x[:MEASURED]
    box: dict[str, Any] = {kind: value} if value else {"epsilon": 0.01}
    bounds = gradient_bounds(model, few, data_range=RANGE, **box)
    length = gradient(model, few).norm(dim=1)
    return {
        "accuracy": accuracy(model, x, y),
        "balanced_accuracy": balanced(model, x, y),
        "width_over_length": (bounds.width.norm(dim=1) / length).mean().item(),
    }


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        sets={"nargs": "+", "default": list(SETS), "choices": list(SETS), "help": "data sets"},
        seeds={"type": int, "default": 2, "help": "runs of each (default 2)"},
    )
    first = given.seed
    results: dict[str, Any] = {}
    for name in given.sets:
        size = SETS[name]
        train, test = images(name, "train", size["rows"]), images(name, "test")
        steps = size["epochs"] * -(-len(train[0]) // BATCH)
        cases = [("linear", 0.0), ("standard", 0.0)]
        cases += [(kind, value) for kind in ("epsilon", "gamma") for value in SIZES]
        results[name] = []
        for kind, value in cases:
            rows = []
            for seed in range(first, first + given.seeds):
                given.seed = seed
                torch.manual_seed(seed)
                model = linear(size["outputs"]) if kind == "linear" else dense(size["outputs"])
                objective = (
                    GradientCertifiedLoss(
                        model,
                        alpha=ALPHA,
                        data_range=RANGE,
                        **{kind: Ramp(value, steps=steps // 2, warmup=steps // 10)},
                    )
                    if value
                    else StandardLoss(model)
                )
                trained(
                    given,
                    f"{name} {kind} {value} {seed}",
                    model,
                    train,
                    objective,
                    epochs=size["epochs"],
                    batch_size=BATCH,
                )

                key = [ALPHA, BATCH, size, MEASURED]
                rows.append(
                    finished(
                        given,
                        f"{name} {kind} {value}",
                        key,
                        lambda model=model, kind=kind, value=value, test=test: measured(
                            model.double(), kind, value, *test
                        ),
                    )
                )
            found: dict[str, Any] = {"kind": kind, "size": value}
            for what in rows[0]:
                values = [row[what] for row in rows]
                found[what] = {"mean": np.mean(values), "least": min(values), "most": max(values)}
            results[name].append(found)
    given.seed = first
    draw(given, results)
    settings = {
        "network": "784-128-128-outputs",
        "sets": {name: SETS[name] for name in given.sets},
        "seeds": given.seeds,
        "alpha": ALPHA,
        "batch": BATCH,
        "optimizer": "Adam, 0.001",
        "width": f"first {MEASURED} test images, at the size trained for (0.01 where that is 0)",
    }
    record(given, settings, results)


def draw(given: Any, results: dict[str, Any]) -> None:
    """Accuracy by size."""
    figure, axes = plt.subplots(1, len(results), figsize=(4.2 * len(results), 3), squeeze=False)
    for place, (name, rows) in zip(axes[0], results.items(), strict=True):
        for kind, symbol in (("epsilon", "ε_t"), ("gamma", "γ_t")):
            lines = [row for row in rows if row["kind"] in ("standard", kind)]
            at = [row["size"] for row in lines]
            middle = [row["balanced_accuracy"]["mean"] for row in lines]
            place.plot(at, middle, "o-", markersize=3, label=symbol)
            place.fill_between(
                at,
                [row["balanced_accuracy"]["least"] for row in lines],
                [row["balanced_accuracy"]["most"] for row in lines],
                alpha=0.2,
            )
        level = next(row for row in rows if row["kind"] == "linear")
        place.axhline(
            level["balanced_accuracy"]["mean"], color="black", linestyle=":", label="linear network"
        )
        place.set_title(name, fontsize=9)
        place.set_xlabel("size of the box in training", fontsize=8)
        place.set_ylabel("balanced test accuracy", fontsize=8)
        place.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(given.out / "accuracy_paid.png", dpi=75)


if __name__ == "__main__":
    main()
