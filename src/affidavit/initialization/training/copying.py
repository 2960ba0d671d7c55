"""Copies of networks, Keras's among them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import torch
from torch import nn

from affidavit.graph.from_keras import is_keras


def copies(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network and its optimiser, which moves the parameters of the copy."""
    if not is_keras(model):
        return copy.deepcopy((model, optimizer))
    # Keras copies by saving, so that the copy's parameters are new ones, in the same order.
    made = copied(model)
    kind: Callable[..., torch.optim.Optimizer] = type(optimizer)
    own = kind([value for value in made.parameters() if value.requires_grad])
    own.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return made, own


def copied(model: nn.Module) -> nn.Module:
    """A network of its own, in the same mode."""
    if not is_keras(model):
        return copy.deepcopy(model)
    with warnings.catch_warnings():
        # Keras's own, of how it reads arrays from PyTorch.
        warnings.simplefilter("ignore", DeprecationWarning)
        return copy.deepcopy(model).train(model.training)
