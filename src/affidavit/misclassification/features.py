"""Blocks of features that heads learn from, made of signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from affidavit.errors import DataError, DomainError, nearest
from affidavit.misclassification.probabilities import doubt, entropy, log_probabilities
from affidavit.misclassification.signals import Array, Signals

Layers = Sequence[str] | None

_LEAST = 1e-12


@dataclass(frozen=True)
class Block:
    """Some columns.

    Attributes:
        summary: what they are.
        needs: the signals that they are made of.
        make: columns [n, column] of the signals, and of the layers where it is about layers.
    """

    summary: str
    needs: frozenset[str]
    make: Callable[[Signals, Layers], Array]


def matrix(signals: Signals, blocks: Sequence[str], layers: Layers = None) -> NDArray[np.float64]:
    """The blocks side by side, [n, column], float64.

    Args:
        signals: of n inputs.
        blocks: names of :data:`BLOCKS`.
        layers: whose conductance counts; all that the signals have when left out.

    Raises:
        DataError: signals that lack what a block is made of, a layer without conductance, or
            numbers that are not finite.
        DomainError: no blocks, or an unknown one.
    """
    known = [block(name) for name in blocks]
    if not known:
        raise DomainError(f"no features were named; expected some of {', '.join(BLOCKS)}")
    signals.require(needs_of(blocks))
    columns = [part.make(signals, layers).astype(np.float64) for part in known]
    return np.concatenate(columns, 1)


def block(name: str) -> Block:
    """The block of that name. Raises DomainError, with the nearest name."""
    if name not in BLOCKS:
        raise DomainError(
            f"there are no features {name!r}{nearest(str(name), BLOCKS)}; there are"
            f" {', '.join(BLOCKS)}"
        )
    return BLOCKS[name]


def needs_of(blocks: Sequence[str]) -> frozenset[str]:
    """The signals that the blocks are made of, and the logits."""
    return frozenset({"logits"}.union(*(block(name).needs for name in blocks)))


def _softmax(signals: Signals, _: Layers) -> Array:
    z = signals.logits.astype(np.float64)
    p = np.exp(log_probabilities(signals))
    top = np.partition(p, -2, axis=1)[:, -2:]
    # On a log scale: 0.99 and 0.9999 are as far apart as 0.9 and 0.99.
    unsure = np.log(doubt(signals) + _LEAST)
    return np.stack([unsure, top[:, 1] - top[:, 0], entropy(p), -logsumexp(z, axis=1)], 1)


def _logits(signals: Signals, _: Layers) -> Array:
    return signals.logits


def _sorted_logits(signals: Signals, _: Layers) -> Array:
    ordered = np.sort(signals.logits.astype(np.float64), 1)[:, ::-1]
    return ordered[:, 1:] - ordered[:, :1]


def _one_hot(signals: Signals, _: Layers) -> Array:
    return np.eye(signals.logits.shape[1])[signals.predicted]


def _second(signals: Signals, _: Layers) -> Array:
    order = np.argsort(-signals.logits, axis=1, kind="stable")
    return np.eye(signals.logits.shape[1])[order[:, 1]]


def _penultimate(signals: Signals, _: Layers) -> Array:
    return _there(signals.penultimate)


def _label_change_rate(signals: Signals, _: Layers) -> Array:
    return _there(signals.label_change_rate)[:, None]


def _layers(signals: Signals, layers: Layers) -> Sequence[str]:
    return tuple(signals.conductance) if layers is None else layers


def _conductance(signals: Signals, layers: Layers) -> Array:
    found = [signals.layer("conductance", name) for name in _layers(signals, layers)]
    return np.concatenate(found, 1).astype(np.float64)


def _parts(signals: Signals, layers: Layers) -> Array:
    found = _conductance(signals, layers)
    return np.concatenate([found.clip(0), found.clip(None, 0)], 1)


def _share(signals: Signals, layers: Layers) -> Array:
    """By layer, over the sum of sizes: over the score itself, a score near 0 would blow up."""
    found = []
    for name in _layers(signals, layers):
        values = signals.layer("conductance", name).astype(np.float64)
        found.append(values / np.maximum(np.abs(values).sum(1, keepdims=True), _LEAST))
    return np.concatenate(found, 1)


def _spread(signals: Signals, layers: Layers) -> Array:
    """By layer: what speaks for the class, what against, and how evenly over the maps."""
    found = []
    for name in _layers(signals, layers):
        values = signals.layer("conductance", name).astype(np.float64)
        size = np.abs(values)
        share = size / np.maximum(size.sum(1, keepdims=True), _LEAST)
        pro, contra = values.clip(0).sum(1), values.clip(None, 0).sum(1)
        found.append(np.stack([pro, contra, size.max(1), entropy(share)], 1))
    return np.concatenate(found, 1)


def _contrast(signals: Signals, layers: Layers) -> Array:
    """Where everything after the layer is affine, these are parts of the logits' difference."""
    other = [signals.layer("runner_up", name) for name in _layers(signals, layers)]
    return _conductance(signals, layers) - np.concatenate(other, 1).astype(np.float64)


def _there(array: Array | None) -> Array:
    if array is None:
        raise DataError("the signals lack what the features are made of")
    return array


def _block(summary: str, make: Callable[[Signals, Layers], Array], *needs: str) -> Block:
    return Block(summary, frozenset(needs), make)


BLOCKS = {
    "conductance": _block("conductance of each feature map", _conductance, "conductance"),
    "conductance_parts": _block("its positive and its negative part", _parts, "conductance"),
    "conductance_share": _block(
        "conductance over the sum of its sizes in the layer", _share, "conductance"
    ),
    "conductance_spread": _block(
        "sums for and against, largest size, entropy of the sizes", _spread, "conductance"
    ),
    "contrast": _block(
        "conductance for the predicted class less that for the runner-up",
        _contrast,
        "conductance",
        "runner_up",
    ),
    "label_change_rate": _block(
        "share of mutants that predict another class", _label_change_rate, "label_change_rate"
    ),
    "softmax": _block("log (1 - max p), margin, entropy, energy", _softmax),
    "logits": _block("the logits, by class", _logits),
    "sorted_logits": _block("the logits in order, less the largest", _sorted_logits),
    "penultimate": _block("the input of the last linear layer", _penultimate, "penultimate"),
    "class": _block("the predicted class, one-hot", _one_hot),
    "runner_up_class": _block("the class of the second largest score, one-hot", _second),
}
"""The blocks by name."""
