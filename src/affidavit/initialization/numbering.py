"""Names of parameters that are the same for each network that a factory gives."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_PART = re.compile(r"([^./]*?)(?:_(\d+))?(?=/)")


def numbered(named: Sequence[tuple[str, T]]) -> list[tuple[str, T]]:
    """The same parameters, numbered and ordered as if the network were the first of its process.

    Keras numbers layers through the whole process, `dense_7/kernel`, and sorts parameters by these
    names; so both names and order differ from one network to the next. PyTorch's names have no
    strokes and stay as they are.
    """
    if not any("/" in name for name, _ in named):
        return list(named)
    numbers: dict[str, set[int]] = defaultdict(set)
    for name, _ in named:
        for word, number in _PART.findall(name):
            numbers[word].add(int(number or 0))
    ranks = {word: sorted(found) for word, found in numbers.items()}

    def renumbered(part: re.Match[str]) -> str:
        rank = ranks[part[1]].index(int(part[2] or 0))
        return f"{part[1]}_{rank}" if rank else part[1]

    return sorted(((_PART.sub(renumbered, name), value) for name, value in named), key=_name)


def _name(pair: tuple[str, object]) -> str:
    return pair[0]
