"""What a score of doubt is worth, over all thresholds.

Throughout, a larger score means more likely wrong, a prediction is *refused* where its score is at
least the threshold and *accepted* elsewhere, and tied scores are accepted or refused together.
Risk is the share of the accepted predictions that is wrong, coverage the share accepted.

Each function takes `scores` [n], `wrong` [n] and, where given, `weights`: how often each prediction
counts, [n] or, for bootstrap resamples, [resample, n]. It returns a float, or for resamples an
array [resample] in which a measure that has no meaning is NaN. Where there is but one sample, a
measure without a meaning raises DataError: AUROC, AUPR and FPR need right and wrong predictions.
The others are always defined; without wrong predictions they are 0 (coverage at a risk: 1).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from affidavit.errors import DataError, DomainError
from affidavit.misclassification import measures
from affidavit.misclassification.ranking import Array, Ranking

Kind: TypeAlias = Literal["wrong", "right"]
"""Wrong predictions or right ones: the class that counts as positive, or that a target is about."""


def auroc(scores: ArrayLike, wrong: ArrayLike, weights: ArrayLike | None = None) -> float | Array:
    """Area under the ROC curve, in [0, 1]: 0.5 by chance, 1 for a perfect order.

    The probability that a wrong prediction has a larger score than a right one, ties by half. Equal
    to scikit-learn's `roc_auc_score`. It does not change when the classes swap places.
    """
    return _evaluated(measures.auroc, scores, wrong, weights)


def aupr(
    scores: ArrayLike,
    wrong: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    positive: Kind = "wrong",
) -> float | Array:
    """Area under the precision-recall curve as average precision, in [0, 1].

    `Σ_i (recall_i − recall_{i−1}) precision_i` over the distinct scores, without interpolation:
    equal to scikit-learn's `average_precision_score`. By chance it is the share of the positive
    class.

    Args:
        positive: `wrong`, whose largest scores come first, or `right`, whose smallest do.
    """
    measure = measures.aupr_wrong if _kind(positive) == "wrong" else measures.aupr_right
    return _evaluated(measure, scores, wrong, weights)


def fpr_at_tpr(
    scores: ArrayLike,
    wrong: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    tpr: float = 0.95,
    positive: Kind = "wrong",
) -> float | Array:
    """False-positive rate at the first threshold whose true-positive rate is at least `tpr`.

    Args:
        tpr: in (0, 1].
        positive: with `wrong`, the share of right predictions that is refused once `tpr` of the
            wrong ones are. With `right`, the share of wrong predictions that is accepted once
            `tpr` of the right ones are, as in Corbière et al. 2019. The two differ: say which.

    Raises DomainError for a `tpr` outside (0, 1].
    """
    _share("tpr", tpr)
    chosen = measures.fpr_wrong if _kind(positive) == "wrong" else measures.fpr_right
    return _evaluated(lambda steps: chosen(steps, tpr), scores, wrong, weights)


def aurc(scores: ArrayLike, wrong: ArrayLike, weights: ArrayLike | None = None) -> float | Array:
    """Area under the risk-coverage curve, in [0, 1]; smaller is better.

    `(1/n) Σ_k risk(k)`, the risk of the k safest predictions. Among tied scores the expectation
    over all orders is taken, so the given order has no influence.

    Source: Geifman and El-Yaniv 2017; Geifman, Uziel and El-Yaniv 2019.
    """
    return _evaluated(measures.aurc, scores, wrong, weights)


def e_aurc(scores: ArrayLike, wrong: ArrayLike, weights: ArrayLike | None = None) -> float | Array:
    """AURC in excess of that of a perfect order of the same predictions; 0 is best.

    The best AURC is taken for the number of predictions at hand,
    `(1/n) Σ_k max(0, k − r) / k` with r right ones, not its limit for infinitely many,
    `e + (1 − e) ln(1 − e)` for the error e, which is a little smaller.

    Source: Geifman, Uziel and El-Yaniv 2019.
    """
    return _evaluated(measures.e_aurc, scores, wrong, weights)


def augrc(scores: ArrayLike, wrong: ArrayLike, weights: ArrayLike | None = None) -> float | Array:
    """Area under the generalized risk-coverage curve, in [0, 0.5]; smaller is better.

    The generalized risk is the share of *all* predictions that is wrong and accepted; its area
    over the coverage is that risk averaged over working points. By the trapezoid rule, which makes
    it `(1 − AUROC) a (1 − a) + (1 − a)² / 2` with the accuracy a.

    Source: Traub et al. 2024, "Overcoming Common Flaws in the Evaluation of Selective
    Classification Systems".
    """
    return _evaluated(measures.augrc, scores, wrong, weights)


def coverage_at_risk(
    scores: ArrayLike, wrong: ArrayLike, weights: ArrayLike | None = None, *, risk: float
) -> float | Array:
    """Largest coverage of any threshold whose risk is at most `risk`; 0 if there is none.

    It is chosen and measured on the same predictions, and so an optimist: for a guarantee, see
    :class:`affidavit.misclassification.MaximumRisk`. Raises DomainError for a risk outside [0, 1].
    """
    if not 0 <= risk <= 1:
        raise DomainError(f"risk is {risk}; expected a share between 0 and 1")
    return _evaluated(lambda steps: measures.coverage_at_risk(steps, risk), scores, wrong, weights)


def risk_at_coverage(
    scores: ArrayLike, wrong: ArrayLike, weights: ArrayLike | None = None, *, coverage: float
) -> float | Array:
    """Risk of the threshold with the smallest coverage that is at least `coverage`.

    Raises DomainError for a coverage outside (0, 1].
    """
    _share("coverage", coverage)
    return _evaluated(
        lambda steps: measures.risk_at_coverage(steps, coverage), scores, wrong, weights
    )


def _evaluated(
    measure: measures.Measure, scores: ArrayLike, wrong: ArrayLike, weights: ArrayLike | None
) -> float | Array:
    steps = Ranking.of(scores, wrong).steps(weights)
    values = measure(steps)
    if values.ndim:
        return values
    if np.isnan(values):
        raise undefined(int(steps.rights), int(steps.wrongs))
    return float(values)


def undefined(rights: int, wrongs: int) -> DataError:
    """The error for a measure that needs right and wrong predictions."""
    return DataError(
        f"of {rights + wrongs} predictions {rights} are right and {wrongs} wrong; this measure"
        " compares the two and needs at least one of each"
    )


def _kind(positive: str) -> str:
    if positive not in ("wrong", "right"):
        raise DomainError(f"positive is {positive!r}; expected 'wrong' or 'right'")
    return positive


def _share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise DomainError(f"{name} is {value}; expected a share above 0, at most 1")
