"""A model of a single score as one of two classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affidavit.graph import Graph


class TwoClasses(nn.Module):
    """A model whose single output speaks for the second of two classes, as scores of both.

    The scores are -z/2 and z/2 for the logit z, so that either class has a slope of its own; a
    softmax of them gives the sigmoid of z.

    Args:
        model: maps inputs to one number each.
        probability: whether that number is the probability of the second class, not its logit.
    """

    def __init__(self, model: nn.Module | Graph, probability: bool) -> None:
        super().__init__()
        self.model = model
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Scores [batch, 2]."""
        score: Tensor = self.model(x).reshape(len(x), 1)
        if self.probability:
            score = torch.logit(score, eps=torch.finfo(score.dtype).eps)
        return torch.cat([-score, score], 1) / 2
