"""Tasks side by side in threads of the operating system."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import joblib
import torch

from affidavit.initialization.training.cohort import Task


def carry_out(tasks: Sequence[Task], threads: int, stopped: threading.Event) -> list[Any]:
    """What the tasks return, in their order.

    One thread a network is better than several for each product of matrices, which are small.
    PyTorch's operations let go of the interpreter while they run.

    Args:
        tasks: independent of one another.
        threads: how many run at a time. With one, or one task, PyTorch may use its own threads.
        stopped: set when this ends with an exception, also of the user's who presses Ctrl-C.
    """
    if threads == 1 or len(tasks) < 2:
        return [task() for task in tasks]
    try:
        with _one_thread_each():
            parallel = joblib.Parallel(min(threads, len(tasks)), require="sharedmem", batch_size=1)
            return list(parallel(joblib.delayed(task)() for task in tasks))
    except BaseException:
        stopped.set()
        raise


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
