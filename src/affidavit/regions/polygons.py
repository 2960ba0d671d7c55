"""The geometry of cells in two dimensions: convex polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from affidavit.regions import polygon_kernels as kernels
from affidavit.regions.domain import Array
from affidavit.regions.planar_kernels import distinct as numbers

_LEAST = 1e-10
"""Length up to which a common piece of two edges is a corner, not a facet."""


@dataclass(frozen=True, eq=False)
class Polygons:
    """Polygons that do not overlap, and the region that each is (a piece) of.

    Attributes:
        start, point, label: see `planar_kernels`; [cell + 1], [vertex, 2] and [vertex].
        volumes: area of each cell, in the frame's coordinates.
        interior, radius: a ball inside each.
        region: number of each cell's region, -1 for cells too thin to count.
    """

    start: np.ndarray
    point: Array
    label: np.ndarray
    volumes: Array
    interior: Array
    radius: Array
    region: np.ndarray

    def __len__(self) -> int:
        return len(self.region)

    @property
    def sizes(self) -> np.ndarray:
        """Number of vertices of each cell."""
        return np.diff(self.start)

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        return distinct(self.point)

    @property
    def coordinates(self) -> Array:
        """The points that `vertices` numbers, [vertex, 2], in the frame's coordinates."""
        found: Array = self.point[self._distinct[1]]
        return found

    @property
    def vertices(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices by number: those of cell i are `vertex[start[i] : start[i + 1]]`.

        Returns:
            start [cell + 1] and vertex [...].
        """
        return self.start, self._distinct[0]

    def points(self, cell: int) -> Array:
        """Vertices of one cell, counter-clockwise, [vertex, 2], in the frame's coordinates."""
        return self.point[self.start[cell] : self.start[cell + 1]]

    def numbered(self, region: np.ndarray) -> Polygons:
        """The same cells, as pieces of other regions."""
        return replace(self, region=region)

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.point.nbytes + self.label.nbytes + 48 * len(self.region)

    @property
    def facets(self) -> tuple[np.ndarray, np.ndarray]:
        """Facets between cells, and those without a cell on the other side.

        Edges on the two sides of one cut are compared: polygons that were cut further need not
        have whole edges in common.

        Returns:
            pairs [facet, 2] of cells that share (a piece of) an edge, and rows [facet, 2] of (cell,
            hyperplane) where nobody else has it: facets of the domain by number, -1 inside.
        """
        return self._matched[:2]

    def facet(self, index: int) -> Array:
        """The two ends of one of the facets between cells, [end, 2]."""
        ends: Array = self._matched[2][index]
        return ends

    @property
    def borders(self) -> np.ndarray:
        """Pairs of cells that share a facet: no hyperplane was displaced here."""
        return self.facets[0]

    @property
    def boundary(self) -> np.ndarray:
        """Cells with a facet on the domain's boundary."""
        cells, hyperplanes = self.facets[1].T
        found: np.ndarray = np.unique(cells[hyperplanes >= 0])
        return found

    @cached_property
    def _matched(self) -> tuple[np.ndarray, np.ndarray, Array]:
        owner = np.repeat(np.arange(len(self)), self.sizes)
        end = np.roll(self.point, -1, axis=0)
        end[self.start[1:] - 1] = self.point[self.start[:-1]]
        order = np.flatnonzero(self.label >= 0)
        order = order[np.argsort(self.label[order], kind="stable")]
        pairs, ends = np.empty((len(order), 2), np.int64), np.empty((len(order), 2, 2))
        long = ((end - self.point) ** 2).sum(1) > _LEAST**2
        met = ~long
        met[self.label < 0] = False
        count = kernels.shared(order, self.label, owner, self.point, end, _LEAST, pairs, met, ends)
        alone = np.flatnonzero(~met)
        hyperplanes = np.maximum(-1, -1 - self.label[alone])
        return pairs[:count], np.stack([owner[alone], hyperplanes], 1), ends[:count]


def distinct(point: Array) -> tuple[np.ndarray, np.ndarray]:
    """The number of each of some points, equal for equal ones, and of each number one point."""
    vertex, first = np.empty((2, len(point)), np.int32)
    # Adding zero makes one of the two zeros of floating point.
    count = numbers((point + 0.0).view(np.int64), vertex, first)
    return vertex, first[:count]


def measured(start: np.ndarray, point: Array, label: np.ndarray) -> Polygons:
    """Polygons with their areas and a ball inside each; every one is a region of its own."""
    count = len(start) - 1
    area, center, radius = np.empty(count), np.empty((count, 2)), np.empty(count)
    kernels.measure(start, point, area, center, radius)
    return Polygons(start, point, label, area, center, radius, np.arange(count))


def joined(parts: Sequence[Polygons]) -> Polygons:
    """All cells of several, in order."""
    first = np.cumsum([0, *(len(part.point) for part in parts)])
    starts = [part.start[:-1] + offset for part, offset in zip(parts, first, strict=False)]
    return Polygons(
        np.concatenate([*starts, first[-1:]]),
        np.concatenate([part.point for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.volumes for part in parts]),
        np.concatenate([part.interior for part in parts]),
        np.concatenate([part.radius for part in parts]),
        np.concatenate([part.region for part in parts]),
    )
