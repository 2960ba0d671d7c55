"""What networks do wrong, told from what storages do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from affidavit.errors import AffidavitError, ModelError


class FailedError(Exception):
    """A network could not be made, trained or evaluated.

    Attributes:
        error: what a search without any other run ends with.
        seconds: until it failed.
    """

    def __init__(self, cause: Exception, seconds: float) -> None:
        known = isinstance(cause, AffidavitError)
        super().__init__(str(cause) if known else f"{type(cause).__name__}: {cause}")
        self.error = cause if known else ModelError(f"the first run failed: {self}")
        self.seconds = seconds


@contextmanager
def failing() -> Iterator[None]:
    """Raises FailedError for whatever is raised within."""
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        raise FailedError(error, time.monotonic() - began) from error
