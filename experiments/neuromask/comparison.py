"""Every explainer on the same photographs: deletion, insertion, infidelity, sparseness, cost.

EfficientNet-Lite0 on photographs of ImageNet that it classifies as they are labelled, in the order
of a seeded shuffle. What is finished is kept by image in the work folder: a run that was stopped
goes on from there, and a run with more images or methods adds them. The gap is insertion less
deletion. The table has means with 95 % bootstrap intervals; each method is compared with the first
one named, image by image.

    python -m experiments.neuromask.comparison --images 50 --methods grad_cam saliency random
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from affidavit.attribution import Classifier
from affidavit.attribution.evaluation import Measures, Method, columns, compare, survey, table
from affidavit.attribution.evaluation.cost import peak_memory
from affidavit.attribution.explainers import EXPLAINERS, Explainer, LearnedMask
from affidavit.attribution.neuromask import AreaPreset
from affidavit.attribution.neuromask.presets import preset_for
from experiments.networks import SIDE, WithoutGradients, efficientnet, photographs
from experiments.recording import arguments, record

CHEAP = ("saliency", "guided_backprop", "lrp_epsilon", "grad_cam", "random", "centre", "edges")
"""Fast enough for the measures that explain anew, over and over."""

TOGETHER = {"neuromask": 4}
"""Images that are explained at once, where that is faster."""

BRIEF: dict[str, dict[str, Any]] = {
    "smoothgrad": {"samples": 2},
    "integrated_gradients": {"steps": 2},
    "lime": {"samples": 16},
    "rise": {"masks": 16},
}
"""Options under which memory is watched: it does not grow with repetitions."""


def main() -> None:
    given = arguments(__doc__, resumable=True, **options())
    torch.set_num_threads(given.threads)
    classifier = efficientnet()
    if not given.stages:  # randomisation changes weights
        example = torch.zeros(1, 3, SIDE, SIDE)
        classifier.model = WithoutGradients(classifier.model, example)
    images, targets = photographs(classifier, given.images, given.seed)
    methods = {name: method(name, given) for name in given.methods}
    work = given.work / "comparison.jsonl"
    records = survey(
        work, classifier, images, targets, methods, jobs=given.jobs, progress=sys.stderr.isatty()
    )
    found = with_gaps(columns(records))
    measures = list(dict.fromkeys(name for of in found.values() for name in of))
    first = given.methods[0]
    results = {
        "table": {
            name: {measure: asdict(estimate) for measure, estimate in row.items()}
            for name, row in table(found, measures, seed=given.seed).items()
        },
        "paired": {
            measure: [asdict(row) for row in paired(found, measure, first, given.seed)]
            for measure in measures
            if measure.startswith(("gap", "deletion", "insertion", "infidelity"))
        },
        "megabytes an image": {name: memory(name, given, classifier, images) for name in methods},
    }
    settings = {
        name: value for name, value in vars(given).items() if name not in ("out", "work", "seed")
    }
    settings["explainers"] = {name: repr(method(name, given).explainer) for name in given.methods}
    record(given, settings, results, ("scipy",), quiet=True)
    show(results["table"])


def options() -> dict[str, dict[str, Any]]:
    """The script's own arguments."""
    whole = {
        "images": (50, "photographs"),
        "steps": (50, "of a curve"),
        "squares": (50, "of the infidelity"),
        "nearby": (0, "for the max-sensitivity"),
        "stages": (0, "of randomisation"),
        "jobs": (1, "processes"),
        "threads": (1, "of each process"),
    }
    methods = "names, neuromask:PRESET, or NAME:ANYTHING with its own options (default all)"
    own = 'of methods, as JSON: {"lrp_epsilon:0.25": {"epsilon": 0.25}}'
    return {
        "methods": {"nargs": "+", "default": list(EXPLAINERS), "help": methods, "type": known},
        "options": {"type": json.loads, "default": {}, "help": own},
        **{
            name: {"type": int, "default": default, "help": f"{what} (default {default})"}
            for name, (default, what) in whole.items()
        },
    }


def known(name: str) -> str:
    """A method's name. Raises ArgumentTypeError for one that there is not."""
    if name.partition(":")[0] not in EXPLAINERS:
        raise argparse.ArgumentTypeError(
            f"there is no method {name!r}; known: {', '.join(EXPLAINERS)}"
        )
    return name


def method(name: str, given: argparse.Namespace) -> Method:
    """A method by name, with its default options but for those given."""
    kind = name.partition(":")[0]
    again = kind in CHEAP
    measures = Measures(
        steps=given.steps,
        squares=given.squares,
        nearby=given.nearby if again else 0,
        stages=given.stages if again else 0,
        seed=given.seed,
    )
    return Method(explainer(name, given), measures, TOGETHER.get(kind, 1))


def explainer(name: str, given: argparse.Namespace, **more: Any) -> Explainer:
    """An explainer by name. `neuromask:official` is that preset of NeuroMask; for others, what
    follows the colon tells two sets of options apart."""
    kind, _, preset = name.partition(":")
    options: dict[str, Any] = {}
    if kind == "neuromask":
        # Its constants, not its name: what was found with others is computed anew.
        options["preset"] = preset_for(preset or "fast", (SIDE, SIDE))
    made: Explainer = EXPLAINERS[kind](**options | given.options.get(name, {}) | more)
    return made


def with_gaps(found: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, list[float]]]:
    """Insertion less deletion of every image beside the two, with each fill-in: 1 at most."""
    for of in found.values():
        for fill in [name.partition("_")[2] for name in of if name.startswith("deletion_")]:
            both = zip(of[f"insertion_{fill}"], of[f"deletion_{fill}"], strict=True)
            of[f"gap_{fill}"] = [shown - hidden for shown, hidden in both]
    return found


def paired(
    found: dict[str, dict[str, list[float]]], measure: str, first: str, seed: int
) -> Sequence[Any]:
    """The first method against the others in one measure."""
    values = {name: of[measure] for name, of in found.items() if measure in of}
    return compare(
        values, first, larger_is_better=measure.startswith(("gap", "insertion")), seed=seed
    )


def memory(
    name: str, given: argparse.Namespace, classifier: Classifier, images: dict[str, Tensor]
) -> float:
    """Most megabytes held at once for one photograph."""
    pixels = next(iter(images.values()))[None]
    brief = explainer(name, given, **BRIEF.get(name.partition(":")[0], {}))
    if isinstance(brief, LearnedMask):
        brief = replace(brief, preset=shortened(brief.preset))
    return peak_memory(lambda: brief(classifier, pixels)) / 1e6


def shortened(preset: Any) -> Any:
    """The same constants with a step or two."""
    if isinstance(preset, AreaPreset):
        return replace(preset, stages=tuple((side, 1) for side, _ in preset.stages))
    return replace(preset, steps=2)


def show(rows: dict[str, dict[str, Any]]) -> None:
    """The table, with the measures that matter most."""
    shown = ("deletion_black", "insertion_black", "deletion_blur", "insertion_blur",
             "gap_black", "gap_blur", "kept_blur_0.1", "gini", "infidelity",
             "processor_seconds")  # fmt: skip
    print(f"{'':22}" + "".join(f"{name:>16}" for name in shown))
    for name, row in rows.items():
        cells = (
            f"{row[measure]['mean']:16.4g}" if measure in row else " " * 16 for measure in shown
        )
        print(f"{name:22}" + "".join(cells))


if __name__ == "__main__":
    main()
