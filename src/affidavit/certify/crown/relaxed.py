"""A network with bounds at every value: what linear bounds are propagated through."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.lines import Lines, around
from affidavit.certify.crown.maps import MAPS, Map, linear_map
from affidavit.certify.crown.rounding import Rounding, magnitude
from affidavit.certify.crown.tie import Tie
from affidavit.graph import BATCH, Graph, Interval, Node, ops

Made = TypeVar("Made")


@dataclass(eq=False)
class Relaxed:
    """Nodes with bounds of all their values, in float64.

    Attributes:
        nodes: the nodes that depend on the input, in order.
        shapes: shape of every value (its batch -1) and tensor by name.
        bounds: of values and tensors by name; values' are made tighter in the course.
        dtype: that of the network, whose rounding is charged for.
        last: the value whose gradient is known.
        source: name of the input.
        cotangents: bounds on the gradient by each value, once they are known.
        known: values by which the gradient is known but for rounding.
        inside: for windows that reach beyond a value's edge, what of it is there, by name:
            1 or 0, [batch, 1, *space].
        ties: lines in the input for gates, by the node's name.
        rough: whether nothing is charged for rounding, and nothing is sound.
    """

    nodes: list[Node]
    shapes: Mapping[str, tuple[int, ...]]
    bounds: dict[str, Interval]
    dtype: torch.dtype
    last: str
    source: str
    cotangents: dict[str, Interval] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    inside: dict[str, Tensor] = field(default_factory=dict)
    ties: dict[str, Tie] = field(default_factory=dict)
    rough: bool = False

    @staticmethod
    def of(graph: Graph, last: str, bounds: dict[str, Interval], dtype: torch.dtype) -> Relaxed:
        """A graph up to one value."""
        needed = graph.ancestors([last])
        nodes = [
            node
            for node in graph.nodes
            if node.name in needed and graph.shapes[node.name][:1] == (BATCH,)
        ]
        return Relaxed(nodes, graph.shapes, bounds, dtype, last, graph.input)

    @cached_property
    def rounding(self) -> Rounding:
        """What is charged for rounding."""
        return Rounding(0.0, 0.0) if self.rough else Rounding.of(self.dtype)

    @cached_property
    def node(self) -> dict[str, Node]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    def part(self, batch: Tensor) -> Relaxed:
        """The same for some inputs of the batch, by their places."""

        def cut(values: dict[str, Interval]) -> dict[str, Interval]:
            return {
                name: Interval(x.lower[batch], x.upper[batch]) if self.varies(name) else x
                for name, x in values.items()
            }

        inside = {name: mask[batch] for name, mask in self.inside.items()}
        ties = {name: tie.part(batch) for name, tie in self.ties.items()}
        return dataclasses.replace(
            self,
            bounds=cut(self.bounds),
            cotangents=cut(self.cotangents),
            inside=inside,
            ties=ties,
            _lines={},
            _made={},
        )

    def roughly(self) -> Relaxed:
        """The same in single precision, to search in: nothing that it says is sound."""

        def single(values: dict[str, Interval]) -> dict[str, Interval]:
            return {name: _single(value) for name, value in values.items()}

        lines = {
            name: Lines(*(getattr(found, part.name).float() for part in dataclasses.fields(Lines)))
            for name, found in self._lines.items()
        }
        return dataclasses.replace(
            self,
            bounds=single(self.bounds),
            cotangents=single(self.cotangents),
            inside={name: mask.float() for name, mask in self.inside.items()},
            ties={},
            rough=True,
            _lines=lines,
            _made={},
            _fixed={},
        )

    def varies(self, name: str) -> bool:
        """Whether a value depends on the input."""
        return self.shapes[name][:1] == (BATCH,)

    def operands(self, node: Node) -> list[Interval]:
        """Bounds of the operands."""
        return [self.bounds[name] for name in node.operands]

    def varying(self, node: Node) -> list[tuple[int, str]]:
        """Those operands that depend on the input, by place and name."""
        return [(k, name) for k, name in enumerate(node.operands) if self.varies(name)]

    def size(self, name: str) -> tuple[int, ...]:
        """Shape of a value, without its batch, or of a tensor."""
        shape = self.shapes[name]
        return shape[1:] if self.varies(name) else shape

    def is_affine(self, node: Node) -> bool:
        """Whether the node is affine in what depends on the input."""
        if isinstance(node.op, ops.Mul | ops.Div):
            varying = [k for k, _ in self.varying(node)]
            return varying == [0] or (varying == [1] and isinstance(node.op, ops.Mul))
        return type(node.op) in MAPS

    def map(self, node: Node, index: int) -> Map:
        """An affine node as a map of one operand."""

        def make() -> Map:
            sizes = [self.size(name) for name in node.operands]
            return linear_map(node.op, index, self.operands(node), sizes, self.size(node.name))

        return _once(self._fixed, ("map", node.name, index), make)

    def spread(self, node: Node, index: int) -> Tensor:
        """How far the weight of :meth:`map` may be from its centre, with what rounding costs."""
        step = self.map(node, index)
        return _once(
            self._fixed,
            ("spread", node.name, index),
            lambda: self.rounding.spread(step.weight, step.terms),
        )

    def inexact(self, node: Node, index: int) -> bool:
        """Whether the products of :meth:`map` are charged for."""
        step = self.map(node, index)
        return step.terms > 0 and not (self.rough and step.weight.is_point)

    def once(self, key: tuple[Hashable, ...], make: Callable[[], Made]) -> Made:
        """What is made of the bounds as they are when it is first asked for."""
        return _once(self._made, key, make)

    def lines(self, node: Node, rows: int, choices: Choices) -> Lines:
        """Lines around an elementwise node, of the default slopes or of the chosen ones, charged
        for rounding."""
        z, lines = self.bounds[node.operands[0]], self.uncharged(node)

        def charged(low: Tensor, floor: Tensor) -> Lines:
            return self.rounding.charged(replace(lines, low=low, floor=floor), magnitude(z))

        if not (choices.free and isinstance(node.op, ops.Relu)):
            return self.once(("lines", node.name), lambda: charged(lines.low, lines.floor))
        # Above, the chord is best; below an open unit, any slope in [0, 1] passes through 0.
        opened = (z.lower < 0) & (z.upper > 0)
        through = self.once(
            ("lines through 0", node.name),
            lambda: charged(lines.low.masked_fill(opened, 1), lines.floor.masked_fill(opened, 0)),
        )
        share = choices.share(f"{node.name} low", lines.low, rows)
        return replace(through, low=torch.where(opened.unsqueeze(1), share, lines.low.unsqueeze(1)))

    def uncharged(self, node: Node) -> Lines:
        """The lines of the default slopes, with no charge yet for following them."""
        z = self.bounds[node.operands[0]]
        return _once(self._lines, node.name, lambda: around(node.op, z, self.rounding.eps))

    def least(self, a: Tensor, value: Interval) -> Tensor:
        """The least value of functionals `a·v` over an interval, [batch, row]."""
        return self.rounding.least(a, value.lower, value.upper)

    # What was made once for the bounds as they are, and what does not depend on them.
    _lines: dict[str, Lines] = field(default_factory=dict)
    _made: dict[Hashable, Any] = field(default_factory=dict)
    _fixed: dict[Hashable, Any] = field(default_factory=dict)


def _once(made: dict[Any, Any], key: Hashable, make: Callable[[], Made]) -> Made:
    if key not in made:
        made[key] = make()
    found: Made = made[key]
    return found


def _single(value: Interval) -> Interval:
    lower = value.lower.float()
    return Interval(lower, lower if value.is_point else value.upper.float())
