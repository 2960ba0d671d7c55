"""The boundary between two decisions: how long it is, and how smooth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions import answers, targets
from affidavit.regions.domain import Array
from affidavit.regions.facets import Facet, extent, facets, meeting, normal
from affidavit.regions.gradient_norms import scale_of
from affidavit.regions.result import Partition

STRAIGHT = 1e-6
"""Turns by a smaller angle, in radians, are none."""


@dataclass(frozen=True, eq=False)
class Boundary:
    """The boundary between two classes within a domain.

    Attributes:
        classes: the two.
        facets: its facets.
        normals: unit normal of each, in scaled coordinates, towards the first class, [facet, k].
        extents: of each: length in 2-D, area in 3-D, …, in scaled coordinates; 1 for a point.
        joints: pairs of facets that follow each other across a ridge (in 2-D, a common end).
        angles: by how much the normal turns there, in radians from 0 to pi, [joint].
    """

    classes: tuple[int, int]
    facets: tuple[Facet, ...]
    normals: Array
    extents: Array
    joints: np.ndarray
    angles: Array

    @property
    def extent(self) -> float:
        """Total length (2-D), area (3-D), …; in 1-D the number of points."""
        return float(self.extents.sum())

    @property
    def corners(self) -> int:
        """Joints at which the boundary turns."""
        return int((self.angles > STRAIGHT).sum())

    def __len__(self) -> int:
        return len(self.facets)


def boundary(partition: Partition, a: int, b: int, *, scale: Any = None) -> Boundary:
    """The boundary between the classes a and b, facet by facet.

    Guarantee: exact on a complete partition. Source: Continuous Exact Explanations, section IV-C
    (smooth and irregular behavior).

    Args:
        partition: refined by `decision` or `ranking`, with cells.
        a, b: two classes.
        scale: how large a change of each feature counts as 1, [feature]; 1 unless given. Lengths
            and angles depend on it.

    Raises:
        DomainError: no such classes, a scale that does not fit, or a partition that tells no
            decisions apart or has no cells.
    """
    network, frame = partition.network, partition.frame
    chosen = answers.decision(partition)
    count = targets.classes(network)
    pair = targets.number(a, count, "class"), targets.number(b, count, "class")
    if a == b:
        raise DomainError(f"a boundary lies between two classes, not between {a} and itself")
    units = scale_of(scale, len(frame.base))[frame.free]
    pairs = partition.neighbours
    sides = chosen[pairs]
    between = (sides == pair).all(1) | (sides == pair[::-1]).all(1)
    found = facets(partition, pairs[between])
    steps = frame.half / units
    k = frame.dimensions
    normals, extents = np.zeros((len(found), k)), np.zeros(len(found))
    for index, facet in enumerate(found):
        first = next(region for region in facet.regions if chosen[region] == a)
        normals[index] = normal(facet.points * steps, partition.centers[first] * steps)
        extents[index] = extent(facet.points * steps)
    joints = meeting(found, k)
    one, other = normals[joints[:, 0]], normals[joints[:, 1]]
    # Of small angles the cosine says nothing.
    angles = 2 * np.arctan2(
        np.linalg.norm(one - other, axis=1), np.linalg.norm(one + other, axis=1)
    )
    return Boundary(pair, tuple(found), normals, extents, joints, angles)
