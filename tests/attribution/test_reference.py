"""Rows against references: the expectation it stands for, known features, what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from affidavit.attribution import (
    Against,
    Classifier,
    Preprocessing,
    drawn,
    learn_masks,
    learn_row_masks,
)
from affidavit.attribution.evaluation import deletion, insertion
from affidavit.attribution.neuromask import Preset, RMSProp
from affidavit.attribution.neuromask.presets import AnyPreset
from affidavit.attribution.reference import HIDDEN
from affidavit.errors import DataError, DomainError

FEATURES = 6


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.Linear(16, 3)).double()


def rows(count: int = 5, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((count, FEATURES), generator=generator, dtype=torch.float64)


class OddOnes(nn.Module):
    """Class 1 where features 1 and 4 together are large; the others do not count."""

    def forward(self, x: Tensor) -> Tensor:
        score = 12 * (x[:, 1] + x[:, 4] - 1.2)
        return torch.stack([torch.zeros_like(score), score], 1)


def test_hidden_features_are_averaged_over_the_references() -> None:
    """Against a loop over rows and references, feature by feature."""
    how = Preprocessing([0.4] * FEATURES, [0.3] * FEATURES)
    model, x, reference = network(), rows(4), rows(3, seed=7)
    classifier = Classifier(model, how)
    against = Against(classifier, reference)
    differences = against.differences(x)
    assert differences.shape == (4, 3, FEATURES)
    shown = torch.tensor([True, False, True, True, False, False])
    found = against(differences * shown).softmax(1)
    for i in range(4):
        chances = []
        for k in range(3):
            mixed = torch.where(shown, x[i], reference[k])
            chances.append(model(how(mixed[None])).softmax(1)[0])
        torch.testing.assert_close(found[i], torch.stack(chances).mean(0))
    torch.testing.assert_close(against(differences).softmax(1), classifier(x).softmax(1))


def test_one_reference_leaves_the_scores_as_they_are() -> None:
    classifier, x = Classifier(network()), rows()
    against = Against(classifier, x.mean(0, keepdim=True))
    torch.testing.assert_close(against(against.differences(x)), classifier(x))
    nothing = torch.zeros(1, 1, FEATURES).double()
    torch.testing.assert_close(against(nothing), classifier(x.mean(0, keepdim=True)))


def test_signals_and_images_have_more_channels() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(24, 2))
    x, reference = torch.rand(3, 2, 3, 4), torch.rand(5, 2, 3, 4)
    against = Against(Classifier(model), reference)
    assert against.differences(x).shape == (3, 10, 3, 4)
    expected = model(x).softmax(1)
    torch.testing.assert_close(against(against.differences(x)).softmax(1), expected)
    assert learn_masks(against, against.differences(x), 0, fill_in=HIDDEN).mask.shape == (3, 3, 4)


PENALISED = Preset(tau=3.0, prediction=1.0, sparsity=0.3, steps=100, optimiser=RMSProp(rate=0.1))


@pytest.mark.parametrize("preset", ["fast", PENALISED], ids=["fast", "penalised"])
@pytest.mark.parametrize("references", [1, 8])
def test_the_features_that_decide_are_found(preset: str | AnyPreset, references: int) -> None:
    x = torch.full((3, FEATURES), 0.9)
    x[:, [0, 2]] = 0.1
    reference = 0.4 * torch.rand(references, FEATURES, generator=torch.Generator().manual_seed(0))
    found = learn_row_masks(Classifier(OddOnes()), x, reference, 1, preset)
    assert found.mask.shape == (3, FEATURES)
    assert "smoothness" not in found.terms
    assert (
        found.mask.argsort(1, descending=True)[:, :2].sort(1).values == torch.tensor([1, 4])
    ).all()
    against = Against(Classifier(OddOnes()), reference)
    d = against.differences(x)
    gone = deletion(against, d, 1, found.mask, fill=HIDDEN, steps=FEATURES)
    come = insertion(against, d, 1, found.mask, fill=HIDDEN, steps=FEATURES)
    # Two of six are enough, and all that counts.
    assert gone.kept[:, 0].all()
    assert not gone.kept[:, 2:].any()
    assert come.kept[:, 2:].all()


def test_batched_equals_one_by_one() -> None:
    classifier, x, reference = Classifier(network()), rows(), rows(4, seed=3)
    whole = learn_row_masks(classifier, x, reference, seed=2)
    parts = learn_row_masks(classifier, x, reference, seed=2, batch_size=2)
    torch.testing.assert_close(whole.mask, parts.mask)
    for i in range(len(x)):
        alone = learn_row_masks(classifier, x[i : i + 1], reference, seed=2)
        torch.testing.assert_close(whole.mask[i], alone.mask[0])


def test_drawn_rows() -> None:
    data = rows(20)
    found = drawn(data, 5, seed=1)
    assert found.shape == (5, FEATURES)
    assert all((data == row).all(1).any() for row in found)
    assert len(found.unique(dim=0)) == 5
    assert torch.equal(found, drawn(data, 5, seed=1))
    assert not torch.equal(found, drawn(data, 5, seed=2))
    assert len(drawn(data, 99)) == 20
    with pytest.raises(DomainError, match="count is 0"):
        drawn(data, 0)


def test_the_model_is_as_it_was() -> None:
    model = network().train()
    learn_row_masks(Classifier(model), rows(2), rows(2, seed=4))
    assert model.training
    assert all(one.requires_grad and one.grad is None for one in model.parameters())


def test_bad_input() -> None:
    classifier, x = Classifier(network()), rows()
    with pytest.raises(DataError, match=r"shape \[5, 6\], the reference \[2, 5\]"):
        learn_row_masks(classifier, x, rows(2)[:, :5])
    with pytest.raises(DataError, match="no reference"):
        learn_row_masks(classifier, x, x[:0])
    with pytest.raises(DataError, match=r"rows have the shape \[5, 1, 6\]"):
        learn_row_masks(classifier, x[:, None], x)
    with pytest.raises(DataError, match=r"shape \[5, 0\]"):
        learn_row_masks(classifier, x[:2, :0], x[:, :0])
    with pytest.raises(DataError, match=r"range over \[.*\]; expected values in \[0, 1\]"):
        learn_row_masks(classifier, x, x + 1)
    with pytest.raises(DomainError, match=r"no fill-in 'gray' \(did you mean 'grey'\?\)"):
        learn_masks(classifier, x, fill_in="gray")
    none = learn_row_masks(classifier, x[:0], x)
    assert none.mask.shape == (0, FEATURES)
