"""A set of mutants, as edits: kilobytes each, kept on disk without pickle."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np

from affidavit.errors import DataError
from affidavit.mutation.edits import CHANGES, Edit, Mutant

_FORMAT = "affidavit mutants 1"


@dataclass(frozen=True, eq=False)
class Mutants:
    """Mutants of one model that are nearly as accurate as it is.

    They are in the order in which they were drawn, which is random: any first few of them are a
    fair sample, as the sequential test needs.

    Attributes:
        mutants: the edits of each, with its units and accuracy.
        operator, scheme, unit, rate, seed: how they were drawn.
        units_in_all: how many units there were to draw from.
        accuracy: the model's, on the validation inputs.
        keep_above: the least share of it that a mutant keeps.
        tried: candidates drawn until the last mutant was found.
    """

    mutants: tuple[Mutant, ...]
    operator: str
    scheme: str
    unit: str
    rate: float
    seed: int
    units_in_all: int
    accuracy: float
    keep_above: float
    tried: int

    @property
    def rejected(self) -> int:
        """Candidates that were not accurate enough."""
        return self.tried - len(self.mutants)

    @property
    def units(self) -> int:
        """Units mutated in each."""
        return max((mutant.units for mutant in self.mutants), default=0)

    @property
    def nbytes(self) -> int:
        """Bytes that all edits take."""
        return sum(mutant.nbytes for mutant in self.mutants)

    def __len__(self) -> int:
        return len(self.mutants)

    def __iter__(self) -> Iterator[Mutant]:
        return iter(self.mutants)

    @overload
    def __getitem__(self, place: int) -> Mutant: ...
    @overload
    def __getitem__(self, place: slice) -> Mutants: ...
    def __getitem__(self, place: int | slice) -> Mutant | Mutants:
        if isinstance(place, slice):
            return replace(self, mutants=self.mutants[place])
        return self.mutants[place]

    def __repr__(self) -> str:
        return (
            f"Mutants({len(self)} by {self.operator} of {self.units} of {self.units_in_all}"
            f" units ({self.scheme}), {self.rejected} of {self.tried} candidates rejected)"
        )

    def save(self, path: str | Path) -> None:
        """Writes an .npz file of plain arrays and a JSON header."""
        header: dict[str, Any] = {
            "format": _FORMAT,
            **{k: v for k, v in self.__dict__.items() if k != "mutants"},
        }
        header["mutants"] = [
            {
                "units": mutant.units,
                "accuracy": None if math.isnan(mutant.accuracy) else mutant.accuracy,
                "edits": [_described(edit) for edit in mutant.edits],
            }
            for mutant in self.mutants
        ]
        edits = [edit for mutant in self.mutants for edit in mutant.edits]
        arrays = {
            "header": np.array(json.dumps(header)),
            "index": _joined([edit.index for edit in edits], np.int64),
            "source": _joined([edit.source for edit in edits], np.int64),
            # Single precision fits into double and back without change.
            "values": _joined([edit.values for edit in edits], np.float64),
        }
        with Path(path).open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> Mutants:
        """Reads what :meth:`save` wrote.

        Raises:
            DataError: not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ("header", "index", "source", "values")}
            header = json.loads(str(arrays["header"]))
            if header.pop("format") != _FORMAT:
                raise KeyError("format")
            reader = _Reader(arrays)
            mutants = tuple(
                Mutant(
                    tuple(reader.edit(**edit) for edit in described["edits"]),
                    described["units"],
                    math.nan if described["accuracy"] is None else described["accuracy"],
                )
                for described in header.pop("mutants")
            )
            return cls(mutants=mutants, **header)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error}") from error
        except (ValueError, KeyError, TypeError, EOFError) as error:
            raise DataError(f"{path} holds no mutants written by this version") from error


def _described(edit: Edit) -> dict[str, Any]:
    return {
        "tensor": edit.tensor,
        "axes": edit.axes,
        "change": edit.change,
        "entries": len(edit.index),
        "sources": len(edit.source),
        "shape": list(edit.values.shape),
        "dtype": str(edit.values.dtype),
    }


def _joined(parts: Sequence[np.ndarray[Any, Any]], dtype: type) -> np.ndarray[Any, Any]:
    flat: list[np.ndarray[Any, Any]] = [part.reshape(-1).astype(dtype) for part in parts]
    return np.concatenate(flat) if flat else np.zeros(0, dtype)


class _Reader:
    """Takes the edits out of the joined arrays, one after another."""

    def __init__(self, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        self.arrays = arrays
        self.places = dict.fromkeys(("index", "source", "values"), 0)

    def edit(
        self, tensor: str, axes: int, change: str, entries: int, sources: int, shape: list[int],
        dtype: str,
    ) -> Edit:  # fmt: skip
        (known,) = (one for one in CHANGES if one == change)
        values = self._next("values", math.prod(shape)).reshape(shape).astype(dtype)
        return Edit(
            tensor, axes, self._next("index", entries), known, self._next("source", sources), values
        )

    def _next(self, name: str, count: int) -> np.ndarray[Any, Any]:
        start = self.places[name]
        self.places[name] = start + count
        found = self.arrays[name][start : start + count]
        if len(found) != count:
            raise ValueError(name)
        return found


def described(mutants: Mutants) -> dict[str, Any]:
    """How the mutants were made and what they cost, for records."""
    facts = {k: v for k, v in asdict(replace(mutants, mutants=())).items() if k != "mutants"}
    return {
        **facts,
        "mutants": len(mutants),
        "units": mutants.units,
        "rejected": mutants.rejected,
        "bytes_each": mutants.nbytes / max(1, len(mutants)),
    }
