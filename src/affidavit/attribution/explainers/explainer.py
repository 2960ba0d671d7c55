"""What every explainer has in common: checked inputs, a model left as it was, a map an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, final

import torch
from torch import Tensor

from affidavit.attribution.batches import batches
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.targets import Target, classes
from affidavit.errors import DataError, DomainError, ModelError


class Explains(Protocol):
    """Anything that explains: `(classifier, pixels, target) -> attribution`."""

    def __call__(self, classifier: Classifier, pixels: Tensor, target: Target = None) -> Tensor:
        """Attribution [batch, height, width] of pixels [batch, channel, height, width]."""
        ...


class Explainer(ABC):
    """An explainer of images; its options are the fields of the class.

    Calling it gives the attribution [batch, height, width] of `pixels` [batch, channel, height,
    width]: larger = more relevant to the target's score. The result for an image does not depend
    on the rest of the batch beyond rounding, and is the same each time. The model is left as it
    was, also when it raises.

    Raises:
        DataError: pixels as of :meth:`Classifier.check`, or that are no images.
        DomainError: a target out of range, or options without meaning.
        ModelError: the model gives NaN or infinite scores, or cannot be explained in this way.
    """

    @final
    def __call__(self, classifier: Classifier, pixels: Tensor, target: Target = None) -> Tensor:
        """Attribution of the target's score, or of the predicted class's, per pixel."""
        classifier.check(pixels)
        if pixels.ndim != 4:
            raise DataError(
                f"the inputs have the shape {list(pixels.shape)}; expected images [batch, channel,"
                " height, width]"
            )
        if len(pixels) == 0:
            return pixels.new_zeros(0, *pixels.shape[2:])
        # What is made under inference mode could not be differentiated later.
        with torch.inference_mode(False), classifier.evaluating():
            images = pixels.detach().clone()
            wanted = class_of(classifier, images, target)
            found = self._explain(classifier, images, wanted).detach()
        if found.shape != (len(pixels), *pixels.shape[2:]):
            raise ModelError(f"the attribution has the shape {list(found.shape)}")
        bad = ~torch.isfinite(found.flatten(1)).all(1)
        if bool(bad.any()):
            raise ModelError(
                f"the attribution of input {int(bad.nonzero()[0])} is NaN or infinite: the model's"
                " gradients or scores near it are"
            )
        return found

    @abstractmethod
    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        """The attribution; the model is in evaluation mode and frozen, the target [batch]."""


def class_of(classifier: Classifier, images: Tensor, target: Target) -> Tensor:
    """The class of each image, [batch]; of at least one image.

    Raises DomainError for a target out of range, ModelError for NaN or infinite scores, as far as
    they are looked at: of all images without a target, else of the first.
    """
    if target is None:
        return classes(None, classifier.scores(images))
    # One image tells how many classes there are.
    return classes(target, classifier.scores(images[:1]).expand(len(images), -1))


def require_positive(**counts: int) -> None:
    """Raises DomainError, with the name, for a number that is no whole number above 0."""
    for name, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise DomainError(f"{name} is {count!r}; expected a whole number, at least 1")


def logits(classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
    """The target's score of each image, [batch], differentiable where gradients are on."""
    scores: Tensor = classifier(pixels)
    return scores.gather(1, target[:, None]).squeeze(1)


def probabilities(
    classifier: Classifier, pixels: Tensor, target: Tensor, batch_size: int
) -> Tensor:
    """The target's probability of each image, [batch], without gradients."""
    with torch.no_grad():
        found = [
            classifier(part).softmax(1).gather(1, wanted[:, None]).squeeze(1)
            for part, wanted in batches(batch_size, pixels, target)
        ]
    return torch.cat(found)


def gradient(classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
    """Gradient of the target's score by the pixels, of their shape."""
    with torch.enable_grad():
        leaf = pixels.detach().requires_grad_(True)
        return torch.autograd.grad(logits(classifier, leaf, target).sum(), leaf)[0]


def after_preprocessing(classifier: Classifier, pixels: Tensor) -> tuple[Classifier, Tensor]:
    """The model without its preprocessing, and what the preprocessing makes of the pixels."""
    bare = Classifier(classifier.model, outputs=classifier._outputs)
    with torch.no_grad():
        x = pixels if classifier.preprocessing is None else classifier.preprocessing(pixels)
    return bare, x.detach().clone()
