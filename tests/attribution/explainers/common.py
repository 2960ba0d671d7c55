"""Every explainer with options small enough for tests, and networks of all kinds of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from tests.attribution.networks import cnn
from torch import Tensor, nn

from affidavit.attribution.explainers import EXPLAINERS, Explainer
from affidavit.attribution.neuromask import Preset

OPTIONS: dict[str, dict[str, Any]] = {
    "neuromask": {"preset": Preset(steps=3, tau=1.0), "seed": 5},
    "smoothgrad": {"samples": 4, "seed": 5},
    "integrated_gradients": {"steps": 6},
    "lime": {"samples": 40, "segments": 9, "seed": 5},
    "rise": {"masks": 30, "cells": 3, "seed": 5},
    "occlusion": {"window": 5, "stride": 3},
    "random": {"seed": 5},
}


def small(name: str, **more: Any) -> Explainer:
    """An explainer by name, quick."""
    made: Explainer = EXPLAINERS[name](**OPTIONS.get(name, {}), **more)
    return made


class Functional(nn.Module):
    """Functions in place of modules, one ReLU module used three times, steps in place, a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.depth = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.last = nn.Linear(6, 3)
        self.gate = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.gate(self.norm(self.first(x)))
        y = self.depth(x)
        y.relu_()
        x = x + y
        x = self.depth(x)
        x += y
        x = F.relu(x, inplace=True)
        x = F.max_pool2d(x, 2)
        x = torch.clamp(x - 0.01, min=0)
        scores: Tensor = self.last(x.mean((2, 3)))
        return scores


def functional() -> nn.Module:
    torch.manual_seed(3)
    model = Functional()
    assert model.norm.running_mean is not None
    with torch.no_grad():
        model.norm.running_mean.normal_(std=0.2)
        model.first.weight.mul_(6)
        model.norm.bias.add_(1)
    return model


NETWORKS: dict[str, Callable[[], nn.Module]] = {"modules": cnn, "functions": functional}
