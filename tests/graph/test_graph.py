"""The graph: construction, evaluation, shapes, identity, and getting from process to process."""

from __future__ import annotations

import copy
import itertools
import pickle
import subprocess
import sys
import weakref
from typing import Any

import pytest
import torch
from tests.graph.modules import named
from torch import nn

from affidavit.errors import ModelError, UnsupportedOpsError
from affidavit.graph import BATCH, Graph, Node, load, ops
from affidavit.graph.interpreter import RULES

SMALL = named("small network").graph
RELU = Node("y", ops.Relu(), ("input",))


def graph(*nodes: Node, output: str = "y", shape: tuple[int, ...] = (4,), **tensors: Any) -> Graph:
    return Graph(nodes, output, shape, tensors)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: graph(RELU, RELU), "two values of the graph are named 'y'"),
        (lambda: graph(Node("y", ops.Relu(), ("z",))), "'y' uses 'z', which no earlier node"),
        (lambda: graph(Node("y", ops.Relu(), ("y",))), "'y' uses 'y', which no earlier node"),
        (lambda: graph(Node("y", ops.Relu(), ("input", "input"))), "takes 1 to 1 operands, not 2"),
        (lambda: graph(RELU, output="z"), "output 'z' is no node"),
        (lambda: graph(RELU, output="w", w=torch.ones(3)), "output 'w' is no node"),
        (lambda: graph(Node("input", ops.Relu(), ("input",))), "two values"),
        (lambda: graph(RELU, input=torch.ones(3)), "names both the input and a tensor"),
        (lambda: Graph((RELU,), "y", (4,), {}, ("w",)), "parameter 'w' is no tensor"),
        (
            lambda: graph(Node("y", ops.Relu(), ("w",)), w=torch.ones(3)),
            "does not depend on the input",
        ),
        (
            lambda: graph(Node("y", ops.Linear(), ("input", "w")), w=torch.ones(3, 5)),
            r"Linear\(\) cannot be applied to input \[2, 4\], w \[3, 5\] in a batch of 2",
        ),
        (
            lambda: graph(Node("y", ops.Add(), ("input", "w")), w=torch.ones(2, 4)),
            "in a batch of 3",
        ),
        (lambda: graph(Node("y", ops.Reshape((-1,)), ("input",))), "mixes the batch"),
        (
            lambda: graph(Node("y", ops.Linear(), ("w", "input")), w=torch.ones(3, 4)),
            "mixes the batch",
        ),
        (
            lambda: graph(
                Node("m", ops.Mean((1,)), ("input",)),
                Node("u", ops.Reshape((-1, 1)), ("m",)),
                Node("y", ops.Add(), ("m", "u")),
            ),
            "mixes the batch",
        ),
    ],
)  # fmt: skip
def test_what_is_no_graph(make: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make()


@pytest.mark.parametrize(
    "op",
    [
        ops.Softmax(0), ops.LogSoftmax(0), ops.Slice(0, 0, 1), ops.Concat(0), ops.Mean((0,)),
        ops.Transpose((1, 0)), ops.Pad(((1, 0), (0, 0))),
    ],
    ids=str,
)  # fmt: skip
def test_ops_over_the_batch(op: ops.Op) -> None:
    with pytest.raises(ModelError, match="batch"):
        graph(Node("y", op, ("input",)))


def test_faults_of_the_batch_are_reported_together() -> None:
    nodes = (
        Node("a", ops.Softmax(0), ("input",), "first"),
        Node("y", ops.LogSoftmax(0), ("a",), "second"),
    )
    with pytest.raises(UnsupportedOpsError) as caught:
        graph(*nodes)
    assert [place for _, place in caught.value.ops] == ["first", "second"]
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.ops == caught.value.ops


def test_shapes() -> None:
    assert SMALL.shapes[SMALL.output] == (BATCH, 3)
    assert SMALL.shapes["input"] == (BATCH, 1, 4, 4)
    assert SMALL.shapes["0.weight"] == (3, 1, 3, 3)
    assert "nodes, input [1, 4, 4], output [3], 156 parameters" in repr(SMALL)


def test_a_graph_of_no_nodes_is_the_identity() -> None:
    empty = Graph((), "input", (4,), {})
    x = torch.randn(2, 4)
    assert torch.equal(empty(x), x)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(4), r"shape \[4\]; expected \[batch, 4\]"),
        (torch.zeros(2, 5), r"expected \[batch, 4\]"),
        (torch.tensor(1.0), r"expected \[batch, 4\]"),
        (torch.zeros(2, 4, dtype=torch.int64), "torch.int64; expected a floating one"),
    ],
)
def test_wrong_inputs(x: torch.Tensor, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        graph(RELU)(x)


def test_unknown_names_come_with_the_nearest() -> None:
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ModelError, match=r"no tensor '0.weigth' \(did you mean '0.weight'\?\)"):
        SMALL(x, params={"0.weigth": torch.zeros(3, 1, 3, 3)})
    with pytest.raises(ModelError, match=r"no node '3.body.9' \(did you mean '3.body"):
        SMALL.values(x, ["3.body.9"])
    with pytest.raises(ModelError, match="no node 'x'"):
        SMALL["x"]
    with pytest.raises(ModelError, match="a tensor, not a node"):
        SMALL["0.weight"]


def test_values_and_users() -> None:
    x = torch.randn(2, 1, 4, 4)
    found = SMALL.values(x, ["input", "0", "0.weight", SMALL.output])
    assert torch.equal(found["input"], x)
    assert torch.equal(found["0.weight"], SMALL.tensors["0.weight"])
    assert torch.equal(found[SMALL.output], SMALL(x))
    assert {node.name for node in SMALL.users("2")} >= {"3.body.0"}
    assert len(SMALL.users("2")) == 2  # the residual branch and the sum


def test_values_lets_go_of_what_is_needed_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0

    def watched(op: ops.Op, x: torch.Tensor) -> torch.Tensor:
        nonlocal most
        result = torch.abs(x)
        most = max(most, sum(reference() is not None for reference in alive))
        alive.append(weakref.ref(result))
        return result

    monkeypatch.setitem(RULES, ops.Abs, watched)
    names = ["input", *(f"n{i}" for i in range(20))]
    nodes = [Node(b, ops.Abs(), (a,)) for a, b in itertools.pairwise(names)]
    chain = Graph(tuple(nodes), "n19", (4,), {})
    alive.clear()
    most = 0
    chain(torch.ones(1, 4))
    assert most <= 2


def test_dtypes_and_moving() -> None:
    x = torch.randn(2, 1, 4, 4)
    double = SMALL.to(torch.float64)
    assert all(tensor.dtype == torch.float64 for tensor in double.tensors.values())
    assert double.parameters == SMALL.parameters
    assert SMALL.tensors["0.weight"].dtype == torch.float32
    torch.testing.assert_close(double(x.double()).float(), SMALL(x))
    assert SMALL(x.double()).dtype == torch.float64
    assert double(x).dtype == torch.float32
    integers = graph(Node("y", ops.Mul(), ("input", "c")), c=torch.arange(4)).to(torch.float64)
    assert integers.tensors["c"].dtype == torch.int64


def test_copies_work_as_the_original_also_after_a_call() -> None:
    x = torch.randn(2, 1, 4, 4)
    expected = SMALL(x)
    assert SMALL.sha256
    for other in (pickle.loads(pickle.dumps(SMALL)), copy.deepcopy(SMALL), copy.copy(SMALL)):
        assert torch.equal(other(x), expected)
        assert other.sha256 == SMALL.sha256


def test_the_hash_is_of_the_content() -> None:
    weights = dict(SMALL.tensors)
    weights["0.weight"] = weights["0.weight"].clone()
    weights["0.weight"].view(-1)[3] += 1e-6
    fields = (SMALL.nodes, SMALL.output, SMALL.input_shape)
    assert Graph(*fields, SMALL.tensors, SMALL.parameters).sha256 == SMALL.sha256
    backwards = dict(reversed(list(SMALL.tensors.items())))
    assert Graph(*fields, backwards, SMALL.parameters).sha256 == SMALL.sha256
    others = [
        Graph(*fields, weights, SMALL.parameters),
        Graph(*fields, SMALL.tensors, SMALL.parameters[1:]),
        SMALL.to(torch.float64),
        SMALL.to(torch.bfloat16),
        Graph(SMALL.nodes, "2", SMALL.input_shape, SMALL.tensors, SMALL.parameters),
    ]
    assert len({SMALL.sha256, *(other.sha256 for other in others)}) == 6
    slopes = [graph(Node("y", ops.LeakyRelu(slope), ("input",))).sha256 for slope in (0.1, 0.2)]
    assert slopes[0] != slopes[1]


def test_the_hash_is_the_same_in_another_process() -> None:
    code = """
import torch
from affidavit.graph import Graph, Node, ops
node = Node('y', ops.Linear(), ('input', 'w'))
w = torch.arange(12.0).reshape(3, 4)
print(Graph((node,), 'y', (4,), {'w': w}, ('w',)).sha256)
"""
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    node = Node("y", ops.Linear(), ("input", "w"))
    here = Graph((node,), "y", (4,), {"w": torch.arange(12.0).reshape(3, 4)}, ("w",)).sha256
    assert here == other


def test_training_through_the_graph() -> None:
    module = nn.Linear(3, 1)
    linear = load(module, torch.zeros(1, 3))
    live = {name: tensor.clone().requires_grad_() for name, tensor in linear.tensors.items()}
    optimizer = torch.optim.SGD(live.values(), lr=0.1)
    x, y = torch.randn(32, 3), torch.randn(32, 1)
    before = linear.sha256
    losses = []
    for _ in range(20):
        loss = (linear(x, params=live) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert linear.sha256 == before
    assert not torch.equal(live["weight"], linear.tensors["weight"])


class _Views(nn.Module):
    """Activations whose operand is also seen elsewhere: through a view, twice, or as the output."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.first(x)
        view = a.reshape(-1, 2, 3)
        b = torch.relu(a)
        c = self.second(b)
        d = nn.functional.leaky_relu(c, 0.2) + c
        e = nn.functional.hardtanh(self.second(d))
        result: torch.Tensor = e + view.reshape(-1, 6) + torch.relu(x @ torch.ones(4, 6))
        return result


@pytest.mark.parametrize("gradients", [True, False])
def test_no_value_is_overwritten_that_somebody_sees(gradients: bool) -> None:
    torch.manual_seed(0)
    module = _Views()
    graph = load(module, torch.zeros(1, 4))
    x = torch.randn(5, 4)
    before = x.clone()
    everything = [node.name for node in graph.nodes]
    with torch.set_grad_enabled(gradients):
        torch.testing.assert_close(graph(x), module(x))
        alone = {name: graph.values(x, [name])[name] for name in everything}
        together = graph.values(x, everything)
    assert torch.equal(x, before)
    for name in everything:
        torch.testing.assert_close(alone[name], together[name])
        assert torch.equal(together[name], graph.values(x, [name, graph.output])[name])
