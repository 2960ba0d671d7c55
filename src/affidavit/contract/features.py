"""Input features by name or number."""

from __future__ import annotations

from itertools import product

from affidavit.data import Dataset
from affidavit.errors import DataError, nearest


def feature_names(dataset: Dataset) -> tuple[str, ...]:
    """A name for each entry of an input, flat: of a table the data's own, else `[0, 3, 4]`."""
    if dataset.feature_names:
        return dataset.feature_names
    return tuple(str(list(place)) for place in product(*map(range, dataset.inputs.shape[1:])))


def feature_index(dataset: Dataset, key: str) -> int:
    """The flat index of the feature with that name, or with that number in row-major order.

    Raises:
        DataError: there is no such feature; the nearest name is told.
    """
    names = feature_names(dataset)
    if key in names:
        return names.index(key)
    if key.isascii() and key.isdecimal() and int(key) < len(names):
        return int(key)
    coded = [name for name in names if name.startswith(f"{key}=")]
    if coded:
        hint = f": its values are coded as the features {_listed(coded)}"
    elif key in dataset.columns:
        hint = ": it is a column of the data, but no input of the model"
    else:
        hint = nearest(key, names)
    raise DataError(
        f"the data have no feature {key!r}{hint}. Features: {_listed(names)}, by number 0 to"
        f" {len(names) - 1}"
    )


def feature_group(dataset: Dataset, key: str) -> list[int]:
    """The features that a column of the data is coded in: one, or one for each of its values.

    Raises:
        DataError: the model's inputs hold no such column.
    """
    names = feature_names(dataset)
    coded = [index for index, name in enumerate(names) if name.startswith(f"{key}=")]
    return coded if coded and key not in names else [feature_index(dataset, key)]


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
