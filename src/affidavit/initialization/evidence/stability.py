"""The decision on `seed_stability`: do most runs lie within a span of accuracies?

Both directions rest on one number, the most runs M that any span of the claimed width holds: the
claim holds when M is large enough, and is violated when it is small enough.
"""

from __future__ import annotations

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
from affidavit.initialization.evidence.tolerance import SLACK, runs_for_interval
from affidavit.initialization.evidence.words import counted, down, percent, plain, up

MOST_RUNS = 1_000_000
"""Further runs are looked for up to this number in all."""

_AT_ONCE = 1000


@dataclass(frozen=True)
class Stability:
    """Whether at least a share of all runs lies within some span of accuracies.

    Attributes:
        verdict: `holds`, `violated` or `undecided`.
        span: the width claimed.
        content: the share of runs claimed to lie within.
        confidence: of the verdict, in either direction.
        runs: how many were made.
        diverged: how many of them diverged; they lie within no span.
        most: the most runs that a span of this width holds.
        enough: how many show that it holds; None: there are too few runs in all.
        interval: the narrowest that holds so many runs, as accuracies, and so at least the content
            with the confidence; None where there is none.
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
    most: int
    enough: int | None
    interval: tuple[float, float] | None
    p_value: float
    further: int | None

    @property
    def text(self) -> str:
        """Why the verdict is what it is."""
        claimed = f"{percent(self.content)} of all such runs"
        sure = f"with {percent(self.confidence)} confidence"
        inside = f"{self.most:,} of {counted(self.runs, 'run')} lie within {plain(self.span)}"
        if self.diverged:
            inside += f" ({self.diverged:,} diverged)"
        if self.verdict is Verdict.VIOLATED:
            return f"No more than {inside}: {claimed} do not, {sure} (p = {self.p_value:.2g})."
        between = ""
        if self.interval is not None:
            low, high = self.interval
            between = f" At least {claimed} lie between {down(low)} and {up(high)}, {sure}."
        if self.verdict is Verdict.HOLDS:
            return f"{inside}, which is enough.{between}"
        if self.further is None:
            more = "no number of further runs like these would"
        else:
            more = f"about {counted(self.further, 'further run')} like these would"
        return (
            f"No more than {inside}, which does not decide whether {claimed} do; {more}.{between}"
        )


def seed_stability(
    accuracies: ArrayLike,
    rows: int,
    span: float,
    content: float = 0.9,
    confidence: float = 0.95,
) -> Stability:
    """Whether a share `content` of all runs lies within some span of accuracies of width `span`.

    With n runs, at most M of them within one span, and X binomial with n and the content p:

    - It holds when `(n - M + 1) P(X >= M - 1) <= 1 - confidence`. From one order statistic to the
      M - 1st after it lies a content below p with the probability `P(X >= M - 1)`, and there are
      n - M + 1 such intervals (Boole's inequality). 46 runs, from the smallest to the largest, show
      90 % at 95 %, and 93 show 95 %; with more, some may lie outside, on either side: where one bad
      run in twenty is what there is, an interval with equal tails would never become narrow.
    - It is violated when `P(X <= M) <= 1 - confidence`: if some fixed interval of this width had
      the content, the runs in it would be at least as many as X, and M no fewer.

    At most one of the two is so.

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
    1 − confidence, whatever the distribution. Source: order-statistic tolerance intervals, Wilks
    1941; David and Nagaraja 2003, chapter 7.
    """
    check_share("content", content)
    check_confidence(confidence)
    if not 0 <= span < 1:
        raise DomainError(f"span is {span}; expected at least 0 and below 1")
    right = np.sort(right_rows(accuracies, rows))
    runs, alpha = len(right), 1 - confidence + SLACK
    most = most_within(right, most_apart(span, rows))
    p_value = float(stats.binom.cdf(most, runs, content))
    counts = np.arange(1, runs + 1)
    shows = _chance_if_false(counts, np.full(runs, runs), content) <= alpha
    enough = int(counts[shows][0]) if shows.any() else None
    ends = None if enough is None else _narrowest(right, enough)
    further = None
    if enough is not None and most >= enough:
        verdict = Verdict.HOLDS
    elif p_value <= alpha:
        verdict = Verdict.VIOLATED
    else:
        verdict = Verdict.UNDECIDED
        further = _further(most, runs, content, confidence)
    return Stability(
        verdict=verdict,
        span=float(span),
        content=content,
        confidence=confidence,
        runs=runs,
        diverged=int(np.count_nonzero(np.isneginf(right))),
        most=most,
        enough=enough,
        interval=None if ends is None else (ends[0] / rows, ends[1] / rows),
        p_value=p_value,
        further=further,
    )


def most_within(right: NDArray[np.float64], apart: int) -> int:
    """The most of the ascending values, [run], that lie within `apart` of each other.

    −∞, a run that diverged, lies within nothing.
    """
    finite = right[np.isfinite(right)]
    ends = np.searchsorted(finite, finite + apart, side="right")
    return int((ends - np.arange(len(finite))).max(initial=0))


def _narrowest(right: NDArray[np.float64], count: int) -> tuple[float, float] | None:
    """Ends of the narrowest interval with so many of the ascending values; None: too few finite."""
    finite = right[np.isfinite(right)]
    if len(finite) < count:
        return None
    start = int(np.argmin(finite[count - 1 :] - finite[: len(finite) - count + 1]))
    return float(finite[start]), float(finite[start + count - 1])


def _chance_if_false(
    most: NDArray[np.int64], runs: NDArray[np.int64], content: float
) -> NDArray[np.float64]:
    """A bound on the probability that so many of the runs lie within, if the content does not."""
    tail = np.asarray(stats.binom.sf(most - 2, runs, content), np.float64)
    found: NDArray[np.float64] = (runs - most + 1) * tail
    return found


def _further(most: int, runs: int, content: float, confidence: float) -> int | None:
    """How many more runs decide, where as large a share lies within.

    As counts are whole, a few less may decide too where it takes thousands.
    """
    if most == content * runs:
        return None
    alpha = 1 - confidence + SLACK

    def decided(totals: NDArray[np.int64]) -> NDArray[np.bool_]:
        # Rounded against what is being shown.
        if most > content * runs:
            return _chance_if_false(most * totals // runs, totals, content) <= alpha
        fewest = np.asarray(stats.binom.cdf(-(-most * totals // runs), totals, content))
        found: NDArray[np.bool_] = fewest <= alpha
        return found

    low, high = runs, max(2 * runs, runs_for_interval(content, confidence))
    while low < MOST_RUNS:
        for step in (max(1, (high - low) // _AT_ONCE), 1):
            totals = np.arange(low + step, high + 1, step)
            shown = decided(totals)
            if not shown.any():
                break
            high = int(totals[int(np.argmax(shown))])
            low = high - step
        else:
            return high - runs
        low, high = high, min(2 * high, MOST_RUNS)
    return None
