"""Analysis regions: where the network is to be explained, and the coordinates engines work in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy.optimize import linprog

from affidavit.errors import DomainError

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

PRECISE = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
"""Options of HiGHS: its own tolerance of 1e-7 is coarser than what we ask of regions."""

FLAT = 1e-9
"""Inscribed balls smaller than this share of a region's widths do not count as an interior."""


@dataclass(frozen=True, eq=False)
class Box:
    """All inputs between two corners. Features with equal bounds are held fixed.

    Attributes:
        lower, upper: the corners, any shape with one entry a feature (flattened in row-major
            order).

    Raises:
        DomainError: bounds that are NaN, infinite, of different sizes or crossed.
    """

    lower: Array
    upper: Array

    def __init__(self, lower: Any, upper: Any) -> None:
        low, high = _bounds(lower, upper)
        _finite(low, high)
        object.__setattr__(self, "lower", low)
        object.__setattr__(self, "upper", high)


@dataclass(frozen=True, eq=False)
class Polytope:
    """All inputs with `A x <= b`, within a box where one is given.

    Attributes:
        A, b: one row a constraint, shapes [constraint, feature] and [constraint].
        lower, upper: bounds of each feature, infinite where there is none.

    Raises:
        DomainError: shapes that do not fit, NaN, or crossed bounds. That the constraints bound a
            region with an interior is checked when it is used.
    """

    A: Array
    b: Array
    lower: Array
    upper: Array

    def __init__(self, A: Any, b: Any, lower: Any = None, upper: Any = None) -> None:
        rows, bounds = _constraints(A, b, None)
        features = rows.shape[1]
        low = np.full(features, -np.inf) if lower is None else lower
        high = np.full(features, np.inf) if upper is None else upper
        low, high = _bounds(low, high)
        if len(low) != features:
            raise DomainError(f"A has {features} columns and the box {len(low)} features")
        for name, value in (("A", rows), ("b", bounds), ("lower", low), ("upper", high)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Slice:
    """Inputs that differ from a point on chosen features only.

    Vertices, volumes and `locate` of a partition of a slice use the chosen features' coordinates,
    in the order they are given; weights cover all features.

    Attributes:
        point: the input that all others share the fixed features with.
        features: indices of the features that vary.
        lower, upper: their bounds, in the same order.
        A, b: further constraints `A u <= b` on them.

    Raises:
        DomainError: a feature that does not exist or is named twice, bad bounds, NaN.
    """

    point: Array
    features: tuple[int, ...]
    lower: Array
    upper: Array
    A: Array
    b: Array

    def __init__(
        self,
        point: Any,
        features: Sequence[int],
        lower: Any,
        upper: Any,
        A: Any = None,
        b: Any = None,
    ) -> None:
        values = _vector(point, "the point")
        if not np.isfinite(values).all():
            raise DomainError("the point of the slice has an entry that is NaN or infinite")
        chosen = tuple(int(feature) for feature in features)
        if not chosen:
            raise DomainError("a slice needs at least one feature that varies")
        if len(set(chosen)) < len(chosen):
            raise DomainError(f"the slice names a feature twice: {list(chosen)}")
        for feature in chosen:
            if not 0 <= feature < len(values):
                raise DomainError(
                    f"the slice varies feature {feature}; the point has the features 0 to"
                    f" {len(values) - 1}"
                )
        low, high = _bounds(lower, upper)
        if len(low) != len(chosen):
            raise DomainError(f"{len(low)} bounds for {len(chosen)} features of the slice")
        _finite(low, high)
        k = len(chosen)
        rows, bounds = _constraints(np.zeros((0, k)) if A is None else A, b, k)
        fields = (values, chosen, low, high, rows, bounds)
        for name, value in zip(
            ("point", "features", "lower", "upper", "A", "b"), fields, strict=True
        ):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Point:
    """A single input: only the region that it lies in is wanted.

    Attributes:
        x: the input.
        lower, upper: where its region is cut off; regions of networks are often unbounded.
    """

    x: Array
    lower: Array
    upper: Array

    def __init__(self, x: Any, lower: Any, upper: Any) -> None:
        values = _vector(x, "the point")
        low, high = _bounds(lower, upper)
        _finite(low, high)
        if len(low) != len(values):
            raise DomainError(f"the point has {len(values)} features and the box {len(low)}")
        if not ((values >= low) & (values <= high)).all():
            feature = int(np.argmax(~((values >= low) & (values <= high))))
            raise DomainError(
                f"feature {feature} of the point is {values[feature]:g}, outside"
                f" [{low[feature]:g}, {high[feature]:g}]"
            )
        for name, value in (("x", values), ("lower", low), ("upper", high)):
            object.__setattr__(self, name, value)


Domain: TypeAlias = Box | Polytope | Slice | Point


def cloud(points: Any, envelope: Literal["box", "convex"] = "box") -> Box | Polytope:
    """The region around a cloud of points: its bounding box or its convex envelope.

    Args:
        points: shape [point, feature].
        envelope: `box`, or `convex` (few features: facets grow fast with dimension).

    Raises:
        DomainError: no points, NaN, or (convex) points that lie in a plane.
    """
    array = np.asarray(points, np.float64)
    if array.ndim < 2 or not array.size or not np.isfinite(array).all():
        raise DomainError("a cloud needs points, one a row, each with finite entries")
    array = array.reshape(len(array), -1)
    lower, upper = array.min(0), array.max(0)
    if envelope == "box":
        return Box(lower, upper)
    from scipy.spatial import ConvexHull, QhullError

    free = np.flatnonzero(upper > lower)
    if len(free) == 1:
        return Polytope(np.zeros((0, len(lower))), [], lower, upper)
    try:
        hull = ConvexHull(array[:, free])
    except (QhullError, ValueError) as error:
        raise DomainError(
            f"the {len(array)} points span no volume in {len(free)} features: take their box, or"
            " a slice of fewer features"
        ) from error
    equations = np.unique(hull.equations, axis=0)  # Qhull repeats a facet for each simplex of it
    A = np.zeros((len(equations), array.shape[1]))
    A[:, free] = equations[:, :-1]
    return Polytope(A, -equations[:, -1], lower, upper)


@dataclass(frozen=True, eq=False)
class Frame:
    """A domain in the engines' own coordinates: k free features, each in [-1, 1].

    `x = base` with `x[free] = center + half * t`. Tolerances mean the same in every direction
    that way, whatever the features' units.

    Attributes:
        base: the input at the centre, shape [feature].
        free: indices of the features that vary, shape [k].
        center, half: middle and half width of each.
        A, b: further constraints `A t <= b`, rows of unit length, none of them idle.
        shown: features that user coordinates consist of.
    """

    base: Array
    free: np.ndarray
    center: Array
    half: Array
    A: Array
    b: Array
    shown: np.ndarray
    _place: np.ndarray = field(repr=False)

    @property
    def dimensions(self) -> int:
        """The number k of free features."""
        return len(self.free)

    @property
    def scale(self) -> float:
        """Volume of user coordinates for one of the engines' coordinates."""
        return float(np.prod(self.half))

    def to_user(self, t: Array) -> Array:
        """User coordinates, shape [..., shown], of engine coordinates [..., k]."""
        u = np.broadcast_to(self.base[self.shown], (*t.shape[:-1], len(self.shown))).copy()
        u[..., self._place] = self.center + self.half * t
        return u

    def from_user(self, u: Array) -> Array:
        """Engine coordinates of user coordinates."""
        result: Array = (u[..., self._place] - self.center) / self.half
        return result

    def on_domain(self, u: Array, tolerance: float = 1e-9) -> np.ndarray:
        """Whether points in user coordinates lie in the domain, fixed features included."""
        t = self.from_user(u)
        fixed = np.ones(len(self.shown), bool)
        fixed[self._place] = False
        held = self.base[self.shown][fixed]
        near = np.abs(u[..., fixed] - held) <= tolerance * np.maximum(1, np.abs(held))
        inside = (np.abs(t) <= 1 + tolerance).all(-1) & near.all(-1)
        result: np.ndarray = inside & (t @ self.A.T <= self.b + tolerance).all(-1)
        return result

    def embed(self, t: Array) -> Array:
        """Whole inputs, shape [..., feature], of engine coordinates."""
        x = np.broadcast_to(self.base, (*t.shape[:-1], len(self.base))).copy()
        x[..., self.free] = self.center + self.half * t
        return x


def same_frame(one: Frame, other: Frame) -> bool:
    """Whether the engines' coordinates mean the same inputs in both."""
    names = ("base", "free", "center", "half", "A", "b", "shown")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def frame(domain: Domain, features: int) -> Frame:
    """The frame of a domain of a network with that many input features.

    Raises:
        DomainError: the domain has another number of features, or is empty, flat or unbounded.
    """
    if isinstance(domain, Box):
        _fits(len(domain.lower), features)
        return _frame(domain.lower, np.arange(features), domain.lower, domain.upper)
    if isinstance(domain, Point):
        _fits(len(domain.lower), features)
        return _frame(domain.x, np.arange(features), domain.lower, domain.upper)
    if isinstance(domain, Slice):
        _fits(len(domain.point), features)
        chosen = np.array(domain.features)
        lower, upper = domain.lower, domain.upper
        if len(domain.b):
            lower, upper = bounding_box(domain.A, domain.b, lower, upper)
        return _frame(domain.point, chosen, lower, upper, domain.A, domain.b)
    if isinstance(domain, Polytope):
        _fits(domain.A.shape[1], features)
        lower, upper = bounding_box(domain.A, domain.b, domain.lower, domain.upper)
        return _frame(lower, np.arange(features), lower, upper, domain.A, domain.b)
    raise DomainError(
        f"{type(domain).__name__} is no analysis region: expected Box, Polytope, Slice or Point"
    )


def bounding_box(A: Array, b: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """The smallest box around `A x <= b` within bounds, by two linear programs a feature.

    Raises:
        DomainError: the constraints contradict each other or leave a feature unbounded.
    """
    low, high = lower.copy(), upper.copy()
    bounds = [(float(low), float(high)) for low, high in zip(lower, upper, strict=True)]
    for feature in range(A.shape[1]):
        for sign, side in ((1, low), (-1, high)):
            cost = np.zeros(A.shape[1])
            cost[feature] = sign
            found = linprog(cost, A, b, bounds=bounds, method="highs")
            if found.status == 2:
                raise DomainError(
                    "the constraints of the region contradict each other: it is empty"
                )
            if found.status in (3, 4) or not found.success:
                raise DomainError(
                    f"the region is unbounded in feature {feature}: give it bounds, for example"
                    " the range of the data"
                )
            side[feature] = np.asarray(found.x)[feature]
    return low, np.maximum(low, high)


def chebyshev(A: Array, b: Array) -> tuple[Array, float]:
    """Centre and radius of the largest ball in `A x <= b`; a negative radius where it is empty."""
    norms = np.linalg.norm(A, axis=1)
    k = A.shape[1]
    cost = np.r_[np.zeros(k), -1.0]
    bounds: list[tuple[float | None, float | None]] = [(None, None)] * k + [(None, 1e6)]
    found = linprog(  # type: ignore[call-overload]
        cost, np.c_[A, norms], b, bounds=bounds, method="highs", options=PRECISE
    )
    if not found.success:
        return np.zeros(k), -np.inf
    x: Array = np.asarray(found.x)
    return x[:-1], float(x[-1])


def _frame(
    base: Array,
    shown: np.ndarray,
    lower: Array,
    upper: Array,
    A: Array | None = None,
    b: Array | None = None,
) -> Frame:
    place = np.flatnonzero(upper > lower)
    if not len(place):
        raise DomainError(
            "the region is a single point: every feature is fixed. Ask for regions.Point, or give"
            " at least one feature some width"
        )
    center = lower[place] / 2 + upper[place] / 2
    half = upper[place] / 2 - lower[place] / 2
    if not (np.isfinite(half).all() and (center + half > center).all()):
        raise DomainError("the region is too thin or too wide for double precision")
    inputs = base.astype(np.float64).copy()
    inputs[shown] = lower
    inputs[shown[place]] = center
    rows, bounds = np.zeros((0, len(place))), np.zeros(0)
    if A is not None and b is not None and len(b):
        fixed = np.setdiff1d(np.arange(len(shown)), place)
        bounds = b - A[:, fixed] @ lower[fixed] - A[:, place] @ center
        rows = A[:, place] * half
        norms = np.linalg.norm(rows, axis=1)
        rows, bounds = rows / np.maximum(norms, 1e-300)[:, None], bounds / np.maximum(norms, 1e-300)
        # Constraints that the box implies, and those on fixed features only, say nothing here.
        idle = (np.abs(rows).sum(1) <= bounds + FLAT) | (norms < 1e-300)
        rows, bounds = rows[~idle], bounds[~idle]
        k = len(place)
        box = np.r_[np.eye(k), -np.eye(k), rows]
        _, radius = chebyshev(box, np.r_[np.ones(2 * k), bounds])
        if radius <= FLAT:
            raise DomainError(
                "the region has no interior: its constraints leave a flat set or nothing. Fix the"
                " features that they tie, with a slice"
            )
    return Frame(inputs, shown[place], center, half, rows, bounds, shown, place)


def _vector(values: Any, what: str) -> Array:
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)
    if not array.size:
        raise DomainError(f"{what} has no entries")
    return array.reshape(-1)


def _bounds(lower: Any, upper: Any) -> tuple[Array, Array]:
    low, high = _vector(lower, "the lower bound"), _vector(upper, "the upper bound")
    if len(low) != len(high):
        raise DomainError(f"{len(low)} lower bounds and {len(high)} upper ones")
    if np.isnan(low).any() or np.isnan(high).any():
        feature = int(np.argmax(np.isnan(low) | np.isnan(high)))
        raise DomainError(f"the bounds of feature {feature} are NaN")
    if (low > high).any():
        feature = int(np.argmax(low > high))
        raise DomainError(
            f"the region is empty: feature {feature} has the lower bound {low[feature]:g} above"
            f" the upper bound {high[feature]:g}"
        )
    return low, high


def _finite(lower: Array, upper: Array) -> None:
    loose = ~(np.isfinite(lower) & np.isfinite(upper))
    if loose.any():
        raise DomainError(
            f"the region is unbounded in feature {int(np.argmax(loose))}: give it bounds, for"
            " example the range of the data"
        )


def _constraints(A: Any, b: Any, columns: int | None) -> tuple[Array, Array]:
    rows = np.atleast_2d(np.asarray(A, np.float64))
    bounds = np.asarray([] if b is None else b, np.float64).reshape(-1)
    if rows.ndim != 2 or len(rows) != len(bounds):
        raise DomainError(f"A has {len(rows)} rows and b {len(bounds)} entries")
    if columns is not None and rows.shape[1] != columns:
        raise DomainError(f"A has {rows.shape[1]} columns for {columns} features")
    if not np.isfinite(rows).all() or np.isnan(bounds).any() or (bounds == -np.inf).any():
        raise DomainError("the constraints have an entry that is NaN or infinite")
    kept = bounds < np.inf
    return rows[kept], bounds[kept]


def _fits(found: int, features: int) -> None:
    if found != features:
        raise DomainError(f"the region has {found} features and the network {features}")
