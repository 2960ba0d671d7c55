"""What several commands read from their options."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import torch

from affidavit.data import Split
from affidavit.errors import DomainError, nearest


def usable(device: str) -> str:
    """The device. Raises DomainError where PyTorch cannot use it."""
    try:
        torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0][:150]
        raise DomainError(f"--device {device!r} cannot be used: {first}") from error
    return device


def rows_of(text: str | None, count: int) -> tuple[list[int] | None, int | None]:
    """Numbers of rows, or how many are to be drawn: `3,17,20..29`, or `100` for a hundred.

    Raises:
        DomainError: what is neither, and rows that the part does not have.
    """
    if text is None:
        return None, None
    fault = DomainError(
        f"--rows {text!r}: expected how many to draw, such as 100, or which ones: 3,17 or 20..29"
        " (row 3 alone: 3..3)"
    )
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return None, int(text)
    found: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        if not first.strip().isdecimal() or (dots and not last.strip().isdecimal()):
            raise fault
        found += range(int(first), int(last if dots else first) + 1)
    if not found:
        raise fault
    if max(found) >= count:
        raise DomainError(f"--rows: there is no row {max(found)}; the part has {count}, from 0 on")
    return sorted(set(found)), None


def one_of(option: str, text: str | None, known: Sequence[str]) -> Any:
    """An option's word, which must be a known one, or None.

    Raises:
        DomainError: it is none of them.
    """
    if text is None or text in known:
        return text
    raise DomainError(f"{option} {text!r}{nearest(text, known)}: expected {' or '.join(known)}")


def numbers_of(option: str, text: str, channels: int) -> list[float]:
    """A number for each channel; one stands for all.

    Raises:
        DomainError: what is no number, or as many numbers as there are no channels.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise DomainError(f"{option} {text!r}: expected numbers with commas") from None
    if len(found) not in (1, channels):
        raise DomainError(
            f"{option} {text!r}: expected a number, or {channels}, as the inputs have {channels}"
            f" channel{'s'[: channels != 1]}"
        )
    return found * channels if len(found) == 1 else found


def value_of(text: str) -> Any:
    """What a text says as JSON, a list as a tuple; else the text."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return tuple(found) if isinstance(found, list) else found


def split_of(text: str | None) -> Split | Literal["published"] | None:
    """The parts of the data that are asked for.

    Raises:
        DomainError: no shares, or of parts that there are not.
    """
    if text is None or text == "published":
        return text  # type: ignore[return-value]
    shares: dict[str, Any] = {}
    for part in text.split(","):
        name, sign, value = part.partition("=")
        try:
            if not sign:
                raise ValueError
            shares[name.strip()] = int(value) if name.strip() == "seed" else float(value)
        except ValueError:
            raise DomainError(
                f"--split {text!r}: expected shares such as train=0.6,test=0.4, or published"
            ) from None
    known = ("train", "validation", "test", "seed")
    for name in shares:
        if name not in known:
            raise DomainError(f"--split: there is no part {name!r}{nearest(name, known)}")
    return Split(**shares)
