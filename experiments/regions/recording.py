"""What all scripts here share: arguments, progress, and the record of a run.

Each run writes `results/NAME.json` with the command, the versions, the settings and the figures
that were found, and its pictures beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "results"


def arguments(description: str | None, **more: Mapping[str, Any]) -> argparse.Namespace:
    """Arguments of a script: a seed, the folder for results, and what it adds."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for results")
    for name, options in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **options)
    found = parser.parse_args()
    found.out.mkdir(parents=True, exist_ok=True)
    return found


@contextmanager
def timed(what: str) -> Iterator[dict[str, float]]:
    """Says what is going on and how long it took; the seconds are in the dict afterwards."""
    print(f"{what} ...", file=sys.stderr, flush=True)
    clock: dict[str, float] = {}
    start = time.perf_counter()
    yield clock
    clock["seconds"] = time.perf_counter() - start
    print(f"{what}: {clock['seconds']:.2f} s", file=sys.stderr, flush=True)


def record(
    given: argparse.Namespace,
    settings: Mapping[str, Any],
    results: Mapping[str, Any],
    packages: tuple[str, ...] = (),
) -> None:
    """Writes `NAME.json`, named after the script, and prints the results."""
    name = Path(sys.argv[0]).stem
    content = {
        "command": f"python experiments/regions/{Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **{package: version(package) for package in ("torch", "numpy", *packages)},
        },
        "seed": given.seed,
        "settings": settings,
        "results": results,
    }
    content["command"] = content["command"].rstrip()
    text = json.dumps(_plain(content), indent=1, ensure_ascii=False) + "\n"
    (given.out / f"{name}.json").write_text(text)
    print(json.dumps(_plain(results), indent=1, ensure_ascii=False))


def _plain(value: Any) -> Any:
    """Numbers of five digits, and nothing that JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.5g}")
    if isinstance(value, np.integer):
        return int(value)
    return value
