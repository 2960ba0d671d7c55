"""Depth-first enumeration with linear programs: for any number of features that vary.

A cell of one stage is split by the comparisons of the next that cross it. Whether one does is a
linear program from a vertex that is already known: often the vertex at hand answers it without a
pivot. Cells go through the stages in bundles, the deepest bundle first, so memory stays small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from affidavit.errors import DomainError, EngineError
from affidavit.regions import lp_kernels as kernels
from affidavit.regions.domain import Array, Frame, chebyshev
from affidavit.regions.network import Network, Stage
from affidavit.regions.work import SHIFTS, THIN, Found, Limits

_BUNDLE = 512

_BYTES = 1 << 27
"""Room for the constraints of the parts that one step makes."""


@dataclass
class Bundle:
    """Cells before one block; those of cell i are the constraints `rows[start[i] : start[i + 1]]`.

    Attributes:
        block: index of the block of comparisons that is to split them.
        start, rows, bounds: their constraints.
        basis: positions, among a cell's constraints, of d that meet in a vertex of it.
        center, radius: a ball inside.
        share: of the search tree.
    """

    block: int
    start: np.ndarray
    rows: Array
    bounds: Array
    basis: np.ndarray
    center: Array
    radius: Array
    share: Array

    def __len__(self) -> int:
        return len(self.center)

    def cut(self, first: int, last: int) -> Bundle:
        """Cells `first` to `last`."""
        low, high = self.start[first], self.start[last]
        part = slice(first, last)
        return Bundle(
            self.block,
            self.start[first : last + 1] - low,
            self.rows[low:high],
            self.bounds[low:high],
            self.basis[part],
            self.center[part],
            self.radius[part],
            self.share[part],
        )


@dataclass
class LinearPrograms:
    """The engine at work."""

    network: Network
    seed: int = 0
    name: str = "lp"
    attempt: int = 0
    bundles: list[Bundle] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.bundles:
            self.bundles = [root(self.network.frame)]
        self._shifts = self._displacement()
        # By so few comparisons at once that all parts of a cell find room.
        d = self.network.frame.dimensions
        block = int(np.clip(np.log2(_BYTES / (32 * (d + 1) * (d + 16))), 1, 12))
        self._blocks = [
            (stage, slice(first, first + block))
            for stage in self.network.stages
            for first in range(0, self._comparisons(stage), block)
        ]

    @property
    def open(self) -> int:
        return len(self.bundles)

    def again(self, network: Network, limits: Limits) -> LinearPrograms:
        return LinearPrograms(network, self.seed, self.name, self.attempt, list(self.bundles))

    def step(self, watch: Callable[[float], None]) -> Found | None:
        watch(0.0)
        bundle = self.bundles[-1]
        if len(bundle) > _BUNDLE:
            self.bundles.pop()
            for first in range(0, len(bundle), _BUNDLE):
                self.bundles.append(bundle.cut(first, min(first + _BUNDLE, len(bundle))))
            return None
        parts, done = self._split(bundle)
        self.bundles.pop()
        if done < len(bundle):
            self.bundles.append(bundle.cut(done, len(bundle)))
        if parts.block < len(self._blocks):
            self.bundles.append(parts)
            return None
        return Found(parts.center, parts.radius, float(parts.share.sum()))

    def _split(self, bundle: Bundle) -> tuple[Bundle, int]:
        """The parts of the first cells of a bundle, as many as there is room for, and how many."""
        if not self._blocks:
            return bundle, len(bundle)
        stage, rows = self._blocks[bundle.block]
        slopes, values = self.network.comparison_maps(bundle.center, stage, self._shifts, rows)
        last = bundle.block + 1 == len(self._blocks)
        d = bundle.center.shape[1]
        most = 1 << values.shape[1]
        longest = int(np.diff(bundle.start).max()) + values.shape[1]
        room = max(most, _BYTES // (8 * (d + 1) * longest))
        out = _Out(d, room, room * longest)
        done, parts, status = kernels.split_all(
            bundle.start,
            bundle.rows,
            bundle.bounds,
            bundle.basis,
            bundle.center,
            slopes,
            values,
            THIN,
            0,
            most,
            *out.arrays,
        )
        if status == kernels.STUCK and not done:
            self._displace_more()
            return self._split(bundle)
        return out.bundle(bundle, parts, keep=not last), done

    def _comparisons(self, stage: Stage) -> int:
        center = np.zeros((1, self.network.frame.dimensions))
        return len(self.network.comparisons(center, stage)[0])

    def _displace_more(self) -> None:
        """After a program that cycled or met a singular basis: other hyperplanes, a little off."""
        self.attempt += 1
        if self.attempt == len(SHIFTS):
            raise EngineError(
                "a linear program stayed degenerate after its hyperplanes were displaced: take"
                " engine = 'skeleton' or 'milp'"
            )
        self._shifts = self._displacement()

    def _displacement(self) -> Any:
        size = SHIFTS[self.attempt]
        if not size:
            return None
        return self.network.shifts(size, np.random.default_rng((self.seed, self.attempt)))


class _Out:
    """Room for the parts of cells."""

    def __init__(self, d: int, room: int, wide: int) -> None:
        self.arrays = (
            np.empty(room + 1, np.int64),
            np.empty((wide, d)),
            np.empty(wide),
            np.empty((room, d), np.int32),
            np.empty((room, d)),
            np.empty(room),
            np.empty(room, np.int64),
        )

    def bundle(self, source: Bundle, parts: int, *, keep: bool) -> Bundle:
        start, rows, bounds, basis, center, radius, parent = self.arrays
        used = start[parts] if keep else 0
        siblings = np.bincount(parent[:parts], minlength=len(source))
        return Bundle(
            source.block + 1,
            start[: parts + 1].copy() if keep else np.zeros(parts + 1, np.int64),
            rows[:used].copy(),
            bounds[:used].copy(),
            basis[:parts].copy(),
            center[:parts].copy(),
            radius[:parts].copy(),
            (source.share / np.maximum(siblings, 1))[parent[:parts]],
        )


def root(frame: Frame) -> Bundle:
    """The domain as a single cell."""
    k = frame.dimensions
    rows = np.r_[np.eye(k), -np.eye(k), frame.A]
    bounds = np.r_[np.ones(2 * k), frame.b]
    center, radius = np.zeros(k), 1.0
    basis = np.arange(k, dtype=np.int32)
    if len(frame.b):
        center, radius = chebyshev(rows, bounds)
        basis = _feasible_vertex(rows, bounds)
    return Bundle(
        0,
        np.array([0, len(rows)]),
        rows,
        bounds,
        basis[None],
        center[None],
        np.array([radius]),
        np.ones(1),
    )


def _feasible_vertex(rows: Array, bounds: Array) -> np.ndarray:
    """A basis of a vertex: constraints are met one by one, from a corner of the cube."""
    k = rows.shape[1]
    count = 2 * k
    basis = np.arange(k, dtype=np.int32)
    x = np.empty(k)
    inverse, active = np.empty((k, k)), np.empty(len(rows), bool)
    for number in range(count, len(rows)):
        # Towards the constraint among those met so far, until it holds.
        status = kernels.maximise(
            rows,
            bounds,
            number,
            basis,
            x,
            -rows[number],
            bounds[number],
            1e-9,
            inverse,
            active,
        )
        if status == kernels.FAILED or bounds[number] - rows[number] @ x < 0:
            raise DomainError("no vertex of the region was found: its constraints are degenerate")
    return basis
