"""Bounds and gradients of ReLU networks in fractions: interval arithmetic that rounds nothing.

Layers are dense; a convolution is the matrix that it is. Written from section 5 of Wicker et al.
2022 with the corrected products: of two intervals the least and the greatest of all four products
of ends, summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias


class Range(NamedTuple):
    """All numbers between two fractions."""

    low: Fraction
    high: Fraction


Ranges: TypeAlias = list[Range]
Layer: TypeAlias = Sequence[Any]
"""Weight [out][in] and bias [out], each a range."""


def exact(value: Any) -> Any:
    """Nested lists of floats as fractions."""
    return [exact(entry) for entry in value] if isinstance(value, list) else Fraction(value)


def around(value: Any, radius: Any) -> Any:
    """Nested lists of fractions as ranges; the radius is a function of the entry."""
    if isinstance(value, list):
        return [around(entry, radius) for entry in value]
    return Range(value - radius(value), value + radius(value))


def product(a: Range, b: Range) -> Range:
    """Least and greatest product."""
    ends = [x * y for x in a for y in b]
    return Range(min(ends), max(ends))


def total(ranges: Sequence[Range]) -> Range:
    """The sum of ranges."""
    return Range(
        sum((r.low for r in ranges), Fraction(0)), sum((r.high for r in ranges), Fraction(0))
    )


def gradient(layers: Sequence[Layer], x: Ranges, cotangent: Ranges) -> Ranges:
    """Bounds of the gradient of `cotangent · output` by the input, ReLU between the layers.

    With ranges of one number each it is the gradient itself, the derivative at 0 being 0.
    """
    gates: list[Ranges] = []
    for number, (weight, bias) in enumerate(layers):
        z = [
            total([*(product(w, v) for w, v in zip(row, x, strict=True)), offset])
            for row, offset in zip(weight, bias, strict=True)
        ]
        if number < len(layers) - 1:
            gates.append([Range(Fraction(u.low > 0), Fraction(u.high > 0)) for u in z])
            x = [Range(max(u.low, Fraction(0)), max(u.high, Fraction(0))) for u in z]
    back = cotangent
    for number in range(len(layers) - 1, -1, -1):
        weight, _ = layers[number]
        back = [
            total([product(row[i], v) for row, v in zip(weight, back, strict=True)])
            for i in range(len(weight[0]))
        ]
        if number:
            back = [product(v, s) for v, s in zip(back, gates[number - 1], strict=True)]
    return back
