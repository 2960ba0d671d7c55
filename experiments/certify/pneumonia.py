"""Figure 4: explanations of chest X-rays, certified against changes of input and of weights.

Twenty goals (squares in the corners): an adversary succeeds where the mean squared difference from
one is at most τ = 0.04, as in the paper, or where the cosine of the angle to it is at least 0.5.
The second does not depend on the gradient's length: a gradient of 0 is within 0.032 of a goal, so
that for small ones the first says nothing. Trained with ε_t = γ_t = 0.01, tested with ε = γ =
0.025. And the sparsity of four explainers on the networks: the Gini index of the sizes of their
entries, 0 where all are equal, 1 where one has all.

Further sets of MedMNIST (dermamnist, bloodmnist) are taken along where their files are in the data
folder, as `medmnist/NAME.npz`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import torch
from torch import Tensor, nn

from affidavit.certify import gradient_bounds, targeted
from affidavit.certify.attacks import Aim, attack_inputs, attack_weights
from affidavit.certify.training import (
    GradientCertifiedLoss,
    HessianNormLoss,
    Objective,
    Ramp,
    StandardLoss,
    accuracy,
    with_softplus,
)
from affidavit.graph import Interval, load
from benchmarks.networks import small_cnn
from experiments.certify.fitting import trained
from experiments.certify.networks import Rows, corners, dense, gradient, images
from experiments.recording import arguments, finished, record

mpl.use("Agg")

from matplotlib import pyplot as plt

CASES = (
    ("dense", "standard"),
    ("dense", "hessian"),
    ("dense", "certified"),
    ("cnn", "standard"),
    ("cnn", "certified"),
)
TRAINED, TESTED, RANGE = 0.01, 0.025, (0.0, 1.0)
TAU: dict[Literal["mse", "cosine"], float] = {"mse": 0.04, "cosine": 0.5}
ALPHA, BATCH = {"dense": 0.01, "cnn": 0.001}, 128
EPOCHS = {"dense": 15, "cnn": 6}
CERTIFIED, ATTACKED = {"dense": 100, "cnn": 30}, 20
EFFORT = {"steps": 30, "restarts": 2}
FURTHER = ("dermamnist", "bloodmnist")


def sets() -> dict[str, tuple[Rows, Rows]]:
    """Training and test rows of the sets that are there, flattened."""
    found = {
        "pneumoniamnist": (images("pneumoniamnist", "train"), images("pneumoniamnist", "test"))
    }
    for name in FURTHER:
        path = Path(os.environ.get("AFFIDAVIT_DATA", ".")) / "medmnist" / f"{name}.npz"
        if path.exists():
            with np.load(path) as file:
                parts = [
                    (
                        torch.tensor(file[f"{part}_images"]).movedim(-1, 1).flatten(1) / 255,
                        torch.tensor(file[f"{part}_labels"]).flatten().long(),
                    )
                    for part in ("train", "test")
                ]
            found[name] = (parts[0], parts[1])
    return found


def objective(kind: str, network: str, model: nn.Module, steps: int) -> Objective:
    """The objective of one way of training."""
    if kind == "hessian":
        return HessianNormLoss(model, alpha=0.01)
    if kind == "certified":
        ramp = Ramp(TRAINED, steps=steps // 2, warmup=steps // 10)
        return GradientCertifiedLoss(
            model, alpha=ALPHA[network], epsilon=ramp, gamma=ramp, data_range=RANGE
        )
    return StandardLoss(model)


def fitted(given: argparse.Namespace, name: str, network: str, kind: str, train: Rows) -> nn.Module:
    """A trained network in double precision."""
    torch.manual_seed(given.seed)
    outputs = int(train[1].max()) + 1
    model = dense(outputs, inputs=train[0].shape[1]) if network == "dense" else small_cnn(outputs)
    if kind == "hessian":
        model = with_softplus(model, beta=10.0)
    steps = EPOCHS[network] * -(-len(train[0]) // BATCH)
    trained(
        given,
        f"{name} {network} {kind}",
        model,
        train,
        objective(kind, network, model, steps),
        epochs=EPOCHS[network],
        batch_size=BATCH,
    )
    return model.double()


def goals(features: int) -> Tensor:
    """The squares, on every channel."""
    return corners().repeat(1, features // 784)


def robustness(model: nn.Module, network: str, test: Rows, seed: int) -> dict[str, Any]:
    """Shares of images (and goals) whose explanation stays away from the goals."""
    x = test[0].double()
    many, few = x[: CERTIFIED[network]], x[:ATTACKED]
    every = goals(x.shape[1])
    one_each = every[torch.arange(len(few)) % len(every)]
    clean = gradient(model, many)
    graph = load(model, x[:1])
    found: dict[str, Any] = {"mean_square_of_gradient": clean.square().mean().item()}
    for metric, tau in TAU.items():
        still = Interval.point(clean)
        found[f"{metric}, before"] = share(certified(still, every, metric))
        for box in ({"epsilon": TESTED, "data_range": RANGE}, {"gamma": TESTED}):
            kind = next(iter(box))
            attack: Callable[..., Any] = attack_inputs if kind == "epsilon" else attack_weights
            hit = attack(
                graph, few, Aim(goal=one_each, tau=tau, metric=metric), seed=seed, **EFFORT, **box
            )
            bounds = gradient_bounds(graph, many, **box)
            width = bounds.width.norm(dim=1) / clean.norm(dim=1)
            found[f"{metric}, {kind}"] = {
                "attack_fails": share(~hit.success),
                "certified": share(certified(bounds, every, metric)),
                "width_over_length": width.mean().item(),
            }
    return found


def certified(bounds: Interval, every: Tensor, metric: Literal["mse", "cosine"]) -> Tensor:
    """Which goals are out of reach for which images."""
    kept = [targeted(bounds, goal, tau=TAU[metric], metric=metric).certified for goal in every]
    return torch.stack(kept)


def share(flags: Tensor) -> float:
    return flags.double().mean().item()


def gini(values: Tensor) -> Tensor:
    """The Gini index of the sizes of each row."""
    size = values.abs().sort(1).values
    n = size.shape[1]
    rank = torch.arange(1, n + 1, dtype=size.dtype)
    return ((2 * rank - n - 1) * size).sum(1) / (n * size.sum(1))


def integrated(model: nn.Module, x: Tensor, steps: int = 32) -> Tensor:
    """Integrated gradients from black of the class predicted at x, by the midpoint rule."""
    target = model(x).argmax(1, keepdim=True)
    total = torch.zeros_like(x)
    for step in range(steps):
        at = (x * (step + 0.5) / steps).requires_grad_()
        (slope,) = torch.autograd.grad(model(at).gather(1, target).sum(), at)
        total = total + slope
    return x * total / steps


def smoothed(model: nn.Module, x: Tensor, seed: int, draws: int = 32, sigma: float = 0.1) -> Tensor:
    """SmoothGrad: the mean gradient, of the class predicted at x, under normal noise."""
    target = model(x).argmax(1, keepdim=True)
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(x)
    for _ in range(draws):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        at = (x + sigma * noise).requires_grad_()
        (slope,) = torch.autograd.grad(model(at).gather(1, target).sum(), at)
        total = total + slope
    return total / draws


def explanations(model: nn.Module, x: Tensor, seed: int) -> dict[str, Tensor]:
    """By explainer, of the shape of x."""
    slope = gradient(model, x)
    return {
        "gradient": slope,
        "input × gradient": x * slope,
        "integrated gradients": integrated(model, x),
        "SmoothGrad": smoothed(model, x, seed),
    }


def main() -> None:
    given = arguments(__doc__, resumable=True)
    results: dict[str, Any] = {}
    for name, (train, test) in sets().items():
        results[name] = {}
        shown: dict[str, dict[str, Tensor]] = {}
        for network, kind in CASES:
            if network == "cnn" and train[0].shape[1] != 784:
                continue
            model = fitted(given, name, network, kind, train)
            x, y = test[0].double(), test[1]
            classes = [accuracy(model, x[y == c], y[y == c]) for c in y.unique()]
            key = [TRAINED, TESTED, TAU, ALPHA, BATCH, EPOCHS, CERTIFIED, ATTACKED, EFFORT]
            case = f"{network}, {kind}"
            results[name][case] = {
                "accuracy": accuracy(model, x, y),
                "balanced_accuracy": np.mean(classes),
                **finished(
                    given,
                    f"{name} {network} {kind}",
                    key,
                    lambda model=model, network=network, test=test: robustness(
                        model, network, test, given.seed
                    ),
                ),
                "gini": {
                    by: gini(value).mean().item()
                    for by, value in explanations(model, x[:100], given.seed).items()
                },
            }
            shown[case] = explanations(model, x[:1], given.seed)
        draw(given, name, test[0][0], shown)
    settings = {
        "cases": [", ".join(case) for case in CASES],
        "epsilon_t and gamma_t": TRAINED,
        "epsilon and gamma tested": TESTED,
        "tau": TAU,
        "alpha": ALPHA,
        "batch": BATCH,
        "epochs": EPOCHS,
        "certified_images": CERTIFIED,
        "attacks": {"images": ATTACKED, **EFFORT},
        "sets_missing": [name for name in FURTHER if name not in results],
    }
    record(given, settings, results)


def draw(
    given: argparse.Namespace, name: str, x: Tensor, shown: dict[str, dict[str, Tensor]]
) -> None:
    """The explanations of the first test image."""
    columns = list(next(iter(shown.values())))
    figure, axes = plt.subplots(len(shown), len(columns) + 1, figsize=(7, 1.45 * len(shown)))
    for row, (case, found) in enumerate(shown.items()):
        axes[row, 0].imshow(x.reshape(-1, 28, 28).mean(0), cmap="gray")
        axes[row, 0].set_ylabel(case, fontsize=6)
        for column, by in enumerate(columns, 1):
            size = found[by].abs().reshape(-1, 28, 28).mean(0)
            axes[row, column].imshow(size, cmap="magma")
            if row == 0:
                axes[row, column].set_title(by, fontsize=7)
        for place in axes[row]:
            place.set_xticks([])
            place.set_yticks([])
    figure.tight_layout()
    figure.savefig(given.out / f"{name}.png", dpi=70)


if __name__ == "__main__":
    main()
