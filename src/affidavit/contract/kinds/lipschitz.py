"""Claim kind `lipschitz`: the outputs change at most so fast anywhere in a region."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

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
    verdict_of,
    weight_batches,
    witness,
)
from affidavit.contract.outputs import function, output_count
from affidavit.contract.region import Place
from affidavit.contract.scaling import Normalise, feature_scale
from affidavit.evidence import Cell, Exhibit, Grade, Table, Verdict, Witness

if TYPE_CHECKING:
    from affidavit.regions import Partition


def _infinite(value: Any) -> Any:
    return "inf" if value == math.inf else value


class Lipschitz(RegionClaim):
    """The largest gradient anywhere in a region is at most L."""

    kind: ClassVar[str] = "lipschitz"

    at_most: float = Field(ge=0, description="L: largest change of output for a change of input")
    norm: Annotated[Literal[1, 2, "inf"], BeforeValidator(_infinite)] = Field(
        default=2, description="norm of changes, of inputs and of outputs alike: 1, 2 or inf"
    )
    output: str | int | None = Field(
        default=None, description="class, or number of an output; by default all outputs together"
    )
    margin: Annotated[list[str | int], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="two classes instead: the first's score minus the second's"
    )
    normalise: Normalise | None = Field(
        default=None,
        description='changes of inputs in units of each feature\'s "range" or "sigma" in the data',
    )

    def model_post_init(self, context: object) -> None:
        super().model_post_init(context)
        one_score(self.output, self.margin)

    @property
    def text(self) -> str:
        what = (
            f"the margin of {self.margin[0]} over {self.margin[1]}"
            if self.margin is not None
            else "all outputs together"
            if self.output is None
            else f"the score of {self.output}"
        )
        units = "" if self.normalise is None else f", inputs in units of their {self.normalise}"
        return (
            f"The Lipschitz constant of {what} is at most {self.at_most:g} in the norm"
            f" {self.norm}{units}{self.where_text}"
        )

    def check(self, context: Context) -> Finding:
        place = self.place(context)
        rows, name = self._rows(context)
        found = explore(self, context, place)
        scale = np.where(place.free, feature_scale(context.dataset, self.normalise), 0.0)
        parts = [self._sizes(rows @ weights * scale) for weights in weight_batches(found)]
        size = np.concatenate([np.zeros(0), *parts])
        largest = float(size.max()) if len(size) else None
        # A constant that is met up to rounding is met.
        wrong = np.flatnonzero(size > self.at_most * (1 + TOLERANCE))
        verdict = verdict_of(len(wrong) > 0, found)
        share = shares(found)
        seen = None
        if len(wrong):
            order = wrong[np.argsort(-size[wrong], kind="stable")]
            seen = self._witness(context, place, found, rows, name, scale, order)
        return Finding(
            verdict=verdict,
            grade=Grade.EXACT,
            value=largest,
            interval=None
            if largest is None
            else (largest, largest if found.complete else math.inf),
            quantity=f"largest gradient of {name} in the norm {self.norm}",
            reason=f"{self._reason(verdict, name, largest, wrong, share)} {limits_text(found)}",
            assumptions=(
                "The constant is of the scores before a final softmax or sigmoid, for changes of"
                " the features that vary in the region; it is the largest operator norm of the"
                " slopes of any linear region.",
                *assumptions(place),
            ),
            exhibits=tuple(self._exhibits(place, found, rows, scale, size, share)),
            evaluations=0 if seen is None else 1,
            witness=seen,
        )

    def _rows(self, context: Context) -> tuple[Array, str]:
        """Coefficients of what is bounded, [entry, output], and its name."""
        if self.output is None and self.margin is None:
            count = output_count(context)
            return np.eye(count), "all outputs" if count > 1 else "the output"
        goal = function(context, self.output, self.margin)
        return goal.row[None], goal.name

    def _sizes(self, jacobians: Array) -> Array:
        """Operator norm of each matrix: the largest change of output for a change of 1."""
        order: Any = np.inf if self.norm == "inf" else self.norm
        result: Array = np.linalg.norm(jacobians, order, axis=(1, 2))
        return result

    def _reason(
        self,
        verdict: Verdict,
        name: str,
        largest: float | None,
        wrong: NDArray[np.int64],
        share: Array | None,
    ) -> str:
        if largest is None:
            return "No linear region was found in time."
        here = "" if verdict is not Verdict.UNDECIDED else " of what was gone through"
        text = f"The largest gradient{here} is {largest:.6g}, against {self.at_most:g}"
        if verdict is Verdict.VIOLATED:
            on = (
                ""
                if share is None
                else f" ({portion(float(share[wrong].sum()))} of the region's volume)"
            )
            count = f"{len(wrong):,} linear region{'s'[: len(wrong) != 1]}"
            return f"{text}; it is larger on {count}{on}: see the witness."
        return f"{text}."

    def _witness(
        self,
        context: Context,
        place: Place,
        found: Partition,
        rows: Array,
        name: str,
        scale: Array,
        order: NDArray[np.int64],
    ) -> Witness:
        candidates = found.inputs(order[:CANDIDATES])

        def jacobian(x: Array) -> Array:
            result: Array = rows @ gradient_at(found, x) * scale
            return result

        def show(number: int, x: Array, y: Array) -> tuple[bool, str]:
            size = float(self._sizes(jacobian(x)[None])[0])
            return size > self.at_most, (
                f"Here the gradient of {name} has the norm {size:.6g}, above {self.at_most:g}."
            )

        relevant = np.abs(jacobian(candidates[0])).max(0)
        return witness(context, place, candidates, show, relevant=relevant)

    def _exhibits(
        self,
        place: Place,
        found: Partition,
        rows: Array,
        scale: Array,
        size: Array,
        share: Array | None,
    ) -> Iterator[Exhibit]:
        order = np.argsort(-size, kind="stable")[:LARGEST]
        if not len(order):
            return
        weights, _ = found.maps(order)
        volume = ("share of the volume",) if share is not None else ()
        cells: list[tuple[Cell, ...]] = []
        for region, weight in zip(order, weights, strict=True):
            part = () if share is None else (float(share[region]),)
            pull = np.abs(rows @ weight * scale).max(0)
            top = np.argsort(-pull, kind="stable")[:3]
            named = ", ".join(f"{place.names[i]} {pull[i]:.3g}" for i in top if pull[i])
            cells.append((int(region), float(size[region]), *part, named))
        yield Table(
            title="Steepest linear regions",
            columns=("region", "gradient", *volume, "strongest features"),
            rows=tuple(cells),
            note="Features by their largest slope.",
        )
