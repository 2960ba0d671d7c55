"""Timing two ways of doing the same thing, side by side in one run.

Machines drift, so the two take turns and every round gives a ratio; the median ratio is what
counts. Results go to `benchmarks/results/NAME.json` with the command and the machine.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


def compare(
    ours: Callable[[], object],
    peer: Callable[[], object],
    rounds: int = 15,
    warmup: int = 2,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds of each (median) and the ratio ours / peer (median, least, greatest).

    `clock` is `time.process_time` where both are single-threaded and the machine is shared.
    """
    for _ in range(warmup):
        ours()
        peer()
    times: list[tuple[float, float]] = []
    for turn in range(rounds):
        # Who goes first changes, so that neither always finds the caches warm.
        pair = (ours, peer) if turn % 2 == 0 else (peer, ours)
        first, second = _time(pair[0], clock), _time(pair[1], clock)
        times.append((first, second) if turn % 2 == 0 else (second, first))
    ratios = [a / b for a, b in times]
    return {
        "ours_seconds": statistics.median(a for a, _ in times),
        "peer_seconds": statistics.median(b for _, b in times),
        "ratio": statistics.median(ratios),
        "ratio_least": min(ratios),
        "ratio_greatest": max(ratios),
        "rounds": rounds,
    }


def record(name: str, results: dict[str, Any]) -> None:
    """Writes and prints the results."""
    RESULTS.mkdir(exist_ok=True)
    content = {
        "command": f"python {sys.argv[0]} {' '.join(map(_named, sys.argv[1:]))}".rstrip(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "results": results,
    }
    text = json.dumps(content, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text)
    for case, found in results.items():
        seconds = f"ours {found['ours_seconds']:.4g} s, peer {found['peer_seconds']:.4g} s"
        spread = f"{found['ratio_least']:.3f} to {found['ratio_greatest']:.3f}"
        print(f"{name}: {case}: {seconds}, ratio {found['ratio']:.3f} ({spread})")


def _named(argument: str) -> str:
    """A file by its name alone: where it lay is nobody's business."""
    return Path(argument).name if Path(argument).exists() else argument


def _time(run: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return clock() - start
