"""Images that are named on the command line: files, folders, and data sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affidavit.cli.options import rows_of, split_of
from affidavit.data import load
from affidavit.data.files.images import ENDINGS, read_files
from affidavit.errors import DataError, DomainError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Pictures:
    """Which images, and how they are brought to what the model takes.

    Attributes:
        sources: files, folders, and data sets.
        size: height and width, as text.
        grey: whether they get one channel, or three; None where nobody says.
        split, part, rows: of data sets, which rows.
    """

    sources: tuple[str, ...]
    size: str | None = None
    grey: bool | None = None
    split: str | None = None
    part: str = "test"
    rows: str | None = None

    @property
    def height_and_width(self) -> tuple[int, int] | None:
        """The size that is asked for. Raises DomainError where it is none."""
        if self.size is None:
            return None
        parts = self.size.replace("x", ",").split(",")
        if len(parts) > 2 or not all(p.strip().isdecimal() and int(p) > 0 for p in parts):
            raise DomainError(f"--size {self.size!r}: expected 224, or height and width: 200,300")
        return int(parts[0]), int(parts[-1])


def pictures_of(
    wanted: Pictures, shape: tuple[int, ...] | None, seed: int
) -> tuple[tuple[str, ...], Tensor, tuple[str, ...]]:
    """The images' names, each used once; the images [image, channel, height, width] in [0, 1]; and
    the names of classes, where a data set has them.

    Args:
        shape: of an input of the model, [channel, height, width], where that is known.
        seed: of rows that are drawn.

    Raises:
        DataError: no images, or images of several sizes.
        DomainError: options that mean nothing.
    """
    size, grey = wanted.height_and_width, wanted.grey
    if shape is not None:
        size = shape[1:] if size is None else size  # type: ignore[assignment]
        grey = shape[0] == 1 if grey is None else grey
    names: list[str] = []
    parts: list[Array] = []
    classes: tuple[str, ...] = ()
    files: list[Path] = []
    for source in wanted.sources:
        found = _files(source)
        if found is not None:
            files += found
            continue
        of_set, inputs, classes = _rows(source, wanted, size, seed)
        names += of_set
        parts.append(inputs)
    if files:
        parts.insert(0, read_files(files, size, grey=grey, name="the images"))
        names = [file.stem for file in files] + names
    shapes = sorted({part.shape[1:] for part in parts})
    if len(shapes) > 1:
        raise DataError(f"the images have the shapes {shapes}; expected one: give --size")
    if shape is not None and shapes[0] != shape:
        raise DataError(f"the images have the shape {shapes[0]}; the model takes {shape}")
    return told_apart(names), torch.from_numpy(np.concatenate(parts)), classes


def _files(source: str) -> list[Path] | None:
    """The image files that a source is or holds; None where it is a data set."""
    path = Path(source).expanduser()
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in ENDINGS and not file.name.startswith(".")
        )
        if not found:
            raise DataError(f"{path} holds no images (files ending in {', '.join(ENDINGS)})")
        return found
    if path.suffix.lower() in ENDINGS:
        if not path.is_file():
            raise DataError(f"{path}: there is no such image")
        return [path]
    return None


def _rows(
    source: str, wanted: Pictures, size: tuple[int, int] | None, seed: int
) -> tuple[list[str], Array, tuple[str, ...]]:
    sized = wanted.size is not None
    split = split_of(wanted.split)
    dataset = load(source, split=split, size=size if sized else None, progress=False)
    if dataset.inputs.ndim != 4:
        raise DataError(
            f"{source} has inputs of shape {list(dataset.inputs.shape[1:])}; expected images"
            " [channel, height, width]"
        )
    part = dataset.part(wanted.part)
    listed, samples = rows_of(wanted.rows, len(part))
    rows = np.arange(len(part)) if listed is None else np.array(listed)
    if samples is not None and samples < len(part):
        rows = np.sort(np.random.default_rng((seed, 2)).choice(len(part), samples, replace=False))
    return [f"row-{row}" for row in rows], part.inputs[rows], dataset.class_names


def told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number where several are alike; no two are the same."""
    counts = Counter(names)
    taken = {name for name in names if counts[name] == 1}
    told = []
    for name in names:
        chosen = name
        if counts[name] > 1:
            numbered = (f"{name}-{number}" for number in count(1))
            chosen = next(other for other in numbered if other not in taken)
            taken.add(chosen)
        told.append(chosen)
    return tuple(told)
