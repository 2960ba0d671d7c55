"""Propagation: arguments, shapes, dtypes, gradients, and what a smaller box does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.graph.intervals.soundness import around
from tests.graph.intervals.test_rules import BOUNDED
from tests.graph.modules import Case, named
from torch import Tensor

from affidavit.errors import DomainError, ModelError
from affidavit.graph import Interval, propagate

SMALL = named("small network")


@pytest.mark.parametrize("case", BOUNDED, ids=[case.name for case in BOUNDED])
def test_shapes_empty_batches_and_smaller_boxes(case: Case) -> None:
    x = case.inputs(3, torch.float64)
    wide, narrow = propagate(case.graph, around(x, 0.5)), propagate(case.graph, around(x, 0.1))
    empty = propagate(case.graph, around(x[:0], 0.5))
    single = propagate(case.graph, around(x[1:2], 0.5), dtype=torch.float32)
    for node in case.graph.nodes:
        shape = case.graph.shapes[node.name]
        value, inner = wide[node.name], narrow[node.name]
        batched = shape[:1] == (-1,)
        assert value.lower.shape == ((3, *shape[1:]) if batched else shape)
        assert value.lower.dtype == torch.float64
        assert (value.lower <= value.upper).all()
        slack = 1e-12 * (value.lower.abs() + value.upper.abs() + 1)
        assert (inner.lower >= value.lower - slack).all()
        assert (inner.upper <= value.upper + slack).all()
        if batched:
            assert empty[node.name].lower.shape == (0, *shape[1:])
            # Each input alone, in either dtype: the coarser one encloses the finer.
            assert single[node.name].lower.dtype == torch.float32
            ours = single[node.name].lower.double()
            assert (ours <= value.lower[1:2] + slack[1:2]).all()


@pytest.mark.parametrize("case", BOUNDED, ids=[case.name for case in BOUNDED])
def test_bounds_are_tight_where_they_can_be(case: Case) -> None:
    x = case.inputs(2, torch.float64)
    bounds = propagate(case.graph, Interval.point(x))[case.graph.output]
    torch.testing.assert_close(bounds.lower, case.graph(x), rtol=1e-9, atol=1e-9)
    assert float(bounds.width.max()) < 1e-9 * (1 + float(bounds.upper.abs().max()))


@pytest.mark.parametrize("name", [c.name for c in BOUNDED if "divide by" not in c.name])
def test_gradients_flow(name: str) -> None:
    case = named(name)
    center = case.inputs(2, torch.float64)

    def total(radius: Tensor, shift: Tensor) -> Tensor:
        box = Interval(center + shift - radius, center + shift + radius)
        bounds = propagate(case.graph, box, names=[case.graph.output])[case.graph.output]
        return (bounds.upper * 0.7 - bounds.lower * 1.3).sum()

    radius = torch.tensor(0.21, dtype=torch.float64, requires_grad=True)
    shift = torch.tensor(0.013, dtype=torch.float64, requires_grad=True)
    found = torch.autograd.grad(total(radius, shift), (radius, shift), allow_unused=True)
    step = 1e-6
    with torch.no_grad():
        for index, gradient in enumerate(found):
            move = torch.zeros(2, dtype=torch.float64)
            move[index] = step
            ahead = total(radius + move[0], shift + move[1])
            behind = total(radius - move[0], shift - move[1])
            expected = (ahead - behind) / (2 * step)
            ours = torch.zeros(()) if gradient is None else gradient
            torch.testing.assert_close(ours.double(), expected, rtol=1e-5, atol=1e-5)


def test_gradients_flow_to_parameters() -> None:
    name = SMALL.graph.parameters[0]
    weight = SMALL.graph.tensors[name].double().requires_grad_()
    box = around(SMALL.inputs(2, torch.float64), 0.1)
    params = {name: Interval(weight - 0.1 * weight.abs(), weight + 0.1 * weight.abs())}
    bounds = propagate(SMALL.graph, box, params)[SMALL.graph.output]
    (gradient,) = torch.autograd.grad(bounds.width.sum(), weight)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


def test_only_the_named_values_come_back() -> None:
    box = around(SMALL.inputs(1), 0.1)
    assert set(propagate(SMALL.graph, box, names=["2", "0"])) == {"0", "2"}
    assert set(propagate(SMALL.graph, box)) == {node.name for node in SMALL.graph.nodes}
    with pytest.raises(ModelError, match="no node 'output'"):
        propagate(SMALL.graph, box, names=["output"])


def test_nothing_is_written_and_settings_are_restored() -> None:
    before = SMALL.graph.sha256
    torch.set_float32_matmul_precision("medium")
    try:
        propagate(SMALL.graph, around(SMALL.inputs(1), 0.1), dtype=torch.float32)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert type(SMALL.graph)(
        SMALL.graph.nodes, SMALL.graph.output, SMALL.shape, SMALL.graph.tensors,
        SMALL.graph.parameters,
    ).sha256 == before  # fmt: skip


X = torch.zeros(1, 1, 4, 4)


@pytest.mark.parametrize(
    ("box", "params", "error", "message"),
    [
        (Interval(X + 1, X), {}, DomainError, "lower > upper in 16 entries"),
        (Interval(X, X + float("inf")), {}, DomainError, "infinite or undefined"),
        (Interval(X * float("nan"), X), {}, DomainError, "infinite or undefined"),
        (Interval(X, X[0]), {}, DomainError, "expected the same"),
        (Interval(X, X.double()), {}, DomainError, "expected the same"),
        (Interval(X.int(), X.int()), {}, DomainError, "torch.int32; expected a floating one"),
        (Interval(X[0], X[0]), {}, DomainError, r"expected \[batch, 1, 4, 4\]"),
        (Interval(X[0, 0, 0, 0], X[0, 0, 0, 0]), {}, DomainError, r"expected \[batch, 1, 4, 4\]"),
        (Interval(X, X), {"0.wait": Interval(X, X)}, ModelError, "did you mean '0.weight'"),
        (Interval(X, X), {"0.weight": Interval(X, X)}, DomainError, r"expected \[3, 1, 3, 3\]"),
        (
            Interval(X, X),
            {"0.weight": Interval(torch.ones(3, 1, 3, 3), torch.zeros(3, 1, 3, 3))},
            DomainError,
            "lower > upper in 27",
        ),
    ],
)
def test_bad_boxes(
    box: Interval, params: dict[str, Interval], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        propagate(SMALL.graph, box, params)


def test_a_box_too_large_for_the_dtype() -> None:
    box = around(X.double() + 1e200, 1.0)
    with pytest.raises(DomainError, match=r"overflow in torch\.float32"):
        propagate(SMALL.graph, box, dtype=torch.float32)


def test_intervals() -> None:
    x: Any = torch.tensor([1.0, -2.0])
    interval = Interval.between(x - 1, x + 1)
    assert torch.equal(interval.width, torch.full((2,), 2.0))
    assert interval.contains(x)
    assert interval.contains(interval.lower)
    assert not interval.contains(x + 1.5)
    assert Interval.point(x).is_point
    assert not interval.is_point
    wide = Interval.point(torch.tensor([0.1, 1e-320], dtype=torch.float64))
    narrow = wide.to(torch.float32, torch.device("cpu"))
    assert (narrow.lower.double() <= wide.lower).all()
    assert (narrow.upper.double() >= wide.upper).all()
    half = Interval.point(torch.tensor([1e30]).bfloat16()).to(torch.float16, torch.device("cpu"))
    assert not half.is_point
