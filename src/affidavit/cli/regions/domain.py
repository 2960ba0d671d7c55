"""From options of the command line to an analysis region."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affidavit.data import Dataset
from affidavit.errors import DomainError, nearest
from affidavit.regions import Box, Point, Polytope, Slice, cloud
from affidavit.regions.domain import Array, Domain


@dataclass(frozen=True)
class Wanted:
    """What the options say.

    Attributes:
        box: lower and upper bounds: a number for all features, or numbers with commas.
        where: `feature=lower..upper` or `feature=value`.
        slice: the two features that vary.
        at: what the fixed features of a slice are taken from: a row, `mean`, or `middle`.
        point: the row whose region alone is wanted.
        cloud: whether the convex envelope of the data is meant.
    """

    box: tuple[str, str] | None = None
    where: Sequence[str] = ()
    slice: tuple[str, str] | None = None
    at: str | None = None
    point: int | None = None
    cloud: bool = False


def domain_of(wanted: Wanted, names: Sequence[str], dataset: Dataset | None) -> Domain:
    """The analysis region.

    Raises:
        DomainError: options that contradict each other, features that do not exist, ranges that
            are empty or lie outside the data.
    """
    shapes = [wanted.slice is not None, wanted.point is not None, wanted.cloud]
    if sum(shapes) > 1:
        raise DomainError("--slice, --point and --cloud exclude each other: give one of them")
    if wanted.at is not None and wanted.slice is None:
        raise DomainError("--at says where a slice lies: give --slice too")
    lower, upper = bounds_of(wanted, names, dataset)
    fixed: dict[int, float] = {}
    for text in wanted.where:
        feature, low, high = _range(text, names)
        _within(text, names[feature], low, high, lower[feature], upper[feature])
        if low == high:
            fixed[feature] = low
        lower[feature], upper[feature] = low, high
    if wanted.cloud:
        return _cloud(wanted, dataset)
    if wanted.point is not None:
        if wanted.where:
            raise DomainError("--where narrows a box or a slice; the region of a point has none")
        return Point(_row(wanted.point, dataset, "--point"), lower, upper)
    if wanted.slice is None:
        return Box(lower, upper)
    chosen = [_feature(name, names, "--slice") for name in wanted.slice]
    point = _at(wanted.at, lower, upper, dataset)
    for feature, value in fixed.items():
        point[feature] = value
    return Slice(point, chosen, lower[chosen], upper[chosen])


def bounds_of(wanted: Wanted, names: Sequence[str], dataset: Dataset | None) -> tuple[Array, Array]:
    """The box of all features before any of them is narrowed: that given, or the data's ranges."""
    if wanted.box is not None:
        low, high = (_numbers(text, len(names)) for text in wanted.box)
        return low, high
    if dataset is None:
        raise DomainError(
            "say where the network is to be explained: --box LOWER UPPER, or --data SOURCE for the"
            " ranges of its features"
        )
    return (
        np.array(dataset.lower, np.float64).reshape(-1),
        np.array(dataset.upper, np.float64).reshape(-1),
    )


def _numbers(text: str, features: int) -> Array:
    try:
        values = np.array([float(part) for part in text.split(",")])
    except ValueError:
        raise DomainError(
            f"--box: {text!r} is neither a number nor numbers with commas between"
        ) from None
    if len(values) not in (1, features):
        raise DomainError(f"--box: {len(values)} numbers for {features} features")
    return np.array(np.broadcast_to(values, features))


def _range(text: str, names: Sequence[str]) -> tuple[int, float, float]:
    name, sign, span = text.rpartition("=")
    match = re.fullmatch(r"\s*(\S+?)\s*(?:\.\.\s*(\S+)\s*)?", span)
    try:
        if not sign or match is None:
            raise ValueError
        low = float(match[1])
        high = low if match[2] is None else float(match[2])
    except ValueError:
        raise DomainError(
            f"--where {text!r}: expected FEATURE=LOWER..UPPER or FEATURE=VALUE, such as age=0..18"
        ) from None
    feature = _feature(name.strip(), names, "--where")
    if not low <= high:
        raise DomainError(f"--where {text!r}: the range is empty, as {low:g} is above {high:g}")
    return feature, low, high


def _within(text: str, name: str, low: float, high: float, least: float, greatest: float) -> None:
    if high < least or low > greatest:
        raise DomainError(
            f"--where {text!r}: {name} ranges over [{least:g}, {greatest:g}]; nothing of it is left"
        )


def _feature(name: str, names: Sequence[str], option: str) -> int:
    if name in names:
        return list(names).index(name)
    if name.isdecimal() and int(name) < len(names):
        return int(name)
    raise DomainError(
        f"{option}: no feature is called {name!r}{nearest(name, names)}. Features:"
        f" {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
    )


def _at(text: str | None, lower: Array, upper: Array, dataset: Dataset | None) -> Array:
    if text is None:
        text = "middle" if dataset is None else "mean"
    if text == "middle":
        middle: Array = lower / 2 + upper / 2
        return middle
    if text == "mean" and dataset is not None:
        mean: Array = dataset.inputs.reshape(len(dataset), -1).mean(0, np.float64)
        return mean
    if text != "mean" and not text.lstrip("-").isdecimal():
        raise DomainError(f"--at {text!r}: expected the number of a row, mean or middle")
    return _row(0 if text == "mean" else int(text), dataset, f"--at {text}")


def _row(row: int, dataset: Dataset | None, option: str) -> Array:
    if dataset is None:
        raise DomainError(f"{option} speaks of the data: give --data SOURCE too")
    if not 0 <= row < len(dataset):
        raise DomainError(f"{option}: row {row}; the data have the rows 0 to {len(dataset) - 1}")
    return np.array(dataset.inputs[row], np.float64).reshape(-1)


def _cloud(wanted: Wanted, dataset: Dataset | None) -> Box | Polytope:
    if wanted.where or wanted.box is not None:
        raise DomainError("--cloud is the envelope of the data: leave out --where and --box")
    if dataset is None:
        raise DomainError("--cloud is the envelope of the data: give --data SOURCE too")
    return cloud(dataset.inputs.astype(np.float64), "convex")
