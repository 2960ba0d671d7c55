"""What pictures are drawn from, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affidavit.errors import DataError
from affidavit.initialization.pictures.style import Vector


def some(found: Mapping[str, Any], what: str) -> None:
    """Raises DataError for a mapping without an entry."""
    if not found:
        raise DataError(f"there are no {what}; expected those of at least one name")


def numbers(
    name: str, values: ArrayLike, *, missing: bool = False, nothing: bool = False
) -> Vector:
    """Finite numbers, [n], at least one.

    With `missing`, NaN among them stands for none, but not for all of them unless with `nothing`.

    Raises DataError for anything else.
    """
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected numbers in one row; {error}") from error
    if found.ndim != 1 or not found.size:
        raise DataError(f"{name}: the shape is {list(found.shape)}; expected at least one number")
    if np.isinf(found).any() or (not missing and np.isnan(found).any()):
        raise DataError(f"{name}: there are values that are NaN or infinite; expected numbers")
    if np.isnan(found).all() and not nothing:
        raise DataError(f"{name}: all {len(found)} are NaN: no run came to its end")
    return found


def shares(name: str, values: Vector, least: float = 0.0) -> Vector:
    """The same numbers. Raises DataError unless they are in [least, 1], or NaN."""
    seen = values[~np.isnan(values)]
    wrong = seen[(seen < least) | (seen > 1)]
    if len(wrong):
        hint = f"; {wrong[0]:g} % is {wrong[0] / 100:g}" if least <= wrong[0] / 100 <= 1 else ""
        raise DataError(f"{name}: there is {wrong[0]:g}; expected shares in [{least:g}, 1]{hint}")
    return values


def gains(name: str, values: ArrayLike) -> Vector:
    """Differences of accuracies, shares of 1, [n]; NaN of a run that failed."""
    return shares(name, numbers(name, values, missing=True), least=-1.0)


def accuracies(name: str, values: ArrayLike) -> Vector:
    """Accuracies, shares of 1, [n]; NaN of a run that failed."""
    return shares(name, numbers(name, values, missing=True))


def paired(name: str, x: ArrayLike, y: Vector, of_x: str) -> Vector:
    """Places along the axis, as many as values, rising. Raises DataError for others."""
    places = numbers(f"{name}, {of_x}", x)
    if len(places) != len(y):
        raise DataError(f"{name}: there are {len(places)} {of_x} and {len(y)} values")
    if (np.diff(places) < 0).any() or places[0] < 0:
        raise DataError(f"{name}: {of_x} are negative or not in order; expected rising ones")
    return places
