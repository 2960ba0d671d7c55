"""What a threshold does with right and wrong predictions: four counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affidavit.errors import DomainError, nearest
from affidavit.misclassification.ranking import checked_scores, checked_wrong
from affidavit.statistics import binomial_lower, binomial_upper

_SHARES = ("accuracy", "coverage", "risk", "right_recall", "wrong_recall")


@dataclass(frozen=True)
class Confusion:
    """Right and wrong predictions, refused and accepted (Fig. 6 of Wu et al.).

    The properties are shares, NaN where there is nothing to take a share of.
    """

    wrong_refused: int
    wrong_accepted: int
    right_refused: int
    right_accepted: int

    @property
    def count(self) -> int:
        """All predictions."""
        return self.refused + self.accepted

    @property
    def refused(self) -> int:
        """Refused predictions."""
        return self.wrong_refused + self.right_refused

    @property
    def accepted(self) -> int:
        """Accepted predictions."""
        return self.wrong_accepted + self.right_accepted

    @property
    def accuracy(self) -> float:
        """Share of all predictions that is right, whether refused or not."""
        return _share(*self._counts("accuracy"))

    @property
    def coverage(self) -> float:
        """Share of all predictions that is accepted."""
        return _share(*self._counts("coverage"))

    @property
    def risk(self) -> float:
        """Share of the accepted predictions that is wrong."""
        return _share(*self._counts("risk"))

    @property
    def wrong_recall(self) -> float:
        """Share of the wrong predictions that is refused."""
        return _share(*self._counts("wrong_recall"))

    @property
    def right_recall(self) -> float:
        """Share of the right predictions that is accepted."""
        return _share(*self._counts("right_recall"))

    def interval(self, share: str, confidence: float = 0.95) -> tuple[float, float]:
        """Two-sided Clopper-Pearson interval of one of the shares, by name.

        Guarantee: `statistical`, exact, for independent predictions and a threshold that was not
        chosen on them. It is [0, 1] where there is nothing to take a share of.

        Raises DomainError for another name, or a level outside (0, 1).
        """
        if share not in _SHARES:
            raise DomainError(
                f"there is no share {share!r}{nearest(share, _SHARES)}; there are"
                f" {', '.join(_SHARES)}"
            )
        if not 0 < confidence < 1:
            raise DomainError(f"confidence is {confidence}; expected between 0 and 1")
        part, whole = self._counts(share)
        one_sided = (1 + confidence) / 2
        return binomial_lower(part, whole, one_sided), binomial_upper(part, whole, one_sided)

    def _counts(self, share: str) -> tuple[int, int]:
        right, wrong = self.right_accepted + self.right_refused, self.wrong_accepted
        wrong += self.wrong_refused
        counts = {
            "accuracy": (right, self.count),
            "coverage": (self.accepted, self.count),
            "risk": (self.wrong_accepted, self.accepted),
            "wrong_recall": (self.wrong_refused, wrong),
            "right_recall": (self.right_accepted, right),
        }
        return counts[share]


def confusion(scores: ArrayLike, wrong: ArrayLike, threshold: float) -> Confusion:
    """What is refused where a score is at least `threshold`.

    Args:
        scores: larger = more likely wrong, [n].
        wrong: whether each prediction is wrong, [n].
        threshold: infinity refuses nothing, its negative everything.

    Raises:
        DataError: no scores, scores that are not finite, or `wrong` of another shape or kind.
        DomainError: a threshold that is NaN.
    """
    values = checked_scores(scores)
    mistakes = checked_wrong(wrong, len(values))
    if math.isnan(threshold):
        raise DomainError("the threshold is NaN; expected a number or an infinity")
    refused = values >= threshold
    return Confusion(
        wrong_refused=int(np.count_nonzero(refused & mistakes)),
        wrong_accepted=int(np.count_nonzero(~refused & mistakes)),
        right_refused=int(np.count_nonzero(refused & ~mistakes)),
        right_accepted=int(np.count_nonzero(~refused & ~mistakes)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
