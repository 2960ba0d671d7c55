"""The folder that a command writes to."""

from __future__ import annotations

from pathlib import Path

from affidavit.errors import OutputError


def prepare(folder: Path) -> None:
    """Makes the folder, before the work and not after it.

    Raises:
        OutputError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".affidavit"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}") from error
