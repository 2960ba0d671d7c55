"""What is found of one parameter, and the table of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affidavit.errors import ModelError
from affidavit.evidence import Cell, Table
from affidavit.initialization.distributions import Distribution
from affidavit.initialization.finding.declared import Declared
from affidavit.initialization.rules import Initializer


@dataclass(frozen=True)
class RandomParameter:
    """A parameter and how its first value is drawn.

    Attributes:
        name: as in `named_parameters`, or the path of a Keras variable.
        layer: type of the layer that holds it.
        shape: of the parameter.
        fan_in, fan_out: those that its initializer works with, or else those of its shape; None
            where there are none.
        declared: what the code of the layer declares: PyTorch's default of that layer, or the
            initializer that a Keras layer holds. None for a parameter that a user's own module
            makes.
        initializer: what it is drawn by, as far as its values show: the declared one, unless they
            contradict it; then the entry of the catalogue that fits; None where none does.
        distribution: that of `initializer` with its numbers worked out; None without one.
        random: whether it is drawn at random. Of a factory this is seen (it differs from seed to
            seed); of a single model it is what `initializer` says, or else what is declared.
        by_hand: whether it is not the layer's default: another initializer was asked for, its
            values were set, or they have been trained.
        fits: whether its values agree with what is declared. None where nothing is declared, or
            there is nothing to test.
        p_value: of the goodness-of-fit test of `distribution`; None where nothing was tested.
        adjusted_p: of the test of what is declared, adjusted for the number of parameters (Holm):
            it `fits` unless this is below the level.
        values: how many numbers were tested.
        also_fits: other entries that the values do not contradict either, where the initializer was
            found from the values: the fewer these, the more they say.
        shared_with: other names of the same parameter (tied weights).
        trainable: whether it takes part in training.
        note: what else there is to say, or nothing.
    """

    name: str
    layer: str
    shape: tuple[int, ...]
    fan_in: float | None
    fan_out: float | None
    declared: Declared | None
    initializer: Initializer | None
    distribution: Distribution | None
    random: bool
    by_hand: bool
    fits: bool | None
    p_value: float | None
    adjusted_p: float | None
    values: int
    also_fits: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()
    trainable: bool = True
    note: str = ""


def only_random(parameters: Sequence[RandomParameter]) -> list[RandomParameter]:
    """Those that are drawn at random, in their order."""
    return [parameter for parameter in parameters if parameter.random]


def require_random(parameters: Sequence[RandomParameter]) -> list[RandomParameter]:
    """Those that are drawn at random.

    Raises:
        ModelError: there are none: every run from this model would begin at the same place.
    """
    found = only_random(parameters)
    if found:
        return found
    if not parameters:
        raise ModelError("the model has no parameters: there is nothing to draw at random")
    names = ", ".join(parameter.name for parameter in parameters[:5])
    rest = f" and {len(parameters) - 5} others" if len(parameters) > 5 else ""
    raise ModelError(
        f"none of the model's parameters is drawn at random ({names}{rest}): every run would begin"
        " at the same place. Expected at least one random initializer; a factory that loads"
        " weights or sets its own seed must leave that out"
    )


def parameters_table(parameters: Sequence[RandomParameter]) -> Table:
    """All parameters as a table, a row each, in their order."""
    notes = [f"{one.name}: {one.note}" for one in parameters if one.note]
    count = len(only_random(parameters))
    summary = f"{count} of {len(parameters)} parameters are drawn at random."
    return Table(
        title="Parameters and how they are drawn",
        columns=(
            "parameter", "layer", "shape", "fan-in", "fan-out", "drawn by", "distribution",
            "random", "default", "p", "values",
        ),
        rows=tuple(_row(one) for one in parameters),
        note=" ".join([summary, *(f"{note}." for note in notes)]),
    )  # fmt: skip


def _row(one: RandomParameter) -> tuple[Cell, ...]:
    if one.initializer is None:
        drawn = "none of the catalogue"
    elif one.fits and one.declared is not None:
        drawn = one.declared.text
    else:
        drawn = one.initializer.text
    return (
        one.name,
        one.layer,
        " × ".join(map(str, one.shape)) or "scalar",
        one.fan_in,
        one.fan_out,
        drawn,
        one.distribution.text if one.distribution else None,
        one.random,
        not one.by_hand,
        one.p_value,
        one.values,
    )
