"""Graphs from ONNX files compute what the module they came from and ONNX Runtime do."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from tests.graph.modules import CASES, Case
from tests.graph.onnx_files import BY_HAND, Node, W, f32, i64, write
from torch import Tensor

from affidavit.errors import ModelError, UnsupportedOpsError
from affidavit.graph import Graph, load, ops


def export(case: Case, exporter: str, path: Path) -> None:
    """Exports with the batch left free."""
    x = case.inputs(2)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters use what torch and copyreg deprecate
        if exporter == "dynamo":
            torch.onnx.export(
                case.module, (x,), path, dynamo=True, opset_version=20, verbose=False,
                external_data=False, dynamic_shapes=({0: torch.export.Dim("batch")},),
            )  # fmt: skip
        else:
            torch.onnx.export(
                case.module, (x,), path, dynamo=False, opset_version=20, input_names=["x"],
                dynamic_axes={"x": {0: "batch"}},
            )  # fmt: skip


def run(path: Path, x: Tensor) -> Tensor:
    """ONNX Runtime's answer."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


def _for_dynamo() -> list[Case]:
    """One case an op, and those that the other exporter lacks; it is faster and has the rest."""
    chosen = {case.name: case for case in CASES if case.without == "torchscript"}
    for op in ops.OPS:
        found = [case for case in CASES if op in case.ops and "dynamo" not in case.without]
        chosen |= {case.name: case for case in found[:1]}
    return list(chosen.values())


EXPORTS = [
    *(("torchscript", case) for case in CASES if "torchscript" not in case.without),
    *(("dynamo", case) for case in _for_dynamo()),
]


@pytest.mark.parametrize(
    ("exporter", "case"), EXPORTS, ids=[f"{case.name}-{exporter}" for exporter, case in EXPORTS]
)
def test_export_equals_module_and_runtime(exporter: str, case: Case, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export(case, exporter, path)
    graph = load(path)
    assert graph.input_shape == case.shape
    for batch in (0, 1, 3):
        x = case.inputs(batch)
        expected = case.module(x.clone())
        torch.testing.assert_close(graph(x), expected, rtol=1e-5, atol=1e-5)
        if batch:
            torch.testing.assert_close(graph(x), run(path, x), rtol=1e-5, atol=1e-5)
    # In double precision, so that nothing hides behind rounding.
    x = case.inputs(3, torch.float64)
    torch.testing.assert_close(graph(x), case.double(x.clone()), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", BY_HAND)
def test_files_by_hand_equal_the_runtime(name: str, tmp_path: Path) -> None:
    nodes, shape, tensors, opset = BY_HAND[name]
    path = write(tmp_path / "m.onnx", nodes, shape, tensors, opset)
    graph = load(path)
    x = torch.randn(1, *graph.input_shape)
    expected = run(path, x[0] if len(shape) == 1 else x)
    expected = expected[None] if len(shape) == 1 else expected
    torch.testing.assert_close(graph(x), expected, rtol=1e-5, atol=1e-5)
    several = torch.randn(3, *graph.input_shape)
    each = torch.cat([graph(row[None]) for row in several])
    torch.testing.assert_close(graph(several), each)


def test_names_and_parameters(tmp_path: Path) -> None:
    nodes = [Node("MatMul", ["x", "w"], ["h"], name="dense"), Node("Relu", ["h"], ["y"])]
    graph = load(write(tmp_path / "m.onnx", nodes, tensors={"w": W}))
    assert graph.parameters == ("w",)
    assert graph.output == "y"
    assert graph["h"].module == "dense"
    assert graph.input == "x"


def test_running_statistics_are_no_parameters(tmp_path: Path) -> None:
    tensors = {name: f32(1, 2, 3, 4) for name in ("scale", "shift", "mean", "variance")}
    node = Node("BatchNormalization", ["x", *tensors], ["y"])
    graph = load(write(tmp_path / "m.onnx", [node], tensors=tensors))
    assert graph.parameters == ("scale", "shift")


def test_open_sizes_take_those_of_the_example(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], ("n", 2, "side"))
    with pytest.raises(ModelError, match="leaves sizes open"):
        load(path)
    assert load(path, torch.zeros(1, 2, 7)).input_shape == (2, 7)
    with pytest.raises(ModelError, match=r"\[2, '\?'\]|\['\?', 2, '\?'\]"):
        load(path, torch.zeros(1, 3, 7))


def test_all_unsupported_ops_are_reported_together(tmp_path: Path) -> None:
    nodes = [
        Node("Erf", ["x"], ["a"], name="first"),
        Node("Softmax", ["a"], ["b"], axis=0, name="skipped"),
        Node("Einsum", ["b"], ["c"], equation="ij->ji", name="second"),
        Node("Transpose", ["x"], ["d"], name="third"),
        Node("Custom", ["c"], ["y"], domain="com.example", name="fourth"),
    ]
    with pytest.raises(UnsupportedOpsError) as caught:
        load(write(tmp_path / "m.onnx", nodes))
    assert [place for _, place in caught.value.ops] == ["first", "second", "third", "fourth"]
    assert caught.value.ops[3][0] == "com.example.Custom"
    assert "moves the batch axis" in caught.value.ops[2][0]


MIXING: dict[str, tuple[list[onnx.NodeProto], dict[str, np.ndarray]]] = {
    "softmax": ([Node("Softmax", ["x"], ["y"], axis=0)], {}),
    "mean": ([Node("ReduceMean", ["x"], ["y"])], {}),
    "transpose": ([Node("Transpose", ["x"], ["y"], perm=[1, 0])], {}),
    "reshape": ([Node("Reshape", ["x", "t"], ["y"])], {"t": i64(-1, 2)}),
    "reshape to a fixed batch": ([Node("Reshape", ["x", "t"], ["y"])], {"t": i64(2, 4)}),
    "flatten": ([Node("Flatten", ["x"], ["y"], axis=0)], {}),
    "slice": ([Node("Slice", ["x", "s", "e"], ["y"])], {"s": i64(0), "e": i64(2)}),
    "gather": ([Node("Gather", ["x", "i"], ["y"])], {"i": i64(0, 1)}),
    "product": ([Node("MatMul", ["w", "x"], ["y"])], {"w": np.ones((2, 2), np.float32)}),
    "constant of two rows": ([Node("Add", ["x", "c"], ["y"])], {"c": np.ones((2, 4), np.float32)}),
    "training": (
        [Node("BatchNormalization", ["x", "c", "c", "c", "c"], ["y"], training_mode=1)],
        {"c": f32(1, 2, 3, 4)},
    ),
    "size as a number": (
        [
            Node("Shape", ["x"], ["s"], end=1), Node("Cast", ["s"], ["f"], to=TensorProto.FLOAT),
            Node("Mul", ["x", "f"], ["y"]),
        ],
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXING)
def test_what_mixes_the_batch_is_refused(name: str, tmp_path: Path) -> None:
    nodes, tensors = MIXING[name]
    with pytest.raises(ModelError, match="batch"):
        load(write(tmp_path / "m.onnx", nodes, tensors=tensors))


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "integers": (
        lambda p: write(p, [Node("Abs", ["x"], ["y"])], kind=TensorProto.INT64),
        "type INT64",
    ),
    "no dependence": (
        lambda p: write(p, [Node("Identity", ["c"], ["y"])], tensors={"c": f32(1)}),
        "does not depend on the input",
    ),
    "old opset": (lambda p: write(p, [Node("Relu", ["x"], ["y"])], opset=6), "opset 6; expected"),
    "new opset": (lambda p: write(p, [Node("Relu", ["x"], ["y"])], opset=999), "opset 999"),
    "unknown operand": (lambda p: write(p, [Node("Add", ["x", "z"], ["y"])]), "uses 'z'"),
    "self-reference": (lambda p: write(p, [Node("Add", ["x", "y"], ["y"])]), "uses 'y'|named"),
    "same name twice": (
        lambda p: write(p, [Node("Relu", ["x"], ["y"]), Node("Abs", ["x"], ["y"])]),
        "two values of the file are named 'y'",
    ),
    "scalar input": (lambda p: write(p, [Node("Relu", ["x"], ["y"])], ()), "no shape"),
    "negative size": (lambda p: write(p, [Node("Relu", ["x"], ["y"])], (1, -3)), "shape"),
    "reflecting pad": (
        lambda p: write(
            p, [Node("Pad", ["x", "p"], ["y"], mode="reflect")], tensors={"p": i64(0, 1, 0, 1)}
        ),
        "'reflect'",
    ),
    "backward slice": (
        lambda p: write(
            p,
            [Node("Slice", ["x", "s", "e", "a", "t"], ["y"])],
            tensors={"s": i64(-1), "e": i64(-9), "a": i64(1), "t": i64(-1)},
        ),
        "step -1",
    ),
    "no attribute": (lambda p: write(p, [Node("MaxPool", ["x"], ["y"])]), "malformed"),
    "wrong attribute": (
        lambda p: write(p, [Node("Gemm", ["x", "w"], ["y"], alpha="a")], tensors={"w": W}),
        "malformed",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    path = tmp_path / "m.onnx"
    make(path)
    with pytest.raises(ModelError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_subgraphs_are_refused(tmp_path: Path) -> None:
    body = helper.make_graph([Node("Relu", ["x"], ["z"])], "b", [], [])
    node = Node("If", ["x"], ["y"], then_branch=body, else_branch=body)
    with pytest.raises(ModelError, match="If"):
        load(write(tmp_path / "m.onnx", [node]))


def test_two_inputs_or_outputs_are_refused(tmp_path: Path) -> None:
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ("n", 4)) for n in ("x", "z")]
    node = Node("Add", ["x", "z"], ["y"])
    for inputs, outputs in ((info, info[:1]), (info[:1], info), ([], info[:1])):
        graph = helper.make_graph([node], "g", inputs, outputs)
        onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
        with pytest.raises(ModelError, match="expected one of each"):
            load(tmp_path / "m.onnx")


@pytest.mark.data
def test_vnn_comp_networks_equal_the_runtime(data_folder: Path) -> None:
    paths = sorted((data_folder / "onnx").glob("*.onnx"))
    assert len(paths) >= 8
    for path in paths:
        graph = load(path)
        assert isinstance(graph, Graph)
        shape = onnxruntime.InferenceSession(str(path)).get_inputs()[0].shape
        x = torch.rand(1, *graph.input_shape)
        expected = run(path, x if len(shape) == x.ndim else x[0])
        torch.testing.assert_close(graph(x).reshape(-1), expected.reshape(-1), rtol=1e-4, atol=1e-4)


def test_a_value_made_in_steps_has_its_own_name(tmp_path: Path) -> None:
    nodes = [
        Node("Slice", ["x", "starts", "ends", "axes"], ["part"]),
        Node("Relu", ["part"], ["y"]),
    ]
    arrays = {"starts": i64(1, 0), "ends": i64(3, 2), "axes": i64(1, 2)}
    graph = load(write(tmp_path / "m.onnx", nodes, ("n", 5, 4), arrays))
    x = torch.randn(3, 5, 4)
    torch.testing.assert_close(graph.values(x, ["part"])["part"], x[:, 1:3, :2])
    assert [node.name for node in graph.nodes] == ["part_1", "part", "y"]


def test_a_choice_that_is_no_softplus_is_refused(tmp_path: Path) -> None:
    nodes = [Node("Greater", ["x", "zero"], ["c"]), Node("Where", ["c", "x", "zero"], ["y"])]
    path = write(tmp_path / "m.onnx", nodes, ("n", 4), {"zero": f32(0)})
    with pytest.raises(UnsupportedOpsError, match=r"Where \(a choice by comparison\)"):
        load(path)
    nodes = [Node("Greater", ["x", "zero"], ["c"]), Node("Relu", ["c"], ["y"])]
    with pytest.raises(UnsupportedOpsError, match=r"Relu \(a comparison\)"):
        load(write(tmp_path / "m.onnx", nodes, ("n", 4), {"zero": f32(0)}))


def test_what_rounds_or_is_for_training_is_refused(tmp_path: Path) -> None:
    half = [
        Node("Cast", ["x"], ["h"], to=int(TensorProto.FLOAT16)),
        Node("Cast", ["h"], ["y"], to=int(TensorProto.FLOAT)),
    ]
    with pytest.raises(UnsupportedOpsError, match="a cast to float16, which rounds"):
        load(write(tmp_path / "m.onnx", half, ("n", 4)))
    training = [Node("Dropout", ["x", "ratio", "on"], ["y"])]
    constants = {"ratio": f32(0.5).reshape(()), "on": np.array(True)}
    with pytest.raises(UnsupportedOpsError, match="dropout as in training"):
        load(write(tmp_path / "m.onnx", training, ("n", 4), constants))
