"""Hostile ONNX files: whatever they hold, the outcome is a graph or an error of our tree."""

from __future__ import annotations

import itertools
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tests.graph.onnx_files import Node, W, f32, i64, write

from affidavit.errors import AffidavitError, ModelError
from affidavit.graph import Graph, load
from affidavit.graph.onnx.file import read_onnx

OTHER_OPS = [
    "Add",
    "Mul",
    "MatMul",
    "Concat",
    "Gather",
    "Relu",
    "Flatten",
    "Transpose",
    "Pad",
    "Split",
    "AveragePool",
    "PRelu",
    "Range",
    "Loop",
    "ConstantOfShape",
    "Where",
    "Identity",
    "If",
    "Cast",
    "Squeeze",
]

TOO_LONG = 60.0
"""Seconds after which a file counts as one that hangs the reader: many times what any needs."""


@pytest.fixture(autouse=True)
def _limited_memory() -> Iterator[None]:
    """No test may ask for more than four GiB beyond what the process has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**32, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def outcome(path: Path) -> Graph | AffidavitError:
    start = time.monotonic()
    result: Graph | AffidavitError
    try:
        result = load(path)
    except AffidavitError as error:
        result = error
    assert str(result)
    assert time.monotonic() - start < TOO_LONG
    return result


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small file with convolution, pooling, shape arithmetic, a Gemm and a softmax."""
    path = tmp_path_factory.mktemp("onnx") / "good.onnx"
    rng = np.random.default_rng(0)
    nodes = [
        Node("Conv", ["x", "k"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1]),
        Node("BatchNormalization", ["c", "s", "s", "s", "s"], ["n"], epsilon=1e-3),
        Node("MaxPool", ["n"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        Node("LeakyRelu", ["p"], ["r"], alpha=0.1),
        Node("Shape", ["r"], ["shape"]),
        Node("Gather", ["shape", "zero"], ["batch"], axis=0),
        Node("Concat", ["batch", "rest"], ["target"], axis=0),
        Node("Reshape", ["r", "target"], ["f"]),
        Node("Slice", ["f", "zero", "eight", "one"], ["g"]),
        Node("Gemm", ["g", "w", "b"], ["h"], transB=1),
        Node("Softmax", ["h"], ["y"], axis=-1),
    ]
    tensors = {
        "k": rng.standard_normal((2, 1, 3, 3)).astype(np.float32), "s": f32(1, 2),
        "w": rng.standard_normal((3, 8)).astype(np.float32), "b": f32(1, 2, 3),
        "zero": i64(0), "one": i64(1), "eight": i64(8), "rest": i64(-1),
    }  # fmt: skip
    write(path, nodes, ("n", 1, 4, 4), tensors)
    assert load(path)(torch.zeros(2, 1, 4, 4)).shape == (2, 3)
    return path.read_bytes()


def test_truncated_files(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    graphs = 0
    for length in range(0, len(good), 3):
        path.write_bytes(good[:length])
        graphs += isinstance(outcome(path), Graph)
    assert graphs < 5  # only the closing fields may be missed


def test_flipped_bits_and_shuffled_bytes(good: bytes, tmp_path: Path) -> None:
    path, chance = tmp_path / "m.onnx", random.Random(0)
    for _ in range(400):
        mutant = bytearray(good)
        for _ in range(chance.choice([1, 1, 2, 8])):
            place = chance.randrange(len(mutant))
            match chance.randrange(4):
                case 0:
                    mutant[place] ^= 1 << chance.randrange(8)
                case 1:
                    mutant[place] = chance.choice([0, 1, 127, 128, 255])
                case 2:
                    del mutant[place : place + chance.randrange(1, 9)]
                case _:
                    start = chance.randrange(len(mutant))
                    mutant[place:place] = mutant[start : start + chance.randrange(1, 40)]
        path.write_bytes(mutant)
        found = outcome(path)
        if isinstance(found, Graph):
            assert found.sha256


def test_mutated_fields(good: bytes, tmp_path: Path) -> None:
    """Mutations that keep the file well formed: attributes, sizes, names and operands."""
    path, chance = tmp_path / "m.onnx", random.Random(1)
    numbers = [0, 1, -1, 2, 3, 7, 10**6, 10**12, 2**63 - 1, -(2**63)]
    for _ in range(400):
        model = onnx.load_from_string(good)
        graph = model.graph
        node = chance.choice(graph.node)
        match chance.randrange(8):
            case 0 if node.attribute:
                attribute = chance.choice(node.attribute)
                if attribute.ints:
                    attribute.ints[chance.randrange(len(attribute.ints))] = chance.choice(numbers)
                attribute.i, attribute.f = chance.choice(numbers), float(chance.choice(numbers))
            case 1 if node.attribute:
                attribute = chance.choice(node.attribute)
                attribute.type = chance.randrange(15)
            case 2:
                node.op_type = chance.choice(OTHER_OPS)
            case 3 if node.input:
                names = ["", "x", "w", "zero", "rest", "target", "nowhere", "y", "c"]
                node.input[chance.randrange(len(node.input))] = chance.choice(names)
            case 4:
                tensor = chance.choice(graph.initializer)
                array = numpy_helper.to_array(tensor).copy()
                array.reshape(-1)[chance.randrange(array.size)] = chance.choice(numbers[:8])
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
            case 5:
                tensor = chance.choice(graph.initializer)
                tensor.dims[chance.randrange(len(tensor.dims))] = chance.choice(numbers)
            case 6:
                tensor = chance.choice(graph.initializer)
                tensor.data_type = chance.randrange(-1, 30)
            case _:
                dims = graph.input[0].type.tensor_type.shape.dim
                chance.choice(dims).dim_value = chance.choice(numbers)
        path.write_bytes(model.SerializeToString())
        outcome(path)


def test_random_bytes(tmp_path: Path) -> None:
    path, chance = tmp_path / "m.onnx", random.Random(2)
    for size in (1, 2, 7, 64, 1000, 5000):
        for _ in range(10):
            path.write_bytes(chance.randbytes(size))
            assert isinstance(outcome(path), ModelError)


def test_no_file_and_no_network(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        load(tmp_path / "none.onnx")
    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    with pytest.raises(ModelError, match="found a folder"):
        load(folder)
    empty = tmp_path / "empty.onnx"
    empty.write_bytes(b"")
    with pytest.raises(ModelError, match="without a network in it"):
        load(empty)
    graph = helper.make_graph([], "g", [], [])
    onnx.save(helper.make_model(graph), empty)
    with pytest.raises(ModelError, match="without a network in it"):
        load(empty)


# Sizes that only a claim backs.


def _tensor(**fields: Any) -> TensorProto:
    return TensorProto(name="w", data_type=TensorProto.FLOAT, **fields)


def _with_tensor(path: Path, tensor: TensorProto) -> Path:
    write(path, [Node("MatMul", ["x", "w"], ["y"])])
    model = onnx.load(path)
    model.graph.initializer.append(tensor)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (_tensor(dims=[10**6, 10**6], raw_data=b"1234"), "claims the shape"),
        (_tensor(dims=[2**62, 2**62], float_data=[1.0]), "claims the shape"),
        (_tensor(dims=[-4, 3], raw_data=b"1234" * 12), r"shape \[-4, 3\]"),
        (_tensor(dims=[4, 3], raw_data=b"1234" * 11 + b"12"), "claims the shape|malformed"),
        (_tensor(dims=[4, 3], raw_data=b"1234" * 13), "malformed|holds"),
        (TensorProto(name="w", data_type=99, dims=[1]), "unknown data type 99"),
        (TensorProto(name="w", data_type=TensorProto.INT4, dims=[10**11]), "malformed|claims"),
        (
            TensorProto(name="w", data_type=TensorProto.STRING, dims=[2], string_data=[b"a", b"b"]),
            "m.onnx",
        ),
    ],
)
def test_absurd_tensors(tensor: TensorProto, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        load(_with_tensor(tmp_path / "m.onnx", tensor))


HUGE: dict[str, tuple[list[onnx.NodeProto], dict[str, np.ndarray]]] = {
    "ConstantOfShape": (
        [Node("ConstantOfShape", ["s"], ["c"]), Node("Add", ["x", "c"], ["y"])],
        {"s": i64(10**6, 10**6)},
    ),
    "Range": (
        [Node("Range", ["a", "b", "t"], ["c"]), Node("Add", ["x", "c"], ["y"])],
        {"a": np.array(0), "b": np.array(10**12), "t": np.array(1)},
    ),
    "Range of tiny steps": (
        [Node("Range", ["a", "b", "t"], ["c"]), Node("Add", ["x", "c"], ["y"])],
        {"a": np.array(0), "b": np.array(10**7), "t": np.array(0)},
    ),
    "doubling": (
        [
            *(Node("Concat", [f"c{i}", f"c{i}"], [f"c{i + 1}"], axis=0) for i in range(40)),
            Node("Reshape", ["x", "c40"], ["y"]),
        ],
        {"c0": i64(1)},
    ),
    "broadcasting": (
        [
            Node("Add", ["a", "b"], ["c"]), Node("Reshape", ["x", "c"], ["y"]),
        ],
        {"a": np.ones((10**5, 1), np.int64), "b": np.ones((1, 10**5), np.int64)},
    ),
    "Gather": (
        [Node("Gather", ["a", "b"], ["c"], axis=0), Node("Reshape", ["x", "c"], ["y"])],
        {"a": np.ones((1, 10**5), np.int64), "b": np.zeros(10**5, np.int64)},
    ),
    "Pad": ([Node("Pad", ["x", "p"], ["y"])], {"p": i64(0, 10**13, 0, 10**13)}),
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_no_giant_allocation(name: str, tmp_path: Path) -> None:
    nodes, tensors = HUGE[name]
    found = outcome(write(tmp_path / "m.onnx", nodes, tensors=tensors))
    if name != "Pad":  # which is only evaluated with inputs
        assert isinstance(found, ModelError)


def test_many_nodes_of_one_name_do_not_hang(tmp_path: Path) -> None:
    nodes = [Node("Relu", ["x"], ["y"]) for _ in range(20000)]
    with pytest.raises(ModelError, match="two values of the file are named 'y'"):
        load(write(tmp_path / "m.onnx", nodes))


def test_a_long_chain_is_no_problem(tmp_path: Path) -> None:
    names = ["x", *(f"n{i}" for i in range(3000)), "y"]
    nodes = [Node("Relu", [a], [b]) for a, b in itertools.pairwise(names)]
    assert isinstance(outcome(write(tmp_path / "m.onnx", nodes)), Graph)


# External data.


def _external(location: str, **entries: str) -> TensorProto:
    tensor = _tensor(dims=[4, 3], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.bin").write_bytes(W.tobytes())
    inner = tmp_path / "model"
    inner.mkdir()
    (inner / "good.bin").write_bytes(b"12345678" + W.tobytes())
    (inner / "link.bin").symlink_to(tmp_path / "secret.bin")
    (inner / "up").symlink_to(tmp_path)
    (inner / "short.bin").write_bytes(W.tobytes()[:-1])
    return inner


def test_external_data_within_the_folder(folder: Path) -> None:
    path = _with_tensor(folder / "m.onnx", _external("good.bin", offset="8", length="48"))
    assert np.array_equal(load(path).tensors["w"].numpy(), W)


@pytest.mark.parametrize(
    ("location", "entries", "message"),
    [
        ("../secret.bin", {}, "outside the model's folder"),
        ("up/secret.bin", {}, "outside the model's folder"),
        ("link.bin", {}, "outside the model's folder"),
        ("/etc/passwd", {}, "outside the model's folder"),
        ("", {}, "outside the model's folder"),
        ("a\0b", {}, "m.onnx"),
        ("none.bin", {}, "No such file"),
        ("short.bin", {}, "claims 48 bytes at 0 of 'short.bin', which has 47"),
        ("good.bin", {"offset": "9"}, "which has 47"),
        ("good.bin", {"offset": "-8"}, "claims 48 bytes"),
        ("good.bin", {"offset": "eight"}, "invalid literal"),
        (".", {}, "claims|outside|folder"),
    ],
)
def test_external_data_that_is_refused(
    folder: Path, location: str, entries: dict[str, str], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        load(_with_tensor(folder / "m.onnx", _external(location, **entries)))


def test_external_data_of_attributes_is_refused(tmp_path: Path) -> None:
    constant = Node("Constant", [], ["c"], value=_external("m.onnx"))
    with pytest.raises(ModelError, match="outside the file, where it may not"):
        load(write(tmp_path / "m.onnx", [constant, Node("Add", ["x", "c"], ["y"])]))


def test_sparse_initializers_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])])
    model = onnx.load(path)
    model.graph.sparse_initializer.add()
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="sparse"):
        read_onnx(path)
