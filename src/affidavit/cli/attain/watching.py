"""The line of a search that is under way: best, gain, trials, time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from affidavit.initialization.standing import Progress, Standing
from affidavit.progress import bar


@contextmanager
def watched(wanted: bool) -> Iterator[Progress | None]:
    """A function that shows where a search stands on stderr, or None."""
    if not wanted:
        yield None
        return
    columns = (
        "{task.description}",
        "bar",
        "{task.fields[counts]}",
        "elapsed",
        "{task.fields[left]}",
    )
    with bar(*columns, description="first run", counts="", left="") as update:

        def tell(standing: Standing) -> None:
            if standing.first != standing.first:  # NaN: the first run is under way
                return
            left = standing.seconds_left
            update(
                description=f"best {standing.best:.4f}, gain {standing.gain:+.4f}",
                completed=_done(standing),
                total=1.0,
                counts=f"{standing.trials} trials" + (f", {standing.doing}" * bool(standing.doing)),
                left="" if left is None else f"about {left:.0f} s left",
            )

        yield tell


def _done(standing: Standing) -> float:
    """The share of the limit that is nearest."""
    shares = [0.0]
    if standing.max_trial is not None:
        shares.append(standing.trials / standing.max_trial)
    if standing.max_time is not None:
        shares.append(standing.seconds / standing.max_time)
    return min(1.0, max(shares))
