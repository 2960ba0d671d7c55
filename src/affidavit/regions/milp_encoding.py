"""A network over its domain as a mixed-integer linear program.

Every piecewise-linear op here is affine in its operands and in the largest of a few affine
functions, its pieces: `max(x, -x) = 2 relu(x) - x`, `max(a, b) = b + relu(a - b)`. One encoding
of that largest value y therefore does for all of them. A binary variable picks each piece p:

    y >= p,    picked(p) = 1  =>  y <= p,    exactly one is picked.

For a ReLU, whose pieces are 0 and `W x + b`, this is the paper's `W x + b = y - s` with
`y, s >= 0`, `z = 1 => s = 0` and `z = 0 => y = 0`, the residual s having been put in.

Pieces that cannot win anywhere on the domain are left out, and a single one left needs no variable
at all: the value stays a function of earlier variables.

Source: Continuous Exact Explanations, sections III-B, III-E and IV-B.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affidavit.graph import ops
from affidavit.regions.domain import Array
from affidavit.regions.forms import Form, assemble, push
from affidavit.regions.milp_program import Implication, Program, Row, total
from affidavit.regions.milp_solver import Relaxation
from affidavit.regions.network import REFINEMENT, Network
from affidavit.regions.switches import Level, Ranking, Switch, Windows

PAIRS = 6
"""Pairs of pieces of one unit up to which linear programs tighten the bounds between them."""


@dataclass(frozen=True, eq=False)
class Choice:
    """One unit that may be in several states: y is the largest of its pieces.

    Attributes:
        column: the variable y.
        pieces: the affine functions, of earlier variables.
        picked: for each piece, 1 where it is picked and 0 elsewhere, as a function of the binary
            variables.
        scale: size of the operands; differences of a rounding of that are none.
    """

    column: int
    pieces: tuple[Row, ...]
    picked: tuple[Row, ...]
    scale: float


@dataclass(frozen=True, eq=False)
class Encoding:
    """A network as a program.

    Its first variables are the coordinates t of the frame.

    Attributes:
        dimensions: their number k.
        program: the program.
        choices: the units that are not fixed, in evaluation order.
        outputs: each output as a function of the variables.
    """

    dimensions: int
    program: Program
    choices: tuple[Choice, ...]
    outputs: tuple[Row, ...]

    def picks(self, x: Array) -> np.ndarray:
        """Which piece of each choice a solution picks, shape [choice]."""
        rows = [[row.value(x) for row in choice.picked] for choice in self.choices]
        return np.array([int(np.argmax(row)) for row in rows], np.int64)


def encode(
    network: Network,
    *,
    lower: Array | None = None,
    upper: Array | None = None,
    refine: bool = True,
    tighten: bool = True,
) -> Encoding:
    """Writes a network over its domain as a program.

    Args:
        lower, upper: narrower bounds of the coordinates t, shape [k].
        refine: whether the network's refinement is encoded too.
        tighten: bound the pieces of undecided units by linear programs, not by intervals alone.

    Guarantee: `exact`: bounds are proved (see `Relaxation`), so no state is lost by them.
    """
    return _Encoder(network, lower, upper, tighten).encode(refine)


@dataclass(eq=False)
class _Encoder:
    """Carries forms through the graph and grows the program."""

    network: Network
    lower: Array | None
    upper: Array | None
    tighten: bool
    program: Program = field(default_factory=Program)
    choices: list[Choice] = field(default_factory=list)
    switch: Switch = field(init=False)
    scale: float = field(init=False)

    def encode(self, refine: bool) -> Encoding:
        network, frame = self.network, self.network.frame
        self.relaxation = Relaxation(self.program)
        k = frame.dimensions
        low = np.full(k, -1.0) if self.lower is None else self.lower
        high = np.full(k, 1.0) if self.upper is None else self.upper
        for ends in zip(low.tolist(), high.tolist(), strict=True):
            self.program.variable(*ends)
        for row, bound in zip(frame.A, frame.b, strict=True):
            kept = np.flatnonzero(row)
            self.program.rows.append(Row(kept, row[kept], -float(bound)))
        env: dict[str, Form] = {network.graph.input: self._input()}
        for node in network.graph.nodes:
            operands = [env[o] if o in env else network.graph.tensors[o] for o in node.operands]
            if node.name in network.switches:
                self._enter(node.name)
                env[node.name] = RULES[type(node.op)](self, node.op, *operands)
            else:
                env[node.name] = push(node.op, operands)
        output = env[network.graph.output]
        if refine and network.refine is not None:
            self._enter(REFINEMENT)
            self._refine(output)
        return Encoding(k, self.program, tuple(self.choices), tuple(output.rows()))

    def _enter(self, name: str) -> None:
        """Turns to a switch of the network."""
        self.switch, self.scale = self.network.switches[name], self.network.scales[name]

    def _input(self) -> Form:
        frame = self.network.frame
        k = frame.dimensions
        slopes = np.zeros((k, len(frame.base)))
        slopes[np.arange(k), frame.free] = frame.half
        shape = self.network.graph.input_shape
        constant = torch.from_numpy(frame.base.copy()).reshape(shape)
        return Form(constant, np.arange(k), torch.from_numpy(slopes).reshape(k, *shape))

    def relu(self, form: Form) -> Form:
        """ReLU of each entry."""
        zero = Row.fixed(0.0)
        return self.largest([[zero, row] for row in form.rows()], form.constant.shape)

    def largest(self, units: Sequence[Sequence[Row]], shape: Sequence[int]) -> Form:
        """The largest of several functions, for each unit."""
        # All bounds first: the relaxation is then factored once for all units of an op.
        kept = [self._contenders(pieces) for pieces in units]
        return assemble([self._choose(*found) for found in kept], shape)

    def _contenders(self, pieces: Sequence[Row]) -> tuple[list[Row], Array]:
        """Pieces that may win, and bounds on how far the first of two exceeds the second."""
        count = len(pieces)
        excess = np.zeros((count, count))
        pairs = [(i, j) for i in range(count) for j in range(i)]
        for i, j in pairs:
            difference = pieces[i] - pieces[j]
            low, high = self.program.extent(difference)
            if self.tighten and self.program.rows and low < 0 < high and len(pairs) <= PAIRS:
                low, high = self.relaxation.extent(difference)
            excess[i, j], excess[j, i] = high, -low
        kept = list(range(count))
        for i in range(count):
            # Of two that are equal everywhere one must stay.
            if any(excess[i, j] <= 0 for j in kept if j != i):
                kept.remove(i)
        return [pieces[i] for i in kept], excess[np.ix_(kept, kept)]

    def _choose(self, pieces: list[Row], excess: Array) -> Row:
        if len(pieces) == 1:
            return pieces[0]
        extents = [self.program.extent(piece) for piece in pieces]
        column = self.program.variable(
            max(low for low, _ in extents), max(high for _, high in extents)
        )
        y = Row.of(column)
        picked = self._picks(len(pieces))
        for i, piece in enumerate(pieces):
            self.program.rows.append(piece - y)
            (switch,), value = picked[i].columns, int(picked[i].weights[0] > 0)
            most = float(np.delete(excess[:, i], i).max())
            self.program.implications.append(Implication(int(switch), value, y - piece, most))
        self.choices.append(Choice(column, tuple(pieces), picked, self.scale))
        return y

    def _picks(self, count: int) -> tuple[Row, ...]:
        """One of several: a single binary variable for two, one each for more."""
        if count == 2:
            z = self.program.switch()
            return Row.of(z, -1.0, 1.0), Row.of(z)
        picked = tuple(Row.of(self.program.switch()) for _ in range(count))
        chosen = total(list(picked)).plus(-1.0)
        self.program.rows += [chosen, chosen * -1.0]
        return picked

    def _refine(self, output: Form) -> None:
        """The states of a refinement; its values are not needed.

        The paper's `r_ab` (output a is at least output b) and `R_a` (it is so for all b) come to
        the same as picking a: a picked piece is at least every other one.
        """
        refine = self.network.refine
        rows = output.rows()
        if isinstance(refine, Windows):
            self.largest(_windows(refine, rows), refine.shape)
        elif isinstance(refine, Level):
            self.relu(_level(refine, output))
        elif isinstance(refine, Ranking):
            self._rank(rows)
        else:
            raise NotImplementedError(f"no encoding of the refinement {type(refine).__name__}")

    def _rank(self, rows: list[Row]) -> None:
        """The largest output, and the largest of the others: the winner is moved out of the way."""
        before = len(self.choices)
        extents = [self.program.extent(row) for row in rows]
        gap = max(high for _, high in extents) - min(low for low, _ in extents) + 1.0
        contenders, excess = self._contenders(rows)
        self._choose(contenders, excess)
        wins = {id(row): Row.fixed(1.0) for row in contenders}
        if len(self.choices) > before:
            choice = self.choices[-1]
            wins = {id(row): won for row, won in zip(choice.pieces, choice.picked, strict=True)}
        rest = [row - wins[id(row)] * gap if id(row) in wins else row for row in rows]
        self.largest([rest], (1,))


def _windows(switch: Windows, rows: list[Row]) -> list[list[Row]]:
    """The entries of each window, without padding."""
    return [
        [rows[place] for place in places if place >= 0 and rows[place].constant > -math.inf]
        for places in switch.index.tolist()
    ]


def _level(switch: Level, output: Form) -> Form:
    flat = output.slopes.flatten(1) @ switch.rows
    return Form(output.constant.flatten() @ switch.rows + switch.bounds, output.columns, flat)


def _kinked(encoder: _Encoder, x: Form, slope: float | Tensor) -> Form:
    """`x` where positive and `slope * x` elsewhere, as `slope * x + (1 - slope) * relu(x)`."""
    factor = torch.as_tensor(slope, dtype=torch.float64)
    below, above = push(ops.Mul(), [x, factor]), push(ops.Mul(), [encoder.relu(x), 1 - factor])
    return push(ops.Add(), [below, above])


def _clip(encoder: _Encoder, op: ops.Clip, x: Form) -> Form:
    """`v = lower + relu(x - lower)`, then `upper - relu(upper - v)`."""
    if math.isfinite(op.lower):
        lower = torch.tensor(op.lower, dtype=torch.float64)
        x = push(ops.Add(), [encoder.relu(push(ops.Sub(), [x, lower])), lower])
    if math.isfinite(op.upper):
        upper = torch.tensor(op.upper, dtype=torch.float64)
        x = push(ops.Sub(), [upper, encoder.relu(push(ops.Sub(), [upper, x]))])
    return x


def _maximum(encoder: _Encoder, op: ops.Maximum, a: Form | Tensor, b: Form | Tensor) -> Form:
    return push(ops.Add(), [b, encoder.relu(push(ops.Sub(), [a, b]))])


def _minimum(encoder: _Encoder, op: ops.Minimum, a: Form | Tensor, b: Form | Tensor) -> Form:
    return push(ops.Sub(), [a, encoder.relu(push(ops.Sub(), [a, b]))])


def _max_pool(encoder: _Encoder, op: ops.MaxPool, x: Form) -> Form:
    switch: Any = encoder.switch
    return encoder.largest(_windows(switch, x.rows()), switch.shape)


RULES: dict[type[ops.Op], Callable[..., Form]] = {
    ops.Relu: lambda encoder, op, x: encoder.relu(x),
    ops.LeakyRelu: lambda encoder, op, x: _kinked(encoder, x, op.slope),
    ops.PRelu: lambda encoder, op, x, slope: _kinked(encoder, x, slope),
    ops.Abs: lambda encoder, op, x: _kinked(encoder, x, -1.0),
    ops.Clip: _clip,
    ops.Maximum: _maximum,
    ops.Minimum: _minimum,
    ops.MaxPool: _max_pool,
}
"""From each piecewise-linear op to its encoding, given the encoder, the op and its operands."""
