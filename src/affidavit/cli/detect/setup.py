"""From options of the command line to a model and labelled rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.two_classes import two_classes
from affidavit.cli.explain.images import Pictures
from affidavit.cli.options import numbers_of, one_of, rows_of, split_of, usable
from affidavit.contract.specification import Data, Model
from affidavit.contract.specification import Preprocessing as Scaling
from affidavit.contract.subject import live_model, load_data, load_model, with_preprocessing
from affidavit.data import Dataset
from affidavit.errors import (
    AffidavitError,
    DataError,
)
from affidavit.graph import Graph
from affidavit.graph.from_keras import is_keras
from affidavit.misclassification.extraction import Source

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Subject:
    """Whose predictions of which data are meant: names and paths as the options give them."""

    model: str
    weights: Path | None
    data: str
    label: str | None
    split: str | None
    size: str | None
    seed: int
    device: str

    def dataset(self, progress: bool) -> Dataset:
        """The data. Raises DataError where they have no classes."""
        usable(self.device)
        size = Pictures((), self.size).height_and_width
        section = Data(
            source=self.data,
            label=self.label,
            split=split_of(self.split),
            size=None if size is None else list(size),
        )
        found = load_data(section, Path(), progress=progress)
        if found.regression:
            raise DataError(
                f"{self.data} has numbers to predict; expected classes: predictions are right or"
                " wrong"
            )
        return found


@dataclass(frozen=True)
class Preparation:
    """What is done before the model and after it, the same whenever a detector is used.

    Attributes:
        mean, std: the model takes (x - mean) / std; one number a channel, or None.
        output: what a single output is, `logit` or `probability`, or None.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    output: str | None = None

    @classmethod
    def of(
        cls, mean: str | None, std: str | None, output: str | None, dataset: Dataset
    ) -> Preparation:
        """What the options say. Raises DomainError for options that mean nothing."""
        one_of("--output", output, ("logit", "probability"))
        if mean is None and std is None:
            return cls(output=output)
        channels = dataset.inputs.shape[1]
        found = (
            numbers_of("--mean", mean or "0", channels),
            numbers_of("--std", std or "1", channels),
        )
        Preprocessing(*found)
        return cls(tuple(found[0]), tuple(found[1]), output)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Rows of the data, as the model is given them.

    Attributes:
        part: which they are of.
        rows: their numbers within the part, [row].
        numbers: their numbers within all the data, [row].
        inputs: [row, ...], on the device, in the model's precision.
        labels: their classes, [row].
    """

    part: str
    rows: Rows
    numbers: Rows
    inputs: Tensor
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, kept: NDArray[np.bool_]) -> Chosen:
        """Some of the rows, by a mask."""
        return Chosen(
            self.part,
            self.rows[kept],
            self.numbers[kept],
            self.inputs[torch.from_numpy(kept).to(self.inputs.device)],
            self.labels[kept],
        )


def model_of(subject: Subject, preparation: Preparation, dataset: Dataset) -> Source:
    """The model that the options name, with its preprocessing, on the device.

    Raises:
        AffidavitError: no such model, or one that does not take the data's inputs.
    """
    weights = None if subject.weights is None else str(subject.weights)
    found: Any = live_model(Model(source=subject.model, weights=weights), Path(), subject.seed)
    if not isinstance(found, nn.Module) or is_keras(found):
        found = load_model(Model(source=found), Path(), dataset, seed=subject.seed)
    found = (
        found.to(device=subject.device) if isinstance(found, Graph) else found.to(subject.device)
    )
    steps = preparation.mean, preparation.std
    if isinstance(found, Graph) and steps[0] is not None and steps[1] is not None:
        # As a contract puts it in front, so that a detector knows the model again there.
        section = Scaling(mean=list(steps[0]), std=list(steps[1]))
        found, steps = with_preprocessing(found, section).to(device=subject.device), (None, None)
    if preparation.output is not None:
        found = two_classes(found, preparation.output == "probability")
    if steps[0] is None or steps[1] is None:
        return found  # type: ignore[no-any-return]
    span = (0.0, 1.0)
    if dataset.inputs.ndim != 4:
        # Any number of a table will do.
        span = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))
    return Classifier(found, Preprocessing(steps[0], steps[1]), span)


def chosen_rows(
    subject: Subject, dataset: Dataset, part: str, rows: str | None, model: Source
) -> Chosen:
    """The rows of a part that the options name.

    Raises:
        DataError: no such part.
        DomainError: rows that it does not have.
    """
    whole = dataset.part(part)
    listed, samples = rows_of(rows, len(whole))
    taken = np.arange(len(whole)) if listed is None else np.array(listed, np.int64)
    if samples is not None and samples < len(whole):
        draw = np.random.default_rng((subject.seed, 2))
        taken = np.sort(draw.choice(len(whole), samples, replace=False))
    inner = model.model if isinstance(model, Classifier) else model
    like = None if isinstance(inner, Graph) else next(inner.parameters(), None)
    inputs = torch.tensor(whole.inputs[taken]).to(
        subject.device, torch.float32 if like is None else like.dtype
    )
    labels = np.array(whole.labels[taken], np.int64)
    return Chosen(part, taken, dataset.parts[part][taken], inputs, labels)


def check_takes(model: Source, chosen: Chosen) -> None:
    """Raises DataError where the model cannot be run on the rows: their first is tried."""
    try:
        classifier = model if isinstance(model, Classifier) else Classifier(model)
        with classifier.evaluating(), torch.no_grad():
            classifier(chosen.inputs[:1])
    except AffidavitError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"the model cannot take the data's inputs, of shape {list(chosen.inputs.shape[1:])}:"
            f" {first}"
        ) from error


def fitting_part(part: str | None, dataset: Dataset) -> str:
    """The part that is fitted on. Raises DataError where none is named and none is held out."""
    if part is not None:
        return part
    if "validation" in dataset.parts:
        return "validation"
    raise DataError(
        f"the data have no part 'validation' to fit on (they have {', '.join(dataset.parts)}):"
        " give --split train=0.6,validation=0.2,test=0.2 as the model was trained with, or name"
        " another part with --part, and --rows where a report is to come from its other rows"
    )
