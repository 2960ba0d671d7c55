"""How the tables among the named sets are read, on small tables of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest

from affidavit.data.named.tables import adult, compas, german_credit, wine_quality
from affidavit.errors import DataError

WINE = "7.4,0.7,0,1.9,0.076,11,34,0.9978,3.51,0.56,9.4,5"


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_wine_in_both_forms_and_with_lost_points(tmp_path: Path) -> None:
    names = "fixed acidity;volatile acidity;citric acid;residual sugar;chlorides;"
    names += "free sulfur dioxide;total sulfur dioxide;density;pH;sulphates;alcohol;quality"
    header = ";".join(f'"{name}"' for name in names.split(";"))
    original = header + "\n" + WINE.replace(",", ";") + "\n"
    lost = WINE.replace("0.7,", "1185,").replace("0.9978", "100369").replace("9.4", "95333333333")
    first = wine_quality([write(tmp_path, original)])
    assert first.feature_names == tuple(names.split(";")[:-1])
    assert first.labels.tolist() == [0]
    assert first.class_names == ("5",)
    second = wine_quality([write(tmp_path, f"{WINE}\n{lost}\n")])
    assert second.inputs[0].tolist() == first.inputs[0].tolist()
    assert second.inputs[1, [1, 7, 10]].tolist() == pytest.approx([1.185, 1.00369, 9.5333333])
    assert second.notes[-1].startswith("3 numbers had lost their decimal point")
    assert "decimal" not in " ".join(first.notes)


def test_german_credit_refuses_unknown_codes(tmp_path: Path) -> None:
    row = "A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 1"
    raw = german_credit([write(tmp_path, row + "\n")])
    assert raw.class_names == ("good", "bad")
    assert raw.columns["sex"].tolist() == ["male"]
    with pytest.raises(DataError, match="'housing' holds the unknown code 'A159'"):
        german_credit([write(tmp_path, row.replace("A152", "A159") + "\n")])


def test_compas_needs_its_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks the columns sex, race"):
        compas([write(tmp_path, "age,age\n1,1\n")])


def test_adult_must_be_one_hot(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'salary_>50K'"):
        adult([write(tmp_path, "age\n1\n")])
    text = "age,workclass_a,workclass_b,salary_>50K\n1,1,1,0\n2,1,0,1\n"
    with pytest.raises(DataError, match="columns 'workclass_…' are not one-hot"):
        adult([write(tmp_path, text)])
