"""From a source to a data set: names, paths, splits, and arguments that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affidavit.data import Split, load, named_sets
from affidavit.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = 20
    table = pd.DataFrame(
        {"age": range(rows), "sex": ["f", "m"] * 10, "label": [0, 1, 1, 0] * 5, "y": [0.5] * rows}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_csv(tmp_path / "t.csv.gz", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    table.to_csv(tmp_path / "bare.csv", index=False, header=False)
    np.savez(tmp_path / "t.npz", x=np.zeros((4, 2)), y=np.array([0, 1, 0, 1]), g=np.arange(4))
    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / name / "1.png")
    (tmp_path / "notes.txt").write_text("text")
    return tmp_path


def test_the_same_table_in_three_files_is_the_same_data(folder: Path) -> None:
    names = ("t.csv", "t.csv.gz", "t.parquet")
    sets = [load(name, folder=folder, label="label", protected=["sex"]) for name in names]
    assert len({data.sha256 for data in sets}) == 1
    data = sets[0]
    assert data.name == "t.csv"
    assert data.feature_names == ("age", "sex=f", "sex=m", "y")
    assert data.protected == ("sex",)
    assert list(data.parts) == ["test"]
    assert len(data.part("test")) == 20


def test_a_table_without_a_header(folder: Path) -> None:
    data = load(folder / "bare.csv", header=False, label=2, features=["0"])
    assert data.feature_names == ("0",)
    assert data.class_names == ("0", "1")
    assert list(data.columns) == ["0", "1", "2", "3"]


def test_regression(folder: Path) -> None:
    assert load(folder / "t.csv", label="y", features=["age"]).regression
    assert load(folder / "t.csv", label="label", features=["age"], task="regression").regression


def test_archives_and_folders_of_images(folder: Path) -> None:
    assert load("t.npz", folder=str(folder), protected=["g"]).protected == ("g",)
    data = load("images", folder=folder, size=[2, 2])
    assert data.inputs.shape == (2, 3, 2, 2)
    assert data.class_names == ("cat", "dog")


def test_splits(folder: Path) -> None:
    data = load(folder / "t.csv", label="label", split=Split(0.5, 0.25, 0.25, seed=1))
    sizes = {name: len(data.part(name)) for name in data.parts}
    assert sizes == {"train": 10, "validation": 5, "test": 5}
    assert data.part("train").labels.sum() == 5
    with pytest.raises(DataError, match="of 4 rows the split leaves none for validation"):
        load(folder / "t.npz", split=Split(0.9, 0.05, 0.05, stratify=False))
    with pytest.raises(DataError, match="has no published split"):
        load("sklearn:iris", split="published")
    with pytest.raises(DataError, match=r"split = 'half'; expected fractions, or \"published\""):
        load("sklearn:iris", split="half")


def test_each_named_set_is_listed_once() -> None:
    names = [item.name for item in named_sets]
    assert len(set(names)) == len(names)
    assert {"sklearn:digits", "mnist", "adult"} <= set(names)
    assert all(item.description for item in named_sets)
    assert all(item.files for item in named_sets if not item.name.startswith("sklearn:"))


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("mnits", {}, r"neither a named set nor a file \(did you mean 'mnist'\?\). A source is"),
        ("none.csv", {}, r"none\.csv does not exist"),
        ("no/such", {}, "does not exist"),
        ("", {}, "'' is no source"),
        ("a\0b", {}, "is no source"),
        ("notes.txt", {}, "files of this kind are not read"),
        ("t.csv", {}, "say which column is the label, with `label`. Columns: age, sex, label, y"),
        ("t.csv", {"label": "labl"}, r"did you mean 'label'"),
        ("t.csv", {"label": "label", "features": ["agee"]}, r"did you mean 'age'"),
        ("t.csv", {"label": "label", "protected": ["sxe"]}, r"did you mean 'sex'"),
        ("t.csv", {"label": "label", "size": (2, 2)}, "`size` is for folders of images"),
        ("t.npz", {"label": "y"}, "`label` is for tables; .* is none: leave it out"),
        ("images", {"features": ["a"]}, "`features` is for tables"),
        ("t.parquet", {"label": "label", "header": False}, "`header` is for CSV files"),
        ("images", {"task": "regression"}, "`task` is for tables and .npz files"),
        ("mnist", {"size": (2, 2)}, "`size` is for folders of images"),
        ("sklearn:iris", {"label": "species"}, "`label` is for tables"),
        ("images", {"size": (0, 2)}, r"size = \(0, 2\); expected a height and a width"),
        ("images", {"size": (2,)}, "expected a height and a width"),
        ("images", {"size": 2}, "expected a height and a width"),
        ("images", {"size": (2.0, 2)}, "expected a height and a width"),
    ],
)
def test_what_does_not_fit_is_refused(
    folder: Path, source: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(source, folder=folder, **arguments)


def test_a_path_can_have_the_name_of_a_set(folder: Path) -> None:
    (folder / "images").rename(folder / "mnist")
    assert len(load("./mnist", folder=folder)) == 2


def test_duplicate_rows_are_kept(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,0\n1,0\n1,0\n")
    assert len(load(tmp_path / "t.csv", label="b")) == 3
