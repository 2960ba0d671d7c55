"""Measures of selective prediction, straight from their definitions, by loops over pairs, orders
and thresholds, in rational arithmetic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np


def auroc(scores: Sequence[float], wrong: Sequence[bool]) -> Fraction:
    """Share of pairs of a wrong and a right one in which the wrong one has the larger score."""
    wrongs = [s for s, w in zip(scores, wrong, strict=True) if w]
    rights = [s for s, w in zip(scores, wrong, strict=True) if not w]
    won = sum((Fraction((a > b) - (a < b) + 1, 2) for a in wrongs for b in rights), Fraction(0))
    return won / (len(wrongs) * len(rights))


def average_precision(scores: Sequence[float], positive: Sequence[bool]) -> Fraction:
    """Sum of precision times the gain in recall, threshold after threshold from above."""
    total, recall = Fraction(0), Fraction(0)
    for threshold in sorted(set(scores), reverse=True):
        chosen = [p for s, p in zip(scores, positive, strict=True) if s >= threshold]
        found = Fraction(sum(chosen), sum(positive))
        total += (found - recall) * Fraction(sum(chosen), len(chosen))
        recall = found
    return total


def fpr_at_tpr(scores: Sequence[float], positive: Sequence[bool], tpr: Fraction) -> Fraction:
    """The smallest false-positive rate of a threshold with at least that true-positive rate."""
    rates = []
    for threshold in set(scores):
        chosen = [p for s, p in zip(scores, positive, strict=True) if s >= threshold]
        if Fraction(sum(chosen), sum(positive)) >= tpr:
            rates.append(Fraction(len(chosen) - sum(chosen), len(positive) - sum(positive)))
    return min(rates)


def aurc_of_order(wrong: Sequence[bool]) -> Fraction:
    """Mean risk of the k first, over all k."""
    risks = [Fraction(sum(wrong[:k]), k) for k in range(1, len(wrong) + 1)]
    return sum(risks, Fraction(0)) / len(risks)


def aurc(scores: Sequence[float], wrong: Sequence[bool]) -> Fraction:
    """The AURC averaged over every order of all predictions that agrees with the scores."""
    found = [
        aurc_of_order([wrong[i] for i in order])
        for order in itertools.permutations(range(len(scores)))
        if all(scores[a] <= scores[b] for a, b in itertools.pairwise(order))
    ]
    return sum(found, Fraction(0)) / len(found)


def e_aurc(scores: Sequence[float], wrong: Sequence[bool]) -> Fraction:
    """The AURC less that of all right ones first."""
    return aurc(scores, wrong) - aurc_of_order(sorted(wrong))


def augrc(scores: Sequence[float], wrong: Sequence[bool]) -> Fraction:
    """Area by trapezoids under the share of all that is wrong and accepted, over the coverage."""
    points = [(Fraction(0), Fraction(0))]
    for score in sorted(set(scores)):
        accepted = [w for s, w in zip(scores, wrong, strict=True) if s <= score]
        points.append((Fraction(len(accepted), len(wrong)), Fraction(sum(accepted), len(wrong))))
    return sum(
        ((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in itertools.pairwise(points)),
        Fraction(0),
    )


def risk_coverage(
    scores: Sequence[float], wrong: Sequence[bool]
) -> list[tuple[Fraction, Fraction]]:
    """(coverage, risk) of every threshold that accepts something."""
    found = []
    for threshold in [*sorted(set(scores))[1:], math.inf]:
        accepted = [w for s, w in zip(scores, wrong, strict=True) if s < threshold]
        found.append((Fraction(len(accepted), len(wrong)), Fraction(sum(accepted), len(accepted))))
    return found


def coverage_at_risk(scores: Sequence[float], wrong: Sequence[bool], risk: Fraction) -> Fraction:
    """The largest coverage with at most that risk."""
    allowed = [c for c, r in risk_coverage(scores, wrong) if r <= risk]
    return max(allowed, default=Fraction(0))


def risk_at_coverage(
    scores: Sequence[float], wrong: Sequence[bool], coverage: Fraction
) -> Fraction:
    """The risk of the smallest coverage that is at least that."""
    return min((c, r) for c, r in risk_coverage(scores, wrong) if c >= coverage)[1]


def delong_variance(scores: Sequence[float], wrong: Sequence[bool]) -> float:
    """Variance of the AUROC from its structural components, pair by pair."""
    wrongs = [s for s, w in zip(scores, wrong, strict=True) if w]
    rights = [s for s, w in zip(scores, wrong, strict=True) if not w]
    kernel = [[0.5 * ((a > b) - (a < b) + 1) for b in rights] for a in wrongs]
    of_wrong = [sum(row) / len(rights) for row in kernel]
    of_right = [sum(row[j] for row in kernel) / len(wrongs) for j in range(len(rights))]
    parts = (float(np.var(of, ddof=1)) / len(of) for of in (of_wrong, of_right))
    return sum(parts)
