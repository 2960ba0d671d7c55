"""Comparisons: each resample by itself, levels by simulation, clusters, and who wins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.misclassification.samples import Scores, Wrong, binormal

from affidavit.errors import DataError, DomainError
from affidavit.misclassification import METRICS, Metric, augrc, aupr, auroc, compare
from affidavit.misclassification.ranking import Ranking
from affidavit.resampling import percentile_interval, resamples


def two(seed: int, count: int = 200) -> tuple[dict[str, Scores], Wrong]:
    """A good score, and the same with noise added."""
    scores, wrong = binormal(count, 0.3, 1.5, seed)
    noise = np.random.default_rng(seed + 10_000).normal(size=count)
    return {"good": scores, "noisy": scores + noise}, wrong


def test_every_resample_is_evaluated_as_if_it_were_drawn_by_hand() -> None:
    scores, wrong = two(0, count=40)
    scores["tied"] = scores["good"].round()
    found = compare(scores, wrong, against="noisy", samples=60, confidence=0.8, seed=5)
    rows = np.concatenate(list(resamples(40, 60, 5)))
    for measure, name in ((auroc, "auroc"), (augrc, "augrc"), (aupr, "aupr_wrong")):
        by_hand: dict[str, NDArray[np.float64]] = {
            method: np.array([measure(values[row], wrong[row]) for row in rows])
            for method, values in scores.items()
        }
        for method, values in by_hand.items():
            estimate = found.estimates[method][name]
            assert estimate.value == pytest.approx(measure(scores[method], wrong))
            assert (estimate.lower, estimate.upper) == pytest.approx(
                percentile_interval(values, 0.8)
            )
        paired = found.differences["tied"][name].difference
        assert (paired.lower, paired.upper) == pytest.approx(
            percentile_interval(by_hand["tied"] - by_hand["noisy"], 0.8)
        )
    assert list(found.estimates["good"]) == list(METRICS)
    assert list(found.differences) == ["good", "tied"]


MEASURED = ("auroc", "aupr_wrong", "aurc", "augrc", "risk_at_coverage_0.8")


def test_the_intervals_cover_at_their_level() -> None:
    scores, wrong = two(999, count=400_000)
    ranked = {name: Ranking.of(values, wrong).steps() for name, values in scores.items()}
    truth = {
        name: [METRICS[metric].measure(steps) for metric in MEASURED]
        for name, steps in ranked.items()
    }
    assert truth["good"][0] == pytest.approx(stats.norm.cdf(1.5 / math.sqrt(2)), abs=0.003)
    assert truth["noisy"][0] == pytest.approx(stats.norm.cdf(1.5 / math.sqrt(4)), abs=0.003)
    hits = np.zeros((2, len(MEASURED)))
    for seed in range(180):
        scores, wrong = two(seed)
        found = compare(
            scores, wrong, against="noisy", metrics=MEASURED, samples=250, confidence=0.9
        )
        for place, metric in enumerate(MEASURED):
            alone = found.estimates["good"][metric]
            paired = found.differences["good"][metric].difference
            apart = truth["good"][place] - truth["noisy"][place]
            hits[:, place] += [
                alone.lower <= truth["good"][place] <= alone.upper,
                paired.lower <= apart <= paired.upper,
            ]
    # Of 180 at 90 %, within three standard errors, and a little less for so few resamples. The risk
    # at a coverage is a share of few, and its differences are covered more often.
    assert (hits / 180 >= 0.825).all()
    assert (hits[:, :-1] / 180 <= 0.965).all()


def test_what_methods_have_in_common_drops_out_of_their_difference() -> None:
    scores, wrong = two(3)
    found = compare(scores, wrong, against="noisy", metrics=["auroc"], samples=500)
    paired = found.differences["good"]["auroc"].difference
    widths = [e["auroc"].upper - e["auroc"].lower for e in found.estimates.values()]
    assert paired.upper - paired.lower < 0.9 * math.hypot(*widths)


def copies(seed: int, photographs: int, each: int) -> tuple[Scores, Wrong, NDArray[np.int64]]:
    """Copies of photographs that are right or wrong together and have almost the same score."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(photographs) < 0.4
    scores = generator.normal(size=photographs) + 1.5 * wrong
    of = np.repeat(np.arange(photographs), each)
    return scores[of] + 0.01 * generator.normal(size=len(of)), wrong[of], of


def test_clusters_widen_the_interval_to_what_it_must_be() -> None:
    truth = stats.norm.cdf(1.5 / math.sqrt(2 * (1 + 1e-4)))
    hits = np.zeros(2)
    for seed in range(150):
        scores, wrong, of = copies(seed, 60, 6)
        for place, clusters in enumerate((of, None)):
            found = compare(
                {"a": scores}, wrong, metrics=["auroc"], samples=200, clusters=clusters,
                confidence=0.9,
            ).estimates["a"]["auroc"]  # fmt: skip
            hits[place] += found.lower <= truth <= found.upper
    assert 0.81 <= hits[0] / 150 <= 0.97
    # As if all copies were photographs of their own: far too narrow.
    assert hits[1] / 150 < 0.65


def test_clusters_of_one_are_no_clusters() -> None:
    scores, wrong = two(0)
    plain = compare(scores, wrong, samples=50)
    alone = compare(scores, wrong, samples=50, clusters=np.arange(len(wrong)))
    assert plain.estimates == alone.estimates
    assert (plain.independent, alone.independent) == (200, 200)
    paired = compare(scores, wrong, samples=50, clusters=np.arange(len(wrong)) // 2)
    assert paired.independent == 100


def test_strata_keep_the_number_of_wrong_predictions() -> None:
    scores, wrong = np.arange(8.0), np.arange(8) == 5
    share = Metric("share", "share wrong", False, lambda s: s.wrongs / (s.wrongs + s.rights))
    free, kept = (
        compare({"a": scores}, wrong, metrics=[share, "auroc"], samples=200, stratified=how)
        for how in (False, True)
    )
    assert free.estimates["a"]["share"].lower == 0
    assert free.estimates["a"]["auroc"].undefined > 40
    assert kept.estimates["a"]["share"].lower == kept.estimates["a"]["share"].upper == 1 / 8
    assert kept.estimates["a"]["auroc"].undefined == 0


def test_the_winner_is_named_where_the_interval_excludes_zero() -> None:
    scores, wrong = two(1, count=1000)
    scores["twin"] = 3 * scores["good"]
    found = compare(scores, wrong, against="good", metrics=["auroc", "aurc"], samples=300)
    noisy, twin = found.differences["noisy"], found.differences["twin"]
    for metric, sign in (("auroc", -1), ("aurc", 1)):
        assert np.sign(noisy[metric].difference.value) == sign
        assert noisy[metric].winner == "good"
        assert twin[metric].winner is None
    assert noisy["aurc"].verdict.startswith("AURC: good is better than noisy (noisy − good: +0.")
    assert twin["auroc"].verdict.startswith("AUROC: no difference shown between twin and good")
    turned = compare(scores, wrong, against="noisy", metrics=["auroc", "aurc"], samples=300)
    assert {d.winner for d in turned.differences["good"].values()} == {"good"}


def test_rows_say_everything() -> None:
    scores, wrong = two(0)
    first = Metric.coverage_at_risk(0.1)
    metrics: list[str | Metric] = [first, Metric.risk_at_coverage(0.5), "auroc"]
    found = compare(scores, wrong, against="noisy", metrics=metrics, samples=50)
    rows = found.rows()
    assert [(row["method"], row["metric"]) for row in rows] == [
        (method, name)
        for method in ("good", "noisy")
        for name in ("coverage_at_risk_0.1", "risk_at_coverage_0.5", "auroc")
    ]
    assert rows[2]["value"] == found.estimates["good"]["auroc"].value
    assert (rows[2]["against"], rows[2]["winner"]) == ("noisy", "good")
    assert "against" not in rows[3]
    assert first.title == "coverage at 10 % risk"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": {}}, "there are no scores"),
        ({"scores": {"a": [1.0, math.nan, 2.0, 3.0]}}, "a: 1 of 4 scores are not finite"),
        ({"wrong": [False] * 4}, "4 are right and 0 wrong"),
        ({"against": "b"}, "no scores of 'b'.*there are of a"),
        ({"clusters": [1, 1, 1, 1]}, "there is 1 cluster"),
        ({"clusters": [1, 2]}, r"clusters have the shape \[2\]"),
    ],
    ids=["nothing", "nan", "no_wrong", "against", "one_cluster", "clusters"],
)
def test_data_that_cannot_be_used(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "scores": {"a": [1.0, 2.0, 3.0, 4.0]},
        "wrong": [False, True, False, True],
    }
    given |= change
    with pytest.raises(DataError, match=message):
        compare(**given)


def test_settings_without_a_meaning() -> None:
    scores, wrong = {"a": [1.0, 2.0]}, [False, True]
    with pytest.raises(DomainError, match=r"no metric 'aucro' \(did you mean 'auroc'\?\)"):
        compare(scores, wrong, metrics=["aucro"])
    with pytest.raises(DomainError, match=r"confidence is 95"):
        compare(scores, wrong, confidence=95)
    with pytest.raises(DomainError, match="by clusters or by strata"):
        compare(scores, wrong, clusters=[0, 1], stratified=True)
