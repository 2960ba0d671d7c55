"""What an explanation costs: seconds and memory an image."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from affidavit.attribution.classifier import Classifier
from affidavit.attribution.explainers.explainer import Explains
from affidavit.attribution.targets import Target
from affidavit.errors import DataError


@dataclass(frozen=True)
class Cost:
    """What explaining a batch took, for each image of it.

    Attributes:
        seconds: wall-clock time.
        megabytes: most memory that PyTorch held at once beyond what it held before, in 10⁶ bytes.
    """

    seconds: float
    megabytes: float


def cost(
    explainer: Explains, classifier: Classifier, pixels: Tensor, target: Target = None
) -> Cost:
    """Cost of explaining a batch, an image: it is explained twice, once timed, once watched.

    Raises DataError for an empty batch, and as the explainer.
    """
    if len(pixels) == 0:
        raise DataError("an empty batch costs nothing; expected at least one image")
    started = time.perf_counter()
    explainer(classifier, pixels, target)
    _wait(pixels)
    seconds = time.perf_counter() - started
    most = peak_memory(lambda: explainer(classifier, pixels, target), pixels.device)
    return Cost(seconds / len(pixels), most / 1e6 / len(pixels))


def peak_memory(call: Callable[[], Any], device: torch.device | None = None) -> int:
    """Most bytes that PyTorch's allocator held at once during a call beyond those before it.

    On the CPU every allocation is recorded, some hundred a forward pass: give a call with few
    repetitions where memory does not grow with them.
    """
    if device is not None and device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return int(torch.cuda.max_memory_allocated(device) - before)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    # The raw record: what the profiler makes of it gives each allocation to an op, without a time.
    recorded: Any = seen.profiler
    steps = [event for event in recorded.kineto_results.events() if event.name() == "[memory]"]
    held = most = 0
    for step in sorted(steps, key=lambda event: event.start_ns()):
        held += step.nbytes()
        most = max(most, held)
    return most


def _wait(pixels: Tensor) -> None:
    if pixels.is_cuda:
        torch.cuda.synchronize(pixels.device)
