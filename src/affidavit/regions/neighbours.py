"""What lies behind the facets of regions, one by one: for partitions without cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import linprog

from affidavit.regions.domain import Array
from affidavit.regions.polytope import normalised
from affidavit.regions.result import Partition

_STEP = 1e-9


def across_facets(partition: Partition) -> np.ndarray:
    """Pairs of regions that share a facet, [pair, 2], each once, the smaller index first."""
    found = {
        (min(index, other), max(index, other))
        for index, other in _behind(partition)
        if other >= 0 and other != index
    }
    return np.array(sorted(found), np.int64).reshape(-1, 2)


def open_facets(partition: Partition) -> int:
    """Facets with neither a region nor the domain's boundary behind them."""
    return sum(other < 0 for _, other in _behind(partition))


def _behind(partition: Partition) -> Iterator[tuple[int, int]]:
    """For each region and each facet inside the domain, the region on the other side, or -1."""
    network, frame = partition.network, partition.frame
    k = frame.dimensions
    cube = np.r_[np.eye(k), -np.eye(k), frame.A]
    limits = np.r_[np.ones(2 * k), frame.b]
    for index in range(len(partition)):
        center = partition.centers[index]
        slopes, values = network.constraint_maps(center[None])
        rows, bounds, _ = normalised(slopes[0], np.maximum(values[0], 0), center)
        points = [
            facet_point(number, rows, bounds, cube, limits, center) for number in range(len(rows))
        ]
        steps = [
            point + rows[number] * max(_STEP, 1e-3 * min(room, 1e-3))
            for number, (point, room) in enumerate(points)
            if room > _STEP
        ]
        if steps:
            for other in partition.locate(frame.to_user(np.array(steps))):
                yield index, int(other)


def facet_point(
    number: int, rows: Array, bounds: Array, cube: Array, limits: Array, center: Array
) -> tuple[Array, float]:
    """Centre and radius of the largest ball, within a facet's hyperplane, that the facet holds.

    A radius of 0 or less means that the constraint is redundant or only touches.
    """
    row = rows[number]
    others = np.delete(rows, number, axis=0)
    A = np.r_[others, cube]
    b = np.r_[np.delete(bounds, number), limits]
    # Distances within the hyperplane: the part of a row along it.
    along = np.sqrt(np.maximum(0, (A * A).sum(1) - (A @ row) ** 2))
    cost = np.r_[np.zeros(len(row)), -1.0]
    found = linprog(
        cost,
        np.c_[A, along],
        b,
        np.r_[row, 0.0][None],
        bounds[number : number + 1],
        bounds=[(None, None)] * len(row) + [(None, 4.0)],
        method="highs",
    )
    if not found.success:
        return center, -1.0
    x: Array = np.asarray(found.x)
    return x[:-1], float(x[-1])
