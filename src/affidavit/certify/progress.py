"""The progress bar of a survey."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from affidavit.certify.surveying import Progress


@contextmanager
def shown(wanted: bool, description: str) -> Iterator[Progress | None]:
    """A function that shows on stderr what a survey is at, or None where nothing is wanted."""
    if not wanted:
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(description), total=None)

        def update(step: str, done: int, total: int) -> None:
            text = escape(f"{description}: {step}")
            bar.update(task, description=text, completed=done, total=total)

        yield update
