"""Claims that hold for a share of inputs, each certified by bounds or refuted by an attack."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from affidavit import regions
from affidavit.certify.properties import Property
from affidavit.certify.surveying import Counterexample, Survey
from affidavit.contract.certified_shares import reason, shares, shares_exhibits
from affidavit.contract.claim import File, Finding
from affidavit.contract.context import Context
from affidavit.contract.exploring import witness
from affidavit.contract.features import feature_names
from affidavit.contract.proportions import percent, plain
from affidavit.contract.region import Place
from affidavit.contract.sampling import Rows, SampledClaim
from affidavit.contract.scaling import Normalise, Units, in_units
from affidavit.contract.surveying import survey_rows
from affidavit.evidence import Grade, Verdict, Witness
from affidavit.graph import Graph

Positive = Annotated[float, Field(gt=0)]
Array = NDArray[np.float64]

MOST_BYTES = 1 << 26
"""Adversarial weights larger than this are not attached."""


class CertifiedClaim(SampledClaim, ABC):
    """Base of the claims about a share of inputs, each with a box around it."""

    at_least: float = Field(gt=0, le=1, description="least share of inputs claimed")
    epsilon: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="every feature varies by up to epsilon"
    )
    gamma: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="every parameter varies by up to gamma times its size",
    )
    normalise: Normalise | None = Field(
        default=None,
        description='unit of features: their "range" or "sigma" in the data; default: as they are',
    )
    beyond_data: bool = Field(
        default=False, description="whether features may vary beyond the data's range"
    )
    method: Literal["auto", "ibp", "crown", "bab"] = Field(
        default="auto", description="the bounds: auto is ibp, then crown for what is left"
    )
    max_seconds: float = Field(default=300.0, gt=0, description="time to give up after")
    curve: list[Positive] = Field(
        default=[],
        description="other sizes of epsilon (of gamma, where epsilon is 0), for a curve in the"
        " report",
    )

    def model_post_init(self, context: object) -> None:
        if self.epsilon == 0 and self.gamma == 0:
            raise ValueError("nothing varies: give epsilon, gamma or both")

    @property
    def where_text(self) -> str:
        """What varies, in words, to follow a sentence."""
        unit = {None: "", "range": " of its range", "sigma": " standard deviations"}
        parts = []
        if self.epsilon:
            parts.append(f"of every feature by {self.epsilon:g}{unit[self.normalise]}")
        if self.gamma:
            parts.append(f"of every weight by {self.gamma:g} of its size")
        return f"any change {' and '.join(parts)}"

    @property
    def whose_text(self) -> str:
        """How many inputs, in words, and how surely."""
        return f"at least {plain(self.at_least)} of {self.whose}"

    @abstractmethod
    def _property(self, context: Context, units: Units, rows: Rows) -> Property:
        """What is certified of these rows of the part."""

    @abstractmethod
    def _witness(self, context: Context, units: Units, rows: Rows, found: Survey) -> Witness | None:
        """An input that shows that the property fails for a row."""

    @property
    @abstractmethod
    def _holds(self) -> str:
        """What is true of a certified input, as "are ..."."""

    @abstractmethod
    def _rules(self, context: Context) -> tuple[str, ...]:
        """What else the statement rests on."""

    def check(self, context: Context) -> Finding:
        """Grade `statistical` for a population: per input the bounds are sound, and the share of
        all inputs is inferred from a sample; `sound` where the claim is about the rows alone."""
        part = context.part(self.on)
        rows = self.chosen_rows(context)
        units = in_units(context.graph, context.dataset, self.normalise)
        wanted = self._property(context, units, rows)
        x = units.of(part.inputs[rows])
        sizes = sorted({*self.curve, self.epsilon or self.gamma})
        found = {size: self._survey(context, units, x, wanted, size) for size in sizes}
        main = found[self.epsilon or self.gamma]
        result = shares(main, self.at_least, self.confidence if self.population else None)
        seen = None
        if result.verdict is Verdict.VIOLATED:
            seen = self._witness(context, units, rows, main)
        curve = found if self.curve else {}
        return Finding(
            verdict=result.verdict,
            grade=Grade.STATISTICAL if self.population else Grade.SOUND,
            value=result.certified / result.count,
            interval=(result.lower, result.upper),
            quantity="share of inputs certified",
            reason=reason(result, self._holds, main.reason),
            assumptions=self._assumptions(context, len(rows)),
            exhibits=shares_exhibits(result, main, curve, "ε" if self.epsilon else "γ"),
            files={"inputs.csv": _inputs_file(context, self.on, rows, main)}
            | ({} if seen is None else _weights_file(main)),
            evaluations=len(rows),
            witness=seen,
        )

    def _shown(
        self,
        context: Context,
        units: Units,
        row: int,
        item: Counterexample,
        show: Callable[[int, Array, Array], tuple[bool, str]],
        decide: Callable[[Array], str] | None = None,
    ) -> Witness:
        """The witness at a counterexample, with the model run on it, in its own precision.

        Args:
            row: number of the row within the part.
            show: whether an input and its outputs show it, and what happens there.
            decide: the class that outputs decide for.
        """
        data = context.dataset
        x = context.part(self.on).inputs[row].reshape(-1).astype(np.float64)
        reach = self.epsilon * units.scale.reshape(-1)
        lower, upper = x - reach, x + reach
        if not self.beyond_data:
            lower = np.maximum(lower, data.lower.reshape(-1))
            upper = np.minimum(upper, data.upper.reshape(-1))
        place = Place(
            regions.Box(lower, upper),
            lower,
            upper,
            np.zeros((0, len(x))),
            np.zeros(0),
            feature_names(data),
            data.inputs.shape[1:],
            (),
        )
        context = dataclasses.replace(context, graph=self._under(context.graph, item))
        found = x if item.already else np.clip(units.back(item.x).reshape(-1), lower, upper)
        # What moved most, in the units that ε is in.
        moved = units.of(found.reshape(units.scale.shape)) - units.of(x.reshape(units.scale.shape))
        return witness(context, place, found[None], show, decide=decide, relevant=moved.reshape(-1))

    def _under(self, graph: Graph, item: Counterexample) -> Graph:
        """The model under the weights of a counterexample, in its own precision."""
        if item.params is None or item.already:
            return graph
        tensors = {
            name: torch.from_numpy(weight).to(graph.tensors[name].dtype)
            for name, weight in item.params.items()
        }
        return dataclasses.replace(graph, tensors={**graph.tensors, **tensors})

    def _by_what(self, item: Counterexample) -> str:
        """How an adversary brings a counterexample about, to end a sentence."""
        if item.already:
            return ", without any change,"
        weights = "" if item.params is None else " with the weights of the attached weights.npz"
        changed = " at this input of its box" if self.epsilon else ""
        return f"{changed}{weights}"

    def _survey(
        self, context: Context, units: Units, x: Array, wanted: Property, size: float
    ) -> Survey:
        return survey_rows(
            context,
            units,
            x,
            wanted,
            epsilon=size if self.epsilon else 0.0,
            gamma=self.gamma if self.epsilon else size,
            beyond_data=self.beyond_data,
            method=self.method,
            seconds=self.max_seconds,
            name=self.id,
        )

    def _assumptions(self, context: Context, count: int) -> tuple[str, ...]:
        sample = (
            self.sample_assumption(count),
            f"Each bound of the share holds with {percent(self.confidence)} confidence on its"
            " side; for each input, certificates and counterexamples are certain.",
        )
        clipped = (
            "Features vary beyond the data's range too."
            if self.beyond_data
            else "Features vary within the data's range only."
        )
        return (
            *(sample if self.population else ()),
            *self._rules(context),
            "The statement is about the function in real numbers that the model's weights define;"
            " bounds are computed in double precision and rounded outward. A model that itself"
            " runs in single precision adds its own rounding.",
            *((clipped,) if self.epsilon else ()),
        )


def _inputs_file(context: Context, on: str, rows: Rows, found: Survey) -> File:
    """What was found of every input, by row of the data."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "found", "method", "attack"])
    for place, row in enumerate(context.dataset.parts[on][rows]):
        state = "certified" if found.certified[place] else "open"
        state = "refuted" if found.refuted[place] else state
        value = "" if math.isnan(found.value[place]) else repr(float(found.value[place]))
        writer.writerow([row, state, found.method[place], value])
    return File(text.getvalue().encode(), "what was found of every input, by row of the data")


def _weights_file(found: Survey) -> dict[str, File]:
    """The weights of the clearest counterexample, where they are not the model's own."""
    first = found.counterexamples[0] if found.counterexamples else None
    params = None if first is None or first.already else first.params
    if (
        first is None
        or params is None
        or sum(weight.nbytes for weight in params.values()) > MOST_BYTES
    ):
        return {}
    content = io.BytesIO()
    arrays: dict[str, Any] = params
    np.savez_compressed(content, **arrays)
    what = f"weights under which it fails for input {first.row} of those checked"
    return {"weights.npz": File(content.getvalue(), what)}
