"""Initial values by definition: fans by counting, densities by formula, exact tests by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn


def counted_fans(layer: nn.Module, shape: Sequence[int]) -> tuple[int, int]:
    """Weights into one output number, and weights out of one input number, far from any edge.

    Counted as nonzero derivatives of a layer whose weights are all one: the output in the middle by
    all inputs, and all outputs by the input in the middle.
    """
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
    x = torch.zeros(1, *shape, requires_grad=True)
    y = layer(x)
    (of_one_output,) = torch.autograd.grad(_middle(y), x, retain_graph=True)
    fan_in = int(of_one_output.count_nonzero())
    pushed = torch.zeros_like(x)
    _middle(pushed).fill_(1.0)
    change = torch.func.jvp(layer, (x.detach(),), (pushed,))[1]
    return fan_in, int(change.count_nonzero())


def _middle(x: Tensor) -> Tensor:
    place = (0, 0, *(size // 2 for size in x.shape[2:]))
    return x[place]


def normal_density(x: float, mean: float, std: float) -> float:
    return math.exp(-(((x - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))


def integral(f: Callable[[float], float], low: float, high: float, steps: int = 4000) -> float:
    """By the midpoint rule."""
    width = (high - low) / steps
    return width * math.fsum(f(low + (i + 0.5) * width) for i in range(steps))


def largest_distance(values: Sequence[float], cdf: Callable[[float], float]) -> float:
    """Largest distance between the share of values at most (or below) x and the distribution."""
    n = len(values)
    distances = []
    for x in values:
        at_most = sum(value <= x for value in values) / n
        below = sum(value < x for value in values) / n
        distances += [abs(at_most - cdf(x)), abs(below - cdf(x))]
    return max(distances)


def distance_p(distance: Fraction, n: int) -> Fraction:
    """P(D >= distance) of n values from the very distribution, exactly (Steck's determinant).

    D < d means that the i-th least of n uniform values lies between i/n - d and (i-1)/n + d.
    """
    low = [max(Fraction(i, n) - distance, Fraction(0)) for i in range(1, n + 1)]
    high = [min(Fraction(i - 1, n) + distance, Fraction(1)) for i in range(1, n + 1)]
    rows = [
        [
            max(high[i] - low[j], Fraction(0)) ** (j - i + 1) / math.factorial(j - i + 1)
            if j - i + 1 >= 0
            else Fraction(0)
            for j in range(n)
        ]
        for i in range(n)
    ]
    return 1 - math.factorial(n) * _determinant(rows)


def _determinant(rows: list[list[Fraction]]) -> Fraction:
    if not rows:
        return Fraction(1)
    total = Fraction(0)
    for column, entry in enumerate(rows[0]):
        minor = [row[:column] + row[column + 1 :] for row in rows[1:]]
        total += (-1) ** column * entry * _determinant(minor)
    return total
