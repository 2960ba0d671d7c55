"""Free numbers of a relaxation: any value in their range is sound, some are tighter."""

from __future__ import annotations

from collections.abc import Sequence
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
    _slopes: dict[str, Tensor] = field(default_factory=dict)

    def share(self, name: str, default: Tensor, rows: int) -> Tensor:
        """A number in [0, 1]; the default is [batch, ...], and comes back as it is unless free."""
        if not self.free:
            return default
        if name not in self.values:
            shape = (default.shape[0], rows, *default.shape[1:])
            start = default.detach().unsqueeze(1).expand(shape).clone()
            self.values[name] = start.requires_grad_()
        return self.values[name]

    def towards(self, slopes: Sequence[Tensor], share: float) -> None:
        """Moves every number towards the end of [0, 1] that the mean of its slopes points to.

        The bound is the least over the box for given numbers: a game against an adversary who
        picks the input. Answering his mean move with a mean of best answers (fictitious play)
        comes to the best numbers in few steps.
        """
        with torch.no_grad():
            for (name, value), slope in zip(self.values.items(), slopes, strict=True):
                past = self._slopes.get(name)
                slope = slope if past is None else past + slope
                self._slopes[name] = slope
                best = torch.where(slope > 0, 1.0, torch.where(slope < 0, 0.0, value))
                value.lerp_(best, share)
