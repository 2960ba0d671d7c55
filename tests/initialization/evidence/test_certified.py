"""Attained accuracy: exact bounds on rows that were never looked at."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tests.reference import binomial

from affidavit.errors import DataError, DomainError
from affidavit.initialization.evidence import certified


@pytest.mark.parametrize("right", [0, 1, 17, 29, 30])
def test_the_bounds_are_those_of_rational_arithmetic(right: int) -> None:
    correct = np.arange(30) < right
    found = certified(correct, 0.9)
    assert (found.right, found.rows, found.accuracy) == (right, 30, right / 30)
    lower = binomial.lower_bound(right, 30, Fraction(9, 10)) if right else Fraction(0)
    upper = 1 - binomial.lower_bound(30 - right, 30, Fraction(9, 10)) if right < 30 else Fraction(1)
    assert found.lower == pytest.approx(float(lower), abs=1e-9)
    assert found.upper == pytest.approx(float(upper), abs=1e-9)


def test_the_sentence_rounds_bounds_outwards() -> None:
    found = certified(np.arange(1000) < 970)
    assert found.text == (
        "The chosen run is right on 970 of 1,000 rows that it never saw (0.9700): its accuracy is"
        " at least 0.9595, and at most 0.9784, each with 95 % confidence."
    )
    assert found.lower >= 0.9595
    assert found.upper <= 0.9784


def test_ones_and_zeros_are_as_good_as_truths() -> None:
    assert certified([1, 0, 1.0]) == certified([True, False, True])


@pytest.mark.parametrize(
    ("correct", "message"),
    [
        ([], r"correct has the shape \[0\]; expected \[row\]"),
        ([[True]], r"correct has the shape \[1, 1\]; expected \[row\]"),
        ([0.5, 1.0], "values other than true and false"),
        ([1.0, np.nan], "False wherever a diverged run has no answer"),
        (["yes"], "values other than true and false"),
    ],
    ids=["none", "table", "shares", "nan", "words"],
)
def test_what_is_no_answer_is_refused(correct: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        certified(correct)  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.4, 1.0, float("nan")])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(DomainError, match=r"expected at least 0\.5 and below 1"):
        certified([True], confidence)
