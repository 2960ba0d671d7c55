"""Sample affidavits for the tests of the report."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from affidavit.evidence import (
    Attachment,
    Cost,
    Curve,
    CurveChart,
    Estimate,
    Grade,
    Header,
    Histogram,
    HistogramChart,
    ImageGrid,
    ImageRow,
    IntervalChart,
    MatrixChart,
    Statement,
    Subject,
    Table,
    Verdict,
)

MakeStatement: TypeAlias = Callable[..., Statement]

HOSTILE = (
    "<script>document.title='pwned'</script>\"'><img src=x onerror=\"document.title='pwned'\">"
    "[bold red]x[/] {{ 7*7 }} $x^2$ $\\frac ]]> &lt; \x00\x1b[31m\u202e\ud800 שלום 中文 \u0301"
)
ATTACHED = b"index,predicted,label\n3,5,8\n"


def a_statement(name: str = "accurate", **changes: Any) -> Statement:
    fields: dict[str, Any] = {
        "id": name,
        "kind": "accuracy",
        "claim": "The model is right on at least 95 % of unseen inputs.",
        "parameters": {"at_least": 0.95, "region": {"age": [0, 18.5]}},
        "verdict": Verdict.HOLDS,
        "grade": Grade.STATISTICAL,
        "value": 0.97224,
        "interval": (0.9518, 1.0),
        "finding": "Of 360 test inputs, 350 were classified correctly.",
        "assumptions": ("The test inputs are independent draws.",),
        "exhibits": (),
        "attachments": (),
        "cost": Cost(0.42, 360),
        "seed": 7,
        "versions": {"affidavit": "0.1.0", "torch": "2.13.0"},
        "model_sha256": "a3f1" * 16,
        "data_sha256": "9b02" * 16,
    }
    return Statement(**(fields | changes))


def interval_chart(rows: int, text: str = "group") -> IntervalChart:
    estimates = tuple(
        Estimate(
            f"{text} {i}",
            0.9 + 0.001 * (i % 70),
            0.88 + 0.001 * (i % 70),
            0.93 + 0.001 * (i % 70),
            0.92,
            None,
            (*Verdict, None)[i % 4],
        )
        for i in range(rows)
    )
    return IntervalChart(f"Chart {text}", f"axis {text}", estimates, f"note {text}")


def matrix_chart(classes: int, text: str = "class") -> MatrixChart:
    names = tuple(f"{text} {i}" for i in range(classes))
    counts = tuple(
        tuple(90 + i if i == j else (i * j) % 7 % 3 for j in range(classes)) for i in range(classes)
    )
    return MatrixChart(f"Matrix {text}", f"true {text}", f"seen {text}", names, names, counts)


def curve_chart(points: int, text: str = "curve") -> CurveChart:
    xs = tuple(0.01 * i for i in range(points))
    curves = [Curve(f"{text} {i}", xs, tuple(1 - x * (i + 1) for x in xs)) for i in range(2)]
    ends = tuple(-x for x in xs), tuple(2 * x for x in xs)
    curves.append(Curve(f"{text} with ends", xs, xs, *ends))
    return CurveChart(
        f"Curves {text}", f"x {text}", f"y {text}", tuple(curves), 0.9, f"note {text}"
    )


def histogram_chart(bins: int, text: str = "group") -> HistogramChart:
    edges = tuple(0.1 * i for i in range(bins + 1)) if bins else ()
    groups = [
        Histogram(f"{text} {g}", tuple((i * (g + 2)) % 7 for i in range(bins))) for g in (0, 1)
    ]
    return HistogramChart(
        f"Histogram {text}", f"axis {text}", edges, tuple(groups), 0.15, f"note {text}"
    )


def image_grid(rows: int, text: str = "image") -> ImageGrid:
    png = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJg"
        "gg=="
    )
    lines = tuple(ImageRow(f"{text} {i}; second line", (png, png, "")) for i in range(rows))
    return ImageGrid(f"Images {text}", (f"input {text}", "mask", "kept"), lines, f"note {text}")


def table(rows: int, columns: int = 4, text: str = "cell") -> Table:
    names = tuple(f"{text} {j}" for j in range(columns))
    cells = (f"{text} x", 12345, 0.25, None, True, math.nan, math.inf, 1e-9)
    return Table(
        f"Table {text}",
        names,
        tuple(tuple(cells[(i + j) % len(cells)] for j in range(columns)) for i in range(rows)),
        "a note",
    )


@pytest.fixture
def hostile() -> str:
    """Text that tries to be markup for HTML, Rich, Jinja, TeX, XML and the terminal."""
    return HOSTILE


@pytest.fixture
def make_statement() -> MakeStatement:
    return a_statement


@pytest.fixture
def make_interval_chart() -> Callable[..., IntervalChart]:
    return interval_chart


@pytest.fixture
def make_matrix_chart() -> Callable[..., MatrixChart]:
    return matrix_chart


@pytest.fixture
def make_histogram_chart() -> Callable[..., HistogramChart]:
    return histogram_chart


@pytest.fixture
def make_image_grid() -> Callable[..., ImageGrid]:
    return image_grid


@pytest.fixture
def make_curve_chart() -> Callable[..., CurveChart]:
    return curve_chart


@pytest.fixture
def make_table() -> Callable[..., Table]:
    return table


@pytest.fixture
def header() -> Header:
    return Header(
        "Handwritten digits, classifier v3",
        "c0ffee" * 10 + "abcd",
        Subject("digits.onnx", "a3f1" * 16, {"classes": 10, "parameters": 12234}),
        Subject("sklearn:digits", "9b02" * 16, {"rows": 1797}),
        "2026-03-02T14:05:06+00:00",
        7,
        {"affidavit": "0.1.0", "python": "3.11"},
        83.2,
    )


@pytest.fixture
def attachments() -> dict[str, bytes]:
    return {"evidence/errors.csv": ATTACHED}


@pytest.fixture
def statements() -> list[Statement]:
    """One statement of each verdict and every kind of exhibit, one with an attached file."""
    digest = hashlib.sha256(ATTACHED).hexdigest()
    return [
        a_statement(
            exhibits=(
                interval_chart(10),
                matrix_chart(10),
                curve_chart(5),
                histogram_chart(5),
                table(5),
            ),
            attachments=(Attachment("evidence/errors.csv", digest, "The misclassified inputs."),),
        ),
        a_statement(
            "robust",
            verdict=Verdict.VIOLATED,
            grade=Grade.SOUND,
            interval=(-math.inf, 0.8167),
            finding="For 55 of 300 inputs an attack found a counterexample.",
            exhibits=(table(3, 20),),
        ),
        a_statement(
            "detects-errors",
            verdict=Verdict.UNDECIDED,
            grade=Grade.EMPIRICAL,
            value=math.nan,
            interval=None,
            finding="With 10 errors the data cannot decide.",
            exhibits=(interval_chart(2),),
        ),
        a_statement("never", grade=Grade.EXACT, value=None, interval=None, cost=Cost(4000.0)),
    ]


@pytest.fixture
def hostile_header() -> Header:
    subject = Subject(HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    return Header(HOSTILE, HOSTILE, subject, subject, HOSTILE, 0, {HOSTILE: HOSTILE}, math.nan)


@pytest.fixture
def hostile_statements() -> list[Statement]:
    """Hostile text in every field that takes text, and names without a place to break them."""
    text = HOSTILE
    return [
        a_statement(
            f"{text}{index}",
            kind=text,
            claim=text,
            parameters={text: [text, {text: text}]},
            verdict=verdict,
            finding=f"{text} finding-{index}",
            assumptions=(text,),
            exhibits=(
                interval_chart(3, text),
                matrix_chart(3, text),
                curve_chart(3, text),
                histogram_chart(3, text),
                table(3, 3, text),
                table(2, 30, text),
                interval_chart(0),
                matrix_chart(0),
                curve_chart(0),
                histogram_chart(0),
                table(0, 0),
            ),
            versions={text: text},
            model_sha256=text,
            data_sha256="f" * 400,
        )
        for index, verdict in enumerate(Verdict)
    ] + [a_statement("x" * 400, claim="W" * 400, finding="y" * 900)]
