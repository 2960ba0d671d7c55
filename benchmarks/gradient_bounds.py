"""Bounds of gradients: what they cost beside a forward pass, and how they stand to auto_LiRPA.

`python benchmarks/gradient_bounds.py [--reference gradient_bounds.npz] [--images mnist-idx.gz]`

Interval bounds (float32, rounding included) of a batch of 1,024 take turns with the forward pass of
the same batch. With a file of reference bounds (state dicts `NAME.parameter` and bounds
`NAME.epsEPSILON.lower` and `.upper` of the predicted class's logit, and the images they are of),
CROWN's mean width and time an input stand beside the reference's; its times come from the JSON file
of the same name.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affidavit import certify
from affidavit.graph import load
from harness import compare, record
from networks import mlp, small_cnn

BATCH = 1024
NETWORKS = {
    "mnist_fcn_2x128": lambda: mlp(784, 128, 128, 10),
    "mnist_cnn_small": small_cnn,
}


def intervals() -> dict[str, Any]:
    x = torch.rand(BATCH, 784)
    target = torch.zeros(BATCH, dtype=torch.long)
    models = {"dense 2x256": mlp(784, 256, 256, 10), "small CNN": small_cnn()}
    found = {}
    for threads, (name, model) in itertools.product((1, 2), models.items()):
        torch.set_num_threads(threads)
        graph = load(model, x[:1])
        with torch.no_grad():
            found[f"ibp against a forward pass, {name}, threads {threads}"] = compare(
                lambda g=graph: certify.gradient_bounds(g, x, epsilon=0.01, target=target),
                lambda m=model: m(x),
            )
    return found


def relaxations(reference: Path, images: Path) -> dict[str, Any]:
    arrays = np.load(reference)
    times = json.loads(reference.with_suffix(".json").read_text())
    pixels = gzip.decompress(images.read_bytes())[16:]
    x = torch.tensor(np.frombuffer(pixels, np.uint8).reshape(-1, 784)[:64] / 255.0)
    found = {}
    for name, make in NETWORKS.items():
        model = make().double()
        state = {
            key.removeprefix(f"{name}."): torch.tensor(arrays[key])
            for key in arrays.files
            if key.startswith(name) and ".eps" not in key
        }
        model.load_state_dict(state)
        graph = load(model, x[:1])
        sizes = sorted(
            {key.split(".eps")[1].rsplit(".", 1)[0] for key in arrays.files if f"{name}.eps" in key}
        )
        for size in sizes:
            lower, upper = (arrays[f"{name}.eps{size}.{end}"] for end in ("lower", "upper"))
            found[f"crown against auto_LiRPA 0.7.1 (recorded), {name}, eps {size}"] = against(
                graph, x[: len(lower)], float(size), upper - lower, times[f"{name} eps={size}"]
            )
    return found


def against(
    graph: Any, x: Tensor, epsilon: float, widths: np.ndarray, times: dict[str, float]
) -> dict[str, float]:
    seconds = []
    for _ in range(8):  # the first warms up
        start = time.perf_counter()
        bounds = certify.gradient_bounds(graph, x, epsilon=epsilon, method="crown")
        seconds.append((time.perf_counter() - start) / len(x))
    ratios = [one / times["sec_per_input"] for one in seconds[1:]]
    return {
        "ours_seconds": sorted(seconds[1:])[3],
        "peer_seconds": times["sec_per_input"],
        "ratio": sorted(ratios)[3],
        "ratio_least": min(ratios),
        "ratio_greatest": max(ratios),
        "mean_width": float(bounds.width.mean()),
        "peer_mean_width": float(widths.mean()),
        "inputs": len(x),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--images", type=Path)
    given = parser.parse_args()
    torch.manual_seed(0)
    results = intervals()
    if given.reference is not None:
        results |= relaxations(given.reference, given.images)
    record("gradient_bounds", results)
