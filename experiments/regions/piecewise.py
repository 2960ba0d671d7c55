"""Figure 4 and Table I: does a network weigh features as the function it was trained on does?

Trains 5-32-32-1 on the paper's piecewise function, finds all linear regions of the slice
x3 = x4 = x5 = 0.5 and of the whole box [0, 1]^5, ranks the features by |weight| in each, and says
on which share of the volume the significant features of the quadrant take the first ranks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affidavit.regions import Box, Limits, Partition, Slice, partition
from experiments.recording import arguments, record, timed
from experiments.regions.drawing import fill, plt, save

NAMES = ("x1", "x2", "x3", "x4", "x5")

# By (x1 >= 0.5, x2 >= 0.5), read off the function. At a quadrant's edge x1 and x2 matter too.
SIGNIFICANT = {
    (False, False): {0, 2},
    (True, False): {1, 3},
    (False, True): {4},
    (True, True): {1, 2, 3},
}


def target(x: Tensor) -> Tensor:
    """The function of section VI-B, [row, 5] to [row]."""
    a, b, c, d, e = x.unbind(1)
    left, low = a < 0.5, b < 0.5
    exponential = (torch.exp(b * d) - 1) / (np.e - 1)
    upper = torch.where(left, e, (b + c + d) / 3)
    return torch.where(
        low, torch.where(left, torch.cos(torch.pi * (a + c)).abs(), exponential), upper
    )


def train(seed: int, rows: int = 20_000, epochs: int = 150) -> tuple[nn.Module, dict[str, float]]:
    """The paper's network on uniform points. It gives no more; Adam, 1e-2 to 0 by a cosine."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # small layers gain nothing from more
    network = nn.Sequential(
        nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
    )
    x, unseen = torch.rand(rows, 5), torch.rand(rows, 5)
    y = target(x)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    steps = epochs * -(-rows // 500)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(epochs):
        for batch in torch.randperm(rows).split(500):
            loss = (network(x[batch])[:, 0] - y[batch]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        errors = {
            name: float((network(z)[:, 0] - target(z)).square().mean())
            for name, z in (("train", x), ("test", unseen))
        }
        variance = float(target(unseen).var())
    return network.eval().double(), {**errors, "variance_of_the_function": variance}


def quadrants(model: nn.Module, domains: dict[tuple[bool, bool], Any], seed: int) -> dict:
    """A partition of each quadrant, so that no region lies in two of them."""
    return {
        key: partition(model, domain, seed=seed, limits=Limits(seconds=300))
        for key, domain in domains.items()
    }


def corners(key: tuple[bool, bool]) -> tuple[list[float], list[float]]:
    """Lower and upper bounds of (x1, x2) in a quadrant."""
    lower = [0.5 if high else 0.0 for high in key]
    return lower, [low + 0.5 for low in lower]


def agreement(found: Partition, key: tuple[bool, bool]) -> dict[str, Any]:
    """How well the ranks in a quadrant fit the features that are significant there."""
    weights = found.maps()[0][:, 0]
    share = found.volumes / found.volumes.sum()
    ranks = ranked(weights)
    wanted = np.zeros(5, bool)
    wanted[list(SIGNIFICANT[key])] = True
    # x1 and x2 define the quadrant: a rank they take says nothing against the network (Table I *).
    others = np.array([2, 3, 4])
    outside, inside = others[~wanted[others]], others[wanted[others]]
    strict = (ranks[:, wanted] <= wanted.sum()).all(1)
    lenient = ranks[:, inside].max(1) < ranks[:, outside].min(1)
    return {
        "significant": [NAMES[i] for i in np.flatnonzero(wanted)],
        "regions": len(found),
        "seconds": found.seconds,
        "complete": found.complete,
        "volume_checked": found.volumes.sum() / found.domain_volume,
        "share_where_ranks_agree": share[strict].sum(),
        "share_where_ranks_agree_but_for_x1_x2": share[lenient].sum(),
        "total_weight": dict(zip(NAMES, share @ np.abs(weights), strict=True)),
        "mean_rank": dict(zip(NAMES, share @ ranks, strict=True)),
    }


def ranked(weights: np.ndarray) -> np.ndarray:
    """Ranks of |weight| a row, 1 for the largest; all features range over [0, 1]."""
    return np.abs(weights).argsort(1)[:, ::-1].argsort(1) + 1


def overall(results: dict[str, Any]) -> dict[str, Any]:
    """The quadrants have equal volumes: means over them."""
    cases = list(results.values())
    keys = ("share_where_ranks_agree", "share_where_ranks_agree_but_for_x1_x2")
    found: dict[str, Any] = {key: np.mean([case[key] for case in cases]) for key in keys}
    found["regions_by_quadrant_summed"] = sum(case["regions"] for case in cases)
    found["total_weight"] = {
        name: np.mean([case["total_weight"][name] for case in cases]) for name in NAMES
    }
    return found


def name(key: tuple[bool, bool]) -> str:
    """A quadrant by its conditions."""
    return f"x1 {'>=' if key[0] else '<'} 0.5, x2 {'>=' if key[1] else '<'} 0.5"


def main() -> None:
    given = arguments(
        __doc__, seeds={"type": int, "default": 5, "help": "networks on the slice (default 5)"}
    )
    slices, first, whole = {}, None, None
    for seed in range(given.seed, given.seed + given.seeds):
        with timed(f"training, seed {seed}"):
            model, errors = train(seed)
        plane = {key: Slice(np.full(5, 0.5), (0, 1), *corners(key)) for key in SIGNIFICANT}
        with timed("slice"):
            cut = {
                name(key): agreement(found, key)
                for key, found in quadrants(model, plane, seed).items()
            }
            slices[seed] = {"mse": errors, "overall": overall(cut), "quadrants": cut}
        if first is None:
            first = model
            entire = partition(model, Slice(np.full(5, 0.5), (0, 1), (0, 0), (1, 1)), seed=seed)
            boxes = {}
            for key in SIGNIFICANT:
                low, high = corners(key)
                boxes[key] = Box([*low, 0, 0, 0], [*high, 1, 1, 1])
            with timed("the whole box"):
                whole = {
                    name(key): agreement(found, key)
                    for key, found in quadrants(model, boxes, seed).items()
                }
            picture(entire, given.out)
    agreed = [case["overall"]["share_where_ranks_agree"] for case in slices.values()]
    record(
        given,
        {
            "network": "5-32-32-1, ReLU; Adam 1e-2 with a cosine, 150 epochs of 20,000 points",
            "slice": "x3 = x4 = x5 = 0.5, (x1, x2) in [0, 1]^2",
            "ranks": "of |weight|, 1 the largest; every feature ranges over [0, 1]",
            "but_for_x1_x2": "among x3, x4, x5 the significant ones come before the others",
        },
        {
            "slice_agreement_over_seeds": {
                "mean": np.mean(agreed),
                "least": min(agreed),
                "greatest": max(agreed),
            },
            "slice_regions": len(entire),
            "slice": slices,
            "box": {"overall": overall(whole), "quadrants": whole},
        },
    )


def picture(found: Partition, folder: Any) -> None:
    """The rank of each feature in each region, as in Figure 4."""
    ranks = ranked(found.maps()[0][:, 0])
    figure, axes = plt.subplots(1, 5, figsize=(15, 3.2), sharey=True)
    for feature, place in enumerate(axes):
        drawn = fill(place, found, ranks[:, feature], "Blues_r", (0.5, 5.5), edge=0.2)
        place.axhline(0.5, color="#c8553d", linewidth=1, linestyle=":")
        place.axvline(0.5, color="#c8553d", linewidth=1, linestyle=":")
        for key, wanted in SIGNIFICANT.items():
            if feature in wanted:
                place.plot(0.25 + 0.5 * key[0], 0.25 + 0.5 * key[1], "*", color="#f2c14e", ms=13)
        place.set_title(f"rank of {NAMES[feature]} (★: significant)", fontsize=9)
        place.set_xlabel("x1")
    axes[0].set_ylabel("x2")
    figure.colorbar(drawn, ax=axes, ticks=range(1, 6), shrink=0.8)
    save(figure, folder / "piecewise.png", dpi=80)


if __name__ == "__main__":
    main()
