"""Drawing the parameters of a module anew, by its own defaults or others of the catalogue."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from affidavit.errors import DomainError, ModelError
from affidavit.initialization.catalogue import Initializer, initializer
from affidavit.initialization.finding.declared import Declared
from affidavit.initialization.finding.sources import Source, sources_of


def initialize(
    model: nn.Module,
    kernel: str | Initializer | None = None,
    bias: str | Initializer | None = None,
    *,
    seed: int,
) -> tuple[str, ...]:
    """Draws the parameters of a module anew, in place.

    Each by what its layer declares, unless an initializer is named for its kind: kernels are the
    drawn weights of two axes or more (of linear, convolutional, recurrent and attention layers, and
    embeddings), biases the vectors called so outside of norms. Constants that none is named for
    (norms, slopes) take their first values again. A parameter that a user's own module made is left
    as it is: no code declares how it is drawn.

    What a parameter is given depends on the seed and its place in the model alone: another
    initializer for the biases leaves the kernels the same.

    Args:
        model: a PyTorch module, or a Keras model on the torch backend.
        kernel, bias: a name of the catalogue, an initializer, or None for what is declared.
        seed: of the drawing.

    Returns:
        The names of the parameters that were given values, in the model's order.

    Raises:
        DomainError: a name that the catalogue has not, an initializer that cannot draw a parameter
            of that shape, or a negative seed. Nothing is changed.
        ModelError: no parameter of which anything is declared.
    """
    if seed < 0:
        raise DomainError(f"seed {seed}: expected a whole number from 0 on")
    chosen = {
        "kernel": None if kernel is None else initializer(kernel),
        "bias": None if bias is None else initializer(bias),
    }
    draws = []
    for place, source in enumerate(sources_of(model)):
        if not source.declared:
            continue
        declared = source.declared[0]
        named = chosen.get(_kind(source, declared))
        if named is not None:
            declared = Declared(named, declared.fans, declared.layout)
        state = np.random.SeedSequence((seed, place)).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0]))
        try:
            values = declared.sample(source.shape, generator)
        except DomainError as error:
            raise DomainError(f"{source.name}: {error}") from error
        draws.append((source, values))
    if not draws:
        raise ModelError(
            "the module has no layer of PyTorch's own: nothing declares how its parameters are"
            " drawn, so they cannot be drawn anew"
        )
    with torch.no_grad():
        for source, values in draws:
            source.samples[0].copy_(values)
    return tuple(source.name for source, _ in draws)


def _kind(source: Source, declared: Declared) -> str:
    leaf = source.name.replace("/", ".").rpartition(".")[2]
    if "bias" in leaf:
        # A norm's shift is called a bias too, and goes with no kernel.
        return "" if "Norm" in source.layer else "bias"
    return "kernel" if len(source.shape) >= 2 and declared.initializer.random else ""
