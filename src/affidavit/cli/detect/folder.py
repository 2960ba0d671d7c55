"""What `affidavit detect fit` keeps beside a detector: what it was fitted on, and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affidavit.cli.detect.setup import Chosen, Preparation
from affidavit.data import Dataset
from affidavit.errors import OutputError, RecordError
from affidavit.misclassification.fitted_rows import ROWS, FittedRows
from affidavit.misclassification.saving import RECORD as DETECTOR

VERSION = 1

RECORD = "fitting.json"
AGAINST = "against"
"""Folder with the baselines that were fitted along, one folder each."""


@dataclass(frozen=True, eq=False)
class Fitting:
    """What a detector was fitted on.

    Attributes:
        preparation: what is done before and after the model.
        against: the baselines that were fitted along.
        facts: where the rows are from, how many there are, and what came of them, for display.
        rows: all that were used, the threshold's included.
    """

    preparation: Preparation
    against: tuple[str, ...]
    facts: Mapping[str, Any]
    rows: FittedRows

    def save(self, folder: Path) -> None:
        """Writes both files beside the detector, which has to be there. Raises OutputError."""
        self.rows.save(folder)
        try:
            record = {
                "format": "fitting",
                "version": VERSION,
                "files": {name: _digest(folder / name) for name in (DETECTOR, ROWS)},
                "preparation": asdict(self.preparation),
                "against": list(self.against),
                "facts": self.facts,
            }
            (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{folder} cannot be written to: {error}") from error

    @classmethod
    def load(cls, folder: Path) -> Fitting:
        """Reads what :meth:`save` wrote.

        Raises RecordError: no such files, damaged ones, or of another detector.
        """
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            if record["format"] != "fitting" or record["version"] != VERSION:
                raise ValueError("it has another format")
            for name in (DETECTOR, ROWS):
                if _digest(folder / name) != record["files"][name]:
                    raise RecordError(f"{folder / name} is not the file that {RECORD} was kept for")
            given = record["preparation"]
            ends = {key: None if given[key] is None else tuple(given[key]) for key in _ENDS}
            rows = FittedRows.load(folder)
            if rows is None:
                raise ValueError(f"{ROWS} is gone")
            return cls(
                Preparation(**ends, output=given["output"]),
                tuple(record["against"]),
                record["facts"],
                rows,
            )
        except RecordError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"{folder} was not written by `affidavit detect fit`: {RECORD}: {error}. A detector"
                " saved from Python does not say what it was fitted on, and is used from there"
            ) from error

    def overlap(self, dataset: Dataset, chosen: Chosen) -> Overlap:
        """Which of the rows it was fitted on.

        In the same data, rows are told by their numbers: two people may have the same answers. In
        other data, by their content, which is all there is to tell them by.
        """
        fitted = self.rows.among(dataset.inputs, chosen.numbers)
        alike = self.rows.alike(dataset.inputs[chosen.numbers])
        same = self.rows.in_place(dataset.inputs)
        return Overlap(fitted, int((alike & ~fitted).sum()), same)


_ENDS = ("mean", "std")


@dataclass(frozen=True, eq=False)
class Overlap:
    """Which rows a detector was fitted on.

    Attributes:
        fitted: whether it was, [row].
        alike: further rows with the content of a row that it was fitted on.
        same_data: whether the data are those that it was fitted on, its rows where they were.
    """

    fitted: NDArray[np.bool_]
    alike: int
    same_data: bool

    def as_json(self) -> dict[str, Any]:
        """The counts as plain data."""
        return {
            "rows_fitted_on": int(self.fitted.sum()),
            "further_rows_alike": self.alike,
            "same_data": self.same_data,
        }


def forget(folder: Path) -> None:
    """Removes the record of an earlier fit: until a new one is there, the folder is unfinished.

    Raises OutputError.
    """
    try:
        (folder / RECORD).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error}") from error


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
