"""Regions in the order of how far they may be: lower bounds of distances, cheap ones first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from affidavit.regions.domain import Array
from affidavit.regions.result import Partition

_BLOCK = 1024

_SAFE = 1 - 1e-9
"""Bounds are lowered by this factor, so that rounding leaves them bounds."""

_DUAL = {1.0: np.inf, 2.0: 2.0, np.inf: 1.0}


def by_distance(
    partition: Partition, regions: np.ndarray, t0: Array, steps: Array, norm: float
) -> Iterator[tuple[float, int]]:
    """Regions with lower bounds of their distances to a point, the bounds ascending.

    Args:
        regions: indices.
        t0: the point in the frame's coordinates, [k].
        steps: how much a change of 1 of each coordinate counts, [k].
        norm: 1, 2 or inf.
    """
    cheap = box_distances(partition, t0, steps, norm)[regions]
    order = np.argsort(cheap, kind="stable")
    regions, cheap = regions[order], cheap[order]
    heap: list[tuple[float, int]] = []
    for start in range(0, len(regions), _BLOCK):
        # What is left has no lower bound than the next box.
        while heap and heap[0][0] <= cheap[start]:
            yield heapq.heappop(heap)
        block = slice(start, start + _BLOCK)
        bounds = halfspace_distances(partition, regions[block], t0, steps, norm)
        bounds = np.maximum(bounds, cheap[block])
        for item in zip(bounds.tolist(), regions[block].tolist(), strict=True):
            heapq.heappush(heap, item)
    while heap:
        yield heapq.heappop(heap)


def box_distances(partition: Partition, t0: Array, steps: Array, norm: float) -> Array:
    """Distance of the bounding box of each region's cells, [region]; 0 where there are no cells."""
    k = len(t0)
    if not partition.shapes:
        return np.zeros(len(partition))
    low, high = np.full((len(partition), k), np.inf), np.full((len(partition), k), -np.inf)
    for shape in partition.shapes:
        start, vertex = shape.vertices
        points = shape.coordinates[vertex]
        real = shape.region >= 0
        for bound, extreme in ((low, np.minimum), (high, np.maximum)):
            of_cells = extreme.reduceat(points, start[:-1], axis=0)[real]
            extreme.at(bound, shape.region[real], of_cells)
    gap = np.maximum(np.maximum(low - t0, t0 - high), 0.0) * steps
    # A region that no cell of its own stands for may be anywhere.
    gap[~np.isfinite(gap).all(1)] = 0.0
    # Displaced hyperplanes move vertices by a little.
    result: Array = np.maximum(np.linalg.norm(gap, norm, axis=1) - 1e-7 * steps.sum(), 0) * _SAFE
    return result


def halfspace_distances(
    partition: Partition, regions: np.ndarray, t0: Array, steps: Array, norm: float
) -> Array:
    """Distance of the farthest of each region's half-spaces, [region]."""
    slopes, values = partition.network.constraint_maps(partition.centers[regions])
    if not slopes.shape[1]:
        return np.zeros(len(regions))
    lack = -(values + np.einsum("rck,rk->rc", slopes, t0 - partition.centers[regions]))
    reach = np.linalg.norm(slopes / steps, _DUAL[norm], axis=2)
    # Slopes that are rounding errors say nothing.
    real = reach > 1e-12 * reach.max(initial=0.0)
    bounds = np.where(real, lack, 0.0) / np.where(real, reach, 1.0)
    result: Array = np.maximum(bounds.max(1), 0.0) * _SAFE
    return result
