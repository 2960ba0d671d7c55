"""Successive halving against training every seed to its end: how much is lost, and at what cost.

The same 32 seeds in both, 784-256-10 on MNIST, eight epochs. With three stages and a factor of
four, 32 runs have one epoch, 8 two and 2 all of them: 52 of 256 epochs. Repeated with other seeds.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from affidavit.initialization.result import SearchResult
from affidavit.initialization.searching import search
from affidavit.initialization.strategies import Halving, Reseeding, Strategy
from experiments.initialization.problems import PROBLEMS, parts
from experiments.initialization.strategies import interval
from experiments.recording import arguments, record, say

POPULATION, EPOCHS = 32, 8


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        repeats={"type": int, "default": 10, "help": "(default 10)"},
        problem={"default": "MNIST-1", "choices": list(PROBLEMS), "help": "the model"},
    )
    torch.set_num_threads(1)
    problem = PROBLEMS[given.problem]
    trainer = dataclasses.replace(problem.trainer, epochs=EPOCHS, learning_rate=0.1)
    plans: dict[str, Strategy] = {"full": Reseeding(), "halving": Halving(POPULATION)}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in plans}
    for repeat in range(given.repeats):
        for name, plan in plans.items():
            result = search(
                problem.make,
                parts(problem.data),
                max_trial=POPULATION,
                strategy=plan,
                train=trainer,
                seed=given.seed + repeat,
                storage=given.work / f"{name}-{given.problem}-{given.seed + repeat}.log",
            )
            rows[name].append(outcome(result))
            say(f"{repeat + 1} of {given.repeats}, {name}: {rows[name][-1]}")
    record(given, {"training": repr(trainer), "plans": {k: repr(v) for k, v in plans.items()}},
           compared(rows), ("optuna", "scipy"))  # fmt: skip


def outcome(result: SearchResult) -> dict[str, float]:
    """The best of the trials, without the first run, which both train in full."""
    trials = [run for run in result.runs if run.position > 0]
    best = max((run for run in trials if run.state == "complete"), key=lambda run: run.accuracy)
    assert best.test is not None
    return {
        "validation": best.accuracy,
        "test": float(best.test.mean()),
        "epochs": sum(run.epochs for run in trials),
        "seconds": sum(run.seconds for run in trials),
    }


def compared(rows: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Means over the repeats, and halving's less the full search's, repeat by repeat."""
    found = {
        name: {key: np.array([one[key] for one in of]) for key in of[0]}
        for name, of in rows.items()
    }
    means = {name: {key: interval(of[key]) for key in of} for name, of in found.items()}
    lost = {
        key: interval(found["halving"][key] - found["full"][key]) for key in ("validation", "test")
    }
    lost["within 0.1 point"] = {
        "repeats": int(
            (found["halving"]["validation"] >= found["full"]["validation"] - 0.001).sum()
        )
    }
    cost = {
        key: float(found["halving"][key].sum() / found["full"][key].sum())
        for key in ("epochs", "seconds")
    }
    return {"means": means, "halving less full": lost, "cost": cost, "repeats": rows}


if __name__ == "__main__":
    main()
