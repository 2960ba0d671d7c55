"""Sparseness, localisation, likeness and infidelity: against definitions and closed forms."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from tests.attribution.networks import cnn, images
from tests.reference import attribution_measures as reference
from torch import Tensor, nn

from affidavit.attribution import Classifier
from affidavit.attribution.evaluation import (
    Measures,
    box_mask,
    energy_inside,
    gini,
    infidelity,
    mask_area,
    pointing_game,
    rank_correlation,
    structural_similarity,
)
from affidavit.attribution.evaluation.infidelity import squares
from affidavit.attribution.explainers import Saliency
from affidavit.attribution.fill_ins import fill_in
from affidavit.errors import DataError, DomainError


def test_gini_of_known_maps() -> None:
    one_hot = torch.zeros(1, 5, 4)
    one_hot[0, 2, 3] = -7.0
    assert float(gini(one_hot)) == pytest.approx(1 - 1 / 20)
    assert float(gini(torch.full((1, 5, 4), 0.3))) == pytest.approx(0, abs=1e-12)
    assert float(gini(torch.zeros(1, 5, 4))) == 0
    assert float(gini(torch.tensor([[[1.0, 0.0], [1.0, 0.0]]]))) == pytest.approx(0.5)


SIZES = st.lists(st.integers(-500, 500), min_size=6, max_size=6).filter(any)


@given(SIZES)
def test_gini_is_the_mean_difference(values: list[int]) -> None:
    found = float(gini(torch.tensor(values).double().reshape(1, 2, 3)))
    assert found == pytest.approx(reference.gini([float(value) for value in values]), abs=1e-9)
    # The unit of an attribution, its sign and its place do not count.
    turned = torch.tensor(values).double().flip(0).reshape(1, 3, 2) * -0.01
    assert float(gini(turned)) == pytest.approx(found, abs=1e-9)


def test_mask_area() -> None:
    assert mask_area(torch.tensor([[[0.0, 1.0], [0.5, 0.1]]])).tolist() == pytest.approx([0.4])
    with pytest.raises(DataError, match=r"ranges over \[-1, 0\]"):
        mask_area(torch.tensor([[[0.0, -1.0]]]))


def test_pointing_game_and_energy() -> None:
    truth = box_mask([(0, 0, 2, 2), (3, 4, 5, 6)], 5, 6)
    assert truth.flatten(1).sum(1).tolist() == [4, 4]
    relevance = torch.zeros(2, 5, 6)
    relevance[:, 1, 1], relevance[:, 4, 4], relevance[:, 2, 2] = 3.0, 1.0, -9.0
    assert pointing_game(relevance, truth).tolist() == [True, False]
    assert energy_inside(relevance, truth).tolist() == [0.75, 0.25]
    # From (1, 1) the second object, at (3, 4), is √13 away.
    assert pointing_game(relevance, truth, tolerance=3.6).tolist() == [True, False]
    assert pointing_game(relevance, truth, tolerance=3.61).tolist() == [True, True]
    assert energy_inside(-torch.ones(2, 5, 6), truth).isnan().all()
    share = [bool(pointing_game(torch.zeros(2, 5, 6), truth, seed=s)[0]) for s in range(300)]
    assert 0.05 < sum(share) / 300 < 0.25  # 4 of 30 pixels
    with pytest.raises(DataError, match="truth of input 0 is empty"):
        pointing_game(relevance, truth & False)
    with pytest.raises(DataError, match="expected bool"):
        energy_inside(relevance, truth.float())
    with pytest.raises(DataError, match="is empty or leaves the image of 5×6"):
        box_mask([(0, 0, 6, 2)], 5, 6)


def test_rank_correlation_is_spearmans() -> None:
    first, second = torch.rand(3, 5, 4), torch.rand(3, 5, 4).round(decimals=1)
    found = rank_correlation(first, second)
    for row in range(3):
        a, b = first[row].flatten().tolist(), second[row].flatten().tolist()
        assert float(found[row]) == pytest.approx(reference.rank_correlation(a, b))
        assert float(found[row]) == pytest.approx(spearmanr(a, b).statistic)
    torch.testing.assert_close(rank_correlation(first, first.exp()), torch.ones(3).double())
    torch.testing.assert_close(rank_correlation(first, -first), -torch.ones(3).double())
    assert rank_correlation(first, torch.zeros_like(first)).isnan().all()
    assert rank_correlation(first[:0], second[:0]).shape == (0,)
    with pytest.raises(DataError, match="expected the same"):
        rank_correlation(first, second[:, :4])


def test_structural_similarity_is_the_definition() -> None:
    first, second = torch.rand(2, 7, 6), torch.rand(2, 7, 6)
    found = structural_similarity(first, second)
    for row in range(2):
        expected = reference.structural_similarity(first[row], second[row], 1.5)
        assert float(found[row]) == pytest.approx(expected, abs=1e-9)
    ones = torch.ones(2).double()
    torch.testing.assert_close(structural_similarity(first, 5 * first + 1), ones, rtol=0, atol=1e-5)
    assert (found < 0.5).all()
    assert torch.isfinite(structural_similarity(first, torch.zeros_like(first))).all()


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("output", ["probability", "logit"])
def test_infidelity_is_the_definition(scaled: bool, output: str) -> None:
    model, pixels = cnn().double().eval(), images(2, size=8).double()
    relevance = 0.01 * torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    options: dict[str, Any] = {"output": output, "samples": 6, "scaled": scaled, "seed": 3}
    target = torch.tensor([2, 0])
    found = infidelity(
        Classifier(model), pixels, target, relevance, fill="mean", batch_size=4, **options
    )
    masks = squares(8, 8, 6, (0.1, 0.5), 3)
    for row, wanted in enumerate((2, 0)):

        def value(image: Tensor, wanted: int = wanted) -> float:
            with torch.no_grad():
                scores = model(image[None])[0]
            return float((scores.softmax(0) if output == "probability" else scores)[wanted])

        expected = reference.infidelity(
            value, pixels[row], fill_in("mean", pixels)[row], relevance[row], masks, scaled
        )
        assert float(found[row]) == pytest.approx(expected, rel=1e-6)


def test_infidelity_of_a_linear_model_is_known() -> None:
    """Weight times what is hidden tells everything; any multiple of it does once scaled."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2)).double()
    pixels = images(2, size=8).double()
    weight = model[1].get_parameter("weight")[1].detach().reshape(3, 8, 8)
    exact = (weight * pixels).sum(1)
    options: dict[str, Any] = {"output": "logit", "samples": 20}

    def of(relevance: Tensor, scaled: bool) -> Tensor:
        return infidelity(Classifier(model), pixels, 1, relevance, scaled=scaled, **options)

    zero = torch.zeros(2).double()
    torch.testing.assert_close(of(exact, False), zero, rtol=0, atol=1e-20)
    torch.testing.assert_close(of(-3 * exact, True), zero, rtol=0, atol=1e-20)
    assert (of(-3 * exact, False) > 1e-3).all()
    # An attribution that says nothing is as bad as the falls are large; scaled, none is worse.
    nothing = of(torch.zeros_like(exact), True)
    torch.testing.assert_close(nothing, of(torch.zeros_like(exact), False))
    assert (of(torch.randn_like(exact), True) <= nothing + 1e-12).all()


def test_squares_stay_inside_and_have_their_sizes() -> None:
    masks = squares(9, 12, 40, (0.3, 0.6), 0)
    for mask in masks:
        rows, columns = mask.nonzero(as_tuple=True)
        side = len(set(rows.tolist()))
        assert 3 <= side <= 5
        assert len(set(columns.tolist())) == side
        assert len(rows) == side**2
    assert torch.equal(masks, squares(9, 12, 40, (0.3, 0.6), 0))
    with pytest.raises(DomainError, match=r"side is \(0.5, 0.1\)"):
        infidelity(Classifier(cnn()), images(1), 0, torch.zeros(1, 16, 16), side=(0.5, 0.1))
    with pytest.raises(DomainError, match="samples is 0"):
        infidelity(Classifier(cnn()), images(1), 0, torch.zeros(1, 16, 16), samples=0)


def test_all_measures_together_image_by_image() -> None:
    classifier, pixels = Classifier(cnn()), images(3)
    target = classifier.scores(pixels).argmax(1)
    explainer = Saliency()
    measures = Measures(steps=4, squares=5, nearby=2, stages=2, shares=(0.1, 0.5))
    attribution = explainer(classifier, pixels, target)
    found = measures(explainer, classifier, pixels, target, attribution)
    by_fill = ("deletion_{}", "insertion_{}", "least_{}", "kept_{}_0.1", "kept_{}_0.5")
    rest = {"gini", "infidelity", "max_sensitivity", "randomization_rank", "randomization_ssim"}
    assert set(found) == rest | {name.format(f) for name in by_fill for f in ("black", "blur")}
    for row in range(3):
        one = slice(row, row + 1)
        alone = measures(explainer, classifier, pixels[one], target[one], attribution[one])
        for name, values in found.items():
            assert values.shape == (3,)
            torch.testing.assert_close(values[one], alone[name], rtol=1e-3, atol=1e-4)
