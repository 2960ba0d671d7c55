"""What a partition asks of the cells that an engine made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from affidavit.regions.domain import Array
from affidavit.regions.polygons import Polygons, joined


class Geometry(Protocol):
    """Cells, each (a piece of) a region. Coordinates are the frame's."""

    @property
    def region(self) -> np.ndarray:
        """Number of each cell's region, -1 for cells too thin to count."""

    @property
    def interior(self) -> Array:
        """Centre of a ball inside each cell, [cell, k]."""

    @property
    def radius(self) -> Array:
        """Its radius."""

    @property
    def volumes(self) -> Array:
        """Volume of each cell."""

    @property
    def sizes(self) -> np.ndarray:
        """Number of vertices of each cell."""

    @property
    def coordinates(self) -> Array:
        """Vertices of all cells, [vertex, k]."""

    @property
    def vertices(self) -> tuple[np.ndarray, np.ndarray]:
        """Start and numbers: the vertices of cell i are `number[start[i] : start[i + 1]]`."""

    @property
    def facets(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs [facet, 2] of cells that share a facet, and rows (cell, hyperplane) of others."""

    @property
    def borders(self) -> np.ndarray:
        """Pairs of cells that share a facet, but for slivers that displacement left, [pair, 2]."""

    @property
    def boundary(self) -> np.ndarray:
        """Cells with a facet on the domain's boundary."""

    @property
    def bytes(self) -> int:
        """Memory it takes."""

    def facet(self, index: int) -> Array:
        """Vertices of one of the facets between cells, [vertex, k]."""

    def points(self, cell: int) -> Array:
        """Vertices of one cell, [vertex, k]."""

    def numbered(self, region: np.ndarray) -> Geometry:
        """The same cells, as pieces of other regions."""


def together(shapes: Sequence[Geometry]) -> tuple[Geometry, ...]:
    """Polygons as one: those of different steps of the engine have edges in common."""
    polygons = [shape for shape in shapes if isinstance(shape, Polygons)]
    others = [shape for shape in shapes if not isinstance(shape, Polygons)]
    return (*others, *([joined(polygons)] if polygons else []))
