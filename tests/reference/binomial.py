"""Exact binomial inference by summing probabilities in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import comb


def tail_from(successes: int, trials: int, p: Fraction) -> Fraction:
    """P(X >= successes)."""
    return sum(
        (comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1)),
        Fraction(0),
    )


def tail_to(successes: int, trials: int, p: Fraction) -> Fraction:
    """P(X <= successes)."""
    return 1 - tail_from(successes + 1, trials, p)


def lower_bound(successes: int, trials: int, confidence: Fraction, steps: int = 40) -> Fraction:
    """The largest p that the data reject as too small, by bisection."""
    low, high = Fraction(0), Fraction(1)
    for _ in range(steps):
        middle = (low + high) / 2
        if tail_from(successes, trials, middle) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def holm_decisions(p_values: list[float], alpha: float) -> list[bool]:
    """Holm's procedure as its paper says it: step down until the first that is not rejected."""
    rejected = [False] * len(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for step, i in enumerate(order):
        if p_values[i] > alpha / (len(p_values) - step):
            break
        rejected[i] = True
    return rejected
