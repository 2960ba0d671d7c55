"""What a model says about a batch of inputs: all that detectors of wrong predictions work on."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affidavit.errors import DataError, DomainError, OutputError, RecordError, nearest

Array: TypeAlias = NDArray[Any]

VERSION = 1

NEEDS: Mapping[str, str] = {
    "logits": "scores of every class, and the predicted class",
    "penultimate": "the input of the last linear layer",
    "conductance": "conductance of each feature map of the chosen layers, for the predicted class",
    "runner_up": "the same for the class with the second largest score",
    "label_change_rate": "share of the mutants that predict another class",
    "dropout": "probabilities of passes with dropout on",
    "ensemble": "probabilities of the models of an ensemble",
}
"""What can be asked for, and what it is. Logits are always there."""

MEMBERS = ("dropout", "ensemble")
"""Where members may come from."""


@dataclass(frozen=True, eq=False)
class Signals:
    """What a model says about n inputs. Rows belong to inputs, in their order.

    Attributes:
        logits: [n, class]; scores before a softmax.
        predicted: [n], int64: the class with the largest score, of equal ones the first.
        penultimate: [n, feature]: the input of the last linear layer, flattened.
        conductance: {layer: [n, channel]}, for the predicted class.
        runner_up: {layer: [n, channel]}, conductance for the class with the second largest score.
        label_change_rate: [n], in [0, 1].
        members: {"dropout" or "ensemble": [n, member, class]}, probabilities.

    What was not asked for is None, or an empty mapping.

    Raises DataError when the numbers of rows differ, or a number is NaN or infinite.
    """

    logits: Array
    predicted: Array
    penultimate: Array | None = None
    conductance: Mapping[str, Array] = field(default_factory=dict)
    runner_up: Mapping[str, Array] = field(default_factory=dict)
    label_change_rate: Array | None = None
    members: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.logits.ndim != 2 or self.logits.shape[1] < 2:
            raise DataError(
                f"logits have the shape {list(self.logits.shape)}; expected [n, class], two"
                " classes or more"
            )
        for name, array in self._arrays().items():
            if array.ndim < 1 or len(array) != len(self.logits):
                raise DataError(
                    f"{name} has the shape {list(array.shape)}; expected {len(self.logits)} rows,"
                    " as the logits have"
                )
            bad = not_finite(array)
            if bad.any():
                raise DataError(f"{name} of {rows_of(bad)} is NaN or infinite")

    def __len__(self) -> int:
        return len(self.logits)

    def __repr__(self) -> str:
        shapes = (f"{name} {list(array.shape)}" for name, array in self._arrays().items())
        return f"Signals({', '.join(shapes)})"

    def __getitem__(self, rows: slice | ArrayLike) -> Signals:
        """The signals of some inputs: a slice, row numbers, or a mask [n]."""
        taken = rows if isinstance(rows, slice) else np.asarray(rows)
        if not isinstance(taken, slice) and not taken.size:
            taken = taken.astype(np.int64)
        if not isinstance(taken, slice) and taken.ndim != 1:
            raise DataError("rows: expected a slice, a list of row numbers, or a mask of all rows")
        return _from({name: array[taken] for name, array in self._arrays().items()})

    @property
    def has(self) -> frozenset[str]:
        """Which of :data:`NEEDS` are there."""
        named = {name.partition("/")[0] for name in self._arrays()} - {"predicted", "members"}
        return frozenset(named | set(self.members))

    def require(self, needs: Iterable[str]) -> None:
        """Raises DataError, naming them, unless all that is needed is there."""
        missing = sorted(set(needs) - self.has)
        if missing:
            raise DataError(
                f"the signals have no {' and no '.join(missing)}: extract them with"
                f" extract(model, inputs, {sorted(set(needs) | self.has)}, ...)"
            )

    def layer(self, of: str, name: str) -> Array:
        """`conductance` or `runner_up` of one layer. Raises DataError for an unknown layer."""
        found: Mapping[str, Array] = getattr(self, of)
        if name not in found:
            raise DataError(
                f"there is no {of} of layer {name!r}{nearest(name, found)}; there is of"
                f" {', '.join(found) or 'none'}"
            )
        return found[name]

    def save(self, path: str | Path) -> None:
        """Writes an .npz archive. Raises OutputError."""
        try:
            with Path(path).open("wb") as file:
                meta = np.array(json.dumps({"format": "signals", "version": VERSION}))
                np.savez_compressed(file, **{**self._arrays(), "meta": meta})  # type: ignore[arg-type]
        except OSError as error:
            raise OutputError(f"the signals cannot be written to {path}: {error}") from error

    @classmethod
    def load(cls, path: str | Path) -> Signals:
        """Reads what :meth:`save` wrote; nothing in the file is run. Raises RecordError."""
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
            meta = json.loads(str(arrays.pop("meta")))
            if meta.get("format") != "signals":
                raise ValueError("it holds something else")
            if meta["version"] != VERSION:
                raise ValueError(f"it has the format of another version, {meta['version']}")
            return _from(arrays)
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, DataError,
            zipfile.BadZipFile,
        ) as error:  # fmt: skip
            raise RecordError(f"{path} holds no saved signals: {error}") from error

    def _arrays(self) -> dict[str, Array]:
        """All that is there, by flat names: `conductance/layer3` and the like."""
        found: dict[str, Array] = {"logits": self.logits, "predicted": self.predicted}
        for name in ("penultimate", "label_change_rate"):
            if getattr(self, name) is not None:
                found[name] = getattr(self, name)
        for name in ("conductance", "runner_up", "members"):
            found |= {f"{name}/{key}": array for key, array in getattr(self, name).items()}
        return found


def concatenate(parts: Sequence[Signals]) -> Signals:
    """The rows of all parts, one after the other.

    Raises:
        DomainError: no parts.
        DataError: parts that hold different signals, or of different shapes.
    """
    if not parts:
        raise DomainError("no signals to put together; expected at least one part")
    names = [set(part._arrays()) for part in parts]
    if any(own != names[0] for own in names):
        odd = sorted({name for own in names for name in own ^ names[0]})
        raise DataError(f"only some of the parts have {', '.join(odd)}")
    try:
        return _from(
            {
                name: np.concatenate([part._arrays()[name] for part in parts])
                for name in parts[0]._arrays()
            }
        )
    except ValueError as error:
        raise DataError(f"the parts do not fit together: {error}") from error


def not_finite(array: Array) -> NDArray[np.bool_]:
    """Which rows have a number that is NaN or infinite, [n]."""
    axes = tuple(range(1, array.ndim))
    found: NDArray[np.bool_] = np.asarray(~np.isfinite(array).all(axis=axes))
    return found


def rows_of(bad: Array) -> str:
    """The inputs where `bad` is true, in words: "inputs 3, 17 and 2 more"."""
    found = np.flatnonzero(bad).tolist()
    shown = ", ".join(map(str, found[:5]))
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return f"input{'s' if len(found) > 1 else ''} {shown}{more}"


def wrong_rows(signals: Signals, labels: ArrayLike) -> NDArray[np.bool_]:
    """Which predictions are wrong, [n].

    Raises DataError unless there is one whole number, a class of the model, for each row.
    """
    found = np.asarray(labels)
    if found.shape != (len(signals),):
        raise DataError(
            f"labels have the shape {list(found.shape)}; expected {len(signals)}, one an input"
        )
    if len(found) and not np.issubdtype(found.dtype, np.integer):
        if not np.issubdtype(found.dtype, np.floating) or not (found == np.round(found)).all():
            raise DataError(f"labels are {found.dtype}; expected classes by number")
        found = found.astype(np.int64)
    classes = signals.logits.shape[1]
    outside = (found < 0) | (found >= classes)
    if outside.any():
        raise DataError(
            f"label {found[outside][0]} of {rows_of(outside)}: the model has {classes} classes,"
            f" 0 to {classes - 1}"
        )
    wrong: NDArray[np.bool_] = found != signals.predicted
    return wrong


def _from(arrays: Mapping[str, Array]) -> Signals:
    nested: dict[str, dict[str, Array]] = {"conductance": {}, "runner_up": {}, "members": {}}
    flat: dict[str, Any] = {}
    for name, array in arrays.items():
        of, _, key = name.partition("/")
        if key:
            nested[of][key] = array
        else:
            flat[name] = array
    return Signals(**flat, **nested)  # type: ignore[arg-type]
