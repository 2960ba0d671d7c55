"""The network to be explained, as a function from pixels to a score for each class."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from affidavit.attribution.model_state import preserved
from affidavit.errors import DataError, DomainError, ModelError
from affidavit.graph import Graph, ops

Model: TypeAlias = nn.Module | Graph
Outputs: TypeAlias = Literal["logits", "probabilities"]

# A probability of 0 has no logarithm; below this one, float32 has few digits left.
_LEAST = 1e-30


@dataclass(frozen=True)
class Preprocessing:
    """The step from pixels to what a network was trained on: `(pixels - mean) / std`.

    Attributes:
        mean, std: one number a channel, in the units of the pixels. A network that takes
            `(x - 127) / 128` of x in [0, 255] has mean 127/255 and std 128/255 for pixels in
            [0, 1].

    Raises DomainError unless both have as many finite numbers and every std is positive.
    """

    mean: Sequence[float]
    std: Sequence[float]

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.std)
        if len(self.mean) != len(self.std) or not self.mean:
            raise DomainError(
                f"preprocessing has {len(self.mean)} means and {len(self.std)} deviations;"
                " expected one of each for every channel"
            )
        if not all(math.isfinite(number) for number in numbers) or min(self.std) <= 0:
            raise DomainError(
                f"preprocessing has mean {list(self.mean)} and std {list(self.std)}; expected"
                " finite numbers, every std above 0"
            )

    def __call__(self, pixels: Tensor) -> Tensor:
        """What the network is given, of the shape of `pixels` [batch, channel, ...]."""
        self.check(pixels)
        shape = (-1, *(1,) * (pixels.ndim - 2))
        mean, std = (pixels.new_tensor(list(part)).reshape(shape) for part in (self.mean, self.std))
        return (pixels - mean) / std

    def check(self, pixels: Tensor) -> None:
        """Raises DataError unless `pixels` has a channel for every mean."""
        if pixels.shape[1] != len(self.mean):
            raise DataError(
                f"the inputs have {pixels.shape[1]} channels; the preprocessing is for"
                f" {len(self.mean)}"
            )


class Classifier(nn.Module):
    """A model and its preprocessing: maps pixels to scores (logits), [batch, class].

    Args:
        model: a module or a graph. A final softmax is undone, so that the scores are logits, or
            differ from logits by a number that is the same for all classes of an image.
        preprocessing: from pixels to what the model takes; `None` where it takes pixels.
        data_range: least and greatest value of a pixel. The lower end is what black means.
        outputs: what the model gives. Left out, it is looked at when the model is first called:
            probabilities where its last step is a softmax, else logits.

    Calling it evaluates the model in whatever mode it is in. Within :meth:`evaluating` the model
    is in evaluation mode with frozen parameters, and afterwards as it was: a model in training
    mode is explained as it would be used, its batch statistics untouched.

    Raises:
        DomainError: the range is empty or not finite.
        ModelError: the model is neither a module nor a graph. On calls: it gives no tensor with a
            score for each of two or more classes.
    """

    def __init__(
        self,
        model: Model,
        preprocessing: Callable[[Tensor], Tensor] | None = None,
        data_range: tuple[float, float] = (0.0, 1.0),
        outputs: Outputs | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(model, nn.Module | Graph):
            raise ModelError(
                f"the model is a {type(model).__name__}; expected an nn.Module or a graph"
                " (affidavit.graph.load makes one of a file)"
            )
        lower, upper = data_range
        if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
            raise DomainError(
                f"data_range is {data_range}; expected two finite numbers, the lower first"
            )
        if outputs not in (None, "logits", "probabilities"):
            raise DomainError(f"outputs is {outputs!r}; expected 'logits' or 'probabilities'")
        if isinstance(model, Graph) and outputs is None:
            model, outputs = _without_softmax(model), "logits"
        self.model = model
        self.preprocessing = preprocessing
        self.data_range = (float(lower), float(upper))
        self._outputs = outputs

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores [batch, class] of `pixels` [batch, ...], differentiable."""
        scores = self._values(pixels)
        if self._outputs is None and len(pixels):
            self._outputs = self._last_step(pixels, scores)
        return scores.clamp_min(_LEAST).log() if self._outputs == "probabilities" else scores

    def scores(self, pixels: Tensor, batch_size: int = 32) -> Tensor:
        """Scores [batch, class] without gradients, the model in evaluation mode.

        Args:
            pixels: inputs as in :meth:`check`, at least one.
            batch_size: how many are evaluated at once.

        Raises:
            DataError: as in :meth:`check`, or an empty batch: its classes are not known.
            ModelError: a score is NaN or infinite.
        """
        self.check(pixels)
        if len(pixels) == 0:
            raise DataError("an empty batch has no scores; expected at least one input")
        with self.evaluating(), torch.no_grad():
            found = torch.cat([self(part) for part in torch.split(pixels, batch_size)])
        return finite(found)

    def check(self, pixels: Tensor) -> None:
        """Raises DataError unless `pixels` is what the classifier was said to take.

        That is a floating tensor [batch, ...], no axis but the batch empty, with finite values
        inside the data range, and one channel for each entry of the preprocessing. An empty batch
        passes.
        """
        if not isinstance(pixels, Tensor) or not pixels.is_floating_point():
            kind = pixels.dtype if isinstance(pixels, Tensor) else type(pixels).__name__
            hint = "; divide by 255" if kind == torch.uint8 else ""
            raise DataError(f"the inputs are {kind}; expected a floating tensor{hint}")
        if pixels.ndim < 2 or 0 in pixels.shape[1:]:
            raise DataError(
                f"the inputs have the shape {list(pixels.shape)}; expected a batch such as"
                " [batch, channel, height, width]"
            )
        if isinstance(self.preprocessing, Preprocessing):
            self.preprocessing.check(pixels)
        if len(pixels) == 0:
            return
        bad = ~torch.isfinite(pixels.flatten(1)).all(1)
        if bool(bad.any()):
            raise DataError(f"input {int(bad.nonzero()[0])} has values that are NaN or infinite")
        lower, upper = self.data_range
        least, greatest = pixels.min().item(), pixels.max().item()
        # Rounding of a resampled or converted image may leave the range by a little.
        slack = 1e-5 * (upper - lower)
        if least < lower - slack or greatest > upper + slack:
            raise DataError(
                f"the inputs range over [{least:g}, {greatest:g}]; expected values in"
                f" [{lower:g}, {upper:g}]. Give pixels as they are before normalisation, with"
                " preprocessing=..., or state their range with data_range=(least, greatest)."
            )

    @contextmanager
    def evaluating(self) -> Iterator[Classifier]:
        """The model in evaluation mode with frozen parameters; afterwards all is as it was.

        Restored, also when the body raises: the mode of every submodule, `requires_grad` and
        `.grad` of every parameter, and the hooks. May be nested.
        """
        with preserved(self):
            self.eval()
            for parameter in self.parameters():
                parameter.requires_grad_(False)
            yield self

    def _values(self, pixels: Tensor) -> Tensor:
        x = pixels if self.preprocessing is None else self.preprocessing(pixels)
        values = self.model(x)
        if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != len(pixels):
            seen = list(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ModelError(
                f"the model gave {seen} for a batch of {len(pixels)}; expected scores"
                " [batch, class]"
            )
        if values.ndim < 2 or values.flatten(1).shape[1] < 2:
            raise ModelError(
                f"the model gave {list(values.shape)}; expected a score for each of two or more"
                " classes. Of a single score, affidavit.attribution.two_classes.TwoClasses makes"
                " two."
            )
        return values.flatten(1)

    def _last_step(self, pixels: Tensor, scores: Tensor) -> Outputs:
        step = scores.grad_fn
        if step is None:
            with self.evaluating(), torch.enable_grad():
                step = self._values(pixels[:1].detach().requires_grad_(True)).grad_fn
        while step is not None and step.name() in _RESHAPING:
            step = step.next_functions[0][0]
        name = "" if step is None else step.name()
        return "probabilities" if name.startswith("Softmax") else "logits"


_RESHAPING = ("ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0", "SqueezeBackward1")


def finite(scores: Tensor) -> Tensor:
    """The scores. Raises ModelError, with the first input at fault, unless all are finite."""
    bad = ~torch.isfinite(scores).all(1)
    if bool(bad.any()):
        raise ModelError(
            f"the model gives NaN or infinite scores for input {int(bad.nonzero()[0])}"
            f" ({int(bad.sum())} of {len(scores)}): there is no prediction to explain"
        )
    return scores


def _without_softmax(graph: Graph) -> Graph:
    last = next((node for node in graph.nodes if node.name == graph.output), None)
    if last is not None and isinstance(last.op, ops.Softmax | ops.LogSoftmax):
        return replace(graph, output=last.operands[0])
    return graph
