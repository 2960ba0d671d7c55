"""The polygons of a partition in two dimensions, in bulk, and the borders between its regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions.domain import Array
from affidavit.regions.geometry import Geometry
from affidavit.regions.result import Partition

_NOTHING = 1e-9
"""Radius of cells, in the frame's coordinates, that are too thin to be seen or to be regions."""


@dataclass(frozen=True, eq=False)
class Polygons:
    """The pieces of all regions. A region cut by a comparison that it does not depend on has many.

    Attributes:
        points: vertices in user coordinates of the two features that vary, [vertex, 2].
        start, vertex: the vertices of piece i, in order around it, are
            `vertex[start[i] : start[i + 1]]`.
        region: of each piece, -1 where none was found.
        borders: ends of the segments between two regions, [segment, 2], numbers of vertices.
        sides: the region on either side of each segment, [segment, 2].
        lower, upper: the rectangle around them.
        features: the features of the two axes.
    """

    points: Array
    start: np.ndarray
    vertex: np.ndarray
    region: np.ndarray
    borders: np.ndarray
    sides: np.ndarray
    lower: Array
    upper: Array
    features: tuple[int, int]

    def corners(self, piece: int | np.integer[Any]) -> Array:
        """The vertices of one piece, in order."""
        found: Array = self.points[self.vertex[self.start[piece] : self.start[piece + 1]]]
        return found


def polygons(partition: Partition) -> Polygons:
    """The polygons of a partition with two features that vary.

    Raises:
        DomainError: another number of features varies, or there are no regions.
    """
    frame = partition.frame
    if frame.dimensions != 2:
        raise DomainError(
            f"a map needs two features that vary; this partition has {frame.dimensions}: take a"
            " Slice of two features"
        )
    if not len(partition):
        raise DomainError("the partition has no regions to draw")
    points, start, vertex, region, thin = _gathered(partition)
    ends, pieces, lone, owner = _edges(start, vertex)
    added, across = _interfaces(points, lone, owner, _middles(points, start, vertex))
    joints = len(points) + np.arange(2 * len(across)).reshape(-1, 2)
    ends, pieces = np.r_[ends, joints], np.r_[pieces, across]
    region = _absorbed(region, thin, pieces)
    sides = region[pieces]
    border = sides[:, 0] != sides[:, 1]
    return Polygons(
        points=frame.center + frame.half * np.r_[points, added],
        start=start,
        vertex=vertex,
        region=region,
        borders=ends[border],
        sides=sides[border],
        lower=frame.center - frame.half,
        upper=frame.center + frame.half,
        features=(int(frame.free[0]), int(frame.free[1])),
    )


def _gathered(
    partition: Partition,
) -> tuple[Array, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, and by piece: where its vertices start, their numbers, region, whether thin."""
    points, start, vertex, region, thin = [], [np.zeros(1, np.int64)], [], [], []
    first = 0
    for shape in partition.shapes or _cut_again(partition):
        begins, members = shape.vertices
        used = shape.coordinates
        points.append(used)
        start.append(begins[1:] + start[-1][-1])
        vertex.append(_around(used, begins, members) + first)
        region.append(shape.region)
        thin.append(shape.radius <= _NOTHING)
        first += len(used)
    parts = (points, start, vertex, region, thin)
    return tuple(np.concatenate(part) for part in parts)  # type: ignore[return-value]


def _cut_again(partition: Partition) -> list[Geometry]:
    """The cells of a partition whose engine kept none, with the regions that it found."""
    from affidavit.regions.engines import Skeleton

    work = Skeleton(partition.network)
    shapes: list[Geometry] = []
    while work.open:
        found = work.step(lambda share: None)
        if found is not None and found.shape is not None:
            shapes.append(found.shape.numbered(partition.find(found.centers)))
    return shapes


def _middles(points: Array, start: np.ndarray, vertex: np.ndarray) -> Array:
    """The mean of each piece's vertices."""
    sums = np.add.reduceat(points[vertex], start[:-1], axis=0)
    middles: Array = sums / np.diff(start)[:, None]
    return middles


def _around(points: Array, start: np.ndarray, vertex: np.ndarray) -> np.ndarray:
    """The vertices of each piece in order of their angle around its middle."""
    piece = np.repeat(np.arange(len(start) - 1), np.diff(start))
    arm = points[vertex] - _middles(points, start, vertex)[piece]
    return vertex[np.lexsort((np.arctan2(arm[:, 1], arm[:, 0]), piece))].astype(np.int64)


def _edges(
    start: np.ndarray, vertex: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Edges that two pieces share, with the pieces; and edges of one piece, with that piece."""
    count = len(start) - 1
    piece = np.repeat(np.arange(count), np.diff(start))
    following = np.arange(1, len(vertex) + 1)
    following[start[1:] - 1] = start[:-1]
    ends = np.sort(np.stack([vertex, vertex[following]], 1), axis=1)
    order = np.lexsort(ends.T)
    ends, piece = ends[order], piece[order]
    first = np.flatnonzero((ends[1:] == ends[:-1]).all(1))
    alone = np.ones(len(ends), bool)
    alone[first] = alone[first + 1] = False
    pairs = np.stack([piece[first], piece[first + 1]], 1)
    return ends[first], pairs, ends[alone], piece[alone]


def _interfaces(
    points: Array, ends: np.ndarray, owner: np.ndarray, middles: Array
) -> tuple[Array, np.ndarray]:
    """Where pieces of two boxes touch that were cut apart: the boxes share no vertices.

    Returns:
        the ends of the segments, [2 * segment, 2], and the pieces on either side, [segment, 2].
    """
    added, pairs = [np.zeros((0, 2))], [np.zeros((0, 2), np.int64)]
    for axis in (0, 1):
        place = points[ends, axis]
        along = np.sort(points[ends, 1 - axis], axis=1)
        level = np.round(place[:, 0], 9)
        on = (np.abs(np.ptp(place, axis=1)) < 1e-12) & (np.abs(level) < 1 - 1e-9)
        for line in np.unique(level[on]):
            edges = np.flatnonzero(on & (level == line))
            below = middles[owner[edges], axis] < line
            breaks = np.unique(along[edges])
            middle = (breaks[1:] + breaks[:-1]) / 2
            found = []
            for chosen in (edges[below], edges[~below]):
                chosen = chosen[np.argsort(along[chosen, 0])]
                at = np.searchsorted(along[chosen, 0], middle) - 1
                inside = (at >= 0) & (middle < along[chosen[np.maximum(at, 0)], 1])
                found.append(np.where(inside, owner[chosen[np.maximum(at, 0)]], -1))
            met = (found[0] >= 0) & (found[1] >= 0)
            segment = np.stack([breaks[:-1][met], breaks[1:][met]], 1).reshape(-1)
            both = np.full((len(segment), 2), line)
            both[:, 1 - axis] = segment
            added.append(both)
            pairs.append(np.stack([found[0][met], found[1][met]], 1))
    return np.concatenate(added), np.concatenate(pairs)


def _absorbed(region: np.ndarray, thin: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Slivers too thin to be regions take the region of a neighbour, so that no border breaks."""
    region = region.copy()
    lost = thin & (region < 0)
    for _ in range(4):
        if not lost.any():
            break
        for here, there in ((0, 1), (1, 0)):
            taken = lost[pairs[:, here]] & (region[pairs[:, there]] >= 0)
            region[pairs[taken, here]] = region[pairs[taken, there]]
        lost &= region < 0
    return region
