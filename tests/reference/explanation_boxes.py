"""What the explanations in a box can be at worst, by brute force: corners, searches, fractions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import minimize


def corners(lower: Sequence[float], upper: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """Every vertex of a box."""
    return itertools.product(*zip(lower, upper, strict=True))


def cosine(a: Any, b: Any) -> float:
    """Cosine similarity of two vectors."""
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def greatest_cosine(goal: Any, lower: Any, upper: Any, starts: int = 4) -> float:
    """The greatest similarity that is found from every corner and by climbing from many points.

    Where it is positive every climb that ends on that side finds it; where it is negative a corner
    has it.
    """
    found = max(cosine(goal, np.array(corner)) for corner in corners(lower, upper))
    generator = np.random.default_rng(0)
    points = [lower + (upper - lower) * generator.random(len(goal)) for _ in range(starts)]
    points += [(lower + upper) / 2, np.where(goal > 0, upper, lower)]
    length = float(np.linalg.norm(goal))
    for point in points:

        def minus(v: Any) -> tuple[float, Any]:
            size = np.sqrt(v @ v)
            value = goal @ v / (length * size)
            return -value, -(goal / length - value * v / size) / size

        done = minimize(
            minus, point, jac=True, method="L-BFGS-B",
            bounds=list(zip(lower, upper, strict=True)), options={"ftol": 1e-15, "gtol": 1e-12},
        )  # fmt: skip
        found = max(found, cosine(goal, done.x))
    return found


def least_difference(goal: Sequence[float], lower: Sequence[float], upper: Sequence[float]) -> Any:
    """The least mean squared difference from the goal, as a fraction."""
    total = Fraction(0)
    for g, low, high in zip(goal, lower, upper, strict=True):
        nearest = min(max(Fraction(g), Fraction(low)), Fraction(high))
        total += (Fraction(g) - nearest) ** 2
    return total / len(goal)


def greatest_difference(
    goal: Sequence[float], lower: Sequence[float], upper: Sequence[float]
) -> Any:
    """The greatest mean squared difference from the goal, over all corners, as a fraction."""
    exact = [Fraction(g) for g in goal]
    return max(
        sum((g - Fraction(v)) ** 2 for g, v in zip(exact, corner, strict=True))
        for corner in corners(lower, upper)
    ) / len(exact)


def can_be_in_top(feature: int, lower: Any, upper: Any, k: int) -> bool:
    """Whether some explanation has fewer than k features strictly above the feature in size."""
    return any(
        sum(size > sizes[feature] for size in sizes) < k for sizes in _extreme_sizes(lower, upper)
    )


def is_always_in_top(feature: int, lower: Any, upper: Any, k: int) -> bool:
    """Whether no explanation has k others at least as large as the feature."""
    return all(
        sum(size >= sizes[feature] for size in sizes) - 1 < k
        for sizes in _extreme_sizes(lower, upper)
    )


def _extreme_sizes(lower: Any, upper: Any) -> Iterator[tuple[float, ...]]:
    # What can happen in a box happens where each size is at its least or greatest.
    ends = [
        (0.0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))
        for low, high in zip(lower, upper, strict=True)
    ]
    return itertools.product(*ends)
