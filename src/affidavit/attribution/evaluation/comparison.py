"""Methods side by side on the same images: intervals, paired tests, a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from affidavit.errors import DataError, nearest
from affidavit.resampling import check_resampling, percentile_interval, resamples
from affidavit.statistics import holm


@dataclass(frozen=True)
class Estimate:
    """A mean over images, with an interval for the mean over all images like them."""

    mean: float
    lower: float
    upper: float
    images: int


@dataclass(frozen=True)
class Paired:
    """One method against another on the same images, in one measure.

    Attributes:
        method, other: their names.
        difference: mean of method - other, with its interval.
        better, worse, equal: images on which the method is better, worse, or neither.
        sign_test: two-sided p-value of better against worse being even.
        wilcoxon: two-sided p-value of Wilcoxon's signed-rank test; 1 where all are equal.
        adjusted: `wilcoxon` by Holm's procedure over all comparisons made together.
    """

    method: str
    other: str
    difference: Estimate
    better: int
    worse: int
    equal: int
    sign_test: float
    wilcoxon: float
    adjusted: float


def bootstrap(
    values: ArrayLike, *, confidence: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Estimate:
    """Percentile bootstrap of a mean.

    Args:
        values: one number an image, [image], or of several seeds, [seed, image]: they are averaged
            for each image first, since images are what was sampled.
        confidence: level of the interval.
        samples: bootstrap samples.
        seed: of them.

    Raises:
        DataError: no values, or values that are NaN or infinite.
        DomainError: a level outside (0, 1), or no samples.

    Guarantee: `statistical`, approximate: with few images the interval is too narrow. Source:
    Efron 1979.
    """
    return _estimate(_by_image("values", values), confidence, samples, seed)


def compare(
    values: Mapping[str, ArrayLike],
    method: str,
    *,
    larger_is_better: bool,
    confidence: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> list[Paired]:
    """One method against every other, image by image.

    Args:
        values: of each method, one number an image, [image] or [seed, image], images in the same
            order for all.
        method: the one that is compared with the others.
        larger_is_better: whether larger numbers are better, as in insertion.
        confidence, samples, seed: as of :func:`bootstrap`.

    Raises: as of :func:`bootstrap`; DataError for different numbers of images, or no such method.
    """
    if method not in values:
        raise DataError(
            f"there are no values of {method!r}{nearest(method, values)}; there are of"
            f" {', '.join(values)}"
        )
    found = {name: _by_image(name, numbers) for name, numbers in values.items()}
    own = found.pop(method)
    for name, numbers in found.items():
        if len(numbers) != len(own):
            raise DataError(
                f"{method!r} has {len(own)} images, {name!r} has {len(numbers)}; expected the same"
                " images for all"
            )
    tests = {name: _tests(own - numbers) for name, numbers in found.items()}
    adjusted = holm([wilcoxon for _, wilcoxon in tests.values()])
    rows = []
    for (name, numbers), corrected in zip(found.items(), adjusted, strict=True):
        difference = own - numbers
        ahead, behind = int((difference > 0).sum()), int((difference < 0).sum())
        if not larger_is_better:
            ahead, behind = behind, ahead
        rows.append(
            Paired(
                method,
                name,
                _estimate(difference, confidence, samples, seed),
                ahead,
                behind,
                len(own) - ahead - behind,
                *tests[name],
                corrected,
            )
        )
    return rows


def table(
    results: Mapping[str, Mapping[str, ArrayLike]],
    measures: Sequence[str],
    *,
    confidence: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> dict[str, dict[str, Estimate]]:
    """The mean of each measure for each method, with its interval: {method: {measure: ...}}.

    Numbers that are not finite are left out, as `images` shows, and so is what a method lacks.

    Args:
        results: {method: {measure: one number an image, [image]}}.
        measures: which, in order.
        confidence, samples, seed: as of :func:`bootstrap`.
    """
    found: dict[str, dict[str, Estimate]] = {}
    for name, of in results.items():
        found[name] = {}
        for measure in measures:
            values = np.asarray(of.get(measure, ()), np.float64)
            finite = values[np.isfinite(values)]
            if len(finite):
                found[name][measure] = _estimate(finite, confidence, samples, seed)
    return found


def _by_image(name: str, values: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(values, np.float64)
    if found.ndim == 2 and len(found):
        found = found.mean(0)
    if found.ndim != 1 or not len(found):
        raise DataError(
            f"{name}: numbers of the shape {list(found.shape)}; expected [image] or [seed, image],"
            " at least one"
        )
    if not np.isfinite(found).all():
        bad = int(np.flatnonzero(~np.isfinite(found))[0])
        raise DataError(f"{name}: the number of image {bad} is {found[bad]}; expected finite ones")
    return found


def _estimate(values: NDArray[np.float64], confidence: float, samples: int, seed: int) -> Estimate:
    check_resampling(confidence, samples)
    # The same draws for all methods with as many images.
    means = [values[rows].mean(1) for rows in resamples(len(values), samples, seed)]
    lower, upper = percentile_interval(np.concatenate(means), confidence)
    return Estimate(float(values.mean()), lower, upper, len(values))


def _tests(difference: NDArray[np.float64]) -> tuple[float, float]:
    """P-values of the sign test and of Wilcoxon's; equal images say nothing in either."""
    unequal = difference[difference != 0]
    if not len(unequal):
        return 1.0, 1.0
    sign = stats.binomtest(int((unequal > 0).sum()), len(unequal)).pvalue
    return float(sign), float(stats.wilcoxon(unequal).pvalue)
