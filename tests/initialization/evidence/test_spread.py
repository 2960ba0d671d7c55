"""The split of variance: against the table's definition, and against runs of known spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.initialization.evidence import made_runs
from tests.reference import runs_and_rows as reference

from affidavit.errors import DataError, DomainError
from affidavit.initialization.evidence import spread
from affidavit.initialization.evidence.spread import mean_squares


@given(
    st.tuples(st.integers(2, 6), st.integers(2, 9)).flatmap(
        lambda size: st.lists(
            st.lists(st.integers(0, 1), min_size=size[1], max_size=size[1]),
            min_size=size[0],
            max_size=size[0],
        )
    )
)
@settings(max_examples=100, deadline=None)
def test_mean_squares_are_those_of_the_table(correct: list[list[int]]) -> None:
    expected = reference.table_of_squares(correct)
    found = mean_squares(np.array(correct, bool))
    assert found == pytest.approx([float(square) for square in expected], rel=1e-12, abs=0)


def test_the_parts_add_up_to_the_variance_of_accuracies() -> None:
    correct = made_runs.outcomes(np.random.default_rng(0), np.linspace(0.8, 0.95, 8), 300)
    found = spread(correct)
    assert found.observed == pytest.approx(correct.mean(1).var(ddof=1))
    assert found.observed == pytest.approx(found.true_untruncated + found.sampling)
    assert (found.runs, found.rows) == (8, 300)
    assert found.mean == pytest.approx(correct.mean())
    assert found.true_share == found.true / found.observed


@pytest.mark.parametrize("deviation", [0.0, 0.008, 0.03])
def test_the_interval_covers_and_the_parts_are_unbiased(deviation: float) -> None:
    generator = np.random.default_rng(int(deviation * 1000))
    repeats, runs, rows = 1000, 20, 500
    missed, true, certain = np.zeros(2), [], 0
    for _ in range(repeats):
        ability = made_runs.normal_abilities(generator, runs, deviation)
        found = spread(made_runs.outcomes(generator, ability, rows))
        missed += (found.lower > deviation, found.upper < deviation)
        true.append(found.true_untruncated)
        certain += found.p_value <= 0.05
        assert (found.p_value <= 0.05) == (found.lower > 0)
    slack = 4 * (0.05 * 0.95 / repeats) ** 0.5
    assert missed.max() / repeats <= 0.05 + slack
    error = np.std(true) / repeats**0.5
    assert np.mean(true) == pytest.approx(deviation**2, abs=4 * error)
    if deviation == 0:  # the F test keeps its level, and there is nothing below 0 to miss
        assert abs(certain / repeats - 0.05) <= slack
        assert missed[1] == 0
    else:
        assert missed.min() / repeats >= 0.05 - slack


def test_what_the_rows_do_to_all_runs_alike_is_no_spread() -> None:
    generator = np.random.default_rng(1)
    easy = np.tile(generator.random(400) < 0.6, (10, 1))
    correct = easy & (generator.random((10, 400)) < 0.98)
    found = spread(correct)
    assert found.sampling < 0.6 * 0.4 / 400 / 10  # far below that of independent rows
    assert found.sampling == pytest.approx(0.6 * 0.98 * 0.02 / 400, rel=0.5)


def test_the_sentence_tells_both_cases_apart() -> None:
    generator = np.random.default_rng(2)
    apart = spread(made_runs.outcomes(generator, np.array([0.5, 0.6, 0.9]), 500))
    assert "The runs differ in truth (p = " in apart.text
    same = spread(made_runs.noise(generator, 5, 400))
    assert "It is not shown that the runs differ in truth" in same.text
    assert same.lower == 0


def test_fewer_differences_than_of_equal_runs_are_cut_off_at_nothing() -> None:
    correct = np.eye(4, dtype=bool)  # every run is right once: equal accuracies
    found = spread(correct)
    assert found.observed == 0
    assert found.true_untruncated < 0
    assert (found.true, found.deviation, found.true_share, found.lower) == (0, 0, 0, 0)
    assert math.isfinite(found.upper)


def test_a_run_right_nowhere_spreads_the_runs() -> None:
    correct = made_runs.outcomes(np.random.default_rng(3), np.full(9, 0.95), 300)
    with_it = spread(np.vstack([correct, np.zeros((1, 300), bool)]))
    assert with_it.deviation > 0.2 > spread(correct).deviation


def test_runs_that_are_all_right_or_all_wrong_are_told_apart_exactly() -> None:
    correct = np.array([[True] * 5, [False] * 5])
    found = spread(correct)
    assert (found.f, found.p_value, found.sampling) == (math.inf, 0.0, 0.0)
    assert found.true == 0.5


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match=r"shape \[1, 9\]; .* at least 2 runs"):
        spread(np.ones((1, 9), bool))
    with pytest.raises(DataError, match="there is 1 row"):
        spread(np.ones((9, 1), bool))
    with pytest.raises(DataError, match=r"shape \[3, 0\]"):
        spread(np.ones((3, 0), bool))
    for alike in (np.ones((3, 9), bool), np.tile(np.arange(9) < 4, (3, 1))):
        with pytest.raises(DataError, match=r"all 3 runs are right on the same rows; .* seeds"):
            spread(alike)
    with pytest.raises(DataError, match="values other than true and false"):
        spread(np.array([[0.5, np.nan], [1, 0]]))
    with pytest.raises(DomainError, match=r"confidence is 0\.1"):
        spread(np.eye(3, dtype=bool), 0.1)
