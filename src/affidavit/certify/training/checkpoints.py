"""Checkpoints: everything that a run needs to go on as if it had not been interrupted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from affidavit.errors import OutputError, RecordError

FILE = "checkpoint.pt"
VERSION = 1


def write(folder: Path, state: Mapping[str, Any]) -> None:
    """Replaces the folder's checkpoint, so that one whole checkpoint is there at any time.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{FILE}.new"
        torch.save({"version": VERSION, **state}, new)
        os.replace(new, folder / FILE)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{folder}: the checkpoint cannot be written: {error}") from error


def read(folder: Path, settings: Mapping[str, str]) -> dict[str, Any] | None:
    """The folder's checkpoint, or None where there is none.

    Raises:
        RecordError: it is damaged, or of a run with other settings.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        version, found = state["version"], state["settings"]
    except Exception as error:  # torch.load raises errors of many kinds on damaged files
        raise RecordError(f"{path}: not a checkpoint of training, or a damaged one") from error
    if version != VERSION:
        raise RecordError(f"{path}: version {version}; expected {VERSION}")
    different = [name for name in settings if found.get(name) != settings[name]]
    if different or set(found) != set(settings):
        told = "; ".join(f"{n} was {found.get(n)}, is {settings[n]}" for n in different[:3])
        raise RecordError(
            f"{path} is of a run with other settings ({told or 'another objective'}): choose"
            " another folder, or delete it"
        )
    return state
