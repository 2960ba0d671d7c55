"""What learning gives: masks, how the losses went, and thumbnails of the masks on their way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Tick: TypeAlias = Callable[[], None]

# Of a thumbnail, in pixels: enough for a picture, and 12 KB an image and step at most.
_SIDE = 112


@dataclass(frozen=True, eq=False)
class Masks:
    """Learned masks of a batch of inputs.

    Attributes:
        mask: relevance of each place in [0, 1], [batch, *place]: of images [batch, height, width].
        target: the class each mask is for, [batch].
        losses: what was minimised at each step, before it, [step, batch]; NaN after an input was
            finished.
        terms: the losses' parts by name, each [step, batch], weights included: their sum is the
            loss.
        steps: steps taken for each input, [batch].
        history: masks at the steps asked for, as thumbnails of at most 112 pixels a side, 0 to
            255: {step: uint8 [batch, *place]}. Step 0 is the start; of an input finished before
            a step, its last mask. Those of `fast` show a quarter of the area each but the last.
    """

    mask: Tensor
    target: Tensor
    losses: Tensor
    terms: Mapping[str, Tensor]
    steps: Tensor
    history: Mapping[int, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.mask)


@dataclass
class Record:
    """What learning writes down of one part of a batch, while it goes on."""

    batch: int
    wanted: Collection[int] = ()
    terms: list[dict[str, Tensor]] = field(default_factory=list)
    history: dict[int, Tensor] = field(default_factory=dict)

    def losses(self, active: Tensor, terms: Mapping[str, Tensor]) -> None:
        """The terms of the inputs that are still learned, given by their numbers."""
        row = {}
        for name, value in terms.items():
            row[name] = value.new_full((self.batch,), torch.nan)
            row[name][active] = value
        self.terms.append(row)

    def mask(self, step: int, active: Tensor, mask: Tensor) -> None:
        """The mask before a step, if a thumbnail of it is wanted."""
        if step not in self.wanted:
            return
        earlier = self.history[max(self.history)] if self.history else None
        small = thumbnail(mask)
        whole = small.new_zeros((self.batch, *small.shape[1:])) if earlier is None else earlier
        whole = whole.clone()
        whole[active] = small
        self.history[step] = whole


def thumbnail(mask: Tensor) -> Tensor:
    """Masks [batch, *place] in [0, 1] as bytes, no axis longer than 112 (the mean of what falls
    together)."""
    size = [min(side, _SIDE) for side in mask.shape[1:]]
    if size != list(mask.shape[1:]):
        one = mask[:, None]
        mask = (
            F.adaptive_avg_pool1d(one, size[0])
            if len(size) == 1
            else F.adaptive_avg_pool2d(one, (size[0], size[1]))
        )[:, 0]
    return mask.mul(255).round().to(torch.uint8)
