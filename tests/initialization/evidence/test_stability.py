"""The decision on a span of most runs: its rules, its errors by enumeration, and ties."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.reference import binomial
from tests.reference import runs_and_rows as reference

from affidavit.errors import DataError, DomainError
from affidavit.evidence import Verdict
from affidavit.initialization.evidence import seed_stability, tolerance_interval
from affidavit.initialization.evidence.stability import most_within

VALUES = st.lists(st.one_of(st.integers(0, 40), st.none()), min_size=1, max_size=60)


def accuracies(values: list[int | None], rows: int = 40) -> list[float]:
    return [float("nan") if value is None else value / rows for value in values]


@given(
    values=VALUES,
    apart=st.integers(0, 39),
    content=st.sampled_from([Fraction(1, 2), Fraction(4, 5), Fraction(9, 10)]),
)
@settings(max_examples=100, deadline=None)
def test_the_verdict_is_that_of_the_definition(
    values: list[int | None], apart: int, content: Fraction
) -> None:
    found = seed_stability(accuracies(values), 40, apart / 40, float(content))
    assert found.verdict == reference.stability(values, apart, content, Fraction(95, 100))
    assert found.most == reference.most_within(values, apart)
    assert found.diverged == values.count(None)
    assert (found.further is None) or found.verdict is Verdict.UNDECIDED
    assert found.text


@given(values=VALUES, apart=st.integers(0, 40))
def test_most_within_a_span_is_found_by_trying_all(values: list[int | None], apart: int) -> None:
    right = np.sort([-np.inf if value is None else value for value in values])
    assert most_within(right, apart) == reference.most_within(values, apart)


@given(
    values=st.lists(st.integers(0, 12), min_size=3, max_size=12),
    apart=st.integers(0, 8),
)
@settings(max_examples=30, deadline=None)
def test_further_runs_like_these_decide(values: list[int], apart: int) -> None:
    content, confidence = Fraction(7, 10), Fraction(9, 10)
    found = seed_stability(accuracies(list(values), 12), 12, apart / 12, 0.7, 0.9)
    if found.verdict is not Verdict.UNDECIDED:
        return
    # The same runs over and over: whole multiples need no rounding.
    decided = [
        len(values) * times
        for times in range(1, 7)
        if reference.stability(list(values) * times, apart, content, confidence) != "undecided"
    ]
    if decided:
        assert found.further is not None
        assert found.further <= decided[0] - len(values)
    if found.further is not None and len(values) + found.further < len(values) * 6:
        assert decided


@pytest.mark.parametrize("runs", [46, 100, 250])
@pytest.mark.parametrize("content", [0.8, 0.9])
def test_wrong_verdicts_are_rare_by_enumeration(runs: int, content: float) -> None:
    # Runs reach 900 rows or fewer, far apart: `share` of them reach exactly 900, so that the
    # largest content of a narrow span is `share`, and all that matters is how many do.
    counts = np.arange(runs + 1)
    verdicts = []
    for count in counts:
        rest = np.arange(runs - count) * 17 % 850
        values = np.append(np.full(count, 900), np.unique(rest)[: runs - count])
        values = np.append(values, np.full(runs - len(values), np.nan))
        known = np.where(np.isnan(values), np.nan, values / 1000)
        verdicts.append(seed_stability(known, 1000, 0.004, content).verdict)
    for share, wrong in ((content - 1e-9, Verdict.HOLDS), (content, Verdict.VIOLATED)):
        chances = stats.binom.pmf(counts, runs, share)
        is_wrong = np.array([verdict is wrong for verdict in verdicts])
        assert chances[is_wrong].sum() <= 0.05 + 1e-9
    assert set(verdicts) >= {Verdict.VIOLATED, Verdict.UNDECIDED, Verdict.HOLDS}


@pytest.mark.parametrize(("most", "runs"), [(13, 15), (26, 31), (48, 50), (11, 11), (39, 41)])
def test_the_number_of_further_runs_is_the_first_that_decides(most: int, runs: int) -> None:
    content, level = Fraction(9, 10), Fraction(5, 100)
    right = np.append(np.full(most, 0.9), np.arange(runs - most) / 10)
    found = seed_stability(right, 10, 0.0)
    assert found.verdict is Verdict.UNDECIDED
    total = runs + 1
    while True:  # counts rounded against what is being shown
        few, many = -(-most * total // runs), most * total // runs
        holds = (total - many + 1) * binomial.tail_from(many - 1, total, content) <= level
        if holds or binomial.tail_to(few, total, content) <= level:
            break
        total += 1
    assert found.further == total - runs


@pytest.mark.parametrize("runs", [46, 100, 200])
def test_of_many_spans_that_might_do_none_is_taken_by_chance(runs: int) -> None:
    # Evenly spread runs: every span of the width has the content, or just fails to.
    generator = np.random.default_rng(runs)
    rows, repeats = 1_000_000, 4000
    right = np.sort(generator.integers(0, rows, (repeats, runs)), axis=1).astype(float)
    enough = seed_stability(np.zeros(runs), 10, 0.0).enough
    assert enough is not None
    most = np.array([most_within(row, 900_000 - 1) for row in right])
    slack = 3 * (0.05 * 0.95 / repeats) ** 0.5
    assert np.mean(most >= enough) <= 0.05 + slack
    assert np.mean(stats.binom.cdf(most, runs, 0.9) <= 0.05) <= 0.05


def test_it_holds_for_most_true_claims_and_seldom_for_false_ones() -> None:
    generator = np.random.default_rng(0)
    rows, runs, repeats = 10_000, 100, 200
    assert 2 * stats.norm.cdf(1.645) - 1 == pytest.approx(0.9, abs=1e-4)
    for width, least, most in ((3.28, 0.0, 0.05), (4.6, 0.5, 1.0)):
        right = np.rint(9700 + 30 * generator.standard_normal((repeats, runs)))
        span = round(width * 30) / rows
        held = [seed_stability(row / rows, rows, span).verdict is Verdict.HOLDS for row in right]
        assert least <= np.mean(held) <= most


def test_bad_runs_on_one_side_do_not_hide_that_the_others_are_alike() -> None:
    right = np.append(np.full(96, 0.95), [0.3, 0.4, 0.5, 0.6])
    found = seed_stability(right, 100, 0.0)
    # Of equal tails, no fewer than two may be cut off at each end, and four are bad.
    assert tolerance_interval(right).width > 0.3
    assert (found.verdict, found.most, found.enough) == (Verdict.UNDECIDED, 96, 98)
    assert found.further is not None
    more = seed_stability(np.tile(right, 4), 100, 0.0)
    assert more.verdict is Verdict.HOLDS
    assert more.interval == (0.95, 0.95)


@pytest.mark.parametrize(("content", "runs"), [(0.9, 46), (0.95, 93)])
def test_the_fewest_runs_are_those_from_smallest_to_largest(content: float, runs: int) -> None:
    assert seed_stability(np.zeros(runs), 10, 0.0, content).enough == runs
    assert seed_stability(np.zeros(runs - 1), 10, 0.0, content).enough is None


@pytest.mark.parametrize("rows", [7, 1000, 10_000, 12_345])
def test_runs_exactly_a_span_apart_are_within_it(rows: int) -> None:
    for low, apart in ((3, 1), (rows // 2, 2), (rows - 7, 5)):
        values = np.repeat([low / rows, (low + apart) / rows], 50)
        for precision in (np.float32, np.float64):
            found = seed_stability(values.astype(precision), rows, apart / rows)
            assert found.verdict is Verdict.HOLDS
            below = seed_stability(values.astype(precision), rows, (apart - 0.001) / rows)
            assert below.verdict is Verdict.VIOLATED


def test_a_decimal_span_is_counted_in_rows() -> None:
    values = np.repeat([0.7, 0.8], 50)  # 0.8 - 0.7 is more than 0.1 in binary
    assert seed_stability(values, 10, 0.1).verdict is Verdict.HOLDS
    assert seed_stability(np.repeat([0.65, 0.72], 50), 100, 0.07).verdict is Verdict.HOLDS


def test_few_equal_runs_need_as_many_as_any() -> None:
    found = seed_stability(np.full(10, 0.9), 10, 0.0)
    assert (found.verdict, found.further) == (Verdict.UNDECIDED, 36)
    assert found.interval is None
    assert seed_stability([0.9], 10, 0.5).further == 45
    assert seed_stability(np.full(46, 0.9), 10, 0.0).verdict is Verdict.HOLDS
    assert found.text == (
        "No more than 10 of 10 runs lie within 0, which does not decide whether 90 % of all such"
        " runs do; about 36 further runs like these would."
    )


def test_runs_at_the_very_content_are_never_decided() -> None:
    values = np.repeat([0.1, 0.5, 0.9], [1, 18, 1])
    found = seed_stability(values, 10, 0.0)
    assert (found.verdict, found.most, found.further) == (Verdict.UNDECIDED, 18, None)
    assert found.text.endswith("; no number of further runs like these would.")


def test_diverged_runs_lie_within_no_span() -> None:
    values = np.append(np.full(30, 0.9), np.full(10, np.nan))
    found = seed_stability(values, 10, 0.99)
    assert (found.verdict, found.diverged, found.most) == (Verdict.VIOLATED, 10, 30)
    assert "(10 diverged)" in found.text
    everything = seed_stability(np.full(60, np.nan), 10, 0.99)
    assert (everything.verdict, everything.most) == (Verdict.VIOLATED, 0)
    one = seed_stability(np.append(np.full(59, 0.9), np.nan), 10, 0.0)
    assert (one.verdict, one.most, one.enough, one.interval) == (
        Verdict.UNDECIDED,
        59,
        60,
        None,
    )
    assert one.further is not None


def test_sentences_say_why() -> None:
    accuracies = np.linspace(900, 945, 46) / 1000
    assert seed_stability(accuracies, 1000, 0.05).text == (
        "46 of 46 runs lie within 0.05, which is enough. At least 90 % of all such runs lie between"
        " 0.9000 and 0.9450, with 95 % confidence."
    )
    assert seed_stability(accuracies, 1000, 0.01).text == (
        "No more than 11 of 46 runs lie within 0.01: 90 % of all such runs do not, with 95 %"
        " confidence (p = 4.3e-26)."
    )
    assert seed_stability(accuracies, 1000, 0.042).text == (
        "No more than 43 of 46 runs lie within 0.042, which does not decide whether 90 % of all"
        " such runs do; about 688 further runs like these would. At least 90 % of all such runs"
        " lie between 0.9000 and 0.9450, with 95 % confidence."
    )


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match=r"shape \[0\]; expected \[run\], at least one"):
        seed_stability([], 10, 0.1)
    with pytest.raises(DataError, match=r"0\.95, which is no share of 10 rows"):
        seed_stability([0.95], 10, 0.1)
    with pytest.raises(DomainError, match="span is 1; expected at least 0 and below 1"):
        seed_stability([0.9], 10, 1)
    with pytest.raises(DomainError, match="span is nan"):
        seed_stability([0.9], 10, float("nan"))
    with pytest.raises(DomainError, match="content is 0"):
        seed_stability([0.9], 10, 0.1, 0.0)
    with pytest.raises(DomainError, match="there are 0 rows"):
        seed_stability([0.9], 0, 0.1)
