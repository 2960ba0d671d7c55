"""Proving a risk at many coverages: procedures straight from their papers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats


def graphical_rejections(
    p_values: Sequence[float], levels: Sequence[float], weights: Sequence[Sequence[float]]
) -> set[int]:
    """Algorithm 1 of Bretz et al. 2009: reject, hand the level on along the graph, update it."""
    left = set(range(len(p_values)))
    alpha = list(levels)
    g = [list(row) for row in weights]
    while True:
        found = [i for i in sorted(left) if p_values[i] <= alpha[i]]
        if not found:
            return set(range(len(p_values))) - left
        j = found[0]
        left.remove(j)
        for i in left:
            alpha[i] += alpha[j] * g[j][i]
        changed = [list(row) for row in g]
        for a in left:
            for b in left:
                back = g[a][j] * g[j][a]
                gained = (g[a][b] + g[a][j] * g[j][b]) / (1 - back) if back < 1 else 0.0
                changed[a][b] = gained if a != b else 0.0
        g = changed


def chain(length: int) -> list[list[float]]:
    """The graph in which every hypothesis hands all of its level to the next."""
    return [[float(b == a + 1) for b in range(length)] for a in range(length)]


def binary_search(
    accepted: Sequence[int], wrong: Sequence[int], risk: float, confidence: float
) -> int | None:
    """Algorithm 2 of Geifman and El-Yaniv 2017, with the exact binomial bound: a binary search
    whose every step is tested at the level over the number of steps."""
    steps = math.ceil(math.log2(len(accepted))) if len(accepted) > 1 else 1
    alpha = (1 - confidence) / steps
    low, high, best = 0, len(accepted) - 1, None
    for _ in range(steps):
        middle = math.ceil((low + high) / 2)
        if stats.binom.cdf(wrong[middle], accepted[middle], risk) <= alpha:
            low, best = middle, middle
        else:
            high = middle
    return best


def safest_first(
    accepted: Sequence[int], wrong: Sequence[int], risk: float, confidence: float
) -> int | None:
    """One fixed sequence (Angelopoulos et al. 2021): from the fewest that can prove the risk on,
    until the first that does not."""
    alpha = 1 - confidence
    best = None
    for k in range(len(accepted)):
        if (1 - risk) ** accepted[k] > alpha:
            continue
        if stats.binom.cdf(wrong[k], accepted[k], risk) > alpha:
            return best
        best = k
    return best
