"""The folder of `affidavit certify`: bounds, tables and pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affidavit.certify.explanation_properties import Explanation, explanations
from affidavit.certify.pictures import bound_bars, bound_maps, share_curves
from affidavit.certify.reach import Reach
from affidavit.cli.certify.setup import Asked
from affidavit.cli.certify.tables import CONFIDENCE, SIGNS, Line, largest_facts
from affidavit.cli.files import write_csv
from affidavit.contract.context import Context
from affidavit.contract.features import feature_names
from affidavit.errors import OutputError

_DRAWN = 4
"""Rows whose bounds are drawn: the first ones."""


def record(asked: Asked, lines: Sequence[Line], reach: Reach | None) -> dict[str, Any]:
    """All numbers of the tables as plain data."""
    found: dict[str, Any] = {
        "what": asked.title,
        "part": asked.part,
        "rows": len(asked.rows),
        "method": asked.method,
        "confidence": CONFIDENCE,
        "sizes": [line.as_json() for line in lines],
    }
    if reach is not None:
        found["largest"] = {"size": reach.which, "most": reach.most, **largest_facts(reach)}
    return found


def write(
    context: Context, asked: Asked, lines: Sequence[Line], reach: Reach | None, folder: Path
) -> list[str]:
    """Writes the files and returns their names."""
    clean = None
    if isinstance(asked.wanted, Explanation):
        x = torch.from_numpy(asked.x)
        clean = explanations(asked.units.graph, x, asked.wanted.target, asked.wanted.loss).numpy()
    try:
        np.savez_compressed(folder / "bounds.npz", **_arrays(asked, lines, reach, clean))
        text = json.dumps(record(asked, lines, reach), indent=2)
        (folder / "table.json").write_text(text + "\n", encoding="utf-8")
        write_csv(folder / "table.csv", [_flat(line) for line in lines])
        write_csv(folder / "inputs.csv", list(_inputs(context, asked, lines, reach)))
        written = ["bounds.npz", "table.json", "table.csv", "inputs.csv"]
        for name, figure in _figures(context, asked, lines, clean):
            for ending in ("png", "svg"):
                figure.savefig(folder / f"{name}.{ending}")
                written.append(f"{name}.{ending}")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}") from error
    return written


def _arrays(
    asked: Asked, lines: Sequence[Line], reach: Reach | None, clean: NDArray[np.float64] | None
) -> dict[str, Any]:
    """Bounds and verdicts: `lower_0` and so on are of the first size in `sizes`."""
    arrays: dict[str, Any] = {
        "rows": asked.rows,
        "inputs": asked.units.back(asked.x),
        "scale": asked.units.scale,
        "sizes": np.array([(line.epsilon, line.gamma) for line in lines]),
    }
    if clean is not None:
        arrays["explanation"] = clean
    for number, line in enumerate(lines):
        found = line.found
        arrays[f"certified_{number}"] = found.certified
        arrays[f"refuted_{number}"] = found.refuted
        arrays[f"adversarial_{number}"] = asked.units.back(found.adversarial)
        if found.lower is not None and found.upper is not None:
            arrays[f"lower_{number}"] = found.lower
            arrays[f"upper_{number}"] = found.upper
    if reach is not None:
        arrays["largest"] = reach.sizes
    return arrays


def _flat(line: Line) -> dict[str, Any]:
    row = line.as_json()
    methods = row.pop("methods")
    return row | {f"certified_by_{name}": count for name, count in methods.items()}


def _inputs(
    context: Context, asked: Asked, lines: Sequence[Line], reach: Reach | None
) -> Iterator[dict[str, Any]]:
    numbers = context.dataset.parts[asked.part][asked.rows]
    for line in lines:
        found = line.found
        for place, row in enumerate(asked.rows):
            state = "certified" if found.certified[place] else "open"
            largest = math.nan if reach is None else reach.sizes[place]
            yield {
                "row": int(row),
                "row_of_data": int(numbers[place]),
                "epsilon": line.epsilon,
                "gamma": line.gamma,
                "found": "refuted" if found.refuted[place] else state,
                "method": found.method[place],
                "attack": _number(found.value[place]),
                "mean_delta": _number(found.width[place]),
                "largest": _number(largest),
            }


def _number(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else ""


def _figures(
    context: Context,
    asked: Asked,
    lines: Sequence[Line],
    clean: NDArray[np.float64] | None,
) -> Iterator[tuple[str, Any]]:
    for kind, other in (("epsilon", "gamma"), ("gamma", "epsilon")):
        sizes = [getattr(line, kind) for line in lines]
        if len(set(sizes)) > 1 and len({getattr(line, other) for line in lines}) == 1:
            certified = [line.found.certified.mean() for line in lines]
            kept = [(~line.found.refuted).mean() for line in lines] if asked.attack else None
            yield "shares", share_curves(sizes, certified, kept, sign=SIGNS[kind])
    if clean is None:
        return
    shape = asked.x.shape[1:]
    for place in range(min(_DRAWN, len(asked.rows))):
        # The smallest box says most of the explanation; the first line is its.
        found = lines[0].found
        if found.lower is None or found.upper is None or np.isnan(found.lower[place]).any():
            continue
        row = int(asked.rows[place])
        size = f"ε = {lines[0].epsilon:g}, γ = {lines[0].gamma:g}"
        title = f"row {row} of {asked.part}, {size}"
        ends = found.lower[place], clean[place], found.upper[place]
        if len(shape) == 3:
            image = asked.units.back(asked.x[place : place + 1])[0]
            yield f"row-{row}", bound_maps(*ends, image=image, title=title)
        else:
            names = feature_names(context.dataset)
            yield f"row-{row}", bound_bars(*ends, names=names, title=title)
