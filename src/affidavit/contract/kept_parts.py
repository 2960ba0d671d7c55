"""The kept parts of explained images: what a model decides for when it sees nothing else."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from affidavit.contract.claim import File
from affidavit.contract.context import Context
from affidavit.contract.explaining import Explained, channels_last
from affidavit.contract.exploring import run
from affidavit.contract.features import feature_names
from affidavit.contract.image_exhibits import image_grid
from affidavit.contract.outputs import output_count, output_name
from affidavit.evidence import ImageGrid, Witness

_SHOWN = 3
"""Inputs of either outcome whose images are in the report."""


@dataclass(frozen=True, eq=False)
class KeptParts:
    """Explained inputs, and what became of the decision when only their kept parts were shown.

    Attributes:
        found: the inputs.
        images: their kept parts, the rest replaced, [row, channel, height, width].
        decided: what is decided for then, by the number of the score, [row].
    """

    found: Explained
    images: Tensor
    decided: Tensor

    def __len__(self) -> int:
        return len(self.found)

    @property
    def preserved(self) -> NDArray[np.bool_]:
        """Whether the decision is the same, [row]."""
        result: NDArray[np.bool_] = (self.decided == self.found.target).cpu().numpy()
        return result

    def decisions(self, context: Context, place: int) -> tuple[str, str]:
        """The classes decided for: of the input and of its kept part."""
        names, classes = context.dataset.class_names, self.found.classes
        outputs = int(self.found.target[place]), int(self.decided[place])
        return names[classes[outputs[0]]], names[classes[outputs[1]]]


def kept_grid(context: Context, parts: KeptParts, on: str) -> ImageGrid:
    """The first inputs that lose their decision, and the first that keep it."""
    kept = parts.preserved
    places = [int(place) for some in (~kept, kept) for place in np.flatnonzero(some)[:_SHOWN]]
    labels = []
    for place in places:
        before, after = parts.decisions(context, place)
        row = parts.found.rows[place]
        labels.append(f"row {row} of {on}; decided: {before}; kept part: {after}")
    return image_grid(
        parts.found,
        places,
        labels,
        [("kept part", parts.images[places])],
        "Explanations, and what they keep",
        "The first inputs that lose their decision, then the first that keep it.",
    )


def kept_file(context: Context, parts: KeptParts, on: str) -> File:
    """What became of every input, by row of the data."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "decision", "decision_of_kept_part", "preserved"])
    numbers = context.dataset.parts[on][parts.found.rows]
    for place, (row, kept) in enumerate(zip(numbers, parts.preserved, strict=True)):
        writer.writerow([row, *parts.decisions(context, place), "yes" if kept else "no"])
    return File(text.getvalue().encode(), "what became of every input, by row of the data")


def kept_witness(context: Context, parts: KeptParts, on: str, kept: str) -> Witness:
    """The kept part for which the model decides otherwise by the widest margin.

    Args:
        kept: what is kept and what became of the rest, in words, to follow "which".
    """
    found, classifier = parts.found, parts.found.classifier
    scores = classifier.scores(parts.images, context.batch_size)
    lead = scores.amax(1) - scores.gather(1, found.target[:, None])[:, 0]
    place = int(lead.argmax())
    before, after = parts.decisions(context, place)
    last = channels_last(context)
    image = parts.images[place].cpu().numpy().astype(np.float64)
    x = (np.moveaxis(image, 0, -1) if last else image).reshape(-1)
    shape = context.dataset.inputs.shape[1:]
    pixels = found.attribution[place].flatten().argsort(descending=True, stable=True)
    first = pixels * shape[-1] if last else pixels  # the first channel stands for its pixel
    return Witness(
        sentence=(
            f"For row {found.rows[place]} of {on} the model decides for {before}; for this input,"
            f" which {kept}, it decides for {after}."
        ),
        input=tuple(float(value) for value in x),
        shape=tuple(int(size) for size in shape),
        features=feature_names(context.dataset),
        outputs=tuple(float(value) for value in run(context, x)),
        output_names=tuple(output_name(context, i) for i in range(output_count(context))),
        decision=after,
        relevant=tuple(int(index) for index in first),
    )
