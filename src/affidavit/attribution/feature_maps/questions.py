"""Inputs and baselines of a call, checked."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.errors import DataError, DomainError

Baselines: TypeAlias = Tensor | float | None


def checked_inputs(inputs: Tensor) -> Tensor:
    """The inputs, off the tape. Raises DataError unless they are a floating, finite batch."""
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        kind = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
        raise DataError(f"the inputs are {kind}; expected a floating tensor, the batch first")
    if inputs.ndim < 2 or 0 in inputs.shape[1:]:
        raise DataError(
            f"the inputs have the shape {list(inputs.shape)}; expected a batch such as"
            " [batch, channel, height, width]"
        )
    _require_finite(inputs, "input")
    return inputs.detach()


def checked_baselines(baselines: Baselines, inputs: Tensor) -> Tensor:
    """The baselines, [1, ...] where all inputs share one, else [batch, ...].

    Args:
        baselines: left out, zeros; a number; one input with or without a batch of 1; or one for
            each input.
        inputs: [batch, ...].

    Raises:
        DomainError: another shape.
        DataError: a baseline that is NaN or infinite.
    """
    if isinstance(baselines, Tensor) and baselines.ndim:
        found = baselines.detach().to(inputs)
    else:
        number = 0.0 if baselines is None else float(baselines)
        found = inputs.new_full((1, *inputs.shape[1:]), number)
    if found.shape == inputs.shape[1:]:
        found = found[None]
    if found.shape[1:] != inputs.shape[1:] or len(found) not in (1, len(inputs)):
        raise DomainError(
            f"baselines has the shape {list(found.shape)}; expected one input"
            f" {list(inputs.shape[1:])}, or one for each of the {len(inputs)}"
        )
    _require_finite(found, "baseline")
    return found


def _require_finite(values: Tensor, what: str) -> None:
    bad = ~torch.isfinite(values.flatten(1)).all(1)
    if bool(bad.any()):
        raise DataError(f"{what} {int(bad.nonzero()[0])} has values that are NaN or infinite")
