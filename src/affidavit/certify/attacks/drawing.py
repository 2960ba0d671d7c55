"""Points drawn at random from what an adversary may choose."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from affidavit.certify.attacks.adversary import Adversary, Point
from affidavit.certify.attacks.found import merit


def random_point(adversary: Adversary, generator: torch.Generator, corner: bool = False) -> Point:
    """One place in the room, or corner of it, for every input: the same in relation to its box."""
    point = {}
    for name, box in adversary.room.items():
        # Drawn on the CPU in one dtype: the same on every device.
        share = torch.rand((1, *box.lower.shape[1:]), generator=generator, dtype=torch.float64)
        if corner:
            share = share.round()
        share = share.to(box.lower.device, box.lower.dtype)
        drawn = box.lower * (1 - share) + box.upper * share
        drawn = torch.clamp(drawn, box.lower, box.upper)
        point[name] = drawn.expand(len(adversary.x), *drawn.shape[1:]).clone()
    return point


def drawn(
    adversary: Adversary, generator: torch.Generator, count: int, together: int
) -> Iterator[tuple[Point, Tensor]]:
    """Random points, every second one a corner, with the loss of each input there, [batch].

    Args:
        count: how many.
        together: how many are evaluated at once.
    """
    inputs = torch.arange(len(adversary.x), device=adversary.x.device)
    for first in range(0, count, together):
        group = range(first, min(first + together, count))
        rows = adversary.take(inputs.repeat(len(group)))
        points = [random_point(adversary, generator, corner=turn % 2 == 1) for turn in group]
        point = {name: torch.cat([one[name] for one in points]) for name in adversary.room}
        losses = merit(rows, rows.explain(point)).reshape(len(group), len(inputs))
        yield from zip(points, losses, strict=True)
