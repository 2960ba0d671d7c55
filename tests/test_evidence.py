"""The records and their JSON form."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit import evidence
from affidavit.errors import RecordError
from affidavit.evidence import Grade, Verdict

floats = st.floats(allow_nan=True, allow_infinity=True)
ends = st.tuples(floats, floats)
# Keys like "$float" are the tags of the JSON form: a user may have a feature of that name.
names = st.text(max_size=8) | st.sampled_from(["$float", "$", "$$float", "float", "type"])
cells = st.none() | st.booleans() | st.integers() | floats | st.text(max_size=8)
plain = st.recursive(
    cells,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def tables(draw: st.DrawFn) -> evidence.Table:
    columns = tuple(draw(st.lists(names, max_size=3)))
    row = st.tuples(*[cells for _ in columns])
    return evidence.Table(draw(names), columns, tuple(draw(st.lists(row, max_size=3))))


@st.composite
def matrices(draw: st.DrawFn) -> evidence.MatrixChart:
    rows = tuple(draw(st.lists(names, max_size=3)))
    columns = tuple(draw(st.lists(names, max_size=3)))
    counts = tuple(tuple(draw(st.integers()) for _ in columns) for _ in rows)
    return evidence.MatrixChart(draw(names), draw(names), draw(names), rows, columns, counts)


@st.composite
def curves(draw: st.DrawFn) -> evidence.Curve:
    x, y, lower, upper = (
        tuple(column)
        for column in zip(*draw(st.lists(st.tuples(*[floats] * 4), min_size=1)), strict=True)
    )
    ends = (lower, upper) if draw(st.booleans()) else ()
    return evidence.Curve(draw(names), x, y, *ends)


curve_charts = st.builds(
    evidence.CurveChart,
    names,
    names,
    names,
    st.lists(curves(), max_size=3).map(tuple),
    st.none() | floats,
    names,
)


@st.composite
def histogram_charts(draw: st.DrawFn) -> evidence.HistogramChart:
    real = st.floats(allow_nan=False, allow_infinity=False)
    edges = tuple(sorted(draw(st.sets(real, max_size=4))))
    counts = st.tuples(*[st.integers(0, 9)] * max(len(edges) - 1, 0))
    groups = draw(st.lists(st.builds(evidence.Histogram, names, counts), max_size=3))
    threshold = draw(st.none() | floats)
    return evidence.HistogramChart(
        draw(names), draw(names), edges, tuple(groups), threshold, draw(names)
    )


PNG = "iVBORw0KGgoAAAA="


@st.composite
def image_grids(draw: st.DrawFn) -> evidence.ImageGrid:
    columns = tuple(draw(st.lists(names, max_size=3)))
    images = st.tuples(*[st.sampled_from([PNG, ""]) for _ in columns])
    rows = st.builds(evidence.ImageRow, names, images)
    return evidence.ImageGrid(
        draw(names), columns, tuple(draw(st.lists(rows, max_size=3))), draw(names)
    )


estimates = st.builds(
    evidence.Estimate,
    names,
    st.none() | floats,
    floats,
    floats,
    st.none() | floats,
    st.none() | floats,
    st.none() | st.sampled_from(Verdict),
)
charts = st.builds(
    evidence.IntervalChart, names, names, st.lists(estimates, max_size=3).map(tuple), names
)
statements = st.builds(
    evidence.Statement,
    id=names,
    kind=names,
    claim=names,
    parameters=st.dictionaries(names, plain, max_size=3),
    verdict=st.sampled_from(Verdict),
    grade=st.sampled_from(Grade),
    value=st.none() | floats,
    interval=st.none() | ends,
    finding=names,
    assumptions=st.lists(names, max_size=2).map(tuple),
    exhibits=st.lists(
        tables() | charts | matrices() | curve_charts | histogram_charts() | image_grids(),
        max_size=3,
    ).map(tuple),
    attachments=st.lists(st.builds(evidence.Attachment, names, names, names), max_size=2).map(
        tuple
    ),
    cost=st.builds(evidence.Cost, floats, st.integers()),
    seed=st.integers(),
    versions=st.dictionaries(names, names, max_size=2),
    model_sha256=names,
    data_sha256=names,
)
subjects = st.builds(evidence.Subject, names, names, st.dictionaries(names, cells, max_size=3))
headers = st.builds(
    evidence.Header,
    names,
    names,
    subjects,
    subjects,
    names,
    st.integers(),
    st.dictionaries(names, names, max_size=2),
    floats,
)


def through_text(data: Any) -> Any:
    """What a strict JSON writer and reader make of `data`."""
    return json.loads(json.dumps(data, allow_nan=False))


def same(one: Any, other: Any) -> bool:
    """Equality under which NaN equals itself: the text form of both, types included."""
    return repr(one) == repr(other)


@given(statements)
def test_statement_round_trip(statement: evidence.Statement) -> None:
    read = evidence.statement_from_json(through_text(evidence.to_json(statement)))
    assert same(read, statement)
    assert same(pickle.loads(pickle.dumps(read)), statement)


@given(headers)
def test_header_round_trip(header: evidence.Header) -> None:
    assert same(evidence.header_from_json(through_text(evidence.to_json(header))), header)


def a_statement(**changes: Any) -> evidence.Statement:
    fields: dict[str, Any] = {
        "id": "accurate",
        "kind": "accuracy",
        "claim": "The model is right on at least 95 % of the data.",
        "parameters": {"at_least": 0.95},
        "verdict": Verdict.HOLDS,
        "grade": Grade.STATISTICAL,
        "value": 0.97,
        "interval": (0.96, 1.0),
        "finding": "291 of 300 were right.",
        "assumptions": ("The inputs are independent.",),
        "exhibits": (evidence.Table("Counts", ("class", "n"), (("a", 3),)),),
        "attachments": (evidence.Attachment("evidence/a.csv", "00", "rows"),),
        "cost": evidence.Cost(1.0, 300),
        "seed": 0,
        "versions": {"numpy": "2.0"},
        "model_sha256": "aa",
        "data_sha256": "bb",
    }
    return evidence.Statement(**(fields | changes))


def test_infinities_and_unicode() -> None:
    statement = a_statement(
        value=-math.inf, interval=(-math.inf, math.inf), finding="שלום — naïve ≥ \U0001f600"
    )
    data = evidence.to_json(statement)
    assert data["interval"] == [{"$float": "-inf"}, {"$float": "inf"}]
    assert evidence.statement_from_json(through_text(data)) == statement


def test_whole_numbers_read_as_floats_where_floats_are_declared() -> None:
    data = evidence.to_json(a_statement()) | {"value": 1, "interval": [0, 1]}
    read = evidence.statement_from_json(data)
    assert repr(read.value) == "1.0"
    assert repr(read.interval) == "(0.0, 1.0)"


def put(*path: Any) -> Callable[[Any], Any]:
    """A change of a record: the last of `path` at the place that the others lead to."""
    *way, last, value = path

    def change(data: Any) -> Any:
        place = data
        for step in way:
            place = place[step]
        place[last] = value
        return data

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: None, "statement should be an object, and is None"),
        (lambda _: [1], "statement should be an object"),
        (lambda data: {k: v for k, v in data.items() if k != "grade"}, "lacks the key 'grade'"),
        (put("surprise", 1), "has the key 'surprise', which means nothing"),
        (put("id", 3), "statement.id should be text, and is 3"),
        (put("verdict", "maybe"), "verdict should be one of holds, violated, undecided"),
        (put("verdict", []), "verdict should be one of"),
        (put("value", "0.9"), "statement.value should be a number"),
        (put("value", True), "statement.value should be a number, and is True"),
        (put("value", 10**400), "within double precision"),
        (put("value", {"$float": "x"}), "should be inf, -inf or nan"),
        (put("interval", [0.0]), "interval should be a list of 2"),
        (put("seed", 0.5), "seed should be a whole number"),
        (put("versions", "numpy", 2), r"versions\.numpy should be text"),
        (put("versions", []), "versions should be an object"),
        (put("exhibits", 0, "type", "pie"), r"exhibits\[0\]\.type should be one of table"),
        (put("exhibits", 0, "type", []), r"exhibits\[0\]\.type should be one of table"),
        (put("exhibits", 0, "rows", [[1]]), "has 2 columns and a row of 1 cells"),
        (put("exhibits", 0, "rows", 0, 0, []), r"rows\[0\]\[0\] should be text or a whole number"),
        (put("attachments", 0, "path", None), r"attachments\[0\]\.path should be text"),
        (put("cost", {"evaluations": 1}), "cost lacks the key 'seconds'"),
        (put("parameters", "x" * 500), r"parameters should be an object, and is 'xx.*\.\.\."),
    ],
)
def test_malformed_statements(change: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        evidence.statement_from_json(change(evidence.to_json(a_statement())))


@given(plain)
def test_arbitrary_json_gives_a_record_error(data: Any) -> None:
    for read in (evidence.header_from_json, evidence.statement_from_json):
        with pytest.raises(RecordError):
            read(evidence.to_json(data))


def test_exhibits_refuse_ragged_rows() -> None:
    with pytest.raises(ValueError, match="2 columns and a row of 1 cells"):
        evidence.Table("t", ("a", "b"), ((1,),))
    with pytest.raises(ValueError, match="names 1 rows and 2 columns"):
        evidence.MatrixChart("m", "r", "c", ("a",), ("a", "b"), ((1,),))
    with pytest.raises(ValueError, match="has 2 x and 1 y"):
        evidence.Curve("c", (0.0, 1.0), (0.5,))
    with pytest.raises(ValueError, match="2 points and 1 intervals"):
        evidence.Curve("c", (0.0, 1.0), (0.5, 0.6), (0.1,), (0.2,))
    with pytest.raises(ValueError, match="intervals with one end"):
        evidence.Curve("c", (0.0,), (0.5,), (0.1,))


@pytest.mark.parametrize("value", [object(), {1: 2}, {3}, b"x"])
def test_what_has_no_json_form(value: Any) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        evidence.to_json(value)


def test_overall() -> None:
    holds, undecided, violated = Verdict.HOLDS, Verdict.UNDECIDED, Verdict.VIOLATED
    assert evidence.overall([]) is holds
    assert evidence.overall([holds, undecided]) is undecided
    assert evidence.overall([violated, undecided, holds]) is violated


@given(statements)
def test_a_field_with_a_default_may_be_younger_than_the_record(
    statement: evidence.Statement,
) -> None:
    record = evidence.to_json(statement)
    del record["cost"]["evaluations"]
    record["exhibits"] = [
        {key: value for key, value in exhibit.items() if key != "note"}
        for exhibit in record["exhibits"]
    ]
    read = evidence.statement_from_json(record)
    assert read.cost.evaluations == 0
    assert all(exhibit.note == "" for exhibit in read.exhibits)


def a_witness(**changes: Any) -> evidence.Witness:
    fields: dict[str, Any] = {
        "sentence": "It is approved.",
        "input": (1.5, -math.inf),
        "shape": (2, 1),
        "features": ("age", "income"),
        "outputs": (0.25,),
        "output_names": ("yes",),
        "decision": "yes",
        "relevant": (1,),
    }
    return evidence.Witness(**(fields | changes))


def test_a_witness_is_saved_and_read() -> None:
    statement = a_statement(witness=a_witness(), quantity="share of the volume")
    assert evidence.statement_from_json(through_text(evidence.to_json(statement))) == statement


def test_a_statement_saved_before_witnesses_is_read() -> None:
    data = evidence.to_json(a_statement())
    for key in ("witness", "quantity"):
        del data[key]
    assert evidence.statement_from_json(data) == a_statement()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": (1.0,)}, "has 1 entries and 2 names"),
        ({"features": ("a",)}, "has 2 entries and 1 names"),
        ({"outputs": ()}, "0 outputs and 1 names"),
        ({"relevant": (2,)}, "2 entries calls others relevant"),
    ],
)
def test_a_witness_must_fit_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        a_witness(**changes)


def test_the_names_of_exhibits_in_json_stay() -> None:
    assert set(evidence._EXHIBITS) == {
        "table",
        "interval_chart",
        "matrix_chart",
        "curve_chart",
        "histogram_chart",
        "image_grid",
    }


@pytest.mark.parametrize("image", ["x", 'iVBORw0KGgo"/>', "data:image/png;base64,iVBORw0KGgo="])
def test_what_is_no_png_is_no_image_of_a_grid(image: str) -> None:
    with pytest.raises(ValueError, match="in row 'a' that is no PNG file in base64"):
        evidence.ImageGrid("g", ("c",), (evidence.ImageRow("a", (image,)),))


def test_rows_of_images_fit_their_columns() -> None:
    with pytest.raises(ValueError, match="2 columns and a row of 1 images"):
        evidence.ImageGrid("g", ("c", "d"), (evidence.ImageRow("a", (PNG,)),))


@pytest.mark.parametrize("edges", [(0.0, 0.0), (1.0, 0.0), (0.0, float("inf")), (float("nan"),)])
def test_edges_of_a_histogram_ascend(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="edges that do not ascend"):
        evidence.HistogramChart("h", "x", edges, ())


@pytest.mark.parametrize("counts", [(), (1,), (1, 2, 3), (1, -1)])
def test_counts_of_a_histogram_fit_its_bins(counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="has 3 edges, and 'g' the counts"):
        evidence.HistogramChart("h", "x", (0.0, 1.0, 2.0), (evidence.Histogram("g", counts),))
