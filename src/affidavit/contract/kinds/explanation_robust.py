"""Claim kind `explanation_robust`: no adversary in a box can bend the explanation of an input.

The grade is `statistical` for a claim about all inputs like those checked: each certificate is a
sound bound and each counterexample is certain, but how common certified inputs are is inferred from
a sample. With `population = false` the claim is about the rows alone, and the grade is `sound`.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from affidavit.certify.explanation_properties import Explanation, OutsideTop, explanations
from affidavit.certify.surveying import Survey
from affidavit.contract.certifying import Array, CertifiedClaim
from affidavit.contract.context import Context
from affidavit.contract.explained import ExplanationKeys
from affidavit.contract.features import feature_names
from affidavit.contract.sampling import Rows
from affidavit.contract.scaling import Units
from affidavit.evidence import Witness


class ExplanationRobust(ExplanationKeys, CertifiedClaim):
    """A share of inputs has an explanation that no change in a box of inputs or weights bends."""

    kind: ClassVar[str] = "explanation_robust"

    @property
    def text(self) -> str:
        return (
            f"The explanation of {self.of_text} {self.stays} under {self.where_text}, for"
            f" {self.whose_text}"
        )

    @property
    def _holds(self) -> str:
        return "have such an explanation all over the box"

    def _property(self, context: Context, units: Units, rows: Rows) -> Explanation:
        return self.explanation_property(context)

    def _rules(self, context: Context) -> tuple[str, ...]:
        unit = {
            None: "as the data have them",
            "range": "in units of their range in the data",
            "sigma": "in units of their standard deviation in the data",
        }[self.normalise]
        return (
            "An explanation is the gradient of the score, before a final softmax, by the input's"
            f" features {unit}. Where it jumps, any value between counts too."
            + (
                " The class that is predicted at the input is explained all over the box."
                if self.output is None and self.margin is None
                else ""
            ),
        )

    def _witness(self, context: Context, units: Units, rows: Rows, found: Survey) -> Witness | None:
        item = found.counterexamples[0]
        row = int(rows[item.row])
        wanted = self.explanation_property(context)
        clean_x = torch.from_numpy(units.of(context.part(self.on).inputs[row : row + 1]))
        clean = explanations(units.graph, clean_x, wanted.target, wanted.loss)
        # The class predicted at the input is what is explained, whatever is predicted elsewhere.
        target = wanted.held(units.graph, clean_x)

        def show(number: int, x: Array, y: Array) -> tuple[bool, str]:
            inputs = x.reshape(1, *context.dataset.inputs.shape[1:])
            u = torch.from_numpy(units.of(inputs))
            graph = self._under(units.graph, item)
            there = explanations(graph, u, target, wanted.loss)
            broken, value = wanted.judge(clean, there)
            what = self._what(context, wanted, there, value)
            return broken, f"For row {row} of {self.on}{self._by_what(item)} {what}."

        return self._shown(context, units, row, item, show)

    def _what(self, context: Context, wanted: Explanation, there: Tensor, value: float) -> str:
        """What is measured at a counterexample."""
        if isinstance(wanted, OutsideTop):
            sizes = there.flatten().abs()
            first = max(wanted.features, key=lambda feature: float(sizes[feature]))
            name = feature_names(context.dataset)[first]
            return (
                f"{name} is among the {self.k} largest features, {abs(value):.6g} above the first"
                " that is not"
            )
        how = "mean squared difference" if self.metric == "mse" else "cosine similarity"
        of = "from the explanation at the row" if self.against == "untargeted" else "to a goal"
        return f"the explanation has a {how} of {value:.6g} {of}, against {self.tau:g}"
