"""The progress bar of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from affidavit.certify.training.objective import Terms


@contextmanager
def shown(progress: bool, epochs: int) -> Iterator[Callable[[int, float, Terms], None]]:
    """A function that takes an epoch's number, the share of it that is done, and a step's terms."""
    if not progress:
        yield lambda number, share, terms: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch {task.fields[number]} of {task.total:.0f}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4g}{task.fields[penalty]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=epochs, number=1, loss=float("nan"), penalty="")

        def update(number: int, share: float, terms: Terms) -> None:
            penalty = "" if terms.penalty is None else f", penalty {terms.penalty.item():.4g}"
            bar.update(
                task,
                completed=number - 1 + share,
                number=number,
                loss=terms.task.item(),
                penalty=penalty,
            )

        yield update
