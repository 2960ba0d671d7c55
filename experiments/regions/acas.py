"""ACAS-Xu 1_1: exact decision maps of slices, and all regions of a 5-D box around a point.

The network gives each of five advisories a cost: the advisory is the *least* output, so the
outputs are negated before anything else. Five 2-D slices over the whole of two features, then
boxes of growing width around two points, until one takes longer than the limit.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affidavit.graph import Graph, Node, load, ops
from affidavit.regions import Box, Limits, Partition, Slice, partition
from experiments.recording import arguments, record, timed
from experiments.regions.drawing import fill, legend, plt, save

FILE = "ACASXU_run2a_1_1_batch_2000.onnx"
ADVISORIES = ("clear of conflict", "weak left", "weak right", "strong left", "strong right")
COLOURS = ["#e8e4d9", "#9ecae1", "#fdae6b", "#2171b5", "#d94801"]
FEATURES = ("ρ (ft)", "θ (rad)", "ψ (rad)", "v own (ft/s)", "v intruder (ft/s)")
# Features as the network takes them are (x - mean) / range.
MEAN = np.array([19791.091, 0, 0, 650, 600])
RANGE = np.array([60261, 2 * np.pi, 2 * np.pi, 1100, 1200])
LOWER = np.array([0, -np.pi, -np.pi, 100, 0])
UPPER = np.array([60760, np.pi, np.pi, 1200, 1200])

# Name, point in physical units, the two features that vary.
SLICES = (
    ("same heading", (20000, 0, 0, 650, 600), (0, 1)),
    ("head-on", (20000, 0, -np.pi, 650, 600), (0, 1)),
    ("near, by direction and heading", (3000, 0, 0, 650, 600), (1, 2)),
    ("ahead, by distance and heading", (20000, 0, 0, 650, 600), (0, 2)),
    ("near head-on, by speeds", (3000, 0.2, -np.pi, 650, 600), (3, 4)),
)
POINTS = {
    "middle of the ranges": (19791.091, 0, 0, 650, 600),
    "near, crossing from the left": (3000, 0.8, -1.6, 650, 600),
}


def negated(graph: Graph) -> Graph:
    """The graph with its outputs negated: the least cost becomes the largest output."""
    minus = torch.full((1,), -1.0, dtype=torch.float32)
    node = Node("negated", ops.Mul(), (graph.output, "minus one"))
    return dataclasses.replace(
        graph,
        nodes=(*graph.nodes, node),
        output=node.name,
        tensors={**graph.tensors, "minus one": minus},
    )


def shares(found: Partition) -> dict[str, float]:
    """Share of the volume that each advisory has."""
    volumes = np.bincount(found.answers.ravel(), found.volumes, len(ADVISORIES))
    return dict(zip(ADVISORIES, volumes / found.domain_volume, strict=True))


def cut(graph: Graph, point: tuple[float, ...], features: tuple[int, ...], seed: int) -> Partition:
    """A slice over the whole ranges of some features."""
    chosen = list(features)
    low, high = ((bound - MEAN) / RANGE for bound in (LOWER, UPPER))
    return partition(
        graph,
        Slice((np.array(point) - MEAN) / RANGE, features, low[chosen], high[chosen]),
        refine="decision",
        seed=seed,
    )


def grow(graph: Graph, point: tuple[float, ...], seconds: float, seed: int) -> list[dict[str, Any]]:
    """Boxes around a point, each √2 times as wide as the one before, until time is up."""
    center = (np.array(point) - MEAN) / RANGE
    whole = (UPPER - LOWER) / RANGE / 2
    rows = []
    for step in range(40):
        radius = 0.005 * 2 ** (step / 2)
        box = Box(
            np.maximum(center - radius * whole, (LOWER - MEAN) / RANGE),
            np.minimum(center + radius * whole, (UPPER - MEAN) / RANGE),
        )
        with timed(f"box of {100 * radius:.2g} % of the ranges"):
            found = partition(
                graph, box, refine="decision", limits=Limits(seconds=seconds), seed=seed
            )
        row: dict[str, Any] = {
            "share_of_each_range": radius,
            "regions": len(found),
            "complete": found.complete,
            "decided": found.decided,
            "seconds": found.seconds,
            "peak_memory_of_the_process_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            / 2**20,
        }
        if found.complete:
            row["share_of_volume"] = shares(found)
            row["volume_checked"] = found.volumes.sum() / found.domain_volume
        rows.append(row)
        if not found.complete or radius > 1:
            break
    return rows


def main() -> None:
    given = arguments(
        __doc__,
        seconds={"type": float, "default": 60.0, "help": "limit for a 5-D box (default 60)"},
    )
    if "AFFIDAVIT_DATA" not in os.environ:
        sys.exit(
            "set AFFIDAVIT_DATA to the folder that holds onnx/ACASXU_run2a_1_1_batch_2000.onnx"
        )
    path = Path(os.environ["AFFIDAVIT_DATA"]) / "onnx" / "ACASXU_run2a_1_1_batch_2000.onnx"
    graph = negated(load(path))
    results: dict[str, Any] = {"slices": {}, "boxes": {}}
    figure, axes = plt.subplots(1, len(SLICES), figsize=(18, 3.3))
    cut(graph, *SLICES[0][1:], given.seed)  # compiles
    for place, (name, point, features) in zip(axes, SLICES, strict=True):
        with timed(name):
            found = cut(graph, point, features, given.seed)
        results["slices"][name] = {
            "varies": [FEATURES[feature] for feature in features],
            "point": point,
            "regions": len(found),
            "seconds": found.seconds,
            "share_of_area": shares(found),
            "volume_checked": found.volumes.sum() / found.domain_volume,
        }
        chosen = list(features)
        units = RANGE[chosen]
        drawn = fill(place, found, found.answers.ravel(), COLOURS, (-0.5, 4.5), edge=0.03)
        drawn.set_paths([p.vertices * units + MEAN[chosen] for p in drawn.get_paths()])
        place.set_xlim(LOWER[chosen[0]], UPPER[chosen[0]])
        place.set_ylim(LOWER[chosen[1]], UPPER[chosen[1]])
        place.set_title(f"{name}\n{len(found):,} regions", fontsize=9)
        place.set_xlabel(FEATURES[chosen[0]])
        place.set_ylabel(FEATURES[chosen[1]])
    legend(axes[-1], ADVISORIES, COLOURS, loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    figure.tight_layout()
    save(figure, given.out / "acas.png", dpi=62)

    figure, axes = plt.subplots(figsize=(5, 3.5))
    for name, point in POINTS.items():
        rows = grow(graph, point, given.seconds, given.seed)
        results["boxes"][name] = {"point": point, "boxes": rows}
        done = [row for row in rows if row["complete"]]
        axes.loglog(
            [2 * row["share_of_each_range"] for row in done],
            [row["regions"] for row in done],
            "o-",
            label=name,
        )
    axes.set_xlabel("width of the box, share of each range")
    axes.set_ylabel("regions")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    save(figure, given.out / "acas_boxes.png", dpi=90)
    record(given, {"limit_s": given.seconds, "network": FILE}, results)


if __name__ == "__main__":
    main()
