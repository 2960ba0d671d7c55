from __future__ import annotations

import numpy as np
import pytest

from affidavit.regions import patterns


@pytest.fixture(params=["fingerprints", "one for all", "two for all"])
def packed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Random patterns, also where fingerprints clash as they never would by themselves."""
    if request.param != "fingerprints":
        kinds = 1 if request.param == "one for all" else 2
        monkeypatch.setattr(
            patterns, "fingerprints", lambda rows: (rows[:, 0] % kinds).astype(np.uint64)
        )
    return np.random.default_rng(0).integers(0, 4, (300, 3)).astype(np.uint8)


def test_groups_are_those_of_equal_rows_and_led_by_the_heaviest(packed: np.ndarray) -> None:
    weight = np.random.default_rng(1).random(len(packed))
    chosen, index = patterns.group(packed, weight)
    distinct = {bytes(row) for row in packed}
    assert {bytes(row) for row in packed[chosen]} == distinct
    assert len(chosen) == len(distinct)
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(packed[chosen][index], packed)
    for number, row in enumerate(chosen):
        assert weight[row] == weight[index == number].max()


def test_lookup_finds_each_pattern_and_no_other(packed: np.ndarray) -> None:
    distinct = np.unique(packed, axis=0)
    np.random.default_rng(2).shuffle(distinct)
    known, unknown = distinct[:30], distinct[30:]
    lookup = patterns.Lookup(known)
    np.testing.assert_array_equal(lookup.find(known), np.arange(len(known)))
    assert (lookup.find(unknown) == -1).all()
    assert not len(lookup.find(known[:0]))
    assert (patterns.Lookup(known[:0]).find(unknown) == -1).all()


def test_every_bit_of_a_pattern_counts() -> None:
    rows = np.zeros((1 + 17 * 8, 17), np.uint8)
    for bit in range(17 * 8):
        rows[1 + bit, bit // 8] = 1 << bit % 8
    assert len(np.unique(patterns.fingerprints(rows))) == len(rows)


def test_nothing_and_patterns_of_no_units() -> None:
    chosen, index = patterns.group(np.zeros((0, 2), np.uint8), np.zeros(0))
    assert not len(chosen)
    assert not len(index)
    chosen, index = patterns.group(np.zeros((3, 0), np.uint8), np.array([1.0, 3, 2]))
    np.testing.assert_array_equal(chosen, [1])
    np.testing.assert_array_equal(index, [0, 0, 0])
