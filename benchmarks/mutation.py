"""What label change rates cost: 100 mutants of one filter each, on ResNet-20.

`python benchmarks/mutation.py [exact] [sequential] [reloading] [memory]`, all if none is named,
with the CIFAR-10 checkpoint and images of the test part where AFFIDAVIT_DATA names the folder of
data, else with random weights and pixels. Mutants are those of NAI, scheme `wu`, at a rate of one
filter. Graphs are made beforehand, and times are of the processor, in one thread.

- exact: the rate over all mutants against in-memory edits of the module, one mutant after another,
  with batches of the same size; and with all images at once for the edits.
- sequential: the test that stops early against the same; how often it agrees with the decision of
  all mutants at the threshold, on more images, and how many mutants it takes.
- reloading: the rate against loading every mutant's state dict from memory.
- memory: the most that is held over the model's own values, with 10 mutants and with 100.

The record goes to `benchmarks/results/mutation.json`; measures not asked for stay in it as they
were.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.graph.networks import ResNet20
from torch import Tensor, nn

from affidavit.attribution.evaluation.cost import peak_memory
from affidavit.data import load as load_data
from affidavit.graph import Graph, load, load_weights
from affidavit.mutation import (
    Mutants,
    SequentialDecisions,
    mutants,
    mutated,
    operating_characteristics,
    sequential_label_change,
    votes,
)
from harness import RESULTS, compare, record

BATCH, COUNT, VALIDATION = 32, 100, 256
# Images and rounds of what is timed, and images that decisions are compared on.
IMAGES, ROUNDS, COMPARED = 64, 3, 256
# The threshold has equal recall of right and wrong predictions on other images, of which the test
# was also chosen: the cheapest that agreed on 99.3 % of them.
THRESHOLD, P0, P1, ALPHA, BETA = 0.05, 0.01, 0.15, 0.001, 0.005
FIRST = 2000  # of the images that are compared; those before were looked at


@dataclass(frozen=True, eq=False)
class Case:
    """The network, its mutants and the images."""

    model: nn.Module
    graph: Graph
    made: Mutants
    images: Tensor
    compared: Tensor


def case() -> Case:
    model = ResNet20().eval()
    data = os.environ.get("AFFIDAVIT_DATA")
    if data:
        load_weights(model, Path(data) / "cifar10" / "resnet20-12fca82f.th")
        test = load_data("cifar10").part("test")
        rows = [*range(VALIDATION), *range(FIRST, FIRST + COMPARED)]
        pixels, labels = torch.tensor(test.inputs[rows]), torch.tensor(test.labels[rows])
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        x = (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    else:
        torch.manual_seed(0)
        x = torch.randn(VALIDATION + COMPARED, 3, 32, 32)
        with torch.no_grad():
            labels = model(x).argmax(1)
    graph = load(model, x[:1])
    made = mutants(
        graph, rate=1 / 688, n=COUNT, inputs=x[:VALIDATION], labels=labels[:VALIDATION], seed=0
    )
    return Case(model, graph, made, x[VALIDATION:][:IMAGES], x[VALIDATION:])


def edited(given: Case, batch: int = BATCH) -> Tensor:
    """Votes by in-memory edits of the module, one mutant after another."""
    parts = given.images.split(batch)
    with torch.no_grad():
        own = torch.cat([given.model(part).argmax(1) for part in parts])
        rows = []
        for mutant in given.made:
            with mutated(given.model, mutant):
                rows.append(torch.cat([given.model(part).argmax(1) for part in parts]) != own)
    return torch.stack(rows)


def reloaded(given: Case) -> Tensor:
    """Votes with every mutant loaded as a state dict from memory."""
    model, rows, parts = copy.deepcopy(given.model), [], given.images.split(BATCH)
    with torch.no_grad():
        own = torch.cat([model(part).argmax(1) for part in parts])
        for mutant in given.made:
            with mutated(given.model, mutant):
                state = copy.deepcopy(given.model.state_dict())
            model.load_state_dict(state)
            rows.append(torch.cat([model(part).argmax(1) for part in parts]) != own)
    return torch.stack(rows)


def ours(given: Case) -> Tensor:
    return votes(given.graph, given.made, given.images, batch_size=BATCH)


def sequentially(given: Case, images: Tensor) -> SequentialDecisions:
    return sequential_label_change(
        given.graph, given.made, images, P0, P1, alpha=ALPHA, beta=BETA, threshold=THRESHOLD,
        batch_size=BATCH,
    )  # fmt: skip


def exact(given: Case) -> dict[str, Any]:
    facts = {
        "votes_that_differ": int((ours(given) != edited(given)).sum()),
        "votes": COUNT * len(given.images),
        "bytes_a_mutant": given.made.nbytes / COUNT,
    }
    name = f"{COUNT} one-filter mutants, batch {BATCH}, against in-memory edits"
    return {
        name: side_by_side(lambda: ours(given), lambda: edited(given)) | facts,
        f"{name} in batches of {IMAGES}": side_by_side(
            lambda: ours(given), lambda: edited(given, IMAGES)
        ),
    }


def sequential(given: Case) -> dict[str, Any]:
    early = sequentially(given, given.compared)
    rates = votes(given.graph, given.made, given.compared, batch_size=BATCH).double().mean(0)
    course = operating_characteristics(early.test, [P0, THRESHOLD, P1])
    facts = {
        "p0": P0, "p1": P1, "alpha": ALPHA, "beta": BETA, "truncation": COUNT,
        "threshold": THRESHOLD,
        "images_compared": COMPARED,
        "agreement": float((early.unstable == (rates > THRESHOLD)).double().mean()),
        "share_unstable": float((rates > THRESHOLD).double().mean()),
        "mutants_an_input": float(early.used.double().mean()),
        "false_alarm_at_p0": float(course.unstable[0]),
        "miss_at_p1": float(1 - course.unstable[2]),
    }  # fmt: skip
    name = f"sequential test, batch {BATCH}, against {COUNT} in-memory edits"
    found = side_by_side(lambda: sequentially(given, given.images), lambda: edited(given))
    return {name: found | facts}


def reloading(given: Case) -> dict[str, Any]:
    name = f"{COUNT} one-filter mutants, batch {BATCH}, against reloading state dicts"
    return {name: side_by_side(lambda: ours(given), lambda: reloaded(given))}


def memory(given: Case) -> dict[str, Any]:
    few, many = (
        peak_memory(partial(votes, given.graph, given.made[:count], given.images[:BATCH]))
        for count in (COUNT // 10, COUNT)
    )
    found = {"ours_seconds": 0.0, "peer_seconds": 0.0, "ratio": many / few}
    found |= {"ratio_least": many / few, "ratio_greatest": many / few}
    name = f"bytes held with {COUNT} mutants against {COUNT // 10}"
    return {name: found | {"bytes_many": many, "bytes_few": few}}


def side_by_side(one: Callable[[], object], other: Callable[[], object]) -> dict[str, float]:
    found = compare(one, other, rounds=ROUNDS, warmup=0, clock=time.process_time)
    return found | {"times_faster": 1 / found["ratio"]}


MEASURES = {"exact": exact, "sequential": sequential, "reloading": reloading, "memory": memory}


def main() -> None:
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or list(MEASURES)
    strangers = [name for name in wanted if name not in MEASURES]
    if strangers:
        sys.exit(f"no measure {strangers[0]!r}; there are {', '.join(MEASURES)}")
    given = case()
    print(given.made)
    for name in wanted:
        found = MEASURES[name](given)
        kept = RESULTS / "mutation.json"
        results = json.loads(kept.read_text())["results"] if kept.exists() else {}
        record("mutation", results | found)


if __name__ == "__main__":
    main()
