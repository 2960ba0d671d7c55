"""The best of n runs: which quantile of all runs it exceeds, and what it is worth on average."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from affidavit.errors import DomainError
from affidavit.initialization.evidence.inputs import check_confidence, check_share
from affidavit.initialization.evidence.words import counted, down, percent

# Steps of the trapezoid rule, over all normal values that are not negligible: for so smooth a
# function it is right to nearly every digit.
_GRID = np.linspace(0.0, 12.0, 1201)


@dataclass(frozen=True)
class BestOf:
    """What the best of so many freshly seeded runs says of all others.

    Attributes:
        runs: how many.
        quantile: share of all runs that are no better than it.
        confidence: of that.
    """

    runs: int
    quantile: float
    confidence: float

    @property
    def text(self) -> str:
        """In a sentence."""
        return (
            f"The best of {counted(self.runs, 'freshly seeded run')} is at least as good as a share"
            f" {down(self.quantile)} of all such runs, with {percent(self.confidence)} confidence."
        )


def best_of(runs: int, confidence: float = 0.95) -> BestOf:
    """The quantile that the best of so many runs reaches: `(1 - confidence) ** (1 / runs)`.

    The best on the very rows that are compared: a best that was chosen on other rows is less.

    Raises DomainError for no runs, or a confidence out of range.

    Guarantee: `statistical`, exact for independent runs, whatever the distribution.
    """
    _check_runs(runs)
    check_confidence(confidence)
    return BestOf(runs, math.exp(math.log1p(-confidence) / runs), confidence)


def runs_for_best(quantile: float, confidence: float = 0.95) -> int:
    """The fewest runs whose best reaches a quantile of all runs with the confidence.

    59 for the 95th percentile at 95 %, 299 for the 99th.

    Raises DomainError for a quantile or confidence out of range.
    """
    check_share("quantile", quantile)
    check_confidence(confidence)
    return max(1, math.ceil(math.log1p(-confidence) / math.log(quantile) - 1e-9))


def expected_best(runs: int) -> float:
    """Expectation of the largest of so many independent standard normal values.

    `E max = ∫_0^∞ (1 - Φ(x)^n) - (1 - Φ(x))^n dx`: 2.51 for 100 runs. So much, in standard
    deviations, the best of equal runs is above their mean by luck alone.

    Raises DomainError for no runs.
    """
    _check_runs(runs)
    above = -np.expm1(runs * special.log_ndtr(_GRID))
    below = special.ndtr(-_GRID) ** runs
    return float(np.trapezoid(above - below, _GRID))


def _check_runs(runs: int) -> None:
    if runs < 1:
        raise DomainError(f"there are {runs} runs; expected at least 1")
