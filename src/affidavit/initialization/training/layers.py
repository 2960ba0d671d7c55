"""Which networks the hand-written steps understand: linear layers and activations in a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import nn

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
}
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


@dataclass(frozen=True)
class Linear:
    """y = x W + b.

    Attributes:
        inputs, outputs: features.
        weight, bias: names of the parameters; `bias` is None where there is none.
    """

    inputs: int
    outputs: int
    weight: str
    bias: str | None


@dataclass(frozen=True)
class Activation:
    """`relu`, `tanh` or `sigmoid`, by element."""

    kind: str


Layer: TypeAlias = Linear | Activation


def layers_of(model: nn.Module, shape: Sequence[int]) -> tuple[Layer, ...] | None:
    """The layers in order, or None where the model is, or may be, anything else.

    Args:
        model: understood if it consists of Sequential, Flatten, Identity, Linear, ReLU, Tanh and
            Sigmoid modules, without hooks, frozen or shared parameters.
        shape: of one input.
    """
    names = {id(module): name for name, module in model.named_modules()}
    parameters = list(model.parameters())
    leaves = list(_leaves(model))
    found: list[Layer] = []
    features, flat = math.prod(shape), len(shape) == 1
    if any(map(customised, model.modules())) or len({id(leaf) for leaf in leaves}) < len(leaves):
        return None
    if any(type(p) is not nn.Parameter or not p.requires_grad for p in parameters):
        return None
    for leaf in leaves:
        if type(leaf) is nn.Flatten and (leaf.start_dim, leaf.end_dim) in (
            (1, -1),
            (1, len(shape)),
        ):
            flat = True
        elif type(leaf) is nn.Linear and flat and leaf.in_features == features:
            prefix = f"{names[id(leaf)]}." if names[id(leaf)] else ""
            bias = None if leaf.bias is None else f"{prefix}bias"
            found.append(Linear(features, leaf.out_features, f"{prefix}weight", bias))
            features = leaf.out_features
        elif type(leaf) in _ACTIVATIONS:
            found.append(Activation(_ACTIVATIONS[type(leaf)]))
        elif type(leaf) is not nn.Identity:
            return None
    # A parameter that two layers share is listed once.
    used = sum(1 + (one.bias is not None) for one in found if isinstance(one, Linear))
    return tuple(found) if flat and used and used == len(parameters) else None


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    if type(module) is nn.Sequential:
        for child in module:
            yield from _leaves(child)
    else:
        yield module


def customised(module: nn.Module) -> bool:
    """Whether the module has hooks or a `forward` of its own, and so may do anything."""
    return "forward" in vars(module) or any(vars(module).get(name) for name in _HOOKS)
