"""Detectors side by side on the same predictions: every metric with its interval, and who wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affidavit.errors import DataError, DomainError, nearest
from affidavit.misclassification.measures import METRICS, Metric
from affidavit.misclassification.metrics import undefined
from affidavit.misclassification.ranking import Array, Ranking
from affidavit.resampling import check_resampling, percentile_interval, resampled_counts


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: on the predictions at hand.
        lower, upper: ends of the interval.
        undefined: resamples in which the measure had no meaning, as AUROC without a wrong
            prediction; the interval is of the others.
    """

    value: float
    lower: float
    upper: float
    undefined: int = 0


@dataclass(frozen=True)
class Difference:
    """One method against another in one metric, on the same resamples.

    Attributes:
        method, other: their names.
        metric: which.
        difference: of `method` less that of `other`.
        winner: the better one where the interval excludes zero; None where it does not.
    """

    method: str
    other: str
    metric: Metric
    difference: Estimate
    winner: str | None

    @property
    def verdict(self) -> str:
        """Who wins, in a sentence."""
        found = self.difference
        numbers = f"{found.value:+.4f} [{found.lower:+.4f}, {found.upper:+.4f}]"
        if self.winner is None:
            shown = f"no difference shown between {self.method} and {self.other}"
        else:
            loser = self.other if self.winner == self.method else self.method
            shown = f"{self.winner} is better than {loser}"
        return f"{self.metric.title}: {shown} ({self.method} − {self.other}: {numbers})"


@dataclass(frozen=True)
class Comparison:
    """All methods in all metrics.

    Attributes:
        estimates: {method: {metric: estimate}}.
        differences: {method: {metric: difference from `against`}}, of all other methods; empty
            where nothing was named to compare with.
        metrics: which, in order.
        against: the method that the others are compared with.
        confidence: level of each interval by itself.
        count, wrong: predictions, and how many of them are wrong.
        independent: what was drawn: predictions, or clusters of them.
        samples, stratified: resamples, and whether right and wrong ones were drawn apart.
    """

    estimates: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Mapping[str, Difference]]
    metrics: tuple[Metric, ...]
    against: str | None
    confidence: float
    count: int
    wrong: int
    independent: int
    samples: int
    stratified: bool

    def rows(self) -> list[dict[str, Any]]:
        """One flat row for each method and metric, for a table or a file."""
        rows = []
        for method, of in self.estimates.items():
            for metric, found in of.items():
                row = {
                    "method": method,
                    "metric": metric,
                    "value": found.value,
                    "lower": found.lower,
                    "upper": found.upper,
                }
                if method in self.differences:
                    paired = self.differences[method][metric]
                    row |= {
                        "against": paired.other,
                        "difference": paired.difference.value,
                        "difference_lower": paired.difference.lower,
                        "difference_upper": paired.difference.upper,
                        "winner": paired.winner or "",
                    }
                rows.append(row)
        return rows


def compare(
    scores: Mapping[str, ArrayLike],
    wrong: ArrayLike,
    *,
    against: str | None = None,
    metrics: Sequence[str | Metric] = tuple(METRICS),
    confidence: float = 0.95,
    samples: int = 2000,
    clusters: ArrayLike | None = None,
    stratified: bool = False,
    seed: int = 0,
) -> Comparison:
    """Every metric of every method with a percentile bootstrap interval, and paired differences.

    All methods and metrics are evaluated on the same resamples, so that what the predictions have
    in common drops out of the differences. Each interval has its level by itself: for a family of
    m differences that is to hold together, ask for a confidence of 1 − 0.05 / m.

    Args:
        scores: of each method by name, larger = more likely wrong, [n].
        wrong: whether each prediction is wrong, [n].
        against: the method that the others are compared with; no differences, if left out.
        metrics: names in :data:`METRICS`, or metrics of one's own.
        confidence: level of the intervals.
        samples: bootstrap resamples.
        clusters: of each prediction, what it belongs to, [n]: copies of one photograph are no
            independent predictions, and so whole photographs are drawn.
        stratified: right and wrong predictions are drawn apart, so that every resample has as many
            wrong ones. Left out, their number varies as it would in a new sample, which AUPR, AURC
            and the like need; not with clusters.
        seed: of the resamples.

    Raises:
        DataError: scores or `wrong` that cannot be used, an unknown method to compare with, or
            predictions in which a metric has no meaning.
        DomainError: an unknown metric, a level outside (0, 1), no resamples, or clusters together
            with strata.

    Guarantee: `statistical`, approximate: with few wrong predictions or few clusters the
    intervals are too narrow. Source: Efron 1979; of clusters, Davison and Hinkley 1997, 3.8.
    """
    check_resampling(confidence, samples)
    chosen = [_metric(metric) for metric in metrics]
    if not scores:
        raise DataError("there are no scores; expected those of at least one method")
    if against is not None and against not in scores:
        raise DataError(
            f"there are no scores of {against!r}{nearest(against, scores)}; there are of"
            f" {', '.join(scores)}"
        )
    rankings = {name: _ranking(name, values, wrong) for name, values in scores.items()}
    mistakes = np.asarray(wrong).astype(bool)
    here = {name: _evaluated(ranking, chosen, None) for name, ranking in rankings.items()}
    for found in here.values():
        if np.isnan(found).any():
            raise undefined(int((~mistakes).sum()), int(mistakes.sum()))
    drawn = _resampled(rankings, chosen, samples, seed, clusters, mistakes if stratified else None)

    def estimate(value: float, resampled: Array) -> Estimate:
        defined = resampled[~np.isnan(resampled)]
        if not len(defined):
            raise undefined(int((~mistakes).sum()), int(mistakes.sum()))
        lower, upper = percentile_interval(defined, confidence)
        return Estimate(float(value), lower, upper, len(resampled) - len(defined))

    estimates = {
        name: {m.name: estimate(here[name][i], drawn[name][i]) for i, m in enumerate(chosen)}
        for name in scores
    }
    differences: dict[str, dict[str, Difference]] = {}
    if against is not None:
        for name in scores:
            if name == against:
                continue
            differences[name] = {}
            for i, metric in enumerate(chosen):
                paired = estimate(
                    here[name][i] - here[against][i], drawn[name][i] - drawn[against][i]
                )
                winner = _winner(name, against, metric, paired)
                differences[name][metric.name] = Difference(name, against, metric, paired, winner)
    return Comparison(
        estimates,
        differences,
        tuple(chosen),
        against,
        confidence,
        len(mistakes),
        int(mistakes.sum()),
        len(mistakes) if clusters is None else len(np.unique(np.asarray(clusters))),
        samples,
        stratified,
    )


def _metric(metric: str | Metric) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        raise DomainError(
            f"there is no metric {metric!r}{nearest(metric, METRICS)}; there are"
            f" {', '.join(METRICS)}"
        )
    return METRICS[metric]


def _ranking(name: str, scores: ArrayLike, wrong: ArrayLike) -> Ranking:
    try:
        return Ranking.of(scores, wrong)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


def _evaluated(ranking: Ranking, metrics: Sequence[Metric], weights: ArrayLike | None) -> Array:
    """Every metric, [metric] or [metric, resample]."""
    steps = ranking.steps(weights)
    return np.array([metric.measure(steps) for metric in metrics])


def _resampled(
    rankings: Mapping[str, Ranking],
    metrics: Sequence[Metric],
    samples: int,
    seed: int,
    clusters: ArrayLike | None,
    strata: ArrayLike | None,
) -> dict[str, Array]:
    """Every metric of every method on every resample, {method: [metric, resample]}."""
    count = len(next(iter(rankings.values())).order)
    parts: dict[str, list[Array]] = {name: [] for name in rankings}
    for weights in resampled_counts(count, samples, seed, clusters=clusters, strata=strata):
        for name, ranking in rankings.items():
            parts[name].append(_evaluated(ranking, metrics, weights))
    return {name: np.concatenate(found, axis=1) for name, found in parts.items()}


def _winner(method: str, other: str, metric: Metric, paired: Estimate) -> str | None:
    if paired.lower <= 0 <= paired.upper:
        return None
    return method if (paired.lower > 0) == metric.larger_is_better else other
