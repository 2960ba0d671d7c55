"""The formulas of the metrics, on counts at each distinct score, for all resamples at once.

Every function takes :class:`Steps` and gives one number a resample, [...]; NaN where the measure
has no meaning. :data:`METRICS` names those that stand in tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from affidavit.misclassification.ranking import Array, Steps

Measure: TypeAlias = Callable[[Steps], Array]

# A share times a count, rounded up, must not gain one from the last bit of the product.
_SLACK = 1e-9


def auroc(steps: Steps) -> Array:
    """Pairs of a wrong and a right prediction that are in order, ties by half, of all pairs."""
    safer_right = steps.right_until - steps.right / 2
    return _ratio((steps.wrong * safer_right).sum(-1), steps.wrongs * steps.rights)


def aupr_wrong(steps: Steps) -> Array:
    """Average precision, wrong predictions positive, from the largest score on."""
    refused_wrong = steps.wrongs[..., None] - steps.wrong_until + steps.wrong
    refused_right = steps.rights[..., None] - steps.right_until + steps.right
    precision = _ratio(refused_wrong, refused_wrong + refused_right, 0.0)
    found = _ratio((steps.wrong * precision).sum(-1), steps.wrongs)
    return np.where(steps.rights > 0, found, np.nan)


def aupr_right(steps: Steps) -> Array:
    """Average precision, right predictions positive, from the smallest score on."""
    precision = _ratio(steps.right_until, steps.right_until + steps.wrong_until, 0.0)
    found = _ratio((steps.right * precision).sum(-1), steps.rights)
    return np.where(steps.wrongs > 0, found, np.nan)


def fpr_wrong(steps: Steps, tpr: float = 0.95) -> Array:
    """Share of the right ones refused once `tpr` of the wrong ones are refused."""
    accepted = np.floor((1 - tpr) * steps.wrongs + _SLACK)[..., None]
    # Steps are accepted as long as enough of the wrong ones remain to be refused.
    kept = (steps.right * (steps.wrong_until <= accepted)).sum(-1)
    return _ratio(_where_both(steps, steps.rights - kept), steps.rights)


def fpr_right(steps: Steps, tpr: float = 0.95) -> Array:
    """Share of the wrong ones accepted once `tpr` of the right ones are accepted."""
    needed = np.ceil(tpr * steps.rights - _SLACK)[..., None]
    before = steps.right_until - steps.right < needed
    return _ratio(_where_both(steps, (steps.wrong * before).sum(-1)), steps.wrongs)


def aurc(steps: Steps) -> Array:
    """Mean over k of the expected risk of the k safest, ties in random order.

    With s predictions and W wrong ones before a step of m, of which v are wrong, the k safest
    have `W + (k − s) v / m` wrong ones, so the step adds `(W − s v / m)(H_{s+m} − H_s) + v`, with
    the harmonic numbers H.
    """
    size = steps.right + steps.wrong
    before = steps.right_until + steps.wrong_until - size
    rate = _ratio(steps.wrong, size, 0.0)
    harmonic = _harmonic(int((steps.rights + steps.wrongs).max()))
    places = before.astype(np.int64)
    spread = harmonic[places + size.astype(np.int64)] - harmonic[places]
    wrong_before = steps.wrong_until - steps.wrong
    total = ((wrong_before - before * rate) * spread + steps.wrong).sum(-1)
    # A sum of terms that cancel: what is 0 must not come out a rounding error below it.
    found: Array = np.maximum(total / (steps.rights + steps.wrongs), 0.0)
    return found


def best_aurc(steps: Steps) -> Array:
    """The AURC of as many right and wrong predictions in perfect order."""
    count = steps.rights + steps.wrongs
    harmonic = _harmonic(int(count.max()))
    spread = harmonic[count.astype(np.int64)] - harmonic[steps.rights.astype(np.int64)]
    return (steps.wrongs - steps.rights * spread) / count


def e_aurc(steps: Steps) -> Array:
    """AURC in excess of the best."""
    return np.maximum(aurc(steps) - best_aurc(steps), 0.0)


def augrc(steps: Steps) -> Array:
    """Share of all that is wrong and accepted, averaged over the coverage by the trapezoid rule."""
    size = steps.right + steps.wrong
    middle = steps.wrong_until - steps.wrong / 2
    found: Array = (size * middle).sum(-1) / (steps.rights + steps.wrongs) ** 2
    return found


def coverage_at_risk(steps: Steps, risk: float) -> Array:
    """Largest coverage of a threshold whose risk is at most `risk`; 0 if there is none."""
    accepted = steps.right_until + steps.wrong_until
    allowed = steps.wrong_until <= risk * accepted + _SLACK
    count = steps.rights + steps.wrongs
    found: Array = np.where(allowed, accepted, 0.0).max(-1) / count
    return found


def risk_at_coverage(steps: Steps, coverage: float) -> Array:
    """Risk of the smallest coverage of a threshold that is at least `coverage`."""
    accepted = steps.right_until + steps.wrong_until
    needed = np.ceil(coverage * (steps.rights + steps.wrongs) - _SLACK)
    first = (accepted >= needed[..., None]).argmax(-1)[..., None]
    wrong = np.take_along_axis(steps.wrong_until, first, -1)[..., 0]
    found: Array = wrong / np.take_along_axis(accepted, first, -1)[..., 0]
    return found


@dataclass(frozen=True)
class Metric:
    """A measure as it stands in tables.

    Attributes:
        name: by which it is asked for.
        title: in words, for tables and pictures.
        larger_is_better: the direction of better.
        measure: the formula.
    """

    name: str
    title: str
    larger_is_better: bool
    measure: Measure

    @classmethod
    def coverage_at_risk(cls, risk: float) -> Metric:
        """Largest coverage at a risk of at most `risk`."""
        return cls(
            f"coverage_at_risk_{risk:g}",
            f"coverage at {100 * risk:g} % risk",
            True,
            partial(coverage_at_risk, risk=risk),
        )

    @classmethod
    def risk_at_coverage(cls, coverage: float) -> Metric:
        """Risk at a coverage of at least `coverage`."""
        return cls(
            f"risk_at_coverage_{coverage:g}",
            f"risk at {100 * coverage:g} % coverage",
            False,
            partial(risk_at_coverage, coverage=coverage),
        )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auroc", "AUROC", True, auroc),
        Metric("aupr_wrong", "AUPR, wrong positive", True, aupr_wrong),
        Metric("aupr_right", "AUPR, right positive", True, aupr_right),
        Metric("fpr_at_95_tpr", "FPR at 95 % TPR, wrong positive", False, fpr_wrong),
        Metric("fpr_at_95_tpr_right", "FPR at 95 % TPR, right positive", False, fpr_right),
        Metric("aurc", "AURC", False, aurc),
        Metric("e_aurc", "E-AURC", False, e_aurc),
        Metric("augrc", "AUGRC", False, augrc),
        Metric.coverage_at_risk(0.05),
        Metric.risk_at_coverage(0.8),
    )
}
"""Metrics by name, in the order of tables."""


def _ratio(above: Array, below: Array, otherwise: float = np.nan) -> Array:
    """`above / below`, and `otherwise` where nothing is below."""
    result = np.full(np.broadcast_shapes(np.shape(above), np.shape(below)), otherwise)
    np.divide(above, below, out=result, where=np.asarray(below) > 0)
    return result


def _where_both(steps: Steps, values: Array) -> Array:
    return np.where((steps.rights > 0) & (steps.wrongs > 0), values, np.nan)


def _harmonic(count: int) -> Array:
    """`H_0 … H_count`."""
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, count + 1))])
