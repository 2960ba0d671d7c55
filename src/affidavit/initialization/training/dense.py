"""Dense networks of one structure, trained together in stacks."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from affidavit.initialization.training.classification import classified
from affidavit.initialization.training.cohort import Cohort, Rows, Task
from affidavit.initialization.training.layers import Layer, Linear
from affidavit.initialization.training.order import order
from affidavit.initialization.training.rules import Rule
from affidavit.initialization.training.steps import Stack, Workspace

# Bytes of parameters in a task. Each call holds the interpreter's lock for a moment, and a call for
# several networks holds it no longer; but what is too large for a core's cache is slow. Measured
# with 0.8 and 1.6 MB a network: of 1 to 16 MiB this is fastest, in one thread and in two.
_TOGETHER = 8 << 20


@dataclass(frozen=True, eq=False)
class DenseCohort(Cohort):
    """Dense networks after some epochs.

    Attributes:
        template: any of them, for its structure.
        layers: what it computes.
        rule: the optimiser's.
        seeds: of the order of rows, one a network.
        stack: parameters of all networks.
    """

    template: nn.Module
    layers: tuple[Layer, ...]
    rule: Rule
    seeds: tuple[int, ...]
    stack: Stack

    @staticmethod
    def of(
        models: Sequence[nn.Module], layers: tuple[Layer, ...], rule: Rule, seeds: Sequence[int]
    ) -> DenseCohort:
        """The cohort before the first epoch, with the models' weights."""
        values: list[Tensor] = []
        for layer in (one for one in layers if isinstance(one, Linear)):
            weights = [model.get_parameter(layer.weight).detach().t() for model in models]
            values.append(torch.stack(weights).contiguous())
            if layer.bias:
                biases = [model.get_parameter(layer.bias).detach() for model in models]
                values.append(torch.stack(biases).unsqueeze(1))
        slots = tuple(tuple(torch.zeros_like(v) for _ in range(rule.slots)) for v in values)
        template = copy.deepcopy(models[0])
        return DenseCohort(template, layers, rule, tuple(seeds), Stack(tuple(values), slots))

    @property
    def parallel(self) -> bool:
        return self.stack.values[0].device.type == "cpu"

    def tasks(
        self, rows: Rows, epoch: int, alive: Sequence[int], threads: int, stopped: threading.Event
    ) -> list[Task]:
        size = self._together(len(alive), threads)
        parts = [alive[start : start + size] for start in range(0, len(alive), size)]
        return [partial(self._epoch, rows, epoch, part, stopped) for part in parts]

    def _together(self, count: int, threads: int) -> int:
        """How many networks make a task."""
        if not self.parallel:
            return count
        size = sum(v[0].numel() for v in self.stack.values) * self.stack.values[0].element_size()
        fitting = _TOGETHER // (size * (1 + self.rule.slots))
        return max(1, min(fitting, -(-count // threads)))

    @torch.no_grad()
    def _epoch(
        self, rows: Rows, epoch: int, part: Sequence[int], stopped: threading.Event
    ) -> tuple[Stack, Tensor]:
        """The parameters of some networks after the epoch, and their mean losses."""
        stack = self.stack.mapped(lambda tensor: tensor[list(part)])
        device, count = rows.labels.device, len(rows)
        turns = torch.stack([order(self.seeds[one], epoch, count) for one in part]).to(device)
        labels, inputs = rows.labels[turns].unsqueeze(2), rows.inputs.reshape(count, -1)
        spaces: dict[int, Workspace] = {}
        for step, start in enumerate(range(0, count, rows.batch_size)):
            if stopped.is_set():
                return stack, torch.zeros(len(part))
            chosen = turns[:, start : start + rows.batch_size]
            width = chosen.shape[1]
            if width not in spaces:
                spaces[width] = Workspace(self.layers, len(part), width, stack.values[0])
            space = spaces[width]
            torch.index_select(inputs, 0, chosen.reshape(-1), out=space.inputs)
            number = epoch * rows.steps + step + 1
            space.step(stack, self.rule, number, labels[:, start : start + width])
        # Some devices have no double precision.
        losses = [space.losses.cpu().double().sum((1, 2)) for space in spaces.values()]
        return stack, torch.stack(losses).sum(0) / count

    def after(
        self, alive: Sequence[int], outcomes: Sequence[tuple[Stack, Tensor]]
    ) -> tuple[DenseCohort, Tensor]:
        stacks, losses = zip(*outcomes, strict=True)
        stack = stacks[0].mapped(lambda *parts: torch.cat(parts), *stacks[1:])
        if len(alive) < len(self.stack):
            where = torch.tensor(alive, device=self.stack.values[0].device)
            stack = self.stack.mapped(lambda old, new: old.index_copy(0, where, new), stack)
        return replace(self, stack=stack), torch.cat(losses)

    def finite(self) -> Tensor:
        each = [tensor.isfinite().flatten(1).all(1) for tensor in self.stack.values]
        return torch.stack(each).all(0).cpu()

    def kept(self, positions: Sequence[int]) -> DenseCohort:
        stack = self.stack.mapped(lambda tensor: tensor[list(positions)])
        return replace(self, stack=stack, seeds=tuple(self.seeds[one] for one in positions))

    @torch.no_grad()
    def module(self, position: int) -> nn.Module:
        made = copy.deepcopy(self.template)
        values = iter(self.stack.values)
        for layer in (one for one in self.layers if isinstance(one, Linear)):
            made.get_parameter(layer.weight).copy_(next(values)[position].t())
            if layer.bias:
                made.get_parameter(layer.bias).copy_(next(values)[position, 0])
        return made.eval()

    def correct(self, inputs: Tensor, labels: Tensor) -> Tensor:
        each = [classified(self.module(one), inputs) == labels for one in range(len(self.stack))]
        return torch.stack(each).cpu()
