"""The claim kind `explanation_sufficient`."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import Any

import numpy as np
import pytest
import torch
from tests.contract.kinds.explained_images import context, decided, table

from affidavit import statistics
from affidavit.attribution.evaluation.ranking import ranks
from affidavit.contract import ExplanationSufficient
from affidavit.contract.exploring import run
from affidavit.errors import ContractError, DataError
from affidavit.evidence import CurveChart, Grade, ImageGrid, IntervalChart, Table, Verdict


def claim(**keys: Any) -> ExplanationSufficient:
    given: dict[str, Any] = {"explainer": "saliency", "at_most_area": 1 / 16, "at_least": 0.9}
    return ExplanationSufficient(id="a", **(given | keys))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"channels": 3},
        {"channels": 3, "channels_last": True},
        {"head": "logit"},
        {"head": "probability"},
    ],
)
def test_the_pixel_that_decides_is_enough(given: dict[str, Any]) -> None:
    # A single score has a slope at both pixels: two of them are kept.
    area = 1 / 16 if "head" not in given else 2 / 16
    finding = claim(at_most_area=area).check(context(**given))
    assert (finding.verdict, finding.grade) == (Verdict.HOLDS, Grade.STATISTICAL)
    assert finding.value == 1.0
    assert finding.interval == (statistics.binomial_lower(60, 60, 0.95), 1.0)
    assert finding.witness is None
    assert finding.evaluations == 60


@pytest.mark.parametrize("area", [0.19, 0.26, 0.5, 0.99])
def test_the_share_is_that_of_the_definition(area: float) -> None:
    subject = context()
    finding = claim(explainer="random", at_most_area=area, population=False).check(subject)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(4, 4, generator=generator, dtype=torch.float64)[None].float()
    kept = ranks(noise).flatten().numpy() < int(area * 16)  # never more than the share
    images = subject.dataset.inputs.reshape(60, 16)
    same = decided(images) == decided(images * kept)
    assert finding.value == same.mean()
    assert finding.interval == (same.mean(), same.mean())
    assert finding.grade is Grade.EXACT
    holds = claim(explainer="random", at_most_area=area, at_least=same.mean(), population=False)
    assert holds.check(subject).verdict is Verdict.HOLDS
    rows = list(csv.DictReader(io.StringIO(finding.files["inputs.csv"].content.decode())))
    assert [row["preserved"] == "yes" for row in rows] == list(same)
    names = subject.dataset.class_names
    assert [row["decision_of_kept_part"] for row in rows] == [
        names[c] for c in decided(images * kept)
    ]


def test_a_witness_is_a_kept_part_that_is_decided_otherwise() -> None:
    subject = context()
    finding = claim(explainer="centre", at_most_area=0.2).check(subject)
    assert finding.verdict is Verdict.VIOLATED
    seen = finding.witness
    assert seen is not None
    row = int(seen.sentence.split("row ")[1].split(" ")[0])
    x, original = np.array(seen.input), subject.dataset.inputs[row].reshape(-1)
    kept = x != 0
    assert kept.sum() == 3
    np.testing.assert_array_equal(x[kept], original[kept])
    y = run(subject, x)
    np.testing.assert_array_equal(seen.outputs, y)
    names = subject.dataset.class_names
    assert seen.decision == names[int(y.argmax())] != names[int(decided(original[None])[0])]
    assert f"decides for {seen.decision}" in seen.sentence
    assert set(seen.relevant[:4]) == {5, 6, 9, 10}  # the centre


def test_ties_are_decided_as_everywhere() -> None:
    subject = context()
    # Neither pixel that decides is kept: both scores are 0, which goes to the first class.
    finding = claim(explainer="edges", at_most_area=1 / 16, population=False).check(subject)
    images = subject.dataset.inputs.reshape(60, 16)
    edges = np.loadtxt(
        io.StringIO(finding.files["inputs.csv"].content.decode()), str, delimiter=",", skiprows=1
    )
    first = decided(images) == 0
    assert (edges[first, 3] == "yes").mean() > 0.8  # lost only where the second pixel is kept
    assert finding.value is not None
    assert finding.value >= (edges[first, 3] == "yes").sum() / 60


def test_undecided_says_what_would_decide() -> None:
    finding = claim(samples=10, at_least=0.95).check(context())
    assert finding.verdict is Verdict.UNDECIDED
    assert "About 49 more inputs with the same shares would decide." in finding.reason
    assert finding.evaluations == 10
    never = claim(samples=10, at_least=1.0).check(context())
    assert "say population = false" in never.reason


def test_exhibits_and_sentences() -> None:
    asked = claim(explainer="centre", at_most_area=0.2, curve=[0.5, 1.0], fill_in="grey")
    subject = context(channels=3)
    finding = asked.check(subject)
    table_, chart, curve, images = finding.exhibits
    assert isinstance(table_, Table)
    assert isinstance(chart, IntervalChart)
    assert isinstance(curve, CurveChart)
    assert isinstance(images, ImageGrid)
    assert curve.curves[0].x == (0.2, 0.5, 1.0)
    assert curve.curves[0].y[-1] == 1.0
    assert curve.curves[0].y[0] == finding.value
    assert images.columns == ("input", "explanation", "overlay", "kept part")
    assert "decided: " in images.rows[0].label
    assert "20\N{NO-BREAK SPACE}% of the pixels that centre ranks first" in asked.text
    assert "(grey)" in asked.text
    assert any("independent sample" in text for text in finding.assumptions)
    alone = claim(population=False, samples=7, draw="first")
    assert alone.text.endswith("of the first 7 rows of test")
    assert not any("independent" in text for text in alone.check(subject).assumptions)


def test_the_same_each_time_and_other_with_another_seed() -> None:
    asked = claim(explainer="random", at_most_area=0.5, fill_in="noise")
    subject = context()
    one, two = asked.check(subject), asked.check(subject)
    assert (one.value, one.files) == (two.value, two.files)
    other = asked.check(dataclasses.replace(subject, seed=5))
    assert other.files != one.files


def test_options_reach_the_explainer() -> None:
    asked = claim(explainer="neuromask", samples=10, options={"preset": "fast"})
    finding = asked.check(context())
    assert "neuromask (preset fast)" in finding.assumptions[2]
    coarse = claim(explainer="occlusion", options={"window": 4}, population=False)
    fine = claim(explainer="occlusion", options={"window": 1}, population=False)
    # A window over the whole image tells no pixel from another.
    assert (coarse.check(context()).value or 0) < (fine.check(context()).value or 0)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"explainer": "neuromusk"}, r"no explainer 'neuromusk' \(did you mean 'neuromask'\?\)"),
        ({"options": {"preset": "fast"}}, "saliency has no option 'preset'"),
        ({"explainer": "rise", "options": {"masks": 0}}, "masks is 0"),
        ({"fill_in": "blak"}, r"no fill_in 'blak' \(did you mean 'black'\?\)"),
        ({"at_most_area": 0.0}, "at_most_area: expected greater than 0"),
        ({"curve": [2.0]}, "less than or equal to 1"),
    ],
)
def test_faulty_keys(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        claim(**keys)


def test_subjects_that_cannot_be_checked() -> None:
    with pytest.raises(DataError, match=r"inputs of shape \[16\]; what is kept and hidden here"):
        claim().check(table(context()))
    with pytest.raises(DataError, match=r"0\.05 of 16 pixels is less than one pixel"):
        claim(at_most_area=0.05).check(context())
