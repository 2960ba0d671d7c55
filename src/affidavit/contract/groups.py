"""Groups of rows by class, by the values of a column, or by bins of a numeric one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from affidavit.data import Dataset
from affidavit.errors import DataError, nearest

BY_CLASS = "class"
"""Stands for the true class where a column is asked for."""

MOST_GROUPS = 50
"""A column with more values than this is no grouping; numbers need bins."""


def groups(
    part: Dataset, column: str, edges: Sequence[float] | None = None
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and mask of each group of rows; together they cover all rows, each once.

    Args:
        part: the rows.
        column: a named column of the data, or "class" for the true class. All classes that the
            data know are groups, those without rows too.
        edges: inner edges that cut a numeric column: below the first, from each to below the
            next, from the last on.

    Raises:
        DataError: no such column, edges for one that is not numeric, or too many groups.
    """
    if column == BY_CLASS:
        _require_same_partition(part)
        for index, name in enumerate(part.class_names):
            yield f"class {name}", part.labels == index
        return
    if column not in part.columns:
        known = [BY_CLASS, *part.columns]
        raise DataError(
            f"the data have no column {column!r}{nearest(column, known)}; columns:"
            f" {', '.join(known[:20])}{' and more' if len(known) > 20 else ''}"
        )
    values = np.asarray(part.columns[column])
    missing = _missing(values)
    if edges is not None:
        yield from _bins(column, values, edges, missing)
    else:
        distinct = sorted(set(values[~missing].tolist()), key=lambda v: (str(type(v)), v))
        if len(distinct) > MOST_GROUPS:
            raise DataError(
                f"column {column!r} has {len(distinct)} values, too many for groups; cut it:"
                f" bins = {{ {column} = [edge, edge, ...] }}"
            )
        for value in distinct:
            yield f"{column} {value}", values == value
    if missing.any():
        yield f"{column} missing", missing


def increasing(edges: Sequence[float]) -> bool:
    """Whether these can be the inner edges of bins."""
    return bool(edges) and not any(a >= b for a, b in pairwise(edges))


def _require_same_partition(part: Dataset) -> None:
    """A column that is called "class" must be the label's, or nobody knows which is meant."""
    if BY_CLASS in part.columns:
        pairs = set(zip(part.columns[BY_CLASS].tolist(), part.labels.tolist(), strict=True))
        for values in zip(*pairs, strict=True):
            if len(set(values)) < len(pairs):
                raise DataError(
                    f"{BY_CLASS!r} is the true class, and a column of the data that tells other"
                    " groups apart is called so too: rename the column"
                )


def _missing(values: np.ndarray) -> np.ndarray:
    return np.array(
        [value is None or value == "" or value != value for value in values.tolist()], dtype=bool
    )


def _bins(
    column: str, values: np.ndarray, edges: Sequence[float], missing: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    if values.dtype.kind not in "iuf":
        raise DataError(f"column {column!r} is not numeric: it cannot be cut at {list(edges)}")
    if not increasing(edges):
        raise DataError(f"bins of {column!r}: expected increasing edges, got {list(edges)}")
    place = np.searchsorted(np.asarray(edges, dtype=float), values, side="right")
    names = [
        f"{column} < {edges[0]:g}",
        *(f"{a:g} <= {column} < {b:g}" for a, b in pairwise(edges)),
        f"{column} >= {edges[-1]:g}",
    ]
    for index, name in enumerate(names):
        yield name, (place == index) & ~missing
