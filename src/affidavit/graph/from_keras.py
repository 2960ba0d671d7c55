"""Graphs from Keras 3 models that run on the torch backend."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from affidavit.errors import ModelError
from affidavit.graph.from_torch import check_agreement, convert, export
from affidavit.graph.graph import Graph


def is_keras(model: Any) -> bool:
    """Whether this is a Keras model. Does not import Keras."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.Model)


def from_keras(model: Any, example_input: Tensor | None = None) -> Graph:
    """The graph of a built Keras 3 model on the torch backend, in inference mode.

    Parameters are named by their Keras paths, such as 'sequential/dense/kernel', and so are the
    modules of the nodes that use them. Keras keeps images channel-last: so does the graph's input.

    Raises:
        ModelError: another backend, a model that is not built, or one that cannot be traced.
        UnsupportedOpsError: lists all ops outside the closed set.
    """
    import keras

    if keras.config.backend() != "torch":
        raise ModelError(
            f"the Keras model runs on the backend {keras.config.backend()!r}; expected 'torch':"
            " set the environment variable KERAS_BACKEND=torch before Keras is imported"
        )
    if not model.built:
        raise ModelError("the Keras model has no weights yet: build it, or call it once")
    if example_input is None:
        shape = getattr(model, "input_shape", None)
        if not isinstance(shape, tuple) or None in shape[1:]:
            raise ModelError(f"the Keras model's input shape is {shape}: give an example input")
        example_input = torch.zeros(1, *shape[1:])
    # Keras hands plain tensors to torch, so parameters arrive as constants of the trace. They
    # still share their storage with the variables, which tells whose they are.
    variables = {variable.value.data_ptr(): variable for variable in model.variables}

    def naming(target: str, tensor: Tensor) -> tuple[str, bool]:
        variable = variables.get(tensor.data_ptr())
        if variable is None or tuple(variable.shape) != tuple(tensor.shape):
            return target, False
        return variable.path, bool(variable.trainable)

    graph = convert(export(model, example_input), naming)
    check_agreement(graph, model, example_input)
    return graph
