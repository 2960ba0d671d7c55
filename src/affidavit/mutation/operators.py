"""Mutation operators, as the sources that use them define them.

All draw `int(rate × units)` units without replacement, and at least one (a switch: two).

`wu`: Wu, Michel and Briot 2020, and its code. Convolutions are mutated (linear layers where there
are none), the rate is a share of all units together.

- NAI changes the sign of a filter.
- GF draws a filter anew from N(m, s²), m and s being those of the layer's filters at each place.
- WS shuffles the weights of a filter.
- NS moves filters round in a circle, in each layer by itself.

`wang`: Wang, Dong, Sun, Wang and Zhang 2019, and its code. Convolutions and linear layers.

- NAI, WS: as above, of a filter or neuron.
- GF draws single weights, those of biases and batch norms included, anew from N(m, s²) of their
  whole tensor.
- NS as above, in layers of at least 10 units.

`deepmutation`: Ma et al. 2018. Convolutions and linear layers; the rate is a share in each layer.

- NAI, WS, NS: as above, of a filter or neuron.
- GF draws single weights from N(w, s²) around the weight w, s being that of the layer's weights.

The papers say less than this table, so what their code does is taken where it is published; Ma et
al. leave the width of GF to the user (`spread` scales it, in all schemes). Two things are done
otherwise than there. An inversion under a batch norm changes the sign of the batch norm's scale
and shift: to change that of the filter alone, or of the filter and the scale, as the two codes do,
leaves a shift in place and inverts nothing. And a rate that comes to no unit at all mutates one,
where the codes then return the model unchanged.

With `unit="kernel"` a unit is one kernel [height, width] from an input to an output channel, as
the text of Wu et al. can be read; with `unit="weight"` a single weight. Their inversion changes
the sign of these weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affidavit.errors import DomainError, ModelError, nearest
from affidavit.mutation.edits import Edit, Integers, Mutant, copy, negate, put
from affidavit.mutation.layers import Layer

Operator: TypeAlias = Literal["NAI", "GF", "WS", "NS"]
Unit: TypeAlias = Literal["filter", "kernel", "weight"]
Fuzz: TypeAlias = Literal["place", "tensor", "around"]

OPERATORS: Mapping[str, str] = {
    "NAI": "neuron activation inverse",
    "GF": "Gaussian fuzzing",
    "WS": "weight shuffling",
    "NS": "neuron switch",
}
UNITS: tuple[Unit, ...] = ("filter", "kernel", "weight")


@dataclass(frozen=True)
class Scheme:
    """How a source defines the operators.

    Attributes:
        source: where they are defined.
        by_layer: whether the rate is a share in every layer, or of all units together.
        convolutions: whether linear layers are left alone where there are convolutions.
        fuzzed: unit of GF; that of the others is a filter.
        everything: whether GF also takes biases, batch norms and all other parameters.
        fuzz: where GF takes its new values from.
        switched: least units of a layer in which NS switches.
    """

    source: str
    by_layer: bool
    convolutions: bool
    fuzzed: Unit
    everything: bool
    fuzz: Fuzz
    switched: int = 2


SCHEMES: Mapping[str, Scheme] = {
    "wu": Scheme(
        "Wu, Michel and Briot, Leveraging Model Interpretability and Stability to increase Model"
        " Robustness",
        by_layer=False, convolutions=True, fuzzed="filter", everything=False, fuzz="place",
    ),
    "wang": Scheme(
        "Wang, Dong, Sun, Wang and Zhang 2019, Adversarial Sample Detection for Deep Neural"
        " Network through Model Mutation Testing",
        by_layer=False, convolutions=False, fuzzed="weight", everything=True, fuzz="tensor",
        switched=10,
    ),
    "deepmutation": Scheme(
        "Ma et al. 2018, DeepMutation: Mutation Testing of Deep Learning Systems",
        by_layer=True, convolutions=False, fuzzed="weight", everything=False, fuzz="around",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Population:
    """The units of one tensor that may be drawn: its entries over the leading `axes`."""

    tensor: str
    axes: int
    units: int
    layer: Layer | None


@dataclass(frozen=True, eq=False)
class Draw:
    """Draws candidates for mutants.

    Attributes:
        operator, scheme, unit: what happens to what.
        rate: share of the units, in (0, 1].
        populations: what units there are.
        tensors: of the model, by name.
        spread: factor of GF's standard deviation.
    """

    operator: str
    scheme: Scheme
    unit: Unit
    rate: float
    populations: tuple[Population, ...]
    tensors: Mapping[str, Tensor]
    spread: float

    @property
    def units(self) -> int:
        """All units that there are."""
        return sum(population.units for population in self.populations)

    def __call__(self, random: np.random.Generator) -> Mutant:
        """A candidate, not yet known to be good enough."""
        drawn = self._switched(random) if self.operator == "NS" else self._drawn(random)
        edits: list[Edit] = []
        for population, index in drawn:
            edits += _EDITS[self.operator](self, population, index, random)
        return Mutant(tuple(edits), sum(len(index) for _, index in drawn))

    def _drawn(self, random: np.random.Generator) -> list[tuple[Population, Integers]]:
        counts = [population.units for population in self.populations]
        if self.scheme.by_layer:
            shares = [_share(self.rate, count) for count in counts]
            if any(shares):
                return [
                    (population, np.sort(random.choice(population.units, share, replace=False)))
                    for population, share in zip(self.populations, shares, strict=True)
                    if share
                ]
        count = 1 if self.scheme.by_layer else max(1, _share(self.rate, sum(counts)))
        flat = np.sort(random.choice(sum(counts), count, replace=False))
        starts = np.concatenate([[0], np.cumsum(counts)])
        parts = np.split(flat, np.searchsorted(flat, starts[1:-1]))
        return [
            (population, part - start)
            for population, part, start in zip(self.populations, parts, starts[:-1], strict=True)
            if len(part)
        ]

    def _switched(self, random: np.random.Generator) -> list[tuple[Population, Integers]]:
        shares = [_share(self.rate, population.units) for population in self.populations]
        found = [
            (population, random.choice(population.units, share, replace=False))
            for population, share in zip(self.populations, shares, strict=True)
            if share >= 2
        ]
        if found:
            return found
        counts = np.array([population.units for population in self.populations], float)
        population = self.populations[random.choice(len(counts), p=counts / counts.sum())]
        return [(population, random.choice(population.units, 2, replace=False))]


def drawing(
    operator: str,
    scheme: str,
    rate: float,
    layers: Sequence[Layer],
    tensors: Mapping[str, Tensor],
    parameters: Sequence[str],
    *,
    unit: str | None = None,
    spread: float = 1.0,
) -> Draw:
    """What draws mutants of an operator.

    Raises:
        DomainError: no such operator, scheme or unit; a rate outside of (0, 1]; a spread that is
            not positive.
        ModelError: no layer has units for the operator.
    """
    for word, known, kind in ((operator, OPERATORS, "operator"), (scheme, SCHEMES, "scheme")):
        if word not in known:
            raise DomainError(
                f"no {kind} {word!r}{nearest(str(word), known)}; expected {', '.join(known)}"
            )
    if not (isinstance(rate, int | float) and 0 < rate <= 1):
        raise DomainError(
            f"the rate is {rate}; expected a share of the units above 0 and at most 1. A rate"
            " that comes to less than one unit mutates one."
        )
    if not (math.isfinite(spread) and spread > 0):
        raise DomainError(f"spread is {spread}; expected a positive factor")
    rules = SCHEMES[scheme]
    default: Unit = rules.fuzzed if operator == "GF" else "filter"
    units: Unit = default if unit is None else _unit(unit, operator)
    everything = operator == "GF" and rules.everything and unit is None
    found = (
        [Population(name, tensors[name].ndim, tensors[name].numel(), None) for name in parameters]
        if everything
        else [_population(layer, tensors[layer.weight], units) for layer in layers]
    )
    if rules.convolutions and any(p.layer is not None and p.layer.convolution for p in found):
        found = [p for p in found if p.layer is not None and p.layer.convolution]
    populations = tuple(p for p in found if p.units and _suits(p, operator, units, tensors))
    if operator == "NS":
        large = tuple(p for p in populations if p.units >= rules.switched)
        populations = large or populations
    if not populations:
        raise ModelError(
            f"no layer of the model has units that {operator} ({OPERATORS[operator]}) could"
            f" mutate by {units}"
        )
    return Draw(operator, rules, units, float(rate), populations, tensors, spread)


def _unit(unit: str, operator: str) -> Unit:
    for known in UNITS:
        if unit == known and not (unit == "weight" and operator == "WS"):
            return known
    usable = [known for known in UNITS if not (known == "weight" and operator == "WS")]
    raise DomainError(
        f"unit is {unit!r}{nearest(str(unit), usable)}; {operator} knows {', '.join(usable)}"
    )


def _share(rate: float, units: int) -> int:
    # A share such as 0.1 of 30 is meant to be 3, whatever 0.1 is in binary.
    return int(rate * units + 1e-9)


def _population(layer: Layer, weight: Tensor, unit: Unit) -> Population:
    axes = {"filter": 1, "kernel": min(2, weight.ndim), "weight": weight.ndim}[unit]
    return Population(layer.weight, axes, math.prod(weight.shape[:axes]), layer)


def _suits(
    population: Population, operator: str, unit: Unit, tensors: Mapping[str, Tensor]
) -> bool:
    """Whether the operator can change the units: there is nothing to shuffle in one weight."""
    if operator == "NAI":
        # One filter of two layers' common batch norm cannot be inverted alone.
        return unit != "filter" or population.layer is None or not population.layer.shared_norm
    if operator == "WS":
        return math.prod(tensors[population.tensor].shape[population.axes :]) > 1
    return operator != "NS" or population.units > 1


def _inverted(
    draw: Draw, population: Population, index: Integers, _: np.random.Generator
) -> list[Edit]:
    layer = population.layer
    if draw.unit != "filter" or layer is None:
        return [negate(population.tensor, index, population.axes)]
    if layer.norms and all(norm.scale is not None for norm in layer.norms):
        names = [name for norm in layer.norms for name in (norm.scale, norm.shift)]
    else:
        names = [layer.weight, layer.bias, *(norm.mean for norm in layer.norms)]
    return [negate(name, index) for name in names if name is not None]


def _fuzzed(
    draw: Draw, population: Population, index: Integers, random: np.random.Generator
) -> list[Edit]:
    tensor = _array(draw.tensors[population.tensor])
    place = np.unravel_index(index, tensor.shape[: population.axes])
    if draw.scheme.fuzz == "place":
        mean, deviation = tensor.mean(0), tensor.std(0)
        mean, deviation = (np.broadcast_to(part, tensor.shape)[place] for part in (mean, deviation))
    else:
        around = draw.scheme.fuzz == "around"
        mean = tensor[place] if around else np.broadcast_to(tensor.mean(), tensor[place].shape)
        deviation = np.broadcast_to(tensor.std(), mean.shape)
    values = random.normal(mean, draw.spread * deviation).astype(tensor.dtype)
    return [put(population.tensor, index, values, population.axes)]


def _shuffled(
    draw: Draw, population: Population, index: Integers, random: np.random.Generator
) -> list[Edit]:
    tensor = _array(draw.tensors[population.tensor])
    entries = tensor[np.unravel_index(index, tensor.shape[: population.axes])]
    flat = entries.reshape(len(entries), -1)
    values = random.permuted(flat, axis=1).reshape(entries.shape)
    return [put(population.tensor, index, values, population.axes)]


def _moved(
    draw: Draw, population: Population, index: Integers, _: np.random.Generator
) -> list[Edit]:
    source, layer = np.roll(index, 1), population.layer
    if draw.unit != "filter" or layer is None:
        return [copy(population.tensor, index, source, population.axes)]
    names: list[str | None] = [layer.weight, layer.bias]
    if not layer.shared_norm:
        for norm in layer.norms:
            names += [norm.scale, norm.shift, norm.mean, norm.variance]
    return [copy(name, index, source) for name in names if name is not None]


def _array(tensor: Tensor) -> NDArray[np.floating]:
    tensor = tensor.detach().cpu()
    if tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()  # NumPy does not know all of torch's dtypes
    found: NDArray[np.floating] = tensor.numpy()
    return found


_EDITS: Mapping[str, Callable[[Draw, Population, Integers, np.random.Generator], list[Edit]]] = {
    "NAI": _inverted,
    "GF": _fuzzed,
    "WS": _shuffled,
    "NS": _moved,
}
