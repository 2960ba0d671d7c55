"""Graphs from PyTorch modules compute what the modules do, and refuse what they cannot say."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.graph.modules import CASES, NAMES, Apply, Case, Tensors, Tied, Twice
from torch import Tensor, nn

from affidavit.errors import AffidavitError, ModelError, UnsupportedOpsError
from affidavit.graph import load, ops

TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-12}


def test_the_table_covers_every_op() -> None:
    covered = frozenset[type[ops.Op]]().union(*(case.ops for case in CASES))
    missing = [op.__name__ for op in ops.OPS if op not in covered]
    assert not missing, f"add a line to tests/graph/modules.py for {missing}"


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_graph_equals_module(case: Case) -> None:
    assert case.ops <= {type(node.op) for node in case.graph.nodes}
    for dtype, module in ((torch.float32, case.module), (torch.float64, case.double)):
        for batch in (0, 1, 3):
            x = case.inputs(batch, dtype)
            expected = module(x.clone())
            found = case.graph(x)
            assert found.dtype == dtype
            torch.testing.assert_close(
                found, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
            )


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_gradients_equal_autograd(case: Case) -> None:
    x = case.inputs(2, torch.float64).requires_grad_()
    module = copy.deepcopy(case.double)
    parameters = dict(module.named_parameters())
    assert set(parameters) >= set(case.graph.parameters)
    expected_output = module(x.clone())
    weight = torch.randn_like(expected_output)
    wanted = [x, *(parameters[name] for name in case.graph.parameters)]
    expected = torch.autograd.grad((expected_output * weight).sum(), wanted)

    live = {name: parameters[name].detach().requires_grad_() for name in case.graph.parameters}
    output = case.graph(x, params=live)
    found = torch.autograd.grad((output * weight).sum(), [x, *live.values()])
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(
            ours,
            theirs,
            rtol=1e-7,
            atol=1e-10,  # torch rounds celu and hardsigmoid to float32 here
        )


def test_names_are_those_of_the_module() -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.BatchNorm1d(2))
    graph = load(module, torch.zeros(1, 3))
    assert [node.name for node in graph.nodes] == ["0", "1", "2"]
    assert [node.module for node in graph.nodes] == ["0", "1", "2"]
    assert graph.parameters == tuple(name for name, _ in module.named_parameters())
    assert "2.running_mean" in graph.tensors
    assert "2.running_mean" not in graph.parameters


def test_a_module_used_twice_and_tied_weights() -> None:
    twice = load(Twice(), torch.zeros(1, 4))
    assert [node.module for node in twice.nodes] == ["layer", "act", "layer", "act"]
    assert twice.parameters == ("layer.weight", "layer.bias")
    tied = load(Tied(), torch.zeros(1, 4))
    assert set(tied.parameters) == {name for name, _ in Tied().named_parameters()}


def test_the_graph_keeps_its_own_weights() -> None:
    module = nn.Linear(3, 2)
    graph = load(module, torch.zeros(1, 3))
    x = torch.randn(4, 3)
    before = graph(x)
    with torch.no_grad():
        module.weight.zero_()
    assert torch.equal(graph(x), before)
    assert not any(tensor.requires_grad for tensor in graph.tensors.values())


# The module is left as it was.


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.layer(x))
        raise RuntimeError("on purpose")


class Branching(Failing):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else self.norm(x)


def _state(module: nn.Module) -> Any:
    return (
        {
            name: (id(p), p.clone(), p.requires_grad, p.grad)
            for name, p in module.named_parameters()
        },
        {name: (id(b), b.clone()) for name, b in module.named_buffers()},
        [(part.training, list(part._forward_hooks.items())) for part in module.modules()],
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.ReLU(True)),
        Failing,
        Branching,
        lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)),
    ],
    ids=["good", "raises", "cannot be traced", "unsupported"],
)
def test_the_module_is_left_as_it_was(make: Callable[[], nn.Module]) -> None:
    module = make()
    module.train()
    parts = list(module.modules())
    parts[-1].eval()
    next(module.parameters()).requires_grad_(False)
    parts[1].register_forward_hook(lambda *_: None)
    example = torch.randn(3, 4)
    kept = example.clone()
    before = _state(module)
    with contextlib.suppress(AffidavitError):
        load(module, example)
    after = _state(module)
    assert torch.equal(example, kept)
    assert before[2] == after[2]
    for ours, theirs in zip(before[:2], after[:2], strict=True):
        assert ours.keys() == theirs.keys()
        for name, (identity, value, *rest) in ours.items():
            assert identity == theirs[name][0]
            assert torch.equal(value, theirs[name][1])
            assert rest == list(theirs[name][2:])


def test_hooks_that_change_values_are_part_of_the_model() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    module[0].register_forward_hook(lambda _module, _inputs, output: 2 * output)
    x = torch.randn(4, 3)
    torch.testing.assert_close(load(module, x)(x), module(x))


# What has no place in the graph is refused.


def test_all_unsupported_ops_are_reported_together() -> None:
    module = nn.Sequential(
        nn.Linear(4, 4), nn.LayerNorm(4), nn.ReLU(), nn.Softshrink(), nn.GroupNorm(2, 4)
    )
    with pytest.raises(UnsupportedOpsError) as caught:
        load(module, torch.zeros(1, 4))
    found = {place: op for op, place in caught.value.ops}
    assert found["1"] == "aten.native_layer_norm.default"
    assert found["4"] == "aten.native_group_norm.default"
    assert "3" in found
    assert "aten.native_layer_norm.default at 1" in str(caught.value)


def _batch_norm_in_training(x: Tensor) -> Tensor:
    return F.batch_norm(x, torch.zeros(4), torch.ones(4), training=True)


MIXING: list[tuple[str, Callable[[Tensor], Tensor]]] = [
    ("batch statistics", _batch_norm_in_training),
    ("softmax over the batch", lambda x: x.softmax(0)),
    ("log-softmax over the batch", lambda x: x.log_softmax(0)),
    ("mean of all", lambda x: x + x.mean()),
    ("mean over the batch", lambda x: x - x.mean(0)),
    ("transpose", lambda x: x.t()),
    ("product over the batch", lambda x: x.t() @ x),
    ("product of inputs", lambda x: x @ x.t()),
    ("flatten", lambda x: x.flatten()),
    ("reshape", lambda x: x.reshape(4, -1)),
    ("reshape to the traced size", lambda x: x.reshape(2, 4)),
    ("fixed constant", lambda x: x + torch.ones(2, 4)),
    ("concat", lambda x: torch.cat([x, x], 0)),
    ("first", lambda x: x[0]),
    ("first two", lambda x: x[:2]),
    ("select two", lambda x: x.index_select(0, torch.tensor([0, 1]))),
    ("pad", lambda x: F.pad(x, (0, 0, 1, 0))),
    ("flip", lambda x: x.flip(0)),
    ("roll", lambda x: x.roll(1, 0)),
    ("split", lambda x: x.split(1)[0]),
    ("size as a number", lambda x: x * x.shape[0]),
    ("expand", lambda x: x.expand(2, 4)),
    ("random numbers", lambda x: x + torch.rand(4)),
    ("dropout in evaluation", lambda x: F.dropout(x, 0.5, training=True)),
]  # fmt: skip


@pytest.mark.parametrize("body", [body for _, body in MIXING], ids=[name for name, _ in MIXING])
def test_what_mixes_the_batch_is_refused(body: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ModelError, match=r"batch|aten\."):
        load(Apply(body), torch.zeros(1, 4))


def test_messages_say_what_mixes_the_batch() -> None:
    with pytest.raises(ModelError, match=r"aten.softmax.int \(works along the batch axis\)"):
        load(nn.Softmax(0), torch.zeros(1, 4))
    with pytest.raises(ModelError, match="depends on the size of the batch"):
        load(Apply(lambda x: x * x.shape[0]), torch.zeros(1, 4))
    with pytest.raises(ModelError, match=r"aten.rand.default \(a random number\)"):
        load(Apply(lambda x: x + torch.rand(4)), torch.zeros(1, 4))
    constant = torch.zeros(2, 4)
    with pytest.raises(ModelError, match=re.escape("input [3, 4], c [2, 4] in a batch of 3")):
        load(Tensors(lambda x, c: x + c, c=constant), torch.zeros(1, 4))


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls: Tensor
        self.calls += 1
        return x


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Counter(), "changes its buffer 'calls'"),
        (Apply(lambda x: (x, x)), "returns 2 values"),  # type: ignore[arg-type, return-value]
        (Apply(lambda x: (x,)), "returns a tuple"),  # type: ignore[arg-type, return-value]
        (Apply(lambda x: {"y": x}), "returns a dict"),  # type: ignore[arg-type, return-value]
        (Apply(lambda x: torch.ones(3)), "does not depend on the input"),
        (nn.Bilinear(4, 4, 2), "cannot trace Bilinear"),
        (nn.LSTM(4, 4), "Unsupported|returns|no place|aten"),
        (nn.BatchNorm1d(4, track_running_stats=False), "batch_norm"),
        (nn.Sequential(nn.Unflatten(1, (2, 2)), nn.ConvTranspose1d(2, 2, 2)), "transposed"),
    ],
)
def test_other_refusals(module: nn.Module, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(module, torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (torch.zeros(1, 4, dtype=torch.int64), "torch.int64"),
        (torch.tensor(1.0), "batch as first axis"),
        ([[1.0]], "list; expected a tensor"),
        (torch.zeros(1, 5), "cannot trace Linear"),
    ],
)
def test_bad_examples(example: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(nn.Linear(4, 2), example)
