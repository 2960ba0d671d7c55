"""Numbers in sentences: bounds are rounded outwards, and numbers are as they were given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.initialization.evidence.words import counted, down, percent, plain, signed, up


@given(st.floats(-1, 1))
def test_bounds_are_rounded_outwards_by_less_than_a_digit(bound: float) -> None:
    assert bound - 1e-4 < float(down(bound)) <= bound + 1e-12
    assert bound - 1e-12 <= float(up(bound)) < bound + 1e-4


def test_bounds_of_four_digits_stay_as_they_are() -> None:
    for step in range(0, 10_001, 7):
        assert float(down(step / 10_000)) == float(up(step / 10_000)) == step / 10_000


@pytest.mark.parametrize(
    ("share", "text"), [(0.95, "95 %"), (0.999, "99.9 %"), (0.07, "7 %"), (1, "100 %")]
)
def test_percentages_are_as_people_write_them(share: float, text: str) -> None:
    assert percent(share) == text


def test_the_others() -> None:
    assert (down(float("-inf")), plain(0.05), plain(0)) == ("−∞", "0.05", "0")
    assert (signed(-1e-9), signed(0.01234), signed(-0.5)) == ("+0.0000", "+0.0123", "-0.5000")
    assert (counted(1, "run"), counted(1200, "run")) == ("1 run", "1,200 runs")
