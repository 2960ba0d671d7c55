"""Linear inequalities in features, read from text: `2*age + 'net income' <= 100`."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<quoted>'[^']+'|\"[^\"]+\")"
    r"|(?P<relation><=|>=|≤|≥)"
    r"|(?P<sign>[-+*]))"
)
_GRAMMAR = (
    "expected sums of terms such as 2*age, with names that have spaces or signs in quotes, on"
    " both sides of one <= or >="
)


@dataclass(frozen=True)
class Inequality:
    """`sum of coefficient * feature <= bound`."""

    coefficients: Mapping[str, float]
    bound: float


def inequality(text: str) -> Inequality:
    """The inequality that a text says.

    Raises:
        ValueError: it says none; the message has the place.
    """
    tokens = _tokens(text)
    places = [index for index, (kind, _) in enumerate(tokens) if kind == "relation"]
    if len(places) != 1:
        raise ValueError(f"{text!r} has {len(places)} relations; {_GRAMMAR}")
    (place,) = places
    left, right = _sum(text, tokens[:place]), _sum(text, tokens[place + 1 :])
    sign = 1.0 if tokens[place][1] in ("<=", "≤") else -1.0
    difference: dict[str | None, float] = defaultdict(float, left)
    for name, value in right.items():
        difference[name] -= value
    bound = -sign * difference.pop(None, 0.0)
    coefficients = {name: sign * c for name, c in difference.items() if name is not None and c}
    if not coefficients:
        raise ValueError(f"{text!r} speaks of no feature; {_GRAMMAR}")
    if not all(map(math.isfinite, (bound, *coefficients.values()))):
        raise ValueError(f"{text!r} has a number beyond double precision")
    return Inequality(coefficients, bound + 0.0)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(
                f"{text!r} cannot be read from {text[place:].strip()!r} on; {_GRAMMAR}"
            )
        kind = match.lastgroup or ""
        word = match[kind]
        tokens.append(("name", word[1:-1]) if kind == "quoted" else (kind, word))
        place = match.end()
    return tokens


def _sum(text: str, tokens: list[tuple[str, str]]) -> dict[str | None, float]:
    """Coefficient of each name on one side, and under None the constant."""
    found: dict[str | None, float] = defaultdict(float)
    rest = list(tokens)
    first = True
    while rest or first:
        sign = 1.0
        if rest and rest[0] in (("sign", "+"), ("sign", "-")):
            sign = -1.0 if rest.pop(0)[1] == "-" else 1.0
        elif not first:
            raise ValueError(f"{text!r}: no sign before {rest[0][1]!r}; {_GRAMMAR}")
        name, value = _term(text, rest)
        found[name] += sign * value
        first = False
    return found


def _term(text: str, rest: list[tuple[str, str]]) -> tuple[str | None, float]:
    """Takes `number`, `name`, `number * name` or `name * number` off the front."""
    factors = []
    while True:
        if not rest or rest[0][0] not in ("number", "name"):
            where = f"before {rest[0][1]!r}" if rest else "at an end"
            raise ValueError(f"{text!r}: a term is missing {where}; {_GRAMMAR}")
        factors.append(rest.pop(0))
        if not rest or rest[0] != ("sign", "*"):
            break
        rest.pop(0)
    names = [word for kind, word in factors if kind == "name"]
    if len(names) > 1:
        raise ValueError(f"{text!r} multiplies {' by '.join(names)}: it is not linear")
    value = math.prod(float(word) for kind, word in factors if kind == "number")
    return (names[0] if names else None), value
