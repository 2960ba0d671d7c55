"""Pictures of detectors: what is drawn is what was given."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.misclassification.samples import binormal

from affidavit.errors import DataError, DomainError
from affidavit.misclassification import (
    Confusion,
    aurc,
    auroc,
    cascade,
    cascade_at,
    confusion,
    risk_coverage,
    roc_curve,
)
from affidavit.misclassification.pictures import (
    cascade_curves,
    confusion_counts,
    risk_coverage_curves,
    roc_curves,
    score_histograms,
)

SCORES, WRONG = binormal(120, 0.3, 1.2, seed=0, decimals=1)
METHODS = {"sum of $_2$": SCORES, "other": -SCORES}


def saved(figure: Figure, tmp_path: Path) -> None:
    for ending in ("png", "svg"):
        figure.savefig(tmp_path / f"figure.{ending}")
        assert (tmp_path / f"figure.{ending}").stat().st_size > 1000


def curves(axes: Any) -> dict[str, tuple[Any, Any]]:
    lines = [line for line in axes.lines if not line.get_label().startswith("_")]
    return {line.get_label(): line.get_data() for line in lines}


def rings(axes: Any) -> list[tuple[float, float]]:
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_marker() == "o"
    ]


def test_roc_curves(tmp_path: Path) -> None:
    figure = roc_curves(METHODS, WRONG, thresholds={"other": 0.2}, title="100 %, $5")
    drawn = curves(figure.axes[0])
    assert list(drawn) == [f"{name} ({auroc(of, WRONG):.3f})" for name, of in METHODS.items()]
    expected = roc_curve(SCORES, WRONG)
    x, y = next(iter(drawn.values()))
    np.testing.assert_array_equal(x, expected.right_refused)
    np.testing.assert_array_equal(y, expected.wrong_refused)
    found = confusion(-SCORES, WRONG, 0.2)
    assert rings(figure.axes[0]) == [(1 - found.right_recall, found.wrong_recall)]
    saved(figure, tmp_path)


def test_risk_coverage_curves(tmp_path: Path) -> None:
    figure = risk_coverage_curves(METHODS, WRONG, thresholds={"other": 0.2, "sum of $_2$": -99})
    drawn = curves(figure.axes[0])
    assert list(drawn) == [f"{name} ({aurc(of, WRONG):.4f})" for name, of in METHODS.items()]
    expected = risk_coverage(SCORES, WRONG)
    x, y = next(iter(drawn.values()))
    np.testing.assert_array_equal(x, expected.coverage)
    np.testing.assert_array_equal(y, expected.risk)
    # Where everything is refused there is no risk to mark.
    found = confusion(-SCORES, WRONG, 0.2)
    assert rings(figure.axes[0]) == [(found.coverage, found.risk)]
    saved(figure, tmp_path)


@pytest.mark.parametrize("threshold", [None, 0.5, math.inf])
def test_score_histograms(threshold: float | None, tmp_path: Path) -> None:
    figure = score_histograms(SCORES, WRONG, threshold=threshold, bins=8, name="$p_1$")
    (axes,) = figure.axes
    names = [text.get_text() for text in axes.get_legend().get_texts()]  # type: ignore[union-attr]
    assert names == [
        f"right predictions ({(~WRONG).sum()})",
        f"wrong predictions ({WRONG.sum()})",
    ]
    edges = np.histogram_bin_edges(SCORES, 8)
    for patch, of in zip(axes.patches, (~WRONG, WRONG), strict=True):
        shares = np.histogram(SCORES[of], edges)[0] / of.sum()
        outline = np.asarray(patch.get_path().vertices)
        assert outline[:, 1].max() == pytest.approx(shares.max())
    assert len(axes.lines) == (threshold == 0.5)
    saved(figure, tmp_path)


def test_histograms_of_one_class_alone() -> None:
    figure = score_histograms([0.0, 1.0], [False, False])
    assert len(figure.axes[0].patches) == 2


def test_figure_6(tmp_path: Path) -> None:
    found = Confusion(wrong_refused=495, wrong_accepted=61, right_refused=630, right_accepted=3814)
    figure = confusion_counts(found, title="100 classes")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == [
        "3814\n85.8 %",
        "630\n14.2 %",
        "recall 85.8 %\n[84.8, 86.8]",
        "61\n11.0 %",
        "495\n89.0 %",
        "recall 89.0 %\n[86.1, 91.5]",
    ]
    saved(figure, tmp_path)
    alone = confusion_counts(Confusion(0, 0, 1, 3), confidence=None)
    assert [text.get_text() for text in alone.axes[0].texts] == [
        "3\n75.0 %", "1\n25.0 %", "recall 75.0 %", "0", "0", "recall: none to find",
    ]  # fmt: skip


@pytest.mark.parametrize("threshold", [0.33, 0.4, math.inf, -math.inf])
def test_cascade_curves(threshold: float, tmp_path: Path) -> None:
    found = cascade(SCORES, WRONG, 0.95, second_cost=7)
    figure = cascade_curves({"a": found}, thresholds={"a": threshold}, title="to a person")
    left, right = figure.axes
    x, y = curves(left)["a"]
    np.testing.assert_array_equal(x, found.refused)
    np.testing.assert_array_equal(y, found.accuracy)
    here = cascade_at(SCORES, WRONG, 0.95, threshold, second_cost=7, samples=1)
    assert rings(left) == [pytest.approx((here.refused.value, here.accuracy.value))]
    assert rings(right) == [pytest.approx((here.cost.value, here.accuracy.value))]
    saved(figure, tmp_path)


def test_bad_input() -> None:
    for draw in (roc_curves, risk_coverage_curves):
        with pytest.raises(DataError, match="there are no scores"):
            draw({}, WRONG)
        with pytest.raises(DataError, match=r"a threshold of 'othr'.*did you mean 'other'"):
            draw(METHODS, WRONG, thresholds={"othr": 1})
    with pytest.raises(DataError, match="there are no cascades"):
        cascade_curves({})
    with pytest.raises(DataError, match="a threshold of 'b', but no cascade"):
        cascade_curves({"a": cascade(SCORES, WRONG, 1.0)}, thresholds={"b": 1})
    with pytest.raises(DomainError, match="bins is 0"):
        score_histograms(SCORES, WRONG, bins=0)
