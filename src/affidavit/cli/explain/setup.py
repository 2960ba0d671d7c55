"""From options of the command line to a classifier, images, and explainers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.explainers import Explainer
from affidavit.attribution.explainers.making import make_explainer
from affidavit.attribution.two_classes import TwoClasses
from affidavit.cli.explain.images import Pictures, pictures_of
from affidavit.cli.options import numbers_of, one_of, usable, value_of
from affidavit.contract.specification import Model
from affidavit.contract.subject import live_model
from affidavit.errors import DataError, DomainError, nearest
from affidavit.graph import Graph, load
from affidavit.graph.from_keras import is_keras

__all__ = ["Asked", "Pictures", "Subject", "asked_of"]


@dataclass(frozen=True)
class Subject:
    """What is explained: names, paths and numbers as the options give them."""

    model: str
    weights: Path | None
    mean: str | None
    std: str | None
    output: str | None
    labels: Path | None
    seed: int
    device: str


@dataclass(frozen=True, eq=False)
class Asked:
    """What is to be explained, and by what.

    Attributes:
        classifier: from pixels to a score for each class.
        names: of the images, each used once.
        pixels: the images, [image, channel, height, width].
        decided: the class that the model decides for, [image].
        target: the class that is explained, [image].
        probability: softmax probability of that class, [image].
        classes: a name for each class.
        explainers: by name.
        seed: of all that is drawn.
    """

    classifier: Classifier
    names: tuple[str, ...]
    pixels: Tensor
    decided: Tensor
    target: Tensor
    probability: Tensor
    classes: tuple[str, ...]
    explainers: Mapping[str, Explainer]
    seed: int


def asked_of(
    subject: Subject,
    pictures: Pictures,
    methods: Sequence[str],
    preset: str | None,
    options: Sequence[str],
    target: str | None,
) -> Asked:
    """What the options ask for.

    Raises:
        AffidavitError: options that mean nothing, or nothing together; models and images that
            cannot be read, or do not fit each other.
    """
    explainers = explainers_of(methods, preset, options, subject.seed)
    usable(subject.device)
    one_of("--output", subject.output, ("logit", "probability"))
    model = _model_of(subject, pictures)
    shape = model.input_shape if isinstance(model, Graph) else None
    names, inputs, known = pictures_of(pictures, shape, subject.seed)
    like = None if isinstance(model, Graph) else next(model.parameters(), None)
    pixels = inputs.to(subject.device, torch.float32 if like is None else like.dtype)
    preprocessing = _preprocessing(subject, pixels.shape[1])
    model = (
        model.to(device=subject.device) if isinstance(model, Graph) else model.to(subject.device)
    )
    if subject.output is not None:
        model = TwoClasses(model, subject.output == "probability")
    classifier = Classifier(model, preprocessing)
    scores = classifier.scores(pixels)
    classes = _classes(subject, known, scores.shape[1])
    decided = scores.argmax(1)
    wanted = decided if target is None else torch.full_like(decided, _class(target, classes))
    probability = scores.softmax(1).gather(1, wanted[:, None])[:, 0]
    return Asked(
        classifier, names, pixels, decided, wanted, probability, classes, explainers, subject.seed
    )


def explainers_of(
    methods: Sequence[str], preset: str | None, options: Sequence[str], seed: int
) -> dict[str, Explainer]:
    """The explainers by name, in order.

    Raises DomainError for methods, presets or options that there are not.
    """
    given: dict[str, dict[str, Any]] = {name: {} for name in methods}
    if preset is not None:
        if "neuromask" not in given:
            raise DomainError(f"--preset {preset!r}: it is neuromask's, and --method names others")
        given["neuromask"]["preset"] = preset
    for text in options:
        place, sign, value = text.partition("=")
        name, dot, field = place.partition(".")
        if not sign or not dot or not field:
            raise DomainError(f"--option {text!r}: expected METHOD.NAME=VALUE: rise.masks=8000")
        if name not in given:
            raise DomainError(f"--option {text!r}: --method names {', '.join(given)}")
        given[name][field] = value_of(value)
    return {name: make_explainer(name, found, seed) for name, found in given.items()}


def _model_of(subject: Subject, pictures: Pictures) -> nn.Module | Graph:
    weights = None if subject.weights is None else str(subject.weights)
    found = live_model(Model(source=subject.model, weights=weights), Path(), subject.seed)
    if isinstance(found, nn.Module) and not is_keras(found):
        return found
    example = None
    if pictures.height_and_width is not None:
        example = torch.zeros(1, 1 if pictures.grey else 3, *pictures.height_and_width)
    graph = load(found, example)
    if len(graph.input_shape) != 3 or graph.input_shape[0] not in (1, 3):
        raise DataError(
            f"the model takes inputs of shape {list(graph.input_shape)}; expected images [channel,"
            " height, width] of one channel or three"
        )
    return graph


def _preprocessing(subject: Subject, channels: int) -> Preprocessing | None:
    if subject.mean is None and subject.std is None:
        return None
    mean = numbers_of("--mean", subject.mean or "0", channels)
    return Preprocessing(mean, numbers_of("--std", subject.std or "1", channels))


def _classes(subject: Subject, known: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Names of the classes: of --labels, of the data set where there are as many, or numbers."""
    if subject.labels is None:
        return known if len(known) == count else tuple(map(str, range(count)))
    try:
        text = subject.labels.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--labels {subject.labels}: cannot be read: {error}") from error
    names = tuple(line.strip() for line in text.splitlines() if line.strip())
    if len(names) != count:
        raise DataError(f"--labels {subject.labels}: {len(names)} names for {count} classes")
    return names


def _class(text: str, classes: tuple[str, ...]) -> int:
    if text in classes:
        return classes.index(text)
    if text.isascii() and text.isdecimal() and int(text) < len(classes):
        return int(text)
    raise DomainError(
        f"--target: there is no class {text!r}{nearest(text, classes)}; the model has"
        f" {len(classes)}, 0 to {len(classes) - 1}"
    )
