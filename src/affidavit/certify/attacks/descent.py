"""Projected gradient descent on the network whose kinks are rounded off, scored on the true one.

Every iterate is scored by what the network itself explains. The rounding is measured in how far
each kink's operand moves within the room, so that one number fits all layers and all sizes of box;
it shrinks as the steps do, and each restart begins with another one. Source: Dombrowski et al.
2019, whose surrogate this is; Madry et al. 2018; Dong et al. 2018 (momentum).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.certify.attacks.adversary import Adversary, Point, Sharpness
from affidavit.certify.attacks.drawing import drawn, random_point
from affidavit.certify.attacks.found import Best, merit

COST = 4
"""Gradients that a step is counted as: the surrogate's, two for the slope through it, the score."""

PROBES = 4
"""Corners of the room at which it is measured how far the operands of kinks move."""

_STARTS = (0.2, 1.0, 0.5, 3.0)
"""Sharpness at the start of one restart after the other, in units of β."""
_HARDENING = 30.0
"""How much sharper the last step is than the first."""
_FIRST_STEP, _LAST_STEP = 2.0, 0.02
"""Sizes of steps, in half-widths of the room."""
_MOMENTUM = 0.5

Tick: TypeAlias = Callable[[int], None]
"""Called with the evaluations done since the last time."""


def descend(
    best: Best,
    *,
    steps: int,
    restarts: int,
    draws: int,
    together: int,
    beta: float,
    seed: int,
    tick: Tick,
) -> bool:
    """Improves the best of each input.

    Args:
        best: where what is found goes, with the adversary.
        steps: steps from each start.
        restarts: starts; the first is the given point, each other the best of some random ones.
        draws: random points from which a start is chosen.
        together: copies of the batch that are evaluated at once.
        beta: sharpness, a factor on all.
        seed: of what is random.
        tick: told of the evaluations.

    Returns:
        Whether the explanation has a slope at all; if not, nothing was done.
    """
    adversary = best.adversary
    generator = torch.Generator().manual_seed(seed)
    spreads = adversary.spreads([random_point(adversary, generator, True) for _ in range(PROBES)])
    inputs = torch.arange(len(adversary.x), device=adversary.x.device)
    for first in range(0, restarts, together):
        group = range(first, min(first + together, restarts))
        rows = adversary.take(inputs.repeat(len(group)))
        starts = [_start(best, generator, draws, together) if r else adversary.start for r in group]
        tick(draws * sum(r > 0 for r in group))
        point = {name: torch.cat([start[name] for start in starts]) for name in adversary.room}
        sharpness = {
            name: torch.cat([beta * _STARTS[r % len(_STARTS)] / spread for r in group])
            for name, spread in spreads.items()
        }
        drift = {name: torch.zeros_like(value) for name, value in point.items()}
        for step in range(steps):
            done = step / max(steps - 1, 1)
            now = {name: first * _HARDENING**done for name, first in sharpness.items()}
            slope = _slope(rows, point, now)
            if slope is None:
                return False
            length = _FIRST_STEP * (_LAST_STEP / _FIRST_STEP) ** done
            for name, box in rows.room.items():
                radius = box.upper / 2 - box.lower / 2
                drift[name] = _MOMENTUM * drift[name] + _unit(slope[name] * radius)
                moved = point[name] - length * radius * drift[name].sign()
                point[name] = torch.clamp(moved, box.lower, box.upper)
            loss = merit(rows, rows.explain(point))
            for turn in range(len(group)):
                part = slice(turn * len(inputs), (turn + 1) * len(inputs))
                best.offer(inputs, loss[part], {name: z[part] for name, z in point.items()})
            tick(COST * len(group))
    return True


def _start(best: Best, generator: torch.Generator, draws: int, together: int) -> Point:
    """For each input, the best of some points drawn at random."""
    adversary = best.adversary
    inputs = torch.arange(len(adversary.x), device=adversary.x.device)
    chosen: Point = {}
    least = torch.full_like(best.loss, torch.inf)
    for point, loss in drawn(adversary, generator, draws, together):
        if not chosen:
            chosen = {name: value.clone() for name, value in point.items()}
        better = loss < least
        least = torch.where(better, loss, least)
        for name, value in point.items():
            chosen[name][better] = value[better]
        best.offer(inputs, loss, point)
    return chosen


def _slope(adversary: Adversary, point: Point, sharpness: Sharpness) -> Point | None:
    """Slope of the surrogate's loss by what is chosen, or None where it has none."""
    leaves = {name: value.detach().requires_grad_(True) for name, value in point.items()}
    with torch.enable_grad():
        explanation = adversary.explain(leaves, sharpness)
        if not explanation.requires_grad:
            return None
        loss = adversary.wanted.loss(adversary.wanted.value(explanation)).sum()
        slopes = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    # Where the measure is undefined there is no direction.
    return {
        name: slope.nan_to_num(0.0, 0.0, 0.0) for name, slope in zip(leaves, slopes, strict=True)
    }


def _unit(slope: Tensor) -> Tensor:
    """Slopes of each row divided by their mean size: steps add up as equals."""
    size = slope.abs().flatten(1).mean(1).clamp(min=torch.finfo(slope.dtype).tiny)
    return slope / size.reshape(-1, *(1,) * (slope.ndim - 1))
