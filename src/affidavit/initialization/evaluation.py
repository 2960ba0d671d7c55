"""Which rows a network predicts right."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affidavit.errors import ModelError

BATCH_SIZE = 1024
"""Rows evaluated at once."""


@torch.no_grad()
def correct_rows(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """Whether the greatest score is the label's, [row], on the processor.

    The model is evaluated in evaluation mode and left in the mode that it was in. Scores that are
    NaN are wrong; of equal ones the first counts.

    Args:
        model: gives scores [row, class].
        inputs: [row, ...], on any device; rows go to the model's.
        labels: int64 [row].

    Raises ModelError for scores of another shape, or fewer classes than labels.
    """
    device = next((value.device for value in model.parameters()), inputs.device)
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        found = []
        for rows, wanted in zip(
            torch.split(inputs, BATCH_SIZE), torch.split(labels, BATCH_SIZE), strict=True
        ):
            scores = model(rows.to(device))
            if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != len(rows):
                seen = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
                raise ModelError(
                    f"the model gave {seen} for {len(rows)} rows; expected scores [row, class]"
                )
            if int(wanted.max()) >= scores.shape[1]:
                raise ModelError(
                    f"the model has {scores.shape[1]} scores, but there is a label"
                    f" {int(wanted.max())}; expected a score for every class"
                )
            valid = ~scores.isnan().any(1)
            found.append(((scores.argmax(1) == wanted.to(device)) & valid).cpu())
    finally:
        for part, mode in modes.items():
            part.training = mode
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.bool)


def finite_weights(model: nn.Module) -> bool:
    """Whether all parameters and buffers are finite."""
    values = (*model.parameters(), *model.buffers())
    return all(bool(torch.isfinite(value).all()) for value in values if value.is_floating_point())
