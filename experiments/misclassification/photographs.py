"""Photographs under corruptions: which detector finds the wrong predictions of EfficientNet-Lite0.

300 photographs of ImageNet as they are and with noise, blur, little contrast and JPEG's losses, at
two strengths each. Detectors score every photograph by the parts of the data that it is not in:
five parts, whole photographs in each, since copies of one photograph are no independent
predictions. The intervals draw whole photographs too. Exploratory: too few photographs to name a
winner.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from sklearn.model_selection import GroupKFold
from torch import Tensor

from affidavit.data import load
from affidavit.misclassification import compare
from affidavit.misclassification.extraction import Extraction, graph_of
from affidavit.misclassification.scorers import SCORERS, Joint, Learned, Scorer
from affidavit.misclassification.signals import Signals, concatenate
from affidavit.misclassification.tables import markdown
from affidavit.mutation import Mutants, mutants
from experiments.misclassification.cifar import SHOWN, WITHOUT, rows_of
from experiments.misclassification.signals import scaled, signals
from experiments.networks import SIDE, efficientnet
from experiments.recording import arguments, record, say

LAYER = ("_avg_pooling",)
"""Means of the last convolution's maps: conductance by map is the same, and ten times smaller."""

MUTATED = {"operator": "NAI", "rate": 0.001, "keep_above": 0.9}
FOLDS = 5
LEARNED = ("conductance", "softmax", "label_change_rate")


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        images={"type": int, "default": 300, "help": "photographs (default 300)"},
        mutants={"type": int, "default": 30, "help": "mutants (default 30)"},
        threads={"type": int, "default": 1, "help": "threads (default 1)"},
    )
    torch.set_num_threads(given.threads)
    classifier = efficientnet()
    data = load("imagenet-sample", size=(SIDE, SIDE))
    rows = np.random.default_rng(given.seed).permutation(len(data.labels))[: given.images]
    pixels = torch.from_numpy(np.array(data.inputs[rows]))
    labels = np.array(data.labels[rows]).astype(np.int64)
    graph = graph_of(classifier, pixels[:1])
    path = given.work / f"mutants-{given.mutants}-{given.images}.npz"
    if not path.exists():
        say("drawing mutants")
        inputs = scaled(classifier, pixels[:100])
        model = classifier.model if graph is None else graph
        made = mutants(model, n=given.mutants, inputs=inputs, labels=labels[:100], **MUTATED)
        made.save(path)
    settings = Extraction(layers=LAYER, mutants=Mutants.load(path), graph=graph)
    needs = ("logits", "penultimate", "conductance", "label_change_rate")
    parts, accuracy = [], {}
    for name, corrupt in CORRUPTIONS.items():
        changed = corrupt(pixels, np.random.default_rng(given.seed))
        found = signals(classifier, f"{name}-{given.images}", changed, needs, settings, given.work)
        parts.append(found)
        accuracy[name] = float((found.predicted == labels).mean())
        say(f"{name}: {accuracy[name]:.1%} right")
    said = concatenate(parts)
    truth = np.tile(labels, len(parts))
    photograph = np.tile(np.arange(len(labels)), len(parts))
    scorers: dict[str, Callable[[], Scorer]] = {
        "conductance, MLP (paper)": Learned,
        "conductance + LCR (paper)": Joint,
        "conductance + softmax + LCR, logistic": lambda: Learned(LEARNED, "logistic"),
        "conductance + softmax + LCR, forest": lambda: Learned(LEARNED, "forest"),
        **{name: kind for name, kind in SCORERS.items() if name not in WITHOUT},
    }
    scores = {}
    for name, make in scorers.items():
        say(f"fitting {name}")
        scores[name] = crossed(make, said, truth, photograph)
    wrong = said.predicted != truth
    compared = compare(
        scores, wrong, against="max_softmax", metrics=SHOWN, clusters=photograph, seed=given.seed
    )
    (given.work / "table.md").write_text(markdown(compared))
    record(
        given,
        {"photographs": given.images, "mutants": given.mutants, "mutated": MUTATED},
        {"accuracy": accuracy, "wrong": int(wrong.sum()), "of": len(wrong), **rows_of(compared)},
        ("scikit-learn",),
        quiet=True,
    )
    print((given.work / "table.md").read_text())


def crossed(
    make: Callable[[], Scorer], said: Signals, labels: Any, photograph: Any
) -> NDArray[np.float64]:
    """Scores of each part of the photographs, by the scorer fitted on the others."""
    scores = np.zeros(len(labels))
    for learn, rest in GroupKFold(FOLDS).split(labels, groups=photograph):
        scores[rest] = make().fit(said[learn], labels[learn]).score(said[rest])
    return scores


def noisy(deviation: float) -> Callable[..., Tensor]:
    """Gaussian noise on every pixel."""

    def corrupt(pixels: Tensor, draw: np.random.Generator) -> Tensor:
        noise = draw.normal(0, deviation, tuple(pixels.shape)).astype(np.float32)
        return (pixels + torch.from_numpy(noise)).clamp(0, 1)

    return corrupt


def smeared(width: float) -> Callable[..., Tensor]:
    """A Gaussian blur of that deviation in pixels."""

    def corrupt(pixels: Tensor, _: np.random.Generator) -> Tensor:
        reach = int(3 * width + 0.5)
        places = torch.arange(-reach, reach + 1, dtype=pixels.dtype)
        weights = torch.exp(-(places**2) / (2 * width**2))
        weights = (weights / weights.sum()).repeat(pixels.shape[1], 1)
        count = pixels.shape[1]
        wide = F.pad(pixels, (reach,) * 4, mode="reflect")
        wide = F.conv2d(wide, weights[:, None, :, None], groups=count)
        return F.conv2d(wide, weights[:, None, None, :], groups=count).clamp(0, 1)

    return corrupt


def flat(share: float) -> Callable[..., Tensor]:
    """That share of the contrast, about the image's mean."""

    def corrupt(pixels: Tensor, _: np.random.Generator) -> Tensor:
        mean = pixels.mean((1, 2, 3), keepdim=True)
        return mean + share * (pixels - mean)

    return corrupt


def compressed(quality: int) -> Callable[..., Tensor]:
    """Through JPEG of that quality."""

    def corrupt(pixels: Tensor, _: np.random.Generator) -> Tensor:
        found = []
        for image in pixels:
            stored = io.BytesIO()
            values = (image.permute(1, 2, 0) * 255).round().byte().numpy()
            Image.fromarray(values).save(stored, "JPEG", quality=quality)
            found.append(np.asarray(Image.open(stored), dtype=np.float32) / 255)
        return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).contiguous()

    return corrupt


CORRUPTIONS: dict[str, Callable[..., Tensor]] = {
    "as they are": lambda pixels, _: pixels,
    "noise 0.1": noisy(0.1),
    "noise 0.25": noisy(0.25),
    "blur 2": smeared(2.0),
    "blur 4": smeared(4.0),
    "contrast 0.3": flat(0.3),
    "contrast 0.1": flat(0.1),
    "JPEG 15": compressed(15),
    "JPEG 5": compressed(5),
}


if __name__ == "__main__":
    main()
