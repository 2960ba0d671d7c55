"""A file of trials: Optuna's journal, and what a killed process may have left of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from affidavit.errors import OutputError


def open_journal(given: str | os.PathLike[str]) -> JournalStorage:
    """The journal in a file, which is made if it is not there.

    A last line that was not written to its end is taken away: the next one would be added to it,
    and then none could be read.

    Raises OutputError for a folder, or a file that Optuna did not write; it is left as it was.
    """
    # Absolute, as Optuna's lock is a link to the file, made in the file's folder: a relative one
    # leads nowhere, and the lock of a process that was killed would be waited for without end.
    path = Path(os.path.abspath(given))
    if path.is_dir():
        raise OutputError(f"{given} is a folder; expected a file for the storage of trials")
    if path.exists():
        _require_journal(path)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = JournalFileSymlinkLock(str(path))
    backend = JournalFileBackend(str(path), lock)
    if _cut_off(path):
        lock.acquire()
        try:
            if _cut_off(path):  # and not by another process that was writing it
                _shorten(path)
        finally:
            lock.release()
    return JournalStorage(backend)


def _require_journal(path: Path) -> None:
    """Raises OutputError for a file that Optuna did not write; it would add lines to it."""
    with path.open("rb") as file:
        line = file.readline(1 << 20)
    try:
        good = not line or "op_code" in json.loads(line)
    except (ValueError, TypeError):
        good = False
    if not good:
        raise OutputError(
            f"{path} is no journal of trials; expected a file that a search wrote, or a new one. It"
            " is left as it was."
        )


def _cut_off(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _shorten(path: Path) -> None:
    with path.open("rb+") as file:
        file.truncate(file.read().rfind(b"\n") + 1)
