"""Free numbers of a relaxation: any value in their range is sound, some are tighter."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Choices:
    """Numbers by name: their defaults, or, when free, one for each row that an optimiser moves.

    Attributes:
        free: whether they are parameters.
        values: the parameters, [batch, row, ...], made when they are first asked for.
    """

    free: bool = False
    values: dict[str, Tensor] = field(default_factory=dict)

    def share(self, name: str, default: Tensor, rows: int) -> Tensor:
        """A number in [0, 1]; the default is [batch, ...], and comes back as it is unless free."""
        if not self.free:
            return default
        if name not in self.values:
            shape = (default.shape[0], rows, *default.shape[1:])
            start = default.detach().unsqueeze(1).expand(shape).clone()
            self.values[name] = start.requires_grad_()
        return self.values[name]

    def clamp(self) -> None:
        """Puts the numbers back into [0, 1], after an optimiser's step."""
        with torch.no_grad():
            for value in self.values.values():
                value.clamp_(0, 1)
