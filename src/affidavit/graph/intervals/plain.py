"""Sums as the rounding model takes them, whatever a program asked of PyTorch for speed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

_BACKENDS: Any = torch.backends  # which has no types
_LOCK = threading.Lock()
_INSIDE: list[Callable[[], None]] = []
"""For each one within :func:`plain_sums`, in any thread, what the last to leave has to do."""


@contextmanager
def plain_sums() -> Iterator[None]:
    """Products whose rounding is that of plain sums in the dtype.

    cuDNN and NNPACK may choose algorithms (Winograd, FFT) that round otherwise, and a precision
    that training lowered lets products round to TF32 or bfloat16. All these are settings of the
    process: the first thread to enter changes them, and the last to leave puts them back. Automatic
    mixed precision is the thread's own, and off within.
    """
    with _LOCK:
        _INSIDE.append(_INSIDE[0] if _INSIDE else _make_plain())
    try:
        with ExitStack() as off:
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    off.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        with _LOCK:
            restore = _INSIDE.pop()
            if not _INSIDE:
                restore()


def _make_plain() -> Callable[[], None]:
    """Changes the settings; the result puts them back."""
    cudnn, precision = _BACKENDS.cudnn.enabled, _asked_of_all()
    (nnpack,) = _BACKENDS.nnpack.set_flags(False)
    _BACKENDS.cudnn.enabled = False
    products: list[Any] = []
    if hasattr(_BACKENDS.mkldnn, "conv"):  # since PyTorch 2.9 each has its own
        cpu = _BACKENDS.mkldnn
        products = [_BACKENDS.cuda.matmul, cpu.matmul, cpu.conv]
    back = [_exact(own) for own in products]
    if precision != "highest":
        torch.set_float32_matmul_precision("highest")

    def restore() -> None:
        _BACKENDS.cudnn.enabled = cudnn
        _BACKENDS.nnpack.set_flags(nnpack)
        if precision != "highest":
            torch.set_float32_matmul_precision(precision)
        for step in back:
            step()

    return restore


def _asked_of_all() -> str:
    """The precision of all matrix products, `highest` where that is not how it was asked for."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # products have their own precisions, which do not agree
        return "highest"


def _exact(products: Any) -> Callable[[], None]:
    """Float32 products in float32. A precision that was inherited is so again afterwards."""
    before = products.fp32_precision
    products.fp32_precision = "ieee"

    def restore() -> None:
        products.fp32_precision = "none"
        if products.fp32_precision != before:
            products.fp32_precision = before

    return restore
