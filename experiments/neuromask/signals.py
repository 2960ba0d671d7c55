"""Masks on one-dimensional signals against their peers, by deletion and insertion of places.

The signals are outlines of handwritten digits (MNIST): the distance from the centre of mass to the
farthest ink in 64 directions, counter-clockwise from the right, as a share of 20 pixels. Outlines
read as series are a common kind of signal in archives of time series; no recorded time series with
labels comes with the installed packages. The network (circular convolutions) never saw the
outlines that are explained. Hidden parts become the straight line between the signal's ends, its
local mean (`blur`), its mean, or noise of its own spread, or, as the preset `fast-signals` has it,
line and local mean in turn; curves are drawn with both.

The stages of `fast-signals` were chosen on validation outlines (`--part validation`), the results
are of test outlines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from torch import Tensor, nn

from affidavit.attribution import PRESETS, Classifier, learn_masks
from affidavit.attribution.evaluation import deletion, insertion
from affidavit.attribution.neuromask.presets import AnyPreset
from affidavit.data import load
from experiments.neuromask.places import Areas, accuracy, fit, peers, scored, show, timed_maps
from experiments.recording import arguments, record, timed

PLACES, FARTHEST, STEP, INK = 64, 20.0, 0.25, 0.5
TRAIN, EXPLAINED = 12_000, 300
HIDDEN = ("line", "blur", "mean", "own_noise", None)
WINDOW = 5


def outline(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance to the farthest ink in each direction, [place], in [0, 1]."""
    rows, columns = np.indices(image.shape)
    weight = image / image.sum()
    middle = (rows * weight).sum(), (columns * weight).sum()
    angles = 2 * np.pi * np.arange(PLACES) / PLACES
    radii = np.arange(0, FARTHEST, STEP)
    at = [
        middle[0] - radii[:, None] * np.sin(angles),
        middle[1] + radii[:, None] * np.cos(angles),
    ]
    ink = map_coordinates(image, at, order=1) > INK
    found = np.where(ink, radii[:, None], 0).max(0) / FARTHEST
    return found.astype(np.float32)


def network(seed: int) -> dict[str, Any]:
    """A trained network and the signals it is explained on, by part."""
    data = load("mnist")
    rng = np.random.default_rng(seed)
    rows = rng.permutation(data.parts["train"])[: TRAIN + EXPLAINED]
    rows = np.concatenate([rows, rng.permutation(data.parts["test"])[:2000]])
    with timed("outlines"):
        x = torch.tensor(np.stack([outline(data.inputs[row, 0]) for row in rows]))[:, None]
    y = torch.tensor(data.labels[rows]).long()
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv1d(1, 24, 7, padding=3, padding_mode="circular"),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(24, 48, 5, padding=2, padding_mode="circular"),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(48 * PLACES // 4, 64),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(64, 10),
    )
    with timed("training"):
        fit(model, x[:TRAIN], y[:TRAIN], epochs=6, seed=seed)
    return {
        "classifier": Classifier(model),
        "parts": {"validation": x[TRAIN : TRAIN + EXPLAINED], "test": x[TRAIN + EXPLAINED :]},
        "accuracy": accuracy(model, x[TRAIN + EXPLAINED :], y[TRAIN + EXPLAINED :]),
    }


def explained(
    trained: dict[str, Any],
    part: str,
    seed: int,
    presets: dict[str, str | AnyPreset],
) -> dict[str, Any]:
    """The scores of all methods."""
    classifier: Classifier = trained["classifier"]
    x = trained["parts"][part][:EXPLAINED]
    target = classifier.scores(x, 500).argmax(1)
    methods: dict[str, Any] = {}
    for turn, (label, preset) in enumerate(presets.items()):
        # The others for comparison, with one fill-in only.
        for fill in HIDDEN[: 1 if turn else None]:
            methods[f"mask {label}, {fill or 'in turn'}"] = lambda preset=preset, fill=fill: (
                learn_masks(
                    classifier, x, target, preset, fill_in=fill, seed=seed, batch_size=64
                ).mask
            )
    for fill in ("line", "blur"):
        for peer, explain in peers(fill, seed=seed).items():
            label = peer if peer in ("random", "gradient size") else f"{peer}, {fill}"
            methods[label] = lambda e=explain: e(classifier, x, target)
        wide = peers(fill, WINDOW, seed)["occlusion"]
        methods[f"occlusion of {WINDOW}, {fill}"] = lambda e=wide: e(classifier, x, target)
    maps, milliseconds = timed_maps(methods, len(x))

    def areas(fill: str, attribution: Tensor) -> Areas:
        common: dict[str, Any] = {"fill": fill, "steps": PLACES, "batch_size": 500}
        return (
            deletion(classifier, x, target, attribution, **common).area,
            insertion(classifier, x, target, attribution, **common).area,
        )

    curves = {fill: lambda a, fill=fill: areas(fill, a) for fill in ("line", "blur")}
    best = next(iter(presets))
    found = scored(maps, curves, {fill: f"mask {best}, {fill}" for fill in curves}, seed)
    show(found, milliseconds)
    return {
        "accuracy": trained["accuracy"],
        "signals": len(x),
        "processor milliseconds an input": milliseconds,
        **found,
    }


def main() -> None:
    given = arguments(
        __doc__,
        part={"default": "test", "help": "signals that are explained (default test)"},
        presets={
            "nargs": "+",
            "default": ["fast-signals"],
            "choices": list(PRESETS),
            "help": "of masks",
        },
    )
    torch.set_num_threads(1)
    trained = network(given.seed)
    results = explained(trained, given.part, given.seed, {name: name for name in given.presets})
    settings = {
        "signals": f"outlines of MNIST in {PLACES} directions; {TRAIN} for training",
        "network": "circular convolutions 24 of 7 and 48 of 5, maxima of 2, 64 units, 10 classes",
        "part": given.part,
    }
    record(given, settings, results, ("scipy",))


if __name__ == "__main__":
    main()
