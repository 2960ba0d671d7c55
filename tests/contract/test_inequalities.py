"""Linear inequalities in text."""

from __future__ import annotations

import pytest

from affidavit.contract.inequalities import Inequality, inequality


@pytest.mark.parametrize(
    ("text", "coefficients", "bound"),
    [
        ("2*age + income <= 100", {"age": 2.0, "income": 1.0}, 100.0),
        ("age >= 18", {"age": -1.0}, -18.0),
        ("100 >= age*2 - .5e1 * 'net income' + 3", {"age": 2.0, "net income": -5.0}, 97.0),
        ("-age ≤ income - 1", {"age": -1.0, "income": -1.0}, -1.0),
        ("age + age <= 2*3*age + 4", {"age": -4.0}, 4.0),
        ('0 <= "job=clerk"', {"job=clerk": -1.0}, 0.0),
    ],
)
def test_what_is_read(text: str, coefficients: dict[str, float], bound: float) -> None:
    assert inequality(text) == Inequality(coefficients, bound)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age", "has 0 relations"),
        ("1 <= age <= 2", "has 2 relations"),
        ("age < 3", "cannot be read from '< 3' on"),
        ("age * income <= 3", "multiplies age by income: it is not linear"),
        ("net income <= 3", "no sign before 'income'"),
        ("2age <= 3", "cannot be read from '2age <= 3' on"),
        ("age + <= 3", "a term is missing at an end"),
        ("age + * 3 <= 3", r"a term is missing before '\*'"),
        ("<= 3", "a term is missing at an end"),
        ("age - age <= 3", "speaks of no feature"),
        ("3 <= 4", "speaks of no feature"),
        ("1e999 * age <= 3", "beyond double precision"),
        ("__import__('os') <= 3", "cannot be read from"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inequality(text)
