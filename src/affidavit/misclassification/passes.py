"""Passes of models over inputs, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor, nn

from affidavit.attribution.batches import batches
from affidavit.attribution.classifier import Classifier, Model
from affidavit.attribution.model_state import preserved
from affidavit.errors import ModelError
from affidavit.graph import Graph
from affidavit.misclassification.signals import Array, not_finite, rows_of
from affidavit.progress import Progress

_DROPOUT = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


def scores(
    classifier: Classifier, x: Tensor, batch_size: int, show: Progress | None = None
) -> Array:
    """Scores [n, class], without gradients. Raises ModelError for any that are not finite."""
    with torch.no_grad():
        rows = [classifier(rows) for rows in progressing(x, batch_size, show)]
    return finite(torch.cat(rows))


def passes_with_dropout(
    classifier: Classifier,
    x: Tensor,
    passes: int,
    batch_size: int,
    seed: int,
    show: Progress | None = None,
) -> Array:
    """Probabilities [n, pass, class] with the dropout layers on. Raises ModelError without any."""
    with _dropping_out(classifier, seed):
        return _probabilities([scores(classifier, x, batch_size, show) for _ in range(passes)])


def of_ensemble(
    models: Sequence[Model | Classifier], x: Tensor, batch_size: int, show: Progress | None = None
) -> Array:
    """Probabilities [n, model, class]. Raises ModelError for unlike numbers of classes."""
    found: list[Array] = []
    for number, model in enumerate(models):
        member = model if isinstance(model, Classifier) else Classifier(model)
        with member.evaluating():
            found.append(scores(member, x, batch_size, show))
        if found[-1].shape != found[0].shape:
            raise ModelError(
                f"model {number} of the ensemble has {found[-1].shape[1]} classes, model 0 has"
                f" {found[0].shape[1]}"
            )
    return _probabilities(found)


@contextmanager
def _dropping_out(classifier: Classifier, seed: int) -> Iterator[None]:
    """Dropout layers in training mode, all others as they are; the random state is restored."""
    layers = [one for one in classifier.modules() if isinstance(one, _DROPOUT) and one.p > 0]
    if not layers:
        what = "a graph holds none: give the module" if isinstance(classifier.model, Graph) else ""
        raise ModelError(
            "the model has no dropout layers to leave on"
            + (f" ({what})" if what else "")
            + "; passes with dropout would all be equal"
        )
    devices = sorted({one.device.index for one in classifier.parameters() if one.is_cuda})
    with preserved(classifier), torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        for layer in layers:
            layer.train()
        yield


def progressing(x: Tensor, size: int, show: Progress | None) -> Iterator[Tensor]:
    """The rows of x, `size` at a time, shown as they are done."""
    for done, (rows,) in enumerate(batches(size, x)):
        yield rows
        if show is not None:
            show(min((done + 1) * size, len(x)), len(x))


def _probabilities(scores: Sequence[Array]) -> Array:
    found: Array = softmax(np.stack(scores, 1).astype(np.float64), axis=2)
    return found.astype(np.float32)


def finite(scores: Tensor) -> Array:
    """The scores as an array. Raises ModelError, naming the inputs, unless all are finite."""
    found = numpy_of(scores)
    bad = not_finite(found)
    if bad.any():
        raise ModelError(f"the model gives NaN or infinite scores for {rows_of(bad)}")
    return found


def numpy_of(values: Tensor) -> Array:
    """A copy, apart from the model's memory."""
    found: Array = values.detach().cpu().numpy().copy()
    return found
