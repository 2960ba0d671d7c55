"""Claim kind `accuracy`: the share of right predictions is at least a threshold.

Overall and, on request, in every class and subgroup, judged together by exact binomial tests
(see :mod:`affidavit.contract.proportions`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from affidavit.contract.claim import Claim, File, Finding
from affidavit.contract.context import Context
from affidavit.contract.decisions import decisions
from affidavit.contract.groups import groups, increasing
from affidavit.contract.leakage import leakage
from affidavit.contract.proportions import (
    Judged,
    Proportion,
    chart,
    explain,
    judge,
    percent,
    plain,
    table,
)
from affidavit.data import Dataset
from affidavit.evidence import Exhibit, Grade, MatrixChart, Table, overall

MOST_CLASSES_SHOWN = 100
"""A confusion matrix of more classes is no picture; the commonest confusions are listed anyway."""

Share = Annotated[float, Field(gt=0, le=1)]


class Accuracy(Claim):
    """The share of inputs whose predicted class is the labelled one."""

    kind: ClassVar[str] = "accuracy"

    at_least: Share = Field(description="least accuracy claimed, above 0 and at most 1")
    confidence: float = Field(
        default=0.95, ge=0.5, lt=1, description="confidence of the verdict, one-sided"
    )
    on: str = Field(default="test", description="part of the data to check on")
    by: list[str] = Field(
        default=[], description='also in every group of these columns; "class" is the true class'
    )
    group_at_least: Share | None = Field(
        default=None, description="least accuracy in every group; default: at_least"
    )
    bins: dict[str, list[float]] = Field(
        default={}, description="inner edges that cut a numeric column of `by` into groups"
    )

    def model_post_init(self, context: object) -> None:
        for column, edges in self.bins.items():
            if column not in self.by:
                raise ValueError(f"bins for {column!r}, which is not in `by`")
            if not increasing(edges):
                raise ValueError(f"bins of {column!r}: expected increasing edges, got {edges}")

    @property
    def text(self) -> str:
        groups = ""
        if self.by:
            least = plain(self._least_in_groups)
            groups = f", and at least {least} in every group by {', '.join(self.by)}"
        return (
            f"Accuracy on {self.on} is at least {plain(self.at_least)}{groups}"
            f" ({percent(self.confidence)} confidence)"
        )

    def check(self, context: Context) -> Finding:
        part = context.part(self.on)
        predicted, rule = decisions(context, self.on)
        right = predicted == part.labels
        rows = judge(list(self._proportions(part, right)), self.confidence)
        leaks = list(leakage(context.dataset, self.on))
        verdict = overall([row.verdict for row in rows])
        first = rows[0]
        joint = f", jointly over the {len(rows)} rows" if len(rows) > 1 else ""
        return Finding(
            verdict=verdict,
            grade=Grade.STATISTICAL,
            value=first.share,
            interval=(first.lower, first.upper),
            reason=" ".join([explain(rows, "accuracy"), *leaks]),
            assumptions=(
                f"The {len(part)} inputs of the part {self.on!r} are an independent sample of the"
                " inputs that the claim is about, and served neither to train nor to choose the"
                " model.",
                rule,
                f"Each bound holds with {percent(self.confidence)} confidence on its side{joint}.",
            ),
            exhibits=tuple(_exhibits(rows, predicted, part)),
            files={"predictions.csv": _predictions(context.dataset, self.on, predicted, part)},
            evaluations=len(part),
        )

    @property
    def _least_in_groups(self) -> float:
        return self.at_least if self.group_at_least is None else self.group_at_least

    def _proportions(self, part: Dataset, right: np.ndarray) -> Iterator[Proportion]:
        yield Proportion("overall", int(right.sum()), len(right), self.at_least)
        for column in dict.fromkeys(self.by):
            for name, mask in groups(part, column, self.bins.get(column)):
                yield Proportion(
                    name, int(right[mask].sum()), int(mask.sum()), self._least_in_groups
                )


def _exhibits(rows: list[Judged], predicted: np.ndarray, part: Dataset) -> Iterator[Exhibit]:
    yield table(rows, "Accuracy", "right", "inputs")
    yield chart(rows, "Accuracy against what is claimed", "accuracy")
    names = part.class_names
    size = len(names)
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (part.labels.astype(int), predicted), 1)
    if size <= MOST_CLASSES_SHOWN:
        yield MatrixChart(
            title="Confusion",
            row_axis="true class",
            column_axis="predicted class",
            row_names=names,
            column_names=names,
            counts=tuple(tuple(int(count) for count in row) for row in counts),
        )
    wrong = counts * ~np.eye(size, dtype=bool)
    common = [divmod(int(i), size) for i in np.argsort(-wrong, axis=None, kind="stable")[:10]]
    if wrong.any():
        yield Table(
            title="Most frequent confusions",
            columns=("true class", "taken for", "inputs"),
            rows=tuple((names[i], names[j], int(wrong[i, j])) for i, j in common if wrong[i, j]),
        )


def _predictions(dataset: Dataset, on: str, predicted: np.ndarray, part: Dataset) -> File:
    names = dict(enumerate(part.class_names))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # Where rows come from files, their names say more than numbers do.
    named = ["file"] if "file" in part.columns else []
    writer.writerow(["row", *named, "label", "predicted", "right"])
    for index, row in enumerate(dataset.parts[on]):
        label, decided = part.labels[index], predicted[index]
        origin = [part.columns[column][index] for column in named]
        right = "yes" if label == decided else "no"
        writer.writerow([row, *origin, names[label], names[decided], right])
    return File(text.getvalue().encode(), "label and decision of every input, by row of the data")
