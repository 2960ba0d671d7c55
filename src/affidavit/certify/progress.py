"""The progress bar of a survey."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from affidavit.certify.surveying import Progress
from affidavit.progress import bar


@contextmanager
def shown(wanted: bool, description: str) -> Iterator[Progress | None]:
    """A function that shows on stderr what a survey is at, or None where nothing is wanted."""
    if not wanted:
        yield None
        return
    columns = ("{task.description}", "bar", "count", "elapsed")
    with bar(*columns, description=description) as update:
        yield lambda step, done, total: update(
            description=f"{description}: {step}", completed=done, total=total
        )
