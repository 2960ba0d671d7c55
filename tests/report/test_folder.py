from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import OutputError, RecordError
from affidavit.evidence import Header, Statement
from affidavit.report import check_writable, load, save

Parts = tuple[Header, list[Statement], dict[str, bytes]]


@pytest.fixture
def parts(header: Header, statements: list[Statement], attachments: dict[str, bytes]) -> Parts:
    return header, statements, attachments


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_save_and_load(tmp_path: Path, parts: Parts) -> None:
    folder = save(*parts, tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    assert listing(folder) == [
        "affidavit.json",
        "evidence",
        "evidence/errors.csv",
        "junit.xml",
        "report.html",
    ]
    header, statements, attachments = load(folder)
    assert (header, attachments) == (parts[0], parts[2])
    assert repr(statements) == repr(tuple(parts[1]))
    assert listing(tmp_path / "a")[0] == "b"  # no temporary folder is left
    assert not any(name.startswith(".") for name in listing(tmp_path))


def test_same_input_same_bytes(tmp_path: Path, parts: Parts) -> None:
    one, two = save(*parts, tmp_path / "one"), save(*parts, tmp_path / "two")
    for name in ("affidavit.json", "junit.xml", "report.html"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_an_affidavit_or_an_empty_folder_is_replaced(tmp_path: Path, parts: Parts) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    save(*parts, folder)
    (folder / ".DS_Store").write_text("litter")
    save(parts[0], parts[1][1:], {}, folder)
    assert listing(folder) == ["affidavit.json", "junit.xml", "report.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path, parts: Parts) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save(*parts, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "affidavit.json").exists()


@pytest.mark.parametrize("names", [["thesis.tex"], ["affidavit.json", "notes.md"], ["report.html"]])
def test_foreign_files_are_never_deleted(tmp_path: Path, parts: Parts, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("mine")
    for act in (lambda: save(*parts, tmp_path), lambda: check_writable(tmp_path)):
        with pytest.raises(OutputError, match=r"not an affidavit's .* would be lost"):
            act()
    assert listing(tmp_path) == sorted(names)


def test_unwritable_places(tmp_path: Path, parts: Parts) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("n" * 300)):
        for act in (lambda p=place: save(*parts, p), lambda p=place: check_writable(p)):
            with pytest.raises(OutputError, match=r"is a file|cannot be written"):
                act()
    assert listing(tmp_path) == ["file"]
    with pytest.raises(OutputError, match="no place for a folder"):
        check_writable("a\0b")


def test_check_writable_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    check_writable(tmp_path)
    assert listing(tmp_path) == []


def fail_on(monkeypatch: pytest.MonkeyPatch, method: str, name: str, error: BaseException) -> None:
    """Make `Path.method` raise `error` where the path's name begins with `name`."""
    original = getattr(Path, method)

    def failing(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name.startswith(name):
            raise error
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Path, method, failing)


@pytest.mark.parametrize(
    ("method", "name", "error", "expected"),
    [
        ("write_bytes", "junit", OSError(errno.ENOSPC, "No space left on device"), OutputError),
        ("write_bytes", "errors.csv", KeyboardInterrupt(), KeyboardInterrupt),
        ("rename", "out", OSError(errno.EBUSY, "Device or resource busy"), OutputError),
    ],
)
def test_a_failure_leaves_the_old_affidavit(
    tmp_path: Path,
    parts: Parts,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    name: str,
    error: BaseException,
    expected: type[BaseException],
) -> None:
    folder = save(parts[0], [], {}, tmp_path / "out")
    before = listing(tmp_path), (folder / "affidavit.json").read_bytes()
    with monkeypatch.context() as patched:
        fail_on(patched, method, name, error)
        with pytest.raises(expected):
            save(*parts, folder)
    assert (listing(tmp_path), (folder / "affidavit.json").read_bytes()) == before


def test_a_failure_between_the_moves_puts_the_old_affidavit_back(
    tmp_path: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(parts[0], [], {}, tmp_path / "out")
    before = listing(tmp_path)
    original, calls = Path.rename, []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        return original(self, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(OutputError, match="Input/output error"):
        save(*parts, folder)
    assert listing(tmp_path) == before


def test_wrong_attachments_touch_nothing(tmp_path: Path, parts: Parts) -> None:
    with pytest.raises(RecordError, match="was changed"):
        save(parts[0], parts[1], {"evidence/errors.csv": b"other"}, tmp_path / "out")
    assert listing(tmp_path) == []


def test_hostile_and_empty_affidavits(
    tmp_path: Path, hostile_header: Header, hostile_statements: list[Statement]
) -> None:
    save(hostile_header, hostile_statements, {}, tmp_path / "hostile")
    save(hostile_header, [], {}, tmp_path / "empty")
    assert repr(load(tmp_path / "hostile")[1]) == repr(tuple(hostile_statements))
    assert load(tmp_path / "empty")[1] == ()
