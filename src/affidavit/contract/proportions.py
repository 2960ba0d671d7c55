"""Several proportions, each claimed to be at least a threshold, judged together.

Exact binomial tests in both directions: a row holds when P(as many successes | threshold) is small
enough, is violated when P(as few | threshold) is, and is undecided otherwise. Holm's procedure over
the rows, in each direction, keeps the chance of a wrong verdict on the whole at or below
1 - confidence, however the rows overlap: if the claim is false, some row lies below its threshold,
and the claim holds only if that row does, wrongly; if it is true, no row lies below, and the claim
is violated only if some row is, wrongly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from affidavit import statistics
from affidavit.evidence import Cell, Estimate, IntervalChart, Table, Verdict


@dataclass(frozen=True)
class Proportion:
    """Successes among trials, claimed to happen with a probability of at least `at_least`."""

    name: str
    successes: int
    trials: int
    at_least: float


@dataclass(frozen=True)
class Judged:
    """A proportion with its verdict.

    `lower` and `upper` are Clopper-Pearson bounds that hold for all rows at once (Bonferroni);
    `p_holds` and `p_violated` are adjusted by Holm. `further` says how many more trials would
    decide an undecided row if they went as those before; None when no number would, or none is
    needed.
    """

    proportion: Proportion
    lower: float
    upper: float
    p_holds: float
    p_violated: float
    verdict: Verdict
    further: int | None

    @property
    def share(self) -> float | None:
        """The share of successes; None without trials."""
        trials = self.proportion.trials
        return self.proportion.successes / trials if trials else None


def judge(proportions: Sequence[Proportion], confidence: float) -> list[Judged]:
    """The verdict on each proportion, all of them together right with the given confidence."""
    alpha = 1 - confidence
    simultaneous = 1 - alpha / len(proportions)
    p_holds = statistics.holm(
        [statistics.p_value_at_least(p.successes, p.trials, p.at_least) for p in proportions]
    )
    p_violated = statistics.holm(
        [statistics.p_value_below(p.successes, p.trials, p.at_least) for p in proportions]
    )
    judged = []
    for p, for_it, against_it in zip(proportions, p_holds, p_violated, strict=True):
        further = None
        if for_it <= alpha:
            verdict = Verdict.HOLDS
        elif against_it <= alpha:
            verdict = Verdict.VIOLATED
        else:
            verdict = Verdict.UNDECIDED
            further = statistics.trials_to_decide(p.successes, p.trials, p.at_least, simultaneous)
        judged.append(
            Judged(
                proportion=p,
                lower=statistics.binomial_lower(p.successes, p.trials, simultaneous),
                upper=statistics.binomial_upper(p.successes, p.trials, simultaneous),
                p_holds=for_it,
                p_violated=against_it,
                verdict=verdict,
                further=further,
            )
        )
    return judged


def percent(confidence: float) -> str:
    """A confidence as people write it."""
    return f"{Decimal(repr(confidence)) * 100:f}".rstrip("0").rstrip(".") + "\N{NO-BREAK SPACE}%"


def plain(value: float) -> str:
    """A number as it was meant, without the tail of its binary form, and never rounded to 1."""
    return repr(value).removesuffix(".0")


def explain(rows: Sequence[Judged], quantity: str) -> str:
    """Why the verdict on the whole is what it is, in a sentence for each row that decides it."""
    for verdict in (Verdict.VIOLATED, Verdict.UNDECIDED):
        deciding = [row for row in rows if row.verdict is verdict]
        deciding.sort(key=lambda row: (row.share or 0.0) - row.proportion.at_least)
        if deciding:
            sentences = [_sentence(row, quantity) for row in deciding[:5]]
            if len(deciding) > 5:
                sentences.append(f"So it is for {len(deciding) - 5} more.")
            return " ".join(sentences)
    others = {0: "", 1: " So is the other group."}
    rest = others.get(len(rows) - 1, f" So are all {len(rows) - 1} groups.")
    return _sentence(rows[0], quantity) + rest


def _sentence(row: Judged, quantity: str) -> str:
    p = row.proportion
    what = f"{p.name.capitalize() if p.name == 'overall' else p.name} {quantity}"
    if not p.trials:
        needed = f"; {row.further:,} right ones without a miss would decide" if row.further else ""
        return f"{what} is unknown: no such inputs{needed}."
    seen = f"{what} is {_share(row)} ({p.successes:,} of {p.trials:,})"
    claimed = plain(p.at_least)
    # Where Holm decides what the simultaneous bound alone would not, its p-value is the reason.
    if row.verdict is Verdict.HOLDS:
        if row.lower < p.at_least:
            return f"{seen}, at or above {claimed} with confidence (Holm's p = {row.p_holds:.2g})."
        return f"{seen}, with confidence at least {_down(row.lower, p.at_least)}: {claimed} is met."
    if row.verdict is Verdict.VIOLATED:
        if row.upper > p.at_least:
            return f"{seen}, below {claimed} with confidence (Holm's p = {row.p_violated:.2g})."
        return f"{seen}, with confidence at most {_up(row.upper, p.at_least)}: below {claimed}."
    between = f"{seen}, and with confidence between {_down(row.lower)} and {_up(row.upper)}"
    if row.further is None:
        more = "no number of further inputs with the same share right would decide"
        if p.at_least == 1 and row.share == 1:
            more = "a sample cannot show that not a single error exists"
    else:
        more = f"about {row.further:,} more such inputs with the same share right would decide"
    return f"{between}, on both sides of {claimed}; {more}."


def _share(row: Judged) -> str:
    """The share of successes, never rounded to 0 or 1."""
    share = row.share or 0.0
    digits = next((d for d in range(4, 17) if 0 < float(f"{share:.{d}f}") < 1), 4)
    return f"{share:.{digits}f}".rstrip("0").rstrip(".")


def _down(bound: float, at_least: float = 0.0) -> str:
    """A lower bound rounded down, with the digits it takes to show that it meets the threshold."""
    return next(
        (text for text in _rounded(bound, math.floor) if float(text) >= at_least), repr(bound)
    )


def _up(bound: float, at_least: float = 2.0) -> str:
    """An upper bound rounded up, with the digits it takes to show that it is below."""
    return next(
        (text for text in _rounded(bound, math.ceil) if float(text) < at_least), repr(bound)
    )


def _rounded(bound: float, to_whole: Callable[[float], int]) -> Iterator[str]:
    for digits in range(4, 15):
        yield f"{to_whole(bound * 10**digits) / 10**digits:.{digits}f}"


def table(rows: Sequence[Judged], title: str, successes: str, trials: str) -> Table:
    """The rows as an exhibit; `successes` and `trials` are what the columns are called."""
    undecided = any(row.verdict is Verdict.UNDECIDED for row in rows)
    columns = ["group", "verdict", successes, trials, title.lower(), "lower", "upper", "at least"]
    columns += ["p", *(["further"] if undecided else [])]
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        p = row.proportion
        counts = (p.successes, p.trials, row.share, row.lower, row.upper, p.at_least)
        further = (row.further,) if undecided else ()
        p_value = min(row.p_holds, row.p_violated)
        cells.append((p.name, row.verdict.value, *counts, p_value, *further))
    note = (
        f"{_BOUNDS if len(rows) > 1 else _BOUND} p is that of the test in the row's own direction"
    )
    if undecided:
        note += ". Further: how many more would decide the row if they went as those before"
    return Table(title=title, columns=tuple(columns), rows=tuple(cells), note=f"{note}.")


_BOUND = "The bounds are Clopper-Pearson's."
_BOUNDS = (
    "The bounds are Clopper-Pearson's, widened (Bonferroni) to hold for all rows at once; verdicts"
    " are Holm's, which decides a little more than these bounds show."
)


def chart(rows: Sequence[Judged], title: str, axis: str) -> IntervalChart:
    """The rows as a picture."""
    return IntervalChart(
        title=title,
        axis=axis,
        note=_BOUNDS if len(rows) > 1 else "",
        estimates=tuple(
            Estimate(
                label=f"{row.proportion.name} ({row.proportion.trials:,})",
                value=row.share,
                lower=row.lower,
                upper=row.upper,
                at_least=row.proportion.at_least,
                verdict=row.verdict,
            )
            for row in rows
        ),
    )
