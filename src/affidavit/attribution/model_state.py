"""A module's state beside its weights: kept before a method works on it, restored afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


@contextmanager
def preserved(module: nn.Module) -> Iterator[None]:
    """Restores, also when the body raises, what methods change about a module.

    That is training or evaluation mode and the hooks of every submodule, and `requires_grad` and
    `.grad` of every parameter.
    """
    modes = [(part, part.training) for part in module.modules()]
    hooks = [
        (kept, dict(kept))
        for part in module.modules()
        for kept in (getattr(part, name, None) for name in _HOOKS)
        if kept is not None
    ]
    parameters = [(one, one.requires_grad, one.grad) for one in module.parameters()]
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for now, before in hooks:
            if list(now) != list(before):
                now.clear()
                now.update(before)
        for one, requires_grad, grad in parameters:
            one.requires_grad_(requires_grad)
            one.grad = grad
