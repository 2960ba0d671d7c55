"""The progress bar of an enumeration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def shown(progress: Callable[[Any], None] | bool) -> Iterator[Callable[[Any], None]]:
    """A function that takes the state of an enumeration and shows it as was asked."""
    if callable(progress):
        yield progress
        return
    if not progress:
        yield lambda state: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[regions]:,} regions"),
        BarColumn(),
        TextColumn("{task.percentage:.1f} % of the volume decided"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, regions=0)

        def update(state: Any) -> None:
            bar.update(task, completed=min(1.0, state.decided), regions=state.regions)

        yield update
