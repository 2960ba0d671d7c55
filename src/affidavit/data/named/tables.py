"""How the tables among the named sets are read: which columns, which rows, which names."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from affidavit.data.arrays import Array, sealed
from affidavit.data.files import tables
from affidavit.data.files.frames import read_csv
from affidavit.data.named.german_codes import CODES, COLUMNS
from affidavit.data.raw import Raw, reading
from affidavit.errors import DataError

Size = tuple[int, int] | None

_WINE = (
    "fixed acidity",
    "volatile acidity",
    "citric acid",
    "residual sugar",
    "chlorides",
    "free sulfur dioxide",
    "total sulfur dioxide",
    "density",
    "pH",
    "sulphates",
    "alcohol",
)
# Above the first number a value has lost its decimal point; below the second lies every value that
# has it (so it is divided by ten until it does).
_WINE_POINTS = {"volatile acidity": (10.0, 10.0), "density": (2.0, 10.0), "alcohol": (20.0, 15.0)}

_COMPAS = (
    "age",
    "sex",
    "race",
    "juv_fel_count",
    "juv_misd_count",
    "juv_other_count",
    "priors_count",
    "c_charge_degree",
)
_COMPAS_FURTHER = ("age_cat", "decile_score", "score_text", "two_year_recid")

_ADULT_GROUPS = (
    "workclass",
    "education",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "native-country",
)


def wine_quality(files: Sequence[Path], size: Size = None) -> Raw:
    """UCI's wine quality, with semicolons and a header or with commas and none; 11 features.

    Some copies have lost decimal points (1001 for a density of 1.001): they are put back, with a
    note of how many.
    """
    path = files[0]
    header = first_line(path).strip().startswith(('"', "f"))
    names = [*_WINE, "quality"]
    frame = read_csv(path, header=header, separator=";" if header else ",", names=names)
    restored = 0
    for column, (limit, below) in _WINE_POINTS.items():
        values = frame[column].to_numpy(dtype=np.float64).copy()
        lost = values > limit
        while np.any(values[lost] >= below):
            values[lost & (values >= below)] /= 10
        frame[column] = values
        restored += int(lost.sum())
    raw = tables.from_frame(path.name, frame, "quality")
    note = (
        f"{restored} numbers had lost their decimal point in this copy (as 1001 for 1.001); it "
        "was put back"
    )
    return dataclasses.replace(raw, notes=(*raw.notes, note)) if restored else raw


def german_credit(files: Sequence[Path], size: Size = None) -> Raw:
    """German credit with its codes in words; classes good and bad, 20 attributes.

    A column "sex" is read off the personal status.
    """
    path = files[0]
    header = first_line(path).startswith(COLUMNS[0])
    frame = read_csv(path, header=header, separator="," if header else " ", names=COLUMNS)
    for column in COLUMNS:
        codes = CODES.get(column)
        if codes is not None:
            unknown = sorted(set(frame[column].astype(str)) - codes.keys())
            if unknown:
                raise DataError(f"{path}: column {column!r} holds the unknown code {unknown[0]!r}")
            frame[column] = frame[column].astype(str).map(codes)
    raw = tables.from_frame(path.name, frame, "credit_risk")
    # In the order of the codes 1 and 2, where sorting would put "bad" first.
    status = frame["personal_status_and_sex"].to_numpy(dtype=str)
    sex = np.where(np.char.startswith(status, "female"), "female", "male")
    return dataclasses.replace(
        raw,
        labels=sealed((frame["credit_risk"] == "bad").to_numpy(dtype=np.int64)),
        class_names=("good", "bad"),
        columns={**raw.columns, "sex": sex},
        protected=("sex", "age_in_years", "foreign_worker", "personal_status_and_sex"),
    )


def compas(files: Sequence[Path], size: Size = None) -> Raw:
    """ProPublica's two-year recidivism table, with ProPublica's own choice of rows.

    Names, dates and case numbers of the people in it are not read.
    """
    path = files[0]
    with reading(path, "a CSV file"):
        names = _told_apart(next(csv.reader([first_line(path)])))
    every = read_csv(path, names=names)
    needed = [*_COMPAS, *_COMPAS_FURTHER, "days_b_screening_arrest", "is_recid"]
    lacking = [column for column in needed if column not in every]
    if lacking:
        raise DataError(f"{path} lacks the columns {', '.join(lacking)}")
    kept = (
        every["days_b_screening_arrest"].between(-30, 30)
        & (every["is_recid"] != -1)
        & (every["c_charge_degree"] != "O")
        & every["score_text"].notna()
    )
    frame = every.loc[kept, [*_COMPAS, *_COMPAS_FURTHER]].reset_index(drop=True)
    raw = tables.from_frame(path.name, frame, "two_year_recid", _COMPAS)
    note = (
        f"{len(frame)} of {len(every)} rows, as in ProPublica's analysis: charge within 30 days of "
        "the screening, recidivism known, no ordinary traffic offence, score given"
    )
    return dataclasses.replace(
        raw,
        class_names=("no recidivism", "recidivism"),
        protected=("sex", "race", "age"),
        notes=(*raw.notes, note),
    )


def adult(files: Sequence[Path], size: Size = None) -> Raw:
    """Adult income, one-hot as stored; the columns of its categories are put together again."""
    path = files[0]
    frame = read_csv(path)
    features = [column for column in map(str, frame) if not column.startswith("salary_")]
    if "salary_>50K" not in frame:
        raise DataError(f"{path} has no column 'salary_>50K'")
    raw = tables.from_frame(path.name, frame, "salary_>50K", features)
    columns = {
        key: value
        for key, value in raw.columns.items()
        if not key.startswith(tuple(f"{group}_" for group in (*_ADULT_GROUPS, "salary")))
    }
    for group in _ADULT_GROUPS:
        columns[group] = _category(path, frame, group)
    columns["salary"] = np.where(raw.labels == 1, ">50K", "<=50K")
    return dataclasses.replace(
        raw, class_names=("<=50K", ">50K"), columns=columns, protected=("sex", "race")
    )


def first_line(path: Path) -> str:
    """The first line of a text file. Raises DataError when it is not UTF-8."""
    with reading(path, "text"), path.open(encoding="utf-8-sig") as file:
        return file.readline()


def _told_apart(names: Sequence[str]) -> list[str]:
    # ProPublica's header has two names twice, over columns with the same values.
    return [
        f"{name}.{names[:index].count(name)}" if name in names[:index] else name
        for index, name in enumerate(names)
    ]


def _category(path: Path, frame: pd.DataFrame, group: str) -> Array:
    members = [column for column in map(str, frame) if column.startswith(f"{group}_")]
    hot = frame[members].to_numpy()
    if not members or not np.all((hot == 0) | (hot == 1)) or not np.all(hot.sum(axis=1) == 1):
        raise DataError(f"{path}: the columns '{group}_…' are not one-hot")
    values = np.asarray([column.removeprefix(f"{group}_") for column in members])
    return np.asarray(values[hot.argmax(axis=1)])
