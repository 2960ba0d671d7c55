"""The result: a columnar partition of a domain into linear regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from affidavit.errors import DomainError
from affidavit.graph import Graph
from affidavit.regions.domain import Array, Domain, Frame
from affidavit.regions.geometry import Geometry
from affidavit.regions.network import REFINEMENT, Network
from affidavit.regions.patterns import Lookup
from affidavit.regions.polytope import MOST, Polytope, normalised, polytope

_NUDGES = 8


@dataclass(frozen=True, eq=False)
class Partition:
    """The linear regions of a network on a domain: on each, the network is one affine map.

    A region is one state of every unit (its activation pattern) with an interior; with a
    refinement, one state and one answer of the refinement. Exact, to the tolerances in
    `docs/regions.md`, when `complete`; what an incomplete partition has is right, but not all.

    Attributes:
        network: the network on the domain.
        domain: what was asked for.
        engine: the algorithm that found the regions.
        patterns: bit-packed states of all units, [region, byte].
        centers: a point inside each region, in the frame's coordinates, [region, k].
        radii: radius of a ball around it inside the region, in the frame's coordinates, [region].
        complete: whether all regions were found.
        reason: why not, or how degenerate positions were met; empty when there is nothing to say.
        decided: share of the domain's volume that was gone through.
        seconds: time taken.
        shapes: the cells, where the engine made them.
        remaining: what is left to do, for `partition(..., resume=...)`.
    """

    network: Network
    domain: Domain
    engine: str
    patterns: np.ndarray
    centers: Array
    radii: Array
    complete: bool = True
    reason: str = ""
    decided: float = 1.0
    seconds: float = 0.0
    shapes: tuple[Geometry, ...] = field(default=(), repr=False)
    remaining: Any = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.patterns)

    def __getitem__(self, index: int) -> Region:
        if not -len(self) <= index < len(self):
            raise IndexError(f"region {index} of {len(self)}")
        return Region(self, int(index) % len(self))

    def __iter__(self) -> Iterator[Region]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        state = "" if self.complete else f", incomplete ({self.reason})"
        return (
            f"Partition({len(self):,} regions in {self.frame.dimensions} dimensions,"
            f" engine {self.engine!r}{state})"
        )

    def save(self, path: str | Path) -> None:
        """Writes an npz archive: see `saving.save`."""
        from affidavit.regions.saving import save

        save(self, path)

    @staticmethod
    def load(path: str | Path, model: Graph | nn.Module) -> Partition:
        """Reads what `save` wrote, for that very model: see `saving.load`."""
        from affidavit.regions.saving import load

        return load(path, model)

    @property
    def frame(self) -> Frame:
        """The coordinates the engines worked in."""
        return self.network.frame

    @property
    def interior_points(self) -> Array:
        """A point inside each region, in user coordinates, [region, coordinate]."""
        return self.frame.to_user(self.centers)

    def inputs(self, index: np.ndarray | slice = slice(None)) -> Array:
        """Whole inputs, flat, at the interior points of regions."""
        return self.frame.embed(self.centers[index])

    def locate(self, points: Any) -> np.ndarray:
        """The region of each point, -1 outside the domain and where none was found.

        Args:
            points: user coordinates, [point, coordinate]: all features, or those of a slice.

        Returns:
            Indices, int64. A point on a border belongs to one of the regions that meet there.
        """
        u = np.asarray(points, np.float64)
        if u.ndim != 2 or u.shape[1] != len(self.frame.shown):
            raise DomainError(
                f"locate needs points of shape [point, {len(self.frame.shown)}], not"
                f" {list(u.shape)}"
            )
        inside = self.frame.on_domain(u)
        result = np.full(len(u), -1, np.int64)
        t = self.frame.from_user(u[inside])
        found = self.find(t)
        lost = np.flatnonzero(found < 0)
        generator = np.random.default_rng(0)
        for nudge in range(_NUDGES):
            if not len(lost):
                break
            # On a border some units are at zero: a step to either side leaves it.
            size = 1e-11 * 10 ** (nudge / 2)
            step = generator.uniform(-size, size, (len(lost), t.shape[1]))
            found[lost] = self.find(np.clip(t[lost], -1 + size, 1 - size) + step)
            lost = lost[found[lost] < 0]
        result[inside] = found
        return result

    def find(self, t: Array) -> np.ndarray:
        """The region of each point in the frame's coordinates, by its pattern alone."""
        result = np.empty(len(t), np.int64)
        block = 1 << 18
        for start in range(0, len(t), block):
            part = t[start : start + block]
            result[start : start + block] = self._lookup.find(self.network.states(part))
        return result

    def maps(self, index: np.ndarray | slice = slice(None)) -> tuple[Array, Array]:
        """The affine maps of regions: `y = weight @ x + bias` on the whole input.

        Returns:
            weights [region, output, feature] and biases [region, output]. Final softmax and
            sigmoid are left out.
        """
        centers = self.centers[index]
        weights, values = self.network.gradients(centers)
        return weights, values - np.einsum("rof,rf->ro", weights, self.frame.embed(centers))

    def constraints(self, index: np.ndarray | None = None) -> Iterator[tuple[Array, Array, Array]]:
        """Constraints of regions one by one: slopes, values at the centre, and the centre.

        In the frame's coordinates, redundant ones and the domain's own included: the region is
        where `values + slopes @ (t - center) >= 0` within the cube.
        """
        return self.network.constraints(self.centers if index is None else self.centers[index])

    @cached_property
    def volumes(self) -> Array:
        """Volume of each region, in user coordinates (features held fixed have none).

        Raises:
            DomainError: more than 10 dimensions.
        """
        result = np.zeros(len(self))
        if self.shapes:
            for shape in self.shapes:
                real = shape.region >= 0
                result += np.bincount(shape.region[real], shape.volumes[real], len(self))
            return result * self.frame.scale
        for index, constraints in enumerate(self.constraints()):
            result[index] = polytope(*constraints).volume * self.frame.scale
        return result

    @cached_property
    def domain_volume(self) -> float:
        """Volume of the domain, in user coordinates."""
        if not len(self.frame.b):
            return float(2.0**self.frame.dimensions * self.frame.scale)
        return self._domain_polytope.volume * self.frame.scale

    @cached_property
    def neighbours(self) -> np.ndarray:
        """Pairs of regions that share a facet, [pair, 2], each once, the smaller index first.

        Raises:
            DomainError: the engine made no cells to read them from.
        """
        if not self.shapes and len(self):
            from affidavit.regions.neighbours import across_facets

            return across_facets(self)
        found = []
        for shape in self.shapes:
            pairs = shape.region[shape.borders]
            pairs = np.sort(pairs[(pairs >= 0).all(1) & (pairs[:, 0] != pairs[:, 1])], axis=1)
            found.append(pairs)
        return np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 2), np.int64)

    def states(self, index: np.ndarray | slice = slice(None)) -> dict[str, np.ndarray]:
        """State of every unit by node, [region, unit]: see `Region.pattern`."""
        return self.network.unpack(self.patterns[index])

    @cached_property
    def answers(self) -> np.ndarray:
        """What the refinement says in each region: for `decision` the class.

        Raises:
            DomainError: the partition has no refinement.
        """
        if self.network.refine is None:
            raise DomainError(
                "the partition does not tell decisions apart: ask for"
                ' partition(..., refine="decision")'
            )
        return self.network.unpack(self.patterns, REFINEMENT)[REFINEMENT]

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.patterns)

    @cached_property
    def _domain_polytope(self) -> Polytope:
        k = self.frame.dimensions
        return polytope(-self.frame.A, self.frame.b, np.zeros(k))


@dataclass(frozen=True, eq=False)
class Region:
    """One region of a partition; everything is computed when asked for.

    Attributes:
        partition, index: where it stands.
    """

    partition: Partition
    index: int

    @property
    def pattern(self) -> Mapping[str, np.ndarray]:
        """State of each unit by the graph's node, flat.

        1 where a ReLU (or leaky ReLU, absolute value) is positive; 0, 1, 2 below, inside and
        above a clip's bounds; 1 where the first operand of a maximum or minimum is the larger; the
        place in the window of the first largest entry of a pool.
        """
        table = self.partition.states(self._row)
        return {name: states[0] for name, states in table.items()}

    @cached_property
    def _map(self) -> tuple[Array, Array]:
        weights, biases = self.partition.maps(self._row)
        return weights[0], biases[0]

    @property
    def weight(self) -> Array:
        """Slopes of the outputs, [output, feature]."""
        return self._map[0]

    @property
    def bias(self) -> Array:
        """[output]: `y = weight @ x + bias`."""
        return self._map[1]

    @property
    def interior_point(self) -> Array:
        """A point inside, in user coordinates."""
        point: Array = self.partition.interior_points[self.index]
        return point

    @property
    def input(self) -> Array:
        """The whole input there, flat."""
        flat: Array = self.partition.inputs(self._row)[0]
        return flat

    @property
    def halfspaces(self) -> tuple[Array, Array]:
        """Irredundant constraints `A u <= b` in user coordinates, the domain's bounds included."""
        frame = self.partition.frame
        rows, bounds = self._rows
        place = frame.from_user(np.eye(len(frame.shown))) - frame.from_user(
            np.zeros((1, len(frame.shown)))
        )
        A = rows @ place.T
        return A, bounds - rows @ frame.from_user(np.zeros(len(frame.shown)))

    @property
    def vertices(self) -> Array:
        """In user coordinates, [vertex, coordinate].

        Raises:
            DomainError: more than 10 dimensions.
        """
        return self.partition.frame.to_user(self._polytope.vertices)

    @property
    def volume(self) -> float:
        """In user coordinates.

        Raises:
            DomainError: more than 10 dimensions.
        """
        return self._polytope.volume * self.partition.frame.scale

    @property
    def _row(self) -> np.ndarray:
        return np.array([self.index])

    @cached_property
    def _constraints(self) -> tuple[Array, Array, Array]:
        return next(self.partition.constraints(self._row))

    @cached_property
    def _polytope(self) -> Polytope:
        return polytope(*self._constraints)

    @cached_property
    def _rows(self) -> tuple[Array, Array]:
        k = self.partition.frame.dimensions
        if k <= MOST:
            return self._polytope.rows, self._polytope.bounds
        from affidavit.regions.polytope import irredundant

        rows, bounds, _ = normalised(*self._constraints)
        rows, bounds = np.r_[rows, np.eye(k), -np.eye(k)], np.r_[bounds, np.ones(2 * k)]
        needed = irredundant(rows, bounds)
        return rows[needed], bounds[needed]
