"""How well values agree with a distribution: exact tests, on values as they were rounded.

Guarantee: `statistical`: under the distribution, P(p <= a) is at most a, but for ties by rounding,
which only make p larger.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy import stats
from scipy.special import kolmogorov, ndtr, ndtri
from torch import Tensor

from affidavit.initialization.distributions import (
    Constant,
    Continuous,
    Distribution,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    Values,
)
from affidavit.initialization.fans import matrix_shape

MOST_VALUES = 500_000
"""Of more values, this many at most are tested, evenly spread; bounds are checked on all."""

MOST_EXACT = 10_000
"""Of more values, the distribution of the largest distance is had from its limit."""

MOST_SIMULATED = 200
"""Up to as many values, a fitted normal is tested by simulation."""


@dataclass(frozen=True)
class Sample:
    """Values of one parameter, ready to be tested against any number of distributions.

    Attributes:
        tensors: as they were, one a seed.
        ordered: the values to test, ascending, float64.
        count: how many values there are in all.
        low, high: the least and the greatest of all.
        rounding: how far a value may lie from what was drawn, by its floating-point type.
        spacing: the relative step of that type.
    """

    tensors: tuple[Tensor, ...]
    ordered: Values
    count: int
    low: float
    high: float
    rounding: float
    spacing: float


def sample_of(tensors: Sequence[Tensor]) -> Sample:
    """The sample of tensors of one shape and type, not empty, all finite."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    step = -(-len(flat) // MOST_VALUES)
    ordered = np.sort(flat[::step].double().cpu().numpy())
    low, high = float(flat.min()), float(flat.max())
    kind = flat.dtype if flat.dtype.is_floating_point else torch.float64
    spacing = torch.finfo(kind).eps
    rounding = spacing * max(abs(low), abs(high))
    return Sample(tuple(tensors), ordered, len(flat), low, high, rounding, spacing)


def p_value(sample: Sample, distribution: Distribution) -> float:
    """The p-value of the hypothesis that the values were drawn from this distribution.

    A constant: 1 where every value is that constant as the type rounds it, else 0. Values with a
    density: Kolmogorov and Smirnov's exact two-sided test, and 0 for values outside of bounds; of a
    normal a tenth of the level goes to its largest value, of which that test sees little.
    Orthogonal: see :func:`orthogonal_p`.
    """
    if isinstance(distribution, Constant):
        kind = sample.tensors[0].dtype
        value = float(torch.tensor(distribution.value, dtype=kind))
        return float(sample.low == sample.high == value)
    if isinstance(distribution, Orthogonal):
        return orthogonal_p(sample, distribution)
    p = kolmogorov_p(sample.ordered, distribution, sample.rounding)
    if p == 0:
        return 0.0
    if isinstance(distribution, Uniform):
        slack = sample.rounding
        outside = sample.low < distribution.low - slack or sample.high > distribution.high + slack
        return 0.0 if outside else p
    if isinstance(distribution, TruncatedNormal):
        # The level is shared out, nearly all of it to the shape: what lies beyond speaks plainly.
        return min(1.0, p / 0.99, _beyond_p(sample, distribution) / 0.01)
    return min(1.0, p / 0.9, _largest_p(sample, distribution) / 0.1)


def kolmogorov_p(ordered: Values, distribution: Continuous, rounding: float = 0.0) -> float:
    """Exact p-value of the largest distance between the empirical and the given distribution.

    Each value is allowed to have been drawn up to `rounding` away from where it is: the distance
    counts only where it exceeds what that could make. Ties are the common case in half precision.

    Source: Kolmogorov 1933; the exact distribution by Simard and L'Ecuyer 2011 (SciPy), and beyond
    `MOST_EXACT` values its limit with Vrbik's correction of 2018, which agrees to four digits.
    """
    n = len(ordered)
    distance = _distance(ordered, distribution, rounding)
    if n <= MOST_EXACT:
        return float(np.clip(stats.kstwo.sf(distance, n), 0.0, 1.0))
    z = math.sqrt(n) * distance
    return float(kolmogorov(z + 1 / (6 * math.sqrt(n)) + (z - 1) / (4 * n)))


def _distance(ordered: Values, distribution: Continuous, rounding: float) -> float:
    ranks = np.arange(1, len(ordered) + 1)
    above = ranks / len(ordered) - distribution.cdf(ordered + rounding)
    below = distribution.cdf(ordered - rounding) - (ranks - 1) / len(ordered)
    return max(float(above.max()), float(below.max()), 0.0)


def orthogonal_p(sample: Sample, distribution: Orthogonal) -> float:
    """0 where rows or columns are not orthonormal to rounding; else a test of uniformity.

    The Q of a Gaussian matrix G = Q R is uniform and independent of R, whose entries are known: chi
    on the diagonal and normal above. So Q times a fresh R is Gaussian if and only if Q is uniform,
    and its entries go to the test of Kolmogorov and Smirnov.

    Source: Bartlett 1933 for R; Eaton 1983, chapter 7.
    """
    generator = _beside(sample)
    entries = []
    for tensor in sample.tensors:
        if tensor.dim() < 2:
            return 0.0
        rows, columns = matrix_shape(tensor.shape, last=distribution.last)
        matrix = tensor.cpu().reshape(rows, columns)
        matrix = matrix if rows >= columns else matrix.T
        length, units = matrix.shape
        slack = 16 * sample.spacing * math.sqrt(length)
        # A few columns tell nearly all that are not orthonormal, before the cost of the whole.
        for part in (matrix[:, :16], matrix):
            q = part.double().numpy() / distribution.gain
            if np.abs(q.T @ q - np.eye(q.shape[1])).max() > slack:
                return 0.0
        r = np.triu(generator.standard_normal((units, units)), 1)
        np.fill_diagonal(r, np.sqrt(generator.chisquare(length - np.arange(units))))
        entries.append((q @ r).reshape(-1))
    values = np.concatenate(entries)
    step = -(-len(values) // MOST_VALUES)
    return kolmogorov_p(np.sort(values[::step]), Normal(0.0, 1.0))


def fitted_normal_p(sample: Sample) -> float:
    """p-value of 'normal, whatever the mean and standard deviation'.

    Of up to `MOST_SIMULATED` values: Lilliefors's test, whose largest distance, to the normal with
    the sample's own mean and standard deviation, is held against those of simulated samples. Of
    more, which need less of an edge: the two are replaced by drawn ones, which makes the values
    standard normal if and only if they were normal (Durbin's random substitution).

    Source: Lilliefors 1967; Durbin 1961, "Some methods of constructing exact tests".
    """
    n = len(sample.ordered)
    std = float(sample.ordered.std(ddof=1))
    if not std > 0:
        return 0.0
    z = (sample.ordered - sample.ordered.mean()) / std
    if n <= MOST_SIMULATED:
        distance = _distance(z, Normal(0.0, 1.0), sample.rounding / std)
        simulated = _fitted_distances(n)
        return float((1 + (simulated >= distance).sum()) / (1 + len(simulated)))
    generator = _beside(sample)
    width = math.sqrt(generator.chisquare(n - 1) / (n - 1))
    values = generator.standard_normal() / math.sqrt(n) + width * z
    return kolmogorov_p(values, Normal(0.0, 1.0), sample.rounding * width / std)


@lru_cache(maxsize=32)
def _fitted_distances(n: int) -> Values:
    """Largest distances of simulated normal samples of n values to the normals fitted to them."""
    x = np.sort(np.random.default_rng(n).standard_normal((9999, n)), axis=1)
    fitted = ndtr((x - x.mean(1, keepdims=True)) / x.std(1, ddof=1, keepdims=True))
    ranks = np.arange(1, n + 1)
    distances: Values = np.maximum(ranks / n - fitted, fitted - (ranks - 1) / n).max(1)
    return distances


def fitted_uniform_p(sample: Sample) -> float:
    """Exact p-value of 'uniform, whatever the bounds'.

    Given the least and the greatest value, those between are uniform between them.
    """
    inner = sample.ordered[1:-1]
    between = Uniform(float(sample.ordered[0]), float(sample.ordered[-1]))
    return kolmogorov_p(inner, between, sample.rounding) if len(inner) else 1.0


def fitted_cut(sample: Sample) -> tuple[float, float]:
    """Mean and std of a normal cut at two std, from the least and the greatest value.

    Both lie close to the cuts, ever closer the more values there are: closer to where the
    greatest of so many would be expected than a mean or a variance could tell.
    """
    n = len(sample.ordered)
    low, high = float(sample.ordered[0]), float(sample.ordered[-1])
    tail = ndtr(-2.0)
    greatest = ndtri(tail + (1 - 2 * tail) * n / (n + 1))
    return (low + high) / 2, (high - low) / (2 * float(greatest))


def fitted_cut_p(sample: Sample) -> float:
    """p-value of 'a normal cut at two std, whatever its mean and std'.

    Of the values between the least and the greatest, by the mean and std of :func:`fitted_cut`:
    exact but for their error, which the test cannot see from about five hundred values on.
    """
    inner = sample.ordered[1:-1]
    mean, std = fitted_cut(sample)
    between = TruncatedNormal(mean, std, float(sample.ordered[0]), float(sample.ordered[-1]))
    return kolmogorov_p(inner, between, sample.rounding) if len(inner) else 1.0


def log_likelihood(sample: Sample, distribution: Continuous) -> float:
    """Sum of the log densities of the tested values, those beyond a bound by rounding at it."""
    values = sample.ordered
    if not isinstance(distribution, Normal):
        slack = sample.rounding
        near = (values >= distribution.low - slack) & (values <= distribution.high + slack)
        values = np.where(near, np.clip(values, distribution.low, distribution.high), values)
    return float(distribution.log_density(values).sum())


def _beside(sample: Sample) -> np.random.Generator:
    """What is drawn beside the data: the same values, the same p; other values, other draws."""
    return np.random.default_rng(zlib.crc32(sample.ordered.tobytes()))


def _largest_p(sample: Sample, distribution: Normal) -> float:
    """Two-sided p-value of the largest distance from the mean: too far out, or cut short."""
    largest = max(distribution.mean - sample.low, sample.high - distribution.mean)
    ends = [(largest + sign * sample.rounding) / distribution.std for sign in (1, -1)]
    nearer = math.exp(sample.count * math.log1p(-min(2 * float(ndtr(-ends[0])), 1 - 1e-16)))
    farther = -math.expm1(sample.count * math.log1p(-min(2 * float(ndtr(-ends[1])), 1 - 1e-16)))
    return min(1.0, 2 * nearer, 2 * farther)


def _beyond_p(sample: Sample, distribution: TruncatedNormal) -> float:
    """p-value of so many values outside of the bounds.

    Keras on PyTorch draws four times and then takes what it has: one value in 230,000 lies beyond
    two standard deviations, and a large layer has some.
    """
    low, high = distribution.low - sample.rounding, distribution.high + sample.rounding
    if sample.low >= low and sample.high <= high:
        return 1.0
    outside = sum(int(((one < low) | (one > high)).sum()) for one in sample.tensors)
    ends = [
        (end - distribution.mean) / distribution.std
        for end in (distribution.low, distribution.high)
    ]
    share = float(ndtr(ends[0]) + ndtr(-ends[1]))
    return float(stats.binom.sf(outside - 1, sample.count, share**4))
