from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from affidavit.evidence import Attachment, Header, Statement, Table
from affidavit.report import html, plates, wording

VOID = {"meta", "link", "br", "wbr", "img", "input", "hr", "path", "use"}


class Page(HTMLParser):
    """A page's tags with their attributes, and its text; its elements must close in order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str, css: str = "") -> int:
        return sum(
            name == tag and css in (attributes.get("class") or "").split() if css else name == tag
            for name, attributes in self.tags
        )


def test_everything_of_a_statement_is_there(header: Header, statements: list[Statement]) -> None:
    page = Page(html.render(header, statements))
    assert page.count("details", "statement") == 4
    assert page.count("tr", "violated") == 1
    for statement in statements:
        for part in (
            statement.claim,
            statement.finding,
            *statement.assumptions,
            *(exhibit.title for exhibit in statement.exhibits),
            *(attachment.sha256 for attachment in statement.attachments),
            statement.model_sha256,
            "torch",
        ):
            assert part in page.text
    for part in (
        "Of 4 claims, 1 is violated",
        "2 March 2026, 14:05 UTC",
        header.contract_sha256,
        "c0ffeec0ffee…",
        "[0.9518, 1]",
        "at most 0.8167",
        "undefined",
        "age = [0, 18.5]",
        f"12{wording.THIN}345",
    ):
        assert part in page.text
    assert page.count("svg") == 5
    links = [a.get("href") or "" for tag, a in page.tags if tag == "a"]
    ids = {a["id"] for _, a in page.tags if "id" in a}
    assert "./evidence/errors.csv" in links
    assert all(link[1:] in ids for link in links if link.startswith("#"))


def test_ids_are_unique(header: Header, statements: list[Statement]) -> None:
    page = Page(html.render(header, statements))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_long_tables_say_what_is_left_out(
    header: Header, make_statement: Callable[..., Statement]
) -> None:
    table = Table("t", ("n",), tuple((i,) for i in range(plates.ROWS + 5)))
    page = Page(html.render(header, [make_statement(exhibits=(table,))]))
    assert "5 further rows in affidavit.json" in page.text


def test_nothing_claimed(header: Header) -> None:
    page = Page(html.render(header, []))
    assert "makes no claim, so nothing was checked" in page.text
    assert page.count("details", "statement") == 0
    assert page.count("p", "overall") == 0


def test_foreign_text_is_never_markup(
    hostile_header: Header, hostile_statements: list[Statement], hostile: str
) -> None:
    document = html.render(hostile_header, hostile_statements)
    page = Page(document)
    assert page.count("script") == 1
    assert page.count("img") == 0
    assert wording.printable(hostile) in page.text
    assert "{{ 7*7 }}" in page.text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not set(document) & set("\x00\x1b\u202e\ud800")
    document.encode("utf-8")


def test_the_page_asks_for_nothing(header: Header, statements: list[Statement]) -> None:
    document = html.render(header, statements)
    page = Page(document)
    assert not any("src" in attributes for _, attributes in page.tags)
    assert page.count("link") == 0
    assert not re.search(r"url\(|@import", document)
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    # Images come in the page itself.
    assert "img-src data:;" in policy


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("evidence/a b.csv", "./evidence/a%20b.csv"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("//host/x", ".///host/x"),
        ("evidence/\ud800", "./evidence/%3F"),
    ],
)
def test_links_stay_in_the_folder(
    header: Header, make_statement: Callable[..., Statement], path: str, link: str
) -> None:
    statement = make_statement(attachments=(Attachment(path, "0", ""),))
    page = Page(html.render(header, [statement]))
    assert link in [attributes.get("href") for tag, attributes in page.tags if tag == "a"]


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_in_every_theme() -> None:
    """WCAG AA: 4.5 to 1 for text on the page and on the bands of charts."""
    themes = re.findall(r"--paper: [^}]*", html._asset("report.css"))
    assert len(themes) == 3
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", theme))
        for role in ("ink", "muted", "accent", "holds", "violated", "undecided"):
            for ground in ("paper", "band"):
                pair = sorted((luminance(colours[role]), luminance(colours[ground])))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (role, ground, theme)
