"""Two ready structures of networks: dense ones and small convolutional ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from affidavit.errors import DomainError, nearest

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


@dataclass(frozen=True)
class Dense:
    """Linear layers with an activation between them, and logits at the end.

    Attributes:
        hidden: neurons of each hidden layer, from the input on; none is logistic regression.
        activation: `relu`, `tanh` or `sigmoid`.

    Raises:
        DomainError: a layer without neurons, an unknown activation.
    """

    hidden: tuple[int, ...] = (256,)
    activation: str = "relu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", _sizes("hidden", self.hidden))
        if self.activation not in ACTIVATIONS:
            raise DomainError(
                f"no activation {self.activation!r}{nearest(self.activation, ACTIVATIONS)};"
                f" there are {', '.join(ACTIVATIONS)}"
            )

    def make(self, shape: Sequence[int], classes: int) -> nn.Sequential:
        """A network for inputs [batch, *shape], with PyTorch's default weights.

        Args:
            shape: of one input.
            classes: logits, [batch, classes].

        Raises:
            DomainError: an input without values, or no classes.
        """
        _check(shape, classes)
        layers: list[nn.Module] = [nn.Flatten()]
        return nn.Sequential(*layers, *_head(math.prod(shape), self.hidden, classes, self._act))

    def _act(self) -> nn.Module:
        return ACTIVATIONS[self.activation]()


@dataclass(frozen=True)
class SmallCNN:
    """Blocks of a 3 × 3 convolution, ReLU and 2 × 2 max pooling, then dense layers.

    Attributes:
        channels: feature maps of each block; each block halves height and width.
        hidden: neurons of each hidden dense layer after the blocks.

    Raises:
        DomainError: no blocks, or a layer without channels or neurons.
    """

    channels: tuple[int, ...] = (16, 32)
    hidden: tuple[int, ...] = (64,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", _sizes("channels", self.channels))
        object.__setattr__(self, "hidden", _sizes("hidden", self.hidden))
        if not self.channels:
            raise DomainError("a CNN without blocks; expected channels such as (16, 32)")

    def make(self, shape: Sequence[int], classes: int) -> nn.Sequential:
        """A network for images [batch, channel, height, width], or [batch, height, width].

        Args:
            shape: of one image: (channel, height, width) or (height, width).
            classes: logits, [batch, classes].

        Raises:
            DomainError: another number of axes, an image that the pooling leaves nothing of, or
                no classes.
        """
        _check(shape, classes)
        if len(shape) not in (2, 3):
            raise DomainError(
                f"inputs have the shape {list(shape)}; expected [channel, height, width] or"
                " [height, width]. Dense takes any shape."
            )
        inputs, height, width = (1, *shape) if len(shape) == 2 else shape
        smallest = 2 ** len(self.channels)
        if min(height, width) < smallest:
            raise DomainError(
                f"images are {height} × {width}, and {len(self.channels)} poolings leave nothing"
                f" of them; expected at least {smallest} × {smallest}, or fewer channels"
            )
        layers: list[nn.Module] = []
        if len(shape) == 2:
            layers.append(nn.Unflatten(1, (1, height)))
        for outputs in self.channels:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            inputs, height, width = outputs, height // 2, width // 2
        features = inputs * height * width
        return nn.Sequential(*layers, nn.Flatten(), *_head(features, self.hidden, classes, nn.ReLU))


def _head(
    features: int, hidden: Sequence[int], classes: int, activation: Callable[[], nn.Module]
) -> list[nn.Module]:
    """Dense layers from features to logits."""
    layers: list[nn.Module] = []
    for neurons in hidden:
        layers += [nn.Linear(features, neurons), activation()]
        features = neurons
    return [*layers, nn.Linear(features, classes)]


def _sizes(name: str, given: Sequence[int]) -> tuple[int, ...]:
    # A list from a configuration file is as good as a tuple.
    sizes = tuple(given)
    if any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in sizes):
        raise DomainError(f"{name} is {list(sizes)}; expected whole numbers of at least 1")
    return sizes


def _check(shape: Sequence[int], classes: int) -> None:
    if math.prod(shape) < 1 or classes < 1:
        raise DomainError(
            f"inputs of the shape {list(shape)} and {classes} classes; expected at least one value"
            " and one class"
        )
