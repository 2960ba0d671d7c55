"""Bounds of single entries: one row of coefficients for each side of each entry."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from affidavit.certify.crown import values
from affidavit.certify.crown.choices import Choices
from affidavit.certify.crown.receptive import Windowed, windowed
from affidavit.certify.crown.relaxed import Relaxed
from affidavit.certify.target import by_class
from affidavit.graph import Interval, Node, ops

Lower: TypeAlias = Callable[[Relaxed, Mapping[str, Tensor], Choices], Tensor]

ROOM = 1 << 19
"""Numbers in the rows that are propagated at once, counted at the largest value on their way."""


RATE = 1.0
"""Step of Adam over numbers in [0, 1]: large, as few steps are taken."""


def refine(
    net: Relaxed, name: str, start: Interval, wanted: Tensor, lower: Lower, steps: int
) -> Interval:
    """Tighter bounds of some entries of a value, or of the gradient by it.

    Args:
        net: the network and the bounds so far.
        name: the value.
        start: bounds of it so far, which are never made looser.
        wanted: which entries, of its shape.
        lower: lower bounds of functionals, of values or of tangents.
        steps: steps of optimisation.
    """
    local = windowed(net, name) if lower is values.lower else None
    if local is not None:
        return _by_window(local, start, wanted, steps)
    flat = by_class(wanted)
    counts = flat.sum(1)
    # Where all want all, the rows are the same, and up to the first gate are carried once.
    shared = steps == 0 and bool(flat.all())
    low, high = by_class(start.lower).clone(), by_class(start.upper).clone()
    for batch, rows in _blocks(net, counts, name if shared else None):
        part = net.part(batch)
        # Inputs want different entries: the shorter ones bound some that they need not.
        index = flat[batch].to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        index = index[:, : int(counts[batch].max())]
        for chosen in torch.split(index, rows, 1):
            mine = chosen[:1] if shared else chosen
            one = low.new_zeros((*mine.shape, flat.shape[1])).scatter_(2, mine.unsqueeze(2), 1.0)
            one = one.reshape(*mine.shape, *start.lower.shape[1:])
            below, above = _both(part, name, one, lower, steps)
            low[batch] = low[batch].scatter_reduce(1, chosen, below, "amax")
            high[batch] = high[batch].scatter_reduce(1, chosen, above, "amin")
    return Interval(low.reshape(start.lower.shape), high.reshape(start.upper.shape))


def refine_twice(
    net: Relaxed, name: str, start: Interval, wanted: Tensor, lower: Lower, steps: int
) -> Interval:
    """As :func:`refine`, with the default choices and then, where there are steps, with better."""
    found = refine(net, name, start, wanted, lower, 0)
    return refine(net, name, found, wanted, lower, steps) if steps else found


def _blocks(net: Relaxed, counts: Tensor, shared: str | None) -> Iterator[tuple[Tensor, int]]:
    """Inputs that are bounded together, those that want most entries first, and rows at a time."""
    widest = max(_numbers(net, node, shared) for node in net.nodes)
    order = counts.argsort(descending=True, stable=True)
    order = order[: int((counts > 0).sum())]
    while len(order):
        most = int(counts[order[0]])
        inputs = max(1, min(len(order), ROOM // (widest * min(most, 64) * 2)))
        yield order[:inputs], max(1, ROOM // (widest * inputs * 2))
        order = order[inputs:]


def _numbers(net: Relaxed, node: Node, shared: str | None) -> int:
    """Numbers that one row takes at a node: its operands', or part of a convolution's columns."""
    sizes = [math.prod(net.size(name)) for _, name in net.varying(node) if name != shared]
    most = max(sizes, default=1)
    if isinstance(node.op, ops.Conv):
        columns = math.prod(net.shapes[node.operands[1]][1:]) * math.prod(net.size(node.name)[1:])
        return max(most, columns // 8)
    return most


def _by_window(local: Windowed, start: Interval, wanted: Tensor, steps: int) -> Interval:
    entries = wanted.nonzero()
    if not len(entries):
        return start
    low, high = start.lower.clone(), start.upper.clone()
    for part in torch.split(entries, max(1, ROOM // (2 * local.numbers))):
        small, one = local.around(part)
        below, above = _both(small, local.name, one, values.lower, steps)
        place = tuple(part.T)
        low[place] = torch.maximum(low[place], below[:, 0])
        high[place] = torch.minimum(high[place], above[:, 0])
    return Interval(low, high)


def _both(net: Relaxed, name: str, one: Tensor, lower: Lower, steps: int) -> tuple[Tensor, Tensor]:
    """Lower and upper bounds of functionals of one value, [batch, row]."""
    found = bound(net, name, torch.cat([one, -one], 1), lower, steps)
    found = torch.nan_to_num(
        found, nan=-torch.inf, neginf=-torch.inf
    )  # what overflows says nothing
    return found[:, : one.shape[1]], -found[:, one.shape[1] :]


def bound(net: Relaxed, name: str, a: Tensor, lower: Lower, steps: int) -> Tensor:
    """Lower bounds of functionals of one value, [batch, row], after so many steps."""
    choices = Choices(free=steps > 0)
    if steps:
        _search(net.roughly(), name, a.to(torch.float32), lower, steps, choices)
    with torch.no_grad():
        return lower(net, {name: a}, choices)


def _search(net: Relaxed, name: str, a: Tensor, lower: Lower, steps: int, choices: Choices) -> None:
    """Leaves choices for each row, found in single precision: any are sound.

    Those of the last step are taken unseen: hardly ever are they not the best.
    """
    optimiser: torch.optim.Adam | None = None
    for _ in range(steps):
        with torch.enable_grad():
            found = lower(net, {name: a}, choices)
        if not found.requires_grad:
            choices.values.clear()
            return  # nothing on the way is open
        parameters = list(choices.values.values())
        slopes = torch.autograd.grad(found, parameters, -torch.ones_like(found))
        if optimiser is None:
            optimiser = torch.optim.Adam(parameters, lr=RATE, betas=(0.8, 0.9))
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope.nan_to_num()
        optimiser.step()
        choices.clamp()
    choices.values = {key: number.detach().double() for key, number in choices.values.items()}
