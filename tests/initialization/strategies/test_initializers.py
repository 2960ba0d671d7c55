"""The choice of an initializer."""

from __future__ import annotations

import pytest
import torch
from tests.initialization.problems import small
from torch import nn

from affidavit.errors import DomainError, ModelError
from affidavit.initialization.start import Start
from affidavit.initialization.strategies import Initializers
from affidavit.initialization.strategies.initializers import AS_MADE

START = Start(small, 5)


def test_each_takes_its_turn_with_fresh_seeds() -> None:
    plan = Initializers(("he_normal", "orthogonal"))
    tried = [plan.parameters(START, position, {}) for position in range(6)]
    names = [one["initializer"] for one in tried]
    assert names == [AS_MADE, "he_normal", "orthogonal", "he_normal", "orthogonal", "he_normal"]
    assert len({one["seed"] for one in tried}) == 6


def test_kernels_are_drawn_and_biases_stay_as_made() -> None:
    plan = Initializers(("orthogonal",))
    given = plan.parameters(START, 1, {})
    drawn, made = plan.model(START, given), START.fresh(given["seed"])
    for (name, value), (_, before) in zip(
        drawn.named_parameters(), made.named_parameters(), strict=True
    ):
        assert torch.equal(value, before) == name.endswith("bias")
    kernel = drawn.get_parameter("2.weight")
    torch.testing.assert_close(kernel @ kernel.T, torch.eye(2))


def test_the_first_run_is_the_model_as_made() -> None:
    plan = Initializers()
    drawn, made = plan.model(START, plan.parameters(START, 0, {})), START.first()
    for value, before in zip(drawn.parameters(), made.parameters(), strict=True):
        assert torch.equal(value, before)


def test_what_cannot_be_chosen_among() -> None:
    with pytest.raises(DomainError, match="no initializer 'he_norml'"):
        Initializers(("he_norml",))
    with pytest.raises(DomainError, match="expected different names"):
        Initializers(("zeros", "zeros"))

    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.rand(4, 2))

    plan, start = Initializers(), Start(Bare, 0)
    with pytest.raises(ModelError, match="no kernel of a layer"):
        plan.model(start, plan.parameters(start, 1, {}))
