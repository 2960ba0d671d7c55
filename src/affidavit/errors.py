"""The error tree.

Every error that a user can cause is an :class:`AffidavitError`: the command line prints its
message and ends with exit status 3; library users can catch the tree or a branch of it.
A message says what was seen, what was expected, and where possible the change that mends it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class AffidavitError(Exception):
    """Base of all errors that Affidavit raises on purpose."""


class ContractError(AffidavitError):
    """The contract cannot be read, or says something that has no meaning."""


class ModelError(AffidavitError):
    """The model cannot be read, or does not behave as a network should."""


class UnsupportedOpsError(ModelError):
    """The model uses ops outside the closed op set, or a method has no rule for some of them.

    Attributes:
        ops: one (op, place) pair for each offending node, in graph order.
    """

    def __init__(self, message: str, ops: Iterable[tuple[str, str]]) -> None:
        self.ops = tuple(ops)
        lines = [message, *(f"  {op} at {place}" for op, place in self.ops)]
        lines.append("`affidavit ops` lists what is supported.")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would hand the finished text to __init__ as the message.
        return type(self), (str(self).split("\n", 1)[0], self.ops), self.__dict__


class DataError(AffidavitError):
    """The data cannot be read, or do not fit the model or the claim."""


class OutputError(AffidavitError):
    """The results cannot be written where they were asked for."""


class RecordError(AffidavitError):
    """A saved affidavit cannot be read."""


class DomainError(AffidavitError):
    """A box, region or interval has no meaning (empty, unbounded where it may not be, NaN)."""


class VerificationError(AffidavitError):
    """A result failed its own check. It is a fault of the method on this input, not the user's."""


class EngineError(AffidavitError):
    """An engine or solver does not exist, is not installed, or gave up."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`" (did you mean 'x'?)"` for the known word nearest to `word`, or an empty string."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]!r}?)" if found else ""
