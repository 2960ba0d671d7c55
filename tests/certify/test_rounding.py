"""What rounding did to bounds: boxes smaller than asked for, and gradients computed in a dtype."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn

from affidavit.certify import gradient_bounds, margin_bounds, output_bounds
from affidavit.certify.bounds import Method
from affidavit.certify.boxes import input_box, weight_boxes
from affidavit.errors import DomainError
from affidavit.graph import Graph, Interval, Node, load, ops

DTYPES = [torch.float32, torch.float64]
SIZES = [0.02, 0.1, 0.3, 1e-3, 0.7, 1 / 3]


def fractions(tensor: Tensor) -> list[Fraction]:
    return [Fraction(entry) for entry in tensor.double().flatten().tolist()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("epsilon", SIZES)
def test_boxes_of_inputs_are_not_smaller_than_asked_for(dtype: torch.dtype, epsilon: float) -> None:
    # Some inputs lie so that an end cancels to next to nothing.
    x = torch.tensor([[*SIZES, 0.0, -0.1, 5.0]], dtype=torch.float64).to(dtype)
    size = Fraction(epsilon)
    for given in (epsilon, torch.tensor(epsilon, dtype=torch.float64)):
        box = input_box(x, given)
        assert box.lower.dtype == dtype
        for middle, low, high in zip(*map(fractions, (x, box.lower, box.upper)), strict=True):
            assert low <= middle - size
            assert high >= middle + size
            assert high - low <= 2 * size + (abs(middle) + size) * 10 * Fraction(
                torch.finfo(dtype).eps
            )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("end", [0.7, 0.1, 0.3])
def test_the_range_of_the_data_is_not_cut(dtype: torch.dtype, end: float) -> None:
    x = torch.zeros(1, 3, dtype=dtype)
    box = input_box(x, 1.0, (-end, torch.tensor(end, dtype=torch.float64)))
    for low, high in zip(fractions(box.lower), fractions(box.upper), strict=True):
        assert low <= -Fraction(end)
        assert high >= Fraction(end)
        assert high <= Fraction(end) * (1 + 4 * Fraction(torch.finfo(dtype).eps))


@pytest.mark.parametrize("method", ["ibp", "crown"])
def test_mixed_precision_around_a_call_changes_nothing(method: Method) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(8, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU())
    graph = load(nn.Sequential(*layers, nn.Linear(30, 3)), torch.zeros(1, 8))
    x = torch.rand(2, 8)

    def bounds() -> list[Interval]:
        return [
            gradient_bounds(graph, x, epsilon=0.01, target=0, method=method),
            output_bounds(graph, x, epsilon=0.01, method=method),
            margin_bounds(graph, x, 0, epsilon=0.01, method=method),
        ]

    plain = bounds()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = bounds()
    for one, other in zip(plain, mixed, strict=True):
        assert torch.equal(one.lower, other.lower)
        assert torch.equal(one.upper, other.upper)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_boxes_that_overflow_are_refused(dtype: torch.dtype, sign: int) -> None:
    most = sign * torch.finfo(dtype).max
    x = torch.tensor([[0.0, most, 1.0]], dtype=dtype)
    for size in (abs(most) / 2, torch.full((3,), abs(most) / 2, dtype=dtype)):
        with pytest.raises(DomainError, match="overflows"):
            input_box(x, size)
        with pytest.raises(DomainError, match="overflows"):
            # ReLU alone, behind which nothing is looked at
            output_bounds(nn.ReLU(), x, epsilon=size)
        assert bool(torch.isfinite(input_box(x, size, (-abs(most), abs(most))).upper).all())
        assert input_box(x[:0], size).lower.shape == (0, 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [*SIZES, 0.99, 0.999999, 1 - 1e-8, 1.0, 3.0])
def test_boxes_of_weights_are_not_smaller_than_asked_for(dtype: torch.dtype, gamma: float) -> None:
    module = nn.Linear(40, 2).to(dtype)
    graph = load(module, torch.zeros(1, 40, dtype=dtype))
    for name, box in weight_boxes(graph, gamma).items():
        weights = fractions(graph.tensors[name])
        for weight, low, high in zip(
            weights, fractions(box.lower), fractions(box.upper), strict=True
        ):
            assert low <= weight - Fraction(gamma) * abs(weight)
            assert high >= weight + Fraction(gamma) * abs(weight)


# What a network computes in the dtype of the bounds is within them, without any slack.

FAR = torch.cat([torch.linspace(-110, 110, 221), torch.linspace(-4, 4, 81)]).double()
SATURATING: list[nn.Module] = [
    nn.Sigmoid(), nn.Tanh(), nn.ELU(), nn.ELU(0.7), nn.SELU(), nn.CELU(0.3), nn.Softplus(),
    nn.Softplus(2.5, 1.0), nn.Hardswish(), nn.Hardsigmoid(),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["ibp", "crown"])
@pytest.mark.parametrize("module", SATURATING, ids=str)
def test_derivatives_of_saturated_units(
    module: nn.Module, method: Method, dtype: torch.dtype
) -> None:
    x = FAR.to(dtype)[:, None].expand(-1, 2).contiguous().requires_grad_()
    graph = load(module, x[:1])
    # PyTorch's own backward of these takes their constants (1 / alpha, 1 / 6) in float32, whatever
    # the dtype: what is bounded is the graph.
    coarse = isinstance(module, nn.CELU | nn.Hardswish | nn.Hardsigmoid)
    networks: list[Callable[[Tensor], Tensor]] = [graph] if coarse else [graph, module]
    expected = [torch.autograd.grad(network(x)[:, 0].sum(), x)[0] for network in networks]
    for epsilon in (0.0, 1e-7, 0.05):
        bounds = gradient_bounds(graph, x, epsilon=epsilon, target=0, method=method)
        assert all(bounds.contains(gradient) for gradient in expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("module", [nn.Softmax(1), nn.LogSoftmax(1)], ids=str)
def test_derivatives_of_a_saturated_softmax(module: nn.Module, dtype: torch.dtype) -> None:
    network = nn.Sequential(module, nn.Linear(3, 2)).to(dtype)
    gap = torch.linspace(0, 60, 61, dtype=dtype)
    x = torch.stack([gap, torch.zeros_like(gap), -gap], 1).requires_grad_()
    (expected,) = torch.autograd.grad(network(x)[:, 0].sum(), x)
    graph = load(network, x[:1])
    for epsilon in (0.0, 1e-7, 0.05):
        assert gradient_bounds(graph, x, epsilon=epsilon, target=0).contains(expected)


@pytest.mark.parametrize("order", list(itertools.permutations([1e8, 1.0, -1e8, 3.0])))
def test_what_consumers_hand_back_is_summed_in_any_order(order: tuple[float, ...]) -> None:
    nodes = [Node(f"m{i}", ops.Mul(), ("input", f"c{i}")) for i in range(4)]
    nodes += [Node("s1", ops.Add(), ("m0", "m1")), Node("s2", ops.Add(), ("s1", "m2")),
              Node("s3", ops.Add(), ("s2", "m3"))]  # fmt: skip
    tensors = {f"c{i}": torch.tensor(factor) for i, factor in enumerate(order)}
    bounds = gradient_bounds(Graph(tuple(nodes), "s3", (1,), tensors), torch.ones(1, 1), target=0)
    for factors in itertools.permutations(order):
        total = torch.zeros(1, 1)
        for factor in factors:
            total = total + factor
        assert bounds.contains(total)
