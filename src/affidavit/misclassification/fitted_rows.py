"""Telling whether a saved detector was fitted on rows at hand."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affidavit.errors import RecordError

ROWS = "fitting.npz"
"""The file in a detector's folder that says what it was fitted on, where it was kept."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FittedRows:
    """The rows that a detector was fitted on, its threshold's included.

    Attributes:
        numbers: within all the data that it was fitted with, [row].
        hashes: of their inputs, [row]; see :func:`row_hashes`.
    """

    numbers: Numbers
    hashes: NDArray[np.uint64]

    @classmethod
    def load(cls, folder: Path) -> FittedRows | None:
        """What a detector's folder says; None where it says nothing. Raises RecordError."""
        path = folder / ROWS
        if not path.exists():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return cls(arrays["numbers"].astype(np.int64), arrays["hashes"].astype(np.uint64))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RecordError(f"{path} does not say which rows were fitted on: {error}") from error

    def among(self, inputs: NDArray[np.float32], rows: Numbers) -> NDArray[np.bool_]:
        """Which rows of the data the detector was fitted on, [row].

        In the data that it was fitted with, rows are told by their numbers, as two may be equal;
        in other data by their content.

        Args:
            inputs: of all the data, [n, ...].
            rows: numbers of rows, [row].
        """
        there = bool(len(self.numbers)) and int(self.numbers.max()) < len(inputs)
        if there and np.array_equal(row_hashes(inputs[self.numbers]), self.hashes):
            return np.isin(rows, self.numbers)
        return np.isin(row_hashes(inputs[rows]), self.hashes)


def row_hashes(inputs: NDArray[np.float32]) -> NDArray[np.uint64]:
    """64 bits of the BLAKE2 hash of each input's shape and numbers, [row]."""
    shape = repr(inputs.shape[1:]).encode()
    found = [
        hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8, key=shape).digest()
        for row in inputs
    ]
    return np.frombuffer(b"".join(found), "<u8").astype(np.uint64)
