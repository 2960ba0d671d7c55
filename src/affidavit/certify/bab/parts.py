"""Branch and bound within one box, over the signs of units."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from affidavit.certify import crown
from affidavit.certify.bab.gates import Gates, is_empty, keeping, open_gates
from affidavit.certify.bab.leaves import Hulls, Settled, meet
from affidavit.certify.bab.patterns import Patterns
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.graph import Interval

MOST = 14
"""Open gates up to which all patterns are written down."""

NUMBERS = 1 << 24
"""Numbers in the gradients of all patterns, at most."""


def settle(
    problem: Problem, chosen: Score, attained: Interval, most: int, seconds: float
) -> Settled | None:
    """What the gradients over one box reach beyond those that were attained elsewhere.

    Where too many gates are open, the inputs of the box are parted by the sign of a unit, again
    and again, those first whose gradients may reach out farthest.

    Args:
        problem: a piecewise-linear network over one box, [1, *input_shape], float64, on the CPU.
        chosen: a logit or a margin.
        attained: gradients that need not be found again, flat, [1, entry].
        most: parts of the box to look at.
        seconds: time to take.

    Returns:
        None where an op other than ReLU and its leaky kin switches, or one input is too large.

    Guarantee: `sound`, and where nothing is left undecided `exact`, to 1e-9 of each unit's range.
    """
    until = time.monotonic() + seconds
    found, rest = attained, Hulls.empty(1, attained.lower)
    none = torch.zeros(1, dtype=torch.long)
    parts = [_Part(math.inf, {}, None)]
    looked = 0
    while parts and looked < most and time.monotonic() <= until:
        looked += 1
        part = parts.pop(max(range(len(parts)), key=lambda i: parts[i].reach))
        gates = open_gates(problem, chosen, part.signs)
        if gates is None:
            return None
        if gates.empty:
            continue
        features = problem.box.lower[0].numel()
        if gates.free.sum() <= MOST and (features << int(gates.free.sum())) <= NUMBERS:
            search = Patterns(problem, chosen, gates, found)
            search.run(until)
            found = search.found
            left = search.rest()
            if left is not None:
                rest = rest.around(none, left if part.bounds is None else meet(left, part.bounds))
            continue
        for sign in (True, False):
            signs = {**part.signs, gates.widest: sign}
            parts += _bounded(problem, chosen, gates, signs, part, found)
    for part in parts:
        if part.bounds is None:
            return None
        rest = rest.around(none, part.bounds)
    known = bool((rest.lower > rest.upper).any())
    return Settled(found, None if known else Interval(rest.lower, rest.upper), looked)


@dataclass(frozen=True, eq=False)
class _Part:
    """The inputs of a box at which some units have known signs.

    Attributes:
        reach: how far their gradients may reach out of those attained.
        signs: whether a unit is on, by its node's number and its flat place there.
        bounds: of their gradients, flat; None for those of the whole box.
    """

    reach: float
    signs: Mapping[tuple[int, int], bool]
    bounds: Interval | None


def _bounded(
    problem: Problem,
    chosen: Score,
    gates: Gates,
    signs: Mapping[tuple[int, int], bool],
    whole: _Part,
    found: Interval,
) -> list[_Part]:
    """A part with its bounds, or nothing where it is empty or reaches nowhere."""
    within = keeping(gates.nodes, gates.fixed, signs)
    with torch.no_grad():
        if is_empty(crown.relaxed(replace(problem, within=within), chosen.node, 0).bounds):
            return []
        bounds = crown.gradient(replace(problem, within=within), chosen)
    flat = Interval(bounds.lower.flatten(1), bounds.upper.flatten(1))
    if whole.bounds is not None:
        flat = meet(flat, whole.bounds)
    reach = torch.maximum(found.lower - flat.lower, flat.upper - found.upper).clamp(min=0)
    if float(reach.max()) == 0:
        return []
    return [_Part(float(reach.sum()), signs, flat)]
