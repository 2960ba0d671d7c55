"""Figures 5 and 6: exact weights against LIME and SHAP, at equal time and when repeated.

Figure 6: one point explained many times; squared distance of each explanation to the mean of its
method (exact weights have none), and distance to the exact weights. On the piecewise network (five
features) and on Pensieve's actor (19 features: margin of the chosen bit rate over the next).
Figure 5: a map of the rank of x3, from all exact regions and from as many points as LIME and SHAP
explain in the same time.

Needs `pip install lime shap` besides the package.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import nn

from affidavit.graph import load
from affidavit.regions import Point, Slice, partition
from experiments.recording import arguments, record, timed
from experiments.regions.drawing import fill, plt, save
from experiments.regions.pensieve import SIZES, Actor, visited
from experiments.regions.piecewise import NAMES, ranked, train

Explain = Callable[[np.ndarray, int], np.ndarray]


def lime_explainer(predict: Callable, data: np.ndarray) -> Explain:
    """LIME's coefficients, with its defaults but for the discretisation, which gives no slopes.

    They belong to features in units of their standard deviation.
    """
    from lime.lime_tabular import LimeTabularExplainer

    def explain(x: np.ndarray, seed: int) -> np.ndarray:
        explainer = LimeTabularExplainer(
            data, mode="regression", discretize_continuous=False, random_state=seed
        )
        found = explainer.explain_instance(x, predict, num_features=data.shape[1])
        slopes = np.zeros(data.shape[1])
        for feature, weight in next(iter(found.local_exp.values())):
            slopes[feature] = weight
        return slopes

    return explain


def shap_explainer(predict: Callable, data: np.ndarray, background: int, fixed: bool) -> Explain:
    """KernelSHAP's values, with its default number of coalitions.

    Up to 11 features it goes through all coalitions, and only the background is random.
    """
    import shap

    def explain(x: np.ndarray, seed: int) -> np.ndarray:
        np.random.seed(seed)  # noqa: NPY002  (shap draws from the global generator)
        rows = np.random.default_rng(0 if fixed else seed).choice(len(data), background, False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            explainer = shap.KernelExplainer(predict, data[rows])
            return np.asarray(explainer.shap_values(x, silent=True, l1_reg=False))

    return explain


def normal(importance: np.ndarray) -> np.ndarray:
    """Absolute values that sum to one."""
    return np.abs(importance) / np.abs(importance).sum(-1, keepdims=True)


def repeat(explain: Explain, x: np.ndarray, exact: np.ndarray, runs: int) -> dict[str, Any]:
    """The same point explained again and again."""
    start = time.perf_counter()
    found = np.array([explain(x, seed) for seed in range(runs)])
    seconds = (time.perf_counter() - start) / runs
    errors = ((found - found.mean(0)) ** 2).sum(1)
    apart = np.abs(normal(found) - normal(exact)).sum(1) / 2
    order = ranked(exact[None])
    return {
        "milliseconds": 1e3 * seconds,
        "squared_error_to_own_mean": {
            "total": errors.sum(),
            "mean": errors.mean(),
            "greatest": errors.max(),
            "mean_as_share_of_squared_length": errors.mean() / (found.mean(0) ** 2).sum(),
        },
        "share_of_importance_misplaced": {"mean": apart.mean(), "greatest": apart.max()},
        "top_feature_right": np.mean(ranked(found).argmin(1) == order.argmin(1)),
        "whole_ranking_right": np.mean((ranked(found) == order).all(1)),
        "different_rankings": len(np.unique(ranked(found), axis=0)),
        "errors": np.sort(errors),
    }


def exact_repeat(
    model: nn.Module, x: np.ndarray, lower: np.ndarray, upper: np.ndarray, runs: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """The exact weights of the region of a point, found again and again."""
    point = Point(x, lower, upper)
    graph = load(model, torch.zeros(1, len(x), dtype=torch.float64))
    partition(graph, point)
    start = time.perf_counter()
    found = np.array([partition(graph, point, seed=seed)[0].weight[0] for seed in range(runs)])
    seconds = (time.perf_counter() - start) / runs
    equal = bool((found == found[0]).all())
    # A mean of equal numbers differs from them in the last digit.
    errors = ((found - (found[0] if equal else found.mean(0))) ** 2).sum(1)
    return found[0], {
        "milliseconds": 1e3 * seconds,
        "all_runs_equal": equal,
        "squared_error_to_own_mean": {"total": errors.sum(), "greatest": errors.max()},
    }


class Margin(nn.Module):
    """Of 19 numbers of Pensieve's state: how far one bit rate's logit is above another's.

    The six sizes of the next chunk are always the same here, and kept.
    """

    # Last bit rate, buffer, 8 throughputs, 8 times, and what the last branch reads.
    PLACES = (7, 15, *range(16, 32), 39)

    def __init__(self, actor: nn.Module, first: int, second: int) -> None:
        super().__init__()
        self.actor, self.first, self.second = actor, first, second
        place = torch.zeros(19, 48, dtype=torch.float64)
        place[torch.arange(19), torch.tensor(self.PLACES)] = 1
        self.register_buffer("place", place)
        rest = torch.zeros(48, dtype=torch.float64)
        rest[32:38] = torch.from_numpy(SIZES)
        self.register_buffer("rest", rest)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.actor((x @ self.place + self.rest).reshape(-1, 6, 8))
        return logits[:, self.first : self.first + 1] - logits[:, self.second : self.second + 1]


def predictor(model: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    """The model's one output, for explainers that ask with arrays."""

    def predict(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(np.asarray(rows, np.float64)))[:, 0].numpy()

    return predict


def many_times(
    model: nn.Module, x: np.ndarray, data: np.ndarray, background: int, runs: int
) -> dict[str, Any]:
    """Exact weights, LIME and SHAP on one point."""
    lower, upper = np.minimum(data.min(0), x) - 1e-6, np.maximum(data.max(0), x) + 1e-6
    exact, results = exact_repeat(model, x, lower, upper, runs)
    predict = predictor(model)
    # SHAP's values are contributions against the background: exactly w (x - mean) if linear.
    against, scaled = exact * (x - data.mean(0)), exact * data.std(0)
    found: dict[str, Any] = {"point": x, "exact_weights": exact, "exact": results}
    with timed("LIME"):
        found["LIME"] = repeat(lime_explainer(predict, data), x, scaled, runs)
    with timed("SHAP, a new background each time"):
        explain = shap_explainer(predict, data, background, fixed=False)
        found["SHAP"] = repeat(explain, x, against, runs)
    with timed("SHAP, one background"):
        explain = shap_explainer(predict, data, background, fixed=True)
        found["SHAP, background kept"] = repeat(explain, x, against, runs)
    return found


def maps(
    model: nn.Module, data: np.ndarray, level: float, seed: int, factors: tuple[int, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rank of x3 over (x1, x2) at equal time, and how much of the area each map has right.

    Args:
        level: of x3, x4 and x5.
    """
    domain = Slice(np.full(5, level), (0, 1), (0, 0), (1, 1))
    partition(model, domain).maps()
    start = time.perf_counter()
    regions = partition(model, domain, seed=seed)
    rank = ranked(regions.maps()[0][:, 0])[:, 2]
    budget = time.perf_counter() - start
    ticks = (np.arange(300) + 0.5) / 300
    grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    truth = rank[regions.locate(grid)]
    predict = predictor(model)
    explainers = {
        "LIME": lime_explainer(predict, data),
        "SHAP": shap_explainer(predict, data, 100, fixed=True),
    }
    results: dict[str, Any] = {"exact_seconds": budget, "regions": len(regions)}
    drawn: dict[str, Any] = {"exact": (regions, rank)}
    for name, explain in explainers.items():
        generator = np.random.default_rng(seed)
        explain(np.full(5, level), 0)
        places, ranks, spent = [], [], 0.0
        for factor in factors:
            while spent < factor * budget or not places:
                place = generator.random(2)
                start = time.perf_counter()
                ranks.append(
                    ranked(explain(np.r_[place, level, level, level], len(places))[None])[0, 2]
                )
                spent += time.perf_counter() - start
                places.append(place)
            nearest = cKDTree(places).query(grid)[1]
            at_points = rank[regions.locate(np.array(places))]
            results[f"{name}, {factor} times the time"] = {
                "points": len(places),
                "seconds": spent,
                "area_with_the_right_rank": np.mean(np.array(ranks)[nearest] == truth),
                "points_with_the_right_rank": np.mean(np.array(ranks) == at_points),
                "area_right_were_the_points_exact": np.mean(at_points[nearest] == truth),
            }
            drawn.setdefault(f"{name}, {factor} × time", (len(places), np.array(ranks)[nearest]))
    return results, drawn


def main() -> None:
    given = arguments(
        __doc__, runs={"type": int, "default": 200, "help": "explanations of a point (200)"}
    )
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            import lime  # noqa: F401
            import shap  # noqa: F401
    except ImportError:
        sys.exit("this script compares with lime and shap: pip install lime shap")
    logging.getLogger("shap").setLevel(logging.WARNING)
    torch.set_num_threads(1)
    with timed("training"):
        model, _ = train(given.seed)
    generator = np.random.default_rng(given.seed)
    data = generator.random((2000, 5))
    x = np.array([0.2, 0.3, 0.7, 0.8, 0.9])
    results: dict[str, Any] = {"piecewise, 5 features": many_times(model, x, data, 100, given.runs)}
    if "AFFIDAVIT_DATA" in os.environ:
        actor = Actor(Path(os.environ["AFFIDAVIT_DATA"]) / "pensieve" / "actor.npz").eval().double()
        states, _ = visited(actor, given.seed, 20)
        # Without the first eight chunks of a video, whose history is not full yet.
        states = states.reshape(20, 48, 6, 8)[:, 8:].reshape(-1, 6, 8)
        rows = states.reshape(-1, 48)[:, Margin.PLACES]
        state = states[generator.integers(len(states))]
        with torch.no_grad():
            top = actor(torch.from_numpy(state[None])).argsort(descending=True)[0, :2].tolist()
        margin = Margin(actor, *top)
        point = state.ravel()[list(Margin.PLACES)]
        results["Pensieve, 19 features"] = many_times(margin, point, rows, 5, given.runs)
    for level in (0.8, 0.5):
        with timed(f"maps, x3 = x4 = x5 = {level}"):
            found, drawn = maps(model, data, level, given.seed, (1, 10, 30))
        results[f"map of the rank of x3, x3 = x4 = x5 = {level}"] = found
    picture(drawn, given.out)
    errors(results, given.out)
    for case in results.values():
        for method in case.values():
            if isinstance(method, dict):
                method.pop("errors", None)
    record(
        given,
        {
            "runs": given.runs,
            "LIME": "LimeTabularExplainer, 5,000 samples, continuous features not discretised",
            "SHAP": "KernelExplainer, default number of coalitions, no l1; background of 100 rows"
            " (Pensieve: 5)",
            "share_of_importance_misplaced": "half the L1 distance of |importance| / sum to the"
            " exact one: w σ for LIME, w (x - mean) for SHAP",
        },
        results,
        ("lime", "shap"),
    )


def picture(drawn: dict[str, Any], folder: Path) -> None:
    """Rank maps of x3, as in Figure 5."""
    figure, axes = plt.subplots(2, 4, figsize=(12, 6), sharex=True, sharey=True)
    axes[1, 0].axis("off")
    regions, rank = drawn.pop("exact")
    fill(axes[0, 0], regions, rank, "Blues_r", (0.5, 5.5), edge=0.1)
    axes[0, 0].set_title(f"exact, {len(regions)} regions", fontsize=9)
    places = [*axes[0, 1:], *axes[1, 1:]]
    for place, (name, (points, values)) in zip(places, drawn.items(), strict=True):
        place.imshow(
            values.reshape(300, 300).T,
            origin="lower",
            extent=(0, 1, 0, 1),
            cmap="Blues_r",
            vmin=0.5,
            vmax=5.5,
            interpolation="nearest",
        )
        place.set_title(f"{name}: {points} points", fontsize=9)
    figure.suptitle(f"rank of {NAMES[2]} (dark: first)")
    save(figure, folder / "stability_maps.png", dpi=70)


def errors(results: dict[str, Any], folder: Path) -> None:
    """Squared errors of repeated explanations, as in Figure 6."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    cases = [case for name, case in results.items() if "features" in name]
    for place, case, name in zip(axes, cases, results, strict=False):
        for method in ("LIME", "SHAP", "SHAP, background kept"):
            if case[method]["errors"].max() > 1e-20:  # else rounding: no variance at all
                place.plot(case[method]["errors"], label=method)
        place.set_yscale("log")
        place.set_title(f"{name} (exact weights: 0)", fontsize=9)
        place.set_xlabel("explanation, in order of error")
    axes[0].set_ylabel("squared error to the mean")
    axes[1].legend(fontsize=7)
    save(figure, folder / "stability.png", dpi=90)


if __name__ == "__main__":
    main()
