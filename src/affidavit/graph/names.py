"""Names for what is added to a graph."""

from __future__ import annotations

from collections.abc import Container


def free_name(name: str, *taken: Container[str]) -> str:
    """The name, or the first of `name_1`, `name_2`, … that none of the containers has."""
    free, number = name, 1
    while any(free in names for names in taken):
        free = f"{name}_{number}"
        number += 1
    return free
