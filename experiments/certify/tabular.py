"""Figure 2: can a protected feature be pushed into the top five, and does bias show?

Adult and German credit, features scaled to [0, 1], one network of one output (the logit of the
positive class) for each way of training. The protected feature is `female`: one column in place of
those that told the sex (Adult's two, German credit's four of marital status and sex).

First, attacks within x ± ε (clipped to [0, 1]) and W ± γ|W| try to bring `female` into the five
features of largest |gradient|; `outside_top` certifies that none can. Then a share p of the men get
the good label and the same share of the women the bad one, and the share of the gradient that
`female` has is held against the bias of the network: the difference between the rates at which the
two groups' test rows are given the good label.
"""

from __future__ import annotations

import argparse
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.certify import gradient_bounds, outside_top
from affidavit.certify.attacks import Aim, Top, attack_inputs, attack_weights
from affidavit.certify.training import (
    AdversarialLoss,
    GradientCertifiedLoss,
    GradientRegularizedLoss,
    HessianNormLoss,
    Objective,
    Ramp,
    StandardLoss,
    with_softplus,
)
from affidavit.data import load
from affidavit.graph import load as load_graph
from benchmarks.networks import mlp
from experiments.certify.fitting import trained
from experiments.recording import arguments, finished, record

mpl.use("Agg")

from matplotlib import pyplot as plt

WIDTH, BATCH, TOP, WEIGHT_DECAY = 64, 128, 5, 1e-4
EPSILON_T = GAMMA_T = 0.05
TESTED = (0.05, 0.1)
POISONED, POISONED_ROWS = (0.0, 0.2, 0.4, 0.8), 4_000
SETS: dict[str, dict[str, Any]] = {
    "adult": {
        "train": 10_000,
        "test": 5_000,
        "certified": 300,
        "attacked": 100,
        "epochs": 12,
        "good": 1,
    },
    "german-credit": {
        "train": 700,
        "test": 300,
        "certified": 300,
        "attacked": 100,
        "epochs": 60,
        "good": 0,
    },
}
METHODS = ("standard", "hessian", "gradient", "adversarial", "certified ε", "certified γ")
EFFORT = {"steps": 40, "restarts": 3}
Rows = tuple[Tensor, Tensor]


def rows(name: str, seed: int) -> tuple[Tensor, Tensor, int, list[str]]:
    """Inputs in [0, 1], labels (1 is good), place of `female`, names; shuffled."""
    found = load(name)
    names = list(found.feature_names)
    spread = np.where(found.upper > found.lower, found.upper - found.lower, 1)
    x = (found.inputs - found.lower) / spread
    prefix = "sex_" if name == "adult" else "personal_status_and_sex="
    female = [i for i, n in enumerate(names) if n.startswith(prefix) and "emale" in n]
    others = [i for i, n in enumerate(names) if not n.startswith(prefix)]
    x = np.concatenate([x[:, others], x[:, female].sum(1, keepdims=True)], 1)
    y = (found.labels == SETS[name]["good"]).astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(x))
    names = [*(names[i] for i in others), "female"]
    return torch.tensor(x[order]).float(), torch.tensor(y[order]), len(names) - 1, names


def task(output: Tensor, y: Tensor) -> Tensor:
    """Binary cross-entropy of the one logit."""
    return F.binary_cross_entropy_with_logits(output.squeeze(1), y.to(output.dtype))


def optimizer(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=2e-3, weight_decay=WEIGHT_DECAY)


def network(features: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return mlp(features, WIDTH, WIDTH, 1)


def objective(method: str, model: nn.Module, steps: int) -> Objective:
    """The objective of one way of training."""
    common: dict[str, Any] = {"task": task}
    ramp = {"steps": steps // 2, "warmup": steps // 10}
    bounded: dict[str, Any] = {**common, "target": 0, "data_range": (0.0, 1.0)}
    match method:
        case "hessian":
            return HessianNormLoss(model, alpha=0.05, **common)
        case "gradient":
            return GradientRegularizedLoss(model, alpha=1.0, epsilon=EPSILON_T, **common)
        case "adversarial":
            return AdversarialLoss(model, epsilon=EPSILON_T, data_range=(0.0, 1.0), **common)
        case "certified ε":
            return GradientCertifiedLoss(
                model, alpha=0.02, epsilon=Ramp(EPSILON_T, **ramp), **bounded
            )
        case "certified γ":
            return GradientCertifiedLoss(model, alpha=0.01, gamma=Ramp(GAMMA_T, **ramp), **bounded)
    return StandardLoss(model, **common)


def fitted(given: argparse.Namespace, name: str, method: str, train: Rows, label: str) -> nn.Module:
    """A trained network in double precision."""
    model = network(train[0].shape[1], given.seed)
    if method == "hessian":
        model = with_softplus(model, beta=10.0)
    epochs = SETS[name]["epochs"]
    steps = epochs * -(-len(train[0]) // BATCH)
    made = objective(method, model, steps)
    trained(
        given,
        f"{name} {label} {method}",
        model,
        train,
        made,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=optimizer,
    )
    return model.double()


def gradient(model: nn.Module, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(model(x).sum(), x)
    return found


def decisions(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x).squeeze(1) > 0


def robustness(
    model: nn.Module, test: Rows, size: dict[str, Any], female: int, seed: int
) -> dict[str, Any]:
    """Accuracy, and shares of test rows where `female` stays outside of the top five.

    Attacks are held against fewer rows than certificates, for time.
    """
    x = test[0].double()
    many, few = x[: size["certified"]], x[: size["attacked"]]
    wish = Top((female,), TOP)

    def share(kept: Tensor) -> float:
        return kept.double().mean().item()

    found: dict[str, Any] = {
        "accuracy": share(decisions(model, x) == (test[1] == 1)),
        "outside_before": share(wish.value(gradient(model, many)) <= 0),
    }
    graph = load_graph(model, few[:1])
    aim = Aim(target=0, objective=wish)
    for box in [{"epsilon": e, "data_range": (0.0, 1.0)} for e in TESTED] + [
        {"gamma": g} for g in TESTED
    ]:
        kind, value = next(iter(box.items()))
        method = attack_inputs if kind == "epsilon" else attack_weights
        result = {"attack": share(~method(graph, few, aim, seed=seed, **EFFORT, **box).success)}
        for by in ("ibp", "crown"):
            bounds = gradient_bounds(graph, many, target=0, method=by, **box)
            result[f"certified_{by}"] = share(outside_top(bounds, [female], TOP))
        found[f"{kind} {value}"] = result
    return found


def poisoned(train: Rows, female: int, share: float, seed: int) -> Rows:
    """Men's labels good and women's bad, for a random share of each. Fewer rows, for time."""
    x, y = (t[:POISONED_ROWS] for t in train)
    chosen = torch.rand(len(x), generator=torch.Generator().manual_seed(seed + 1)) < share
    return x, torch.where(chosen, (x[:, female] < 0.5).long(), y)


def bias(model: nn.Module, test: Rows, female: int) -> dict[str, float]:
    """What the network does to the two groups, and what its gradient says of it."""
    x = test[0].double()
    good, women = decisions(model, x).double(), x[:, female] > 0.5
    size = gradient(model, x).abs()
    share = size[:, female] / size.sum(1).clamp(min=1e-300)
    rank = (size > size[:, [female]]).sum(1) + 1
    return {
        "difference_of_rates": (good[~women].mean() - good[women].mean()).item(),
        "share_of_gradient": share.mean().item(),
        "in_top_5": (rank <= TOP).double().mean().item(),
        "accuracy": (good == test[1]).double().mean().item(),
    }


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        sets={"nargs": "+", "default": list(SETS), "choices": list(SETS), "help": "data sets"},
    )
    results: dict[str, Any] = {}
    for name in given.sets:
        x, y, female, names = rows(name, given.seed)
        size = SETS[name]
        train = (x[: size["train"]], y[: size["train"]])
        test = tuple(t[size["train"] : size["train"] + size["test"]] for t in (x, y))
        results[name] = {
            "features": len(names),
            "women_among_test_rows": (test[0][:, female] > 0.5).double().mean().item(),
            "good_among_test_rows": test[1].double().mean().item(),
            "robustness": {},
            "bias": {},
        }
        chosen = [size, TESTED, TOP, EPSILON_T, GAMMA_T, EFFORT]
        for method in METHODS:
            model = fitted(given, name, method, train, "clean")
            results[name]["robustness"][method] = finished(
                given,
                f"{name} {method} robustness",
                chosen,
                lambda model=model, test=test, female=female, size=size: robustness(
                    model, test, size, female, given.seed
                ),
            )
        for method in METHODS:
            found = []
            for share in POISONED:
                data = poisoned(train, female, share, given.seed)
                model = fitted(given, name, method, data, f"poisoned {share}")
                found.append({"poisoned": share, **bias(model, test, female)})
            results[name]["bias"][method] = found
    draw(given, results)
    settings = {
        "network": f"features-{WIDTH}-{WIDTH}-1, ReLU (softplus β = 10 for hessian)",
        "sets": {name: SETS[name] for name in given.sets},
        "epsilon_t": EPSILON_T,
        "gamma_t": GAMMA_T,
        "batch": BATCH,
        "optimizer": f"Adam, 0.002, weight decay {WEIGHT_DECAY}",
        "top": TOP,
        "attack": EFFORT,
        "rows_where_labels_are_poisoned": f"{POISONED_ROWS} at most",
        "objectives": {
            method: str(objective(method, nn.Sequential(nn.Linear(1, 1)), 1000))
            for method in METHODS
        },
    }
    record(given, settings, results)


def draw(given: argparse.Namespace, results: dict[str, Any]) -> None:
    """Bars of robustness, and lines of bias."""
    figure, axes = plt.subplots(2, len(results), figsize=(5.5 * len(results), 6), squeeze=False)
    for column, (name, found) in enumerate(results.items()):
        place = axes[0, column]
        bars = {
            "accuracy": [f["accuracy"] for f in found["robustness"].values()],
            "attack fails": [f["epsilon 0.05"]["attack"] for f in found["robustness"].values()],
            "certified (CROWN)": [
                f["epsilon 0.05"]["certified_crown"] for f in found["robustness"].values()
            ],
        }
        for turn, (label, values) in enumerate(bars.items()):
            place.bar(np.arange(len(values)) + 0.27 * (turn - 1), values, 0.25, label=label)
        place.set_xticks(range(len(METHODS)), METHODS, rotation=20, fontsize=7)
        place.set_title(f"{name}, ε = 0.05", fontsize=9)
        place.legend(fontsize=7)
        place = axes[1, column]
        for method, lines in found["bias"].items():
            place.plot(
                [line["difference_of_rates"] for line in lines],
                [line["share_of_gradient"] for line in lines],
                "o-",
                markersize=3,
                label=method,
            )
        place.set_xlabel("bias of the network: difference of rates", fontsize=8)
        place.set_ylabel("share of the gradient", fontsize=8)
        place.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(given.out / "tabular.png", dpi=75)


if __name__ == "__main__":
    main()
