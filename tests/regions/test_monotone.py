"""Monotonicity against dense sampling, and functions whose answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tests.regions.networks import grid, mlp, run
from torch import nn

from affidavit.errors import DomainError
from affidavit.regions import Box, Slice, monotonicity, partition


class Known(nn.Module):
    """Outputs |x| + y, x - |y|/2, relu(x), and a constant."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = x[:, :1], x[:, 1:]
        return torch.cat([a.abs() + b, a - b.abs() / 2, torch.relu(a), 0 * a + 3], 1)


def test_known_directions() -> None:
    found = partition(Known(), Box([-1, -2], [2, 2]))
    table = {(0, 0): "none", (0, 1): "increasing", (1, 0): "increasing", (1, 1): "none",
             (2, 0): "increasing", (2, 1): "constant", (3, 0): "constant"}  # fmt: skip
    for (output, feature), direction in table.items():
        assert monotonicity(found, output, feature).direction == direction
    falling = monotonicity(found, (3, 2), 0)
    assert falling.direction == "decreasing"
    assert (falling.least, falling.greatest) == (-1, 0)
    assert falling.holds("decreasing") is True
    assert falling.holds("increasing") is False
    level = monotonicity(found, 3, 0)
    assert level.holds("increasing") is level.holds("decreasing") is level.holds("constant") is True
    assert level.steepest_fall is level.steepest_rise is None


def test_slopes_that_cancel_are_no_slopes() -> None:
    first, last = nn.Linear(2, 2).double(), nn.Linear(2, 1).double()
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[0.1, 0.3], [0.7, 0.2]], dtype=torch.float64))
        first.bias.fill_(5.0)
        last.weight.copy_(torch.tensor([[0.7 / 0.1, -1.0]], dtype=torch.float64))
    model = nn.Sequential(first, nn.ReLU(), last)
    found = partition(model, Box([-1, -1], [1, 1]))
    assert monotonicity(found, None, 0).direction == "constant"


@pytest.mark.parametrize("seed", range(4))
def test_slopes_and_witnesses_against_a_grid(seed: int) -> None:
    model = mlp([2, 8, 6, 2], seed)
    lower, upper = np.array([-2.0, -1.0]), np.array([1.0, 3.0])
    found = partition(model, Box(lower, upper))
    x = grid(lower, upper, 300)
    step = 1e-7
    for output, feature in ((0, 0), (1, 1)):
        result = monotonicity(found, output, feature)
        move = np.zeros(2)
        move[feature] = step
        rise = (run(model, x + move) - run(model, x))[:, output] / step
        assert result.least - 1e-6 <= rise.min()
        assert rise.max() <= result.greatest + 1e-6
        assert (rise.min() < -1e-6) <= (len(result.falls) > 0)
        assert (rise.max() > 1e-6) <= (len(result.rises) > 0)
        for witness, sign in ((result.steepest_fall, -1), (result.steepest_rise, 1)):
            if witness is None:
                continue
            assert witness.end[feature] > witness.start[feature]
            assert np.array_equal(
                np.delete(witness.end, feature), np.delete(witness.start, feature)
            )
            y = run(model, [witness.start, witness.end])[:, output]
            assert sign * (y[1] - y[0]) > 0
            assert np.allclose(y, witness.values)
            length = witness.end[feature] - witness.start[feature]
            assert (y[1] - y[0]) / length == pytest.approx(witness.slope, rel=1e-6)
            assert (found.locate(np.stack([witness.start, witness.end])) == witness.region).all()


def test_probabilities() -> None:
    box = Box([-1, -1], [1, 1])
    one = partition(mlp([2, 6, 1], 3, nn.Sigmoid()), box)
    assert monotonicity(one, 0, 1, of="probability").direction == monotonicity(one, 0, 1).direction
    many = partition(mlp([2, 6, 3], 3, nn.Softmax(1)), box)
    with pytest.raises(DomainError, match="need not move with its logits"):
        monotonicity(many, 0, 1, of="probability")
    several = partition(mlp([2, 6, 3], 3, nn.Sigmoid()), box)
    assert monotonicity(several, 0, 1, of="probability").least == monotonicity(several, 0, 1).least
    with pytest.raises(DomainError, match="a margin of probabilities"):
        monotonicity(several, (0, 1), 1, of="probability")
    with pytest.raises(DomainError, match="no sigmoid or softmax"):
        monotonicity(partition(mlp([2, 6, 3]), box), 0, 1, of="probability")
    with pytest.raises(DomainError, match="of = 'odds'"):
        monotonicity(one, 0, 1, of="odds")  # type: ignore[arg-type]


def test_incomplete_partitions_show_breaks_but_prove_nothing() -> None:
    whole = partition(Known(), Box([-1, -2], [2, 2]))
    part = dataclasses.replace(whole, complete=False)
    assert monotonicity(part, 0, 0).direction == "none"
    assert monotonicity(part, 0, 0).holds("increasing") is False
    assert monotonicity(part, 0, 1).direction == "undecided"
    assert monotonicity(part, 0, 1).holds("increasing") is None
    assert monotonicity(part, 0, 1).holds("decreasing") is False


def test_arguments_that_do_not_fit() -> None:
    found = partition(Known(), Slice([0.0, 0.0], [0], [-1], [1]))
    with pytest.raises(DomainError, match="feature 1 is held fixed"):
        monotonicity(found, 0, 1)
    with pytest.raises(DomainError, match="there is no feature 2"):
        monotonicity(found, 0, 2)
    with pytest.raises(DomainError, match="the network has 4 outputs: name one"):
        monotonicity(found, None, 0)
    with pytest.raises(DomainError, match="more than one number"):
        monotonicity(found, "all", 0)
    with pytest.raises(DomainError, match="direction = 'up'"):
        monotonicity(found, 0, 0).holds("up")  # type: ignore[arg-type]
