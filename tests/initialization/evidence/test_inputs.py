"""Counting in whole rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affidavit.initialization.evidence.inputs import (
    checked_runs,
    least_right,
    most_apart,
    right_rows,
)


@given(rows=st.integers(1, 100_000), data=st.data())
def test_right_rows_come_back_from_their_share(rows: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, rows))
    for precision in (np.float32, np.float64):
        shares = np.array([right / rows, np.nan], precision)
        assert right_rows(shares, rows).tolist() == [right, -np.inf]
    # What is equal as a share is at least it, and within it.
    assert least_right(right / rows, rows) == right
    assert most_apart(right / rows, rows) == right


@given(rows=st.integers(1, 2000), digits=st.integers(0, 1000))
def test_decimal_thresholds_are_meant_exactly(rows: int, digits: int) -> None:
    meant = Fraction(digits, 1000)
    assert least_right(digits / 1000, rows) == -(-meant * rows // 1)
    assert most_apart(digits / 1000, rows) == meant * rows // 1


def test_a_share_just_above_or_below_is_another() -> None:
    for rows in (3, 10, 997):
        for right in range(1, rows):
            share = right / rows
            assert least_right(float(np.nextafter(share, 1)), rows) == right + 1
            assert most_apart(float(np.nextafter(share, 0)), rows) == right - 1


def test_tensors_are_taken_as_they_are() -> None:
    correct = torch.tensor([[True, False, True], [False, False, True]])
    found = checked_runs(correct.numpy())
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(checked_runs(correct), found)


@pytest.mark.parametrize("rows", [10**6, 4 * 10**6])
def test_single_precision_is_enough_for_millions_of_rows(rows: int) -> None:
    right = np.array([rows - 1, rows // 3, 2])
    np.testing.assert_array_equal(right_rows((right / rows).astype(np.float32), rows), right)
