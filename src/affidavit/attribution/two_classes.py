"""A model of a single score as one of two classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from affidavit.errors import ModelError
from affidavit.graph import Graph, ops
from affidavit.graph.builder import GraphBuilder
from affidavit.regions.network import strip_head


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


def two_classes(model: nn.Module | Graph, probability: bool) -> nn.Module | Graph:
    """The model as :class:`TwoClasses` gives it, a graph wherever the logit is a value of one.

    A graph keeps the names of its layers, and the last of them stays the last: what comes behind
    the logit is a product, no layer. The same graph gives the same result, hash included.

    Args:
        model: maps inputs to one number each.
        probability: whether that number is the probability of the second class, not its logit.

    Raises:
        ModelError: a graph that gives more than one number.
    """
    if isinstance(model, nn.Module):
        return TwoClasses(model, probability)
    shape = list(model.shapes[model.output][1:])
    if math.prod(shape) != 1:
        raise ModelError(
            f"the model gives outputs of shape {shape}; expected a single number, a logit or a"
            " probability"
        )
    if probability:
        stripped, head = strip_head(model)
        if head != "sigmoid":
            return TwoClasses(model, probability)
        model = stripped
    builder = GraphBuilder(model.input_shape, batch=2, input_name=model.input)
    z = builder.append(model, builder.input).output
    if builder.shape(z) != (2, 1):
        z = builder.reshape(z, (2, 1), name="one_score")
    half = torch.tensor([[-0.5, 0.5]])
    half = half.to(next(iter(model.tensors.values()), half).device)
    return builder.build(builder.add(ops.Mul(), z, half, name="both_scores"))
