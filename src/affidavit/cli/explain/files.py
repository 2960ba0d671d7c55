"""The folder of `affidavit explain`: masks, panels, tables and curves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from affidavit.attribution.pictures import comparison_grid, curves, learning_progress, panel
from affidavit.attribution.pictures.images import array_of, relevance
from affidavit.cli.explain.images import told_apart
from affidavit.cli.explain.setup import Asked
from affidavit.cli.explain.tables import image_record, line, record
from affidavit.cli.explain.work import Explanations, Measured
from affidavit.cli.files import write_csv
from affidavit.errors import OutputError

_COMPARED = 12
"""Images that are drawn together: the first ones."""


def write(
    asked: Asked, measured: Measured, found: Sequence[Explanations], folder: Path
) -> list[str]:
    """Writes the files and returns the names of those beside the images' folders, and how many
    such folders there are."""
    try:
        for place, name in enumerate(told_apart([_safe(name) for name in asked.names])):
            of_image = folder / name
            of_image.mkdir(exist_ok=True)
            _write_image(asked, measured, found, place, of_image)
        written = [f"{len(asked.names)} folder{'s'[: len(asked.names) != 1]} of images"]
        text = json.dumps(record(asked, measured, found), indent=2)
        (folder / "table.json").write_text(text + "\n", encoding="utf-8")
        write_csv(folder / "table.csv", list(_rows(asked, found)))
        written += ["table.json", "table.csv"]
        for name, figure in _figures(asked, found):
            for ending in ("png", "svg"):
                figure.savefig(folder / f"{name}.{ending}")
                written.append(f"{name}.{ending}")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}") from error
    return written


def _write_image(
    asked: Asked, measured: Measured, found: Sequence[Explanations], place: int, folder: Path
) -> None:
    text = json.dumps(image_record(asked, found, place), indent=2)
    (folder / "explanation.json").write_text(text + "\n", encoding="utf-8")
    pixels = asked.pixels[place]
    what = f"{asked.names[place]}: {asked.classes[int(asked.target[place])]}"
    for one in found:
        attribution = array_of(one.attribution[place])
        np.save(folder / f"{one.method}.npy", attribution.astype(np.float32))
        shades = relevance(attribution, tuple(pixels.shape[1:]))
        Image.fromarray((255 * shades + 0.5).astype(np.uint8)).save(
            folder / f"{one.method}-mask.png"
        )
        panel(
            pixels,
            attribution,
            share=None if one.area is not None else measured.share,
            fill=measured.fill_in,
            data_range=asked.classifier.data_range,
            title=what,
            name=one.method,
            seed=asked.seed,
        ).savefig(folder / f"{one.method}.png")
        start = 0
        for masks in one.learning:
            if start <= place < start + len(masks):
                drawn = learning_progress(masks, place - start, image=pixels, title=what)
                drawn.savefig(folder / f"{one.method}-learning.png")
            start += len(masks)


def _rows(asked: Asked, found: Sequence[Explanations]) -> Iterator[dict[str, Any]]:
    for place, name in enumerate(asked.names):
        for one in found:
            yield {
                "image": name,
                "prediction": asked.classes[int(asked.decided[place])],
                "explained_class": asked.classes[int(asked.target[place])],
                "probability": float(asked.probability[place]),
                "method": one.method,
                **line(asked, one, place),
            }


def _figures(asked: Asked, found: Sequence[Explanations]) -> Iterator[tuple[str, Any]]:
    if len(found) > 1:
        first = slice(0, _COMPARED)
        maps = {one.method: one.attribution[first] for one in found}
        labels = [
            f"{name}\n{asked.classes[int(target)]}"
            for name, target in zip(asked.names[first], asked.target[first], strict=True)
        ]
        yield "comparison", comparison_grid(asked.pixels[first], maps, labels=labels)
    yield (
        "curves",
        curves(
            {one.method: one.deletion for one in found},
            {one.method: one.insertion for one in found},
        ),
    )


def _safe(name: str) -> str:
    """A name that is one of a folder everywhere, and none of ours."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-")[:100] or "image"
