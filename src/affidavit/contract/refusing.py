"""What the claims about refused predictions share: from a detector to a verdict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from affidavit.contract.claim import Finding
from affidavit.contract.claimed_shares import (
    ClaimedShare,
    JudgedShare,
    judged_shares,
    reason,
    shares_chart,
    shares_table,
)
from affidavit.contract.context import Context
from affidavit.contract.detectors import DetectorClaim
from affidavit.contract.proportions import percent
from affidavit.contract.refusal_exhibits import (
    exhibits,
    false_alarms,
    missed,
    rows_file,
    witness,
)
from affidavit.contract.sparing import Counts, MostToSpare
from affidavit.evidence import Grade, Verdict, Witness, overall
from affidavit.report import wording

if TYPE_CHECKING:
    from affidavit.contract.refusals import Refusals


class RefusalClaim(DetectorClaim, ABC):
    """Base of the claims about the predictions that a detector refuses and accepts."""

    quantity: ClassVar[str]
    """What the first share is, as the statement's value."""

    @abstractmethod
    def shares(self, found: Refusals) -> tuple[ClaimedShare, ...]:
        """The shares that the claim is about; the first is the statement's value."""

    @abstractmethod
    def least_shares(
        self, right: Counts, wrong: Counts, rights: float, wrongs: float
    ) -> list[tuple[Counts, Counts, float]]:
        """The same as least shares; see :data:`affidavit.contract.sparing.ClaimedShares`."""

    def check(self, context: Context) -> Finding:
        """Grade `statistical` for a population; `exact` for the rows alone, all looked at."""
        # Scikit-learn takes a second to import, which other claims do not have to wait for.
        from affidavit.contract.refusals import refusals

        policy = self.given_policy() or MostToSpare(self.least_shares)
        found = refusals(self, context, policy)
        rows = judged_shares(self.shares(found), self.confidence if self.population else None)
        verdict = overall([row.verdict for row in rows])
        first = rows[0]
        return Finding(
            verdict=verdict,
            grade=Grade.STATISTICAL if self.population else Grade.EXACT,
            value=first.share,
            interval=(first.lower, first.upper),
            quantity=self.quantity,
            reason=" ".join([reason(rows, len(found), self.population), *self._cautions(found)]),
            assumptions=tuple(self._assumptions(found)),
            exhibits=(
                shares_table(rows, self.population),
                shares_chart(rows),
                *exhibits(context, found, self.detector_name, self.on),
            ),
            files={"predictions.csv": rows_file(context, found, self.on)},
            evaluations=found.evaluations,
            witness=self._witness(context, found, rows),
        )

    def _assumptions(self, found: Refusals) -> list[str]:
        said = []
        if self.population:
            said += [
                self.sample_assumption(len(found)),
                "Both shares are judged together, by exact binomial tests and Holm's procedure in"
                f" each direction: the verdict is right with {percent(self.confidence)}"
                " confidence. The detector and its threshold are taken as they are.",
            ]
        said.append(found.fitting)
        if self.detector is None:
            named = wording.exactly(self.policy).removeprefix("policy = ")
            how = (
                "where the claim is met there with most to spare"
                if self.policy is None
                else f"by the policy {named}"
            )
            said.append(
                f"Refused is what scores at least the threshold {wording.number(found.threshold)},"
                f" chosen {how}."
            )
        said.append(
            "The decision is the class of the largest score before a final softmax or sigmoid"
            " (ties: the first)."
        )
        return said

    def _cautions(self, found: Refusals) -> Iterator[str]:
        if found.twins:
            occur = "occurs" if found.twins == 1 else "occur"
            yield (
                f"Caution: {wording.counted(found.twins, 'input')} {occur} in"
                f" {' or '.join(map(repr, self.fitting_parts))} too, entry for entry."
            )

    def _witness(
        self, context: Context, found: Refusals, rows: tuple[JudgedShare, ...]
    ) -> Witness | None:
        """A wrong prediction accepted, or a right one refused, as the violated share is about."""
        for row, places in zip(rows, (missed(found), false_alarms(found)), strict=True):
            if row.verdict is Verdict.VIOLATED and len(places):
                return witness(context, found, int(places[0]), self.detector_text, self.on)
        return None
