"""Progress bars: on stderr, and gone when the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the steps that are done and the steps in all."""

_COLUMNS = {
    "bar": "BarColumn",
    "count": "MofNCompleteColumn",
    "elapsed": "TimeElapsedColumn",
    "left": "TimeRemainingColumn",
}


@contextmanager
def shown(wanted: bool, description: str) -> Iterator[Progress | None]:
    """A function of steps done and steps in all that shows a bar, or None."""
    if not wanted:
        yield None
        return
    with bar(
        "{task.description}", "bar", "count", "elapsed", "left", description=description
    ) as at:
        yield lambda done, total: at(completed=done, total=total)


def tracked(wanted: bool, items: Iterable[T], description: str) -> Iterable[T]:
    """The items, with a bar while they last where one is wanted."""
    if not wanted:
        return items
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import track

    return track(items, escape(description), console=Console(stderr=True), transient=True)


@contextmanager
def bar(
    *columns: str, description: str = "", total: float | None = None, **fields: Any
) -> Iterator[Callable[..., None]]:
    """A bar, as the function that changes it: by `completed`, and any of what is given here.

    Args:
        columns: from left to right `bar`, `count`, `elapsed` or `left` (the last two are times), or
            a text with the task in braces, as rich's `TextColumn` takes it. None: rich's own.
        description: taken as it is, whatever brackets are in it.
        total: where the bar ends; None where that is not known yet.
        fields: what texts show as `{task.fields[name]}`.
    """
    # What shows no bar does not load what draws one.
    from rich import progress
    from rich.console import Console
    from rich.markup import escape

    made = [
        getattr(progress, _COLUMNS[column])() if column in _COLUMNS else progress.TextColumn(column)
        for column in columns
    ]
    with progress.Progress(*made, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(escape(description), total=total, **fields)

        def update(**changes: Any) -> None:
            if "description" in changes:
                changes["description"] = escape(changes["description"])
            bars.update(task, **changes)

        yield update
