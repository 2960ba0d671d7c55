"""The threshold at which what is claimed of refusals is met with most to spare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import rel_entr

from affidavit.errors import DataError
from affidavit.misclassification.ranking import Ranking

Counts = NDArray[np.float64]
ClaimedShares = Callable[[Counts, Counts, float, float], list[tuple[Counts, Counts, float]]]
"""Of right and wrong predictions accepted at each threshold, and of all right and all wrong ones:
successes, trials, and the least share claimed, of each share that a claim is about."""


@dataclass(frozen=True)
class MostToSpare:
    """Chooses the threshold at which all claimed shares are met with most to spare.

    Most to spare has the threshold whose largest p-value is smallest, by the tests that the claim
    is judged with: exact binomial ones, on the calibration data. Of equal ones, the lowest. Where
    the claim is met at no threshold, it is that at which it is missed least. As the threshold is
    chosen by them, these p-values are no evidence; those on other data are.

    Attributes:
        shares: what is claimed.

    Guarantee: `empirical`.
    """

    name: ClassVar[str] = "most_to_spare"

    shares: ClaimedShares

    def threshold(self, scores: ArrayLike, wrong: ArrayLike) -> float:
        """See :class:`affidavit.misclassification.Policy`.

        Raises DataError too where there is nothing that a claimed share could be of.
        """
        steps = Ranking.of(scores, wrong).steps()
        right, errors = (np.append(0.0, n) for n in (steps.right_until, steps.wrong_until))
        claimed = self.shares(right, errors, float(steps.rights), float(steps.wrongs))
        if any(np.max(trials) == 0 for _, trials, _ in claimed):
            count, kind = len(np.asarray(wrong)), "right" if steps.rights else "wrong"
            raise DataError(
                f"all {count} predictions are {kind}: expected some wrong ones and some right ones"
                " to choose the threshold by"
            )
        worst = np.max([_lacking(*share) for share in claimed], axis=0)
        return float(np.append(steps.scores, np.inf)[int(worst.argmin())])


def _lacking(successes: Counts, trials: Counts, least: float) -> Counts:
    """How far a share is from being met, below 0 where it is, by P(as many successes | least).

    Its logarithm where the share is met, a bound of it where that is too small for a number. Where
    it is not met, and all such probabilities are near 1: the other side's bound, turned.
    """
    share = successes / np.maximum(trials, 1)
    # Chernoff's bound: P is at most exp(-exponent), and above that by a factor that hardly counts.
    exponent = trials * (rel_entr(share, least) + rel_entr(1 - share, 1 - least))
    p = stats.binom.sf(successes - 1, trials, least)
    met = np.where(p > 1e-290, np.log(np.maximum(p, 1e-290)), -exponent)
    found: Counts = np.where((share >= least) & (trials > 0), met, exponent)
    return found
