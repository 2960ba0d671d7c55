"""Curves over all thresholds: ROC, and risk against coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affidavit.misclassification.metrics import undefined
from affidavit.misclassification.ranking import Array, Ranking


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Shares of right and wrong predictions that are refused, as the threshold falls.

    Attributes:
        thresholds: descending, from infinity to the smallest score, [point].
        right_refused: false-positive rate, from 0 to 1, [point].
        wrong_refused: true-positive rate, the recall of wrong predictions, from 0 to 1, [point].
    """

    thresholds: Array
    right_refused: Array
    wrong_refused: Array

    @property
    def area(self) -> float:
        """AUROC, by the trapezoid rule."""
        return float(np.trapezoid(self.wrong_refused, self.right_refused))


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk of what is accepted, as the threshold rises past each distinct score.

    Attributes:
        thresholds: ascending, to infinity, [step]. The one that accepts nothing, whose risk has
            no meaning, is left out.
        coverage: share accepted, to 1, [step].
        risk: share of the accepted that is wrong, [step].
        generalized_risk: share of all that is wrong and accepted, [step].
    """

    thresholds: Array
    coverage: Array
    risk: Array
    generalized_risk: Array


def roc_curve(scores: ArrayLike, wrong: ArrayLike) -> RocCurve:
    """The ROC curve, wrong predictions positive; one point for each distinct score.

    Raises DataError for scores or `wrong` that cannot be used, or without a right or wrong one.
    """
    steps = Ranking.of(scores, wrong).steps()
    if not steps.rights or not steps.wrongs:
        raise undefined(int(steps.rights), int(steps.wrongs))
    right = steps.rights - np.append(0.0, steps.right_until)
    wrongs = steps.wrongs - np.append(0.0, steps.wrong_until)
    return RocCurve(
        np.append(steps.scores, np.inf)[::-1],
        (right / steps.rights)[::-1],
        (wrongs / steps.wrongs)[::-1],
    )


def risk_coverage(scores: ArrayLike, wrong: ArrayLike) -> RiskCoverage:
    """Risk against coverage; tied scores are one step.

    Raises DataError for scores or `wrong` that cannot be used.

    Source: El-Yaniv and Wiener 2010; the generalized risk, Traub et al. 2024.
    """
    steps = Ranking.of(scores, wrong).steps()
    accepted = steps.right_until + steps.wrong_until
    return RiskCoverage(
        steps.thresholds,
        accepted / accepted[-1],
        steps.wrong_until / accepted,
        steps.wrong_until / accepted[-1],
    )
