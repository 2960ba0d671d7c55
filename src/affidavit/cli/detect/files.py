"""The folders of `affidavit detect`: a fitted detector, and a report with its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from affidavit.cli.detect.fitting import DETECTOR, Fitted
from affidavit.cli.detect.folder import AGAINST, Fitting, forget
from affidavit.cli.detect.reporting import Findings
from affidavit.cli.detect.setup import Chosen, Preparation
from affidavit.cli.files import csv_text
from affidavit.data import Dataset
from affidavit.errors import OutputError
from affidavit.misclassification.fitted_rows import FittedRows
from affidavit.misclassification.pictures import (
    cascade_curves,
    confusion_counts,
    risk_coverage_curves,
    roc_curves,
    score_histograms,
)


def write_detector(
    found: Fitted,
    preparation: Preparation,
    dataset: Dataset,
    rows: Sequence[Chosen],
    facts: Mapping[str, Any],
    folder: Path,
) -> None:
    """Writes the detector, its baselines, and what they were fitted on. Raises OutputError."""
    forget(folder)
    baselines = [name for name in found.detectors if name != DETECTOR]
    found.detectors[DETECTOR].save(folder)
    for name in baselines:
        found.detectors[name].save(folder / AGAINST / name)
    numbers = np.concatenate([of.numbers for of in rows])
    rows_used = FittedRows.of(dataset.inputs, numbers)
    fitting = Fitting(preparation, tuple(baselines), facts, rows_used)
    # Last: a folder without it was not finished.
    fitting.save(folder)


def write_report(
    record: Mapping[str, Any],
    found: Findings,
    chosen: Chosen,
    classes: Sequence[str],
    title: str,
    folder: Path,
) -> list[str]:
    """Writes tables and pictures, and returns their names. Raises OutputError."""
    texts = {
        "table.json": json.dumps(record, indent=2) + "\n",
        "table.csv": csv_text(found.comparison.rows()),
        "rows.csv": csv_text(list(_rows(found, chosen, classes))),
    }
    if found.cascades:
        texts["cascade.csv"] = csv_text(list(_cascade_rows(found)))
    written = list(texts)
    try:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name, figure in _figures(found, title):
            for ending in ("png", "svg"):
                figure.savefig(folder / f"{name}.{ending}")
                written.append(f"{name}.{ending}")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}") from error
    return written


def _rows(found: Findings, chosen: Chosen, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    refused = found.scores[DETECTOR] >= found.thresholds[DETECTOR]
    for place, row in enumerate(chosen.rows):
        yield {
            "row": int(row),
            "row_of_data": int(chosen.numbers[place]),
            "prediction": classes[int(found.predicted[place])],
            "class": classes[int(chosen.labels[place])],
            "wrong": bool(found.wrong[place]),
            "refused": bool(refused[place]),
            "fitted_on": bool(found.overlap.fitted[place]),
            **{f"score_{name}": float(of[place]) for name, of in found.scores.items()},
        }


def _cascade_rows(found: Findings) -> Iterator[dict[str, Any]]:
    for name, of in found.cascades.items():
        columns = (of.thresholds, of.refused, of.accuracy, of.cost)
        for threshold, refused, accuracy, cost in zip(*columns, strict=True):
            yield {
                "method": name,
                "threshold": float(threshold),
                "refused": float(refused),
                "accuracy": float(accuracy),
                "cost": float(cost),
            }


def _figures(found: Findings, title: str) -> Iterator[tuple[str, Figure]]:
    scores, wrong, marked = found.scores, found.wrong, found.thresholds
    yield "roc", roc_curves(scores, wrong, thresholds=marked, title=title)
    yield "risk-coverage", risk_coverage_curves(scores, wrong, thresholds=marked, title=title)
    yield (
        "scores",
        score_histograms(
            scores[DETECTOR], wrong, threshold=marked[DETECTOR], name="score of the detector",
            title=title,
        ),
    )  # fmt: skip
    yield "confusion", confusion_counts(found.confusions[DETECTOR], title=title)
    if found.cascades:
        yield "cascade", cascade_curves(found.cascades, thresholds=marked, title=title)
