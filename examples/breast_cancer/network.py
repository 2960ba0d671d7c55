"""A multi-layer perceptron for 30 measurements of a cell sample, with its own normalisation."""

import torch
from torch import Tensor, nn


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        # Statistics of the training rows; buffers, so that they are saved with the weights.
        self.register_buffer("mean", torch.zeros(30))
        self.register_buffer("std", torch.ones(30))
        self.layers = nn.Sequential(
            nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers((x - self.mean) / self.std)


def mlp() -> nn.Module:
    return Perceptron()
