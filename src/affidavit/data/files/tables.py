"""Data frames into inputs, labels and columns."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

from affidavit.data.arrays import Array, sealed, single
from affidavit.data.raw import Raw
from affidavit.errors import DataError, nearest

MOST_VALUES = 1000
"""Text columns with more distinct values than this are taken for identifiers, not for features."""

_MOST_TEXT_BYTES = 2**28
_kind_of = pd.api.types.infer_dtype

Task = Literal["classification", "regression"]


def from_frame(
    name: str,
    frame: pd.DataFrame,
    label: str,
    features: Sequence[str] | None = None,
    task: Task | None = None,
) -> Raw:
    """Inputs, labels and columns of a table with unique column names.

    Numbers become features as they are, truth values 0 and 1, text one feature for each value,
    named "column=value", in sorted order.

    Raises DataError for columns that do not exist, have missing or infinite values, or are no
    features (dates, lists, identifiers).
    """
    if frame.empty:
        raise DataError(f"{name} holds no rows")
    known = list(frame.columns)
    _require_column(name, "label", label, known)
    if features is None:
        features = [column for column in known if column != label]
    for column in features:
        _require_column(name, "feature", column, known)
    if label in features:
        raise DataError(f"{name}: {label!r} is the label and also among the features")
    if len(set(features)) < len(features) or not features:
        raise DataError(f"{name}: features are {list(features)}; expected each once, one at least")
    _require_complete(name, frame, [*features, label])

    notes: list[str] = []
    names: list[str] = []
    values: list[Array] = []
    for column in features:
        for title, numbers in _encoded(name, column, frame[column]):
            names.append(title)
            values.append(single(numbers, f"{name}: column {column!r}"))
            if numbers.dtype.kind in "iu" and _rounded(numbers, values[-1]):
                notes.append(f"column {title!r} holds whole numbers that float32 rounds")
    twice = sorted({title for title in names if names.count(title) > 1}) if _twice(names) else []
    if twice:
        raise DataError(f"{name}: several features are called {twice[0]!r}: rename a column")
    labels, classes, note = label_array(name, plain(frame[label]), task)
    return Raw(
        inputs=sealed(np.ascontiguousarray(np.stack(values, axis=1))),
        labels=sealed(labels),
        class_names=classes,
        feature_names=tuple(names),
        columns={str(column): sealed(plain(frame[column]).copy()) for column in known},
        notes=(*notes, *note),
    )


def plain(series: pd.Series[Any]) -> Array:
    """A column as bool, int64, uint64, float64 or text.

    Missing numbers become NaN and missing text "". Dates become ISO text, other things their text.
    """
    kind = _kind_of(series, skipna=True)
    missing = series.isna().to_numpy(dtype=bool)
    if kind in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        if missing.any() or kind not in ("boolean", "integer"):
            return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
        if kind == "boolean":
            return np.asarray(series.to_numpy(dtype=np.bool_))
        values = series.to_numpy(dtype=object)
        if all(-(2**63) <= int(value) < 2**63 for value in (values.min(), values.max())):
            return np.asarray(series.to_numpy(dtype=np.int64))
        if values.min() >= 0 and values.max() < 2**64:
            return np.asarray(series.to_numpy(dtype=np.uint64))
    objects = ["" if gone else _text(item) for item, gone in zip(series, missing, strict=True)]
    # One very long text would widen every row of a fixed-width array.
    widest = max(map(len, objects), default=0)
    wide = widest * 4 * len(objects) > _MOST_TEXT_BYTES
    return np.asarray(objects, dtype=object if wide else f"U{max(widest, 1)}")


def label_array(
    name: str, values: Array, task: Task | None = None
) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    """Labels, class names and notes, from one finite value a row.

    Text and whole numbers are classes, in sorted order; numbers with fractions are regression
    targets. `task` overrules the guess.
    """
    if task not in (None, "classification", "regression"):
        raise DataError(f'{name}: task = {task!r}; expected "classification" or "regression"')
    kind = values.dtype.kind
    if kind == "f" and task is None and np.any(values != np.round(values)):
        task = "regression"
    if task == "regression":
        if kind not in "iuf":
            raise DataError(f"{name}: the label is {_kind(values)}; regression needs numbers")
        return values.astype(np.float64), (), ()
    found, labels = np.unique(values, return_inverse=True)
    classes = tuple(_class_name(item) for item in found.tolist())
    notes = []
    if kind in "iuf" and classes != tuple(str(index) for index in range(len(classes))):
        shown = ", ".join(classes[:12]) + (" …" if len(classes) > 12 else "")
        notes.append(f"label values {shown} are classes 0 to {len(classes) - 1}, in that order")
    return labels.reshape(-1).astype(np.int64), classes, tuple(notes)


def _rounded(whole: Array, narrow: Array) -> bool:
    wide = whole.astype(np.float64)
    return bool(np.any(narrow.astype(np.float64) != wide) or np.any(np.abs(wide) > 2**53))


def _class_name(item: object) -> str:
    whole = isinstance(item, float) and item.is_integer()
    return str(int(item)) if whole and isinstance(item, float) else str(item)


def _text(item: object) -> str:
    if isinstance(item, bytes):
        return item.decode("utf-8", "backslashreplace")
    stamp = getattr(item, "isoformat", None)
    return str(stamp() if stamp is not None else item)


def _kind(values: Array) -> str:
    return {"b": "true or false", "U": "text", "O": "text"}.get(values.dtype.kind, "numbers")


def _twice(names: Sequence[str]) -> bool:
    return len(set(names)) < len(names)


def _require_column(name: str, what: str, column: str, known: Sequence[str]) -> None:
    if column not in known:
        raise DataError(
            f"{name} has no column {column!r} to be a {what}{nearest(column, known)}. "
            f"Columns: {', '.join(known)}."
        )


def _require_complete(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    bad = []
    for column in columns:
        gone = int(frame[column].isna().sum())
        if gone:
            bad.append(f"{column!r}: {gone} missing")
        elif pd.api.types.is_float_dtype(frame[column].dtype):
            infinite = int(np.isinf(frame[column].to_numpy(dtype=np.float64)).sum())
            if infinite:
                bad.append(f"{column!r}: {infinite} infinite")
    if bad:
        raise DataError(
            f"{name}: of {len(frame)} rows, some lack a finite value ({'; '.join(bad)}). Rows are "
            "never dropped silently: remove or fill them, or leave the columns out with "
            "`features`. (In text files an empty field, NA, N/A, NaN, None and null are missing.)"
        )


def _encoded(name: str, column: str, series: pd.Series[Any]) -> list[tuple[str, Array]]:
    kind = _kind_of(series, skipna=True)
    if kind in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        values = plain(series)
        if values.dtype.kind != "U":
            return [(column, values)]
        raise DataError(
            f"{name}: column {column!r} holds whole numbers beyond 64 bits: leave it out with "
            "`features`, or rescale it"
        )
    if kind not in ("string", "categorical", "mixed-integer", "mixed", "empty") or any(
        not isinstance(item, str | int | float | bool | Decimal) for item in series
    ):
        raise DataError(
            f"{name}: column {column!r} holds {kind} values, which are no features. Turn it into "
            "numbers or text, or leave it out with `features`."
        )
    text = plain(series)
    found = np.unique(text)
    if len(found) > MOST_VALUES:
        raise DataError(
            f"{name}: text column {column!r} has {len(found)} different values (most allowed: "
            f"{MOST_VALUES}); it looks like an identifier. Leave it out with `features`."
        )
    return [(f"{column}={value}", text == value) for value in found]
