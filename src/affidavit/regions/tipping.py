"""Tipping points: where a rise in a feature stops to favour an output, or begins to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affidavit.regions import targets
from affidavit.regions.domain import Array
from affidavit.regions.facets import extent, facets
from affidavit.regions.monotone import ROUNDING
from affidavit.regions.result import Partition
from affidavit.regions.targets import Target


@dataclass(frozen=True, eq=False)
class TippingPoint:
    """A border between two regions across which the slope of an output in a feature turns.

    Attributes:
        regions: on the side of the feature's smaller values, and on that of its larger ones. Where
            the border runs along the feature, the smaller index first.
        slopes: of the output in the feature, in these two.
        vertices: corners of the border in user coordinates, [vertex, coordinate]: in one dimension
            the breakpoint itself.
        extent: length (2-D), area (3-D), … of the border in user coordinates; 1 for a point.
    """

    regions: tuple[int, int]
    slopes: tuple[float, float]
    vertices: Array
    extent: float

    @property
    def turn(self) -> str:
        """`peak`: the output rises before and falls after; `valley`; or `level` on one side."""
        before, after = np.sign(self.slopes)
        if before == 0 or after == 0:
            return "level"
        return "peak" if before > 0 else "valley"


def tipping_points(
    partition: Partition, output: Target, feature: int, *, levels: bool = False
) -> tuple[TippingPoint, ...]:
    """The borders across which the slope of an output in a feature changes its sign.

    Guarantee: exact on a complete partition. Source: Continuous Exact Explanations, section IV-C.

    Args:
        partition: with cells.
        output: an output or a margin.
        feature: one that varies in the domain.
        levels: also where the slope is zero on one side.

    Returns:
        Tipping points by the feature's value in their middle, ascending. A border that cuts of
        other units cross comes in several.

    Raises:
        DomainError: no such output or feature, or a partition without cells.
    """
    network, frame = partition.network, partition.frame
    place = targets.free_place(network, feature)
    row = targets.row(output, network.outputs)
    gradients = np.einsum("o,rof->rf", row, partition.maps()[0])
    slopes = gradients[:, frame.free[place]]
    size = np.abs(gradients * targets.widths(network)).max(initial=0.0)
    slopes = np.where(np.abs(slopes) * 2 * frame.half[place] <= ROUNDING * size, 0.0, slopes)
    pairs = partition.neighbours
    signs = np.sign(slopes)[pairs]
    turns = signs[:, 0] != signs[:, 1]
    if not levels:
        turns &= (signs != 0).all(1)
    found = []
    for facet in facets(partition, pairs[turns]):
        low, high = facet.regions
        # The region whose points lie below the border, along the feature.
        middle = facet.points.mean(0)
        axes = np.linalg.svd(facet.points - middle, full_matrices=True)[2]
        up = axes[-1] * (1 if axes[-1, place] >= 0 else -1)
        if abs(up[place]) > 1e-9 and up @ (partition.centers[low] - middle) > 0:
            low, high = high, low
        points = frame.to_user(facet.points)
        found.append(
            TippingPoint(
                (low, high),
                (float(slopes[low]), float(slopes[high])),
                points,
                extent(frame.half * facet.points),
            )
        )
    column = int(np.flatnonzero(frame.shown == frame.free[place])[0])
    return tuple(sorted(found, key=lambda point: float(point.vertices[:, column].mean())))
