"""Texts: masks of the tokens that decide, padding that does not count, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from affidavit.attribution import Masks, TextClassifier, learn_token_masks
from affidavit.attribution.evaluation.texts import token_curve
from affidavit.attribution.neuromask import Preset, RMSProp
from affidavit.attribution.neuromask.presets import AnyPreset
from affidavit.errors import DataError, DomainError, ModelError

PADDING, GOOD, BAD = 0, 3, 4
VOCABULARY = 12


class Words(nn.Module):
    """Class 1 the more GOOD there is, class 0 the more BAD: the mean over words, not padding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 4)
        weight = 0.1 * torch.randn(VOCABULARY, 4, generator=torch.Generator().manual_seed(0))
        weight[:, 0] = 0
        weight[GOOD, 0], weight[BAD, 0] = 1, -1
        self.embedding.weight = nn.Parameter(weight)

    def forward(self, ids: Tensor) -> Tensor:
        real = (ids != PADDING)[..., None]
        seen = (self.embedding(ids) * real).sum(1) / real.sum(1)
        return torch.stack([-30 * seen[:, 0], 30 * seen[:, 0]], 1)


class Convolution(nn.Module):
    """Of embeddings [batch, token, channel]; reads padding too."""

    def __init__(self, softmax: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.convolution = nn.Conv1d(4, 6, 3, padding=1)
        self.last = nn.Linear(6, 3)
        self.dropout = nn.Dropout(0.5)
        self.softmax = softmax

    def forward(self, embedded: Tensor) -> Tensor:
        maps = self.convolution(embedded.transpose(1, 2)).relu().amax(2)
        found: Tensor = self.last(self.dropout(maps))
        return found.softmax(1) if self.softmax else found


TEXTS = torch.tensor(
    [
        [5, GOOD, 6, 7, 8, PADDING, PADDING],
        [9, 5, 6, BAD, 7, 10, 11],
        [6, 7, GOOD, 8, 9, PADDING, PADDING],
        [GOOD, 7, PADDING, PADDING, PADDING, PADDING, PADDING],
    ]
)
DECIDES = [1, 3, 2, 0]


def words(**options: Any) -> TextClassifier:
    return TextClassifier(Words(), "embedding", padding=PADDING, **options)


PENALISED = Preset(tau=3.0, prediction=1.0, sparsity=0.3, steps=100, optimiser=RMSProp(rate=0.1))


@pytest.mark.parametrize("preset", ["fast", PENALISED], ids=["fast", "penalised"])
@pytest.mark.parametrize("hidden", [None, "mean", 5])
def test_the_word_that_decides_is_found(preset: str | AnyPreset, hidden: Any) -> None:
    found = learn_token_masks(words(hidden=hidden), TEXTS, None, preset)
    assert found.target.tolist() == [1, 0, 1, 1]
    assert found.mask.argmax(1).tolist() == DECIDES
    assert (found.mask[TEXTS == PADDING] == 0).all()
    assert found.losses.shape == (int(found.steps[0]), 4)
    assert "smoothness" not in found.terms


def same(whole: Masks, alone: Masks, at: int, length: int) -> None:
    torch.testing.assert_close(whole.mask[at, :length], alone.mask[0, :length])
    torch.testing.assert_close(whole.losses[:, at], alone.losses[:, 0])
    assert whole.target[at] == alone.target[0]
    assert whole.steps[at] == alone.steps[0]


def test_batched_equals_one_by_one_however_far_it_is_padded() -> None:
    text = words()
    whole = learn_token_masks(text, TEXTS, seed=1)
    for i, ids in enumerate(TEXTS):
        length = int((ids != PADDING).sum())
        same(whole, learn_token_masks(text, ids[None], seed=1), i, length)
        same(whole, learn_token_masks(text, ids[None, :length], seed=1), i, length)
        longer = torch.cat([ids, torch.zeros(9, dtype=torch.long)])[None]
        same(whole, learn_token_masks(text, longer, seed=1), i, length)


def test_padding_may_stand_anywhere() -> None:
    left = torch.tensor([[PADDING, PADDING, 5, GOOD, 7], [5, PADDING, GOOD, PADDING, 7]])
    found = learn_token_masks(words(), left)
    assert found.mask.argmax(1).tolist() == [3, 2]
    assert (found.mask[left == PADDING] == 0).all()
    torch.testing.assert_close(found.mask[0, 2:], found.mask[1, [0, 2, 4]])


@pytest.mark.parametrize("softmax", [False, True])
def test_a_model_of_embeddings(softmax: bool) -> None:
    """One that reads padding: it is left where it is."""
    embedding = nn.Embedding(VOCABULARY, 4).requires_grad_(True)
    model = Convolution(softmax).train()
    text = TextClassifier(model, embedding, padding=PADDING)
    found = learn_token_masks(text, TEXTS)
    assert found.mask.shape == TEXTS.shape
    assert model.training
    assert embedding.training
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    with torch.no_grad():
        expected = model.eval()(embedding(TEXTS))
    logs = expected.log() if softmax else expected.log_softmax(1)
    torch.testing.assert_close(text.scores(TEXTS).log_softmax(1), logs)


def test_curves_count_real_tokens_only() -> None:
    text = words()
    relevance = torch.zeros(TEXTS.shape)
    relevance[range(4), DECIDES] = 1
    relevance[TEXTS == PADDING] = 5  # says nothing
    gone = token_curve(text, TEXTS, None, relevance, "deletion", steps=70)
    come = token_curve(text, TEXTS, None, relevance, "insertion", steps=70)
    # Half a step before one of five words is the first to change.
    first = [round(70 * 0.5 / n) for n in (5, 7, 5, 2)]
    for row, at in enumerate(first):
        assert gone.probability[row, : at - 1].min() > 0.99
        assert gone.probability[row, at + 1 :].max() < 0.9
        assert come.probability[row, at + 1 :].min() > 0.99
    turned = token_curve(text, TEXTS.flip(0), None, relevance.flip(0), "deletion", steps=70)
    torch.testing.assert_close(turned.area.flip(0), gone.area)
    assert token_curve(text, TEXTS[:0], None, relevance[:0], "deletion").area.shape == (0,)


def test_a_model_that_reads_ids_elsewhere_is_refused() -> None:
    class Tied(Words):
        def forward(self, ids: Tensor) -> Tensor:
            found: Tensor = super().forward(ids)
            return found + (ids == GOOD).sum(1, keepdim=True)

    with pytest.raises(ModelError, match="reads the token ids elsewhere"):
        learn_token_masks(TextClassifier(Tied(), "embedding", padding=PADDING), TEXTS)


def test_bad_input() -> None:
    text = words()
    empty = torch.cat([TEXTS, torch.zeros(1, 7, dtype=torch.long)])
    with pytest.raises(DataError, match="text 4 has no token: all of it is padding 0"):
        learn_token_masks(text, empty)
    with pytest.raises(DataError, match=r"torch.float32 \[4, 7\]; expected whole numbers"):
        learn_token_masks(text, TEXTS.float())
    with pytest.raises(DataError, match="token id 12 is unknown; the embedding has 12, 0 to 11"):
        learn_token_masks(text, TEXTS + 1)
    with pytest.raises(ModelError, match=r"no module 'embeding' \(did you mean 'embedding'\?\)"):
        TextClassifier(Words(), "embeding", padding=PADDING)
    with pytest.raises(DomainError, match="nothing says what stands for a hidden token"):
        TextClassifier(Words(), "embedding")
    with pytest.raises(DomainError, match="hidden is 'zero'"):
        learn_token_masks(words(hidden="zero"), TEXTS)
    with pytest.raises(DataError, match=r"hidden has the shape \[3\]; expected \[4\]"):
        learn_token_masks(words(hidden=torch.zeros(3)), TEXTS)
    with pytest.raises(DomainError, match="target 2 is out of range"):
        learn_token_masks(text, TEXTS, 2)
    with pytest.raises(DataError, match=r"attribution \[4, 6\]; expected the same"):
        token_curve(text, TEXTS, None, torch.zeros(4, 6), "deletion")
    none = learn_token_masks(text, TEXTS[:0])
    assert none.mask.shape == (0, 7)
    assert len(none) == 0
