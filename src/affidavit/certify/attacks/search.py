"""Running an attack, its inputs a part at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch

from affidavit.certify.attacks.adversary import Adversary
from affidavit.certify.attacks.descent import COST, PROBES, Tick, descend
from affidavit.certify.attacks.found import Best, Found
from affidavit.certify.attacks.local import improve
from affidavit.errors import DomainError
from affidavit.graph import BATCH

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the evaluations done and those there are, over all parts of the batch."""

_ENTRIES = 2**22
"""Entries of activations and weights that are evaluated at once."""


def attack(
    adversary: Adversary,
    *,
    steps: int,
    restarts: int,
    beta: float,
    seed: int,
    progress: Progress | None,
) -> Found:
    """Descent from every start, then search around the best; search alone where there is no slope.

    Raises:
        DomainError: fewer than one step or restart, or a sharpness that is not positive.
    """
    at_least_one(steps=steps, restarts=restarts)
    if not 0 < beta < math.inf:
        raise DomainError(f"beta is {beta}; expected a positive number")
    trials = steps * restarts
    descents = COST * trials
    # Of what is searched without a slope, half goes into good starts, half into the finish.
    draws = max(1, trials // 2 // max(restarts - 1, 1))

    def run(part: Adversary, together: int, tick: Tick) -> Found:
        best = Best(part)
        if not part.room:
            return best.found(2)
        # Attributions may not tell rows apart, of which each restart has another sharpness.
        together = 1 if part.attribution is not None else together
        smooth = descend(
            best,
            steps=steps,
            restarts=restarts,
            draws=draws,
            together=together,
            beta=beta,
            seed=seed,
            tick=tick,
        )
        if smooth:
            improve(best, trials=trials - draws * (restarts - 1), seed=seed, tick=tick)
        else:
            every = trials + descents
            improve(best, trials=every, whole=every // 3, seed=seed, tick=tick)
        return best.found(2 + PROBES + trials + descents)

    return in_parts(adversary, run, restarts, progress, trials + descents)


def in_parts(
    adversary: Adversary,
    run: Callable[[Adversary, int, Tick], Found],
    copies: int,
    progress: Progress | None,
    evaluations: int,
) -> Found:
    """Attacks as many inputs at a time as memory should hold.

    Args:
        adversary: of all inputs.
        run: attacks a part, given how many copies of it to evaluate at once.
        copies: the most copies that are of use.
        progress: told how far all parts are together.
        evaluations: of a part.
    """
    rows = max(1, _ENTRIES // _entries(adversary))
    count = len(adversary.x)
    if not count:
        raise DomainError("there are no inputs to attack: the batch is empty")
    parts = torch.split(torch.arange(count, device=adversary.x.device), min(rows, count))
    clock = _Clock(progress, evaluations * len(parts))
    with torch.inference_mode(False):
        found = [
            run(adversary.take(part), max(1, min(copies, rows // len(part))), clock)
            for part in parts
        ]
    return found[0] if len(found) == 1 else _joined(found)


class _Clock:
    """Counts evaluations and tells of them."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self, evaluations: int) -> None:
        self.done = min(self.done + evaluations, self.total)
        if self.progress is not None:
            self.progress(self.done, self.total)


def at_least_one(**counts: int) -> None:
    """Raises DomainError for a count below 1."""
    for name, count in counts.items():
        if count < 1:
            raise DomainError(f"{name} is {count}; expected at least 1")


def _entries(adversary: Adversary) -> int:
    shapes = adversary.graph.shapes.values()
    values = sum(math.prod(shape[1:]) for shape in shapes if shape[:1] == (BATCH,))
    return values + sum(
        box.lower[0].numel()
        for name, box in adversary.room.items()
        if name != adversary.graph.input
    )


def _joined(found: list[Found]) -> Found:
    params = [part.params for part in found if part.params is not None]
    return Found(
        x=torch.cat([part.x for part in found]),
        params={k: torch.cat([p[k] for p in params]) for k in params[0]} if params else None,
        explanation=torch.cat([part.explanation for part in found]),
        value=torch.cat([part.value for part in found]),
        success=torch.cat([part.success for part in found]),
        evaluations=found[0].evaluations,
    )
