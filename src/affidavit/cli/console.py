"""Printing to a terminal, a file or a pipe, whatever it can show and however it ends."""

from __future__ import annotations

import codecs
import os
import sys

from rich.console import Console, RenderableType

from affidavit.cli.exits import discard_output

_STAND_INS = {"✓": "+", "✗": "x", "×": "x", "–": "-", "−": "-", "…": "...", "─": "-", "λ": "lambda"}


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_STAND_INS.get(sign, "?") for sign in signs), error.end


def prepare() -> None:
    """Makes standard output and error fit to print to, also where closed or short of signs."""
    # A sign that the terminal lacks must not become "?", which marks what is undecided.
    codecs.register_error("affidavit", _stand_in)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - stays open to the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="affidavit")


class _Patient(Console):
    """A console whose reader may leave early: what was done still counts."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        discard_output()


def show(*items: RenderableType) -> None:
    """Prints to standard output. Text is shown as it is, never read as markup."""
    console = _Patient(markup=False)
    for item in items:
        console.print(item, soft_wrap=isinstance(item, str))
