"""From a contract's [model] and [data] to a graph and a data set."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from affidavit import data as data_sets
from affidavit.contract.specification import Contract, Data, Model, Preprocessing
from affidavit.data import Dataset
from affidavit.errors import AffidavitError, ContractError, DataError, ModelError
from affidavit.evidence import Cell, Subject
from affidavit.graph import Graph, load, load_weights, ops
from affidavit.graph.builder import GraphBuilder


def load_data(section: Data, folder: Path, *, progress: bool = False) -> Dataset:
    """The data set of a contract, split as it says."""
    if isinstance(section.source, Dataset):
        return section.source
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
        progress=progress,
    )
    if section.channels_last:
        dataset = dataset.channels_last()
    return dataset if section.shape is None else dataset.reshaped(tuple(section.shape))


def load_model(section: Model, folder: Path, dataset: Dataset) -> Graph:
    """The graph of a contract's model, its preprocessing in front.

    Raises:
        ContractError: a source or factory that does not exist.
        ModelError: a model that cannot be read, or does not fit the data's shape.
    """
    example = torch.zeros((1, *dataset.inputs.shape[1:]))
    graph = load(_live_model(section, folder), example)
    if section.preprocessing is not None:
        graph = with_preprocessing(graph, section.preprocessing)
    if graph.input_shape != tuple(example.shape[1:]):
        raise DataError(
            f"the model takes inputs of shape {list(graph.input_shape)}; {dataset.name} has inputs"
            f" of shape {list(example.shape[1:])}"
        )
    return graph


def model_subject(contract: Contract, graph: Graph) -> Subject:
    """The model by name and content."""
    details: dict[str, Cell] = {
        "input": " × ".join(map(str, graph.input_shape)),
        "outputs": " × ".join(map(str, graph.shapes[graph.output][1:])),
        "parameters": sum(graph.tensors[name].numel() for name in graph.parameters),
    }
    source = contract.model.source
    for label, path in (("weights", contract.model.weights), ("file", source)):
        file = contract.folder / path if isinstance(path, str | Path) else None
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


def with_preprocessing(graph: Graph, preprocessing: Preprocessing) -> Graph:
    """The graph behind `(x - mean) / std`, by the first axis of an input (channel or feature)."""
    mean, std = (np.asarray(v, dtype=float) for v in (preprocessing.mean, preprocessing.std))
    channels = graph.input_shape[0] if graph.input_shape else 1
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, channels) or not np.isfinite(values).all():
            raise ContractError(
                f"[model] preprocessing.{name}: expected 1 or {channels} finite numbers,"
                f" got {values.tolist()}"
            )
    if (std <= 0).any():
        raise ContractError(
            f"[model] preprocessing.std: expected numbers above 0, got {std.tolist()}"
        )
    builder = GraphBuilder(graph.input_shape, batch=2, input_name=graph.input)
    shape = (-1, *(1,) * (len(graph.input_shape) - 1))
    x = builder.input
    for op, values in ((ops.Sub(), mean), (ops.Div(), std)):
        tensor = torch.from_numpy(values).reshape(shape)
        x = builder.add(op, x, tensor, name=f"preprocessing.{type(op).__name__.lower()}")
    return builder.append(graph, x)


def _live_model(section: Model, folder: Path) -> Any:
    source = section.source
    if isinstance(source, Path) or (isinstance(source, str) and source.lower().endswith(".onnx")):
        if section.weights or section.arguments:
            raise ContractError("[model] weights and arguments belong to a factory, not to a file")
        return folder / source
    model = source
    if isinstance(source, str):
        factory = _factory(source, folder)
        try:
            model = factory(**section.arguments)
        except AffidavitError:
            raise
        except Exception as error:
            raise ModelError(
                f"the factory {source} failed: {type(error).__name__}: {error}"
            ) from error
    if section.weights is not None:
        if not isinstance(model, nn.Module):
            raise ContractError(
                f"[model] weights: {type(model).__name__} is no PyTorch module to fill with them"
            )
        load_weights(model, folder / section.weights)
    return model


def _factory(source: str, folder: Path) -> Callable[..., Any]:
    """The function that `package.module:function` or `file.py:function` names."""
    place, _, name = source.rpartition(":")
    if not place or not name:
        raise ContractError(
            f"[model] source: expected an .onnx file, package.module:function or file.py:function,"
            f" got {source!r}"
        )
    try:
        module = (
            _module_of_file(folder / place) if place.endswith(".py") else _module(place, folder)
        )
    except AffidavitError:
        raise
    except Exception as error:
        raise ContractError(
            f"[model] source: {place} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ContractError(f"[model] source: {place} has no function {name!r}")
    return function  # type: ignore[no-any-return]


def _module(name: str, folder: Path) -> Any:
    # A module beside the contract is found without being installed, as a script's would be.
    sys.path.insert(0, str(folder.resolve()))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder.resolve()))


def _module_of_file(path: Path) -> Any:
    if not path.is_file():
        raise ContractError(f"[model] source: no such file: {path}")
    # Under a name of its own, so that files of the same name in two folders do not meet.
    name = f"affidavit_factory_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ContractError(f"[model] source: {path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
