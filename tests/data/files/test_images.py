"""Folders of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affidavit.data.files.images import decoded, read_files, read_folder
from affidavit.errors import DataError


def paint(path: Path, mode: str = "RGB", size: tuple[int, int] = (6, 4), value: int = 51) -> Path:
    """An image of one colour; `size` is width, height, as Pillow has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "I;16") else (value,) * len(mode)).save(path)
    return path


def test_subfolders_are_classes_in_sorted_order(tmp_path: Path) -> None:
    paint(tmp_path / "dog" / "1.png", value=255)
    paint(tmp_path / "cat" / "2.png")
    paint(tmp_path / "cat" / "1.png")
    (tmp_path / "cat" / "readme.txt").write_text("not an image")
    (tmp_path / ".hidden").mkdir()
    raw = read_folder(tmp_path)
    assert raw.class_names == ("cat", "dog")
    assert raw.labels.tolist() == [0, 0, 1]
    assert raw.columns["file"].tolist() == ["cat/1.png", "cat/2.png", "dog/1.png"]
    assert raw.inputs.shape == (3, 3, 4, 6)
    assert raw.inputs[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.2, 1.0])
    assert raw.notes == ("1 files that are no images were left out",)


def test_indexed_names_are_class_indices(tmp_path: Path) -> None:
    paint(tmp_path / "0003_n00000003_crane.png")
    paint(tmp_path / "0001_n00000001_crane.png")
    paint(tmp_path / "0001_n00000001_crane_2.png")
    raw = read_folder(tmp_path, classes=6)
    assert raw.labels.tolist() == [1, 1, 3]
    assert raw.class_names == ("0", "crane (n00000001)", "2", "crane (n00000003)", "4", "5")


def test_grey_only_if_all_are_grey(tmp_path: Path) -> None:
    paint(tmp_path / "a" / "1.png", "L")
    deep = paint(tmp_path / "a" / "2.png", "L")
    Image.fromarray(np.full((4, 6), 13107, np.uint16)).save(deep)
    raw = read_folder(tmp_path)
    assert raw.inputs.shape == (2, 1, 4, 6)
    assert raw.inputs[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.2])
    paint(tmp_path / "a" / "3.png", "RGBA")
    paint(tmp_path / "a" / "4.tif", "CMYK", value=0)
    raw = read_folder(tmp_path)
    assert raw.inputs.shape == (4, 3, 4, 6)
    assert raw.inputs[:, 2, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.2, 1.0])


@pytest.mark.parametrize("shape", [(8, 20), (30, 10), (7, 7)])
def test_size_covers_and_cuts_the_centre(tmp_path: Path, shape: tuple[int, int]) -> None:
    width, height = 40, 20
    ramp = np.repeat(np.arange(width, dtype=np.uint8)[None] * 6, height, axis=0)
    (tmp_path / "a").mkdir()
    Image.fromarray(ramp).save(tmp_path / "a" / "1.png")
    raw = read_folder(tmp_path, shape)
    assert raw.inputs.shape == (1, 1, *shape)
    # The centre of the cut is that of the image, to half a pixel; brightness rises from the left.
    row = raw.inputs[0, 0, shape[0] // 2]
    assert abs(row.mean() - ramp.mean() / 255) < 0.04
    assert np.all(np.diff(row) >= 0)


def test_files_by_name(tmp_path: Path) -> None:
    files = [paint(tmp_path / "b.png", "L"), paint(tmp_path / "a.png", "L", value=102)]
    found = read_files(files)
    assert found.shape == (2, 1, 4, 6)
    assert found[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.4])  # in the order given
    assert read_files(files, grey=False).shape == (2, 3, 4, 6)
    assert read_files([paint(tmp_path / "c.png")], (2, 2), grey=True).shape == (1, 1, 2, 2)
    with pytest.raises(DataError, match="the images: images have 2 sizes"):
        read_files([*files, paint(tmp_path / "d.png", size=(5, 5))], name="the images")


def test_sizes_that_differ_ask_for_size(tmp_path: Path) -> None:
    paint(tmp_path / "a" / "1.png")
    paint(tmp_path / "a" / "2.png", size=(5, 5))
    with pytest.raises(DataError, match=r"2 sizes \(4×6, 5×5\).*Give `size`"):
        read_folder(tmp_path)
    assert read_folder(tmp_path, (3, 3)).inputs.shape == (2, 3, 3, 3)


def truncated(folder: Path) -> None:
    path = paint(folder / "a" / "1.jpg", size=(64, 64))
    path.write_bytes(path.read_bytes()[:-200])


def text(folder: Path) -> None:
    paint(folder / "a" / "1.png").write_text("no image")


def empty_class(folder: Path) -> None:
    paint(folder / "a" / "1.png")
    (folder / "b").mkdir()


def beside(folder: Path) -> None:
    paint(folder / "a" / "1.png")
    paint(folder / "2.png")


def two_names(folder: Path) -> None:
    paint(folder / "0001_n00000001_a.png")
    paint(folder / "0001_n00000002_b.png")


def floats(folder: Path) -> None:
    (folder / "a").mkdir()
    Image.fromarray(np.zeros((2, 2), np.float32)).save(folder / "a" / "1.tif")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "holds no images"),
        (truncated, r"1\.jpg cannot be read as an image"),
        (text, r"1\.png cannot be read as an image"),
        (empty_class, r"b holds no images; each folder in .* is a class"),
        (beside, "one folder for each class and nothing beside"),
        (two_names, "class 1 is both n00000001 and n00000002"),
        (lambda folder: paint(folder / "x.png"), "has no class: put images in one folder for each"),
        (floats, "float pixels"),
    ],
)
def test_what_is_no_folder_of_images(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path)
    with pytest.raises(DataError, match=message):
        read_folder(tmp_path)


def test_an_image_too_large_to_be_honest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path / "a" / "1.png", size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 6000)
    with pytest.raises(DataError, match=r"cannot be read as an image: .*decompression bomb"):
        read_folder(tmp_path)


def test_decoded_names_the_image_that_is_damaged(tmp_path: Path) -> None:
    good = paint(tmp_path / "good.png").read_bytes()
    assert decoded([good, good], "set", (4, 6)).shape == (2, 3, 4, 6)
    with pytest.raises(DataError, match=r"set cannot be read as an archive of images \(number 1\)"):
        decoded([good, good[:40]], "set", (4, 6))
    with pytest.raises(DataError, match="4×6 pixels"):
        decoded([good], "set", (6, 4))
