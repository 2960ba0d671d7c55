"""Attacks on predictions: what they find is there, within the boxes, and no bound denies it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from affidavit.certify import margin_bounds
from affidavit.certify.attacks import attack_predictions
from affidavit.errors import DomainError
from affidavit.graph import Graph, load


def network(seed: int = 0, outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = (nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, outputs))
    return nn.Sequential(*layers).double()


@pytest.fixture
def problem() -> tuple[nn.Sequential, Graph, Tensor, Tensor]:
    model = network()
    x = torch.rand(40, 4, dtype=torch.float64)
    return model, load(model, x[:1]), x, model(x).argmax(1)


def test_what_it_finds_is_in_the_box_and_decided_otherwise(problem: Any) -> None:
    model, graph, x, labels = problem
    found = attack_predictions(graph, x, labels, epsilon=0.15, data_range=(0.0, 1.0))
    assert found.params is None
    assert 0 < int(found.success.sum()) < len(x)
    # In real numbers: rational arithmetic has no rounding.
    for before, after in zip(x.flatten().tolist(), found.x.flatten().tolist(), strict=True):
        assert abs(_exact(after) - _exact(before)) <= _exact(0.15)
    assert bool(((found.x >= 0) & (found.x <= 1)).all())
    decided = model(found.x).argmax(1)
    assert bool((decided != labels)[found.success].all())
    y = model(found.x)
    own = y.gather(1, labels[:, None]).squeeze(1)
    others = y.scatter(1, labels[:, None], -torch.inf).amax(1)
    torch.testing.assert_close(found.margin, own - others)
    assert not bool((found.before < 0).any())


def _exact(value: float) -> Any:
    from fractions import Fraction

    return Fraction(value)


def test_weights_of_each_input(problem: Any) -> None:
    _, graph, x, labels = problem
    found = attack_predictions(graph, x, labels, gamma=0.2)
    assert found.params is not None
    assert set(found.params) == set(graph.parameters)
    assert int(found.success.sum()) > 0
    torch.testing.assert_close(found.x, x)
    for name, weight in found.params.items():
        tensor = graph.tensors[name]
        assert weight.shape == (len(x), *tensor.shape)
        assert bool(((weight - tensor).abs() <= 0.2 * tensor.abs()).all())
    for i in torch.nonzero(found.success).flatten().tolist():
        params = {name: weight[i] for name, weight in found.params.items()}
        y = graph(found.x[i : i + 1], params)
        assert int(y.argmax(1)) != int(labels[i])


@pytest.mark.parametrize("sizes", [(0.08, 0.0), (0.0, 0.06), (0.03, 0.03)])
@pytest.mark.parametrize("method", ["ibp", "crown"])
def test_nothing_certified_is_broken(problem: Any, sizes: Any, method: Any) -> None:
    _, graph, x, labels = problem
    epsilon, gamma = sizes
    box: dict[str, Any] = {"epsilon": epsilon, "gamma": gamma, "data_range": (0.0, 1.0)}
    lower = margin_bounds(graph, x, labels, **box, method=method).lower
    certified = (lower.scatter(1, labels[:, None], 1.0) > 0).all(1)
    found = attack_predictions(graph, x, labels, **box)
    assert bool(certified.any())
    assert not bool((certified & found.success).any())
    assert bool(
        (found.margin >= lower.scatter(1, labels[:, None], torch.inf).amin(1))[certified].all()
    )


def test_it_beats_random_points(problem: Any) -> None:
    model, graph, x, labels = problem
    found = attack_predictions(graph, x, labels, epsilon=0.15, steps=20, restarts=2)
    generator = torch.Generator().manual_seed(1)
    wrong = torch.zeros(len(x), dtype=torch.bool)
    for _ in range(40):
        shift = 2 * torch.rand(x.shape, generator=generator, dtype=x.dtype) - 1
        wrong |= model(x + 0.15 * shift).argmax(1) != labels
    assert int(found.success.sum()) > int(wrong.sum())


def test_a_single_output_has_a_level() -> None:
    model = network(3, outputs=1)
    graph = load(model, torch.zeros(1, 4, dtype=torch.float64))
    x = torch.rand(30, 4, dtype=torch.float64)
    level = float(model(x).detach().median())
    labels = (model(x)[:, 0] > level).long()
    found = attack_predictions(graph, x, labels, epsilon=0.1, level=level)
    after = (model(found.x)[:, 0] > level).long()
    assert int(found.success.sum()) > 0
    assert bool((after != labels)[found.success].all())
    with pytest.raises(DomainError, match="above which level it decides"):
        attack_predictions(graph, x, labels, epsilon=0.1)


def test_no_room_and_wrong_from_the_start(problem: Any) -> None:
    _, graph, x, labels = problem
    nothing = attack_predictions(graph, x, labels, epsilon=0.0)
    torch.testing.assert_close(nothing.x, x)
    assert not bool(nothing.success.any())
    wrong = attack_predictions(graph, x, (labels + 1) % 3, epsilon=0.01)
    assert bool((wrong.success & (wrong.before < 0)).all())


def test_the_same_seed_gives_the_same_and_leaves_the_generator(problem: Any) -> None:
    _, graph, x, labels = problem
    state = torch.random.get_rng_state()
    one, two, three = (
        attack_predictions(graph, x, labels, epsilon=0.1, gamma=0.01, seed=seed)
        for seed in (5, 5, 6)
    )
    assert torch.equal(one.x, two.x)
    assert not torch.equal(one.x, three.x)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not x.requires_grad


def test_no_input_depends_on_the_others_of_its_batch(problem: Any) -> None:
    _, graph, x, labels = problem
    box: Any = {"epsilon": 0.12, "gamma": 0.02, "seed": 3}
    whole = attack_predictions(graph, x, labels, **box)
    part = attack_predictions(graph, x[7:9], labels[7:9], **box)
    torch.testing.assert_close(part.margin, whole.margin[7:9])
    assert torch.equal(part.success, whole.success[7:9])


def test_counts_must_mean_something(problem: Any) -> None:
    _, graph, x, labels = problem
    with pytest.raises(DomainError, match="steps is 0"):
        attack_predictions(graph, x, labels, epsilon=0.1, steps=0)
