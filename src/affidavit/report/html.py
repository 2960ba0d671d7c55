"""The report as one HTML file that needs nothing else: no request, no foreign script.

A Content-Security-Policy in the file forbids both, whatever a claim's text may hold.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from affidavit import evidence
from affidavit.evidence import Grade, Header, Statement, Verdict
from affidavit.report import wording
from affidavit.report.plates import plates

GRADES = {
    Grade.EXACT: "The check was complete: every case was covered, to a stated numerical tolerance.",
    Grade.SOUND: "A bound was proved. It may be loose, but it is never wrong.",
    Grade.STATISTICAL: "The numbers come from a sample and carry a stated level of confidence.",
    Grade.EMPIRICAL: "It was measured. Nothing is guaranteed beyond what was measured.",
}
"""What each grade of evidence means, the strongest first."""

VERDICTS = {
    Verdict.HOLDS: "The evidence shows that the claim is true, as strongly as its grade says.",
    Verdict.VIOLATED: "The evidence shows that the claim is false, as strongly as its grade says.",
    Verdict.UNDECIDED: "The evidence is not enough to tell. This is not a pass.",
}
"""What each verdict means."""


def render(header: Header, statements: Sequence[Statement]) -> str:
    """The report as one self-contained HTML document."""
    counts = wording.tally(statements)
    return _template().render(
        header=header,
        statements=statements,
        verdict=evidence.overall([s.verdict for s in statements]) if statements else None,
        outcome=wording.outcome(statements),
        counts=counts,
        attention=[s for s in statements if s.verdict is not Verdict.HOLDS],
        plates=[plates(s, f"e{index}") for index, s in enumerate(statements, start=1)],
        grades=GRADES,
        verdicts=VERDICTS,
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("affidavit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        number=wording.number,
        interval=wording.interval,
        exactly=wording.exactly,
        duration=wording.duration,
        moment=wording.moment,
        short=lambda digest: digest[:12],
        href=_href,
        strength=lambda grade: len(GRADES) - list(GRADES).index(grade),
        breakable=_breakable,
    )
    environment.globals.update(counted=wording.counted, marks=wording.MARKS, policy=_policy)
    environment.globals["asset"] = _asset
    return environment.get_template("report.html")


def _finalize(value: Any) -> Any:
    """Foreign text loses what could act on the page; markup of our own passes."""
    if isinstance(value, Markup):
        return value
    return wording.printable(value) if isinstance(value, str) else value


def _asset(name: str) -> Markup:
    place = resources.files("affidavit.report") / "templates" / name
    return Markup(place.read_text(encoding="utf-8"))  # noqa: S704 - a file of this package


def _policy() -> str:
    """Allow the page's own script by its hash, its own styles and images inside the page, and
    nothing from anywhere."""
    digest = hashlib.sha256(_asset("report.js").encode()).digest()
    allowed = base64.b64encode(digest).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _href(path: str) -> str:
    """A link to a file beside the page. The leading dot keeps `//host` and `scheme:` out."""
    return "./" + quote(path, safe="/", errors="replace")


def _breakable(text: str) -> Markup:
    """`text` with places to break a line inside long names: after punctuation, not anywhere."""
    escaped = [
        str(Markup.escape(part)) for part in re.split(r"(?<=[-_/.:])", wording.printable(text))
    ]
    return Markup("<wbr>").join(map(Markup, escaped))
