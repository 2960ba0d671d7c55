"""The proved risk: the chains against the general graphical procedure, and their guarantee."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from tests.reference import selective_guarantees as reference

from affidavit.misclassification.guarantees import (
    _furthest,
    chain_starts,
    largest_proved,
    least_accepted,
)
from affidavit.misclassification.ranking import Ranking
from affidavit.statistics import binomial_upper

Array = NDArray[np.float64]


@given(
    p_values=st.lists(st.sampled_from([0.001, 0.005, 0.015, 0.025, 0.04, 0.06, 0.9]), max_size=9),
    data=st.data(),
)
@settings(max_examples=150)
def test_the_chains_reject_what_the_graph_rejects(
    p_values: list[float], data: st.DataObject
) -> None:
    count = len(p_values) + 1
    p_values = [*p_values, 0.03]
    levels = [data.draw(st.sampled_from([0.0, 0.0, 0.01, 0.02])) for _ in range(count)]
    levels[data.draw(st.integers(0, count - 1))] += 0.01
    rejected = reference.graphical_rejections(p_values, levels, reference.chain(count))
    chains = {place: level for place, level in enumerate(levels) if level}
    assert _furthest(np.array(p_values), chains) == max(rejected, default=None)


@pytest.mark.parametrize("risk", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.25])
def test_fewer_than_the_least_number_prove_nothing(risk: float, alpha: float) -> None:
    least = least_accepted(risk, alpha)
    assert binomial_upper(0, least, 1 - alpha) <= risk + 1e-12
    assert least == 1 or binomial_upper(0, least - 1, 1 - alpha) > risk


def test_chains_begin_at_fixed_numbers() -> None:
    assert chain_starts(5000, 0.05, 0.05) == [5000, 2500, 1250, 625, 313, 157]
    assert len(chain_starts(10**6, 0.05, 0.05)) == 7
    assert chain_starts(59, 0.05, 0.05) == [59]
    assert chain_starts(58, 0.05, 0.05) == []
    assert largest_proved(np.arange(1.0, 59), np.zeros(58), 0.05, 0.95) is None
    assert largest_proved(np.arange(1.0, 60), np.zeros(59), 0.05, 0.95) == 58


def smooth(u: Array) -> Array:
    return 0.004 + 0.75 * u**3


def confident_mistakes(u: Array) -> Array:
    return 0.02 + 0.6 * u**4


def nearly_low_enough(u: Array) -> Array:
    return np.full_like(u, 0.051)


def up_and_down(u: Array) -> Array:
    # The risk crosses 5 % four times: down, up, and down again at the end.
    return np.select([u < 0.1, u < 0.35, u < 0.7], [0.12, 0.022, 0.078], 0.02)


SHAPES = (smooth, confident_mistakes, nearly_low_enough, up_and_down)
GRID = np.linspace(0, 1, 20_001)


def true_risk(chance: Callable[[Array], Array], accepted: Array) -> Array:
    """Mean chance of being wrong among the given shares of the safest."""
    middle = chance((GRID[1:] + GRID[:-1]) / 2)
    risks = np.cumsum(middle) / np.arange(1, len(GRID))
    return np.interp(accepted, GRID[1:], risks)


def simulated(
    chance: Callable[[Array], Array],
    search: Callable[..., int | None],
    count: int,
    samples: int,
    values: int = 0,
) -> tuple[float, float]:
    """Share of calibration samples whose threshold has a risk above 5 %, and mean coverage.

    Scores are uniform; with `values`, they are rounded up to as many, and so tied.
    """
    generator = np.random.default_rng(0)
    coverage, violated = np.zeros(samples), np.zeros(samples, bool)
    for sample in range(samples):
        u = generator.random(count)
        wrong = generator.random(count) < chance(u)
        scores = np.ceil(u * values) / values if values else u
        steps = Ranking.of(scores, wrong).steps()
        accepted = steps.right_until + steps.wrong_until
        found = search(accepted, steps.wrong_until, 0.05, 0.9)
        if found is None:
            continue
        # Scores at which nothing is refused yet, up to the next one.
        threshold = steps.thresholds[found]
        coverage[sample] = min(threshold, 1) - (1 / values if values and threshold <= 1 else 0)
        violated[sample] = true_risk(chance, coverage[sample : sample + 1])[0] > 0.05
    return float(violated.mean()), float(coverage.mean())


@pytest.mark.parametrize("chance", SHAPES, ids=lambda shape: shape.__name__)
def test_the_guarantee_holds(chance: Callable[[Array], Array]) -> None:
    # A rate of 10 % among 400 is above 14.5 % with probability 0.3 %.
    violated, _ = simulated(chance, largest_proved, 400, 400)
    assert violated <= 0.145


@pytest.mark.parametrize("values", [4, 25])
def test_the_guarantee_holds_with_ties(values: int) -> None:
    violated, coverage = simulated(smooth, largest_proved, 400, 300, values)
    assert violated <= 0.15
    assert coverage > 0.05


def test_a_search_that_pays_nothing_for_looking_breaks_the_guarantee() -> None:
    # The simulation can fail: the largest coverage that looks proved at the full level.
    def greedy(accepted: Array, wrong: Array, risk: float, confidence: float) -> int | None:
        proved = np.flatnonzero(stats.binom.cdf(wrong, accepted, risk) <= 1 - confidence)
        return int(proved[-1]) if len(proved) else None

    violated, _ = simulated(nearly_low_enough, greedy, 400, 200)
    assert violated > 0.2


def test_it_accepts_more_than_the_two_simpler_searches() -> None:
    for simpler in (reference.binary_search, reference.safest_first):
        ours = [simulated(shape, largest_proved, 1000, 40)[1] for shape in SHAPES[:2]]
        theirs = [simulated(shape, simpler, 1000, 40)[1] for shape in SHAPES[:2]]
        assert np.mean(ours) > np.mean(theirs)
        assert ours[1] > theirs[1]
