"""Signals: rows, what is there, files, and what is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.misclassification.made_up import signals

from affidavit.errors import DataError, DomainError, OutputError, RecordError
from affidavit.misclassification.signals import (
    NEEDS,
    Signals,
    concatenate,
    rows_of,
    wrong_rows,
)


def same(one: Signals, other: Signals) -> bool:
    first, second = one._arrays(), other._arrays()
    return list(first) == list(second) and all(
        np.array_equal(first[name], second[name]) and first[name].dtype == second[name].dtype
        for name in first
    )


def test_rows_and_their_concatenation() -> None:
    full, _ = signals(20)
    assert full.has == set(NEEDS)
    parts = [full[:7], full[7:7], full[[7, 8]], full[np.arange(20) > 8]]
    assert [len(part) for part in parts] == [7, 0, 2, 11]
    assert same(concatenate(parts), full)
    np.testing.assert_array_equal(
        full[[3, 1]].conductance["late"], full.conductance["late"][[3, 1]]
    )
    assert len(full[[]]) == 0
    assert len(full[np.zeros(20, bool)]) == 0
    assert "late [2, 6]" in repr(full[:2])


def test_a_file_gives_the_same_signals(tmp_path: Path) -> None:
    full, _ = signals(20)
    bare = Signals(full.logits, full.predicted)
    for given in (full, bare, full[:0]):
        given.save(tmp_path / "signals.npz")
        assert same(Signals.load(tmp_path / "signals.npz"), given)
    assert bare.has == {"logits"}


def test_files_that_are_no_signals(tmp_path: Path) -> None:
    path = tmp_path / "signals.npz"
    full, _ = signals(20)
    full.save(path)
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", logits=np.zeros((2, 2)))
    np.savez(tmp_path / "pickled.npz", meta=np.array({"format": "signals"}, dtype=object))
    damaged = {
        "cut.npz": whole[: len(whole) // 2],
        "empty.npz": b"",
        "text.npz": b"signals",
        "pickle.npz": pickle.dumps(print),
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
    for name in (*damaged, "other.npz", "pickled.npz", "missing.npz"):
        with pytest.raises(RecordError, match=f"{name} holds no saved signals"):
            Signals.load(tmp_path / name)
    with pytest.raises(OutputError, match="cannot be written"):
        full.save(tmp_path / "nowhere" / "signals.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros(20)}, r"logits have the shape \[20\]"),
        ({"logits": np.zeros((20, 1))}, "two classes or more"),
        ({"penultimate": np.zeros((19, 2))}, r"penultimate has the shape \[19, 2\]; expected 20"),
        ({"conductance": {"a": np.full((20, 2), np.nan)}}, "conductance/a of inputs 0, 1, 2, 3, 4"),
        ({"label_change_rate": np.where(np.arange(20) == 3, np.inf, 0)}, "rate of input 3 is NaN"),
    ],
    ids=["axes", "classes", "rows", "nan", "infinity"],
)
def test_arrays_that_do_not_fit(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(signals(20)[0], **change)


def test_parts_that_do_not_fit_together() -> None:
    full, _ = signals(20)
    with pytest.raises(DataError, match="only some of the parts have penultimate"):
        concatenate([full, replace(full, penultimate=None)])
    with pytest.raises(DataError, match="the parts do not fit together"):
        concatenate([full, replace(full, penultimate=np.zeros((20, 1)))])
    with pytest.raises(DomainError, match="at least one part"):
        concatenate([])
    with pytest.raises(DataError, match="a mask of all rows"):
        full[np.zeros((2, 2), int)]


def test_what_is_missing_is_named() -> None:
    bare = Signals(np.eye(3), np.arange(3))
    with pytest.raises(DataError, match="the signals have no dropout and no penultimate: extract"):
        bare.require(["penultimate", "dropout"])
    with pytest.raises(DataError, match=r"no conductance of layer 'lat' \(did you mean 'late'"):
        signals(5)[0].layer("conductance", "lat")


def test_what_is_wrong() -> None:
    given = Signals(np.eye(3), np.arange(3))
    assert wrong_rows(given, [0, 2, 2]).tolist() == [False, True, False]
    assert wrong_rows(given, np.array([0.0, 2.0, 2.0])).tolist() == [False, True, False]
    assert rows_of(np.array([True, False, True])) == "inputs 0, 2"
