"""Figures 4 to 7: the walk with every step size of the paper, and what is left on untouched rows.

Six models (MNIST and Fashion-MNIST; 1, 2 and 4 hidden layers of 256), step sizes from 0.002 to
0.0065, 50 trials each. Gains are on the 10,000 validation rows that choose, as in the paper; beside
them stands the gain of the chosen run on the published test part, which chose nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from affidavit.initialization.evidence import certified, gain_over_run
from affidavit.initialization.pictures import gain_by_delta, gain_by_time, gain_by_trial
from affidavit.initialization.result import SearchResult
from affidavit.initialization.searching import search
from affidavit.initialization.standing import Standing
from affidavit.initialization.strategies import Walk
from experiments.initialization.problems import PROBLEMS, parts
from experiments.recording import arguments, record, say

DELTAS = tuple(round(0.002 + 0.0005 * step, 4) for step in range(10))
SHOWN = (0.0025, 0.003)
"""Step sizes of figures 5 to 7."""


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        budget={"type": int, "default": 50, "help": "trials of each step size (default 50)"},
        threads={"type": int, "default": 1, "help": "threads (default 1)"},
    )
    torch.set_num_threads(given.threads)
    found = {}
    for name, problem in PROBLEMS.items():
        result = search(
            problem.make,
            parts(problem.data),
            max_trial=given.budget * len(DELTAS),
            strategy=Walk(DELTAS, given.budget),
            train=problem.trainer,
            seed=given.seed,
            storage=given.work / f"{name}-{given.seed}-{given.budget}.log",
            progress=told(name),
        )
        found[name] = summary(result)
        say(f"{name}: {result}")
    settings = {"budget": given.budget, "deltas": DELTAS, "threads": given.threads}
    settings["problems"] = {name: repr(problem) for name, problem in PROBLEMS.items()}
    record(given, settings, found, ("optuna",), quiet=True)
    for name, figure in figures(found):
        figure.savefig(given.out / name, dpi=120)


def summary(result: SearchResult) -> dict[str, Any]:
    """Gains by step size, by trial and by time, and what the test part says of the chosen run."""
    first = result.first.accuracy
    of_delta = {
        delta: [run for run in result.runs[1:] if run.parameters["delta"] == delta]
        for delta in DELTAS
    }
    test = result.correct("test")
    gain = gain_over_run(test[result.place], test[0])
    return {
        "first": {"validation": first, "test": float(test[0].mean())},
        "best gain": {
            str(delta): float(np.nanmax([run.accuracy for run in runs])) - first
            for delta, runs in of_delta.items()
        },
        "gain by trial": {
            str(delta): [round(run.accuracy - first, 6) for run in of_delta[delta]]
            for delta in SHOWN
        },
        "seconds": {
            str(delta): [round(run.finished, 2) for run in of_delta[delta]] for delta in SHOWN
        },
        "chosen": {
            "position": result.chosen.position,
            **{key: result.chosen.parameters[key] for key in ("delta", "step")},
            "gain": result.gain,
            "certified": vars(certified(test[result.place])),
            "gain on test": vars(gain),
        },
    }


def figures(found: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    """Figures 4 to 7, all models in one."""
    of_delta = {name: row["best gain"] for name, row in found.items()}
    yield "walk_4_delta.png", gain_by_delta(of_delta)
    for number, delta in enumerate(SHOWN, start=5):
        by_trial = {name: row["gain by trial"][str(delta)] for name, row in found.items()}
        yield f"walk_{number}_trial.png", gain_by_trial(by_trial, title=f"δ = {delta}")
    by_time = {
        name: (row["seconds"][str(SHOWN[0])], row["gain by trial"][str(SHOWN[0])])
        for name, row in found.items()
    }
    yield "walk_7_time.png", gain_by_time(by_time, title=f"δ = {SHOWN[0]}")


def told(name: str) -> Any:
    """Says now and then where a search stands."""

    def progress(standing: Standing) -> None:
        if standing.trials % 100 == 0 and not standing.doing:
            say(f"{name}: {standing.trials} of {standing.max_trial}, gain {standing.gain:+.4f}")

    return progress if not sys.stdout.isatty() else None


if __name__ == "__main__":
    main()
