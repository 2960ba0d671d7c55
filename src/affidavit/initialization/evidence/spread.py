"""How much of the spread between runs is in the runs, and how much in the rows they are tested on.

A run's accuracy on n rows is its true accuracy, over all rows, and an error of sampling. Runs that
are equally good differ on n rows too; only the rest of their variance is in the runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from affidavit.errors import DataError
from affidavit.initialization.evidence.inputs import check_confidence, checked_runs
from affidavit.initialization.evidence.words import counted, down, percent, up


class MeanSquares(NamedTuple):
    """Of the two-way table of runs and rows: between runs, between rows, and what is left."""

    runs: float
    rows: float
    interaction: float


@dataclass(frozen=True)
class Spread:
    """The variance of accuracy from run to run, split in two.

    Attributes:
        mean: accuracy of all runs on all rows.
        runs, rows: how many.
        observed: variance of the runs' accuracies, `true_untruncated + sampling`.
        sampling: the part that stems from testing on so few rows.
        true_untruncated: the part that is in the runs, without bias; negative where the runs differ
            by less than equal ones would.
        lower, upper: bounds of the standard deviation of true accuracies, each with the confidence.
        confidence: of each bound.
        f, p_value: the F test of 'all runs are equally good'.
    """

    mean: float
    runs: int
    rows: int
    observed: float
    sampling: float
    true_untruncated: float
    lower: float
    upper: float
    confidence: float
    f: float
    p_value: float

    @property
    def true(self) -> float:
        """Variance of true accuracies, at least 0."""
        return max(self.true_untruncated, 0.0)

    @property
    def deviation(self) -> float:
        """Standard deviation of true accuracies."""
        return math.sqrt(self.true)

    @property
    def true_share(self) -> float:
        """Share of the observed variance that is in the runs, in [0, 1]."""
        return self.true / self.observed if self.observed else 0.0

    @property
    def text(self) -> str:
        """In a few sentences."""
        probability = f"p = {self.p_value:.2g}" if self.p_value else "p < 1e-300"
        differ = (
            f"The runs differ in truth ({probability})"
            if self.p_value <= 1 - self.confidence
            else f"It is not shown that the runs differ in truth ({probability})"
        )
        return (
            f"The accuracies of {counted(self.runs, 'run')} on {counted(self.rows, 'row')} have a"
            f" standard deviation of {math.sqrt(self.observed):.4f} around {self.mean:.4f}; over"
            f" infinitely many rows it would be about {self.deviation:.4f} (at least"
            f" {down(self.lower)}, and at most {up(self.upper)}, each with"
            f" {percent(self.confidence)} confidence), and the rest is chance in the rows."
            f" {differ}."
        )


def spread(correct: ArrayLike, confidence: float = 0.95) -> Spread:
    """The true variance between runs, and that of testing them on these rows only.

    Two-way analysis of variance with random runs and rows, without replication: whether run r is
    right on row i is `μ + α_r + β_i + γ_ri`, and `E MS_run = n Var α + E MS_interaction`. What the
    rows do to all runs alike, β, does not spread them. The mean squares are unbiased however runs
    agree or disagree on rows; the interval and the test take the true accuracies as normal and the
    rows as many.

    Args:
        correct: whether each freshly seeded, independent run is right on each row, bool,
            [run, row]. A diverged run, right nowhere, makes the spread one between those that
            train and those that do not: leave such runs out and say how many they were, if it is
            the spread of the others that is asked for.
        confidence: of each bound, at least 1/2 and below 1.

    Raises:
        DataError: fewer than 2 runs or 2 rows, another shape, other values; or runs that all
            agree on every row, in which there is nothing to split.
        DomainError: a confidence out of range.

    Guarantee: `statistical`; approximate. Source: Searle, Casella and McCulloch 1992, chapter 4;
    the same test as Cochran's Q, 1950.
    """
    check_confidence(confidence)
    truths = checked_runs(correct, least=2)
    runs, rows = truths.shape
    if rows < 2:
        raise DataError("there is 1 row; expected at least 2 to tell runs from rows")
    squares = mean_squares(truths)
    if not squares.interaction and not squares.runs:
        raise DataError(
            f"all {runs} runs are right on the same rows; expected runs that differ somewhere (are"
            " their seeds the same?)"
        )
    degrees = runs - 1, (runs - 1) * (rows - 1)
    f = squares.runs / squares.interaction if squares.interaction else math.inf

    def deviation(level: float) -> float:
        scaled = squares.runs / float(stats.f.ppf(level, *degrees))
        return math.sqrt(max(scaled - squares.interaction, 0.0) / rows)

    return Spread(
        mean=float(truths.mean()),
        runs=runs,
        rows=rows,
        observed=squares.runs / rows,
        sampling=squares.interaction / rows,
        true_untruncated=(squares.runs - squares.interaction) / rows,
        lower=deviation(confidence),
        upper=deviation(1 - confidence),
        confidence=confidence,
        f=f,
        p_value=float(stats.f.sf(f, *degrees)),
    )


def seed_spread(correct: NDArray[np.bool_], confidence: float) -> Spread | None:
    """The spread of fresh runs, [run, row]; None for one run, one row, or runs that all agree."""
    if min(correct.shape) < 2 or bool((correct == correct[0]).all()):
        return None
    return spread(correct, confidence)


def mean_squares(correct: NDArray[np.bool_]) -> MeanSquares:
    """Mean squares of a table of at least 2 runs and 2 rows, [run, row]."""
    runs, rows = correct.shape
    # In whole numbers up to the last step: differences of large sums would lose digits.
    by_run = [int(count) for count in np.count_nonzero(correct, axis=1)]
    by_row = np.count_nonzero(correct, axis=0).astype(np.int64)
    total = sum(by_run)
    of_runs = runs * sum(count**2 for count in by_run) - total**2
    of_rows = rows * int((by_row**2).sum()) - total**2
    of_all = total * runs * rows - total**2
    left = of_all - of_runs - of_rows
    size = runs * rows
    return MeanSquares(
        of_runs / (size * (runs - 1)),
        of_rows / (size * (rows - 1)),
        left / (size * (runs - 1) * (rows - 1)),
    )
