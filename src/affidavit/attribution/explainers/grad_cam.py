"""Grad-CAM: which places of a late feature map raise the target's score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from affidavit.attribution.batches import BATCH_SIZE, batches
from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import (
    Explainer,
    after_preprocessing,
    logits,
    require_positive,
)
from affidavit.errors import ModelError, nearest


@final
@dataclass(frozen=True)
class GradCAM(Explainer):
    """Feature maps weighted by the mean of their gradient, summed, negative parts cut off.

    The map of the layer is enlarged to the image bilinearly.

    Attributes:
        layer: path of the module whose output is used (the last one, if it is called more than
            once). Left out, the last value with more than one place along both spatial axes: what
            global pooling or flattening is given. It is found by watching the forward pass, so it
            need not belong to a module.
        batch_size: images at once.

    Raises ModelError where there is no such layer, or it does not affect the score.

    Source: Selvaraju et al. 2017, equations 1 and 2.
    """

    layer: str | None = None
    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        require_positive(batch_size=self.batch_size)

    def _explain(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        parts = batches(self.batch_size, pixels, target)
        return torch.cat([self._of_part(classifier, *part) for part in parts])

    def _of_part(self, classifier: Classifier, pixels: Tensor, target: Tensor) -> Tensor:
        with torch.enable_grad():
            # Preprocessed pixels are no feature map.
            bare, leaf = after_preprocessing(classifier, pixels)
            leaf.requires_grad_(True)
            if self.layer is None:
                watch = _LastSpatial(leaf)
                with watch:
                    score = logits(bare, leaf, target).sum()
                maps, described = watch.seen, "the last feature map"
            else:
                maps, score = self._at_layer(bare, leaf, target)
                described = f"the layer {self.layer!r}"
            if maps is None or maps is leaf:
                raise ModelError(
                    "the model has no feature map [batch, channel, height, width] of more than one"
                    " place; Grad-CAM needs a convolutional network"
                )
            (slopes,) = torch.autograd.grad(score, maps, allow_unused=True)
        if slopes is None:
            raise ModelError(f"{described} does not affect the score; name another layer")
        weights = slopes.mean((2, 3), keepdim=True)
        coarse = (weights * maps.detach()).sum(1, keepdim=True).relu()
        size = tuple(pixels.shape[2:])
        return F.interpolate(coarse, size, mode="bilinear", align_corners=False).squeeze(1)

    def _at_layer(self, bare: Classifier, leaf: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        seen: list[Tensor] = []
        module = _submodule(bare, str(self.layer))

        def keep(module: nn.Module, given: Any, made: Any) -> Any:
            seen.append(made)
            # The model goes on with a copy: a following step in place does not reach what is kept.
            return made.clone() if isinstance(made, Tensor) else made

        handle = module.register_forward_hook(keep)
        try:
            score = logits(bare, leaf, target).sum()
        finally:
            handle.remove()
        if not seen or not isinstance(seen[-1], Tensor) or seen[-1].ndim != 4:
            shape = list(seen[-1].shape) if seen and isinstance(seen[-1], Tensor) else None
            raise ModelError(
                f"the layer {self.layer!r} gave {'no tensor' if shape is None else shape};"
                " expected feature maps [batch, channel, height, width]"
            )
        return seen[-1], score


def _submodule(classifier: Classifier, path: str) -> nn.Module:
    if not isinstance(classifier.model, nn.Module):
        raise ModelError("a graph has no modules to choose a layer from; leave `layer` out")
    known: dict[str, nn.Module] = {
        name: part for name, part in classifier.model.named_modules() if name
    }
    if path not in known:
        raise ModelError(
            f"the model has no module {path!r}{nearest(path, known)}; it has {', '.join(known)}"
        )
    return known[path]


class _LastSpatial(TorchFunctionMode):
    """Keeps the last value that depends on the leaf and has more than one place an axis."""

    def __init__(self, leaf: Tensor) -> None:
        super().__init__()
        self.leaf = leaf
        self.seen: Tensor | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        is_map = isinstance(found, Tensor) and found.ndim == 4 and found.requires_grad
        if is_map and min(found.shape[2:]) > 1 and found is not self.leaf:
            self.seen = found
        return found
