"""Texts: a weight for each token, learned on the embeddings that the network makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from affidavit.attribution.classifier import Classifier, Outputs
from affidavit.attribution.embedded import Embedded, FromEmbeddings, FromTokens
from affidavit.attribution.model_state import preserved
from affidavit.attribution.neuromask import Masks, learn_masks
from affidavit.attribution.neuromask.presets import AnyPreset
from affidavit.attribution.reference import HIDDEN, Against
from affidavit.attribution.targets import Target, classes
from affidavit.errors import DataError, DomainError, ModelError


@dataclass(frozen=True, eq=False)
class TokenGroup:
    """Texts of a batch whose padding is at the same positions, without it.

    Attributes:
        texts: their numbers in the batch, [text].
        positions: of the tokens that are no padding, [place].
        classifier: of differences between embeddings and what stands for a hidden token.
        inputs: those differences, [text, channel, place].
    """

    texts: Tensor
    positions: Tensor
    classifier: Against
    inputs: Tensor

    def placed(self, values: Tensor, onto: Tensor) -> None:
        """Writes values [text, place] to their texts and positions in `onto` [batch, token]."""
        onto[self.texts[:, None], self.positions] = values


@final
class TextClassifier:
    """A text classifier, seen as a function of its token embeddings.

    Args:
        model: a module from token ids [batch, token] to scores, or, where `embedding` is no part
            of it, from embeddings [batch, token, channel].
        embedding: the embedding module, or its name within the model, whose output the model reads
            its tokens from. The ids may say where padding is, and nothing else.
        padding: the id of tokens that are no text. They are never counted and never masked, and
            stand before the network as they are. `None`: there are none.
        hidden: what stands for a hidden token: the id of a token (left out: of padding), `"mean"`,
            the mean of all embeddings but padding's, or an embedding [channel].
        outputs: as of :class:`Classifier`.

    Raises:
        DomainError: there is neither padding nor something else to hide tokens with.
        ModelError: there is no such embedding, or it has no mean.
    """

    def __init__(
        self,
        model: nn.Module,
        embedding: str | nn.Module,
        *,
        padding: int | None = None,
        hidden: int | str | Tensor | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        self._model: Embedded = (
            FromTokens(model, embedding)
            if isinstance(embedding, str)
            else FromEmbeddings(model, embedding)
        )
        self.padding = padding
        self._outputs = outputs
        if hidden is None and padding is None:
            raise DomainError(
                "nothing says what stands for a hidden token: give padding=ID, or hidden= an id,"
                " 'mean', or an embedding"
            )
        self._hidden = padding if hidden is None else hidden

    def scores(self, ids: Tensor, batch_size: int = 32) -> Tensor:
        """Scores [batch, class] of texts [batch, token], as :meth:`Classifier.scores`.

        Raises as :meth:`groups`, DataError for an empty batch.
        """
        groups = list(self.groups(ids))
        if not groups:
            raise DataError("an empty batch has no scores; expected at least one text")
        parts = [group.classifier.scores(group.inputs, batch_size) for group in groups]
        found = parts[0].new_empty(len(ids), parts[0].shape[1])
        for group, part in zip(groups, parts, strict=True):
            found[group.texts] = part
        return found

    def groups(self, ids: Tensor) -> Iterator[TokenGroup]:
        """The texts by the positions of their padding: what any attribution can work on.

        Args:
            ids: [batch, token].

        Raises:
            DataError: ids that are no whole numbers [batch, token] or unknown to the embedding,
                or a text of padding alone.
            ModelError: the model does not read its tokens from the embedding alone.
        """
        self._check(ids)
        if len(ids) == 0:
            return
        embedded = self._model.embed(ids)
        hidden = self._stand_in(embedded)
        real = torch.ones_like(ids, dtype=torch.bool) if self.padding is None else (
            ids != self.padding
        )  # fmt: skip
        if not bool(real.any(1).all()):
            empty = int((~real.any(1)).nonzero()[0])
            raise DataError(f"text {empty} has no token: all of it is padding {self.padding}")
        patterns, of_text = torch.unique(real, dim=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            texts = (of_text == number).nonzero()[:, 0]
            positions = pattern.nonzero()[:, 0]
            frame = self._model.framed(ids[texts[0]], embedded[texts[0]], positions)
            tokens = embedded[texts][:, positions].transpose(1, 2)
            bounds = (min(tokens.min(), hidden.min()), max(tokens.max(), hidden.max()))
            inner = Classifier(frame, None, _range(*map(float, bounds)), self._outputs)
            reference = hidden[None, :, None].expand(1, -1, len(positions))
            against = Against(inner, reference)
            self._check_same(ids[texts[:4]], frame, tokens[:4])
            yield TokenGroup(texts, positions, against, against.differences(tokens))

    def _stand_in(self, embedded: Tensor) -> Tensor:
        """The embedding of a hidden token, [channel]."""
        found = self._hidden
        if isinstance(found, str):
            if found != "mean":
                raise DomainError(f"hidden is {found!r}; expected an id, 'mean' or an embedding")
            return self._model.mean(self.padding)
        if isinstance(found, Tensor):
            if found.shape != embedded.shape[2:]:
                raise DataError(
                    f"hidden has the shape {list(found.shape)}; expected"
                    f" {list(embedded.shape[2:])}, as the embeddings"
                )
            return found.detach().to(embedded)
        return self._model.embed(torch.tensor([[found]], device=embedded.device))[0, 0]

    def _check(self, ids: Tensor) -> None:
        whole = (torch.uint8, torch.int16, torch.int32, torch.int64)
        if not isinstance(ids, Tensor) or ids.ndim != 2 or ids.dtype not in whole:
            seen = (
                f"{ids.dtype} {list(ids.shape)}" if isinstance(ids, Tensor) else type(ids).__name__
            )
            raise DataError(f"the ids are {seen}; expected whole numbers [batch, token]")
        count = self._model.vocabulary
        if ids.numel() and count is not None:
            wrong = ids[(ids < 0) | (ids >= count)]
            if len(wrong):
                raise DataError(
                    f"token id {int(wrong[0])} is unknown; the embedding has {count}, 0 to"
                    f" {count - 1}"
                )

    def _check_same(self, ids: Tensor, frame: nn.Module, tokens: Tensor) -> None:
        """That the model gives the same with its embeddings put in their place."""
        with preserved(frame), torch.no_grad():
            frame.eval()
            given, replaced = self._model.of_ids(ids), frame(tokens)
        gap = float((given - replaced).abs().max())
        # Not where both are NaN: that is told when the scores are asked for.
        if gap > 1e-3 * max(1.0, float(given.abs().max())):
            raise ModelError(
                f"with its embeddings put in their place the model's scores differ by {gap:.2g}:"
                " it reads the token ids elsewhere too, and masks would not hide them"
            )


def learn_token_masks(
    text: TextClassifier,
    ids: Tensor,
    target: Target = None,
    preset: str | AnyPreset = "fast",
    *,
    seed: int = 0,
    batch_size: int = 16,
) -> Masks:
    """Learns for each text which tokens the classifier's answer rests on.

    Each token has a weight of its own: none is smoothed with its neighbours. The mask of a text
    does not depend on the others, nor on how far all were padded, as far as the network's answer
    does not.

    Args:
        text: the classifier.
        ids: [batch, token].
        target, preset, seed, batch_size: as of :func:`affidavit.attribution.learn_masks`.

    Returns:
        Masks [batch, token]; 0 for padding.

    Raises as `learn_masks` and :meth:`TextClassifier.groups`.

    Guarantee: `empirical`.
    """
    if len(ids) == 0:
        text._check(ids)
        none = torch.zeros(0, dtype=torch.long, device=ids.device)
        return Masks(torch.zeros(ids.shape, device=ids.device), none, torch.zeros(0, 0), {}, none)
    groups = list(text.groups(ids))
    chosen = classes(target, text.scores(ids))
    parts = [
        learn_masks(
            group.classifier,
            group.inputs,
            chosen[group.texts],
            preset,
            fill_in=HIDDEN,
            neighbours=False,
            seed=seed,
            batch_size=batch_size,
        )
        for group in groups
    ]
    return _joined(ids, chosen, groups, parts)


def _joined(ids: Tensor, chosen: Tensor, groups: list[TokenGroup], parts: list[Masks]) -> Masks:
    like = parts[0].losses
    longest = max(len(part.losses) for part in parts)
    mask = like.new_zeros(ids.shape)
    terms = {name: like.new_full((longest, len(ids)), torch.nan) for name in parts[0].terms}
    steps = torch.zeros(len(ids), dtype=torch.long, device=ids.device)
    for group, part in zip(groups, parts, strict=True):
        group.placed(part.mask, mask)
        steps[group.texts] = part.steps
        for name, values in part.terms.items():
            terms[name][: len(values), group.texts] = values
    losses = torch.stack(list(terms.values())).sum(0)
    return Masks(mask, chosen, losses, terms, steps)


def _range(lower: float, upper: float) -> tuple[float, float]:
    return (lower, upper) if lower < upper else (lower - 1, upper + 1)
