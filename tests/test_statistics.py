"""Exact binomial inference against rational arithmetic, and its guarantees by enumeration."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.reference import binomial

from affidavit import statistics

COUNTS = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts=COUNTS, percent=st.integers(50, 99))
@settings(max_examples=60, deadline=None)
def test_bounds_equal_those_of_rational_arithmetic(counts: tuple[int, int], percent: int) -> None:
    successes, trials = counts
    confidence = Fraction(percent, 100)
    lower = binomial.lower_bound(successes, trials, confidence) if successes else Fraction(0)
    assert statistics.binomial_lower(successes, trials, percent / 100) == pytest.approx(
        float(lower), abs=1e-9
    )
    upper = 1 - binomial.lower_bound(trials - successes, trials, confidence)
    expected = 1.0 if successes == trials else float(upper)
    assert statistics.binomial_upper(successes, trials, percent / 100) == pytest.approx(
        expected, abs=1e-9
    )


@given(counts=COUNTS, p=st.fractions(Fraction(1, 50), Fraction(49, 50), max_denominator=50))
@settings(max_examples=60, deadline=None)
def test_p_values_equal_those_of_rational_arithmetic(counts: tuple[int, int], p: Fraction) -> None:
    assert statistics.p_value_at_least(*counts, float(p)) == pytest.approx(
        float(binomial.tail_from(*counts, p)), rel=1e-9
    )
    assert statistics.p_value_below(*counts, float(p)) == pytest.approx(
        float(binomial.tail_to(*counts, p)), rel=1e-9
    )


@pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("trials", [1, 7, 60])
def test_the_bounds_cover_at_their_level(p: float, trials: int) -> None:
    # Not a simulation: the coverage itself, summed over all outcomes.
    outcomes = np.arange(trials + 1)
    weights = stats.binom.pmf(outcomes, trials, p)
    lower = [statistics.binomial_lower(int(k), trials, 0.9) <= p for k in outcomes]
    upper = [statistics.binomial_upper(int(k), trials, 0.9) >= p for k in outcomes]
    assert weights[lower].sum() >= 0.9 - 1e-12
    assert weights[upper].sum() >= 0.9 - 1e-12


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.5))
def test_holm_rejects_what_its_paper_rejects(p_values: list[float], alpha: float) -> None:
    adjusted = statistics.holm(p_values)
    decisions = [p <= alpha for p in adjusted]
    # Where a p-value lies on the edge, the two forms may round it to either side.
    edges = [p * k for p in p_values for k in range(1, len(p_values) + 1)]
    if not any(abs(edge - alpha) < 1e-12 for edge in edges):
        assert decisions == binomial.holm_decisions(p_values, alpha)


def test_holm_keeps_the_order_and_the_range() -> None:
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([]) == []
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("successes", "trials", "threshold"),
    [(97, 100, 0.95), (93, 100, 0.95), (9, 10, 0.5), (1, 10, 0.5), (0, 0, 0.9), (5, 5, 0.9)],
)
def test_the_number_of_further_trials_decides_and_much_fewer_do_not(
    successes: int, trials: int, threshold: float
) -> None:
    further = statistics.trials_to_decide(successes, trials, threshold, 0.95)
    assert further is not None

    def decided(n: int) -> bool:
        rate = successes / trials if trials else 1.0
        if rate >= threshold:
            p = statistics.p_value_at_least(int(rate * n + 1e-9), n, threshold)
        else:
            p = statistics.p_value_below(-int(-rate * n + 1e-9), n, threshold)
        return p <= 0.05

    assert decided(trials + further)
    assert further < 4 or not decided(trials + 3 * further // 4)


def test_a_rate_at_the_threshold_is_never_decided() -> None:
    assert statistics.trials_to_decide(95, 100, 0.95, 0.95, limit=10**6) is None
    assert statistics.trials_to_decide(100, 100, 1.0, 0.95, limit=10**6) is None


def test_a_decided_proportion_needs_no_further_trials() -> None:
    assert statistics.trials_to_decide(1000, 1000, 0.95, 0.95) == 0
    assert statistics.trials_to_decide(99, 100, 1.0, 0.95) == 0


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= successes <= trials"):
        statistics.binomial_lower(successes, trials, 0.95)


@pytest.mark.parametrize("confidence", [0.0, 1.0, float("nan")])
def test_impossible_confidences_are_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        statistics.binomial_upper(1, 2, confidence)
