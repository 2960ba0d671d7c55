"""The claim kind `explanation_faithful`."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
import torch
from tests.contract.kinds.explained_images import context, table

from affidavit import statistics
from affidavit.attribution import Classifier
from affidavit.attribution.evaluation import deletion, insertion
from affidavit.attribution.explainers import Edges, Random, Saliency
from affidavit.contract import ExplanationFaithful
from affidavit.errors import ContractError, DataError
from affidavit.evidence import CurveChart, Grade, ImageGrid, IntervalChart, Table, Verdict


def claim(**keys: Any) -> ExplanationFaithful:
    given: dict[str, Any] = {"explainer": "saliency", "steps": 8}
    return ExplanationFaithful(id="a", **(given | keys))


@pytest.mark.parametrize("by", ["both", "insertion", "deletion"])
@pytest.mark.parametrize("over", ["random", "edges"])
def test_gains_are_those_of_the_curves(by: str, over: str) -> None:
    subject = context()
    finding = claim(by=by, over=over, fill_in="grey").check(subject)
    x = torch.tensor(subject.dataset.inputs)
    classifier = Classifier(subject.graph)
    control = {"random": Random, "edges": Edges}[over]()
    areas = []
    for explainer in (Saliency(), control):
        maps = explainer(classifier, x)
        options: dict[str, Any] = {"fill": "grey", "steps": 8}
        come = insertion(classifier, x, None, maps, **options).area
        go = deletion(classifier, x, None, maps, **options).area
        areas.append({"both": come - go, "insertion": come, "deletion": -go}[by])
    gains = (areas[0] - areas[1]).double().numpy()
    assert finding.value == pytest.approx(gains.mean(), abs=1e-6)
    reach = 2.0 if by == "both" else 1.0
    assert finding.interval == pytest.approx(
        (
            statistics.mean_lower(gains, 0.95, (-reach, reach)),
            statistics.mean_upper(gains, 0.95, (-reach, reach)),
        ),
        abs=1e-5,
    )
    rows = list(csv.DictReader(io.StringIO(finding.files["inputs.csv"].content.decode())))
    found = [float(row["gain"]) for row in rows]
    np.testing.assert_allclose(found, gains, atol=1e-6)
    assert f"insertion_{over}" in rows[0]


def test_verdicts() -> None:
    subject = context()
    finding = claim().check(subject)
    assert (finding.verdict, finding.grade) == (Verdict.HOLDS, Grade.STATISTICAL)
    assert finding.interval is not None
    assert finding.value is not None
    lower, upper = finding.interval
    assert claim(margin=lower - 1e-6).check(subject).verdict is Verdict.HOLDS
    assert claim(margin=upper + 1e-6).check(subject).verdict is Verdict.VIOLATED
    between = claim(margin=(finding.value + lower) / 2).check(subject)
    assert between.verdict is Verdict.UNDECIDED
    assert "more inputs with the same gains would decide" in between.reason
    alone = claim(margin=finding.value, population=False).check(subject)
    assert (alone.verdict, alone.grade) == (Verdict.HOLDS, Grade.EXACT)
    assert alone.interval == (finding.value, finding.value)
    above = claim(margin=finding.value + 1e-6, population=False).check(subject)
    assert above.verdict is Verdict.VIOLATED
    assert "is not met" in above.reason


def test_a_control_gains_nothing_over_itself() -> None:
    finding = claim(explainer="random", margin=0.2).check(context(200))
    assert finding.value == 0
    assert finding.verdict is Verdict.VIOLATED
    at_nothing = claim(explainer="random").check(context())
    assert at_nothing.verdict is Verdict.UNDECIDED
    assert "No number of further inputs" in at_nothing.reason


def test_exhibits_and_sentences() -> None:
    subject = context(channels=3, channels_last=True)
    asked = claim(samples=20, margin=0.1, by="deletion", over="centre")
    finding = asked.check(subject)
    assert finding.evaluations == 4 * 9 * 20
    table_, chart, curves, images = finding.exhibits
    assert isinstance(table_, Table)
    assert isinstance(chart, IntervalChart)
    assert isinstance(curves, CurveChart)
    assert isinstance(images, ImageGrid)
    assert [row[0] for row in table_.rows] == ["saliency", "centre"]
    labels = [curve.label for curve in curves.curves]
    assert labels == [
        "insertion, saliency", "insertion, centre", "deletion, saliency", "deletion, centre",
    ]  # fmt: skip
    # All pixels and none are the same to both.
    assert curves.curves[0].y[-1] == pytest.approx(curves.curves[1].y[-1])
    area = np.trapezoid(curves.curves[2].y, dx=1 / 8)
    assert table_.rows[0][2] == pytest.approx(area)
    gains = [float(row.label.split("gain ")[1]) for row in images.rows]
    assert gains == sorted(gains, reverse=True)
    assert "over the control centre, in the area of the negative of deletion" in asked.text
    assert any("which lie in [-1, 1]" in text for text in finding.assumptions)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"over": "saliency"}, "over: expected 'random', 'centre' or 'edges'"),
        ({"margin": 2.5}, "less than 2"),
        ({"steps": 0}, "greater than or equal to 1"),
        ({"explainer": "x"}, "there is no explainer 'x'"),
    ],
)
def test_faulty_keys(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        claim(**keys)


def test_tables_are_no_images() -> None:
    with pytest.raises(DataError, match="pixels of images"):
        claim().check(table(context()))
