"""Networks of any kind, trained one after another by autograd."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.initialization.training.classification import classified, logits
from affidavit.initialization.training.cohort import Cohort, Rows, Task
from affidavit.initialization.training.copying import copied, copies
from affidavit.initialization.training.layers import customised
from affidavit.initialization.training.order import noise_seed, order

# Modules that draw nothing at random, so that several can be trained at a time: PyTorch has one
# generator for all threads.
_DETERMINISTIC = {
    nn.Sequential, nn.Flatten, nn.Unflatten, nn.Identity, nn.Linear, nn.Conv1d, nn.Conv2d,
    nn.Conv3d, nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.ReLU,
    nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Tanh, nn.Sigmoid,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class SingleCohort(Cohort):
    """Networks after some epochs, each a module with its optimiser.

    Attributes:
        members: of each network, its module and the optimiser of its parameters.
        seeds: of the order of rows and of what the module draws, one a network.
    """

    members: tuple[tuple[nn.Module, torch.optim.Optimizer], ...]
    seeds: tuple[int, ...]

    @staticmethod
    def of(
        models: Sequence[nn.Module],
        optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        seeds: Sequence[int],
    ) -> SingleCohort:
        """The cohort before the first epoch, with copies of the models."""
        members = []
        for model in models:
            made = copied(model).train()
            if next(made.parameters()).device.type == "cpu":
                # Convolutions run in two thirds of the time on channels that lie side by side.
                made = _laid_out(made, torch.channels_last)
            members.append((made, optimizer(made)))
        return SingleCohort(tuple(members), tuple(seeds))

    @property
    def parallel(self) -> bool:
        models = [model for model, _ in self.members]
        known = all(
            type(module) in _DETERMINISTIC and not customised(module)
            for model in models
            for module in model.modules()
        )
        return known and next(models[0].parameters()).device.type == "cpu"

    def tasks(
        self, rows: Rows, epoch: int, alive: Sequence[int], threads: int, stopped: threading.Event
    ) -> list[Task]:
        noisy = not self.parallel
        return [partial(self._epoch, rows, epoch, one, stopped, noisy) for one in alive]

    def _epoch(
        self, rows: Rows, epoch: int, position: int, stopped: threading.Event, noisy: bool
    ) -> tuple[nn.Module, torch.optim.Optimizer, Tensor]:
        """One network and its optimiser after the epoch, and its mean loss."""
        model, optimizer = copies(*self.members[position])
        device, seed = rows.labels.device, self.seeds[position]
        turn = order(seed, epoch, len(rows)).to(device)
        losses, sizes = [], []
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else [], enabled=noisy),
            torch.enable_grad(),
        ):
            if noisy:
                torch.manual_seed(noise_seed(seed, epoch))
            for start in range(0, len(rows), rows.batch_size):
                if stopped.is_set():
                    return model, optimizer, torch.zeros(())
                chosen = turn[start : start + rows.batch_size]
                loss = F.cross_entropy(logits(model, rows.inputs[chosen]), rows.labels[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses.append(loss.detach())
                sizes.append(len(chosen))
        # Some devices have no double precision.
        total = (torch.stack(losses).cpu().double() * torch.tensor(sizes)).sum()
        return model, optimizer, total / len(rows)

    def after(
        self,
        alive: Sequence[int],
        outcomes: Sequence[tuple[nn.Module, torch.optim.Optimizer, Tensor]],
    ) -> tuple[SingleCohort, Tensor]:
        members = list(self.members)
        for position, (model, optimizer, _) in zip(alive, outcomes, strict=True):
            members[position] = (model, optimizer)
        return replace(self, members=tuple(members)), torch.stack([one[2] for one in outcomes])

    def finite(self) -> Tensor:
        return torch.tensor(
            [all(bool(p.isfinite().all()) for p in model.parameters()) for model, _ in self.members]
        )

    def kept(self, positions: Sequence[int]) -> SingleCohort:
        return SingleCohort(
            tuple(self.members[one] for one in positions),
            tuple(self.seeds[one] for one in positions),
        )

    def module(self, position: int) -> nn.Module:
        made = copied(self.members[position][0]).eval()
        return _laid_out(made, torch.contiguous_format)

    def correct(self, inputs: Tensor, labels: Tensor) -> Tensor:
        each = [classified(self.module(one), inputs) == labels for one in range(len(self.members))]
        return torch.stack(each).cpu()


def _laid_out(model: nn.Module, memory_format: torch.memory_format) -> nn.Module:
    # PyTorch's types do not know of this argument.
    to: Callable[..., nn.Module] = model.to
    return to(memory_format=memory_format)
