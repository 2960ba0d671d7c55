"""The decision on `attainable_accuracy`: did the search reach what is claimed of it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from affidavit.errors import DomainError
from affidavit.evidence import Verdict
from affidavit.initialization.evidence.best import expected_best
from affidavit.initialization.evidence.certified import Certified
from affidavit.initialization.evidence.spread import Spread
from affidavit.initialization.evidence.success import Success
from affidavit.initialization.evidence.words import counted, down, percent, plain, up
from affidavit.statistics import p_value_at_least, p_value_below, trials_to_decide

MOST_RUNS = 1_000_000
"""Further runs are looked for up to this number."""


@dataclass(frozen=True)
class Attainable:
    """Whether the run that a search chose has at least an accuracy.

    Attributes:
        verdict: `holds`, `violated` or `undecided`.
        at_least: the accuracy claimed.
        certified: that of the chosen run on untouched data.
        success: how likely a freshly seeded run is to pass on the validation rows; None where the
            runs were not freshly seeded, or it is not asked for.
        further_rows: how many more held-out rows would decide, if the chosen run is right on them
            as often; None where no number does, or none is needed.
        further_runs: how many more freshly seeded runs it takes until the best of them is likely
            to be shown to reach it, on as many untouched rows; None where that is not known, more
            than :data:`MOST_RUNS`, or none is needed.
    """

    verdict: Verdict
    at_least: float
    certified: Certified
    success: Success | None
    further_rows: int | None
    further_runs: int | None

    @property
    def text(self) -> str:
        """Why the verdict is what it is."""
        found, claimed = self.certified, plain(self.at_least)
        seen = (
            f"The chosen run is right on {found.right:,} of {counted(found.rows, 'row')} that it"
            f" never saw ({found.accuracy:.4f})"
        )
        sure = f"with {percent(found.confidence)} confidence"
        passing = f" {self.success.text}" if self.success is not None else ""
        if self.verdict is Verdict.HOLDS:
            return (
                f"{seen}; its accuracy is at least {down(found.lower)}, {sure}: {claimed} is met."
            )
        if self.verdict is Verdict.VIOLATED:
            return (
                f"{seen}; its accuracy is at most {up(found.upper)}, {sure}: the search, with these"
                f" limits, did not attain {claimed}. That another search, or another training, does"
                f" is not ruled out.{passing}"
            )
        ways = []
        if self.further_rows is not None:
            ways.append(f"about {counted(self.further_rows, 'further held-out row')}")
        if self.further_runs is not None:
            fresh = f"on {counted(found.rows, 'fresh row')}"
            ways.append(f"the best of about {counted(self.further_runs, 'further run')}, {fresh},")
        more = f"{' or '.join(ways)} would decide" if ways else "nothing more of the same decides"
        return (
            f"{seen}; its accuracy is between {down(found.lower)} and {up(found.upper)}, each"
            f" {sure}, on both sides of {claimed}: {more}.{passing}"
        )


def attainable(
    found: Certified,
    at_least: float,
    *,
    seeds: Spread | None = None,
    validation_rows: int | None = None,
    success: Success | None = None,
) -> Attainable:
    """Whether the chosen run's accuracy is at least `at_least`, with the confidence of `found`.

    It holds when the lower bound on untouched data is at least that, and is violated when the upper
    bound is below: then the search, with its limits, did not attain it, which says nothing of what
    another could.

    Args:
        found: the chosen run on untouched data.
        at_least: above 0, at most 1.
        seeds: the spread of freshly seeded runs on the same rows, for the number of further runs.
        validation_rows: on how many rows the best run is chosen: the fewer, the less of the spread
            choosing can use. None: it is chosen without error.
        success: of freshly seeded runs on validation rows, for the report; never of trials of a
            walk, of annealing or of halving.

    Raises DomainError for a threshold out of range, or no validation rows.

    Guarantee: `statistical`, exact: either wrong verdict has a probability of at most
    1 − confidence. The numbers of further rows and runs are estimates.
    """
    if not 0 < at_least <= 1:
        raise DomainError(f"at_least is {at_least}; expected an accuracy above 0 and at most 1")
    if validation_rows is not None and validation_rows < 1:
        raise DomainError(f"there are {validation_rows} validation rows; expected at least 1")
    alpha = 1 - found.confidence
    rows, runs = None, None
    if p_value_at_least(found.right, found.rows, at_least) <= alpha:
        verdict = Verdict.HOLDS
    elif p_value_below(found.right, found.rows, at_least) <= alpha:
        verdict = Verdict.VIOLATED
    else:
        verdict = Verdict.UNDECIDED
        rows = trials_to_decide(found.right, found.rows, at_least, found.confidence)
        if seeds is not None:
            runs = further_runs(seeds, found.rows, at_least, found.confidence, validation_rows)
    return Attainable(verdict, float(at_least), found, success, rows, runs)


def further_runs(
    seeds: Spread,
    rows: int,
    at_least: float,
    confidence: float,
    validation_rows: int | None = None,
) -> int | None:
    """How many more runs it takes until the best of them can be shown to reach `at_least`.

    The true accuracies of runs are taken as normal, with the mean and the deviation σ of `seeds`.
    The best of n is expected σ e_n above the mean, with e_n of :func:`expected_best`; one that is
    chosen on v validation rows only `σ² / √(σ² + s² / v)` e_n, with s² the variance of a row: the
    rest is selection optimism. The least n whose expectation, on `rows` rows, has a lower bound
    that is high enough. The runs made do not count among them: what their best is, is known. Where
    bad runs are further from the mean than good ones, as they often are, it takes more.

    None where it is more than :data:`MOST_RUNS`, as where no spread is seen.
    """
    if not seeds.true:
        return None
    noise = 0.0 if validation_rows is None else seeds.sampling * seeds.rows / validation_rows
    reach = seeds.true / math.sqrt(seeds.true + noise)
    needed = _least_shown(rows, at_least, 1 - confidence)
    if needed is None:
        return None
    gap = (needed / rows - seeds.mean) / reach
    low, high = 0, MOST_RUNS
    if expected_best(MOST_RUNS) < gap:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if expected_best(middle) >= gap else (middle, high)
    return high


def _least_shown(rows: int, at_least: float, alpha: float) -> int | None:
    """The fewest right rows that show an accuracy of at least `at_least`; None: not even all."""
    if p_value_at_least(rows, rows, at_least) > alpha:
        return None
    low, high = -1, rows
    while high - low > 1:
        middle = (low + high) // 2
        shown = p_value_at_least(middle, rows, at_least) <= alpha
        low, high = (low, middle) if shown else (middle, high)
    return high
