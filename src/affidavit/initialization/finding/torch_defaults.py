"""The defaults of PyTorch's own layers, as their `reset_parameters` draws them.

A default belongs to a layer whose class does not replace that method. A layer around others may
draw their parameters again (multi-head attention, the whole Transformer): the outermost one wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, nn

# The common bases of batch and instance norms, and of recurrent layers, have no public names.
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from affidavit.initialization.catalogue import initializer
from affidavit.initialization.fans import Fans, fans_of
from affidavit.initialization.finding.declared import Declared

Rule: TypeAlias = Callable[[Any, str, Tensor], Declared | None]
"""Of a module, a parameter's path within it, and the parameter."""


def declared_in(owners: list[tuple[nn.Module, str]], parameter: Tensor) -> Declared | None:
    """What the modules around a parameter declare of it; None for one that a user made.

    Args:
        owners: each module that holds it with its path there, outermost first.
    """
    for module, path in owners:
        found = _of_module(module, path, parameter)
        if found is not None:
            return found
    return None


@dataclass(frozen=True)
class _Layers:
    """Classes of layers, the method by which they draw, and the rule."""

    classes: tuple[type[nn.Module], ...]
    rule: Rule
    method: str = "reset_parameters"


def _of_module(module: nn.Module, path: str, parameter: Tensor) -> Declared | None:
    for layers in _LAYERS:
        for base in layers.classes:
            if isinstance(module, base):
                own = getattr(type(module), layers.method, None)
                if own is not getattr(base, layers.method, None):
                    return None
                return layers.rule(module, path, parameter)
    return None


def _affine(module: Any, path: str, parameter: Tensor) -> Declared | None:
    if path not in ("weight", "bias"):
        return None
    return Declared(initializer("torch_linear"), fans_of(module.weight.shape))


def _bilinear(module: nn.Bilinear, path: str, parameter: Tensor) -> Declared | None:
    if path not in ("weight", "bias"):
        return None
    # Only the first input counts, whatever the second one's size.
    fans = Fans(module.in1_features, module.out_features)
    return Declared(initializer("torch_linear"), fans)


def _embedding(module: Any, path: str, parameter: Tensor) -> Declared | None:
    if path != "weight":
        return None
    row = module.padding_idx
    zeros = initializer("zeros")
    exceptions = () if row is None else ((row, row + 1, zeros),)
    return Declared(initializer("torch_embedding"), fans_of(parameter.shape), "torch", exceptions)


def _norm(module: Any, path: str, parameter: Tensor) -> Declared | None:
    names = {"weight": "ones", "bias": "zeros"}
    return Declared(initializer(names[path])) if path in names else None


def _slope(module: nn.PReLU, path: str, parameter: Tensor) -> Declared | None:
    return Declared(initializer("constant", value=module.init)) if path == "weight" else None


def _recurrent(module: Any, path: str, parameter: Tensor) -> Declared | None:
    if "." in path:
        return None
    rule = initializer("torch_recurrent", hidden_size=module.hidden_size)
    return Declared(rule, fans_of(parameter.shape))


def _attention(module: nn.MultiheadAttention, path: str, parameter: Tensor) -> Declared | None:
    if path in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
        return Declared(initializer("xavier_uniform_"), fans_of(parameter.shape))
    if path in ("in_proj_bias", "out_proj.bias"):
        return Declared(initializer("zeros"))
    if path in ("bias_k", "bias_v"):
        return Declared(initializer("xavier_normal_"), fans_of(parameter.shape))
    return None


def _transformer(module: nn.Transformer, path: str, parameter: Tensor) -> Declared | None:
    if parameter.dim() < 2:
        return None
    return Declared(initializer("xavier_uniform_"), fans_of(parameter.shape))


_LAYERS = (
    _Layers((nn.Transformer,), _transformer, "_reset_parameters"),
    _Layers((nn.MultiheadAttention,), _attention, "_reset_parameters"),
    _Layers((nn.Linear, _ConvNd), _affine),
    _Layers((nn.Bilinear,), _bilinear),
    _Layers((nn.Embedding, nn.EmbeddingBag), _embedding),
    _Layers((_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm), _norm),
    _Layers((nn.PReLU,), _slope),
    _Layers((RNNBase, RNNCellBase), _recurrent),
)
