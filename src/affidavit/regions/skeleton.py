"""The shared 1-skeleton: all cells of a domain cut at once, by their vertices and edges alone.

Each comparison of the network puts a new vertex on every edge whose ends it tells apart and joins
two of them across each 2-face between. No linear program is solved, and a vertex is stored once
however many cells share it: the work grows with the number of vertices. A cell is found at its
lowest vertex, and its activation pattern by running the network inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Protocol

import numpy as np

from affidavit.regions import skeleton_kernels as kernels
from affidavit.regions.domain import Array, Frame
from affidavit.regions.network import Network, Shifts, Stage

COINCIDENT = 1e-12
"""Share of a comparison's scale within which a vertex counts as lying on its hyperplane."""


_NUMBERS = 1 << 27
"""Values of comparisons at vertices that are kept at once."""


class DegenerateError(Exception):
    """Hyperplanes meet in more than general position: displace them, and start again."""


class TooLargeError(Exception):
    """The complex has more vertices than it may have."""


@dataclass
class Complex:
    """The vertices and edges of a simple cell complex; see `skeleton_kernels` for the terms.

    Attributes:
        point: coordinates, [vertex, k].
        zero: hyperplanes through each vertex, [vertex, k].
        neighbour: [vertex, k, 2].
        facets: hyperplanes below this number bound the domain.
        vertices: how many there are; the arrays may have room for more.
        bits: at which vertices each later hyperplane is positive, packed, [vertex, byte]; of no
            width unless asked for. See `skeleton_kernels.cut`.
    """

    point: Array
    zero: np.ndarray
    neighbour: np.ndarray
    facets: int
    vertices: int
    bits: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.uint8))

    def track(self, hyperplanes: int) -> None:
        """Begins to keep bits, for so many hyperplanes."""
        self.bits = np.zeros((len(self.point), -(-hyperplanes // 8)), np.uint8)

    def grow(self, new: int) -> None:
        """Makes room for new vertices."""
        needed = self.vertices + new
        if needed > len(self.point):
            capacity = max(needed, len(self.point) + len(self.point) // 2)
            for name in ("point", "zero", "neighbour", *(["bits"] if self.bits.size else [])):
                old = getattr(self, name)
                wide = np.empty((capacity, *old.shape[1:]), old.dtype)
                wide[: self.vertices] = old[: self.vertices]
                setattr(self, name, wide)

    def cut(self, value: Array, hyperplane: int, crossings: int) -> tuple[np.ndarray, Array]:
        """Cuts by one hyperplane; returns the edges that were cut, and where."""
        self.grow(crossings)
        ends = np.empty((crossings, 2), np.int32)
        share = np.empty(crossings)
        new = kernels.cut(
            value,
            self.point,
            self.zero,
            self.neighbour,
            self.vertices,
            hyperplane,
            self.facets,
            self.bits,
            ends,
            share,
        )
        if new != crossings:
            raise DegenerateError
        return ends, share


def box_complex(k: int) -> Complex:
    """The cube [-1, 1]^k. Facet 2 i is the lower one of coordinate i, 2 i + 1 the upper one."""
    corners = np.array(list(product((0, 1), repeat=k)), np.int64).reshape(-1, k)
    place = corners @ (1 << np.arange(k)[::-1])
    order = np.argsort(place)
    corners = corners[order]
    neighbour = np.full((len(corners), k, 2), kernels.OUTSIDE, np.int32)
    for j in range(k):
        flipped = corners.copy()
        flipped[:, j] ^= 1
        neighbour[:, j, 1] = flipped @ (1 << np.arange(k)[::-1])
    zero = (2 * np.arange(k) + corners).astype(np.int32)
    return Complex(2 * corners.astype(np.float64) - 1, zero, neighbour, 2 * k, len(corners))


def domain_complex(
    frame: Frame,
    lower: Array | None = None,
    upper: Array | None = None,
    offsets: Array | None = None,
) -> Complex:
    """The polytope of a frame within a box: the box, with its constraints cut off one by one."""
    k = frame.dimensions
    found = box_complex(k)
    found.facets = 2 * k + len(frame.b)
    if lower is not None and upper is not None:
        found.point = (lower + upper) / 2 + (upper - lower) / 2 * found.point
    for number, (row, bound) in enumerate(zip(frame.A, frame.b, strict=True)):
        shift = 0.0 if offsets is None else offsets[number]
        value = bound + shift - found.point[: found.vertices] @ row
        if offsets is None:
            _check_position(value, 1.0)
        if not (value > 0).any():
            found.vertices = 0
            return found
        crossings = kernels.count_crossings(value, found.neighbour, found.vertices)
        if not crossings:
            continue
        found.cut(value, 2 * k + number, crossings)
        found.vertices = kernels.keep_positive(
            value, found.point, found.zero, found.neighbour, found.vertices, crossings
        )
    return found


def subdivide(
    network: Network,
    start: Complex,
    *,
    shifts: Shifts | None = None,
    limit: int = 1 << 62,
    track: bool = False,
    watch: Callable[[Stage, float], None] | None = None,
) -> Complex:
    """Cuts a complex by every stage of a network.

    Args:
        shifts: displacements of the comparisons. Without any, comparisons that vanish at a vertex
            raise DegenerateError.
        limit: vertices above which TooLargeError is raised.
        track: keep in the complex's bits which comparisons are positive where.
        watch: called with the stage and the share of its comparisons done; may raise.
    """
    found = start
    hyperplane = found.facets
    if track:
        found.track(network.bits)
    for index, stage in enumerate(network.stages):
        tables = _tables(network, found, stage, shifts, affine=index == 0)
        scale = network.scales[stage.name]
        for share, row, value in tables.columns():
            if watch is not None:
                watch(stage, share)
            if shifts is None:
                _check_position(value[: found.vertices], scale)
            if track:
                bit = hyperplane + row - found.facets
                kernels.mark(found.bits, value, bit, found.vertices)
            crossings = kernels.count_crossings(value, found.neighbour, found.vertices)
            if not crossings:
                continue
            if found.vertices + crossings > limit:
                raise TooLargeError
            count = found.vertices
            ends, at = found.cut(value, hyperplane + row, crossings)
            found.vertices = count + crossings
            tables.follow(count, ends, at)
        if track:
            _mark_constant(found, tables, hyperplane - found.facets)
        hyperplane += tables.comparisons
    return found


def _mark_constant(found: Complex, tables: _Tables, first: int) -> None:
    """Notes comparisons that are positive at every vertex: no column of theirs was gone through."""
    for row in tables.positive:
        bit = first + int(row)
        found.bits[: found.vertices, bit >> 3] |= np.uint8(1 << (bit & 7))


class _Tables(Protocol):
    """Values of a stage's comparisons at the vertices, while these grow more."""

    @property
    def comparisons(self) -> int:
        """Comparisons of the stage."""

    @property
    def positive(self) -> np.ndarray:
        """Those that are positive everywhere, and not among the columns."""

    def columns(self) -> Iterator[tuple[float, int, Array]]:
        """Each comparison that changes sign: the share done, its number, its values."""

    def follow(self, count: int, ends: np.ndarray, share: Array) -> None:
        """Takes note of the vertices after the first `count`, put on edges as told."""


@dataclass
class _Affine:
    """Comparisons that are affine on the whole domain, as all of the first stage are."""

    found: Complex
    slopes: Array
    offsets: Array

    @property
    def comparisons(self) -> int:
        return len(self.offsets)

    @property
    def positive(self) -> np.ndarray:
        return np.zeros(0, np.int64)  # each is a column

    def columns(self) -> Iterator[tuple[float, int, Array]]:
        for row, (slope, offset) in enumerate(zip(self.slopes, self.offsets, strict=True)):
            yield row / len(self.slopes), row, self._at(slope, offset)

    def _at(self, slope: Array, offset: float) -> Array:
        value: Array = self.found.point[: self.found.vertices] @ slope + offset
        return value

    def follow(self, count: int, ends: np.ndarray, share: Array) -> None:
        pass


@dataclass
class _Blocks:
    """Values by running the network at the vertices, some comparisons at a time.

    While a block is cut, values at new vertices follow from those at the ends of their edges.
    """

    network: Network
    found: Complex
    stage: Stage
    shifts: Shifts | None
    rows: np.ndarray
    positive: np.ndarray
    comparisons: int
    first: Array | None
    _columns: Array = field(init=False)
    _open: np.ndarray = field(init=False)

    def columns(self) -> Iterator[tuple[float, int, Array]]:
        start = 0
        while start < len(self.rows):
            vertices = self.found.vertices
            block = self.rows[start : start + max(8, _NUMBERS // (3 * vertices))]
            table, self.first = self.first, None
            if table is None:
                points = self.found.point[:vertices]
                table = self.network.comparisons(points, self.stage, self.shifts, block)
            else:
                block = self.rows
            self._columns = np.empty((len(block), 2 * vertices))
            self._columns[:, :vertices] = table.T
            for place, row in enumerate(block):
                self._open = np.arange(place + 1, len(block))
                yield (start + place) / len(self.rows), int(row), self._columns[place]
            start += len(block)

    def follow(self, count: int, ends: np.ndarray, share: Array) -> None:
        total = count + len(share)
        if total > self._columns.shape[1]:
            wide = np.empty((len(self._columns), total + total // 2))
            wide[self._open, :count] = self._columns[self._open, :count]
            self._columns = wide
        kernels.interpolate(self._columns, self._open, count, ends, share)


def _tables(
    network: Network, found: Complex, stage: Stage, shifts: Shifts | None, *, affine: bool
) -> _Tables:
    points = found.point[: found.vertices]
    if affine:
        center = np.zeros((1, points.shape[1]))
        slopes, offsets = network.comparison_maps(center, stage, shifts)
        return _Affine(found, slopes[0], offsets[0])
    some = network.comparisons(points[:1], stage, shifts)
    comparisons = some.shape[1]
    if len(points) * comparisons <= _NUMBERS:
        table = network.comparisons(points, stage, shifts)
        rows, positive = _crossing((table > 0).any(0), (table > 0).all(0))
        first = table[:, rows]
        return _Blocks(network, found, stage, shifts, rows, positive, comparisons, first)
    above, below = np.zeros(comparisons, bool), np.ones(comparisons, bool)
    for start in range(0, len(points), network.batch):
        part = network.comparisons(points[start : start + network.batch], stage, shifts) > 0
        above |= part.any(0)
        below &= part.all(0)
    rows, positive = _crossing(above, below)
    return _Blocks(network, found, stage, shifts, rows, positive, comparisons, None)


def _crossing(somewhere: Any, everywhere: Any) -> tuple[np.ndarray, np.ndarray]:
    """Comparisons that change sign, and those that are positive at every vertex."""
    return np.flatnonzero(somewhere & ~everywhere), np.flatnonzero(everywhere)


def _check_position(value: Array, scale: float) -> None:
    if len(value) and np.abs(value).min() <= COINCIDENT * scale:
        raise DegenerateError


@dataclass
class Cells:
    """The cells of a complex.

    Attributes:
        bottom: lowest vertex of each, [cell].
        sides: bit j tells on which side of the bottom's slot j the cell lies, [cell].
        interior: centre of a ball inside, [cell, k].
        radius: its radius, [cell].
    """

    bottom: np.ndarray
    sides: np.ndarray
    interior: Array
    radius: Array


def direction(k: int, turn: int = 0) -> Array:
    """A direction in general position to every hyperplane of a network not made to spite it."""
    return np.random.default_rng((0x41666669, k, turn)).standard_normal(k)


def patterns(found: Complex, cells: Cells) -> np.ndarray:
    """Which of the tracked comparisons are positive on each cell, packed, [cell, byte]."""
    packed = np.empty((len(cells.bottom), found.bits.shape[1]), np.uint8)
    kernels.patterns(found.bits, found.zero, found.facets, cells.bottom, cells.sides, packed)
    return packed


def cells(found: Complex) -> Cells:
    """The cells of a complex, each at its lowest vertex in a fixed direction of general position.

    Raises:
        DegenerateError: the highest vertices tell another number of cells.
    """
    k = found.point.shape[1]
    height = found.point[: found.vertices] @ direction(k)
    count = kernels.count_cells(height, found.neighbour, found.vertices)
    if count != kernels.count_cells(-height, found.neighbour, found.vertices):
        raise DegenerateError
    result = Cells(
        np.empty(count, np.int32), np.empty(count, np.int64), np.empty((count, k)), np.empty(count)
    )
    kernels.bottoms(
        height,
        found.point,
        found.neighbour,
        found.vertices,
        result.bottom,
        result.sides,
        result.interior,
        result.radius,
    )
    return result
