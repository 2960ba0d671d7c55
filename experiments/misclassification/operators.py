"""Which operator and rate separate right from wrong best, and how many mutants it takes.

Table 3 and Figure 4 for ResNet-20 on CIFAR-10, re-encoded as JPEG, on images of the first half of
the test part other than those that mutants were accepted on. The operator of the largest AUROC is
then drawn more often, for the area against the number of mutants. Where too few candidates keep
the model's accuracy, the record says so in place of a row.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import torch

from affidavit.errors import ModelError
from affidavit.misclassification.extraction import graph_of
from affidavit.mutation import Mutants, auroc_by_count, compare_operators, mutants
from affidavit.mutation.pictures import by_count, operators
from experiments.misclassification.signals import BLOCK, cifar, network, scaled
from experiments.recording import arguments, record, say

mpl.use("Agg")

RATES = (0.0015, 0.003, 0.006, 0.012)
"""One, two, four and eight of the 688 filters."""

COUNTS = (1, 2, 5, 10, 20, 50, 100, 150, 200)


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        images={"type": int, "default": 2000, "help": "images (default 2000)"},
        mutants={"type": int, "default": 40, "help": "of each operator and rate (default 40)"},
        threads={"type": int, "default": 1, "help": "threads (default 1)"},
    )
    torch.set_num_threads(given.threads)
    classifier = network(None)
    images, labels = cifar("test", slice(BLOCK + given.images))
    inputs = scaled(classifier, images)
    graph = graph_of(classifier, inputs[:1])
    model = classifier.model if graph is None else graph

    def drawn(operator: str, rate: float, n: int) -> Mutants:
        path = Path(given.work) / f"{operator}-{rate}-{n}-{given.seed}.npz"
        if not path.exists():
            say(f"drawing {n} mutants by {operator} at {rate:.2%}")
            made = mutants(
                model,
                operator=operator,
                rate=rate,
                n=n,
                inputs=inputs[:BLOCK],
                labels=labels[:BLOCK],
                seed=given.seed,
            )
            made.save(path)
        return Mutants.load(path)

    sets: dict[str, Mutants] = {}
    refused: dict[str, str] = {}
    for operator in ("NAI", "GF", "WS", "NS"):
        for rate in RATES:
            name = f"{operator} {rate:.2%}"
            note = Path(given.work) / f"{operator}-{rate}-{given.mutants}-{given.seed}.txt"
            if not note.exists():
                try:
                    sets[name] = drawn(operator, rate, given.mutants)
                    continue
                except ModelError as error:
                    note.write_text(str(error))
            refused[name] = note.read_text()
            say(refused[name])
    say("predictions of all mutants")
    found = compare_operators(model, sets, inputs[BLOCK:], labels[BLOCK:])
    best = found.mutants[found.best]
    more = drawn(best.operator, best.rate, max(COUNTS))
    say(f"predictions of {len(more)} mutants by {found.best}")
    many = compare_operators(model, {found.best: more}, inputs[BLOCK:], labels[BLOCK:])
    growth = auroc_by_count(many.votes[found.best], many.wrong, counts=COUNTS, seed=given.seed)
    operators(found).savefig(given.work / "operators.png")
    by_count({found.best: growth}).savefig(given.work / "by-count.png")
    table = found.table()
    table.to_csv(given.work / "table.csv")
    results = {
        "Table 3": {str(name): row.to_dict() for name, row in table.iterrows()},
        "not drawn": refused,
        "best": found.best,
        "AUROC by number of mutants": {
            str(count): {"mean": of.mean(), "deviation": of.std()}
            for count, of in zip(growth.counts, growth.auroc, strict=True)
        },
    }
    settings = {"images": given.images, "mutants": given.mutants, "rates": RATES}
    record(given, settings, results)


if __name__ == "__main__":
    main()
