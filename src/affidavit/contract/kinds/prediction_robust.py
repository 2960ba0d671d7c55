"""Claim kind `prediction_robust`: right predictions that nothing in a box around the input changes.

The grade is `statistical` for a claim about all inputs like those checked: each certificate is a
sound bound and each counterexample is certain, but how common certified inputs are is inferred from
a sample. With `population = false` the claim is about the rows alone, and the grade is `sound`.
"""

from __future__ import annotations

from typing import ClassVar

from affidavit.certify.properties import Prediction
from affidavit.certify.surveying import Survey
from affidavit.contract.certifying import Array, CertifiedClaim
from affidavit.contract.context import Context
from affidavit.contract.decisions import (
    decision,
    decisions,
)
from affidavit.contract.sampling import Rows
from affidavit.contract.scaling import Units
from affidavit.contract.surveying import predictions_of
from affidavit.evidence import Witness


class PredictionRobust(CertifiedClaim):
    """A share of inputs is predicted rightly, whatever changes in a box of inputs or weights."""

    kind: ClassVar[str] = "prediction_robust"

    @property
    def text(self) -> str:
        return (
            f"The prediction is right and stays so under {self.where_text}, for {self.whose_text}"
        )

    @property
    def _holds(self) -> str:
        return "are rightly predicted all over the box"

    def _property(self, context: Context, units: Units, rows: Rows) -> Prediction:
        return predictions_of(context, self.on, rows)

    def _rules(self, context: Context) -> tuple[str, ...]:
        return (decisions(context, self.on)[1],)

    def _witness(self, context: Context, units: Units, rows: Rows, found: Survey) -> Witness | None:
        item = found.counterexamples[0]
        row = int(rows[item.row])
        label = int(context.part(self.on).labels[row])
        names = context.dataset.class_names

        def decide(y: Array) -> int:
            return decision(context, y)

        def show(number: int, x: Array, y: Array) -> tuple[bool, str]:
            decided = decide(y)
            return decided != label, (
                f"For row {row} of {self.on}{self._by_what(item)} the model decides for"
                f" {names[decided]} instead of {names[label]}."
            )

        return self._shown(context, units, row, item, show, lambda y: names[decide(y)])
