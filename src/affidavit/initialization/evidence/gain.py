"""What choosing was worth: the chosen run against the mean run, or the first, on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy import stats

from affidavit.errors import DataError
from affidavit.initialization.evidence.inputs import (
    check_confidence,
    check_same_rows,
    checked_run,
    checked_runs,
)
from affidavit.initialization.evidence.paired import paired_mean
from affidavit.initialization.evidence.spread import mean_squares
from affidavit.initialization.evidence.words import counted, down, percent, signed, up


@dataclass(frozen=True)
class Gain:
    """The chosen run's accuracy less that of what it is compared with, with an interval.

    Attributes:
        over: what it is compared with, in words.
        value: mean difference on the rows at hand, in [-1, 1].
        lower, upper: bounds of the difference over all rows, each with the confidence.
        confidence: of each bound.
        rows: how many.
        exact: whether the bounds hold at their level for any distribution.
    """

    over: str
    value: float
    lower: float
    upper: float
    confidence: float
    rows: int
    exact: bool

    @property
    def certified(self) -> bool:
        """Whether there is a gain at all, with the confidence."""
        return self.lower > 0

    @property
    def text(self) -> str:
        """In a sentence or two."""
        shown = "" if self.certified else " No gain is shown."
        return (
            f"The gain over {self.over} is {signed(self.value)} on {counted(self.rows, 'row')}: at"
            f" least {down(self.lower)}, and at most {up(self.upper)}, each with"
            f" {percent(self.confidence)} confidence.{shown}"
        )


def gain_over_mean(chosen: ArrayLike, runs: ArrayLike, confidence: float = 0.95) -> Gain:
    """Gain of the chosen run over the mean of the runs made, on the same untouched rows.

    What is bounded is the difference over all rows, for these runs as they are. How the run was
    chosen does not matter, as long as these rows had no part in it: where all runs are equally
    good, as on labels that are noise, the true gain is 0, whichever is chosen.

    Args:
        chosen: whether the chosen run is right on each row, bool, [row].
        runs: the same of the runs that stand for what training gives, [run, row]: all the freshly
            seeded ones, the chosen one with them if it is such a run. To leave out the best makes
            the others look worse than a run is on average. A diverged run is right nowhere.
        confidence: of each bound, at least 1/2 and below 1.

    Raises:
        DataError: no runs or rows, other shapes or values, or different numbers of rows.
        DomainError: a confidence out of range.

    Guarantee: `statistical`; see :func:`paired_mean`.
    """
    check_confidence(confidence)
    one, all_runs = checked_run(chosen, "chosen"), checked_runs(runs, what="runs")
    check_same_rows(one, all_runs, "held-out")
    over = f"the mean of the {len(all_runs):,} runs made" if len(all_runs) > 1 else "the one run"
    found = paired_mean(one - all_runs.mean(0), confidence)
    bounds = found.lower, found.upper
    return Gain(over, found.value, *bounds, confidence, len(one), found.exact)


def gain_over_run(
    chosen: ArrayLike, other: ArrayLike, confidence: float = 0.95, *, name: str = "the first run"
) -> Gain:
    """Gain of the chosen run over one other, on the same untouched rows: the paper's gain.

    Args:
        chosen, other: whether each is right on each row, bool, [row].
        confidence: of each bound, at least 1/2 and below 1.
        name: of the other, for sentences.

    Raises and guarantee: as of :func:`gain_over_mean`.
    """
    check_confidence(confidence)
    one, two = checked_run(chosen, "chosen"), checked_run(other, "other")
    check_same_rows(one, two[None], "held-out")
    found = paired_mean(one.astype(float) - two, confidence)
    return Gain(name, found.value, found.lower, found.upper, confidence, len(one), found.exact)


def gain_over_all_runs(chosen: ArrayLike, runs: ArrayLike, confidence: float = 0.95) -> Gain:
    """Gain of the chosen run over the mean of all runs that could be made, not only of those made.

    Its interval is wider than that of :func:`gain_over_mean` by what the mean of so few runs can be
    off, which is `Var α / runs` of :func:`spread`; Student's t with Welch's degrees of freedom.

    Args: as of :func:`gain_over_mean`; the runs are freshly seeded and independent, at least 2.

    Raises: as of :func:`gain_over_mean`; DataError for a single run or row.

    Guarantee: `statistical`, approximate: the true accuracies of runs are taken as normal.
    Source: Welch 1947; Satterthwaite 1946.
    """
    check_confidence(confidence)
    one, all_runs = checked_run(chosen, "chosen"), checked_runs(runs, least=2, what="runs")
    check_same_rows(one, all_runs, "held-out")
    count, rows = all_runs.shape
    if rows < 2:
        raise DataError("there is 1 row; expected at least 2 to know how much rows differ")
    found = paired_mean(one - all_runs.mean(0), confidence)
    squares = mean_squares(all_runs)
    of_rows = found.error**2
    of_runs = max(squares.runs - squares.interaction, 0.0) / rows / count
    half_below, half_above = found.value - found.lower, found.upper - found.value
    if of_runs > 0:
        total = of_rows + of_runs
        degrees = total**2 / (of_rows**2 / (rows - 1) + of_runs**2 / (count - 1))
        half = float(stats.t.ppf(confidence, degrees)) * math.sqrt(of_runs)
        # Each end keeps its own part for the rows, so that it is never closer than with no spread.
        half_below, half_above = math.hypot(half_below, half), math.hypot(half_above, half)
    lower, upper = max(found.value - half_below, -1.0), min(found.value + half_above, 1.0)
    over = f"the mean of all runs ({count:,} were made)"
    return Gain(over, found.value, lower, upper, confidence, rows, False)
