"""Compilation of hot loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compiles a loop over arrays when it is first called; the machine code is kept on disk.

    It lets go of the interpreter's lock, so several threads can run it at once.
    """
    return cast(Function, njit(cache=True, nogil=True)(function))


def summing(function: Function) -> Function:
    """As :func:`compiled`, its sums taken in any order, which the processor's lanes need."""
    return cast(
        Function, njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})(function)
    )
