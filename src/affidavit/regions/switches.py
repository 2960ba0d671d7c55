"""Where piecewise-linear ops switch from one affine piece to another: one rule an op.

A unit of such an op is in one of a few states, and affine in each. A rule tells the states apart
by comparisons (functions, affine where all earlier ones keep their sign, that are positive or
not), names the state of each unit, and gives the constraints that hold it there. Comparisons are
what engines cut with; states are what a region is known by.

Comparisons that a state does not need (which of two losers of a maximum is larger) may cut a
region in pieces: pieces of equal states are one region.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import cast

import numpy as np
import torch
from torch import Tensor

from affidavit.graph import Node, ops
from affidavit.graph.interpreter import evaluate

Shapes = Sequence[tuple[int, ...]]


def flat(x: Tensor) -> Tensor:
    """All axes but the batch as one, also where there is none or the batch is empty."""
    return x.reshape(len(x), math.prod(x.shape[1:]))


class Switch(ABC):
    """The switching of one op, or of a comparison asked of the output.

    Its methods work on `prepared` operands, shape [batch, ...], which may be displaced: engines
    move hyperplanes that meet in more than general position apart by tiny shifts.
    """

    units: int
    """Units, each in one state."""

    levels: int
    """States of a unit."""

    rounds: int = 1
    """How often comparisons follow earlier ones of the same op."""

    shifts: int
    """Numbers in a displacement."""

    plain: bool = False
    """Whether a unit's state is whether its one comparison is positive."""

    @abstractmethod
    def prepare(self, operands: Sequence[Tensor], shift: Tensor | None) -> Tensor:
        """The operands in the rule's own form, displaced by a shift of :attr:`shifts` numbers."""

    @abstractmethod
    def comparisons(self, u: Tensor, turn: int) -> Tensor:
        """Shape [batch, comparison]."""

    @abstractmethod
    def states(self, u: Tensor, tolerance: Tensor) -> Tensor:
        """State of each unit, [batch, unit], bool or int64; up to tolerance, equal is equal.

        Args:
            tolerance: of each unit, [unit].
        """

    @abstractmethod
    def spread(self, sizes: Sequence[Tensor]) -> Tensor:
        """Size of what each unit compares, [batch, unit], from sizes of the operands."""

    def by_comparison(self, values: Tensor, count: int) -> Tensor:
        """Values of the units as values of a turn's comparisons, of which there are `count`."""
        return values.repeat_interleave(count // max(1, self.units))

    @abstractmethod
    def constraints(self, u: Tensor, states: Tensor) -> Tensor:
        """Shape [batch, constraint]: at least 0 exactly where all units have these states."""

    def apply(self, u: Tensor) -> Tensor:
        """The op's value. A comparison asked of the output has none."""
        raise NotImplementedError


@dataclass
class Elementwise(Switch):
    """One kink at zero: ReLU and its leaky kin, absolute value. State 1 where positive."""

    shape: tuple[int, ...]
    value: Callable[[Tensor], Tensor]
    levels = 2
    plain = True

    def __post_init__(self) -> None:
        self.units = self.shifts = math.prod(self.shape)

    def prepare(self, operands: Sequence[Tensor], shift: Tensor | None) -> Tensor:
        x = operands[0]
        return x if shift is None else x - shift.reshape(self.shape)

    def comparisons(self, u: Tensor, turn: int) -> Tensor:
        return flat(u)

    def states(self, u: Tensor, tolerance: Tensor) -> Tensor:
        return flat(u) > tolerance

    def spread(self, sizes: Sequence[Tensor]) -> Tensor:
        return flat(sizes[0])

    def constraints(self, u: Tensor, states: Tensor) -> Tensor:
        x = flat(u)
        return torch.where(states == 1, x, -x)

    def apply(self, u: Tensor) -> Tensor:
        return self.value(u)


@dataclass
class Clipping(Switch):
    """Two kinks: state 0 below the lower bound, 1 between, 2 above the upper one."""

    shape: tuple[int, ...]
    lower: float
    upper: float
    levels = 3

    def __post_init__(self) -> None:
        self.units = self.shifts = math.prod(self.shape)

    def prepare(self, operands: Sequence[Tensor], shift: Tensor | None) -> Tensor:
        x = operands[0]
        return x if shift is None else x - shift.reshape(self.shape)

    def comparisons(self, u: Tensor, turn: int) -> Tensor:
        x = flat(u)
        # Bounds that are equal make one kink: a second hyperplane there no shift would part.
        bounds = [bound for bound in {self.lower: 0, self.upper: 0} if math.isfinite(bound)]
        return torch.cat([x - bound for bound in bounds] or [x[:, :0]], 1)

    def states(self, u: Tensor, tolerance: Tensor) -> Tensor:
        x = flat(u)
        return (x > self.lower + tolerance).long() + (x > self.upper + tolerance).long()

    def spread(self, sizes: Sequence[Tensor]) -> Tensor:
        bounds = [abs(bound) for bound in (self.lower, self.upper) if math.isfinite(bound)]
        return flat(sizes[0]) + max(bounds, default=0.0)

    def by_comparison(self, values: Tensor, count: int) -> Tensor:
        return values.repeat(count // max(1, self.units))

    def constraints(self, u: Tensor, states: Tensor) -> Tensor:
        x = flat(u)
        rows = []
        if math.isfinite(self.lower):
            rows.append(torch.where(states == 0, self.lower - x, x - self.lower))
        if math.isfinite(self.upper):
            rows.append(torch.where(states == 2, x - self.upper, self.upper - x))
        return torch.cat(rows or [x[:, :0]], 1)

    def apply(self, u: Tensor) -> Tensor:
        return torch.clamp(u, self.lower, self.upper)


@dataclass
class Extremum(Switch):
    """Maximum or minimum of two. State 1 where the first operand is the larger."""

    shape: tuple[int, ...]
    value: Callable[[Tensor, Tensor], Tensor]
    levels = 2
    plain = True

    def __post_init__(self) -> None:
        self.units = self.shifts = math.prod(self.shape)

    def prepare(self, operands: Sequence[Tensor], shift: Tensor | None) -> Tensor:
        a, b = torch.broadcast_tensors(*operands)  # type: ignore[no-untyped-call]
        if shift is not None:
            a = a - shift.reshape(self.shape)
        return torch.stack([a, b], 1)

    def comparisons(self, u: Tensor, turn: int) -> Tensor:
        return flat(u[:, 0] - u[:, 1])

    def states(self, u: Tensor, tolerance: Tensor) -> Tensor:
        return flat(u[:, 0] - u[:, 1]) > tolerance

    def spread(self, sizes: Sequence[Tensor]) -> Tensor:
        return flat(self.prepare(sizes, None).sum(1))

    def constraints(self, u: Tensor, states: Tensor) -> Tensor:
        difference = flat(u[:, 0] - u[:, 1])
        return torch.where(states == 1, difference, -difference)

    def apply(self, u: Tensor) -> Tensor:
        return self.value(u[:, 0], u[:, 1])


class Windows(Switch):
    """The largest of several entries. The state is the place of the first largest.

    Comparisons are those of a knock-out tournament: neighbours first, then the winners.
    """

    def __init__(self, index: np.ndarray, shape: tuple[int, ...]) -> None:
        """Args:
        index: for each unit the flat places of its entries, -1 for padding, shape [unit, entry].
        shape: the op's output, without the batch.
        """
        self.index = torch.from_numpy(index)
        self.shape = shape
        self.units, self.levels = index.shape
        self.shifts = index.size
        self.rounds = max(1, math.ceil(math.log2(self.levels)))

    def prepare(self, operands: Sequence[Tensor], shift: Tensor | None) -> Tensor:
        x = flat(operands[0])
        x = torch.cat([x, torch.full_like(x[:, :1], -torch.inf)], 1)
        windows = x[:, self.index]
        return windows if shift is None else windows - shift.reshape(self.index.shape)

    def comparisons(self, u: Tensor, turn: int) -> Tensor:
        for _ in range(turn):
            if u.shape[2] % 2:
                u = torch.cat([u, torch.full_like(u[:, :, :1], -torch.inf)], 2)
            u = torch.maximum(u[:, :, ::2], u[:, :, 1::2])
        pairs = u.shape[2] // 2
        first, second = u[:, :, : 2 * pairs : 2], u[:, :, 1 : 2 * pairs : 2]
        ones = torch.ones_like(first)
        # Padding loses everywhere: a comparison with it never changes sign.
        met = torch.isfinite(first) & torch.isfinite(second)
        return torch.where(met, second - first, -ones).flatten(1)

    def states(self, u: Tensor, tolerance: Tensor) -> Tensor:
        near = u >= u.amax(2, keepdim=True) - tolerance[:, None]
        return near.long().argmax(2)

    def spread(self, sizes: Sequence[Tensor]) -> Tensor:
        return self.prepare(sizes, None).amax(2)

    def constraints(self, u: Tensor, states: Tensor) -> Tensor:
        winner = torch.gather(u, 2, states[:, :, None])
        return torch.where(torch.isfinite(u), winner - u, torch.zeros_like(u)).flatten(1)

    def apply(self, u: Tensor) -> Tensor:
        return u.amax(2).reshape(len(u), *self.shape)


class Ranking(Switch):
    """The largest and the second largest of the outputs. State: first * outputs + second.

    Wherever three outputs are equal three comparisons meet, which no shift of the outputs parts:
    each comparison is shifted by itself. Prepared operands are the outputs, then these shifts.
    """

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.units = 1
        self.levels = outputs * outputs
        self.pairs = torch.triu_indices(outputs, outputs, 1)
        self.shifts = self.pairs.shape[1]

    def prepare(self, operands: Sequence[Tensor], shift: Tensor | None) -> Tensor:
        y = flat(operands[0])
        own = y.new_zeros(self.shifts) if shift is None else shift
        return torch.cat([y, own.expand(len(y), -1)], 1)

    def comparisons(self, u: Tensor, turn: int) -> Tensor:
        return u[:, self.pairs[1]] - u[:, self.pairs[0]] - u[:, self.outputs :]

    def states(self, u: Tensor, tolerance: Tensor) -> Tensor:
        y = u[:, : self.outputs]
        near = y >= y.amax(1, keepdim=True) - tolerance
        first = near.long().argmax(1)
        others = y.scatter(1, first[:, None], -torch.inf)
        second = (others >= others.amax(1, keepdim=True) - tolerance).long().argmax(1)
        return (first * self.outputs + second)[:, None]

    def spread(self, sizes: Sequence[Tensor]) -> Tensor:
        return flat(sizes[0]).amax(1, keepdim=True)

    def constraints(self, u: Tensor, states: Tensor) -> Tensor:
        y = u[:, : self.outputs]
        first, second = states[:, 0] // self.outputs, states[:, 0] % self.outputs
        top = torch.gather(y, 1, first[:, None])
        next_ = torch.gather(y, 1, second[:, None])
        places = torch.arange(self.outputs)
        rest = (places != first[:, None]) & (places != second[:, None])
        return torch.cat([top - next_, torch.where(rest, next_ - y, torch.zeros_like(y))], 1)


class Level(Switch):
    """Whether each of some affine functions of the outputs, `y @ rows + bounds`, is positive."""

    levels = 2
    plain = True

    def __init__(self, rows: Tensor, bounds: Tensor) -> None:
        self.rows, self.bounds = rows.double(), bounds.double()
        self.units = self.shifts = rows.shape[1]

    def prepare(self, operands: Sequence[Tensor], shift: Tensor | None) -> Tensor:
        u = flat(operands[0]) @ self.rows + self.bounds
        return u if shift is None else u - shift

    def comparisons(self, u: Tensor, turn: int) -> Tensor:
        return u

    def states(self, u: Tensor, tolerance: Tensor) -> Tensor:
        return u > tolerance

    def spread(self, sizes: Sequence[Tensor]) -> Tensor:
        return flat(sizes[0]) @ self.rows.abs() + self.bounds.abs()

    def constraints(self, u: Tensor, states: Tensor) -> Tensor:
        return torch.where(states == 1, u, -u)


def largest(outputs: int) -> Windows:
    """Which output is the largest, the first of several equal ones."""
    return Windows(np.arange(outputs)[None], (1,))


def same_switch(one: Switch | None, other: Switch | None) -> bool:
    """Whether two refinements ask the same."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    fields, others = vars(one), vars(other)
    return fields.keys() == others.keys() and all(
        torch.equal(value, others[name]) if isinstance(value, Tensor) else value == others[name]
        for name, value in fields.items()
    )


def _elementwise(node: Node, shapes: Shapes, constants: Sequence[Tensor | None]) -> Switch:
    slopes = [constant for constant in constants if constant is not None]
    return Elementwise(shapes[-1][1:], lambda u: evaluate(node.op, u, *slopes))


def _clip(node: Node, shapes: Shapes, constants: Sequence[Tensor | None]) -> Switch:
    op = cast(ops.Clip, node.op)
    return Clipping(shapes[-1][1:], op.lower, op.upper)


def _extremum(node: Node, shapes: Shapes, constants: Sequence[Tensor | None]) -> Switch:
    return Extremum(shapes[-1][1:], lambda a, b: evaluate(node.op, a, b))


def _max_pool(node: Node, shapes: Shapes, constants: Sequence[Tensor | None]) -> Switch:
    op = cast(ops.MaxPool, node.op)
    (*lead,) = shapes[0][1 : len(shapes[0]) - len(op.kernel)]
    size, result = shapes[0][-len(op.kernel) :], shapes[-1][-len(op.kernel) :]
    entries = []
    for offset in product(*map(range, op.kernel)):
        places = np.zeros((), int)
        valid = np.ones((), bool)
        for axis, extent in enumerate(size):
            at = np.arange(result[axis]) * op.stride[axis] - op.padding[axis]
            at = at + offset[axis] * op.dilation[axis]
            places = places[..., None] * extent + at
            valid = valid[..., None] & (at >= 0) & (at < extent)
        entries.append(np.where(valid, places, -1))
    window = np.stack(entries, -1).reshape(-1, len(entries))
    planes = np.arange(math.prod(lead))[:, None, None] * math.prod(size)
    index = np.where(window >= 0, window + planes, -1).reshape(-1, len(entries))
    return Windows(index, tuple(shapes[-1][1:]))


def size_of_value(op: ops.Op, sizes: Sequence[Tensor]) -> Tensor:
    """Size of an op's terms, given those of its operands; parameters are given by absolute value.

    Sums take the place of differences, so nothing cancels.
    """
    match op:
        case ops.Sub() | ops.Add():
            return sizes[0] + sizes[1]
        case ops.Maximum() | ops.Minimum():
            return torch.maximum(sizes[0], sizes[1])
        case ops.BatchNorm():
            x, scale, shift, mean, variance = sizes
            return evaluate(op, x, scale, shift, -mean, variance)
        case ops.Pad():
            return evaluate(replace(op, value=abs(op.value)), *sizes)
        case ops.LeakyRelu():
            return sizes[0] * max(1.0, abs(op.slope))
        case ops.PRelu():
            return sizes[0] * torch.clamp(sizes[1], min=1)
        case ops.Relu() | ops.Clip() | ops.Abs():
            return sizes[0]
    return evaluate(op, *sizes)


RULES: dict[type[ops.Op], Callable[[Node, Shapes, Sequence[Tensor | None]], Switch]] = {
    ops.Relu: _elementwise,
    ops.LeakyRelu: _elementwise,
    ops.PRelu: _elementwise,
    ops.Abs: _elementwise,
    ops.Clip: _clip,
    ops.Maximum: _extremum,
    ops.Minimum: _extremum,
    ops.MaxPool: _max_pool,
}
"""From each piecewise-linear op to its switch, given the node, the shapes of its operands and of
its value, and its operands that are constants."""

AFFINE: frozenset[type[ops.Op]] = frozenset((*ops.AFFINE, *ops.MOVEMENT))
"""Ops that are affine in their input, given the parameters: products and quotients need a constant
factor and divisor."""
