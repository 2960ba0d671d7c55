"""The registry of named sets: well formed, and each set as it should be where its files are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from affidavit.data import load
from affidavit.data.named.registry import NAMED
from affidavit.errors import DataError


@pytest.mark.parametrize("name", NAMED)
def test_the_registry_is_well_formed(name: str) -> None:
    named = NAMED[name]
    assert named.source
    assert named.description
    for form in named.forms:
        for file in form.files:
            assert not file.path.startswith("/")
            assert bool(file.url) != bool(form.why_not)
            # What is downloaded is checked.
            assert file.digests or not file.url
            for digest in file.digests:
                assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", digest)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("imagenet-sample", "ImageNet's terms"),
        ("adult", "the one-hot table was made from UCI's files"),
    ],
)
def test_sets_without_a_home_say_why(no_data: Path, name: str, reason: str) -> None:
    with pytest.raises(DataError, match=f"{name} cannot be downloaded: {reason}") as caught:
        load(name)
    assert "AFFIDAVIT_DATA" in str(caught.value)
    assert str(no_data) in str(caught.value)


def test_a_damaged_file_in_the_users_folder_is_named(
    no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFIDAVIT_DATA", str(tmp_path))
    for file in NAMED["mnist"].forms[0].files:
        (tmp_path / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).write_bytes(b"not gzip")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz cannot be read as a gzip"):
        load("mnist")


SETS = {
    "mnist": ((70000, 1, 28, 28), 10, {"train": 60000, "test": 10000}),
    "fashion-mnist": ((70000, 1, 28, 28), 10, {"train": 60000, "test": 10000}),
    "pneumoniamnist": ((5030, 1, 28, 28), 2, {"train": 3882, "validation": 524, "test": 624}),
    "german-credit": ((1000, 61), 2, {"test": 1000}),
    "wine-quality-red": ((1599, 11), 6, {"test": 1599}),
    "wine-quality-white": ((4898, 11), 7, {"test": 4898}),
    "compas": ((6172, 15), 2, {"test": 6172}),
    "adult": ((45222, 104), 2, {"test": 45222}),
}


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("name", SETS)
def test_each_set_has_its_shape_classes_and_parts(name: str) -> None:
    data = load(name, progress=False)
    shape, classes, parts = SETS[name]
    if name == "pneumoniamnist" and len(data) == 5856:
        pytest.skip("this is the published PneumoniaMNIST, not the reduced copy")
    assert data.inputs.shape == shape
    assert len(data.class_names) == classes
    assert {key: len(rows) for key, rows in data.parts.items()} == parts
    assert set(np.unique(data.labels)) == set(range(classes))
    assert np.all((data.lower <= data.inputs) & (data.inputs <= data.upper))
    assert not any("no copy known" in note for note in data.notes)


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
def test_wine_has_its_decimal_points_back() -> None:
    # The means that UCI's own files give, to all digits that tables of them print.
    for colour, means in (
        ("red", {"volatile acidity": 0.527821, "density": 0.996747, "alcohol": 10.422983}),
        ("white", {"volatile acidity": 0.278241, "density": 0.994027, "alcohol": 10.514267}),
    ):
        data = load(f"wine-quality-{colour}")
        for column, mean in means.items():
            assert data.columns[column].mean() == pytest.approx(mean, abs=1e-6)


@pytest.mark.data
def test_german_credit_reads_the_original_form_alike(data_folder: Path, no_data: Path) -> None:
    lines = (data_folder / "tabular" / "german_credit.csv").read_text().splitlines()
    (no_data / "tabular").mkdir(parents=True)
    original = "\n".join(line.replace(",", " ") for line in lines[1:]) + "\n"
    # The cache is checked, so this shows too that the rows are those of UCI's own file.
    (no_data / "tabular" / "german.data").write_text(original, newline="")
    data = load("german-credit")
    assert data.class_names == ("good", "bad")
    assert np.bincount(data.labels).tolist() == [700, 300]
    assert np.unique(data.columns["sex"], return_counts=True)[1].tolist() == [310, 690]
    assert "personal_status_and_sex=male, single" in data.feature_names


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
def test_compas_leaves_people_unnamed() -> None:
    data = load("compas")
    assert not {"name", "first", "last", "dob", "c_case_number"} & set(data.columns)
    assert data.protected == ("sex", "race", "age")
    assert "6172 of 7214 rows" in data.notes[0]
    assert np.count_nonzero(data.columns["race"] == "African-American") == 3175


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
def test_adult_has_its_categories_together() -> None:
    data = load("adult")
    column = data.feature_names.index("sex_Female")
    np.testing.assert_array_equal(data.columns["sex"] == "Female", data.inputs[:, column] == 1)
    assert not any(name.startswith("salary") for name in data.feature_names)
    assert data.labels.mean() == pytest.approx(0.2478, abs=1e-4)


@pytest.mark.data
def test_an_altered_copy_is_noted(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tabular").mkdir()
    copy = tmp_path / "tabular" / "winequality-red.csv"
    shutil.copyfile(data_folder / "tabular" / "winequality-red.csv", copy)
    copy.write_text("\n".join(copy.read_text().splitlines()[1:]))
    monkeypatch.setenv("AFFIDAVIT_DATA", str(tmp_path))
    assert "no copy known here" in load("wine-quality-red").notes[-1]


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
def test_imagenet_sample_wants_a_size() -> None:
    with pytest.raises(DataError, match="Give `size`"):
        load("imagenet-sample")
    data = load("imagenet-sample", size=(64, 64))
    assert data.inputs.shape == (300, 3, 64, 64)
    assert len(data.class_names) == 1000
    assert data.class_names[1] == "goldfish"
