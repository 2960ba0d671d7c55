"""Is a class decided for anywhere in a region? Answered without finding all linear regions."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affidavit.contract.context import Context
from affidavit.contract.exploring import Array
from affidavit.contract.region import Place

MARGIN = 1e-7
"""Share of the outputs' size by which an answer must lead to count."""

SAMPLES = 4096
"""Random inputs that are looked at before anything harder is tried."""


@dataclass(frozen=True, eq=False)
class Search:
    """What a search found.

    Attributes:
        inputs: inputs of the classes looked for, [input, feature], the clearest first, or None.
        which: the answer that was found, as an array of one number, or of none.
        complete: whether it is proved that there is none, where none was found.
        sentence: how it was searched.
        evaluations: inputs run through the network.
    """

    inputs: Array | None
    which: NDArray[np.int64]
    complete: bool
    sentence: str
    evaluations: int


def search(
    context: Context,
    place: Place,
    preferences: list[tuple[Array, Array]],
    wanted: NDArray[np.int64],
    seconds: float,
) -> Search:
    """Looks for an input at which one of the wanted answers is given.

    First at random inputs, then by a mixed-integer program for each answer.

    Args:
        preferences: for each answer, `A y <= b` on the outputs (without a head) where it is given.
        wanted: the answers looked for.
        seconds: time to give up after.
    """
    from affidavit.regions.enumeration import on
    from affidavit.regions.milp import exists

    until = time.monotonic() + seconds
    network = on(context.graph, place.domain)
    frame = network.frame
    k = frame.dimensions
    generator = np.random.default_rng((context.seed % 2**32, 1))
    t = np.r_[np.zeros((1, k)), generator.uniform(-1, 1, (SAMPLES - 1, k))]
    t = t[(t @ frame.A.T < frame.b).all(1)]
    y = network.value(t)
    best = np.full(len(t), -np.inf)
    answer = np.zeros(len(t), np.int64)
    for index in wanted:
        A, b = preferences[index]
        slack = (b - y @ A.T).min(1, initial=np.inf)
        answer = np.where(slack > best, index, answer)
        best = np.maximum(best, slack)
    scale = max(float(np.abs(y).max(initial=0)), 1e-300)
    if (best > MARGIN * scale).any():
        order = np.argsort(-best, kind="stable")[:64]
        order = order[best[order] > MARGIN * scale]
        return Search(
            frame.embed(t[order]),
            answer[order[:1]],
            False,
            f"Found among {len(t):,} random inputs of the region; the rest of it was not searched.",
            len(t),
        )
    undecided = 0
    for index in wanted:
        A, b = preferences[index]
        left = until - time.monotonic()
        if left <= 0:
            undecided += 1
            continue
        found = exists(network, A, b - MARGIN * scale, seconds=left)
        if found.t is not None:
            inputs = frame.embed(found.t[None])
            sentence = f"Found by a mixed-integer program over the {k} features that vary."
            return Search(inputs, np.array([index]), False, sentence, len(t))
        undecided += not found.decided
    questions = f"{len(wanted)} mixed-integer program{'s'[: len(wanted) != 1]}"
    if not undecided:
        sentence = f"Proved by {questions} over the {k} features that vary, one a class."
    else:
        sentence = (
            f"Of {questions} over the {k} features that vary, {undecided} had no answer within"
            f" {seconds:g} s; {len(t):,} random inputs showed nothing either."
        )
    return Search(None, np.zeros(0, np.int64), not undecided, sentence, len(t))
