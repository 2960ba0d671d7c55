"""Audits of networks of which it is known what they look at."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import nn

from affidavit.contract import Context
from affidavit.data import Dataset
from affidavit.graph import load

FIRST, SECOND = 5, 10
"""The pixels that decide, of the 16 of an image of 4 × 4."""


def context(
    count: int = 60, *, channels: int = 1, head: str = "two", channels_last: bool = False
) -> Context:
    """A network that decides for the first class where the first of two pixels is brighter.

    Args:
        head: `two` scores, or one that is a `logit` or, behind a sigmoid, a `probability`.
        channels_last: whether images are [height, width, channel].
    """
    inputs = np.random.default_rng(0).uniform(0.1, 1, (count, channels, 4, 4)).astype(np.float32)
    weight = torch.zeros(2, channels, 16)
    weight[0, 0, FIRST] = weight[1, 0, SECOND] = 4.0
    if channels_last:
        inputs = np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))
        weight = weight.movedim(1, 2)
    weight = weight.reshape(2, -1)
    if head != "two":
        weight = weight[1:] - weight[:1]
    layer = nn.Linear(weight.shape[1], len(weight), bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight)
    last = [nn.Sigmoid()] if head == "probability" else []
    graph = load(nn.Sequential(nn.Flatten(), layer, *last), torch.zeros(1, *inputs.shape[1:]))
    pixels = (inputs.transpose(0, 3, 1, 2) if channels_last else inputs)[:, 0].reshape(count, 16)
    labels = (pixels[:, SECOND] > pixels[:, FIRST]).astype(np.int64)
    data = Dataset(name="pixels", inputs=inputs, labels=labels, class_names=("first", "second"))
    output: Any = "logit" if head == "logit" else None
    return Context(graph, data, output=output)


def decided(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The classes of images [row, 16], by what the network is known to do."""
    return (images[:, SECOND] > images[:, FIRST]).astype(np.int64)


def table(given: Context) -> Context:
    """The same with flat inputs, which are no images."""
    data = given.dataset.reshaped((16,))
    layer = nn.Linear(16, 2)
    return dataclasses.replace(given, graph=load(layer, torch.zeros(1, 16)), dataset=data)
