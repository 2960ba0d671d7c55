"""How likely a fresh run is to pass a fixed test."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tests.reference import binomial

from affidavit.errors import DataError, DomainError
from affidavit.initialization.evidence import runs_for_bound, success_probability
from affidavit.statistics import binomial_lower, binomial_upper


def test_without_success_the_bound_is_its_closed_form() -> None:
    found = success_probability(np.full(20, 0.9), 10, 0.95, 0.95)
    assert (found.successes, found.runs, found.lower) == (0, 20, 0.0)
    assert found.upper == pytest.approx(1 - 0.05 ** (1 / 20), rel=1e-12)
    assert "none reached 0.95" in found.text
    assert "at most 0.1392 with 95 % confidence" in found.text
    assert "at least" not in found.text


def test_with_successes_the_bounds_are_exact() -> None:
    accuracies = np.array([0.9, 0.8, 0.95, np.nan, 0.85])
    found = success_probability(accuracies, 20, 0.9, 0.9, on="the validation rows")
    assert found.successes == 2  # the diverged run fails, and 0.9 of 20 is 18 exactly
    assert found.lower == binomial_lower(2, 5, 0.9)
    assert found.upper == binomial_upper(2, 5, 0.9)
    assert found.text.startswith("Of 5 freshly seeded runs, 2 reached 0.9 on the validation rows:")
    assert found.text.endswith("each with 90 % confidence.")


@pytest.mark.parametrize("rows", [6, 7, 100, 1000, 10_000])
def test_an_accuracy_equal_to_the_threshold_passes_in_any_precision(rows: int) -> None:
    for right in {1, rows // 3, rows // 2, rows - 1, rows}:
        for precision in (np.float32, np.float64):
            accuracy = np.array([right / rows], precision)
            threshold = right / rows
            assert success_probability(accuracy, rows, threshold).successes == 1
            above = np.nextafter(threshold, 2)
            if above <= 1:
                assert success_probability(accuracy, rows, float(above)).successes == 0


def test_a_decimal_threshold_is_meant_as_it_is_written() -> None:
    # 0.07 * 100 is 7.000000000000001, 0.29 * 100 is 28.999999999999996
    assert success_probability([0.07, 0.06], 100, 0.07).successes == 1
    assert success_probability([0.29, 0.28], 100, 0.29).successes == 1


@pytest.mark.parametrize("successes", [0, 1, 4])
@pytest.mark.parametrize("percent", [1, 5, 30])
def test_the_fewest_runs_for_a_bound(successes: int, percent: int) -> None:
    runs = runs_for_bound(percent / 100, 0.95, successes)
    bound, level = Fraction(percent, 100), Fraction(5, 100)
    assert binomial.tail_to(successes, runs, bound) <= level
    assert binomial.tail_to(successes, runs - 1, bound) > level


def test_well_known_numbers_of_runs() -> None:
    assert runs_for_bound(0.05) == 59
    assert runs_for_bound(0.01) == 299
    # Exactly on the edge: half of the runs, with a confidence of a half, is one run.
    assert runs_for_bound(0.5, 0.5) == 1


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match=r"0\.95, which is no share of 10 rows"):
        success_probability([0.9, 0.95], 10, 0.9)
    with pytest.raises(DataError, match=r"1\.2, which is no share of 10 rows"):
        success_probability([1.2], 10, 0.9)
    with pytest.raises(DataError, match=r"shape \[0\]; expected \[run\]"):
        success_probability([], 10, 0.9)
    with pytest.raises(DataError, match="inf, which is no share"):
        success_probability([np.inf], 10, 0.9)
    with pytest.raises(DomainError, match="there are 0 rows"):
        success_probability([0.5], 0, 0.9)
    with pytest.raises(DomainError, match=r"at_least is 1\.01; expected an accuracy above 0"):
        success_probability([0.9], 10, 1.01)
    with pytest.raises(DomainError, match="probability is 0"):
        runs_for_bound(0.0)
    with pytest.raises(DomainError, match="-1 successes"):
        runs_for_bound(0.1, 0.95, -1)
    with pytest.raises(DomainError, match="takes more than"):
        runs_for_bound(1e-12)
