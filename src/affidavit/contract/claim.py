"""What every claim kind is: keys, a sentence, and a check that yields a finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from affidavit.contract.context import Context
from affidavit.contract.faults import Record
from affidavit.evidence import Exhibit, Grade, Verdict, Witness


@dataclass(frozen=True)
class File:
    """A file of evidence that a check produced."""

    content: bytes
    description: str


@dataclass(frozen=True)
class Finding:
    """What a check found: a statement but for the circumstances, which the audit adds."""

    verdict: Verdict
    grade: Grade
    value: float | None
    interval: tuple[float, float] | None
    reason: str
    assumptions: tuple[str, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    files: Mapping[str, File] = field(default_factory=dict)
    evaluations: int = 0
    quantity: str = ""
    witness: Witness | None = None


class Claim(Record, ABC):
    """Base of all claim kinds. A kind is final, frozen, and lives in a file of its own."""

    kind: ClassVar[str]
    """The kind's name in contracts."""

    id: str = Field(description="name of the claim, used once", min_length=1, max_length=100)

    @property
    @abstractmethod
    def text(self) -> str:
        """The claim as a sentence a person can read."""

    @abstractmethod
    def check(self, context: Context) -> Finding:
        """Checks the claim.

        Raises:
            DataError, ModelError: what would make any verdict meaningless.
        """

    def parameters(self) -> dict[str, Any]:
        """The claim's own keys, as a record keeps them."""
        return self.model_dump(mode="json", exclude={"id"}, exclude_none=True)
