"""Telling whether a saved detector was fitted on rows at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affidavit.errors import OutputError, RecordError
from affidavit.misclassification.fitted_rows import FittedRows, row_hashes

INPUTS = np.arange(24, dtype=np.float32).reshape(8, 3) // 6  # rows come in equal pairs


def fitted(*numbers: int) -> FittedRows:
    rows = np.array(numbers, dtype=np.int64)
    return FittedRows.of(INPUTS, rows)


def test_in_the_same_data_equal_rows_are_told_apart() -> None:
    np.testing.assert_array_equal(INPUTS[0], INPUTS[1])
    assert list(fitted(0, 5).among(INPUTS, np.array([0, 1, 4, 5]))) == [True, False, False, True]


def test_in_other_data_rows_are_told_by_their_content() -> None:
    moved = INPUTS[::-1].copy()
    assert list(fitted(0).among(moved, np.array([0, 6, 7]))) == [False, True, True]
    assert not fitted(0).among(INPUTS + 1, np.array([0]))[0] or INPUTS[0, 0] == 1
    assert list(fitted(7).among(moved[:2], np.array([0, 1]))) == [True, True]


def test_hashes_are_those_of_shape_and_numbers() -> None:
    assert len(set(row_hashes(INPUTS).tolist())) == 4
    flat = np.zeros((1, 4), np.float32)
    assert row_hashes(flat) != row_hashes(flat.reshape(1, 2, 2))
    assert row_hashes(flat).dtype == np.uint64


def test_hashes_tell_numbers_and_shapes_apart() -> None:
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    assert len(np.unique(row_hashes(x))) == 6
    near = x.copy()
    near[0, 0] = np.nextafter(near[0, 0], np.float32(9))
    assert (row_hashes(near) == row_hashes(x)).sum() == 5
    assert not np.isin(row_hashes(x.reshape(6, 2, 2)), row_hashes(x)).any()


def test_files(tmp_path: Path) -> None:
    assert FittedRows.load(tmp_path) is None
    kept = fitted(1, 2)
    kept.save(tmp_path)
    found = FittedRows.load(tmp_path)
    assert found is not None
    np.testing.assert_array_equal(found.numbers, kept.numbers)
    np.testing.assert_array_equal(found.hashes, kept.hashes)
    np.savez(tmp_path / "fitting.npz", numbers=kept.numbers, hashes=kept.hashes)
    uncompressed = FittedRows.load(tmp_path)
    assert uncompressed is not None
    np.testing.assert_array_equal(uncompressed.hashes, kept.hashes)
    (tmp_path / "fitting.npz").write_bytes(b"no archive")
    with pytest.raises(RecordError, match="does not say which rows were fitted on"):
        FittedRows.load(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        kept.save(tmp_path / "nowhere")
