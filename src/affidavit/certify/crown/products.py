"""Products of coefficients with what depends on their sign: compiled, or differentiable."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from affidavit.certify.crown import kernels
from affidavit.certify.crown.lines import Lines
from affidavit.certify.target import by_class


def least(a: Tensor, below: Tensor, above: Tensor) -> Tensor:
    """`Σ max(a, 0) below + min(a, 0) above` over all axes but batch and row, [batch, row].

    a is [batch, row, ...]; the others are [batch, ...] or, by row, of a's axes. A batch of 1 stands
    for any.
    """
    if _is_learned(a, below, above):
        return _searched(a, below, above)
    if len(a) == 1 and below.ndim < a.ndim and max(len(below), len(above)) > 1:
        rows = flat(a)[0]  # which all inputs share
        below, above = by_class(below), by_class(above)
        return (rows.clamp(min=0) @ below.T + rows.clamp(max=0) @ above.T).T
    if not _compiles(a):
        return _inner(a.clamp(min=0), below) + _inner(a.clamp(max=0), above)
    return _least(a, below, above)


def bend(a: Tensor, lines: Lines) -> tuple[Tensor, Tensor]:
    """`max(a, 0) low + min(a, 0) high`, and :func:`least` of floor and ceiling."""
    parts = (lines.low, lines.high, lines.floor, lines.ceiling)
    if _is_learned(a, *parts) or not _compiles(a) or not a[:1, :1].numel():
        low, high = (x if x.ndim == a.ndim else x.unsqueeze(1) for x in parts[:2])
        bent = torch.addcmul(a.clamp(min=0) * low, a.clamp(max=0), high)
        return bent, least(a, lines.floor, lines.ceiling)
    entries, *rest = (_entries(x, a.ndim) for x in (a, *parts))
    batch = max(map(len, (a, *parts)))
    bent, found = a.new_empty((batch, *a.shape[1:])), a.new_empty((batch, a.shape[1]))
    kernels.bend(*(x.numpy() for x in (entries, *rest, flat(bent), found)))
    return bent, found


def _searched(a: Tensor, below: Tensor, above: Tensor) -> Tensor:
    """:func:`least` but for rounding; its slope where a coefficient is 0 is halfway, so that a
    search leans neither way there."""
    if _compiles(a) and not _is_learned(below, above):
        found: Tensor = _Least.apply(a, below, above)  # type: ignore[no-untyped-call]
        return found
    return _inner(a, (below + above) / 2) - _inner(a.abs(), (above - below) / 2)


class _Least(torch.autograd.Function):
    """:func:`least` as a function of its coefficients."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, below: Tensor, above: Tensor) -> Tensor:
        ctx.save_for_backward(a, below, above)
        return _least(a, below, above)

    @staticmethod
    def backward(ctx: Any, *by: Tensor) -> tuple[Tensor, None, None]:
        parts = [_entries(x, ctx.saved_tensors[0].ndim) for x in ctx.saved_tensors]
        found = torch.empty_like(parts[0])
        kernels.pick(*(x.numpy() for x in (*parts, by[0].contiguous(), found)))
        return found.reshape(ctx.saved_tensors[0].shape), None, None


def _least(a: Tensor, below: Tensor, above: Tensor) -> Tensor:
    parts = [_entries(x, a.ndim) for x in (a, below, above)]
    found = a.new_zeros((max(len(a), len(below)), a.shape[1]))
    if a[:1, :1].numel():
        kernels.least(*(x.numpy() for x in (*parts, found)))
    return found


def _compiles(a: Tensor) -> bool:
    return a.device.type == "cpu"


def _is_learned(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(x.requires_grad for x in tensors)


def _entries(x: Tensor, axes: int) -> Tensor:
    """[batch, row, entry], with one row where there was no axis of rows."""
    return flat(x if x.ndim == axes else x.unsqueeze(1)).contiguous().detach()


def flat(x: Tensor) -> Tensor:
    """Every axis behind batch and row as one: of numbers, which have none, one of length 1."""
    return x.unsqueeze(2) if x.ndim == 2 else x.flatten(2)


def _inner(a: Tensor, b: Tensor) -> Tensor:
    if b.ndim == a.ndim:
        return flat(a * b).sum(-1)
    return (flat(a) @ by_class(b).unsqueeze(-1)).squeeze(-1)
