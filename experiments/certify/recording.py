"""What all scripts here share: arguments, runs that can be resumed, and the record.

Each run writes `results/NAME.json` with the command, the versions, the settings and the numbers
that were found. What is finished on the way (networks, rows of tables) is kept in a work folder: a
script that was interrupted goes on from there. Delete the folder to start anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affidavit.certify.training import History, Objective, fit
from affidavit.certify.training.fitting import MakeOptimizer, adam

HERE = Path(__file__).parent
NAME = Path(sys.argv[0]).stem


def arguments(description: str | None, **more: Mapping[str, Any]) -> argparse.Namespace:
    """Arguments of a script: a seed, folders, and what it adds."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for results")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("out") / "certify" / NAME,
        help="folder for what is finished on the way (default out/certify/NAME)",
    )
    for name, options in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **options)
    found = parser.parse_args()
    found.out.mkdir(parents=True, exist_ok=True)
    found.work.mkdir(parents=True, exist_ok=True)
    return found


def trained(
    given: argparse.Namespace,
    name: str,
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    objective: Objective,
    *,
    epochs: int,
    batch_size: int,
    optimizer: MakeOptimizer = adam,
    validation: tuple[Tensor, Tensor] | None = None,
) -> History:
    """Trains the model in place, or takes it from the work folder; ends the script on Ctrl-C."""
    say(f"training {name}")
    history = fit(
        model,
        data,
        objective,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        validation=validation,
        seed=given.seed,
        checkpoints=given.work / name.replace(" ", "_"),
        progress=sys.stderr.isatty(),
    )
    if history.interrupted:
        sys.exit("interrupted; the same command goes on from here")
    model.eval()
    last = history.epochs[-1]
    seconds = sum(epoch.seconds for epoch in history.epochs)
    say(f"trained {name}: {seconds:.1f} s, {last}")
    return history


def finished(
    given: argparse.Namespace, name: str, settings: Any, compute: Callable[[], Any]
) -> Any:
    """What was computed, now or in an earlier run with the same settings."""
    key = hashlib.sha256(json.dumps(plain(settings), sort_keys=True).encode()).hexdigest()[:12]
    path = given.work / f"{name.replace(' ', '_')}-{given.seed}-{key}.json"
    if path.exists():
        return json.loads(path.read_text())
    say(f"computing {name}")
    start = time.perf_counter()
    found = plain(compute())
    new = path.with_suffix(".new")
    new.write_text(json.dumps(found))
    os.replace(new, path)
    say(f"computed {name}: {time.perf_counter() - start:.1f} s")
    return found


def record(
    given: argparse.Namespace,
    settings: Mapping[str, Any],
    results: Mapping[str, Any],
    packages: tuple[str, ...] = (),
) -> None:
    """Writes `NAME.json`, named after the script, and prints the results."""
    content = {
        "command": f"python experiments/certify/{NAME}.py {' '.join(sys.argv[1:])}".rstrip(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            **{package: version(package) for package in ("torch", "numpy", *packages)},
        },
        "seed": given.seed,
        "settings": settings,
        "results": results,
    }
    text = json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n"
    (given.out / f"{NAME}.json").write_text(text)
    print(json.dumps(plain(results), indent=1, ensure_ascii=False))


def say(text: str) -> None:
    """A line of progress."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def plain(value: Any) -> Any:
    """Numbers of five digits, and nothing that JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | Tensor):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.5g}")
    if isinstance(value, np.integer):
        return int(value)
    return value
