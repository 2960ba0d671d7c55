"""The graph: named nodes over the closed op set, with the tensors they use."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from affidavit.errors import ModelError, UnsupportedOpsError, nearest
from affidavit.graph.interpreter import FRESH, OVERWRITING, RULES, Rule
from affidavit.graph.ops import Op, batch_fault

BATCH = -1
"""Stands for the batch in shapes."""


@dataclass(frozen=True)
class Node:
    """One op applied to named operands.

    `operands` name earlier nodes, the graph's input, or tensors of the graph. `module` is the path
    of the module (or the name of the ONNX node) that the node came from, empty when unknown.
    """

    name: str
    op: Op
    operands: tuple[str, ...]
    module: str = ""


@dataclass(frozen=True, eq=False)
class Graph:
    """A network as a closed, immutable graph of named nodes in evaluation order.

    Attributes:
        nodes: the nodes, each after its operands.
        output: name of the node whose value is the network's.
        input_shape: shape of one input, without the batch.
        tensors: parameters and constants by name. They belong to the graph: do not write to them.
        parameters: names of the tensors that training may change, in the model's order. Running
            statistics and other constants are not among them.
        input: name of the input.
        input_names, output_names: names of the features and of the outputs (classes), where the
            model knows them.

    Calling the graph evaluates it. Equality is identity; compare :attr:`sha256` for content.
    """

    nodes: tuple[Node, ...]
    output: str
    input_shape: tuple[int, ...]
    tensors: Mapping[str, Tensor]
    parameters: tuple[str, ...] = ()
    input: str = "input"
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {self.input, *self.tensors}
        if self.input in self.tensors:
            raise ModelError(f"{self.input!r} names both the input and a tensor")
        for node in self.nodes:
            if node.name in known:
                raise ModelError(f"two values of the graph are named {node.name!r}")
            missing = [operand for operand in node.operands if operand not in known]
            if missing:
                raise ModelError(
                    f"node {node.name!r} uses {missing[0]!r}, which no earlier node gives"
                )
            fewest, most = node.op.operands
            if len(node.operands) < fewest or (most is not None and len(node.operands) > most):
                raise ModelError(
                    f"node {node.name!r}: {type(node.op).__name__} takes {fewest} to {most}"
                    f" operands, not {len(node.operands)}"
                )
            known.add(node.name)
        if self.output not in known - set(self.tensors):
            raise ModelError(f"the output {self.output!r} is no node of the graph")
        strangers = [name for name in self.parameters if name not in self.tensors]
        if strangers:
            raise ModelError(f"parameter {strangers[0]!r} is no tensor of the graph")
        if self.shapes[self.output][:1] != (BATCH,):
            raise ModelError("the output does not depend on the input")

    def __call__(self, x: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """The network's output at a batch of inputs.

        Args:
            x: inputs, shape [batch, *input_shape], any floating dtype and device. The evaluation
                takes place in that dtype on that device; tensors of the graph are converted when
                they differ (:meth:`to` converts once for all).
            params: live tensors in place of the graph's own, by name, as training needs.

        Returns:
            The value of the output node, its first axis the batch.

        Raises:
            ModelError: wrong input shape, or a name in `params` that is no tensor of the graph.
        """
        return self.values(x, (self.output,), params)[self.output]

    def values(
        self, x: Tensor, names: Iterable[str], params: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The values of the named nodes at a batch of inputs; see :meth:`__call__`.

        Other values are let go as soon as no later node needs them.
        """
        self.check_input(x)
        wanted = tuple(names)
        env = self._environment(x, params)
        env[self.input] = x
        for name in wanted:
            self.require(name)
        keep = set(wanted)
        overwrite = not torch.is_grad_enabled()
        for rule, overwriting, op, operands, name, last_uses in self._plan:
            if overwriting is not None and overwrite and operands[0] not in keep:
                env[name] = overwriting(op, env[operands[0]])
            else:
                env[name] = rule(op, *[env[operand] for operand in operands])
            for dead in last_uses:
                if dead not in keep:
                    del env[dead]
        return {name: env[name] for name in wanted}

    def require(self, name: str) -> None:
        """Raises ModelError, with the nearest name, when `name` is no value of the graph."""
        if name not in self.shapes:
            raise ModelError(f"the graph has no node {name!r}{nearest(name, self.shapes)}")

    def to(
        self, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Graph:
        """The same graph with its floating tensors in another dtype or on another device."""
        moved = {name: _cast(tensor, dtype, device) for name, tensor in self.tensors.items()}
        return dataclasses.replace(self, tensors=moved)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every value and tensor by name; the batch is -1, always and only at axis 0."""
        two, three = (self._infer(size) for size in (2, 3))
        shapes = {}
        for name, shape in two.items():
            other = three[name]
            if shape == other:
                shapes[name] = shape
            elif shape[0] == 2 and other[0] == 3 and shape[1:] == other[1:]:
                shapes[name] = (BATCH, *shape[1:])
            else:
                raise ModelError(
                    f"node {name!r} mixes the batch with other axes: a batch of 2 gives the shape"
                    f" {list(shape)}, a batch of 3 {list(other)}"
                )
        self._check_batch(shapes)
        return shapes

    @cached_property
    def sha256(self) -> str:
        """Hash of the graph's content: ops, names, wiring and the bytes of every tensor."""
        digest = hashlib.sha256()
        digest.update(repr((self.input, self.input_shape, self.output, self.parameters)).encode())
        digest.update(repr((self.input_names, self.output_names)).encode())
        for node in self.nodes:
            digest.update(repr((node.name, node.op, node.operands)).encode())
        for name in sorted(self.tensors):
            tensor = self.tensors[name].detach().cpu().contiguous()
            digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
            # As bytes: NumPy does not know every dtype.
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def __getstate__(self) -> dict[str, object]:
        # What was computed from the fields stays behind: rules are functions, which do not pickle.
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """All values and tensors that the named ones are computed from, and they themselves.

        Raises:
            ModelError: a name that is no value of the graph.
        """
        found = set(names)
        for name in found:
            self.require(name)
        for node in reversed(self.nodes):
            if node.name in found:
                found.update(node.operands)
        return found

    def users(self, name: str) -> tuple[Node, ...]:
        """The nodes that have `name` among their operands."""
        return tuple(node for node in self.nodes if name in node.operands)

    def __getitem__(self, name: str) -> Node:
        """The node of that name."""
        if name not in self._by_name:
            self.require(name)
            raise ModelError(f"{name!r} is the input or a tensor, not a node")
        return self._by_name[name]

    def __repr__(self) -> str:
        count = sum(self.tensors[name].numel() for name in self.parameters)
        shape = list(self.shapes[self.output][1:])
        return (
            f"Graph({len(self.nodes)} nodes, input {list(self.input_shape)}, output {shape},"
            f" {count:,} parameters)"
        )

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _plan(
        self,
    ) -> list[tuple[Rule, Rule | None, Op, tuple[str, ...], str, tuple[str, ...]]]:
        # With each node, the values that nobody needs after it: memory stays as low as in eager.
        later = {self.output}
        plan = []
        for node in reversed(self.nodes):
            dead = set(node.operands) - later - set(self.tensors)
            if node.name not in later:
                dead.add(node.name)
            later |= set(node.operands)
            rule, overwriting = RULES[type(node.op)], self._overwriting(node)
            plan.append((rule, overwriting, node.op, node.operands, node.name, tuple(dead)))
        return plan[::-1]

    def _overwriting(self, node: Node) -> Rule | None:
        """The rule that may take over its operand's memory: a new value that nobody else uses."""
        source = self._by_name.get(node.operands[0])
        if source is None or not isinstance(source.op, FRESH) or self._uses[source.name] > 1:
            return None
        return OVERWRITING.get(type(node.op)) if source.name != self.output else None

    @cached_property
    def _uses(self) -> Counter[str]:
        return Counter(operand for node in self.nodes for operand in node.operands)

    def _environment(self, x: Tensor, params: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        for name in params or ():
            if name not in self.tensors:
                raise ModelError(f"the graph has no tensor {name!r}{nearest(name, self.tensors)}")
        tensors = {**self.tensors, **params} if params else self.tensors
        return {name: _cast(tensor, x.dtype, x.device) for name, tensor in tensors.items()}

    def check_input(self, x: Tensor) -> None:
        if not x.is_floating_point():
            raise ModelError(
                f"the input has dtype {x.dtype}; expected a floating one such as torch.float32"
            )
        if tuple(x.shape[1:]) != self.input_shape or x.ndim == 0:
            raise ModelError(
                f"the input has the shape {list(x.shape)}; expected [batch, "
                + ", ".join(map(str, self.input_shape))
                + "]"
            )

    def _infer(self, batch: int) -> dict[str, tuple[int, ...]]:
        env = {name: tensor.to("meta", torch.float32) for name, tensor in self.tensors.items()}
        env[self.input] = torch.empty((batch, *self.input_shape), device="meta")
        for node in self.nodes:
            try:
                env[node.name] = RULES[type(node.op)](
                    node.op, *[env[name] for name in node.operands]
                )
            except (RuntimeError, IndexError, ValueError) as error:
                shapes = ", ".join(f"{name} {list(env[name].shape)}" for name in node.operands)
                raise ModelError(
                    f"node {node.name!r}: {node.op} cannot be applied to {shapes} in a batch of"
                    f" {batch}: {str(error).splitlines()[0]}"
                ) from error
        return {name: tuple(tensor.shape) for name, tensor in env.items()}

    def _check_batch(self, shapes: Mapping[str, Sequence[int]]) -> None:
        faults = []
        for node in self.nodes:
            batched = any(shapes[name][:1] == (BATCH,) for name in node.operands)
            fault = batch_fault(node.op) if batched else None
            if fault:
                faults.append((f"{node.op} ({fault})", node.module or node.name))
        if faults:
            raise UnsupportedOpsError("Each input of a batch must be treated alone, but:", faults)


def _cast(tensor: Tensor, dtype: torch.dtype | None, device: torch.device | str | None) -> Tensor:
    return (
        tensor.to(device=device, dtype=dtype) if tensor.is_floating_point() else tensor.to(device)
    )
