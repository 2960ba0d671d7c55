"""Figure 3: explanations and predictions of digits, certified against changes of the input.

Left: twenty goals (squares in the corners); an adversary succeeds where the mean squared difference
from a goal is at most τ = 0.04. Middle: how far the explanation can change, against its length.
Right: the share of test images that are classified rightly throughout the box. Explanations are
gradients of the predicted class's logit; images are in [0, 1], boxes clipped to it.

A linear network, whose explanation cannot change at all, is trained along as a yardstick.
"""

from __future__ import annotations

import argparse
from typing import Any

import matplotlib as mpl
import torch
from torch import Tensor, nn

from affidavit.certify import gradient_bounds, margin_bounds, targeted, untargeted
from affidavit.certify.attacks import Aim, attack_inputs
from affidavit.certify.training import GradientCertifiedLoss, Ramp, StandardLoss, accuracy
from affidavit.graph import load
from benchmarks.networks import small_cnn
from experiments.certify.fitting import trained
from experiments.certify.networks import Rows, corners, dense, gradient, images, linear
from experiments.recording import arguments, finished, record

mpl.use("Agg")

from matplotlib import pyplot as plt

NETWORKS: dict[str, dict[str, Any]] = {
    "linear": {"make": linear, "rows": 20_000, "epochs": 8, "trained": (0.0,), "test": 200},
    "dense": {
        "make": dense,
        "rows": 20_000,
        "epochs": 8,
        "trained": (0.0, 0.01, 0.025),
        "test": 200,
    },
    "cnn": {
        "make": small_cnn,
        "rows": 20_000,
        "epochs": 4,
        "trained": (0.0, 0.01, 0.025),
        "test": 50,
    },
}
ALPHA, BATCH = 0.01, 128
EPSILONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
CROWN_IMAGES = 30
ATTACKED, ATTACKS, EFFORT = 20, (0.025, 0.1), {"steps": 30, "restarts": 2}
TAU, TAU_UNTARGETED = 0.04, 2.0
RANGE = (0.0, 1.0)


def fitted(given: argparse.Namespace, kind: str, epsilon: float, train: Rows) -> nn.Module:
    """A trained network."""
    size = NETWORKS[kind]
    torch.manual_seed(given.seed)
    model: nn.Module = size["make"]()
    steps = size["epochs"] * -(-len(train[0]) // BATCH)
    objective = (
        GradientCertifiedLoss(
            model,
            alpha=ALPHA,
            epsilon=Ramp(epsilon, steps=steps // 2, warmup=steps // 10),
            data_range=RANGE,
        )
        if epsilon
        else StandardLoss(model)
    )
    trained(
        given,
        f"{kind} {epsilon}",
        model,
        train,
        objective,
        epochs=size["epochs"],
        batch_size=BATCH,
    )
    return model


def certified(model: nn.Module, test: Rows, method: str) -> list[dict[str, float]]:
    """By ε, shares and means over the test images; CROWN is slower, and sees fewer."""
    x, y = test if method == "ibp" else (test[0][:CROWN_IMAGES], test[1][:CROWN_IMAGES])
    clean, goals = gradient(model, x), corners()
    length = clean.norm(dim=1)
    right = model(x).argmax(1) == y
    graph = load(model, x[:1])
    rows = []
    for epsilon in EPSILONS:
        box: dict[str, Any] = {"epsilon": epsilon, "data_range": RANGE, "method": method}
        bounds = gradient_bounds(graph, x, **box)
        hits = [targeted(bounds, goal, tau=TAU).certified for goal in goals]
        worst = untargeted(bounds, clean, tau=0.0).worst
        ahead = margin_bounds(graph, x, y, **box).lower
        ahead = ahead.scatter(1, y[:, None], 1.0)
        rows.append(
            {
                "epsilon": epsilon,
                "targeted_certified": mean(torch.stack(hits)),
                "worst_length_over_length": (worst.norm(dim=1) / length).mean().item(),
                "untargeted_certified": mean(worst.norm(dim=1) <= TAU_UNTARGETED * length),
                "change_over_length": ((worst - clean).norm(dim=1) / length).mean().item(),
                "right_throughout": mean(right & (ahead > 0).all(1)),
            }
        )
    return rows


def attacked(model: nn.Module, test: Rows, seed: int) -> list[dict[str, float]]:
    """By ε, the shares of images whose explanation stays away from one goal each."""
    x = test[0][:ATTACKED]
    goals = corners()[torch.arange(len(x)) % 20]
    graph = load(model, x[:1])
    length = gradient(model, x).norm(dim=1)
    rows = []
    for epsilon in ATTACKS:
        found = attack_inputs(
            graph,
            x,
            Aim(goal=goals, tau=TAU),
            epsilon=epsilon,
            data_range=RANGE,
            seed=seed,
            **EFFORT,
        )
        away = attack_inputs(
            graph, x, Aim(tau=0.0), epsilon=epsilon, data_range=RANGE, seed=seed, **EFFORT
        )
        change = (away.value * x[0].numel()).sqrt() / length
        rows.append(
            {
                "epsilon": epsilon,
                "targeted_attack_fails": mean(~found.success),
                "least_difference": found.value.mean().item(),
                "change_over_length_found": change.mean().item(),
            }
        )
    return rows


def mean(flags: Tensor) -> float:
    return flags.double().mean().item()


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        networks={"nargs": "+", "default": list(NETWORKS), "choices": list(NETWORKS)},
    )
    every = images("mnist", "test")
    results: dict[str, Any] = {}
    for kind in given.networks:
        size = NETWORKS[kind]
        train = images("mnist", "train", size["rows"])
        few = (every[0][: size["test"]].double(), every[1][: size["test"]])
        for epsilon in size["trained"]:
            name = f"{kind}, ε_t = {epsilon:g}" if epsilon else f"{kind}, standard"
            model = fitted(given, kind, epsilon, train)
            found: dict[str, Any] = {"test_accuracy": accuracy(model, *every)}
            model = model.double()
            clean = gradient(model, few[0])
            away = (clean[:, None] - corners()).square().mean(2)
            found["mean_square_of_gradient"] = clean.square().mean().item()
            found["outside_of_goals_before"] = mean(away > TAU)
            key = [ALPHA, BATCH, size["rows"], size["epochs"], size["test"], EPSILONS]
            for method in ("ibp", "crown") if kind == "dense" else ("ibp",):
                found[method] = finished(
                    given,
                    f"{kind} {epsilon} {method}",
                    key,
                    lambda model=model, few=few, method=method: certified(model, few, method),
                )
            found["attacks"] = finished(
                given,
                f"{kind} {epsilon} attacks",
                [*key, ATTACKS, EFFORT, ATTACKED],
                lambda model=model, few=few: attacked(model, few, given.seed),
            )
            results[name] = found
    draw(given, results)
    settings = {
        "networks": {
            kind: {key: value for key, value in NETWORKS[kind].items() if key != "make"}
            for kind in given.networks
        },
        "alpha": ALPHA,
        "batch": BATCH,
        "optimizer": "Adam, 0.001",
        "epsilon_t": "0 for a tenth of the steps, then a ramp over half of them",
        "tau": TAU,
        "tau_untargeted": TAU_UNTARGETED,
        "attacks": {"images": ATTACKED, **EFFORT},
        "images_for_crown": CROWN_IMAGES,
    }
    record(given, settings, results)


def draw(given: argparse.Namespace, results: dict[str, Any]) -> None:
    """The three columns of the figure, a row a kind of network."""
    kinds = [kind for kind in given.networks if kind != "linear"]
    figure, axes = plt.subplots(len(kinds), 3, figsize=(11, 3 * len(kinds)), squeeze=False)
    columns = (
        ("targeted_certified", "certified against the corners"),
        ("worst_length_over_length", "‖v^cert‖ / ‖v‖, untargeted"),
        ("right_throughout", "certified right predictions"),
    )
    for row, kind in enumerate(kinds):
        for column, (key, label) in enumerate(columns):
            place = axes[row, column]
            for turn, (name, found) in enumerate(results.items()):
                if not name.startswith(kind):
                    continue
                for method, style in (("ibp", "-"), ("crown", ":")):
                    if method in found:
                        place.plot(
                            EPSILONS,
                            [line[key] for line in found[method]],
                            style,
                            color=f"C{turn}",
                            label=f"{name}, {method.upper()}",
                        )
            place.set_xscale("log")
            place.set_xlabel("ε", fontsize=8)
            place.set_title(f"{kind}: {label}", fontsize=9)
            place.grid(alpha=0.3)
            if key == "worst_length_over_length":
                place.axhline(TAU_UNTARGETED, color="red", linestyle="--", linewidth=0.8)
                place.set_yscale("log")
        axes[row, 0].legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(given.out / "mnist.png", dpi=75)


if __name__ == "__main__":
    main()
