"""From a claim's region to its linear regions, and back to an input that shows what was found."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from affidavit import regions
from affidavit.contract.claim import Claim
from affidavit.contract.context import Context
from affidavit.contract.outputs import output_count, output_name
from affidavit.contract.region import Place, RegionKeys
from affidavit.evidence import Verdict, Witness
from affidavit.report import wording

if TYPE_CHECKING:
    from affidavit.regions import Partition
    from affidavit.regions.enumeration import Refinement

Array = NDArray[np.float64]

TOLERANCE = 1e-9
"""Numbers of a region's affine map that differ by less than this share of the largest are equal."""

CANDIDATES = 32
"""Inputs that are tried as a witness, in order, before the last is taken."""

LARGEST = 10
"""Regions that a table shows."""

_ENTRIES = 1 << 24  # numbers in a batch of affine maps
_POLYTOPES, _DIMENSIONS = 500, 6  # where volumes are computed one by one, without cells


class RegionClaim(RegionKeys, Claim, ABC):
    """Base of the claims that exact linear regions answer."""

    engine: Literal["auto", "skeleton", "planar", "lp", "milp"] = Field(
        default="auto", description="the algorithm that finds regions"
    )
    max_seconds: float = Field(default=300.0, gt=0, description="time to give up after")
    max_regions: int = Field(
        default=1_000_000, ge=1, description="number of linear regions to give up after"
    )


def one_score(output: str | int | None, margin: list[str | int] | None) -> None:
    """Raises ValueError when a claim names an output and a margin, or a margin of nothing."""
    if margin is not None and output is not None:
        raise ValueError("output and margin exclude each other: choose one")
    if margin is not None and margin[0] == margin[1]:
        raise ValueError(f"margin: {margin[0]!r} against itself is always 0")


def explore(
    claim: RegionClaim,
    context: Context,
    place: Place,
    refine: Refinement = None,
    seconds: float | None = None,
) -> Partition:
    """The linear regions of the model in a claim's region, within the claim's limits.

    Raises:
        UnsupportedOpsError: the model is not piecewise linear; all its other ops are named.
        DomainError: the region is flat, empty, or more than the engine can do.
    """
    return regions.partition(
        context.graph,
        place.domain,
        engine=claim.engine,
        refine=refine,
        limits=regions.Limits(regions=claim.max_regions, seconds=seconds or claim.max_seconds),
        progress=context.progress,
        seed=context.seed % 2**32,
    )


def shares(found: Partition) -> Array | None:
    """Each region's share of the volume, or None where volumes are out of reach."""
    k = found.frame.dimensions
    if not found.shapes and (k > _DIMENSIONS or len(found) > _POLYTOPES):
        return None
    result: Array = found.volumes / found.domain_volume
    return result


def slopes(found: Partition, row: Array) -> Array:
    """Gradient of `row @ outputs` in each region, shape [region, feature]."""
    parts = [row @ weights for weights in weight_batches(found)]
    return np.concatenate(parts) if parts else np.zeros((0, len(found.frame.base)))


def weight_batches(found: Partition) -> Iterator[Array]:
    """Slopes of all outputs, [region, output, feature], as many regions at a time as fit."""
    size = max(1, _ENTRIES // max(1, found.network.outputs * len(found.frame.base)))
    for start in range(0, len(found), size):
        yield found.maps(slice(start, start + size))[0]


def run(context: Context, x: Array) -> Array:
    """The model's own outputs for one input, flat, as it runs: in its own precision."""
    graph = context.graph
    dtype = next(
        (tensor.dtype for tensor in graph.tensors.values() if tensor.is_floating_point()),
        torch.float32,
    )
    batch = torch.from_numpy(np.ascontiguousarray(x)).to(dtype).reshape(1, *graph.input_shape)
    with torch.inference_mode():
        result: Array = graph(batch).double().numpy().reshape(-1)
    return result


def outputs_at(found: Partition, x: Array) -> Array:
    """The outputs for an input, without a head, in double precision, flat."""
    graph = found.network.graph
    with torch.inference_mode():
        y = graph(torch.from_numpy(x.astype(np.float64)).reshape(1, *graph.input_shape))
    result: Array = y.numpy().reshape(-1)
    return result


def gradient_at(found: Partition, x: Array) -> Array:
    """Slopes of the outputs at an input, [output, feature]."""
    frame = found.frame
    t = (x[frame.free] - frame.center) / frame.half
    result: Array = found.network.gradients(t[None])[0][0]
    return result


def witness(
    context: Context,
    place: Place,
    candidates: Array,
    show: Callable[[int, Array, Array], tuple[bool, str]],
    *,
    decide: Callable[[Array], str] | None = None,
    relevant: Array | None = None,
) -> Witness:
    """The first candidate that shows the violation when the model is run on it.

    Candidates are rounded to single precision first, in which models take their inputs. Where none
    of them shows it, the first is returned, with a note.

    Args:
        candidates: inputs, flat, [candidate, feature]; exact in double precision.
        show: given a candidate's number, its input and the model's outputs for it: whether they
            show the violation, and what happens there.
        decide: the class that outputs decide for.
        relevant: how much each feature matters; by default those that vary come first.
    """
    chosen = None
    for number, candidate in enumerate(candidates[:CANDIDATES]):
        x = _single(candidate, place)
        y = run(context, x)
        shown, sentence = show(number, x, y)
        if shown and place.holds(x):
            chosen = x, y, sentence
            break
    if chosen is None:
        x = candidates[0]
        y = run(context, x)
        _, sentence = show(0, x, y)
        note = (
            " (In real numbers it does; the model's own run, in its precision, does not show it:"
            " the margin is within rounding.)"
        )
        chosen = x, y, sentence + note
    x, y, sentence = chosen
    order = np.where(place.free, 0.0 if relevant is None else np.abs(relevant), -1.0)
    count = output_count(context)
    return Witness(
        sentence=sentence,
        input=tuple(float(value) for value in x),
        shape=tuple(int(size) for size in place.shape),
        features=place.names,
        outputs=tuple(float(value) for value in y),
        output_names=tuple(output_name(context, index) for index in range(count)),
        decision=None if decide is None else decide(y),
        relevant=tuple(
            int(index) for index in np.argsort(-order, kind="stable") if place.free[index]
        ),
    )


def _single(x: Array, place: Place) -> Array:
    """The nearest input in single precision that is in the region's bounds."""
    near = x.astype(np.float32)
    low, high = place.lower, place.upper
    inwards = np.where(near > high, -np.inf, np.where(near < low, np.inf, near))
    moved = np.nextafter(near, inwards.astype(np.float32))
    # A fixed value without a single-precision form is left as near as it gets.
    return np.where(place.free, moved, near).astype(np.float64)


def strongest(weights: Array, names: tuple[str, ...], count: int = 3) -> str:
    """The features of largest weight, with their signed weights."""
    order = np.argsort(-np.abs(weights), kind="stable")[:count]
    return ", ".join(f"{names[i]} {weights[i]:+.3g}" for i in order if weights[i])


def verdict_of(violated: bool, found: Partition) -> Verdict:
    """A violation that was found is one, whatever else was not gone through."""
    if violated:
        return Verdict.VIOLATED
    return Verdict.HOLDS if found.complete else Verdict.UNDECIDED


def portion(share: float) -> str:
    """A share as a percentage, to four digits."""
    # Sums of volumes end in rounding, which is not to make 100 % another number.
    return f"{wording.number(float(f'{100 * share:.10g}'))}\N{NO-BREAK SPACE}%"


def limits_text(found: Partition) -> str:
    """How much of the region was gone through, for a finding."""
    count = f"{len(found):,} linear region{'s'[: len(found) != 1]}"
    if found.complete:
        return f"The region consists of {count} (engine {found.engine}, all of them gone through)."
    return (
        f"Not all of the region was gone through: {found.reason}. Found by then: {count};"
        f" gone through: {portion(found.decided)} of the region (engine {found.engine})."
    )


def assumptions(place: Place) -> tuple[str, ...]:
    """What every statement about linear regions rests on."""
    return (
        "The statement is about the function in real numbers that the model's weights define,"
        " evaluated in double precision; comparisons count as equal within 1e-9 of the largest"
        " number involved, and linear regions thinner than 1e-10 of the region's widths are left"
        " out.",
        *place.remarks,
    )
