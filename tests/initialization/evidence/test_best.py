"""The best of n runs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tests.reference import runs_and_rows as reference

from affidavit.errors import DomainError
from affidavit.initialization.evidence import best_of, expected_best, runs_for_best


def test_well_known_numbers_of_runs() -> None:
    assert runs_for_best(0.95) == 59
    assert runs_for_best(0.99) == 299
    assert runs_for_best(0.5, 0.75) == 2  # exactly: 1 − 0.5²


@pytest.mark.parametrize("quantile", [Fraction(1, 10), Fraction(7, 10), Fraction(19, 20)])
@pytest.mark.parametrize("confidence", [Fraction(1, 2), Fraction(9, 10), Fraction(99, 100)])
def test_the_fewest_runs_are_the_first_that_reach_it(
    quantile: Fraction, confidence: Fraction
) -> None:
    runs = runs_for_best(float(quantile), float(confidence))
    assert 1 - quantile**runs >= confidence
    assert runs == 1 or 1 - quantile ** (runs - 1) < confidence


@pytest.mark.parametrize("runs", [1, 5, 59, 1000])
def test_the_quantile_and_the_number_of_runs_agree(runs: int) -> None:
    found = best_of(runs, 0.95)
    assert 1 - found.quantile**runs == pytest.approx(0.95)
    assert runs_for_best(found.quantile) == runs
    assert "with 95 % confidence" in found.text


@pytest.mark.parametrize("runs", [1, 2, 3, 10, 100, 2500])
def test_the_expected_best_is_its_integral(runs: int) -> None:
    assert expected_best(runs) == pytest.approx(reference.expected_best(runs), abs=1e-8)


def test_the_expected_best_has_its_known_values() -> None:
    assert expected_best(1) == pytest.approx(0, abs=1e-12)
    assert expected_best(2) == pytest.approx(np.pi**-0.5, abs=1e-12)
    assert expected_best(3) == pytest.approx(1.5 * np.pi**-0.5, abs=1e-12)


def test_bad_input_is_refused() -> None:
    for ask in (lambda: best_of(0), lambda: expected_best(0)):
        with pytest.raises(DomainError, match="there are 0 runs; expected at least 1"):
            ask()
    with pytest.raises(DomainError, match=r"quantile is 1\.0; expected a number between 0 and 1"):
        runs_for_best(1.0)
