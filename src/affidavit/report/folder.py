"""An affidavit's folder on disk: written whole or not at all, and never over a user's files."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from affidavit.errors import OutputError
from affidavit.evidence import Header, Statement
from affidavit.report import junit, record

REPORT_NAME = "report.html"
JUNIT_NAME = "junit.xml"

_OURS = {record.RECORD_NAME, REPORT_NAME, JUNIT_NAME, record.EVIDENCE_FOLDER}
# What a desktop leaves in a folder that someone has looked at.
_LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}


def save(
    header: Header,
    statements: Sequence[Statement],
    attachments: Mapping[str, bytes],
    folder: str | Path,
) -> Path:
    """Write the affidavit's folder and return its path.

    It holds `affidavit.json`, `report.html`, `junit.xml` and the attached files under
    `evidence/`. All is written to a hidden folder beside it and then moved into place: whoever
    looks sees the old affidavit or the new one, and after a failure the old one is still there.
    An earlier affidavit or an empty folder is replaced.

    Raises OutputError when the place holds anything else or cannot be written, and RecordError
    when the attachments are not the ones that the statements name.
    """
    # Everything that can fail for a reason other than the disk is done before the disk is touched.
    record.check_attachments(statements, attachments)
    files = {
        record.RECORD_NAME: record.record_bytes(header, statements),
        REPORT_NAME: _report(header, statements),
        JUNIT_NAME: junit.junit(header, statements),
        **attachments,
    }
    target = _resolved(folder)
    _check_replaceable(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_and_move(files, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def load(folder: str | Path) -> tuple[Header, tuple[Statement, ...], dict[str, bytes]]:
    """What :func:`save` was given, its attachments checked. Raises RecordError otherwise."""
    header, statements = record.read_record(folder)
    return header, statements, record.read_attachments(folder, statements)


def check_writable(folder: str | Path) -> None:
    """Raise the OutputError that :func:`save` would raise for `folder`, and leave no trace.

    For use before a long audit, which should not end without a place for its results.
    """
    target = _resolved(folder)
    _check_replaceable(target)
    nearest = next(place for place in target.parents if place.exists())
    try:
        probe = _sibling(nearest / target.name)
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise _unwritable(target, error) from error
    if target.is_mount():
        raise OutputError(
            f"{target} is a mount point, which cannot be replaced as a whole: "
            f"name a folder inside it, such as {target / 'affidavit'}"
        )


def _report(header: Header, statements: Sequence[Statement]) -> bytes:
    from affidavit.report import html  # late: it brings Jinja2 and Matplotlib

    return html.render(header, statements).encode("utf-8")


def _resolved(folder: str | Path) -> Path:
    try:
        return Path(folder).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(f"{str(folder)!r} is no place for a folder: {error}") from error


def _check_replaceable(target: Path) -> None:
    """Raise OutputError unless `target` is free, empty, or an affidavit and nothing else."""
    try:
        if not target.exists():
            return
        if not target.is_dir():
            raise OutputError(f"{target} is a file: expected a folder, or a name that is free")
        names = {entry.name for entry in target.iterdir()} - _LITTER
    except OSError as error:
        raise _unwritable(target, error) from error
    if not names:
        return
    foreign = sorted(names - _OURS)
    if record.RECORD_NAME not in names or foreign:
        seen = ", ".join((foreign or sorted(names))[:3])
        raise OutputError(
            f"{target} holds files that are not an affidavit's ({seen}), and they would be lost: "
            "name a folder that is new or empty, or one that an earlier audit has written"
        )


def _write_and_move(files: Mapping[str, bytes], target: Path) -> None:
    fresh, retired = _sibling(target), _sibling(target)
    try:
        fresh.mkdir()
        for name, content in files.items():
            place = fresh / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        # Rendering may have taken a while: someone may have put a file there since.
        _check_replaceable(target)
        if target.exists():
            target.rename(retired)
        fresh.rename(target)
    finally:
        # An interrupt can come between the two moves: then the old affidavit goes back.
        if retired.exists() and not target.exists():
            retired.rename(target)
        shutil.rmtree(retired, ignore_errors=True)
        shutil.rmtree(fresh, ignore_errors=True)


def _sibling(target: Path) -> Path:
    return target.with_name(f".{target.name[:100]}-{secrets.token_hex(8)}")


def _unwritable(target: Path, error: OSError) -> OutputError:
    return OutputError(f"{target} cannot be written: {error.strerror or error}")
