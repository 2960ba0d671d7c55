"""Building a graph node by node: what the importers share.

An importer sees one concrete batch size. The builder keeps the concrete shapes, and turns what
was written for that batch (a reshape to its size, say) into what holds for any.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from affidavit.errors import ModelError
from affidavit.graph import ops
from affidavit.graph.graph import BATCH, Graph, Node
from affidavit.graph.interpreter import RULES
from affidavit.graph.names import free_name

Value = str | float | int | Tensor
"""What an operand may be given as: the name of a value, or a constant."""


class Inexpressible(Exception):  # noqa: N818 - caught by importers, never seen by users
    """An op of the source that the closed op set cannot express; the message says why."""


class GraphBuilder:
    """Collects nodes and tensors, with their concrete shapes at one batch size.

    Args:
        input_shape: shape of one input, without the batch.
        batch: the batch size that the source was traced or written for.
        input_name: the input's name in the graph.
    """

    def __init__(self, input_shape: Sequence[int], batch: int, input_name: str = "input") -> None:
        self.batch = batch
        self.input_shape = tuple(input_shape)
        self.input = input_name
        self.tensors: dict[str, Tensor] = {}
        self.parameters: list[str] = []
        self.nodes: list[Node] = []
        self._meta = {input_name: torch.empty((batch, *self.input_shape), device="meta")}
        self._batched = {input_name}

    def shape(self, name: str) -> tuple[int, ...]:
        """Concrete shape of a value, the batch included."""
        return tuple(self._meta[name].shape)

    def is_batched(self, name: str) -> bool:
        """Whether the value depends on the input, its axis 0 being the batch."""
        return name in self._batched

    def node(self, name: str) -> Node | None:
        """The node of that name among those added so far."""
        return next((node for node in reversed(self.nodes) if node.name == name), None)

    def swap_names(self, first: int, one: str, other: str) -> None:
        """Exchanges two names among the nodes from number `first` on, which alone know them."""
        new = {one: other, other: one}
        self.nodes[first:] = [
            dataclasses.replace(
                node,
                name=new.get(node.name, node.name),
                operands=tuple(new.get(operand, operand) for operand in node.operands),
            )
            for node in self.nodes[first:]
        ]
        self._meta[one], self._meta[other] = self._meta[other], self._meta[one]
        if (one in self._batched) != (other in self._batched):
            self._batched ^= {one, other}

    def tensor(self, name: str, value: Tensor, *, parameter: bool) -> str:
        """Adds a parameter or constant under a name of its own. The graph keeps a copy."""
        name = free_name(name, self._meta)
        self.tensors[name] = value.detach().clone()
        if parameter:
            self.parameters.append(name)
        self._meta[name] = value.detach().to("meta", torch.float32)
        return name

    def operand(self, value: Value, hint: str) -> str:
        """The name of a value; a constant is added first, named after `hint`."""
        if isinstance(value, str):
            return value
        # Scalars in double precision, so that evaluating the graph in it loses nothing.
        constant = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
        return self.tensor(f"{hint}.constant", constant, parameter=False)

    def add(self, op: ops.Op, *operands: Value, name: str, module: str = "") -> str:
        """Adds a node and returns its name (`name`, or a variation on it when that is taken)."""
        names = tuple(self.operand(operand, name) for operand in operands)
        name = free_name(name, self._meta)
        try:
            self._meta[name] = RULES[type(op)](op, *[self._meta[operand] for operand in names])
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            raise Inexpressible(f"{op}: {str(error).splitlines()[0]}") from error
        if any(operand in self._batched for operand in names):
            fault = ops.batch_fault(op)
            if fault:
                raise Inexpressible(fault)
            self._batched.add(name)
        self.nodes.append(Node(name, op, names, module))
        return name

    def reshape(self, x: str, shape: Sequence[int], *, name: str, module: str = "") -> str:
        """Reshapes to a concrete shape, of which one entry may be -1, keeping the batch free."""
        target = list(shape)
        if target.count(-1) > 1:
            raise Inexpressible("reshape with more than one -1")
        size = math.prod(self.shape(x))
        if -1 in target:
            rest = math.prod(extent for extent in target if extent != -1)
            if not rest or size % rest:
                raise Inexpressible(f"reshape of {list(self.shape(x))} to {list(shape)}")
            target[target.index(-1)] = size // rest
        if self.is_batched(x):
            if not target or target[0] != self.batch:
                raise Inexpressible(
                    f"reshape of {list(self.shape(x))} to {target} merges the batch with other axes"
                )
            target[0] = BATCH
        return self.add(ops.Reshape(tuple(target)), x, name=name, module=module)

    def gather(
        self, x: str, axis: int, indices: Sequence[int], *, name: str, module: str = ""
    ) -> str:
        """The entries at constant indices along an axis: slices of ascending runs, joined."""
        size = self.shape(x)[axis]
        if not indices or any(not -size <= index < size for index in indices):
            raise Inexpressible(f"indices {list(indices)} into an axis of size {size}")
        runs: list[list[int]] = []
        for index in (index % size for index in indices):
            if runs and index == runs[-1][1]:
                runs[-1][1] += 1
            else:
                runs.append([index, index + 1])
        if len(runs) > 256:
            raise Inexpressible("a permutation of more than 256 pieces")
        if runs == [[0, size]]:
            return x
        many = len(runs) > 1
        pieces = [
            self.add(
                ops.Slice(axis, start, stop),
                x,
                name=f"{name}.slice" if many else name,
                module=module,
            )
            for start, stop in runs
        ]
        return self.add(ops.Concat(axis), *pieces, name=name, module=module) if many else pieces[0]

    def linear(
        self,
        x: str,
        weight: str,
        bias: Value | None = None,
        *,
        transposed: bool,
        name: str,
        module: str = "",
    ) -> str:
        """`x @ weight + bias`, or `x @ weight.T + bias` when the weight is stored transposed."""
        if self.is_batched(weight):
            raise Inexpressible("a matrix product of two values that depend on the input")
        if len(self.shape(weight)) != 2:
            raise Inexpressible(
                f"a matrix product with a weight of shape {list(self.shape(weight))}"
            )
        if not transposed:
            weight = self.add(ops.Transpose((1, 0)), weight, name=f"{name}.weight", module=module)
        operands = (x, weight) if bias is None else (x, weight, bias)
        return self.add(ops.Linear(), *operands, name=name, module=module)

    def matmul(
        self, left: str, right: str, *, vectors: bool = False, name: str, module: str = ""
    ) -> str:
        """`left @ right` where one of them does not depend on the input.

        With `vectors`, each row of a batched `right` is a vector of its own, as in a source that
        describes a single input.
        """
        where = {"name": name, "module": module}
        if not self.is_batched(right):
            return self.linear(left, right, transposed=False, **where)
        if self.is_batched(left):
            raise Inexpressible("a matrix product of two values that depend on the input")
        if vectors:
            return self.linear(right, left, transposed=True, **where)
        rank = len(self.shape(right))
        if rank < 3:
            raise Inexpressible("a matrix product over the batch")
        swap = ops.Transpose((*range(rank - 2), rank - 1, rank - 2))
        columns = self.add(swap, right, name=f"{name}.columns", module=module)
        product = self.linear(columns, left, transposed=True, name=f"{name}.product", module=module)
        return self.add(swap, product, **where)

    def slice(
        self, x: str, axis: int, start: int, stop: int, step: int, *, name: str, module: str = ""
    ) -> str:
        """Python's slice along an axis (negative and overlong bounds allowed); identities go."""
        if step <= 0:
            raise Inexpressible(f"a slice with step {step}")
        size = self.shape(x)[axis]
        start, stop, step = slice(start, stop, step).indices(size)
        if stop <= start:
            raise Inexpressible("an empty slice")
        if (start, stop, step) == (0, size, 1):
            return x
        return self.add(ops.Slice(axis, start, stop, step), x, name=name, module=module)

    def append(self, graph: Graph, x: str) -> Graph:
        """A whole graph behind a value of this one: the finished graph of both.

        Its tensors and nodes keep their names where these are free here.
        """
        names = {graph.input: x}
        parameters = set(graph.parameters)
        for name, tensor in graph.tensors.items():
            names[name] = self.tensor(name, tensor, parameter=name in parameters)
        for node in graph.nodes:
            operands = [names[operand] for operand in node.operands]
            names[node.name] = self.add(node.op, *operands, name=node.name, module=node.module)
        return dataclasses.replace(
            self.build(names[graph.output]),
            input_names=graph.input_names,
            output_names=graph.output_names,
        )

    def build(self, output: str) -> Graph:
        """The finished graph. Nodes and tensors that the output does not need are left out."""
        if output not in self._meta or output in self.tensors:
            raise ModelError("the output does not depend on the input")
        needed = {output}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.operands)
        return Graph(
            nodes=tuple(node for node in self.nodes if node.name in needed),
            output=output,
            input_shape=self.input_shape,
            tensors={name: tensor for name, tensor in self.tensors.items() if name in needed},
            parameters=tuple(name for name in self.parameters if name in needed),
            input=self.input,
        )
