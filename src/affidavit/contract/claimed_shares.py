"""Two shares of predictions, each with a bound that is claimed of it, judged together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from affidavit.contract.proportions import Judged, Proportion, judge, plain
from affidavit.evidence import Estimate, IntervalChart, Table, Verdict, overall
from affidavit.report import wording


@dataclass(frozen=True)
class ClaimedShare:
    """Of some predictions, the share that something is done with, and what is claimed of it.

    Attributes:
        whole: what the predictions are, such as `wrong`; all of them where it is empty.
        done: what is done with some, such as `refused`.
        part: how many these are.
        trials: of how many.
        bound: least share claimed, or greatest with `at_most`.
    """

    whole: str
    done: str
    part: int
    trials: int
    bound: float
    at_most: bool = False

    @property
    def name(self) -> str:
        """Such as `wrong predictions refused`."""
        return f"{self.whole} predictions {self.done}".strip()

    @property
    def claimed(self) -> str:
        """The bound, in words."""
        return f"at {'most' if self.at_most else 'least'} {plain(self.bound)}"

    @property
    def proportion(self) -> Proportion:
        """What is claimed as a least share: of a greatest one, that of all others."""
        if not self.at_most:
            return Proportion(self.name, self.part, self.trials, self.bound)
        return Proportion(self.name, self.trials - self.part, self.trials, others(self.bound))


@dataclass(frozen=True)
class JudgedShare:
    """A share with its verdict.

    Attributes:
        claim: the share.
        lower, upper: bounds that hold for all shares at once; the share itself for rows alone.
        verdict: of this share.
        further: predictions of the kind that would decide; None where no number would.
        by_bound: whether the bounds alone show the verdict; Holm's procedure shows more.
    """

    claim: ClaimedShare
    lower: float
    upper: float
    verdict: Verdict
    further: int | None = None
    by_bound: bool = True

    @property
    def share(self) -> float | None:
        """The share seen; None of no predictions."""
        return self.claim.part / self.claim.trials if self.claim.trials else None


def others(share: float) -> float:
    """1 - share, without the tail of its binary form."""
    return float(1 - Decimal(repr(share)))


def judged_shares(
    claims: Sequence[ClaimedShare], confidence: float | None
) -> tuple[JudgedShare, ...]:
    """The verdicts on all shares, right together with the confidence; None: for these rows alone.

    See :func:`affidavit.contract.proportions.judge`. Of no predictions at all everything is true,
    for these rows alone, and nothing is known of others.
    """
    if confidence is None:
        return tuple(_seen(claim) for claim in claims)
    rows = judge([claim.proportion for claim in claims], confidence)
    return tuple(_turned(claim, row) for claim, row in zip(claims, rows, strict=True))


def _seen(claim: ClaimedShare) -> JudgedShare:
    if not claim.trials:
        return JudgedShare(claim, 0.0, 1.0, Verdict.HOLDS)
    share = claim.part / claim.trials
    met = share <= claim.bound if claim.at_most else share >= claim.bound
    return JudgedShare(claim, share, share, Verdict.HOLDS if met else Verdict.VIOLATED)


def _turned(claim: ClaimedShare, row: Judged) -> JudgedShare:
    least = row.proportion.at_least
    by_bound = row.lower >= least if row.verdict is Verdict.HOLDS else row.upper < least
    lower, upper = (1 - row.upper, 1 - row.lower) if claim.at_most else (row.lower, row.upper)
    by_bound = by_bound or row.verdict is Verdict.UNDECIDED
    return JudgedShare(claim, lower, upper, row.verdict, row.further, by_bound)


def reason(rows: Sequence[JudgedShare], count: int, confident: bool) -> str:
    """Why the verdict is what it is: a sentence a share, and what would decide.

    Args:
        rows: the shares.
        count: how many inputs were looked at.
        confident: whether the shares are inferred, not only seen.
    """
    sentences = [_sentence(row, confident) for row in rows]
    if overall([row.verdict for row in rows]) is Verdict.UNDECIDED:
        sentences.append(_further(rows, count))
    return " ".join(sentences)


def _sentence(row: JudgedShare, confident: bool) -> str:
    claim = row.claim
    if not claim.trials:
        there = f"There are no {claim.whole} predictions among these inputs"
        return f"{there}: nothing is known of them." if confident else f"{there}."
    seen = (
        f"Of {wording.counted(claim.trials, f'{claim.whole} prediction'.strip())},"
        f" {claim.part:,} {'is' if claim.part == 1 else 'are'} {claim.done}"
        f" ({wording.number(row.share)})"
    )
    said = {
        Verdict.HOLDS: f"{claim.claimed} is met",
        Verdict.VIOLATED: f"{claim.claimed} is not met",
        Verdict.UNDECIDED: f"on both sides of {plain(claim.bound)}",
    }[row.verdict]
    if not confident:
        return f"{seen}: {said}."
    between = f"{seen}, with confidence in {wording.interval((row.lower, row.upper))}"
    if row.verdict is Verdict.UNDECIDED:
        return f"{between}, {said}."
    if not row.by_bound:
        return f"{seen}: {said}, by Holm's procedure."
    return f"{between}: {said}."


def _further(rows: Sequence[JudgedShare], count: int) -> str:
    needed = 0
    for row in rows:
        if row.verdict is not Verdict.UNDECIDED:
            continue
        claim = row.claim
        if not claim.trials:
            return f"It takes inputs with {claim.whole} predictions to decide."
        if row.further is None:
            sure = claim.bound in (0.0, 1.0) and row.share == claim.bound
            if sure:
                return (
                    "A sample cannot show that not a single exception exists: say population ="
                    " false."
                )
            return "No number of further inputs with the same shares would decide."
        needed = max(needed, math.ceil(row.further * count / claim.trials))
    return f"About {needed:,} more inputs with the same shares would decide."


def shares_table(rows: Sequence[JudgedShare], confident: bool) -> Table:
    """The shares as an exhibit."""
    return Table(
        "What is claimed",
        ("share", "verdict", "part", "of", "value", "lower", "upper", "claimed"),
        tuple(
            (
                row.claim.name,
                row.verdict.value,
                row.claim.part,
                row.claim.trials,
                row.share,
                row.lower,
                row.upper,
                row.claim.claimed,
            )
            for row in rows
        ),
        "The bounds are Clopper-Pearson's, widened (Bonferroni) to hold for all rows at once;"
        " verdicts are Holm's, which decides a little more than these bounds show."
        if confident
        else "",
    )


def shares_chart(rows: Sequence[JudgedShare]) -> IntervalChart:
    """The shares as a picture."""
    return IntervalChart(
        "Shares against what is claimed",
        "share",
        tuple(
            Estimate(
                f"{row.claim.name} ({row.claim.trials:,})",
                row.share,
                row.lower,
                row.upper,
                None if row.claim.at_most else row.claim.bound,
                row.claim.bound if row.claim.at_most else None,
                row.verdict,
            )
            for row in rows
        ),
    )
