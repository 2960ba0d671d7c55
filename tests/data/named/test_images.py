"""How the image sets among the named sets are read."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from affidavit.data import load
from affidavit.data.named import images
from affidavit.errors import DataError


def jpeg_archive(path: Path, **changes: Any) -> Path:
    files = []
    for value in (0, 255):
        file = io.BytesIO()
        Image.new("RGB", (32, 32), (value,) * 3).save(file, "JPEG")
        files.append(file.getvalue())
    arrays: dict[str, Any] = {
        "data": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "labels": np.array([3, 9], np.uint8),
        "classes": np.array(images._CIFAR),
    }
    np.savez(path, **(arrays | changes))
    return path


def test_cifar10_as_jpeg(tmp_path: Path) -> None:
    files = [jpeg_archive(tmp_path / f"{part}.npz") for part in ("train", "test")]
    raw = images.cifar10_jpeg(files)
    assert raw.inputs.shape == (4, 3, 32, 32)
    assert raw.inputs[:, 0, 0, 0].tolist() == [0, 1, 0, 1]
    assert raw.labels.tolist() == [3, 9, 3, 9]
    assert {key: rows.tolist() for key, rows in raw.published.items()} == {
        "train": [0, 1],
        "test": [2, 3],
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": np.array(["a"])}, "classes are not those of CIFAR-10"),
        ({"offsets": np.array([0, 10])}, "offsets do not cut the data"),
        ({"offsets": np.array([0, -5, 10])}, "offsets do not cut the data"),
        ({"labels": np.array([1])}, "2 images with 1 labels"),
        ({"offsets": np.array([])}, "cannot be read as an archive of JPEG images"),
    ],
)
def test_cifar10_as_jpeg_damaged(tmp_path: Path, changes: Any, message: str) -> None:
    path = jpeg_archive(tmp_path / "train.npz", **changes)
    with pytest.raises(DataError, match=message):
        images.cifar10_jpeg([path, path])


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    return path


def test_cifar10_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_CIFAR_BATCH", 2)
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    record = np.repeat(np.array([0, 51, 102], np.uint8), 1024).tobytes()
    # The folder of a member is of no account: nothing is written.
    members = {
        f"../../escaped/{name}": bytes([index]) + record + bytes([9]) + record
        for index, name in enumerate(names)
    }
    raw = images.cifar10_binary([tar(tmp_path / "c.tar.gz", members)])
    assert raw.labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9, 5, 9]
    assert raw.inputs[3, :, 5, 5].tolist() == pytest.approx([0, 0.2, 0.4])
    assert len(raw.published["test"]) == 2
    assert not (tmp_path.parent.parent / "escaped").exists()


def test_cifar10_binary_damaged(tmp_path: Path) -> None:
    path = tar(tmp_path / "c.tar.gz", {"x/test_batch.bin": b"short"})
    with pytest.raises(DataError, match=r"test_batch.bin has 5 bytes, not 30730000"):
        images.cifar10_binary([path])
    with pytest.raises(DataError, match=r"lacks data_batch_1.bin"):
        images.cifar10_binary([tar(tmp_path / "c.tar.gz", {})])
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read as the binary version"):
        images.cifar10_binary([path])


def test_pneumonia_mnist_says_when_it_is_reduced(tmp_path: Path) -> None:
    pixels, labels = np.zeros((2, 28, 28), np.uint8), np.array([[0], [1]], np.uint8)
    parts = ("train", "val", "test")
    arrays: dict[str, Any] = {f"{part}_images": pixels for part in parts} | {
        f"{p}_labels": labels for p in parts
    }
    np.savez(tmp_path / "p.npz", **arrays)
    raw = images.pneumonia_mnist([tmp_path / "p.npz"])
    assert list(raw.published) == ["train", "validation", "test"]
    assert "this copy has 2 training images (1 normal)" in raw.notes[0]
    np.savez(tmp_path / "p.npz", **(arrays | {"val_images": pixels[:1]}))
    with pytest.raises(DataError, match=r"val_images are uint8 of shape \(1, 28, 28\) for 2"):
        images.pneumonia_mnist([tmp_path / "p.npz"])


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
def test_cifar10() -> None:
    data = load("cifar10", progress=False)
    assert data.inputs.shape == (60_000, 3, 32, 32)
    assert np.bincount(data.part("test").labels).tolist() == [1000] * 10
    assert data.notes[0] in ("CIFAR-10 re-encoded as JPEG", "CIFAR-10, the original binary version")


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
def test_the_published_split_is_the_default_of_a_set_that_has_one() -> None:
    plain = load("pneumoniamnist")
    asked = load("pneumoniamnist", split="published")
    assert list(plain.parts) == ["train", "validation", "test"]
    assert plain.sha256 == asked.sha256
