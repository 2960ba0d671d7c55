"""Ten million regions on one machine: time and memory a region.

`python benchmarks/scaling.py` enumerates a network of five inputs and two layers until all regions
are found, without keeping cells: patterns and interior points. Boxes of the domain that would take
too many vertices are halved. The record goes to `benchmarks/results/scaling.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from datetime import UTC, datetime

import numpy as np
import torch

from affidavit.regions import Box, Progress, partition
from regions import graph, layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="5x44x44_s0", help="sizes and seed")
    name = parser.parse_args().network
    made = layers(name)
    network, d = graph(made), made[0][0].shape[1]
    domain = Box(-np.ones(d), np.ones(d))
    partition(graph(layers("5x8x4_s0")), Box(-np.ones(5), np.ones(5)), verify=False)  # compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    def show(state: Progress) -> None:
        line = f"\r{state.regions:,} regions, {state.decided:.1%} decided, {state.seconds:.0f} s"
        print(line, end="", file=sys.stderr)

    started = time.perf_counter()
    found = partition(network, domain, geometry=False, verify=False, progress=show)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    content = {
        "command": f"python {' '.join(sys.argv)}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "network": name,
        "regions": len(found),
        "complete": found.complete,
        "reason": found.reason,
        "engine": found.engine,
        "seconds": seconds,
        "microseconds_a_region": 1e6 * seconds / len(found),
        "peak_GiB": peak,
        "bytes_a_region": (peak - before) * 2**30 / len(found),
    }
    text = json.dumps(content, indent=2) + "\n"
    with open(os.path.join(os.path.dirname(__file__), "results", "scaling.json"), "w") as file:
        file.write(text)
    print(text)


if __name__ == "__main__":
    main()
