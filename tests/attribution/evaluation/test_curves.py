"""Deletion and insertion: against the definition, and where the curve is known."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.attribution.networks import cnn, images
from tests.reference import masked_curves
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.evaluation import curve, deletion, insertion, kept_prediction, ranks
from affidavit.attribution.fill_ins import fill_in
from affidavit.errors import DataError, DomainError, ModelError


def attribution(batch: int, height: int, width: int) -> Tensor:
    """Random, no two pixels equal."""
    generator = torch.Generator().manual_seed(4)
    drawn = [torch.randperm(height * width, generator=generator) for _ in range(batch)]
    return torch.stack(drawn).reshape(batch, height, width).float()


@pytest.mark.parametrize("fill", ["black", "mean", "blur"])
@pytest.mark.parametrize("steps", [1, 7, 60])
def test_it_is_the_definition(fill: str, steps: int) -> None:
    model, pixels = cnn().double().eval(), images(3, size=7).double()[..., :6]
    how = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    classifier, target = Classifier(model, how), torch.tensor([0, 2, 1])
    relevance = attribution(3, 7, 6)
    other = fill_in(fill, pixels)
    for measure, inserts in ((deletion, False), (insertion, True)):
        found = measure(classifier, pixels, target, relevance, fill=fill, steps=steps, batch_size=4)
        assert found.probability.shape == (3, steps + 1)
        for row in range(3):

            def chance(image: Tensor, wanted: int = int(target[row])) -> float:
                with torch.no_grad():
                    return float(model(how(image[None])).softmax(1)[0, wanted])

            expected = masked_curves.probabilities(
                chance, pixels[row], other[row], relevance[row], steps, inserts
            )
            torch.testing.assert_close(
                found.probability[row], torch.tensor(expected, dtype=torch.float64)
            )
            assert float(found.area[row]) == pytest.approx(masked_curves.area(expected))


class Sum(nn.Module):
    """Two classes whose log-odds are a weighted sum of the pixels: all is known of it."""

    def __init__(self, weight: Tensor, offset: float) -> None:
        super().__init__()
        self.weight, self.offset = nn.Parameter(weight), offset

    def forward(self, x: Tensor) -> Tensor:
        score = (self.weight * x).sum((1, 2, 3)) + self.offset
        return torch.stack([torch.zeros_like(score), score], 1)


def test_of_a_linear_model_the_curve_is_known() -> None:
    pixels = images(2, channels=1, size=4).double()
    weight = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    classifier = Classifier(Sum(weight, -2.0))
    share = (weight * pixels)[:, 0]
    found = deletion(classifier, pixels, 1, share, steps=16)
    ordered = share.flatten(1).sort(dim=1, descending=True).values
    gone = torch.cat([torch.zeros(2, 1).double(), ordered.cumsum(1)], 1)
    expected = torch.sigmoid(share.sum((1, 2))[:, None] - gone - 2)
    torch.testing.assert_close(found.probability, expected)
    assert torch.equal(found.kept, expected > 0.5)
    # No order deletes faster than that of the shares.
    for seed in range(5):
        other = torch.rand(share.shape, generator=torch.Generator().manual_seed(seed))
        assert (deletion(classifier, pixels, 1, other, steps=16).area > found.area).all()
    added = insertion(classifier, pixels, 1, share, steps=16)
    worst = insertion(classifier, pixels, 1, -share, steps=16)
    assert (added.area > worst.area).all()
    # What is left of a deletion from behind is what was inserted from the front.
    behind = deletion(classifier, pixels, 1, -share, steps=16)
    torch.testing.assert_close(behind.probability.flip(1), added.probability)


def test_a_place_may_be_a_time_or_a_feature() -> None:
    """Signals are images of one line, rows signals of one channel."""
    signal = images(3, channels=2, size=9).double()[:, :, 0]
    weight = torch.randn(2, 1, 9, generator=torch.Generator().manual_seed(0)).double()

    class Wide(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            image = x.reshape(len(x), -1, 1, 9)
            score = (weight[: image.shape[1]] * image).sum((1, 2, 3))
            return torch.stack([-score, score], 1)

    classifier, relevance = Classifier(Wide()), attribution(3, 1, 9).double()
    for x, fill in ((signal, "line"), (signal, "own_noise"), (signal[:, :1], "mean")):
        expected = deletion(classifier, x[:, :, None], 1, relevance, fill=fill, steps=9)
        found = deletion(classifier, x, 1, relevance[:, 0], fill=fill, steps=9)
        torch.testing.assert_close(found.probability, expected.probability)
    rows = insertion(classifier, signal[:, 0], 1, relevance[:, 0], fill="mean", steps=9)
    expected = insertion(classifier, signal[:, :1], 1, relevance[:, 0], fill="mean", steps=9)
    torch.testing.assert_close(rows.probability, expected.probability)
    with pytest.raises(
        DataError, match=r"attribution is \[3, 1, 9\]; expected a tensor \[batch, p"
    ):
        deletion(classifier, signal, 1, relevance)
    with pytest.raises(DataError, match=r"shape \[3, 2, 9\], the attribution \[3, 8\]; expected"):
        deletion(classifier, signal, 1, relevance[:, 0, :8])


def test_kept_predictions_and_the_least_share() -> None:
    weight = torch.zeros(1, 2, 5).double()
    weight[0, 0, :2] = 1.0
    classifier = Classifier(Sum(weight, -1.5))
    pixels = torch.ones(2, 1, 2, 5).double()
    relevance = torch.arange(10, 0, -1).reshape(1, 2, 5).repeat(2, 1, 1).double()
    relevance[1] = relevance[1].flip(0, 1)  # the two that matter come last
    found = insertion(classifier, pixels, 1, relevance, steps=10)
    assert found.least_kept.tolist() == pytest.approx([0.2, 1.0])
    assert kept_prediction(classifier, pixels, 1, relevance, (0.1, 0.2, 0.94)).tolist() == [
        [False, True, True],
        [False, False, False],
    ]
    never = insertion(classifier, pixels * 0.1, 1, relevance, steps=10)
    assert never.least_kept.isnan().all()
    # Of two equal scores neither is predicted.
    even = Classifier(Sum(weight * 0, 0.0))
    assert not kept_prediction(even, pixels, 1, relevance).any()


@given(st.lists(st.integers(0, 3), min_size=12, max_size=12), st.integers(0, 3))
def test_ranks_are_an_order_with_ties_broken_by_the_seed(values: list[int], seed: int) -> None:
    relevance = torch.tensor(values, dtype=torch.float32).reshape(1, 3, 4)
    found = ranks(relevance, seed).flatten()
    assert sorted(found.tolist()) == list(range(12))
    for i, j in itertools.permutations(range(12), 2):
        if values[i] > values[j]:
            assert found[i] < found[j]
    assert torch.equal(ranks(relevance.repeat(2, 1, 1), seed)[1].flatten(), found)


def test_equal_pixels_come_in_a_random_order_that_the_seed_decides() -> None:
    flat = torch.zeros(1, 20, 20)
    first = ranks(flat, seed=0)
    assert torch.equal(first, ranks(flat, seed=0))
    assert not torch.equal(first, ranks(flat, seed=1))
    # No corner comes first: half of the early ones lie in the upper half.
    upper = int((first[0, :10] < 100).sum())
    assert 30 < upper < 70
    model, pixels = cnn(), images(1, size=20)
    runs = [deletion(Classifier(model), pixels, 0, flat, steps=5, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(runs[0].probability, runs[1].probability)
    assert not torch.equal(runs[0].probability, runs[2].probability)


def test_no_size_of_batch_changes_anything_and_the_model_stays() -> None:
    model, pixels = cnn().train(), images(3)
    relevance = attribution(3, 16, 16)
    classifier = Classifier(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    large = insertion(classifier, pixels, None, relevance, steps=6, batch_size=100)
    with torch.inference_mode():
        little = insertion(classifier, pixels, None, relevance, steps=6, batch_size=1)
    torch.testing.assert_close(large.probability, little.probability.clone())
    rows = [slice(i, i + 1) for i in range(3)]
    alone = [insertion(classifier, pixels[i], None, relevance[i], steps=6) for i in rows]
    torch.testing.assert_close(large.area, torch.cat([one.area for one in alone]))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    empty = deletion(classifier, pixels[:0], None, relevance[:0], steps=6)
    assert empty.area.shape == (0,)
    assert empty.least_kept.shape == (0,)


def test_bad_input() -> None:
    classifier, pixels, relevance = Classifier(cnn()), images(2), attribution(2, 16, 16)
    with pytest.raises(DataError, match=r"attribution \[2, 8, 16\]; expected"):
        deletion(classifier, pixels, 0, relevance[:, :8])
    with pytest.raises(DataError, match=r"the attribution is \[2, 1, 16, 16\]"):
        deletion(classifier, pixels, 0, relevance[:, None])
    broken = relevance.clone()
    broken[1, 0, 0] = torch.nan
    with pytest.raises(DataError, match="attribution of input 1 has NaN"):
        deletion(classifier, pixels, 0, broken)
    with pytest.raises(DomainError, match="steps is 0"):
        deletion(classifier, pixels, 0, relevance, steps=0)
    with pytest.raises(DomainError, match=r"no fill-in 'blakc' \(did you mean 'black'\?\)"):
        deletion(classifier, pixels, 0, relevance, fill="blakc")
    with pytest.raises(DomainError, match="target 3 is out of range"):
        deletion(classifier, pixels, torch.tensor([0, 3]), relevance)
    with pytest.raises(DomainError, match=r"shares are \[0.5, 1.5\]"):
        curve(classifier, pixels, 0, relevance, [0.5, 1.5], "insertion")

    class Odd(nn.Module):
        """Gives NaN for black images alone."""

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x.mean((1, 2, 3)).log(), x.mean((1, 2, 3))], 1)

    with pytest.raises(ModelError, match="NaN or infinite scores"):
        deletion(Classifier(Odd(), outputs="logits"), pixels, 0, relevance)
