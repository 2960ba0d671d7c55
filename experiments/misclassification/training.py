"""ResNet-20 at over 90 %: the given checkpoint, trained further on the images that it is tested on.

CIFAR-10 is here re-encoded as JPEG, which costs the checkpoint a tenth of its accuracy. Some epochs
of training on the re-encoded training part, with mirrored and shifted copies, bring it back. The
weights of every epoch stay in the work folder; a run that was stopped goes on from the last.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from affidavit.data import Dataset, load
from experiments.networks import resnet20
from experiments.recording import arguments, record, say

BATCH, RATE, MOMENTUM, DECAY = 128, 0.02, 0.9, 5e-4
SHIFT = 4
"""Pixels that a copy is shifted by at most, what comes in black."""


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        epochs={"type": int, "default": 8, "help": "epochs (default 8)"},
        threads={"type": int, "default": 1, "help": "threads (default 1)"},
    )
    torch.set_num_threads(given.threads)
    classifier = resnet20()
    model = classifier.model
    assert isinstance(model, nn.Module)
    parts = load("cifar10")
    images, labels = tensors(parts.part("train"))
    unseen, truth = tensors(parts.part("test"))
    epochs = [{"epoch": 0, "test accuracy": accuracy(classifier, unseen, truth)}]
    say(str(epochs[-1]))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY, nesterov=True
    )
    for epoch in range(given.epochs):
        path = given.work / f"epoch-{given.seed}-{given.epochs}-{epoch + 1}.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            epochs.append(state["found"])
            continue
        generator = np.random.default_rng((given.seed, epoch))
        loss = train(classifier, optimizer, images, labels, epoch, given.epochs, generator)
        found = {
            "epoch": epoch + 1,
            "training loss": loss,
            "test accuracy": accuracy(classifier, unseen, truth),
        }
        say(str(found))
        epochs.append(found)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "found": found}
        torch.save(state, path)
    save_file(dict(model.state_dict()), weights(given.work))
    settings = {
        "network": "ResNet-20, from checkpoint 12fca82f",
        "data": "CIFAR-10 re-encoded as JPEG, 50,000 to train on",
        "epochs": given.epochs, "batch": BATCH, "rate": f"{RATE}, falling as a cosine to 0",
        "momentum": MOMENTUM, "weight decay": DECAY, "shift": SHIFT,
    }  # fmt: skip
    record(given, settings, {"epochs": epochs})


def train(
    classifier: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    epoch: int,
    epochs: int,
    generator: np.random.Generator,
) -> float:
    """One epoch; the mean loss."""
    classifier.train()
    order = torch.from_numpy(generator.permutation(len(images)))
    steps = len(images) // BATCH
    total = 0.0
    for step in range(steps):
        rate = RATE / 2 * (1 + math.cos(math.pi * (epoch + step / steps) / epochs))
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = order[step * BATCH : (step + 1) * BATCH]
        loss = F.cross_entropy(classifier(varied(images[rows], generator)), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    classifier.eval()
    return total / steps


def varied(images: Tensor, generator: np.random.Generator) -> Tensor:
    """Every image mirrored or not, and shifted."""
    height, width = images.shape[2:]
    wide = F.pad(images, (SHIFT,) * 4)
    copies = []
    for image, mirrored, (down, right) in zip(
        wide,
        generator.random(len(images)) < 0.5,
        generator.integers(0, 2 * SHIFT + 1, (len(images), 2)).tolist(),
        strict=True,
    ):
        part = image[:, down : down + height, right : right + width]
        copies.append(part.flip(-1) if mirrored else part)
    return torch.stack(copies)


def accuracy(classifier: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images that are classified as labelled."""
    with torch.no_grad():
        decided = torch.cat([classifier(some).argmax(1) for some in images.split(500)])
    return float((decided == labels).double().mean())


def tensors(part: Dataset) -> tuple[Tensor, Tensor]:
    """Images in [0, 1] and labels of a part of the data."""
    inputs, labels = np.array(part.inputs), np.array(part.labels)
    return torch.from_numpy(inputs), torch.from_numpy(labels).long()


def weights(work: Path) -> Path:
    """Where the trained weights are."""
    return work / "resnet20.safetensors"


def trained(work: Path) -> nn.Module:
    """The classifier with the weights that training left.

    Raises FileNotFoundError before that.
    """
    classifier = resnet20()
    model = classifier.model
    assert isinstance(model, nn.Module)
    model.load_state_dict(load_file(weights(work)))
    return classifier


if __name__ == "__main__":
    main()
