"""Splits into train, validation and test that come out the same on every machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affidavit.errors import DataError

PARTS = ("train", "validation", "test")
"""The parts a split can have, in order."""

_SCALE = 10**12  # Fractions become whole numbers of this, so that sizes are exact.


@dataclass(frozen=True)
class Split:
    """Fractions of the rows for each part, and the seed of the shuffle.

    Attributes:
        train, validation, test: fractions, at least 0, that sum to 1 within 1e-9. A part with the
            fraction 0 does not exist.
        seed: a whole number, at least 0.
        stratify: give each class to the parts in these fractions. Where some class has fewer rows
            than there are parts, and for regression, the rows are split without regard to class.

    Raises DataError for fractions that are no fractions, and for a seed that is none.
    """

    train: float = 0.0
    validation: float = 0.0
    test: float = 0.0
    seed: int = 0
    stratify: bool = True

    def __post_init__(self) -> None:
        for key in PARTS:
            value = getattr(self, key)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value < 0:
                raise DataError(f"split: {key} = {value!r}; expected a fraction from 0 to 1")
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise DataError(
                f"split: train {self.train}, validation {self.validation} and test {self.test} "
                f"sum to {total:.6g}; expected 1"
            )
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise DataError(f"split: seed = {self.seed!r}; expected a whole number, 0 or larger")
        if not isinstance(self.stratify, bool):
            raise DataError(f"split: stratify = {self.stratify!r}; expected true or false")

    def indices(self, labels: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Row indices, ascending, of each part whose fraction is above 0.

        The parts are disjoint and cover all rows. Each has within one of fraction × rows: of each
        class when stratified (the whole part is then near its fraction too, as rows left over by
        rounding go to the part furthest behind), of all rows otherwise.

        Args:
            labels: `row`, class indices or regression targets.
        """
        labels = np.asarray(labels)
        shares = self._shares()
        # The raw stream of a bit generator is fixed for good; numpy may change how
        # `Generator.permutation` draws from it.
        keys = np.random.PCG64(self.seed).random_raw(len(labels))
        shuffled = np.argsort(np.asarray(keys, dtype=np.uint64), kind="stable")
        groups = self._groups(labels, shuffled, len(shares))
        sizes = _sizes([len(group) for group in groups], list(shares.values()))
        taken: dict[str, list[NDArray[np.int64]]] = {key: [] for key in shares}
        for group, counts in zip(groups, sizes, strict=True):
            ends = np.cumsum(counts)
            for key, rows in zip(shares, np.split(group, ends[:-1]), strict=True):
                taken[key].append(rows)
        return {key: np.sort(np.concatenate(rows)) for key, rows in taken.items()}

    def _shares(self) -> dict[str, int]:
        shares = {key: round(getattr(self, key) * _SCALE) for key in PARTS}
        # Rounding may leave the sum a little off; the largest part takes the difference.
        largest = max(PARTS, key=lambda key: shares[key])
        shares[largest] += _SCALE - sum(shares.values())
        return {key: share for key, share in shares.items() if share > 0}

    def _groups(
        self, labels: NDArray[Any], shuffled: NDArray[np.int64], parts: int
    ) -> list[NDArray[np.int64]]:
        if self.stratify and labels.dtype.kind in "iu" and len(labels):
            counts = np.unique(labels, return_counts=True)[1]
            if counts.min() >= parts:
                # Stable, so each class keeps the order of the shuffle.
                by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
                return np.split(by_class, np.cumsum(counts)[:-1])
        return [shuffled]


def _sizes(groups: list[int], shares: list[int]) -> list[list[int]]:
    """Rows of each group for each part: fraction × rows rounded down, or that plus one."""
    behind = [0] * len(shares)  # in units of 1 / _SCALE rows, over the groups so far
    result = []
    for rows in groups:
        sizes = [rows * share // _SCALE for share in shares]
        rest = [rows * share % _SCALE for share in shares]
        behind = [have + more for have, more in zip(behind, rest, strict=True)]
        # No part gets a second row, nor one that its fraction does not ask for.
        eager = sorted(
            (part for part in range(len(shares)) if rest[part]), key=lambda part: -behind[part]
        )
        for part in eager[: rows - sum(sizes)]:
            sizes[part] += 1
            behind[part] -= _SCALE
        result.append(sizes)
    return result
