"""The network over a domain: a sequence of stages, each of which switches, and its affine maps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import torch
import torch.autograd.forward_ad as fwAD
from torch import Tensor

from affidavit.errors import ModelError, UnsupportedOpsError
from affidavit.graph import Graph, Node, View, ops, simplify
from affidavit.graph.interpreter import evaluate
from affidavit.regions.domain import Array, Frame
from affidavit.regions.switches import AFFINE, RULES, Extremum, Switch, flat, size_of_value

Shifts: TypeAlias = dict[str, Tensor]

ROUNDING = 1e-13
"""Share of the sum of its terms' sizes below which what a unit compares counts as zero."""

LEAST = 1e-5
"""Share of the largest operand of an op that counts as the scale of a smaller one, when it is
displaced: times the least displacement it is above the rounding of the largest."""

REFINEMENT = "output"
"""Name of the stage, if any, that tells regions of the output apart."""

_TOGETHER = 256  # regions whose constraints are made at once

_NUMBERS = 1 << 19  # numbers in the largest value of a batch


@dataclass(frozen=True)
class Stage:
    """Comparisons that are affine on every cell that all earlier stages have cut.

    Attributes:
        name: the node that switches.
        turn: which round of the node's comparisons.
    """

    name: str
    turn: int


def strip_head(graph: Graph) -> tuple[Graph, str | None]:
    """The graph without a final softmax, log-softmax or sigmoid, and the name of what was taken.

    The order of the outputs at one input does not change by that; their values do.
    """
    heads = (ops.Softmax, ops.LogSoftmax, ops.Sigmoid)
    moved = False
    name = graph.output
    while name != graph.input:
        node = graph[name]
        if isinstance(node.op, heads):
            nodes = [
                dataclasses.replace(
                    other,
                    operands=tuple(node.operands[0] if o == name else o for o in other.operands),
                )
                for other in graph.nodes
                if other.name != name
            ]
            output = graph.output if moved else node.operands[0]
            if output == graph.input:
                break
            stripped = dataclasses.replace(graph, nodes=tuple(nodes), output=output)
            return stripped, type(node.op).__name__.lower()
        if not isinstance(node.op, ops.Reshape | ops.Transpose):
            break
        moved = True
        name = node.operands[0]
    return graph, None


def check_supported(graph: Graph) -> None:
    """Raises UnsupportedOpsError, naming every op that is not piecewise linear in the input."""
    faults = []
    varying = {graph.input}
    for node in graph.nodes:
        moving = [operand in varying for operand in node.operands]
        if not any(moving):
            continue
        varying.add(node.name)
        place = node.module or node.name
        kind = type(node.op)
        if kind not in RULES and kind not in AFFINE:
            faults.append((kind.__name__, place))
        elif kind is ops.Mul and all(moving):
            faults.append(("Mul of two values that depend on the input", place))
        elif kind is ops.Div and moving[1]:
            faults.append(("Div by a value that depends on the input", place))
        elif kind in (ops.Linear, ops.Conv, ops.BatchNorm, ops.PRelu) and any(moving[1:]):
            faults.append((f"{kind.__name__} with weights that depend on the input", place))
    if faults:
        raise UnsupportedOpsError(
            "Regions need a network that is piecewise linear in its input (a final softmax or"
            " sigmoid is put aside), but:",
            faults,
        )


@dataclass(frozen=True, eq=False)
class _Lowered:
    """What a graph becomes before any domain is known."""

    versions: tuple[int, ...]
    head: str | None
    view: View
    graph: Graph


_lowered: WeakKeyDictionary[Graph, _Lowered] = WeakKeyDictionary()


def _lower(graph: Graph) -> _Lowered:
    """The graph without its head, simplified, in double precision; made once for each graph."""
    # Nobody should write to a graph's tensors, but somebody may.
    versions = tuple(tensor._version for tensor in graph.tensors.values())
    known = _lowered.get(graph)
    if known is not None and known.versions == versions:
        return known
    for name, tensor in graph.tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"the weights {name!r} have an entry that is NaN or infinite")
    stripped, head = strip_head(graph)
    check_supported(stripped)
    view = simplify(stripped)
    _lowered[graph] = _Lowered(versions, head, view, view.graph.to(torch.float64))
    return _lowered[graph]


class Network:
    """A piecewise-linear graph on a frame, evaluated in double precision.

    Points are given in the frame's coordinates t, shape [batch, k].

    Attributes:
        graph: the simplified graph, without its head.
        head: what was taken off: `softmax`, `logsoftmax`, `sigmoid` or None.
        frame: the domain.
        switches: the switch of each node that has one, in evaluation order; a refinement, by the
            name :data:`REFINEMENT`, comes last.
        stages: what engines go through.
    """

    def __init__(self, graph: Graph, frame: Frame, refine: Switch | None = None) -> None:
        """Raises:
        UnsupportedOpsError: ops that are not piecewise linear.
        ModelError: weights that are NaN or infinite.
        """
        lowered = _lower(graph)
        self.head, self.view, self.graph = lowered.head, lowered.view, lowered.graph
        self.frame = frame
        self.refine = refine
        self.switches: dict[str, Switch] = {}
        for node in self.graph.nodes:
            if type(node.op) in RULES:
                self.switches[node.name] = self._switch(node)
        if refine is not None:
            self.switches[REFINEMENT] = refine
        self.stages = tuple(
            Stage(name, turn)
            for name, switch in self.switches.items()
            for turn in range(switch.rounds)
        )
        self._base = torch.from_numpy(frame.base)
        self._spread = torch.zeros(frame.dimensions, len(frame.base), dtype=torch.float64)
        self._spread[torch.arange(frame.dimensions), torch.from_numpy(frame.free)] = (
            torch.from_numpy(frame.half)
        )
        sizes = [
            abs(math.prod(shape)) for shape in self.graph.shapes.values() if shape[:1] == (-1,)
        ]
        windows = [s.index.numel() for s in self.switches.values() if hasattr(s, "index")]
        self.batch = max(1, min(1 << 16, _NUMBERS // max(1, *sizes, *windows)))

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return abs(math.prod(self.graph.shapes[self.graph.output]))

    def batches(self, points: Array) -> Iterator[Tensor]:
        """Points in batches that fit in memory."""
        for start in range(0, max(1, len(points)), self.batch):
            yield torch.from_numpy(np.ascontiguousarray(points[start : start + self.batch]))

    def value(self, t: Array) -> Array:
        """The outputs, shape [batch, output], without the head."""
        value: Array = self._gather(t, self._output)
        return value

    def comparisons(
        self,
        t: Array,
        stage: Stage,
        shifts: Shifts | None = None,
        rows: np.ndarray | None = None,
    ) -> Array:
        """A stage's comparisons, shape [batch, comparison]; only those in `rows` if given."""
        chosen = None if rows is None else torch.from_numpy(rows)

        def compare(x: Tensor) -> Tensor:
            found = self._compare(x, stage, shifts)
            return found if chosen is None else found[:, chosen]

        value: Array = self._gather(t, compare)
        return value

    def comparison_maps(
        self,
        t: Array,
        stage: Stage,
        shifts: Shifts | None = None,
        rows: slice = slice(None),
    ) -> tuple[Array, Array]:
        """Slopes and values of a stage's comparisons, or of some, at interior points of cells.

        Returns:
            slopes [batch, comparison, k] and values at the points [batch, comparison].
        """
        return self._slopes(t, lambda x: self._compare(x, stage, shifts)[:, rows])

    def states(self, t: Array) -> np.ndarray:
        """Bit-packed states of all units at points, uint8, shape [batch, byte]."""
        packed: np.ndarray = self._gather(t, self._states)
        return packed

    def constraint_maps(self, t: Array) -> tuple[Array, Array]:
        """Slopes and values of the constraints of the regions around interior points.

        Returns:
            slopes [batch, constraint, k] and values [batch, constraint] at the points; each is at
            least 0 in the region.
        """
        return self._slopes(t, self._constraints)

    def constraints(self, centers: Array) -> Iterator[tuple[Array, Array, Array]]:
        """Constraints of the regions around interior points, one region after the other.

        Yields:
            slopes [constraint, k], values at the point (none negative) and the point; the frame's
            own constraints are among them.
        """
        for start in range(0, len(centers), _TOGETHER):
            part = centers[start : start + _TOGETHER]
            slopes, values = self.constraint_maps(part)
            for slope, value, center in zip(slopes, values, part, strict=True):
                edge = self.frame.b - self.frame.A @ center
                yield np.r_[slope, -self.frame.A], np.maximum(np.r_[value, edge], 0), center

    def clearance(self, t: Array) -> Array:
        """Radius of the largest ball around each point within its region and the domain."""
        found = np.empty(len(t))
        for start in range(0, len(t), self.batch):
            part = t[start : start + self.batch]
            slopes, values = self.constraint_maps(part)
            lengths = np.linalg.norm(slopes, axis=2)
            moving = lengths > 1e-14 * lengths.max(1, keepdims=True, initial=0)
            distance = np.where(moving, values / np.where(moving, lengths, 1), np.inf)
            edge = np.minimum(
                (1 - np.abs(part)).min(1), (self.frame.b - part @ self.frame.A.T).min(1, initial=2)
            )
            found[start : start + self.batch] = np.minimum(distance.min(1, initial=2), edge)
        return np.maximum(found, 0)

    def output_maps(self, t: Array) -> tuple[Array, Array]:
        """Slopes of the outputs in t, [batch, output, k], and their values [batch, output]."""
        return self._slopes(t, self._output)

    def gradients(self, t: Array, name: str | None = None) -> tuple[Array, Array]:
        """Affine maps around interior points, in all features of the input.

        Args:
            name: a value of the graph as it was given (simplifying may have merged it into
                another); the output unless given.

        Returns:
            weights [batch, entry, feature] and values [batch, entry] at the points.
        """
        weights, values = [], []
        graph = self.graph if name is None else self.view.source.to(torch.float64)
        for batch in self.batches(t):
            x = self.embed(batch).requires_grad_()
            with torch.enable_grad():
                y = graph.values(x.reshape(-1, *graph.input_shape), [name or graph.output])
                entries = flat(next(iter(y.values())))
                rows = [
                    torch.autograd.grad(entries[:, i].sum(), x, retain_graph=True)[0]
                    for i in range(entries.shape[1])
                ]
            weights.append(torch.stack(rows, 1).numpy())
            values.append(entries.detach().numpy())
        return np.concatenate(weights), np.concatenate(values)

    def embed(self, t: Tensor) -> Tensor:
        """Whole inputs, flat, of points."""
        return self._base + t @ self._spread

    def shifts(self, size: float, generator: np.random.Generator) -> Shifts:
        """Random displacements of every comparison: `size` to twice that, times its own scale.

        Units of one op may differ in scale by far: what is little for one is all there is for
        another.
        """
        drawn = {}
        for name, switch in self.switches.items():
            share = size * (1 + generator.random(switch.shifts)) * self._reach(name, switch)
            drawn[name] = torch.from_numpy(share)
        return drawn

    def _reach(self, name: str, switch: Switch) -> Array:
        """Scale of each number of a switch's displacement, above what rounding may reach."""
        own = self._operands[name]
        if isinstance(switch, Extremum):
            own = own.reshape(2, -1).max(0)
        if len(own) != switch.shifts:
            own = np.full(switch.shifts, self.scales[name])
        reach: Array = np.maximum(own, LEAST * self.scales[name])
        return reach

    @cached_property
    def scales(self) -> dict[str, float]:
        """Largest operand seen at each switch, over corners and random points of the frame."""
        return {name: max(1e-300, float(own.max())) for name, own in self._operands.items()}

    @cached_property
    def _operands(self) -> dict[str, Array]:
        """Largest size of each prepared operand, flat, over the same points."""
        found: dict[str, Array] = {}
        for batch in self.batches(self._probes):
            with torch.no_grad():
                for name, u in self._prepared(batch):
                    # Padding of a pool is minus infinity: it has no size.
                    size = torch.where(u == -torch.inf, 0.0, u.abs()).flatten(1).amax(0).numpy()
                    found[name] = np.maximum(found.get(name, 0.0), size)
        if not all(np.isfinite(own).all() for own in found.values()):
            raise ModelError("the network's values are not finite on this region")
        return found

    @cached_property
    def _tolerances(self) -> dict[str, Tensor]:
        """For each unit what rounding may make of zero: by the sizes of the terms it sums.

        Terms that cancel leave more rounding behind than their sum tells, and a large unit says
        nothing of a small one beside it.
        """
        t = torch.from_numpy(self._probes)
        sizes = {self.graph.input: self.embed(t).abs().reshape(-1, *self.graph.input_shape)}
        found = {}
        with torch.no_grad():
            for node in self.graph.nodes:
                switch = self.switches.get(node.name)
                operands = [
                    sizes[name] if name in sizes else self.graph.tensors[name].abs()
                    for name in node.operands
                ]
                if switch is not None:
                    found[node.name] = ROUNDING * switch.spread(operands).amax(0)
                sizes[node.name] = size_of_value(node.op, operands)
            if self.refine is not None:
                spread = self.refine.spread([sizes[self.graph.output]])
                found[REFINEMENT] = ROUNDING * spread.amax(0)
        return found

    def noise(self, stage: Stage, count: int) -> Array:
        """For each of a stage's comparisons, `count` of them, what rounding may make of zero."""
        switch, own = self.switches[stage.name], self._tolerances[stage.name]
        found: Array = switch.by_comparison(own, count).numpy()
        return found

    @cached_property
    def _probes(self) -> Array:
        """The middle of the frame, some of its corners, and random points."""
        generator = np.random.default_rng(0)
        k = self.frame.dimensions
        probes: Array = np.r_[
            np.zeros((1, k)),
            generator.uniform(-1, 1, (32, k)),
            generator.choice([-1.0, 1.0], (31, k)),
        ]
        return probes

    @cached_property
    def layout(self) -> dict[str, tuple[int, int, int]]:
        """Of each switch: its first bit in a packed pattern, its units, and bits a unit."""
        start, table = 0, {}
        for name, switch in self.switches.items():
            width = max(1, math.ceil(math.log2(switch.levels)))
            table[name] = (start, switch.units, width)
            start += switch.units * width
        return table

    @cached_property
    def plain(self) -> bool:
        """Whether states are the signs of the comparisons, one bit each, in order."""
        return all(switch.plain for switch in self.switches.values())

    @property
    def bits(self) -> int:
        """Bits of a pattern."""
        return sum(units * width for _, units, width in self.layout.values())

    def unpack(self, packed: np.ndarray, only: str | None = None) -> dict[str, np.ndarray]:
        """States of the units by switch, [batch, unit], from packed patterns [batch, byte].

        Args:
            only: the one switch that is wanted.
        """
        table = {}
        for name in self.layout if only is None else (only,):
            start, units, width = self.layout[name]
            first, last = start // 8, -(-(start + units * width) // 8)
            bits = np.unpackbits(packed[:, first:last], axis=1, bitorder="little")
            cut = bits[:, start - 8 * first :][:, : units * width]
            cut = cut.reshape(len(packed), units, width)
            table[name] = (cut.astype(np.int64) << np.arange(width)).sum(2)
        return table

    def _switch(self, node: Node) -> Switch:
        shapes = [self.graph.shapes[name] for name in (*node.operands, node.name)]
        constants = [self.graph.tensors.get(name) for name in node.operands]
        return RULES[type(node.op)](node, shapes, constants)

    def _output(self, t: Tensor) -> Tensor:
        return flat(self.graph(self.embed(t).reshape(-1, *self.graph.input_shape)))

    def _prepared(
        self, t: Tensor, shifts: Shifts | None = None, until: str | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        """Each switch in order, with its prepared operands, up to the one named `until`."""
        shifts = shifts or {}
        env = {self.graph.input: self.embed(t).reshape(-1, *self.graph.input_shape)}
        for node in self.graph.nodes:
            switch = self.switches.get(node.name)
            operands = [
                env[name] if name in env else self.graph.tensors[name] for name in node.operands
            ]
            if switch is None:
                env[node.name] = evaluate(node.op, *operands)
                continue
            u = switch.prepare(operands, shifts.get(node.name))
            yield node.name, u
            if node.name == until:
                return
            env[node.name] = switch.apply(u)
        if self.refine is not None:
            y = env[self.graph.output]
            yield REFINEMENT, self.refine.prepare([y], shifts.get(REFINEMENT))

    def _compare(self, t: Tensor, stage: Stage, shifts: Shifts | None) -> Tensor:
        *_, (name, u) = self._prepared(t, shifts, stage.name)
        return self.switches[name].comparisons(u, stage.turn)

    def _states(self, t: Tensor) -> Tensor:
        bits = []
        for name, u in self._prepared(t):
            _, units, width = self.layout[name]
            states = self.switches[name].states(u, self._tolerances[name])
            if states.dtype != torch.bool:
                split = states[:, :, None] >> torch.arange(width) & 1
                states = split.reshape(len(states), units * width) == 1
            bits.append(states.numpy())
        joined = np.concatenate(bits, 1) if bits else np.zeros((len(t), 0), bool)
        return torch.from_numpy(np.packbits(joined, axis=1, bitorder="little"))

    def _constraints(self, t: Tensor) -> Tensor:
        rows = []
        for name, u in self._prepared(t):
            switch = self.switches[name]
            states = switch.states(_primal(u), self._tolerances[name])
            rows.append(switch.constraints(u, states))
        return torch.cat(rows, 1) if rows else t[:, :0]

    def _gather(self, t: Array, function: Callable[[Tensor], Tensor]) -> Any:
        with torch.no_grad():
            return np.concatenate([function(batch).numpy() for batch in self.batches(t)])

    def _slopes(self, t: Array, function: Callable[[Tensor], Tensor]) -> tuple[Array, Array]:
        """Forward-mode derivatives of a function along every direction of the frame."""
        slopes, values = [], []
        for batch in self.batches(t):
            columns = []
            with torch.no_grad(), fwAD.dual_level():
                for direction in range(self.frame.dimensions):
                    tangent = torch.zeros_like(batch)
                    tangent[:, direction] = 1
                    value, slope = _derivative(function, batch, tangent)
                    columns.append(torch.zeros_like(value) if slope is None else slope)
            slopes.append(torch.stack(columns, 2).numpy())
            values.append(value.numpy())
        return np.concatenate(slopes), np.concatenate(values)


def _primal(x: Tensor) -> Tensor:
    value: Tensor = fwAD.unpack_dual(x).primal  # type: ignore[no-untyped-call]
    return value


def _derivative(
    function: Callable[[Tensor], Tensor], x: Tensor, tangent: Tensor
) -> tuple[Tensor, Tensor | None]:
    """A function's value and its derivative along a tangent, None where it is constant."""
    dual = fwAD.make_dual(x, tangent)  # type: ignore[no-untyped-call]
    value, slope = fwAD.unpack_dual(function(dual))  # type: ignore[no-untyped-call]
    return value, slope
