"""Label change rates by the book: a whole copy of the model for every mutant, one at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import product

import torch
from torch import Tensor, nn

from affidavit.mutation import Mutant


def mutated_copy(model: nn.Module, mutant: Mutant) -> nn.Module:
    """A copy of the model with the mutant's edits, entry by entry."""
    made = copy.deepcopy(model).eval()
    before = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    after = {**dict(made.named_parameters()), **dict(made.named_buffers())}
    with torch.no_grad():
        for edit in mutant.edits:
            old, new = before[edit.tensor], after[edit.tensor]
            places = list(product(*(range(extent) for extent in old.shape[: edit.axes])))
            for number, entry in enumerate(edit.index.tolist()):
                if edit.change == "negate":
                    new[places[entry]] = -old[places[entry]]
                elif edit.change == "copy":
                    new[places[entry]] = old[places[int(edit.source[number])]]
                else:
                    new[places[entry]] = torch.tensor(edit.values[number]).to(old.dtype)
    return made


def scores(model: nn.Module, mutants: Iterable[Mutant], inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of the model [batch, class] and of each mutant [mutant, batch, class]."""
    with torch.no_grad():
        own = copy.deepcopy(model).eval()(inputs)
        return own, torch.stack([mutated_copy(model, one)(inputs) for one in mutants])


def label_change_rate(model: nn.Module, mutants: Iterable[Mutant], inputs: Tensor) -> Tensor:
    """Equation 6 of Wu, Michel and Briot, [batch]."""
    own, others = scores(model, mutants, inputs)
    rates = []
    for number in range(len(inputs)):
        label = int(own[number].argmax())
        changes = [int(other[number].argmax()) != label for other in others]
        rates.append(sum(changes) / len(changes))
    return torch.tensor(rates, dtype=torch.float64)
