"""The register of conversions that each importer keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from affidavit.graph import ops


class Conversion(NamedTuple):
    """How an op of the source is converted, and to which ops of the set."""

    function: Callable[[Any], Any]
    gives: tuple[type[ops.Op], ...]


def registrar(
    table: dict[str, Conversion], prefix: str = ""
) -> Callable[..., Callable[[Any], Any]]:
    """A decorator that enters a function in the table under the names it is given."""

    def converts(*names: str, to: Sequence[type[ops.Op]] = ()) -> Callable[[Any], Any]:
        def register(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
            for name in names:
                table[prefix + name] = Conversion(function, tuple(to))
            return function

        return register

    return converts
