"""Running a model over inputs once, for all that detectors need to know of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from affidavit.attribution.classifier import Classifier, Model
from affidavit.errors import AffidavitError, DataError, DomainError, nearest
from affidavit.graph import Graph, load
from affidavit.misclassification.passes import (
    finite,
    numpy_of,
    of_ensemble,
    passes_with_dropout,
    progressing,
    scores,
)
from affidavit.misclassification.penultimate import watched
from affidavit.misclassification.signals import NEEDS, Array, Signals, rows_of
from affidavit.progress import Progress, shown

if TYPE_CHECKING:
    from affidavit.mutation import Mutants

Source: TypeAlias = Model | Classifier


TRACED = frozenset({"conductance", "runner_up", "label_change_rate"})
"""Signals that are found by means of the model's graph, where it has one."""


@dataclass(frozen=True)
class Extraction:
    """How signals are extracted.

    Attributes:
        layers: where conductance is taken: paths of modules or names of nodes.
        baselines: input (or inputs) of the conductance's other end; zeros when left out.
        steps, method: as of :func:`affidavit.attribution.conductance`.
        graph: of the model as it is now, for conductance and the label change rate, if it was
            made before: see :func:`graph_of`. Left out, each extraction makes it, which takes
            seconds.
        mutants: for the label change rate, as of :func:`affidavit.mutation.mutants`.
        penultimate: the layer whose input are the penultimate features; found when left out.
        passes: with dropout on.
        ensemble: further models for the same inputs.
        batch_size: inputs that are evaluated at once.
        seed: of the dropout. Which units are dropped depends on the batch size too.
    """

    layers: Sequence[str] = ()
    baselines: Tensor | None = None
    steps: int = 10
    method: Literal["auto", "closed", "exact", "riemann"] = "auto"
    graph: Graph | None = None
    mutants: Mutants | None = None
    penultimate: str | None = None
    passes: int = 20
    ensemble: Sequence[Source] = ()
    batch_size: int = 64
    seed: int = 0

    def check(self, needs: Collection[str]) -> None:
        """Raises DomainError unless everything is named that the needs ask for."""
        for need in needs:
            if need not in NEEDS:
                raise DomainError(
                    f"there is no signal {need!r}{nearest(need, NEEDS)}; there are"
                    f" {', '.join(NEEDS)}"
                )
        if isinstance(self.layers, str):
            raise DomainError(f"layers is {self.layers!r}; expected a list: [{self.layers!r}]")
        given = {
            "conductance": (self.layers, "layers=['...'], the layers whose feature maps count"),
            "runner_up": (self.layers, "layers=['...'], the layers whose feature maps count"),
            "label_change_rate": (
                self.mutants is not None,
                "mutants=affidavit.mutation.mutants(model, ...)",
            ),
            "ensemble": (self.ensemble, "ensemble=[...], the other models"),
        }
        for need, (present, how) in given.items():
            if need in needs and not present:
                raise DomainError(f"{need} was asked for, which takes {how}")
        if self.batch_size < 1 or self.passes < 1:
            raise DomainError(
                f"batch_size is {self.batch_size}, passes is {self.passes}; expected at least 1"
            )


def extract(
    model: Source,
    inputs: Tensor | ArrayLike,
    needs: Collection[str] = ("logits",),
    *,
    settings: Extraction | None = None,
    progress: bool = False,
) -> Signals:
    """What the model says about the inputs.

    Args:
        model: a module, a graph, or a classifier with its preprocessing. It is evaluated in
            evaluation mode, and left as it was. A final softmax is undone.
        inputs: [n, ...], floating. With a classifier, pixels in its range.
        needs: what is wanted, of :data:`NEEDS`; logits and predictions are always given.
        settings: what the needs take; see :class:`Extraction`.
        progress: whether to show a bar on standard error.

    Raises:
        DataError: inputs that are no floating batch, or NaN or infinite (it names the rows).
        DomainError: an unknown need, or one without what it takes.
        ModelError: an unknown layer; scores that are NaN or infinite; a model without dropout, or
            a graph, where passes with dropout are asked for.
    """
    how = settings or Extraction()
    wanted = frozenset((needs,) if isinstance(needs, str) else needs)
    how.check(wanted)
    classifier = model if isinstance(model, Classifier) else Classifier(model)
    x = checked(inputs, classifier)
    if isinstance(model, Classifier):
        model.check(x)
    if len(x) == 0:
        return _empty(model, classifier, x, wanted, how)
    with shown(progress, "Extracting signals") as show, classifier.evaluating():
        logits, penultimate = _outputs(classifier, x, wanted, how, show)
        # The predicted class and the runner-up; of equal scores the first.
        order = np.argsort(-logits, axis=1, kind="stable").astype(np.int64)
        graph = how.graph
        if graph is None and wanted & TRACED:
            graph = graph_of(classifier, x)
        parts = {
            name: _conductance(model, classifier, x, order[:, place], how, graph, show)
            for place, name in enumerate(("conductance", "runner_up"))
            if name in wanted
        }
        members = _members(classifier, x, wanted, how, show)
    rate = None
    if "label_change_rate" in wanted:
        # It shows a bar of its own.
        rate = _label_change_rate(classifier, x, how, graph, progress)
    return Signals(
        logits=logits,
        predicted=order[:, 0],
        penultimate=penultimate,
        label_change_rate=rate,
        members=members,
        **parts,
    )


def graph_of(classifier: Classifier, x: Tensor) -> Graph | None:
    """The graph of the classifier's model, or None where it has ops that no graph has."""
    if isinstance(classifier.model, Graph):
        return None
    try:
        return load(classifier.model, _prepared(classifier, x[:1]))
    except AffidavitError:
        return None


def checked(inputs: Tensor | ArrayLike, classifier: Classifier) -> Tensor:
    """The inputs as a tensor; arrays take the floating dtype of the model's parameters.

    Raises DataError.
    """
    x = inputs if isinstance(inputs, Tensor) else _tensor(inputs, classifier)
    if not x.is_floating_point():
        raise DataError(f"the inputs are {x.dtype}; expected a floating batch such as float32")
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise DataError(
            f"the inputs have the shape {list(x.shape)}; expected a batch, its first axis the"
            " inputs"
        )
    bad = ~torch.isfinite(x.flatten(1)).all(1)
    if bool(bad.any()):
        raise DataError(
            f"{rows_of(bad.cpu().numpy())} of {len(x)} have values that are NaN or infinite"
        )
    return x.detach()


def _tensor(inputs: ArrayLike, classifier: Classifier) -> Tensor:
    try:
        # A copy: the caller's memory may be read-only.
        x = torch.from_numpy(np.array(inputs))
    except (TypeError, ValueError) as error:
        raise DataError(f"the inputs are no array of numbers: {error}") from error
    dtype = next((one.dtype for one in classifier.parameters() if one.is_floating_point()), None)
    return x.to(dtype or torch.float32) if x.is_floating_point() else x


def _empty(
    model: Source, classifier: Classifier, x: Tensor, wanted: Collection[str], how: Extraction
) -> Signals:
    """No rows of what one input has: the widths are the model's, which has to run for them."""
    black = _black(model, classifier, x)
    return extract(model, black, wanted, settings=replace(how, baselines=None))[:0]


def _outputs(
    classifier: Classifier,
    x: Tensor,
    wanted: Collection[str],
    how: Extraction,
    show: Progress | None,
) -> tuple[Array, Array | None]:
    """Logits and, where wanted, penultimate features, in one pass."""
    if "penultimate" not in wanted:
        return scores(classifier, x, how.batch_size, show), None
    logits, features = [], []
    with torch.no_grad():
        # The first call looks at what the model gives by a pass of its own; it is not to be noted.
        classifier(x[:1])
    with watched(classifier, how.penultimate) as (watching, seen), torch.no_grad():
        for rows in progressing(x, how.batch_size, show):
            logits.append(watching(rows))
            features.append(seen.features(len(rows)))
    return finite(torch.cat(logits)), numpy_of(torch.cat(features))


def _members(
    classifier: Classifier,
    x: Tensor,
    wanted: Collection[str],
    how: Extraction,
    show: Progress | None,
) -> dict[str, Array]:
    found = {}
    if "dropout" in wanted:
        found["dropout"] = passes_with_dropout(
            classifier, x, how.passes, how.batch_size, how.seed, show
        )
    if "ensemble" in wanted:
        found["ensemble"] = of_ensemble(how.ensemble, x, how.batch_size, show)
    return found


def _conductance(
    model: Source,
    classifier: Classifier,
    x: Tensor,
    target: Array,
    how: Extraction,
    graph: Graph | None,
    show: Progress | None,
) -> dict[str, Array]:
    from affidavit.attribution import conductance

    if how.baselines is None:
        baselines = _prepared(classifier, _black(model, classifier, x))
    else:
        baselines = _prepared(classifier, how.baselines.to(x))
    found = conductance(
        classifier.model,
        list(how.layers),
        _prepared(classifier, x),
        baselines=baselines,
        target=target,
        steps=how.steps,
        method=how.method,
        batch_size=how.batch_size,
        graph=graph,
        progress=show,
    )
    return {layer: numpy_of(found.values[layer]) for layer in how.layers}


def _label_change_rate(
    classifier: Classifier, x: Tensor, how: Extraction, graph: Graph | None, progress: bool
) -> Array | None:
    from affidavit.mutation import label_change_rate

    if how.mutants is None:
        return None
    # Mutants name tensors, which the module and its graph both have.
    model = classifier.model if graph is None else graph
    rate = label_change_rate(model, how.mutants, _prepared(classifier, x), progress=progress)
    return numpy_of(rate)


def _prepared(classifier: Classifier, x: Tensor) -> Tensor:
    """What the classifier's model is given."""
    with torch.no_grad():
        found: Tensor = x if classifier.preprocessing is None else classifier.preprocessing(x)
    return found


def _black(model: Source, classifier: Classifier, x: Tensor) -> Tensor:
    """One input [1, ...] without anything in it: zeros, or the lower end of a stated range."""
    lower = classifier.data_range[0] if isinstance(model, Classifier) else 0.0
    return x.new_full((1, *x.shape[1:]), lower)
