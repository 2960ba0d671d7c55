"""Which units may be on or off in a box, and the affine maps that they choose between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from affidavit.certify import crown, ibp
from affidavit.certify.bab.axes import spread
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.graph import Graph, Interval, Node, ops
from affidavit.graph.interpreter import evaluate

_UNITS = (ops.Relu, ops.LeakyRelu, ops.PRelu)
_OTHERS = tuple(op for op in ops.PIECEWISE_LINEAR if op not in _UNITS)


@dataclass(frozen=True, eq=False)
class Gates:
    """The units of a box, and which of them may be on or off.

    Attributes:
        graph: the network.
        nodes: those that hold units.
        fixed: for each the slopes of its units, [*shape], where they are sure.
        off: its units' slopes where they are off, [*shape].
        place: for each open gate the number of its node and its flat place there, [gate, 2].
        behind: whether a gate lies on the way to another's unit, [gate, gate].
        free: whether a gate is open, [gate]; the others were given a sign.
        on: that sign, [gate].
        worth: what an open gate adds to the width of the gradient by its unit, times the width of
            the unit, [gate].
        empty: whether no input has the given signs.
    """

    graph: Graph
    nodes: tuple[Node, ...]
    fixed: dict[str, Tensor]
    off: dict[str, Tensor]
    place: np.ndarray
    behind: np.ndarray
    free: np.ndarray
    on: np.ndarray
    worth: np.ndarray
    empty: bool

    @property
    def widest(self) -> tuple[int, int]:
        """The open gate that is best told apart next."""
        number, at = self.place[int(np.argmax(np.where(self.free, self.worth, -1.0)))]
        return int(number), int(at)

    def run(self, x: Tensor, patterns: Tensor, last: str) -> tuple[Tensor, Tensor]:
        """A value of the affine maps of patterns [pattern, gate], and all open units', at x."""
        env: dict[str, Tensor] = {self.graph.input: x}
        before = []
        for node in self.graph.nodes:
            operands = [
                env[name] if name in env else self.graph.tensors[name] for name in node.operands
            ]
            if node.name not in self.fixed:
                env[node.name] = evaluate(node.op, *operands)
                continue
            number = self.nodes.index(node)
            mine = np.flatnonzero(self.place[:, 0] == number)
            at = torch.from_numpy(self.place[mine, 1])
            slope = self.fixed[node.name].flatten().expand(len(x), -1).clone()
            off = self.off[node.name].flatten()[at]
            slope[:, at] = torch.where(patterns[:, torch.from_numpy(mine)], 1.0, off)
            before.append(operands[0].flatten(1)[:, at])
            env[node.name] = operands[0] * slope.reshape(operands[0].shape)
        return env[last], torch.cat(before, 1)


def is_empty(bounds: ibp.Bounds) -> bool:
    """Whether bounds cross somewhere: no input has values within them."""
    return any(bool((value.lower > value.upper).any()) for value in bounds.values())


def keeping(
    nodes: Sequence[Node], like: Mapping[str, Tensor], signs: Mapping[tuple[int, int], bool]
) -> dict[str, Interval]:
    """Bounds that units of known signs keep, by the value that they are applied to."""
    found: dict[str, Interval] = {}
    for (number, at), on in signs.items():
        node = nodes[number]
        if node.operands[0] not in found:
            shape = (1, *like[node.name].shape)
            end = torch.full(shape, torch.inf, dtype=torch.float64)
            found[node.operands[0]] = Interval(-end, end.clone())
        kept = found[node.operands[0]]
        if on:
            kept.lower.view(-1)[at] = torch.finfo(torch.float64).tiny
        else:
            kept.upper.view(-1)[at] = 0.0
    return found


def open_gates(
    problem: Problem, chosen: Score, signs: Mapping[tuple[int, int], bool]
) -> Gates | None:
    """The gates of a box, or of a part of it; None where they are not all that switches."""
    graph = problem.graph
    needed = graph.ancestors([chosen.node])
    used = [node for node in graph.nodes if node.name in needed]
    nodes = [node for node in used if isinstance(node.op, _UNITS)]
    shapes = {node.name: torch.empty(graph.shapes[node.name][1:]) for node in nodes}
    with torch.no_grad():
        kept = replace(problem, within=keeping(nodes, shapes, signs))
        bounds = crown.relaxed(kept, chosen.node, 0).bounds
        for node in used:
            moving = any(bool((bounds[name].width > 0).any()) for name in node.operands)
            if isinstance(node.op, _OTHERS) and moving:
                return None
        empty = is_empty(bounds)
        wide: dict[str, Tensor] = {}
        if not empty:
            last = chosen.cotangent(bounds[chosen.node])
            wide = spread(graph, bounds, ibp.backward(graph, bounds, chosen.node, last))
    fixed, off, place, worth = {}, {}, [], []
    matters = [bool((wide.get(n.operands[0], torch.zeros(())) > 0).any()) for n in nodes]
    for number, node in enumerate(nodes):
        z = bounds[node.operands[0]]
        off[node.name] = _below(node, bounds, z.lower[0])
        fixed[node.name] = torch.where(z.lower[0] > 0, 1.0, off[node.name])
        straddling = ((z.lower[0] <= 0) & (z.upper[0] > 0)).flatten().numpy()
        # A unit that a later open one is computed from must be known too.
        behind = [
            other.name for other, on in zip(nodes[number:], matters[number:], strict=True) if on
        ]
        known = [at for owner, at in signs if owner == number]
        used_later = node.name in graph.ancestors(behind)
        free = np.flatnonzero(straddling & used_later).tolist()
        place += [(number, int(at)) for at in sorted({*free, *known})]
        added = wide.get(node.operands[0], torch.zeros_like(z.lower)) * z.width
        worth += [float(added.view(-1)[at]) for at in sorted({*free, *known})]
    ancestors = [graph.ancestors([node.operands[0]]) for node in nodes]
    behind_table = np.array(
        [[nodes[a].name in ancestors[b] for a, _ in place] for b, _ in place], bool
    ).reshape(len(place), len(place))
    return Gates(
        graph,
        tuple(nodes),
        fixed,
        off,
        np.array(place, np.int64).reshape(len(place), 2),
        behind_table,
        np.array([entry not in signs for entry in place], bool),
        np.array([signs.get(entry, False) for entry in place], bool),
        np.array(worth),
        empty,
    )


def _below(node: Node, bounds: ibp.Bounds, like: Tensor) -> Tensor:
    """Slopes of units that are off."""
    if isinstance(node.op, ops.PRelu):
        return bounds[node.operands[1]].lower.expand(1, *like.shape)[0]
    return torch.full_like(like, node.op.slope if isinstance(node.op, ops.LeakyRelu) else 0.0)
