"""What the adversary wants, by hand."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
import torch

from affidavit.certify.attacks import Likeness, Top
from affidavit.certify.attacks.objective import likeness
from affidavit.errors import DomainError

V0 = torch.tensor([[1.0, 2.0], [0.0, -1.0]])


def test_mean_of_squared_differences() -> None:
    v = torch.tensor([[1.0, 4.0], [3.0, -1.0]])
    aim = likeness(V0, None, 2.0, "mse")
    assert aim.value(v).tolist() == [2.0, 4.5]
    assert aim.succeeds(aim.value(v)).tolist() == [False, True]  # above τ, not at it
    assert aim.loss(aim.value(v)).tolist() == [-2.0, -4.5]
    goal = likeness(V0, torch.tensor([1.0, 4.0]), 2.0, "mse")
    assert goal.value(V0).tolist() == [2.0, 13.0]
    assert goal.succeeds(goal.value(V0)).tolist() == [True, False]
    assert goal.loss(goal.value(V0)).tolist() == [2.0, 13.0]


def test_cosine_reverses_the_inequalities() -> None:
    v = torch.tensor([[2.0, 4.0], [-3.0, 0.0]])
    aim = likeness(V0, None, 0.0, "cosine")
    assert aim.value(v).tolist() == pytest.approx([1.0, 0.0])
    assert aim.succeeds(aim.value(-v)).tolist() == [True, False]  # below τ, not at it
    goal = likeness(V0, v, 0.0, "cosine")
    assert goal.succeeds(goal.value(V0)).tolist() == [True, True]
    assert goal.loss(goal.value(V0)).tolist() == pytest.approx([-1.0, 0.0])


def test_cosine_of_nothing_is_no_success() -> None:
    zero = torch.zeros(2, 2)
    for goal, tau in product((None, V0, -V0), (-1.0, 0.0, 1.0)):
        aim = likeness(V0, goal, tau, "cosine")
        assert aim.value(zero).isnan().all()
        assert not aim.succeeds(aim.value(zero)).any()


def test_cosine_of_tiny_vectors_is_that_of_large_ones() -> None:
    v = torch.tensor([[3.0, -1.0], [2.0, 5.0]], dtype=torch.float64)
    aim = likeness(V0.double(), None, 0.0, "cosine")
    tiny = likeness(V0.double() * 1e-200, None, 0.0, "cosine")
    torch.testing.assert_close(tiny.value(v * 1e-250), aim.value(v))


def test_the_top_is_that_of_sorting() -> None:
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(50, 2, 3, generator=generator)
    order = v.flatten(1).abs().argsort(1, descending=True)
    for k, features in product(range(1, 6), ([0], [4], [1, 5])):
        in_top = torch.stack([(order[:, :k] == f).any(1) for f in features], 1)
        into, out = Top(features, k), Top(features, k, out=True)
        assert torch.equal(into.succeeds(into.value(v)), in_top.any(1))
        assert torch.equal(out.succeeds(out.value(v)), (~in_top).any(1))
    aim = Top([0], 2)
    assert aim.value(torch.tensor([[1.0, -3.0, 2.5, 0.0]])).tolist() == [-1.5]
    tie = torch.tensor([[1.0, 1.0, 0.0]])
    assert not Top([0], 1).succeeds(Top([0], 1).value(tie)).any()
    assert not Top([0], 1, out=True).succeeds(Top([0], 1, out=True).value(tie)).any()


def test_picked_inputs_keep_their_goal() -> None:
    goal = torch.tensor([[1.0, 0.0], [5.0, 5.0]])
    aim = likeness(V0, goal, 1.0, "mse").take(torch.tensor([1, 1, 0]))
    assert aim.value(torch.zeros(3, 2)).tolist() == [25.0, 25.0, 0.5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, None, "mse"), "tau is None; expected a number of at least 0"),
        ((None, -1.0, "mse"), "tau is -1.0; expected a number of at least 0"),
        ((None, math.nan, "mse"), "tau is nan"),
        ((None, math.inf, "mse"), "tau is inf"),
        ((None, 1.5, "cosine"), "tau is 1.5; expected a number between -1 and 1"),
        ((None, 0.5, "cosin"), r"no metric 'cosin' \(did you mean 'cosine'\?\)"),
        ((torch.zeros(3), 0.5, "mse"), r"goal has the shape \[3\]; expected \[2, 2\], or \[2\]"),
        ((torch.full((2,), math.nan), 0.5, "mse"), "goal holds NaN"),
    ],
)
def test_what_has_no_meaning(arguments: Any, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        likeness(V0, *arguments)


@pytest.mark.parametrize(
    ("features", "k", "message"),
    [
        ([], 1, "expected different numbers from 0 on"),
        ([-1], 1, "expected different numbers from 0 on"),
        ([1, 1], 1, "expected different numbers from 0 on"),
        ([0], 0, "k is 0"),
    ],
)
def test_a_top_without_meaning(features: list[int], k: int, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        Top(features, k)


@pytest.mark.parametrize(("features", "k"), [([2], 1), ([0], 2)])
def test_a_top_that_the_input_does_not_have(features: list[int], k: int) -> None:
    with pytest.raises(DomainError, match="the input has 2 features"):
        Top(features, k).value(V0)


def test_objectives_are_frozen() -> None:
    aim: Any = Likeness(V0, False, 1.0)
    with pytest.raises(AttributeError):
        aim.tau = 2.0
