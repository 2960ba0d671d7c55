"""Drawing the parameters of a module anew, by names of the catalogue or its own defaults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from affidavit.errors import DomainError, ModelError
from affidavit.initialization.catalogue import initializer
from affidavit.initialization.finding.declared import Declared
from affidavit.initialization.finding.sources import Source, sources_of
from affidavit.initialization.rules import Initializer

DEFAULT = "default"
"""In place of a name: what the layer itself declares."""


def initialize(
    model: nn.Module,
    kernel: str | Initializer | None = None,
    bias: str | Initializer | None = None,
    *,
    seed: int,
) -> tuple[str, ...]:
    """Draws the kernels, the biases, or both of a module anew, in place.

    Kernels are the drawn weights of two axes or more, of PyTorch's and Keras's own layers (linear,
    convolutional, recurrent, attention, embeddings); biases are what is called so outside of norms.
    All else stays as it is: norms, slopes, and what a user's own module made, of which no code
    declares how it is drawn. Rows that a layer sets apart keep their values (padding of an
    embedding, the forget gate of an LSTM).

    What a parameter is given depends on the seed and its place in the model alone: another
    initializer for the biases leaves the kernels the same.

    Args:
        model: a PyTorch module, or a Keras model on the torch backend.
        kernel, bias: a name of the catalogue or an initializer, `"default"` for what each layer
            declares, or None to leave them as they are.
        seed: of the drawing.

    Returns:
        The names of the parameters that were drawn, in the model's order.

    Raises:
        DomainError: a name that the catalogue has not, neither of the two named, an initializer
            that cannot draw a parameter of that shape, or a negative seed.
        ModelError: no parameter of a kind that is named. In any of these cases, nothing is changed.
    """
    if seed < 0:
        raise DomainError(f"seed {seed}: expected a whole number from 0 on")
    named = {
        kind: name if name == DEFAULT else initializer(name)
        for kind, name in (("kernel", kernel), ("bias", bias))
        if name is not None
    }
    if not named:
        raise DomainError(
            "nothing to draw: name an initializer for kernel or for bias, such as 'he_normal', or"
            f" {DEFAULT!r}"
        )
    draws = []
    for place, source in enumerate(sources_of(model)):
        if not source.declared or _kind(source) not in named:
            continue
        wanted, declared = named[_kind(source)], source.declared[0]
        if isinstance(wanted, Initializer):
            declared = replace(declared, initializer=wanted, by_hand=True)
        draws.append((source, _values(source, declared, seed, place)))
    if not draws:
        raise ModelError(
            f"the model has no {' and no '.join(named)} of a layer that is known: nothing is to be"
            " drawn anew"
        )
    with torch.no_grad():
        for source, values in draws:
            source.samples[0].copy_(values)
    return tuple(source.name for source, _ in draws)


def _kind(source: Source) -> str:
    if "bias" in source.name.replace("/", ".").rpartition(".")[2]:
        return "" if "Norm" in source.layer else "bias"
    return "kernel" if len(source.shape) >= 2 and source.declared[0].initializer.random else ""


def _values(source: Source, declared: Declared, seed: int, place: int) -> torch.Tensor:
    state = np.random.SeedSequence((seed, place)).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(state[0]))
    try:
        return declared.sample(source.shape, generator)
    except DomainError as error:
        raise DomainError(f"{source.name}: {error}") from error
