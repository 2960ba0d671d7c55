"""Interval bounds against real arithmetic, on the table of modules and in extreme corners."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.intervals.soundness import around, check_sound
from tests.graph.modules import CASES, Case, named
from tests.graph.passes.graphs import random_graph
from tests.reference import real_numbers
from torch import Tensor, nn

from affidavit.errors import DomainError, UnsupportedOpsError
from affidavit.graph import BATCH, Graph, Interval, Node, ops, propagate
from affidavit.graph.intervals.rules import RULES

BOUNDED = [case for case in CASES if not {ops.Gelu, ops.Silu} & case.ops]


def test_the_reference_covers_every_rule() -> None:
    assert set(real_numbers.RULES) == set(RULES)


@pytest.mark.parametrize("case", BOUNDED, ids=[case.name for case in BOUNDED])
def test_the_table_of_modules(case: Case) -> None:
    x = case.inputs(1, torch.float64)
    for dtype in (torch.float64, torch.float32):
        check_sound(case.graph, Interval.point(x), dtype=dtype)
        for radius in (1e-3, 1.0):
            check_sound(case.graph, around(x, radius), dtype=dtype, count=1)


WITH_WEIGHTS = [case for case in BOUNDED if case.graph.parameters]


@pytest.mark.parametrize("case", WITH_WEIGHTS, ids=[case.name for case in WITH_WEIGHTS])
def test_boxes_of_parameters(case: Case) -> None:
    x = case.inputs(1, torch.float64)
    for gamma in (1e-6, 0.3):
        params = {
            name: around(tensor.double(), gamma * tensor.double().abs())
            for name, tensor in case.graph.tensors.items()
            if name in case.graph.parameters
        }
        for dtype in (torch.float64, torch.float32):
            for radius in (0.0, 0.1):
                check_sound(case.graph, around(x, radius), params, dtype=dtype, count=1)


def one(op: ops.Op, shape: tuple[int, ...], **tensors: Tensor) -> Graph:
    """A graph of a single op."""
    return Graph((Node("y", op, ("input", *tensors)),), "y", shape, tensors, tuple(tensors))


MAGNITUDES = [0.0, 1.0, 1e-300, 5e-324, 1e-160, 1e-40, 1e30, 1e150]
finite = st.sampled_from([s * m for m in MAGNITUDES for s in (1, -1)]) | st.floats(-1e3, 1e3)


def vectors(size: int) -> st.SearchStrategy[Tensor]:
    return st.lists(finite, min_size=size, max_size=size).map(
        lambda entries: torch.tensor(entries, dtype=torch.float64)
    )


@given(x=vectors(4), other=vectors(4), weight=vectors(8), bias=vectors(2), spread=vectors(8))
@settings(max_examples=80)
def test_linear_of_any_magnitude(
    x: Tensor, other: Tensor, weight: Tensor, bias: Tensor, spread: Tensor
) -> None:
    graph = one(ops.Linear(), (4,), w=weight.reshape(2, 4), b=bias)
    check_sound(graph, Interval.point(x[None]))
    check_sound(graph, Interval(torch.minimum(x, other)[None], torch.maximum(x, other)[None]))
    matrix, radius = weight.reshape(2, 4), spread.reshape(2, 4).abs()
    try:
        check_sound(graph, Interval.point(x[None]), {"w": around(matrix, radius)})
    except DomainError as error:  # 1e150 times 1e150 is a number, a sum of many may not be
        assert "overflow" in str(error)  # noqa: PT017


ELEMENTWISE: list[ops.Op] = [
    ops.Relu(), ops.Abs(), ops.Clip(-0.1, 0.3), ops.LeakyRelu(0.1), ops.LeakyRelu(-0.7),
    ops.Sigmoid(), ops.Tanh(), ops.Softplus(), ops.Softplus(2.5, 3.0), ops.Softplus(0.3, 20.0),
    ops.Softplus(-1.5, 2.0), ops.Softplus(1.0, -5.0), ops.Softplus(7.0, 0.0), ops.Elu(),
    ops.Elu(-0.6), ops.Elu(1.6732632423543772, 1.0507009873554805), ops.Elu(0.5, -2.0),
    ops.Pad(((0, 0), (1, 2)), 0.1),
]  # fmt: skip
EDGES = [
    0.0, 5e-324, 1e-310, 1e-40, 1e-8, 0.1, 1 / 3, 1.0, 1.2, 2 / 1.5, 3 / 2.5, 5.0, 8.0, 18.0, 19.9,
    20.0, 20.1, 36.7, 37.0, 40.0, 88.7, 104.0, 300.0, 700.0, 709.8, 745.2, 750.0, 1e4, 1e30, 1e300,
]  # fmt: skip


@pytest.mark.parametrize("op", ELEMENTWISE, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_elementwise_at_the_edges(op: ops.Op, dtype: torch.dtype) -> None:
    most = 1e300 if dtype == torch.float64 else 1e30
    entries = [s * e for e in EDGES for s in (1, -1) if e <= most]
    entries += [math.nextafter(e, sign * math.inf) for e in entries for sign in (1, -1)]
    x = torch.tensor(entries, dtype=torch.float64)
    graph = one(op, (len(x),))
    check_sound(graph, Interval.point(x[None]), dtype=dtype, count=0)
    check_sound(graph, around(x[None], 0.3), dtype=dtype, count=1)
    # Pairs of edges as boxes.
    lower, upper = (pair.reshape(1, -1) for pair in torch.meshgrid(x[::5], x[::5], indexing="ij"))
    keep = (lower <= upper)[0]
    box = Interval(lower[:, keep], upper[:, keep])
    check_sound(one(op, (int(keep.sum()),)), box, dtype=dtype, count=1)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("op", [ops.Softmax, ops.LogSoftmax])
@pytest.mark.parametrize(
    "x",
    [
        torch.tensor([[[1e4, -1e4, 0.0]]]), torch.tensor([[[1e4], [1e4 - 1], [-1e4]]]),
        torch.tensor([[[0.3]]]), torch.tensor([[[-745.0, 0.0]]]), torch.zeros(1, 2, 50),
        torch.tensor([[[1e-300, -1e-300, 40.0]]]), torch.tensor([[[1e15, 1e15 + 1, 0.0]]]),
        torch.linspace(-60, 60, 41)[None, None],
    ],
)  # fmt: skip
def test_softmax(op: type[ops.Softmax | ops.LogSoftmax], axis: int, x: Tensor) -> None:
    x = x.double()
    graph = one(op(axis), tuple(x.shape[1:]))
    for dtype in (torch.float64, torch.float32):
        for radius in (0.0, 0.4, 30.0):
            bounds = check_sound(graph, around(x, radius), dtype=dtype)["y"]
            if op is ops.Softmax:
                assert bounds.lower.min() >= 0
                assert bounds.upper.max() <= 1


def test_long_sums_and_cancellation() -> None:
    ramp = torch.linspace(-1, 1, 4001, dtype=torch.float64)
    x = torch.cat([ramp * 1e16, torch.full((3,), 0.1, dtype=torch.float64), -ramp * 1e16])[None]
    size = x.shape[1]
    for graph in (
        one(ops.Linear(), (size,), w=torch.ones(1, size, dtype=torch.float64)),
        one(ops.Mean((1,)), (size,)),
    ):
        for dtype in (torch.float64, torch.float32):
            check_sound(graph, Interval.point(x), dtype=dtype, count=0)
            check_sound(graph, around(x, 1e-9), dtype=dtype, count=1)


@pytest.mark.parametrize("scale", [1e-200, 1e-150, 1e150])
def test_networks_of_extreme_weights(scale: float) -> None:
    case = named("small network")
    first, *_ = case.graph.parameters
    tensors = {
        name: tensor.double() * (scale if name == first else 1.0)
        for name, tensor in case.graph.tensors.items()
    }
    graph = Graph(case.graph.nodes, case.graph.output, case.shape, tensors, case.graph.parameters)
    x = case.inputs(1, torch.float64)
    check_sound(graph, around(x, 0.1), count=1)
    params = {first: around(tensors[first], 0.1 * tensors[first].abs())}
    check_sound(graph, around(x, 0.1), params, count=1)


def test_batch_norm_of_odd_statistics() -> None:
    numbers = {
        "scale": [1e-300, -2.0, 1e100, 0.0], "shift": [0.0, 1e16, -1e100, 1.0],
        "mean": [1e16, -1e-300, 3.0, 0.1], "variance": [0.0, 1e-310, 1e200, 1e-5],
    }  # fmt: skip
    tensors = {k: torch.tensor(v, dtype=torch.float64) for k, v in numbers.items()}
    graph = one(ops.BatchNorm(1e-5), (4,), **tensors)
    x = torch.tensor([[1e16, -1e-300, 3.0, -7.0]], dtype=torch.float64)
    check_sound(graph, Interval.point(x))
    params = {name: around(tensors[name], 0.5) for name in ("scale", "shift")}
    check_sound(graph, around(x, 0.25), params)


@pytest.mark.parametrize("slope", [-1.5, -0.0, 0.0, 0.3, 2.0])
def test_prelu_boxes_of_slopes(slope: float) -> None:
    graph = one(ops.PRelu(), (3, 2), slope=torch.full((3, 1), slope, dtype=torch.float64))
    x = torch.tensor([[[-1.0, 1.0], [-1e-300, 1e-300], [0.0, -5.0]]], dtype=torch.float64)
    for radius in (0.0, 0.5, 3.0):
        check_sound(graph, around(x, radius))
        check_sound(graph, around(x, radius), {"slope": around(graph.tensors["slope"], 0.4)})


def test_max_pool_with_infinite_padding() -> None:
    pad = Node("padded", ops.Pad(((0, 0), (0, 0), (1, 1)), -math.inf), ("input",))
    turn = Node("turned", ops.Reshape((BATCH, 1, 7)), ("padded",))
    pool = Node("y", ops.MaxPool((2,), (1,), (0,), (1,)), ("turned",))
    graph = Graph((pad, turn, pool), "y", (1, 5), {})
    x = torch.tensor([[[-5.0, 3.0, -1e300, 2.0, 9.0]]], dtype=torch.float64)
    bounds = check_sound(graph, around(x, 0.5))
    assert torch.isfinite(bounds["y"].lower).all()


def test_division() -> None:
    tensors = {"c": torch.tensor([3.0, -1e-300, 1e-200], dtype=torch.float64)}
    x = torch.tensor([[1.0, 1e-5, 1e100]], dtype=torch.float64)
    check_sound(one(ops.Div(), (3,), **tensors), around(x, 1e-3 * x))
    check_sound(one(ops.Div(), (3,), **tensors), Interval.point(x))
    turned = Graph((Node("y", ops.Div(), ("c", "input")),), "y", (3,), tensors)
    check_sound(turned, around(x, 0.5 * x))
    with pytest.raises(DomainError, match="holds 0"):
        propagate(turned, around(x, 2 * x))


@given(seed=st.integers(0, 10**6), radius=st.sampled_from([0.0, 1e-8, 0.1, 2.0]))
@settings(max_examples=40)
def test_random_graphs(seed: int, radius: float) -> None:
    graph = random_graph(seed)
    x = torch.randn(1, *graph.input_shape, dtype=torch.float64)
    check_sound(graph, around(x, radius), count=1)
    check_sound(graph, around(x, radius), dtype=torch.float32, count=0)


# Overflow is an error, never an infinite or undefined bound.


@pytest.mark.parametrize(
    ("graph", "x"),
    [
        (one(ops.Linear(), (2,), w=torch.full((1, 2), 1e200, dtype=torch.float64)), 1e200),
        (one(ops.Mul(), (2,), c=torch.tensor(1e200, dtype=torch.float64)), 1e200),
        (one(ops.Add(), (2,), c=torch.tensor(1.7e308, dtype=torch.float64)), 1.7e308),
        (one(ops.Sub(), (2,), c=torch.tensor(-1.7e308, dtype=torch.float64)), 1.7e308),
        (one(ops.Div(), (2,), c=torch.tensor(5e-324, dtype=torch.float64)), 1.0),
        (one(ops.Mean((1,)), (2,)), 1.7e308),
        (one(ops.AveragePool((2,), (2,), (0,)), (1, 2)), 1.7e308),
        (one(ops.Add(), (2,), c=torch.tensor(math.inf)), 1.0),
        (one(ops.Mul(), (2,), c=torch.tensor(math.nan)), 1.0),
        (one(ops.LogSoftmax(1), (2,)), 1.7e308),
    ],
    ids=str,
)  # fmt: skip
def test_overflow(graph: Graph, x: float) -> None:
    box = torch.full((1, *graph.input_shape), x, dtype=torch.float64)
    lower = -box if isinstance(graph.nodes[0].op, ops.LogSoftmax) else box
    with pytest.raises(DomainError, match="overflow"):
        propagate(graph, Interval(lower, box))


def test_overflow_that_a_later_op_would_hide() -> None:
    nodes = (
        Node("a", ops.Mul(), ("input", "c")),
        Node("b", ops.Sigmoid(), ("a",)),
    )
    graph = Graph(nodes, "b", (1,), {"c": torch.tensor(1e200, dtype=torch.float64)})
    with pytest.raises(DomainError, match="overflow"):
        propagate(graph, around(torch.full((1, 1), 1e200, dtype=torch.float64), 1.0))
    with pytest.raises(DomainError, match=r"overflow in torch\.float32"):
        propagate(graph, around(torch.ones(1, 1, dtype=torch.float64), 0.5), dtype=torch.float32)


def test_ops_without_a_rule_are_named_together() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.GELU(), nn.Linear(3, 3), nn.SiLU())
    from affidavit.graph import load

    with pytest.raises(UnsupportedOpsError, match="without an interval rule") as caught:
        propagate(load(module, torch.zeros(1, 3)), around(torch.zeros(1, 3), 0.1))
    assert caught.value.ops == (("Gelu", "1"), ("Silu", "3"))
