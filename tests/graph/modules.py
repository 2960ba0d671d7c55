"""The table of small modules that the tests of all importers, passes and methods go through.

A new op needs one line here: `case(name, module, input shape, ops it becomes)`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.graph import Graph, load, ops


@dataclass(frozen=True)
class Case:
    """A module by name, the shape of one input, and the ops it must become (in any number)."""

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    ops: frozenset[type[ops.Op]]
    without: str = ""  # ONNX exporters that cannot express it in ops that the graph has

    @functools.cached_property
    def module(self) -> nn.Module:
        """The module in evaluation mode, its weights and statistics random but fixed."""
        torch.manual_seed(1)
        module = self.make().eval()
        for name, tensor in module.state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(0, 0.5)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
        return module

    @functools.cached_property
    def double(self) -> nn.Module:
        """The module in double precision."""
        return copy.deepcopy(self.module).double()

    @functools.cached_property
    def graph(self) -> Graph:
        """The graph of the module, made once for all tests."""
        return load(self.module, torch.zeros(1, *self.shape))

    def inputs(self, batch: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Random inputs on both sides of every bend."""
        generator = torch.Generator().manual_seed(batch)
        return 2 * torch.randn(batch, *self.shape, generator=generator, dtype=dtype)


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Tensors(nn.Module):
    """A function of the input and of parameters and buffers, given by keyword."""

    def __init__(self, function: Callable[..., Tensor], **tensors: Tensor) -> None:
        super().__init__()
        self.function = function
        for name, tensor in tensors.items():
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(name, tensor)
            else:
                self.register_buffer(name, tensor)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self._parameters.values(), *self._buffers.values())


class Residual(nn.Module):
    """`x + body(x)`."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.body(x)
        return y


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(torch.relu(self.first(x)))
        return y


class Twice(nn.Module):
    """A module used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.layer(self.act(self.layer(x))))
        return y


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape))


CASES: list[Case] = []


def case(
    name: str,
    make: Callable[[], nn.Module],
    shape: tuple[int, ...],
    *becomes: type[ops.Op],
    without: str = "",
) -> None:
    CASES.append(Case(name, make, shape, frozenset(becomes), without))


def function(
    name: str,
    body: Callable[[Tensor], Tensor],
    shape: tuple[int, ...],
    *becomes: type[ops.Op],
    without: str = "",
) -> None:
    case(name, lambda: Apply(body), shape, *becomes, without=without)


def with_tensors(
    name: str,
    body: Callable[..., Tensor],
    tensors: Callable[[], dict[str, Tensor]],
    shape: tuple[int, ...],
    *becomes: type[ops.Op],
    without: str = "",
) -> None:
    case(name, lambda: Tensors(body, **tensors()), shape, *becomes, without=without)


# Linear.
case("linear", lambda: nn.Linear(4, 3), (4,), ops.Linear)
case("linear without bias", lambda: nn.Linear(4, 3, bias=False), (4,), ops.Linear)
case("linear over sequences", lambda: nn.Linear(4, 3), (5, 4), ops.Linear)
case("tied weights", Tied, (4,), ops.Linear, ops.Relu)
case("module used twice", Twice, (4,), ops.Linear, ops.Relu)
with_tensors("x @ W", lambda x, w: x @ w, lambda: {"w": weight(4, 3)}, (4,), ops.Linear)
with_tensors("x @ W, 3-D", lambda x, w: x @ w, lambda: {"w": weight(4, 3)}, (2, 4), ops.Linear)
with_tensors("W @ x, 3-D", lambda x, w: w @ x, lambda: {"w": weight(3, 4)}, (4, 2), ops.Linear)
with_tensors(
    "addmm", lambda x, w, b: torch.addmm(b, x, w),
    lambda: {"w": weight(4, 3), "b": weight(3)}, (4,), ops.Linear,
)  # fmt: skip

# Convolution.
case("conv", lambda: nn.Conv2d(2, 3, 3), (2, 6, 5), ops.Conv)
case("conv same", lambda: nn.Conv2d(2, 3, 4, padding="same"), (2, 6, 5), ops.Conv)
case("conv valid", lambda: nn.Conv2d(2, 3, 3, padding="valid", bias=False), (2, 6, 5), ops.Conv)
case("conv stride", lambda: nn.Conv2d(2, 3, 3, (2, 1), (1, 2)), (2, 7, 5), ops.Conv)
case("conv dilation", lambda: nn.Conv2d(2, 3, 3, 1, 2, 2), (2, 6, 5), ops.Conv)
case("conv groups", lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2), (4, 4, 4), ops.Conv)
case("conv depthwise", lambda: nn.Conv2d(4, 8, 3, groups=4), (4, 4, 4), ops.Conv)
case("conv 1-D", lambda: nn.Conv1d(2, 3, 3, 2, 1, 1), (2, 7), ops.Conv)
case("conv 1-D same", lambda: nn.Conv1d(2, 3, 4, padding="same"), (2, 7), ops.Conv)

# Batch norm.
case("batch norm", lambda: nn.BatchNorm2d(3, eps=1e-3), (3, 4, 4), ops.BatchNorm)
case("batch norm plain", lambda: nn.BatchNorm1d(3, affine=False), (3,), ops.BatchNorm)
case("batch norm 1-D", lambda: nn.BatchNorm1d(3), (3, 5), ops.BatchNorm)

# Averages.
case("average pool", lambda: nn.AvgPool2d(2), (2, 6, 4), ops.AveragePool)
case("average pool padded", lambda: nn.AvgPool2d(3, 2, 1), (2, 6, 5), ops.AveragePool)
case(
    "average pool uncounted",
    lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 6, 5), ops.AveragePool,
)  # fmt: skip
case("average pool ceil", lambda: nn.AvgPool2d(3, 2, ceil_mode=True), (2, 6, 6), ops.AveragePool)
case(
    "average pool ceil uncounted",
    lambda: nn.AvgPool2d(3, 2, 1, True, False), (2, 6, 6), ops.AveragePool,
)  # fmt: skip
case("average pool 1-D", lambda: nn.AvgPool1d(3, 2, 1), (2, 7), ops.AveragePool)
case("adaptive pool to one", lambda: nn.AdaptiveAvgPool2d(1), (2, 5, 4))
case(
    "adaptive pool", lambda: nn.AdaptiveAvgPool2d((3, 2)), (2, 5, 4), ops.AdaptiveAveragePool,
    without="dynamo torchscript",
)  # fmt: skip
case(
    "adaptive pool 1-D", lambda: nn.AdaptiveAvgPool1d(3), (2, 5), ops.AdaptiveAveragePool,
    without="dynamo torchscript",
)  # fmt: skip
function("mean", lambda x: x.mean((2, 3)), (2, 3, 4), ops.Mean)
function("mean kept", lambda x: x.mean(-1, keepdim=True), (2, 3), ops.Mean)
function("mean to numbers", lambda x: x.mean(-1), (3,), ops.Mean)

# Arithmetic.
case("residual", lambda: Residual(nn.Linear(4, 4), nn.ReLU()), (4,), ops.Add, ops.Relu)
with_tensors("add buffer", lambda x, c: c + x, lambda: {"c": torch.randn(4)}, (4,), ops.Add)
with_tensors(
    "broadcast channel", lambda x, c: x * c,
    lambda: {"c": weight(3, 1, 1)}, (3, 2, 2), ops.Mul,
)  # fmt: skip
with_tensors(
    "widened by a constant", lambda x, c: x + c,
    lambda: {"c": weight(1, 3, 1)}, (1, 2), ops.Add,
)  # fmt: skip
function("add scalar", lambda x: 1.1 + x, (4,), ops.Add)
function("add scaled", lambda x: torch.add(x, torch.relu(x), alpha=-2), (4,), ops.Add, ops.Mul)
function("subtract", lambda x: x - 0.3, (4,), ops.Sub)
function("subtract from", lambda x: 0.3 - x, (4,), ops.Sub)
function("multiply", lambda x: 0.3 * x, (4,), ops.Mul)
function("square", lambda x: x * x, (4,), ops.Mul)
function("negate", lambda x: -x, (4,), ops.Mul)
function("divide", lambda x: x / 0.3, (4,), ops.Div)
function("divide by values", lambda x: 1 / (3 + x.abs()), (4,), ops.Div, ops.Abs)
with_tensors(
    "integer buffer", lambda x, c: x * c + c,
    lambda: {"c": torch.arange(4)}, (4,), ops.Mul, ops.Add,
)  # fmt: skip

# Movement.
function("concat", lambda x: torch.cat([x, 2 * x, torch.relu(x)], 1), (3, 2), ops.Concat)
with_tensors(
    "concat along the last axis", lambda x, w: torch.cat([x @ w, x], -1),
    lambda: {"w": weight(4, 2)}, (3, 4), ops.Concat,
)  # fmt: skip
function("slice", lambda x: x[:, 1:-1], (5,), ops.Slice)
function("slice with steps", lambda x: x[:, ::2, 1::3], (5, 7), ops.Slice)
function("select", lambda x: x[:, -1], (3, 4), ops.Slice, ops.Reshape)
function(
    "index list", lambda x: x[:, [2, 0, 1, 1]], (3, 2), ops.Slice, ops.Concat,
    without="dynamo",
)  # fmt: skip
function("chunk", lambda x: torch.sub(*x.chunk(2, 1)), (6,), ops.Slice, ops.Sub)
function("uneven chunk", lambda x: x.chunk(3, 1)[2] * 2, (7,), ops.Slice)
function("split", lambda x: x.split([1, 3], 1)[1] + 1, (4, 2), ops.Slice)
function("pad", lambda x: F.pad(x, (1, 0, 0, 2), value=0.7), (2, 3), ops.Pad)
case("zero pad", lambda: nn.ZeroPad2d((1, 2, 0, 1)), (1, 3, 3), ops.Pad)
function("reshape", lambda x: x.reshape(x.shape[0], 2, 3) * 2, (6,), ops.Reshape)
function("reshape open batch", lambda x: x.reshape(-1, 3, 2), (6,), ops.Reshape)
case("flatten", nn.Flatten, (2, 3), ops.Reshape)
function("transpose", lambda x: x.transpose(1, 2), (2, 3), ops.Transpose)
function("permute", lambda x: x.permute(0, 3, 1, 2), (2, 3, 4), ops.Transpose)
function("squeeze", lambda x: x.squeeze(2), (3, 1), ops.Reshape)
function("unsqueeze", lambda x: x.unsqueeze(1).unsqueeze(-1), (3,), ops.Reshape)

# Piecewise linear.
case("relu", nn.ReLU, (4,), ops.Relu)
case("relu in place", lambda: nn.ReLU(inplace=True), (4,), ops.Relu)
case(
    "relu in place inside",
    lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)), (4,), ops.Relu,
)  # fmt: skip
case("relu6", nn.ReLU6, (4,), ops.Clip)
case("hardtanh", lambda: nn.Hardtanh(-0.5, 1.5), (4,), ops.Clip)
function("clamp", lambda x: x.clamp(-1.0, 0.5), (4,), ops.Clip)
function("clamp below", lambda x: x.clamp(min=-0.5), (4,), ops.Clip)
function("clamp above", lambda x: x.clamp(max=0.5), (4,), ops.Clip)
function("clamp at zero", lambda x: x.clamp(min=0), (4,), ops.Relu)
case("leaky relu", lambda: nn.LeakyReLU(0.2), (4,), ops.LeakyRelu)
case("leaky relu negative", lambda: nn.LeakyReLU(-0.2), (4,), ops.LeakyRelu)
case("prelu shared", nn.PReLU, (3, 2, 2), ops.PRelu)
case("prelu by channel", lambda: nn.PReLU(3, -0.3), (3, 2, 2), ops.PRelu)
case("prelu by feature", lambda: nn.PReLU(3), (3,), ops.PRelu)
function("abs", torch.abs, (4,), ops.Abs)
with_tensors("maximum", torch.maximum, lambda: {"c": torch.randn(4)}, (3, 4), ops.Maximum)
function("minimum", lambda x: torch.minimum(x, -2 * x), (4,), ops.Minimum)
case("max pool", lambda: nn.MaxPool2d(2), (2, 4, 6), ops.MaxPool)
case("max pool padded", lambda: nn.MaxPool2d(3, 2, 1), (2, 5, 5), ops.MaxPool)
case("max pool dilated", lambda: nn.MaxPool2d((2, 3), 1, 0, 2), (2, 5, 6), ops.MaxPool)
case("max pool ceil", lambda: nn.MaxPool2d(3, 2, ceil_mode=True), (2, 6, 6), ops.MaxPool)
case("max pool 1-D", lambda: nn.MaxPool1d(3, 2, 1), (2, 7), ops.MaxPool)

# Smooth.
case("sigmoid", nn.Sigmoid, (4,), ops.Sigmoid)
case("tanh", nn.Tanh, (4,), ops.Tanh)
case("softplus", nn.Softplus, (4,), ops.Softplus)
case("softplus bent", lambda: nn.Softplus(2.5, 3), (4,), ops.Softplus, without="torchscript")
case("elu", lambda: nn.ELU(0.7), (4,), ops.Elu)
case("selu", nn.SELU, (4,), ops.Elu)
case("celu", lambda: nn.CELU(0.7), (4,), ops.Elu)
case("gelu", nn.GELU, (4,), ops.Gelu)
case("gelu by tanh", lambda: nn.GELU("tanh"), (4,), ops.Gelu)
case("silu", nn.SiLU, (4,), ops.Silu)
case("hardswish", nn.Hardswish, (4,), ops.Clip, ops.Mul)
case("hardsigmoid", nn.Hardsigmoid, (4,), ops.Clip)
case("softmax", lambda: nn.Softmax(1), (4,), ops.Softmax)
case("softmax by channel", lambda: nn.Softmax(1), (3, 2, 2), ops.Softmax)
case("log-softmax", lambda: nn.LogSoftmax(-1), (3, 4), ops.LogSoftmax)

# Together.
case("dropout", lambda: nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.ReLU()), (4,), ops.Relu)
case(
    "small network",
    lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        Residual(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 3),
    ),
    (1, 4, 4),
    ops.Conv, ops.BatchNorm, ops.Relu, ops.Add, ops.MaxPool, ops.Reshape, ops.Linear,
)  # fmt: skip

NAMES = [entry.name for entry in CASES]


def named(name: str) -> Case:
    """The case of that name."""
    return CASES[NAMES.index(name)]
