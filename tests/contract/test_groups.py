"""Groups cover all rows, each once, whatever the column holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from affidavit.contract.groups import groups
from affidavit.data import Dataset
from affidavit.errors import DataError

Answers = Callable[..., Dataset]


def covered(part: Dataset, column: str, edges: list[float] | None = None) -> dict[str, int]:
    found = list(groups(part, column, edges))
    assert (np.sum([mask for _, mask in found], axis=0) == 1).all()
    return {name: int(mask.sum()) for name, mask in found}


def test_by_class_names_classes_without_rows_too(answers: Answers) -> None:
    data = answers(4, 0)
    only_yes = Dataset(
        name="d", inputs=data.inputs[1::2], labels=data.labels[1::2], class_names=("no", "yes")
    )
    assert covered(only_yes, "class") == {"class no": 0, "class yes": 2}


def test_by_the_values_of_a_column(answers: Answers) -> None:
    data = answers(4, 0, city=["Bonn", "Köln", "Bonn", "Aachen"], n=[3, 1, 3, 2])
    assert covered(data, "city") == {"city Aachen": 1, "city Bonn": 2, "city Köln": 1}
    assert covered(data, "n") == {"n 1": 1, "n 2": 1, "n 3": 2}


def test_missing_values_are_a_group(answers: Answers) -> None:
    data = answers(4, 0, age=[20.0, float("nan"), 30.0, 20.0])
    assert covered(data, "age") == {"age 20.0": 2, "age 30.0": 1, "age missing": 1}
    assert covered(data, "age", [25]) == {"age < 25": 2, "age >= 25": 1, "age missing": 1}


def test_missing_text_is_a_group(answers: Answers) -> None:
    assert covered(answers(3, 0, city=["Bonn", "", "Bonn"]), "city") == {
        "city Bonn": 2,
        "city missing": 1,
    }


def test_bins_include_their_lower_edge(answers: Answers) -> None:
    data = answers(5, 0, age=[17, 18, 64, 65, 90])
    assert covered(data, "age", [18, 65]) == {
        "age < 18": 1,
        "18 <= age < 65": 2,
        "age >= 65": 2,
    }


def test_a_column_called_class_must_be_the_label_s(answers: Answers) -> None:
    same = answers(4, 0, **{"class": ["n", "y", "n", "y"]})
    assert covered(same, "class") == {"class no": 2, "class yes": 2}
    other = answers(4, 0, **{"class": ["1st", "1st", "2nd", "2nd"]})
    with pytest.raises(DataError, match="rename the column"):
        list(groups(other, "class"))


def test_faults_are_told(answers: Answers) -> None:
    data = answers(60, 0, age=list(range(60)), city=["x"] * 60)
    with pytest.raises(DataError, match=r"no column 'agee' \(did you mean 'age'\?\)"):
        list(groups(data, "agee"))
    with pytest.raises(DataError, match=r"'age' has 60 values, too many for groups; cut it: bins"):
        list(groups(data, "age"))
    with pytest.raises(DataError, match="'city' is not numeric"):
        list(groups(data, "city", [1, 2]))
    with pytest.raises(DataError, match="expected increasing edges"):
        list(groups(data, "age", [3, 3]))
