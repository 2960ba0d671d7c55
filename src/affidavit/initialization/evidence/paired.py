"""Bounds of the mean of differences between predictions on the same rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from affidavit.statistics import mean_lower, mean_upper

FEWEST_DIFFERING = 30
"""Rows that differ, from which on the sharper bounds keep their level."""

_ROUNDING = 1e-18


class PairedMean(NamedTuple):
    """A mean difference with two one-sided bounds.

    Attributes:
        value: mean over the rows at hand.
        lower, upper: bounds of the mean over all rows.
        exact: whether they hold at their level for any distribution, at the price of their width.
        error: estimated standard deviation of the value.
    """

    value: float
    lower: float
    upper: float
    exact: bool
    error: float


def paired_mean(differences: NDArray[np.float64], confidence: float) -> PairedMean:
    """Mean of differences of two shares, each in [-1, 1], with bounds, [row].

    Most rows are easy, and differ by nothing: what is known of the mean rests on the few others,
    worth as many rows as `Σ (d - mean)² / max (d - mean)²`. From :data:`FEWEST_DIFFERING` on, the
    bounds are Student's with the first correction for skewness, without which one of the two ends
    covers too seldom and the other too often. Below, no approximation can be trusted, and the
    bounds are those of betting, about twice as wide.

    Guarantee: `statistical`; below that number of rows exact, above approximate. In simulation,
    bounds at 95 % cover 94 to 96 % of the time.

    Source: Hall 1983, "Inverting an Edgeworth expansion"; Johnson 1978, "Modified t tests and
    confidence intervals for asymmetrical populations"; betting: :func:`statistics.mean_lower`.
    """
    d = np.asarray(differences, np.float64)
    mean, count = float(d.mean()), len(d)
    squares = (d - mean) ** 2
    largest = float(squares.max())
    error = float(d.std(ddof=1)) / count**0.5 if count > 1 else float("nan")
    # Differences that are all the same, but for rounding, say nothing of their error.
    if largest < _ROUNDING or float(squares.sum()) / largest < FEWEST_DIFFERING:
        lower, upper = (bound(d, confidence, (-1.0, 1.0)) for bound in (mean_lower, mean_upper))
        return PairedMean(mean, min(lower, mean), max(upper, mean), True, error)
    t = float(stats.t.ppf(confidence, count - 1))
    skewness = float(((d - mean) ** 3).mean() / d.std() ** 3)
    shift = skewness * (2 * t**2 + 1) / (6 * count**0.5)
    lower, upper = mean - error * (t - shift), mean + error * (t + shift)
    return PairedMean(mean, max(lower, -1.0), min(upper, 1.0), False, error)
