"""Whether an output only ever rises, or only ever falls, with a feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions import targets
from affidavit.regions.domain import Array
from affidavit.regions.network import Network
from affidavit.regions.result import Partition
from affidavit.regions.targets import Target

Direction: TypeAlias = Literal["increasing", "decreasing", "constant", "none", "undecided"]

ROUNDING = 1e-12
"""Slopes below this share of the largest one (each times its feature's width) count as zero."""


@dataclass(frozen=True, eq=False)
class Rise:
    """A step in one feature within a region, and what it does to the output.

    Attributes:
        region: index in the partition.
        slope: of the output in the feature, there.
        start, end: two whole inputs, flat, that differ in the feature alone, by a positive step.
        values: of the output at both, by running the network.
    """

    region: int
    slope: float
    start: Array
    end: Array
    values: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Monotonicity:
    """How an output moves with a feature.

    Attributes:
        direction: `increasing` or `decreasing` (not strictly: it may stay level somewhere),
            `constant`, `none` (it rises somewhere and falls elsewhere), or `undecided` where an
            incomplete partition shows no break.
        least, greatest: slopes of the output in the feature, over all regions.
        falls, rises: regions of negative and of positive slope, ascending.
        steepest_fall, steepest_rise: witnesses in the regions of least and of greatest slope; None
            where no region has a slope of that sign.
        complete: whether all regions are known.
    """

    direction: Direction
    least: float
    greatest: float
    falls: np.ndarray
    rises: np.ndarray
    steepest_fall: Rise | None
    steepest_rise: Rise | None
    complete: bool

    def holds(self, direction: Literal["increasing", "decreasing", "constant"]) -> bool | None:
        """Whether the output moves so everywhere (a constant one does both); None: undecided."""
        if direction not in ("increasing", "decreasing", "constant"):
            raise DomainError(
                f"direction = {direction!r}: expected 'increasing', 'decreasing' or 'constant'"
            )
        broken = (direction != "increasing" and len(self.rises) > 0) or (
            direction != "decreasing" and len(self.falls) > 0
        )
        if broken:
            return False
        return True if self.complete else None


def monotonicity(
    partition: Partition,
    output: Target,
    feature: int,
    *,
    of: Literal["logit", "probability"] = "logit",
) -> Monotonicity:
    """How an output (or the margin between two) moves with a feature, all others held.

    A continuous piecewise-linear function on a convex domain is monotone in a feature exactly where
    its slope has one sign in all regions.

    Guarantee: exact on a complete partition; a break is exact on any. Source: Continuous Exact
    Explanations, section IV-C (direction of changes).

    Args:
        partition: the regions.
        output: an output or a margin, before a final softmax or sigmoid.
        feature: one that varies in the domain.
        of: `probability` asks about the output behind its final sigmoid, which is strictly
            increasing: the direction is the logit's (slopes stay those of the logit).

    Raises:
        DomainError: no such output; a feature that is held fixed; a probability of a softmax, which
            also falls when another logit rises, or of a network that gives none.
    """
    network = partition.network
    place = targets.free_place(network, feature)
    row = targets.row(output, network.outputs)
    if of != "logit":
        _check_probability(network, output, of)
    if not len(partition):
        raise DomainError("the partition has no regions: nothing is known of any slope")
    gradients = np.einsum("o,rof->rf", row, partition.maps()[0])
    slopes = gradients[:, network.frame.free[place]]
    size = np.abs(gradients * targets.widths(network)).max()
    level = ROUNDING * size / (2 * network.frame.half[place])
    slopes = np.where(np.abs(slopes) <= level, 0.0, slopes)
    falls, rises = np.flatnonzero(slopes < 0), np.flatnonzero(slopes > 0)
    low, high = int(slopes.argmin()), int(slopes.argmax())
    if len(falls) and len(rises):
        direction: Direction = "none"
    elif not partition.complete:
        direction = "undecided"
    else:
        direction = "increasing" if len(rises) else "decreasing" if len(falls) else "constant"
    return Monotonicity(
        direction,
        float(slopes[low]),
        float(slopes[high]),
        falls,
        rises,
        _rise(partition, row, place, low, slopes[low]) if len(falls) else None,
        _rise(partition, row, place, high, slopes[high]) if len(rises) else None,
        partition.complete,
    )


def _rise(partition: Partition, row: Array, place: int, region: int, slope: float) -> Rise:
    """A step along a feature through the middle of the ball known to lie in a region."""
    step = np.zeros(partition.frame.dimensions)
    step[place] = partition.radii[region] / 2
    t = partition.centers[region] + np.stack([-step, step])
    start, end = partition.frame.embed(t)
    values = partition.network.value(t) @ row
    return Rise(region, float(slope), start, end, (float(values[0]), float(values[1])))


def _check_probability(network: Network, output: Target, of: str) -> None:
    if of != "probability":
        raise DomainError(f"of = {of!r}: expected 'logit' or 'probability'")
    if network.head == "sigmoid" and not isinstance(output, tuple):
        return
    if network.head is None:
        raise DomainError(
            "the network ends in no sigmoid or softmax: its outputs are no probabilities"
        )
    what = "a margin of probabilities" if network.head == "sigmoid" else f"a {network.head}"
    raise DomainError(
        f"{what} need not move with its logits: a probability of several classes also falls when"
        " another logit rises. Ask about a logit, or about the margin between two (output = (a, b))"
    )
