"""Where runs begin: networks made under a seed, and their initial parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from affidavit.errors import AffidavitError, ModelError
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
        if next(_trained(model), None) is None:
            raise ModelError("the model has no parameters to train: there is nothing to search")
        return model

    def first(self) -> nn.Module:
        """The network of the first run."""
        return self.fresh(self.run_seed(0))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Weights and biases that may be moved: all trained ones but those of normalisations."""
        return tuple(name for name, _ in moved(self.first()))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the first network's parameters, by name, shape and value."""
        found = hashlib.sha256()
        for name, value in self.first().state_dict().items():
            found.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
            found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return found.hexdigest()


def moved(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The weights and biases of :attr:`Start.names`, to be changed in place."""
    norms = {
        id(value)
        for part in model.modules()
        if isinstance(part, _NORMS)
        for value in part.parameters(recurse=False)
    }
    for name, value in _trained(model):
        if id(value) not in norms:
            yield name, value.data


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    for name, value in model.named_parameters():
        if value.requires_grad and value.is_floating_point() and value.numel():
            yield name, value
