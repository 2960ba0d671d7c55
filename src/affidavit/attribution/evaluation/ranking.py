"""The order of places by relevance."""

from __future__ import annotations

import torch
from torch import Tensor


def ranks(attribution: Tensor, seed: int = 0) -> Tensor:
    """The turn of each place, 0 for the most relevant, of the shape of `attribution`.

    Equally relevant places come in a random order, the same for all inputs of a size: in their
    given order they would go line by line from the top, which is an attribution of its own.

    Args:
        attribution: [batch, *place].
        seed: of that order.
    """
    flat = attribution.flatten(1)
    generator = torch.Generator().manual_seed(seed)
    shuffle = torch.randperm(flat.shape[1], generator=generator).to(flat.device)
    order = shuffle[flat[:, shuffle].argsort(dim=1, descending=True, stable=True)]
    places = torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).reshape(attribution.shape)
