"""What all experiments share: arguments, progress, runs that can be resumed, and the record.

Each run writes `results/NAME.json` beside its script with the command, the versions, the settings
and the numbers that were found. What an experiment finishes on the way (networks, rows of tables)
can be kept in a work folder: if it was interrupted, it goes on from there. Delete the folder to
start anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

SCRIPT = Path(sys.argv[0]).resolve()
NAME = SCRIPT.stem
FOLDER = SCRIPT.parent.name


def arguments(
    description: str | None, *, resumable: bool = False, **more: Mapping[str, Any]
) -> argparse.Namespace:
    """Arguments of a script: a seed, folders, and what it adds.

    Args:
        description: the script's docstring.
        resumable: whether there is a work folder, as :func:`finished` needs.
        more: options of `add_argument` by name.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{FOLDER}.{NAME}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument(
        "--out", type=Path, default=SCRIPT.parent / "results", help="folder for results"
    )
    if resumable:
        parser.add_argument(
            "--work",
            type=Path,
            default=Path("out") / FOLDER / NAME,
            help=f"folder for what is finished on the way (default out/{FOLDER}/{NAME})",
        )
    for name, options in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **options)
    found = parser.parse_args()
    found.out.mkdir(parents=True, exist_ok=True)
    if resumable:
        found.work.mkdir(parents=True, exist_ok=True)
    return found


def say(text: str) -> None:
    """A line of progress."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


@contextmanager
def timed(what: str) -> Iterator[dict[str, float]]:
    """Says what is going on and how long it took; the seconds are in the dict afterwards."""
    say(f"{what} ...")
    clock: dict[str, float] = {}
    start = time.perf_counter()
    yield clock
    clock["seconds"] = time.perf_counter() - start
    say(f"{what}: {clock['seconds']:.2f} s")


def finished(
    given: argparse.Namespace, name: str, settings: Any, compute: Callable[[], Any]
) -> Any:
    """What was computed, now or in an earlier run with the same settings."""
    key = hashlib.sha256(json.dumps(plain(settings), sort_keys=True).encode()).hexdigest()[:12]
    path = given.work / f"{name.replace(' ', '_')}-{given.seed}-{key}.json"
    if path.exists():
        return json.loads(path.read_text())
    with timed(f"computing {name}"):
        found = plain(compute())
    new = path.with_suffix(".new")
    new.write_text(json.dumps(found))
    os.replace(new, path)
    return found


def record(
    given: argparse.Namespace,
    settings: Mapping[str, Any],
    results: Mapping[str, Any],
    packages: tuple[str, ...] = (),
    quiet: bool = False,
    name: str = NAME,
) -> None:
    """Writes `NAME.json`, named after the script, and prints the results.

    Args:
        given: the script's arguments.
        settings: what else the results depend on.
        results: the numbers that were found.
        packages: whose versions matter, besides torch and numpy.
        quiet: whether nothing is printed.
        name: of the record, where a script has several.
    """
    content = {
        "command": f"python -m experiments.{FOLDER}.{NAME} {' '.join(asked())}".rstrip(),
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
    (given.out / f"{name}.json").write_text(text)
    if not quiet:
        print(json.dumps(plain(results), indent=1, ensure_ascii=False))


def asked() -> list[str]:
    """The script's arguments but for the folders, which change nothing that is found."""
    kept: list[str] = []
    words = iter(sys.argv[1:])
    for word in words:
        if word in ("--out", "--work"):
            next(words, None)
        elif not word.startswith(("--out=", "--work=")):
            kept.append(word)
    return kept


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
