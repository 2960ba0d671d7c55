"""Tolerance intervals from order statistics: where a stated share of all runs lies.

Between the r-th smallest and the r-th largest of n independent values lies a share of at least p
of all values with the probability `P(X <= n - 2r)`, X binomial with n and p; for values with ties,
with at least that.

Source: Wilks 1941; David and Nagaraja 2003, chapter 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from affidavit.errors import DataError, DomainError
from affidavit.initialization.evidence.inputs import check_confidence, check_share
from affidavit.initialization.evidence.words import counted, down, percent, up

# The level is 1 - confidence in binary: its last bit must not cost a run.
SLACK = 1e-12


@dataclass(frozen=True)
class ToleranceInterval:
    """An interval that holds at least a share of all runs, with a confidence.

    Attributes:
        lower, upper: the `rank`-th smallest and largest value; −∞ for a run that diverged.
        rank: 1: from the smallest to the largest.
        runs: how many there are.
        content: the share.
        confidence: with which it holds at least that.
    """

    lower: float
    upper: float
    rank: int
    runs: int
    content: float
    confidence: float

    @property
    def width(self) -> float:
        """From end to end; infinite where the lower end is a run that diverged."""
        return math.inf if self.lower == -math.inf else self.upper - self.lower

    @property
    def text(self) -> str:
        """In a sentence."""
        return (
            f"At least {percent(self.content)} of all such runs lie between {down(self.lower)} and"
            f" {up(self.upper)}, with {percent(self.confidence)} confidence"
            f" ({counted(self.runs, 'freshly seeded run')})."
        )


def tolerance_interval(
    values: ArrayLike, content: float = 0.9, confidence: float = 0.95
) -> ToleranceInterval:
    """The shortest symmetric order-statistic interval that holds the content, with the confidence.

    As many values are cut off at both ends as the confidence allows, by their number alone.

    Args:
        values: of freshly seeded, independent runs, [run]; NaN: the run diverged, and is below
            every other.
        content: share of all runs, in (0, 1).
        confidence: at least 1/2 and below 1.

    Raises:
        DataError: another shape, infinite values, or too few: the message says how many it takes.
        DomainError: a content or confidence out of range.

    Guarantee: `statistical`, exact: whatever the distribution, never below the confidence.
    """
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or np.isinf(found).any():
        raise DataError(
            f"values have the shape {list(found.shape)}, or some are infinite; expected [run], one"
            " finite value a run, NaN where it diverged"
        )
    rank = trimming(len(found), content, confidence)
    if not rank:
        needed = runs_for_interval(content, confidence)
        raise DataError(
            f"{counted(len(found), 'run')} cannot show where {percent(content)} of all runs lie"
            f" with {percent(confidence)} confidence; expected at least {needed:,}"
        )
    ordered = np.sort(np.where(np.isnan(found), -np.inf, found))
    ends = float(ordered[rank - 1]), float(ordered[-rank])
    return ToleranceInterval(*ends, rank, len(found), content, confidence)


def runs_for_interval(content: float = 0.9, confidence: float = 0.95) -> int:
    """The fewest runs whose smallest and largest value hold the content with the confidence.

    46 for 90 % at 95 %, 93 for 95 %. Raises DomainError for a share out of range.
    """
    check_share("content", content)
    check_confidence(confidence)
    low, high = 1, 2
    while not ranks(np.array([high]), content, confidence)[0]:
        if high > 10**9:
            raise DomainError(f"content is {content}; expected a share further from 1")
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = ranks(np.array([middle]), content, confidence)[0] > 0
        low, high = (low, middle) if enough else (middle, high)
    return high


def trimming(runs: int, content: float, confidence: float) -> int:
    """The largest r for which r-th smallest to r-th largest hold the content; 0: there is none.

    Raises DomainError for a share out of range.
    """
    check_share("content", content)
    check_confidence(confidence)
    return int(ranks(np.array([runs]), content, confidence)[0])


def ranks(runs: NDArray[np.int64], content: float, confidence: float) -> NDArray[np.int64]:
    """As :func:`trimming`, of many numbers of runs at once, [...]."""
    # The least k with P(X <= k) >= confidence, so that n - 2r >= k.
    least = np.asarray(stats.binom.ppf(confidence - SLACK, runs, content)).astype(np.int64)
    found: NDArray[np.int64] = np.maximum((runs - least) // 2, 0)
    return found
