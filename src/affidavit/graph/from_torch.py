"""Graphs from PyTorch modules, through `torch.export`."""

from __future__ import annotations

import logging
import operator
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.graph_signature import OutputKind

from affidavit.errors import ModelError, UnsupportedOpsError
from affidavit.graph.aten import CONVERSIONS, Call
from affidavit.graph.builder import GraphBuilder, Inexpressible
from affidavit.graph.graph import Graph

TRACED_BATCH = 2
"""Batch size of the traced example. Two, because tracing treats one specially."""

Naming = Callable[[str, Tensor], tuple[str, bool]]
"""From an exported tensor's target and value to its name, and whether it is trained."""


def from_torch(module: nn.Module, example_input: Tensor) -> Graph:
    """The graph of a module in evaluation mode.

    Args:
        module: any module that `torch.export` can trace, taking one tensor and returning one. It is
            left as it was, its training flags included.
        example_input: a batch of inputs; only its shape (batch first) and dtype matter.

    Returns:
        The graph, its parameters named as in `module.named_parameters()`.

    Raises:
        UnsupportedOpsError: lists all ops outside the closed set, with their places.
        ModelError: the module cannot be traced, or mixes the inputs of a batch.
    """
    program = export(module, example_input)
    trainable = set(program.graph_signature.inputs_to_parameters.values())
    # Of several names of one tied parameter, the first counts, as in module.named_parameters().
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    first = {
        name: names[id(parameter)]
        for name, parameter in module.named_parameters(remove_duplicate=False)
    }
    graph = convert(
        program, lambda target, tensor: (first.get(target, target), target in trainable)
    )
    check_agreement(graph, module, example_input)
    return graph


def export(module: nn.Module, example_input: Tensor) -> torch.export.ExportedProgram:
    """The module as a functional ATen program, decomposed down to ops that have a conversion."""
    if not isinstance(example_input, Tensor):
        raise ModelError(f"example_input is a {type(example_input).__name__}; expected a tensor")
    if not example_input.is_floating_point() or example_input.ndim < 1:
        raise ModelError(
            f"example_input has dtype {example_input.dtype} and shape {list(example_input.shape)};"
            " expected floating numbers with the batch as first axis"
        )
    example = example_input.new_zeros((TRACED_BATCH, *example_input.shape[1:]))
    table = torch.export.default_decompositions()
    for op in list(table):
        if str(op) in CONVERSIONS:
            table.pop(op)  # type: ignore[no-untyped-call]
    try:
        with _evaluation_mode(module), _quiet(), torch.no_grad():
            program: torch.export.ExportedProgram = torch.export.export(module, (example,))
            decomposed: torch.export.ExportedProgram = program.run_decompositions(table)
            return decomposed
    except Exception as error:
        # torch.export raises errors of many kinds, some of them bare Exceptions.
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ModelError(
            f"torch.export cannot trace {type(module).__name__} on an input of shape"
            f" {list(example.shape)}: {lines[0]}"
        ) from error


def convert(program: torch.export.ExportedProgram, naming: Naming) -> Graph:
    """The graph of an exported program whose tensors are named by `naming`."""
    user_inputs = program.graph_signature.user_inputs
    if len(user_inputs) != 1:
        raise ModelError(f"the model takes {len(user_inputs)} inputs; expected one tensor")
    return _Converter(program, str(user_inputs[0]), naming).run()


def check_agreement(graph: Graph, module: nn.Module, example_input: Tensor) -> None:
    """Compares graph and module at random inputs, in a batch of another size than the traced one.

    The trace holds for its own batch size: a module that computes with that size, or takes the
    first two inputs of a batch, looks innocent in it.

    Raises:
        ModelError: they differ.
    """
    shape = (TRACED_BATCH + 1, *graph.input_shape)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(example_input)
    with _evaluation_mode(module), torch.no_grad():
        try:
            expected = module(x.clone())
        except Exception as error:
            raise ModelError(
                f"{type(module).__name__} could be traced at a batch of {TRACED_BATCH}, but fails"
                f" at one of {len(x)}: {error}"
            ) from error
        found = graph(x)
    finite = expected[expected.isfinite()].abs()
    tolerance = 0.01 * float(finite.max()) if finite.numel() else 0.0
    if found.shape != expected.shape or not torch.allclose(
        found, expected.to(found.dtype), rtol=0.0, atol=tolerance, equal_nan=True
    ):
        raise ModelError(
            f"{type(module).__name__} depends on the size of the batch, or is not the same at"
            " every call; expected a function of each input alone"
        )


class _Converter:
    """Walks an exported program once, collecting what it cannot express."""

    def __init__(
        self, program: torch.export.ExportedProgram, input_name: str, naming: Naming
    ) -> None:
        self.program = program
        self.naming = naming
        self.faults: list[tuple[str, str]] = []
        (self.input,) = (node for node in program.graph.nodes if node.name == input_name)
        self.builder = GraphBuilder(self.input.meta["val"].shape[1:], TRACED_BATCH)
        self.calls = Counter(_module_path(node) for node in program.graph.nodes if _is_call(node))
        # What each traced value became: the name of a value of the graph, an integer tensor, a
        # tuple of those, or None where a fault upstream left nothing.
        self.values: dict[torch.fx.Node, Any] = {}

    def run(self) -> Graph:
        outputs: list[torch.fx.Node] = []
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self.values[node] = self._placeholder(node)
            elif node.op == "output":
                outputs = self._outputs(node)
            else:
                self.values[node] = self._call(node)
        if self.faults:
            raise UnsupportedOpsError(
                "The model uses ops that have no place in the graph:", self.faults
            )
        structure = self.program.call_spec.out_spec
        if len(outputs) != 1 or not isinstance(outputs[0], torch.fx.Node):
            raise ModelError(f"the model returns {len(outputs)} values; expected one tensor")
        if structure is not None and not structure.is_leaf():
            raise ModelError(f"the model returns a {structure.type.__name__}; expected a tensor")
        return self.builder.build(self.values[outputs[0]])

    def _outputs(self, node: torch.fx.Node) -> list[Any]:
        """What the module returns. A first layer that works in place hands back its input too."""
        results: Any = node.args[0]
        specs = list(zip(self.program.graph_signature.output_specs, results, strict=True))
        for spec, _ in specs:
            if spec.kind is OutputKind.BUFFER_MUTATION:
                raise ModelError(
                    f"the model changes its buffer {spec.target!r} when it is evaluated"
                )
        return [value for spec, value in specs if spec.kind is OutputKind.USER_OUTPUT]

    def _placeholder(self, node: torch.fx.Node) -> str | Tensor | None:
        if node is self.input:
            return self.builder.input
        if not node.users:
            return None
        signature = self.program.graph_signature
        target = (
            signature.inputs_to_parameters.get(node.name)
            or signature.inputs_to_buffers.get(node.name)
            or signature.inputs_to_lifted_tensor_constants[node.name]
        )
        stored = self.program.state_dict.get(target)
        tensor: Tensor = self.program.constants[target] if stored is None else stored
        if not tensor.is_floating_point():
            return tensor.detach()
        name, parameter = self.naming(target, tensor)
        return self.builder.tensor(name, tensor, parameter=parameter)

    def _call(self, node: torch.fx.Node) -> Any:
        name = str(node.target)
        inputs = [self.values[operand] for operand in node.all_input_nodes]
        if node.target is operator.getitem:
            # An op with several results becomes its first when the others have no use here.
            if inputs[0] is None:
                return None
            several = inputs[0] if isinstance(inputs[0], tuple) else (inputs[0],)
            return several[node.args[1]]  # type: ignore[index]
        if name.startswith("aten._assert"):
            return None
        path = _module_path(node) or self._owner(inputs)
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            self.faults.append((f"{name} (a random number)", path or node.name))
            return None
        constants = [self._constant(value) for value in inputs]
        if all(constant is not None for constant in constants):
            return self._fold(node, dict(zip(node.all_input_nodes, constants, strict=True)))
        if name not in CONVERSIONS:
            self.faults.append((name, path or node.name))
            return None
        if any(value is None for value in inputs):
            return None
        try:
            # A module of one op gives its node its own path: the name of a layer is the name
            # of its output.
            result = (
                path
                if path and self.calls[path] == 1
                else ".".join(filter(None, (path, node.name)))
            )
            return CONVERSIONS[name].function(Call(self.builder, node, self.values, result, path))
        except Inexpressible as reason:
            self.faults.append((f"{name} ({reason})", path or node.name))
            return None

    def _owner(self, inputs: list[Any]) -> str:
        """The module whose parameters a call uses, where the trace did not see modules (Keras)."""
        for value in inputs:
            if isinstance(value, str) and not self.builder.is_batched(value):
                if value in self.builder.tensors:
                    return value.rpartition("/" if "/" in value else ".")[0]
                node = self.builder.node(value)
                return node.module if node else ""
        return ""

    def _constant(self, value: Any) -> Tensor | None:
        """The tensor behind a value that is neither input nor parameter, nor made of them."""
        if isinstance(value, str) and value not in self.builder.parameters:
            return self.builder.tensors.get(value)
        return value if isinstance(value, Tensor) else None

    def _fold(self, node: torch.fx.Node, known: dict[torch.fx.Node, Tensor | None]) -> Any:
        """The value of an op on constants alone: buffers, literals and what is made of them."""
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), lambda operand: known[operand])
        value = node.target(*args, **kwargs)  # type: ignore[operator]
        if isinstance(value, Tensor) and value.is_floating_point():
            return self.builder.tensor(node.name, value, parameter=False)
        return value


def _is_call(node: torch.fx.Node) -> bool:
    """Whether the node computes something, rather than takes a result apart or asserts."""
    name = str(node.target)
    return node.op == "call_function" and name.startswith("aten.") and "_assert" not in name


def _module_path(node: torch.fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path = str(list(stack.values())[-1][0]) if stack else ""
    # A module called more than once is told apart as "relu@1"; it is the same module.
    return path.split("@")[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back what torch says of its own internals; what matters comes as an exception."""
    before = logging.root.manager.disable
    try:
        logging.disable(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _evaluation_mode(module: nn.Module) -> Iterator[None]:
    flags = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        yield
    finally:
        for part, flag in flags:
            part.training = flag
