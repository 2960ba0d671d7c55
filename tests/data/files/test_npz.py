"""NumPy archives: keys, images, labels, and archives that lie."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affidavit.data.files.npz import read_npz
from affidavit.errors import DataError


def save(folder: Path, **arrays: Any) -> Path:
    path = folder / "set.npz"
    np.savez(path, **arrays)
    return path


def test_inputs_labels_names_and_columns(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        x=np.arange(6).reshape(3, 2),
        y=np.array([[0], [2], [0]]),
        feature_names=np.array(["a", "b"]),
        class_names=np.array(["u", "v", "w"]),
        group=np.array(["p", "q", "p"]),
        odd=np.zeros(7),
    )
    raw = read_npz(path, "set")
    assert raw.inputs.dtype == np.float32
    assert raw.labels.tolist() == [0, 2, 0]
    assert raw.class_names == ("u", "v", "w")
    assert raw.feature_names == ("a", "b")
    assert list(raw.columns) == ["group"]
    assert raw.notes == ("not used, as not one value a row: odd",)


def test_class_indices_keep_their_numbers_though_a_class_is_lacking(tmp_path: Path) -> None:
    raw = read_npz(save(tmp_path, X=np.zeros((3, 2)), y=np.array([0, 3, 3], np.uint8)), "set")
    assert raw.labels.tolist() == [0, 3, 3]
    assert raw.class_names == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("labels", "expected", "classes"),
    [
        (np.array(["b", "a"]), [1, 0], ("a", "b")),
        (np.array([True, False]), [1, 0], ("0", "1")),
        (np.array([1.0, 0.0], np.float32), [1, 0], ("0", "1")),
        (np.array([0.5, 1.0]), [0.5, 1.0], ()),
    ],
)
def test_kinds_of_label(tmp_path: Path, labels: Any, expected: Any, classes: Any) -> None:
    raw = read_npz(save(tmp_path, x=np.zeros((2, 1)), y=labels), "set")
    assert raw.labels.tolist() == expected
    assert raw.class_names == classes


def test_whole_numbers_can_be_targets(tmp_path: Path) -> None:
    path = save(tmp_path, x=np.zeros((2, 1)), y=np.array([25, -3]))
    raw = read_npz(path, "set", "regression")
    assert raw.labels.tolist() == [25.0, -3.0]
    assert raw.labels.dtype == np.float64


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 5, 4), (2, 1, 5, 4)),
        ((2, 1, 5, 4), (2, 1, 5, 4)),
        ((2, 3, 5, 4), (2, 3, 5, 4)),
        ((2, 5, 4, 3), (2, 3, 5, 4)),
        ((2, 5, 4, 1), (2, 1, 5, 4)),
    ],
)
def test_bytes_are_pixels(tmp_path: Path, shape: Any, expected: Any) -> None:
    images = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    raw = read_npz(save(tmp_path, inputs=images, labels=np.array([0, 1])), "set")
    assert raw.inputs.shape == expected
    assert raw.inputs.sum() == pytest.approx(images.sum() / 255, rel=1e-6)
    if shape[-1] in (1, 3):
        assert raw.notes
        np.testing.assert_allclose(raw.inputs[1, 0] * 255, images[1, :, :, 0], rtol=1e-6)


def test_floats_are_taken_as_they_are(tmp_path: Path) -> None:
    values = np.linspace(-2, 2, 24).reshape(2, 3, 4)
    raw = read_npz(save(tmp_path, inputs=values, labels=np.array([0, 1])), "set")
    np.testing.assert_array_equal(raw.inputs, values.astype(np.float32))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": [0]}, "exactly one of the arrays inputs, x, X; there are: y"),
        ({"x": [[0]], "X": [[0]], "y": [0]}, "exactly one"),
        ({"x": [[0]]}, "exactly one of the arrays labels, y; there are: none"),
        ({"x": np.zeros((0, 2)), "y": []}, "holds no rows"),
        ({"x": 3, "y": 1}, "holds no rows"),
        ({"x": [["a"]], "y": [0]}, "inputs are <U1; expected numbers"),
        ({"x": [[1j]], "y": [0]}, "expected numbers"),
        ({"x": [[1e300]], "y": [0]}, "range of float32"),
        ({"x": [[0]], "y": [-1]}, "labels run from -1 to 0; expected class indices"),
        ({"x": [[0]], "y": [2**62]}, "expected class indices from 0"),
        ({"x": [[0]], "y": [np.nan]}, "some labels are NaN or infinite"),
        ({"x": [[0]], "y": [[0, 1]]}, r"labels have shape \(1, 2\)"),
        ({"x": [[0]], "y": [0.5], "class_names": ["a"]}, "class_names are for labels"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_npz(save(tmp_path, **arrays), "set")


class Trap:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    path = save(tmp_path, x=np.array([Trap(sprung)], dtype=object), y=[0])
    with pytest.raises(DataError, match="'x' holds Python objects, which are never unpickled"):
        read_npz(path, "set")
    path.write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(DataError, match=r"cannot be read as a .npz archive"):
        read_npz(path, "set")
    assert not sprung.exists()


def header_of(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    header: dict[str, Any] = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


@pytest.mark.parametrize("shape", [(10**13, 4), (2, 2), (2**62, 2**62), (-5,)])
def test_headers_that_lie_are_refused_before_anything_is_allocated(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header_of(shape) + b"\0" * 8)
    with pytest.raises(DataError, match=r"not what the file holds|cannot be read"):
        read_npz(path, "set")


def test_members_outside_the_archive_write_nothing(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = inside / "set.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x", "y", "../escaped"):
            archive.writestr(f"{name}.npy", header_of((1, 1)) + b"\0" * 8)
    raw = read_npz(path, "set")
    assert raw.inputs.tolist() == [[0.0]]
    assert [item.name for item in tmp_path.iterdir()] == ["inside"]


@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_truncated_archives(tmp_path: Path, keep: int) -> None:
    path = save(tmp_path, x=np.random.default_rng(0).normal(size=(50, 2)), y=np.zeros(50, int))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"set\.npz cannot be read as a \.npz archive"):
        read_npz(path, "set")


def test_damaged_content(tmp_path: Path) -> None:
    path = save(tmp_path, x=np.zeros((50, 2)), y=np.zeros(50, int))
    content = bytearray(path.read_bytes())
    content[400] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as a .npz archive: Bad CRC-32"):
        read_npz(path, "set")
