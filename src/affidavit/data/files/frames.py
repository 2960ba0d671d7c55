"""CSV and Parquet files into data frames with unique column names."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet

from affidavit.data.raw import reading
from affidavit.errors import DataError


def read_csv(
    path: Path, *, header: bool = True, separator: str = ",", names: Sequence[str] | None = None
) -> pd.DataFrame:
    """The table in a UTF-8 CSV file, gzipped where the name ends in .gz.

    Without a header the columns are called "0", "1" and so on, or as `names` says.

    Raises DataError for files that are no such table, and for columns without a name of their own.
    """
    with reading(path, "a CSV file"):
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        text = data.decode("utf-8-sig")
        if not text.strip():
            raise DataError(f"{path} is empty")
        first = next(row for row in csv.reader(io.StringIO(text), delimiter=separator) if row)
        if names is None:
            names = first if header else [str(index) for index in range(len(first))]
        require_names(path, names)
        if len(names) == 1 and ";" in first[0]:
            raise DataError(f"{path} is separated by semicolons; expected commas")
        with warnings.catch_warnings():
            # pandas cuts rows that are too long and merely warns.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # `index_col=False`, or rows with one field too many would turn into an index.
            frame = pd.read_csv(
                io.StringIO(text),
                sep=separator,
                header=0 if header else None,
                names=list(names),
                index_col=False,
                low_memory=False,
            )
    if frame.empty:
        raise DataError(f"{path} holds no rows")
    return frame


def read_parquet(path: Path) -> pd.DataFrame:
    """The table in a Parquet file. Raises DataError for damaged files and duplicate columns."""
    with reading(path, "a Parquet file"), path.open("rb") as file:
        table = pyarrow.parquet.ParquetFile(file)
        require_names(path, [str(name) for name in table.schema_arrow.names])
        frame: pd.DataFrame = table.read().to_pandas()
    if frame.index.names != [None]:
        frame = frame.reset_index()
    frame.columns = pd.Index([str(name) for name in frame.columns])
    return frame


def require_names(path: Path, names: Sequence[str]) -> None:
    """Raises DataError unless each name is there once and is not empty."""
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} is there more than once: rename one")
    if "" in names:
        raise DataError(
            f"{path}: column {names.index('') + 1} has no name (pandas writes its index so, unless "
            "told index=False): name it or remove it"
        )
