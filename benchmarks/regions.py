"""Exact regions side by side with the packaged tools that enumerate them too.

`python benchmarks/regions.py` after `pip install -r benchmarks/peers.txt`. Both are given the same
weights and the domain [-1, 1]^d. Ours gives patterns and interior points (in two dimensions
vertices too) and keeps the cells; verification is left out, as no peer does it. Compilation is not
counted: the first rounds are not.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from affidavit.graph import Graph, load
from affidavit.regions import Box, partition
from harness import compare, record

Layers = list[tuple[np.ndarray, np.ndarray]]

PLANE = {"2x32x32_s0": 1382, "2x128x128_s0": 21964, "2x768x128_s0": 282769}
SPACE = {"5x16x8_s0": 18788, "6x12x8_s2": 33041, "8x12x8_s0": 40425, "12x10x8_s0": 33415}


def layers(name: str) -> Layers:
    """Weights and biases of the network that a name such as `5x16x8_s0` stands for."""
    sizes, seed = name.split("_s")
    widths = [int(size) for size in sizes.split("x")]
    rng = np.random.default_rng(int(seed))
    made = []
    for before, after in pairwise(widths):
        weight = rng.standard_normal((after, before)) * np.sqrt(2 / before)
        made.append((weight, rng.standard_normal(after) * 0.3))
    return made


def graph(made: Layers) -> Graph:
    """The network, each layer followed by a ReLU."""
    modules: list[torch.nn.Module] = []
    for weight, bias in made:
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
        modules += [layer, torch.nn.ReLU()]
    inputs = torch.zeros(1, made[0][0].shape[1], dtype=torch.float64)
    return load(torch.nn.Sequential(*modules), inputs)


def ours(name: str, engine: str = "auto") -> Callable[[], int]:
    """Our enumeration, which returns the number of regions."""
    made = layers(name)
    network, d = graph(made), made[0][0].shape[1]
    domain = Box(-np.ones(d), np.ones(d))
    return lambda: len(partition(network, domain, engine=engine, verify=False))  # type: ignore[arg-type]


def by_regioncam(name: str) -> Callable[[], int]:
    """Regioncam's, in single precision, as it is."""
    import regioncam

    made = [(w.T.astype(np.float32), b.astype(np.float32)) for w, b in layers(name)]

    def run() -> int:
        camera = regioncam.Regioncam(size=1.0)
        for weight, bias in made:
            camera.linear(weight, bias)
            camera.relu()
        return int(camera.num_faces)

    return run


def by_affinitree(name: str) -> Callable[[], int]:
    """affinitree's distillation, whose tree has a leaf a region."""
    import affinitree

    made = layers(name)

    def run() -> int:
        d = made[0][0].shape[1]
        architecture = affinitree.Architecture(d)
        for weight, bias in made:
            architecture.linear(affinitree.AffFunc.from_mats(weight, bias))
            architecture.relu()
        box = affinitree.Polytope.hyperrectangle(d, [(-1.0, 1.0)] * d)
        precondition = affinitree.AffTree.from_poly(box, affinitree.AffFunc.identity(d))
        tree = affinitree.builder.from_layers(architecture, precondition=precondition)
        return int(tree.num_terminals())

    return run


def main() -> None:
    results = {}
    cases = [(name, by_regioncam, count) for name, count in PLANE.items()]
    cases += [(name, by_affinitree, count) for name, count in SPACE.items()]
    for name, peer, count in cases:
        mine, theirs = ours(name), peer(name)
        found = (mine(), theirs())
        long = name in ("2x768x128_s0",) or peer is by_affinitree
        timed = compare(mine, theirs, rounds=3 if long else 15, warmup=0 if long else 2)
        title = f"{name} against {peer.__name__.removeprefix('by_')}"
        results[title] = {**timed, "regions": found[0], "peer_regions": found[1], "agreed": count}
        if found[0] != count:
            sys.exit(f"{name}: {found[0]} regions, and {count} are agreed")
    mine = ours("5x24x24_s3")
    mine()
    timed = compare(mine, mine, rounds=3, warmup=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    results["5x24x24_s3 against itself"] = {**timed, "regions": mine(), "peak_GiB": peak}
    record("regions", results)


if __name__ == "__main__":
    main()
