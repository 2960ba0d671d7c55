"""What a mask is learned against: the inputs, their fill-in, and the class term."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from affidavit.attribution.classifier import Classifier, finite


@dataclass(frozen=True, eq=False)
class Problem:
    """Inputs whose masks are learned together, each for itself.

    Attributes:
        classifier: the network; learning calls it within :meth:`Classifier.evaluating`.
        pixels: inputs [batch, channel, *place], or [batch, place] where there is no channel.
        target: the class of each, [batch].
        neighbours: whether places that follow each other belong together, where there are channels.
    """

    classifier: Classifier
    pixels: Tensor
    target: Tensor
    neighbours: bool = True

    @property
    def place(self) -> tuple[int, ...]:
        """The shape of a mask."""
        return tuple(self.pixels.shape[2:] or self.pixels.shape[1:])

    @property
    def has_neighbours(self) -> bool:
        """Whether places that follow each other belong together: not the features of a row."""
        return self.neighbours and self.pixels.ndim > 2

    def take(self, index: Tensor) -> Problem:
        """The problem of inputs picked by number."""
        return replace(self, pixels=laid_out(self.pixels[index]), target=self.target[index])

    def with_channel(self, mask: Tensor) -> Tensor:
        """A mask [batch, *place] as a factor of the inputs."""
        return mask[:, None] if self.pixels.ndim > 2 else mask

    def without_channel(self, values: Tensor) -> Tensor:
        """The sum over the channels of values in the shape of the inputs, [batch, *place]."""
        return values.sum(1) if self.pixels.ndim > 2 else values

    def log_probability(self, inputs: Tensor) -> Tensor:
        """The logarithm of the softmax score of each input's class, [batch].

        Args:
            inputs: k times the batch, one whole after the other: each is for the class of the
                input it is made of.
        """
        scores = finite(self.classifier(inputs))
        target = self.target.repeat(len(inputs) // len(self.target))
        chosen: Tensor = torch.log_softmax(scores, 1).gather(1, target[:, None]).squeeze(1)
        return chosen


def laid_out(pixels: Tensor) -> Tensor:
    """Images with their channels innermost in memory, as convolutions take them fastest."""
    return pixels.contiguous(memory_format=torch.channels_last) if pixels.ndim == 4 else pixels
