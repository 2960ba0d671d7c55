from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from affidavit.evidence import Header, Statement, Subject, Verdict
from affidavit.report import junit


def test_structure(header: Header, statements: list[Statement]) -> None:
    root = ElementTree.fromstring(junit(header, statements))
    suite = root.find("testsuite")
    assert root.tag == "testsuites"
    assert suite is not None
    for element in (root, suite):
        counts = [element.get(key) for key in ("tests", "failures", "errors", "skipped")]
        assert counts == ["4", "1", "1", "0"]
    assert suite.get("name") == header.title
    assert suite.get("timestamp") == "2026-03-02T14:05:06"
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [s.id for s in statements]
    assert [case.get("classname") for case in cases] == [s.kind for s in statements]
    assert cases[0].get("time") == "0.420"
    properties = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert properties["model_sha256"] == header.model.sha256


def test_only_what_holds_passes(header: Header, statements: list[Statement]) -> None:
    root = ElementTree.fromstring(junit(header, statements))
    for case, statement in zip(root.iter("testcase"), statements, strict=True):
        tag = {Verdict.VIOLATED: "failure", Verdict.UNDECIDED: "error"}.get(statement.verdict)
        found = [child for child in case if child.tag in ("failure", "error")]
        assert [child.tag for child in found] == ([tag] if tag else [])
        assert all(child.text == statement.finding for child in found)


def test_empty_and_hostile(
    header: Header, hostile_header: Header, hostile_statements: list[Statement]
) -> None:
    assert ElementTree.fromstring(junit(header, [])).get("tests") == "0"
    root = ElementTree.fromstring(junit(hostile_header, hostile_statements))
    message = root.find(".//failure")
    assert message is not None
    assert message.text is not None
    assert "<script>" in message.text
    assert root.find(".//script") is None


@given(text=st.text(st.characters(categories=None)))
def test_any_text_is_well_formed(text: str) -> None:
    subject = Subject(text, text)
    header = Header(text, text, subject, subject, text, 0, {text: text}, 1.0)
    ElementTree.fromstring(junit(header, []))


def test_statement_text_keeps_what_xml_allows(
    header: Header, make_statement: Callable[..., Statement]
) -> None:
    finding = "tab\there \x00\x0b\ufffe\ud800 end \U0001f600"
    statement = make_statement(verdict=Verdict.VIOLATED, finding=finding)
    failure = ElementTree.fromstring(junit(header, [statement])).find(".//failure")
    assert failure is not None
    assert failure.text == "tab\there  end \U0001f600"
