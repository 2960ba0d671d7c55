"""What an initial parameter is drawn from: the distributions, their samples and probabilities.

All are frozen and take no part in choosing their own numbers: a fan-scaled initializer works them
out (:mod:`affidavit.initialization.catalogue`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri
from torch import Generator, Tensor

from affidavit.errors import DomainError
from affidavit.initialization.fans import matrix_shape

Values: TypeAlias = NDArray[np.float64]

TWO_SIGMA_STD = 0.87962566103423978
"""Standard deviation of a standard normal truncated to [-2, 2], as Keras rounds it."""


@dataclass(frozen=True)
class Constant:
    """One value everywhere."""

    value: float

    def __post_init__(self) -> None:
        _finite(self, self.value)

    @property
    def text(self) -> str:
        return f"constant {self.value:.6g}"

    @property
    def std(self) -> float:
        """Standard deviation of what is drawn: 0."""
        return 0.0

    def sample(self, shape: Sequence[int], generator: Generator) -> Tensor:
        """A float32 tensor of this shape."""
        return torch.full(tuple(shape), float(self.value), dtype=torch.float32)


@dataclass(frozen=True)
class Normal:
    """Independent values from a normal distribution."""

    mean: float
    std: float

    def __post_init__(self) -> None:
        _finite(self, self.mean, self.std)
        _positive(self, "std", self.std)

    @property
    def text(self) -> str:
        return f"normal, mean {self.mean:.4g}, std {self.std:.4g}"

    def sample(self, shape: Sequence[int], generator: Generator) -> Tensor:
        """A float32 tensor of this shape."""
        draws = torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
        return (self.mean + self.std * draws).float()

    def cdf(self, x: Values) -> Values:
        """P(X <= x), element by element."""
        return np.asarray(ndtr((x - self.mean) / self.std))

    def log_density(self, x: Values) -> Values:
        """Logarithm of the density, element by element."""
        z = (x - self.mean) / self.std
        return np.asarray(-(z**2) / 2 - math.log(self.std * math.sqrt(2 * math.pi)))


@dataclass(frozen=True)
class Uniform:
    """Independent values, equally likely anywhere from `low` to `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _finite(self, self.low, self.high)
        _ascending(self, self.low, self.high)

    @property
    def text(self) -> str:
        return f"uniform on {_interval(self.low, self.high)}"

    @property
    def std(self) -> float:
        """Standard deviation of what is drawn."""
        return (self.high - self.low) / math.sqrt(12)

    def sample(self, shape: Sequence[int], generator: Generator) -> Tensor:
        """A float32 tensor of this shape."""
        draws = torch.rand(tuple(shape), generator=generator, dtype=torch.float64)
        return (self.low + (self.high - self.low) * draws).float()

    def cdf(self, x: Values) -> Values:
        """P(X <= x), element by element."""
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)

    def log_density(self, x: Values) -> Values:
        """Logarithm of the density, element by element; -inf outside of the bounds."""
        inside = (x >= self.low) & (x <= self.high)
        return np.where(inside, -math.log(self.high - self.low), -np.inf)


@dataclass(frozen=True)
class TruncatedNormal:
    """Independent values from a normal distribution, given that they lie from `low` to `high`.

    `mean` and `std` are those of the normal distribution that is cut (the parent), not of what is
    left of it: cut at two standard deviations, what is left has 0.8796 times its `std`.
    """

    mean: float
    std: float
    low: float
    high: float

    def __post_init__(self) -> None:
        _finite(self, self.mean, self.std, self.low, self.high)
        _positive(self, "std", self.std)
        _ascending(self, self.low, self.high)
        if not self._mass() > 1e-12:
            raise DomainError(
                f"{self}: the bounds leave nothing of the normal distribution that they cut;"
                " expected bounds within a few std of the mean"
            )

    @property
    def text(self) -> str:
        return (
            f"normal, mean {self.mean:.4g}, std {self.std:.4g},"
            f" cut to {_interval(self.low, self.high)}"
        )

    def sample(self, shape: Sequence[int], generator: Generator) -> Tensor:
        """A float32 tensor of this shape."""
        start, end = self._tails()
        draws = torch.rand(tuple(shape), generator=generator, dtype=torch.float64).numpy()
        z = ndtri(start + (end - start) * draws)
        values = self.mean + self._sign() * self.std * z
        return torch.from_numpy(np.clip(values, self.low, self.high)).float()

    def cdf(self, x: Values) -> Values:
        """P(X <= x), element by element."""
        start, end = self._tails()
        z = self._sign() * (np.clip(x, self.low, self.high) - self.mean) / self.std
        below = (ndtr(z) - start) / (end - start)
        return np.asarray(below if self._sign() > 0 else 1 - below)

    def log_density(self, x: Values) -> Values:
        """Logarithm of the density, element by element; -inf outside of the bounds."""
        inside = (x >= self.low) & (x <= self.high)
        parent = Normal(self.mean, self.std).log_density(x)
        return np.where(inside, parent - math.log(self._mass()), -np.inf)

    def _sign(self) -> float:
        # Far out, only the lower tail of the normal distribution has its digits: an interval
        # above the mean is taken as its mirror image.
        return -1.0 if self.low > self.mean else 1.0

    def _tails(self) -> tuple[float, float]:
        ends = sorted(self._sign() * (end - self.mean) / self.std for end in (self.low, self.high))
        return float(np.exp(log_ndtr(ends[0]))), float(np.exp(log_ndtr(ends[1])))

    def _mass(self) -> float:
        start, end = self._tails()
        return end - start


@dataclass(frozen=True)
class Orthogonal:
    """A random matrix of orthonormal rows or columns, whichever are fewer, times `gain`.

    Uniform over all such matrices (Haar), after Saxe et al. 2014. A tensor of more than two axes is
    a matrix by its first axis against the others, as PyTorch has it, or with `last` by its last
    axis against the others, as Keras has it.
    """

    gain: float = 1.0
    last: bool = False

    def __post_init__(self) -> None:
        _finite(self, self.gain)
        _positive(self, "gain", self.gain)

    @property
    def text(self) -> str:
        return f"orthogonal, gain {self.gain:.4g}"

    def sample(self, shape: Sequence[int], generator: Generator) -> Tensor:
        """A float32 tensor of this shape, of two axes or more. Raises DomainError for fewer."""
        rows, columns = matrix_shape(shape, last=self.last)
        tall = torch.randn(
            max(rows, columns), min(rows, columns), generator=generator, dtype=torch.float64
        )
        q, r = torch.linalg.qr(tall)
        # Only with a positive diagonal of R is Q uniform (Mezzadri 2007).
        q = q * torch.where(r.diagonal() < 0, -1.0, 1.0)
        matrix: Tensor = self.gain * (q if rows >= columns else q.T)
        return matrix.reshape(tuple(shape)).float()


Continuous: TypeAlias = Normal | Uniform | TruncatedNormal
"""Independent values with a density."""

Distribution: TypeAlias = Constant | Normal | Uniform | TruncatedNormal | Orthogonal


def two_sigma(mean: float, std: float) -> TruncatedNormal:
    """The truncated normal of Keras: a parent's mean and std, cut at two of its std."""
    return TruncatedNormal(mean, std, mean - 2 * std, mean + 2 * std)


def _interval(low: float, high: float) -> str:
    return f"±{high:.4g}" if low == -high else f"[{low:.4g}, {high:.4g}]"


def _finite(distribution: object, *numbers: float) -> None:
    if not all(map(math.isfinite, numbers)):
        raise DomainError(f"{distribution}: expected finite numbers")


def _positive(distribution: object, name: str, number: float) -> None:
    if not number > 0:
        raise DomainError(f"{distribution}: expected {name} above 0")


def _ascending(distribution: object, low: float, high: float) -> None:
    if not low < high:
        raise DomainError(f"{distribution}: expected low below high")
