"""Inputs whose hidden parts become those of other inputs: the rows of a table, above all.

A black pixel means "nothing there"; a feature of a row has no such value. What stands in its place
is then taken from data: the mean of the training rows, or, so that the hidden feature keeps its
spread, drawn rows over which the answer is averaged.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from affidavit.attribution.classifier import Classifier
from affidavit.attribution.neuromask import Masks, learn_masks
from affidavit.attribution.neuromask.presets import AnyPreset
from affidavit.attribution.targets import Target
from affidavit.errors import DataError, DomainError
from affidavit.progress import Progress

HIDDEN = "grey"
"""The fill-in of differences: 0, the middle of their range, is the reference itself."""


class Against(Classifier):
    """A classifier of differences from references, whose zero is "as in the reference".

    For references r₁ … r_n an input x becomes the differences x - r_k. Where some of their places
    are set to 0, the classifier sees n inputs that have the values of r_k there and those of x
    elsewhere, and its answer is the mean of their probabilities: the expectation that marginal
    (interventional) Shapley values are made of. All that masks differences masks the input so:
    :func:`affidavit.attribution.learn_masks`, `deletion`, `insertion` with the fill-in
    :data:`HIDDEN`, and gradients by the differences.

    Args:
        classifier: the network, on inputs [batch, feature] or [batch, channel, *place].
        reference: what stands for what is hidden, [reference, ...]: one mean row
            (`rows.mean(0, keepdim=True)`), or rows of :func:`drawn`.

    Calling it gives the logarithm of the mean probability for each class, [batch, class]; of one
    reference, the classifier's own scores.

    Raises DataError for references the classifier does not take, or none.
    """

    reference: Tensor

    def __init__(self, classifier: Classifier, reference: Tensor) -> None:
        classifier.check(reference)
        if len(reference) == 0:
            raise DataError("there is no reference; expected at least one, [reference, ...]")
        lower, upper = classifier.data_range
        super().__init__(classifier, None, (lower - upper, upper - lower), "logits")
        self.classifier = classifier
        self.register_buffer("reference", reference.detach().clone(), persistent=False)

    def differences(self, inputs: Tensor) -> Tensor:
        """Inputs less each reference, [batch, reference, feature] or [batch, reference · channel,
        *place]: a place has as many channels more as there are references.

        Raises DataError for inputs of another width or outside the classifier's range.
        """
        self.classifier.check(inputs)
        if inputs.shape[1:] != self.reference.shape[1:]:
            raise DataError(
                f"the inputs have the shape {list(inputs.shape)}, the reference"
                f" {list(self.reference.shape)}; expected the same but for the first number"
            )
        found = inputs.detach()[:, None] - self.reference.to(inputs)
        return found if inputs.ndim == 2 else found.flatten(1, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores [batch, class] of differences, differentiable."""
        reference = self.reference.to(pixels)
        inputs = pixels.reshape(len(pixels), *reference.shape) + reference
        scores: Tensor = self.classifier(inputs.flatten(0, 1))
        count = len(reference)
        if count == 1:
            return scores
        each = scores.log_softmax(1).reshape(len(pixels), count, -1)
        return each.logsumexp(1) - math.log(count)


def drawn(data: Tensor, count: int = 32, seed: int = 0) -> Tensor:
    """Rows drawn from data without replacement, [count, ...]; all, if there are no more.

    Raises DomainError for a count below 1.
    """
    if count < 1:
        raise DomainError(f"count is {count}; expected at least 1")
    generator = torch.Generator().manual_seed(seed)
    return data[torch.randperm(len(data), generator=generator)[:count].to(data.device)]


def learn_row_masks(
    classifier: Classifier,
    rows: Tensor,
    reference: Tensor,
    target: Target = None,
    preset: str | AnyPreset = "fast",
    *,
    seed: int = 0,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> Masks:
    """Learns for each row of a table which features the classifier's answer rests on.

    Features are no neighbours: each has a weight of its own, and no mask is smoothed.

    Args:
        classifier: the network; its range spans all features, before normalisation.
        rows: [batch, feature].
        reference: what hidden features become, as of :class:`Against`.
        target, preset, seed, batch_size, progress: as of
            :func:`affidavit.attribution.learn_masks`.

    Returns:
        Masks [batch, feature].

    Raises as `learn_masks`, and DataError for rows or references of another shape.

    Guarantee: `empirical`.
    """
    if rows.ndim != 2:
        raise DataError(f"the rows have the shape {list(rows.shape)}; expected [batch, feature]")
    against = Against(classifier, reference)
    return learn_masks(
        against,
        against.differences(rows),
        target,
        preset,
        fill_in=HIDDEN,
        neighbours=False,
        seed=seed,
        batch_size=batch_size,
        progress=progress,
    )
