"""Attacks on explanations by the input: real, within the box, strong, repeatable."""

from __future__ import annotations

import copy
import math
from dataclasses import fields
from fractions import Fraction
from typing import Any

import pytest
import torch
from tests.certify.attacks.networks import cnn, gradient, inputs, mlp
from tests.regions.networks import loaded
from torch import Tensor, nn

from affidavit.certify import gradient_bounds
from affidavit.certify.attacks import Aim, Top, attack_inputs, random_search
from affidavit.errors import DomainError, ModelError
from affidavit.graph import load
from affidavit.regions import Box, partition

FAST: dict[str, Any] = {"steps": 10, "restarts": 2}


def within(found: Tensor, x: Tensor, epsilon: float) -> bool:
    """In real numbers."""
    pairs = zip(found.flatten().tolist(), x.flatten().tolist(), strict=True)
    return all(abs(Fraction(a) - Fraction(b)) <= Fraction(epsilon) for a, b in pairs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("metric", ["mse", "cosine"])
@pytest.mark.parametrize("targeted", [True, False])
def test_what_is_found_is_real(dtype: torch.dtype, metric: Any, targeted: bool) -> None:
    model, x = mlp([5, 16, 16, 3], dtype=dtype), inputs(6, 5, dtype=dtype)
    classes = model(x).argmax(1)
    before = gradient(model, x, classes)
    goal = before.roll(1, 0) if targeted else None
    tau = {"mse": 0.02, "cosine": 0.9}[metric]
    found = attack_inputs(model, x, Aim(goal=goal, tau=tau, metric=metric), epsilon=0.1, **FAST)
    assert found.params is None
    assert found.x.dtype == found.explanation.dtype == dtype
    assert within(found.x, x, 0.1)
    torch.testing.assert_close(found.explanation, gradient(model, found.x, classes))
    # The measure, once more from its definition.
    other = before if goal is None else goal
    if metric == "mse":
        value = ((found.explanation - other) ** 2).mean(1).double()
        success = value <= tau if targeted else value > tau
    else:
        value = torch.cosine_similarity(found.explanation, other).double()
        success = value >= tau if targeted else value < tau
    torch.testing.assert_close(found.value, value, rtol=1e-4, atol=1e-6)
    assert torch.equal(found.success, success)
    assert found.success.any()
    assert (found.x != x).any()


@pytest.mark.parametrize("goal", [None, 0.0])
def test_it_comes_near_to_what_is_possible(goal: float | None) -> None:
    """The exact answer: on each linear region the gradient is constant, and all are listed."""
    model = mlp([2, 12, 12, 2], seed=3)
    x, epsilon = inputs(5, 2, seed=1), 0.4
    graph = loaded(model, 2)
    classes = graph(x).argmax(1)
    wanted = None if goal is None else torch.full((2,), goal, dtype=torch.float64)
    found = attack_inputs(graph, x, Aim(goal=wanted, tau=0.1), epsilon=epsilon)
    before = gradient(model, x, classes)
    for i in range(len(x)):
        cells = partition(graph, Box(*((x[i] + s * epsilon).tolist() for s in (-1, 1))))
        slopes = torch.from_numpy(cells.maps()[0])[:, int(classes[i])]
        if wanted is None:
            best = (slopes - before[i]).square().mean(1).max()
            assert 0.95 * best <= found.value[i] <= best * (1 + 1e-9)
        else:
            best = (slopes - wanted).square().mean(1).min()
            assert best * (1 - 1e-9) <= found.value[i] <= 1.05 * best


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_it_beats_random_search_at_equal_budget(name: str, targeted: bool) -> None:
    if name == "mlp":
        model, x, epsilon = mlp([40, 64, 64, 10]), inputs(8, 40), 0.1
    else:
        model, x, epsilon = cnn(), inputs(8, 1, 6, 6), 0.1
    graph = load(model, x[:1])
    before = gradient(model, x, model(x).argmax(1))
    goal = before.roll(1, 0) if targeted else None
    found = attack_inputs(graph, x, Aim(goal=goal, tau=0.0), epsilon=epsilon, steps=20)
    drawn = random_search(
        graph, x, Aim(goal=goal, tau=0.0), epsilon=epsilon, budget=2 * found.evaluations
    )
    start = (before - goal).flatten(1).square().mean(1) if goal is not None else torch.zeros(8)
    gained, by_chance = (start - found.value).abs(), (start - drawn.value).abs()
    assert gained.mean() >= 1.2 * by_chance.mean()
    assert (gained >= by_chance).float().mean() >= 0.75


def test_it_beats_random_search_at_the_top_features() -> None:
    model, x = mlp([30, 48, 48, 4]), inputs(12, 30)
    graph = load(model, x[:1])
    before = gradient(model, x, model(x).argmax(1)).abs()
    last = int(before.mean(0).argmin())
    into = Top([last], 3)
    found = attack_inputs(graph, x, Aim(objective=into), epsilon=0.3, steps=20)
    drawn = random_search(graph, x, Aim(objective=into), epsilon=0.3, budget=found.evaluations)
    assert found.success.sum() > drawn.success.sum()
    assert found.value.mean() > drawn.value.mean()
    for v, success in zip(found.explanation.abs(), found.success, strict=True):
        assert (last in v.topk(3).indices.tolist()) == bool(success)
    first = int(before.mean(0).argmax())
    out = attack_inputs(graph, x, Aim(objective=Top([first], 10, out=True)), epsilon=0.3, **FAST)
    for v, success in zip(out.explanation.abs(), out.success, strict=True):
        assert (first not in v.topk(10).indices.tolist()) == bool(success)


@pytest.mark.parametrize("loss", ["logit", "margin", "cross_entropy"])
def test_it_attacks_what_the_certificate_is_about(loss: Any) -> None:
    model, x = mlp([4, 16, 16, 3], dtype=torch.float32), inputs(5, 4, dtype=torch.float32)
    target = (2, 0) if loss == "margin" else torch.tensor([0, 1, 2, 0, 1])
    found = attack_inputs(model, x, Aim(loss=loss, target=target, tau=0.01), epsilon=0.05, **FAST)
    bounds = gradient_bounds(model, x, epsilon=0.05, loss=loss, target=target)
    assert bounds.contains(found.explanation)
    leaf = found.x.clone().requires_grad_(True)
    logits = model(leaf)
    y = torch.tensor([0, 1, 2, 0, 1])
    scalar = {
        "logit": lambda: logits.gather(1, y[:, None]).sum(),
        "margin": lambda: (logits[:, 2] - logits[:, 0]).sum(),
        "cross_entropy": lambda: nn.functional.cross_entropy(logits, y, reduction="sum"),
    }[loss]()
    torch.testing.assert_close(found.explanation, torch.autograd.grad(scalar, leaf)[0])


def test_the_range_of_the_data_holds() -> None:
    model, x = mlp([5, 16, 3]), inputs(6, 5).round(decimals=1)
    found = attack_inputs(model, x, Aim(tau=0.0), epsilon=0.3, data_range=(0.0, 1.0), **FAST)
    assert found.x.min() == 0
    assert found.x.max() == 1
    assert within(found.x, x, 0.3)
    size = torch.tensor([0.0, 0.1, 0.2, 0.0, 0.3], dtype=torch.float64)
    found = attack_inputs(model, x, Aim(tau=0.0), epsilon=size, **FAST)
    assert torch.equal(found.x[:, [0, 3]], x[:, [0, 3]])
    assert ((found.x - x).abs() <= size).all()


def test_a_seed_repeats_and_another_does_not() -> None:
    model, x = mlp([6, 24, 24, 3]), inputs(4, 6)
    first, again, other = (
        attack_inputs(model, x, Aim(tau=0.0), epsilon=0.1, seed=seed, **FAST) for seed in (5, 5, 6)
    )
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.value, again.value)
    assert not torch.equal(first.x, other.x)


def test_an_input_does_not_feel_the_rest_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = mlp([6, 24, 24, 3]), inputs(5, 6)
    graph = load(model, x[:1])
    whole = attack_inputs(graph, x, Aim(tau=0.0), epsilon=0.1, **FAST)
    for i in (0, 3):
        alone = attack_inputs(graph, x[i : i + 1], Aim(tau=0.0), epsilon=0.1, **FAST)
        torch.testing.assert_close(alone.x[0], whole.x[i])
    # Nor how many fit into memory at once.
    monkeypatch.setattr("affidavit.certify.attacks.search._ENTRIES", 200)
    parts = attack_inputs(graph, x, Aim(tau=0.0), epsilon=0.1, **FAST)
    torch.testing.assert_close(parts.value, whole.value)
    assert torch.equal(parts.success, whole.success)


def test_more_restarts_and_no_box() -> None:
    model, x = mlp([6, 24, 24, 3]), inputs(8, 6)
    still = attack_inputs(model, x, Aim(tau=0.5), epsilon=0.0, **FAST)
    assert torch.equal(still.x, x)
    assert torch.equal(still.value, torch.zeros(8, dtype=torch.float64))
    assert not still.success.any()
    linear = nn.Linear(6, 3, dtype=torch.float64)
    found = attack_inputs(linear, x, Aim(goal=torch.zeros(6), tau=0.0), epsilon=0.5, **FAST)
    torch.testing.assert_close(found.explanation, linear.weight[linear(x).argmax(1)].detach())
    assert not found.success.any()


def test_the_model_is_left_as_it_was() -> None:
    model, x = cnn(), inputs(3, 1, 6, 6)
    model.train()
    kept = copy.deepcopy(model.state_dict())
    x.requires_grad_(True)
    found = attack_inputs(model, x, Aim(tau=0.0), epsilon=0.1, **FAST)
    assert model.training
    assert x.grad is None
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert all(torch.equal(kept[name], tensor) for name, tensor in model.state_dict().items())
    assert not found.x.requires_grad
    assert not found.explanation.requires_grad


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_makes_its_own_derivatives(mode: Any) -> None:
    model, x = mlp([6, 24, 24, 3]), inputs(4, 6)
    graph = load(model, x[:1])
    expected = attack_inputs(graph, x, Aim(tau=0.0), epsilon=0.1, **FAST)
    with mode():
        found = attack_inputs(graph, x.clone(), Aim(tau=0.0), epsilon=0.1, **FAST)
    assert torch.equal(found.x, expected.x)


def test_progress_is_told_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = mlp([6, 24, 24, 3]), inputs(5, 6)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr("affidavit.certify.attacks.search._ENTRIES", 200)
    attack_inputs(model, x, Aim(tau=0.0), epsilon=0.1, progress=lambda *at: seen.append(at), **FAST)
    done = [at for at, _ in seen]
    assert done == sorted(done)
    assert len({total for _, total in seen}) == 1
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epsilon": -0.1}, "epsilon is -0.09999"),
        ({"epsilon": math.nan}, "epsilon is not finite"),
        ({"steps": 0}, "steps is 0; expected at least 1"),
        ({"restarts": 0}, "restarts is 0; expected at least 1"),
        ({"beta": 0.0}, "beta is 0.0; expected a positive number"),
        ({"beta": math.nan}, "beta is nan; expected a positive number"),
        ({"tau": None}, "tau is None"),
        ({"metric": "mean"}, "no metric 'mean'"),
        ({"goal": torch.zeros(4)}, r"goal has the shape \[4\]; expected \[2, 3\]"),
        ({"target": 7}, "target 7 is out of range"),
        ({"data_range": (0.0, 0.1)}, "leaves the range of the data"),
        ({"loss": "cross_entropy", "attribution": lambda m, x, t: x}, "attributions explain"),
        ({"objective": Top([0], 1)}, "goal and tau belong to the objective"),
        ({"objective": Top([3], 1), "tau": None}, "the input has 3 features"),
        ({"x": torch.tensor([[math.nan, 0.0, 0.0]])}, "NaN or infinite"),
        ({"x": torch.zeros(0, 3)}, "batch is empty"),
    ],
)
def test_what_has_no_meaning(changes: dict[str, Any], message: str) -> None:
    arguments = {"x": torch.full((2, 3), 0.5), "epsilon": 0.1, "tau": 0.1, **changes}
    wanted = {f.name: arguments.pop(f.name) for f in fields(Aim) if f.name in arguments}
    graph = load(mlp([3, 4, 2], dtype=torch.float32), torch.zeros(1, 3))
    with pytest.raises(DomainError, match=message):
        attack_inputs(graph, arguments.pop("x"), Aim(**wanted), **arguments)


def test_an_input_of_another_shape_or_dtype() -> None:
    graph = load(mlp([3, 4, 2], dtype=torch.float32), torch.zeros(1, 3))
    with pytest.raises(ModelError, match=r"shape \[2, 4\]"):
        attack_inputs(graph, torch.zeros(2, 4), Aim(tau=0.1), epsilon=0.1)
    with pytest.raises(ModelError, match=r"dtype torch\.int64"):
        attack_inputs(graph, torch.zeros(2, 3, dtype=torch.long), Aim(tau=0.1), epsilon=0.1)
