"""Arrays that nobody can change by accident, and a hash of what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from affidavit.errors import DataError

Array: TypeAlias = NDArray[Any]


def frozen(values: ArrayLike, dtype: DTypeLike | None = None) -> Array:
    """A read-only array of `values`, C-ordered and in native byte order.

    An array that is read-only already is passed through; one that its owner can still write to is
    copied, so that later changes to it do not reach the data set.
    """
    array = np.asarray(values)
    wanted = np.dtype(dtype if dtype is not None else array.dtype).newbyteorder("=")
    mine = np.ascontiguousarray(array, dtype=wanted).reshape(array.shape)
    if not mine.flags.writeable:
        return mine
    if np.may_share_memory(mine, array):
        mine = mine.copy()
    return sealed(mine)


def sealed(array: Array) -> Array:
    """The array itself, made read-only: for arrays that nobody else holds."""
    array.setflags(write=False)
    return array


def single(values: ArrayLike, what: str) -> NDArray[np.float32]:
    """`values` as float32. Raises DataError where a finite number is too large for float32."""
    array = np.asarray(values)
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    if array.dtype.kind in "iuf" and np.any(np.isinf(narrow) & ~np.isinf(array)):
        raise DataError(
            f"{what} holds numbers beyond ±3.4e38, the range of float32, in which networks "
            "compute. Rescale it."
        )
    return narrow


def digest(parts: Mapping[str, Array | tuple[str, ...]]) -> str:
    """SHA-256 over named arrays and tuples of text, in the order given.

    The same for equal values on every machine: byte order, strides, the width of a text array and
    the many bit patterns of NaN do not enter.
    """
    sha = hashlib.sha256()
    for name, value in parts.items():
        array = np.asarray(value, dtype=object) if isinstance(value, tuple) else value
        text = array.dtype.kind in "UO"
        kind = "text" if text else f"{array.dtype.kind}{array.dtype.itemsize}"
        shape = "x".join(str(length) for length in array.shape)
        sha.update(f"{len(name)}:{name}:{kind}:{shape}:".encode())
        if text:
            _update_with_text(sha, array)
        else:
            sha.update(_canonical(array).data)
    return sha.hexdigest()


def _update_with_text(sha: Any, array: Array) -> None:
    # A length before each string, or ("ab", "c") and ("a", "bc") would be one.
    for item in array.ravel():
        encoded = str(item).encode("utf-8", "surrogatepass")
        sha.update(f"{len(encoded)}:".encode())
        sha.update(encoded)


def _canonical(array: Array) -> Array:
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if little.dtype.kind == "f" and np.isnan(little).any():
        little = np.where(np.isnan(little), np.nan, little).astype(little.dtype)
    return little.reshape(-1).view(np.uint8)
