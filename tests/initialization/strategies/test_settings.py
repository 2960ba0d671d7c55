"""Settings without meaning, and the stages of halving."""

from __future__ import annotations

from typing import Any

import pytest

from affidavit.errors import DomainError
from affidavit.initialization.strategies import Annealing, Halving, Walk, strategy
from affidavit.initialization.strategies.strategy import Rung


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (Walk, {"deltas": ()}, "deltas are"),
        (Walk, {"deltas": (0.1, 0.0)}, "deltas are"),
        (Walk, {"deltas": (0.1, 0.1)}, "deltas are"),
        (Walk, {"deltas": (float("inf"),)}, "deltas are"),
        (Walk, {"budget": 0}, "budget is 0"),
        (Annealing, {"reach": 0.0}, "reach is 0.0"),
        (Annealing, {"reach": float("nan")}, "reach is nan"),
        (Annealing, {"coldest": 1.0}, "coldest is 1.0"),
        (Annealing, {"chains": 0}, "chains is 0"),
        (Annealing, {"steps": 1.5}, "steps is 1.5"),
        (Halving, {"factor": 1.0}, "factor is 1.0"),
        (Halving, {"population": 1}, "population is 1"),
        (Halving, {"stages": 1}, "stages is 1"),
    ],
    ids=str,
)
def test_settings_without_meaning(kind: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DomainError, match=said):
        kind(**options)


def test_stages_of_halving() -> None:
    assert Halving(32, 4, 3).rungs(16, 32) == (Rung(1, 8), Rung(4, 2), Rung(16, 32))
    assert Halving(8, 2, 3).rungs(4, 8) == (Rung(1, 4), Rung(2, 2), Rung(4, 8))
    # With few epochs stages fall together; the last always has all epochs.
    assert Halving(8, 2, 3).rungs(1, 8) == (Rung(1, 8),)
    assert Halving(8, 3, 2).rungs(10, 5)[-1] == Rung(10, 5)


def test_strategies_by_name() -> None:
    assert strategy("walk") == Walk()
    assert strategy(Walk(budget=3)) == Walk(budget=3)
    with pytest.raises(DomainError, match="known: reseed, walk, anneal, initializers, halving"):
        strategy("none")
