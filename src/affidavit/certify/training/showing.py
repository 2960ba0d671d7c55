"""The progress bar of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from affidavit.certify.training.objective import Terms
from affidavit.progress import bar


@contextmanager
def shown(progress: bool, epochs: int) -> Iterator[Callable[[int, float, Terms], None]]:
    """A function that takes an epoch's number, the share of it that is done, and a step's terms."""
    if not progress:
        yield lambda number, share, terms: None
        return
    columns = (
        "epoch {task.fields[number]} of {task.total:.0f}",
        "bar",
        "loss {task.fields[loss]:.4g}{task.fields[penalty]}",
        "left",
    )
    with bar(*columns, total=epochs, number=1, loss=float("nan"), penalty="") as update:

        def tell(number: int, share: float, terms: Terms) -> None:
            penalty = "" if terms.penalty is None else f", penalty {terms.penalty.item():.4g}"
            update(
                completed=number - 1 + share,
                number=number,
                loss=terms.task.item(),
                penalty=penalty,
            )

        yield tell
