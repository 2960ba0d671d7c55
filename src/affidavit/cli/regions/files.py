"""The folder of a partition: the partition itself, its summary and its pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from affidavit.errors import OutputError
from affidavit.regions import Partition
from affidavit.regions.pictures import decision_map, interactive_map, rank_map
from affidavit.regions.pictures.weights import outputs_told_apart
from affidavit.regions.summary import Summary

_RANKED = 4
"""Features whose ranks are drawn: those of largest total weight."""


def write(
    partition: Partition,
    summary: Summary,
    folder: Path,
    *,
    names: Sequence[str],
    classes: Sequence[str] | None,
    ranges: Any,
    output: int | None,
) -> list[str]:
    """Writes the files and returns their names; pictures need two features that vary."""
    written = []
    figures = _figures(partition, summary, names, classes, ranges, output)
    try:
        partition.save(folder / "partition.npz")
        (folder / "summary.json").write_text(
            json.dumps(summary.as_json(), indent=2) + "\n", encoding="utf-8"
        )
        written += ["partition.npz", "summary.json"]
        if partition.frame.dimensions != 2:
            return written
        for name, draw in figures:
            figure = draw()
            for ending in ("png", "svg"):
                figure.savefig(folder / f"{name}.{ending}")
                written.append(f"{name}.{ending}")
        page = interactive_map(
            partition, output=output, ranges=ranges, names=names, classes=classes
        )
        (folder / "map.html").write_text(page, encoding="utf-8")
        return [*written, "map.html"]
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}") from error


def _figures(
    partition: Partition,
    summary: Summary,
    names: Sequence[str],
    classes: Sequence[str] | None,
    ranges: Any,
    output: int | None,
) -> Iterator[tuple[str, Callable[[], Any]]]:
    if outputs_told_apart(partition) is not None:
        yield "decisions", partial(decision_map, partition, names=names, classes=classes)
    chosen = None if summary.of == "decision" else int(summary.of)
    for place, total in enumerate(summary.totals[:_RANKED], 1):
        if total.total > 0:
            feature = list(names).index(total.name)
            draw = partial(rank_map, partition, feature, chosen, ranges=ranges, names=names)
            yield f"rank-{place}", draw
