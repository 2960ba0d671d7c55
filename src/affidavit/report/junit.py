"""The JUnit form, for CI systems that show test results.

A violated claim is a failure and an undecided one an error: a job that reads nothing but JUnit
must not take "could not be decided" for "passed".
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from affidavit.evidence import Header, Statement, Verdict
from affidavit.report import wording
from affidavit.report.witness import witness_text

# Outside the characters of XML 1.0; an escape does not help, the document must not hold them.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {Verdict.VIOLATED: "failure", Verdict.UNDECIDED: "error"}


def junit(header: Header, statements: Sequence[Statement]) -> bytes:
    """A JUnit XML document with one test suite for the audit and one test case a statement."""
    counts = wording.tally(statements)
    totals = {
        "tests": str(len(statements)),
        "failures": str(counts[Verdict.VIOLATED]),
        "errors": str(counts[Verdict.UNDECIDED]),
        "skipped": "0",
        "time": _seconds(header.seconds),
    }
    root = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": _clean(header.title), **totals, **_timestamp(header.created)}
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _circumstances(header):
        ElementTree.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    for statement in statements:
        suite.append(_case(statement))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(statement: Statement) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        {
            "classname": _clean(statement.kind),
            "name": _clean(statement.id),
            "time": _seconds(statement.cost.seconds),
        },
    )
    if statement.verdict in _ELEMENTS:
        problem = ElementTree.SubElement(
            case,
            _ELEMENTS[statement.verdict],
            {"type": str(statement.verdict), "message": _clean(statement.claim)},
        )
        shown = [statement.finding]
        if statement.witness is not None:
            shown.append(witness_text(statement.witness))
        problem.text = _clean("\n".join(shown))
    output = ElementTree.SubElement(case, "system-out")
    found = " ".join(
        part
        for part in (
            wording.number(statement.value),
            wording.interval(statement.interval),
            f"({statement.quantity})" if statement.quantity else "",
        )
        if part
    )
    output.text = _clean(
        f"{statement.claim}\n{statement.verdict} ({statement.grade}), value {found}\n"
        f"{statement.finding}"
    )
    return case


def _circumstances(header: Header) -> list[tuple[str, str]]:
    return [
        ("model", header.model.name),
        ("model_sha256", header.model.sha256),
        ("data", header.data.name),
        ("data_sha256", header.data.sha256),
        ("contract_sha256", header.contract_sha256),
        ("seed", str(header.seed)),
        *((f"version.{_clean(name)}", version) for name, version in header.versions.items()),
    ]


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)


def _seconds(value: float) -> str:
    # Readers parse this as a plain decimal number.
    return f"{value:.3f}" if math.isfinite(value) else "0.000"


def _timestamp(created: str) -> dict[str, str]:
    # The schema that CI systems use knows no time zones: UTC, left unsaid.
    try:
        when = datetime.fromisoformat(created)
        if when.tzinfo is not None:
            when = when.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return {}
    return {"timestamp": when.isoformat(timespec="seconds")}
