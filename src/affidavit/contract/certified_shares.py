"""From a survey of inputs to a verdict on the share of them that has a property.

Of n inputs some are certified, some refuted, the rest open. The share that truly has the property
lies between the certified and the not refuted one, whatever the open ones are. The claim holds when
the certified share alone is large enough, and is violated when even the share not refuted is not:
each by an exact binomial test against what is least favourable, so that the gap between bounds and
attacks can leave a claim undecided but never make a verdict wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from affidavit import statistics
from affidavit.certify.surveying import Survey
from affidavit.contract.proportions import plain
from affidavit.evidence import (
    Curve,
    CurveChart,
    Estimate,
    Exhibit,
    IntervalChart,
    Table,
    Verdict,
)
from affidavit.report import wording


@dataclass(frozen=True)
class Shares:
    """Counts of inputs, and what they say of a share that is claimed.

    Attributes:
        certified, refuted, count: numbers of inputs; the rest is open.
        at_least: the share claimed.
        confidence: of the verdict on all inputs like these; None where it is about these alone.
        lower, upper: bounds of the share that has the property: Clopper-Pearson's, one-sided each,
            or for the rows alone the certified share and the share not refuted.
        verdict: what follows.
    """

    certified: int
    refuted: int
    count: int
    at_least: float
    confidence: float | None
    lower: float
    upper: float
    verdict: Verdict

    @property
    def open(self) -> int:
        """Inputs neither certified nor refuted."""
        return self.count - self.certified - self.refuted

    @property
    def further(self) -> int | None:
        """How many further inputs with the same shares would decide an undecided claim."""
        if self.confidence is None or self.verdict is not Verdict.UNDECIDED:
            return None
        for good, decides in (
            (self.certified, self.certified >= self.at_least * self.count),
            (self.count - self.refuted, self.count - self.refuted < self.at_least * self.count),
        ):
            if decides:
                return statistics.trials_to_decide(good, self.count, self.at_least, self.confidence)
        return None


def shares(found: Survey, at_least: float, confidence: float | None) -> Shares:
    """The verdict on the share of inputs that has the property.

    Args:
        found: the survey.
        at_least: the share claimed.
        confidence: see :class:`Shares`.
    """
    certified, refuted, count = int(found.certified.sum()), int(found.refuted.sum()), len(found)
    return judged(certified, refuted, count, at_least, confidence)


def judged(
    certified: int, refuted: int, count: int, at_least: float, confidence: float | None
) -> Shares:
    """The verdict that counts of inputs allow; see :func:`shares`."""
    kept = count - refuted
    if confidence is None:
        lower, upper = certified / count, kept / count
        holds, violated = lower >= at_least, upper < at_least
    else:
        alpha = 1 - confidence
        lower = statistics.binomial_lower(certified, count, confidence)
        upper = statistics.binomial_upper(kept, count, confidence)
        holds = statistics.p_value_at_least(certified, count, at_least) <= alpha
        violated = statistics.p_value_below(kept, count, at_least) <= alpha
    verdict = Verdict.HOLDS if holds else Verdict.VIOLATED if violated else Verdict.UNDECIDED
    return Shares(certified, refuted, count, at_least, confidence, lower, upper, verdict)


def reason(result: Shares, holds: str, unfinished: str) -> str:
    """Why the verdict is what it is, and what would decide an undecided one.

    Args:
        holds: what is true of a certified input, to follow "that".
        unfinished: why not all was done, or "".
    """
    n = result.count
    counts = (
        f"Of {wording.counted(n, 'input')}, {result.certified:,} are certified, {result.refuted:,}"
        f" refuted by a counterexample, {result.open:,} neither."
    )
    ends = wording.interval((result.lower, result.upper))
    surely = "" if result.confidence is None else "with confidence "
    share = f"The share of inputs that {holds} is {surely}in {ends}"
    claimed = plain(result.at_least)
    if result.verdict is Verdict.HOLDS:
        return f"{counts} {share}: {claimed} is met."
    if result.verdict is Verdict.VIOLATED:
        return f"{counts} {share}: below {claimed}."
    return " ".join(
        [counts, f"{share}, on both sides of {claimed}.", *_remedies(result, unfinished)]
    )


def _remedies(result: Shares, unfinished: str) -> Iterator[str]:
    if unfinished:
        yield f"Not all was done: {unfinished}; give it more max_seconds."
    best, worst = (
        judged(certified, refuted, result.count, result.at_least, result.confidence).verdict
        for certified, refuted in (
            (result.certified + result.open, result.refuted),
            (result.certified, result.refuted + result.open),
        )
    )
    ways = []
    if best is Verdict.HOLDS:
        ways.append("were they certified, it would hold")
    if worst is Verdict.VIOLATED:
        ways.append("were they refuted, it would be violated")
    if ways:
        yield (
            f"The {result.open:,} inputs between bounds and attacks leave it open:"
            f" {'; '.join(ways)}. A tighter method may tell, or a smaller box be claimed."
        )
    elif not result.open or result.further is not None:
        yield further_text(result)
    else:
        yield (
            f"Neither a tighter method nor more inputs alone would decide: it takes both, as"
            f" {result.open:,} inputs lie between bounds and attacks."
        )


def further_text(result: Shares) -> str:
    """What more inputs would do for an undecided claim."""
    if result.further:
        return f"About {result.further:,} more inputs with the same shares would decide."
    if result.at_least == 1 and result.certified == result.count:
        return "A sample cannot show that not a single exception exists: say population = false"
    return "No number of further inputs with the same shares would decide."


def shares_exhibits(
    result: Shares, found: Survey, curve: Mapping[float, Survey], size: str
) -> tuple[Exhibit, ...]:
    """The counts and the share against the claim; with other sizes of the box, a curve of both.

    Args:
        result: the shares.
        found: the survey they are of.
        curve: surveys by size of the box.
        size: the sign for it, such as "ε".
    """
    methods = {name: found.method.count(name) for name in dict.fromkeys(found.method) if name}
    rows = [(f"certified by {name}", count) for name, count in methods.items()]
    rows += [("refuted by a counterexample", result.refuted), ("neither", result.open)]
    table = Table(
        title="Inputs",
        columns=("what was found", "inputs", "share"),
        rows=tuple((name, count, count / result.count) for name, count in rows),
    )
    chart = IntervalChart(
        title="Share of inputs against what is claimed",
        axis="share of inputs",
        estimates=(
            Estimate(
                f"certified ({result.count:,})",
                result.certified / result.count,
                result.lower,
                result.upper,
                result.at_least,
                verdict=result.verdict,
            ),
        ),
        note="From the lower end, of what is certified, to the upper one, of what is not refuted.",
    )
    if not curve:
        return (table, chart)
    return (table, chart, shares_curve(curve, size, result.at_least))


def shares_curve(
    curve: Mapping[float, Survey], size: str, at_least: float | None = None
) -> CurveChart:
    """Shares of inputs certified and not refuted, by size of the box."""
    sizes = tuple(sorted(curve))

    def shares_of(good: list[int]) -> tuple[float, ...]:
        return tuple(n / len(curve[s]) for n, s in zip(good, sizes, strict=True))

    kept = [int((~curve[s].refuted).sum()) for s in sizes]
    return CurveChart(
        title=f"Certified share by {size}",
        x_axis=size,
        y_axis="share of inputs",
        curves=(
            Curve("certified", sizes, shares_of([int(curve[s].certified.sum()) for s in sizes])),
            Curve("not refuted by an attack", sizes, shares_of(kept)),
        ),
        at_least=at_least,
        note="The true share lies between the curves.",
    )
