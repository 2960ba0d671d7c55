"""What `affidavit explain` prints, and the same as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from affidavit.cli.explain.setup import Asked
from affidavit.cli.explain.work import Explanations, Measured

MOST_SHOWN = 20
"""Images of which the terminal has a line each."""

NUMBERS = ("kept_prediction", "mask_area", "masked_prediction", "deletion", "insertion", "seconds")
"""What is told of an explanation, in a record."""


def line(asked: Asked, found: Explanations, place: int) -> dict[str, Any]:
    """What is told of one explanation, as plain data; what has no value is None."""
    target = int(asked.target[place])
    masked = None if found.masked is None else int(found.masked[place]) == target
    return {
        "kept_prediction": int(found.kept[place]) == target,
        "mask_area": None if found.area is None else float(found.area[place]),
        "masked_prediction": masked,
        "deletion": float(found.deletion.area[place]),
        "insertion": float(found.insertion.area[place]),
        "seconds": float(found.seconds[place]),
    }


def means(asked: Asked, found: Explanations) -> dict[str, float | None]:
    """The mean of every number over the images; of what is yes or no, the share."""
    lines = [line(asked, found, place) for place in range(len(asked.names))]
    return {
        key: None if lines[0][key] is None else float(np.mean([one[key] for one in lines]))
        for key in NUMBERS
    }


def image_record(asked: Asked, found: Sequence[Explanations], place: int) -> dict[str, Any]:
    """All that is told of an image, as plain data."""
    return {
        "image": asked.names[place],
        "prediction": asked.classes[int(asked.decided[place])],
        "explained_class": asked.classes[int(asked.target[place])],
        "probability": float(asked.probability[place]),
        "methods": {one.method: line(asked, one, place) for one in found},
    }


def record(asked: Asked, measured: Measured, found: Sequence[Explanations]) -> dict[str, Any]:
    """All numbers of the tables, as plain data."""
    return {
        "kept_share": measured.share,
        "fill_in": measured.fill_in,
        "steps": measured.steps,
        "seed": asked.seed,
        "options": {one.method: str(asked.explainers[one.method]) for one in found},
        "means": {one.method: means(asked, one) for one in found},
        "images": [image_record(asked, found, place) for place in range(len(asked.names))],
    }


def explanations_table(asked: Asked, measured: Measured, found: Sequence[Explanations]) -> Table:
    """A line for each image and method, for as many images as a terminal shows."""
    count = len(asked.names)
    shown = min(count, MOST_SHOWN)
    more = f"The first {shown} of {count:,} images. " if shown < count else ""
    table = _table("Explanations", "" if count > 1 else _note(measured))
    table.caption = f"{more}{table.caption or ''}" or None
    _add_numbers(table, "image: class (probability)")
    for place in range(shown):
        probability = f"{float(asked.probability[place]):.3f}"
        what = f"{asked.names[place]}: {asked.classes[int(asked.target[place])]} ({probability})"
        table.add_row(Text(what, style="bold"))
        for one in found:
            table.add_row(f"  {one.method}", *_cells(line(asked, one, place)))
    return table


def means_table(asked: Asked, measured: Measured, found: Sequence[Explanations]) -> Table:
    """A line for each method: means over all images."""
    table = _table(f"Means over {len(asked.names):,} images", _note(measured))
    _add_numbers(table, "method")
    for one in found:
        table.add_row(one.method, *_cells(means(asked, one)))
    return table


def _note(measured: Measured) -> str:
    return (
        f"kept: whether the top {100 * measured.share:g} % of the pixels keep the class, the rest"
        f" {measured.fill_in}; area: of the mask; deletion (small is good) and insertion (large is"
        " good): areas under the curves; s: seconds an image."
    )


def _table(title: str, note: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        caption=escape(note) or None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )


def _add_numbers(table: Table, first: str) -> None:
    table.add_column(first, overflow="fold")
    for name in ("kept", "area", "deletion", "insertion", "s"):
        table.add_column(name, justify="right", no_wrap=True)


def _cells(numbers: dict[str, Any]) -> list[str]:
    kept = numbers["kept_prediction"]
    share = ("yes" if kept else "no") if isinstance(kept, bool) else f"{100 * kept:.4g} %"
    area = numbers["mask_area"]
    return [
        share,
        "" if area is None else f"{100 * area:.3g} %",
        f"{numbers['deletion']:.3f}",
        f"{numbers['insertion']:.3f}",
        f"{numbers['seconds']:.2g}",
    ]
