"""What `affidavit attain` prints, and the same as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from affidavit import evidence
from affidavit.initialization.finding import RandomParameter
from affidavit.initialization.judging import Judgement
from affidavit.initialization.result import SearchResult
from affidavit.initialization.runs import Run
from affidavit.report import wording

MOST_SHOWN = 10
"""Runs of which the terminal has a line each."""

_ENDINGS = {
    "max_time": "the time was up",
    "max_trial": "all trials were made",
    "max_gain": "the gain was reached",
    "target": "the target was reached",
    "interrupted": "it was interrupted; what was finished is kept",
}


def line(run: Run) -> dict[str, Any]:
    """What is told of a run, as plain data; the accuracy is that on validation rows."""
    return {
        "position": run.position,
        **dict(run.parameters),
        "state": run.state,
        "accuracy": None if math.isnan(run.accuracy) else run.accuracy,
        "seconds": run.seconds,
        "epochs": run.epochs,
        "finished": run.finished,
        "reason": run.reason,
    }


def record(result: SearchResult, judgement: Judgement | None) -> dict[str, Any]:
    """All that was found, as plain data."""
    found: dict[str, Any] = evidence.to_json(
        {
            "settings": dict(result.settings),
            "limits": asdict(result.limits),
            "target": result.target,
            "stopped": result.stopped,
            "seconds": result.seconds,
            "rows": dict(result.rows),
            "chosen": line(result.chosen),
            "gain_on_validation": result.gain,
            "judgement": None if judgement is None else asdict(judgement),
            "runs": [line(run) for run in result.runs],
        }
    )
    return found


def ending(result: SearchResult) -> str:
    """How the search ended, in a sentence."""
    states = [run.state for run in result.runs]
    aside = [f"{states.count(s)} {s}" for s in ("failed", "dropped") if s in states]
    missing = f", {' and '.join(aside)}" if aside else ""
    return (
        f"{wording.counted(len(states), 'run')}{missing}: {_ENDINGS[result.stopped]}. The best on"
        f" validation rows is run {result.chosen.position} with {result.chosen.accuracy:.4f}, a"
        f" gain of {result.gain:+.4f} over the first."
    )


def runs_table(result: SearchResult) -> Table:
    """The best runs on the rows that choose, and the first."""
    ranked = sorted(result.complete, key=lambda run: (-run.accuracy, run.position))[:MOST_SHOWN]
    shown = [*ranked, *([] if result.first in ranked else [result.first])]
    names = list(result.first.parameters)
    table = Table(title="Best runs", title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("run", *names, "validation", "gain"):
        table.add_column(escape(column), justify="right", overflow="fold")
    for run in shown:
        cells = [_cell(run.parameters[name]) for name in names]
        gain = run.accuracy - result.first.accuracy
        table.add_row(str(run.position), *cells, f"{run.accuracy:.4f}", f"{gain:+.4f}")
    return table


def parameters_table(found: Sequence[RandomParameter]) -> Table:
    """Parameters, how they are drawn, and whether their values agree with it."""
    table = Table(title="Parameters and how they are drawn", title_justify="left")
    table.box = box.SIMPLE_HEAD
    table.add_column("parameter", overflow="fold")
    table.add_column("shape", overflow="fold")
    for column in ("fan in", "fan out"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("drawn by", overflow="fold")
    table.add_column("p", justify="right", no_wrap=True)
    for one in found:
        drawn = "unknown" if one.initializer is None else one.initializer.text
        if one.distribution is not None and one.distribution.text != drawn:
            drawn += f": {one.distribution.text}"
        if one.by_hand:
            drawn += " (not the layer's default)"
        sizes = " × ".join(map(str, one.shape)) or "scalar"
        cells = (one.fan_in, one.fan_out, drawn, one.p_value)
        table.add_row(escape(one.name), sizes, *map(_cell, cells))
    return table


def parameters_notes(found: Sequence[RandomParameter]) -> list[str]:
    """What there is to say of single parameters, once for all of which it is to be said."""
    of: dict[str, list[str]] = {}
    for one in found:
        if one.note:
            of.setdefault(one.note, []).append(one.name)
    return [f"{', '.join(names)}: {note}" for note, names in of.items()]


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return wording.number(value)
    return escape(str(value))
