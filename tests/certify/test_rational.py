"""Float bounds enclose what is computed in fractions: interval bounds, and gradients at corners."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction
from typing import Any

import pytest
import torch
from tests.reference import rational_intervals as reference
from torch import Tensor

from affidavit.certify import gradient_bounds
from affidavit.certify.bounds import Method
from affidavit.errors import DomainError
from affidavit.graph import BATCH, Graph, Interval, Node, ops

DTYPES = [torch.float32, torch.float64]
SCALES: dict[torch.dtype, list[tuple[float, float]]] = {
    torch.float32: [(1, 1), (1e-12, 1e10), (1e-40, 1e30), (1e18, 1e-18), (1e-44, 1e-3)],
    torch.float64: [(1, 1), (1e-12, 1e10), (1e-310, 1e290), (1e150, 1e-150), (5e-324, 1.0)],
}


def dense(dtype: torch.dtype, seed: int, first: float, second: float) -> Graph:
    """Three layers; some rows of the first two are scaled, some exactly 0, some repeated."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [2, 4, 3, 2]
    tensors: dict[str, Tensor] = {}
    nodes: list[Node] = []
    last = "input"
    for layer in range(3):
        weight, bias = (
            torch.randn(*shape, generator=generator, dtype=torch.float64)
            for shape in ((sizes[layer + 1], sizes[layer]), (sizes[layer + 1],))
        )
        weight[::2] *= first if layer < 2 else 1
        weight[1] = weight[0] if layer == 1 else weight[1] * second
        bias *= min(first, 1.0) if layer == 0 else 0
        tensors |= {f"w{layer}": weight.to(dtype), f"b{layer}": bias.to(dtype)}
        nodes.append(Node(f"z{layer}", ops.Linear(), (last, f"w{layer}", f"b{layer}")))
        last = f"z{layer}"
        if layer < 2:
            nodes.append(Node(f"y{layer}", ops.Relu(), (last,)))
            last = f"y{layer}"
    return Graph(tuple(nodes), last, (2,), tensors, tuple(tensors))


def layers_of(graph: Graph) -> list[Any]:
    """Weights and biases in fractions, layer by layer."""
    pairs = [(graph.tensors[f"w{i}"], graph.tensors[f"b{i}"]) for i in range(3)]
    return [
        [reference.exact(w.double().tolist()), reference.exact(b.double().tolist())]
        for w, b in pairs
    ]


def enclosed(bounds: Interval, exact: list[reference.Range]) -> None:
    low, high = (end.double().flatten().tolist() for end in (bounds.lower, bounds.upper))
    for a, b, inner in zip(low, high, exact, strict=True):
        assert Fraction(a) <= inner.low, (a, float(inner.low))
        assert inner.high <= Fraction(b), (float(inner.high), b)


def points(ranges: Any, choose: random.Random) -> Any:
    """A corner of a box of nested ranges, as ranges of one number."""
    if isinstance(ranges, reference.Range):
        return reference.Range(*[choose.choice(ranges)] * 2)
    return [points(entry, choose) for entry in ranges]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(4))
def test_dense_networks_of_any_scale(dtype: torch.dtype, seed: int) -> None:
    bounded = 0
    for first, second in SCALES[dtype]:
        graph = dense(dtype, seed, first, second)
        for x, epsilon, gamma in itertools.product(
            ([0.3, -0.7], [1e-30, 0.0]), (0.0, 0.02, 1.5), (0.0, 0.02, 1.0)
        ):
            bounded += one_case(graph, torch.tensor([x], dtype=dtype), epsilon, gamma, seed)
    assert bounded >= 18 * (len(SCALES[dtype]) - 1)


def one_case(graph: Graph, x: Tensor, epsilon: float, gamma: float, seed: int) -> bool:
    box = reference.around(reference.exact(x[0].double().tolist()), lambda v: Fraction(epsilon))
    layers = reference.around(layers_of(graph), lambda v: Fraction(gamma) * abs(v))
    seedling = reference.around([Fraction(0), Fraction(1)], lambda v: Fraction(0))
    try:
        bounds = gradient_bounds(graph, x, epsilon=epsilon, gamma=gamma, target=1)
    except DomainError as error:
        assert "overflow" in str(error)  # noqa: PT017
        return False
    # The centre/radius product is an enclosure of the exact interval product.
    enclosed(bounds, reference.gradient(layers, box, seedling))
    choose = random.Random(seed)
    for _ in range(4):
        corner = points(layers, choose)
        found = reference.gradient(corner, points(box, choose), seedling)
        enclosed(bounds, found)
    return True


@pytest.mark.parametrize("method", ["ibp", "crown"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_at_corners_by_any_method(dtype: torch.dtype, method: Method) -> None:
    choose = random.Random(0)
    for seed, (first, second) in itertools.product(range(2), SCALES[dtype][:3]):
        graph = dense(dtype, seed, first, second)
        x = torch.tensor([[0.3, -0.7]], dtype=dtype)
        bounds = gradient_bounds(graph, x, epsilon=0.1, gamma=0.02, target=1, method=method)
        box = reference.around(reference.exact(x[0].double().tolist()), lambda v: Fraction(0.1))
        layers = reference.around(layers_of(graph), lambda v: Fraction(0.02) * abs(v))
        seedling = reference.around([Fraction(0), Fraction(1)], lambda v: Fraction(0))
        for _ in range(10):
            found = reference.gradient(points(layers, choose), points(box, choose), seedling)
            enclosed(bounds, found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [0.0, 0.1])
def test_a_convolution_as_the_matrix_that_it_is(dtype: torch.dtype, gamma: float) -> None:
    # One channel of 3 x 2, a kernel of 2 x 2 with padding on two sides, ReLU, and a dense layer.
    generator = torch.Generator().manual_seed(2)
    kernel, last = (
        torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)
        for shape in ((1, 1, 2, 2), (2, 6))
    )
    conv = ops.Conv((1, 1), ((1, 0), (0, 1)), (1, 1))
    nodes = (
        Node("z", conv, ("input", "kernel")),
        Node("y", ops.Relu(), ("z",)),
        Node("flat", ops.Reshape((BATCH, 6)), ("y",)),
        Node("out", ops.Linear(), ("flat", "last")),
    )
    tensors = {"kernel": kernel, "last": last}
    graph = Graph(nodes, "out", (1, 3, 2), tensors, ("kernel", "last"))
    weights = reference.exact(kernel[0, 0].double().tolist())
    matrix = [[Fraction(0)] * 6 for _ in range(6)]
    for row, column, i, j in itertools.product(range(3), range(2), range(2), range(2)):
        above, along = row + i - 1, column + j
        if 0 <= above < 3 and along < 2:
            matrix[row * 2 + column][above * 2 + along] += weights[i][j]
    widen = lambda v: Fraction(gamma) * abs(v)
    zeros = [reference.Range(Fraction(0), Fraction(0))]
    layers = [
        (reference.around(matrix, widen), zeros * 6),
        (reference.around(reference.exact(last.double().tolist()), widen), zeros * 2),
    ]
    for seed, epsilon in itertools.product(range(3), (0.0, 0.1, 2.0)):
        x = torch.randn(1, 1, 3, 2, generator=torch.Generator().manual_seed(seed)).to(dtype)
        flat = reference.exact(x.double().flatten().tolist())
        box = reference.around(flat, lambda v, e=epsilon: Fraction(e))
        seedling = reference.around([Fraction(1), Fraction(0)], lambda v: Fraction(0))
        bounds = gradient_bounds(graph, x, epsilon=epsilon, gamma=gamma, target=0)
        enclosed(bounds, reference.gradient(layers, box, seedling))
