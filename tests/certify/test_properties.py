"""What holds of bounds by any method: nesting, dtypes, batches, and that nothing is written."""

from __future__ import annotations

import copy
import itertools
from typing import Any, get_args

import pytest
import torch
from tests.certify.networks import NETWORKS, Network, named
from torch import Tensor, nn

from affidavit.certify import fragility, gradient_bounds, ibp
from affidavit.certify.bounds import GRADIENTS, Method
from affidavit.certify.problem import pose
from affidavit.certify.target import score
from affidavit.graph import Interval

SOME = [network for network in NETWORKS if "scales" not in network.name][::4]
METHODS: tuple[Method, ...] = ("ibp", "crown")
NAMES = ("dense", "small residual", "max pool overlapping", "softmax inside", "quotient")


def slack(bounds: Interval, dtype: torch.dtype) -> Tensor:
    size = torch.maximum(bounds.lower.abs(), bounds.upper.abs())
    return 1e3 * torch.finfo(dtype).eps * (size.amax() + 1)


@pytest.mark.parametrize("network", SOME, ids=[network.name for network in SOME])
def test_smaller_boxes_and_finer_dtypes(network: Network) -> None:
    x = network.inputs(2, torch.float64)
    found = [
        gradient_bounds(network.graph, x, epsilon=epsilon, gamma=gamma, target=1)
        for epsilon, gamma in ((0.0, 0.0), (0.01, 0.0), (0.04, 0.0), (0.04, 0.02), (0.1, 0.02))
    ]
    for inner, outer in itertools.pairwise(found):
        room = slack(outer, torch.float64)
        assert (inner.lower >= outer.lower - room).all()
        assert (inner.upper <= outer.upper + room).all()
    # Around the same numbers, the bounds of the coarser dtype enclose those of the finer.
    coarse_x = x.float()
    coarse = gradient_bounds(network.graph, coarse_x, epsilon=0.04, gamma=0.02, target=1)
    fine = gradient_bounds(network.graph, coarse_x.double(), epsilon=0.04, gamma=0.02, target=1)
    assert coarse.lower.dtype == torch.float32
    assert fine.lower.dtype == torch.float64
    assert (coarse.lower <= fine.lower).all()
    assert (coarse.upper >= fine.upper).all()


@pytest.mark.parametrize("name", NAMES)
def test_each_input_alone(name: str) -> None:
    network = named(name)
    x = network.inputs(4, torch.float64)
    size = torch.linspace(0.0, 0.06, 4, dtype=x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
    options: dict[str, Any] = {"gamma": 0.01, "loss": "cross_entropy"}
    target = torch.tensor([0, 2, 1, 1])
    together = gradient_bounds(network.graph, x, epsilon=size, target=target, **options)
    assert together.lower.shape == x.shape
    room = slack(together, torch.float64)
    for i in range(4):
        alone = gradient_bounds(
            network.graph, x[i : i + 1], epsilon=float(size[i]), target=int(target[i]), **options
        )
        assert ((alone.lower - together.lower[i : i + 1]).abs() <= room).all()
        assert ((alone.upper - together.upper[i : i + 1]).abs() <= room).all()
    for method in METHODS:
        empty = gradient_bounds(
            network.graph, x[:0], epsilon=0.1, target=target[:0], method=method, **options
        )
        assert empty.lower.shape == empty.upper.shape == (0, *network.shape)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was(method: Method) -> None:
    first = nn.Conv2d(1, 2, 3)
    first.weight.requires_grad_(False)
    module = nn.Sequential(
        first, nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Dropout(),
        nn.Linear(8, 3),
    ).eval()  # fmt: skip
    before = copy.deepcopy(module.state_dict())
    x = torch.randn(2, 1, 4, 4, requires_grad=True)
    seed = torch.get_rng_state()
    for _ in range(2):
        found = gradient_bounds(module, x, epsilon=0.1, gamma=0.1, target=0, method=method)
        assert not found.lower.requires_grad
    assert torch.equal(seed, torch.get_rng_state())
    assert x.grad is None
    assert not module.training
    assert [p.requires_grad for p in module.parameters()] == [False, *[True] * 5]
    assert all(p.grad is None for p in module.parameters())
    assert not module._forward_hooks
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_every_method_that_has_a_name_is_tried() -> None:
    assert set(GRADIENTS) <= set(get_args(Method))


@pytest.mark.parametrize("name", ["tanh", "dense", "batch norm", "max pool overlapping"])
def test_training_sees_how_the_fragility_changes(name: str) -> None:
    """The derivative of δ by the parameters, against differences of δ itself."""
    network = named(name)
    graph = network.graph.to(torch.float64)
    x = network.inputs(3, torch.float64)
    target = score(graph, x, 1)
    direction = torch.Generator().manual_seed(3)
    params = {key: graph.tensors[key].clone().requires_grad_() for key in graph.parameters}
    way = {k: torch.randn(p.shape, generator=direction, dtype=p.dtype) for k, p in params.items()}

    def total(step: float) -> Tensor:
        moved = {key: params[key] + step * way[key] for key in params}
        problem = pose(graph, x, epsilon=0.03, gamma=0.01, params=moved)
        return fragility(ibp.gradient(problem, target)).sum()

    slopes = torch.autograd.grad(total(0.0), list(params.values()), allow_unused=True)
    found = sum(
        float((slope * way[key]).sum())
        for key, slope in zip(params, slopes, strict=True)
        if slope is not None
    )
    with torch.no_grad():
        expected = float((total(1e-6) - total(-1e-6)) / 2e-6)
    assert found == pytest.approx(expected, rel=1e-4)
    assert abs(expected) > 1e-3
