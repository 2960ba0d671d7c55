"""Small problems and networks for tests of training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affidavit.initialization.training import Dense


def blobs(
    rows: int, shape: Sequence[int] = (6,), classes: int = 3, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Normal inputs around a centre for each class, and the classes."""
    generator = torch.Generator().manual_seed(rows)
    labels = torch.randint(classes, (rows,), generator=generator)
    centres = torch.randn(classes, *shape, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, *shape, generator=generator, dtype=torch.float64)
    return (centres[labels] + noise).to(dtype), labels


def dense(
    count: int, hidden: tuple[int, ...] = (8,), seed: int = 0, **kind: str
) -> list[nn.Module]:
    """Networks for `blobs`, float64, with different weights."""
    torch.manual_seed(seed)
    return [Dense(hidden, **kind).make((6,), 3).double() for _ in range(count)]


def same(one: nn.Module, other: nn.Module, tolerance: float = 0.0) -> bool:
    """Whether parameters and buffers are equal, to a relative tolerance."""
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(
        a == b and torch.allclose(x.double(), y.double(), rtol=tolerance, atol=tolerance)
        for (a, x), (b, y) in pairs
    )
