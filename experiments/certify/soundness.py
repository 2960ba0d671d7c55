"""Ten million sampled gradients against their bounds: how many leave them.

Every network of the table that the tests share, every kind of box, both dtypes, every loss; what
is recorded of each combination is written at once, so that a run that was stopped goes on where it
was. Gradients are taken by autograd in the dtype of the bounds and compared without slack.

Run from the root of the repository:

    python -m experiments.certify.soundness --method ibp

About a second a combination; there are some 6,500 of them.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tests.certify.networks import NETWORKS
from tests.certify.soundness import BOXES, DTYPES, LOSSES, Trial, attempt

from affidavit.errors import DomainError, UnsupportedOpsError

FOLDER = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="ibp", help="which bounds (default ibp)")
    parser.add_argument("--samples", type=int, default=100_000, help="of each combination")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOLDER / "soundness.json")
    parser.add_argument("--most", type=int, help="combinations, of all that there are")
    given = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {"runs": {}}
    if given.out.exists():
        record = json.loads(given.out.read_text())
    run = record["runs"].setdefault(given.method, {"combinations": {}})
    done: dict[str, Any] = run["combinations"]
    trials = [
        Trial(network, box, dtype, loss, given.method)
        for box in BOXES
        for loss in LOSSES
        for dtype in DTYPES
        for network in NETWORKS
    ]
    # In a random order, so that a run cut short has seen something of everything.
    random.Random(given.seed).shuffle(trials)
    trials = trials[: given.most]
    start = time.perf_counter()
    for number, trial in enumerate(trials):
        if done.get(trial.name, {}).get("samples", 0) < given.samples:
            done[trial.name] = outcome(trial, given.samples, given.seed)
            if number % 20 == 0:
                save(given, record)
        share = (number + 1) / len(trials)
        bar = "#" * int(40 * share)
        print(f"\r[{bar:<40}] {number + 1}/{len(trials)} {time.perf_counter() - start:.0f} s",
              end="", file=sys.stderr, flush=True)  # fmt: skip
    print(file=sys.stderr)
    save(given, record)
    print(json.dumps({k: v for k, v in run.items() if k != "combinations"}, indent=1))


def outcome(trial: Trial, samples: int, seed: int) -> dict[str, Any]:
    """What is written of one combination."""
    start = time.perf_counter()
    try:
        found = attempt(trial, samples, seed)
    except (DomainError, UnsupportedOpsError) as error:
        return {"samples": samples, "no_bounds": str(error).splitlines()[0]}
    return {
        "samples": found.samples,
        "escapes": found.escapes,
        "farthest": found.farthest if found.escapes else 0.0,
        "share_of_width_reached": round(found.reached, 4),
        "seconds": round(time.perf_counter() - start, 2),
    }


def save(given: argparse.Namespace, record: dict[str, Any]) -> None:
    """Writes the record, with the totals of the method that is run."""
    run = record["runs"][given.method]
    bounded = [entry for entry in run["combinations"].values() if "escapes" in entry]
    run.update(
        command=f"python -m experiments.certify.soundness {' '.join(sys.argv[1:])}".rstrip(),
        seed=given.seed,
        versions={
            "python": platform.python_version(),
            "torch": version("torch"),
            "processor": platform.machine(),
        },
        combinations_bounded=len(bounded),
        combinations_without_bounds=len(run["combinations"]) - len(bounded),
        samples=sum(entry["samples"] for entry in bounded),
        fewest_samples=min((entry["samples"] for entry in bounded), default=0),
        escapes=sum(entry["escapes"] for entry in bounded),
    )
    part = given.out.with_suffix(".part")
    part.write_text(text(record))
    part.replace(given.out)


def text(record: dict[str, Any]) -> str:
    """JSON with each combination in a line of its own."""
    runs = []
    for method, run in record["runs"].items():
        head = [
            f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in run.items() if k != "combinations"
        ]
        rows = [f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in run["combinations"].items()]
        inner = ",\n".join([*head, '  "combinations": {\n' + ",\n".join(rows) + "\n  }"])
        runs.append(f" {json.dumps(method)}: {{\n{inner}\n }}")
    return '{"runs": {\n' + ",\n".join(runs) + "\n}}\n"


if __name__ == "__main__":
    main()
