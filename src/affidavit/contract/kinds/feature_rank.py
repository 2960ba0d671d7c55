"""Claim kind `feature_rank`: a feature is not among the most important anywhere in a region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
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
    gradient_at,
    limits_text,
    one_score,
    portion,
    shares,
    slopes,
    strongest,
    verdict_of,
    witness,
)
from affidavit.contract.features import feature_group
from affidavit.contract.outputs import Function, function
from affidavit.contract.region import Place
from affidavit.contract.scaling import Normalise, feature_scale
from affidavit.errors import ContractError
from affidavit.evidence import Cell, Exhibit, Grade, Table, Verdict, Witness

if TYPE_CHECKING:
    from affidavit.regions import Partition


class FeatureRank(RegionClaim):
    """A feature's weight is not among the k largest anywhere in a region."""

    kind: ClassVar[str] = "feature_rank"

    protected: str | int | list[str | int] | None = Field(
        default=None,
        description="the feature, or several; by default the protected columns of [data]",
    )
    not_among_top: int = Field(ge=1, description="k: the feature is not among the top k")
    output: str | int | None = Field(
        default=None, description="class, or number of an output; may be left out if there is one"
    )
    margin: Annotated[list[str | int], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="two classes instead: the first's score minus the second's"
    )
    normalise: Normalise = Field(
        default="range",
        description='weights times the feature\'s "range" in the data, or its "sigma"',
    )

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        one_score(self.output, self.margin)
        if self.protected == []:
            raise ValueError("protected: names no feature")

    @property
    def text(self) -> str:
        names = self.protected if isinstance(self.protected, list) else [self.protected]
        who = (
            "No protected feature"
            if self.protected is None
            else " and ".join(f"feature {n}" if isinstance(n, int) else str(n) for n in names)
            + (" are not" if len(names) > 1 else " is not")
        )
        verb = " is among" if self.protected is None else " among"
        what = (
            f"the margin of {self.margin[0]} over {self.margin[1]}"
            if self.margin is not None
            else "the output"
            if self.output is None
            else f"the score of {self.output}"
        )
        top = f"{self.not_among_top} most important features"
        top = "the most important feature" if self.not_among_top == 1 else f"the {top}"
        verb = verb.replace("among", "") if self.not_among_top == 1 else verb
        return f"{who}{verb.rstrip()} {top} for {what}{self.where_text}"

    def check(self, context: Context) -> Finding:
        place = self.place(context)
        watched = self._watched(context)
        if self.not_among_top >= len(place.names):
            raise ContractError(
                f"not_among_top = {self.not_among_top}: the model has {len(place.names)} features,"
                " so the claim would be void"
            )
        goal = function(context, self.output, self.margin)
        found = explore(self, context, place)
        scale = feature_scale(context.dataset, self.normalise)
        weights = slopes(found, goal.row) * scale
        rank = ranks(weights, watched)
        wrong = np.flatnonzero(rank <= self.not_among_top)
        verdict = verdict_of(len(wrong) > 0, found)
        best = float(rank.min()) if len(rank) else None
        share = shares(found)
        seen = None
        if len(wrong):
            order = wrong[np.lexsort((-found.radii[wrong], rank[wrong]))]
            seen = self._witness(context, place, found, goal, scale, watched, order)
        return Finding(
            verdict=verdict,
            grade=Grade.EXACT,
            value=best,
            interval=None if best is None else (best if found.complete else 1.0, best),
            quantity=f"best rank of {_listed(place, watched)} (1: the largest weight)",
            reason=f"{self._reason(verdict, place, goal, watched, wrong, share, best)}"
            f" {limits_text(found)}",
            assumptions=(
                f"The weight of a feature is its slope times its {self.normalise} in the data"
                + (" (standard deviation)." if self.normalise == "sigma" else ".")
                + " Equal weights share the better rank; a feature without weight has none.",
                *assumptions(place),
            ),
            exhibits=tuple(_exhibits(place, weights, rank, wrong, share)),
            evaluations=0 if seen is None else 1,
            witness=seen,
        )

    def _watched(self, context: Context) -> list[int]:
        names: list[str | int]
        if self.protected is None:
            names = list(context.dataset.protected)
            if not names:
                raise ContractError(
                    "no feature is named: say protected = ... in the claim, or in [data]"
                )
        else:
            names = self.protected if isinstance(self.protected, list) else [self.protected]
        groups = [feature_group(context.dataset, str(name)) for name in names]
        return list(dict.fromkeys(index for group in groups for index in group))

    def _reason(
        self,
        verdict: Verdict,
        place: Place,
        goal: Function,
        watched: list[int],
        wrong: NDArray[np.int64],
        share: Array | None,
        best: float | None,
    ) -> str:
        who = _listed(place, watched)
        if best is None:
            return f"The rank of {who} is not known anywhere in the region."
        where = f"The best rank of {who} for {goal.name} is {best:g} of {len(place.names)}"
        if verdict is Verdict.VIOLATED:
            on = (
                ""
                if share is None
                else f" ({portion(float(share[wrong].sum()))} of the region's volume)"
            )
            count = f"{len(wrong):,} linear region{'s'[: len(wrong) != 1]}"
            return f"{where}. It is at most {self.not_among_top} on {count}{on}: see the witness."
        return f"{where}{'' if verdict is Verdict.HOLDS else ' in what was gone through'}."

    def _witness(
        self,
        context: Context,
        place: Place,
        found: Partition,
        goal: Function,
        scale: Array,
        watched: list[int],
        order: NDArray[np.int64],
    ) -> Witness:
        candidates = found.inputs(order[:CANDIDATES])

        def show(number: int, x: Array, y: Array) -> tuple[bool, str]:
            weights = (goal.row @ gradient_at(found, x)) * scale
            rank = int(ranks(weights[None], watched)[0])
            return rank <= self.not_among_top, (
                f"Here the rank of {_listed(place, watched)} is {rank}; the largest weights for"
                f" {goal.name} are {strongest(weights, place.names, max(3, rank))}."
            )

        first = (goal.row @ gradient_at(found, candidates[0])) * scale
        return witness(context, place, candidates, show, relevant=first)


def ranks(weights: Array, watched: list[int]) -> NDArray[np.int64]:
    """The best rank of the watched features in each region, 1 for the largest absolute weight.

    Equal weights share the better rank. A feature without weight has the last rank.

    Args:
        weights: shape [region, feature].
    """
    size = np.abs(weights)
    largest = size.max(1, initial=0)
    own = size[:, watched].max(1)
    above = (size > (own + TOLERANCE * largest)[:, None]).sum(1)
    last = size.shape[1]
    result: NDArray[np.int64] = np.where(own > TOLERANCE * largest, above + 1, last)
    return result


def _listed(place: Place, watched: list[int]) -> str:
    names = [place.names[index] for index in watched]
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")


def _exhibits(
    place: Place,
    weights: Array,
    rank: NDArray[np.int64],
    wrong: NDArray[np.int64],
    share: Array | None,
) -> Iterator[Exhibit]:
    volume = ("share of the volume",) if share is not None else ()
    rows: list[tuple[Cell, ...]] = []
    for value in np.unique(rank):
        chosen = rank == value
        part = () if share is None else (float(share[chosen].sum()),)
        rows.append((int(value), int(chosen.sum()), *part))
    yield Table("Ranks", ("rank", "linear regions", *volume), tuple(rows))
    if len(wrong):
        size = -rank[wrong] if share is None else share[wrong]
        order = wrong[np.argsort(-size, kind="stable")[:LARGEST]]
        rows = []
        for region in order:
            part = () if share is None else (float(share[region]),)
            top = strongest(weights[region], place.names, max(3, int(rank[region])))
            rows.append((int(region), int(rank[region]), *part, top))
        yield Table(
            title="Largest linear regions against the claim",
            columns=("region", "rank", *volume, "largest weights"),
            rows=tuple(rows),
        )
