"""The check that the tests of all bounds share: no gradient that autograd finds leaves them.

A trial is a network, a box, a dtype, a loss and a method. Bounds in a dtype are to hold for real
arithmetic and for the network evaluated in that dtype, so gradients are taken in the very dtype of
the bounds, and without any slack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from tests.certify.networks import NETWORKS, Network
from torch import Tensor

from affidavit.certify import gradient_bounds
from affidavit.certify.boxes import Size
from affidavit.certify.target import Loss, Target, logits_of
from affidavit.errors import DomainError
from affidavit.graph import Graph, Interval, ops

SPATIAL = (
    ops.Conv, ops.BatchNorm, ops.AveragePool, ops.AdaptiveAveragePool, ops.MaxPool, ops.Mean,
    ops.Slice, ops.Pad, ops.Reshape, ops.Transpose,
)  # fmt: skip
"""Ops that the networks of images cover; the others cover the rest."""

LOSSES: tuple[Loss, ...] = ("logit", "margin", "cross_entropy")
DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Box:
    """A kind of box.

    Attributes:
        name: for people.
        epsilon: half of the width, given the inputs.
        gamma: relative size of the box of weights.
        clipped: whether the box is cut off where the inputs end.
        kink: whether it lies around the zero input of a network without biases.
    """

    name: str
    epsilon: Callable[[Tensor], Size] = lambda x: 0.0
    gamma: float = 0.0
    clipped: bool = False
    kink: bool = False


def _by_feature(x: Tensor) -> Tensor:
    """Every third feature does not vary, and the others by different amounts."""
    size = torch.linspace(0.01, 0.4, x[0].numel(), dtype=x.dtype)
    size[::3] = 0
    return size.reshape(x.shape[1:])


BOXES = (
    Box("point"),
    Box("tiny", lambda x: 1e-6),
    Box("small", lambda x: 0.02),
    Box("medium", lambda x: 0.3),
    Box("by feature", _by_feature),
    Box("clipped", lambda x: 0.5, clipped=True),
    Box("all unstable", lambda x: 20.0),
    Box("weights", gamma=0.02),
    Box("weights far", gamma=0.5),
    Box("input and weights", lambda x: 0.05, gamma=0.02),
    Box("kink", kink=True),
    Box("around a kink", lambda x: 1e-3, gamma=0.02, kink=True),
)


@dataclass(frozen=True)
class Trial:
    """What bounds are asked of."""

    network: Network
    box: Box
    dtype: torch.dtype
    loss: Loss
    method: str

    @property
    def name(self) -> str:
        """All of it in one line."""
        dtype = str(self.dtype).removeprefix("torch.")
        return f"{self.network.name}, {self.box.name}, {dtype}, {self.loss}, {self.method}"


def trials(network: Network, method: str, every: int) -> list[Trial]:
    """Every n-th kind of box, each network beginning elsewhere, losses and dtypes in turn."""
    first = NETWORKS.index(network)
    return [
        Trial(network, BOXES[i], DTYPES[(i + first) % 2], LOSSES[(i + first // 2) % 3], method)
        for i in range(first % every, len(BOXES), every)
    ]


@dataclass(frozen=True)
class Outcome:
    """What a trial found.

    Attributes:
        samples: gradients that were taken.
        escapes: how many left the bounds in some entry, or were not a number.
        farthest: by how much at most.
        reached: mean share of the bounds' width that the gradients span.
    """

    samples: int
    escapes: int
    farthest: float
    reached: float


def attempt(trial: Trial, samples: int, seed: int = 0, chunk: int = 4096) -> Outcome:
    """Bounds the gradients at two inputs and samples at least so many within the boxes.

    Raises:
        DomainError: there are no bounds, as of a division by an interval around 0.
    """
    graph = trial.network.without_biases if trial.box.kink else trial.network.graph
    x = trial.network.inputs(2, trial.dtype)
    if trial.box.kink:
        x = torch.zeros_like(x)
    epsilon = trial.box.epsilon(x)
    data_range = (x.amin(), x.amax()) if trial.box.clipped else None
    classes = torch.tensor([0, 1])
    target: Target = (classes, torch.tensor([2, 0])) if trial.loss == "margin" else classes
    bounds = gradient_bounds(
        graph, x, epsilon=epsilon, gamma=trial.box.gamma, data_range=data_range, target=target,
        loss=trial.loss, method=trial.method,  # type: ignore[arg-type]
    )  # fmt: skip
    radius = torch.as_tensor(epsilon, dtype=trial.dtype)
    box = Interval(x - radius, x + radius)
    if data_range is not None:
        box = Interval(box.lower.clamp(*data_range), box.upper.clamp(*data_range))
    generator = torch.Generator().manual_seed(seed)
    taken = escapes = 0
    farthest = 0.0
    least = torch.full_like(x, torch.inf)
    most = -least
    for points in _points(x, box, samples, chunk, generator):
        found = _gradients(graph, points, target, trial, generator)
        taken += len(found) * len(x)
        outside = torch.maximum(bounds.lower - found, found - bounds.upper)
        inside = (bounds.lower <= found) & (found <= bounds.upper)
        escapes += int((~inside).flatten(2).any(2).sum())
        farthest = max(farthest, float(outside.max()))
        least, most = torch.minimum(least, found.amin(0)), torch.maximum(most, found.amax(0))
    wide = bounds.width > 0
    share = ((most - least) / bounds.width)[wide]
    return Outcome(taken, escapes, farthest, float(share.mean()) if len(share) else 1.0)


def check(trial: Trial, samples: int) -> bool:
    """Whether there are bounds; all gradients lie within them if so."""
    try:
        found = attempt(trial, samples)
    except DomainError as error:  # nothing else is an excuse
        refused = trial.method == "exact" and "linear regions" in str(error)
        excuse = refused or "holds 0" in str(error) or "overflow" in str(error)
        assert excuse, error  # noqa: PT017
        return False
    assert found.samples >= samples
    assert not found.escapes, f"{trial.name}: {found}"
    return True


def _points(
    x: Tensor, box: Interval, samples: int, chunk: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Points of the boxes in chunks, [point, batch, *shape]: the clean one, corners, faces, inner.

    All lie within the exact boxes but for the rounding of the ends, which the bounds allow for.
    """
    each = -(-samples // len(x))
    for first in range(0, each, chunk):
        count = min(chunk, each - first)
        share = torch.rand((count, *x.shape), generator=generator, dtype=torch.float64)
        kind = torch.arange(count).reshape(-1, *(1,) * x.ndim) % 4
        share = torch.where(kind == 0, share.round(), share)
        share = torch.where(kind == 1, (share * 1.5 - 0.25).clamp(0, 1), share)
        share = torch.where(kind == 2, 0.5 + (share - 0.5) * 0.05, share).to(x.dtype)
        points = box.lower * (1 - share) + box.upper * share
        points = torch.minimum(torch.maximum(points, box.lower), box.upper)
        if first == 0:
            points[0] = x
        yield points


def _gradients(
    graph: Graph, points: Tensor, target: Target, trial: Trial, generator: torch.Generator
) -> Tensor:
    """Gradient at every point, [point, batch, *shape], each with weights of its own."""
    shape = points.shape
    first, second = target if isinstance(target, tuple) else (target, target)
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    first, second = (t.expand(shape[:2]).flatten() for t in (first, second))
    flat = points.flatten(0, 1)
    node = logits_of(graph)
    if not trial.box.gamma:
        leaf = flat.clone().requires_grad_()
        logits = graph.values(leaf, (node,))[node].flatten(1)
        (found,) = torch.autograd.grad(_loss(logits, first, second, trial.loss).sum(), leaf)
        return found.reshape(shape)

    def score(x: Tensor, params: dict[str, Tensor], one: Tensor, other: Tensor) -> Tensor:
        logits = graph.values(x[None], (node,), params)[node].flatten(1)
        return _loss(logits, one[None], other[None], trial.loss).squeeze(0)

    params = _weights(graph, len(flat), trial.box.gamma, trial.dtype, generator)
    gradients: Tensor = torch.func.vmap(torch.func.grad(score))(flat, params, first, second)
    return gradients.reshape(shape)


def _weights(
    graph: Graph, count: int, gamma: float, dtype: torch.dtype, generator: torch.Generator
) -> dict[str, Tensor]:
    """Weights in their box for each of many points: its corners, its inside, the clean ones."""
    found = {}
    for name in graph.parameters:
        weight = graph.tensors[name].to(dtype)
        share = torch.rand((count, *weight.shape), generator=generator, dtype=torch.float64) * 2 - 1
        kind = torch.arange(count).reshape(-1, *(1,) * weight.ndim) % 3
        share = torch.where(kind == 0, share.sign(), share)
        share[0] = 0
        found[name] = weight + gamma * weight.abs() * share.to(dtype)
    return found


def _loss(logits: Tensor, first: Tensor, second: Tensor, loss: Loss) -> Tensor:
    if loss == "cross_entropy":
        return F.cross_entropy(logits, first, reduction="none")
    chosen = logits.gather(1, first[:, None]).squeeze(1)
    if loss == "logit":
        return chosen
    return chosen - logits.gather(1, second[:, None]).squeeze(1)
