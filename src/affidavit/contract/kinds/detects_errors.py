"""Claim kind `detects_errors`: a detector refuses wrong predictions, and few right ones.

The share of the wrong predictions that is refused and that of the right ones are judged together by
exact binomial tests, on inputs that the detector was neither fitted on nor had its threshold
chosen on. The grade is `statistical` for a claim about all inputs like these, and `exact` with
`population = false`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from affidavit.contract.claimed_shares import ClaimedShare, others
from affidavit.contract.proportions import plain
from affidavit.contract.refusing import RefusalClaim
from affidavit.contract.sparing import Counts

if TYPE_CHECKING:
    from affidavit.contract.refusals import Refusals


class DetectsErrors(RefusalClaim):
    """A detector refuses enough of the wrong predictions, and not too many of the right ones."""

    kind: ClassVar[str] = "detects_errors"
    quantity: ClassVar[str] = "share of the wrong predictions refused"

    recall: float = Field(gt=0, le=1, description="least share of the wrong predictions refused")
    false_alarms: float = Field(
        ge=0, lt=1, description="greatest share of the right predictions refused"
    )

    @property
    def text(self) -> str:
        return (
            f"T{self.detector_text[1:]} refuses at least {plain(self.recall)} of the wrong"
            f" predictions and at most {plain(self.false_alarms)} of the right ones, for"
            f" {self.whose}"
        )

    def shares(self, found: Refusals) -> tuple[ClaimedShare, ...]:
        """Of the wrong predictions those refused, and of the right ones."""
        wrong, refused = found.wrong, found.refused
        counts = [(int((refused & kind).sum()), int(kind.sum())) for kind in (wrong, ~wrong)]
        return (
            ClaimedShare("wrong", "refused", *counts[0], self.recall),
            ClaimedShare("right", "refused", *counts[1], self.false_alarms, at_most=True),
        )

    def least_shares(
        self, right: Counts, wrong: Counts, rights: float, wrongs: float
    ) -> list[tuple[Counts, Counts, float]]:
        """Wrong ones refused, and right ones accepted."""
        return [
            (wrongs - wrong, wrongs + 0 * wrong, self.recall),
            (right, rights + 0 * right, others(self.false_alarms)),
        ]
