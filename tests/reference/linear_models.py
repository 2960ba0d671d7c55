"""The linear model of a ReLU network around a point, by equations 1 to 3 of Continuous Exact
Explanations: masked products of its weight matrices, one layer after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

Layers = list[tuple[Any, Any]]


def values(layers: Layers, x: Any) -> list[Any]:
    """The pre-activations of every layer at a point."""
    found = []
    for weight, bias in layers:
        u = np.array([sum(w * v for w, v in zip(row, x, strict=True)) for row in weight]) + bias
        found.append(u)
        x = np.where(u > 0, u, 0.0)
    return found


def linear_model(layers: Layers, x: Any) -> list[tuple[Any, Any]]:
    """For each layer the weights [neuron, feature] and biases of its pre-activations around x."""
    states = [u > 0 for u in values(layers, x)]
    weight, bias = np.eye(len(x)), np.zeros(len(x))
    found = []
    for (matrix, offset), z in zip(layers, states, strict=True):
        weight, bias = matrix @ weight, matrix @ bias + offset
        found.append((weight.copy(), bias.copy()))
        weight[~z], bias[~z] = 0, 0
    return found
