"""IDX files, sound and damaged."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from affidavit.data.files.idx import read_idx
from affidavit.errors import DataError


def idx(*shape: int, body: bytes, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, len(shape), *shape) + body


@pytest.mark.parametrize("packed", [True, False])
def test_reads_what_was_written(tmp_path: Path, packed: bool) -> None:
    content = idx(2, 2, 3, body=bytes(range(12)))
    path = tmp_path / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(read_idx(path, 3), np.arange(12).reshape(2, 2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing; expected an IDX file of bytes in 1 dimensions .00000801."),
        (b"\0\0", "begins with 0000"),
        (idx(3, body=b"abc", kind=9), "begins with 00000901"),
        (idx(3, 1, body=b"abc"), "begins with 00000802"),
        (idx(3, body=b"abc")[:6], "ends inside its header"),
        (idx(4, body=b"abc"), "holds 3 of the 4 bytes"),
        (idx(2, body=b"abc"), "holds more than the 2 bytes"),
        (idx(2**32 - 1, body=b"abc"), "asks for 4294967295 bytes"),
    ],
)
def test_what_is_no_idx_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path, 1)


def test_headers_that_overflow_do_not_allocate(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(idx(2**31, 2**31, 2**31, body=b""))
    with pytest.raises(DataError, match=f"asks for {2**93} bytes"):
        read_idx(path, 3)


# The time in the header would give each worker of the tests another case.
@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(idx(2, body=b"ab"), mtime=0)[:-4]])
def test_damaged_gzip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.gz cannot be read as an IDX file"):
        read_idx(path, 1)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_idx(tmp_path / "none", 1)
