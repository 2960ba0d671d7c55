"""NumPy .npz archives: inputs, labels and further columns."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affidavit.data.arrays import Array, sealed, single
from affidavit.data.files.tables import Task, label_array
from affidavit.data.raw import Raw, reading
from affidavit.errors import DataError

_INPUTS = ("inputs", "x", "X")
_LABELS = ("labels", "y")
_MOST_CLASSES = 1_000_000


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a .npz file. Nothing is unpickled; no array is larger than its bytes."""
    with reading(path, "a .npz archive"):
        _require_honest_headers(path)
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}


def _require_honest_headers(path: Path) -> None:
    # NumPy allocates what a header asks for before it looks whether the bytes are there.
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as file:
                version = np.lib.format.read_magic(file)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = read(file)
                if dtype.hasobject:
                    raise DataError(
                        f"{path}: array {entry.filename.removesuffix('.npy')!r} holds Python "
                        "objects, which are never unpickled; save text with dtype=str"
                    )
                size = dtype.itemsize
                for length in shape:
                    size *= int(length)
                if size != entry.file_size - file.tell():
                    raise DataError(
                        f"{path}: array {entry.filename.removesuffix('.npy')!r} says it has shape "
                        f"{shape}, which is not what the file holds"
                    )


def read_npz(path: Path, name: str, task: Task | None = None) -> Raw:
    """A data set from a .npz file.

    Keys: `inputs` (or x, X), `labels` (or y), optionally `class_names` and `feature_names`; each
    further array with one value a row is a column. Whole-number labels are class indices. Images
    of uint8 are scaled to [0, 1] and put channel-first.
    """
    arrays = read_arrays(path)
    raw_inputs = _take(path, arrays, _INPUTS)
    raw_labels = _take(path, arrays, _LABELS)
    names = arrays.pop("class_names", None)
    features = arrays.pop("feature_names", None)
    if not raw_inputs.ndim or not len(raw_inputs):
        raise DataError(f"{path} holds no rows")
    inputs, notes = _inputs(path, raw_inputs)
    if raw_labels.ndim == 2 and raw_labels.shape[1] == 1:
        raw_labels = raw_labels[:, 0]
    labels, classes, more = _labels(path, raw_labels, names, task)
    columns = {key: value for key, value in arrays.items() if value.shape == (len(inputs),)}
    unused = sorted(arrays.keys() - columns.keys())
    if unused:
        more = (*more, f"not used, as not one value a row: {', '.join(unused)}")
    return Raw(
        inputs=sealed(inputs),
        labels=sealed(labels),
        class_names=classes,
        feature_names=_feature_names(features, inputs),
        columns={key: sealed(value) for key, value in columns.items()},
        notes=(*notes, *more),
    )


def _take(path: Path, arrays: dict[str, Array], keys: tuple[str, ...]) -> Array:
    found = [key for key in keys if key in arrays]
    if len(found) != 1:
        there = ", ".join(arrays) or "none"
        raise DataError(
            f"{path}: expected exactly one of the arrays {', '.join(keys)}; there are: {there}"
        )
    return arrays.pop(found[0])


def _inputs(path: Path, values: Array) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{path}: inputs are {values.dtype}; expected numbers")
    if values.dtype != np.uint8 or values.ndim not in (3, 4):
        return single(values, f"{path}: inputs"), ()
    if values.ndim == 3:
        values = values[:, None]
    notes: tuple[str, ...] = ()
    if values.shape[1] not in (1, 3) and values.shape[3] in (1, 3):
        values = values.transpose(0, 3, 1, 2)
        notes = ("images were stored channel-last and are channel-first here",)
    return np.ascontiguousarray(values, np.float32) / np.float32(255), notes


def _labels(
    path: Path, values: Array, names: Array | None, task: Task | None
) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    if values.ndim != 1 or values.dtype.kind not in "biufU":
        raise DataError(
            f"{path}: labels have shape {values.shape} and type {values.dtype}; expected one "
            "number or text a row"
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{path}: some labels are NaN or infinite")
    whole = values.dtype.kind in "biu" or (
        values.dtype.kind == "f" and bool(np.all(values == np.round(values)))
    )
    if not whole or task == "regression":
        if names is not None:
            raise DataError(f"{path}: class_names are for labels that are class indices")
        return label_array(str(path), values, task)
    # Class indices keep their numbers: a file may lack a class that the model knows.
    least, greatest = int(values.min(initial=0)), int(values.max(initial=0))
    if least < 0 or greatest >= _MOST_CLASSES:
        raise DataError(
            f"{path}: labels run from {least} to {greatest}; expected class indices from 0. For "
            'numbers to predict, say task = "regression".'
        )
    labels = values.astype(np.int64)
    if names is None:
        classes = tuple(str(index) for index in range(greatest + 1))
    else:
        classes = tuple(str(item) for item in names.reshape(-1).tolist())
    return labels, classes, ()


def _feature_names(given: Array | None, inputs: Array) -> tuple[str, ...]:
    if given is not None:
        return tuple(str(item) for item in given.reshape(-1).tolist())
    return tuple(str(index) for index in range(inputs.shape[1])) if inputs.ndim == 2 else ()
