"""Bootstrap resamples, drawn a part at a time, and intervals from what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affidavit.errors import DataError, DomainError

_DRAWN = 1 << 20  # numbers drawn at once: 8 MiB


def resamples(count: int, samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Rows drawn with replacement, [resample, count], part after part until there are `samples`.

    The same for the same `count`, `samples` and `seed`: what is computed on them is paired.

    Args:
        count: rows to draw from, and rows in each resample; at least 1.
        samples: resamples, at least 1.
        seed: of them.
    """
    generator = np.random.default_rng(seed)
    size = max(1, _DRAWN // count)
    for done in range(0, samples, size):
        yield generator.integers(count, size=(min(size, samples - done), count))


def counted(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """How often each of `count` rows stands in each resample, [resample, count].

    A measure that takes counts needs its values sorted only once for all resamples.
    """
    places = rows + count * np.arange(len(rows))[:, None]
    return np.bincount(places.reshape(-1), minlength=len(rows) * count).reshape(len(rows), count)


def percentile_interval(values: ArrayLike, confidence: float) -> tuple[float, float]:
    """The middle `confidence` of what came of the resamples, [resample]: lower and upper end.

    Guarantee: `statistical`, approximate: with few independent observations it is too narrow.
    Source: Efron 1979, Efron and Tibshirani 1993, chapter 13.
    """
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(np.asarray(values, np.float64), [tail, 1 - tail])
    return float(lower), float(upper)


def check_resampling(confidence: float, samples: int) -> None:
    """Raises DomainError for a level outside (0, 1), or no samples."""
    if not 0 < confidence < 1 or samples < 1:
        raise DomainError(
            f"confidence is {confidence}, samples is {samples}; expected between 0 and 1, and at"
            " least 1"
        )


def resampled_counts(
    count: int,
    samples: int,
    seed: int,
    *,
    clusters: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> Iterator[NDArray[np.int64]]:
    """How often each of `count` rows stands in each resample, [resample, count], part by part.

    Args:
        count, samples, seed: as of :func:`resamples`.
        clusters: of each row, what it belongs to, [count], as the photograph whose copies are
            rows: whole clusters are drawn, as their rows are not independent.
        strata: of each row, its stratum, [count]: from each, as many rows are drawn as it has.

    Raises:
        DataError: clusters or strata of another shape, or a single cluster.
        DomainError: both clusters and strata.
    """
    if clusters is not None and strata is not None:
        raise DomainError("resampling is by clusters or by strata; expected at most one of them")
    if clusters is not None:
        names, member = _groups("clusters", clusters, count)
        if len(names) < 2:
            raise DataError("there is 1 cluster; expected at least 2 to draw from")
        for rows in resamples(len(names), samples, seed):
            yield counted(rows, len(names))[:, member]
    elif strata is not None:
        names, member = _groups("strata", strata, count)
        places = [np.flatnonzero(member == stratum) for stratum in range(len(names))]
        generator = np.random.default_rng(seed)
        size = max(1, _DRAWN // count)
        for done in range(0, samples, size):
            part = min(size, samples - done)
            drawn = [p[generator.integers(len(p), size=(part, len(p)))] for p in places]
            yield counted(np.concatenate(drawn, axis=1), count)
    else:
        for rows in resamples(count, samples, seed):
            yield counted(rows, count)


def _groups(name: str, of_rows: ArrayLike, count: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    found = np.asarray(of_rows)
    if found.shape != (count,):
        raise DataError(
            f"{name} have the shape {list(found.shape)}, but there are {count} rows; expected one"
            " of each row"
        )
    names, member = np.unique(found, return_inverse=True)
    return names, member
