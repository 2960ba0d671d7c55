"""The region of inputs that a claim is about: its keys, and the domain they stand for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from affidavit import regions
from affidavit.contract.context import Context
from affidavit.contract.faults import Record, shown
from affidavit.contract.features import feature_index, feature_names
from affidavit.contract.inequalities import inequality
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError

if TYPE_CHECKING:
    from affidavit.regions import Box, Slice

ROUNDING = 1e-6
"""Data are kept in single precision: bounds this near to their range, relatively, lie in it."""

Array = NDArray[np.float64]


def _number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _intervals(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(
            f"expected a table such as {{ age = [0, 18], income = 30000 }}, got {shown(value)}"
        )
    found: dict[str, float | list[float]] = {}
    for name, item in value.items():
        if _number(item):
            found[str(name)] = float(item)
            continue
        pair = list(item) if isinstance(item, list | tuple) else []
        if len(pair) != 2 or not all(map(_number, pair)):
            raise ValueError(
                f"{name!r}: expected an interval [lower, upper] or a number, got {shown(item)}"
            )
        if pair[0] > pair[1]:
            raise ValueError(f"{name!r}: the interval {pair} is empty; the lower end comes first")
        found[str(name)] = [float(end) for end in pair]
    return found


def _radius(value: Any) -> Any:
    if _number(value) and value > 0:
        return float(value)
    items = list(value.values()) if isinstance(value, dict) else []
    if items and all(_number(item) and item > 0 for item in items):
        return {str(name): float(item) for name, item in value.items()}
    raise ValueError(
        "expected a number above 0, as a share of each feature's range, or a table of such"
        f" numbers by feature; got {shown(value)}"
    )


def _reference(value: Any) -> Any:
    if value == "mean" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ValueError(f'expected "mean" or the number of a row, got {shown(value)}')


class Around(Record):
    """A box around one input."""

    row: int = Field(ge=0, description="number of the row within the part, from 0")
    radius: Annotated[Any, BeforeValidator(_radius)] = Field(
        description="a share of each feature's range in the data, or a table by feature; features"
        " that the table leaves out are held fixed"
    )
    part: str = Field(default="test", description="the part that the row is of")


class Across(Record):
    """A slice: some features vary, all others are held where they are at one input."""

    features: list[str | int] = Field(description="the features that vary", min_length=1)
    at: Annotated[Any, BeforeValidator(_reference)] = Field(
        description='"mean" of the part, or the number of a row of it, from 0'
    )
    part: str = Field(default="test", description="the part that the row is of")


@dataclass(frozen=True, eq=False)
class Place:
    """A region of inputs.

    Attributes:
        domain: what `affidavit.regions` takes.
        lower, upper: bounds of every feature, flat; equal where one is held fixed.
        A, b: further constraints `A x <= b`, shapes [constraint, feature] and [constraint].
        names: of the features.
        shape: of an input.
        remarks: what a reader must know about the region.
    """

    domain: Box | Slice
    lower: Array
    upper: Array
    A: Array
    b: Array
    names: tuple[str, ...]
    shape: tuple[int, ...]
    remarks: tuple[str, ...]

    @property
    def free(self) -> NDArray[np.bool_]:
        """Which features vary."""
        return self.upper > self.lower

    def holds(self, x: Array) -> bool:
        """Whether an input lies in the region, as far as its features vary."""
        inside = ((x >= self.lower) & (x <= self.upper))[self.free]
        return bool(inside.all() and (self.A @ x <= self.b).all())


class RegionKeys(Record):
    """The keys by which a claim says which inputs it is about."""

    region: Annotated[dict[str, Any], BeforeValidator(_intervals)] = Field(
        default={},
        description="interval [lower, upper] or fixed value by feature; others range over the data",
    )
    around: Around | None = Field(
        default=None, description="others stay near a row of the data: { row, radius, part }"
    )
    slice: Across | None = Field(
        default=None,
        description="others are held where they are at one input: { features, at, part }",
    )
    where: list[str] = Field(
        default=[], description='linear inequalities as well, such as "2*age + income <= 100"'
    )
    beyond_data: bool = Field(
        default=False, description="whether the region may lie outside of the data's range"
    )

    def model_post_init(self, context: object) -> None:
        if self.around is not None and self.slice is not None:
            raise ValueError("around and slice exclude each other: choose one")
        for text in self.where:
            inequality(text)

    @property
    def where_text(self) -> str:
        """The region in words, to follow a sentence."""
        parts = [
            f"{name} is {value:g}"
            if isinstance(value, float)
            else f"{name} is in [{value[0]:g}, {value[1]:g}]"
            for name, value in self.region.items()
        ]
        parts += self.where
        bounds = f" where {' and '.join(parts)}" if parts else ""
        return f"{bounds}{',' if bounds else ''} {self._others_text(bool(bounds))}"

    def _others_text(self, others: bool) -> str:
        if self.around is not None:
            row = f"row {self.around.row} of {self.around.part}"
            if isinstance(self.around.radius, dict):
                near = ", ".join(f"{name} {r:g}" for name, r in self.around.radius.items())
                return f"near {row} (within these shares of a feature's range: {near})"
            return f"within {self.around.radius:g} of each feature's range around {row}"
        if self.slice is not None:
            at = self.slice.at
            where = "their means in" if at == "mean" else f"row {at} of"
            vary = ", ".join(map(str, self.slice.features))
            return f"with all features but {vary} as in {where} {self.slice.part}"
        return f"{'all other features ' if others else ''}anywhere in the data's range"

    def place(self, context: Context) -> Place:
        """The region of inputs.

        Raises:
            DataError: a feature, row or part that does not exist.
            ContractError: a region outside of the data's range, without a say so; a single input.
        """
        data = context.dataset
        names = feature_names(data)
        least, most = (array.reshape(-1).astype(np.float64) for array in (data.lower, data.upper))
        lower, upper = self._others(context, least, most)
        reaching = []
        for key, value in self.region.items():
            index = feature_index(data, key)
            low, high = value if isinstance(value, list) else (value, value)
            reaching += self._check(names[index], low, high, least[index], most[index])
            lower[index], upper[index] = low, high
        if not (upper > lower).any():
            raise ContractError(
                "the region is a single input: every feature is held fixed; give at least one an"
                " interval"
            )
        A, b = self._constraints(data, lower, upper)
        return Place(
            _domain(lower, upper, A, b),
            lower,
            upper,
            A,
            b,
            names,
            data.inputs.shape[1:],
            tuple(_remarks(reaching)),
        )

    def _others(self, context: Context, least: Array, most: Array) -> tuple[Array, Array]:
        """Bounds before `region` says otherwise."""
        if self.around is not None:
            x = _row(context, self.around.part, self.around.row)
            radius = self.around.radius
            if isinstance(radius, dict):
                share = np.zeros(len(x))
                for key, value in radius.items():
                    share[feature_index(context.dataset, key)] = value
            else:
                share = np.full(len(x), radius)
            width = share * (most - least)
            if self.beyond_data:
                return x - width, x + width
            return np.clip(x - width, np.minimum(least, x), x), np.clip(
                x + width, x, np.maximum(most, x)
            )
        if self.slice is not None:
            at = self.slice.at
            part = context.part(self.slice.part)
            inputs = part.inputs.reshape(len(part), -1).astype(np.float64)
            x = inputs.mean(0) if at == "mean" else _row(context, self.slice.part, at)
            lower, upper = x.copy(), x.copy()
            for key in self.slice.features:
                index = feature_index(context.dataset, str(key))
                lower[index], upper[index] = least[index], most[index]
            return lower, upper
        return least.copy(), most.copy()

    def _check(self, name: str, low: float, high: float, least: float, most: float) -> list[str]:
        """A note if an interval leaves the data's range. Raises if it has nothing of it."""
        slack = ROUNDING * max(abs(least), abs(most), most - least)
        outside = high < least - slack or low > most + slack
        given = f"{low:g}" if low == high else f"[{low:g}, {high:g}]"
        if outside and not self.beyond_data:
            raise ContractError(
                f"region: {name} = {given} lies outside of the data's range"
                f" [{least:g}, {most:g}]; say beyond_data = true if that is meant"
            )
        if low < least - slack or high > most + slack:
            return [f"{name} (data: [{least:g}, {most:g}], region: {given})"]
        return []

    def _constraints(self, data: Dataset, lower: Array, upper: Array) -> tuple[Array, Array]:
        """`where` as `A x <= b`, without what the fixed features alone already decide."""
        rows, bounds = [], []
        for text in self.where:
            said = inequality(text)
            row = np.zeros(len(lower))
            for key, coefficient in said.coefficients.items():
                row[feature_index(data, key)] += coefficient
            if row[upper > lower].any():
                rows.append(row)
                bounds.append(said.bound)
            elif float(row @ lower) > said.bound:
                raise ContractError(
                    f"where: {text!r} contradicts the values at which its features are held fixed"
                )
        return np.array(rows).reshape(len(rows), len(lower)), np.array(bounds)


def _domain(lower: Array, upper: Array, A: Array, b: Array) -> Box | Slice:
    if not len(b):
        return regions.Box(lower, upper)
    free = upper > lower
    point = np.where(free, lower / 2 + upper / 2, lower)
    held = A[:, ~free] @ point[~free]
    features = np.flatnonzero(free).tolist()
    return regions.Slice(point, features, lower[free], upper[free], A[:, free], b - held)


def _row(context: Context, name: str, row: int) -> Array:
    part = context.part(name)
    if row >= len(part):
        raise DataError(f"the part {name!r} has no row {row}: it has {len(part)} rows, from 0 on")
    result: Array = part.inputs[row].reshape(-1).astype(np.float64)
    return result


def _remarks(reaching: list[str]) -> Iterator[str]:
    yield (
        "The region holds every value between its bounds: whole numbers, and categories coded as 0"
        " and 1, take all values in between too."
    )
    if reaching:
        yield f"The region reaches beyond the data in {', '.join(reaching)}."
