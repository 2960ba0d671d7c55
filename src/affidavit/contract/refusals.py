"""Fitting a claim's detector on one part of the data and asking it about another."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affidavit.contract.class_scores import class_scores, module_scores
from affidavit.contract.context import Context
from affidavit.contract.decisions import classes_of_outputs
from affidavit.contract.detectors import DetectorClaim, MutantKeys
from affidavit.contract.outputs import output_count
from affidavit.contract.sampling import Rows
from affidavit.errors import ContractError, DataError, RecordError, nearest
from affidavit.graph import Graph
from affidavit.misclassification import Policy
from affidavit.misclassification.detector import Detector
from affidavit.misclassification.extraction import Extraction
from affidavit.misclassification.fitted_rows import FittedRows, row_hashes
from affidavit.misclassification.saving import RECORD
from affidavit.misclassification.signals import Signals, wrong_rows
from affidavit.mutation import Mutants, mutants
from affidavit.report import wording

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Refusals:
    """What a fitted detector says of rows that it was not fitted on.

    Attributes:
        rows: numbers of the rows within the part.
        signals: what the model says about them, its classes by number of the output.
        classes: for each output, the index of the data's class.
        labels: the true classes by index, [row].
        scores: larger = more likely wrong, [row].
        threshold: the score from which a prediction is refused.
        fitting: how the detector came to be, in words.
        twins: how many inputs occur in the parts that it was fitted on too, entry for entry.
        evaluations: inputs that the model was run on, in fitting and here.
    """

    rows: Rows
    signals: Signals
    classes: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    threshold: float
    fitting: str
    twins: int
    evaluations: int

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the predicted class, [row]."""
        found: NDArray[np.int64] = self.classes[self.signals.predicted]
        return found

    @cached_property
    def wrong(self) -> Booleans:
        """Whether the prediction is wrong, [row]."""
        found: Booleans = self.predicted != self.labels
        return found

    @cached_property
    def refused(self) -> Booleans:
        """Whether the prediction is refused, [row]."""
        found: Booleans = self.scores >= self.threshold
        return found


def refusals(claim: DetectorClaim, context: Context, policy: Policy) -> Refusals:
    """Fits the claim's detector, or reads it, and scores the claim's rows.

    Args:
        claim: which detector, and which parts.
        context: the model and the data.
        policy: how the threshold is chosen, where the detector is fitted here.

    Raises:
        ContractError: a part, layer or folder that does not exist, a part that is fitted on too.
        DataError: no wrong (or no right) prediction to learn from, data without classes.
        ModelError: scores that are NaN or infinite, a layer that does not exist.
        RecordError: a folder that holds no detector of this model.
    """
    subject = _Subject.of(context)
    if claim.detector is None:
        detector, fitting = _fitted(claim, context, subject, policy)
    else:
        detector, fitting = _saved(claim.detector, claim, context, subject)
    rows = claim.chosen_rows(context)
    part = context.part(claim.on)
    parts = claim.fitting_parts
    seen = [row_hashes(context.part(name).inputs) for name in parts]
    signals = detector.extract(subject.inputs(claim.on, rows))
    return Refusals(
        rows=rows,
        signals=signals,
        classes=subject.classes,
        labels=np.asarray(part.labels[rows], np.int64),
        scores=detector.score_signals(signals),
        threshold=_threshold(detector),
        fitting=fitting,
        twins=sum(int(np.isin(row_hashes(part.inputs[rows]), of).sum()) for of in seen),
        evaluations=sum(map(len, seen)) + len(rows),
    )


@dataclass(frozen=True, eq=False)
class _Subject:
    """The model with a score for each class, and the data as it takes them."""

    context: Context
    model: nn.Module | Graph
    classes: NDArray[np.int64]

    @staticmethod
    def of(context: Context) -> _Subject:
        data = context.dataset
        if data.regression or not data.class_names:
            raise DataError(f"{data.name} has no classes: its labels are numbers to be regressed")
        classes = classes_of_outputs(context, max(output_count(context), 2))
        return _Subject(context, class_scores(context), classes)

    def inputs(self, part: str, rows: Rows | None = None) -> Tensor:
        found = self.context.part(part).inputs
        return torch.tensor(found if rows is None else found[rows]).to(self.context.device)

    def labels(self, part: str) -> NDArray[np.int64]:
        """The true classes, by number of the output."""
        found: NDArray[np.int64] = np.argsort(self.classes)[
            self.context.part(part).labels.astype(np.int64)
        ]
        return found


def _fitted(
    claim: DetectorClaim, context: Context, subject: _Subject, policy: Policy
) -> tuple[Detector, str]:
    """The detector, and how it came to be."""
    for name in claim.fitting_parts:
        _check_part(context, "fit_on" if name == claim.fit_on else "calibrate_on", name)
    seed = context.seed % 2**32
    detector = Detector(
        subject.model,
        scorer=claim.make_scorer(seed),
        layers=tuple(claim.layers),
        mutants=_mutants(claim.mutants, context, subject, claim.fit_on),
        policy=policy,
        settings=Extraction(batch_size=context.batch_size, seed=seed),
        progress=context.progress,
        seed=seed,
    )
    found = detector.extract(subject.inputs(claim.fit_on))
    labels = subject.labels(claim.fit_on)
    calibration = None
    if claim.calibrate_on is not None:
        calibration = (
            detector.extract(subject.inputs(claim.calibrate_on)),
            subject.labels(claim.calibrate_on),
        )
    try:
        detector.fit_signals(found, labels, calibration)
    except DataError as error:
        where = " and ".join(map(repr, claim.fitting_parts))
        raise DataError(f"the detector cannot be fitted on the part {where}: {error}") from error
    return detector, _how(claim, detector, found, labels, calibration)


def _how(
    claim: DetectorClaim,
    detector: Detector,
    found: Signals,
    labels: NDArray[np.int64],
    calibration: tuple[Signals, NDArray[np.int64]] | None,
) -> str:
    """How the detector came to be, in words."""
    learned = detector.scorer_ is not None and detector.scorer_.needs_fit
    fitting = _counted(claim.fit_on, wrong_rows(found, labels))
    if claim.calibrate_on is not None and calibration is not None:
        where = _counted(claim.calibrate_on, wrong_rows(*calibration))
    elif learned:
        where = "a half of these, from which it did not learn"
    else:
        where = fitting
    first = f"The detector was fitted on {fitting}" if learned else "The detector learns nothing"
    return f"{first}. Its threshold was chosen on {where}."


def _counted(part: str, wrong: Booleans) -> str:
    number = int(wrong.sum())
    return (
        f"{wording.counted(len(wrong), 'input')} of the part {part!r}, of which {number:,}"
        f" {'is' if number == 1 else 'are'} predicted wrongly"
    )


def _saved(
    folder: str, claim: DetectorClaim, context: Context, subject: _Subject
) -> tuple[Detector, str]:
    """The detector of a folder, unless it was fitted on the rows at hand, and what it is."""
    path = context.folder / folder
    if not path.is_dir():
        raise ContractError(f"detector: there is no folder {path}")
    detector = _loaded(path, subject)
    detector.progress = context.progress
    detector.settings = replace(detector.settings, batch_size=context.batch_size)
    digest = hashlib.sha256((path / RECORD).read_bytes()).hexdigest()
    text = f"The detector is that of {folder}, whose {RECORD} has the SHA-256 {digest}."
    fitted = FittedRows.load(path)
    if fitted is None:
        return detector, f"{text} It was not fitted on these inputs, nor its threshold chosen."
    rows = claim.chosen_rows(context)
    numbers = np.asarray(context.dataset.parts[claim.on], np.int64)[rows]
    count = int(fitted.among(context.dataset.inputs, numbers).sum())
    if count:
        raise DataError(
            f"detector: {folder} was fitted on {count:,} of the {len(rows):,} inputs of"
            f" {claim.on!r} that it is to be judged on; name another part with on = ..., or split"
            " the data as they were for fitting"
        )
    return detector, f"{text} It was fitted on other inputs, as its folder tells."


def _loaded(path: Path, subject: _Subject) -> Detector:
    """The detector of a folder, for whichever form of the model it was saved for."""
    try:
        return Detector.load(path, subject.model)
    except RecordError:
        module = module_scores(subject.context)
        if module is None:
            raise
        return Detector.load(path, module)


def _mutants(
    keys: MutantKeys | None, context: Context, subject: _Subject, part: str
) -> Mutants | None:
    if keys is None:
        return None
    return mutants(
        subject.model,
        operator=keys.operator,
        rate=keys.rate,
        n=keys.n,
        keep_above=keys.keep_above,
        scheme=keys.scheme,
        inputs=subject.inputs(part),
        labels=subject.labels(part),
        seed=context.seed % 2**32,
        batch_size=context.batch_size,
        progress=context.progress,
    )


def _check_part(context: Context, key: str, name: str) -> None:
    there = context.dataset.parts
    if name not in there:
        raise ContractError(
            f"{key}: {context.dataset.name} has no part {name!r}{nearest(name, there)}. It has:"
            f" {', '.join(there)}; [data] split = {{ train = ..., validation = ..., test = ... }}"
            " makes others"
        )
    if not len(there[name]):
        raise DataError(f"{key}: the part {name!r} is empty: there is nothing to learn from")


def _threshold(detector: Detector) -> float:
    if detector.threshold_ is None:
        raise ContractError("the detector is not fitted: save it after fit(inputs, labels)")
    return detector.threshold_
