"""One door for every kind of model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affidavit.errors import ModelError
from affidavit.graph.from_keras import from_keras, is_keras
from affidavit.graph.from_onnx import from_onnx
from affidavit.graph.from_sklearn import from_sklearn, is_sklearn
from affidavit.graph.from_torch import from_torch
from affidavit.graph.graph import Graph


def load(model: Any, example_input: Tensor | None = None) -> Graph:
    """The graph of a model.

    Args:
        model: path of an `.onnx` file; an `nn.Module`; a Keras 3 model on the torch backend; a
            fitted scikit-learn `MLPClassifier` or `MLPRegressor`; or a graph, which is returned as
            it is.
        example_input: a batch of inputs. A PyTorch module needs one, for its shape; others
            only where the model leaves its input shape open.

    Returns:
        The graph of the model in evaluation mode; the model itself is left as it was.

    Raises:
        UnsupportedOpsError: lists all ops outside the closed op set, with their places.
        ModelError: the model cannot be read or traced.
    """
    if isinstance(model, Graph):
        return model
    if isinstance(model, str | Path):
        path = Path(model)
        if path.suffix.lower() != ".onnx":
            raise ModelError(
                f"{path}: expected an .onnx file. Weights alone (safetensors, .pt) need the module"
                " that they belong to: load them with affidavit.graph.load_weights"
            )
        shape = None if example_input is None else tuple(example_input.shape[1:])
        return from_onnx(path, shape)
    if is_keras(model):
        return from_keras(model, example_input)
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError("a TorchScript module cannot be traced: give the module it was made from")
    if isinstance(model, nn.Module):
        if example_input is None:
            raise ModelError(
                f"a PyTorch module needs an example input for its shape:"
                f" load({type(model).__name__}(...), torch.zeros(1, ...))"
            )
        return from_torch(model, example_input)
    if is_sklearn(model):
        return from_sklearn(model)
    raise ModelError(
        f"cannot make a graph of a {type(model).__name__}: expected an .onnx path, a PyTorch"
        " module, a Keras model on the torch backend, or a scikit-learn MLP"
    )
