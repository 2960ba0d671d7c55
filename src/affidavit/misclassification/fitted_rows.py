"""Telling whether a saved detector was fitted on rows at hand."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affidavit.errors import OutputError, RecordError

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
    def of(cls, inputs: NDArray[np.float32], numbers: Numbers) -> FittedRows:
        """These rows of the data.

        Args:
            inputs: of all the data, [n, ...].
            numbers: of the rows, [row].
        """
        return cls(numbers, row_hashes(inputs[numbers]))

    def save(self, folder: Path) -> None:
        """Writes the file into a detector's folder, which has to be there. Raises OutputError."""
        path = folder / ROWS
        try:
            with path.open("wb") as file:
                np.savez_compressed(file, numbers=self.numbers, hashes=self.hashes)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error}") from error

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

    def in_place(self, inputs: NDArray[np.float32]) -> bool:
        """Whether the data are those that it was fitted with: its rows are where they were.

        Args:
            inputs: of all the data, [n, ...].
        """
        there = bool(len(self.numbers)) and int(self.numbers.max()) < len(inputs)
        return there and np.array_equal(row_hashes(inputs[self.numbers]), self.hashes)

    def alike(self, inputs: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of these inputs are equal to one that the detector was fitted on, [row]."""
        return np.isin(row_hashes(inputs), self.hashes)

    def among(self, inputs: NDArray[np.float32], rows: Numbers) -> NDArray[np.bool_]:
        """Which rows of the data the detector was fitted on, [row].

        In the data that it was fitted with, rows are told by their numbers, as two may be equal;
        in other data by their content.

        Args:
            inputs: of all the data, [n, ...].
            rows: numbers of rows, [row].
        """
        if self.in_place(inputs):
            return np.isin(rows, self.numbers)
        return self.alike(inputs[rows])


def row_hashes(inputs: NDArray[np.float32]) -> NDArray[np.uint64]:
    """64 bits of the BLAKE2 hash of each input's shape and numbers, [row]."""
    shape = repr(inputs.shape[1:]).encode()
    found = [
        hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8, key=shape).digest()
        for row in inputs
    ]
    return np.frombuffer(b"".join(found), "<u8").astype(np.uint64)
