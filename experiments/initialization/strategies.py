"""Which search is worth its cost: walk, annealing, initializers and plain reseeding.

Equal budgets of trials, many repeats (each with weights and an order of its own), the paper's six
models. Each search chooses on 10,000 validation rows; compared are the chosen runs on the published
test part, which chose nothing, repeat by repeat. The reseeded runs of all repeats, independent
draws of one procedure, are also split into true spread and sampling.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from scipy import stats

from affidavit.initialization.evidence import optimism, spread, tolerance_interval
from affidavit.initialization.result import SearchResult
from affidavit.initialization.searching import search
from affidavit.initialization.strategies import (
    Annealing,
    Initializers,
    Reseeding,
    Strategy,
    Walk,
)
from experiments.initialization.problems import PROBLEMS, parts
from experiments.recording import arguments, record, say

CONFIDENCE = 0.95


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        repeats={"type": int, "default": 10, "help": "searches of each kind (default 10)"},
        budget={"type": int, "default": 50, "help": "trials of a search (default 50)"},
        problems={"nargs": "+", "default": list(PROBLEMS), "help": "models (default all)"},
        threads={"type": int, "default": 1, "help": "threads (default 1)"},
    )
    torch.set_num_threads(given.threads)
    plans: dict[str, Strategy] = {
        "reseed": Reseeding(),
        "walk": Walk(budget=given.budget // 2),
        "anneal": Annealing(steps=given.budget),
        "initializers": Initializers(),
    }
    results: dict[str, Any] = {}
    for name in given.problems:
        problem = PROBLEMS[name]
        found: dict[str, list[SearchResult]] = {kind: [] for kind in plans}
        for repeat in range(given.repeats):
            seed = given.seed + repeat
            for kind, plan in plans.items():
                found[kind].append(
                    search(
                        problem.make,
                        parts(problem.data),
                        max_trial=given.budget,
                        strategy=plan,
                        train=problem.trainer,
                        seed=seed,
                        storage=given.work
                        / f"{name}-{kind}-{given.seed + repeat}-{given.budget}.log",
                    )
                )
            say(f"{name}, repeat {repeat + 1} of {given.repeats}")
        results[name] = compared(found)
        record(given, {"plans": {kind: repr(plan) for kind, plan in plans.items()},
                       "budget": given.budget, "repeats": given.repeats}, results,
               ("optuna", "scipy"), quiet=True)  # fmt: skip
        for kind, row in results[name]["strategies"].items():
            say(f"{name} {kind}: test {row['test']}, gain {row['gain on test']}")


def compared(found: dict[str, list[SearchResult]]) -> dict[str, Any]:
    """Each strategy over the repeats, against reseeding, and the spread of all reseeded runs."""
    judged = {
        kind: np.array([one.correct("test")[one.place].mean() for one in results])
        for kind, results in found.items()
    }
    rows = {}
    for kind, results in found.items():
        first = np.array([one.correct("test")[0].mean() for one in results])
        rows[kind] = {
            "validation": interval([one.chosen.accuracy for one in results]),
            "test": interval(judged[kind]),
            "gain on validation": interval([one.gain for one in results]),
            "gain on test": interval(judged[kind] - first),
            "test less reseeding's": interval(judged[kind] - judged["reseed"]),
            "failed": sum(run.state == "failed" for one in results for run in one.runs),
            "seconds of training": float(sum(run.seconds for one in results for run in one.runs)),
            "mean run on test": interval([one.correct("test").mean() for one in results]),
            "each on test": [round(float(value), 6) for value in judged[kind]],
        }
    fresh = np.concatenate([one.correct("test") for one in found["reseed"]])
    looked = [
        optimism(
            one.correct("validation")[one.place],
            one.correct("validation"),
            one.correct("test")[one.place],
            one.correct("test"),
        ).value
        for one in found["reseed"]
    ]
    return {
        "strategies": rows,
        "fresh runs": len(fresh),
        "spread": dataclasses.asdict(spread(fresh)),
        "90 % of runs": dataclasses.asdict(tolerance_interval(fresh.mean(1), 0.9, CONFIDENCE)),
        "optimism of reseeding": interval(looked),
    }


def interval(values: Any) -> dict[str, float]:
    """Mean over repeats and Student's 95 % interval."""
    numbers = np.asarray(values, float)
    mean, error = numbers.mean(), stats.sem(numbers) if len(numbers) > 1 else np.nan
    half = stats.t.ppf((1 + CONFIDENCE) / 2, max(len(numbers) - 1, 1)) * error
    return {"mean": float(mean), "lower": float(mean - half), "upper": float(mean + half)}


if __name__ == "__main__":
    main()
