"""Claim kind `selective_accuracy`: what a detector accepts is right, and it accepts enough.

The accuracy of the accepted predictions and the share accepted (the coverage) are judged together
by exact binomial tests, on inputs that the detector was neither fitted on nor had its threshold
chosen on. The grade is `statistical` for a claim about all inputs like these, and `exact` with
`population = false`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from affidavit.contract.claimed_shares import ClaimedShare
from affidavit.contract.proportions import plain
from affidavit.contract.refusing import RefusalClaim
from affidavit.contract.sparing import Counts

if TYPE_CHECKING:
    from affidavit.contract.refusals import Refusals


class SelectiveAccuracy(RefusalClaim):
    """The predictions that a detector accepts are accurate enough, and enough are accepted."""

    kind: ClassVar[str] = "selective_accuracy"
    quantity: ClassVar[str] = "accuracy of the accepted predictions"

    at_least: float = Field(gt=0, le=1, description="least accuracy of the accepted predictions")
    coverage: float = Field(gt=0, le=1, description="least share of predictions accepted")

    @property
    def text(self) -> str:
        return (
            f"T{self.detector_text[1:]} accepts at least {plain(self.coverage)} of the"
            f" predictions, and of these at least {plain(self.at_least)} are right, for"
            f" {self.whose}"
        )

    def shares(self, found: Refusals) -> tuple[ClaimedShare, ...]:
        """Of the accepted predictions the right ones, and of all the accepted ones."""
        accepted = ~found.refused
        count, right = int(accepted.sum()), int((accepted & ~found.wrong).sum())
        return (
            ClaimedShare("accepted", "right", right, count, self.at_least),
            ClaimedShare("", "accepted", count, len(found), self.coverage),
        )

    def least_shares(
        self, right: Counts, wrong: Counts, rights: float, wrongs: float
    ) -> list[tuple[Counts, Counts, float]]:
        """Right ones among those accepted, and those accepted among all."""
        accepted = right + wrong
        return [
            (right, accepted, self.at_least),
            (accepted, rights + wrongs + 0 * accepted, self.coverage),
        ]
