"""The affidavit: the statements of an audit, and its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affidavit import report
from affidavit.evidence import Header, Statement, Verdict, overall


@dataclass(frozen=True, eq=False)
class Affidavit:
    """The statements of an audit with its circumstances.

    Attributes:
        header: what was audited, when, with what.
        statements: one a claim, in the contract's order.
        attachments: content of the evidence files, by path inside the folder.
    """

    header: Header
    statements: tuple[Statement, ...]
    attachments: Mapping[str, bytes]

    @property
    def verdict(self) -> Verdict:
        """Violated if any statement is, else undecided if any is, else holds."""
        return overall([statement.verdict for statement in self.statements])

    def save(self, folder: str | Path) -> Path:
        """Writes `affidavit.json`, `report.html`, `junit.xml` and the evidence files.

        All is written elsewhere first and then moved, so that nothing half-written can be seen.
        An affidavit that is already there is replaced.

        Returns:
            The folder.

        Raises:
            OutputError: the folder cannot be written, or holds something else.
        """
        return report.save(self.header, self.statements, self.attachments, Path(folder))

    @staticmethod
    def load(folder: str | Path) -> Affidavit:
        """The affidavit saved in a folder. Needs neither model nor data.

        Raises:
            RecordError: there is none, or it is damaged.
        """
        header, statements, attachments = report.load(Path(folder))
        return Affidavit(header, tuple(statements), attachments)
