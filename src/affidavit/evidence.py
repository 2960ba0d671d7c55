"""Statements, their verdicts and grades, and their JSON form.

Everything here is frozen plain data, so that a report can be drawn, compared and drawn again
without the model, the data or the method that produced it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

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


Exhibit: TypeAlias = Table | IntervalChart | MatrixChart
_EXHIBITS: dict[str, type[Table] | type[IntervalChart] | type[MatrixChart]] = {
    "table": Table,
    "interval_chart": IntervalChart,
    "matrix_chart": MatrixChart,
}


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

    `claim` is a sentence a person can read; `parameters` are the claim's own keys. `value` is the
    claim's headline number and `interval` what is known of it: under the grade `statistical` each
    end holds with the stated confidence, under `exact` and `sound` both hold for certain.
    `finding` says in a sentence or two why the verdict is what it is. The hashes, seed and
    versions are what is needed to repeat the check.
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

    Infinite and undefined numbers, which JSON lacks, become `{"float": "inf"}` and so on, so that
    reading back gives the same record.
    """
    for tag, kind in _EXHIBITS.items():
        if isinstance(value, kind):
            return {"type": tag, **_fields(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _fields(record: Any) -> dict[str, Any]:
    return {f.name: to_json(getattr(record, f.name)) for f in dataclasses.fields(record)}


def header_from_json(data: Any) -> Header:
    """The header whose :func:`to_json` is `data`. Raises RecordError when it is none."""
    with _Reading("header"):
        return Header(
            **_plain(
                data,
                model=_subject(data["model"]),
                data=_subject(data["data"]),
                versions=MappingProxyType(dict(data["versions"])),
            )
        )


def statement_from_json(data: Any) -> Statement:
    """The statement whose :func:`to_json` is `data`. Raises RecordError when it is none."""
    with _Reading("statement"):
        interval = _restore(data["interval"])
        return Statement(
            **_plain(
                data,
                parameters=MappingProxyType(_restore(data["parameters"])),
                verdict=Verdict(data["verdict"]),
                grade=Grade(data["grade"]),
                interval=None if interval is None else (float(interval[0]), float(interval[1])),
                assumptions=tuple(data["assumptions"]),
                exhibits=tuple(_exhibit(item) for item in data["exhibits"]),
                attachments=tuple(Attachment(**item) for item in data["attachments"]),
                cost=Cost(**data["cost"]),
                versions=MappingProxyType(dict(data["versions"])),
            )
        )


class _Reading:
    """Turns whatever a malformed record raises into one RecordError."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyError):
            raise RecordError(f"a {self.what} lacks the key {error}") from error
        if isinstance(error, TypeError | ValueError | AttributeError | IndexError):
            raise RecordError(f"a {self.what} is malformed: {error}") from error


def _plain(data: Any, /, **converted: Any) -> dict[str, Any]:
    return {key: _restore(item) for key, item in data.items() if key not in converted} | converted


def _restore(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"float"}:
            return float(value["float"])
        return {key: _restore(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restore(item) for item in value]
    return value


def _subject(data: Any) -> Subject:
    return Subject(**_plain(data, details=MappingProxyType(_restore(data["details"]))))


def _exhibit(data: Any) -> Exhibit:
    kind = data["type"]
    if kind not in _EXHIBITS:
        raise ValueError(f"exhibit type {kind!r} is unknown to this version")
    fields = _restore({key: item for key, item in data.items() if key != "type"})
    if kind == "interval_chart":
        fields["estimates"] = tuple(_estimate(item) for item in fields["estimates"])
    return _EXHIBITS[kind](**{key: _tuples(item) for key, item in fields.items()})


def _estimate(fields: dict[str, Any]) -> Estimate:
    verdict = fields.pop("verdict")
    return Estimate(**fields, verdict=None if verdict is None else Verdict(verdict))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
