"""Folders of images."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affidavit.data.arrays import sealed
from affidavit.data.raw import Raw, reading
from affidavit.errors import DataError

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Names of files that are taken for images."""

_INDEXED = re.compile(r"(\d{1,6})_(n\d{8})_(.+)")
_GREY = ("1", "L", "LA")
_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L")
_THREADS = 4

T = TypeVar("T")
R = TypeVar("R")


def read_folder(folder: Path, size: tuple[int, int] | None = None, classes: int = 0) -> Raw:
    """Images in a folder, with the class in the path.

    Either each class is a subfolder, in sorted order, or each file is named `INDEX_wnid_name.jpg`,
    with INDEX the class index. With `size` (height, width) an image is scaled by bicubic
    interpolation until it just covers that size, and its centre is cut out. Images are RGB unless
    all are grey.

    Args:
        classes: the number of classes, where the network knows more than the folder shows.
    """
    with reading(folder, "a folder of images"):
        files, labels, names, skipped = _listed(folder)
    names = [*names, *(str(index) for index in range(len(names), classes))]
    inputs = read_files(files, size, name=str(folder))
    places = [file.relative_to(folder).as_posix() for file in files]
    note = f"{skipped} files that are no images were left out" if skipped else ""
    return Raw(
        inputs=sealed(inputs),
        labels=np.asarray(labels, np.int64),
        class_names=tuple(names),
        columns={"file": np.asarray(places)},
        notes=(note,) if note else (),
    )


def read_files(
    files: Sequence[Path],
    size: tuple[int, int] | None = None,
    *,
    grey: bool | None = None,
    name: str = "",
) -> NDArray[np.float32]:
    """Images of files, `row x channel x height x width` in [0, 1].

    Args:
        files: one or more.
        size: height and width that all are scaled and cut to, see :func:`read_folder`; left out,
            all must be of one size.
        grey: whether they get one channel, or else three; left out, one if all files are grey.
        name: where they come from, for messages.

    Raises DataError for files that are no images, or images of several sizes without `size`.
    """
    sizes_and_modes = mapped(_size_and_mode, files)
    if size is None:
        sizes = {(height, width) for (height, width), _ in sizes_and_modes}
        if len(sizes) > 1:
            shown = ", ".join(f"{height}×{width}" for height, width in sorted(sizes)[:4])
            shown += ", …" if len(sizes) > 4 else ""
            raise DataError(
                f"{name or files[0].parent}: images have {len(sizes)} sizes ({shown}); a "
                "network takes one. Give `size`, as height and width."
            )
        size = sizes.pop()
    if grey is None:
        grey = all(mode in (*_GREY, *_SIXTEEN_BIT) for _, mode in sizes_and_modes)
    one = grey
    inputs = np.empty((len(files), 1 if one else 3, *size), np.float32)

    def fill(row: int) -> None:
        with reading(files[row], "an image"), Image.open(files[row]) as image:
            inputs[row] = pixels(image, one, size)

    mapped(fill, range(len(files)))
    return inputs


def pixels(
    image: Image.Image, grey: bool, size: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """`channel x height x width` in [0, 1], one channel if `grey` and else three."""
    if image.mode in _SIXTEEN_BIT:
        deep = np.asarray(image, np.float32) / np.float32(65535)
        if size is not None:
            deep = np.asarray(_covered(Image.fromarray(deep), size), np.float32)
        # Bicubic interpolation overshoots at edges.
        return np.repeat(np.clip(deep, 0, 1)[None], 1 if grey else 3, axis=0)
    plain: Image.Image = image.convert("L" if grey else "RGB")
    if size is not None:
        plain = _covered(plain, size)
    values = np.asarray(plain, np.float32) / np.float32(255)
    return values[None] if grey else values.transpose(2, 0, 1)


def decoded(files: Sequence[bytes], name: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    """RGB images of one `shape` from the bytes of image files, `row x channel x height x width`."""
    # One thread: on images this small the decoder holds the interpreter's lock nearly all the time.
    stored = np.empty((len(files), *shape, 3), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for row, file in enumerate(files):
            with reading(Path(name), f"an archive of images (number {row})"):
                values = np.asarray(Image.open(BytesIO(file)).convert("RGB"))
                if values.shape != (*shape, 3):
                    raise ValueError(f"{values.shape[0]}×{values.shape[1]} pixels")
                stored[row] = values
    inputs = np.empty((len(files), 3, *shape), np.float32)
    np.divide(stored.transpose(0, 3, 1, 2), np.float32(255), out=inputs)
    return inputs


def mapped(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The function of each item, in order, on a few threads: image decoders release the lock."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(function, items))


def _covered(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    scale = max(height / image.height, width / image.width)
    # At least the size asked for: rounding must not leave a gap.
    wide = max(width, round(image.width * scale))
    high = max(height, round(image.height * scale))
    left, top = (wide - width) // 2, (high - height) // 2
    larger = image.resize((wide, high), Image.Resampling.BICUBIC)
    return larger.crop((left, top, left + width, top + height))


def _size_and_mode(file: Path) -> tuple[tuple[int, int], str]:
    with reading(file, "an image"), Image.open(file) as image:
        if image.mode == "F":
            raise DataError(f"{file} has float pixels; expected 8 or 16 bits a channel")
        return (image.height, image.width), image.mode


def _listed(folder: Path) -> tuple[list[Path], list[int], list[str], int]:
    """Image files, their class indices, the class names, and how many other files there are."""
    seen = sorted(item for item in folder.iterdir() if not item.name.startswith("."))
    subfolders = [item for item in seen if item.is_dir()]
    loose, skipped = _split_images(item for item in seen if item.is_file())
    if loose and subfolders:
        raise DataError(
            f"{folder} holds images ({loose[0].name}) beside folders ({subfolders[0].name}); "
            "expected one folder for each class and nothing beside"
        )
    if subfolders:
        files: list[Path] = []
        labels: list[int] = []
        for index, subfolder in enumerate(subfolders):
            inside = sorted(item for item in subfolder.iterdir() if not item.name.startswith("."))
            here, others = _split_images(inside)
            if not here:
                raise DataError(f"{subfolder} holds no images; each folder in {folder} is a class")
            files += here
            labels += [index] * len(here)
            skipped += others
        return files, labels, [item.name for item in subfolders], skipped
    if not loose:
        raise DataError(f"{folder} holds no images (files ending in {', '.join(ENDINGS)})")
    matches = [_INDEXED.fullmatch(item.stem) for item in loose]
    return loose, *_indexed(folder, loose, matches), skipped


def _indexed(
    folder: Path, files: list[Path], matches: Sequence[Any]
) -> tuple[list[int], list[str]]:
    found: dict[int, tuple[str, str]] = {}
    for file, match in zip(files, matches, strict=True):
        if match is None:
            raise DataError(
                f"{file} has no class: put images in one folder for each class, or name them "
                "INDEX_wnid_name.jpg, as in 0001_n01443537_goldfish.jpg"
            )
        # Several images of one class may carry a running number or another name of it.
        wnid = found.setdefault(int(match[1]), (match[2], match[3]))[0]
        if wnid != match[2]:
            raise DataError(f"{folder}: class {int(match[1])} is both {wnid} and {match[2]}")
    labels = [int(match[1]) for match in matches]
    names = [str(index) for index in range(max(labels) + 1)]
    for index, (wnid, name) in found.items():
        shared = sum(other == name for _, other in found.values()) > 1
        names[index] = f"{name} ({wnid})" if shared else name
    return labels, names


def _split_images(items: Iterable[Path]) -> tuple[list[Path], int]:
    listed = list(items)
    images = [item for item in listed if item.is_file() and item.suffix.lower() in ENDINGS]
    return images, len(listed) - len(images)
