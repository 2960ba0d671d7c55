"""Inference against rational arithmetic, and its guarantees by enumeration."""

from __future__ import annotations

import itertools
import math
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


def paid(values: list[Fraction], mean: Fraction) -> Fraction:
    """What the bets against a mean have made of 1, by rational arithmetic."""
    weights = [Fraction(1, (j + 1) * (j + 2)) for j in range(12)]
    products = [
        math.prod((1 + (x / mean - 1) / 2**j for x in values), start=Fraction(1)) for j in range(12)
    ]
    owned = [w * p for w, p in zip(weights, products, strict=True)]
    return sum(owned, Fraction(0)) / sum(weights, Fraction(0))


@given(
    st.lists(st.fractions(0, 1, max_denominator=20), min_size=1, max_size=12),
    st.integers(50, 99),
)
@settings(max_examples=40, deadline=None)
def test_the_lower_bound_of_a_mean_is_where_bets_against_it_pay(
    values: list[Fraction], percent: int
) -> None:
    confidence = Fraction(percent, 100)
    bound = statistics.mean_lower([float(x) for x in values], percent / 100)
    assert 0 <= bound <= float(sum(values) / len(values)) + 1e-12
    if bound > 1e-6:
        assert paid(values, Fraction(bound) * (1 - Fraction(1, 10**9))) >= 1 / (1 - confidence)
    above = Fraction(bound) + Fraction(1, 10**6)
    if above < sum(values) / len(values):
        assert paid(values, above) < 1 / (1 - confidence)


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("weights", [(0.1, 0.1, 0.8), (0.5, 0.0, 0.5), (0.02, 0.96, 0.02)])
def test_the_bounds_of_a_mean_cover_at_their_level(weights: tuple[float, ...], n: int) -> None:
    # Not a simulation: every sample of three values, with its probability.
    support = (-1.0, 0.25, 2.0)
    mean = sum(w * x for w, x in zip(weights, support, strict=True))
    low = high = 0.0
    for places in itertools.product(range(3), repeat=n):
        probability = math.prod(weights[place] for place in places)
        sample = [support[place] for place in places]
        low += probability * (statistics.mean_lower(sample, 0.8, (-1.0, 2.0)) <= mean + 1e-9)
        high += probability * (statistics.mean_upper(sample, 0.8, (-1.0, 2.0)) >= mean - 1e-9)
    assert low >= 0.8 - 1e-9
    assert high >= 0.8 - 1e-9


def test_the_bounds_of_a_mean_close_in_where_values_vary_little() -> None:
    rng = np.random.default_rng(0)
    for spread in (0.02, 0.2, 0.5):
        x = 0.6 + spread * rng.uniform(-0.5, 0.5, 400)
        lower, upper = statistics.mean_lower(x, 0.95), statistics.mean_upper(x, 0.95)
        hoeffding = math.sqrt(math.log(20) / (2 * len(x)))
        assert lower <= x.mean() <= upper
        assert upper - lower < 2 * hoeffding
    shifted = statistics.mean_lower(4 * x - 2, 0.95, (-2, 2))
    assert shifted == pytest.approx(4 * lower - 2)


@pytest.mark.parametrize("threshold", [0.05, 0.28])
def test_further_values_decide_about_a_mean(threshold: float) -> None:
    x = np.random.default_rng(1).uniform(-0.7, 1, 40)
    further = statistics.values_to_decide(x, threshold, 0.95, (-1, 1))
    assert further is not None
    copies = 1 + further / len(x)

    def decided(n: int) -> bool:
        more = np.tile(x, n)
        if threshold <= x.mean():
            return statistics.mean_lower(more, 0.95, (-1, 1)) >= threshold
        return statistics.mean_upper(more, 0.95, (-1, 1)) < threshold

    assert decided(math.ceil(copies))
    assert not decided(math.floor(copies - 0.5))


def test_what_further_values_need_not_or_cannot_decide() -> None:
    assert statistics.values_to_decide([0.5] * 4, 0.5, 0.95) is None
    assert statistics.values_to_decide([0.9] * 100, 0.5, 0.95) == 0
    assert statistics.values_to_decide([0.9], -0.5, 0.95) == 0
    assert statistics.mean_lower([0.0, 0.0], 0.95) == 0
    for values, span in (([], (0, 1)), ([1.5], (0, 1)), ([float("nan")], (0, 1))):
        with pytest.raises(ValueError, match="expected values inside"):
            statistics.mean_lower(values, 0.95, span)
    with pytest.raises(ValueError, match="between 0 and 1"):
        statistics.mean_upper([0.5], 1.0)
