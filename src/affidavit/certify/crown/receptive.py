"""Receptive fields: a convolutional network as many small ones, a position of a value each.

What a value is at one position depends on a window of the values before it. Cut out, the windows
of all positions are a batch of small networks, which cost a fraction of the large one's rows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from affidavit.certify.crown import values
from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.lines import TURNS, Lines
from affidavit.certify.crown.relaxed import Relaxed
from affidavit.graph import BATCH, Interval, Node, ops
from affidavit.graph.interpreter import evaluate

WORTH = 2.0
"""How many times larger than its windows the whole network must be for cutting to pay."""


@dataclass(frozen=True)
class Reach:
    """Entries of one axis that position p needs: from `step p + start`, `length` of them."""

    step: int
    start: int
    length: int

    def through(self, kernel: int, stride: int, before: int, dilation: int) -> Reach:
        """What sliding windows need to give these entries."""
        return Reach(
            self.step * stride,
            self.start * stride - before,
            (self.length - 1) * stride + (kernel - 1) * dilation + 1,
        )

    def join(self, other: Reach) -> Reach | None:
        """What both need, or None where they move at different paces."""
        if self.step != other.step:
            return None
        start = min(self.start, other.start)
        end = max(self.start + self.length, other.start + other.length)
        return Reach(self.step, start, end - start)


Field: TypeAlias = tuple[Reach, ...]


def windowed(net: Relaxed, name: str) -> Windowed | None:
    """The windows behind the positions of a value, or None where they spare nothing."""
    if name not in net.node or len(net.shapes[name]) not in (3, 4) or net.inside:
        return None
    cut = _Cut(net)
    if not cut.follow(name):
        return None
    shapes = {
        value: (BATCH, net.shapes[value][1], *(reach.length for reach in field))
        for value, field in cut.fields.items()
    }
    whole = sum(_numbers(net.shapes[value]) for value in shapes)
    if WORTH * sum(map(_numbers, shapes.values())) > whole:
        return None
    return Windowed(net, name, cut, shapes)


@dataclass(frozen=True, eq=False)
class Windowed:
    """The entries of one value as networks of their own.

    Attributes:
        net: the whole network.
        name: the value.
        cut: what each position needs.
        shapes: shapes of the windows.
    """

    net: Relaxed
    name: str
    cut: _Cut
    shapes: dict[str, tuple[int, ...]]

    @property
    def numbers(self) -> int:
        """Numbers in the largest window."""
        return max(map(_numbers, self.shapes.values()))

    def around(self, entries: Tensor) -> tuple[Relaxed, Tensor]:
        """The windows of some entries, as a batch, and the entry's row in each.

        Args:
            entries: their indices, [entry, (input, channel, *position)].

        Returns:
            The small networks, and one-hot coefficients [entry, 1, channel, 1, ...].
        """
        net, size, place = self.net, self.size, self._place(entries)
        bounds = {name: x for name, x in net.bounds.items() if not net.varies(name)}
        inside: dict[str, Tensor] = {}
        for value, field in self.cut.fields.items():
            x = net.bounds[value]
            lower, upper = (_unfold(end, field, size)[place] for end in (x.lower, x.upper))
            bounds[value] = Interval(lower, upper)
            there = _unfold(torch.ones_like(x.lower[:1, :1]), field, size)
            if value not in self.cut.leaves and not bool(there.all()):
                inside[value] = there[place % len(there)]
        lines = {}
        for node in self.cut.nodes:
            if type(node.op) in TURNS and node.name != self.name:
                field = self.cut.fields[node.name]
                whole = net.uncharged(node)
                lines[node.name] = Lines(
                    *(
                        _unfold(getattr(whole, part.name), field, size)[place]
                        for part in dataclasses.fields(Lines)
                    )
                )
        shapes = {**net.shapes, **self.shapes}
        for node in self.cut.nodes:
            if node.name not in bounds:  # a narrower window of another
                bounds[node.name] = _narrowed(node, bounds[node.operands[0]])
                shapes[node.name] = (BATCH, *bounds[node.name].lower.shape[1:])
        one = torch.zeros((len(entries), self.shapes[self.name][1]), dtype=torch.float64)
        one = one.to(entries.device).scatter(1, entries[:, 1:2], 1.0)
        small = Relaxed(
            self.cut.nodes, shapes, bounds, net.dtype, net.last, net.source, inside=inside,
            _lines=lines,
        )  # fmt: skip
        return small, one.reshape(len(entries), 1, -1, *(1,) * len(size))

    def lines(self, entries: Tensor, signs: Tensor) -> tuple[Tensor, Tensor] | None:
        """Lines below single entries, each times its sign, in the input.

        Returns:
            Coefficients [entry, input] and constants [entry], rounded down; None where something
            on the way was bounded rather than carried back.
        """
        small, one = self.around(entries)
        one = one * signs.reshape(-1, *(1,) * (one.ndim - 1))
        held, constant = values.lines(small, {self.name: one}, Choices())
        if set(held) - self.cut.leaves:
            return None
        numbers = _numbers(self.net.shapes[self.net.source])
        found = one.new_zeros((len(entries), 1 + numbers))  # what padding would get comes first
        for leaf, a in held.items():
            origin = self._origin(leaf).to(one.device)
            windows = _unfold(origin, self.cut.fields[leaf], self.size)
            where = windows[self._place(entries) % len(windows)].long().flatten(1)
            found.scatter_add_(1, where, a.flatten(1))
        return found[:, 1:], constant[:, 0]

    @property
    def size(self) -> tuple[int, ...]:
        """Positions along each axis."""
        return self.net.shapes[self.name][2:]

    def _place(self, entries: Tensor) -> Tensor:
        """Which window each entry has, of all inputs' in a row."""
        place = entries[:, 0]
        for axis, length in enumerate(self.size):
            place = place * length + entries[:, 2 + axis]
        return place

    def _origin(self, leaf: str) -> Tensor:
        """Which entry of the input, from 1, each entry of a leaf is: [1, *shape]."""
        way = []
        name = leaf
        while name in self.net.node:
            way.append(self.net.node[name].op)
            name = self.net.node[name].operands[0]
        shape = self.net.shapes[name][1:]
        found = torch.arange(1.0, 1 + math.prod(shape), dtype=torch.float64).reshape(1, *shape)
        for op in reversed(way):
            found = evaluate(op, found)
        return found


class _Cut:
    """Follows a value back to the input and notes what each position needs."""

    def __init__(self, net: Relaxed) -> None:
        self.net = net
        self.fields: dict[str, Field] = {}
        self.leaves: set[str] = set()
        self.nodes: list[Node] = []

    def follow(self, name: str) -> bool:
        """Whether everything behind the value is local."""
        axes = len(self.net.shapes[name]) - 2
        self.fields[name] = (Reach(1, 0, 1),) * axes
        needs: dict[str, list[tuple[str, Field]]] = {}
        for node in reversed(self.net.nodes):
            if node.name not in self.fields:
                continue
            if self._is_leaf(node.name):
                self.leaves.add(node.name)
                continue
            field = _needed(self.net, node, self.fields[node.name])
            if field is None:
                return False
            needs[node.name] = []
            for _, operand in self.net.varying(node):
                if len(self.net.shapes[operand]) != axes + 2:
                    return False
                joint: list[Reach] = []
                for mine, other in zip(field, self.fields.get(operand, field), strict=True):
                    both = mine.join(other)
                    if both is None:
                        return False
                    joint.append(both)
                self.fields[operand] = tuple(joint)
                needs[node.name].append((operand, field))
                if operand not in self.net.node:
                    self.leaves.add(operand)
        for node in self.net.nodes:
            if node.name in needs:
                self._add(node, dict(needs[node.name]))
        return True

    def _add(self, node: Node, needs: dict[str, Field]) -> None:
        operands = []
        for operand in node.operands:
            have = self.fields.get(operand)
            if operand in needs and have is not None and needs[operand] != have:
                operand = self._narrow(node, operand, have, needs[operand])
            operands.append(operand)
        self.nodes.append(Node(node.name, _unpadded(node.op), tuple(operands), node.module))

    def _narrow(self, node: Node, operand: str, have: Field, need: Field) -> str:
        for axis, (wide, narrow) in enumerate(zip(have, need, strict=True)):
            if wide != narrow:
                start = narrow.start - wide.start
                cut = ops.Slice(axis + 2, start, start + narrow.length)
                name = f"{operand} for {node.name} {axis}"
                if all(other.name != name for other in self.nodes):
                    self.nodes.append(Node(name, cut, (operand,)))
                operand = name
        return operand

    def _is_leaf(self, name: str) -> bool:
        """Whether the value holds entries of the input, moved about."""
        while name in self.net.node:
            node = self.net.node[name]
            if not isinstance(node.op, ops.Reshape | ops.Transpose | ops.Slice):
                return False
            name = node.operands[0]
        return True


def _needed(net: Relaxed, node: Node, field: Field) -> Field | None:
    """What a node needs of its operands, or None where that is not a window."""
    op = node.op
    flat = all(
        net.varies(name) or all(n == 1 for n in _aligned(net.shapes[name], len(field)))
        for name in node.operands
    )
    sizes = {net.shapes[name][2:] for _, name in net.varying(node)}
    match op:
        case ops.Conv():
            kernel = net.shapes[node.operands[1]][2:]
            before = [pair[0] for pair in op.padding]
            return _through(field, kernel, op.stride, before, op.dilation)
        case ops.AveragePool() if not op.ceil_mode and (op.count_padding or not any(op.padding)):
            return _through(field, op.kernel, op.stride, op.padding, (1,) * len(field))
        case ops.MaxPool() if not op.ceil_mode and not any(op.padding):
            return _through(field, op.kernel, op.stride, op.padding, op.dilation)
        case ops.BatchNorm():
            return field
        case ops.PRelu() | ops.Add() | ops.Sub() | ops.Mul() | ops.Div() if flat:
            return field if sizes == {net.shapes[node.name][2:]} else None
    return field if type(op) in TURNS else None


def _through(
    field: Field,
    kernel: Sequence[int],
    stride: Sequence[int],
    before: Sequence[int],
    dilation: Sequence[int],
) -> Field:
    sides = zip(field, kernel, stride, before, dilation, strict=True)
    return tuple(reach.through(*numbers) for reach, *numbers in sides)


def _aligned(shape: Sequence[int], axes: int) -> Sequence[int]:
    """The spatial part of a tensor that broadcasts against [batch, channel, *space]."""
    return shape[-axes:]


def _unpadded(op: ops.Op) -> ops.Op:
    if isinstance(op, ops.Conv):
        return dataclasses.replace(op, padding=((0, 0),) * len(op.padding))
    if isinstance(op, ops.AveragePool):
        return dataclasses.replace(op, padding=(0,) * len(op.padding))
    return op


def _unfold(x: Tensor, field: Field, size: Sequence[int]) -> Tensor:
    """Windows of x [batch, channel, *space], zeros beyond its edges: [batch · position, ...]."""
    pairs: list[int] = []
    for axis in range(len(field) - 1, -1, -1):
        reach, length = field[axis], x.shape[2 + axis]
        end = reach.start + reach.step * (size[axis] - 1) + reach.length
        pairs += [-reach.start, end - length]
    x = F.pad(x, pairs)
    for axis, reach in enumerate(field):
        x = x.unfold(2 + axis, reach.length, reach.step)
    axes = len(field)
    order = (0, *range(2, 2 + axes), 1, *range(2 + axes, 2 + 2 * axes))
    return x.permute(order).flatten(0, axes)


def _narrowed(node: Node, x: Interval) -> Interval:
    assert isinstance(node.op, ops.Slice)  # noqa: S101  # what `_narrow` makes
    start, length = node.op.start, node.op.stop - node.op.start
    return Interval(*(end.narrow(node.op.axis, start, length) for end in (x.lower, x.upper)))


def _numbers(shape: Sequence[int]) -> int:
    return abs(torch.Size(shape[1:]).numel())
