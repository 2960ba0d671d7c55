"""The attack that any other must beat: points drawn at random."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from affidavit.certify.attacks.adversary import Adversary
from affidavit.certify.attacks.aim import Aim
from affidavit.certify.attacks.descent import Tick
from affidavit.certify.attacks.drawing import drawn
from affidavit.certify.attacks.found import Best, Found
from affidavit.certify.attacks.search import Progress, at_least_one, in_parts
from affidavit.certify.bounds import Model
from affidavit.certify.boxes import Range, Size


def random_search(
    model: Model,
    x: Tensor,
    aim: Aim,
    *,
    epsilon: Size = 0.0,
    gamma: float | Mapping[str, float] = 0.0,
    data_range: Range | None = None,
    budget: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Found:
    """Draws inputs, weights or both from their boxes, and keeps what the adversary likes best.

    Every second point is a corner of the box, the others are uniform in it.

    Args:
        epsilon: size of the box of inputs, as of :func:`affidavit.certify.attacks.attack_inputs`.
        gamma: size of the box of weights, as of
            :func:`affidavit.certify.attacks.attack_weights`.
        budget: explanations that are evaluated for each input.

    Other arguments, results, errors and the guarantee as of
    :func:`affidavit.certify.attacks.attack_inputs`.
    """
    at_least_one(budget=budget)
    adversary = aim.adversary(model, x, epsilon=epsilon, gamma=gamma, data_range=data_range)

    def run(part: Adversary, together: int, tick: Tick) -> Found:
        best = Best(part)
        if not part.room:
            return best.found(2)
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.arange(len(part.x), device=part.x.device)
        for point, loss in drawn(part, generator, budget, together):
            best.offer(inputs, loss, point)
            tick(1)
        return best.found(2 + budget)

    return in_parts(adversary, run, budget, progress, budget)
