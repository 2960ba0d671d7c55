"""Signals that no model gave, with predictions that are wrong where they look unsure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affidavit.misclassification.signals import Signals

Labels = NDArray[np.int64]


def signals(n: int = 120, classes: int = 4, seed: int = 0) -> tuple[Signals, Labels]:
    """Signals of every kind for n inputs, and their classes; about a third is wrong."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(classes, size=n)
    centres = np.random.default_rng(99).normal(size=(classes, 6)) * 1.2
    features = centres[labels] + draw.normal(size=(n, 6))
    logits = (features @ centres.T - (centres**2).sum(1) / 2).astype(np.float32)
    order = np.argsort(-logits, axis=1, kind="stable")
    noise = draw.normal(size=(n, 5, classes))
    members = np.exp(logits[:, None] + noise)
    members /= members.sum(2, keepdims=True)
    return (
        Signals(
            logits=logits,
            predicted=order[:, 0],
            penultimate=features.astype(np.float32),
            conductance={
                "early": draw.normal(size=(n, 3)),
                "late": features * centres[order[:, 0]],
            },
            runner_up={"early": draw.normal(size=(n, 3)), "late": features * centres[order[:, 1]]},
            label_change_rate=(members.argmax(2) != order[:, :1]).mean(1),
            members={"dropout": members, "ensemble": members[:, :3]},
        ),
        labels,
    )
