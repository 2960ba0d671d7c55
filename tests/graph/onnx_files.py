"""ONNX files written by hand: what the exporters do not produce."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

File: TypeAlias = tuple[list[onnx.NodeProto], Sequence[int | str], dict[str, np.ndarray], int]
"""Nodes, shape of the input, initializers and opset."""


def write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str] = ("batch", 4),
    tensors: dict[str, np.ndarray] | None = None,
    opset: int = 20,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """A file with the input 'x' and the output 'y'."""
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(value, name) for name, value in (tensors or {}).items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def f32(*values: Any) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def i64(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


Node = helper.make_node
W = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
KERNEL = np.random.default_rng(1).standard_normal((3, 2, 3, 3)).astype(np.float32)

BY_HAND: dict[str, File] = {
    "gemm": (
        [Node("Gemm", ["x", "w", "b"], ["y"], alpha=0.5, beta=2.0)],
        ("n", 4),
        {"w": W, "b": f32(1, 2, 3)},
        20,
    ),
    "gemm broadcast bias": (
        [Node("Gemm", ["x", "w", "b"], ["y"], transB=1)],
        ("n", 4),
        {"w": W.T.copy(), "b": f32([1])},
        20,
    ),
    "vector": ([Node("MatMul", ["w", "x"], ["y"])], (4,), {"w": W.T.copy()}, 20),
    "vector right": (
        [Node("MatMul", ["x", "w"], ["h"]), Node("Softmax", ["h"], ["y"], axis=0)],
        (4,),
        {"w": W},
        20,
    ),
    "conv same upper": (
        [Node("Conv", ["x", "k"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2])],
        ("n", 2, 6, 5),
        {"k": KERNEL},
        20,
    ),
    "conv same lower": (
        [Node("Conv", ["x", "k"], ["y"], auto_pad="SAME_LOWER", strides=[2, 1])],
        ("n", 2, 6, 5),
        {"k": KERNEL},
        20,
    ),
    "conv asymmetric": (
        [Node("Conv", ["x", "k"], ["y"], pads=[1, 0, 2, 3])],
        ("n", 2, 6, 5),
        {"k": KERNEL},
        20,
    ),
    "max pool asymmetric": (
        [Node("MaxPool", ["x"], ["y"], kernel_shape=[3, 2], pads=[0, 1, 1, 0])],
        ("n", 2, 6, 5),
        {},
        20,
    ),
    "max pool ceil": (
        [Node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)],
        ("n", 2, 6, 6),
        {},
        20,
    ),
    "average pool asymmetric": (
        [
            Node(
                "AveragePool",
                ["x"],
                ["y"],
                kernel_shape=[3, 2],
                pads=[0, 1, 1, 0],
                count_include_pad=1,
            )
        ],
        ("n", 2, 6, 5),
        {},
        20,
    ),
    "global max pool": ([Node("GlobalMaxPool", ["x"], ["y"])], ("n", 2, 6, 5), {}, 20),
    "global average pool": ([Node("GlobalAveragePool", ["x"], ["y"])], ("n", 2, 6, 5), {}, 20),
    "hard sigmoid": ([Node("HardSigmoid", ["x"], ["y"], alpha=0.3, beta=0.4)], ("n", 4), {}, 20),
    "hard swish": ([Node("HardSwish", ["x"], ["y"])], ("n", 4), {}, 20),
    "celu": ([Node("Celu", ["x"], ["y"], alpha=0.5)], ("n", 4), {}, 20),
    "reciprocal": (
        [Node("Softplus", ["x"], ["e"]), Node("Reciprocal", ["e"], ["y"])],
        ("n", 4),
        {},
        20,
    ),
    "sum of three": ([Node("Sum", ["x", "c", "x"], ["y"])], ("n", 4), {"c": f32(1, 2, 3, 4)}, 20),
    "max of three": (
        [Node("Max", ["x", "c", "d"], ["y"])],
        ("n", 4),
        {"c": f32(1, 0, -1, 0), "d": f32(0.5)},
        20,
    ),
    "old softmax": ([Node("Softmax", ["x"], ["y"])], ("n", 4), {}, 9),
    "old clip": ([Node("Clip", ["x"], ["y"], min=-1.0, max=0.5)], ("n", 4), {}, 9),
    "old pad": ([Node("Pad", ["x"], ["y"], pads=[0, 1, 0, 2], value=3.0)], ("n", 4), {}, 9),
    "old slice": ([Node("Slice", ["x"], ["y"], axes=[1], starts=[1], ends=[-1])], ("n", 4), {}, 9),
    "old squeeze": (
        [Node("Unsqueeze", ["x"], ["h"], axes=[1, 3]), Node("Squeeze", ["h"], ["y"], axes=[1])],
        ("n", 4),
        {},
        9,
    ),
    "slice of two axes": (
        [Node("Slice", ["x", "s", "e", "a", "t"], ["y"])],
        ("n", 4, 5),
        {"s": i64(0, -4), "e": i64(9, 99), "a": i64(1, 2), "t": i64(2, 3)},
        20,
    ),
    "pad by axes": (
        [Node("Pad", ["x", "p", "v", "a"], ["y"])],
        ("n", 4),
        {"p": i64(1, 2), "v": np.array(7, np.float32), "a": i64(-1)},
        20,
    ),
    "split": (
        [Node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2), Node("Sub", ["a", "b"], ["y"])],
        ("n", 4),
        {},
        20,
    ),
    "gather": ([Node("Gather", ["x", "i"], ["y"], axis=1)], ("n", 4), {"i": i64(3, -4, 1)}, 20),
    "gather one": (
        [Node("Gather", ["x", "i"], ["y"], axis=1)],
        ("n", 4, 2),
        {"i": np.array(2)},
        20,
    ),
    "shape arithmetic": (
        [
            Node("Shape", ["x"], ["s"]),
            Node("Gather", ["s", "zero"], ["n"], axis=0),
            Node("Concat", ["n", "rest"], ["t"], axis=0),
            Node("Reshape", ["x", "t"], ["y"]),
        ],
        ("n", 2, 3),
        {"zero": i64(0), "rest": i64(-1)},
        20,
    ),
    "reshape with zeros": (
        [Node("Reshape", ["x", "t"], ["y"])],
        ("n", 2, 6),
        {"t": i64(0, 0, 2, -1)},
        20,
    ),
    "fixed batch": ([Node("Reshape", ["x", "t"], ["y"])], (1, 2, 3), {"t": i64(1, -1)}, 20),
    "flatten": ([Node("Flatten", ["x"], ["y"], axis=-2)], ("n", 2, 3), {}, 20),
    "prelu": (
        [Node("PRelu", ["x", "s"], ["y"])],
        ("n", 4, 3),
        {"s": f32([0.5], [-1], [0], [2])},
        20,
    ),
    "misleading names": (
        [
            Node("Neg", ["x"], ["a"]),
            Node("Add", ["a", "a.constant"], ["b"]),
            Node("Mul", ["b", "b.constant"], ["y"]),
        ],
        ("n", 4),
        {"a.constant": f32(5), "b.constant": f32(7)},
        20,
    ),
}
