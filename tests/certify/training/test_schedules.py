from __future__ import annotations

import math

import pytest

from affidavit.certify.training import Constant, Ramp
from affidavit.certify.training.schedules import schedule
from affidavit.errors import DomainError


def test_constant() -> None:
    assert [Constant(0.3)(step) for step in (0, 1, 1000)] == [0.3, 0.3, 0.3]
    assert schedule("alpha", 2)(5) == 2.0


def test_ramp_waits_rises_and_stays() -> None:
    ramp = Ramp(to=0.2, steps=4, warmup=3)
    assert [ramp(step) for step in range(4)] == [0.0] * 4
    assert [ramp(step) for step in (4, 5, 6, 7, 100)] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2])
    assert Ramp(to=0.0, steps=2, start=1.0)(1) == 0.5
    assert schedule("alpha", ramp) is ramp
    # Settings of a run are compared as text.
    assert repr(ramp) == "Ramp(to=0.2, steps=4, warmup=3, start=0.0)"


@pytest.mark.parametrize(("steps", "warmup"), [(0, 0), (1, -1)])
def test_ramp_without_meaning(steps: int, warmup: int) -> None:
    with pytest.raises(DomainError, match="expected at least 1 and 0"):
        Ramp(0.1, steps, warmup)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, True, "0.1"])
def test_sizes_without_meaning(value: object) -> None:
    with pytest.raises(DomainError, match="gamma is"):
        schedule("gamma", value)  # type: ignore[arg-type]
