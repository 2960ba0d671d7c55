"""Small changes of a model's tensors that can be undone bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affidavit.errors import ModelError, nearest
from affidavit.graph import Graph

Model: TypeAlias = nn.Module | Graph
Integers: TypeAlias = NDArray[np.int64]
Change: TypeAlias = Literal["negate", "copy", "set"]

CHANGES: tuple[Change, ...] = ("negate", "copy", "set")


@dataclass(frozen=True, eq=False)
class Edit:
    """What happens to some entries of one tensor.

    Attributes:
        tensor: its name, as in `named_parameters` or `named_buffers`, or a graph's tensor.
        axes: how many leading axes an entry is found by. Of a convolution's weight [out, in,
            height, width] an entry is a filter with 1, a kernel with 2, a single weight with 4.
        index: the entries, [entry], each a position in row-major order over these axes.
        change: `negate` their sign, `copy` those of `source` into them, or `set` them to `values`.
        source: positions like `index`, [entry]; empty unless copied.
        values: new values, [entry, *the axes left over]; empty unless set.
    """

    tensor: str
    axes: int
    index: Integers
    change: Change
    source: Integers
    values: NDArray[np.floating]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.index.nbytes + self.source.nbytes + self.values.nbytes

    def new(self, tensor: Tensor) -> Tensor:
        """The new values of the entries, [entry, ...], of the tensor as it is."""
        if self.change == "negate":
            return -tensor[self.place(tensor)]
        if self.change == "copy":
            return tensor[self._at(tensor, self.source)]
        return torch.from_numpy(self.values).to(tensor)

    def place(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """The entries as an index of the tensor."""
        return self._at(tensor, self.index)

    def rows(self, tensor: Tensor) -> Integers:
        """The entries of axis 0 that the edit touches, ascending."""
        per_row = int(np.prod(tensor.shape[1 : self.axes], dtype=np.int64))
        found: Integers = np.unique(self.index // per_row)
        return found

    def _at(self, tensor: Tensor, flat: Integers) -> tuple[Tensor, ...]:
        places = np.unravel_index(flat, tuple(tensor.shape[: self.axes]))
        return tuple(torch.from_numpy(place).to(tensor.device) for place in places)


@dataclass(frozen=True, eq=False)
class Mutant:
    """A model that differs from another by a few edits.

    Attributes:
        edits: of different tensors; each sees its tensor as the model has it.
        units: how many units (filters, kernels or weights, as its scheme says) were mutated.
        accuracy: share of the validation inputs that it classifies as labelled.
    """

    edits: tuple[Edit, ...]
    units: int
    accuracy: float = float("nan")

    @property
    def nbytes(self) -> int:
        """Bytes that the edits take."""
        return sum(edit.nbytes for edit in self.edits)


def negate(tensor: str, index: Integers, axes: int = 1) -> Edit:
    """The edit that changes the sign of some entries."""
    return Edit(tensor, axes, index, "negate", _NONE, _NOTHING)


def copy(tensor: str, index: Integers, source: Integers, axes: int = 1) -> Edit:
    """The edit that puts copies of the entries `source` in the place of `index`."""
    return Edit(tensor, axes, index, "copy", source, _NOTHING)


def put(tensor: str, index: Integers, values: NDArray[np.floating], axes: int = 1) -> Edit:
    """The edit that gives some entries new values."""
    return Edit(tensor, axes, index, "set", _NONE, values)


_NONE: Integers = np.zeros(0, np.int64)
_NOTHING: NDArray[np.floating] = np.zeros(0, np.float32)


def tensors_of(model: Model) -> dict[str, Tensor]:
    """The tensors that edits may name: of a module its parameters and buffers."""
    if isinstance(model, Graph):
        return dict(model.tensors)
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def require(edits: Iterable[Edit], tensors: Mapping[str, Tensor]) -> None:
    """Raises ModelError, with the nearest name, unless every edit fits a tensor."""
    for edit in edits:
        if edit.tensor not in tensors:
            raise ModelError(
                f"the mutant changes {edit.tensor!r}, which the model does not have"
                f"{nearest(edit.tensor, tensors)}: was it made from another model?"
            )
        shape = tuple(tensors[edit.tensor].shape)
        entries = int(np.prod(shape[: edit.axes], dtype=np.int64))
        used = np.concatenate([edit.index, edit.source])
        unlike = edit.change == "set" and edit.values.shape[1:] != shape[edit.axes :]
        if len(shape) < edit.axes or unlike or (len(used) and int(used.max()) >= entries):
            raise ModelError(
                f"the mutant's change of {edit.tensor!r} does not fit its shape {list(shape)}: was"
                " it made from another model?"
            )


@contextmanager
def mutated(model: nn.Module, mutant: Mutant) -> Iterator[nn.Module]:
    """The module with the mutant's edits in place; afterwards its tensors are as they were.

    They are restored bit for bit, also when the body raises. The edits are written into the live
    tensors: nothing is copied but the entries that change.

    Raises:
        ModelError: the mutant was made from another model.
    """
    tensors = tensors_of(model)
    require(mutant.edits, tensors)
    kept: list[tuple[Tensor, tuple[Tensor, ...], Tensor]] = []
    try:
        with torch.no_grad():
            new = [edit.new(tensors[edit.tensor]) for edit in mutant.edits]
            for edit, values in zip(mutant.edits, new, strict=True):
                tensor = tensors[edit.tensor]
                place = edit.place(tensor)
                kept.append((tensor, place, tensor[place]))
                tensor[place] = values
        yield model
    finally:
        with torch.no_grad():
            for tensor, place, values in reversed(kept):
                tensor[place] = values


def edited(tensors: Mapping[str, Tensor], mutant: Mutant) -> dict[str, Tensor]:
    """Edited copies of the tensors that the mutant changes, by name."""
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for edit in mutant.edits:
            if edit.tensor in tensors:
                before = tensors[edit.tensor]
                after = found.setdefault(edit.tensor, before.detach().clone())
                after[edit.place(before)] = edit.new(before)
    return found


def mutated_graph(graph: Graph, mutant: Mutant) -> Graph:
    """The graph with the mutant's edits; the graph given is left as it is.

    Raises:
        ModelError: the mutant was made from another model.
    """
    require(mutant.edits, graph.tensors)
    return replace(graph, tensors={**graph.tensors, **edited(graph.tensors, mutant)})
