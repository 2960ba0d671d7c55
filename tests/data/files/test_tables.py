"""Tables: which columns become which features, which labels become which classes."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from affidavit.data.files.tables import MOST_VALUES, from_frame
from affidavit.errors import DataError


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": [1.0, 2.0, 3.0], "label": [0, 1, 0]} | columns)


def test_numbers_stay_truth_values_are_0_and_1_and_text_is_one_hot_in_sorted_order() -> None:
    raw = from_frame(
        "t",
        frame(
            café=["z", "ä", "z"],
            flag=[True, False, True],
            count=[1, 2, 3],
            kind=pd.Categorical(["b", "a", "b"], categories=["b", "a", "unused"]),
            exact=[Decimal("0.5"), Decimal(1), Decimal(2)],
            mixed=["1", 2, "x"],
        ),
        "label",
    )
    assert raw.feature_names == (
        *("x", "café=z", "café=ä", "flag", "count", "kind=a", "kind=b", "exact"),
        *("mixed=1", "mixed=2", "mixed=x"),
    )
    assert raw.inputs.dtype == np.float32
    assert raw.inputs[0].tolist() == [1, 1, 0, 1, 1, 0, 1, 0.5, 1, 0, 0]
    assert raw.columns["café"].tolist() == ["z", "ä", "z"]
    assert raw.columns["flag"].dtype == np.bool_
    assert raw.columns["count"].dtype == np.int64
    assert raw.columns["label"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("values", "labels", "classes", "noted"),
    [
        ([0, 1, 0], [0, 1, 0], ("0", "1"), False),
        ([7, -3, 100], [1, 0, 2], ("-3", "7", "100"), True),
        ([3.0, 5.0, 3.0], [0, 1, 0], ("3", "5"), True),
        (["b", "a", "b"], [1, 0, 1], ("a", "b"), False),
        ([True, False, True], [1, 0, 1], ("False", "True"), False),
        ([5, 5, 5], [0, 0, 0], ("5",), True),
        (
            [2**63 + 1, 2**63, 0],
            [2, 1, 0],
            ("0", "9223372036854775808", "9223372036854775809"),
            True,
        ),
        (pd.Categorical(["u", "v", "u"]), [0, 1, 0], ("u", "v"), False),
        (pd.array([2, 1, 2], dtype="Int64"), [1, 0, 1], ("1", "2"), True),
    ],
)
def test_labels_become_classes_in_sorted_order(
    values: Any, labels: list[int], classes: tuple[str, ...], noted: bool
) -> None:
    raw = from_frame("t", frame(label=values), "label", ["x"])
    assert raw.labels.dtype == np.int64
    assert raw.labels.tolist() == labels
    assert raw.class_names == classes
    assert bool(raw.notes) == noted


def test_labels_with_fractions_are_targets_and_task_overrules() -> None:
    raw = from_frame("t", frame(label=[0.5, 1.0, 2.0]), "label")
    assert raw.labels.dtype == np.float64
    assert raw.class_names == ()
    whole = from_frame("t", frame(), "label", task="regression")
    assert whole.labels.tolist() == [0.0, 1.0, 0.0]
    assert from_frame("t", frame(label=[0.5, 1, 2]), "label", task="classification").class_names
    with pytest.raises(DataError, match="the label is text; regression needs numbers"):
        from_frame("t", frame(label=["a", "b", "c"]), "label", task="regression")
    with pytest.raises(DataError, match=r"task = 'rank'"):
        from_frame("t", frame(), "label", task="rank")  # type: ignore[arg-type]


def test_missing_and_infinite_values_are_counted_by_column_not_dropped() -> None:
    bad = frame(a=[1.0, None, None], b=[np.inf, 1, 2], c=["u", None, "v"], d=[None, 1, 2])
    with pytest.raises(DataError) as caught:
        from_frame("t", bad, "label", ["x", "a", "b", "c"])
    assert "'a': 2 missing; 'b': 1 infinite; 'c': 1 missing" in str(caught.value)
    assert "of 3 rows" in str(caught.value)
    assert "'d'" not in str(caught.value)
    with pytest.raises(DataError, match="'label': 1 missing"):
        from_frame("t", frame(label=[0, None, 1]), "label")
    # Columns that are not chosen may have gaps.
    raw = from_frame("t", bad, "label", ["x"])
    assert raw.columns["c"].tolist() == ["u", "", "v"]
    assert np.isnan(raw.columns["a"]).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"when": [datetime.datetime(2020, 1, 1)] * 3}, "'when' holds datetime64 values"),
        ({"when": [datetime.date(2020, 1, 1)] * 3}, "'when' holds date values"),
        ({"span": [datetime.timedelta(1)] * 3}, "'span' holds timedelta64 values"),
        ({"many": [[1], [2], [3]]}, "'many' holds mixed values"),
        ({"wave": [1j, 2j, 3j]}, "'wave' holds complex values"),
        ({"big": [2**70, 1, 2]}, "whole numbers beyond 64 bits"),
        ({"far": [1e300, 0, 0]}, "range of float32"),
        ({"x=a": [1, 2, 3], "x": ["a", "b", "c"]}, "several features are called 'x=a'"),
    ],
)
def test_columns_that_are_no_features_are_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_frame("t", frame(**columns), "label")
    if "far" not in columns:
        from_frame("t", frame(**columns, y=[1, 2, 3]), "label", ["y"])


def test_identifiers_are_not_one_hot() -> None:
    rows = MOST_VALUES + 1
    table = pd.DataFrame({"id": [f"p{row}" for row in range(rows)], "label": [0] * rows})
    with pytest.raises(DataError, match=r"'id' has 1001 different values .* an identifier"):
        from_frame("t", table, "label")


def test_whole_numbers_that_float32_rounds_are_noted() -> None:
    raw = from_frame("t", frame(n=[2**24 + 1, 0, 1], m=[2**63 + 1, 0, 1]), "label")
    assert [note.split("'")[1] for note in raw.notes] == ["n", "m"]


def test_one_very_long_text_does_not_widen_all_rows() -> None:
    rows = 1000
    text = ["a"] * (rows - 1) + ["b" * 1_000_000]
    raw = from_frame("t", pd.DataFrame({"text": text, "label": [0] * rows}), "label")
    assert raw.columns["text"].dtype == object
    assert raw.inputs.shape == (rows, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lable",), r"no column 'lable' to be a label \(did you mean 'label'\?\). Columns: x, l"),
        (("label", ["y"]), "no column 'y' to be a feature"),
        (("label", ["x", "label"]), "is the label and also among the features"),
        (("label", ["x", "x"]), "expected each once"),
        (("label", []), "one at least"),
    ],
)
def test_columns_that_do_not_exist(arguments: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_frame("t", frame(), *arguments)


def test_no_rows_and_one_row() -> None:
    with pytest.raises(DataError, match="holds no rows"):
        from_frame("t", frame().iloc[:0], "label")
    assert from_frame("t", frame().iloc[:1], "label").inputs.tolist() == [[1.0]]
