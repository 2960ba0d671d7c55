"""Watching and changing single steps of a forward pass, whatever code they are in.

Rules such as those of guided backpropagation speak of steps (a ReLU, a sum), not of modules: a
module may be used twice, and a step may have none. PyTorch's function mode hands over each call of
its functions, be it by a module, a function or a method, in place or not, and changes nothing of
the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode

from affidavit.errors import ModelError


class Interception(TorchFunctionMode):
    """Hands each call of a PyTorch function to `rule`, which makes its result.

    Args:
        rule: `(function, arguments, keywords) -> result`. Within it nothing is intercepted.
    """

    def __init__(self, rule: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self.rule(func, args, kwargs or {})


def require_visible(model: Any) -> None:
    """Raises ModelError for modules that TorchScript compiled: their steps call no function."""
    if not isinstance(model, nn.Module):
        return
    hidden = [name for name, part in model.named_modules() if isinstance(part, _COMPILED)]
    if hidden:
        raise ModelError(
            f"the module {hidden[0] or 'itself'!r} is compiled by TorchScript, and what it does"
            " cannot be seen; give the Python module that it was made from"
        )


def name_of(function: Any) -> str:
    """A function's name without its module, or of a property's getter: `relu_`, `shape`."""
    name: str = getattr(function, "__name__", str(function))
    if name == "__get__":
        return str(getattr(getattr(function, "__self__", None), "__name__", name))
    return name


def custom_steps(result: Tensor) -> list[str]:
    """Names of the user's own autograd functions behind a result: no mode can see them."""
    return sorted({step.name() for step in _steps(result) if isinstance(step, _CUSTOM)})


_CUSTOM: Any = BackwardCFunction
_COMPILED: Any = torch.jit.ScriptModule


def _steps(result: Tensor) -> Iterator[Any]:
    left, seen = [result.grad_fn], {result.grad_fn}
    while left:
        step = left.pop()
        if step is None:
            continue
        yield step
        for earlier, _ in step.next_functions:
            if earlier not in seen:
                seen.add(earlier)
                left.append(earlier)
