"""Figure 7: an adversarial model that hides its bias from LIME and SHAP cannot hide it here.

The attack of Slack et al. (Fooling LIME and SHAP, AIES 2020) on ProPublica's COMPAS table: where an
input looks real the model decides by race alone; where it looks like a perturbation, as LIME and
SHAP make them, by a column of random bits. The whole model is one piecewise-linear network:
a detector d (11-32-32-1, trained to tell rows from perturbations), a gate G = clip(8 d, -1, 1), and

    y = max(min(race - 1/2, G), min(unrelated - 1/2, -G)),   high risk where y > 0,

which is race - 1/2 where G = 1 and unrelated - 1/2 where G = -1. Exact regions say which.

Needs `pip install lime shap` besides the package.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit import data
from affidavit.graph import load
from affidavit.regions import Point, Slice, partition
from experiments.recording import arguments, record, timed
from experiments.regions.drawing import fill, plt, save

FEATURES = (
    "age",
    "priors_count",
    "juv_fel_count",
    "juv_misd_count",
    "juv_other_count",
    "male",
    "felony",
    "two_year_recid",
    "race",
    "unrelated one",
    "unrelated two",
)
RACE, UNRELATED = 8, 9

# On the slice of race × unrelated one: three corners where data lie, and the middle, where none do.
MARKED = {
    "A": np.array([0.0, 0.0]),
    "B": np.array([1.0, 0.0]),
    "C": np.array([0.0, 1.0]),
    "D": np.array([0.5, 0.5]),
}


class Adversarial(nn.Module):
    """The scaffolded classifier; all features in [0, 1] on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.detector = nn.Sequential(
            nn.Linear(11, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.clamp(8 * self.detector(x), -1, 1)
        biased = x[:, RACE : RACE + 1] - 0.5
        innocuous = x[:, UNRELATED : UNRELATED + 1] - 0.5
        return torch.maximum(torch.minimum(biased, gate), torch.minimum(innocuous, -gate))


class Biased(nn.Module):
    """The control: race decides everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, RACE : RACE + 1] - 0.5


def table(seed: int) -> np.ndarray:
    """ProPublica's rows as eleven numbers in [0, 1], the last two random bits."""
    columns = data.load("compas").columns
    counts = FEATURES[:5]
    numeric = np.stack([columns[name].astype(float) for name in counts], 1)
    numeric = (numeric - numeric.min(0)) / np.ptp(numeric, axis=0)
    bits = np.stack(
        [
            columns["sex"] == "Male",
            columns["c_charge_degree"] == "F",
            columns["two_year_recid"].astype(float) == 1,
            columns["race"] == "African-American",
        ],
        1,
    ).astype(float)
    random = np.random.default_rng(seed).integers(0, 2, (len(bits), 2)).astype(float)
    return np.concatenate([numeric, bits, random], 1)


def perturbed(rows: np.ndarray, centres: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As LIME and SHAP do it: normal noise around a row or the mean, or a mix with a centre."""
    noise = generator.standard_normal(rows.shape) * rows.std(0)
    around = np.where(generator.random((len(rows), 1)) < 0.5, rows, rows.mean(0))
    mixed = np.where(
        generator.random(rows.shape) < generator.random((len(rows), 1)),
        rows,
        centres[generator.integers(0, len(centres), len(rows))],
    )
    return np.where(generator.random((len(rows), 1)) < 0.5, around + noise, mixed)


def train(rows: np.ndarray, centres: np.ndarray, seed: int, epochs: int = 200) -> Adversarial:
    """The network with its detector trained on rows against fresh perturbations of them."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    generator = np.random.default_rng(seed)
    model = Adversarial()
    optimiser = torch.optim.Adam(model.detector.parameters(), 3e-3)
    real = torch.from_numpy(rows).float()
    batches = -(-len(rows) // 512)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * batches)
    for _ in range(epochs):
        fake = torch.from_numpy(perturbed(rows, centres, generator)).float()
        for batch in torch.randperm(len(rows)).split(512):
            logits = model.detector(torch.cat([real[batch], fake[batch]]))[:, 0]
            wanted = torch.cat([torch.ones(len(batch)), torch.zeros(len(batch))])
            loss = F.binary_cross_entropy_with_logits(logits, wanted)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval().double()


def fooled(
    model: nn.Module,
    rows: np.ndarray,
    chosen: np.ndarray,
    backgrounds: dict[str, np.ndarray],
    seed: int,
) -> dict[str, Any]:
    """How often race and the random column come first for LIME and for SHAP."""
    import shap
    from lime.lime_tabular import LimeTabularExplainer

    def high(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return (model(torch.from_numpy(np.asarray(x, float)))[:, 0] > 0).double().numpy()

    def classes(x: np.ndarray) -> np.ndarray:
        return np.stack([1 - high(x), high(x)], 1)

    lime = LimeTabularExplainer(rows, discretize_continuous=False, random_state=seed)
    np.random.seed(seed)  # noqa: NPY002  (shap draws from the global generator)
    found: dict[str, Any] = {}
    orders: dict[str, list[np.ndarray]] = {"LIME": []}
    for x in chosen:
        pairs = lime.explain_instance(x, classes, num_features=11).local_exp[1]
        weights = np.zeros(11)
        for feature, weight in pairs:
            weights[feature] = weight
        orders["LIME"].append(weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, centres in backgrounds.items():
            kernel = shap.KernelExplainer(high, centres)
            orders[name] = list(kernel.shap_values(chosen, silent=True, l1_reg=False))
    for name, weights in orders.items():
        size = np.abs(np.array(weights))
        top = (-size).argsort(1)
        # A feature of no weight takes no rank.
        place = {
            which: np.where(size[:, feature] > 1e-9, (top == feature).argmax(1) + 1, 12)
            for which, feature in (("race", RACE), ("unrelated one", UNRELATED))
        }
        found[name] = {
            which: {
                "first": np.mean(ranks == 1),
                "among first three": np.mean(ranks <= 3),
                "share_of_importance": np.mean(size[:, feature] / np.maximum(size.sum(1), 1e-12)),
            }
            for (which, ranks), feature in zip(place.items(), (RACE, UNRELATED), strict=True)
        }
    return found


def at_rows(model: nn.Module, rows: np.ndarray, checked: int) -> dict[str, Any]:
    """Exact weights in the regions that hold the rows."""
    x = torch.from_numpy(rows).requires_grad_()
    # Inside a region the derivative is the region's weight: one backward pass for all rows.
    (slopes,) = torch.autograd.grad(model(x).sum(), x)
    size = slopes.abs().numpy()
    first = size.argmax(1) == RACE
    only = first & ((size > 0).sum(1) == 1)
    graph = load(model, torch.zeros(1, 11, dtype=torch.float64))
    lower, upper = rows.min(0) - 0.5, rows.max(0) + 0.5
    error, patterns = 0.0, []
    for row, slope in zip(rows[:checked], slopes.numpy(), strict=False):
        region = partition(graph, Point(row, lower, upper))
        error = max(error, float(np.abs(region[0].weight[0] - slope).max()))
        patterns.append(region.patterns[0])
    return {
        "rows": len(rows),
        "race_is_first": first.mean(),
        "race_is_the_only_weight": only.mean(),
        "unrelated_one_is_first": (size.argmax(1) == UNRELATED).mean(),
        "rows_checked_by_their_regions": checked,
        "distinct_regions_of_those": len(np.unique(np.array(patterns), axis=0)),
        "largest_difference_of_weights": error,
    }


def slices(model: nn.Module, rows: np.ndarray, count: int, seed: int) -> dict[str, Any]:
    """Where race ranks first over age and priors (real values of the rest), exactly."""
    chosen = np.random.default_rng(seed).choice(len(rows), count, replace=False)
    graph = load(model, torch.zeros(1, 11, dtype=torch.float64))
    shares, regions = [], []
    for row in rows[chosen]:
        found = partition(graph, Slice(row, (0, 1), (0, 0), (1, 1)), seed=seed)
        first = np.abs(found.maps()[0][:, 0]).argmax(1) == RACE
        shares.append(found.volumes[first].sum() / found.domain_volume)
        regions.append(len(found))
    return {
        "slices": count,
        "regions": sum(regions),
        "share_of_area_where_race_is_first": {
            "mean": np.mean(shares),
            "least": min(shares),
            "greatest": max(shares),
        },
    }


def picture(model: nn.Module, row: np.ndarray, folder: Path, seed: int) -> dict[str, Any]:
    """Regions over race and the random column, and all eleven weights in four of them."""
    graph = load(model, torch.zeros(1, 11, dtype=torch.float64))
    domain = Slice(row, (RACE, UNRELATED), (-0.1, -0.1), (1.1, 1.1))
    found = partition(graph, domain, refine="decision", seed=seed)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=(1, 1.4))
    fill(left, found, found.answers.ravel(), ["#9ecae1", "#fdae6b"], (-0.5, 1.5), edge=0.3)
    left.set_xlabel("race (1: African-American)")
    left.set_ylabel("unrelated one")
    left.set_title(f"{len(found)} regions; orange: high risk", fontsize=9)
    weights: dict[str, Any] = {}
    for number, (name, place) in enumerate(MARKED.items()):
        region = found[int(found.locate(place[None])[0])]
        weights[name] = dict(zip(FEATURES, region.weight[0], strict=True))
        left.plot(*place, "ko", ms=4, clip_on=False)
        left.annotate(name, place, xytext=(5, 5), textcoords="offset points")
        right.bar(np.arange(11) + 0.2 * number - 0.3, np.abs(region.weight[0]), 0.2, label=name)
    right.set_xticks(range(11), FEATURES, rotation=60, ha="right", fontsize=8)
    right.set_ylabel("|weight|")
    right.legend(fontsize=8)
    save(figure, folder / "compas.png", dpi=85)
    return {"regions": len(found), "weights_in_marked_regions": weights}


def main() -> None:
    given = arguments(
        __doc__, explained={"type": int, "default": 100, "help": "rows for LIME and SHAP (100)"}
    )
    try:
        import lime  # noqa: F401
        import shap
    except ImportError:
        sys.exit("this script compares with lime and shap: pip install lime shap")
    rows = table(given.seed)
    order = np.random.default_rng(given.seed).permutation(len(rows))
    fit, held = rows[order[: len(rows) * 9 // 10]], rows[order[len(rows) * 9 // 10 :]]
    np.random.seed(given.seed)  # noqa: NPY002  (shap's k-means draws from the global generator)
    centres = shap.kmeans(fit, 10, round_values=False).data
    with timed("training the detector"):
        model = train(fit, centres, given.seed)
    generator = np.random.default_rng(given.seed + 1)
    with torch.no_grad():
        unseen = model.detector(torch.from_numpy(held))[:, 0] > 0
        fake = model.detector(torch.from_numpy(perturbed(held, centres, generator)))[:, 0] > 0
        decided = (model(torch.from_numpy(held))[:, 0] > 0).numpy()
    results: dict[str, Any] = {
        "detector_on_held_out_rows": {
            "rows_taken_as_real": unseen.double().mean().item(),
            "perturbations_taken_as_real": fake.double().mean().item(),
        },
        "held_out_rows_decided_by_race": np.mean(decided == (held[:, RACE] == 1)),
    }
    chosen = held[: given.explained]
    backgrounds = {
        "SHAP, the mean row": fit.mean(0, keepdims=True),
        "SHAP, 10 k-means centres": centres,
        "SHAP, 10 k-means centres rounded to data": shap.kmeans(fit, 10).data,
    }
    for name, explained in {
        "biased model, for comparison": Biased(),
        "adversarial model": model,
    }.items():
        with timed(f"LIME and SHAP, {name}"):
            results[name] = fooled(explained, fit, chosen, backgrounds, given.seed)
    with timed("exact weights at held-out rows"):
        results["exact, held-out rows"] = at_rows(model, held, min(100, len(held)))
    with timed("exact slices"):
        results["exact, slices over age and priors"] = slices(model, held, 40, given.seed)
    typical = held[np.flatnonzero((held[:, RACE] == 0) & unseen.numpy())[0]]
    results["exact, slice over race and unrelated one"] = picture(
        model, typical, given.out, given.seed
    )
    record(
        given,
        {
            "features": FEATURES,
            "rows": [len(fit), len(held)],
            "LIME": "LimeTabularExplainer, 5,000 samples, no discretisation, as in the attack",
            "SHAP": "KernelExplainer, default coalitions; the detector knows the unrounded centres",
        },
        results,
        ("lime", "shap"),
    )


if __name__ == "__main__":
    main()
