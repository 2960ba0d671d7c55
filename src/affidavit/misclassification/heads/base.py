"""What all heads share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from affidavit.errors import DataError
from affidavit.misclassification.signals import Array


@dataclass(frozen=True)
class Head(ABC):
    """A classifier of features into right (0) and wrong (1) predictions: settings only.

    What :meth:`fit` learns is returned, and handed to :meth:`score`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    @abstractmethod
    def fit(self, x: NDArray[np.float64], wrong: NDArray[np.bool_], seed: int) -> dict[str, Any]:
        """Arrays and scikit-learn estimators by name.

        Args:
            x: features, [n, column].
            wrong: [n]; both kinds, at least two of each.
            seed: of all that is random.
        """

    @abstractmethod
    def score(self, fitted: Mapping[str, Any], x: NDArray[np.float64]) -> Array:
        """[n], larger = more likely wrong."""


def check_enough(wrong: NDArray[np.bool_], least: int = 2) -> None:
    """Raises DataError unless there are `least` wrong and as many right predictions."""
    count = int(wrong.sum())
    if min(count, len(wrong) - count) < least:
        raise DataError(
            f"{count} wrong and {len(wrong) - count} right predictions to learn from; expected at"
            f" least {least} of each. Fit on more data."
        )


def scaling(x: NDArray[np.float64]) -> tuple[Array, Array]:
    """(mean, factor) of each column, [column], that bring it to mean 0 and deviation 1.

    A column that never changes says nothing: its factor is 0, and so is it, whatever it is later.
    """
    mean, std = x.mean(0), x.std(0)
    moves = std > 1e-12 * (1 + np.abs(mean))
    return mean, np.divide(1, std, out=np.zeros_like(std), where=moves)


def split(
    wrong: NDArray[np.bool_], share: float, draw: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(the rest, a share) of the rows, wrong and right ones in proportion, at least one of each.

    Expects two of each.
    """
    rest, taken = [], []
    for kind in (True, False):
        rows = draw.permutation(np.flatnonzero(wrong == kind))
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        taken.append(rows[:count])
        rest.append(rows[count:])
    return np.sort(np.concatenate(rest)), np.sort(np.concatenate(taken))
