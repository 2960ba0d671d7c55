"""The loops of interval arithmetic on a processor, each one pass over memory.

An expression in PyTorch makes a pass and a fresh array for each operation, and on intervals those
passes cost more than the matrix products. Arrays are flat, contiguous and of one dtype; so are
scalars, as a number in double precision would make every step one in double precision.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from numpy.typing import NDArray

from affidavit.graph.compiled import compiled, summing

Values: TypeAlias = NDArray[Any]


@compiled
def charge(
    lower: Values,
    upper: Values,
    middle: Any,
    half: Any,
    share: Any,
    tiny: Any,
    center: Values,
    radius: Values,
) -> None:
    """A centre, and `half` of the width with `share` of the centre's size and `tiny` added.

    `middle` is one half; halves are taken before sums, so that nothing overflows.
    """
    for i in range(lower.size):
        center[i] = lower[i] * middle + upper[i] * middle
        radius[i] = (upper[i] * half - lower[i] * half) + abs(center[i]) * share + tiny


@compiled
def ends(value: Values, spread: Values, gain: Any, share: Any, tiny: Any) -> None:
    """In place from a centre to the lower end, and from a radius to the upper one.

    The radius is `gain` times what is given, with `share` of the centre's size and `tiny` added.
    """
    for i in range(value.size):
        center = value[i]
        radius = spread[i] * gain + abs(center) * share + tiny
        value[i] = center - radius
        spread[i] = center + radius


@compiled
def gate(
    lower: Values,
    upper: Values,
    x_lower: Values,
    x_upper: Values,
    zero: Any,
    least: Values,
    most: Values,
) -> None:
    """Back through ReLU: all of it where the gate is open, none where shut, else what lies between.

    Without a branch, so that it runs on whole vectors.
    """
    for i in range(lower.size):
        below, above = lower[i], upper[i]
        maybe = x_upper[i] > zero
        always = x_lower[i] > zero
        least[i] = below if always else (min(below, zero) if maybe else zero)
        most[i] = above if always else (max(above, zero) if maybe else zero)


@compiled
def gate_back(
    lower: Values,
    upper: Values,
    x_lower: Values,
    x_upper: Values,
    zero: Any,
    by_least: Values,
    by_most: Values,
    by_lower: Values,
    by_upper: Values,
) -> None:
    """Gradients by the ends before :func:`gate`, of those by the ends behind it."""
    for i in range(lower.size):
        maybe = x_upper[i] > zero
        always = x_lower[i] > zero
        by_lower[i] = by_least[i] if always or (maybe and lower[i] < zero) else zero
        by_upper[i] = by_most[i] if always or (maybe and upper[i] > zero) else zero


@compiled
def widen(
    lower: Values, upper: Values, gamma: Any, gain: Any, total: Values, width: Values
) -> None:
    """Sum of the ends, and `gain` times their difference with `gamma` of the sum's size added."""
    for i in range(lower.size):
        whole = lower[i] + upper[i]
        total[i] = whole
        width[i] = (upper[i] - lower[i]) * gain + abs(whole) * gamma


@compiled
def widen_back(
    total: Values,
    gamma: Any,
    gain: Any,
    zero: Any,
    by_total: Values,
    by_width: Values,
    by_lower: Values,
    by_upper: Values,
) -> None:
    """Gradients by the ends, of those by the sum and the width of :func:`widen`."""
    for i in range(total.size):
        slope = gamma if total[i] > zero else (-gamma if total[i] < zero else zero)
        both = by_total[i] + by_width[i] * slope
        apart = by_width[i] * gain
        by_lower[i] = both - apart
        by_upper[i] = both + apart


@summing
def not_finite(values: Values, zero: Any) -> Any:
    """0 if all values are finite, else NaN: products with 0 are 0 or NaN."""
    total = zero
    for i in range(values.size):
        total += values[i] * zero
    return total


@summing
def norms(rows: Values, zero: Any, largest: Values, squares: Values) -> None:
    """The largest size and the sum of squares of each row of finite numbers."""
    for i in range(rows.shape[0]):
        high, low, total = zero, zero, zero
        for j in range(rows.shape[1]):
            x = rows[i, j]
            high = x if x > high else high
            low = x if x < low else low
            total += x * x
        largest[i] = high if high > -low else -low
        squares[i] = total
