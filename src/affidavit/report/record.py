"""The machine-readable half of an affidavit: `affidavit.json` and the evidence files beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from affidavit import evidence
from affidavit.errors import RecordError
from affidavit.evidence import Header, Statement

RECORD_NAME = "affidavit.json"
EVIDENCE_FOLDER = "evidence"


def record_bytes(header: Header, statements: Sequence[Statement]) -> bytes:
    """The content of `affidavit.json`: UTF-8, two-space indent, keys in declared order.

    Raises RecordError when two statements share an id, or an attachment's path is refused.
    """
    _check_ids(statements)
    for statement in statements:
        for attachment in statement.attachments:
            check_path(attachment.path)
    record = {
        "schema_version": evidence.SCHEMA_VERSION,
        "header": evidence.to_json(header),
        "statements": [evidence.to_json(statement) for statement in statements],
    }
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A lone surrogate (from an undecodable file name) has no UTF-8 form; as \\udXXX it is JSON.
    return text.encode("utf-8", errors="backslashreplace")


def write_record(header: Header, statements: Sequence[Statement], folder: str | Path) -> Path:
    """Write `affidavit.json` into an existing folder and return its path."""
    path = Path(folder) / RECORD_NAME
    path.write_bytes(record_bytes(header, statements))
    return path


def read_record(folder: str | Path) -> tuple[Header, tuple[Statement, ...]]:
    """The header and statements of the affidavit in `folder`.

    Raises RecordError, naming what was seen and expected, when there is none, when it is not
    whole, or when a newer version of Affidavit wrote it.
    """
    path = Path(folder) / RECORD_NAME
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise RecordError(
            f"{folder} holds no {RECORD_NAME}: expected a folder that an audit has written"
        ) from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} is not UTF-8 text: {error.reason}") from error
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"{path} is not a whole JSON document ({error}): it was cut short or changed"
        ) from error
    try:
        return _from_json(record)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from error


def _from_json(record: Any) -> tuple[Header, tuple[Statement, ...]]:
    version = record.get("schema_version") if isinstance(record, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RecordError("this JSON is no affidavit: expected an object with a schema_version")
    if version > evidence.SCHEMA_VERSION:
        raise RecordError(
            f"schema version {version} was written by a newer Affidavit; this one reads up to "
            f"{evidence.SCHEMA_VERSION}. Upgrade affidavit to read it."
        )
    for key, kind in (("header", dict), ("statements", list)):
        if not isinstance(record.get(key), kind):
            raise RecordError(f"the key {key!r} should hold a JSON {kind.__name__}")
    statements = []
    for index, item in enumerate(record["statements"]):
        try:
            statements.append(evidence.statement_from_json(item))
        except RecordError as error:
            raise RecordError(f"statements[{index}]: {error}") from error
    _check_ids(statements)
    return evidence.header_from_json(record["header"]), tuple(statements)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_ids(statements: Sequence[Statement]) -> None:
    seen: set[str] = set()
    for statement in statements:
        if statement.id in seen:
            raise RecordError(f"two statements have the id {statement.id!r}: ids must differ")
        seen.add(statement.id)


def check_path(path: str) -> None:
    """Refuse an attachment's path that is not plainly a file under `evidence/`."""
    parts = path.split("/")
    plain = all(part not in ("", ".", "..") for part in parts)
    # A backslash separates folders on Windows, and a null byte ends a name in the C library.
    if not plain or len(parts) < 2 or parts[0] != EVIDENCE_FOLDER or set(path) & set("\\\0"):
        raise RecordError(
            f"the attachment path {path!r} is refused: expected a relative path "
            f"under {EVIDENCE_FOLDER}/, without '..'"
        )


def check_attachments(statements: Sequence[Statement], contents: Mapping[str, bytes]) -> None:
    """Raise RecordError unless `contents` are the attached files, whole and with their hashes."""
    named: set[str] = set()
    for statement in statements:
        for attachment in statement.attachments:
            check_path(attachment.path)
            named.add(attachment.path)
            if attachment.path not in contents:
                raise RecordError(f"the attachment {attachment.path!r} has no content")
            seen = hashlib.sha256(contents[attachment.path]).hexdigest()
            if seen != attachment.sha256.lower():
                raise RecordError(
                    f"the attachment {attachment.path!r} was changed: its SHA-256 is {seen}, "
                    f"and statement {statement.id!r} says {attachment.sha256}"
                )
    if extra := sorted(set(contents) - named):
        raise RecordError(f"no statement names the attachment {extra[0]!r}")


def read_attachments(folder: str | Path, statements: Sequence[Statement]) -> dict[str, bytes]:
    """The attached files of `statements` by path, their hashes checked.

    Raises RecordError when one is missing or changed, or when its path leaves the folder.
    """
    contents: dict[str, bytes] = {}
    for statement in statements:
        for attachment in statement.attachments:
            contents[attachment.path] = _read_inside(Path(folder), attachment.path)
    check_attachments(statements, contents)
    return contents


def _read_inside(folder: Path, path: str) -> bytes:
    check_path(path)
    try:
        place = (folder / path).resolve(strict=True)
        if not place.is_relative_to(folder.resolve() / EVIDENCE_FOLDER):
            raise RecordError(
                f"the attachment {path!r} is refused: it is a link that leads out of {folder}"
            )
        if not place.is_file():
            raise RecordError(f"the attachment {path!r} is no ordinary file")
        return place.read_bytes()
    except FileNotFoundError:
        raise RecordError(f"the attachment {path!r} is missing from {folder}") from None
    except (OSError, RuntimeError) as error:
        raise RecordError(f"the attachment {path!r} cannot be read: {error}") from error
