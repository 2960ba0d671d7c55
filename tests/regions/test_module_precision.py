"""A module's own precision decides how it is traced."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affidavit.regions import Box, partition


class Hinge(nn.Module):
    """|x| by two ReLUs, its weights kept as buffers in double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("weight", torch.tensor([[1.0], [-1.0]], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.get_buffer("weight")
        return torch.relu(x @ weight.T) @ torch.ones(2, 1, dtype=torch.float64)


def test_weights_in_buffers() -> None:
    found = partition(Hinge(), Box([-1], [2]))
    assert sorted(region.weight.item() for region in found) == [-1, 1]
