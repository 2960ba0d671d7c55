"""Exact binomial inference and multiplicity.

One-sided throughout: a claim is a bound in one direction, and so is its evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


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

    if trials and decided(trials):
        return 0
    low, high = trials, max(2 * trials, 16)
    while not decided(high):
        if high >= limit:
            return None
        low, high = high, min(2 * high, limit)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high - trials


def _check(successes: int, trials: int, confidence: float) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(
            f"{successes} successes in {trials} trials: expected 0 <= successes <= trials"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a number between 0 and 1")
