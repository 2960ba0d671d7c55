"""The accuracy that the chosen run attained, on data that neither trained nor chose it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affidavit.initialization.evidence.inputs import check_confidence, checked_run
from affidavit.initialization.evidence.words import counted, down, percent, up
from affidavit.statistics import binomial_lower, binomial_upper


@dataclass(frozen=True)
class Certified:
    """Accuracy of one run with its exact interval.

    Attributes:
        right, rows: rows on which it is right, of how many.
        lower, upper: Clopper-Pearson bounds, each of which holds with the confidence.
        confidence: of each bound.
    """

    right: int
    rows: int
    lower: float
    upper: float
    confidence: float

    @property
    def accuracy(self) -> float:
        """Share of the rows that are right."""
        return self.right / self.rows

    @property
    def text(self) -> str:
        """In a sentence."""
        return (
            f"The chosen run is right on {self.right:,} of {counted(self.rows, 'row')} that it"
            f" never saw ({self.accuracy:.4f}): its accuracy is at least {down(self.lower)}, and at"
            f" most {up(self.upper)}, each with {percent(self.confidence)} confidence."
        )


def certified(correct: ArrayLike, confidence: float = 0.95) -> Certified:
    """The attained accuracy of the chosen run on untouched data.

    The rows may be looked at once, after the choice: a run that was chosen for being right on them
    is not certified by them.

    Args:
        correct: whether the chosen run is right on each row, bool, [row].
        confidence: of each bound, at least 1/2 and below 1.

    Raises:
        DataError: no rows, another shape, or values other than true and false.
        DomainError: a confidence out of range.

    Guarantee: `statistical`, exact: each bound of the accuracy on all rows like these holds with
    at least its confidence. Source: Clopper and Pearson 1934.
    """
    check_confidence(confidence)
    truths = checked_run(correct)
    right, rows = int(np.count_nonzero(truths)), len(truths)
    lower = binomial_lower(right, rows, confidence)
    return Certified(right, rows, lower, binomial_upper(right, rows, confidence), confidence)
