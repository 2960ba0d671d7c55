"""What is said of runs and rows, from the definitions: sums over tables and over all outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from scipy import integrate, stats
from tests.reference import binomial


def table_of_squares(correct: Sequence[Sequence[int]]) -> tuple[Fraction, Fraction, Fraction]:
    """Mean squares of a two-way table: between runs, between rows, and of the residuals."""
    runs, rows = len(correct), len(correct[0])
    grand = Fraction(sum(map(sum, correct)), runs * rows)
    of_run = [Fraction(sum(run), rows) for run in correct]
    of_row = [Fraction(sum(run[i] for run in correct), runs) for i in range(rows)]
    between_runs = sum(((a - grand) ** 2 for a in of_run), Fraction(0)) * rows
    between_rows = sum(((a - grand) ** 2 for a in of_row), Fraction(0)) * runs
    residual = sum(
        (
            (correct[r][i] - of_run[r] - of_row[i] + grand) ** 2
            for r in range(runs)
            for i in range(rows)
        ),
        Fraction(0),
    )
    return (
        between_runs / (runs - 1),
        between_rows / (rows - 1),
        residual / ((runs - 1) * (rows - 1)),
    )


def content_held(runs: int, rank: int, content: Fraction) -> Fraction:
    """P(the content between the r-th smallest and the r-th largest is at least `content`).

    It has a beta distribution with n + 1 − 2r and 2r: for whole parameters, a sum over how many of
    n uniform values lie below the content.
    """
    return binomial.tail_to(runs - 2 * rank, runs, content)


def largest_rank(runs: int, content: Fraction, confidence: Fraction) -> int:
    """The most that can be cut off at both ends, by trying all."""
    held = [0]
    held += [r for r in range(1, runs // 2 + 1) if content_held(runs, r, content) >= confidence]
    return max(held)


def fewest_runs(content: Fraction, confidence: Fraction) -> int:
    """The first number of runs whose smallest and largest hold the content."""
    runs = 2
    while 1 - runs * content ** (runs - 1) + (runs - 1) * content**runs < confidence:
        runs += 1
    return runs


def most_within(values: Sequence[int | None], apart: int) -> int:
    """Most values in a closed interval of this width, by trying every left end; None: in none."""
    known = [value for value in values if value is not None]
    return max((sum(a <= b <= a + apart for b in known) for a in known), default=0)


def fewest_that_show(runs: int, content: Fraction, confidence: Fraction) -> int | None:
    """The fewest order statistics in a row all of whose stretches hold the content together."""
    for count in range(1, runs + 1):
        stretches = runs - count + 1
        # That of a stretch has a beta distribution with count - 1 and n + 2 - count.
        if stretches * binomial.tail_from(count - 1, runs, content) <= 1 - confidence:
            return count
    return None


def stability(
    values: Sequence[int | None], apart: int, content: Fraction, confidence: Fraction
) -> str:
    """The decision on the claim that a share `content` of runs lies within `apart`."""
    runs = len(values)
    within = most_within(values, apart)
    enough = fewest_that_show(runs, content, confidence)
    if enough is not None and within >= enough:
        return "holds"
    if binomial.tail_to(within, runs, content) <= 1 - confidence:
        return "violated"
    return "undecided"


def expected_best(runs: int) -> float:
    """Expectation of the largest of normal values, `∫ x n φ(x) Φ(x)^(n-1) dx`."""
    value, _ = integrate.quad(
        lambda x: x * runs * stats.norm.pdf(x) * stats.norm.cdf(x) ** (runs - 1), -10, 10, limit=200
    )
    return float(value)
