from __future__ import annotations

import io
import math
from collections.abc import Callable

import pytest
from rich.console import Console

from affidavit.evidence import Grade, Statement, Verdict
from affidavit.report import Change, changes, compare

Make = Callable[..., Statement]
HOLDS, UNDECIDED, VIOLATED = Verdict.HOLDS, Verdict.UNDECIDED, Verdict.VIOLATED


def shown(old: list[Statement], new: list[Statement]) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(changes(compare(old, new)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "change", "worse"),
    [
        (HOLDS, HOLDS, Change.SAME, False),
        (HOLDS, UNDECIDED, Change.WORSE, True),
        (HOLDS, VIOLATED, Change.WORSE, True),
        (UNDECIDED, VIOLATED, Change.WORSE, True),
        (VIOLATED, UNDECIDED, Change.BETTER, False),
        (UNDECIDED, HOLDS, Change.BETTER, False),
    ],
)
def test_verdicts(
    make_statement: Make, old: Verdict, new: Verdict, change: Change, worse: bool
) -> None:
    comparison = compare([make_statement(verdict=old)], [make_statement(verdict=new)])
    assert [claim.change for claim in comparison.claims] == [change]
    assert comparison.worse is worse


def test_added_and_removed(make_statement: Make) -> None:
    a, b, c = (make_statement(name) for name in "abc")
    comparison = compare([a, b], [c, a])
    assert [(claim.id, claim.change) for claim in comparison.claims] == [
        ("c", Change.ADDED),
        ("a", Change.SAME),
        ("b", Change.REMOVED),
    ]
    assert comparison.worse
    assert not compare([a], [a, b]).worse
    assert compare([], []).claims == ()


def test_moved_values(make_statement: Make) -> None:
    old = make_statement(value=math.nan, interval=(0.0, math.inf))
    again = make_statement(value=float("nan"), interval=(0.0, math.inf))
    assert compare([old], [again]).claims[0].change is Change.SAME
    moved = compare([old], [make_statement(value=math.nan, interval=(0.1, math.inf))])
    assert moved.claims[0].change is Change.MOVED
    assert not moved.worse


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({"model_sha256": "0"}, "model_changed"),
        ({"data_sha256": "0"}, "data_changed"),
        ({"parameters": {"at_least": 0.9}}, "parameters_changed"),
        ({"kind": "decision"}, "parameters_changed"),
        ({"grade": Grade.EXACT}, "grade_changed"),
    ],
)
def test_what_is_not_like_for_like(
    make_statement: Make, changed: dict[str, object], flag: str
) -> None:
    flags = ("model_changed", "data_changed", "parameters_changed", "grade_changed")
    (claim,) = compare([make_statement()], [make_statement(**changed)]).claims
    assert [name for name in flags if getattr(claim, name)] == [flag]


def test_rendering(make_statement: Make, hostile: str) -> None:
    old = [make_statement("a"), make_statement("same"), make_statement("gone")]
    new = [make_statement("a", verdict=VIOLATED, model_sha256="0"), make_statement("same")]
    text = shown(old, [*new, make_statement(f"[red]{hostile}")])
    for part in ("worse", "other model", "✗ violated", "removed", "added", "1 claim unchanged."):
        assert part in text
    assert "[red]" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert shown(new, new).strip() == "2 claims unchanged."
