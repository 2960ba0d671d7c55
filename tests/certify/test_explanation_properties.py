"""Properties of explanations: certificates against gradients that autograd gives elsewhere."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from affidavit.certify.explanation_properties import (
    Explanation,
    OutsideTop,
    Targeted,
    Untargeted,
    explanations,
)
from affidavit.certify.properties import Threat
from affidavit.certify.surveying import Survey, survey
from affidavit.graph import Graph, load


@pytest.fixture(scope="module")
def subject() -> tuple[nn.Sequential, Graph, Tensor]:
    torch.manual_seed(1)
    layers = (nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 16), nn.Softplus(), nn.Linear(16, 3))
    model = nn.Sequential(*layers).double()
    x = torch.rand(12, 5, dtype=torch.float64)
    return model, load(model, x[:1]), x


def gradient(model: nn.Module, x: Tensor, classes: Tensor, loss: str = "logit") -> Tensor:
    """Straight from PyTorch, one input at a time."""
    found = []
    for point, target in zip(x, classes, strict=True):
        one = point.clone().requires_grad_(True)
        y = model(one[None])
        value = nn.functional.cross_entropy(y, target[None]) if loss != "logit" else y[0, target]
        found.append(torch.autograd.grad(value, one)[0])
    return torch.stack(found)


@pytest.mark.parametrize("loss", ["logit", "cross_entropy"])
def test_explanations_are_the_gradients(subject: Any, loss: Any) -> None:
    model, graph, x = subject
    expected = gradient(model, x, model(x).argmax(1), loss)
    torch.testing.assert_close(explanations(graph, x, None, loss), expected)
    margin = gradient(model, x, torch.full((12,), 2)) - gradient(model, x, torch.full((12,), 0))
    torch.testing.assert_close(explanations(graph, x, (2, 0), "margin"), margin)


def properties(graph: Graph, x: Tensor) -> dict[str, Explanation]:
    clean = explanations(graph, x)
    size = float(clean.square().mean())
    return {
        "mse": Untargeted(tau=0.02 * size),
        "cosine": Untargeted(tau=0.97, metric="cosine"),
        "goal": Targeted(goals=clean[:3].roll(1, 1), tau=0.3 * size),
        "goal-cosine": Targeted(goals=clean[:3].roll(1, 1), tau=0.9, metric="cosine"),
        "top": OutsideTop(features=(0, 3), k=2),
        "cross": Untargeted(tau=0.002 * size, loss="cross_entropy", target=1),
    }


@pytest.mark.parametrize("name", ["mse", "cosine", "goal", "goal-cosine", "top", "cross"])
@pytest.mark.parametrize("sizes", [(0.06, 0.0), (0.0, 0.03), (0.02, 0.01)])
def test_certified_is_never_broken_and_broken_is_shown(
    subject: Any, name: str, sizes: tuple[float, float]
) -> None:
    model, graph, x = subject
    wanted = properties(graph, x)[name]
    threat = Threat(*sizes, (0.0, 1.0))
    found = survey(graph, x, wanted, threat, keep=99)
    assert not (found.certified & found.refuted).any()
    classes = model(x).argmax(1) if wanted.target is None else torch.full((12,), 1)
    clean = gradient(model, x, classes, wanted.loss)
    generator = torch.Generator().manual_seed(3)
    for i in range(len(x)):
        for _ in range(6):
            point, other = sampled(model, x[i], sizes, generator)
            there = gradient(other, point[None], classes[i : i + 1], wanted.loss)
            broken, value = wanted.judge(clean[i : i + 1], there)
            assert not (found.certified[i] and broken), (i, value)
            within_bounds(found, i, there[0])
    for item in found.counterexamples:
        assert found.refuted[item.row]
        at = torch.from_numpy(item.x)
        assert bool(((at - x[item.row]).abs() <= sizes[0] + 1e-12).all())
        other = under(model, item.params)
        there = gradient(other, at[None], classes[item.row : item.row + 1], wanted.loss)
        broken, value = wanted.judge(clean[item.row : item.row + 1], there)
        assert broken
        assert item.already or value == pytest.approx(item.value, rel=1e-6, abs=1e-9)


def within_bounds(found: Survey, i: int, there: Tensor) -> None:
    assert found.lower is not None
    assert found.upper is not None
    assert (found.lower[i] <= there.numpy() + 1e-12).all()
    assert (there.numpy() <= found.upper[i] + 1e-12).all()


def sampled(
    model: nn.Sequential, x: Tensor, sizes: tuple[float, float], generator: torch.Generator
) -> tuple[Tensor, nn.Module]:
    def shift(like: Tensor) -> Tensor:
        return 2 * torch.rand(like.shape, generator=generator, dtype=like.dtype) - 1

    point = (x + sizes[0] * shift(x)).clamp(0, 1)
    params = {
        name: (weight + sizes[1] * weight.abs() * shift(weight)).detach().numpy()
        for name, weight in model.named_parameters()
    }
    return point, under(model, params)


def under(model: nn.Sequential, params: Any) -> nn.Module:
    if params is None:
        return model
    import copy

    other = copy.deepcopy(model)
    with torch.no_grad():
        for name, weight in other.named_parameters():
            weight.copy_(torch.as_tensor(params[name]))
    return other


def test_the_survey_tells_something_of_each_kind(subject: Any) -> None:
    _, graph, x = subject
    for name, wanted in properties(graph, x).items():
        found = survey(graph, x, wanted, Threat(0.06, 0.0, (0.0, 1.0)))
        assert found.certified.any() or found.refuted.any(), name
        assert (found.width > 0).all()
    wanted = properties(graph, x)["mse"]
    small, large = (survey(graph, x, wanted, Threat(size)) for size in (0.01, 0.1))
    assert small.certified.sum() > large.certified.sum()
    assert (small.width < large.width).all()


def test_what_fails_without_a_change_is_told(subject: Any) -> None:
    _, graph, x = subject
    clean = explanations(graph, x)
    first = int(clean[0].abs().argmax())
    found = survey(graph, x, OutsideTop(features=(first,), k=1), Threat(1e-6), keep=99)
    assert found.refuted[0]
    assert next(item for item in found.counterexamples if item.row == 0).already


def test_the_class_that_is_explained_is_held(subject: Any) -> None:
    model, graph, x = subject
    held = Untargeted(tau=1.0).held(graph, x)
    assert isinstance(held, Tensor)
    assert torch.equal(held, model(x).argmax(1))
    pair = Untargeted(tau=1.0, loss="margin").held(graph, x)
    assert isinstance(pair, tuple)
    order = model(x).argsort(1, descending=True)
    for entry, place in zip(pair, (0, 1), strict=True):
        assert torch.equal(torch.as_tensor(entry), order[:, place])


def test_goals_that_are_near_are_attacked_first(subject: Any) -> None:
    _, graph, x = subject
    clean = explanations(graph, x)
    goals = torch.stack([clean[3] + 9, clean[3] + 1, clean[3] + 2, clean[3] + 3, clean[3] + 4])
    near, *rest = Targeted(goals=goals, tau=0.1).objectives(clean[3:4])
    assert len(rest) == 3
    assert float(near.value(clean[3:4])) == pytest.approx(1.0)
    assert len(Targeted(goals=goals, tau=0.1).objectives(clean[3:4], math.inf)) == 5
