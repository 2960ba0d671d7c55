"""Tolerance intervals against rational arithmetic, the beta distribution and simulation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.reference import runs_and_rows as reference

from affidavit.errors import DataError, DomainError
from affidavit.initialization.evidence import runs_for_interval, tolerance_interval, trimming
from affidavit.initialization.evidence.tolerance import ranks

SHARES = st.sampled_from([Fraction(1, 2), Fraction(4, 5), Fraction(9, 10), Fraction(19, 20)])


def test_well_known_numbers_of_runs() -> None:
    assert runs_for_interval(0.9, 0.95) == 46
    assert runs_for_interval(0.95, 0.95) == 93
    assert runs_for_interval(0.99, 0.95) == 473


@given(content=SHARES, confidence=SHARES)
@settings(max_examples=16, deadline=None)
def test_the_fewest_runs_are_the_first_that_hold_it(
    content: Fraction, confidence: Fraction
) -> None:
    found = runs_for_interval(float(content), float(confidence))
    assert found == reference.fewest_runs(content, confidence)
    assert trimming(found, float(content), float(confidence)) == 1
    assert trimming(found - 1, float(content), float(confidence)) == 0


@given(runs=st.integers(1, 130), content=SHARES, confidence=SHARES)
@settings(max_examples=60, deadline=None)
def test_trimming_is_the_largest_rank_that_holds_the_content(
    runs: int, content: Fraction, confidence: Fraction
) -> None:
    found = trimming(runs, float(content), float(confidence))
    assert found == reference.largest_rank(runs, content, confidence)


def test_the_content_between_order_statistics_is_beta_distributed() -> None:
    for runs, rank, content in ((46, 1, 0.9), (100, 3, 0.9), (30, 5, 0.5)):
        by_beta = stats.beta.sf(content, runs + 1 - 2 * rank, 2 * rank)
        found = reference.content_held(runs, rank, Fraction(str(content)))
        assert float(found) == pytest.approx(by_beta, rel=1e-10)


def test_many_numbers_of_runs_at_once_are_the_same() -> None:
    runs = np.arange(1, 400)
    together = ranks(runs, 0.9, 0.95)
    np.testing.assert_array_equal(together, [trimming(int(n), 0.9, 0.95) for n in runs])
    assert (np.diff(together) >= 0).all()


@pytest.mark.parametrize("rows", [None, 50], ids=["continuous", "ties"])
@pytest.mark.parametrize("runs", [46, 120])
def test_the_interval_covers_at_its_level(runs: int, rows: int | None) -> None:
    generator = np.random.default_rng(runs)
    content, confidence, repeats = 0.9, 0.95, 3000
    if rows is None:
        values = generator.gamma(3.0, size=(repeats, runs))
        held_between = lambda low, high: stats.gamma.cdf(high, 3.0) - stats.gamma.cdf(low, 3.0)
    else:
        values = generator.binomial(rows, 0.8, (repeats, runs)).astype(float)
        of = stats.binom(rows, 0.8)
        held_between = lambda low, high: of.cdf(high) - of.cdf(low - 1)
    rank = trimming(runs, content, confidence)
    ordered = np.sort(values, axis=1)
    held = held_between(ordered[:, rank - 1], ordered[:, -rank])
    covered = np.mean(np.asarray(held) >= content)
    assert covered >= confidence - 3 * (0.05 * 0.95 / repeats) ** 0.5
    if rows is None:  # and no more trimming would have done
        narrower = held_between(ordered[:, rank], ordered[:, -rank - 1])
        assert np.mean(np.asarray(narrower) >= content) < confidence
    first = tolerance_interval(values[0], content, confidence)
    assert (first.lower, first.upper) == (ordered[0, rank - 1], ordered[0, -rank])


def test_an_interval_names_its_ends_and_what_it_holds() -> None:
    found = tolerance_interval(np.linspace(0.9, 0.945, 46))
    assert (found.rank, found.runs, found.lower, found.upper) == (1, 46, 0.9, 0.945)
    assert found.width == pytest.approx(0.045)
    assert found.text == (
        "At least 90 % of all such runs lie between 0.9000 and 0.9450, with 95 % confidence"
        " (46 freshly seeded runs)."
    )


def test_a_diverged_run_is_below_every_other() -> None:
    values = np.append(np.linspace(0.9, 0.99, 99), np.nan)
    found = tolerance_interval(values)  # cuts off more than the one
    assert found.rank > 1
    assert (found.lower, found.upper) == (values[found.rank - 2], values[99 - found.rank])
    least = tolerance_interval(np.append(np.full(45, 0.9), np.nan))
    assert least.lower == -np.inf
    assert least.width == np.inf
    assert "between −∞ and 0.9000" in least.text


def test_too_few_runs_and_bad_shares_are_refused() -> None:
    with pytest.raises(DataError, match=r"45 runs cannot show .* expected at least 46"):
        tolerance_interval(np.zeros(45))
    with pytest.raises(DataError, match="0 runs cannot show"):
        tolerance_interval([])
    with pytest.raises(DataError, match="some are infinite"):
        tolerance_interval(np.full(50, np.inf))
    with pytest.raises(DataError, match=r"shape \[2, 50\]"):
        tolerance_interval(np.zeros((2, 50)))
    with pytest.raises(DomainError, match=r"content is 1\.0"):
        tolerance_interval(np.zeros(50), content=1.0)
    with pytest.raises(DomainError, match=r"confidence is 0\.3"):
        trimming(50, 0.9, 0.3)
    with pytest.raises(DomainError, match="further from 1"):
        runs_for_interval(1 - 1e-12)
