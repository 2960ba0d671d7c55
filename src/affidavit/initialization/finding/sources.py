"""The parameters of a model as it has them: names, layers, values, and what is declared of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

from affidavit.errors import DomainError, ModelError
from affidavit.initialization.finding.declared import Declared
from affidavit.initialization.finding.torch_defaults import declared_in
from affidavit.seeding import seeded

Model: TypeAlias = nn.Module | Callable[[], Any] | Any
"""A PyTorch module, a Keras model, or a function that makes one of them."""


@dataclass(frozen=True)
class Source:
    """A parameter of a model.

    Attributes:
        name: its first name.
        shared_with: its other names.
        layer: type of the layer of that first name.
        declared: what is declared under each of its names, where something is.
        layout: `torch` or `keras`.
        trainable: whether it takes part in training.
        samples: its values, one tensor a seed; of a single model one.
        differs: whether it differs between seeds; None of a single model.
        derived: what a parametrization computed it from, or nothing.
    """

    name: str
    shared_with: tuple[str, ...]
    layer: str
    declared: tuple[Declared, ...]
    layout: str
    trainable: bool
    samples: tuple[Tensor, ...]
    differs: bool | None = None
    derived: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.samples[0].shape)


def sources_of(model: Model, seeds: int = 3) -> list[Source]:
    """The parameters of a model, or of what a factory makes under several seeds, in their order.

    Raises:
        ModelError: neither a model nor a function that makes one, a parameter without values, or a
            factory whose models are not of one structure.
        DomainError: fewer than two seeds.
    """
    if _is_model(model):
        return _read(model)
    if not callable(model):
        raise ModelError(
            f"expected a PyTorch module, a Keras model, or a function that makes one; got"
            f" {type(model).__name__}"
        )
    if seeds < 2:
        raise DomainError(f"{seeds} seeds: a factory shows what is random from two on")
    return _together([_read(_made(model, seed)) for seed in range(seeds)])


def _is_model(model: object) -> bool:
    return isinstance(model, nn.Module) or _is_keras(model)


def _is_keras(model: object) -> bool:
    keras = sys.modules.get("keras")  # who has a Keras model has imported it
    return keras is not None and isinstance(model, keras.layers.Layer)


def _made(make: Callable[[], Any], seed: int) -> Any:
    with seeded(seed):
        made = make()
    if not _is_model(made):
        raise ModelError(
            f"the factory returned {type(made).__name__}; expected a PyTorch module or a Keras"
            " model"
        )
    return made


def _together(runs: list[list[Source]]) -> list[Source]:
    first = runs[0]
    for seed, run in enumerate(runs):
        if [_place(one) for one in run] != [_place(one) for one in first]:
            raise ModelError(
                f"the factory makes models of different parameters under seeds 0 and {seed};"
                " expected one structure whatever the seed"
            )
    found = []
    for parameters in zip(*runs, strict=True):
        samples = tuple(sample for one in parameters for sample in one.samples)
        differs = any(not _same(samples[0], other) for other in samples[1:])
        # Copies of one draw are one draw.
        kept = samples if differs else samples[:1]
        found.append(replace(parameters[0], samples=kept, differs=differs))
    return found


def _place(one: Source) -> tuple[str, tuple[int, ...]]:
    # Keras numbers the layers of a process: only the last part of a path says what it is.
    return one.name.rpartition("/")[2] if one.layout == "keras" else one.name, one.shape


def _same(one: Tensor, other: Tensor) -> bool:
    # NaN is NaN: a parameter that is not a number under any seed is not random for it.
    return torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))


def _read(model: Any) -> list[Source]:
    return list(_read_keras(model) if _is_keras(model) else _read_torch(model))


def _read_torch(model: nn.Module) -> Iterator[Source]:
    names: dict[int, list[str]] = {}
    parameters: dict[int, nn.Parameter] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
        parameters[id(parameter)] = parameter
    for key, parameter in parameters.items():
        name, *others = names[key]
        if isinstance(parameter, UninitializedParameter):
            raise ModelError(
                f"the parameter {name!r} is not initialised yet (a lazy module): run the model once"
                " on an example input first"
            )
        if parameter.is_meta:
            raise ModelError(
                f"the parameter {name!r} is on the device 'meta' and has no values: make the model"
                " on a device that has memory"
            )
        places = [_owners(model, one) for one in (name, *others)]
        declared = [declared_in(owners, parameter) for owners, _ in places if owners]
        holder, _ = _holder(model, name)
        yield Source(
            name=name,
            shared_with=tuple(others),
            layer=_type_name(holder),
            declared=tuple(one for one in declared if one is not None),
            layout="torch",
            trainable=parameter.requires_grad,
            samples=(parameter.detach(),),
            derived=places[0][1],
        )


def _holder(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The layer that a parameter belongs to, and its path there."""
    path = name.split("parametrizations.")[0].rstrip(".") if "parametrizations." in name else None
    if path is None:
        path = name.rpartition(".")[0]
    return model.get_submodule(path), name[len(path) :].lstrip(".")


def _owners(model: nn.Module, name: str) -> tuple[list[tuple[nn.Module, str]], str]:
    """The modules around a parameter with its path in each, as their code calls it.

    No modules for one that a parametrization computed from the layer's own; then the text says so.
    """
    holder, leaf = _holder(model, name)
    own, derived = _own_name(holder, leaf)
    if own is None:
        return [], derived
    path = name[: len(name) - len(leaf)]
    parts = path.rstrip(".").split(".") if path else []
    owners = []
    for depth in range(len(parts) + 1):
        below = ".".join([*parts[depth:], own])
        owners.append((model.get_submodule(".".join(parts[:depth])), below))
    return owners, ""


def _own_name(holder: nn.Module, leaf: str) -> tuple[str | None, str]:
    """What the layer itself calls a parameter that a parametrization has taken over."""
    if leaf.startswith("parametrizations."):
        _, tensor, original = leaf.split(".", 2)
        steps = getattr(holder.parametrizations, tensor)
        # Weight norm splits a weight into its length and the weight itself, in this order.
        if original == "original" or (original == "original1" and _weight_norm(steps)):
            return tensor, ""
        return None, f"computed from the layer's first {tensor} by a parametrization"
    for suffix, beside in (("_v", "_g"), ("_g", "_v")):
        stem = leaf.removesuffix(suffix)
        if stem != leaf and hasattr(holder, stem + beside) and hasattr(holder, stem):
            if suffix == "_v":
                return stem, ""
            return None, f"computed from the layer's first {stem} by weight norm"
    stem = leaf.removesuffix("_orig")
    return (stem if stem != leaf and hasattr(holder, stem) else leaf), ""


def _weight_norm(steps: Any) -> bool:
    return len(steps) == 1 and type(steps[0]).__name__ == "_WeightNorm"


def _type_name(module: nn.Module) -> str:
    return parametrize.type_before_parametrizations(module).__name__


def _read_keras(model: Any) -> Iterator[Source]:
    import keras

    from affidavit.initialization.finding.keras_defaults import declared_by

    if keras.config.backend() != "torch":
        raise ModelError(
            f"the Keras model runs on the backend {keras.config.backend()!r}; expected 'torch':"
            " set the environment variable KERAS_BACKEND=torch before Keras is imported"
        )
    if not model.built:
        raise ModelError("the Keras model has no weights yet: build it, or call it once")
    layers = model._flatten_layers()
    for variable in model.weights:
        path = variable.path.rpartition("/")[0]
        # Paths alone may repeat: two layers of one name are told apart by what they hold.
        owner = next(
            (
                layer
                for layer in layers
                if layer.path == path and any(one is variable for one in layer.weights)
            ),
            model,
        )
        declared = declared_by(owner, variable)
        yield Source(
            name=variable.path,
            shared_with=(),
            layer=type(owner).__name__,
            declared=() if declared is None else (declared,),
            layout="keras",
            trainable=bool(variable.trainable),
            samples=(variable.value.detach(),),
        )
