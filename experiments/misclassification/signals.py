"""CIFAR-10, ResNet-20 and what it says about the images: shared by the scripts of this folder."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.data import Dataset, load
from affidavit.misclassification.extraction import Extraction, extract
from affidavit.misclassification.signals import Signals, concatenate
from affidavit.mutation import Mutants, mutants
from experiments.networks import resnet20
from experiments.recording import say

LAYERS = tuple(f"layer{stage}.{block}" for stage in (1, 2, 3) for block in range(3))
LAST = LAYERS[-1:]
BLOCK = 1000
"""Images whose signals are kept together."""

MUTATED = {"operator": "NAI", "rate": 0.006, "n": 100, "keep_above": 0.9}
"""Four of the 688 filters, as few as bring the rate of wrong predictions well apart."""


def cifar(part: str, rows: slice = slice(None)) -> tuple[Tensor, NDArray[np.int64]]:
    """Images in [0, 1] and labels of a part of CIFAR-10, re-encoded as JPEG."""
    found: Dataset = load("cifar10").part(part)
    images = torch.from_numpy(np.array(found.inputs[rows]))
    return images, np.array(found.labels[rows]).astype(np.int64)


def network(weights: Path | None) -> Classifier:
    """ResNet-20: of the given checkpoint, or of weights that were trained further."""
    classifier = resnet20()
    if weights is not None:
        model = classifier.model
        if not isinstance(model, nn.Module):
            raise TypeError(f"expected a module, not {type(model).__name__}")
        model.load_state_dict(load_file(weights))
    return classifier.eval()


def drawn(classifier: Classifier, images: Tensor, labels: NDArray[np.int64], work: Path) -> Mutants:
    """The mutants, kept in the work folder; accepted on the first 1,000 of the images."""
    path = work / f"mutants-{digest(classifier)}.npz"
    if path.exists():
        return Mutants.load(path)
    say("drawing mutants")
    inputs = scaled(classifier, images[:BLOCK])
    made = mutants(classifier.model, inputs=inputs, labels=labels[:BLOCK], seed=0, **MUTATED)
    made.save(path)
    return made


def scaled(classifier: Classifier, images: Tensor) -> Tensor:
    """What the network is given."""
    return images if classifier.preprocessing is None else classifier.preprocessing(images)


def signals(
    classifier: Classifier,
    name: str,
    images: Tensor,
    needs: Collection[str],
    settings: Extraction,
    work: Path,
) -> Signals:
    """What the network says about the images, a thousand at a time; what is finished is kept."""
    asked = f"{sorted(needs)} {settings.layers} {settings.steps} {settings.mutants is not None}"
    key = hashlib.sha256(f"{digest(classifier)} {asked}".encode()).hexdigest()[:8]
    parts = []
    for start in range(0, len(images), BLOCK):
        path = work / f"signals-{name}-{key}-{start}.npz"
        if not path.exists():
            some = images[start : start + BLOCK]
            found = extract(classifier, some, needs, settings=settings)
            found.save(path)
            say(f"signals of {name}: {start + len(some)} of {len(images)}")
        parts.append(Signals.load(path))
    return concatenate(parts)


def digest(classifier: Classifier) -> str:
    """A few characters that tell networks apart."""
    total = sum(float(p.detach().double().abs().sum()) for p in classifier.parameters())
    return hashlib.sha256(f"{total:.6f}".encode()).hexdigest()[:6]
