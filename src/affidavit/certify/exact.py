"""Exact extremes over boxes of inputs: of gradients by all linear regions, of outputs by
mixed-integer programs.

On a linear region the gradient of a logit or of a margin is constant, so its extremes over all
regions of a box are its extremes over the box: over almost all of it, that is. On a kink, where
regions meet, frameworks return a gradient that may be none of theirs (`relu(x) - relu(-x)` has
the gradient 1 everywhere, but 0 is what comes out at 0). Kinks have no volume; the gradient that
comes out at the input itself is joined to the bounds, wherever it lies.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from affidavit.certify.pieces import enclosed_at, gradient_at, of_rows
from affidavit.certify.problem import Problem
from affidavit.certify.target import Score
from affidavit.errors import DomainError, EngineError, UnsupportedOpsError
from affidavit.graph import Graph, Interval, propagate
from affidavit.graph.intervals.interval import outward, rounded_as

if TYPE_CHECKING:
    from affidavit.regions import Limits, Progress

REGIONS = 1_000_000
"""Regions of one input's box that are enumerated unless told otherwise."""

SECONDS = 60.0
"""Time for one input unless told otherwise."""

TOLERANCE = 1e-9
"""What solvers may err by, as a share of the outputs' bounds by intervals."""

INSTEAD = "take a smaller box, or a sound method: 'bab', 'crown' or 'ibp'"

_TOGETHER = 1 << 14  # regions whose gradients are taken at once


def gradient(
    problem: Problem,
    chosen: Score,
    *,
    max_regions: float = REGIONS,
    max_seconds: float = SECONDS,
    progress: Callable[[Progress], None] | None = None,
) -> Interval:
    """The least and greatest gradient over the linear regions of each box.

    Args:
        max_regions, max_seconds: what one input may take.
        progress: called with the state of the enumeration.

    Raises:
        DomainError: weights vary, or the gradient is not constant on regions (cross-entropy).
        UnsupportedOpsError: lists all ops that are not piecewise linear.
        EngineError: an input's box has more regions than could be enumerated within the limits.

    Guarantee: `exact` up to the tolerances of `docs/regions.md` and outward rounding. Gradients
    at almost all inputs of the box, and at x itself, lie within, and the ends are attained.
    Source: Continuous Exact Explanations, section IV: a region's gradient is constant.
    """
    from affidavit.regions import Limits

    check_constant(chosen)
    graph = piecewise(problem, chosen.node)
    limits = Limits(regions=max_regions, seconds=max_seconds)
    box = problem.box.to(torch.float64, torch.device("cpu"))
    chosen = on_cpu(chosen)
    found = empty(box.lower)
    for i in range(len(box.lower)):
        one = Interval(box.lower[i : i + 1], box.upper[i : i + 1])
        try:
            with rounded_as(problem.box.lower.dtype):
                part = hull(graph, of_rows(chosen, torch.tensor([i])), one, limits, progress)
        except EngineError as error:
            raise EngineError(
                f"input {i}: {error}. Method 'exact' needs them all: raise max_regions or"
                f" max_seconds, {INSTEAD}"
            ) from None
        found.lower[i], found.upper[i] = part.lower[0], part.upper[0]
    if problem.x is not None:
        there = gradient_at(graph, chosen, problem.x.to("cpu", torch.float64))
        found = joined(found, Interval.point(there))
    return found.to(problem.box.lower.dtype, problem.box.lower.device)


def hull(
    graph: Graph,
    chosen: Score,
    box: Interval,
    limits: Limits,
    progress: Callable[[Progress], None] | None = None,
) -> Interval:
    """The least and greatest gradient over the regions of one box, [1, *input_shape], float64.

    Raises:
        EngineError: a limit came first; the message says how many regions were found.
    """
    from affidavit.regions import Box, partition

    if bool((box.lower == box.upper).all()):
        at = gradient_at(graph, chosen, box.lower)
        return joined(enclosed_at(graph, chosen, box.lower), Interval.point(at))
    found = partition(
        graph, Box(box.lower[0], box.upper[0]), limits=limits, progress=progress or False
    )
    if not found.complete:
        raise EngineError(
            f"{found.reason}; {len(found):,} linear regions of its box were found by then"
        )
    result = empty(box.lower)
    for start in range(0, len(found), _TOGETHER):
        inputs = found.inputs(slice(start, start + _TOGETHER))
        x = torch.from_numpy(inputs).reshape(-1, *graph.input_shape)
        many = of_rows(chosen, torch.zeros(len(x), dtype=torch.long))
        # What PyTorch returns inside the region lies in the enclosure, but where two operands of a
        # maximum are equal throughout and features that are held fixed tell them apart.
        part = joined(enclosed_at(graph, many, x), Interval.point(gradient_at(graph, many, x)))
        result = joined(result, spanned(part))
    return result


def outputs(problem: Problem, *, max_seconds: float = SECONDS) -> Interval:
    """The least and greatest value of each output over each box.

    Args:
        max_seconds: what one input may take.

    Raises:
        DomainError: weights vary.
        UnsupportedOpsError: lists all ops that are not piecewise linear, a final softmax too.
        EngineError: the limit came first.

    Guarantee: `exact` to 1e-6 of the outputs' size (`regions.milp_questions`), rounded outward.
    Source: Tjeng et al. 2019: a network as a mixed-integer program.
    """
    graph = piecewise(problem, problem.graph.output)
    shape = graph.shapes[graph.output][1:]
    rows = [np.eye(math.prod(shape))] * len(problem.box.lower)
    found = _extremes(graph, problem.box, rows, max_seconds)
    return Interval(found.lower.reshape(-1, *shape), found.upper.reshape(-1, *shape))


def margins(problem: Problem, chosen: Score, *, max_seconds: float = SECONDS) -> Interval:
    """How far the chosen class is ahead of each, at least and at most, [batch, class].

    Guarantee, arguments, errors: as :func:`outputs`, a final softmax left out.
    """
    graph = piecewise(problem, chosen.node)
    every = np.eye(math.prod(graph.shapes[graph.output][1:]))
    ahead = [every[int(label)] - every for label in chosen.first]
    return _extremes(graph, problem.box, ahead, max_seconds)


def _extremes(graph: Graph, box: Interval, rows: Sequence[np.ndarray], seconds: float) -> Interval:
    """Extremes of linear functions of the outputs, some rows for each input, [batch, row]."""
    wide = box.to(torch.float64, torch.device("cpu"))
    found = np.zeros((2, len(rows), len(rows[0]) if rows else 0))
    for i, wanted in enumerate(rows):
        one = Interval(wide.lower[i : i + 1], wide.upper[i : i + 1])
        loose = propagate(graph, one, names=(graph.output,))[graph.output]
        size = torch.maximum(loose.lower.abs(), loose.upper.abs()).flatten().numpy()
        slack = TOLERANCE * np.abs(wanted) @ size
        until = time.monotonic() + seconds
        for j, row in enumerate(wanted):
            for end, sign in ((0, -1.0), (1, 1.0)):
                best = _greatest(graph, one, sign * row, until) if row.any() else 0.0
                found[end, i, j] = sign * (best + slack[j])
    lower, upper = torch.from_numpy(found)
    exact = outward(lower, upper, 0)
    zero = torch.tensor([[not row.any() for row in wanted] for wanted in rows], dtype=torch.bool)
    exact = Interval(exact.lower.masked_fill(zero, 0), exact.upper.masked_fill(zero, 0))
    return exact.to(box.lower.dtype, box.lower.device)


def _greatest(graph: Graph, box: Interval, row: np.ndarray, until: float) -> float:
    """The greatest value of a function of the outputs over one box."""
    from affidavit.regions import Box, milp_questions
    from affidavit.regions.enumeration import on

    if bool((box.lower == box.upper).all()):
        value = graph(box.lower).flatten().numpy()
        return float(row @ value)
    network = on(graph, Box(box.lower[0], box.upper[0]))
    left = until - time.monotonic()
    answer = milp_questions.maximize(network, row, seconds=left) if left > 0 else None
    if answer is None or not answer.decided:
        raise EngineError(
            f"the extremes of the outputs were not found within max_seconds: raise it, or {INSTEAD}"
        )
    return answer.bound


def check_constant(chosen: Score) -> None:
    """Raises DomainError where the gradient varies on linear regions."""
    if not chosen.is_linear:
        raise DomainError(
            f"the gradient of {chosen.loss} varies on linear regions: method 'exact' needs"
            " loss='logit' or 'margin'; 'bab', 'crown' and 'ibp' bound it"
        )


def piecewise(problem: Problem, node: str) -> Graph:
    """The network up to a value, with the weights of the problem, all of which are fixed.

    Raises:
        DomainError: weights vary.
        UnsupportedOpsError: lists all ops that are not piecewise linear in the input.
    """
    from affidavit.regions.network import check_supported

    graph = problem.graph
    for name, weight in problem.weights.items():
        if not bool((weight.lower == weight.upper).all()):
            raise DomainError(
                f"the parameter {name!r} varies (gamma): linear regions are those of one network."
                " Methods 'bab', 'crown' and 'ibp' bound all networks of a box of weights"
            )
    needed = graph.ancestors([node])
    fixed = {name: weight.lower.detach() for name, weight in problem.weights.items()}
    cut = dataclasses.replace(
        graph,
        nodes=tuple(part for part in graph.nodes if part.name in needed),
        output=node,
        tensors={**graph.tensors, **fixed},
        output_names=(),
    ).to(torch.float64, "cpu")
    try:
        check_supported(cut)
    except UnsupportedOpsError as error:
        raise UnsupportedOpsError(
            "Method 'exact' needs a network that is piecewise linear in its input ('bab', 'crown'"
            " and 'ibp' do not), but:",
            error.ops,
        ) from None
    return cut


def on_cpu(chosen: Score) -> Score:
    """The score with its classes on the CPU, where regions are enumerated."""
    second = None if chosen.second is None else chosen.second.cpu()
    return dataclasses.replace(chosen, first=chosen.first.cpu(), second=second)


def empty(like: Tensor) -> Interval:
    """The interval that holds nothing: whatever is joined to it remains."""
    return Interval(torch.full_like(like, math.inf), torch.full_like(like, -math.inf))


def joined(a: Interval, b: Interval) -> Interval:
    """The least interval around two."""
    return Interval(torch.minimum(a.lower, b.lower), torch.maximum(a.upper, b.upper))


def spanned(a: Interval) -> Interval:
    """The least interval around all intervals of a batch, [1, ...]."""
    return Interval(a.lower.amin(0, keepdim=True), a.upper.amax(0, keepdim=True))
