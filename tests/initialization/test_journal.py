"""What a process that was killed may leave of a file of trials."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.initialization.problems import descend, exclusive_or, small

from affidavit.initialization.journal import open_journal
from affidavit.initialization.searching import search

DATA = exclusive_or()


def test_a_line_that_was_cut_off_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "trials.log"
    search(small, DATA, max_trial=1, train=descend, storage=path)
    with path.open("a") as file:
        file.write('{"op_code": 8, "wor')
    for _ in range(2):
        found = search(small, DATA, max_trial=2, train=descend, storage=path)
        assert [run.position for run in found.runs] == [0, 1, 2]
    assert path.read_text().endswith("\n")


def test_a_whole_journal_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "trials.log"
    search(small, DATA, max_trial=1, train=descend, storage=path)
    before = path.read_bytes()
    open_journal(path)
    assert path.read_bytes() == before


def test_locks_lead_to_the_file_from_wherever_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that leads nowhere is never found to be old: its killed owner is waited for."""
    seen = []
    link = os.symlink

    def linked(target: str, name: str) -> None:
        link(target, name)
        seen.append(os.stat(name).st_size)  # raises where it leads nowhere

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "symlink", linked)
    search(small, DATA, max_trial=1, train=descend, storage=Path("folder") / "trials.log")
    assert seen
