"""Random modules for the passes: chains with branches, shared uses, nested views and constants."""

from __future__ import annotations

import math
import random

import torch
from torch import Tensor

from affidavit.graph import Graph, ops
from affidavit.graph.builder import GraphBuilder


class RandomGraph:
    """Grows a graph op by op; every choice follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.images = self.random.random() < 0.6
        shape = (2, 4, 3) if self.images else (6,)
        self.builder = GraphBuilder(shape, batch=2)
        self.values = [self.builder.input]

    def grow(self, steps: int) -> Graph:
        for step in range(steps):
            x = self.random.choice(self.values[-3:])
            name = self._step(x, f"n{step}")
            self.values.append(name)
        return self.builder.build(self.values[-1])

    def _tensor(self, *shape: int, low: float = -1.5, high: float = 1.5) -> Tensor:
        dtype = self.random.choice([torch.float32, torch.float64])
        numbers = torch.rand(shape, generator=self.generator, dtype=torch.float64)
        return (low + (high - low) * numbers).to(dtype)

    def _parameter(self, name: str, *shape: int, low: float = -1.5, high: float = 1.5) -> str:
        trained = self.random.random() < 0.7
        return self.builder.tensor(
            name, self._tensor(*shape, low=low, high=high), parameter=trained
        )

    def _step(self, x: str, name: str) -> str:
        shape = self.builder.shape(x)[1:]
        steps = [self._constant, self._constant, self._view, self._simple, self._join]
        if len(shape) == 3:
            steps += [self._conv, self._conv, self._batch_norm, self._batch_norm]
        if len(shape) in (1, 2):
            steps += [self._linear, self._linear]
            if shape[0] > 0:
                steps.append(self._batch_norm)
        return self.random.choice(steps)(x, name)

    def _constant(self, x: str, name: str) -> str:
        shape = self.builder.shape(x)[1:]
        op = self.random.choice([ops.Add(), ops.Sub(), ops.Mul(), ops.Div()])
        neutral = 0.0 if isinstance(op, ops.Add | ops.Sub) else 1.0
        widths = [
            (), (1,) * len(shape), shape, (shape[0], *(1,) * (len(shape) - 1)), (shape[-1],),
            (1, *shape),
        ]  # fmt: skip
        constant = self._tensor(*self.random.choice(widths), low=0.5)
        if self.random.random() < 0.25:
            constant = torch.full_like(constant, neutral)
        name_of = self.builder.tensor(f"{name}.c", constant, parameter=self.random.random() < 0.3)
        turned = self.random.random() < 0.3 and not isinstance(op, ops.Div)
        return self.builder.add(op, *((name_of, x) if turned else (x, name_of)), name=name)

    def _view(self, x: str, name: str) -> str:
        shape = self.builder.shape(x)
        size = math.prod(shape[1:])
        kind = self.random.randrange(5)
        if kind == 0:
            axes = list(range(1, len(shape)))
            self.random.shuffle(axes)
            return self.builder.add(ops.Transpose((0, *axes)), x, name=name)
        if kind == 1:
            return self.builder.reshape(x, shape, name=name)
        if kind == 2:
            return self.builder.add(ops.Clip(-math.inf, math.inf), x, name=name)
        if kind == 3 and len(shape) > 1:
            return self.builder.add(ops.Slice(1, 0, shape[1]), x, name=name)
        targets = [(size,), (1, size), (size // 2, 2)] if size % 2 == 0 else [(size,), (1, size)]
        return self.builder.reshape(x, (shape[0], *self.random.choice(targets)), name=name)

    def _simple(self, x: str, name: str) -> str:
        choices = [ops.Relu(), ops.Tanh(), ops.Abs(), ops.LeakyRelu(-0.5), ops.Clip(-1, 2.0)]
        return self.builder.add(self.random.choice(choices), x, name=name)

    def _join(self, x: str, name: str) -> str:
        shape = self.builder.shape(x)
        others = [value for value in self.values if self.builder.shape(value) == shape]
        op = self.random.choice([ops.Add(), ops.Sub(), ops.Maximum(), ops.Mul()])
        return self.builder.add(op, x, self.random.choice(others), name=name)

    def _conv(self, x: str, name: str) -> str:
        channels = self.builder.shape(x)[1]
        groups = self.random.choice([g for g in (1, 2, channels) if channels % g == 0])
        weight = self._parameter(f"{name}.w", 2 * groups, channels // groups, 1, 3)
        padding = self.random.choice([((0, 0), (1, 1)), ((0, 0), (2, 1)), ((1, 1), (1, 1))])
        op = ops.Conv((1, 1), padding, (1, 1), groups)
        if self.random.random() < 0.4 and self.builder.shape(x)[3] >= 3:
            op = ops.Conv((1, 1), ((0, 0), (0, 0)), (1, 1), groups)
        bias = [self._parameter(f"{name}.b", 2 * groups)] if self.random.random() < 0.6 else []
        return self.builder.add(op, x, weight, *bias, name=name)

    def _linear(self, x: str, name: str) -> str:
        width = self.random.choice([1, 3, 6])
        weight = self._parameter(f"{name}.w", width, self.builder.shape(x)[-1])
        if self.random.random() < 0.3:
            weight = self.builder.add(ops.Transpose((1, 0)), weight, name=f"{name}.t")
            weight = self.builder.add(ops.Mul(), weight, 0.5, name=f"{name}.half")
            weight = self.builder.add(ops.Transpose((1, 0)), weight, name=f"{name}.u")
        bias = [self._parameter(f"{name}.b", width)] if self.random.random() < 0.6 else []
        return self.builder.add(ops.Linear(), x, weight, *bias, name=name)

    def _batch_norm(self, x: str, name: str) -> str:
        channels = self.builder.shape(x)[1]
        operands = [
            self._parameter(f"{name}.scale", channels),
            self._parameter(f"{name}.shift", channels),
            self.builder.tensor(f"{name}.mean", self._tensor(channels), parameter=False),
            self.builder.tensor(f"{name}.var", self._tensor(channels, low=0.5), parameter=False),
        ]
        return self.builder.add(ops.BatchNorm(1e-3), x, *operands, name=name)


def random_graph(seed: int) -> Graph:
    grown = RandomGraph(seed)
    return grown.grow(grown.random.randint(2, 14))
