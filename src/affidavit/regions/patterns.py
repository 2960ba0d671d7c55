"""Packed activation patterns as keys: which are equal, and where one is found."""

from __future__ import annotations

from typing import Any

import numpy as np

Packed = np.ndarray[Any, np.dtype[np.uint8]]


def fingerprints(packed: Packed) -> np.ndarray:
    """A 64-bit number for each pattern; equal patterns have equal ones."""
    count, size = packed.shape
    padded = np.zeros((count, -(-max(size, 1) // 8) * 8), np.uint8)
    padded[:, :size] = packed
    words = padded.view("<u8")
    mixed = np.full(count, 0x9E3779B97F4A7C15, np.uint64)
    for column in range(words.shape[1]):
        mixed ^= words[:, column]
        # The finaliser of splitmix64: every bit of a word reaches every bit of the result.
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


class Lookup:
    """Patterns by content. Fingerprints find candidates; the patterns themselves decide."""

    def __init__(self, packed: Packed) -> None:
        """Args:
        packed: distinct patterns, [pattern, byte].
        """
        self._packed = packed
        marks = fingerprints(packed)
        self._order = np.argsort(marks, kind="stable")
        self._marks = marks[self._order]

    def find(self, packed: Packed) -> np.ndarray:
        """Index of each pattern, -1 where it is not among them."""
        marks = fingerprints(packed)
        result = np.full(len(packed), -1, np.int64)
        if not len(self._marks):
            return result
        place = np.searchsorted(self._marks, marks)
        open_ = np.arange(len(packed))
        while len(open_):
            at = np.minimum(place[open_], len(self._marks) - 1)
            same = (place[open_] < len(self._marks)) & (self._marks[at] == marks[open_])
            open_, at = open_[same], at[same]
            found = self._order[at]
            equal = (self._packed[found] == packed[open_]).all(1)
            result[open_[equal]] = found[equal]
            # Two patterns of one fingerprint stand side by side.
            open_ = open_[~equal]
            place[open_] += 1
        return result


def group(packed: Packed, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of equal patterns brought together.

    Args:
        packed: [row, byte].
        weight: which of several equal rows is to stand for them: the one of largest weight.

    Returns:
        The chosen row of each distinct pattern, in ascending order, and each row's group.
    """
    count = len(packed)
    if not count:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    marks = fingerprints(packed)
    order = np.lexsort((-weight, marks))
    ranked = marks[order]
    new = np.ones(count, bool)
    new[1:] = ranked[1:] != ranked[:-1]
    rows = packed[order]
    clash = ~new
    clash[1:] &= (rows[1:] != rows[:-1]).any(1)
    if clash.any():
        # Two patterns share a fingerprint: compare the patterns themselves, however slow.
        keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
        _, marks = np.unique(keys, return_inverse=True)
        order = np.lexsort((-weight, marks))
        ranked = marks[order]
        new[1:] = ranked[1:] != ranked[:-1]
    chosen = order[new]
    index = np.empty(count, np.int64)
    index[order] = np.cumsum(new) - 1
    rank = np.argsort(chosen)
    place = np.empty(len(chosen), np.int64)
    place[rank] = np.arange(len(chosen))
    return chosen[rank], place[index]
