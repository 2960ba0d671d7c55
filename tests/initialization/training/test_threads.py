from __future__ import annotations

import threading
from functools import partial

import pytest
import torch

from affidavit.initialization.training.threads import carry_out


@pytest.mark.parametrize("threads", [1, 3])
def test_outcomes_are_in_the_order_of_the_tasks(threads: int) -> None:
    tasks = [partial(pow, one, 2) for one in range(7)]
    assert carry_out(tasks, threads, threading.Event()) == [0, 1, 4, 9, 16, 25, 36]
    assert carry_out([], threads, threading.Event()) == []


def test_tasks_run_side_by_side_with_one_thread_each() -> None:
    together = threading.Barrier(2, timeout=10)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:

        def task() -> int:
            together.wait()
            return torch.get_num_threads()

        assert carry_out([task, task], 2, threading.Event()) == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_fails_stops_the_others() -> None:
    stopped = threading.Event()

    def long() -> None:
        stopped.wait(10)

    def failing() -> None:
        raise ValueError("no")

    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="no"):
        carry_out([failing, long], 2, stopped)
    assert stopped.is_set()
    assert torch.get_num_threads() == before
