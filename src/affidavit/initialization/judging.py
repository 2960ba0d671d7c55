"""What may be said of a search, on rows that took no part in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affidavit.initialization.evidence import (
    Attainable,
    BestOf,
    Certified,
    Gain,
    Optimism,
    Spread,
    Success,
    ToleranceInterval,
    attainable,
    best_of,
    certified,
    gain_over_mean,
    gain_over_run,
    optimism,
    runs_for_interval,
    seed_spread,
    success_probability,
    tolerance_interval,
)
from affidavit.initialization.result import SearchResult

CONTENT = 0.9
"""Share of all runs that the tolerance interval holds."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """The evidence on a search. What needs independent runs is None where there are none.

    Attributes:
        certified: accuracy of the chosen run on the test rows, with its exact interval.
        decision: on the accuracy that was asked for, if one was.
        over_first: gain of the chosen run over the first.
        over_mean: gain over the mean of the complete runs; of at least two fresh ones.
        optimism: what was lost between choosing and certifying; likewise.
        spread: of fresh runs on the test rows; likewise, and None where all of them agree.
        interval: of fresh runs' accuracies on the test rows, failed ones below all others; None for
            fewer than 46.
        success: how likely a fresh run reaches the accuracy asked for on validation rows. None too
            where the search could end at a gain and did see successes: then its number of runs
            depends on their luck.
        best: the quantile of all fresh runs that the best of so many reaches.
    """

    certified: Certified
    decision: Attainable | None
    over_first: Gain
    over_mean: Gain | None
    optimism: Optimism | None
    spread: Spread | None
    interval: ToleranceInterval | None
    success: Success | None
    best: BestOf | None

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in words."""
        parts = (
            self.decision or self.certified,
            self.over_first,
            self.over_mean,
            self.optimism,
            self.spread,
            self.interval,
            # A decision against it says so itself.
            self.success if self.decision is None else None,
            self.best,
        )
        return tuple(part.text for part in parts if part is not None)


def judge(
    result: SearchResult, confidence: float = 0.95, at_least: float | None = None
) -> Judgement:
    """Judges the chosen run on the test rows, and the runs where they are independent draws.

    Args:
        result: of a search on data with a part `test`.
        confidence: of each bound, at least 1/2 and below 1.
        at_least: an accuracy that the chosen run is asked to have, above 0, at most 1.

    Raises:
        DataError: the data have no part `test`.
        DomainError: a confidence or accuracy out of range.

    Guarantee: `statistical`; see :mod:`affidavit.initialization.evidence`.
    """
    validation, test = result.correct("validation"), result.correct("test")
    chosen = test[result.place]
    several = result.fresh and len(test) > 1
    found = certified(chosen, confidence)
    seeds = seed_spread(test, confidence) if several else None
    success = _success(result, at_least, confidence) if result.fresh and at_least else None
    decision = None
    if at_least is not None:
        decision = attainable(
            found,
            at_least,
            seeds=seeds,
            validation_rows=validation.shape[1],
            success=success,
        )
    # A run that failed counts: it is below every other.
    accuracies = [math.nan if run.test is None else run.test.mean() for run in result.runs]
    enough = several and len(accuracies) >= runs_for_interval(CONTENT, confidence)
    looked = validation[result.place], validation, chosen, test
    return Judgement(
        certified=found,
        decision=decision,
        over_first=gain_over_run(chosen, test[0], confidence),
        over_mean=gain_over_mean(chosen, test, confidence) if several else None,
        optimism=optimism(*looked, confidence) if several else None,
        spread=seeds,
        interval=tolerance_interval(accuracies, CONTENT, confidence) if enough else None,
        success=success,
        best=best_of(len(accuracies), confidence) if several else None,
    )


def _success(result: SearchResult, at_least: float, confidence: float) -> Success | None:
    rows = result.rows["validation"]
    found = success_probability(
        result.accuracies, rows, at_least, confidence, on="the validation rows"
    )
    by_luck = result.limits.max_gain is not None or result.target is not None
    return None if found.successes and by_luck else found
