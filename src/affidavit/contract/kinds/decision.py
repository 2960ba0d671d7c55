"""Claim kind `decision`: a class is never, or always, decided for anywhere in a region."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from affidavit.contract.claim import Finding
from affidavit.contract.context import Context
from affidavit.contract.decisions import classes_of_outputs, single_output
from affidavit.contract.exploring import (
    LARGEST,
    Array,
    RegionClaim,
    assumptions,
    explore,
    limits_text,
    portion,
    shares,
    strongest,
    verdict_of,
    witness,
)
from affidavit.contract.outputs import Name, class_index, head, output_count
from affidavit.contract.region import Place
from affidavit.contract.searching import MARGIN, search
from affidavit.errors import ModelError
from affidavit.evidence import Estimate, Exhibit, Grade, IntervalChart, Table, Verdict, Witness

if TYPE_CHECKING:
    from affidavit.regions import Partition
    from affidavit.regions.enumeration import Refinement

MOST_FEATURES = 9
"""Features that vary, up to which `auto` finds all regions; above it asks one question a class."""


class Decision(RegionClaim):
    """A class is never, or always, decided for anywhere in a region of inputs."""

    kind: ClassVar[str] = "decision"

    never: str | int | None = Field(
        default=None, description="class, by name or number, that is never decided for"
    )
    always: str | int | None = Field(
        default=None, description="class that is always decided for; instead of never"
    )

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        if (self.never is None) == (self.always is None):
            raise ValueError("expected one of never and always, with the name of a class")

    @property
    def text(self) -> str:
        often = "never" if self.always is None else "always"
        return f"The decision is {often} {self._name}{self.where_text}"

    def check(self, context: Context) -> Finding:
        place = self.place(context)
        rule = _Rule.of(context)
        wanted = class_index(context, self._name)
        classes = np.arange(len(rule.names))
        forbidden = classes == wanted if self.always is None else classes != wanted
        if self._asks(place):
            return self._ask(context, place, rule, forbidden, self.max_seconds)
        # Where all regions are too many, half of the time is kept for the other way.
        started = time.monotonic()
        seconds = self.max_seconds / 2 if self.engine == "auto" else None
        found = explore(self, context, place, rule.refinement, seconds)
        # One unit of the refinement, one answer a region.
        decided = rule.classes[found.answers.reshape(len(found))]
        wrong = np.flatnonzero(forbidden[decided])
        if not len(wrong) and not found.complete and self.engine == "auto":
            left = max(self.max_seconds - (time.monotonic() - started), self.max_seconds / 4)
            return self._ask(context, place, rule, forbidden, left, limits_text(found) + " ")
        return self._finding(context, place, rule, forbidden, found, decided, wrong)

    def _asks(self, place: Place) -> bool:
        if self.engine == "auto":
            return int(place.free.sum()) > MOST_FEATURES
        return self.engine == "milp"

    def _finding(
        self,
        context: Context,
        place: Place,
        rule: _Rule,
        forbidden: NDArray[np.bool_],
        found: Partition,
        decided: NDArray[np.int64],
        wrong: NDArray[np.int64],
    ) -> Finding:
        share = shares(found)
        verdict = verdict_of(len(wrong) > 0, found)
        value: float | None = 0.0 if verdict is Verdict.HOLDS else None
        interval = None
        if share is not None:
            value = float(share[wrong].sum())
            interval = (value, min(1.0, max(value, 1 - float(share.sum()) + value)))
            if found.complete:
                value = min(1.0, value)
                interval = (value, value)
        seen = None
        if len(wrong):
            best = wrong[np.argsort(-found.radii[wrong], kind="stable")]
            seen = self._witness(context, place, rule, forbidden, found.inputs(best[:64]))
        reason = self._reason(verdict, value, len(wrong), rule, np.unique(decided[wrong]))
        return Finding(
            verdict=verdict,
            grade=Grade.EXACT,
            value=value,
            interval=interval,
            quantity=f"share of the region's volume that is {self._against}",
            reason=f"{reason} {limits_text(found)}",
            assumptions=(rule.sentence, *assumptions(place)),
            exhibits=tuple(_exhibits(found, rule, decided, share, place)),
            evaluations=0 if seen is None else 1,
            witness=seen,
        )

    def _ask(
        self,
        context: Context,
        place: Place,
        rule: _Rule,
        forbidden: NDArray[np.bool_],
        seconds: float,
        before: str = "",
    ) -> Finding:
        """Asks for an input of each forbidden class, without finding all regions."""
        outputs = np.flatnonzero(forbidden[rule.classes])
        found = search(context, place, rule.preferences(), outputs, seconds)
        verdict = (
            Verdict.VIOLATED
            if found.inputs is not None
            else Verdict.HOLDS
            if found.complete
            else Verdict.UNDECIDED
        )
        seen = None
        if found.inputs is not None:
            seen = self._witness(context, place, rule, forbidden, found.inputs)
        holds = verdict is Verdict.HOLDS
        reason = self._reason(verdict, None, 1, rule, rule.classes[found.which])
        return Finding(
            verdict=verdict,
            grade=Grade.EXACT,
            value=0.0 if holds else None,
            interval=(0.0, 0.0) if holds else None,
            quantity=f"share of the region's volume that is {self._against}" if holds else "",
            reason=f"{reason} {before}{found.sentence}",
            assumptions=(
                rule.sentence,
                *assumptions(place),
                f"The mixed-integer program decides to {MARGIN:g} of the outputs' size: a"
                " class that leads by less does not count.",
            ),
            evaluations=found.evaluations,
            witness=seen,
        )

    @property
    def _name(self) -> Name:
        return cast(Name, self.never if self.always is None else self.always)

    @property
    def _against(self) -> str:
        return f"decided for {self.never}" if self.always is None else f"not {self.always}"

    def _reason(
        self,
        verdict: Verdict,
        share: float | None,
        count: int,
        rule: _Rule,
        seen: NDArray[np.int64],
    ) -> str:
        if verdict is Verdict.HOLDS:
            often = "Nowhere in" if self.always is None else "Everywhere in"
            return f"{often} the region is {self._name} decided for."
        if verdict is Verdict.UNDECIDED:
            return f"No input of the region was found that is {self._against}."
        decided = " or ".join(rule.names[index] for index in seen)
        part = "" if share is None else f" on {portion(float(share))} of the region's volume"
        number = f" ({count:,} linear regions)" if count > 1 else ""
        return f"The decision is {decided}{part}{number}: see the witness."

    def _witness(
        self,
        context: Context,
        place: Place,
        rule: _Rule,
        forbidden: NDArray[np.bool_],
        candidates: Array,
    ) -> Witness:
        def show(number: int, x: Array, y: Array) -> tuple[bool, str]:
            index = rule.decide(y)
            return bool(forbidden[index]), f"The model decides for {rule.names[index]} here."

        return witness(
            context, place, candidates, show, decide=lambda y: rule.names[rule.decide(y)]
        )


@dataclass(frozen=True, eq=False)
class _Rule:
    """From outputs to classes.

    Attributes:
        names: of the classes, in the data's order.
        classes: the class of each answer of the refinement.
        refinement: what tells regions of different decisions apart.
        level: above which a single output decides for the second answer; None for several.
        sentence: the rule in words.
        decide: the class that the model's own outputs decide for.
    """

    names: tuple[str, ...]
    classes: NDArray[np.int64]
    refinement: Refinement
    level: float | None
    inner_level: float
    sentence: str
    decide: Callable[[Array], int]

    @staticmethod
    def of(context: Context) -> _Rule:
        from affidavit.regions.switches import Level

        names = context.dataset.class_names
        count = output_count(context)
        class_index(context, 0)  # says so where the data have no classes
        classes = classes_of_outputs(context, max(count, 2))
        if count > 1:
            return _Rule(
                names,
                classes,
                "decision",
                None,
                0.0,
                "The decision is the largest output's class (ties: the first).",
                lambda y: int(classes[int(y.argmax())]),
            )
        level, what = single_output(context)
        final = head(context)
        if final not in (None, "sigmoid"):
            raise ModelError(f"the model ends in a {final} over a single output")
        # Regions leave the sigmoid out: a probability of 1/2 is a logit of 0.
        inner = 0.0 if final == "sigmoid" else level
        return _Rule(
            names,
            classes,
            Level(torch.ones(1, 1), torch.tensor([-inner])),
            level,
            inner,
            f"The decision is the second class where the single output, a {what}, is above"
            f" {level:g}.",
            lambda y: int(classes[int(y[0] > level)]),
        )

    def preferences(self) -> list[tuple[Array, Array]]:
        """For each answer, `A y <= b` on the outputs where it is decided for."""
        if self.level is not None:
            low = (np.array([[1.0]]), np.array([self.inner_level]))
            return [low, (-low[0], -low[1])]
        n = len(self.classes)
        every = np.eye(n)
        return [(np.delete(every, index, 0) - every[index], np.zeros(n - 1)) for index in range(n)]


def _exhibits(
    found: Partition,
    rule: _Rule,
    decided: NDArray[np.int64],
    share: Array | None,
    place: Place,
) -> Iterator[Exhibit]:
    if share is None or not len(found):
        return
    classes = [index for index in range(len(rule.names)) if (decided == index).any()]
    totals = {index: float(share[decided == index].sum()) for index in classes}
    rest = max(0.0, 1 - sum(totals.values())) if not found.complete else 0.0
    yield IntervalChart(
        title="Decisions in the region",
        axis="share of the region's volume",
        estimates=tuple(
            Estimate(rule.names[index], total, total, min(1.0, total + rest))
            for index, total in totals.items()
        ),
    )
    order = np.argsort(-share, kind="stable")[:LARGEST]
    weights, _ = found.maps(order)
    rows = []
    for region, weight in zip(order, weights, strict=True):
        answer = int(found.answers.reshape(len(found))[region])
        # Towards this decision: its output against the mean of the others.
        if len(weight) == 1:
            slope = weight[0] if answer == 1 else -weight[0]
        else:
            others = np.delete(weight, answer, 0).mean(0)
            slope = weight[answer] - others
        pull = slope * (place.upper - place.lower)
        rows.append(
            (
                int(region),
                rule.names[decided[region]],
                float(share[region]),
                strongest(pull, place.names),
            )
        )
    yield Table(
        title="Largest linear regions",
        columns=("region", "decision", "share of the volume", "strongest features"),
        rows=tuple(rows),
        note="Features by weight towards the decision (its score against the mean of the others),"
        " times the width of the region in that feature.",
    )
