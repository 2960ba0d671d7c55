"""Bounds of gradients and of outputs behind one call each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from affidavit.certify import bab, crown, exact, ibp
from affidavit.certify.boxes import Range, Size
from affidavit.certify.problem import pose
from affidavit.certify.target import Loss, Target, score
from affidavit.errors import DomainError, nearest
from affidavit.graph import Graph, Interval, load
from affidavit.graph.intervals.plain import plain_sums

Method: TypeAlias = Literal["ibp", "crown", "bab", "exact"]
Model: TypeAlias = Graph | nn.Module | str | Path


def gradient_bounds(
    model: Model,
    x: Tensor,
    *,
    epsilon: Size = 0.0,
    gamma: float | Mapping[str, float] = 0.0,
    data_range: Range | None = None,
    target: Target = None,
    loss: Loss = "logit",
    method: Method = "ibp",
    **options: Any,
) -> Interval:
    """Bounds on the input gradient that no choice of input and weights in their boxes leaves.

    Args:
        model: the network.
        x: inputs, [batch, *input_shape]. Their dtype is that of the bounds: those of float32 are
            rounded outward too, and looser.
        epsilon: the inputs vary in `[x − ε, x + ε]`: a number, or a tensor that broadcasts to x.
        gamma: each parameter W varies in `[W − γ|W|, W + γ|W|]`: a number, or one by name.
        data_range: least and greatest value of the features; the box is clipped to it.
        target: the class, for all inputs or each; a pair of classes for a margin; None for the
            class predicted at x.
        loss: what the gradient is of: `logit`, `margin` (first class less second), or
            `cross_entropy` of the softmax.
        method: `ibp`, `crown`, `bab` or `exact`, from the fastest to the tightest.
        options: of the method.

    Returns:
        Lower and upper bounds, of the shape of x.

    Raises:
        DomainError: sizes, ranges or targets that have no meaning, or bounds that overflow.
        UnsupportedOpsError: lists all ops that the method has no rule for.

    Guarantee: `sound`, and `exact` for the method of that name. At a kink any subgradient that a
    framework returns lies within; `exact`, and `bab` where it settles a part outright, speak of
    almost all inputs of the box and of x itself. Source: Wicker et al. 2022, sections 4 and 5,
    corrected.
    """
    graph = load(model, x[:1])
    x = x.detach()
    problem = pose(graph, x, epsilon=epsilon, gamma=gamma, data_range=data_range)
    chosen = score(graph, x, target, loss)
    with plain_sums():
        return _method(method, GRADIENTS)(problem, chosen, **options)


def output_bounds(
    model: Model,
    x: Tensor,
    *,
    epsilon: Size = 0.0,
    gamma: float | Mapping[str, float] = 0.0,
    data_range: Range | None = None,
    method: Method = "ibp",
    **options: Any,
) -> Interval:
    """Bounds on the outputs that no choice of input and weights in their boxes leaves.

    Arguments and errors as of :func:`gradient_bounds`.

    Returns:
        Lower and upper bounds, [batch, *output_shape].

    Guarantee: `sound`. Source: Gowal et al. 2018 (IBP); Zhang et al. 2018 (CROWN).
    """
    graph = load(model, x[:1])
    problem = pose(graph, x.detach(), epsilon=epsilon, gamma=gamma, data_range=data_range)
    with plain_sums():
        return _method(method, OUTPUTS)(problem, **options)


def margin_bounds(
    model: Model,
    x: Tensor,
    labels: Tensor | int | None = None,
    *,
    epsilon: Size = 0.0,
    gamma: float | Mapping[str, float] = 0.0,
    data_range: Range | None = None,
    method: Method = "ibp",
    **options: Any,
) -> Interval:
    """Bounds on how far one class is ahead of each other: where all are above 0, nothing in the
    boxes changes the prediction.

    Arguments and errors as of :func:`gradient_bounds`.

    Args:
        labels: the class that is ahead, for all inputs or each, [batch]; None for the class
            predicted at x.

    Returns:
        Bounds of `logit[label] − logit[class]`, [batch, class]; 0 for the label itself. They are
        tighter than differences of bounds.

    Guarantee: `sound`. Source: Gowal et al. 2018, section 3.
    """
    graph = load(model, x[:1])
    x = x.detach()
    problem = pose(graph, x, epsilon=epsilon, gamma=gamma, data_range=data_range)
    chosen = score(graph, x, labels)
    with plain_sums():
        return _method(method, MARGINS)(problem, chosen, **options)


GRADIENTS: dict[str, Callable[..., Interval]] = {
    "ibp": ibp.gradient,
    "crown": crown.gradient,
    "bab": bab.gradient,
    "exact": exact.gradient,
}
OUTPUTS: dict[str, Callable[..., Interval]] = {
    "ibp": ibp.outputs,
    "crown": crown.outputs,
    "bab": bab.outputs,
    "exact": exact.outputs,
}
MARGINS: dict[str, Callable[..., Interval]] = {
    "ibp": ibp.margins,
    "crown": crown.margins,
    "bab": bab.margins,
    "exact": exact.margins,
}
"""Each method by name: functions of a problem and, but for outputs, of a score."""


def _method(name: str, table: Mapping[str, Callable[..., Interval]]) -> Callable[..., Interval]:
    if name not in table:
        raise DomainError(
            f"there is no method {name!r}{nearest(name, table)}; expected {', '.join(table)}"
        )
    return table[name]
