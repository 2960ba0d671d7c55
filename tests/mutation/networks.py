"""Small classifiers of many kinds, in double precision, and inputs for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHAPE = (3, 8, 8)


def _head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 4)]


def plain() -> nn.Module:
    """Convolutions with biases and no batch norm, in-place ReLUs, overlapping pools."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(6, 8, 3, stride=2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


def normed() -> nn.Module:
    """Batch norm after every convolution."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True),
        nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AvgPool2d(2), nn.Dropout(0.5), *_head(8),
    )  # fmt: skip


def unscaled() -> nn.Module:
    """Batch norm without scale and shift."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, affine=False), nn.LeakyReLU(0.1), *_head(6)
    )


def preactivated() -> nn.Module:
    """Batch norm before the convolution: there is none after it to be inverted."""
    return nn.Sequential(
        nn.BatchNorm2d(3), nn.Conv2d(3, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), *_head(6)
    )


def grouped() -> nn.Module:
    """Grouped and depthwise convolutions."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.ReLU6(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
        nn.Conv2d(8, 12, 3, padding=1, groups=4), nn.SiLU(), *_head(12),
    )  # fmt: skip


class Residual(nn.Module):
    """A block whose shortcut pads channels, beside a branch that is joined on."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.one = nn.Conv2d(6, 10, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(10)
        self.two = nn.Conv2d(10, 10, 3, 1, 1)
        self.beside = nn.Conv2d(6, 5, 1)
        self.last = nn.Linear(15, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        y = self.two(F.relu(self.norm(self.one(x))))
        y = F.relu(y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)))
        z = torch.cat([y, torch.tanh(self.beside(x))[:, :, ::2, ::2]], 1)
        scores: Tensor = self.last(z[:, 0:15].mean((2, 3)))
        return scores


class Twice(nn.Module):
    """A convolution used twice and two linear layers that share their weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.again = nn.Conv2d(6, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)
        self.two.weight = self.one.weight
        self.last = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = torch.relu(self.norm(self.again(x)))
        x = torch.relu(self.norm(self.again(x)))
        x = self.one(x.mean((2, 3)))
        scores: Tensor = self.last(torch.relu(self.two(torch.relu(x))))
        return scores


def linear() -> nn.Module:
    """Linear layers only, one of them under batch norm."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(192, 12), nn.BatchNorm1d(12), nn.ReLU(),
        nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 4), nn.Softmax(1),
    )  # fmt: skip


class Untraceable(nn.Module):
    """Looks at its values, so that it has no graph."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = normed()

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores * 2 if bool(scores.sum() > 0) else scores


class Sliced(nn.Module):
    """Each convolution of the second layer sees a part of the first one's channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.parts = nn.ModuleList([nn.Conv2d(2, 4, 3, padding=1) for _ in range(3)])
        self.linear = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        given = self.conv(x).chunk(3, 1)
        found = [part(one).relu() for part, one in zip(self.parts, given, strict=True)]
        result: Tensor = self.linear(torch.cat(found, 1).mean((2, 3)))
        return result


class Masked(nn.Module):
    """A linear layer whose weight is a product, without a bias."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.weight = nn.Parameter(torch.randn(8, 8))
        self.register_buffer("mask", torch.rand(8, 8).round())
        self.linear = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        given = self.conv(x).relu().mean((2, 3))
        result: Tensor = self.linear(F.linear(given, self.weight * self.mask).relu())
        return result


NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "plain": plain,
    "normed": normed,
    "unscaled": unscaled,
    "preactivated": preactivated,
    "grouped": grouped,
    "residual": Residual,
    "twice": Twice,
    "linear": linear,
    "sliced": Sliced,
    "masked": Masked,
    "untraceable": Untraceable,
}


def network(name: str) -> nn.Module:
    """A network of this kind with weights large enough for labels to differ, in training mode."""
    torch.manual_seed(3)
    model = NETWORKS[name]().double()
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
                assert part.running_mean is not None
                assert part.running_var is not None
                part.running_mean.normal_(0, 0.3)
                part.running_var.uniform_(0.5, 2)
                if part.affine:
                    part.weight.normal_(0.5, 1)
                    part.bias.normal_()
            elif isinstance(part, nn.Linear):
                part.weight.mul_(2)
        _centre(model)
    return model.train()


def _centre(model: nn.Module) -> None:
    """Makes every class as large as the others on the whole, so that all are predicted."""
    last = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
    given: list[Tensor] = []
    handle = last.register_forward_hook(lambda _, __, output: given.append(output))
    model.eval()(inputs(64, seed=1))
    handle.remove()
    last.bias.sub_(given[0].mean(0))
    last.weight.div_(given[0].std())
    last.bias.div_(given[0].std())


def inputs(batch: int = 12, seed: int = 0) -> Tensor:
    """Normal inputs, [batch, 3, 8, 8], in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((batch, *SHAPE), generator=generator, dtype=torch.float64)
