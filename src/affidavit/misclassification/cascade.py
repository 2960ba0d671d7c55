"""A refused input goes on to a larger model or a person: accuracy and cost of the two together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affidavit.errors import DataError, DomainError
from affidavit.misclassification.comparison import Estimate
from affidavit.misclassification.confusion import Confusion, confusion
from affidavit.misclassification.ranking import Array, checked_scores, checked_wrong
from affidavit.resampling import check_resampling, percentile_interval, resampled_counts


@dataclass(frozen=True, eq=False)
class Cascade:
    """Both together as the threshold falls, from nothing refused to everything.

    Attributes:
        thresholds: descending, from infinity to the smallest score, [point].
        refused: share that goes on to the second, ascending, [point].
        accuracy: share answered rightly by the one that answers, [point].
        cost: mean cost of an input, [point].
    """

    thresholds: Array
    refused: Array
    accuracy: Array
    cost: Array

    @property
    def best(self) -> int:
        """The point of the highest accuracy; of equal ones, the one that refuses least."""
        return int(np.argmax(self.accuracy))


@dataclass(frozen=True)
class CascadePoint:
    """Both together at one threshold, with intervals.

    Attributes:
        threshold: where it refuses.
        confusion: of the first.
        refused: share that goes on to the second.
        accuracy: share answered rightly by the one that answers.
        gain: that accuracy less that of the first alone, on the same resamples.
        cost: mean cost of an input.
    """

    threshold: float
    confusion: Confusion
    refused: Estimate
    accuracy: Estimate
    gain: Estimate
    cost: Estimate


def cascade(
    scores: ArrayLike,
    wrong: ArrayLike,
    second: ArrayLike,
    *,
    first_cost: float = 1.0,
    second_cost: float = 0.0,
) -> Cascade:
    """Accuracy, cost and share refused at every threshold; tied scores go together.

    Every input costs `first_cost`, and a refused one `second_cost` more.

    Args:
        scores: of the first, larger = more likely wrong, [n].
        wrong: whether the first is wrong, [n].
        second: whether the second is right, [n], or its accuracy where only that is known: one
            number, the same for all inputs. That is an assumption: what the first gets wrong is
            often hard for others too.
        first_cost, second_cost: in any unit, at least 0.

    Raises:
        DataError: scores, `wrong` or `second` that cannot be used.
        DomainError: an accuracy outside [0, 1], or negative costs.
    """
    values = checked_scores(scores)
    right = ~checked_wrong(wrong, len(values))
    answers = _second(second, len(values))
    _costs(first_cost, second_cost)
    count = len(values)
    order = np.argsort(-values, kind="stable")
    descending = values[order]
    ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
    gains = np.cumsum(answers[order] - right[order])[ends]
    refused = np.append(0.0, (ends + 1) / count)
    return Cascade(
        np.append(np.inf, descending[ends]),
        refused,
        (right.sum() + np.append(0.0, gains)) / count,
        first_cost + second_cost * refused,
    )


def cascade_at(
    scores: ArrayLike,
    wrong: ArrayLike,
    second: ArrayLike,
    threshold: float,
    *,
    first_cost: float = 1.0,
    second_cost: float = 0.0,
    confidence: float = 0.95,
    samples: int = 2000,
    clusters: ArrayLike | None = None,
    seed: int = 0,
) -> CascadePoint:
    """Both together at a threshold, as a policy chose it on other data, with intervals.

    Args:
        scores, wrong, second, first_cost, second_cost: as of :func:`cascade`.
        threshold: refused where a score is at least as large.
        confidence: level of the intervals.
        samples: bootstrap resamples.
        clusters: of each input, what it belongs to, [n]: whole clusters are drawn.
        seed: of the resamples.

    Raises: as of :func:`cascade`; DomainError for a threshold that is NaN, a level outside (0, 1)
    or no resamples; DataError for clusters of another shape, or a single one.

    Guarantee: `statistical`, approximate: percentile bootstrap, without the uncertainty of an
    accuracy of the second that is given as a number, or of the threshold.
    """
    check_resampling(confidence, samples)
    counts = confusion(scores, wrong, threshold)
    values = checked_scores(scores)
    right = ~checked_wrong(wrong, len(values))
    answers = _second(second, len(values))
    _costs(first_cost, second_cost)
    refused = values >= threshold
    answered = np.where(refused, answers, right)
    columns = np.stack(
        [refused, answered, answered - right, first_cost + second_cost * refused], axis=1
    )
    drawn = resampled_counts(len(values), samples, seed, clusters=clusters)
    means = np.concatenate([(part @ columns) / part.sum(1, keepdims=True) for part in drawn])
    share, accuracy, gain, cost = (
        Estimate(float(here), *percentile_interval(resampled, confidence))
        for here, resampled in zip(columns.mean(0), means.T, strict=True)
    )
    return CascadePoint(float(threshold), counts, share, accuracy, gain, cost)


def _second(second: ArrayLike, count: int) -> Array:
    """The chance that the second is right, of each input, [n]."""
    found = np.asarray(second)
    if found.ndim == 0:
        accuracy = float(found)
        if not 0 <= accuracy <= 1:
            raise DomainError(f"the second's accuracy is {accuracy}; expected between 0 and 1")
        return np.full(count, accuracy)
    if found.ndim != 1:
        raise DataError(
            f"second has the shape {list(found.shape)}; expected [n], whether the second is right,"
            " or a single accuracy"
        )
    return checked_wrong(found, count, "right").astype(np.float64)


def _costs(first: float, second: float) -> None:
    if not (first >= 0 and second >= 0 and np.isfinite(first + second)):
        raise DomainError(
            f"the costs are {first} and {second}; expected finite numbers, none below 0"
        )
