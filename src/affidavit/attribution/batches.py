"""Work on many images, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

BATCH_SIZE = 4
"""Images at once. On a CPU larger batches are slower: their activations leave the caches."""


def batches(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The tensors' rows, `size` at a time, of all tensors the same rows."""
    for start in range(0, len(tensors[0]), size):
        yield tuple(tensor[start : start + size] for tensor in tensors)
