"""Where runs begin: networks made under a seed, and their initial parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from affidavit.errors import AffidavitError, DomainError, ModelError
from affidavit.initialization.numbering import numbered
from affidavit.seeding import seeded

# Shifting the scale of a normalisation is no shift of weights: Algorithm 1 knows none of these.
_NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.RMSNorm,
)
# Odd, so that different positions have different seeds.
_STEP = 0x9E3779B1


@dataclass(frozen=True)
class Start:
    """The first run's beginning, from which others are made.

    Attributes:
        make_model: gives a new network, its parameters drawn from PyTorch's (or NumPy's, or
            Python's) global generator.
        seed: of the search.
    """

    make_model: Callable[[], nn.Module]
    seed: int

    def __post_init__(self) -> None:
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise DomainError(f"seed is {self.seed!r}; expected a whole number from 0 on")

    def run_seed(self, position: int) -> int:
        """The seed of a run, below 2^32: another one for every position of a search."""
        first = int(np.random.SeedSequence(self.seed).generate_state(1)[0])
        return (first + position * _STEP) % 2**32

    def fresh(self, seed: int) -> nn.Module:
        """A new network under a seed.

        Raises ModelError for a factory that fails, gives no module, or one without parameters to
        train.
        """
        try:
            with seeded(seed):
                model = self.make_model()
        except AffidavitError:
            raise
        except Exception as error:
            raise ModelError(f"make_model failed: {type(error).__name__}: {error}") from error
        if not isinstance(model, nn.Module):
            raise ModelError(f"make_model gave a {type(model).__name__}; expected an nn.Module")
        if not all(_made(value) for value in (*model.parameters(), *model.buffers())):
            raise ModelError(
                "make_model gave a model whose parameters have no values (lazy ones, or on the"
                " device 'meta'); expected one that can be trained. A lazy model has them once it"
                " was called on an input, within make_model"
            )
        if next(_trained(model), None) is None:
            raise ModelError("the model has no parameters to train: there is nothing to search")
        return model

    def check(self, fresh: bool) -> None:
        """Raises ModelError for a factory that does not do as a search needs.

        Args:
            fresh: another seed has to give other weights.
        """
        one, two = self.first(), self.first()
        places = [{value.data_ptr() for _, value in _trained(model)} for model in (one, two)]
        if places[0] & places[1]:
            raise ModelError(
                "make_model gave the same parameters twice: training one network would train the"
                " other. Expected new ones at each call"
            )
        if _digest(one) != _digest(two):
            raise ModelError(
                "make_model gave other weights under the same seed; expected weights drawn from the"
                " global generator of PyTorch, NumPy or Python, or from one with a seed of its own"
            )
        if fresh and self._repeats(one):
            raise ModelError(
                "make_model gives the same weights under any seed: there is nothing random to draw"
                " again. Expected a factory that seeds no generator, loads no weights and trains"
                " nothing"
            )

    def _repeats(self, first: nn.Module) -> bool:
        """Whether another seed gives the same network."""
        try:
            return _digest(first) == _digest(self.fresh(self.run_seed(1)))
        except ModelError:
            return False  # as that run will tell

    def first(self) -> nn.Module:
        """The network of the first run."""
        return self.fresh(self.run_seed(0))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Weights and biases that may be moved: all trained ones but those of normalisations.

        Raises ModelError where there are none.
        """
        found = tuple(name for name, _ in moved(self.first()))
        if not found:
            raise ModelError(
                "the model trains nothing but normalisations, which are not moved; expected weights"
            )
        return found

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the first network's parameters and buffers, by name, shape and value."""
        return _digest(self.first())


def moved(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The weights and biases of :attr:`Start.names`, to be changed in place."""
    norms = {id(value) for value in _of_norms(model)}
    for name, value in _trained(model):
        if id(value) not in norms:
            yield name, value.data


def _of_norms(model: nn.Module) -> Iterator[Tensor]:
    for part in model.modules():
        if isinstance(part, _NORMS):
            yield from part.parameters(recurse=False)
        layers: Any = getattr(part, "_flatten_layers", None)
        if layers is not None:  # a model of Keras, whose layers are no modules of it
            for layer in layers():
                if type(layer).__name__.endswith("Normalization"):
                    yield from (variable.value for variable in layer.trainable_variables)


def _digest(model: nn.Module) -> str:
    """SHA-256 of parameters and buffers, by name, shape and value."""
    found = hashlib.sha256()
    state = [(name, value) for name, value in model.state_dict().items() if torch.is_tensor(value)]
    for name, value in numbered(state):
        found.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        octets = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        found.update(octets.numpy().data)
    return found.hexdigest()


def _made(value: Tensor) -> bool:
    return not is_lazy(value) and not value.is_meta


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    for name, value in numbered(list(model.named_parameters())):
        if value.requires_grad and value.is_floating_point() and value.numel():
            yield name, value
