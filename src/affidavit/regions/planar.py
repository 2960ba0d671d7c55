"""Enumeration in two dimensions, polygon by polygon: for networks with many units.

A cell is a convex polygon. The comparisons of a stage are evaluated at the vertices of a bundle of
cells; those that change sign on a cell cut it, and its halves, with what is known at the vertices.
The work on a cell does not depend on how many others there are, and bundles go through the stages
the deepest first, so memory stays small however many units and regions the network has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions import planar_kernels as kernels
from affidavit.regions.domain import Array, Frame
from affidavit.regions.network import Network, Stage
from affidavit.regions.polygons import distinct, measured
from affidavit.regions.work import THIN, Found, Limits

SNAP = 1e-12
"""Distance, in the frame's coordinates, up to which a line passes through a vertex."""

_NUMBERS = 1 << 22  # values of comparisons at vertices, in one step
_VERTICES = 1 << 18  # of the parts that one step makes
_WORDS = 1 << 23  # of the parts' patterns
_LINES = 256  # that cut one polygon in one step


@dataclass
class Bundle:
    """Convex polygons that one stage is to cut: see `planar_kernels`.

    Attributes:
        stage: index of the stage.
        start, point, label: the polygons.
        done: comparisons of the stage, in the order of cuts, that each is past.
        pattern: bits of the states of earlier stages' units, uint64, [cell, word]; no words where
            the signs of comparisons do not tell the states.
    """

    stage: int
    start: np.ndarray
    point: Array
    label: np.ndarray
    done: np.ndarray
    pattern: np.ndarray

    def __len__(self) -> int:
        return len(self.done)

    def cut(self, first: int, last: int) -> Bundle:
        """Polygons `first` to `last`."""
        low, high = self.start[first], self.start[last]
        return Bundle(
            self.stage,
            self.start[first : last + 1] - low,
            self.point[low:high],
            self.label[low:high],
            self.done[first:last],
            self.pattern[first:last],
        )

    def chosen(self, which: np.ndarray, stage: int) -> Bundle:
        """Some of the polygons, at a stage."""
        if which.all():
            return replace(self, stage=stage)
        sizes = np.diff(self.start)
        rows = np.repeat(which, sizes)
        start = np.r_[0, np.cumsum(sizes[which])]
        return Bundle(
            stage,
            start,
            self.point[rows],
            self.label[rows],
            self.done[which],
            self.pattern[which],
        )


@dataclass
class Planar:
    """The engine at work.

    Attributes:
        cuts: how many were made.
    """

    network: Network
    name: str = "planar"
    cuts: int = 0
    bundles: list[Bundle] = field(default_factory=list)

    def __post_init__(self) -> None:
        frame = self.network.frame
        if frame.dimensions != 2:
            raise DomainError(
                f"the engine 'planar' needs exactly two features that vary, not {frame.dimensions}:"
                " take a Slice of two, or another engine"
            )
        domain = root(frame)
        self._area = float(measured(domain.start, domain.point, domain.label).volumes.sum())
        self._orders: dict[Stage, np.ndarray] = {}
        self._words = -(-self.network.bits // 64) if self.network.plain else 0
        if not self.bundles and not self.cuts:
            domain.pattern = np.zeros((1, self._words), np.uint64)
            self.bundles = [domain]

    @property
    def open(self) -> int:
        return len(self.bundles)

    def again(self, network: Network, limits: Limits) -> Planar:
        """The same work left to do: see `work.Work`."""
        return Planar(network, self.name, self.cuts, list(self.bundles))

    def step(self, watch: Callable[[float], None]) -> Found | None:
        watch(0.0)
        bundle = self.bundles[-1]
        if bundle.stage == len(self.network.stages):
            self.bundles.pop()
            return self._found(bundle)
        stage = self.network.stages[bundle.stage]
        rank = self._order(stage)
        most = max(64, _NUMBERS // max(1, len(rank)))
        parted = pieces(bundle, most)
        if len(parted) > 1:
            self.bundles.pop()
            self.bundles += parted
            return None
        parts, following = self._split(bundle, stage, rank)
        self.bundles.pop()
        if following < len(bundle):
            # As many at a time as were done now.
            rest = bundle.cut(following, len(bundle))
            self.bundles += pieces(rest, max(1, int(bundle.start[following])))
        finished = parts.done == kernels.FINISHED
        if not finished.all():
            self.bundles.append(parts.chosen(~finished, bundle.stage))
        if finished.any():
            self.bundles.append(parts.chosen(finished, bundle.stage + 1))
        return None

    def _split(self, bundle: Bundle, stage: Stage, rank: np.ndarray) -> tuple[Bundle, int]:
        vertex, first = distinct(bundle.point)
        table = self.network.comparisons(bundle.point[first], stage)
        noise = self.network.noise(stage, table.shape[1])
        words = -(-table.shape[1] // 64)
        positive = np.empty((len(table), words), np.uint64)
        negative = np.empty((len(table), words), np.uint64)
        kernels.signs(table, noise, positive, negative)
        following, cuts, *parts = kernels.split_all(
            bundle.start,
            bundle.point,
            bundle.label,
            bundle.done,
            vertex,
            table,
            positive,
            negative,
            rank,
            noise,
            THIN,
            SNAP,
            _LINES,
            min(_VERTICES, 4 * _WORDS // max(1, self._words)),
            self.cuts,
        )
        self.cuts = cuts
        start, point, label, done, parent = parts
        pattern = bundle.pattern[parent]
        if self._words:
            kernels.sides(
                bundle.start,
                bundle.point,
                vertex,
                table,
                positive,
                noise,
                parent,
                measured(start, point, label).interior,
                done,
                self.network.layout[stage.name][0],
                pattern,
            )
        return Bundle(bundle.stage, start, point, label, done, pattern), following

    def _order(self, stage: Stage) -> np.ndarray:
        """The place of each comparison of a stage in the order of cuts: random, but fixed.

        Lines in random order leave few comparisons to either half of a polygon; the same order
        everywhere makes the vertices on an edge the same from both of its sides.
        """
        if stage not in self._orders:
            width = self.network.comparisons(np.zeros((1, 2)), stage).shape[1]
            self._orders[stage] = np.random.default_rng(0).permutation(width)
        return self._orders[stage]

    def _found(self, bundle: Bundle) -> Found:
        shape = measured(bundle.start, bundle.point, bundle.label)
        share = float(shape.volumes.sum()) / self._area
        patterns = None
        if self._words:
            # Bytes in the order of the bits, whatever the machine's.
            table = bundle.pattern.astype("<u8", copy=False).view(np.uint8)
            patterns = np.ascontiguousarray(table[:, : -(-self.network.bits // 8)])
        return Found(shape.interior, shape.radius, share, shape, patterns)


def pieces(bundle: Bundle, most: int) -> list[Bundle]:
    """The polygons of a bundle in bundles of about that many vertices, the last ones first."""
    marks = np.searchsorted(bundle.start, np.arange(0, bundle.start[-1], most), "right") - 1
    marks = np.unique(np.r_[marks, len(bundle)])
    found = [bundle.cut(a, b) for a, b in pairwise(marks)]
    return found[::-1]


def root(frame: Frame) -> Bundle:
    """The domain as a single polygon: the square, clipped by the frame's constraints."""
    point = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    label = np.array([-1 - 2, -1 - 1, -1 - 3, -1 - 0])
    for number, (row, bound) in enumerate(zip(frame.A, frame.b, strict=True)):
        point, label = clip(point, label, bound - point @ row, -1 - (4 + number))
    count = len(point)
    return Bundle(
        0,
        np.array([0, count]),
        point,
        label,
        np.full(1, kernels.FINISHED),
        np.zeros((1, 0), np.uint64),
    )


def clip(point: Array, label: np.ndarray, value: Array, mark: int) -> tuple[Array, np.ndarray]:
    """The part of a polygon where values at its vertices, in units of distance, are positive."""
    if value.min() >= -SNAP:
        return point, label
    points, labels = [], []
    for i in range(len(point)):
        j = (i + 1) % len(point)
        if value[i] >= -SNAP:
            points.append(point[i])
            # From a vertex on the line, the edge goes along it or back into the polygon.
            leaves = value[i] <= SNAP and value[j] < -SNAP
            labels.append(mark if leaves else label[i])
        if (value[i] > SNAP and value[j] < -SNAP) or (value[i] < -SNAP and value[j] > SNAP):
            share = value[i] / (value[i] - value[j])
            points.append(point[i] + share * (point[j] - point[i]))
            labels.append(mark if value[i] > 0 else label[i])
    return np.array(points), np.array(labels)
