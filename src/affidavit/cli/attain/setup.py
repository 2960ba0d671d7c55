"""From options of the command line to what is searched, and how."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from affidavit.cli.explain.images import Pictures
from affidavit.cli.options import split_of, value_of
from affidavit.contract.specification import Data, Model
from affidavit.contract.subject import factory_of, load_data
from affidavit.data import Dataset
from affidavit.errors import DataError, DomainError, ModelError, nearest
from affidavit.initialization.strategies import STRATEGIES, Strategy, strategy
from affidavit.initialization.training import Dense, SmallCNN

SPLIT = "train=0.6,validation=0.2,test=0.2"
"""Parts, unless the user says otherwise."""

_UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Structure:
    """What is trained: a factory's networks, dense ones, or small convolutional ones.

    Attributes:
        model: package.module:function or file.py:function, or None.
        hidden: neurons with commas, or None.
        channels: feature maps with commas, or None.
    """

    model: str | None
    hidden: str | None
    channels: str | None

    def maker(self, data: Dataset) -> Callable[[], nn.Module]:
        """Gives a new network at each call.

        Raises DomainError unless exactly one structure is named; ModelError for a file.
        """
        built = self.hidden is not None or self.channels is not None
        if built == (self.model is not None):
            raise DomainError(
                "expected one structure: MODEL (a factory), or --hidden 256,256, or --channels"
                " 16,32 (with --hidden for the dense layers behind)"
            )
        if self.model is not None:
            factory = factory_of(Model(source=self.model), Path())
            if factory is None:
                raise ModelError(
                    f"{self.model} holds one set of weights; expected code that gives new networks:"
                    " package.module:function or file.py:function, or --hidden 256,256"
                )
            return factory.load()
        shape, classes = data.inputs.shape[1:], len(data.class_names)
        hidden = None if self.hidden is None else _sizes("--hidden", self.hidden)
        made: Dense | SmallCNN
        if self.channels is None:
            made = Dense(hidden or ())
        else:
            maps = _sizes("--channels", self.channels)
            made = SmallCNN(maps) if hidden is None else SmallCNN(maps, hidden)
        return lambda: made.make(shape, classes)


def dataset_of(
    data: str, label: str | None, size: str | None, split: str | None, progress: bool
) -> Dataset:
    """The data with three parts. Raises DataError where they have no classes."""
    shape = Pictures((), size).height_and_width
    section = Data(
        source=data,
        label=label,
        split=split_of(SPLIT if split is None else split),
        size=None if shape is None else list(shape),
    )
    found = load_data(section, Path(), progress=progress)
    if found.regression:
        raise DataError(f"{data} has numbers to predict; expected classes")
    return found


def strategy_of(name: str, options: Sequence[str]) -> Strategy:
    """A strategy with its own settings. Raises DomainError for those that there are not."""
    strategy(name)  # says which names there are
    kind = STRATEGIES[name]
    known = [one.name for one in fields(kind) if one.init]  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for text in options:
        setting, sign, value = text.partition("=")
        if not sign or not setting:
            raise DomainError(f"--option {text!r}: expected NAME=VALUE, such as budget=50")
        if setting not in known:
            raise DomainError(
                f"--option {text!r}: {name} has no {setting!r}{nearest(setting, known)}; it has"
                f" {', '.join(known) or 'none'}"
            )
        found = value_of(f"[{value}]" if "," in value and not value.startswith("[") else value)
        several = isinstance(getattr(kind, setting, None), tuple)
        given[setting] = (found,) if several and not isinstance(found, tuple) else found
    try:
        return kind(**given)
    except TypeError as error:  # a word where a number is meant
        raise DomainError(f"--option {' '.join(options)}: {error}") from error


def seconds_of(text: str | None) -> float | None:
    """Seconds, minutes or hours: 90, 90s, 10min, 1.5h. Raises DomainError for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9.]+)\s*([a-z]*)", text.strip().lower())
    try:
        seconds = float(found[1]) * _UNITS[found[2]] if found else math.nan
    except (ValueError, KeyError):
        seconds = math.nan
    if math.isnan(seconds):
        raise DomainError(f"--max-time {text!r}: expected such as 90, 90s, 10min or 1.5h")
    return seconds


def _sizes(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise DomainError(f"{option} {text!r}: expected whole numbers such as 256,256") from None
