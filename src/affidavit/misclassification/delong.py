"""Intervals of AUROC without resampling, after DeLong: a check on the bootstrap."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike
from scipy import stats

from affidavit.errors import DataError, DomainError
from affidavit.misclassification.comparison import Estimate
from affidavit.misclassification.ranking import Array, checked_scores, checked_wrong


def delong(scores: ArrayLike, wrong: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """AUROC with a normal interval from its placements, cut to [0, 1].

    Args:
        scores: larger = more likely wrong, [n].
        wrong: whether each prediction is wrong, [n].
        confidence: level of the interval.

    Raises:
        DataError: fewer than two right or two wrong predictions, or arrays that cannot be used.
        DomainError: a level outside (0, 1).

    Guarantee: `statistical`, approximate: for large samples, and an AUROC not close to 1. Source:
    DeLong, DeLong and Clarke-Pearson 1988; by ranks as in Sun and Xu 2014.
    """
    found = _estimate(*_placements(scores, wrong), confidence)
    return Estimate(found.value, max(found.lower, 0.0), min(found.upper, 1.0), 0)


def delong_difference(
    scores: ArrayLike, other: ArrayLike, wrong: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """AUROC of `scores` less that of `other`, on the same predictions. See :func:`delong`."""
    of_wrong, of_right = _placements(scores, wrong)
    other_wrong, other_right = _placements(other, wrong)
    return _estimate(of_wrong - other_wrong, of_right - other_right, confidence)


def _placements(scores: ArrayLike, wrong: ArrayLike) -> tuple[Array, Array]:
    """Of each wrong prediction the share of right ones below it, and of each right one the share
    of wrong ones above it, ties by half."""
    values = checked_scores(scores)
    mistakes = checked_wrong(wrong, len(values))
    wrongs, rights = values[mistakes], values[~mistakes]
    if min(len(wrongs), len(rights)) < 2:
        raise DataError(
            f"of {len(values)} predictions {len(rights)} are right and {len(wrongs)} wrong;"
            " expected at least two of each for a variance"
        )
    ranks = stats.rankdata(values)
    of_wrong = (ranks[mistakes] - stats.rankdata(wrongs)) / len(rights)
    of_right = 1 - (ranks[~mistakes] - stats.rankdata(rights)) / len(wrongs)
    return of_wrong, of_right


def _estimate(of_wrong: Array, of_right: Array, confidence: float) -> Estimate:
    if not 0 < confidence < 1:
        raise DomainError(f"confidence is {confidence}; expected between 0 and 1")
    value = float(of_wrong.mean())
    variance = of_wrong.var(ddof=1) / len(of_wrong) + of_right.var(ddof=1) / len(of_right)
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(variance)
    return Estimate(value, value - reach, value + reach, 0)
