"""Files of commands."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from affidavit.cli.files import csv_text, write_csv

ROWS: list[dict[str, Any]] = [{"a": 1, "b": 'x, "y"\nß'}, {"a": 0.1, "c": True}]


def test_rows_may_lack_columns() -> None:
    assert csv_text(ROWS) == 'a,b,c\n1,"x, ""y""\nß",\n0.1,,True\n'
    assert csv_text([]) == "\n"


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_csv(path, ROWS)
    assert path.read_bytes() == csv_text(ROWS).encode()
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"a": "1", "b": 'x, "y"\nß', "c": ""},
            {"a": "0.1", "b": "", "c": "True"},
        ]
