"""Figure 2: initial weights too small, right and too large.

The first run of MNIST-2 with its weights multiplied by factors from 1/30 to 30, trained for ten
epochs in the same order of rows.
"""

from __future__ import annotations

import dataclasses

import torch

from affidavit.initialization.pictures import curves_by_scale, training_curves
from affidavit.initialization.scales import training_curves_by_scale
from experiments.initialization.problems import PROBLEMS, parts
from experiments.recording import arguments, record

SCALES = (1 / 30, 1 / 10, 1 / 3, 1.0, 3.0, 10.0, 30.0)


def main() -> None:
    given = arguments(
        __doc__,
        epochs={"type": int, "default": 10, "help": "epochs (default 10)"},
        problem={"default": "MNIST-2", "choices": list(PROBLEMS), "help": "the model"},
    )
    torch.set_num_threads(1)
    problem = PROBLEMS[given.problem]
    trainer = dataclasses.replace(problem.trainer, epochs=given.epochs)
    found = training_curves_by_scale(
        problem.make, parts(problem.data), SCALES, train=trainer, seed=given.seed
    )
    results = {
        f"{scale:.4g}": {
            "accuracy": curve.accuracy.tolist(),
            "loss": [None, *curve.loss.tolist()[1:]],
            "diverged": curve.diverged,
        }
        for scale, curve in found.items()
    }
    record(given, {"problem": repr(problem), "training": repr(trainer)}, results)
    for shown in ("accuracy", "loss"):
        figure = training_curves(curves_by_scale(found, shown), shown=shown)  # type: ignore[arg-type]
        figure.savefig(given.out / f"scales_{shown}.png", dpi=120)


if __name__ == "__main__":
    main()
