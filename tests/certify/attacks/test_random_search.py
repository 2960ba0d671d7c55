"""Random search: within both boxes, and never worse with a larger budget."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.certify.attacks.networks import gradient, inputs, mlp
from torch import Tensor, nn

from affidavit.certify import gradient_bounds
from affidavit.certify.attacks import Aim, random_search
from affidavit.certify.attacks.room import input_room, weight_room
from affidavit.errors import DomainError
from affidavit.graph import load


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(0.1, 0.0), (0.0, 0.1), (0.1, 0.1)])
def test_it_draws_from_the_boxes(sizes: tuple[float, float], dtype: torch.dtype) -> None:
    model, x = mlp([5, 16, 3], dtype=dtype), inputs(4, 5, dtype=dtype)
    graph = load(model, x[:1])
    boxes: dict[str, Any] = {"epsilon": sizes[0], "gamma": sizes[1]}
    found = random_search(graph, x, Aim(tau=0.0), **boxes, budget=50)
    assert input_room(x, sizes[0], None).contains(found.x)
    assert torch.equal(found.x, x) == (sizes[0] == 0)
    assert (found.params is not None) == (sizes[1] > 0)
    for name, box in weight_room(graph, sizes[1], x).items():
        assert found.params is not None
        assert box.contains(found.params[name])
    assert gradient_bounds(graph, x, **boxes).contains(found.explanation)
    assert (found.value > 0).all()
    before = gradient(model, x, model(x).argmax(1))
    value = (found.explanation - before).double().square().mean(1)
    torch.testing.assert_close(found.value, value, rtol=1e-4, atol=1e-8)


def test_a_larger_budget_is_never_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = mlp([5, 16, 16, 3]), inputs(4, 5)
    graph = load(model, x[:1])
    values = [
        random_search(graph, x, Aim(tau=0.0), epsilon=0.2, budget=budget).value
        for budget in (1, 10, 100)
    ]
    assert (values[0] <= values[1]).all()
    assert (values[1] <= values[2]).all()
    assert (values[0] < values[2]).any()
    monkeypatch.setattr("affidavit.certify.attacks.search._ENTRIES", 300)
    parts = random_search(graph, x, Aim(tau=0.0), epsilon=0.2, budget=100)
    torch.testing.assert_close(parts.value, values[2])


class Squares(nn.Module):
    """The sum of four squares, and its negative: gradients of 2 x and -2 x."""

    def forward(self, x: Tensor) -> Tensor:
        y = 4 * (x * x).mean(1, keepdim=True)
        return torch.cat([y, -y], 1)


def test_every_second_point_is_a_corner() -> None:
    x = inputs(3, 4)
    one, two = (
        random_search(Squares(), x, Aim(tau=0.0), epsilon=0.25, budget=budget).value
        for budget in (1, 2)
    )
    assert (one < 0.24).all()
    torch.testing.assert_close(two, torch.full((3,), (2 * 0.25) ** 2, dtype=torch.float64))


def test_nothing_to_draw() -> None:
    model, x = mlp([3, 8, 2]), inputs(2, 3)
    found = random_search(model, x, Aim(tau=0.0), budget=5)
    assert torch.equal(found.x, x)
    assert found.params is None
    assert not found.success.any()
    with pytest.raises(DomainError, match="budget is 0; expected at least 1"):
        random_search(model, x, Aim(tau=0.0), epsilon=0.1, budget=0)


def test_progress_is_told_until_the_end() -> None:
    seen: list[tuple[int, int]] = []
    random_search(
        mlp([3, 8, 2]),
        inputs(2, 3),
        Aim(tau=0.0),
        epsilon=0.1,
        budget=7,
        progress=lambda *at: seen.append(at),
    )
    assert seen[-1] == (7, 7)
