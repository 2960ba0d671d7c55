"""Settings of PyTorch that bounds need, and that are left as they were."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch

from affidavit.graph.intervals.plain import plain_sums

EACH = hasattr(torch.backends.mkldnn, "conv")
"""Whether each kind of product has a precision of its own."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    torch.set_float32_matmul_precision("highest")


def test_products_are_not_lowered_within_and_are_again_after() -> None:
    torch.set_float32_matmul_precision("medium")
    cudnn = torch.backends.cudnn.enabled
    with plain_sums():
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.enabled
        with plain_sums():
            pass
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.get_float32_matmul_precision() == "medium"
    assert torch.backends.cudnn.enabled == cudnn


def test_an_error_within_puts_the_settings_back() -> None:
    torch.set_float32_matmul_precision("high")
    with pytest.raises(KeyError), plain_sums():
        raise KeyError
    assert torch.get_float32_matmul_precision() == "high"


def test_a_thread_that_leaves_does_not_take_them_from_one_that_is_within() -> None:
    torch.set_float32_matmul_precision("medium")
    cudnn = torch.backends.cudnn.enabled
    first_in, second_in, first_out = (threading.Event() for _ in range(3))
    seen = []

    def first() -> None:
        with plain_sums():
            first_in.set()
            second_in.wait(10)
        first_out.set()

    def second() -> None:
        first_in.wait(10)
        with plain_sums():
            second_in.set()
            first_out.wait(10)
            seen.append((torch.get_float32_matmul_precision(), torch.backends.cudnn.enabled))

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [("highest", False)]
    assert torch.get_float32_matmul_precision() == "medium"
    assert torch.backends.cudnn.enabled == cudnn


SCRIPT = """
import torch
from affidavit.graph.intervals.plain import plain_sums

def precisions():
    cpu = torch.backends.mkldnn
    return [own.fp32_precision for own in (torch.backends.cuda.matmul, cpu.matmul, cpu.conv)]

{setting}
before = precisions()
with plain_sums():
    assert precisions() == ["ieee"] * 3, precisions()
assert precisions() == before, precisions()
torch.backends.fp32_precision = "{later}"
assert precisions() == {after}, precisions()
"""


@pytest.mark.skipif(not EACH, reason="one precision for all products")
@pytest.mark.parametrize(
    ("setting", "later", "after"),
    [
        ("torch.backends.fp32_precision = 'tf32'", "ieee", ["ieee"] * 3),
        ("torch.backends.mkldnn.conv.fp32_precision = 'bf16'", "tf32", ["tf32", "tf32", "bf16"]),
        ("torch.set_float32_matmul_precision('medium')", "ieee", ["tf32", "bf16", "ieee"]),
    ],
)
def test_precisions_of_single_products(setting: str, later: str, after: list[str]) -> None:
    # In a process of its own: PyTorch minds when old and new settings are mixed.
    script = SCRIPT.format(setting=setting, later=later, after=after)
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
