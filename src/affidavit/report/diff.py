"""What changed between two affidavits, claim by claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from affidavit.evidence import Statement, Verdict

_RANK = {Verdict.VIOLATED: 0, Verdict.UNDECIDED: 1, Verdict.HOLDS: 2}


class Change(StrEnum):
    """How one claim fares in the new affidavit against the old."""

    SAME = "same"
    MOVED = "value moved"
    BETTER = "better"
    WORSE = "worse"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class ClaimChange:
    """One claim in two affidavits.

    `old` and `new` are its statements, None where the claim is absent. The flags say whether the
    two are like for like: a verdict that got better under an easier threshold is no progress.
    `grade_changed` tells of other evidence for the same claim, such as a proof in place of a
    measurement.
    """

    id: str
    change: Change
    old: Statement | None
    new: Statement | None
    grade_changed: bool = False
    parameters_changed: bool = False
    model_changed: bool = False
    data_changed: bool = False


@dataclass(frozen=True)
class Comparison:
    """Two affidavits side by side: the claims of the new one in order, then those removed."""

    claims: tuple[ClaimChange, ...]

    @property
    def worse(self) -> bool:
        """True when some claim's verdict got worse, or a claim was dropped."""
        return any(claim.change in (Change.WORSE, Change.REMOVED) for claim in self.claims)


def compare(old: Sequence[Statement], new: Sequence[Statement]) -> Comparison:
    """Compare two affidavits' statements by claim id. The order of verdicts is holds, undecided,
    violated, from best to worst."""
    before = {statement.id: statement for statement in old}
    after = {statement.id: statement for statement in new}
    claims = [_change(before.get(id_), statement) for id_, statement in after.items()]
    claims += [
        ClaimChange(id_, Change.REMOVED, statement, None)
        for id_, statement in before.items()
        if id_ not in after
    ]
    return Comparison(tuple(claims))


def _change(old: Statement | None, new: Statement) -> ClaimChange:
    if old is None:
        return ClaimChange(new.id, Change.ADDED, None, new)
    if old.verdict is not new.verdict:
        better = _RANK[new.verdict] > _RANK[old.verdict]
        change = Change.BETTER if better else Change.WORSE
    elif _same((old.value, old.interval), (new.value, new.interval)):
        change = Change.SAME
    else:
        change = Change.MOVED
    asked = [(s.kind, s.claim, s.parameters) for s in (old, new)]
    return ClaimChange(
        new.id,
        change,
        old,
        new,
        grade_changed=old.grade is not new.grade,
        parameters_changed=not _same(*asked),
        model_changed=old.model_sha256 != new.model_sha256,
        data_changed=old.data_sha256 != new.data_sha256,
    )


def _same(one: Any, other: Any) -> bool:
    """Equality under which an undefined number equals itself."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
