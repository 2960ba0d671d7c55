"""The exact gradients of one box by the gates that are open in it, whatever the dimension.

Where few units may be on or off, all their patterns are written down: with every gate known the
network is one affine map, and its gradient a number. A pattern matters only if its gradient lies
outside of what was found before, and then a linear program says whether some input of the box has
it. Regions need not be enumerated, nor cut.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from affidavit.certify import crown, ibp
from affidavit.certify.bab.axes import spread
from affidavit.certify.bab.leaves import Settled
from affidavit.certify.pieces import enclosed_at, of_rows
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.graph import Graph, Interval, Node, ops
from affidavit.graph.interpreter import evaluate

MOST = 14
"""Open gates up to which all patterns are written down."""

NUMBERS = 1 << 24
"""Numbers in the gradients of all patterns, at most."""

PROGRAMS = 1000
"""Linear programs for one box, at most."""

CLEAR = 1e-9
"""Share of a unit's range by which an input must clear its kink to count as inside a pattern."""

_SAME = 1e-12  # share of the gradients' size that is rounding

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
    """

    graph: Graph
    nodes: tuple[Node, ...]
    fixed: dict[str, Tensor]
    off: dict[str, Tensor]
    place: np.ndarray
    behind: np.ndarray

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


def settle(problem: Problem, chosen: Score, attained: Interval, seconds: float) -> Settled | None:
    """What the gradients over one box reach beyond those that were attained elsewhere.

    Args:
        problem: a piecewise-linear network over one box, [1, *input_shape], float64, on the CPU.
        chosen: a logit or a margin.
        attained: gradients that need not be found again, flat, [1, entry].
        seconds: time to take.

    Returns:
        None where too many gates are open, or an op other than ReLU and its leaky kin switches.

    Guarantee: `sound`, and where nothing is left undecided `exact`, to 1e-9 of each unit's range.
    """
    until = time.monotonic() + seconds
    gates = _open(problem, chosen)
    if gates is None:
        return None
    search = _Patterns(problem, chosen, gates, attained)
    while search.programs < PROGRAMS and time.monotonic() <= until:
        index = search.worst()
        if index is None:
            break
        search.decide(index)
    return Settled(search.found, search.rest())


def _open(problem: Problem, chosen: Score) -> Gates | None:
    """The gates of a box, or None where patterns of them cannot be written down."""
    graph = problem.graph
    with torch.no_grad():
        bounds = crown.relaxed(problem, chosen.node, 0).bounds
        last = chosen.cotangent(bounds[chosen.node])
        back = ibp.backward(graph, bounds, chosen.node, last)
        wide = spread(graph, bounds, back)
    needed = graph.ancestors([chosen.node])
    nodes, fixed, off, straddling, matters = [], {}, {}, {}, {}
    for node in graph.nodes:
        if node.name not in needed:
            continue
        z = bounds[node.operands[0]]
        moving = any(bool((bounds[name].width > 0).any()) for name in node.operands)
        if isinstance(node.op, _OTHERS) and moving:
            return None
        if not isinstance(node.op, _UNITS):
            continue
        below = _below(node, bounds, z.lower[0])
        nodes.append(node)
        off[node.name] = below
        fixed[node.name] = torch.where(z.lower[0] > 0, 1.0, below)
        straddling[node.name] = ((z.lower[0] <= 0) & (z.upper[0] > 0)).flatten().numpy()
        matters[node.name] = (wide.get(node.operands[0], torch.zeros(())) > 0).any()
    place = []
    for number, node in enumerate(nodes):
        # A unit that a later open one is computed from must be known too.
        later = graph.ancestors([other.name for other in nodes[number:] if matters[other.name]])
        if node.name in later:
            place += [(number, int(at)) for at in np.flatnonzero(straddling[node.name])]
    features = problem.box.lower[0].numel()
    if len(place) > MOST or (features << len(place)) > NUMBERS:
        return None
    ancestors = [graph.ancestors([node.operands[0]]) for node in nodes]
    behind = np.array(
        [[nodes[a].name in ancestors[b] for a, _ in place] for b, _ in place], bool
    ).reshape(len(place), len(place))
    table = np.array(place, np.int64).reshape(len(place), 2)
    return Gates(graph, tuple(nodes), fixed, off, table, behind)


def _below(node: Node, bounds: ibp.Bounds, like: Tensor) -> Tensor:
    """Slopes of units that are off."""
    if isinstance(node.op, ops.PRelu):
        return bounds[node.operands[1]].lower.expand(1, *like.shape)[0]
    return torch.full_like(like, node.op.slope if isinstance(node.op, ops.LeakyRelu) else 0.0)


class _Patterns:
    """Patterns that are still to be decided, and what was found."""

    def __init__(self, problem: Problem, chosen: Score, gates: Gates, attained: Interval) -> None:
        count = len(gates.place)
        self.problem, self.chosen, self.gates = problem, chosen, gates
        self.signs = (np.arange(1 << count)[:, None] >> np.arange(count) & 1).astype(bool)
        self.center = problem.box.lower / 2 + problem.box.upper / 2
        self.radius = (problem.box.upper / 2 - problem.box.lower / 2).flatten().numpy()
        self.gradients = self._gradients()
        self.size = max(float(np.abs(self.gradients).max()), 1e-300)
        self.found = attained
        self.live = np.ones(len(self.signs), bool)
        self.doubtful = np.zeros(len(self.signs), bool)
        self.programs = 0

    def worst(self) -> int | None:
        """The pattern that reaches out farthest, or None where none does."""
        low, high = (end.numpy()[0] for end in (self.found.lower, self.found.upper))
        reach = np.maximum(low - self.gradients, self.gradients - high).max(1)
        # What rounding alone makes of a gradient that was found is taken in as it is.
        near = self.live & (reach > 0) & (reach <= _SAME * self.size)
        self._take(self.gradients[near])
        self.live &= reach > _SAME * self.size
        if not self.live.any():
            return None
        return int(np.argmax(np.where(self.live, reach, -math.inf)))

    def rest(self) -> Interval | None:
        """Bounds on the gradients of patterns that may or may not be those of inputs."""
        left = self.gradients[self.live | self.doubtful]
        if not len(left):
            return None
        slack = _SAME * self.size
        low, high = torch.from_numpy(left.min(0) - slack), torch.from_numpy(left.max(0) + slack)
        return Interval(low[None], high[None])

    def decide(self, index: int) -> None:
        """Finds an input of the box with a pattern, or rules the pattern out, or leaves it be."""
        values, slopes = self._units(index)
        sign = np.where(self.signs[index], 1.0, -1.0)
        span = np.abs(slopes) @ self.radius
        # A unit that cannot move here has no kink to clear.
        moving = span > 0
        if (sign[~moving] * values[~moving] < 0).any():
            self._rule_out(index, np.flatnonzero(~moving & (sign * values < 0)))
            return
        rows = np.flatnonzero(moving)
        share = slopes[rows] * self.radius / span[rows, None] * sign[rows, None]
        level = sign[rows] * values[rows] / span[rows]
        k = len(self.radius)
        self.programs += 1
        # The most by which all units clear their kinks at once, in shares of their ranges.
        answer = linprog(
            np.r_[np.zeros(k), -1.0],
            np.c_[-share, np.ones(len(rows))],
            level,
            bounds=[(-1.0, 1.0)] * k + [(None, 2.0)],
            method="highs",
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        self.live[index] = False
        self.doubtful[index] = not answer.success
        if not answer.success:
            return
        best = np.asarray(answer.x)
        if best[-1] <= CLEAR:
            weight = np.asarray(answer.ineqlin.marginals)
            self._rule_out(index, rows[weight < -1e-12])
            return
        step = torch.from_numpy(best[:-1] * self.radius)
        x = self.center + step.reshape(self.center.shape)
        x = torch.minimum(torch.maximum(x, self.problem.box.lower), self.problem.box.upper)
        there = enclosed_at(self.problem.graph, self.chosen, x)
        low, high = there.lower.flatten().numpy(), there.upper.flatten().numpy()
        gradient, slack = self.gradients[index], _SAME * self.size
        same = (low - slack <= gradient).all() and (gradient <= high + slack).all()
        self.doubtful[index] = not same
        if same:
            self._take(np.stack([low, high]))

    def _rule_out(self, index: int, units: np.ndarray) -> None:
        """Rules out all patterns in which the same units contradict each other."""
        involved = np.zeros(len(self.gates.place), bool)
        involved[units] = True
        involved |= self.gates.behind[units].any(0)
        same = (self.signs[:, involved] == self.signs[index, involved]).all(1)
        self.live[same] = False

    def _take(self, gradients: np.ndarray) -> None:
        if len(gradients):
            low, high = torch.from_numpy(gradients.min(0)), torch.from_numpy(gradients.max(0))
            self.found = Interval(
                torch.minimum(self.found.lower, low), torch.maximum(self.found.upper, high)
            )

    def _gradients(self) -> np.ndarray:
        """The gradient of every pattern, [pattern, feature]."""
        found = []
        for start in range(0, len(self.signs), 1024):
            part = torch.from_numpy(self.signs[start : start + 1024])
            x = self.center.expand(len(part), *self.center.shape[1:]).clone().requires_grad_()
            with torch.enable_grad():
                logits, _ = self.gates.run(x, part, self.chosen.node)
                many = of_rows(self.chosen, torch.zeros(len(part), dtype=torch.long))
                (back,) = torch.autograd.grad(many.of(logits).sum(), x, materialize_grads=True)
            found.append(back.flatten(1).numpy())
        return np.concatenate(found)

    def _units(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Open units in the middle of the box as a pattern's affine map has them, and slopes."""
        part = torch.from_numpy(self.signs[index : index + 1])
        x = self.center.clone().requires_grad_()
        with torch.enable_grad():
            _, units = self.gates.run(x, part, self.chosen.node)
            rows = [
                torch.autograd.grad(unit, x, retain_graph=True, materialize_grads=True)[0]
                for unit in units[0]
            ]
        slopes = np.array([row.flatten().numpy() for row in rows]).reshape(len(rows), -1)
        return units[0].detach().numpy(), slopes
