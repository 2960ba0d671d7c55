"""The data set: inputs, labels, the columns that name subgroups, and parts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affidavit.data.arrays import Array, digest, frozen, single
from affidavit.errors import DataError, nearest


def _left_out() -> NDArray[np.float32]:
    return np.empty(0, np.float32)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled inputs. Arrays are read-only; nothing here changes after construction.

    Attributes:
        name: what it was loaded from, for display; it does not enter the hash.
        inputs: float32, `row x ...`: images `row x channel x height x width` with pixels in
            [0, 1], tables `row x feature`.
        labels: int64 `row`, indices into `class_names`; or float64 `row`, targets of regression.
        class_names: a name for each class index; empty for regression.
        feature_names: a name for each feature of a table; empty for images.
        columns: every named column as read (text, numbers), each `row`; for subgroups.
        protected: the columns that hold protected attributes.
        lower: the least value of each input feature, in the shape of one input.
        upper: the greatest. Left out, both are 0 and 1 for images, else the range of the rows.
        parts: row indices by the name of the part; no two parts share a row. Left out, one part
            "test" holds every row.
        notes: facts that a report must repeat.

    Raises DataError when there are no rows, when the lengths disagree, when an input or a label is
    not finite, when a label is no class, or when a part or a protected column makes no sense.
    """

    name: str
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64] | NDArray[np.float64]
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    columns: Mapping[str, Array] = field(default_factory=dict)
    protected: tuple[str, ...] = ()
    lower: NDArray[np.float32] = field(default_factory=_left_out)
    upper: NDArray[np.float32] = field(default_factory=_left_out)
    parts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        inputs = np.asarray(self.inputs)
        if inputs.ndim < 2 or 0 in inputs.shape:
            raise DataError(
                f"{self.name}: inputs have shape {inputs.shape}; expected rows and features, "
                "at least one of each"
            )
        if inputs.dtype != np.float32:
            inputs = single(inputs, f"{self.name}: inputs")
        _require_finite(self.name, "inputs", inputs)
        self._set("inputs", frozen(inputs))
        for key in ("class_names", "feature_names", "protected", "notes"):
            self._set(key, tuple(str(item) for item in getattr(self, key)))
        self._set("labels", self._checked_labels())
        self._set("columns", self._checked_columns())
        self._set_range()
        self._set("parts", self._checked_parts())

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {len(rows)}" for name, rows in self.parts.items())
        shape = list(self.inputs.shape[1:])
        kind = "regression" if self.regression else f"{len(self.class_names)} classes"
        return (
            f"Dataset({self.name!r}, {len(self)} inputs of shape {shape}, {kind}, parts: {parts})"
        )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def regression(self) -> bool:
        """Whether the labels are numbers to predict rather than classes."""
        return self.labels.dtype.kind == "f"

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the content: arrays, names and parts, but neither `name` nor `notes`."""
        return digest(
            {
                "inputs": self.inputs,
                "labels": self.labels,
                "class_names": self.class_names,
                "feature_names": self.feature_names,
                "protected": self.protected,
                "lower": self.lower,
                "upper": self.upper,
                **{f"column {key}": self.columns[key] for key in sorted(self.columns)},
                **{f"part {key}": self.parts[key] for key in sorted(self.parts)},
            }
        )

    def part(self, name: str) -> Dataset:
        """The rows of one part, with the columns; `lower` and `upper` stay those of the whole.

        Raises DataError naming the parts there are.
        """
        if name not in self.parts:
            there = ", ".join(self.parts)
            raise DataError(
                f"{self.name} has no part {name!r}{nearest(name, self.parts)}. It has: {there}."
            )
        rows = self.parts[name]
        return dataclasses.replace(
            self,
            inputs=frozen(self.inputs[rows]),
            labels=frozen(self.labels[rows]),
            columns={key: frozen(column[rows]) for key, column in self.columns.items()},
            parts={name: np.arange(len(rows))},
        )

    def reshaped(self, shape: tuple[int, ...]) -> Dataset:
        """The same data, each input under another shape of as many entries, in row-major order.

        Raises DataError when the entries do not fill the shape.
        """
        if math.prod(shape) != math.prod(self.inputs.shape[1:]) or min(shape, default=0) < 1:
            raise DataError(
                f"{self.name}: inputs of shape {list(self.inputs.shape[1:])} cannot take the shape "
                f"{list(shape)}"
            )
        return self._rearranged(lambda array: array.reshape((-1, *shape)))

    def channels_last(self) -> Dataset:
        """The same images as `row x height x width x channel`, as Keras keeps them.

        Raises DataError when the inputs are no images.
        """
        if self.inputs.ndim != 4:
            raise DataError(
                f"{self.name}: inputs of shape {list(self.inputs.shape[1:])} are no images, whose "
                "channels could come last"
            )
        return self._rearranged(lambda array: array.transpose(0, 2, 3, 1))

    def _rearranged(self, arrange: Callable[[Array], Array]) -> Dataset:
        return dataclasses.replace(
            self,
            inputs=frozen(arrange(self.inputs)),
            lower=frozen(arrange(self.lower[None])[0]),
            upper=frozen(arrange(self.upper[None])[0]),
            feature_names=(),
        )

    def __getstate__(self) -> dict[str, Any]:
        # Mapping proxies cannot be pickled.
        return self.__dict__ | {"columns": dict(self.columns), "parts": dict(self.parts)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickle forgets that arrays are read-only.
        for key in ("inputs", "labels", "lower", "upper"):
            state[key].setflags(write=False)
        for key in ("columns", "parts"):
            for array in state[key].values():
                array.setflags(write=False)
            state[key] = MappingProxyType(state[key])
        self.__dict__.update(state)

    def _set(self, key: str, value: object) -> None:
        object.__setattr__(self, key, value)

    def _checked_labels(self) -> Array:
        labels = np.asarray(self.labels)
        if labels.shape != (len(self.inputs),):
            raise DataError(
                f"{self.name}: labels have shape {labels.shape}; expected one label for each of "
                f"the {len(self.inputs)} rows"
            )
        if labels.dtype.kind == "f":
            if self.class_names:
                raise DataError(f"{self.name}: regression targets have no class names")
            _require_finite(self.name, "labels", labels)
            return frozen(labels, np.float64)
        if labels.dtype.kind not in "iu":
            raise DataError(
                f"{self.name}: labels are {labels.dtype}; expected class indices (whole numbers) "
                "or regression targets (floats)"
            )
        least, greatest = int(labels.min()), int(labels.max())
        if least < 0 or greatest >= len(self.class_names):
            raise DataError(
                f"{self.name}: labels run from {least} to {greatest}; expected indices of the "
                f"{len(self.class_names)} class names"
            )
        return frozen(labels, np.int64)

    def _checked_columns(self) -> Mapping[str, Array]:
        if self.feature_names and self.inputs.shape[1:] != (len(self.feature_names),):
            raise DataError(
                f"{self.name}: {len(self.feature_names)} feature names for inputs of shape "
                f"{self.inputs.shape[1:]}"
            )
        columns = {str(key): frozen(column) for key, column in self.columns.items()}
        for key, column in columns.items():
            if column.shape != (len(self),):
                raise DataError(
                    f"{self.name}: column {key!r} has shape {column.shape}; expected ({len(self)},)"
                )
        for key in self.protected:
            if key not in columns:
                there = ", ".join(columns) or "none"
                raise DataError(
                    f"{self.name}: protected attribute {key!r} is no column"
                    f"{nearest(key, columns)}. Columns: {there}."
                )
        return MappingProxyType(columns)

    def _set_range(self) -> None:
        shape = self.inputs.shape[1:]
        image = self.inputs.ndim == 4
        for key, end, reduce in (("lower", 0, np.min), ("upper", 1, np.max)):
            given = getattr(self, key)
            if not np.size(given):
                given = np.full(shape, end) if image else reduce(self.inputs, axis=0)
            value = frozen(np.asarray(given), np.float32)
            if value.shape != shape:
                raise DataError(f"{self.name}: {key} has shape {value.shape}; expected {shape}")
            self._set(key, value)

    def _checked_parts(self) -> Mapping[str, Array]:
        parts = {
            str(key): frozen(np.asarray(rows), np.int64)
            for key, rows in (self.parts or {"test": np.arange(len(self))}).items()
        }
        for key, rows in parts.items():
            if rows.ndim != 1 or not len(rows):
                raise DataError(f"{self.name}: part {key!r} holds no rows")
            if rows.min() < 0 or rows.max() >= len(self):
                raise DataError(f"{self.name}: part {key!r} names rows outside 0 … {len(self) - 1}")
        every = np.concatenate(list(parts.values()))
        if len(np.unique(every)) < len(every):
            raise DataError(f"{self.name}: a row is in two parts, or in one part twice")
        return MappingProxyType(parts)


def _require_finite(name: str, what: str, array: Array) -> None:
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise DataError(f"{name}: {what} hold {bad} values that are NaN or infinite")
