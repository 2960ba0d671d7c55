"""The decision on `seed_stability`: do most runs lie within a span of accuracies?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from affidavit.errors import DomainError
from affidavit.evidence import Verdict
from affidavit.initialization.evidence.inputs import (
    check_confidence,
    check_share,
    most_apart,
    right_rows,
)
from affidavit.initialization.evidence.tolerance import (
    SLACK,
    ToleranceInterval,
    runs_for_interval,
    trimming,
)
from affidavit.initialization.evidence.words import counted, down, percent, plain, up

MOST_RUNS = 1_000_000
"""Further runs are looked for up to this number in all."""


@dataclass(frozen=True)
class Stability:
    """Whether at least a share of all runs lies within some span of accuracies.

    Attributes:
        verdict: `holds`, `violated` or `undecided`.
        span: the width claimed.
        content: the share of runs claimed to lie within.
        confidence: of the verdict, in either direction.
        runs: how many were made; `diverged` of them diverged.
        diverged: they lie within no span.
        interval: the tolerance interval of the content, as accuracies; None for too few runs.
        most: the most runs that any span of this width holds.
        p_value: probability that so few or fewer lie within, if the claim is true.
        further: how many more runs would decide an undecided claim, if they were like these; None
            where no number does, or none is needed.
    """

    verdict: Verdict
    span: float
    content: float
    confidence: float
    runs: int
    diverged: int
    interval: ToleranceInterval | None
    most: int
    p_value: float
    further: int | None

    @property
    def text(self) -> str:
        """Why the verdict is what it is."""
        claimed = f"{percent(self.content)} of runs within {plain(self.span)}"
        sure = f"with {percent(self.confidence)} confidence"
        inside = (
            f"The most of {counted(self.runs, 'run')} that lie within {plain(self.span)} are"
            f" {self.most:,}"
        )
        if self.diverged:
            inside += f" ({self.diverged:,} diverged)"
        if self.verdict is Verdict.VIOLATED:
            return (
                f"{inside}: too few, {sure}, for {claimed} (probability {self.p_value:.2g} if it"
                " were so)."
            )
        between = ""
        if self.interval is not None and self.interval.width < math.inf:
            between = (
                f"{percent(self.content)} of runs lie between {down(self.interval.lower)} and"
                f" {up(self.interval.upper)}, {sure}"
            )
        if self.verdict is Verdict.HOLDS:
            return f"{between}: within {plain(self.span)}."
        wide = f" {between}, which is wider." if between else ""
        if self.further is None:
            more = "no number of further runs like these would decide"
        else:
            more = f"about {counted(self.further, 'further run')} like these would decide"
        return f"{inside}: undecided for {claimed}.{wide} {more.capitalize()}."


def seed_stability(
    accuracies: ArrayLike,
    rows: int,
    span: float,
    content: float = 0.9,
    confidence: float = 0.95,
) -> Stability:
    """Whether a share `content` of all runs lies within some span of accuracies of width `span`.

    It holds when the symmetric tolerance interval of the content is no wider than the span. It is
    violated when any interval of that width holds so few runs, M at most, that
    `P(X <= M) <= 1 - confidence`, X binomial with the number of runs and the content: if some fixed
    interval had the content, the runs in it would be at least as many as X, and M no fewer. Of the
    two, at most one is so.

    Args:
        accuracies: of freshly seeded, independent runs on the same rows, [run]; NaN: the run
            diverged, and lies within no span.
        rows: how many rows they are shares of. Differences are counted in rows, so that two runs
            exactly `span` apart are within it. The claim is about accuracy on these rows.
        span: at least 0 and below 1.
        content: share of all runs, in (0, 1).
        confidence: at least 1/2 and below 1.

    Raises:
        DataError: no runs, or accuracies that are no shares of the rows.
        DomainError: a span, content or confidence out of range, or no rows.

    Guarantee: `statistical`, exact: either wrong verdict has a probability of at most
    1 − confidence, whatever the distribution.
    """
    check_share("content", content)
    check_confidence(confidence)
    if not 0 <= span < 1:
        raise DomainError(f"span is {span}; expected at least 0 and below 1")
    right = np.sort(right_rows(accuracies, rows))
    runs, apart = len(right), most_apart(span, rows)
    most = most_within(right, apart)
    p_value = float(stats.binom.cdf(most, runs, content))
    rank = trimming(runs, content, confidence)
    interval, further = None, None
    if rank:
        ends = float(right[rank - 1] / rows), float(right[-rank] / rows)
        interval = ToleranceInterval(*ends, rank, runs, content, confidence)
    if rank and _within(right, rank, apart):
        verdict = Verdict.HOLDS
    elif p_value <= 1 - confidence + SLACK:
        verdict = Verdict.VIOLATED
    else:
        verdict = Verdict.UNDECIDED
        further = _further(right, most, apart, content, confidence)
    diverged = int(np.count_nonzero(np.isneginf(right)))
    return Stability(
        verdict,
        float(span),
        content,
        confidence,
        runs,
        diverged,
        interval,
        most,
        p_value,
        further,
    )


def most_within(right: NDArray[np.float64], apart: int) -> int:
    """The most of the ascending values, [run], that lie within `apart` of each other.

    −∞, a run that diverged, lies within nothing.
    """
    finite = right[np.isfinite(right)]
    ends = np.searchsorted(finite, finite + apart, side="right")
    return int((ends - np.arange(len(finite))).max(initial=0))


def _within(right: NDArray[np.float64], rank: int, apart: int) -> bool:
    low, high = right[rank - 1], right[-rank]
    return bool(np.isfinite(low) and high - low <= apart)


def _further(
    right: NDArray[np.float64], most: int, apart: int, content: float, confidence: float
) -> int | None:
    """How many more runs decide, where each value comes as often again as it did."""
    runs = len(right)
    # The rank, among the runs seen, from which on the symmetric interval is within the span.
    least = next((r for r in range(1, (runs + 1) // 2 + 1) if _within(right, r, apart)), None)
    # Either can come to be shown only if it is so of the runs seen.
    holds = least is not None and 2 * (least - 1) < (1 - content) * runs
    if not holds and most >= content * runs:
        return None
    low, high = runs, max(2 * runs, runs_for_interval(content, confidence))
    while low < MOST_RUNS:
        totals = np.arange(low + 1, min(high, MOST_RUNS) + 1)
        if holds and least is not None:
            # Among n, the value of rank R stands where that of rank ⌈R · runs / n⌉ stood.
            rank = (least - 1) * totals // runs + 1
            chance = np.asarray(stats.binom.cdf(totals - 2 * rank, totals, content))
            decided = chance >= confidence - SLACK
        else:
            # Rounded against what is being shown: the most runs within are rounded up.
            count = -(-most * totals // runs)
            chance = np.asarray(stats.binom.cdf(count, totals, content))
            decided = chance <= 1 - confidence + SLACK
        if decided.any():
            return int(totals[int(np.argmax(decided))]) - runs
        low, high = high, 2 * high
    return None
