"""Exact binomial inference, means of bounded values, and multiplicity.

One-sided throughout: a claim is a bound in one direction, and so is its evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import logsumexp


def binomial_lower(successes: int, trials: int, confidence: float) -> float:
    """Clopper-Pearson lower confidence bound of a proportion (one-sided).

    The largest p with P(X >= successes | p) <= 1 - confidence, X binomial; the true proportion
    lies at or above it with probability at least `confidence`. 0 without trials or successes.

    Source: Clopper and Pearson 1934. Guarantee: `statistical`, exact (never below the level).
    """
    _check(successes, trials, confidence)
    if successes == 0:
        return 0.0
    return float(stats.beta.ppf(1 - confidence, successes, trials - successes + 1))


def binomial_upper(successes: int, trials: int, confidence: float) -> float:
    """Clopper-Pearson upper confidence bound of a proportion (one-sided). See binomial_lower."""
    return 1.0 - binomial_lower(trials - successes, trials, confidence)


def p_value_at_least(successes: int, trials: int, threshold: float) -> float:
    """P(X >= successes) at p = threshold: the evidence against 'the proportion is below it'."""
    return float(stats.binom.sf(successes - 1, trials, threshold))


def p_value_below(successes: int, trials: int, threshold: float) -> float:
    """P(X <= successes) at p = threshold: the evidence against 'the proportion is at least it'."""
    return float(stats.binom.cdf(successes, trials, threshold))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the given order.

    Rejecting each hypothesis whose adjusted p-value is at most alpha keeps the probability of any
    false rejection at most alpha, however the tests depend on each other.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p) else steps
    return [float(value) for value in adjusted]


def trials_to_decide(
    successes: int, trials: int, threshold: float, confidence: float, limit: int = 10**9
) -> int | None:
    """How many further trials would decide whether a proportion is at least `threshold`.

    Assumes that further trials succeed at the rate seen so far (without trials: always). As counts
    are whole, a few trials less may happen to decide too. Returns
    0 when the trials at hand decide, and None when no number up to `limit` would, as when the
    rate equals the threshold.
    """
    _check(successes, trials, confidence)
    alpha = 1 - confidence
    rate = successes / trials if trials else 1.0

    def decided(n: int) -> bool:
        # Rounded against the direction being shown, so that the answer is not an optimist's.
        if rate >= threshold:
            return p_value_at_least(math.floor(rate * n + 1e-9), n, threshold) <= alpha
        return p_value_below(math.ceil(rate * n - 1e-9), n, threshold) <= alpha

    return _first(decided, trials, limit)


# Shares of what is owned that are staked, and how much of the beginning is given to each: most to
# the largest, as what takes smaller ones takes many values, which forgive a smaller beginning.
_STAKES = 0.5 ** np.arange(12.0)
_WEIGHTS = 1 / ((np.arange(12.0) + 1) * (np.arange(12.0) + 2))
_WEIGHTS /= _WEIGHTS.sum()
# Halvings of a bracket that begins at the width of the range.
_HALVINGS = 48


def mean_lower(
    values: ArrayLike, confidence: float, value_range: tuple[float, float] = (0.0, 1.0)
) -> float:
    """Lower confidence bound of a mean, from independent values inside a range (one-sided).

    The mean of all values like these lies at or above it with probability at least `confidence`,
    whatever their distribution and however few they are. With y = (x - low) / (high - low), a mean
    μ is left behind when bets against it pay: when `Σ_j w_j Π_i (1 + c_j (y_i / μ - 1))` reaches
    1 / (1 - confidence), for the stakes c_j = 1, 1/2, 1/4 and so on, with weights that sum to 1.
    For a true mean of at most μ, the expectation of each product is at most 1 (Markov's inequality
    does the rest). The order of the values does not matter, and the less they vary, the closer the
    bound.

    Raises ValueError for no values, or values outside of the range.

    Source: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by
    betting"; the mixture of constant stakes after Cover 1991. Guarantee: `statistical`, never
    below the level.
    """
    y, low, width = _scaled(values, confidence, value_range)
    least, most = 0.0, float(y.mean())
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        paid = middle <= 0 or _wealth(_log_gains(y, middle)) >= -math.log(1 - confidence)
        least, most = (middle, most) if paid else (least, middle)
    return low + width * least


def mean_upper(
    values: ArrayLike, confidence: float, value_range: tuple[float, float] = (0.0, 1.0)
) -> float:
    """Upper confidence bound of a mean (one-sided). See mean_lower."""
    low, high = value_range
    return -mean_lower(-np.asarray(values, float), confidence, (-high, -low))


def values_to_decide(
    values: ArrayLike,
    threshold: float,
    confidence: float,
    value_range: tuple[float, float] = (0.0, 1.0),
    limit: int = 10**9,
) -> int | None:
    """How many further values would decide whether a mean is at least `threshold`.

    Assumes that further values are like those seen so far. Returns 0 when the values at hand
    decide, by :func:`mean_lower` or :func:`mean_upper`, and None when no number up to `limit`
    would, as when their mean equals the threshold.
    """
    y, low, width = _scaled(values, confidence, value_range)
    level = (threshold - low) / width
    if level > y.mean():
        y, level = 1 - y, 1 - level
    elif level == y.mean():
        return None
    if level <= 0:
        return 0  # the range alone says so
    gains = _log_gains(y, level)

    def decided(n: int) -> bool:
        return _wealth(gains * (n / len(y))) >= -math.log(1 - confidence)

    return _first(decided, len(y), limit)


def _first(decided: Callable[[int], bool], now: int, limit: int) -> int | None:
    """How many more than `now` it takes, doubling and then halving; None beyond the limit."""
    if now and decided(now):
        return 0
    low, high = now, max(2 * now, 16)
    while not decided(high):
        if high >= limit:
            return None
        low, high = high, min(2 * high, limit)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high - now


def _log_gains(y: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Logarithm of what each stake has made of 1 by betting that the mean is above `mean`."""
    with np.errstate(divide="ignore"):  # a stake of all is lost at a value of 0
        gains: NDArray[np.float64] = np.log1p(_STAKES[:, None] * (y / mean - 1)).sum(1)
    return gains


def _wealth(gains: NDArray[np.float64]) -> float:
    """Logarithm of what all stakes together have made of 1."""
    return float(logsumexp(gains, b=_WEIGHTS))


def _scaled(
    values: ArrayLike, confidence: float, value_range: tuple[float, float]
) -> tuple[NDArray[np.float64], float, float]:
    """The values in units of their range, its lower end, and its width."""
    x = np.asarray(values, float).reshape(-1)
    low, high = value_range
    if not len(x) or not ((x >= low) & (x <= high)).all() or not low < high:
        raise ValueError(f"expected values inside {value_range}, at least one")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a number between 0 and 1")
    return (x - low) / (high - low), low, high - low


def _check(successes: int, trials: int, confidence: float) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(
            f"{successes} successes in {trials} trials: expected 0 <= successes <= trials"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a number between 0 and 1")
