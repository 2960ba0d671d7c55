"""Claim kind `explanation_sufficient`: what an explanation ranks first is enough for the decision.

Of each input the most relevant pixels are kept, at most a share of all, and the rest is replaced;
the model must decide as before. Whether it does is seen for every input that is looked at, so the
grade is `statistical` for a claim about all inputs like these, and `exact` with
`population = false`.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from affidavit.attribution import Classifier
from affidavit.attribution.evaluation.keeping import kept_images
from affidavit.contract.certified_shares import Shares, further_text, judged
from affidavit.contract.claim import Finding
from affidavit.contract.context import Context
from affidavit.contract.explainers import ExplainerClaim
from affidavit.contract.explaining import channels_last
from affidavit.contract.kept_parts import KeptParts, kept_file, kept_grid, kept_witness
from affidavit.contract.proportions import percent, plain
from affidavit.errors import DataError
from affidavit.evidence import (
    Curve,
    CurveChart,
    Estimate,
    Exhibit,
    Grade,
    IntervalChart,
    Table,
    Verdict,
)
from affidavit.report import wording

Area = Annotated[float, Field(gt=0, le=1)]


class ExplanationSufficient(ExplainerClaim):
    """The most relevant pixels alone preserve the decision for a share of inputs."""

    kind: ClassVar[str] = "explanation_sufficient"

    at_most_area: Area = Field(description="largest share of an image's pixels that is kept")
    at_least: Area = Field(description="least share of inputs claimed to keep their decision")
    curve: list[Area] = Field(
        default=[], description="other shares of pixels, for a curve in the report"
    )

    @property
    def text(self) -> str:
        return (
            f"The {_share(self.at_most_area)} of the pixels that {self.explainer_text} ranks first"
            f" preserve the decision, the rest replaced ({self.fill_in}), for at least"
            f" {plain(self.at_least)} of {self.whose}"
        )

    def check(self, context: Context) -> Finding:
        """Grade `statistical` for a population; `exact` for the rows alone, all looked at."""
        areas = sorted({*self.curve, self.at_most_area})
        main = areas.index(self.at_most_area)

        def measure(
            classifier: Classifier, pixels: Tensor, target: Tensor, maps: Tensor
        ) -> dict[str, Tensor]:
            parts = [
                kept_images(
                    pixels,
                    maps,
                    self._count(context, area),
                    fill=self.fill_in,
                    data_range=classifier.data_range,
                    seed=context.seed % 2**63,
                )
                for area in areas
            ]
            # Ties go to the first class, as everywhere.
            decided = [classifier.scores(part, context.batch_size).argmax(1) for part in parts]
            return {"images": parts[main], "decided": torch.stack(decided, 1)}

        found = self.explain(context, measure)
        decided = found.measured["decided"]
        parts = KeptParts(found, found.measured["images"], decided[:, main])
        good, count = int(parts.preserved.sum()), len(parts)
        confidence = self.confidence if self.population else None
        result = judged(good, count - good, count, self.at_least, confidence)
        shares = (decided == found.target[:, None]).double().mean(0).tolist()
        curve = dict(zip(areas, shares, strict=True)) if self.curve else {}
        witness = None
        if result.verdict is Verdict.VIOLATED:
            what = (
                f"has the {_share(self.at_most_area)} of its pixels that {self.explainer_text}"
                f" ranks first, the rest replaced ({self.fill_in})"
            )
            witness = kept_witness(context, parts, self.on, what)
        return Finding(
            verdict=result.verdict,
            grade=Grade.STATISTICAL if self.population else Grade.EXACT,
            value=good / count,
            interval=(result.lower, result.upper),
            quantity="share of decisions preserved",
            reason=self._reason(result),
            assumptions=(
                *(self._sampled(count) if self.population else ()),
                *self.rules(context),
            ),
            exhibits=(
                *self._exhibits(result, curve, found.seconds / count),
                kept_grid(context, parts, self.on),
            ),
            files={"inputs.csv": kept_file(context, parts, self.on)},
            evaluations=count,
            witness=witness,
        )

    def _count(self, context: Context, area: float) -> int:
        """How many pixels a share is, at most."""
        shape = context.dataset.inputs.shape[1:]
        size = math.prod(shape[:-1] if channels_last(context) else shape[1:])
        count = math.floor(area * size + 1e-9)
        if count < 1:
            raise DataError(f"a share of {area:g} of {size} pixels is less than one pixel")
        return count

    def _sampled(self, count: int) -> tuple[str, str]:
        sure = (
            f"Each bound of the share holds with {percent(self.confidence)} confidence on its side."
        )
        return self.sample_assumption(count), sure

    def _reason(self, result: Shares) -> str:
        claimed = plain(self.at_least)
        seen = (
            f"Of {wording.counted(result.count, 'input')}, {result.certified:,} keep their"
            " decision when only these pixels are shown"
        )
        if result.confidence is None:
            met = "is met" if result.verdict is Verdict.HOLDS else "is not met"
            return f"{seen}: {claimed} {met}."
        ends = wording.interval((result.lower, result.upper))
        share = f"{seen}. The share of such inputs is with confidence in {ends}"
        if result.verdict is Verdict.HOLDS:
            return f"{share}: {claimed} is met."
        if result.verdict is Verdict.VIOLATED:
            return f"{share}: below {claimed}."
        return f"{share}, on both sides of {claimed}. {further_text(result)}"

    def _exhibits(self, result: Shares, curve: dict[float, float], seconds: float) -> list[Exhibit]:
        exhibits: list[Exhibit] = [
            Table(
                "Inputs",
                ("what became of the decision", "inputs", "share"),
                (
                    ("preserved", result.certified, result.certified / result.count),
                    ("another one", result.refuted, result.refuted / result.count),
                ),
                f"{self.explainer_text} took {wording.duration(seconds)} an input.",
            ),
            IntervalChart(
                "Share of decisions preserved against what is claimed",
                "share of inputs",
                (
                    Estimate(
                        f"preserved ({result.count:,})",
                        result.certified / result.count,
                        result.lower,
                        result.upper,
                        self.at_least,
                        verdict=result.verdict,
                    ),
                ),
            ),
        ]
        if curve:
            exhibits.append(
                CurveChart(
                    "Decisions preserved by the share of pixels kept",
                    "share of pixels kept",
                    "share of inputs",
                    (Curve(self.explainer, tuple(curve), tuple(curve.values())),),
                    self.at_least,
                )
            )
        return exhibits


def _share(area: float) -> str:
    return f"{100 * area:.4g}\N{NO-BREAK SPACE}%"
