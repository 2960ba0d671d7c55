"""Arithmetic without outward rounding: the same bounds but for rounding, and only where asked."""

from __future__ import annotations

import threading

import pytest
import torch
from tests.graph.intervals.soundness import around
from tests.graph.intervals.test_rules import BOUNDED
from tests.graph.modules import Case

from affidavit.graph import Interval, propagate
from affidavit.graph.intervals.interval import add, limits, unrounded


@pytest.mark.parametrize("case", BOUNDED, ids=[case.name for case in BOUNDED])
def test_bounds_are_those_with_rounding_up_to_rounding(case: Case) -> None:
    box = around(case.inputs(2, torch.float64), 0.1)
    sound = propagate(case.graph, box)
    with unrounded():
        found = propagate(case.graph, box)
    for name, bounds in sound.items():
        scale = 1e-10 * (1 + bounds.lower.abs() + bounds.upper.abs())
        assert ((found[name].lower - bounds.lower).abs() <= scale).all()
        assert ((found[name].upper - bounds.upper).abs() <= scale).all()


def test_rounding_is_left_out_in_this_thread_alone() -> None:
    x = torch.ones(1, dtype=torch.float32)
    info = torch.finfo(torch.float32)
    elsewhere: list[tuple[float, float]] = []
    with unrounded():
        thread = threading.Thread(target=lambda: elsewhere.append(limits(x)))
        thread.start()
        thread.join()
        assert limits(x) == (0.0, 0.0)
    assert limits(x) == elsewhere[0]
    assert limits(x)[0] == info.eps
    assert limits(x)[1] >= info.tiny


def test_rounding_is_back_after_an_error() -> None:
    def fail() -> None:
        with unrounded():
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert limits(torch.ones(1)) != (0.0, 0.0)


def test_points_stay_points_and_sums_are_plain() -> None:
    x = torch.tensor([0.1], dtype=torch.float32)
    with unrounded():
        assert float(add(Interval.point(x), Interval.point(x)).lower) == float(x + x)
        center, radius = Interval(x, x + 1).center_radius()
    assert float(radius) == 0.5
    assert float(center) == pytest.approx(0.6)
    assert float(add(Interval.point(x), Interval.point(x)).lower) < float(x + x)
