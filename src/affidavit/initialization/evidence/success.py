"""How likely a fresh run is to pass a fixed test, from how many of the runs made passed it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from affidavit.errors import DomainError
from affidavit.initialization.evidence.inputs import (
    check_confidence,
    check_share,
    least_right,
    right_rows,
)
from affidavit.initialization.evidence.words import counted, down, percent, plain, up
from affidavit.statistics import binomial_lower, binomial_upper

MOST_RUNS = 10**9
"""Numbers of runs are looked for up to here."""


@dataclass(frozen=True)
class Success:
    """Probability that a freshly seeded run passes a test, with its exact interval.

    Attributes:
        successes, runs: runs that passed, of how many.
        at_least: the test: accuracy on the fixed rows is at least this.
        on: which rows, in words.
        lower, upper: Clopper-Pearson bounds, each of which holds with the confidence. Without
            successes, the upper one is `1 - (1 - confidence) ** (1 / runs)`.
        confidence: of each bound.
    """

    successes: int
    runs: int
    at_least: float
    on: str
    lower: float
    upper: float
    confidence: float

    @property
    def text(self) -> str:
        """In a sentence."""
        passed = f"{self.successes:,}" if self.successes else "none"
        ends = [f"at least {down(self.lower)}"] if self.successes else []
        ends += [f"at most {up(self.upper)}"] if self.successes < self.runs else []
        each = ", each" if len(ends) > 1 else ""
        return (
            f"Of {counted(self.runs, 'freshly seeded run')}, {passed} reached"
            f" {plain(self.at_least)} on {self.on}: such a run does so with a probability of"
            f" {' and '.join(ends)}{each} with {percent(self.confidence)} confidence."
        )


def success_probability(
    accuracies: ArrayLike,
    rows: int,
    at_least: float,
    confidence: float = 0.95,
    *,
    on: str = "these rows",
) -> Success:
    """How likely a freshly seeded run is to be right on a share of at least `at_least` of the rows.

    Success is a fixed test on fixed data, set before the runs were made: their accuracy on these
    rows, as the validation rows of a search. It bounds this training procedure, never what the
    structure could do if it were trained otherwise.

    Args:
        accuracies: of all the freshly seeded, independent runs that were made, on the same rows,
            [run]; NaN: the run diverged, which is a failure. Trials of a walk, of annealing or of
            halving are no such runs: they depend on each other.
        rows: how many rows the accuracies are shares of.
        at_least: above 0, at most 1.
        confidence: of each bound, at least 1/2 and below 1.
        on: which rows, for sentences, as "the validation rows".

    Raises:
        DataError: no runs, or accuracies that are no shares of the rows.
        DomainError: a threshold or a confidence out of range, or no rows.

    Guarantee: `statistical`, exact. Source: Clopper and Pearson 1934.
    """
    check_confidence(confidence)
    if not 0 < at_least <= 1:
        raise DomainError(f"at_least is {at_least}; expected an accuracy above 0 and at most 1")
    right = right_rows(accuracies, rows)
    successes, runs = int(np.count_nonzero(right >= least_right(at_least, rows))), len(right)
    lower = binomial_lower(successes, runs, confidence)
    upper = binomial_upper(successes, runs, confidence)
    return Success(successes, runs, float(at_least), on, lower, upper, confidence)


def runs_for_bound(probability: float, confidence: float = 0.95, successes: int = 0) -> int:
    """The fewest runs that show success to be at most so likely, with so many successes in them.

    299 runs without success show that its probability is at most 0.01, at 95 %.

    Raises DomainError for a probability or confidence out of range, negative successes, or where
    it takes more than :data:`MOST_RUNS`.
    """
    check_share("probability", probability)
    check_confidence(confidence)
    if successes < 0:
        raise DomainError(f"there are {successes} successes; expected at least 0")
    alpha = 1 - confidence + 1e-12  # the last bit of 1 - confidence must not cost a run

    def shown(runs: int) -> bool:
        return bool(stats.binom.cdf(successes, runs, probability) <= alpha)

    low, high = successes, successes + 1
    while not shown(high):
        if high >= MOST_RUNS:
            raise DomainError(
                f"to show a probability of at most {probability:g} takes more than {MOST_RUNS:.0e}"
                " runs; expected one further from 0"
            )
        low, high = high, 2 * high
    while high - low > 1:
        middle = math.floor((low + high) / 2)
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high
