"""Masks on the tokens of texts against their peers, by deletion and insertion of tokens.

The texts are documentation strings of installed packages, the label is the package: real prose
that needs no download, and is the same wherever the versions in the record are installed. Of each
public function and class the first 60 words of letters, in lower case; texts under 20 words and
texts that occur twice are left out, and so are the packages' own names and short forms, which
would give the answer away. The network (embedding, a convolution over three words, greatest value,
linear) never saw the texts that are explained. A hidden token becomes the unknown word, which the
network met in training, or the mean embedding; curves are drawn with both.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affidavit.attribution import PRESETS, TextClassifier, learn_token_masks
from affidavit.attribution.evaluation.texts import token_curve
from affidavit.attribution.neuromask.presets import AnyPreset
from affidavit.attribution.reference import HIDDEN
from experiments.neuromask.places import Areas, accuracy, fit, peers, scored, show, timed_maps
from experiments.recording import arguments, record, timed

PACKAGES = ("matplotlib", "networkx", "numpy", "pandas", "sympy")
NAMES = {*PACKAGES, "np", "pd", "nx", "plt", "mpl", "pyplot", "numpydoc"}
EACH, SHORTEST, LONGEST, RARE = 1000, 20, 60, 5
PADDING, UNKNOWN = 0, 1
EXPLAINED = 300


def docstrings(package: str) -> list[list[str]]:
    """Words of the documentation of public functions and classes, file by file, no text twice."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    found: dict[tuple[str, ...], None] = {}
    for path in sorted(Path(spec.origin).parent.rglob("*.py")):
        if "tests" in path.parts or path.name.startswith("test_"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            text = (ast.get_docstring(node) or "").lower()
            words = tuple(word for word in re.findall("[a-z]+", text) if word not in NAMES)
            if len(words) >= SHORTEST:
                found[words[:LONGEST]] = None
        if len(found) > 4 * EACH:
            break
    return [list(words) for words in found]


def texts(seed: int) -> tuple[Tensor, Tensor, list[str]]:
    """Ids [text, LONGEST] padded at the end, labels, and the words of the ids; shuffled."""
    rng = np.random.default_rng(seed)
    chosen: list[tuple[list[str], int]] = []
    for label, package in enumerate(PACKAGES):
        found = docstrings(package)
        chosen += [(found[i], label) for i in rng.permutation(len(found))[:EACH]]
    chosen = [chosen[i] for i in rng.permutation(len(chosen))]
    train = chosen[: int(0.6 * len(chosen))]
    counts = Counter(word for words, _ in train for word in set(words))
    known = ["(padding)", "(unknown)", *sorted(w for w, n in counts.items() if n >= RARE)]
    number = {word: i for i, word in enumerate(known)}
    ids = torch.full((len(chosen), LONGEST), PADDING)
    for row, (words, _) in enumerate(chosen):
        ids[row, : len(words)] = torch.tensor([number.get(word, UNKNOWN) for word in words])
    return ids, torch.tensor([label for _, label in chosen]), known


class WordNetwork(nn.Module):
    """Embedding, a convolution over three words, the greatest value of each map, linear."""

    def __init__(self, words: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 48, padding_idx=PADDING)
        self.convolution = nn.Conv1d(48, 96, 3, padding=1)
        self.dropout = nn.Dropout(0.3)
        self.last = nn.Linear(96, classes)

    def forward(self, ids: Tensor) -> Tensor:
        maps = self.convolution(self.embedding(ids).transpose(1, 2)).relu()
        # Above 0 are only words: padding is none.
        maps = maps * (ids != PADDING)[:, None]
        found: Tensor = self.last(self.dropout(maps.amax(2)))
        return found


def network(seed: int) -> dict[str, Any]:
    """A trained network and the texts it is explained on, by part."""
    with timed("reading documentation"):
        ids, labels, words = texts(seed)
    first, second = int(0.6 * len(ids)), int(0.8 * len(ids))
    torch.manual_seed(seed)
    model = WordNetwork(len(words), len(PACKAGES))
    with timed("training"):
        fit(model, ids[:first], labels[:first], epochs=8, seed=seed)
    return {
        "model": model,
        "words": words,
        "parts": {"validation": ids[first:second], "test": ids[second:]},
        "accuracy": accuracy(model, ids[second:], labels[second:]),
    }


def over_groups(text: TextClassifier, ids: Tensor, target: Tensor, explain: Any) -> Tensor:
    """What a peer gives, [text, token]."""
    found = torch.zeros(ids.shape)
    for group in text.groups(ids):
        group.placed(explain(group.classifier, group.inputs, target[group.texts]), found)
    return found


def main() -> None:
    given = arguments(
        __doc__,
        part={"default": "test", "help": "texts that are explained (default test)"},
        presets={"nargs": "+", "default": ["fast"], "choices": list(PRESETS), "help": "of masks"},
    )
    torch.set_num_threads(1)
    trained = network(given.seed)
    results = explained(trained, given.part, given.seed, {name: name for name in given.presets})
    settings = {
        "packages": PACKAGES,
        "texts": f"{EACH} a package at most; 0.6 train, 0.2 validation, 0.2 test",
        "words": f"{SHORTEST} to {LONGEST} a text; in {RARE} training texts or more, else unknown",
        "network": "embedding 48, convolution 3 x 96, maximum, linear; AdamW 0.002, 8 epochs",
        "part": given.part,
    }
    record(given, settings, results, PACKAGES)


def explained(
    trained: dict[str, Any], part: str, seed: int, presets: dict[str, str | AnyPreset]
) -> dict[str, Any]:
    """The scores of all methods."""
    ids = trained["parts"][part][:EXPLAINED]
    text = {
        hidden: TextClassifier(trained["model"], "embedding", padding=PADDING, hidden=value)
        for hidden, value in (("unknown", UNKNOWN), ("mean", "mean"))
    }
    target = text["unknown"].scores(ids).argmax(1)
    methods: dict[str, Any] = {}
    for label, preset in presets.items():
        for hidden, by in text.items():
            methods[f"mask {label}, {hidden}"] = lambda by=by, preset=preset: (
                learn_token_masks(by, ids, target, preset, seed=seed, batch_size=64).mask
            )
    for hidden, by in text.items():
        for peer, explain in peers(HIDDEN, seed=seed).items():
            label = peer if peer in ("random", "gradient size") else f"{peer}, {hidden}"
            methods[label] = lambda by=by, e=explain: over_groups(by, ids, target, e)
    maps, milliseconds = timed_maps(methods, len(ids))

    def areas(by: TextClassifier, attribution: Tensor) -> Areas:
        deleted, inserted = (
            token_curve(by, ids, target, attribution, direction, batch_size=500).area
            for direction in ("deletion", "insertion")
        )
        return deleted, inserted

    curves = {
        f"{hidden} embedding": lambda a, by=by: areas(by, a) for hidden, by in text.items()
    }  # fmt: skip
    best = next(iter(presets))
    found = scored(
        maps, curves, {f"{name} embedding": f"mask {best}, {name}" for name in text}, seed
    )
    show(found, milliseconds)
    return {
        "accuracy": trained["accuracy"],
        "words known": len(trained["words"]),
        "texts": len(ids),
        "processor milliseconds an input": milliseconds,
        **found,
        "words most often among the first three": favourites(
            trained, ids, target, next(iter(maps.values()))
        ),
    }


def favourites(
    trained: dict[str, Any], ids: Tensor, target: Tensor, mask: Tensor
) -> dict[str, list[str]]:
    """For each package the words that were among the three first of a text most often."""
    top = mask.topk(3, dim=1).indices
    found = {}
    for label, package in enumerate(PACKAGES):
        rows = target == label
        counts = Counter(ids[rows].gather(1, top[rows]).flatten().tolist())
        found[package] = [trained["words"][i] for i, _ in counts.most_common(8)]
    return found


if __name__ == "__main__":
    main()
