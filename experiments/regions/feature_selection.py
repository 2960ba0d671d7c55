"""Table II: features selected by exact total weight, on German credit and red wine quality.

A network is trained on all features; |weight| in units of each feature's standard deviation,
averaged by area over exact partitions of two-feature slices through training rows, gives each
feature's total weight (the paper does not say which analysis region it took). Networks are trained
anew on the upper half of the features, on those above 10 % and on those above 50 % of the largest
total weight; and, as controls, on as many drawn at random and on as many by correlation with
the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn

from affidavit import data
from affidavit.graph import load
from affidavit.regions import Slice, partition
from experiments.recording import arguments, record, timed
from experiments.regions.drawing import plt, save

Selection = Callable[[np.ndarray], np.ndarray]

# Categories in the order of their codes, where they have one that means something.
ORDERED = {
    "status_of_existing_checking_account": (
        "below 0 DM",
        "0 to 200 DM",
        "200 DM or more, or salary for a year",
        "no account",
    ),
    "credit_history": (
        "no credits, or all paid back duly",
        "all credits at this bank paid back duly",
        "existing credits paid back duly till now",
        "delay in the past",
        "critical account, or credits at other banks",
    ),
    "savings_account/bonds": (
        "below 100 DM",
        "100 to 500 DM",
        "500 to 1000 DM",
        "1000 DM or more",
        "unknown or none",
    ),
    "present_employment_since": (
        "unemployed",
        "below 1 year",
        "1 to 4 years",
        "4 to 7 years",
        "7 years or more",
    ),
    "personal_status_and_sex": (
        "male, divorced or separated",
        "female, divorced, separated or married",
        "male, single",
        "male, married or widowed",
    ),
    "property": (
        "real estate",
        "building society savings or life insurance",
        "car or other",
        "unknown or none",
    ),
    "other_installment_plans": ("bank", "stores", "none"),
    "telephone": ("none", "yes"),
    "foreign_worker": ("no", "yes"),
}
NUMERIC = (
    "duration_in_month",
    "credit_amount",
    "installment_rate_in_percentage_of_disposable_income",
    "present_residence_since",
    "age_in_years",
    "number_of_existing_credits_at_this_bank",
    "number_of_people_being_liable_to_provide_maintenance_for",
)
BINARY = (
    ("purpose", "new car"),
    ("purpose", "used car"),
    ("other_debtors/guarantors", "none"),
    ("other_debtors/guarantors", "co-applicant"),
    ("housing", "rent"),
    ("housing", "own"),
    ("job", "unskilled, resident"),
    ("job", "skilled"),
)
PAPER = {
    "credit": {"all": 0.740, "top half": 0.684, "above 10 %": 0.680, "above 50 %": 0.680},
    "wine": {"all": 0.437, "top half": 0.500, "above 10 %": 0.487, "above 50 %": 0.635},
}
SELECTIONS: dict[str, Selection] = {
    "top half": lambda w: np.argsort(-w)[: math.ceil(len(w) / 2)],
    "above 10 %": lambda w: np.flatnonzero(w > 0.1 * w.max()),
    "above 50 %": lambda w: np.flatnonzero(w > 0.5 * w.max()),
}


def credit() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """24 numbers a row, after the numeric version of the table; labels 1 for a bad risk."""
    source = data.load("german-credit")
    columns = source.columns
    features = {name: columns[name].astype(float) for name in NUMERIC}
    for name, order in ORDERED.items():
        features[name] = np.array([order.index(value) for value in columns[name]], float)
    for name, value in BINARY:
        features[f"{name}={value}"] = (columns[name] == value).astype(float)
    return np.stack(list(features.values()), 1), source.labels.astype(float), tuple(features)


def wine() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Eleven measurements; the grade, 3 to 8, as a number."""
    source = data.load("wine-quality-red")
    grades = np.array([float(name) for name in source.class_names])[source.labels]
    return source.inputs.astype(float), grades, source.feature_names


class Networks(nn.Module):
    """Several d-32-16-1 networks, each on features of its own."""

    def __init__(self, sets: list[np.ndarray], features: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.mask = torch.zeros(len(sets), 1, features)
        for number, chosen in enumerate(sets):
            self.mask[number, 0, torch.from_numpy(chosen.copy())] = 1
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        sizes = (features, 32, 16, 1)
        for inputs, outputs in pairwise(sizes):
            # As PyTorch draws them: uniform, up to 1 / sqrt(number of inputs that count).
            fan = self.mask.sum((1, 2)) if inputs == features else torch.full((len(sets),), inputs)
            reach = (1 / fan.sqrt())[:, None, None]
            draw = torch.rand(len(sets), inputs, outputs, generator=generator) * 2 - 1
            self.weights.append(nn.Parameter(draw * reach))
            draw = torch.rand(len(sets), 1, outputs, generator=generator) * 2 - 1
            self.biases.append(nn.Parameter(draw * reach))

    def forward(self, x: Tensor) -> Tensor:
        """Rows [row, feature] to one number a network and row, [network, row]."""
        h = x * self.mask
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, F.relu(h) if layer else h, weight)
        return h[:, :, 0]

    def single(self, number: int) -> nn.Module:
        """One of them as a plain network of all features."""
        layers: list[nn.Module] = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            layer = nn.Linear(*weight.shape[1:])
            layer.weight.data, layer.bias.data = weight.data[number].T, bias.data[number, 0]
            layers += [layer, nn.ReLU()]
        layers[0].weight.data = layers[0].weight.data * self.mask[number]
        return nn.Sequential(*layers[:-1])


class Task:
    """A table, cut and standardised by its training rows."""

    def __init__(self, name: str, seed: int) -> None:
        rows, labels, self.names = {"credit": credit, "wine": wine}[name]()
        self.classes = name == "credit"
        order = np.random.default_rng(seed).permutation(len(rows))
        kept, cut = len(rows) * 55 // 100, len(rows) * 70 // 100
        fit = order[:kept]
        mean, spread = rows[fit].mean(0), rows[fit].std(0) + 1e-12
        self.x = torch.from_numpy((rows - mean) / spread).float()
        self.y = torch.from_numpy(labels).float()
        self.parts = {"train": torch.from_numpy(fit), "test": torch.from_numpy(order[cut:])}
        self.validation = torch.from_numpy(order[kept:cut])

    def train(self, sets: list[np.ndarray], seed: int, steps: int = 300) -> Networks:
        """One d-32-16-1 network for each set of features, all trained side by side.

        AdamW on all rows at once, weight decay 1e-2. A network's features are those its inputs are
        not zeroed for, so that each is what it would be if trained alone. Each is kept as it was
        when its loss on the validation rows was least.
        """
        networks = Networks(sets, self.x.shape[1], seed)
        fit = self.parts["train"]
        x, y = self.x[fit], self.y[fit].expand(len(sets), -1)
        if not self.classes:
            networks.biases[-1].data.fill_(float(y.mean()))
        loss_of = F.binary_cross_entropy_with_logits if self.classes else F.mse_loss
        unseen = self.x[self.validation], self.y[self.validation].expand(len(sets), -1)
        least = torch.full((len(sets),), torch.inf)
        best = [parameter.detach().clone() for parameter in networks.parameters()]
        optimiser = torch.optim.AdamW(networks.parameters(), 3e-3, weight_decay=1e-2)
        for step in range(steps):
            if step % 5 == 0:
                with torch.no_grad():
                    losses = loss_of(networks(unseen[0]), unseen[1], reduction="none").mean(1)
                better = losses < least
                least = torch.where(better, losses, least)
                for copy, parameter in zip(best, networks.parameters(), strict=True):
                    copy[better] = parameter.detach()[better]
            # A sum over networks: each gets its own mean loss's gradient.
            loss = loss_of(networks(x), y) * len(sets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        for copy, parameter in zip(best, networks.parameters(), strict=True):
            parameter.data = copy
        return networks

    def scores(self, networks: Networks) -> list[dict[str, float]]:
        """Of each network, on both parts: accuracy of classes, mean squared error of numbers."""
        table = {}
        for part, rows in self.parts.items():
            with torch.no_grad():
                y = networks(self.x[rows])
            right = (y > 0).float() == self.y[rows]
            table[part] = (right.float() if self.classes else (y - self.y[rows]).square()).mean(1)
        return [{part: float(table[part][i]) for part in table} for i in range(len(networks.mask))]


def total_weights(
    task: Task, network: nn.Module, count: int, seed: int
) -> tuple[np.ndarray, int, float]:
    """Mean |weight| by area over slices through training rows; regions; least share covered."""
    generator = np.random.default_rng(seed)
    rows = task.x[task.parts["train"]].double().numpy()
    low, high = rows.min(0), rows.max(0)
    totals, regions, covered = np.zeros(rows.shape[1]), 0, 1.0
    graph = load(network, torch.zeros(1, rows.shape[1]))
    for row in rows[generator.choice(len(rows), count, replace=False)]:
        pair = generator.choice(rows.shape[1], 2, replace=False)
        found = partition(graph, Slice(row, pair, low[pair], high[pair]), seed=seed)
        share = found.volumes / found.domain_volume
        totals += share @ np.abs(found.maps()[0][:, 0]) / count
        regions += len(found)
        covered = min(covered, share.sum())
    return totals, regions, covered


def one_run(name: str, seed: int, slices: int, draws: int) -> dict[str, Any]:
    """Train, weigh, select, train again."""
    task = Task(name, seed)
    every = np.arange(len(task.names))
    first = task.train([every], seed)
    totals, regions, covered = total_weights(task, first.single(0), slices, seed)
    generator = np.random.default_rng(seed)
    fit = task.parts["train"]
    related = np.abs(np.corrcoef(task.x[fit].T, task.y[fit])[-1, :-1])
    labels, sets = [], []
    scores: dict[str, Any] = {"all": {"features": len(every), "weights": task.scores(first)[0]}}
    for selection, choose in SELECTIONS.items():
        size = len(choose(totals))
        scores[selection] = {"features": size}
        ways = {
            "weights": [choose(totals)],
            "correlation": [np.argsort(-related)[:size]],
            "random": [generator.permutation(len(every))[:size] for _ in range(draws)],
        }
        for way, choices in ways.items():
            labels += [(selection, way)] * len(choices)
            sets += choices
    found = task.scores(task.train(sets, seed))
    for selection, way in dict.fromkeys(labels):
        mine = [
            score for score, label in zip(found, labels, strict=True) if label == (selection, way)
        ]
        scores[selection][way] = {
            part: np.mean([score[part] for score in mine]) for part in ("train", "test")
        }
    majority = float(max(task.y.mean(), 1 - task.y.mean())) if task.classes else None
    variance = None if task.classes else float(task.y.var())
    return {
        "names": task.names,
        "totals": totals,
        "regions": regions,
        "covered": covered,
        "scores": scores,
        "no_features": majority if task.classes else variance,
    }


def interval(values: list[float]) -> dict[str, float]:
    """Mean and 95 % interval (Student's t) over seeds."""
    mean = float(np.mean(values))
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def summary(runs: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Means over seeds, differences paired by seed, and the paper's numbers."""
    found: dict[str, Any] = {"no_features": runs[0]["no_features"]}
    totals = np.mean([run["totals"] for run in runs], 0)
    order = np.argsort(-totals)
    found["total_weights"] = {runs[0]["names"][i]: totals[i] for i in order}
    found["regions_a_run"] = np.mean([run["regions"] for run in runs])
    found["least_share_of_a_slice_covered"] = min(run["covered"] for run in runs)
    for column in ("all", *SELECTIONS):
        cells = [run["scores"][column] for run in runs]
        entry: dict[str, Any] = {
            "features": [min(c["features"] for c in cells), max(c["features"] for c in cells)],
            "paper, test": PAPER[name][column],
        }
        for way in cells[0]:
            if way != "features":
                entry[way] = {
                    part: interval([c[way][part] for c in cells]) for part in ("train", "test")
                }
        if "random" in entry:
            for way in ("random", "correlation"):
                entry[f"test, weights less {way}"] = interval(
                    [c["weights"]["test"] - c[way]["test"] for c in cells]
                )
        found[column] = entry
    return found


def main() -> None:
    given = arguments(
        __doc__,
        seeds={"type": int, "default": 10, "help": "splits and initial weights (default 10)"},
        slices={"type": int, "default": 20, "help": "slices a network (default 20)"},
        draws={"type": int, "default": 3, "help": "random selections of each size (default 3)"},
    )
    torch.set_num_threads(1)
    results = {}
    for name in ("credit", "wine"):
        runs = []
        for seed in range(given.seed, given.seed + given.seeds):
            with timed(f"{name}, seed {seed}"):
                runs.append(one_run(name, seed, given.slices, given.draws))
        results[name] = summary(runs, name)
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.4))
    for place, (name, found) in zip(axes, results.items(), strict=True):
        for shift, way in enumerate(("weights", "correlation", "random")):
            columns = ["all", *SELECTIONS] if way == "weights" else list(SELECTIONS)
            at = np.arange(4)[4 - len(columns) :] + 0.15 * (shift - 1)
            cells = [found[column][way]["test"] for column in columns]
            means = np.array([cell["mean"] for cell in cells])
            bars = [means - [c["low"] for c in cells], [c["high"] for c in cells] - means]
            place.errorbar(at, means, bars, fmt="o", ms=4, label=f"by {way}", capsize=3)
        place.plot(range(4), [PAPER[name][c] for c in ("all", *SELECTIONS)], "kx", label="paper")
        place.set_xticks(range(4), ["all", *SELECTIONS])
        place.set_ylabel("test accuracy" if name == "credit" else "test MSE")
        place.set_title(name, fontsize=9)
    axes[0].legend(fontsize=7)
    save(figure, given.out / "feature_selection.png", dpi=85)
    record(
        given,
        {
            "network": "d-32-16-1, ReLU; AdamW 3e-3, at most 300 steps on all training rows",
            "split": "55 % train, 15 % validation (when to stop), 30 % test, by seed",
            "analysis_region": f"{given.slices} slices through training rows, each over two random"
            " features' whole ranges",
            "interval": "95 % over seeds (Student's t), which share rows",
            "no_features": "share of the larger class; variance of the grade",
        },
        results,
    )


if __name__ == "__main__":
    main()
