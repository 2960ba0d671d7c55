"""Explainers by name, with options as a contract or a command line gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from affidavit.attribution.explainers import EXPLAINERS
from affidavit.attribution.explainers.explainer import Explainer
from affidavit.errors import DomainError, nearest


def make_explainer(name: str, options: Mapping[str, Any] | None = None, seed: int = 0) -> Explainer:
    """The explainer of that name.

    Args:
        name: an entry of :data:`EXPLAINERS`.
        options: fields of its class; what is left out is the class's default.
        seed: of what it draws, unless the options say otherwise.

    Raises DomainError for an unknown name or option, or an option without meaning.
    """
    if name not in EXPLAINERS:
        known = ", ".join(EXPLAINERS)
        raise DomainError(f"there is no explainer {name!r}{nearest(name, EXPLAINERS)}: {known}")
    kind = EXPLAINERS[name]
    known_options = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    given = dict(options or {})
    for option in given:
        if option not in known_options:
            has = f"; it has {', '.join(known_options)}" if known_options else "; it has none"
            raise DomainError(
                f"{name} has no option {option!r}{nearest(option, known_options)}{has}"
            )
    if "seed" in known_options:
        given.setdefault("seed", seed)
    try:
        return kind(**given)
    except TypeError as error:
        raise DomainError(f"{name} cannot be made with {dict(options or {})}: {error}") from error
