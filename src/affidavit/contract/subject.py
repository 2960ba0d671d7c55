"""From a contract's [model] and [data] to a graph and a data set."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from affidavit import data as data_sets
from affidavit.contract.factory import Factory, make_model
from affidavit.contract.specification import Contract, Data, Model, Preprocessing
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError, ModelError
from affidavit.evidence import Cell, Subject
from affidavit.graph import Graph, load, load_weights, ops
from affidavit.graph.builder import GraphBuilder


def load_data(section: Data, folder: Path, *, progress: bool = False) -> Dataset:
    """The data set of a contract, split as it says."""
    if isinstance(section.source, Dataset):
        settled = section.model_fields_set - {"source", "channels_last", "shape"}
        if settled:
            raise ContractError(
                f"[data] {', '.join(sorted(settled))}: a Dataset has that settled already; leave it"
                " out, or name the source that the Dataset was read from"
            )
        return _arranged(section, section.source)
    if not isinstance(section.source, str | Path):
        raise ContractError(
            f"[data] source: expected a name or path, got a {type(section.source).__name__}"
        )
    dataset = data_sets.load(
        section.source,
        label=section.label,
        features=section.features,
        protected=tuple(section.protected),
        split=section.split,
        size=section.size,
        header=section.header,
        folder=folder,
        task=section.task,
        classes=section.classes,
        progress=progress,
    )
    return _arranged(section, dataset)


def _arranged(section: Data, dataset: Dataset) -> Dataset:
    if section.channels_last:
        dataset = dataset.channels_last()
    return dataset if section.shape is None else dataset.reshaped(tuple(section.shape))


def load_model(
    section: Model,
    folder: Path,
    dataset: Dataset,
    *,
    seed: int = 0,
    channels_last: bool = False,
    live: Any = None,
) -> Graph:
    """The graph of a contract's model, its preprocessing in front.

    `live` is what :func:`live_model` gave, where it was called before.

    Raises:
        ContractError: a source or factory that does not exist.
        ModelError: a model that cannot be read, or does not take the data's inputs.
        DataError: inputs of another shape or with other names than the model's.
    """
    model = live_model(section, folder, seed) if live is None else live
    example = torch.zeros((1, *dataset.inputs.shape[1:]))
    if isinstance(model, nn.Module):
        # A module in double precision, or on another device, is traced as it is.
        example = example.to(next(model.parameters(), example))
    try:
        graph = load(model, example)
    except ModelError as error:
        error.add_note(_inputs_of(dataset))
        raise
    if section.preprocessing is not None:
        graph = with_preprocessing(graph, section.preprocessing, channels_last=channels_last)
    if graph.input_shape != tuple(example.shape[1:]):
        raise DataError(
            f"the model takes inputs of shape {list(graph.input_shape)}. {_inputs_of(dataset)}"
        )
    names = dataset.feature_names
    if graph.input_names and names and graph.input_names != names:
        same = [given == wanted for given, wanted in zip(names, graph.input_names, strict=True)]
        first = same.index(False)
        raise DataError(
            f"the model was fitted on the features {', '.join(graph.input_names[:8])}"
            f"{' …' if len(names) > 8 else ''}; the data give {names[first]!r} where it expects"
            f" {graph.input_names[first]!r}: name `features` in its order"
        )
    return graph


def _inputs_of(dataset: Dataset) -> str:
    """What the data's inputs are: most mismatches in shape come of a column too many."""
    shape = list(dataset.inputs.shape[1:])
    text = f"The data ({dataset.name}) have inputs of shape {shape}"
    encoded = Counter(name.split("=", 1)[0] for name in dataset.feature_names)
    parts = [f"{name} ({count} values)" if count > 1 else name for name, count in encoded.items()]
    if parts:
        text += f": {', '.join(parts[:12])}{' …' if len(parts) > 12 else ''}"
    return text + "."


def model_subject(contract: Contract, graph: Graph) -> Subject:
    """The model by name and content."""
    details: dict[str, Cell] = {
        "input": " × ".join(map(str, graph.input_shape)),
        "outputs": " × ".join(map(str, graph.shapes[graph.output][1:])),
        "parameters": sum(graph.tensors[name].numel() for name in graph.parameters),
    }
    source = contract.model.source
    code = source.rpartition(":")[0] if isinstance(source, str) else None
    for label, path in (("weights", contract.model.weights), ("file", source), ("code", code)):
        file = contract.folder / path if isinstance(path, str | Path) and path else None
        if file is not None and file.is_file():
            details[label] = str(path)
            details[f"{label} sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    name = str(source) if isinstance(source, str | Path) else type(source).__qualname__
    return Subject(name, graph.sha256, details)


def data_subject(dataset: Dataset) -> Subject:
    """The data by name and content."""
    details: dict[str, Cell] = {
        "inputs": len(dataset),
        "shape": " × ".join(map(str, dataset.inputs.shape[1:])),
        "classes": len(dataset.class_names) or None,
    }
    details["parts"] = ", ".join(f"{name} {len(rows):,}" for name, rows in dataset.parts.items())
    if dataset.protected:
        details["protected"] = ", ".join(dataset.protected)
    details |= {f"note {number}": note for number, note in enumerate(dataset.notes, 1)}
    return Subject(dataset.name, dataset.sha256, details)


def with_preprocessing(
    graph: Graph, preprocessing: Preprocessing, *, channels_last: bool = False
) -> Graph:
    """The graph behind `(x - mean) / std` by channel, or by feature of a table.

    The channel is the first axis of an input, or the last where the model takes images so.
    """
    mean, std = (np.asarray(v, dtype=float) for v in (preprocessing.mean, preprocessing.std))
    axis = len(graph.input_shape) - 1 if channels_last else 0
    channels = graph.input_shape[axis]
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, channels) or not np.isfinite(values).all():
            raise ContractError(
                f"[model] preprocessing.{name}: expected 1 or {channels} finite numbers (one for"
                f" each entry of axis {axis} of an input), got {values.tolist()}"
            )
    if (std <= 0).any():
        raise ContractError(
            f"[model] preprocessing.std: expected numbers above 0, got {std.tolist()}"
        )
    taken = {*graph.tensors, *(node.name for node in graph.nodes)}
    prefix = "preprocessing"
    while any(name.startswith(f"{prefix}.") for name in taken):
        prefix += "_"
    builder = GraphBuilder(graph.input_shape, batch=2, input_name=graph.input)
    shape = [1] * len(graph.input_shape)
    shape[axis] = -1
    # One number for all is the same graph as that number for each.
    mean, std = (np.broadcast_to(v, channels).copy() for v in (mean, std))
    x = builder.input
    for op, values in ((ops.Sub(), mean), (ops.Div(), std)):
        tensor = torch.from_numpy(values).reshape(shape)
        x = builder.add(op, x, tensor, name=f"{prefix}.{type(op).__name__.lower()}")
    return builder.append(graph, x)


def live_model(section: Model, folder: Path, seed: int) -> Any:
    """What a contract's model is: what its factory makes, filled with its weights, or a path.

    Raises:
        ContractError: a source or factory that does not exist, or keys that do not belong to it.
        ModelError: weights that do not fit.
    """
    source, factory = section.source, factory_of(section, folder)
    if factory is None:
        a_file = isinstance(source, str | Path)
        if section.weights or section.arguments:
            what = "a file" if a_file else "a model that is there"
            raise ContractError(f"[model] weights and arguments belong to a factory, not to {what}")
        return folder / source if a_file else source
    model = make_model(factory, seed)
    if section.weights is not None:
        if not isinstance(model, nn.Module):
            raise ContractError(
                f"[model] weights: {type(model).__name__} is no PyTorch module to fill with them"
            )
        load_weights(model, folder / section.weights)
    return model


def factory_of(section: Model, folder: Path) -> Factory | None:
    """The factory that a contract's model comes from; None for a file, or a model from Python."""
    source = section.source
    if not isinstance(source, str) or source.lower().endswith(".onnx"):
        return None
    return Factory(source, section.arguments, folder)
