"""Search without a gradient around the best point so far.

It finishes what descent found, where explanations still jump from one linear region to the next,
and is all there is for attributions that cannot be differentiated.
"""

from __future__ import annotations

import torch

from affidavit.certify.attacks.descent import Tick
from affidavit.certify.attacks.drawing import random_point
from affidavit.certify.attacks.found import Best, merit

_SHARE = 0.3
"""Share of the entries that the first trials draw anew; the last ones draw one alone."""


def improve(best: Best, *, trials: int, whole: int = 0, seed: int, tick: Tick) -> None:
    """Draws some entries of the best point anew, keeps what is better, ever fewer at a time.

    Args:
        best: the best of each input, with the adversary.
        trials: explanations that are evaluated for each input.
        whole: how many of them, at first, draw all entries.
        seed: of what is random.
        tick: told of the evaluations.
    """
    adversary = best.adversary
    generator = torch.Generator().manual_seed(seed)
    entries = sum(box.lower[0].numel() for box in adversary.room.values())
    inputs = torch.arange(len(adversary.x), device=adversary.x.device)
    for trial in range(trials):
        done = max(trial - whole, 0) / max(trials - whole, 1)
        share = max(_SHARE ** (1 - done) * (1 / entries) ** done, 1 / entries)
        share = 1.0 if trial < whole else share
        point = random_point(adversary, generator, corner=trial % 2 == 1)
        for name, drawn in point.items():
            mask = torch.rand((1, *drawn.shape[1:]), generator=generator) < share
            point[name] = torch.where(mask.to(drawn.device), drawn, best.point[name])
        best.offer(inputs, merit(adversary, adversary.explain(point)), point)
        tick(1)
