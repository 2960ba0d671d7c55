"""The exact gradients over one box by the gates that are open in it, whatever the dimension.

Where few units may be on or off, all their patterns are written down: with every gate known the
network is one affine map, and its gradient a number. A pattern matters only if its gradient lies
outside of what was found before, and then a linear program says whether some input of the box has
it. Regions need not be enumerated, nor cut.
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from scipy.optimize import linprog

from affidavit.certify.bab.gates import Gates
from affidavit.certify.pieces import enclosed_at, of_rows
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.graph import Interval

PROGRAMS = 1000
"""Linear programs for one part of a box, at most."""

CLEAR = 1e-9
"""Share of a unit's range by which an input must clear its kink to count as inside a pattern."""

_SAME = 1e-12  # share of the gradients' size that is rounding


class Patterns:
    """Patterns that are still to be decided, and what was found."""

    def __init__(self, problem: Problem, chosen: Score, gates: Gates, attained: Interval) -> None:
        count = int(gates.free.sum())
        self.problem, self.chosen, self.gates = problem, chosen, gates
        self.signs = np.tile(gates.on, (1 << count, 1))
        self.signs[:, gates.free] = np.arange(1 << count)[:, None] >> np.arange(count) & 1
        self.center = problem.box.lower / 2 + problem.box.upper / 2
        self.radius = (problem.box.upper / 2 - problem.box.lower / 2).flatten().numpy()
        self.gradients = self._gradients()
        self.size = max(float(np.abs(self.gradients).max()), 1e-300)
        self.found = attained
        self.live = np.ones(len(self.signs), bool)
        self.doubtful = np.zeros(len(self.signs), bool)
        self.reach: np.ndarray | None = None
        self.programs = 0

    def run(self, until: float) -> None:
        """Decides patterns until none reaches out, or there is no more time."""
        while self.programs < PROGRAMS and time.monotonic() <= until:
            index = self.worst()
            if index is None:
                break
            self.decide(index)

    def worst(self) -> int | None:
        """The pattern that reaches out farthest, or None where none does."""
        if self.reach is None:
            index = np.flatnonzero(self.live)
            low, high = (end.numpy()[0] for end in (self.found.lower, self.found.upper))
            gradients = self.gradients[index]
            reach = np.maximum(low - gradients, gradients - high).max(1)
            self.reach = np.full(len(self.live), -math.inf)
            self.reach[index] = reach
            # What rounding alone makes of a gradient that was found is taken in as it is.
            near = index[(reach > 0) & (reach <= _SAME * self.size)]
            self._take(self.gradients[near])
            self.live[index[reach <= _SAME * self.size]] = False
        best = int(np.argmax(np.where(self.live, self.reach, -math.inf)))
        return best if self.live[best] else None

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
            self.reach = None

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
