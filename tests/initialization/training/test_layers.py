from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from affidavit.initialization.training.layers import Activation, Linear, layers_of


def test_layers_in_order_with_the_names_of_their_parameters() -> None:
    model = nn.Sequential(
        nn.Flatten(),
        nn.Identity(),
        nn.Sequential(nn.Linear(6, 4, bias=False), nn.Tanh()),
        nn.Sigmoid(),
        nn.Linear(4, 2),
    )
    assert layers_of(model, (2, 3)) == (
        Linear(6, 4, "2.0.weight", None),
        Activation("tanh"),
        Activation("sigmoid"),
        Linear(4, 2, "4.weight", "4.bias"),
    )
    assert layers_of(nn.Linear(3, 2), (3,)) == (Linear(3, 2, "weight", "bias"),)


class Own(nn.Sequential):
    """It could compute anything."""


def shared_module() -> nn.Module:
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.ReLU(), layer)


def shared_weight() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    return model


def frozen() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    model[0].weight.requires_grad_(False)
    return model


def hooked() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 2))
    model[0].register_forward_hook(lambda module, given, found: found * 2)
    return model


def patched() -> nn.Module:
    model = nn.Linear(3, 2)
    model.__dict__["forward"] = lambda x: x
    return model


def extra() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 2))
    model.register_parameter("scale", nn.Parameter(torch.ones(1)))
    return model


@pytest.mark.parametrize(
    "make",
    [
        shared_module, shared_weight, frozen, hooked, patched, extra,
        lambda: weight_norm(nn.Linear(3, 2)),
        lambda: Own(nn.Linear(3, 2)),
        lambda: nn.Sequential(nn.Linear(3, 2), nn.Dropout()),
        lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)),
        lambda: nn.Sequential(nn.ReLU()),
        lambda: nn.Linear(4, 2),
    ],
    ids=[
        "shared module", "shared weight", "frozen", "hooked", "patched", "extra parameter",
        "parametrised", "subclass", "dropout", "batch norm", "no linear layer", "other size",
    ],
)  # fmt: skip
def test_anything_else_is_left_to_autograd(make: type[nn.Module]) -> None:
    assert layers_of(make(), (3,)) is None


def test_linear_layers_along_an_axis_are_left_to_autograd() -> None:
    assert layers_of(nn.Sequential(nn.Linear(3, 2), nn.Flatten()), (4, 3)) is None
