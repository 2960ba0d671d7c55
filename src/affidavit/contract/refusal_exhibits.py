"""What a report shows of refused and accepted predictions."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affidavit.contract.claim import File
from affidavit.contract.context import Context
from affidavit.contract.exploring import run
from affidavit.contract.features import feature_names
from affidavit.contract.outputs import output_count, output_name
from affidavit.evidence import (
    Cell,
    Curve,
    CurveChart,
    Exhibit,
    Histogram,
    HistogramChart,
    MatrixChart,
    Table,
    Witness,
)
from affidavit.misclassification import aurc, auroc, fpr_at_tpr, risk_coverage, roc_curve
from affidavit.report import wording

if TYPE_CHECKING:
    from affidavit.contract.refusals import Refusals

Array = NDArray[np.float64]

BASELINES = ("max_softmax", "entropy")
"""Scores that learn nothing, beside which the detector's is shown."""

_SHOWN = 10
"""Rows of a table of examples."""
_POINTS = 25
"""Steps of a curve in a report."""
_BINS = 20


def exhibits(context: Context, found: Refusals, name: str, on: str) -> Iterator[Exhibit]:
    """Counts, curves beside the baselines, score histograms, and the worst examples.

    Args:
        name: of the detector, in words.
        on: the part that the rows are of.
    """
    from affidavit.misclassification.scorers import scorer

    yield _counts(found)
    scores = {name: found.scores} | {
        other: scorer(other).score(found.signals) for other in BASELINES if other != name
    }
    if found.wrong.any() and not found.wrong.all():
        yield _measures(scores, found)
        yield _roc(scores, found)
    yield _risk(scores, found)
    yield from _histogram(found)
    for title, rows in (
        ("Wrong predictions accepted with the lowest scores", missed(found)),
        ("Right predictions refused with the highest scores", false_alarms(found)),
    ):
        if len(rows):
            yield _examples(context, found, title, rows, on)


def missed(found: Refusals) -> NDArray[np.int64]:
    """Places of the wrong predictions that are accepted, the lowest score first."""
    return _ordered(found.wrong & ~found.refused, found.scores)


def false_alarms(found: Refusals) -> NDArray[np.int64]:
    """Places of the right predictions that are refused, the highest score first."""
    return _ordered(~found.wrong & found.refused, -found.scores)


def witness(context: Context, found: Refusals, place: int, name: str, on: str) -> Witness:
    """An input that the detector errs on."""
    row, names = int(found.rows[place]), context.dataset.class_names
    decided, true = names[found.predicted[place]], names[found.labels[place]]
    x = context.part(on).inputs[row].astype(np.float64)
    verb = "refuses" if found.refused[place] else "accepts"
    wrongly = f"which is wrong: it is {true}" if found.wrong[place] else "which is right"
    side = "at least" if found.refused[place] else "below"
    return Witness(
        sentence=(
            f"For row {row} of {on} the model decides for {decided}, {wrongly}; {name} {verb} it,"
            f" as its score, {wording.number(float(found.scores[place]))}, is {side} the"
            f" threshold, {wording.number(found.threshold)}."
        ),
        input=tuple(float(value) for value in x.reshape(-1)),
        shape=tuple(int(size) for size in x.shape),
        features=feature_names(context.dataset),
        outputs=tuple(float(value) for value in run(context, x.reshape(-1))),
        output_names=tuple(output_name(context, i) for i in range(output_count(context))),
        decision=decided,
    )


def rows_file(context: Context, found: Refusals, on: str) -> File:
    """What became of every prediction, by row of the data."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "label", "predicted", "right", "score", "refused"])
    names = context.dataset.class_names
    for place, row in enumerate(context.dataset.parts[on][found.rows]):
        writer.writerow(
            [
                row,
                names[found.labels[place]],
                names[found.predicted[place]],
                "no" if found.wrong[place] else "yes",
                repr(float(found.scores[place])),
                "yes" if found.refused[place] else "no",
            ]
        )
    return File(text.getvalue().encode(), "score and decision of every input, by row of the data")


def _ordered(chosen: NDArray[np.bool_], by: Array) -> NDArray[np.int64]:
    places: NDArray[np.int64] = np.flatnonzero(chosen)
    return places[np.argsort(by[places], kind="stable")]


def _counts(found: Refusals) -> MatrixChart:
    counts = tuple(
        (int((found.refused & kind).sum()), int((~found.refused & kind).sum()))
        for kind in (found.wrong, ~found.wrong)
    )
    return MatrixChart(
        "Predictions refused and accepted",
        "prediction",
        "decision",
        ("wrong", "right"),
        ("refused", "accepted"),
        counts,
        f"Refused is what scores at least {wording.number(found.threshold)}.",
    )


def _measures(scores: dict[str, Array], found: Refusals) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (name, *(float(measure(of, found.wrong)) for measure in (auroc, fpr_at_tpr, aurc)))
        for name, of in scores.items()
    ]
    return Table(
        "Scores",
        ("score", "AUROC", "right refused with 95 % of the wrong", "AURC"),
        tuple(rows),
        "AUROC: the chance that a wrong prediction scores higher than a right one. AURC: the share"
        " of wrong predictions among those accepted, averaged over all thresholds. Measured on"
        " these inputs, without intervals.",
    )


def _roc(scores: dict[str, Array], found: Refusals) -> CurveChart:
    grid = np.linspace(0, 1, _POINTS + 1)
    curves = []
    for name, of in scores.items():
        roc = roc_curve(of, found.wrong)
        # Where the curve rises steeply: its upper end.
        curves.append(_curve(name, grid, np.interp(grid, roc.right_refused, roc.wrong_refused)))
    right, wrong = ~found.wrong, found.wrong
    here = float(found.refused[right].mean()), float(found.refused[wrong].mean())
    return CurveChart(
        "Wrong predictions refused, by right ones refused (ROC)",
        "share of the right predictions refused",
        "share of the wrong ones",
        (*curves, Curve("at the threshold", here[:1], here[1:])),
        note="Between thresholds the curves are interpolated.",
    )


def _risk(scores: dict[str, Array], found: Refusals) -> CurveChart:
    grid = np.linspace(0, 1, _POINTS + 1)[1:]
    curves = []
    for name, of in scores.items():
        curve = risk_coverage(of, found.wrong)
        curves.append(_curve(name, grid, np.interp(grid, curve.coverage, curve.risk)))
    accepted = ~found.refused
    if accepted.any():
        here = float(accepted.mean()), float(found.wrong[accepted].mean())
        curves.append(Curve("at the threshold", here[:1], here[1:]))
    return CurveChart(
        "Wrong predictions among those accepted, by share accepted (risk and coverage)",
        "share of the predictions accepted",
        "share of these that is wrong",
        tuple(curves),
        note="Between thresholds the curves are interpolated.",
    )


def _curve(name: str, x: Array, y: Array) -> Curve:
    return Curve(name, tuple(map(float, x.round(6))), tuple(map(float, y)))


def _histogram(found: Refusals) -> Iterator[HistogramChart]:
    low, high = float(found.scores.min()), float(found.scores.max())
    edges = np.unique(np.linspace(low, high, _BINS + 1))
    if len(edges) != _BINS + 1:  # one score for all, or nearly so
        return
    groups = tuple(
        Histogram(name, tuple(int(n) for n in np.histogram(found.scores[kind], edges)[0]))
        for name, kind in (("right", ~found.wrong), ("wrong", found.wrong))
    )
    yield HistogramChart(
        "Scores of right and wrong predictions",
        "score (larger: more likely wrong)",
        tuple(map(float, edges)),
        groups,
        None if math.isnan(found.threshold) else found.threshold,
        "What lies at the threshold or above it is refused.",
    )


def _examples(
    context: Context, found: Refusals, title: str, places: NDArray[np.int64], on: str
) -> Table:
    names = context.dataset.class_names
    return Table(
        title,
        (f"row of {on}", "true class", "decided", "score"),
        tuple(
            (
                int(found.rows[p]),
                names[found.labels[p]],
                names[found.predicted[p]],
                float(found.scores[p]),
            )
            for p in places[:_SHOWN]
        ),
        f"{len(places):,} in all." if len(places) > _SHOWN else "",
    )
