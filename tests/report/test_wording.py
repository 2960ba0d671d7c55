from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.evidence import Statement, Verdict
from affidavit.report import wording

GAP = wording.THIN


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.95, "0.95"),
        (0.972244, "0.9722"),
        (0.99997, "0.99997"),
        (1.0, "1"),
        (0.1 + 0.2, "0.3"),
        (-1 / 3, "−0.3333"),
        (-0.0, "0"),
        (1797, "1797"),
        (12345, f"12{GAP}345"),
        (123456.789, f"123{GAP}456.8"),
        (1.234e-05, "0.00001234"),
        (1e-9, "1×10⁻⁹"),
        (-2.5e300, "−2.5×10³⁰⁰"),
        (10**400, "1×10⁴⁰⁰"),
        (math.nan, "undefined"),
        (math.inf, "infinity"),
        (-math.inf, "−infinity"),
        (None, "none"),
        (True, "yes"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert wording.number(value) == text


def back(text: str) -> float:
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, power = text.replace(GAP, "").replace("−", "-").partition("×10")
    return float(mantissa + (f"e{power.translate(digits)}" if power else ""))


@given(st.floats(-1e300, 1e300))
def test_number_is_near_and_whole_only_where_the_value_is(value: float) -> None:
    text = wording.number(value)
    assert math.isclose(back(text), value, rel_tol=6e-4)
    if "×" not in text:
        assert ("." in text) == (not value.is_integer())


@given(st.floats(-1e300, 1e300), st.floats(0, 1e6))
def test_a_written_interval_contains_the_interval(lower: float, width: float) -> None:
    text = wording.interval((lower, lower + width))
    low, high = text.strip("[]").split(", ")
    assert back(low) <= lower
    assert lower + width <= back(high)


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        (None, ""),
        ((0.94996, 1.0), "[0.9499, 1]"),
        ((0.95, math.inf), "at least 0.95"),
        ((-math.inf, 0.81671), "at most 0.8168"),
        ((-math.inf, math.inf), "no bound"),
        ((math.nan, 1.0), "undefined"),
    ],
)
def test_interval(ends: tuple[float, float] | None, text: str) -> None:
    assert wording.interval(ends) == text


def test_a_column_aligns_its_decimals() -> None:
    assert wording.column([0.5, 1.0, 0.9722]) == ["0.5000", "1.0000", "0.9722"]
    assert wording.column([1, None, "x", math.inf, False]) == ["1", "–", "x", "infinity", "no"]
    assert wording.column([]) == []


def test_given_values_are_not_rounded() -> None:
    assert wording.exactly({"age": [0, 18.0625], "who": None}) == "age = [0, 18.0625], who = none"
    assert wording.exactly(1 / 255) == repr(1 / 255)
    assert wording.exactly({}) == "none"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "under 1 ms"),
        (0.42, "420 ms"),
        (15.06, "15.1 s"),
        (83.2, "1 min 23 s"),
        (4210, "1 h 10 min"),
        (math.inf, "infinity"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_moment() -> None:
    assert wording.moment("2026-03-02T16:05:06+02:00") == "2 March 2026, 14:05 UTC"
    assert wording.moment("2026-03-02T16:05:06") == "2 March 2026, 16:05"
    assert wording.moment("yesterday") == "yesterday"
    assert wording.moment("0001-01-01T00:00:00+20:00").startswith("0001")


@given(st.text())
def test_printable_text_can_be_written_and_does_not_act(text: str) -> None:
    shown = wording.printable(text)
    assert len(shown) == len(text)
    assert not set(shown) & set("\0\x07\x08\x1b\x9b\u202e\u2066")
    shown.encode("utf-8")


def test_outcome(make_statement: Callable[..., Statement]) -> None:
    def said(*verdicts: Verdict) -> str:
        return wording.outcome([make_statement(verdict=v) for v in verdicts])

    holds, violated, undecided = Verdict.HOLDS, Verdict.VIOLATED, Verdict.UNDECIDED
    assert said() == "The contract makes no claim, so nothing was checked."
    assert said(holds) == "The one claim holds."
    assert said(holds, holds) == "All 2 claims hold."
    assert said(violated) == "Of 1 claim, 1 is violated."
    assert said(holds, violated, undecided, undecided) == (
        "Of 4 claims, 1 is violated, 2 are undecided and 1 holds."
    )
