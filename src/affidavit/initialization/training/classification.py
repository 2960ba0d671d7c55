"""Asking a network for its logits, with errors that say what is wrong."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affidavit.errors import ModelError
from affidavit.graph.from_keras import is_keras

_ROWS = 1024  # classified at once


def logits(model: nn.Module, inputs: Tensor) -> Tensor:
    """What the model gives for a batch, [batch, class].

    Raises:
        ModelError: it fails, or gives anything else.
    """
    try:
        # Keras's layers do not look at the mode of the module.
        found = model(inputs, training=model.training) if is_keras(model) else model(inputs)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        mode = "training" if model.training else "evaluation"
        raise ModelError(
            f"the model fails in {mode} on inputs of the shape {list(inputs.shape)}: {error}"
        ) from error
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(inputs):
        what = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ModelError(
            f"the model gives {what} for inputs of the shape {list(inputs.shape)}; expected logits,"
            " [batch, class]"
        )
    return found


@torch.no_grad()
def classified(model: nn.Module, inputs: Tensor) -> Tensor:
    """The class of the greatest logit, [row]; -1 where a logit is NaN."""
    if not len(inputs):
        return torch.zeros(0, dtype=torch.int64, device=inputs.device)
    starts = range(0, len(inputs), _ROWS)
    # Copies, as a network may change its inputs in place.
    parts = (logits(model, inputs[one : one + _ROWS].clone()) for one in starts)
    return torch.cat([torch.where(z.isnan().any(1), -1, z.argmax(1)) for z in parts])
