"""Scores put in order once: how many right and wrong predictions stand at each distinct score.

Every measure of this package is a function of these counts. So tied scores are one step whatever
the order they came in, and a bootstrap sorts once for thousands of resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affidavit.errors import DataError

Array = NDArray[np.float64]
Booleans = NDArray[np.bool_]


def checked_scores(scores: ArrayLike) -> Array:
    """Scores as an array, [n]. Raises DataError for none, another shape, NaN or infinite ones."""
    found = np.asarray(scores, np.float64)
    if found.ndim != 1 or not len(found):
        raise DataError(
            f"scores have the shape {list(found.shape)}; expected [n], one of each prediction, at"
            " least one"
        )
    if not np.isfinite(found).all():
        bad = np.flatnonzero(~np.isfinite(found))
        raise DataError(
            f"{len(bad)} of {len(found)} scores are not finite, first that of row {bad[0]}:"
            f" {found[bad[0]]}; expected finite numbers, larger = more likely wrong"
        )
    return found


def checked_wrong(wrong: ArrayLike, count: int, name: str = "wrong") -> Booleans:
    """Whether each prediction is wrong, [n]. Raises DataError for what is no truth value."""
    found = np.asarray(wrong)
    if found.shape != (count,):
        raise DataError(
            f"{name} has the shape {list(found.shape)}, but there are {count} scores; expected one"
            " truth value for each"
        )
    if found.dtype != bool and not np.isin(found, (0, 1)).all():
        raise DataError(
            f"{name} has values other than True and False: expected whether each prediction is"
            f" {name}, as in `predicted != labels`"
        )
    return found.astype(bool)


@dataclass(frozen=True, eq=False)
class Steps:
    """Right and wrong predictions at each distinct score, from the safest to the riskiest.

    Leading dimensions are resamples. A step of a resample may be empty.

    Attributes:
        scores: the distinct scores, ascending, [step].
        right, wrong: how many right and wrong predictions have that score, [..., step].
    """

    scores: Array
    right: Array
    wrong: Array

    @cached_property
    def right_until(self) -> Array:
        """Right predictions at this score or a safer one, [..., step]."""
        return np.cumsum(self.right, axis=-1)

    @cached_property
    def wrong_until(self) -> Array:
        """Wrong predictions at this score or a safer one, [..., step]."""
        return np.cumsum(self.wrong, axis=-1)

    @property
    def rights(self) -> Array:
        """Right predictions in all, [...]."""
        found: Array = self.right_until[..., -1]
        return found

    @property
    def wrongs(self) -> Array:
        """Wrong predictions in all, [...]."""
        found: Array = self.wrong_until[..., -1]
        return found

    @property
    def thresholds(self) -> Array:
        """Of each step, the threshold that accepts it and all safer ones, and no more, [step].

        A prediction is refused where its score is at least the threshold, so it is the next score,
        and infinity after the last.
        """
        return np.append(self.scores[1:], np.inf)


@dataclass(frozen=True, eq=False)
class Ranking:
    """The order of predictions by score, safest first, and where a new score begins in it.

    Attributes:
        order: rows by ascending score, [n].
        starts: places in that order at which each distinct score begins, [step].
        scores: the distinct scores, ascending, [step].
        wrong: whether each prediction is wrong, in that order, [n].
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    scores: Array
    wrong: Booleans

    @classmethod
    def of(cls, scores: ArrayLike, wrong: ArrayLike) -> Ranking:
        """The ranking of scores [n], larger = more likely wrong, of which `wrong` [n] are wrong.

        Raises:
            DataError: no scores, NaN or infinite ones, or `wrong` of another shape or kind.
        """
        values = checked_scores(scores)
        mistakes = checked_wrong(wrong, len(values))
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        return cls(order, starts, ordered[starts], mistakes[order])

    def steps(self, weights: ArrayLike | None = None) -> Steps:
        """Counts at each distinct score.

        Args:
            weights: how often each prediction counts, whole numbers, [n] or [resample, n]; once
                each, if left out.

        Raises:
            DataError: weights of another shape, negative, not whole, or none above 0.
        """
        count = len(self.order)
        if weights is None:
            times = np.ones(count)
        else:
            times = _checked_weights(weights, count)[..., self.order]
        wrong = times * self.wrong
        right = times - wrong
        if len(self.starts) < count:
            right = np.add.reduceat(right, self.starts, axis=-1)
            wrong = np.add.reduceat(wrong, self.starts, axis=-1)
        return Steps(self.scores, right, wrong)


def _checked_weights(weights: ArrayLike, count: int) -> Array:
    found = np.asarray(weights)
    if found.ndim not in (1, 2) or found.shape[-1] != count:
        raise DataError(
            f"weights have the shape {list(found.shape)}; expected [{count}] or [resample, {count}]"
        )
    whole = np.issubdtype(found.dtype, np.integer) or bool(
        (np.isfinite(found) & (found == np.floor(found))).all()
    )
    if not whole or found.min(initial=0) < 0:
        raise DataError("weights are counts: expected whole numbers, none below 0")
    if not found.any(-1).all():
        raise DataError("all weights are 0: expected at least one prediction that counts")
    return found.astype(np.float64)
