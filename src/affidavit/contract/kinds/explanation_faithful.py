"""Claim kind `explanation_faithful`: an explanation follows the model better than a control does.

Followed are the probability of the decided class as pixels come in order of relevance (insertion)
and as they go (deletion). The mean gain over a control, which knows nothing of the model, is
bounded by bets on bounded values (:func:`affidavit.statistics.mean_lower`): the level is kept
whatever the gains' distribution and however few inputs there are, which a bootstrap would not do.
The grade is `statistical` for a claim about all inputs like these, and `exact` with
`population = false`.
"""

from __future__ import annotations

import csv
import io
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from affidavit import statistics
from affidavit.attribution import Classifier
from affidavit.attribution.evaluation import deletion, insertion
from affidavit.attribution.explainers.making import make_explainer
from affidavit.contract.claim import File, Finding
from affidavit.contract.context import Context
from affidavit.contract.explainers import ExplainerClaim
from affidavit.contract.explaining import Explained
from affidavit.contract.image_exhibits import image_grid
from affidavit.contract.proportions import percent, plain
from affidavit.evidence import (
    Curve,
    CurveChart,
    Estimate,
    Exhibit,
    Grade,
    ImageGrid,
    IntervalChart,
    Table,
    Verdict,
)
from affidavit.report import wording

Control = Literal["random", "centre", "edges"]
By = Literal["both", "insertion", "deletion"]
Array = NDArray[np.float64]

_SHOWN = 3
"""Inputs of the largest and of the least gain whose images are in the report."""


class ExplanationFaithful(ExplainerClaim):
    """The mean gain of an explainer's deletion and insertion over a control's is large enough."""

    kind: ClassVar[str] = "explanation_faithful"

    margin: float = Field(
        default=0.0, gt=-2, lt=2, description="least mean gain claimed over the control"
    )
    over: Control = Field(default="random", description="the control: random, centre or edges")
    by: By = Field(
        default="both",
        description="what gains: the area of insertion minus that of deletion (both), or one of"
        " the two",
    )
    steps: int = Field(default=50, ge=1, description="steps of a curve")

    @property
    def text(self) -> str:
        what = {
            "both": "insertion minus deletion",
            "insertion": "insertion",
            "deletion": "the negative of deletion",
        }[self.by]
        return (
            f"The mean gain of {self.explainer_text} over the control {self.over}, in the area of"
            f" {what} ({self.fill_in}), is at least {plain(self.margin)} for {self.whose}"
        )

    def check(self, context: Context) -> Finding:
        """Grade `statistical` for a population; `exact` for the rows alone, all looked at."""
        control = make_explainer(self.over, seed=context.seed % 2**63)

        def measure(
            classifier: Classifier, pixels: Tensor, target: Tensor, maps: Tensor
        ) -> dict[str, Tensor]:
            other = control(classifier, pixels, target)
            found = {"control": other}
            for whose, ranked in (("own", maps), ("other", other)):
                for name, follow in (("insertion", insertion), ("deletion", deletion)):
                    found[f"{whose} {name}"] = follow(
                        classifier,
                        pixels,
                        target,
                        ranked,
                        fill=self.fill_in,
                        steps=self.steps,
                        batch_size=context.batch_size,
                        seed=context.seed % 2**63,
                    ).probability
            return found

        found = self.explain(context, measure)
        areas = {
            name: np.trapezoid(values.double().cpu().numpy(), dx=1 / self.steps, axis=1)
            for name, values in found.measured.items()
            if name != "control"
        }
        gains = self._gains(areas)
        verdict, interval, further = self._judged(gains)
        return Finding(
            verdict=verdict,
            grade=Grade.STATISTICAL if self.population else Grade.EXACT,
            value=float(gains.mean()),
            interval=interval,
            quantity="mean gain over the control",
            reason=self._reason(gains, verdict, interval, further),
            assumptions=(
                *(self._sampled(len(gains)) if self.population else ()),
                *self.rules(context),
            ),
            exhibits=tuple(self._exhibits(found, areas, gains, verdict, interval)),
            files={"inputs.csv": self._file(context, found, areas, gains)},
            evaluations=4 * (self.steps + 1) * len(gains),
        )

    @property
    def _reach(self) -> float:
        """The largest size that a gain can have: areas lie in [0, 1]."""
        return 2.0 if self.by == "both" else 1.0

    def _gains(self, areas: dict[str, Array]) -> Array:
        insertion = areas["own insertion"] - areas["other insertion"]
        deletion = areas["other deletion"] - areas["own deletion"]
        gains = {"both": insertion + deletion, "insertion": insertion, "deletion": deletion}
        # Rounding of the sums may leave the range by a little.
        return np.clip(gains[self.by], -self._reach, self._reach)

    def _judged(self, gains: Array) -> tuple[Verdict, tuple[float, float], int | None]:
        """The verdict, bounds of the mean gain, and how many further inputs would decide."""
        if not self.population:
            mean = float(gains.mean())
            holds = mean >= self.margin
            return (Verdict.HOLDS if holds else Verdict.VIOLATED), (mean, mean), None
        span = (-self._reach, self._reach)
        lower = statistics.mean_lower(gains, self.confidence, span)
        upper = statistics.mean_upper(gains, self.confidence, span)
        if lower >= self.margin:
            return Verdict.HOLDS, (lower, upper), None
        if upper < self.margin:
            return Verdict.VIOLATED, (lower, upper), None
        further = statistics.values_to_decide(gains, self.margin, self.confidence, span)
        return Verdict.UNDECIDED, (lower, upper), further

    def _sampled(self, count: int) -> tuple[str, str]:
        return (
            self.sample_assumption(count),
            f"Each bound of the mean gain holds with {percent(self.confidence)} confidence on its"
            f" side, whatever the distribution of gains, which lie in [-{self._reach:g},"
            f" {self._reach:g}].",
        )

    def _reason(
        self, gains: Array, verdict: Verdict, interval: tuple[float, float], further: int | None
    ) -> str:
        better = int((gains > 0).sum())
        seen = (
            f"Of {wording.counted(len(gains), 'input')}, {better:,} are better explained by"
            f" {self.explainer} than by the control; the mean gain is"
            f" {wording.number(float(gains.mean()))}"
        )
        claimed = plain(self.margin)
        if not self.population:
            return f"{seen}: {claimed} is {'' if verdict is Verdict.HOLDS else 'not '}met."
        surely = f"{seen}, with confidence in {wording.interval(interval)}"
        if verdict is Verdict.HOLDS:
            return f"{surely}: {claimed} is met."
        if verdict is Verdict.VIOLATED:
            return f"{surely}: below {claimed}."
        more = (
            "No number of further inputs with the same gains would decide."
            if further is None
            else f"About {further:,} more inputs with the same gains would decide."
        )
        return f"{surely}, on both sides of {claimed}. {more}"

    def _exhibits(
        self,
        found: Explained,
        areas: dict[str, Array],
        gains: Array,
        verdict: Verdict,
        interval: tuple[float, float],
    ) -> list[Exhibit]:
        names = {"own": self.explainer, "other": self.over}
        rows = tuple(
            (
                name,
                float(areas[f"{whose} insertion"].mean()),
                float(areas[f"{whose} deletion"].mean()),
            )
            for whose, name in names.items()
        )
        shares = tuple(step / self.steps for step in range(self.steps + 1))
        curves = tuple(
            Curve(
                f"{direction}, {name}",
                shares,
                tuple(found.measured[f"{whose} {direction}"].double().mean(0).tolist()),
            )
            for direction in ("insertion", "deletion")
            for whose, name in names.items()
        )
        seconds = wording.duration(found.seconds / len(found))
        return [
            Table(
                "Mean areas",
                ("explainer", "insertion", "deletion"),
                rows,
                f"Large insertion and small deletion are good. {self.explainer_text} took"
                f" {seconds} an input.",
            ),
            IntervalChart(
                "Mean gain against what is claimed",
                "mean gain",
                (
                    Estimate(
                        f"over {self.over} ({len(gains):,})",
                        float(gains.mean()),
                        *interval,
                        self.margin,
                        verdict=verdict,
                    ),
                ),
            ),
            CurveChart(
                "Deletion and insertion",
                "share of pixels deleted or inserted",
                "mean probability of the class",
                curves,
            ),
            self._images(found, gains),
        ]

    def _images(self, found: Explained, gains: Array) -> ImageGrid:
        order = np.argsort(-gains, kind="stable")
        chosen = [*order[:_SHOWN], *order[_SHOWN:][-_SHOWN:]]
        places = [int(place) for place in chosen]
        labels = [f"row {found.rows[p]} of {self.on}; gain {gains[p]:.3f}" for p in places]
        return image_grid(
            found,
            places,
            labels,
            [(self.over, found.measured["control"][places])],
            "Explanations with the largest gains and the least",
            "From the largest gain to the least.",
        )

    def _file(
        self, context: Context, found: Explained, areas: dict[str, Array], gains: Array
    ) -> File:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = {"own": self.explainer, "other": self.over}
        columns = [
            f"{direction}_{name}"
            for name in names.values()
            for direction in ("insertion", "deletion")
        ]
        writer.writerow(["row", *columns, "gain"])
        keys = [
            f"{whose} {direction}" for whose in names for direction in ("insertion", "deletion")
        ]
        for place, row in enumerate(context.dataset.parts[self.on][found.rows]):
            numbers = [repr(float(areas[key][place])) for key in keys]
            writer.writerow([row, *numbers, repr(float(gains[place]))])
        return File(text.getvalue().encode(), "areas and gain of every input, by row of the data")
