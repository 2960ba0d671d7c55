"""From a source, as a contract or a user writes it, to a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affidavit.data.arrays import sealed
from affidavit.data.dataset import Dataset
from affidavit.data.files.bundled import BUNDLED, PREFIX, read_bundled
from affidavit.data.files.frames import read_csv, read_parquet
from affidavit.data.files.images import read_folder
from affidavit.data.files.npz import read_npz
from affidavit.data.files.tables import Task, from_frame
from affidavit.data.named import NAMED, read_named
from affidavit.data.raw import Raw
from affidavit.data.split import Split
from affidavit.errors import DataError, nearest


@dataclass(frozen=True)
class NamedSource:
    """A source that has a name.

    Attributes:
        description: a line that says what it is.
        files: its files, by their place in the data folder; none where it comes installed.
        downloads: whether it can be downloaded.
    """

    name: str
    description: str
    files: tuple[str, ...] = ()
    downloads: bool = False


named_sets: tuple[NamedSource, ...] = (
    *(NamedSource(PREFIX + name, "comes with scikit-learn") for name in BUNDLED),
    *(
        NamedSource(
            name,
            entry.description,
            tuple(file.path for file in entry.forms[0].files),
            any(all(file.url for file in form.files) for form in entry.forms),
        )
        for name, entry in NAMED.items()
    ),
)
"""Each source that has a name."""

_KINDS = (
    "A source is a named set, a file ending in .npz, .csv, .csv.gz or .parquet, or a folder of "
    "images."
)


def load(
    source: str | Path,
    *,
    label: str | int | None = None,
    features: Sequence[str] | None = None,
    protected: Sequence[str] = (),
    split: Split | str | None = None,
    size: Sequence[int] | None = None,
    header: bool = True,
    folder: str | Path | None = None,
    task: Task | None = None,
    classes: Sequence[str | int] | None = None,
    progress: bool = True,
) -> Dataset:
    """Loads a data set and cuts it into parts.

    Args:
        source: the name of a set (:data:`named_sets`), or the path of a .npz, .csv, .csv.gz or
            .parquet file or of a folder of images. A name is taken for a set first: "./mnist" is
            the folder.
        label: for tables, the column to predict.
        features: for tables, the columns that go into the network; by default all but the label.
        protected: columns with protected attributes; by default those the named set declares.
        split: how to cut the rows into parts, or "published" for the set's own parts. By default
            the published parts of a named set that has them; else one part "test" with all rows,
            as a file handed to an audit is meant as a whole.
        size: for folders of images, the height and width to bring each image to.
        header: for CSV files, whether the first line names the columns; if not, they are called
            "0", "1" and so on.
        folder: where relative paths begin.
        task: for files, "classification" or "regression" where the labels do not show it (by
            default whole numbers and text are classes, numbers with fractions are targets).
        classes: all label values in the order of the model's outputs. By default the values that
            occur, sorted: right only if the model was trained on just those.
        progress: whether a download shows a progress bar on standard error.

    Raises:
        DataError: for sources that are not there or cannot be read, missing values, columns that do
            not exist, and arguments that do not fit the source.
    """
    path = None if _has_name(source) else _existing(source, folder)
    table = path is not None and path.name.lower().endswith((".csv", ".csv.gz", ".parquet"))
    text = path is not None and path.name.lower().endswith((".csv", ".csv.gz"))
    sized = path.is_dir() if path is not None else str(source) in NAMED and NAMED[str(source)].sized
    _require_fitting(source, "label", label is not None and not table, "tables")
    _require_fitting(source, "features", features is not None and not table, "tables")
    _require_fitting(source, "header", not header and not text, "CSV files")
    _require_fitting(source, "size", size is not None and not sized, "folders of images")
    known = path is None or path.is_dir()
    _require_fitting(source, "task", task is not None and known, "tables and .npz files")
    shape = _shape(size)

    if path is None:
        name = str(source)
        bundled = name.startswith(PREFIX)
        raw = read_bundled(name) if bundled else read_named(NAMED[name], shape, progress=progress)
    elif path.is_dir():
        raw = read_folder(path, shape)
    elif table:
        raw = _read_table(path, label, features, header, task)
    else:
        raw = read_npz(path, str(source), task)
    if classes is not None:
        raw = _with_classes(str(source), raw, [str(item) for item in classes])
    chosen = (protected,) if isinstance(protected, str) else tuple(protected)
    return Dataset(
        name=str(source),
        inputs=raw.inputs,
        labels=raw.labels,
        class_names=raw.class_names,
        feature_names=raw.feature_names,
        columns=raw.columns,
        protected=chosen or raw.protected,
        parts=_parts(str(source), raw, split),
        notes=raw.notes,
    )


def _has_name(source: str | Path) -> bool:
    return isinstance(source, str) and (source in NAMED or source.startswith(PREFIX))


def _existing(source: str | Path, folder: str | Path | None) -> Path:
    if not str(source).strip() or "\0" in str(source):
        raise DataError(f"{str(source)!r} is no source. {_KINDS}")
    path = Path(source).expanduser()
    if folder is not None:
        path = Path(folder).expanduser() / path
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if path.is_dir():
        return path
    endings = (".npz", ".csv", ".csv.gz", ".parquet")
    if path.is_file():
        if not path.name.lower().endswith(endings):
            raise DataError(f"{path}: files of this kind are not read. {_KINDS}")
        return path
    if str(source).lower().endswith(endings) or len(Path(source).parts) > 1:
        raise DataError(f"{path} does not exist. {_KINDS}")
    names = [item.name for item in named_sets]
    raise DataError(
        f"{str(source)!r} is neither a named set nor a file{nearest(str(source), names)}. "
        f"{_KINDS} Named sets: {', '.join(names)}."
    )


def _read_table(
    path: Path,
    label: str | int | None,
    features: Sequence[str] | None,
    header: bool,
    task: Task | None,
) -> Raw:
    parquet = path.suffix.lower() == ".parquet"
    frame = read_parquet(path) if parquet else read_csv(path, header=header)
    if label is None:
        raise DataError(
            f"{path}: say which column is the label, with `label`. "
            f"Columns: {', '.join(map(str, frame))}."
        )
    wanted = [features] if isinstance(features, str) else features
    names = None if wanted is None else [str(item) for item in wanted]
    return from_frame(str(path), frame, str(label), names, task)


def _with_classes(name: str, raw: Raw, classes: Sequence[str]) -> Raw:
    """The same labels as indices into `classes`, which may hold more than occur."""
    if raw.labels.dtype.kind == "f":
        raise DataError(f"{name}: `classes` is for labels that are classes, not for regression")
    if len(set(classes)) < len(classes):
        raise DataError(f"{name}: classes are {list(classes)}; expected each once")
    found = [raw.class_names[index] for index in np.unique(raw.labels)]
    strange = [item for item in found if item not in classes]
    if strange:
        raise DataError(
            f"{name}: the label {strange[0]!r} is none of the classes"
            f"{nearest(strange[0], classes)}: {', '.join(classes[:12])}"
        )
    place = np.array([classes.index(n) if n in classes else -1 for n in raw.class_names])
    notes = tuple(note for note in raw.notes if not note.startswith("label values "))
    return dataclasses.replace(
        raw, labels=sealed(place[raw.labels]), class_names=tuple(classes), notes=notes
    )


def _require_fitting(source: str | Path, argument: str, misplaced: bool, where: str) -> None:
    if misplaced:
        raise DataError(f"`{argument}` is for {where}; {str(source)!r} is none: leave it out")


def _shape(size: Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    numbers = list(size) if isinstance(size, Sequence) else []
    whole = all(isinstance(item, int) and not isinstance(item, bool) for item in numbers)
    if len(numbers) != 2 or not whole or not all(1 <= item <= 10_000 for item in numbers):
        raise DataError(f"size = {size!r}; expected a height and a width from 1 to 10000")
    return numbers[0], numbers[1]


def _parts(name: str, raw: Raw, split: Split | str | None) -> Mapping[str, NDArray[np.int64]]:
    if split is None:
        return raw.published
    if isinstance(split, Split):
        parts = split.indices(raw.labels)
        for key, rows in parts.items():
            if not len(rows):
                raise DataError(
                    f"{name}: of {len(raw.labels)} rows the split leaves none for {key}; set its "
                    "fraction to 0 or use more rows"
                )
        return parts
    if split != "published":
        raise DataError(f'split = {split!r}; expected fractions, or "published"')
    if not raw.published:
        raise DataError(f"{name} has no published split: give fractions instead")
    return raw.published
