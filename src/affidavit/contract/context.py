"""What a check is given: the model, the data, and the means."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import torch
from torch import nn

from affidavit.data import Dataset
from affidavit.errors import ModelError
from affidavit.graph import Graph
from affidavit.progress import tracked

if TYPE_CHECKING:
    from affidavit.contract.factory import Factory
    from affidavit.contract.specification import Preprocessing

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Context:
    """Everything a check may use. Parts and the model's outputs on them are made once.

    `module` is what the graph was made of, without the `preprocessing` that the contract puts in
    front: None where that was no module, or is in another process. `factory` is the code that it
    came from, to be called for further networks: None where it is a file, or came from Python.
    """

    graph: Graph
    dataset: Dataset
    seed: int = 0
    batch_size: int = 256
    device: str = "cpu"
    output: Literal["logit", "probability"] | None = None
    progress: bool = False
    folder: Path = Path()
    module: nn.Module | None = None
    preprocessing: Preprocessing | None = None
    factory: Factory | None = None
    _parts: dict[str, Dataset] = field(default_factory=dict, repr=False)
    _outputs: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def part(self, name: str) -> Dataset:
        """The rows of one part of the data.

        Raises:
            DataError: no such part.
        """
        if name not in self._parts:
            self._parts[name] = self.dataset.part(name)
        return self._parts[name]

    def outputs(self, name: str) -> np.ndarray:
        """The model's outputs on a part of the data, shape [row, output], in float32.

        Raises:
            ModelError: the model returns NaN, or not one axis of outputs an input.
        """
        if name not in self._outputs:
            self._outputs[name] = self._evaluate(name)
        return self._outputs[name]

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for all claims that ask with the same key."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def track(self, items: Iterable[T], description: str) -> Iterable[T]:
        """The items, with a progress bar on stderr while they last, where one is wanted."""
        return tracked(self.progress, items, description)

    def _evaluate(self, name: str) -> np.ndarray:
        part = self.part(name)
        shape = self.graph.shapes[self.graph.output][1:]
        if len(shape) > 1:
            raise ModelError(
                f"the model gives outputs of shape {list(shape)};"
                " expected one axis, a score a class"
            )
        graph = self.graph.to(device=self.device)
        batches = []
        starts = range(0, len(part), self.batch_size)
        with torch.inference_mode():
            for start in self.track(starts, f"Running the model on {name}"):
                x = torch.tensor(part.inputs[start : start + self.batch_size]).to(self.device)
                # A single output may come without an axis of its own.
                batches.append(self._run(graph, x).float().cpu().numpy().reshape(len(x), -1))
        outputs = np.concatenate(batches)
        undefined = int(np.isnan(outputs).any(1).sum())
        if undefined:
            raise ModelError(
                f"the model returns NaN on {undefined} of the {len(part)} inputs of {name!r}"
            )
        return outputs

    def _run(self, graph: Graph, x: torch.Tensor) -> torch.Tensor:
        try:
            return graph(x)
        except torch.OutOfMemoryError as error:
            raise ModelError(
                f"{self.device} has not enough memory for {len(x)} inputs at once: lower"
                " [run] batch_size"
            ) from error
