"""How values are written for a person: numbers, intervals, durations, hashes, foreign text.

Every renderer writes through this module, so that a number reads the same wherever it appears.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

from affidavit.evidence import Statement, Verdict

DIGITS = 4
"""Significant digits of a measured number."""

THIN = "\u202f"  # narrow no-break space: groups thousands without meaning a decimal mark
MINUS = "\u2212"
MARKS = {Verdict.HOLDS: "✓", Verdict.VIOLATED: "✗", Verdict.UNDECIDED: "?"}
"""A sign for each verdict, so that it reads without colour."""

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters: terminals act on them
    "\u202a-\u202e\u2066-\u2069"  # overrides of direction: text can hide behind them
    "\ud800-\udfff\ufffe\uffff]"  # not characters: no encoding writes them
)


def printable(text: str) -> str:
    """`text` with each character that could act on the page or terminal shown as U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


def one_line(text: str) -> str:
    """`text`, printable, with every run of white space as one space."""
    return " ".join(printable(text).split())


def number(value: float | None, rounding: str = ROUND_HALF_EVEN) -> str:
    """A number to four significant digits; counts whole, in groups of three; words for the rest.

    A number that is not whole is never written as a whole one: 0.99997 stays 0.99997, so that a
    measured 1 can be told from nearly 1.
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _grouped(Decimal(value), 0) if abs(value) < 10**15 else _scientific(Decimal(value))
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "infinity" if value > 0 else f"{MINUS}infinity"
    exact = Decimal(repr(float(value)))
    if exact == 0:
        return "0"
    if not -5 <= exact.adjusted() < 9:
        return _scientific(exact, rounding)
    return _stripped(_grouped(exact, _places(exact), rounding))


def interval(ends: tuple[float, float] | None) -> str:
    """An interval, its ends rounded outwards: what is written contains what was found."""
    if ends is None:
        return ""
    lower, upper = ends
    if math.isnan(lower) or math.isnan(upper):
        return "undefined"
    if lower == -math.inf and upper == math.inf:
        return "no bound"
    if upper == math.inf:
        return f"at least {number(lower, ROUND_FLOOR)}"
    if lower == -math.inf:
        return f"at most {number(upper, ROUND_CEILING)}"
    return f"[{number(lower, ROUND_FLOOR)}, {number(upper, ROUND_CEILING)}]"


def exactly(value: Any) -> str:
    """A parameter or other given value, unrounded, without quotation marks or type names."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {exactly(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(exactly(item) for item in value) + "]"
    if value is None or isinstance(value, bool | int):
        return number(value)
    if isinstance(value, float):
        return repr(value).replace("-", MINUS) if math.isfinite(value) else number(value)
    return str(value)


def column(cells: Sequence[Any]) -> list[str]:
    """The cells of one table column; its numbers get the same number of decimals and so align."""
    written = [number(cell) for cell in cells if isinstance(cell, float)]
    decimals = [len(text.partition(".")[2]) for text in written if "×" not in text]
    return [_cell(cell, max(decimals, default=0)) for cell in cells]


def _cell(cell: Any, places: int) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float) and math.isfinite(cell):
        exact = Decimal(repr(float(cell)))
        if exact == 0 or -5 <= exact.adjusted() < 9:
            return _grouped(exact, places)
    return number(cell)


def _places(exact: Decimal) -> int:
    """Decimals that show four significant digits, or more when fewer would make it whole."""
    places = max(0, DIGITS - 1 - exact.adjusted())
    if exact == exact.to_integral_value():
        return 0
    while (rounded := round(exact, places)) == rounded.to_integral_value():
        places += 1
    return places


def _grouped(exact: Decimal, places: int, rounding: str = ROUND_HALF_EVEN) -> str:
    rounded = exact.quantize(Decimal(1).scaleb(-places), rounding=rounding)
    text = f"{abs(rounded):,f}"
    # Four figures are read at a glance; a gap helps from five on.
    text = text.replace(",", THIN if abs(rounded) >= 10_000 else "")
    return MINUS + text if rounded < 0 else text


def _stripped(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scientific(exact: Decimal, rounding: str = ROUND_HALF_EVEN) -> str:
    power = exact.adjusted()
    mantissa = exact.scaleb(-power).quantize(Decimal("0.001"), rounding=rounding).normalize()
    sign = MINUS if mantissa < 0 else ""
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{sign}{abs(mantissa):f}×10{raised}"


def duration(seconds: float) -> str:
    """A time span in the units a person would use."""
    if not math.isfinite(seconds):
        return number(seconds)
    if seconds < 0.001:
        return "under 1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{number(hours)} h {minutes} min"


def moment(created: str) -> str:
    """An ISO 8601 moment as a date and time in words, or as it stands if it is none."""
    try:
        when = datetime.fromisoformat(created)
        if when.tzinfo is None:
            return f"{when.day} {when:%B %Y, %H:%M}"
        when = when.astimezone(UTC)
    except (ValueError, OverflowError):
        return created
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def counted(n: int, noun: str) -> str:
    """`"1 claim"`, `"2 claims"`."""
    return f"{number(n)} {noun}{'' if n == 1 else 's'}"


def tally(statements: Sequence[Statement]) -> dict[Verdict, int]:
    """How many statements have each verdict, the worst first."""
    order = (Verdict.VIOLATED, Verdict.UNDECIDED, Verdict.HOLDS)
    return {verdict: sum(s.verdict is verdict for s in statements) for verdict in order}


def outcome(statements: Sequence[Statement]) -> str:
    """The result of a whole audit in one sentence."""
    n, counts = len(statements), tally(statements)
    if n == 0:
        return "The contract makes no claim, so nothing was checked."
    if counts[Verdict.HOLDS] == n:
        return "The one claim holds." if n == 1 else f"All {number(n)} claims hold."
    parts = []
    if violated := counts[Verdict.VIOLATED]:
        parts.append(f"{number(violated)} {'is' if violated == 1 else 'are'} violated")
    if undecided := counts[Verdict.UNDECIDED]:
        parts.append(f"{number(undecided)} {'is' if undecided == 1 else 'are'} undecided")
    if holds := counts[Verdict.HOLDS]:
        parts.append(f"{number(holds)} {'holds' if holds == 1 else 'hold'}")
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"Of {counted(n, 'claim')}, {text}."
