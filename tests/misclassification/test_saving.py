"""Saved scorers: the same scores bit for bit, and files that are refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from tests.misclassification.made_up import signals
from tests.misclassification.scorers.test_every_scorer import OPTIONS

from affidavit.errors import OutputError, RecordError
from affidavit.misclassification import saving
from affidavit.misclassification.heads import HEADS, Boosting, Forest, Perceptron
from affidavit.misclassification.scorers import SCORERS, Learned, MaxSoftmax, scorer
from affidavit.misclassification.signals import Signals

QUICK = Perceptron((8,), restarts=1, epochs=3)


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    given, labels = signals(60)
    made = scorer(name, **OPTIONS.get(name, {})).fit(given, labels)
    saving.write(tmp_path, made, {"note": 1}, {"more": np.arange(3)})
    found, record, arrays = saving.read_folder(tmp_path)
    assert found == made
    assert type(found) is type(made)
    assert record["note"] == 1
    assert arrays["more"].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.score(given), made.score(given))


@pytest.mark.parametrize("name", HEADS)
def test_every_head_is_written_without_pickle(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = (HEADS["logistic"], Forest(10), Boosting(10), QUICK)
    monkeypatch.setattr("affidavit.misclassification.heads.vote.MEMBERS", small)
    chosen: Any = {"mlp": QUICK, "forest": Forest(10), "boosting": Boosting(10)}.get(name, name)
    given, labels = signals(60)
    made = Learned(("conductance", "softmax"), chosen).fit(given, labels)
    saving.write(tmp_path, made, {}, {})
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".npz", ".skops"}
    with np.load(tmp_path / saving.ARRAYS, allow_pickle=False) as archive:
        assert all(archive[key].dtype != object for key in archive)
    found = saving.read_folder(tmp_path)[0]
    np.testing.assert_array_equal(found.score(given), made.score(given))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved")
    given, labels = signals(60)
    saving.write(path, Learned(("softmax",), Forest(5)).fit(given, labels), {}, {})
    return path


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def edited(folder: Path, **change: Any) -> None:
    record = json.loads((folder / saving.RECORD).read_text())
    (folder / saving.RECORD).write_text(json.dumps(record | change))


class Hostile:
    """What would run code if it were loaded as it was written."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_a_file_that_would_run_code_is_not_loaded(copied: Path, tmp_path: Path) -> None:
    path = copied / "estimator0.skops"
    skops.io.dump(Hostile(tmp_path / "mark"), path)
    record = json.loads((copied / saving.RECORD).read_text())
    edited(copied, files=record["files"] | {path.name: saving._digest(path)})
    with pytest.raises(RecordError, match=r"types that no detector has: .*Hostile.*not loaded"):
        saving.read_folder(copied)
    assert not (tmp_path / "mark").exists()
    import pickle

    path.write_bytes(pickle.dumps(Hostile(tmp_path / "mark")))
    edited(copied, files=record["files"] | {path.name: saving._digest(path)})
    with pytest.raises(RecordError, match="cannot be read with scikit-learn"):
        saving.read_folder(copied)
    arrays = copied / saving.ARRAYS
    np.savez(arrays, bad=np.array([Hostile(tmp_path / "mark")], dtype=object))
    edited(copied, files={saving.ARRAYS: saving._digest(arrays)})
    with pytest.raises(RecordError, match="holds no saved detector: ValueError"):
        saving.read_folder(copied)
    assert not (tmp_path / "mark").exists()


def test_an_estimator_of_another_kind(copied: Path) -> None:
    path = copied / "estimator0.skops"
    skops.io.dump([1, 2], path)
    record = json.loads((copied / saving.RECORD).read_text())
    edited(copied, files=record["files"] | {path.name: saving._digest(path)})
    with pytest.raises(RecordError, match="holds a list; expected a fitted estimator"):
        saving.read_folder(copied)


@pytest.mark.parametrize("name", [saving.ARRAYS, "estimator0.skops"])
def test_a_changed_or_missing_file(copied: Path, name: str) -> None:
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[:-20] + bytes(20))
    with pytest.raises(RecordError, match=f"{name} is not the file that was saved"):
        saving.read_folder(copied)
    (copied / name).unlink()
    with pytest.raises(RecordError, match=f"holds no saved detector: FileNotFoundError.*{name}"):
        saving.read_folder(copied)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "written by another version: format 99"),
        ({"format": "cake"}, "not the record of a detector"),
        ({"files": {"../secret": ""}}, "names a file outside of the folder"),
        ({"scorer": {"name": "oracle", "parameters": {}}}, "KeyError: 'oracle'"),
        ({"scorer": {"name": "energy", "parameters": {"colour": 1}}}, "TypeError"),
        ({"scorer": {"name": "energy", "parameters": {"temperature": -1}}}, "temperature is -1"),
        ({"scorer": 3}, "TypeError"),
        ({"estimators": ["a", "b"]}, "estimator1.skops"),
    ],
    ids=["version", "format", "outside", "scorer", "parameter", "value", "kind", "estimators"],
)
def test_records_that_make_no_sense(copied: Path, change: Any, message: str) -> None:
    edited(copied, **change)
    with pytest.raises(RecordError, match=message):
        saving.read_folder(copied)


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="holds no saved detector: FileNotFoundError"):
        saving.read_folder(tmp_path / "nowhere")
    for text in ("", "[]", "{", '{"format": "detector"}'):
        (tmp_path / saving.RECORD).write_text(text)
        with pytest.raises(RecordError):
            saving.read_folder(tmp_path)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        saving.write(tmp_path / "file", MaxSoftmax(), {}, {})

    class Own(MaxSoftmax):
        def _score(self, signals: Signals, fitted: Any) -> Any:
            return signals.logits[:, 0]

    with pytest.raises(OutputError, match="a scorer of the type Own cannot be saved"):
        saving.write(tmp_path, Own(), {}, {})
