"""What a report shows of networks that were trained again and again."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affidavit.contract.claim import File
from affidavit.evidence import Cell, Curve, CurveChart, Histogram, HistogramChart, Table
from affidavit.initialization.evidence import Spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from affidavit.initialization.runs import Bits, Run

_BINS = 20
_POINTS = 200
"""More runs than these are no longer shown one by one."""


def spread_table(found: Spread) -> Table:
    """The spread between runs, split into what is in the runs and what is in the rows."""
    rows: tuple[tuple[Cell, ...], ...] = (
        ("seen in the accuracies", math.sqrt(found.observed), None, None, 1.0),
        (
            "true, over infinitely many rows",
            found.deviation,
            found.lower,
            found.upper,
            found.true_share,
        ),
        ("chance in the rows", math.sqrt(found.sampling), None, None, 1 - found.true_share),
    )
    return Table(
        "Spread from run to run",
        ("part", "standard deviation", "lower", "upper", "share of the variance"),
        rows,
        found.text,
    )


def accuracies_chart(
    right: Sequence[int], rows: int, part: str, at_least: float | None = None, note: str = ""
) -> HistogramChart:
    """How often which accuracy came out.

    Args:
        right: rows that each run has right, one at least.
        rows: of the part, in all.
        part: its name.
        at_least: the accuracy claimed, if one is.
        note: below the chart.
    """
    low, high = min(right), max(right)
    # Bars of whole rows, so that none has more of the accuracies that there can be than another.
    whole = math.ceil((high - low + 1) / _BINS)
    edges = (low - 0.5 + whole * np.arange((high - low) // whole + 2)) / rows
    counts = np.histogram(np.array(right) / rows, edges)[0]
    return HistogramChart(
        f"Accuracies of the runs on {part}",
        "accuracy",
        tuple(map(float, edges)),
        (Histogram("runs", tuple(map(int, counts))),),
        at_least,
        note,
    )


def progress_chart(runs: Sequence[Run], at_least: float) -> CurveChart:
    """Accuracy where runs are chosen, of each (if they are not too many) and of the best so far."""
    each = np.array([run.accuracy if run.state == "complete" else math.nan for run in runs])
    best = np.fmax.accumulate(each)
    places = np.array([run.position for run in runs])
    # The best by its steps: where it rises, just before that, and at the end.
    rises = np.flatnonzero(np.diff(best) > 0)
    shown = np.unique(np.concatenate([[0], rises, rises + 1, [len(best) - 1]]))
    curves = [_curve("best so far", places[shown], best[shown])]
    if len(runs) <= _POINTS:
        curves.insert(0, _curve("each run", places, each))
    return CurveChart(
        "Accuracy on the rows that choose, by run",
        "run",
        "accuracy on validation",
        tuple(curves),
        at_least=at_least,
        note="These rows chose the run: the best of them promises too much.",
    )


def _curve(name: str, x: NDArray[np.int64], y: NDArray[np.float64]) -> Curve:
    return Curve(name, tuple(map(float, x)), tuple(map(float, y)))


def runs_file(runs: Sequence[Run], chosen: Run | None) -> File:
    """Every run, as CSV."""
    tried = list(dict.fromkeys(name for run in runs for name in run.parameters))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["run", *tried, "state", "epochs", "validation", "test", "seconds", "finished"]
    writer.writerow([*head, "chosen", "reason"])
    for run in runs:
        accuracies = [_share(run.validation), _share(run.test)]
        times = [f"{run.seconds:.3f}", f"{run.finished:.3f}"]
        mark = "yes" if chosen is not None and run.position == chosen.position else "no"
        given = [run.parameters.get(name, "") for name in tried]
        writer.writerow(
            [run.position, *given, run.state, run.epochs, *accuracies, *times, mark, run.reason]
        )
    return File(text.getvalue().encode(), "every run: what it tried, and what it got right")


def picture_file(figure: Figure, description: str) -> File:
    """A figure as a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return File(content.getvalue(), description)


def weights_file(model: nn.Module) -> File:
    """The weights of the chosen run."""
    from safetensors.torch import save

    from affidavit.initialization.result import weights_of

    return File(save(weights_of(model)), "weights of the chosen run, by the names of its module")


def _share(bits: Bits | None) -> Cell:
    return "" if bits is None else float(bits.mean())
