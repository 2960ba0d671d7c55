"""Exit statuses, and errors without tracebacks."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec

from typer.core import TyperGroup

from affidavit.errors import AffidavitError
from affidavit.evidence import Verdict

COULD_NOT_RUN = 3

INCOMPLETE = 2
"""A limit or Ctrl-C came first; what was done until then is kept."""

EXIT_STATUS = {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.UNDECIDED: 2}

TRACEBACK = "AFFIDAVIT_TRACEBACK"
"""Environment variable that asks for the traceback of an error nobody foresaw."""

P = ParamSpec("P")


class Finished(SystemExit):
    """The end of a command, with a status of its own choice."""


class Commands(TyperGroup):
    """A command group in which a wrong call ends with status 3: 2 speaks of undecided claims."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except Finished:
            raise
        except SystemExit as error:
            raise SystemExit(COULD_NOT_RUN if error.code == 2 else error.code) from None


def command(function: Callable[P, int | None]) -> Callable[P, NoReturn]:
    """Wraps a command that returns its exit status (None for 0).

    Whatever else happens ends it with one message and status 3: the statuses below speak of
    verdicts, and a program that reads them must not take a failure for one.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> NoReturn:
        try:
            status = function(*args, **kwargs)
            sys.stdout.flush()
        except AffidavitError as error:
            _fail("\n".join([str(error), *getattr(error, "__notes__", ())]))
        except KeyboardInterrupt:
            _fail("interrupted; nothing was written")
        except MemoryError:
            _fail("not enough memory")
        except BrokenPipeError:
            discard_output()
            raise Finished(COULD_NOT_RUN) from None
        except (Exception, SystemExit) as error:  # an error of ours, in the worst sense
            if os.environ.get(TRACEBACK):
                traceback.print_exc()
            first = (str(error).splitlines() or [""])[0]
            _fail(
                f"unforeseen {type(error).__name__}: {first}\n"
                f"(please report it; {TRACEBACK}=1 shows where it happened)"
            )
        raise Finished(status or 0)

    return wrapped


def discard_output() -> None:
    """Lets go whatever is still printed: its reader has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> NoReturn:
    print(f"affidavit: {message}", file=sys.stderr)  # noqa: T201
    raise Finished(COULD_NOT_RUN) from None
