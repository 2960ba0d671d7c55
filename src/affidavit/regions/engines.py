"""Which engine does the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from affidavit.errors import DomainError, nearest
from affidavit.regions import milp, skeleton
from affidavit.regions.cell_kernels import centroids
from affidavit.regions.domain import Array
from affidavit.regions.lp import LinearPrograms
from affidavit.regions.network import Network, Stage
from affidavit.regions.planar import Planar
from affidavit.regions.shape import Shape
from affidavit.regions.work import SHIFTS, Found, Limits, Work

ENGINES = ("auto", "skeleton", "planar", "lp", "milp")

MOST_SKELETON = 6
"""Dimensions up to which `auto` takes the skeleton whatever the network."""

TRY_SKELETON = 9
"""Dimensions up to which `auto` tries it within a limit of vertices."""

MANY_UNITS = 512
"""Units from which `auto` takes polygons for two dimensions.

Measured, user CPU time of the skeleton by that of polygons, in one run: 0.5 to 1.3 with 30 to 257
units, where either takes a tenth of a second at most; 1.1 with 512, 1.3 with 768 + 128 and 2.8 with
1,024 units; 3 to 8 on slices of convolutional networks of 3,000 to 28,000 units. With decisions
told apart, 0.9 to 1.2 from 512 units on.
"""

_TIGHT = 1e-6
_BYTES = 2**30


def start(network: Network, engine: str, limits: Limits, seed: int) -> Work:
    """The engine, ready to work.

    Raises:
        DomainError: no such engine, or one that cannot do it.
    """
    if engine not in ENGINES:
        raise DomainError(
            f"no engine is called {engine!r}{nearest(engine, ENGINES)}: expected one of"
            f" {', '.join(ENGINES)}"
        )
    k = network.frame.dimensions
    if engine == "milp":
        return Programs(network, limits)
    if engine == "lp" or (engine == "auto" and k > TRY_SKELETON):
        return LinearPrograms(network, seed)
    units = sum(switch.units for switch in network.switches.values())
    if engine == "planar" or (engine == "auto" and k == 2 and units >= MANY_UNITS):
        return Planar(network)
    halve = engine == "skeleton" or k <= MOST_SKELETON
    return Skeleton(network, limits, seed, halve=halve)


@dataclass
class Skeleton:
    """The shared 1-skeleton, box by box.

    Attributes:
        halve: whether a box with too many vertices is halved. In many dimensions that gains little
            and linear programs are the better way: TooLargeError is raised instead.
    """

    network: Network
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    name: str = "skeleton"
    boxes: list[tuple[Array, Array]] = field(default_factory=list)
    halve: bool = True

    def __post_init__(self) -> None:
        k = self.network.frame.dimensions
        if not self.boxes:
            self.boxes = [(-np.ones(k), np.ones(k))]

    @property
    def open(self) -> int:
        return len(self.boxes)

    def again(self, network: Network, limits: Limits) -> Skeleton:
        return Skeleton(network, limits, self.seed, boxes=list(self.boxes))

    def step(self, watch: Callable[[float], None]) -> Found | None:
        lower, upper = self.boxes[-1]
        stages = self.network.stages
        number = {stage: index for index, stage in enumerate(stages)}

        def follow(stage: Stage, share: float) -> None:
            watch((number[stage] + share) / len(stages))

        try:
            shape = self._subdivide(lower, upper, follow)
        except skeleton.TooLargeError:
            if not self.halve:
                raise
            self.boxes.pop()
            self.boxes.extend(self._halves(lower, upper))
            return None
        self.boxes.pop()
        share = float(np.prod((upper - lower) / 2))
        found, cells = shape.complex, shape.cells
        known = skeleton.patterns(found, cells) if found.bits.size else None
        found.bits = found.bits[:0, :0]
        return Found(cells.interior, cells.radius, share, shape, known, known is not None)

    def _subdivide(
        self, lower: Array, upper: Array, follow: Callable[[Stage, float], None]
    ) -> Shape:
        """In general position if it is; else with every hyperplane displaced a little."""
        frame = self.network.frame
        for attempt, size in enumerate(SHIFTS):
            generator = np.random.default_rng((self.seed, attempt))
            shifts = self.network.shifts(size, generator) if size else None
            offsets = size * (1 + generator.random(len(frame.b)))
            try:
                box = skeleton.domain_complex(frame, lower, upper, offsets if size else None)
                found = skeleton.subdivide(
                    self.network,
                    box,
                    shifts=shifts,
                    limit=self._most,
                    # Displaced hyperplanes do not tell the states of the network itself.
                    track=not size and self.network.plain,
                    watch=follow,
                )
                cells = self._centred(found, skeleton.cells(found))
                return Shape(found, cells, np.arange(len(cells.bottom)), displaced=size > 0)
            except skeleton.DegenerateError:
                continue
        raise DomainError(
            "the network's hyperplanes stay degenerate after displacement: take engine = 'lp'"
        )

    def _centred(self, found: skeleton.Complex, cells: skeleton.Cells) -> skeleton.Cells:
        """Cells with little room at their lowest vertex get a point in their middle instead.

        Where hyperplanes were moved apart, the network itself says something else that near.
        """
        tight = np.flatnonzero(cells.radius < _TIGHT)
        if len(tight):
            middle = np.empty((len(tight), found.point.shape[1]))
            centroids(
                found.point,
                found.zero,
                found.neighbour,
                cells.bottom[tight],
                cells.sides[tight],
                middle,
            )
            cells.interior[tight] = middle
            cells.radius[tight] = self.network.clearance(middle)
        return cells

    @property
    def _most(self) -> int:
        k = self.network.frame.dimensions
        most = min(self.limits.bytes, _BYTES) / (20 * k + 400)
        # A box is done as a whole: small ones, where few regions are wanted.
        return max(1 << 12, int(min(most, 4 * self.limits.regions)))

    def _halves(self, lower: Array, upper: Array) -> list[tuple[Array, Array]]:
        axis = int(np.argmax(upper - lower))
        middle = (lower[axis] + upper[axis]) / 2
        low, high = lower.copy(), upper.copy()
        low[axis] = high[axis] = middle
        return [(lower, high), (low, upper)]


@dataclass
class Programs:
    """The paper's mixed-integer programs, one solve a region."""

    network: Network
    limits: Limits
    name: str = "milp"
    open: int = 1

    def again(self, network: Network, limits: Limits) -> Programs:
        return Programs(network, limits)

    def step(self, watch: Callable[[float], None]) -> Found | None:
        limit = None if np.isinf(self.limits.regions) else int(self.limits.regions)
        seconds = None if np.isinf(self.limits.seconds) else self.limits.seconds
        found = milp.states(self.network, limit=limit, seconds=seconds, watch=lambda _: watch(0.0))
        self.open = 0 if found.complete else 1
        stopped = "" if found.complete else "a limit was reached; mixed-integer programs start anew"
        return Found(found.interior, found.radius, float(found.complete), stopped=stopped)
