"""Which entry of the catalogue values could have been drawn by, where the code does not tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from affidavit.initialization.catalogue import (
    INITIALIZERS,
    initializer,
    without_options,
)
from affidavit.initialization.distributions import (
    Constant,
    Continuous,
    Distribution,
    Normal,
    Orthogonal,
    Uniform,
    two_sigma,
)
from affidavit.initialization.fans import Fans, matrix_shape
from affidavit.initialization.finding.goodness import (
    Sample,
    fitted_cut,
    fitted_cut_p,
    fitted_normal_p,
    fitted_uniform_p,
    log_likelihood,
    p_value,
)
from affidavit.initialization.rules import Initializer

FEWEST_TO_FIT = 20
"""Of fewer values no mean and width are fitted: nearly anything would agree with them."""

FEWEST_TO_CUT = 500
"""Of fewer values no cut is seen: the test of one is exact from about here on."""

FEWEST_TO_ROUND = 200
"""Of fewer values no round number is suggested: they would agree with several."""

# Gains that PyTorch recommends for ReLU and tanh.
_GAINS = (math.sqrt(2), 5 / 3)


@dataclass(frozen=True)
class Candidate:
    """An initializer that the values do not contradict.

    Attributes:
        initializer: the entry of the catalogue.
        distribution: with its numbers.
        p_value: of the goodness-of-fit test.
        likelihood: logarithm of it, to choose among several.
    """

    initializer: Initializer
    distribution: Distribution
    p_value: float
    likelihood: float = 0.0


def candidates(
    sample: Sample, shape: tuple[int, ...], fans: Fans | None, layout: str, level: float
) -> list[Candidate]:
    """What the values could have been drawn by, the likeliest first.

    A constant and an orthogonal matrix are seen as such. Of the others, those with no number to fit
    come first (scaled by fans, or with the catalogue's own numbers); where all of these are
    rejected, a normal, a uniform or a truncated normal about 0 with a number of one or two digits,
    as people choose them; and only then with numbers fitted to the values. An entry is left out
    where its test gives less than `level`.
    """
    if sample.low == sample.high:
        return [_constant(sample.low)]
    with np.errstate(over="ignore", under="ignore"):
        std = float(sample.ordered.std())
    if not 0 < std * std < math.inf:
        return []  # all but a few alike, or numbers out of any range
    found = list(_orthogonal(sample, shape, layout, level))
    if found:
        return found
    for group in (_ready(sample, fans, layout), _round(sample), _fitted(sample)):
        found = [one for one in group if one.p_value >= level]
        if found:
            return sorted(found, key=lambda one: -one.likelihood)
    return []


def _constant(value: float) -> Candidate:
    names = {0.0: "zeros", 1.0: "ones"}
    found = initializer(names[value]) if value in names else initializer("constant", value=value)
    return Candidate(found, Constant(value), 1.0)


def _orthogonal(
    sample: Sample, shape: tuple[int, ...], layout: str, level: float
) -> Iterator[Candidate]:
    if len(shape) < 2 or min(matrix_shape(shape, last=layout == "keras")) < 2:
        return  # any vector is orthogonal to nothing else
    # All columns (or rows) have the length `gain`.
    squares = float(np.mean([float(tensor.double().square().sum()) for tensor in sample.tensors]))
    gain = math.sqrt(squares / min(matrix_shape(shape, last=layout == "keras")))
    gain = 1.0 if math.isclose(gain, 1.0, rel_tol=8 * sample.spacing) else gain
    distribution = Orthogonal(gain, last=layout == "keras")
    p = p_value(sample, distribution)
    if p >= level:
        yield Candidate(initializer("orthogonal", gain=gain), distribution, p)


def _ready(sample: Sample, fans: Fans | None, layout: str) -> Iterator[Candidate]:
    """Entries without a number to fit, each distribution once, by the library's own names first."""
    seen = set()
    for one in sorted(_entries(), key=lambda entry: _foreign(entry, layout)):
        if one.scaled and fans is None:
            continue
        distribution = one.distribution(fans, layout)
        if isinstance(distribution, Constant | Orthogonal) or distribution.text in seen:
            continue
        seen.add(distribution.text)
        yield _tested(sample, one, distribution)


def _entries() -> Iterator[Initializer]:
    yield from without_options()
    for name in ("kaiming_normal_", "kaiming_uniform_"):
        yield initializer(name, mode="fan_out")
    for name in ("xavier_normal_", "xavier_uniform_"):
        for gain in _GAINS:
            yield initializer(name, gain=gain)


def _foreign(entry: Initializer, layout: str) -> bool:
    return (INITIALIZERS[entry.name].library == "Keras") is not (layout == "keras")


def _tested(sample: Sample, one: Initializer, distribution: Continuous) -> Candidate:
    p = p_value(sample, distribution)
    return Candidate(one, distribution, p, log_likelihood(sample, distribution) if p else -math.inf)


def _round(sample: Sample) -> Iterator[Candidate]:
    """Entries about 0 whose one number is the fitted one, rounded to a digit or to two."""
    if sample.count < FEWEST_TO_ROUND:
        return
    std, largest = float(sample.ordered.std(ddof=1)), max(-sample.low, sample.high)
    seen = set()
    for digits in (1, 2):
        width = _rounded(std, digits)
        limit = _rounded(largest, digits)
        parent = _rounded(fitted_cut(sample)[1], digits)
        for one in (
            initializer("random_normal", stddev=width),
            initializer("random_uniform", minval=-limit, maxval=limit),
            initializer("truncated_normal", stddev=parent),
        ):
            if one not in seen:
                seen.add(one)
                yield _tested(sample, one, one.distribution(None))  # type: ignore[arg-type]


def _rounded(number: float, digits: int) -> float:
    return float(f"{number:.{digits}g}")


def _fitted(sample: Sample) -> Iterator[Candidate]:
    if sample.count < FEWEST_TO_FIT:
        return
    values = sample.ordered
    mean, std = float(values.mean()), float(values.std(ddof=1))
    yield _with_numbers(
        sample, fitted_normal_p(sample), Normal(mean, std), "random_normal", mean=mean, stddev=std
    )
    low, high = float(values[0]), float(values[-1])
    yield _with_numbers(
        sample, fitted_uniform_p(sample), Uniform(low, high),
        "random_uniform", minval=low, maxval=high,
    )  # fmt: skip
    if sample.count < FEWEST_TO_CUT:
        return
    mean, std = fitted_cut(sample)
    yield _with_numbers(
        sample, fitted_cut_p(sample), two_sigma(mean, std),
        "truncated_normal", mean=mean, stddev=std,
    )  # fmt: skip


def _with_numbers(
    sample: Sample, p: float, distribution: Continuous, name: str, **numbers: float
) -> Candidate:
    likelihood = log_likelihood(sample, distribution)
    return Candidate(initializer(name, **numbers), distribution, p, likelihood)
