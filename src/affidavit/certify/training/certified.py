"""The paper's loss: the task's, and the width of the box that no gradient leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.certify import ibp
from affidavit.certify.boxes import Range, Size, input_box
from affidavit.certify.target import Loss, Target, logits_of, score
from affidavit.certify.training.objective import Objective, Task, Terms, text
from affidavit.certify.training.schedules import Schedule, checked, schedule
from affidavit.certify.training.width import total_width
from affidavit.errors import DomainError
from affidavit.graph import Graph, Interval, load

Explained: TypeAlias = Literal["label", "predicted"] | int | tuple[int, int]


@final
class GradientCertifiedLoss(Objective):
    """`L(f(x)) + α Σ_i δ_i`: the gradient certification loss, for any training loop.

    δ_i is the width of the bounds that interval propagation gives on the gradient by feature i over
    the box of inputs `x ± ε` and of weights `W ± γ|W|`; the sum is averaged over the batch. Where
    it is 0 the network is linear on the box. The bounds used in training leave out the outward
    rounding: certify the trained network with :func:`affidavit.certify.gradient_bounds`.

    Bounds on ReLU's derivative are steps, which have no slope: for a logit or a margin of a ReLU
    network the penalty is lessened through the weights that carry the gradient back, never by
    moving a unit's bounds off 0. With `cross_entropy` the bounds of the logits have a slope too.

    The bound is of the network in evaluation mode: batch norm with its running statistics (as
    constants), no dropout. The task's loss is of the model in the mode that it is in. The module is
    traced once, at the first call or at `example_input`; its layers may not be exchanged later.

    ```python
    criterion = GradientCertifiedLoss(model, alpha=0.1, epsilon=0.01, gamma=0.01)
    for x, y in batches:
        optimizer.zero_grad()
        criterion(x, y).backward()
        optimizer.step()
    ```

    Args:
        model: the network that is trained; the penalty is differentiated by its live parameters.
        alpha: factor of the penalty.
        epsilon: half of the input box's width: a number, a tensor that broadcasts to x, or either
            by step.
        gamma: relative size of the weights' box.
        data_range: least and greatest value of the features, to which the box is clipped. That
            inputs lie within is checked at the first batch.
        loss: what the bounded gradient is of: `logit`, `margin` or `cross_entropy`.
        target: whose: of the `label`, of the `predicted` class, of a class by number, or for a
            margin of a pair. A margin of one class is against the best of the others.
        task: the task's loss of outputs and labels.
        example_input: a batch to trace the module with.

    Raises:
        DomainError: sizes, ranges or targets that have no meaning.
        UnsupportedOpsError: lists all ops whose gradient cannot be bounded.
        ModelError: the module cannot be traced.

    Source: Wicker et al. 2022, section 5.1.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        alpha: float | Schedule,
        epsilon: Size | Callable[[int], Size] = 0.0,
        gamma: float | Schedule = 0.0,
        data_range: Range | None = None,
        loss: Loss = "logit",
        target: Explained = "label",
        task: Task = F.cross_entropy,
        example_input: Tensor | None = None,
    ) -> None:
        super().__init__(model, alpha=alpha, task=task)
        if isinstance(target, str) and target not in ("label", "predicted"):
            raise DomainError(
                f"target is {target!r}; expected 'label', 'predicted', a class or a pair of classes"
            )
        if isinstance(target, tuple) and loss != "margin":
            raise DomainError(f"target {target} is a pair of classes; the loss is {loss!r}")
        if not callable(epsilon) and not isinstance(epsilon, Tensor):
            checked("epsilon", epsilon)
        self.epsilon = epsilon
        self.gamma = schedule("gamma", gamma)
        self.data_range = data_range
        self.loss: Loss = loss
        self.target = target
        self._graph: Graph | None = None
        if example_input is not None:
            self._trace(example_input)

    def _terms(self, x: Tensor, y: Tensor, alpha: float) -> Terms:
        if self._graph is None:
            self._trace(x)
        output = self.model(x)
        task = self.task(output, y)
        if alpha == 0:
            return Terms(output, task)
        return Terms(output, task, self._width(x, self._target(output, y)).mean(), alpha)

    def width(self, x: Tensor, y: Tensor) -> Tensor:
        """Σ_i δ_i of each input at the present step, [batch]."""
        graph = self._graph or self._trace(x)
        with torch.no_grad():
            output = graph(x, self._live(graph))
        return self._width(x, self._target(output, y))

    def _width(self, x: Tensor, target: Target) -> Tensor:
        graph = self._graph or self._trace(x)
        epsilon = self.epsilon(self.step) if callable(self.epsilon) else self.epsilon
        gamma = checked("gamma", self.gamma(self.step))
        with torch.no_grad():
            box = self._box(x, epsilon)
            chosen = score(graph, x, target, self.loss)
        return total_width(graph, box, chosen, self._live(graph), gamma)

    def settings(self) -> Mapping[str, str]:
        own = ("epsilon", "gamma", "data_range", "loss", "target")
        return {**super().settings(), **{name: text(getattr(self, name)) for name in own}}

    def _trace(self, x: Tensor) -> Graph:
        graph = load(self.model, x[:1])
        logits = logits_of(graph)
        ibp.check(graph, logits)
        if logits != graph.output and self.task is F.cross_entropy:
            raise DomainError(
                "the model ends in a softmax, and cross-entropy takes logits: leave the softmax"
                " out, or give another task, such as torch.nn.functional.nll_loss for a log-softmax"
            )
        outputs = torch.Size(graph.shapes[logits][1:]).numel()
        if isinstance(self.target, int) and not 0 <= self.target < outputs:
            raise DomainError(
                f"target {self.target} is out of range: the model has {outputs} outputs"
            )
        # What all steps share, and would be checked in each of them at a cost.
        epsilon = self.epsilon(self.step) if callable(self.epsilon) else self.epsilon
        input_box(x.detach(), epsilon, self.data_range)
        self._graph = graph
        return graph

    def _box(self, x: Tensor, epsilon: Size) -> Interval:
        if isinstance(epsilon, Tensor):
            epsilon = epsilon.to(x)
        elif checked("epsilon", epsilon) == 0:
            return Interval.point(x)
        lower, upper = x - epsilon, x + epsilon
        if self.data_range is not None:
            least, most = (torch.as_tensor(end).to(x) for end in self.data_range)
            lower, upper = torch.maximum(lower, least), torch.minimum(upper, most)
        return Interval(lower, upper)

    def _target(self, output: Tensor, y: Tensor) -> Target:
        if isinstance(self.target, tuple):
            return self.target
        flat = output.detach().flatten(1)
        if flat.shape[1] == 1 and isinstance(self.target, str):
            return 0
        first: int | Tensor
        if self.target == "predicted":
            first = flat.argmax(1)
        else:
            first = y if isinstance(self.target, str) else self.target
        if self.loss != "margin":
            return first
        classes = torch.as_tensor(first, device=flat.device).expand(len(flat))
        return classes, flat.scatter(1, classes[:, None], -torch.inf).argmax(1)

    def _live(self, graph: Graph) -> dict[str, Tensor]:
        """The module's own tensors by their names in the graph, running statistics as constants.

        These are copied: the next forward pass writes to them, perhaps before `backward`.
        """
        found: dict[str, Tensor] = dict(self.model.named_parameters())
        found.update((name, value.detach().clone()) for name, value in self.model.named_buffers())
        return {name: value for name, value in found.items() if name in graph.tensors}
