"""Facets between regions: their vertices, extent and direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, QhullError, cKDTree

from affidavit.errors import DomainError
from affidavit.regions.domain import Array
from affidavit.regions.geometry import Geometry
from affidavit.regions.result import Partition
from affidavit.regions.shape import SLIVER


@dataclass(frozen=True, eq=False)
class Facet:
    """Where two regions, or the pieces of two regions, border on each other.

    Attributes:
        regions: the two, the smaller index first.
        points: its vertices in the frame's coordinates, [vertex, k].
    """

    regions: tuple[int, int]
    points: Array


def facets(partition: Partition, wanted: np.ndarray) -> list[Facet]:
    """The facets between pairs of regions that are wanted.

    A border that other cuts cross comes in several facets.

    Args:
        partition: with cells, from an engine that makes them.
        wanted: pairs of regions, [pair, 2], the smaller index first.

    Raises:
        DomainError: the engine kept no cells.
    """
    if not partition.shapes:
        if not len(wanted):
            return []
        raise DomainError(
            f"borders need the regions' cells, which engine {partition.engine!r} does not keep:"
            " ask for partition(..., engine='skeleton')"
        )
    keys = {(int(a), int(b)) for a, b in wanted}
    found = []
    for shape in partition.shapes:
        found += _of_shape(shape, keys)
    return found


def _of_shape(shape: Geometry, keys: set[tuple[int, int]]) -> list[Facet]:
    k = shape.coordinates.shape[1]
    found = []
    for index, cells in enumerate(shape.facets[0]):
        low, high = sorted(int(region) for region in shape.region[cells])
        if (low, high) not in keys:
            continue
        points = shape.facet(index)
        spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
        if k > 1 and (len(points) < k or spread[k - 2] <= SLIVER):
            continue
        found.append(Facet((low, high), points))
    return found


def extent(points: Array) -> float:
    """Extent of a facet by its vertices: 1 for a point, a length in 2-D, an area in 3-D, …"""
    k = points.shape[1]
    if k == 1:
        return 1.0
    middle = points.mean(0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    flat = (points - middle) @ axes[: k - 1].T
    if k == 2:
        return float(np.ptp(flat))
    try:
        return float(ConvexHull(flat).volume)
    except QhullError:
        return 0.0


def normal(points: Array, towards: Array) -> Array:
    """Unit normal of a facet, on the side where a point lies."""
    middle = points.mean(0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=True)
    side = axes[-1]
    result: Array = side if side @ (towards - middle) >= 0 else -side
    return result


def meeting(found: list[Facet], k: int) -> np.ndarray:
    """Pairs of facets that share a ridge, [pair, 2]: an end in 2-D, an edge in 3-D, …"""
    if len(found) < 2 or k < 2:
        return np.zeros((0, 2), np.int64)
    label = _merged(np.concatenate([facet.points for facet in found]))
    rows = np.repeat(np.arange(len(found)), [len(facet.points) for facet in found])
    keys = np.unique(np.stack([rows, label], 1), axis=0)
    incidence = csr_matrix((np.ones(len(keys)), (keys[:, 0], keys[:, 1])))
    shared = (incidence @ incidence.T).tocoo()
    near = (shared.row < shared.col) & (shared.data >= k - 1)
    pairs = np.stack([shared.row[near], shared.col[near]], 1).astype(np.int64)
    if k >= 4 and len(pairs):
        labels = np.split(label, np.flatnonzero(np.diff(rows)) + 1)
        pairs = pairs[[_is_ridge(found, labels, int(a), int(b), k) for a, b in pairs]]
    return pairs


def _merged(points: Array) -> np.ndarray:
    """A number for each point, the same for points in one place."""
    pairs = cKDTree(points).query_pairs(SLIVER, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), pairs.T), (len(points), len(points)))
    label: np.ndarray = connected_components(links, directed=False)[1]
    return label


def _is_ridge(found: list[Facet], labels: list[np.ndarray], a: int, b: int, k: int) -> bool:
    """Whether common vertices span k - 2 dimensions, not fewer."""
    points = found[a].points[np.isin(labels[a], labels[b])]
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    return bool(spread[k - 3] > SLIVER)
