"""One polytope from its constraints: vertices, facets and volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from affidavit.errors import DomainError
from affidavit.regions import skeleton_kernels as kernels
from affidavit.regions.domain import Array, chebyshev
from affidavit.regions.shape import Shape
from affidavit.regions.skeleton import Complex, DegenerateError, box_complex, cells

MOST = 10
"""Dimensions up to which vertices are enumerated; a cube of more has too many."""

_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Polytope:
    """A polytope within [-1, 1]^k.

    Attributes:
        rows, bounds: its irredundant constraints `rows @ t <= bounds`, rows of unit length.
        source: for each the index of the constraint it was given as; -1 - i for the i-th bound of
            the cube, in the order of `skeleton.box_complex`.
        vertices: [vertex, k].
        volume: in these coordinates.
    """

    rows: Array
    bounds: Array
    source: np.ndarray
    vertices: Array
    volume: float


def polytope(slopes: Array, values: Array, center: Array) -> Polytope:
    """The part of the cube where `values + slopes @ (t - center) >= 0`.

    Args:
        slopes: [constraint, k].
        values: at the centre, [constraint], none of them negative.
        center: a point inside, [k].

    Raises:
        DomainError: more than 10 dimensions.
    """
    k = slopes.shape[1]
    if k > MOST:
        raise DomainError(
            f"vertices and volumes are enumerated up to {MOST} dimensions; this region has {k}"
        )
    rows, bounds, index = normalised(slopes, values, center)
    generator = np.random.default_rng(0)
    for size in (0.0, 1e-11, 1e-10, 1e-9, 1e-8):
        offsets = size * (1 + generator.random(len(rows)))
        try:
            found = _clip(rows, bounds + offsets, exact=not size)
            shape = Shape(found, cells(found), np.zeros(1, np.int64))
        except DegenerateError:
            continue
        return _finish(found, shape, rows, bounds, index, displaced=bool(size))
    raise DomainError("the region's constraints are too ill-conditioned for its vertices")


def normalised(slopes: Array, values: Array, center: Array) -> tuple[Array, Array, np.ndarray]:
    """Constraints as `rows @ t <= bounds` with rows of unit length, nearest to the centre first.

    Constant ones, those that the cube implies, and repetitions are left out.

    Returns:
        rows, bounds and the index of each among those given.
    """
    lengths = np.linalg.norm(slopes, axis=1)
    scale = lengths.max(initial=0)
    index = np.flatnonzero(lengths > 1e-14 * scale)
    rows = -slopes[index] / lengths[index, None]
    distance = values[index] / lengths[index]
    reach = np.abs(rows).sum(1) - rows @ center
    near = distance < reach
    rows, distance, index = rows[near], distance[near], index[near]
    order = np.argsort(distance, kind="stable")
    rows, distance, index = rows[order], distance[order], index[order]
    _, first = np.unique(np.round(np.c_[rows, distance] / _SAME), axis=0, return_index=True)
    first.sort()
    return rows[first], distance[first] + rows[first] @ center, index[first]


def largest_ball(slopes: Array, values: Array, center: Array) -> tuple[Array, float]:
    """Centre and radius of the largest ball in a region; arguments as of `polytope`."""
    k = slopes.shape[1]
    rows, bounds, _ = normalised(slopes, values, center)
    cube = np.r_[np.eye(k), -np.eye(k)]
    return chebyshev(np.r_[rows, cube], np.r_[bounds, np.ones(2 * k)])


def irredundant(rows: Array, bounds: Array) -> np.ndarray:
    """Which of `rows @ t <= bounds` are needed, by one linear program each. For any dimension."""
    needed = np.ones(len(rows), bool)
    for i in range(len(rows)):
        relaxed = bounds[needed].copy()
        place = int(needed[:i].sum())
        relaxed[place] += 1
        found = linprog(-rows[i], rows[needed], relaxed, bounds=(None, None), method="highs")
        needed[i] = not found.success or -float(found.fun or 0) > bounds[i] + _SAME
    return needed


def _clip(rows: Array, bounds: Array, *, exact: bool) -> Complex:
    k = rows.shape[1]
    found = box_complex(k)
    for number, (row, bound) in enumerate(zip(rows, bounds, strict=True)):
        value = bound - found.point[: found.vertices] @ row
        if exact and np.abs(value).min() <= 1e-12:
            raise DegenerateError
        crossings = kernels.count_crossings(value, found.neighbour, found.vertices)
        if not crossings:
            continue
        # The new hyperplane is a facet from now on: nothing is wanted on its other side.
        found.facets = 2 * k + number
        found.cut(value, 2 * k + number, crossings)
        found.vertices = kernels.keep_positive(
            value, found.point, found.zero, found.neighbour, found.vertices, crossings
        )
    return found


def _finish(
    found: Complex, shape: Shape, rows: Array, bounds: Array, index: np.ndarray, *, displaced: bool
) -> Polytope:
    k = found.point.shape[1]
    points = found.point[: found.vertices]
    cube = np.zeros((2 * k, k))
    cube[::2] = -np.eye(k)
    cube[1::2] = np.eye(k)
    zero = found.zero[: found.vertices]
    kept = []
    for plane in np.unique(zero):
        on = points[(zero == plane).any(1)]
        # A displaced constraint that only touches cuts off a facet of no extent.
        spread = np.linalg.svd(on - on.mean(0), compute_uv=False)
        if not displaced or k == 1 or spread[k - 2] > 1e-7:
            kept.append(int(plane))
    planes = np.array(kept)
    rows, bounds = np.r_[cube, rows][planes], np.r_[np.ones(2 * k), bounds][planes]
    source = np.r_[-1 - np.arange(2 * k), index][planes]
    if displaced:
        _, first = np.unique(np.round(points / 1e-7), axis=0, return_index=True)
        points = points[np.sort(first)]
    return Polytope(rows, bounds, source, points.copy(), float(shape.volumes.sum()))
