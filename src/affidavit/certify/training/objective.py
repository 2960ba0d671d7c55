"""What training minimises: the loss of the task, and a penalty on explanations that can change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.certify.training.schedules import Schedule, checked, schedule
from affidavit.errors import DomainError, ModelError

Task: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs and labels to a scalar, the mean over the batch."""


@dataclass(frozen=True, eq=False)
class Terms:
    """What an objective found at a batch.

    Attributes:
        output: the model's outputs that the task's loss was taken of, [batch, ...].
        task: the task's loss, scalar.
        penalty: mean over the batch of what is penalised, scalar; None where α = 0.
        alpha: its factor.
    """

    output: Tensor
    task: Tensor
    penalty: Tensor | None = None
    alpha: float = 0.0

    @property
    def total(self) -> Tensor:
        """`task + α penalty`, scalar: what is minimised."""
        return self.task if self.penalty is None else self.task + self.alpha * self.penalty


class Objective(nn.Module, ABC):
    """A loss that knows the model: `objective(x, y)` is a scalar to call `backward` on.

    Each call in training mode counts as one step of the schedules; `state_dict()` holds the count.
    The model is not a submodule: the objective has no parameters, and `objective.eval()` does not
    change the model's mode.

    Args:
        model: the network that is trained.
        alpha: factor of the penalty, a number or a schedule. At 0 the penalty is not computed.
        task: the task's loss of outputs and labels.
    """

    def __init__(
        self, model: nn.Module, *, alpha: float | Schedule = 0.0, task: Task = F.cross_entropy
    ) -> None:
        super().__init__()
        if not isinstance(model, nn.Module):
            raise ModelError(
                f"the model is a {type(model).__name__}; training needs a PyTorch module"
            )
        self._held = (model,)  # in a tuple, which torch does not look into
        self.alpha = schedule("alpha", alpha)
        self.task = task
        self.step = 0

    @property
    def model(self) -> nn.Module:
        """The network that is trained."""
        return self._held[0]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The loss at a batch of inputs [batch, ...] and labels [batch], a scalar."""
        terms = self.terms(x, y)
        if self.training:
            self.step += 1
        return terms.total

    def terms(self, x: Tensor, y: Tensor) -> Terms:
        """The loss in parts, at the present step, which is not counted."""
        if len(x) != len(y) or not len(x):
            raise DomainError(f"{len(x)} inputs and {len(y)} labels; expected as many, and some")
        alpha = checked("alpha", self.alpha(self.step))
        return self._terms(x, y, alpha)

    @abstractmethod
    def _terms(self, x: Tensor, y: Tensor, alpha: float) -> Terms: ...

    def settings(self) -> Mapping[str, str]:
        """What was chosen, as text: two objectives of equal settings do the same."""
        return {"alpha": text(self.alpha), "task": text(self.task)}

    def generator(self, seed: int) -> torch.Generator:
        """Random numbers that depend on the seed and the step alone, so that training can go on
        where it was interrupted."""
        return torch.Generator().manual_seed((seed * 1_000_003 + self.step) % 2**63)

    def get_extra_state(self) -> dict[str, int]:
        return {"step": self.step}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.step = int(state["step"])

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.settings().items())


@final
class StandardLoss(Objective):
    """The task's loss alone."""

    def __init__(self, model: nn.Module, *, task: Task = F.cross_entropy) -> None:
        super().__init__(model, task=task)

    def _terms(self, x: Tensor, y: Tensor, alpha: float) -> Terms:
        output = self.model(x)
        return Terms(output, self.task(output, y))


def explained(output: Tensor, y: Tensor) -> Tensor:
    """The output that is explained, [batch]: the label's, or the only one.

    Raises:
        DomainError: several outputs, and labels that are no classes.
    """
    flat = output.flatten(1)
    if flat.shape[1] == 1:
        return flat.squeeze(1)
    if y.is_floating_point() or y.ndim != 1:
        raise DomainError(
            f"the labels have the dtype {y.dtype} and shape {list(y.shape)}; expected one class"
            f" an input, for the model has {flat.shape[1]} outputs"
        )
    return flat.gather(1, y[:, None]).squeeze(1)


def text(value: Any) -> str:
    """A setting as text that is the same in every process."""
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Tensor):
        return f"tensor({value.tolist()})"
    if isinstance(value, tuple):
        return f"({', '.join(text(item) for item in value)})"
    return repr(value) if "object at 0x" not in repr(value) else type(value).__qualname__
