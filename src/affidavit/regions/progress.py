"""The progress bar of an enumeration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from affidavit.progress import bar


@contextmanager
def shown(progress: Callable[[Any], None] | bool) -> Iterator[Callable[[Any], None]]:
    """A function that takes the state of an enumeration and shows it as was asked."""
    if callable(progress):
        yield progress
        return
    if not progress:
        yield lambda state: None
        return
    columns = (
        "{task.fields[regions]:,} regions",
        "bar",
        "{task.percentage:.1f} % of the volume decided",
        "elapsed",
    )
    with bar(*columns, total=1.0, regions=0) as update:
        yield lambda state: update(completed=min(1.0, state.decided), regions=state.regions)
