"""The largest coverage at which a risk is proved, with the multiplicity of the search paid for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from affidavit.misclassification.ranking import Array

# Chains begin at all of the predictions, a half, a quarter and so on, to a sixty-fourth at most:
# every further one takes from the level of the others, for coverages that are of little use.
_CHAINS = 7


def least_accepted(risk: float, alpha: float) -> int:
    """How many accepted predictions, all of them right, prove the risk at level `alpha`."""
    return math.ceil(math.log(alpha) / math.log1p(-risk) - 1e-9)


def chain_starts(count: int, risk: float, alpha: float) -> list[int]:
    """Numbers accepted at which chains of tests begin, largest first; empty: too few predictions.

    They depend on the number of predictions alone, never on what they are.
    """
    starts: list[int] = []
    for chains in range(1, _CHAINS + 1):
        least = math.ceil(count / 2 ** (chains - 1))
        if least < least_accepted(risk, alpha / chains):
            break
        starts.append(least)
    return starts


def largest_proved(accepted: Array, wrong: Array, risk: float, confidence: float) -> int | None:
    """Index of the largest coverage at which the risk is proved; None if it is at none.

    The hypothesis of step k is that the risk of what it accepts is above `risk`; its p-value is
    the binomial probability of so few wrong ones or fewer, and rejecting it at level α is to have a
    Clopper-Pearson bound of at most `risk` at confidence 1 − α. All steps are tested in order of
    coverage, in chains that begin at fixed numbers accepted. Each chain has an equal part of the
    level and stops at the first hypothesis that it cannot reject; where one arrives at the start of
    the next, it hands its level on, and the next goes on with both.

    One chain alone, from the safest threshold on, would be stopped by a single confident mistake;
    a binary search with a Bonferroni correction never gets the level back that it divided.

    Args:
        accepted, wrong: predictions accepted by each step, and wrong ones among them, ascending,
            [step], as the scores of a calibration sample give them.
        risk: in (0, 1).
        confidence: in (0, 1).

    Guarantee: `statistical`. The probability that the risk at the step is above `risk` is at most
    1 − confidence. For scores without ties it is exact, whether or not the risk rises with the
    score: given how many scores fall between the thresholds where the true risk crosses `risk`,
    the wrong ones among the accepted of any step whose risk is too high are at least binomial with
    `risk`. With ties it holds where the risk does not fall as the threshold rises.

    Source: Learn then Test, Angelopoulos et al. 2021, 2022 (fixed sequences); graphical procedures,
    Bretz et al. 2009; selective guarantees, Geifman and El-Yaniv 2017.
    """
    alpha = 1 - confidence
    starts = chain_starts(int(accepted[-1]), risk, alpha)
    if not starts:
        return None
    p_values = np.asarray(stats.binom.cdf(wrong, accepted, risk))
    levels: dict[int, float] = {}
    for start in starts:
        # With ties, the first step that accepts as many; chains that begin together are one.
        place = int(np.searchsorted(accepted, start))
        levels[place] = levels.get(place, 0.0) + alpha / len(starts)
    return _furthest(p_values, levels)


@dataclass
class _Chain:
    start: int
    front: int  # all hypotheses from the start up to here are rejected
    level: float  # what is left to test the front with


def _furthest(p_values: NDArray[np.float64], levels: dict[int, float]) -> int | None:
    """The last hypothesis that the chains reject, from their starts and levels."""
    chains: list[_Chain] = []  # the last start first
    for start in sorted(levels, reverse=True):
        chain = _Chain(start, start, levels[start])
        while True:
            limit = chains[-1].start if chains else len(p_values)
            failed = np.flatnonzero(p_values[chain.front : limit] > chain.level)
            if len(failed):
                chain.front += int(failed[0])
                break
            if not chains:
                chain.front = limit
                break
            # It has arrived at the next chain, and goes on from its front with both levels.
            following = chains.pop()
            chain.front = following.front
            chain.level += following.level
        chains.append(chain)
    reached = [chain.front - 1 for chain in chains if chain.front > chain.start]
    return max(reached) if reached else None
