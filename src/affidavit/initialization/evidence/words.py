"""Numbers as sentences print them: a bound is never rounded to the better side."""

from __future__ import annotations

import math
from decimal import Decimal


def percent(share: float) -> str:
    """A share as people write it: `95 %`."""
    return f"{Decimal(repr(float(share))) * 100:f}".rstrip("0").rstrip(".") + " %"


def down(bound: float) -> str:
    """A lower bound, to four digits after the point, rounded down."""
    return "−∞" if bound == -math.inf else f"{math.floor(bound * 1e4 + 1e-9) / 1e4:.4f}"


def up(bound: float) -> str:
    """An upper bound, to four digits after the point, rounded up."""
    return f"{math.ceil(bound * 1e4 - 1e-9) / 1e4:.4f}"


def signed(difference: float) -> str:
    """A difference with its sign; what is rounded to nothing has the sign of nothing."""
    return f"{round(difference, 4) + 0.0:+.4f}"


def plain(number: float) -> str:
    """A number as it was given."""
    return repr(float(number)).removesuffix(".0")


def counted(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
