"""Bounds of a mean difference: their level in simulation, and what happens to few differences."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from affidavit.initialization.evidence.paired import paired_mean
from affidavit.statistics import mean_lower, mean_upper

Floats = NDArray[np.float64]


def differing(generator: np.random.Generator, rows: int, better: int, worse: int) -> Floats:
    """Rows on which one run is right and the other not: about so many of each, [row]."""
    uniform = generator.random(rows)
    return np.where(uniform < better / rows, 1.0, np.where(uniform > 1 - worse / rows, -1.0, 0.0))


@pytest.mark.parametrize(("better", "worse"), [(45, 0), (60, 20), (60, 60), (10, 60)])
def test_the_bounds_cover_at_their_level(better: int, worse: int) -> None:
    generator = np.random.default_rng([better, worse])
    rows, repeats = 300, 1500
    truth = (better - worse) / rows
    found = [paired_mean(differing(generator, rows, better, worse), 0.95) for _ in range(repeats)]
    sharp = np.array([not bounds.exact for bounds in found])
    assert sharp.mean() > 0.9
    missed = np.array([(b.lower > truth, b.upper < truth) for b in found])
    # Four standard deviations of the simulation, and half a point of approximation.
    slack = 4 * (0.05 * 0.95 / repeats) ** 0.5 + 0.005
    assert missed.mean(0).max() <= 0.05 + slack
    # Nor do they cover all the time: there is no width given away.
    assert missed[sharp].mean(0).min() >= 0.05 - slack


def test_without_the_correction_for_skewness_one_end_would_miss() -> None:
    generator = np.random.default_rng(0)
    rows, repeats, truth = 1000, 4000, 0.045
    d = (generator.random((repeats, rows)) < truth).astype(float)
    half = stats.t.ppf(0.95, rows - 1) * d.std(1, ddof=1) / rows**0.5
    plain = (d.mean(1) + half < truth).mean(), (d.mean(1) - half > truth).mean()
    corrected = [paired_mean(row, 0.95) for row in d[:1500]]
    missed = np.mean([b.upper < truth for b in corrected])
    assert plain[0] > 0.06 > 0.045 > plain[1]
    assert missed < 0.058


def test_the_bounds_are_the_formula() -> None:
    d = np.repeat([1.0, 0.0, -1.0, 0.25], [30, 200, 12, 40])
    found = paired_mean(d, 0.9)
    n, mean = len(d), sum(d) / len(d)
    variance = sum((x - mean) ** 2 for x in d)
    third = sum((x - mean) ** 3 for x in d) / n / (variance / n) ** 1.5
    t = stats.t.ppf(0.9, n - 1)
    error = (variance / (n - 1) / n) ** 0.5
    shift = third * (2 * t * t + 1) / 6 / n**0.5
    assert not found.exact
    assert found.value == pytest.approx(mean)
    assert found.error == pytest.approx(error)
    assert found.lower == pytest.approx(mean - error * (t - shift))
    assert found.upper == pytest.approx(mean + error * (t + shift))


@pytest.mark.parametrize(
    "d",
    [np.zeros(500), np.ones(50), np.eye(500)[0], np.repeat([0.0, 1.0], [500, 20]), [0.5], [1, -1]],
    ids=["equal", "better_everywhere", "one", "twenty", "one_row", "two_rows"],
)
def test_where_few_rows_differ_nothing_is_taken_as_normal(d: Floats) -> None:
    found = paired_mean(np.asarray(d, float), 0.95)
    assert found.exact
    assert found.lower == pytest.approx(mean_lower(d, 0.95, (-1, 1)))
    assert found.upper == pytest.approx(mean_upper(d, 0.95, (-1, 1)))
    assert -1 <= found.lower <= found.value <= found.upper <= 1
    assert found.lower < found.value or found.value == -1


def test_rounding_is_no_difference() -> None:
    d = np.full(1000, 0.1) + np.random.default_rng(0).normal(0, 1e-16, 1000)
    assert paired_mean(d, 0.95).exact
