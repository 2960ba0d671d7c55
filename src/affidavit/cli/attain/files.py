"""The folder of `affidavit attain search`: weights, runs, evidence and pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure
from safetensors.torch import save_file

from affidavit.cli.attain.tables import line, record
from affidavit.cli.files import write_csv
from affidavit.errors import OutputError
from affidavit.initialization.judging import Judgement
from affidavit.initialization.pictures import (
    accuracy_distribution,
    gain_by_delta,
    gain_by_time,
    gain_by_trial,
    gains,
    gains_by_delta,
    gains_by_time,
)
from affidavit.initialization.result import SearchResult, weights_of

TRIALS = "trials.log"
"""Where the trials are kept, unless the user names another storage."""


def write(result: SearchResult, judgement: Judgement | None, folder: Path) -> list[str]:
    """Writes all files, and returns their names. Raises OutputError."""
    try:
        save_file(weights_of(result.model), folder / "chosen.safetensors")
        found = json.dumps(record(result, judgement), indent=2) + "\n"
        (folder / "search.json").write_text(found, encoding="utf-8")
        write_csv(folder / "runs.csv", [line(run) for run in result.runs])
        names = ["chosen.safetensors", "search.json", "runs.csv"]
        for name, figure in _figures(result, judgement):
            figure.savefig(folder / name, dpi=150)
            names.append(name)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error}") from error
    return names


def _figures(result: SearchResult, judgement: Judgement | None) -> Iterator[tuple[str, Figure]]:
    certified = None if judgement is None else judgement.certified
    yield (
        "accuracies.png",
        accuracy_distribution(
            [run.accuracy for run in result.complete],
            chosen=result.chosen.accuracy,
            certified=None if certified is None else certified.accuracy,
            interval=None if certified is None else (certified.lower, certified.upper),
            mean_certified=None if certified is None else float(result.correct("test").mean()),
        ),
    )
    # Where every trial failed or was given up, there is no gain to draw.
    if any(run.position for run in result.complete):
        yield "gain-by-trial.png", gain_by_trial({result.strategy: gains(result)})
        yield "gain-by-time.png", gain_by_time({result.strategy: gains_by_time(result)})
        if result.strategy == "walk":
            yield "gain-by-delta.png", gain_by_delta({"walk": gains_by_delta(result)})
