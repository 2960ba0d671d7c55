"""Progress bars: on stderr where they are wanted, and words as they are."""

from __future__ import annotations

import re

import pytest

from affidavit.progress import bar, shown, tracked


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error is one, 90 columns wide: into a pipe no bar is drawn."""
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "90"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)


def seen(capsys: pytest.CaptureFixture[str]) -> str:
    """What was drawn, without colours and the moving of the cursor."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", captured.err)


def test_nothing_is_shown_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(False, "work") as update:
        assert update is None
    items = [1, 2]
    assert tracked(False, items, "work") is items
    assert seen(capsys) == ""


@pytest.mark.usefixtures("terminal")
def test_steps_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(True, "claim [red]") as update:
        assert update is not None
        update(3, 7)
    drawn = seen(capsys)
    assert "claim [red] " in drawn
    assert "3/7" in drawn


@pytest.mark.usefixtures("terminal")
def test_items_come_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tracked(True, iter("abc"), "claim [/red]")) == ["a", "b", "c"]
    assert "claim [/red] " in seen(capsys)


@pytest.mark.usefixtures("terminal")
def test_a_bar_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("{task.description}", "{task.fields[regions]:,} of", total=1.0, regions=0) as update:
        update(description="[b]", completed=0.5, regions=12345)
    drawn = seen(capsys)
    assert "0 of" in drawn
    assert "[b] 12,345 of" in drawn
    with bar(description="rich's own") as update:
        update(completed=1, total=4)
    assert re.search(r"rich's own .* 25%", seen(capsys))


@pytest.mark.usefixtures("terminal")
def test_a_bar_is_gone_when_work_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), bar(description="work"):
        raise KeyError
    left = capsys.readouterr().err.rpartition("work")[2]
    assert "\x1b[?25h" in left  # the cursor is shown again
    assert "\x1b[2K" in left  # and the line erased
