"""A text model with embeddings put in the place of those that it makes of its tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import Tensor, nn

from affidavit.attribution.model_state import preserved
from affidavit.errors import ModelError, nearest


class Embedded(ABC):
    """What is asked of a text model: embeddings of tokens, and scores of embeddings."""

    def __init__(self, model: nn.Module, embedding: nn.Module) -> None:
        self.model, self.embedding = model, embedding

    @property
    def vocabulary(self) -> int | None:
        """How many tokens the embedding knows, where it tells."""
        count = getattr(self.embedding, "num_embeddings", None)
        return count if isinstance(count, int) else None

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings [batch, token, channel] of ids [batch, token]."""
        with preserved(self.embedding), torch.no_grad():
            found = self.embedding.eval()(ids)
        if not isinstance(found, Tensor) or found.ndim != 3 or found.shape[:2] != ids.shape:
            seen = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ModelError(f"the embedding gave {seen}; expected [batch, token, channel]")
        return found.detach()

    def mean(self, padding: int | None) -> Tensor:
        """The mean embedding of all tokens but padding, [channel].

        Raises ModelError where the embedding has no table.
        """
        count = self.vocabulary
        if count is None:
            raise ModelError(
                f"a {type(self.embedding).__name__} does not tell its tokens: there is no mean"
                " embedding; give hidden= an id or an embedding"
            )
        like = next(self.embedding.parameters())
        ids = torch.arange(count, device=like.device)
        return self.embed(ids[ids != (-1 if padding is None else padding)][None])[0].mean(0)

    def framed(self, ids: Tensor, embedded: Tensor, positions: Tensor) -> nn.Module:
        """The model as one of the tokens at some positions, [batch, channel, place] to scores.

        Args:
            ids: of a text with padding at the other positions, [token].
            embedded: its embeddings, [token, channel].
            positions: [place].
        """
        return _Framed(self, ids, embedded, positions)

    @abstractmethod
    def of_ids(self, ids: Tensor) -> Tensor:
        """The model's answer to ids [batch, token]."""

    @abstractmethod
    def of_embeddings(self, ids: Tensor, embedded: Tensor) -> Tensor:
        """The model's answer to embeddings [batch, token, channel], with padding where the ids
        have it."""


@final
class FromEmbeddings(Embedded):
    """A model that is given embeddings; who embeds stands beside it."""

    def of_ids(self, ids: Tensor) -> Tensor:
        """As of :class:`Embedded`."""
        return self.of_embeddings(ids, self.embed(ids))

    def of_embeddings(self, ids: Tensor, embedded: Tensor) -> Tensor:
        """As of :class:`Embedded`; the ids are not looked at."""
        found: Tensor = self.model(embedded)
        return found


@final
class FromTokens(Embedded):
    """A model that is given ids, and embeds them in a part of itself.

    Raises ModelError where it has no such part. On calls: the part is not called exactly once.
    """

    def __init__(self, model: nn.Module, name: str) -> None:
        names = [known for known, _ in model.named_modules() if known]
        if name not in names:
            raise ModelError(
                f"the model has no module {name!r}{nearest(name, names)}; it has"
                f" {', '.join(names) or 'none'}"
            )
        super().__init__(model, model.get_submodule(name))
        self.name = name

    def of_ids(self, ids: Tensor) -> Tensor:
        """As of :class:`Embedded`."""
        found: Tensor = self.model(ids)
        return found

    def of_embeddings(self, ids: Tensor, embedded: Tensor) -> Tensor:
        """As of :class:`Embedded`."""
        calls = 0

        def put(module: nn.Module, args: Any, output: Any) -> Tensor:
            nonlocal calls
            calls += 1
            return embedded

        handle = self.embedding.register_forward_hook(put)
        try:
            found: Tensor = self.model(ids)
        finally:
            handle.remove()
        if calls != 1:
            raise ModelError(f"the model called {self.name!r} {calls} times; expected once")
        return found


class _Framed(nn.Module):
    def __init__(
        self, embedded_model: Embedded, ids: Tensor, embedded: Tensor, positions: Tensor
    ) -> None:
        super().__init__()
        self.model = embedded_model.model
        self._embedded_model = embedded_model
        # All words alike: a model that looks at more of them than where they are gives itself away.
        self._ids = ids.index_fill(0, positions, int(ids[positions[0]]))
        self._embedded, self._positions = embedded, positions

    def forward(self, tokens: Tensor) -> Tensor:
        whole = self._embedded.to(tokens).expand(len(tokens), -1, -1)
        whole = whole.index_copy(1, self._positions, tokens.transpose(1, 2))
        return self._embedded_model.of_embeddings(self._ids.expand(len(tokens), -1), whole)
