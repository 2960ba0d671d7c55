"""Deletion and insertion by definition: one image, one pixel, one forward pass at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

from torch import Tensor


def probabilities(
    chance: Callable[[Tensor], float],
    image: Tensor,
    other: Tensor,
    attribution: Tensor,
    steps: int,
    insert: bool,
) -> list[float]:
    """The target's probability after each step; no two pixels may be equally relevant."""
    height, width = attribution.shape
    places = [(row, column) for row in range(height) for column in range(width)]
    random.Random(0).shuffle(places)
    places.sort(key=lambda place: -float(attribution[place]))
    current = (other if insert else image).clone()
    found = [chance(current)]
    changed = 0
    for step in range(1, steps + 1):
        while changed < int(step * len(places) / steps + 0.5):
            row, column = places[changed]
            current[:, row, column] = (image if insert else other)[:, row, column]
            changed += 1
        found.append(chance(current))
    return found


def area(values: list[float]) -> float:
    """The trapezoid rule on [0, 1]."""
    width = 1 / (len(values) - 1)
    return sum(width * (a + b) / 2 for a, b in pairwise(values))
