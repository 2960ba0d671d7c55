"""Statements, their verdicts and grades, and their JSON form.

Everything here is frozen plain data, so that a report can be drawn, compared and drawn again
without the model, the data or the method that produced it.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from affidavit.errors import RecordError

SCHEMA_VERSION = 1
"""Version of the JSON form. It grows when a reader of the old form would misread the new one."""

Cell: TypeAlias = str | int | float | bool | None


class Verdict(StrEnum):
    """What the evidence says of a claim."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


class Grade(StrEnum):
    """How strong the evidence is.

    `exact`: complete, to a stated numerical tolerance. `sound`: a proved bound, perhaps loose,
    never wrong. `statistical`: a confidence level is attached. `empirical`: measured, no guarantee.
    """

    EXACT = "exact"
    SOUND = "sound"
    STATISTICAL = "statistical"
    EMPIRICAL = "empirical"


def overall(verdicts: list[Verdict]) -> Verdict:
    """The verdict of several together: violated if any is, else undecided if any is, else holds."""
    for verdict in (Verdict.VIOLATED, Verdict.UNDECIDED):
        if verdict in verdicts:
            return verdict
    return Verdict.HOLDS


@dataclass(frozen=True)
class Table:
    """An exhibit of rows and columns. Cells are plain values; the renderers format them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.title!r} has {len(self.columns)} columns "
                    f"and a row of {len(row)} cells"
                )


@dataclass(frozen=True)
class Estimate:
    """A number with its interval and, where a claim sets one, the bound it must meet."""

    label: str
    value: float | None
    lower: float
    upper: float
    at_least: float | None = None
    at_most: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True)
class IntervalChart:
    """An exhibit of estimates on one axis, a line each, against their thresholds."""

    title: str
    axis: str
    estimates: tuple[Estimate, ...]
    note: str = ""


@dataclass(frozen=True)
class MatrixChart:
    """An exhibit of counts by row and column, such as a confusion matrix."""

    title: str
    row_axis: str
    column_axis: str
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        expected = (len(self.row_names), len(self.column_names))
        widths = {len(row) for row in self.counts} or {expected[1]}
        if len(self.counts) != expected[0] or widths != {expected[1]}:
            raise ValueError(
                f"matrix {self.title!r} names {expected[0]} rows and {expected[1]} columns, "
                f"and has {len(self.counts)} rows of {sorted(widths)} counts"
            )


@dataclass(frozen=True)
class Curve:
    """A named curve through points, in the order of x; NaN in y leaves a gap.

    `lower` and `upper` are an interval at each point, or empty.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.y) != len(self.x):
            raise ValueError(f"curve {self.label!r} has {len(self.x)} x and {len(self.y)} y")
        for ends in (self.lower, self.upper):
            if len(ends) not in (0, len(self.x)):
                raise ValueError(
                    f"curve {self.label!r} has {len(self.x)} points and {len(ends)} intervals"
                )
        if len(self.lower) != len(self.upper):
            raise ValueError(f"curve {self.label!r} has intervals with one end")


@dataclass(frozen=True)
class CurveChart:
    """An exhibit of curves over one pair of axes, against a threshold where a claim sets one."""

    title: str
    x_axis: str
    y_axis: str
    curves: tuple[Curve, ...]
    at_least: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Histogram:
    """How many values of a group lie in each bin."""

    label: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class HistogramChart:
    """An exhibit of groups over the same bins, each as shares of itself, and where it is cut.

    `edges` ascend, one more than there are bins; a value on an inner edge is in the bin above.
    """

    title: str
    axis: str
    edges: tuple[float, ...]
    groups: tuple[Histogram, ...]
    threshold: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        ascend = all(low < high for low, high in pairwise(self.edges))
        if not ascend or not all(map(math.isfinite, self.edges)):
            raise ValueError(f"histogram {self.title!r} has edges that do not ascend: {self.edges}")
        bins = max(len(self.edges) - 1, 0)
        for group in self.groups:
            if len(group.counts) != bins or min(group.counts, default=0) < 0:
                raise ValueError(
                    f"histogram {self.title!r} has {len(self.edges)} edges, and {group.label!r}"
                    f" the counts {group.counts}"
                )


@dataclass(frozen=True)
class ImageRow:
    """A row of images that belong together, such as an input and what explains it.

    `images` are PNG files in base64, or empty where there is none.
    """

    label: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class ImageGrid:
    """An exhibit of images by row and column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[ImageRow, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.images) != len(self.columns):
                raise ValueError(
                    f"image grid {self.title!r} has {len(self.columns)} columns "
                    f"and a row of {len(row.images)} images"
                )
            for image in row.images:
                if not _PNG.fullmatch(image):
                    raise ValueError(
                        f"image grid {self.title!r} has an image in row {row.label!r} that is no "
                        "PNG file in base64"
                    )


# The first bytes of a PNG file, then nothing that could end an attribute of a page.
_PNG = re.compile(r"(iVBORw0KGgo[A-Za-z0-9+/]*={0,2})?")

Exhibit: TypeAlias = Table | IntervalChart | MatrixChart | CurveChart | HistogramChart | ImageGrid
_EXHIBITS: dict[str, type[Any]] = {
    # The tag of a kind in JSON is its name in lower case: `matrix_chart`.
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind
    for kind in get_args(Exhibit)
}


@dataclass(frozen=True)
class Witness:
    """One input that shows why a claim is violated.

    Attributes:
        sentence: what happens there, for a person.
        input: every entry of the input, flat, in row-major order.
        shape: the shape of the input.
        features: a name for each entry.
        outputs: what the model gives for it.
        output_names: a name for each output.
        decision: the class decided for, where there are classes.
        relevant: the entries that matter, the most important first: what a short form shows.
    """

    sentence: str
    input: tuple[float, ...]
    shape: tuple[int, ...]
    features: tuple[str, ...]
    outputs: tuple[float, ...]
    output_names: tuple[str, ...]
    decision: str | None = None
    relevant: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        size = math.prod(self.shape)
        if len(self.input) != size or len(self.features) != size:
            raise ValueError(
                f"a witness of shape {list(self.shape)} has {len(self.input)} entries and"
                f" {len(self.features)} names for them"
            )
        if len(self.outputs) != len(self.output_names):
            raise ValueError(
                f"a witness has {len(self.outputs)} outputs and {len(self.output_names)} names"
                " for them"
            )
        if not all(0 <= index < size for index in self.relevant):
            raise ValueError(f"a witness of {size} entries calls others relevant")


@dataclass(frozen=True)
class Attachment:
    """A file of evidence, by its path inside the affidavit's folder."""

    path: str
    sha256: str
    description: str


@dataclass(frozen=True)
class Cost:
    """What a statement cost: wall-clock seconds, and inputs run through the model."""

    seconds: float
    evaluations: int = 0


@dataclass(frozen=True)
class Subject:
    """What was audited, by name and content: one for the model, one for the data.

    `details` are further facts worth a line in the report's header, such as a shape or a count.
    """

    name: str
    sha256: str
    details: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class Statement:
    """A checked claim.

    `claim` is a sentence a person can read; `parameters` are the claim's own keys, as JSON data
    (lists rather than tuples, so that reading back gives the same). `value` is the
    claim's headline number and `interval` what is known of it: under the grade `statistical` each
    end holds with the stated confidence, under `exact` and `sound` both hold for certain.
    `finding` says in a sentence or two why the verdict is what it is. The hashes, seed and
    versions are what is needed to repeat the check. `quantity` says what the value is, where the
    claim leaves that open, and `witness` is an input that shows the violation, where one does.
    """

    id: str
    kind: str
    claim: str
    parameters: Mapping[str, Any]
    verdict: Verdict
    grade: Grade
    value: float | None
    interval: tuple[float, float] | None
    finding: str
    assumptions: tuple[str, ...]
    exhibits: tuple[Exhibit, ...]
    attachments: tuple[Attachment, ...]
    cost: Cost
    seed: int
    versions: Mapping[str, str]
    model_sha256: str
    data_sha256: str
    quantity: str = ""
    witness: Witness | None = None


@dataclass(frozen=True)
class Header:
    """The circumstances of an audit: what was audited, when, with what."""

    title: str
    contract_sha256: str
    model: Subject
    data: Subject
    created: str  # ISO 8601, UTC
    seed: int
    versions: Mapping[str, str]
    seconds: float


def to_json(value: Any) -> Any:
    """Plain JSON data for a record of this module.

    Infinite and undefined numbers, which JSON lacks, become `{"$float": "inf"}` and so on, and a
    key of a mapping that begins with `$` gets another in front, so that reading back gives the
    same record. Raises TypeError for what has no JSON form.
    """
    for tag, kind in _EXHIBITS.items():
        if isinstance(value, kind):
            return {"type": tag, **_fields(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Mapping):
        return {_escaped(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(float(value))}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def header_from_json(data: Any) -> Header:
    """The header whose :func:`to_json` is `data`. Raises RecordError when it is none."""
    header: Header = _read(Header, data, "header")
    return header


def statement_from_json(data: Any) -> Statement:
    """The statement whose :func:`to_json` is `data`. Raises RecordError when it is none."""
    statement: Statement = _read(Statement, data, "statement")
    return statement


def _fields(record: Any) -> dict[str, Any]:
    return {f.name: to_json(getattr(record, f.name)) for f in dataclasses.fields(record)}


def _escaped(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a mapping with the key {key!r} has no JSON form: keys are text")
    return f"${key}" if key.startswith("$") else key


def _read(kind: Any, data: Any, where: str) -> Any:
    """`data` as the declared type `kind`. `where` names the place in the record for messages."""
    if kind is Any:
        return _restored(data, where)
    if get_origin(kind) is UnionType:
        return _read_union(get_args(kind), data, where)
    if get_origin(kind) is tuple:
        return _read_tuple(get_args(kind), data, where)
    if get_origin(kind) is Mapping:
        item_kind = get_args(kind)[1]
        return {
            _unescaped(key): _read(item_kind, item, f"{where}.{key}")
            for key, item in _expect(dict, data, where).items()
        }
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, _expect(dict, data, where), where)
    if issubclass(kind, StrEnum):
        if data not in list(kind):
            raise _malformed(where, f"one of {', '.join(kind)}", data)
        return kind(data)
    if kind is float:
        return _float(_expect(float, _restored(data, where), where), where)
    return _expect(kind, data, where)


def _read_union(kinds: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and NoneType in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not NoneType)
    if len(kinds) == 1:
        return _read(kinds[0], data, where)
    if kinds == get_args(Exhibit):
        fields = dict(_expect(dict, data, where))
        tag = fields.pop("type", None)
        if not isinstance(tag, str) or tag not in _EXHIBITS:
            raise _malformed(f"{where}.type", f"one of {', '.join(_EXHIBITS)}", tag)
        return _read_fields(_EXHIBITS[tag], fields, where)
    return _expect(kinds, _restored(data, where), where)


def _read_tuple(kinds: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    items = _expect(list, data, where)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(items)
    if len(items) != len(kinds):
        raise _malformed(where, f"a list of {len(kinds)}", data)
    return tuple(
        _read(kind, item, f"{where}[{index}]")
        for index, (kind, item) in enumerate(zip(kinds, items, strict=True))
    )


def _read_fields(kind: Any, data: dict[str, Any], where: str) -> Any:
    kinds = get_type_hints(kind)
    # A field with a default may be younger than the record.
    optional = {f.name for f in dataclasses.fields(kind) if _has_default(f)}
    for name in kinds:
        if name not in data and name not in optional:
            raise RecordError(f"{where} lacks the key {name!r}")
    for name in data:
        if name not in kinds:
            raise RecordError(f"{where} has the key {name!r}, which means nothing there")
    fields = {name: _read(kinds[name], data[name], f"{where}.{name}") for name in data}
    try:
        return kind(**fields)
    except ValueError as error:
        raise RecordError(f"{where} is malformed: {error}") from error


def _has_default(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _restored(value: Any, where: str) -> Any:
    """JSON data whose types are not declared, with its special numbers back in place."""
    if isinstance(value, dict):
        if value.keys() == {"$float"}:
            if value["$float"] not in ("inf", "-inf", "nan"):
                raise _malformed(where, "inf, -inf or nan", value["$float"])
            return float(value["$float"])
        return {_unescaped(key): _restored(item, where) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item, where) for item in value]
    return value


def _unescaped(key: str) -> str:
    return key.removeprefix("$")


def _expect(kind: Any, value: Any, where: str) -> Any:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    accepted = (*kinds, int) if float in kinds else kinds
    # A bool is an int to Python; to a reader of numbers it is a mistake.
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in kinds):
        raise _malformed(where, " or ".join(_NAMES[kind] for kind in kinds), value)
    return value


def _float(value: int | float, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _malformed(where, "a number within double precision", value) from None


_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _malformed(where: str, expected: str, seen: Any) -> RecordError:
    text = repr(seen)
    return RecordError(
        f"{where} should be {expected}, and is {text if len(text) <= 60 else text[:57] + '...'}"
    )
