"""Splits: disjoint, complete, proportional, repeatable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.data import Split
from affidavit.errors import DataError


@st.composite
def splits(draw: st.DrawFn) -> Split:
    weights = draw(st.lists(st.integers(0, 20), min_size=3, max_size=3).filter(any))
    train, validation, test = (weight / sum(weights) for weight in weights)
    return Split(train, validation, test, draw(st.integers(0, 2**64)), draw(st.booleans()))


@settings(deadline=None)
@given(splits(), st.lists(st.integers(0, 4), max_size=120))
def test_parts_cover_all_rows_once_in_these_fractions(split: Split, classes: list[int]) -> None:
    labels = np.asarray(classes, np.int64)
    parts = split.indices(labels)
    every = np.concatenate(list(parts.values()))
    assert sorted(every.tolist()) == list(range(len(labels)))
    counts = np.unique(labels, return_counts=True)[1]
    stratified = split.stratify and len(labels) > 0 and counts.min() >= len(parts)
    for name, rows in parts.items():
        fraction = getattr(split, name)
        assert fraction > 0
        assert np.all(np.diff(rows) > 0)
        # Rows left over by rounding each class do not pile up in one part.
        assert abs(len(rows) - fraction * len(labels)) < (2 if stratified else 1 + 1e-9)
        for each in set(classes) if stratified else ():
            here = np.count_nonzero(labels[rows] == each)
            assert abs(here - fraction * classes.count(each)) < 1 + 1e-9


def test_many_small_classes_still_fill_each_part() -> None:
    labels = np.repeat(np.arange(100), 3)
    parts = Split(0.6, 0.2, 0.2).indices(labels)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [180, 60, 60]


def test_the_same_seed_gives_the_same_split_for_good() -> None:
    # Pinned: the raw stream of PCG64 is the same on every machine and in every release of numpy.
    parts = Split(0.5, 0.25, 0.25, seed=7).indices(np.zeros(8))
    assert {key: rows.tolist() for key, rows in parts.items()} == {
        "train": [0, 3, 4, 6],
        "validation": [2, 7],
        "test": [1, 5],
    }


def test_seeds_differ() -> None:
    labels = np.zeros(100)
    first, second = (Split(0.5, 0, 0.5, seed=seed).indices(labels) for seed in (0, 1))
    assert first["test"].tolist() != second["test"].tolist()
    assert list(first) == ["train", "test"]


def test_rare_classes_and_regression_are_split_without_strata() -> None:
    rare = np.array([0] * 20 + [1])
    assert len(Split(0, 0.5, 0.5).indices(rare)["test"]) in (10, 11)
    targets = np.linspace(0, 1, 10)
    assert len(Split(0.8, 0, 0.2).indices(targets)["test"]) == 2


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows(rows: int) -> None:
    parts = Split(0.6, 0.2, 0.2).indices(np.zeros(rows, np.int64))
    assert sum(map(len, parts.values())) == rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.5, 0.5, 0.5), "sum to 1.5; expected 1"),
        ((0.5, 0.5, 1e-8), "expected 1"),
        ((1.5, -0.5, 0), "validation = -0.5; expected a fraction"),
        ((float("nan"), 0.5, 0.5), "train = nan"),
        ((float("inf"), 0.5, 0.5), "train = inf"),
        (("0.5", 0.5, 0), "train = '0.5'"),
        ((True, 0, 0), "train = True"),
        ((1, 0, 0, -1), "seed = -1; expected a whole number"),
        ((1, 0, 0, 1.5), "seed = 1.5"),
        ((1, 0, 0, True), "seed = True"),
        ((1, 0, 0, 0, 1), "stratify = 1; expected true or false"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Split(*arguments)
