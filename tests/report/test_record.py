from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affidavit import evidence
from affidavit.errors import RecordError
from affidavit.evidence import Attachment, Header, Statement
from affidavit.report import read_attachments, read_record, record, write_record


def test_round_trip_and_form(tmp_path: Path, header: Header, statements: list[Statement]) -> None:
    path = write_record(header, statements, tmp_path)
    read_header, read_statements = read_record(tmp_path)
    assert read_header == header
    assert repr(read_statements) == repr(tuple(statements))  # repr: an undefined value is in it
    text = path.read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["schema_version", "header", "statements"]
    assert text.startswith('{\n  "schema_version": 1,\n  "header"')
    write_record(read_header, read_statements, tmp_path)
    assert path.read_text(encoding="utf-8") == text


def test_any_text_survives(
    tmp_path: Path, hostile_header: Header, hostile_statements: list[Statement]
) -> None:
    write_record(hostile_header, hostile_statements, tmp_path)
    _, read = read_record(tmp_path)
    assert repr(read) == repr(tuple(hostile_statements))
    assert "שלום".encode() in (tmp_path / "affidavit.json").read_bytes()


def edited(folder: Path, edit: Callable[[Any], None]) -> None:
    path = folder / "affidavit.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(schema_version=99), "schema version 99 .* newer .* reads up to 1"),
        (lambda d: d.pop("schema_version"), "no affidavit: expected .* schema_version"),
        (lambda d: d.update(schema_version=True), "no affidavit"),
        (lambda d: d.pop("header"), "'header' should hold a JSON dict"),
        (lambda d: d.update(statements={}), "'statements' should hold a JSON list"),
        (lambda d: d["statements"][1].pop("grade"), r"statements\[1\]: statement lacks .*'grade'"),
        (lambda d: d["header"].update(seed="x"), "header.seed should be a whole number"),
        (lambda d: d["statements"].append(d["statements"][0]), "two statements have the id"),
    ],
)
def test_wrong_records(
    tmp_path: Path,
    header: Header,
    statements: list[Statement],
    edit: Callable[[Any], None],
    message: str,
) -> None:
    write_record(header, statements, tmp_path)
    edited(tmp_path, edit)
    with pytest.raises(RecordError, match=message):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a whole JSON document"),
        (b"<html>", "not a whole JSON document"),
        (b"[1, 2]", "no affidavit"),
        (b'{"schema_version": NaN}', "NaN is not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 200_000, "not a whole JSON document"),
    ],
)
def test_what_is_no_record(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "affidavit.json").write_bytes(content)
    with pytest.raises(RecordError, match=message):
        read_record(tmp_path)


def test_truncated_at_any_place(
    tmp_path: Path, header: Header, statements: list[Statement]
) -> None:
    path = write_record(header, statements, tmp_path)
    content = path.read_bytes().rstrip()
    for length in range(0, len(content), 397):
        path.write_bytes(content[:length])
        with pytest.raises(RecordError, match="cut short"):
            read_record(tmp_path)


def test_no_record(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"holds no affidavit\.json"):
        read_record(tmp_path)
    (tmp_path / "affidavit.json").mkdir()
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(tmp_path)


def test_equal_ids_are_refused(
    tmp_path: Path, header: Header, make_statement: Callable[..., Statement]
) -> None:
    with pytest.raises(RecordError, match="two statements have the id 'a'"):
        write_record(header, [make_statement("a"), make_statement("a")], tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "evidence",
        "evidence/",
        "evidence/../x",
        "../x",
        "/etc/passwd",
        "evidence//x",
        "evidence/./x",
        "evidence\\x",
        "evidence/a\\..\\..\\x",
        "evidence/x\0",
        "C:/x",
        "affidavit.json",
        "other/x",
    ],
)
def test_paths_that_leave_the_folder(
    tmp_path: Path, make_statement: Callable[..., Statement], path: str
) -> None:
    statement = make_statement(attachments=(Attachment(path, "0", ""),))
    with pytest.raises(RecordError, match="is refused"):
        read_attachments(tmp_path, [statement])


def test_attachments(
    tmp_path: Path, statements: list[Statement], attachments: dict[str, bytes]
) -> None:
    place = tmp_path / "evidence" / "errors.csv"
    with pytest.raises(RecordError, match="is missing"):
        read_attachments(tmp_path, statements)
    place.parent.mkdir()
    place.write_bytes(attachments["evidence/errors.csv"])
    assert read_attachments(tmp_path, statements) == attachments
    place.write_bytes(b"other")
    with pytest.raises(RecordError, match=r"was changed: its SHA-256 is .*'accurate' says"):
        read_attachments(tmp_path, statements)
    place.unlink()
    place.mkdir()
    with pytest.raises(RecordError, match="no ordinary file"):
        read_attachments(tmp_path, statements)


def test_links_that_leave_the_folder(
    tmp_path: Path, statements: list[Statement], attachments: dict[str, bytes]
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(attachments["evidence/errors.csv"])
    folder = tmp_path / "affidavit"
    (folder / "evidence").mkdir(parents=True)
    os.symlink(outside, folder / "evidence" / "errors.csv")
    with pytest.raises(RecordError, match="a link that leads out"):
        read_attachments(folder, statements)
    (folder / "evidence" / "errors.csv").unlink()
    os.symlink("errors.csv", folder / "evidence" / "errors.csv")
    with pytest.raises(RecordError, match="cannot be read"):
        read_attachments(folder, statements)


def test_contents_must_be_those_named(
    statements: list[Statement], attachments: dict[str, bytes]
) -> None:
    record.check_attachments(statements, attachments)
    with pytest.raises(RecordError, match="has no content"):
        record.check_attachments(statements, {})
    with pytest.raises(RecordError, match="no statement names"):
        record.check_attachments(statements, attachments | {"evidence/x": b""})


def test_schema_version_is_written(header: Header) -> None:
    assert json.loads(record.record_bytes(header, []))["schema_version"] == evidence.SCHEMA_VERSION
