"""How much does a proved risk accept, and does it hold? Three searches on simulated scores.

Calibration sets are drawn from known distributions: a score is a uniform number u, and a
prediction is wrong with a probability p(u). So the risk of every threshold is known. A search finds
the largest coverage at which it can prove a risk of at most 5 % at a confidence of 90 %:

- `chains`: :func:`affidavit.misclassification.guarantees.largest_proved`;
- `binary search`: Geifman and El-Yaniv 2017, algorithm 2, with the exact binomial bound;
- `one chain`: one fixed sequence from the safest threshold on (Angelopoulos et al. 2021).

`violated` is the share of the sets whose threshold has a true risk above 5 %: at most 10 % is
promised. `coverage` is the mean share accepted, 0 where nothing could be proved (`nothing proved`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tests.reference.selective_guarantees import binary_search, safest_first

from affidavit.misclassification.guarantees import largest_proved
from affidavit.misclassification.ranking import Ranking
from experiments.recording import arguments, finished, record

Array: TypeAlias = NDArray[np.float64]

RISK, CONFIDENCE = 0.05, 0.9
GRID = np.linspace(0, 1, 20_001)

SHAPES: dict[str, Callable[[Array], Array]] = {
    "0.004 + 0.75 u³": lambda u: 0.004 + 0.75 * u**3,
    "0.02 + 0.6 u⁴": lambda u: 0.02 + 0.6 * u**4,
    "0.001 + 0.4 u⁸": lambda u: 0.001 + 0.4 * u**8,
    "0.2 below u = 0.05, then 0.01 + 0.5 u⁶": lambda u: np.where(u < 0.05, 0.2, 0.01 + 0.5 * u**6),
    "0.0501": lambda u: np.full_like(u, 0.0501),
    "0.12, 0.0226, 0.078, 0.02": lambda u: np.select(
        [u < 0.1, u < 0.35, u < 0.7], [0.12, 0.0226, 0.078], 0.02
    ),
}
SEARCHES: dict[str, Callable[..., int | None]] = {
    "chains": largest_proved,
    "binary search": binary_search,
    "one chain": safest_first,
}


def simulated(
    given: argparse.Namespace, shape: str, count: int, samples: int
) -> dict[str, dict[str, float]]:
    """What each search accepts of so many calibration sets of `count` predictions."""
    chance = SHAPES[shape]
    middle = chance((GRID[1:] + GRID[:-1]) / 2)
    risks = np.cumsum(middle) / np.arange(1, len(GRID))
    generator = np.random.default_rng(given.seed)
    coverage = {name: np.zeros(samples) for name in SEARCHES}
    for sample in range(samples):
        u = generator.random(count)
        steps = Ranking.of(u, generator.random(count) < chance(u)).steps()
        accepted = steps.right_until + steps.wrong_until
        for name, search in SEARCHES.items():
            found = search(accepted, steps.wrong_until, RISK, CONFIDENCE)
            if found is not None:
                # Uniform scores: the threshold is the share that is accepted.
                coverage[name][sample] = min(steps.thresholds[found], 1.0)
    return {
        name: {
            "coverage": float(of.mean()),
            "violated": float(((of > 0) & (np.interp(of, GRID[1:], risks) > RISK)).mean()),
            "nothing proved": float((of == 0).mean()),
        }
        for name, of in coverage.items()
    }


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        sets={
            "type": int,
            "default": 1000,
            "help": "calibration sets of 500, and a fifth of 5000 (default 1000)",
        },
    )
    settings = {"risk": RISK, "confidence": CONFIDENCE, "sets": given.sets}
    results: dict[str, Any] = {}
    for count, samples in ((500, given.sets), (5000, given.sets // 5)):
        for shape in SHAPES:
            results[f"{count} predictions, wrong with {shape}"] = finished(
                given,
                f"{count} {list(SHAPES).index(shape)}",
                settings | {"shape": shape},
                partial(simulated, given, shape, count, samples),
            )
    record(given, settings, results, ("scipy",))


if __name__ == "__main__":
    main()
