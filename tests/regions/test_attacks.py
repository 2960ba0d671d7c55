"""Inputs made to break the promise of exactness, and misuse of what is left to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from tests.regions.networks import mlp
from torch import nn

from affidavit.errors import DomainError
from affidavit.regions import Box, Partition, Polytope, Progress, Slice, partition

Engine = Literal["skeleton", "lp", "planar"]
ENGINES: tuple[Engine, ...] = ("skeleton", "lp", "planar")
SQUARE = Box([-1, -1], [1, 1])


def interrupted(model: nn.Module, domain: Any, engine: Engine, **options: Any) -> Partition:
    """A partition that was stopped before its first step was done."""
    calls = []

    def stop(_: Progress) -> None:
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt

    return partition(model, domain, engine=engine, progress=stop, **options)


def linear(weight: Any, bias: Any) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        layer.bias.copy_(torch.as_tensor(bias))
    return layer


@pytest.mark.parametrize("engine", ENGINES)
def test_a_partition_can_be_resumed_twice(engine: Engine, tmp_path: Path) -> None:
    model = mlp([2, 12, 8, 2], seed=1)
    whole = partition(model, SQUARE, engine=engine)
    part = interrupted(model, SQUARE, engine)
    assert not part.complete
    for _ in range(2):
        rest = partition(model, SQUARE, resume=part)
        assert rest.complete
        assert {row.tobytes() for row in rest.patterns} == {row.tobytes() for row in whole.patterns}
    part.save(tmp_path / "part.npz")
    again = Partition.load(tmp_path / "part.npz", model)
    assert len(partition(model, SQUARE, resume=again)) == len(whole)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_left_to_do_is_of_one_domain_and_one_refinement(engine: Engine) -> None:
    model = mlp([2, 12, 8, 2], seed=1)
    part = interrupted(model, SQUARE, engine)
    half = 0.5
    others: list[Any] = [
        Box([-2, -2], [2, 2]),
        Polytope([[1.0, 1.0]], [half], [-1, -1], [1, 1]),
        Slice([0, 0], (1, 0), [-1, -1], [1, 1]),
    ]
    for domain in others:
        with pytest.raises(DomainError, match="another domain"):
            partition(model, domain, resume=part)
    with pytest.raises(DomainError, match="another refinement"):
        partition(model, SQUARE, refine="decision", resume=part)
    for refine in ("decision", "ranking"):
        refined = interrupted(model, SQUARE, engine, refine=refine)
        with pytest.raises(DomainError, match="another refinement"):
            partition(model, SQUARE, resume=refined)
        rest = partition(model, SQUARE, refine=refine, resume=refined)
        assert len(rest) == len(partition(model, SQUARE, refine=refine))


class Clipped(nn.Module):
    """Clip bounds that are equal, over units of which one is a multiple of another."""

    def __init__(self) -> None:
        super().__init__()
        self.first = linear([[1, 0.3], [2, 0.6], [0.5, 1]], [0.1, 0.2, 0.2])
        self.last = linear([[1, 1, 1]], [0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.last(torch.clamp(torch.relu(self.first(x)), 0.5, 0.5))
        return y


@pytest.mark.parametrize("engine", ENGINES)
def test_equal_bounds_of_a_clip_are_one_kink(engine: Engine) -> None:
    found = partition(Clipped(), SQUARE, engine=engine)
    # By hand: x + 0.3 y crosses -0.1, 0.15 and 0.4; 0.5 x + y crosses -0.2 and 0.3.
    u, v = found.interior_points @ [1, 0.3], found.interior_points @ [0.5, 1]
    places = {
        (int(np.searchsorted([-0.1, 0.15, 0.4], a)), int(np.searchsorted([-0.2, 0.3], b)))
        for a, b in zip(u, v, strict=True)
    }
    assert len(found) == 12
    assert len(places) == 12
    assert found.volumes.sum() == pytest.approx(4)
    assert not np.abs(found.maps()[0]).any()


@pytest.mark.parametrize("engine", ENGINES)
def test_regions_that_meet_in_a_point_only_are_no_neighbours(engine: Engine) -> None:
    """Three lines through the origin."""
    model = nn.Sequential(
        linear([[1, 0], [0, 1], [1, 1]], [0, 0, 0]), nn.ReLU(), linear([[1, 1, 1]], [0])
    )
    found = partition(model, SQUARE, engine=engine)
    assert len(found) == 6
    pairs = found.neighbours
    assert len(pairs) == 6
    differing = (found.states()["1"][pairs[:, 0]] != found.states()["1"][pairs[:, 1]]).sum(1)
    assert (differing == 1).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [1.0, 1e2, 1e4])
def test_a_large_unit_does_not_displace_the_small_ones_beside_it(
    engine: Engine, size: float
) -> None:
    """The first two units have one hyperplane; the third makes two thin wedges with it."""
    model = nn.Sequential(
        linear([[size, 0], [1, 0], [1, 1e-5], [0, 1]], [0, 0, 0, 0.25]),
        nn.ReLU(),
        linear([[1, 1, 1, 1]], [0]),
    )
    found = partition(model, SQUARE, engine=engine)
    # By hand: wedges of slope 1e-5, of which y = -1/4 cuts one.
    wedges = 1e-5 / 2 * np.array([0.25**2, 1 - 0.25**2, 1])
    np.testing.assert_allclose(np.sort(found.volumes)[:3], wedges, rtol=2e-3)
    assert len(found) == 7
