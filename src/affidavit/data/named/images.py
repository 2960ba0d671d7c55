"""How the image sets among the named sets are read."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affidavit.data.arrays import Array, sealed
from affidavit.data.files.idx import read_idx
from affidavit.data.files.images import decoded, read_folder
from affidavit.data.files.npz import read_arrays
from affidavit.data.raw import Raw, reading
from affidavit.errors import DataError

Size = tuple[int, int] | None

_DIGITS = tuple(str(digit) for digit in range(10))
_CLOTHES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_CIFAR = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_CIFAR_PIXELS = 3 * 32 * 32
_CIFAR_BATCH = 10_000
_PNEUMONIA_TRAIN = 4708


def mnist(files: Sequence[Path], size: Size = None) -> Raw:
    """MNIST from its four IDX files: train images and labels, test images and labels."""
    return _idx_set(files, _DIGITS)


def fashion_mnist(files: Sequence[Path], size: Size = None) -> Raw:
    """Fashion-MNIST from its four IDX files, in the order of :func:`mnist`."""
    return _idx_set(files, _CLOTHES)


def cifar10_jpeg(files: Sequence[Path], size: Size = None) -> Raw:
    """CIFAR-10 from two archives of JPEG images: train, test.

    Keys: `data` (uint8, the files joined), `offsets` (where each begins, and the end), `labels`,
    `classes`.
    """
    inputs, labels = [], []
    for path in files:
        arrays = read_arrays(path)
        with reading(path, "an archive of JPEG images"):
            data, offsets = arrays["data"].tobytes(), arrays["offsets"].astype(np.int64)
            if tuple(arrays["classes"].tolist()) != _CIFAR:
                raise DataError(f"{path}: the classes are not those of CIFAR-10, in their order")
            if offsets[0] != 0 or offsets[-1] != len(data) or np.any(np.diff(offsets) <= 0):
                raise DataError(f"{path}: the offsets do not cut the data into images")
            pieces = [data[a:b] for a, b in pairwise(offsets.tolist())]
            if len(arrays["labels"]) != len(pieces):
                raise DataError(f"{path}: {len(pieces)} images with {len(arrays['labels'])} labels")
            inputs.append(decoded(pieces, str(path), (32, 32)))
            labels.append(arrays["labels"].astype(np.int64))
    return _published(inputs, labels, _CIFAR, ("train", "test"))


def cifar10_binary(files: Sequence[Path], size: Size = None) -> Raw:
    """CIFAR-10 from the binary version: records of one label and 3072 pixels."""
    path = files[0]
    found: dict[str, Array] = {}
    with reading(path, "the binary version of CIFAR-10"), tarfile.open(path, "r:gz") as archive:
        for member in archive:
            # Nothing is extracted to disk, so a member's folder is of no account.
            match = re.fullmatch(r"(?:.*/)?((?:data_batch_[1-5]|test_batch)\.bin)", member.name)
            expected = _CIFAR_BATCH * (1 + _CIFAR_PIXELS)
            if match is None or not member.isreg():
                continue
            file = archive.extractfile(member)
            if file is None or member.size != expected:
                raise DataError(f"{path}: {member.name} has {member.size} bytes, not {expected}")
            found[match[1]] = np.frombuffer(file.read(), np.uint8).reshape(_CIFAR_BATCH, -1)
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    lacking = [name for name in names if name not in found]
    if lacking:
        raise DataError(f"{path} lacks {', '.join(lacking)}")
    records = [np.concatenate([found[name] for name in names[:-1]]), found[names[-1]]]
    return _published(
        [_scaled(part[:, 1:].reshape(-1, 3, 32, 32)) for part in records],
        [part[:, 0].astype(np.int64) for part in records],
        _CIFAR,
        ("train", "test"),
    )


def pneumonia_mnist(files: Sequence[Path], size: Size = None) -> Raw:
    """PneumoniaMNIST from its archive, with its train, validation and test part."""
    path = files[0]
    arrays = read_arrays(path)
    inputs, labels = [], []
    for key in ("train", "val", "test"):
        with reading(path, "PneumoniaMNIST"):
            images, marks = arrays[f"{key}_images"], arrays[f"{key}_labels"].reshape(-1)
        if images.dtype != np.uint8 or images.ndim != 3 or len(images) != len(marks):
            raise DataError(
                f"{path}: {key}_images are {images.dtype} of shape {images.shape} for {len(marks)} "
                "labels; expected uint8, row x height x width"
            )
        inputs.append(_scaled(images[:, None]))
        labels.append(marks.astype(np.int64))
    notes = []
    if len(labels[0]) != _PNEUMONIA_TRAIN:
        normal = int((labels[0] == 0).sum())
        notes.append(
            f"this copy has {len(labels[0])} training images ({normal} normal), where the "
            f"published set has {_PNEUMONIA_TRAIN} (1214 normal)"
        )
    parts = ("train", "validation", "test")
    return _published(inputs, labels, ("normal", "pneumonia"), parts, tuple(notes))


def imagenet_sample(files: Sequence[Path], size: Size = None) -> Raw:
    """Photographs of ImageNet's classes, one file each; labels are indices among all 1000."""
    return read_folder(files[0], size, classes=1000)


def _idx_set(files: Sequence[Path], classes: tuple[str, ...]) -> Raw:
    inputs, labels = [], []
    for images_path, labels_path in (files[:2], files[2:]):
        images, marks = read_idx(images_path, 3), read_idx(labels_path, 1)
        if len(images) != len(marks):
            raise DataError(f"{images_path} has {len(images)} images, {labels_path} {len(marks)}")
        inputs.append(_scaled(images[:, None]))
        labels.append(marks.astype(np.int64))
    return _published(inputs, labels, classes, ("train", "test"))


def _scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.astype(np.float32) / np.float32(255)


def _published(
    inputs: list[NDArray[np.float32]],
    labels: list[NDArray[np.int64]],
    classes: tuple[str, ...],
    parts: tuple[str, ...],
    notes: tuple[str, ...] = (),
) -> Raw:
    ends = np.cumsum([len(part) for part in labels])
    return Raw(
        inputs=sealed(np.concatenate(inputs)),
        labels=sealed(np.concatenate(labels)),
        class_names=classes,
        published=dict(zip(parts, np.split(np.arange(ends[-1]), ends[:-1]), strict=True)),
        notes=notes,
    )
