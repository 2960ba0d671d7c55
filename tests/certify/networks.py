"""Small networks that bounds on gradients are tried on: every op behind a layer and before one.

`network(name, make, shape)` adds one to the table.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from tests.graph.modules import Apply, Residual
from torch import Tensor, nn

from affidavit.graph import Graph, Node, load, ops


@dataclass(frozen=True)
class Network:
    """A module, or a graph, by name and the shape of one input.

    Attributes:
        scale: of random inputs.
        edit: what is done to the graph.
    """

    name: str
    make: Callable[[], nn.Module | Graph]
    shape: tuple[int, ...]
    scale: float = 1.0
    edit: Callable[[Graph], Graph] = lambda graph: graph

    @functools.cached_property
    def graph(self) -> Graph:
        """The graph, made once for all tests; weights and statistics random but fixed."""
        torch.manual_seed(5)
        made = self.make()
        if isinstance(made, Graph):
            return made
        for name, tensor in made.eval().state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(0, 0.5)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif name.endswith("weight") and tensor.ndim == 1:
                tensor.uniform_(-1.5, 1.5)  # scales of batch norm and slopes of PReLU
        return self.edit(load(made, torch.zeros(1, *self.shape)))

    @functools.cached_property
    def without_biases(self) -> Graph:
        """The graph with every parameter of one axis but scales set to 0.

        At the zero input most pre-activations are 0 then: a kink of every unit at once.
        """
        tensors = {
            name: torch.zeros_like(tensor) if name.endswith("bias") else tensor
            for name, tensor in self.graph.tensors.items()
        }
        return dataclasses.replace(self.graph, tensors=tensors)

    def inputs(self, batch: int, dtype: torch.dtype) -> Tensor:
        """Random inputs."""
        generator = torch.Generator().manual_seed(batch)
        x = torch.randn(batch, *self.shape, generator=generator, dtype=torch.float64)
        return (self.scale * x).to(dtype)


class Branches(nn.Module):
    """Two layers of one input, and what is made of both."""

    def __init__(
        self,
        join: Callable[[Tensor, Tensor], Tensor],
        one: nn.Module,
        other: nn.Module,
        then: nn.Module,
    ) -> None:
        super().__init__()
        self.join = join
        self.one = one
        self.other = other
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.then(self.join(self.one(x), self.other(x)))
        return y


class Dense(nn.Module):
    """Each layer sees all that came before: every value has several consumers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4 + 3 * i, 3) for i in range(4)])
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for layer in self.layers:
            found.append(torch.relu(layer(torch.cat(found, 1))))
        y: Tensor = self.last(torch.cat(found, 1))
        return y


class Shared(nn.Module):
    """One value that many others are made of, large parts of which cancel."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        z = self.first(x)
        y: Tensor = self.last((1e4 * z + torch.relu(z)) + (0.7 * z - 1e4 * z) + torch.tanh(z))
        return y


NETWORKS: list[Network] = []


def network(
    name: str,
    make: Callable[[], nn.Module | Graph],
    shape: tuple[int, ...],
    scale: float = 1.0,
    edit: Callable[[Graph], Graph] = lambda graph: graph,
) -> None:
    NETWORKS.append(Network(name, make, shape, scale, edit))


def between(
    name: str,
    *middle: Callable[[], nn.Module],
    gain: float = 1.0,
) -> None:
    """Something elementwise between two dense layers, twice; the first layer's weights scaled."""

    def make() -> nn.Module:
        first = nn.Linear(4, 6)
        with torch.no_grad():
            first.weight.mul_(gain)
        return nn.Sequential(
            first, *(m() for m in middle), nn.Linear(6, 5), *(m() for m in middle), nn.Linear(5, 3)
        )

    network(name, make, (4,))


def image(name: str, *middle: Callable[[], nn.Module], shape: tuple[int, ...] = (2, 5, 6)) -> None:
    """Something spatial, ReLU behind it, and a dense layer at the end."""

    def make() -> nn.Module:
        body = nn.Sequential(*(m() for m in middle), nn.ReLU(), nn.Flatten()).eval()
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "same" padding of even kernels makes a copy
            features = body(torch.zeros(1, *shape)).shape[1]
        return nn.Sequential(*body, nn.Linear(features, 3))

    network(name, make, shape)


def conv(**options: object) -> Callable[[], nn.Module]:
    return lambda: nn.Conv2d(2, 2, **options)  # type: ignore[arg-type]


def function(body: Callable[[Tensor], Tensor]) -> Callable[[], nn.Module]:
    return lambda: Apply(body)


def joined(name: str, join: Callable[[Tensor, Tensor], Tensor], width: int = 5) -> None:
    network(
        name,
        lambda: Branches(join, nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(width, 3)),
        (4,),
    )


# Dense layers.
between("dense", nn.ReLU)
between("dense tenfold", nn.ReLU, gain=10.0)
between("dense fortyfold", nn.ReLU, gain=40.0)
network(
    "one layer", lambda: nn.Linear(5, 3), (5,)
)  # fmt: skip
network(
    "without biases",
    lambda: nn.Sequential(nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 3, bias=False)),
    (4,),
)
network(
    "deep",
    lambda: nn.Sequential(
        nn.Linear(3, 5), *(m for _ in range(6) for m in (nn.ReLU(), nn.Linear(5, 5)))
    ),
    (3,),
    3.0,
)
network("long sums", lambda: nn.Sequential(nn.Linear(300, 40), nn.ReLU(), nn.Linear(40, 3)), (300,))
network(
    "sequences",
    lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)),
    (2, 3),
)


def of_scales(first: float, second: float) -> nn.Module:
    """Rows of weights of very different magnitude."""
    one, other = nn.Linear(4, 6), nn.Linear(6, 3)
    with torch.no_grad():
        for row, scale in enumerate([first, second, 1.0, first, second, 1.0]):
            one.weight[row].mul_(scale)
            one.bias[row].mul_(scale)
            if row % 2:
                other.weight[:, row].div_(scale)
    return nn.Sequential(one, nn.ReLU(), other)


network("scales of 1e-12 and 1e10", lambda: of_scales(1e-12, 1e10), (4,))
network("scales of 1e-30 and 1e-41", lambda: of_scales(1e-30, 1e-7), (4,))


def subnormal() -> nn.Module:
    """A layer of weights that are subnormal in float32, and one that brings them back."""
    one, other = nn.Linear(4, 6), nn.Linear(6, 3)
    with torch.no_grad():
        one.weight.mul_(1e-40)
        one.bias.mul_(1e-40)
        other.weight.mul_(1e30)
    return nn.Sequential(one, nn.ReLU(), other)


network("subnormal weights", subnormal, (4,))

# Spatial ops.
image("conv", conv(kernel_size=3, padding=1), nn.ReLU, conv(kernel_size=3))
image("conv stride and padding", conv(kernel_size=3, stride=2, padding=(1, 2)))
image("conv stride that leaves a rest", conv(kernel_size=2, stride=3))
image("conv dilation", conv(kernel_size=2, dilation=(2, 3), padding=1))
image("conv groups", conv(kernel_size=3, padding=1, groups=2))
image("conv padded on one side more", conv(kernel_size=4, padding="same"))
image("conv padded and dilated", conv(kernel_size=(2, 4), padding="same", dilation=(3, 1)))
image("conv 1-D", lambda: nn.Conv1d(2, 3, 3, 2, 1, 1), nn.ReLU, lambda: nn.Conv1d(3, 2, 2),
      shape=(2, 9))  # fmt: skip
image("batch norm", conv(kernel_size=3, bias=False), lambda: nn.BatchNorm2d(2), nn.ReLU)
image("batch norm first", lambda: nn.BatchNorm2d(2), nn.ReLU, conv(kernel_size=3))


def far_statistics() -> nn.Module:
    """Batch norm around means that are large by comparison: what it computes cancels."""
    one, other = nn.Linear(4, 5), nn.Linear(5, 4)
    with torch.no_grad():
        one.bias.add_(1e4)
        other.bias.add_(1e4)
    return nn.Sequential(
        one, nn.BatchNorm1d(5), nn.ReLU(), other, nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)
    )


def far_means(graph: Graph) -> Graph:
    """Running means where the values are."""
    tensors = {
        name: torch.full_like(tensor, 1e4) if name.endswith("running_mean") else tensor
        for name, tensor in graph.tensors.items()
    }
    return dataclasses.replace(graph, tensors=tensors)


network("batch norm of far statistics", far_statistics, (4,), edit=far_means)
image("average pool", conv(kernel_size=2), lambda: nn.AvgPool2d(2, 1), nn.ReLU)
image("average pool ceil", lambda: nn.AvgPool2d(3, 2, ceil_mode=True), shape=(2, 6, 6))
image("average pool padded", lambda: nn.AvgPool2d(3, 2, 1))
image("average pool uncounted", lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False))
image("average pool ceil uncounted", lambda: nn.AvgPool2d(3, 2, 1, True, False), shape=(2, 6, 6))
image("adaptive pool", conv(kernel_size=2), nn.ReLU, lambda: nn.AdaptiveAvgPool2d((3, 2)))
image("max pool", conv(kernel_size=2), lambda: nn.MaxPool2d(2))
image("max pool overlapping", conv(kernel_size=2), lambda: nn.MaxPool2d(3, 1))
image("max pool padded", lambda: nn.MaxPool2d(3, 2, 1), nn.ReLU, conv(kernel_size=2))
image("max pool ceil", lambda: nn.MaxPool2d(3, 2, ceil_mode=True), shape=(2, 6, 6))
image("max pool ceil padded", lambda: nn.MaxPool2d(2, 3, 1, ceil_mode=True), shape=(2, 6, 6))
image("max pool dilated", lambda: nn.MaxPool2d((2, 3), 1, 0, 2))
image("max pool 1-D", lambda: nn.Conv1d(2, 3, 3), lambda: nn.MaxPool1d(3, 2, 1), shape=(2, 9))
image("mean over space", conv(kernel_size=2), nn.ReLU, function(lambda x: x.mean((2, 3))))
image("mean over channels", conv(kernel_size=2), nn.ReLU,
      function(lambda x: x.mean(1, keepdim=True)))  # fmt: skip
image("slices", conv(kernel_size=2), function(lambda x: x[:, :, ::2, 1:]))
image("padding of a constant", function(lambda x: F.pad(x, (1, 0, 0, 2), value=0.7)),
      conv(kernel_size=3))  # fmt: skip
image("transpose", function(lambda x: x.permute(0, 2, 3, 1)), lambda: nn.Linear(2, 3))
image("reshape", function(lambda x: x.reshape(-1, 4, 3, 5)), lambda: nn.Conv2d(4, 2, 2))
image("log-softmax of channels", conv(kernel_size=2),
      function(lambda x: 1 + torch.log_softmax(x, 1)))  # fmt: skip
image("prelu by channel", conv(kernel_size=2), lambda: nn.PReLU(2))
network(
    "small residual",
    lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        Residual(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 1)),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 3),
    ),
    (1, 4, 4),
)

# Elementwise ops.

SELU = ops.Elu(1.6732632423543772, 1.0507009873554805)
SATURATING: dict[str, ops.Op] = {
    "sigmoid": ops.Sigmoid(),
    "tanh": ops.Tanh(),
    "softplus": ops.Softplus(1.0, 20.0),
    "elu": ops.Elu(),
    "softmax": ops.Softmax(1),
    "log-softmax": ops.LogSoftmax(1),
}


def alone(name: str, make: Callable[[], nn.Module | Graph]) -> None:
    """An activation of the input itself, far out: nothing hides what its derivative rounds."""
    network(f"{name} alone", make, (4,), scale=12.0)


def single(op: ops.Op) -> Callable[[], Graph]:
    """A graph of one op."""
    return lambda: Graph((Node("y", op, ("input",)),), "y", (4,), {})


DENSE = {1.0: "dense", 10.0: "dense tenfold", 40.0: "dense fortyfold"}


def activated(name: str, op: ops.Op, gain: float = 1.0) -> None:
    """An activation in place of the ReLUs of a dense network, which is imported only once."""

    def make() -> Graph:
        dense = named(DENSE[gain]).graph
        nodes = tuple(
            dataclasses.replace(node, op=op) if isinstance(node.op, ops.Relu) else node
            for node in dense.nodes
        )
        return dataclasses.replace(dense, nodes=nodes)

    network(name, make, (4,))


activated("leaky relu", ops.LeakyRelu(0.2))
activated("leaky relu falling", ops.LeakyRelu(-0.2))
activated("leaky relu steep", ops.LeakyRelu(1.7))
between("prelu", nn.PReLU)
activated("relu6", ops.Clip(0.0, 6.0), gain=10.0)
activated("hardtanh", ops.Clip(-0.5, 0.3))
activated("abs", ops.Abs())
activated("sigmoid", ops.Sigmoid())
activated("tanh", ops.Tanh())
activated("softplus", ops.Softplus(1.0, 20.0))
activated("softplus bent", ops.Softplus(2.5, 1.0))
activated("softplus with a negative beta", ops.Softplus(-1.5, 2.0))
activated("softplus without threshold", ops.Softplus())
activated("elu", ops.Elu(0.7))
activated("selu", SELU)
between("celu", lambda: nn.CELU(0.7))
between("hardswish", nn.Hardswish)
between("hardsigmoid", nn.Hardsigmoid)
activated("softmax inside", ops.Softmax(1))
activated("log-softmax inside", ops.LogSoftmax(1))
for smooth in ("sigmoid", "tanh", "softplus", "elu", "softmax", "log-softmax"):
    activated(f"saturated {smooth}", SATURATING[smooth], gain=40.0)

alone("sigmoid", single(ops.Sigmoid()))
alone("tanh", single(ops.Tanh()))
alone("softplus", single(ops.Softplus(1.0, 20.0)))
alone("softplus bent", single(ops.Softplus(2.5, 1.0)))
alone("softplus without threshold", single(ops.Softplus()))
alone("elu", single(ops.Elu(0.7)))
alone("selu", single(SELU))
alone("hardswish", nn.Hardswish)
alone("softmax", lambda: nn.Sequential(nn.Softmax(1), nn.Linear(4, 3)))
alone("log-softmax", lambda: nn.Sequential(nn.LogSoftmax(1), nn.Linear(4, 3)))
alone("batch norm", lambda: nn.BatchNorm1d(4))

# Branches.
joined("maximum", torch.maximum)
joined("minimum", torch.minimum)
joined("product", torch.mul)
joined("quotient", lambda a, b: a / (b.abs() + 3))
joined("difference", lambda a, b: torch.relu(a) - torch.relu(b))
joined("concat", lambda a, b: torch.cat([torch.relu(a), b], 1), 10)
joined("broadcast product", lambda a, b: a * b[:, :1])
joined("maximum with a constant", lambda a, b: torch.maximum(a + b, torch.tensor(0.1)))
between("square", function(lambda x: x * x))
network("residual", lambda: nn.Sequential(Residual(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 3)),
        (4,))  # fmt: skip
network("dense connections", Dense, (4,))
network("cancelling branches", Shared, (4,))

NAMES = [entry.name for entry in NETWORKS]


def named(name: str) -> Network:
    """The network of that name."""
    return NETWORKS[NAMES.index(name)]
