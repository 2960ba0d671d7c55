"""Data sets: checks, parts, immutability, and the hash."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from affidavit.data import Dataset
from affidavit.errors import DataError


def table(**changes: Any) -> Dataset:
    fields: dict[str, Any] = {
        "name": "toy",
        "inputs": np.arange(12, dtype=np.float32).reshape(6, 2),
        "labels": np.array([0, 1, 0, 1, 0, 1]),
        "class_names": ("no", "yes"),
        "feature_names": ("age", "größe"),
        "columns": {
            "sex": np.array(["f", "m", "f", "m", "f", "m"]),
            "age": np.arange(6, dtype=np.int64),
        },
        "protected": ("sex",),
        "parts": {"train": np.array([0, 1, 2]), "test": np.array([4, 5])},
    }
    return Dataset(**(fields | changes))


def test_ranges_are_of_the_rows_and_stay_those_of_the_whole() -> None:
    data = table()
    assert data.lower.tolist() == [0, 1]
    assert data.upper.tolist() == [10, 11]
    part = data.part("test")
    assert part.lower.tolist() == [0, 1]
    assert part.upper.tolist() == [10, 11]


def test_images_range_over_0_and_1() -> None:
    data = Dataset("images", np.full((2, 1, 3, 3), 0.5), np.array([0, 0]), ("a",))
    assert data.lower.shape == data.upper.shape == (1, 3, 3)
    assert data.lower.max() == 0
    assert data.upper.min() == 1


def test_a_part_has_its_rows_and_columns_and_is_its_own_part() -> None:
    part = table().part("test")
    assert len(part) == 2
    assert part.inputs.tolist() == [[8, 9], [10, 11]]
    assert part.labels.tolist() == [0, 1]
    assert part.columns["sex"].tolist() == ["f", "m"]
    assert part.part("test").inputs.tolist() == part.inputs.tolist()


def test_an_unknown_part_names_those_there_are() -> None:
    with pytest.raises(DataError, match=r"no part 'tset' \(did you mean 'test'\?\).*train, test"):
        table().part("tset")


def test_without_parts_all_rows_are_the_test_part() -> None:
    data = table(parts={})
    assert list(data.parts) == ["test"]
    assert len(data.part("test")) == 6


def test_arrays_cannot_be_written_and_the_callers_own_stay_theirs() -> None:
    mine = np.zeros((2, 2), np.float32)
    data = Dataset("toy", mine, np.array([0, 0]), ("a",), columns={"c": np.array([1, 2])})
    mine[0, 0] = 7
    assert data.inputs[0, 0] == 0
    for array in (data.inputs, data.labels, data.lower, data.columns["c"], data.parts["test"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(TypeError):
        data.columns["d"] = mine  # type: ignore[index]


@pytest.mark.parametrize("copied", [lambda d: pickle.loads(pickle.dumps(d)), copy.deepcopy])
def test_a_pickled_copy_is_the_same_and_frozen_too(copied: Any) -> None:
    data = table()
    twin = copied(data)
    assert twin.sha256 == data.sha256 == table().sha256
    assert twin.name == "toy"
    assert not twin.inputs.flags.writeable
    assert not twin.columns["sex"].flags.writeable
    with pytest.raises(TypeError):
        twin.parts["x"] = twin.labels


def test_the_hash_is_of_content_not_of_layout() -> None:
    data = table()
    inputs = np.arange(12, dtype=np.float32).reshape(6, 2)
    wide = np.array(["f", "m"] * 3, dtype="U40")
    assert table(inputs=np.asfortranarray(inputs)).sha256 == data.sha256
    assert table(inputs=inputs.astype(">f4")).sha256 == data.sha256
    assert table(inputs=np.repeat(inputs, 2, axis=0)[::2]).sha256 == data.sha256
    assert table(columns={"age": np.arange(6, dtype=np.int64), "sex": wide}).sha256 == data.sha256
    assert table(columns={**data.columns, "sex": wide.astype(object)}).sha256 == data.sha256
    assert table(name="other", notes=("a note",)).sha256 == data.sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": np.arange(1, 13, dtype=np.float32).reshape(6, 2)},
        {"labels": np.array([1, 1, 0, 1, 0, 1])},
        {"class_names": ("no", "maybe")},
        {"class_names": ("noy", "es")},
        {"feature_names": ("a", "b")},
        {"columns": {"sex": np.array(["f"] * 6)}},
        {"protected": ()},
        {"parts": {"train": np.array([0, 1]), "test": np.array([4, 5])}},
        {"upper": np.array([20, 20])},
    ],
)
def test_the_hash_sees_each_change_of_content(changes: dict[str, Any]) -> None:
    assert table(**changes).sha256 != table().sha256


def test_the_hash_does_not_see_which_nan_it_is() -> None:
    other = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    columns = [{"c": np.repeat(nan, 6), "sex": np.array(["f"] * 6)} for nan in (other, [np.nan])]
    assert table(columns=columns[0]).sha256 == table(columns=columns[1]).sha256


def test_the_hash_is_pinned() -> None:
    # It goes into records, so it may not drift from one release to the next by accident.
    assert table().sha256 == "4d02b7410fce3974378d4aa389d4f1934a58cfa7e355d2daf62d0d78a95179fe"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": np.zeros((0, 2))}, r"shape \(0, 2\); expected rows and features"),
        ({"inputs": np.zeros((6, 0))}, "expected rows and features"),
        ({"inputs": np.zeros(6)}, "expected rows and features"),
        ({"inputs": np.full((6, 2), np.nan)}, "inputs hold 12 values that are NaN or infinite"),
        ({"inputs": np.full((6, 2), -np.inf)}, "NaN or infinite"),
        ({"inputs": np.full((6, 2), 1e300)}, "range of float32"),
        ({"labels": np.zeros(5, int)}, "one label for each of the 6 rows"),
        ({"labels": np.zeros((6, 1), int)}, "one label for each"),
        ({"labels": np.full(6, 2)}, "run from 2 to 2; expected indices of the 2 class names"),
        ({"labels": np.full(6, -1)}, "run from -1 to -1"),
        ({"labels": np.full(6, 2**64 - 1, np.uint64)}, "expected indices"),
        ({"labels": np.array(["a"] * 6)}, "expected class indices"),
        ({"labels": np.zeros(6)}, "regression targets have no class names"),
        ({"labels": np.full(6, np.inf), "class_names": ()}, "labels hold 6 values"),
        ({"feature_names": ("a",)}, "1 feature names for inputs of shape"),
        ({"columns": {"sex": np.zeros(5)}}, "column 'sex' has shape"),
        ({"protected": ("sxe",)}, r"'sxe' is no column \(did you mean 'sex'\?\)"),
        ({"lower": np.zeros(3)}, r"lower has shape \(3,\); expected \(2,\)"),
        ({"parts": {"test": np.array([6])}}, "names rows outside 0 … 5"),
        ({"parts": {"test": np.array([-1])}}, "names rows outside"),
        ({"parts": {"test": np.array([], int)}}, "part 'test' holds no rows"),
        ({"parts": {"a": np.array([1]), "b": np.array([1, 2])}}, "a row is in two parts"),
        ({"parts": {"a": np.array([1, 1])}}, "in one part twice"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        table(**changes)


def test_inputs_take_another_shape_or_order() -> None:
    images = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
    upper = np.arange(12, dtype=np.float32).reshape(2, 2, 3) + 100
    lower = np.zeros_like(upper)
    data = Dataset("d", images, np.array([0, 1]), ("a", "b"), lower=lower, upper=upper)
    flat = data.reshaped((12,))
    np.testing.assert_array_equal(flat.inputs, images.reshape(2, 12))
    np.testing.assert_array_equal(flat.upper, upper.reshape(12))
    last = data.channels_last()
    np.testing.assert_array_equal(last.inputs, images.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(last.upper, upper.transpose(1, 2, 0))
    assert len({data.sha256, flat.sha256, last.sha256}) == 3
    for shape in ((13,), (0, 12), ()):
        with pytest.raises(DataError, match="cannot take the shape"):
            data.reshaped(shape)
    with pytest.raises(DataError, match="are no images"):
        flat.channels_last()
    table = Dataset(
        "t", np.ones((2, 4), np.float32), np.array([0, 1]), ("a", "b"), ("w", "x", "y", "z")
    )
    assert table.reshaped((2, 2)).feature_names == ()
