"""How many of many inputs have a property: certified, refuted, and the gap between."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affidavit.certify.bounds import Method
from affidavit.certify.properties import Property, Refutation, Threat
from affidavit.graph import Graph

Chosen: TypeAlias = Method | Literal["auto"]
Progress: TypeAlias = Callable[[str, int, int], None]

COSTLY_BATCH = 32
"""Inputs that a method tighter than IBP treats at once: its memory grows with neurons, squared."""

MOST_WEIGHTS = 1 << 24
"""Weights that an attack holds at once, of all inputs of a batch together."""

AUTO: tuple[Method, ...] = ("ibp", "crown")
"""Methods that `auto` goes through, the fastest first; each takes what the last left open."""


@dataclass(frozen=True, eq=False)
class Counterexample:
    """An input for which a property fails.

    Attributes:
        row: the input's number.
        x: where it fails, [*input_shape].
        params: the weights under which it fails, by name; None for the network's own.
        value: how far the attack came.
        already: whether it fails there without any change.
    """

    row: int
    x: NDArray[np.float64]
    params: dict[str, NDArray[np.float64]] | None
    value: float
    already: bool


@dataclass(frozen=True, eq=False)
class Survey:
    """What was found of each input.

    Attributes:
        certified: the property holds for certain, [input].
        refuted: it fails for certain, [input]; never where it is certified.
        method: what certified it, [input], or "".
        value: how far the attack came, [input]; NaN where none was needed or made.
        lower, upper: bounds of the explanations, [input, *input_shape], NaN where they were not
            reached; None for a property of predictions.
        adversarial: where it fails, [input, *input_shape]; NaN for what was not refuted.
        counterexamples: the clearest ones, the clearest first, with their weights; those that take
            a change before those that do not.
        finished: whether all that was to be done was done.
        reason: why not, or "".
        seconds: wall-clock time.
    """

    certified: NDArray[np.bool_]
    refuted: NDArray[np.bool_]
    method: tuple[str, ...]
    value: NDArray[np.float64]
    lower: NDArray[np.float64] | None
    upper: NDArray[np.float64] | None
    adversarial: NDArray[np.float64]
    counterexamples: tuple[Counterexample, ...]
    finished: bool
    reason: str
    seconds: float

    def __len__(self) -> int:
        return len(self.certified)

    @property
    def open(self) -> NDArray[np.bool_]:
        """Neither certified nor refuted, [input]."""
        result: NDArray[np.bool_] = ~(self.certified | self.refuted)
        return result

    @property
    def width(self) -> NDArray[np.float64]:
        """Mean of δ, the width of an explanation's bounds, over its features, [input]."""
        if self.lower is None or self.upper is None:
            return np.full(len(self), math.nan)
        result: NDArray[np.float64] = (self.upper - self.lower).reshape(len(self), -1).mean(1)
        return result


def survey(
    graph: Graph,
    x: Tensor,
    wanted: Property,
    threat: Threat,
    *,
    method: Chosen = "auto",
    attack: bool = True,
    batch_size: int = 256,
    seconds: float = math.inf,
    seed: int = 0,
    keep: int = 8,
    progress: Progress | None = None,
) -> Survey:
    """Certifies each input, and attacks those that were not certified.

    The attack comes before the second method of `auto`, which then has only the gap to work on. A
    limit of time, or Ctrl-C, ends the work; what was found until then is returned.

    Args:
        graph: the network.
        x: inputs, [input, *input_shape]; all is computed in their dtype.
        wanted: what is certified.
        threat: what the adversary may change.
        method: a method of bounds, or `auto`: IBP, then CROWN for what IBP leaves open.
        attack: whether to attack.
        batch_size: inputs at once.
        seconds: time to give up after, looked at between batches.
        seed: of the attack.
        keep: counterexamples that are kept.
        progress: called with what is being done, the inputs done and all to be done.

    Raises:
        DomainError, UnsupportedOpsError: as of the bounds and the attacks.

    Guarantee: `sound` for what is certified; what is refuted is a counterexample.
    """
    work = _Work(graph, x, wanted, threat, batch_size, seed, keep, progress)
    started = time.monotonic()
    reason = ""
    try:
        for step in _steps(method, attack):
            for rows in work.batches(step):
                left = seconds - (time.monotonic() - started)
                if left < 0:
                    raise TimeoutError
                work.attack(rows) if step == "attack" else work.certify(rows, step, left)
    except TimeoutError:
        reason = f"the limit of {seconds:.3g} s came first"
    except KeyboardInterrupt:
        reason = "it was interrupted"
    return Survey(
        work.certified,
        work.refuted,
        tuple(work.method),
        work.value,
        work.lower,
        work.upper,
        work.adversarial,
        tuple(work.counterexamples),
        not reason,
        reason,
        time.monotonic() - started,
    )


def methods_of(method: Chosen) -> tuple[Method, ...]:
    """The methods of bounds that a choice goes through."""
    return AUTO if method == "auto" else (method,)


def _steps(method: Chosen, attack: bool) -> Iterator[Method | Literal["attack"]]:
    """What is done one after the other: bounds, an attack, and under `auto` bounds again."""
    first, *rest = methods_of(method)
    yield first
    if attack:
        yield "attack"
    yield from rest


class _Work:
    """What is known of each input so far."""

    def __init__(
        self,
        graph: Graph,
        x: Tensor,
        wanted: Property,
        threat: Threat,
        batch_size: int,
        seed: int,
        keep: int,
        progress: Progress | None,
    ) -> None:
        self.graph, self.x, self.wanted, self.threat = graph, x, wanted, threat
        self.batch_size, self.seed, self.keep, self.progress = batch_size, seed, keep, progress
        count, shape = len(x), tuple(x.shape)
        self.certified = np.zeros(count, np.bool_)
        self.refuted = np.zeros(count, np.bool_)
        self.method = [""] * count
        self.value = np.full(count, math.nan)
        self.adversarial = np.full(shape, math.nan)
        self.lower = np.full(shape, math.nan) if wanted.about_explanations else None
        self.upper = np.full(shape, math.nan) if wanted.about_explanations else None
        self.counterexamples: list[Counterexample] = []

    @property
    def open(self) -> NDArray[np.bool_]:
        """Neither certified nor refuted so far, [input]."""
        result: NDArray[np.bool_] = ~(self.certified | self.refuted)
        return result

    def batches(self, step: str) -> Iterator[NDArray[np.int64]]:
        """Numbers of the inputs that a step has to look at, as many at a time as it takes."""
        todo = np.flatnonzero(self.open)
        size = self.batch_size if step in ("ibp", "attack") else min(COSTLY_BATCH, self.batch_size)
        if step == "attack" and self.threat.gamma > 0:
            # Each input has its own weights there.
            weights = sum(self.graph.tensors[name].numel() for name in self.graph.parameters)
            size = min(size, max(1, MOST_WEIGHTS // max(weights, 1)))
        for start in range(0, len(todo), size):
            if self.progress is not None:
                self.progress(step, start, len(todo))
            yield todo[start : start + size]

    def certify(self, rows: NDArray[np.int64], method: Method, seconds: float) -> None:
        options: dict[str, Any] = {}
        if method == "bab" and math.isfinite(seconds):
            # It takes what time it gets: as much for these as for each of those after them.
            after = int(self.open.sum()) - int(self.open[: rows[0]].sum())
            options["max_seconds"] = max(seconds * len(rows) / max(after, 1), 1e-3)
        proof = self.wanted.prove(
            self.graph, self.x[rows], torch.from_numpy(rows), self.threat, method, **options
        )
        certified = _array(proof.certified)
        self.certified[rows] = certified
        for row in rows[certified]:
            self.method[row] = method
        if proof.bounds is not None and self.lower is not None and self.upper is not None:
            # Two sound bounds: where they differ, the tighter one holds.
            self.lower[rows] = np.fmax(self.lower[rows], _array(proof.bounds.lower))
            self.upper[rows] = np.fmin(self.upper[rows], _array(proof.bounds.upper))

    def attack(self, rows: NDArray[np.int64]) -> None:
        found = self.wanted.refute(
            self.graph, self.x[rows], torch.from_numpy(rows), self.threat, self.seed
        )
        success = _array(found.success)
        self.refuted[rows] = success
        self.value[rows] = _array(found.value)
        self.adversarial[rows[success]] = _array(found.x)[success]
        already = _array(found.already)
        order = np.lexsort((-self.wanted.sign * self.value[rows], already))
        # Only what could be among the kept ones is taken out of the batch.
        for place in [place for place in order if success[place]][: self.keep]:
            self.counterexamples.append(_counterexample(int(rows[place]), int(place), found))
        sign = self.wanted.sign
        self.counterexamples.sort(key=lambda item: (item.already, -sign * item.value))
        del self.counterexamples[self.keep :]


def _counterexample(row: int, place: int, found: Refutation) -> Counterexample:
    params = None
    if found.params is not None:
        params = {name: _array(tensor[place]) for name, tensor in found.params.items()}
    return Counterexample(
        row, _array(found.x[place]), params, float(found.value[place]), bool(found.already[place])
    )


def _array(tensor: Tensor) -> NDArray[Any]:
    result: NDArray[Any] = tensor.detach().cpu().numpy()
    return result
