"""From options of the command line to a model, its data, and what is to be certified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affidavit.certify.properties import Property
from affidavit.certify.surveying import Chosen
from affidavit.cli.options import one_of, rows_of, split_of, usable
from affidavit.contract.context import Context
from affidavit.contract.explained import ExplanationKeys
from affidavit.contract.sampling import Rows, chosen_rows
from affidavit.contract.scaling import Normalise, Units, in_units
from affidavit.contract.specification import Data, Model
from affidavit.contract.subject import load_data, load_model
from affidavit.contract.surveying import predictions_of
from affidavit.errors import DomainError


@dataclass(frozen=True)
class Subject:
    """What is certified: names and paths as the options give them."""

    model: str
    weights: Path | None
    data: str
    label: str | None
    split: str | None
    output: str | None
    seed: int
    batch_size: int
    device: str


def context_of(subject: Subject, progress: bool) -> Context:
    """The model and the data, by the same ways as those of a contract."""
    usable(subject.device)
    here = Path()
    data = Data(source=subject.data, label=subject.label, split=split_of(subject.split))
    dataset = load_data(data, here, progress=progress)
    weights = None if subject.weights is None else str(subject.weights)
    section = Model(source=subject.model, weights=weights)
    graph = load_model(section, here, dataset, seed=subject.seed)
    output: Literal["logit", "probability"] | None = one_of(
        "--output", subject.output, ("logit", "probability")
    )
    return Context(
        graph=graph,
        dataset=dataset,
        seed=subject.seed,
        batch_size=subject.batch_size,
        device=subject.device,
        output=output,
        progress=progress,
    )


@dataclass(frozen=True, eq=False)
class Asked:
    """What is to be certified of which rows, and how.

    Attributes:
        part: the part that rows are of.
        rows: their numbers within it.
        units: of the inputs, of ε and of explanations.
        x: the inputs in these units, [input, *input_shape].
        wanted: what is certified.
        beyond_data: whether boxes may leave the data's range.
        method, attack: how.
        title: all that in words.
    """

    part: str
    rows: Rows
    units: Units
    x: NDArray[np.float64]
    wanted: Property
    beyond_data: bool
    method: Chosen
    attack: bool
    title: str


def asked_of(
    context: Context,
    part: str,
    rows: str | None,
    keys: Mapping[str, Any],
    *,
    normalise: str | None,
    beyond_data: bool,
    method: str,
    attack: bool,
) -> Asked:
    """What the options ask for.

    Args:
        keys: those of a claim about explanations, or `{"against": "prediction"}`.

    Raises:
        AffidavitError: options that mean nothing, or nothing together.
    """
    chosen: Chosen = one_of("--method", method, ("auto", "ibp", "crown", "bab"))
    whole = context.part(part)
    listed, samples = rows_of(rows, len(whole))
    numbers = chosen_rows(context, part, samples) if listed is None else np.array(listed, np.int64)
    units = in_units(context.graph, context.dataset, normalise_of(normalise))
    wanted: Property
    one_of("--against", keys["against"], ("untargeted", "targeted", "top_k", "prediction"))
    if keys["against"] == "prediction":
        wanted = predictions_of(context, part, numbers)
        what = "Right predictions that nothing changes"
    else:
        explained = ExplanationKeys(
            **{key: value for key, value in keys.items() if value is not None}
        )
        wanted = explained.explanation_property(context)
        what = f"The explanation of {explained.of_text} {explained.stays}"
    return Asked(
        part, numbers, units, units.of(whole.inputs[numbers]), wanted, beyond_data, chosen, attack,
        f"{what}: {len(numbers):,} rows of {part}",
    )  # fmt: skip


def target_keys(text: str | None) -> dict[str, Any]:
    """The keys of a claim that name the class, or the two classes, that are explained."""
    if text is None:
        return {}
    names: list[str | int] = [
        int(part) if part.strip().isdecimal() else part.strip() for part in text.split(",")
    ]
    if len(names) > 2:
        raise DomainError(f"--target {text!r}: expected a class, or two with a comma")
    return {"output": names[0]} if len(names) == 1 else {"margin": names}


def sizes_of(epsilons: Sequence[str], gammas: Sequence[str]) -> list[tuple[float, float]]:
    """All pairs of sizes (ε, γ), in order, none twice.

    Raises:
        DomainError: what is no size, or none at all.
    """
    epsilon, gamma = (
        sorted({size for text in texts for size in _sizes(option, text)}) or [0.0]
        for option, texts in (("--epsilon", epsilons), ("--gamma", gammas))
    )
    found = list(product(epsilon, gamma))
    if found == [(0.0, 0.0)]:
        raise DomainError(
            "nothing varies: give --epsilon for inputs, --gamma for weights, or both; several"
            " sizes with commas"
        )
    return found


def _sizes(option: str, text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
        if not all(0 <= size < float("inf") for size in found):
            raise ValueError
    except ValueError:
        raise DomainError(
            f"{option} {text!r}: expected a finite number of at least 0, or several with commas"
        ) from None
    return found


def normalise_of(text: str | None) -> Normalise | None:
    """The unit of features."""
    found: Normalise | None = one_of("--normalise", text, ("range", "sigma"))
    return found
