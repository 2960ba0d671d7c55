"""A network with bounds at every value: what linear bounds are propagated through."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.lines import Lines, around
from affidavit.certify.crown.maps import MAPS, Map, linear_map
from affidavit.certify.crown.rounding import Rounding, inner
from affidavit.certify.crown.tie import Tie
from affidavit.graph import BATCH, Graph, Interval, Node, ops


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

    def part(self, batch: slice) -> Relaxed:
        """The same for some inputs of the batch."""

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
            _maps={},
            _lines={},
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
            _maps={},
            _lines=lines,
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
        key = (node.name, index)
        if key not in self._maps:
            sizes = [self.size(name) for name in node.operands]
            self._maps[key] = linear_map(
                node.op, index, self.operands(node), sizes, self.size(node.name)
            )
        return self._maps[key]

    def lines(self, node: Node, rows: int, choices: Choices) -> Lines:
        """Lines around an elementwise node, of the default slopes or of the chosen ones."""
        z = self.bounds[node.operands[0]]
        if node.name not in self._lines:
            self._lines[node.name] = around(node.op, z, self.rounding.eps)
        lines = self._lines[node.name]
        if not (choices.free and isinstance(node.op, ops.Relu)):
            return lines
        # Above, the chord is best; below an open unit, any slope in [0, 1] passes through 0.
        opened = ((z.lower < 0) & (z.upper > 0)).unsqueeze(1)
        low, floor = lines.low.unsqueeze(1), lines.floor.unsqueeze(1)
        share = choices.share(f"{node.name} low", lines.low, rows)
        return Lines(
            torch.where(opened, share, low),
            torch.where(opened, torch.zeros_like(floor), floor),
            lines.high.unsqueeze(1),
            lines.ceiling.unsqueeze(1),
        )

    def least(self, a: Tensor, value: Interval) -> Tensor:
        """The least value of functionals `a·v` over an interval, [batch, row]."""
        center, radius = value.center_radius()
        # One pass for |a|: what rounding costs either product is in the radius.
        gamma = self.rounding.gamma(max(value.lower[:1].numel(), 1))
        spread = radius * (1 + 2 * gamma) + center.abs() * gamma
        return inner(a, center) - inner(a.abs(), spread) - self.rounding.tiny

    # What was made once for the bounds as they are.
    _maps: dict[tuple[str, int], Map] = field(default_factory=dict)
    _lines: dict[str, Lines] = field(default_factory=dict)


def _single(value: Interval) -> Interval:
    lower = value.lower.float()
    return Interval(lower, lower if value.is_point else value.upper.float())
