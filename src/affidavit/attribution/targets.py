"""The class that is explained, given as one number, a list, a tensor, or left to the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affidavit.errors import DomainError

Target: TypeAlias = int | Sequence[int] | NDArray[np.integer] | Tensor | None


def classes(target: Target, scores: Tensor) -> Tensor:
    """The class of every input, [batch], int64, on the scores' device.

    Args:
        target: one class for all inputs, or one an input (a list, an array, a tensor); left out,
            the predicted class, of equal scores the first.
        scores: what the model gives for the inputs, [batch, class].

    Raises:
        DomainError: a class that is no whole number or out of range, or a wrong number of them.
    """
    batch, count = scores.shape
    if target is None:
        return scores.argmax(1)
    found = _numbers(target)
    if found.ndim > 1 or (found.ndim == 1 and len(found) != batch):
        raise DomainError(
            f"target has the shape {list(found.shape)}; expected one class, or {batch}, one an"
            " input"
        )
    found = found.to(scores.device, torch.long).expand(batch)
    wrong = (found < 0) | (found >= count)
    if bool(wrong.any()):
        raise DomainError(
            f"target {int(found[wrong][0])} is out of range: the model has {count} classes,"
            f" 0 to {count - 1}"
        )
    return found.clone()


def _numbers(target: int | Sequence[int] | NDArray[np.integer] | Tensor) -> Tensor:
    try:
        found = target if isinstance(target, Tensor) else torch.from_numpy(np.array(target))
    except (TypeError, ValueError) as error:
        raise DomainError(f"target is {target!r}; expected classes by number") from error
    if found.numel() and (
        found.is_floating_point() or found.is_complex() or found.dtype == torch.bool
    ):
        raise DomainError(f"target is {target!r}; expected whole numbers")
    return found
