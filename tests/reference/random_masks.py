"""RISE by its equations: bilinear enlargement written out, masks added up one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor


def enlarged(grid: Sequence[Sequence[float]], height: int, width: int) -> list[list[float]]:
    """A grid of numbers at pixel centres, in between linear, beyond the outermost constant."""
    rows, columns = len(grid), len(grid[0])
    found = []
    for row in range(height):
        y = min(max((row + 0.5) * rows / height - 0.5, 0), rows - 1)
        line = []
        for column in range(width):
            x = min(max((column + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = math.floor(y), math.floor(x)
            down, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            v, u = y - top, x - left
            upper = (1 - u) * grid[top][left] + u * grid[top][right]
            lower = (1 - u) * grid[down][left] + u * grid[down][right]
            line.append((1 - v) * upper + v * lower)
        found.append(line)
    return found


def saliency(
    chance: Callable[[Tensor], float], x: Tensor, masks: Sequence[Tensor], keep: float
) -> list[list[float]]:
    """Equation 6 for one image: the sum of f(x ⊙ M) M over N p."""
    height, width = x.shape[1:]
    total = [[0.0] * width for _ in range(height)]
    for mask in masks:
        weight = chance(x * mask) / (len(masks) * keep)
        for row in range(height):
            for column in range(width):
                total[row][column] += weight * float(mask[row, column])
    return total
