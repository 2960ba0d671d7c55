"""Audits of a network whose mistakes are known: it errs where it is in doubt, and at random."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from affidavit.contract import Context
from affidavit.data import Dataset
from affidavit.graph import load

DOUBT = 0.3
"""Below this lead of one score over the other, the network is wrong."""


def doubtful(
    count: int = 400, *, noise: float = 0.0, head: str = "two", seed: int = 0, **changes: Any
) -> Context:
    """A network of two features that decides for the larger, with a part of `count` rows for each.

    The scores are 4 times the features, so that the lead of one is 4 times their difference. The
    label is the other class where the features differ by less than :data:`DOUBT`.

    Args:
        noise: share of the labels that are turned over again, at random.
        head: `two` scores, or one that is a `logit` or, behind a sigmoid, a `probability`.
        changes: of the data.
    """
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(0, 1, (3 * count, 2)).astype(np.float32)
    weight = 4 * torch.eye(2)
    if head != "two":
        weight = weight[1:] - weight[:1]
    hidden, last = nn.Linear(2, 2, bias=False), nn.Linear(2, len(weight), bias=False)
    with torch.no_grad():
        hidden.weight.copy_(torch.eye(2))
        last.weight.copy_(weight)
    end = [nn.Sigmoid()] if head == "probability" else []
    graph = load(nn.Sequential(hidden, nn.ReLU(), last, *end), torch.zeros(1, 2))
    lead = inputs[:, 1] - inputs[:, 0]
    labels = (lead > 0) ^ (np.abs(lead) < DOUBT) ^ (rng.uniform(size=3 * count) < noise)
    places = np.arange(3 * count)
    fields: dict[str, Any] = {
        "name": "doubts",
        "inputs": inputs,
        "labels": labels.astype(np.int64),
        "class_names": ("no", "yes"),
        "parts": {
            "train": places[:count],
            "validation": places[count : 2 * count],
            "test": places[2 * count :],
        },
    }
    output: Any = "logit" if head == "logit" else None
    return Context(graph, Dataset(**(fields | changes)), output=output)


def doubts(context: Context, part: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """One minus the largest probability, and what is wrong, by the definition."""
    rows = context.part(part)
    lead = 4 * (rows.inputs[:, 1] - rows.inputs[:, 0]).astype(np.float64)
    return 1 / (1 + np.exp(np.abs(lead))), (lead > 0).astype(int) != rows.labels
