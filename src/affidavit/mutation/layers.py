"""The layers of a model whose units can be mutated, with the batch norms that follow them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from affidavit.attribution.model_state import preserved
from affidavit.errors import ModelError, nearest
from affidavit.graph import Graph, ops
from affidavit.mutation.edits import Model, tensors_of

_AFFINE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class BatchNorm:
    """A batch norm right after a layer, by the names of its tensors.

    `scale` and `shift` are None where it has none.
    """

    scale: str | None
    shift: str | None
    mean: str
    variance: str


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer.

    Attributes:
        name: path of the module, or what the weight's name has before its last part.
        weight: name of its weight, [out, in, ...].
        bias: name of its bias, [out], or None.
        convolution: or else linear.
        norms: batch norms that take what it gives, and nothing else.
        shared_norm: whether a batch norm after it follows other layers too, or keeps no
            statistics: its units cannot be inverted or switched without touching others.
    """

    name: str
    weight: str
    bias: str | None
    convolution: bool
    norms: tuple[BatchNorm, ...] = ()
    shared_norm: bool = False


def layers_of(model: Model, inputs: Tensor) -> tuple[Layer, ...]:
    """The layers in the order in which they are evaluated, each once however often it is used.

    A module is run on the first inputs and watched; of a graph the nodes are read.

    Raises:
        ModelError: no convolution and no linear layer with a weight of its own.
    """
    found = _of_graph(model) if isinstance(model, Graph) else _of_module(model, inputs)
    if not found:
        computed = _computed_weights(model) if isinstance(model, Graph) else {}
        if computed:
            raise ModelError(_of_computed(computed))
        raise ModelError(
            "the model has no convolution or linear layer whose weights could be mutated"
        )
    return found


def chosen(layers: Sequence[Layer], names: Iterable[str]) -> tuple[Layer, ...]:
    """The layers of these names. Raises ModelError, with the nearest name, for any other."""
    known = {layer.name: layer for layer in layers}
    wanted = tuple(names)
    for name in wanted:
        if name not in known:
            raise ModelError(
                f"the model has no convolution or linear layer {name!r}{nearest(name, known)};"
                f" it has {', '.join(known)}"
            )
    return tuple(layer for layer in layers if layer.name in wanted)


def _computed_weights(graph: Graph) -> dict[str, str]:
    """By layer: the tensor that its weight is the transpose of, or "" where it is more than that.

    Of the layers whose weights are no tensors of the graph.
    """
    by_name = {node.name: node for node in graph.nodes}
    found = {}
    for node in graph.nodes:
        weight = by_name.get(node.operands[1]) if len(node.operands) > 1 else None
        if weight is not None and isinstance(node.op, ops.Linear | ops.Conv):
            turned = isinstance(weight.op, ops.Transpose) and weight.operands[0] in graph.tensors
            found[node.module or node.name] = weight.operands[0] if turned else ""
    return found


def _of_computed(weights: dict[str, str]) -> str:
    """What there is instead of layers to mutate, and what to do."""
    layer, turned = next(iter(weights.items()))
    what = "the weights of its convolutions and linear layers are computed in the model"
    if not turned:
        return f"the model has no layer whose weights could be mutated: {what}, as of {layer!r}"
    return (
        f"the model has no layer whose weights could be mutated: {what}. That of {layer!r} is"
        f" {turned!r} transposed, stored as [in, out]; expected [out, in], a row a unit: in an ONNX"
        " file store the transposed weight, and let the node be a Gemm with transB = 1"
    )


def _of_graph(graph: Graph) -> tuple[Layer, ...]:
    found: dict[str, Layer] = {}
    by_name = {node.name: node for node in graph.nodes}
    # Of each batch norm, by its scale: the layers before it, by their weights.
    layers_before: dict[str, set[str]] = {}
    for node in graph.nodes:
        if isinstance(node.op, ops.BatchNorm):
            before = by_name.get(node.operands[0])
            known = before is not None and isinstance(before.op, ops.Linear | ops.Conv)
            weight = before.operands[1] if before is not None and known else ""
            layers_before.setdefault(node.operands[1], set()).add(weight)
    for node in graph.nodes:
        affine = isinstance(node.op, ops.Linear | ops.Conv)
        if not affine or any(name not in graph.tensors for name in node.operands[1:]):
            continue
        weight, *bias = node.operands[1:]
        norms = [user for user in graph.users(node.name) if isinstance(user.op, ops.BatchNorm)]
        own = {
            BatchNorm(*norm.operands[1:]): None  # in order, each once
            for norm in norms
            if layers_before[norm.operands[1]] == {weight}
            and all(name in graph.tensors for name in norm.operands[1:])
        }
        earlier = found.get(weight)
        found[weight] = Layer(
            name=weight.rpartition(".")[0] or weight,
            weight=weight,
            bias=bias[0] if bias else None,
            convolution=isinstance(node.op, ops.Conv),
            norms=tuple({**dict.fromkeys(earlier.norms if earlier else ()), **own}),
            shared_norm=len(own) < len(norms) or (earlier is not None and earlier.shared_norm),
        )
    return tuple(found.values())


def _of_module(model: nn.Module, inputs: Tensor) -> tuple[Layer, ...]:
    names = {id(tensor): name for name, tensor in reversed(tensors_of(model).items())}
    paths = {id(module): path for path, module in reversed(list(model.named_modules()))}
    # Outputs are held so that none is mistaken for a later one in the same place.
    given: list[tuple[nn.Module, Tensor]] = []
    taken: list[tuple[nn.Module, Tensor]] = []

    def gave(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            given.append((module, output))

    def took(module: nn.Module, arguments: tuple[object, ...]) -> None:
        if arguments and isinstance(arguments[0], Tensor):
            taken.append((module, arguments[0]))

    with preserved(model), torch.no_grad():
        model.eval()
        for module in model.modules():
            if isinstance(module, _AFFINE):
                module.register_forward_hook(gave)
            elif isinstance(module, _NORMS):
                module.register_forward_pre_hook(took)
        model(inputs[:2])
    producers: dict[int, set[int]] = {}
    followers: dict[int, dict[int, nn.Module]] = {}
    for norm, x in taken:
        before = next((module for module, output in given if output is x), None)
        producers.setdefault(id(norm), set()).add(id(getattr(before, "weight", None)))
        if before is not None:
            followers.setdefault(id(before), {})[id(norm)] = norm
    found: dict[str, Layer] = {}
    for module, _ in given:
        weight = names.get(id(module.weight))
        if weight is None:
            continue  # computed from other parameters
        norms = followers.get(id(module), {}).values()
        own = [
            norm
            for norm in norms
            if len(producers[id(norm)]) == 1 and norm.running_mean is not None
        ]
        earlier = found.get(weight)
        found[weight] = Layer(
            name=earlier.name if earlier else paths[id(module)] or weight,
            weight=weight,
            bias=names.get(id(module.bias)) if isinstance(module.bias, Tensor) else None,
            convolution=not isinstance(module, nn.Linear),
            norms=tuple(
                BatchNorm(
                    names.get(id(norm.weight)), names.get(id(norm.bias)),
                    names[id(norm.running_mean)], names[id(norm.running_var)],
                )
                for norm in own
            ),
            shared_norm=len(own) < len(norms),
        )  # fmt: skip
    return tuple(found.values())
