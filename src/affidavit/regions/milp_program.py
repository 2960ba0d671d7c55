"""Mixed-integer linear programs as data: what an encoding writes and any solver can read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from affidavit.regions.domain import Array

ROUNDING = 1e-12
"""Share of the magnitudes in a sum by which its computed bounds are widened."""


@dataclass(frozen=True, eq=False)
class Row:
    """The affine function `weights . x[columns] + constant` of a program's variables.

    Attributes:
        columns: the variables, ascending, shape [entry].
        weights: their coefficients, none of them zero.
        constant: the value where all of them are zero.
    """

    columns: np.ndarray
    weights: Array
    constant: float

    @staticmethod
    def of(column: int, weight: float = 1.0, constant: float = 0.0) -> Row:
        """A function of one variable."""
        return Row(np.array([column]), np.array([weight]), constant)

    @staticmethod
    def fixed(constant: float) -> Row:
        """A function that is constant."""
        return Row(np.zeros(0, np.int64), np.zeros(0), constant)

    def __add__(self, other: Row) -> Row:
        columns = np.union1d(self.columns, other.columns)
        weights = np.zeros(len(columns))
        for row in (self, other):
            weights[np.searchsorted(columns, row.columns)] += row.weights
        kept = weights != 0
        return Row(columns[kept], weights[kept], self.constant + other.constant)

    def __mul__(self, factor: float) -> Row:
        if factor == 0:
            return Row.fixed(0.0)
        return Row(self.columns, self.weights * factor, self.constant * factor)

    def __sub__(self, other: Row) -> Row:
        return self + other * -1.0

    def plus(self, constant: float) -> Row:
        """The function with a constant added."""
        return Row(self.columns, self.weights, self.constant + constant)

    def value(self, x: Array) -> float:
        """The value at a point x, shape [variable]."""
        return float(self.weights @ x[self.columns] + self.constant)

    def extent(self, lower: Array, upper: Array) -> tuple[float, float]:
        """Bounds over a box of the variables, rounded outward."""
        ends = np.stack([self.weights * lower[self.columns], self.weights * upper[self.columns]])
        slack = ROUNDING * (float(np.abs(ends).max(0).sum()) + abs(self.constant))
        low = float(ends.min(0).sum()) + self.constant - slack
        return low, float(ends.max(0).sum()) + self.constant + slack


def total(rows: list[Row]) -> Row:
    """The sum of some rows."""
    result = Row.fixed(0.0)
    for row in rows:
        result = result + row
    return result


@dataclass(frozen=True, eq=False)
class Implication:
    """`row <= 0` wherever a binary variable has a value.

    Attributes:
        column: the binary variable.
        value: 0 or 1.
        row: what it implies.
        most: no less than the row anywhere (the "big M" of solvers without implications).
    """

    column: int
    value: int
    row: Row
    most: float

    @property
    def relaxed(self) -> Row:
        """`row <= most * (distance of the binary variable from the value)` as one row."""
        far = Row.of(self.column) if self.value == 0 else Row.of(self.column, -1.0, 1.0)
        return self.row - far * max(self.most, 0.0)


@dataclass(eq=False)
class Program:
    """Variables within bounds, some of them 0 or 1, under `row <= 0` and implications.

    It only grows: solvers read what they have not seen yet.
    """

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    binary: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    implications: list[Implication] = field(default_factory=list)

    def variable(self, lower: float, upper: float) -> int:
        """A new variable's column."""
        self.lower.append(lower)
        self.upper.append(upper)
        return len(self.lower) - 1

    def switch(self) -> int:
        """A new binary variable's column."""
        column = self.variable(0.0, 1.0)
        self.binary.append(column)
        return column

    def extent(self, row: Row) -> tuple[float, float]:
        """Bounds of a function over the bounds of the variables alone."""
        picked = row.columns
        low = np.array([self.lower[column] for column in picked])
        high = np.array([self.upper[column] for column in picked])
        return Row(np.arange(len(picked)), row.weights, row.constant).extent(low, high)
