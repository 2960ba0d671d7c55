"""CSV and Parquet files, sound and damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from affidavit.data.files.frames import read_csv, read_parquet
from affidavit.errors import DataError


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_with_and_without_a_header(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffgröße,b\n1,x\n2,y\n")
    assert list(read_csv(path)) == ["größe", "b"]
    bare = read_csv(write(tmp_path, "1,x\n2,y\n"), header=False)
    assert list(bare) == ["0", "1"]
    assert len(bare) == 2


def test_gzipped_csv(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"a,b\n1,2\n"), "t.csv.gz")
    assert read_csv(path).to_numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("a,b\n", "holds no rows"),
        ("a,a\n1,2\n", "column 'a' is there more than once"),
        (",a\n0,1\n", "column 1 has no name"),
        ("a,b\n1,2,3\n", "cannot be read as a CSV file"),
        ("a,b\n1,2\n1,2,3\n", "cannot be read as a CSV file"),
        ("a;b\n1;2\n", "separated by semicolons; expected commas"),
        ("a,b\n\xff,é\n".encode("latin-1"), "is not UTF-8 text .byte 4.: save it as UTF-8"),
        ('a,b\n"1,2\n', "cannot be read as a CSV file"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        read_csv(path)
    assert str(path) in str(caught.value)


# The time in the header would give each worker of the tests another case.
@pytest.mark.parametrize(
    "damage", [b"no gzip at all", gzip.compress(b"a,b\n" * 500, mtime=0)[:-12]]
)
def test_damaged_gzip(tmp_path: Path, damage: bytes) -> None:
    path = write(tmp_path, damage, "t.csv.gz")
    with pytest.raises(DataError, match=r"t\.csv\.gz cannot be read as a CSV file"):
        read_csv(path)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_parquet(path)
    assert list(read_parquet(path)) == ["a", "b"]
    pd.DataFrame({"a": [1, 2]}, index=pd.Index([5, 6], name="key")).to_parquet(path)
    assert list(read_parquet(path)) == ["key", "a"]


def test_damaged_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": range(100)}).to_parquet(path)
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[: len(whole) // 2], whole[:40] + b"\0" * 60 + whole[100:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t\.parquet cannot be read as a Parquet file"):
            read_parquet(path)


def test_parquet_with_a_column_twice(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(DataError, match="column 'a' is there more than once"):
        read_parquet(path)
