"""What `affidavit detect fit` does: fits a detector, and baselines on the same rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from affidavit.attribution import Classifier
from affidavit.cli.detect.setup import Chosen, Rows
from affidavit.errors import DataError, DomainError
from affidavit.graph import Graph
from affidavit.misclassification import Comparison, Confusion, Fixed, compare, confusion
from affidavit.misclassification.detector import Detector
from affidavit.misclassification.extraction import TRACED, Extraction, Source, extract, graph_of
from affidavit.misclassification.heads.base import split
from affidavit.misclassification.policies import AnyPolicy
from affidavit.misclassification.scorers import Scorer
from affidavit.misclassification.scorers.base import check_both_kinds
from affidavit.misclassification.signals import Signals, wrong_rows
from affidavit.mutation import Mutants, mutants

DETECTOR = "detector"
"""What the detector is called beside its baselines."""

SHOWN = ("auroc", "fpr_at_95_tpr", "aurc")
"""Metrics that are printed; a report has all."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Mutation:
    """How mutants are made, as the options say."""

    n: int
    operator: str
    scheme: str
    rate: float
    keep_above: float


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be fitted.

    Attributes:
        model: whose predictions are judged.
        scorers: the detector's and those of the baselines, by name, the detector's first.
        needs: the signals that they need.
        settings: of the extraction.
        mutation: of mutants, if any are needed.
        policy: how thresholds are chosen.
        share: of the rows, what is left for the thresholds.
        samples: bootstrap resamples.
        seed: of all that is drawn.
        progress: whether bars are shown.
    """

    model: Source
    scorers: Mapping[str, Scorer]
    needs: frozenset[str]
    settings: Extraction
    mutation: Mutation
    policy: AnyPolicy
    share: float
    samples: int
    seed: int
    progress: bool


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted detector and its baselines.

    Attributes:
        detectors: by name, the detector first.
        counts: right and wrong predictions that were learned from, and that thresholds were chosen
            on.
        mutants: those of the label change rate, if any.
        comparison: of all, on the rows of the thresholds.
        confusions: of each at its threshold, on the same rows.
        notes: what has to be known.
    """

    detectors: Mapping[str, Detector]
    counts: Mapping[str, tuple[int, int]]
    mutants: Mutants | None
    comparison: Comparison
    confusions: Mapping[str, Confusion]
    notes: tuple[str, ...]


def fit(task: Task, chosen: Chosen, calibration: Chosen | None) -> Fitted:
    """Fits the detector and its baselines on the same rows.

    Args:
        task: what is to be fitted.
        chosen: rows to learn from; without `calibration`, a share of them is for the thresholds.
        calibration: other rows for the thresholds.

    Raises:
        DataError: no wrong (or no right) predictions.
        AffidavitError: as extraction, mutation, heads and policies.
    """
    settings = _with_graph(task, chosen)
    first = task.needs - {"label_change_rate"}
    # A layer that does not exist is found out before the long part, not after it.
    extract(task.model, chosen.inputs[:1], first, settings=settings)
    held = chosen if calibration is None else calibration
    made = _mutants(task, held, settings.graph) if "label_change_rate" in task.needs else None
    settings = replace(settings, mutants=made)
    signals = _extracted(task, chosen, settings)
    labels = chosen.labels
    if calibration is not None:
        other, known = _extracted(task, calibration, settings), calibration.labels
    elif any(one.needs_fit for one in task.scorers.values()):
        learn, rest = _shared_out(wrong_rows(signals, labels), task.share, task.seed)
        other, known = signals[rest], labels[rest]
        signals, labels = signals[learn], labels[learn]
    else:
        other, known = signals, labels
    wrong = wrong_rows(other, known)
    check_both_kinds(wrong)
    on_training = calibration is not None and chosen.part == "train"
    detectors, notes = {}, []
    for name, one in task.scorers.items():
        detector = Detector(
            task.model,
            layers=tuple(task.settings.layers),
            mutants=made if "label_change_rate" in one.needs else None,
            policy=task.policy,
            scorer=one,
            fit_on="training" if on_training else "held_out",
            settings=settings,
            seed=task.seed,
        )
        try:
            detector.fit_signals(signals, labels, (other, known))
        except DataError as error:
            if name == DETECTOR:
                raise
            # A poor baseline may not reach the target, and is compared all the same.
            detector.set_params(policy=Fixed(math.inf))
            detector.fit_signals(signals, labels, (other, known))
            notes.append(f"{name} refuses nothing: {error}")
        detectors[name] = detector
    scores = {name: one.score_signals(other) for name, one in detectors.items()}
    learned = wrong_rows(signals, labels)
    counts = {"learned": _counts(learned), "calibration": _counts(wrong)}
    return Fitted(
        detectors,
        counts,
        made,
        compare(scores, wrong, metrics=SHOWN, samples=task.samples, seed=task.seed),
        {name: confusion(of, wrong, threshold_of(detectors[name])) for name, of in scores.items()},
        tuple(notes),
    )


def threshold_of(detector: Detector) -> float:
    """The threshold of a fitted detector."""
    if detector.threshold_ is None:
        raise DomainError("the detector is not fitted")
    return detector.threshold_


def _with_graph(task: Task, chosen: Chosen) -> Extraction:
    """The settings of the extraction with the model's graph, which takes seconds, made once."""
    if not task.needs & TRACED:
        return task.settings
    classifier = task.model if isinstance(task.model, Classifier) else Classifier(task.model)
    with classifier.evaluating():
        return replace(task.settings, graph=graph_of(classifier, chosen.inputs))


def _mutants(task: Task, held: Chosen, graph: Graph | None) -> Mutants:
    """Mutants that keep their accuracy on rows that the model was not trained on."""
    classifier = task.model if isinstance(task.model, Classifier) else Classifier(task.model)
    prepare = classifier.preprocessing
    how = task.mutation
    with torch.no_grad():
        inputs = held.inputs if prepare is None else prepare(held.inputs)
    return mutants(
        classifier.model if graph is None else graph,
        operator=how.operator,
        rate=how.rate,
        n=how.n,
        keep_above=how.keep_above,
        inputs=inputs,
        labels=held.labels,
        seed=task.seed,
        scheme=how.scheme,
        progress=task.progress,
    )


def _extracted(task: Task, chosen: Chosen, settings: Extraction) -> Signals:
    return extract(task.model, chosen.inputs, task.needs, settings=settings, progress=task.progress)


def _shared_out(wrong: Mask, share: float, seed: int) -> tuple[Rows, Rows]:
    """Rows to learn from and rows for thresholds, wrong predictions shared out alike."""
    check_both_kinds(wrong)
    rights, wrongs = _counts(wrong)
    if min(rights, wrongs) < 2:
        raise DataError(
            f"{rights} right and {wrongs} wrong predictions: expected two of each, one to learn"
            " from and one for the thresholds; give more rows, or --calibrate-on another part"
        )
    return split(wrong, share, np.random.default_rng(seed))


def _counts(wrong: Mask) -> tuple[int, int]:
    return int((~wrong).sum()), int(wrong.sum())
