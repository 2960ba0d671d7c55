"""Claim kind `monotone`: an output only rises, or only falls, with a feature in a region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from affidavit.contract.claim import Finding
from affidavit.contract.context import Context
from affidavit.contract.exploring import (
    CANDIDATES,
    LARGEST,
    TOLERANCE,
    Array,
    RegionClaim,
    assumptions,
    explore,
    limits_text,
    one_score,
    outputs_at,
    portion,
    shares,
    slopes,
    strongest,
    verdict_of,
    witness,
)
from affidavit.contract.features import feature_index
from affidavit.contract.outputs import Function, Of, function
from affidavit.contract.region import Place
from affidavit.errors import ContractError
from affidavit.evidence import Cell, Exhibit, Grade, Table, Verdict, Witness

if TYPE_CHECKING:
    from affidavit.regions import Partition


class Monotone(RegionClaim):
    """An output never falls, or never rises, as one feature grows, all else fixed."""

    kind: ClassVar[str] = "monotone"

    feature: str | int = Field(description="the feature that grows, by name or number")
    direction: Literal["increasing", "decreasing"] = Field(
        description="what the output does: never falls (increasing), never rises (decreasing)"
    )
    output: str | int | None = Field(
        default=None, description="class, or number of an output; may be left out if there is one"
    )
    margin: Annotated[list[str | int], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="two classes instead: the first's score minus the second's"
    )
    of: Of = Field(
        default="logit", description='"probability" for a sigmoid, or a softmax over two classes'
    )
    tolerance: float = Field(
        default=0.0, ge=0, description="slope in the wrong direction that is let pass"
    )

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        one_score(self.output, self.margin)
        if self.margin is not None and self.of == "probability":
            raise ValueError('margin is of logits: leave out of = "probability"')
        if self.of == "probability" and self.tolerance > 0:
            raise ValueError(
                "tolerance is a slope, and a probability's slope changes within a region: claim it"
                ' of = "logit"'
            )

    @property
    def text(self) -> str:
        if self.margin is not None:
            what = f"The margin of {self.margin[0]} over {self.margin[1]}"
        else:
            what = f"The {self.of}{'' if self.output is None else f' of {self.output}'}"
        never = "falls" if self.direction == "increasing" else "rises"
        but = f" by more than {self.tolerance:g} a unit" if self.tolerance else ""
        return f"{what} never {never}{but} as {_named(self.feature)} grows{self.where_text}"

    def check(self, context: Context) -> Finding:
        place = self.place(context)
        feature = feature_index(context.dataset, str(self.feature))
        if not place.free[feature]:
            raise ContractError(
                f"{place.names[feature]} is held fixed in the region: nothing can grow with it"
            )
        goal = function(context, self.output, self.margin, self.of)
        found = explore(self, context, place)
        gradient = slopes(found, goal.row)
        slope = gradient[:, feature]
        sign = 1.0 if self.direction == "increasing" else -1.0
        rounding = TOLERANCE * float(np.abs(gradient).max(initial=0))
        wrong = np.flatnonzero(sign * slope < -self.tolerance - rounding)
        verdict = verdict_of(len(wrong) > 0, found)
        worst = float((sign * slope).min()) * sign if len(slope) else None
        share = shares(found)
        seen = None
        if len(wrong):
            size = -sign * slope[wrong] * found.radii[wrong]
            order = wrong[np.argsort(-size, kind="stable")]
            seen = self._witness(context, place, found, goal, feature, order, gradient)
        return Finding(
            verdict=verdict,
            grade=Grade.EXACT,
            value=worst,
            interval=_interval(worst, sign, found.complete),
            quantity=f"{'least' if sign > 0 else 'greatest'} slope in {place.names[feature]}",
            reason=f"{self._reason(verdict, goal, place, feature, wrong, share)}"
            f" {limits_text(found)}",
            assumptions=assumptions(place),
            exhibits=tuple(_exhibits(place, slope, gradient, wrong, rounding, share)),
            evaluations=0 if seen is None else 2,
            witness=seen,
        )

    def _reason(
        self,
        verdict: Verdict,
        goal: Function,
        place: Place,
        feature: int,
        wrong: np.ndarray,
        share: Array | None,
    ) -> str:
        does = "falls" if self.direction == "increasing" else "rises"
        name = place.names[feature]
        if verdict is Verdict.VIOLATED:
            on = (
                ""
                if share is None
                else f", {portion(float(share[wrong].sum()))} of the region's volume"
            )
            count = f"{len(wrong):,} linear region{'s'[: len(wrong) != 1]}"
            return f"As {name} grows, {goal.name} {does} on {count}{on}: see the witness."
        if verdict is Verdict.HOLDS:
            return f"As {name} grows, {goal.name} {does} nowhere in the region."
        return f"No place was found where {goal.name} {does} as {name} grows."

    def _witness(
        self,
        context: Context,
        place: Place,
        found: Partition,
        goal: Function,
        feature: int,
        order: np.ndarray,
        gradient: Array,
    ) -> Witness:
        """A step along the feature within one region: its start is the input shown."""
        order = order[:CANDIDATES]
        half = found.frame.half[np.flatnonzero(found.frame.free == feature)[0]]
        reach = 0.9 * found.radii[order] * half
        start, end = found.inputs(order), found.inputs(order)
        start[:, feature] -= reach
        end[:, feature] += reach
        sign = 1.0 if self.direction == "increasing" else -1.0

        def show(number: int, x: Array, y: Array) -> tuple[bool, str]:
            after = x.copy()
            after[feature] = end[number, feature]
            before, later = (float(goal.row @ outputs_at(found, z)) + goal.bias for z in (x, after))
            does = "lowers" if later < before else "raises" if later > before else "keeps"
            return sign * (later - before) < 0, (
                f"Raising {place.names[feature]} from {x[feature]:.6g} to {after[feature]:.6g}"
                f" {does} {goal.name} from {before:.6g} to {later:.6g}."
            )

        relevant = np.abs(gradient[order[0]])
        relevant[feature] = np.inf
        return witness(context, place, start, show, relevant=relevant)


def _named(feature: str | int) -> str:
    return f"feature {feature}" if isinstance(feature, int) else feature


def _interval(worst: float | None, sign: float, complete: bool) -> tuple[float, float] | None:
    if complete and worst is not None:
        return (worst, worst)
    if worst is None:
        return None
    return (-np.inf, worst) if sign > 0 else (worst, np.inf)


def _exhibits(
    place: Place,
    slope: Array,
    gradient: Array,
    wrong: np.ndarray,
    rounding: float,
    share: Array | None,
) -> Iterator[Exhibit]:
    kinds = {
        "rises": slope > rounding,
        "stays": np.abs(slope) <= rounding,
        "falls": slope < -rounding,
    }
    volume = ("share of the volume",) if share is not None else ()
    rows: list[tuple[Cell, ...]] = []
    for name, chosen in kinds.items():
        part = () if share is None else (float(share[chosen].sum()),)
        least, most = (
            (float(slope[chosen].min()), float(slope[chosen].max()))
            if chosen.any()
            else (None, None)
        )
        rows.append((name, int(chosen.sum()), *part, least, most))
    yield Table(
        title="What the output does as the feature grows",
        columns=("it", "linear regions", *volume, "least slope", "greatest slope"),
        rows=tuple(rows),
    )
    if len(wrong):
        weight = np.abs(slope[wrong]) if share is None else share[wrong]
        order = wrong[np.argsort(-weight, kind="stable")[:LARGEST]]
        rows = []
        for region in order:
            part = () if share is None else (float(share[region]),)
            pull = gradient[region] * (place.upper - place.lower)
            rows.append((int(region), float(slope[region]), *part, strongest(pull, place.names)))
        yield Table(
            title="Largest linear regions against the claim",
            columns=("region", "slope", *volume, "strongest features"),
            rows=tuple(rows),
            note="Features by weight, times the width of the region in that feature.",
        )
