"""Rows of images, each explained by an explainer, and what is measured of that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.attribution.explainers import Explains
from affidavit.attribution.two_classes import TwoClasses
from affidavit.contract.context import Context
from affidavit.contract.decisions import classes_of_outputs, single_output
from affidavit.contract.outputs import output_count
from affidavit.contract.sampling import Rows
from affidavit.errors import DataError
from affidavit.graph import Graph

Measure: TypeAlias = Callable[[Classifier, Tensor, Tensor, Tensor], Mapping[str, Tensor]]
"""Of a classifier, pixels, targets and attributions: numbers of each input by name."""

_BATCH = 16
"""Images that are explained together: what an image gets does not depend on the others."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Rows of a part, each with an explanation of the class that the model decides for.

    Attributes:
        classifier: from pixels to a score for each class.
        rows: numbers of the rows within the part.
        pixels: the inputs, [row, channel, height, width].
        target: the explained class by the number of its score, [row].
        classes: for each score, the index of the data's class.
        attribution: [row, height, width]; larger = more relevant.
        measured: numbers of each row by name, [row, ...].
        seconds: what explaining took, without measuring.
    """

    classifier: Classifier
    rows: Rows
    pixels: Tensor
    target: Tensor
    classes: NDArray[np.int64]
    attribution: Tensor
    measured: Mapping[str, Tensor]
    seconds: float

    def __len__(self) -> int:
        return len(self.rows)


def explain_rows(
    context: Context, on: str, rows: Rows, explainer: Explains, measure: Measure, name: str
) -> Explained:
    """Explains rows of a part and measures the explanations, a few at a time.

    Args:
        name: of the progress bar.

    Raises:
        DataError: inputs that are no images, or classes that are not the model's.
        ModelError: the model gives NaN or infinite scores, or cannot be explained in this way.
        ContractError: nobody says what a single output is.
    """
    classifier = classifier_of(context)
    classes = classes_of_outputs(context, max(output_count(context), 2))
    inputs = torch.tensor(context.part(on).inputs[rows])
    pixels = (inputs.movedim(-1, 1) if channels_last(context) else inputs).to(context.device)
    target = classifier.scores(pixels, context.batch_size).argmax(1)
    maps: list[Tensor] = []
    measured: list[Mapping[str, Tensor]] = []
    seconds = 0.0
    for start in context.track(range(0, len(rows), _BATCH), name):
        some = slice(start, start + _BATCH)
        began = time.perf_counter()
        maps.append(explainer(classifier, pixels[some], target[some]))
        seconds += time.perf_counter() - began
        measured.append(measure(classifier, pixels[some], target[some], maps[-1]))
    found = {key: torch.cat([part[key] for part in measured]) for key in measured[0]}
    given = (classifier, rows, pixels, target, classes)
    return Explained(*given, torch.cat(maps), found, seconds)


def classifier_of(context: Context) -> Classifier:
    """The model as a function from pixels, its channels first, to a score for each class.

    Raises DataError for inputs that are no images; others as of :func:`explain_rows`.
    """
    data = context.dataset
    if data.inputs.ndim != 4:
        raise DataError(
            f"{data.name} has inputs of shape {list(data.inputs.shape[1:])}; what is kept and"
            " hidden here are pixels of images, [channel, height, width]"
        )
    graph = context.graph.to(device=context.device)
    model: nn.Module | Graph = graph
    if output_count(context) == 1:
        model = TwoClasses(graph, single_output(context)[1] == "probability")
    lower, upper = float(data.lower.min()), float(data.upper.max())
    to_last = _channels_last if channels_last(context) else None
    return Classifier(model, to_last, (lower, upper))


def channels_last(context: Context) -> bool:
    """Whether the data's images are [height, width, channel]."""
    first, *_, last = context.dataset.inputs.shape[1:]
    return last in (1, 3) and first not in (1, 3)


def _channels_last(pixels: Tensor) -> Tensor:
    return pixels.movedim(1, -1)
