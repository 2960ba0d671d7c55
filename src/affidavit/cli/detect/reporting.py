"""What `affidavit detect report` does: measures a detector and its baselines on new rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affidavit.cli.detect.fitting import DETECTOR, Mask, threshold_of
from affidavit.cli.detect.folder import AGAINST, Fitting, Overlap
from affidavit.cli.detect.second import Second
from affidavit.cli.detect.setup import Chosen
from affidavit.data import Dataset
from affidavit.errors import DataError, DomainError, nearest
from affidavit.misclassification import (
    Cascade,
    CascadePoint,
    Comparison,
    Confusion,
    cascade,
    cascade_at,
    compare,
    confusion,
)
from affidavit.misclassification.detector import Detector
from affidavit.misclassification.extraction import Source, extract
from affidavit.misclassification.scorers import SCORERS, Scorer, scorer
from affidavit.misclassification.signals import Signals, wrong_rows


@dataclass(frozen=True, eq=False)
class Findings:
    """A detector and its baselines on rows that they were not fitted on.

    Attributes:
        predicted: classes, [row].
        wrong: whether each prediction is, [row].
        scores: of each method by name, the detector first, [row].
        thresholds: of those that have one.
        comparison: every metric of all; each baseline less the detector.
        confusions: of those that have a threshold.
        cascades, points: together with the second, at every threshold and at the chosen one.
        overlap: with the rows that were fitted on.
    """

    predicted: NDArray[np.int64]
    wrong: Mask
    scores: Mapping[str, NDArray[np.float64]]
    thresholds: Mapping[str, float]
    comparison: Comparison
    confusions: Mapping[str, Confusion]
    overlap: Overlap
    cascades: Mapping[str, Cascade] = field(default_factory=dict)
    points: Mapping[str, CascadePoint] = field(default_factory=dict)


def untouched(
    fitting: Fitting, dataset: Dataset, chosen: Chosen, do: str
) -> tuple[Chosen, Overlap, list[str]]:
    """The rows that are reported on, which of them were fitted on, and what has to be said of it.

    Args:
        do: with rows that were fitted on: `refuse`, `drop` or `keep`.

    Raises DataError where it is to refuse, or nothing is left.
    """
    seen = fitting.overlap(dataset, chosen)
    count, warnings = int(seen.fitted.sum()), []
    what = f"{count:,} of {len(chosen):,} rows of {chosen.part} are rows that it was fitted on"
    if count and do == "refuse":
        raise DataError(
            f"{what} ({fitting.facts.get('data')}, {fitting.facts.get('part')}): what it is worth"
            " on new data cannot be told from them. Report on other rows (--part, --rows, the"
            " --split it was fitted with), or give --overlap drop to leave them out"
        )
    if count == len(chosen) and do == "drop":
        raise DataError(f"{what}: there are no others to report on")
    if count and do == "keep":
        warnings.append(f"{what}: all numbers flatter the detector and are no evidence.")
    if count and do == "drop":
        chosen = chosen[~seen.fitted]
        warnings.append(f"{what}, and were left out.")
        seen = fitting.overlap(dataset, chosen)
    if seen.alike:
        warnings.append(
            f"{seen.alike:,} rows have the very content of rows that it was fitted on, though they"
            " are others; where they are copies, the numbers flatter the detector."
        )
    if not seen.same_data:
        warnings.append(
            "These are other data than it was fitted on: rows are told by their content alone, so"
            " that a changed copy of a row counts as another."
        )
    return chosen, seen, warnings


def methods_of(
    folder: Path, model: Source, fitting: Fitting, names: Sequence[str] | None
) -> dict[str, Detector | Scorer]:
    """The detector, and the baselines that it is compared with: those that were fitted along, and
    scorers that learn nothing.

    Raises:
        DomainError: a scorer that does not exist, or that has to be fitted and was not.
        RecordError: a folder that is not what was saved, or another model.
    """
    found: dict[str, Detector | Scorer] = {DETECTOR: Detector.load(folder, model)}
    wanted = fitting.against if names is None else names
    for name in dict.fromkeys(() if list(wanted) == ["none"] else wanted):
        if name in fitting.against:
            found[name] = Detector.load(folder / AGAINST / name, model)
            continue
        if name not in SCORERS:
            raise DomainError(
                f"--against: there is no scorer {name!r}{nearest(name, SCORERS)}; there are"
                f" {', '.join(SCORERS)}"
            )
        if SCORERS[name].needs_fit or name == "ensemble":
            raise DomainError(
                f"--against {name}: it has to be fitted, on the rows that the detector was fitted"
                f" on, and was not: give --against {name} to `affidavit detect fit`, or leave it"
                " out"
            )
        found[name] = scorer(name)
    return found


def signals_for(
    methods: Mapping[str, Detector | Scorer], chosen: Chosen, progress: bool
) -> Signals:
    """What all methods need to know of the rows, extracted once."""
    fitted = [one for one in methods.values() if isinstance(one, Detector)]
    settings = replace(
        fitted[0].settings,
        layers=tuple(fitted[0].layers),
        mutants=next((one.mutants for one in fitted if one.mutants is not None), None),
    )
    scorers = [one.scorer_ if isinstance(one, Detector) else one for one in methods.values()]
    needs = frozenset().union(*(one.needs for one in scorers if one is not None))
    return extract(fitted[0].model, chosen.inputs, needs, settings=settings, progress=progress)


def report(
    methods: Mapping[str, Detector | Scorer],
    signals: Signals,
    labels: NDArray[np.int64],
    overlap: Overlap,
    second: Second | None,
    *,
    samples: int,
    confidence: float,
    seed: int,
) -> Findings:
    """All methods measured.

    Raises DataError where no prediction is wrong, or none right.
    """
    wrong = wrong_rows(signals, labels)
    scores = {
        name: one.score_signals(signals) if isinstance(one, Detector) else one.score(signals)
        for name, one in methods.items()
    }
    thresholds = {
        name: threshold_of(one) for name, one in methods.items() if isinstance(one, Detector)
    }
    drawn: dict[str, Any] = {"samples": samples, "confidence": confidence, "seed": seed}
    comparison = compare(scores, wrong, against=DETECTOR, **drawn)
    found = Findings(
        signals.predicted,
        wrong,
        scores,
        thresholds,
        comparison,
        {name: confusion(scores[name], wrong, at) for name, at in thresholds.items()},
        overlap,
    )
    if second is None:
        return found
    return replace(
        found,
        cascades={
            name: cascade(of, wrong, second.right, second_cost=second.cost)
            for name, of in scores.items()
        },
        points={
            name: cascade_at(
                scores[name], wrong, second.right, at, second_cost=second.cost, **drawn
            )
            for name, at in thresholds.items()
        },
    )
