"""How relevance passes back through each step of a network, for the epsilon rule.

Relevance R is carried as G, with R = G · value, so that autograd can carry it. For a step that is
affine in its input, `R_j = Σ_i x_j w_ij R_i / (z_i + ε sign z_i)` is the step's own gradient of
`G_i z_i / (z_i + ε sign z_i)`. An activation passes its relevance on as it is: for it,
`G = G_out · a(x) / x`. Steps that move numbers about, or choose among them, pass G as a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import Tensor

Rule: TypeAlias = Callable[[Any, tuple[Any, ...], dict[str, Any], float], Any]


def affine(function: Any, given: tuple[Any, ...], options: dict[str, Any], epsilon: float) -> Any:
    """Weighted sums, with or without a bias: the relevance of z is divided by z + ε sign z."""
    made = function(*given, **options)
    # Now: a following step may overwrite z.
    z = made.detach()
    share = z / (z + epsilon * torch.where(z >= 0, 1.0, -1.0))
    made.register_hook(lambda slope: slope * share)
    return made


def activation(
    function: Any, given: tuple[Any, ...], options: dict[str, Any], epsilon: float
) -> Any:
    """A function of each number alone that is 0 at 0: relevance goes through unchanged."""
    x, *rest = given
    before = x.detach().clone()
    probe = before.clone()
    after = function(probe, *rest, **options)
    share = torch.where(before == 0, 0.0, after / before)
    # A step in place hands back what it was given.
    return x.mul_(share) if after is probe else x * share


def passing(function: Any, given: tuple[Any, ...], options: dict[str, Any], epsilon: float) -> Any:
    """The gradient is the rule."""
    return function(*given, **options)


_AFFINE = """
    linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d batch_norm
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    mean sum add add_ __add__ __radd__ __iadd__ sub sub_ __sub__ __rsub__ __isub__ rsub
    mul mul_ __mul__ __rmul__ __imul__ div div_ __truediv__ __itruediv__ true_divide
    matmul __matmul__ mm addmm neg __neg__ interpolate
"""
_ACTIVATION = """
    relu relu_ relu6 hardtanh hardtanh_ clamp clamp_ clip clip_ clamp_min clamp_min_ leaky_relu
    leaky_relu_ elu elu_ selu selu_ celu celu_ gelu silu mish hardswish tanh tanh_ prelu
"""
_PASSING = """
    max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices
    adaptive_max_pool1d adaptive_max_pool2d max amax maximum where view view_as reshape reshape_as
    flatten unflatten ravel permute transpose t T mT swapaxes movedim squeeze squeeze_ unsqueeze
    unsqueeze_ cat concat concatenate stack pad __getitem__ select narrow chunk split unbind
    index_select flip roll pixel_shuffle channel_shuffle contiguous clone expand expand_as repeat
    to float double type type_as dropout dropout1d dropout2d feature_dropout alpha_dropout
    requires_grad_
"""

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(_AFFINE.split(), affine),
        **dict.fromkeys(_ACTIVATION.split(), activation),
        **dict.fromkeys(_PASSING.split(), passing),
    }
)
"""The rule of every supported step, by the name of PyTorch's function."""


_SUMS = "add add_ __add__ __radd__ __iadd__ sub sub_ __sub__ __rsub__ __isub__ rsub"
_CUTS = ("hardtanh", "hardtanh_", "clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_")


def has_rule(name: str, given: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether a step, called like this, is one that its rule holds for."""
    if name not in RULES:
        return False
    if name in _CUTS:
        # Cut off at a or b, with a <= 0 <= b: 0 stays 0.
        numbers = [one for one in (*given[1:3], *options.values()) if isinstance(one, int | float)]
        least = options.get("min", options.get("min_val", numbers[0] if numbers else None))
        most = options.get("max", options.get("max_val", numbers[1] if len(numbers) > 1 else None))
        return (least is None or least <= 0) and (most is None or most >= 0)
    if name == "batch_norm" and (given[5] if len(given) > 5 else options.get("training", False)):
        return False  # statistics of the batch
    values = [one for one in (*given, *options.values()) if isinstance(one, Tensor)]
    # A product of two values of the network is not affine.
    if RULES[name] is not affine or name in _SUMS.split():
        return True
    return sum(value.requires_grad for value in values) < 2
