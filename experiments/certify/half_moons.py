"""Figure 1: larger boxes in training make a network linear, on the half-moons.

One row of networks by ε_t, one by γ_t. How linear a network is, is not judged by the eye: the exact
regions of its margin over the square of the data give the number of linear pieces, and how far the
gradient differs between them, weighted by area: `1 - ‖E g‖² / E ‖g‖²` is 0 for a linear network.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from affidavit.certify import gradient_bounds
from affidavit.certify.training import GradientCertifiedLoss, Ramp, accuracy
from affidavit.regions import Box, partition
from benchmarks.networks import mlp
from experiments.certify.fitting import trained
from experiments.recording import arguments, finished, record

mpl.use("Agg")

from matplotlib import pyplot as plt

EPSILONS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
GAMMAS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
ALPHA, EPOCHS, BATCH, WIDTH = 0.1, 200, 100, 64
SQUARE = (-3.0, 3.0)


def moons(seed: int) -> tuple[Tensor, Tensor]:
    x, y = make_moons(600, noise=0.15, random_state=seed)
    x = (x - x.mean(0)) / x.std(0)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return mlp(2, WIDTH, WIDTH, 2)


def linearity(model: nn.Module) -> dict[str, Any]:
    """Exact pieces of the margin over the square."""
    square = Box(np.full(2, SQUARE[0]), np.full(2, SQUARE[1]))
    found = partition(model, square)
    weights = found.maps()[0]
    slope = weights[:, 1] - weights[:, 0]
    share = found.volumes / found.domain_volume
    mean = (share[:, None] * slope).sum(0)
    power = (share * np.square(slope).sum(1)).sum()
    return {
        "linear_pieces": len(found),
        "variation_of_the_gradient": 1 - np.square(mean).sum() / power,
        "area_checked": found.volumes.sum() / found.domain_volume,
    }


def main() -> None:
    given = arguments(__doc__, resumable=True)
    x, y = moons(given.seed)
    train, test = (x[:300], y[:300]), (x[300:], y[300:])
    linear = LogisticRegression().fit(train[0].numpy(), train[1].numpy())
    results: dict[str, Any] = {
        "accuracy_of_logistic_regression": linear.score(test[0].numpy(), test[1].numpy()),
        "by_epsilon": [],
        "by_gamma": [],
    }
    figure, axes = plt.subplots(2, len(EPSILONS), figsize=(12, 4.4), sharex=True, sharey=True)
    for row, (kind, sizes) in enumerate((("epsilon", EPSILONS), ("gamma", GAMMAS))):
        for column, size in enumerate(sizes):
            model = network(given.seed)
            steps = 3 * EPOCHS
            ramp = Ramp(size, steps=steps // 2, warmup=steps // 10)
            objective = GradientCertifiedLoss(
                model,
                alpha=ALPHA,
                loss="margin",
                target=(1, 0),
                **{kind: ramp},
            )
            name = f"{kind} {size}"
            trained(given, name, model, train, objective, epochs=EPOCHS, batch_size=BATCH)
            double = model.double()

            def measured(
                model: nn.Module = double, kind: str = kind, size: float = size
            ) -> dict[str, Any]:
                x = test[0].double()
                bounds = gradient_bounds(model, x, loss="margin", target=(1, 0), **{kind: size})
                length = ((bounds.lower + bounds.upper) / 2).norm(dim=1)
                return {
                    f"{kind}_t": size,
                    "test_accuracy": accuracy(model, x, test[1]),
                    "mean_width_of_bounds_over_gradient": (bounds.width.norm(dim=1) / length)
                    .mean()
                    .item(),
                    **linearity(model),
                }

            settings = (kind, size, ALPHA, EPOCHS, BATCH, WIDTH, SQUARE)
            found = finished(given, name, settings, measured)
            results[f"by_{kind}"].append(found)
            draw(axes[row, column], double, train)
            symbol = "ε" if kind == "epsilon" else "γ"
            axes[row, column].set_title(
                f"{symbol}ₜ = {size:g}: {found['linear_pieces']:,} pieces,\n"
                f"accuracy {found['test_accuracy']:.0%}",
                fontsize=8,
            )
    figure.tight_layout()
    figure.savefig(given.out / "half_moons.png", dpi=65)
    settings = {
        "network": f"2-{WIDTH}-{WIDTH}-2",
        "rows": {"train": 300, "test": 300},
        "noise": 0.15,
        "alpha": ALPHA,
        "epochs": EPOCHS,
        "batch": BATCH,
        "square": SQUARE,
    }
    record(given, settings, results, ("scikit-learn",))


def draw(axes: Any, model: nn.Module, data: tuple[Tensor, Tensor]) -> None:
    """The probability of the second class, and the training data."""
    line = torch.linspace(*SQUARE, 120, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        found = model(grid).softmax(1)[:, 1].reshape(120, 120).T
    axes.imshow(found, extent=(*SQUARE, *SQUARE), origin="lower", cmap="PuOr", vmin=0, vmax=1)
    axes.contour(line, line, found, levels=[0.5], colors="black", linewidths=0.8)
    x, y = data
    axes.scatter(*x.T, c=y, s=2, cmap="PuOr", edgecolors="black", linewidths=0.15)


if __name__ == "__main__":
    main()
