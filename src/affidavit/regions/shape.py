"""The geometry of cells: vertices, volumes and facets, from a complex."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from affidavit.regions import cell_kernels as kernels
from affidavit.regions.domain import Array
from affidavit.regions.skeleton import Cells, Complex, direction

_EPSILON = 2.0**-52

_EDGE = 1e-9

_DIRECTIONS = 5

_TRIANGULATED = 6

_WORTH_THREADS = 4096

_SAME = 1e-9

SLIVER = 1e-7
"""Facets narrower than this, in the frame's coordinates, are no facets: displaced hyperplanes that
really meet in one place leave such."""


def in_threads(do: Callable[[slice], None], count: int) -> None:
    """Does a compiled loop over `count` items in a few threads; they all let go of the lock."""
    if count < _WORTH_THREADS:
        do(slice(0, count))
        return
    marks = np.linspace(0, count, 4 * (os.cpu_count() or 1) + 1).astype(int)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda ends: do(slice(*ends)), pairwise(marks)))


@dataclass(frozen=True, eq=False)
class Shape:
    """A complex with its cells, and the region that each cell is (a piece) of.

    Attributes:
        complex, cells: see `skeleton`.
        region: number of each cell's region, -1 for cells too thin to count.
        displaced: whether hyperplanes were displaced to resolve degenerate positions.
    """

    complex: Complex
    cells: Cells
    region: np.ndarray
    displaced: bool = False

    @property
    def interior(self) -> Array:
        """Centre of a ball inside each cell, in the frame's coordinates."""
        return self.cells.interior

    @property
    def radius(self) -> Array:
        """Its radius."""
        return self.cells.radius

    @property
    def coordinates(self) -> Array:
        """The points that `vertices` numbers, [vertex, k], in the frame's coordinates."""
        return self.complex.point[: self.complex.vertices]

    def numbered(self, region: np.ndarray) -> Shape:
        """The same cells, as pieces of other regions."""
        return replace(self, region=region)

    @cached_property
    def _measured(self) -> tuple[Array, np.ndarray]:
        count = len(self.region)
        volume, doubt = np.empty(count), np.empty(count)
        sizes = np.empty(count, np.int64)
        found = self.complex
        k = found.point.shape[1]
        volume[:], doubt[:] = 0, np.inf
        todo = np.arange(count)
        slack = 1e-9 * 2.0**k / max(count, 1)
        # Where large terms cancel, another direction may have smaller ones.
        for turn in range(_DIRECTIONS):
            part, error, vertices = self._lawrence(todo, turn)
            sizes[todo] = vertices
            better = error < doubt[todo]
            volume[todo[better]], doubt[todo[better]] = part[better], error[better]
            todo = todo[~(_EPSILON * doubt[todo] <= 1e-8 * volume[todo] + slack)]
            if not len(todo):
                break
        if k <= _TRIANGULATED:
            self._triangulate(todo, volume)
        return np.maximum(volume, 0), sizes

    def _lawrence(self, todo: np.ndarray, turn: int) -> tuple[Array, Array, np.ndarray]:
        """Volumes of some cells, what blurs them, and their numbers of vertices."""
        found = self.complex
        part, error = np.empty(len(todo)), np.empty(len(todo))
        vertices = np.empty(len(todo), np.int64)
        bottom, sides = self.cells.bottom[todo], self.cells.sides[todo]
        towards = direction(found.point.shape[1], turn)

        def measure(some: slice) -> None:
            kernels.volumes(
                found.point,
                found.zero,
                found.neighbour,
                bottom[some],
                sides[some],
                towards,
                part[some],
                error[some],
                vertices[some],
            )

        in_threads(measure, len(todo))
        return part, error, vertices

    def _triangulate(self, todo: np.ndarray, volume: Array) -> None:
        """Volumes, by triangulation, of cells on which Lawrence's formula cancels."""
        from scipy.spatial import ConvexHull, QhullError

        for cell in todo:
            points = self.points(int(cell))
            span = np.ptp(points, axis=0)
            if not (span > _SAME).all():
                volume[cell] = 0.0  # flat to within rounding
                continue
            # Vertices that displacement told apart are one: the hull's facets would be slivers.
            points = np.unique(np.round((points - points[0]) / span / _SAME), axis=0) * _SAME
            if points.shape[1] == 1:
                volume[cell] = span[0]
                continue
            if np.linalg.matrix_rank(points[1:] - points[0], tol=10 * _SAME) < points.shape[1]:
                volume[cell] = 0.0
                continue
            try:
                volume[cell] = ConvexHull(points).volume * span.prod()
            except QhullError:
                volume[cell] = ConvexHull(points, qhull_options="QJ").volume * span.prod()

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        found, cells = self.complex, self.cells
        arrays = (found.point, found.zero, found.neighbour, cells.interior, cells.bottom)
        return sum(array.nbytes for array in arrays) + 24 * len(self.region)

    @property
    def volumes(self) -> Array:
        """Volume of each cell, in the frame's coordinates."""
        return self._measured[0]

    @property
    def sizes(self) -> np.ndarray:
        """Number of vertices of each cell."""
        return self._measured[1]

    @cached_property
    def vertices(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices of all cells: those of cell i are `vertex[start[i] : start[i + 1]]`.

        Returns:
            start [cell + 1] and vertex [...], numbers in the complex.
        """
        start = np.r_[0, np.cumsum(self.sizes)]
        out = np.empty(start[-1], np.int32)
        found = self.complex
        kernels.vertices(
            found.zero, found.neighbour, self.cells.bottom, self.cells.sides, start, out
        )
        return start, out

    def points(self, cell: int) -> Array:
        """Vertices of one cell, [vertex, k], in the frame's coordinates."""
        found = self.complex
        bottom, sides = int(self.cells.bottom[cell]), int(self.cells.sides[cell])
        count, vertices, _, _ = kernels.walk_all(
            found.zero, found.neighbour, bottom, sides, *kernels.rooms(1 << 8)
        )
        return found.point[vertices[:count]]

    def facet(self, index: int) -> Array:
        """Vertices of one of the facets between cells, [vertex, k]."""
        start, vertex = self.vertices
        one, other = (vertex[start[cell] : start[cell + 1]] for cell in self.facets[0][index])
        points: Array = self.complex.point[np.intersect1d(one, other)]
        return points

    @property
    def boundary(self) -> np.ndarray:
        """Cells with a facet on the domain's boundary.

        A box may be a part of the domain only: its sides inside are no boundary.
        """
        cells, planes = self.facets[1].T
        outer = [plane for plane in np.unique(planes) if self._is_outer(int(plane))]
        found: np.ndarray = np.unique(cells[np.isin(planes, outer)])
        return found

    def _is_outer(self, plane: int) -> bool:
        points = self.coordinates
        if plane >= 2 * points.shape[1]:
            return True
        on = points[(self.complex.zero[: self.complex.vertices] == plane).any(1)]
        return bool(len(on) and abs(abs(on[0, plane // 2]) - 1) <= _EDGE)

    @property
    def facets(self) -> tuple[np.ndarray, np.ndarray]:
        """Facets between cells, and those without a cell on the other side.

        Returns:
            pairs [facet, 2] of cells that share a facet, and rows [facet, 2] of (cell, hyperplane)
            where nobody else has it: on the domain's boundary, unless the complex is broken.
        """
        pairs, _, alone = self._facets
        return pairs, alone

    @cached_property
    def borders(self) -> np.ndarray:
        """Pairs of cells that share a facet, without the slivers that displacement leaves."""
        pairs, lowest, _ = self._facets
        k = self.complex.point.shape[1]
        if not self.displaced or k == 1:
            return pairs
        doubtful = np.flatnonzero(self._shortest_edge()[lowest] <= 10 * SLIVER)
        start, vertex = self.vertices
        kept = np.ones(len(pairs), bool)
        for facet in doubtful:
            one, other = (vertex[start[cell] : start[cell + 1]] for cell in pairs[facet])
            points = self.complex.point[np.intersect1d(one, other)]
            spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
            kept[facet] = len(points) >= k and spread[k - 2] > SLIVER
        borders: np.ndarray = pairs[kept]
        return borders

    def _shortest_edge(self) -> Array:
        """Length of the shortest edge at each vertex."""
        point = self.complex.point[: self.complex.vertices]
        ends = self.complex.neighbour[: self.complex.vertices]
        shortest = np.full(len(point), np.inf)
        for slot in range(ends.shape[1]):
            for side in range(2):
                end = ends[:, slot, side]
                length = np.linalg.norm(point[end] - point, axis=1)
                shortest = np.minimum(shortest, np.where(end >= 0, length, np.inf))
        return shortest

    @cached_property
    def _facets(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairs of cells that share a facet, the lowest vertex of it, and facets of one cell."""
        found = self.complex
        height = found.point[: found.vertices] @ direction(found.point.shape[1])
        room = max(16, 4 * found.point.shape[1] * len(self.region))
        most = int(self.sizes.max(initial=1))
        while True:
            hyperplanes = np.empty(room, np.int32)
            keys = np.empty((room, 3), np.int64)
            owner = np.empty(room, np.int64)
            total = kernels.facets(
                found.zero,
                found.neighbour,
                height,
                self.cells.bottom,
                self.cells.sides,
                most,
                hyperplanes,
                keys,
                owner,
            )
            if total >= 0:
                break
            room = -total
        order = np.lexsort(keys[:total].T)
        ranked, owner, planes = keys[order], owner[order], hyperplanes[order]
        same = (ranked[1:] == ranked[:-1]).all(1)
        first = np.flatnonzero(same)
        pairs = np.stack([owner[first], owner[first + 1]], 1)
        alone = np.ones(total, bool)
        alone[first] = alone[first + 1] = False
        return pairs, ranked[first, 0], np.stack([owner[alone], planes[alone]], 1)
