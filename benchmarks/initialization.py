"""What it costs to train 20 networks, against a plain PyTorch loop over them.

`python benchmarks/initialization.py [one] [two] [cnn] [precision]`, all if none is named, on
images of MNIST where AFFIDAVIT_DATA names the folder of data, else on random pixels. An epoch over
the first 6,400 images, plain gradient descent, the same order of rows on both sides.

- one: dense networks in one thread, time of the processor.
- two: the same in two threads, time on the wall; ours gives each thread networks of its own, and
  the peer has one or two threads for each operation, as is faster. On a machine with other work it
  says little, unless that has to wait.
- cnn: small convolutional networks, in one thread by time of the processor and in two on the wall.
- precision: how far the weights of 10 networks are from those of the plain loop in double
  precision: ours in double and in single precision, and the plain loop's in single precision. Of
  each network it is the largest difference of a tensor over its largest value.

The peer trains one network after the other with autograd and `torch.optim.SGD`, without a
DataLoader. It is the fastest of some ways to write it, which the record names: batches picked from
memory, or slices of rows shuffled once an epoch; the optimiser's plain, foreach and fused forms;
for convolutions also channels that lie side by side. Operations of floating-point numbers a second
count the matrix products that are needed, and stand beside those of one large product. The weights
of both sides are compared too: in single precision they agree to some 1e-6, unless rounding turns a
ReLU on or off: then to some hundredths, as the plain loop with itself in double precision.

The record goes to `benchmarks/results/initialization.json`; measures not asked for stay in it.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.data import load as load_data
from affidavit.initialization.training import Dense, SmallCNN, Trainer
from harness import RESULTS, compare, record

ROWS, COUNT, RATE, ROUNDS = 6400, 20, 0.05, 3
CNN_ROWS, CNN_COUNT = 1280, 4
HIDDEN = {"784-256-10": 1, "784-256-256-10": 2, "784-256-256-256-256-10": 4}
BATCHES = (32, 128)
Clock = Callable[[], float]


@dataclass(frozen=True)
class Way:
    """A way to write the plain loop."""

    shuffled: bool
    options: tuple[tuple[str, bool], ...]
    channels_last: bool = False
    threads: int = 1

    def __str__(self) -> str:
        rows = "slices of shuffled rows" if self.shuffled else "picked rows"
        form = next((name for name, on in self.options if on), "plain")
        layout = ", channels last" if self.channels_last else ""
        return f"{rows}, {form} SGD{layout}, {counted(self.threads)}"


def counted(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


FORMS = ((("foreach", False),), (("foreach", True),), (("fused", True),))


def ways(threads: int, layouts: tuple[bool, ...] = (False,)) -> list[Way]:
    """All of them, with up to so many threads."""
    every = itertools.product((False, True), FORMS, layouts, range(1, threads + 1))
    return [Way(*one) for one in every]


def images() -> tuple[Tensor, Tensor]:
    """Pixels in [0, 1], [row, 784], and classes."""
    if os.environ.get("AFFIDAVIT_DATA"):
        part = load_data("mnist").part("train")
        pixels = torch.tensor(part.inputs[:ROWS], dtype=torch.float32).reshape(ROWS, 784)
        return pixels / pixels.max(), torch.tensor(part.labels[:ROWS], dtype=torch.int64)
    torch.manual_seed(0)
    return torch.rand(ROWS, 784), torch.randint(10, (ROWS,))


def plain(
    models: list[nn.Module], inputs: Tensor, labels: Tensor, batch: int, way: Way
) -> list[nn.Module]:
    """Copies of the networks, trained for an epoch one after the other."""
    torch.set_num_threads(way.threads)
    found = []
    for seed, model in enumerate(models):
        made = copy.deepcopy(model)
        x, y = inputs, labels
        if way.channels_last:
            made = made.to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(made.parameters(), lr=RATE, **dict(way.options))
        rows = torch.from_numpy(np.random.default_rng((seed, 0)).permutation(len(x)))
        if way.shuffled:
            x, y = x[rows], y[rows]
        for start in range(0, len(x), batch):
            if way.shuffled:
                images, classes = x[start : start + batch], y[start : start + batch]
            else:
                chosen = rows[start : start + batch]
                images, classes = x[chosen], y[chosen]
            loss = F.cross_entropy(made(images), classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found.append(made)
    torch.set_num_threads(1)
    return found


def ours(
    models: list[nn.Module], inputs: Tensor, labels: Tensor, batch: int, threads: int
) -> list[nn.Module]:
    trainer = Trainer(epochs=1, batch_size=batch, learning_rate=RATE)
    training = trainer.begin(models, inputs, labels, range(len(models)), threads=threads)
    training.run()
    return list(training.models)


def operations(model: nn.Module, rows: int) -> int:
    """Of the matrix products of an epoch: forward, and of both gradients, the inputs' none."""
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    return sum(
        2 * rows * layer.weight.numel() * (3 if number else 2)
        for number, layer in enumerate(linear)
    )


def peak(clock: Clock, threads: int) -> float:
    """Operations a second of a product of two large matrices, the best of 10."""
    torch.set_num_threads(threads)
    a, out = torch.randn(2048, 2048), torch.empty(2048, 2048)
    times = []
    for _ in range(10):
        start = clock()
        torch.mm(a, a, out=out)
        times.append(clock() - start)
    torch.set_num_threads(1)
    return 2 * 2048**3 / min(times)


def fastest(run: Callable[[Way], object], candidates: list[Way], clock: Clock) -> Way:
    """The way that took least in the better of two runs."""
    times = dict.fromkeys(candidates, float("inf"))
    for way in candidates * 2:
        start = clock()
        run(way)
        times[way] = min(times[way], clock() - start)
    return min(times, key=lambda way: times[way])


def measured(
    models: list[nn.Module],
    inputs: Tensor,
    labels: Tensor,
    batch: int,
    candidates: list[Way],
    threads: int,
    clock: Clock,
) -> dict[str, Any]:
    few = models[:1]
    way = fastest(lambda one: plain(few, inputs, labels, batch, one), candidates, clock)
    mine = partial(ours, models, inputs, labels, batch, threads)
    other = partial(plain, models, inputs, labels, batch, way)
    differences = apart(mine(), other())
    found = compare(mine, other, rounds=ROUNDS, warmup=0, clock=clock)
    return found | {
        "times_faster": 1 / found["ratio"],
        "peer": str(way),
        "largest_relative_difference_of_weights": max(differences),
    }


@torch.no_grad()
def apart(models: list[nn.Module], others: list[nn.Module]) -> list[float]:
    """Of each pair of networks, the largest difference of a tensor over its largest value."""
    return [
        max(
            float((p.double() - q.double()).abs().max() / q.double().abs().max())
            for p, q in zip(one.parameters(), two.parameters(), strict=True)
        )
        for one, two in zip(models, others, strict=True)
    ]


def dense(threads: int, clock: Clock) -> dict[str, Any]:
    inputs, labels = images()
    limit = peak(clock, threads)
    results = {}
    for (name, depth), batch in itertools.product(HIDDEN.items(), BATCHES):
        torch.manual_seed(0)
        models: list[nn.Module] = [Dense((256,) * depth).make((784,), 10) for _ in range(COUNT)]
        candidates = ways(threads)
        found = measured(models, inputs, labels, batch, candidates, threads, clock)
        rate = COUNT * operations(models[0], ROWS) / found["ours_seconds"]
        found |= {"flops": rate, "flops_of_a_large_product": limit, "share": rate / limit}
        results[f"{COUNT} networks {name}, batch {batch}, {counted(threads)}"] = found
    return results


def one() -> dict[str, Any]:
    return dense(1, time.process_time)


def two() -> dict[str, Any]:
    return dense(2, time.perf_counter)


def cnn() -> dict[str, Any]:
    inputs, labels = images()
    x, y = inputs[:CNN_ROWS].reshape(-1, 1, 28, 28), labels[:CNN_ROWS]
    torch.manual_seed(0)
    models: list[nn.Module] = [SmallCNN().make((1, 28, 28), 10) for _ in range(CNN_COUNT)]
    results = {}
    for threads, clock in ((1, time.process_time), (2, time.perf_counter)):
        candidates = ways(threads, (False, True))
        name = f"{CNN_COUNT} SmallCNN, batch 32, {counted(threads)}"
        results[name] = measured(models, x, y, 32, candidates, threads, clock)
    return results


def precision() -> dict[str, Any]:
    inputs, labels = images()
    results = {}
    for name, depth in HIDDEN.items():
        torch.manual_seed(0)
        models: list[nn.Module] = [Dense((256,) * depth).make((784,), 10) for _ in range(10)]
        exact = [copy.deepcopy(model).double() for model in models]
        way = Way(True, FORMS[0])
        truth = plain(exact, inputs.double(), labels, 32, way)
        found = {
            "ours, double": apart(ours(exact, inputs.double(), labels, 32, 1), truth),
            "ours, single": apart(ours(models, inputs, labels, 32, 1), truth),
            "plain loop, single": apart(plain(models, inputs, labels, 32, way), truth),
        }
        facts = {
            f"{side}, {what}": measure(values)
            for side, values in found.items()
            for what, measure in (("least", min), ("median", statistics.median), ("largest", max))
        }
        ratio = facts["ours, single, least"] / facts["plain loop, single, least"]
        results[f"distance of 10 networks {name} from double precision, batch 32"] = {
            "ours_seconds": 0.0,
            "peer_seconds": 0.0,
            "ratio": ratio,
            "ratio_least": ratio,
            "ratio_greatest": ratio,
            **facts,
        }
    return results


MEASURES = {"precision": precision, "one": one, "two": two, "cnn": cnn}


def main() -> None:
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or list(MEASURES)
    strangers = [name for name in wanted if name not in MEASURES]
    if strangers:
        sys.exit(f"no measure {strangers[0]!r}; there are {', '.join(MEASURES)}")
    for name in wanted:
        found = MEASURES[name]()
        kept = RESULTS / "initialization.json"
        results = json.loads(kept.read_text())["results"] if kept.exists() else {}
        record("initialization", results | found)


if __name__ == "__main__":
    main()
