"""The IDX format of the MNIST family: a big-endian header, then bytes."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affidavit.data.raw import reading
from affidavit.errors import DataError

_UNSIGNED_BYTES = 0x08
_MOST_BYTES = 2**31


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file, gzipped where the name ends in .gz.

    Raises DataError when the file is of another kind, or its length is not what its header says.
    """
    with (
        reading(path, "an IDX file"),
        gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file,
    ):
        head = file.read(4 + 4 * dimensions)
        if head[:4] != bytes((0, 0, _UNSIGNED_BYTES, dimensions)):
            raise DataError(
                f"{path} begins with {head[:4].hex() or 'nothing'}; expected an IDX file of bytes "
                f"in {dimensions} dimensions (0000{_UNSIGNED_BYTES:02x}{dimensions:02x})"
            )
        if len(head) < 4 + 4 * dimensions:
            raise DataError(f"{path} ends inside its header")
        shape = tuple(int(length) for length in np.frombuffer(head[4:], ">u4"))
        size = math.prod(shape)
        if size > _MOST_BYTES:
            raise DataError(f"{path}: its header asks for {size} bytes: it is damaged")
        # One byte more than there should be tells whether there is more.
        body = file.read(size + 1)
    if len(body) != size:
        more = "more than" if len(body) > size else f"{len(body)} of"
        raise DataError(f"{path} holds {more} the {size} bytes that its header says")
    return np.frombuffer(body, np.uint8).reshape(shape)
