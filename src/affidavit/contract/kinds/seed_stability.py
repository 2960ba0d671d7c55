"""Claim kind `seed_stability`: trained again with another seed, most runs come out nearly alike.

Fresh runs of a structure and a training are made. By order statistics, whatever the distribution,
the interval between two of them holds the stated share of all such runs with the stated confidence:
between the least and the greatest of 46 lie 90 %, at 95 %. The grade is `statistical`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from affidavit.contract.claim import Finding
from affidavit.contract.context import Context
from affidavit.contract.leakage import leakage
from affidavit.contract.proportions import percent, plain
from affidavit.contract.run_exhibits import (
    accuracies_chart,
    runs_file,
    spread_table,
)
from affidavit.contract.trained import TrainedClaim
from affidavit.contract.training import assumptions, require_parts, trained, training_data
from affidavit.data import Dataset
from affidavit.evidence import Exhibit, Grade, Table
from affidavit.initialization.evidence import Stability, seed_spread, seed_stability


class SeedStability(TrainedClaim):
    """Most runs of a training, each with fresh weights, have nearly the same accuracy."""

    kind: ClassVar[str] = "seed_stability"

    at_most: float = Field(
        ge=0, lt=1, description="greatest width of the span of accuracies, a share of 1"
    )
    content: float = Field(default=0.9, gt=0, lt=1, description="share of all runs that lie in it")
    runs: int = Field(default=46, ge=2, description="fresh runs to make")
    on: str = Field(default="test", description="part of the data whose rows measure accuracy")

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        if self.on == "train":
            raise ValueError(
                "on: networks are trained on 'train'; expected a part that takes no part in that"
            )

    @property
    def text(self) -> str:
        return (
            f"{percent(self.content)} of {self.networks}, {self.training}, have accuracies on"
            f" {self.on} within a span of {plain(self.at_most)} ({percent(self.confidence)}"
            " confidence)"
        )

    def check(self, context: Context) -> Finding:
        from affidavit.initialization.limits import Limits
        from affidavit.initialization.strategies import Reseeding

        data, part = self._rows(training_data(context))
        limits = Limits(max_trial=self.runs - 1)  # and the first
        result = trained(self, context, data, Reseeding(), limits)
        # A storage may hold more: which count is settled by their number alone.
        runs = result.runs[: self.runs]
        bits = [run.test if part == "test" else run.validation for run in runs]
        rows = len(data.parts[part])
        accuracies = [math.nan if of is None else float(of.mean()) for of in bits]
        correct = np.stack([of for of in bits if of is not None])
        found = seed_stability(accuracies, rows, self.at_most, self.content, self.confidence)
        interval = found.interval
        return Finding(
            verdict=found.verdict,
            grade=Grade.STATISTICAL,
            value=None if interval is None else interval[1] - interval[0],
            interval=None,
            quantity=(f"width of the interval that holds {percent(self.content)} of runs"),
            reason=" ".join([found.text, *leakage(context.dataset, self.on)]),
            assumptions=tuple(self._assumptions(context, rows)),
            exhibits=tuple(self._exhibits(found, correct)),
            files={"runs.csv": runs_file(runs, None)},
            evaluations=len(correct) * rows,
        )

    def _rows(self, data: Dataset) -> tuple[Dataset, str]:
        """The data to search on, and which of a run's parts are the claim's rows."""
        require_parts(data, "train", self.on)
        if self.on in ("validation", "test") and "validation" in data.parts:
            return data, self.on  # as of `attainable_accuracy`: what was trained can be shared
        # Nothing is chosen here, so that no further part is needed.
        parts = {"train": data.parts["train"], "validation": data.parts[self.on]}
        return dataclasses.replace(data, parts=parts), "validation"

    def _assumptions(self, context: Context, rows: int) -> list[str]:
        return [
            *assumptions(self, context),
            "The runs are independent draws: initial weights and the order of rows are made anew"
            " from the run's own seed.",
            f"Accuracy is that on these {rows:,} rows of {self.on!r}, as they are; a run whose"
            " training fails lies within no span.",
            f"Either verdict is right with {percent(self.confidence)} confidence, whatever the"
            " distribution of accuracies (order statistics).",
        ]

    def _exhibits(self, found: Stability, correct: NDArray[np.bool_]) -> Iterator[Exhibit]:
        rows = correct.shape[1]
        right = [int(of.sum()) for of in correct]
        yield Table(
            "Runs",
            ("quantity", "value"),
            (
                ("fresh runs", found.runs),
                ("failed", found.diverged),
                (f"rows of {self.on}", rows),
                ("mean accuracy", float(correct.mean())),
                ("least accuracy", min(right) / rows),
                ("greatest accuracy", max(right) / rows),
                (f"most runs within {plain(self.at_most)}", found.most),
                ("so many that show the claim", found.enough),
                ("p of so few, if the claim were true", found.p_value),
                ("further runs like these that would decide", found.further),
            ),
            "Accuracies are those of the runs that did not fail." if found.diverged else "",
        )
        interval = found.interval
        if interval is not None:
            low, high = interval
            yield Table(
                f"Narrowest interval that holds {percent(self.content)} of all runs",
                ("lower", "upper", "width", "claimed", "runs within", "of"),
                ((low, high, high - low, self.at_most, found.enough, found.runs),),
                f"With {percent(self.confidence)} confidence, by order statistics. So many runs"
                " have to lie within an interval to show it.",
            )
        yield accuracies_chart(right, rows, self.on)
        spread = seed_spread(correct, self.confidence)
        if spread is not None:
            yield spread_table(spread)
