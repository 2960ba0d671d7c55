"""A small trainer: reproducible, resumable, and safe to interrupt."""

from __future__ import annotations

import math
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from affidavit.certify.training import checkpoints as files
from affidavit.certify.training.history import Epoch, History, Sums, as_record
from affidavit.certify.training.objective import Objective, Terms
from affidavit.certify.training.showing import shown
from affidavit.data import Dataset
from affidavit.errors import DataError, ModelError

Data: TypeAlias = Dataset | tuple[Tensor, Tensor]
MakeOptimizer: TypeAlias = Callable[[Iterable[nn.Parameter]], Optimizer]


def adam(parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Adam with a learning rate of 0.001."""
    return torch.optim.Adam(parameters, lr=1e-3)


def fit(
    model: nn.Module,
    data: Data,
    objective: Objective,
    *,
    epochs: int,
    batch_size: int = 128,
    optimizer: MakeOptimizer = adam,
    validation: Data | None = None,
    seed: int = 0,
    checkpoints: str | Path | None = None,
    progress: bool = False,
) -> History:
    """Trains a model in place.

    The order of the inputs and all random numbers, dropout's among them, depend on the seed alone;
    the global generators are left as they were. On a processor, a run that was interrupted and
    resumed ends with the same bits as one that was not.

    On Ctrl-C the present step is finished, a checkpoint written, and what was reached is returned;
    a second Ctrl-C interrupts at once.

    Args:
        model: the network. It is trained on the device that it is on; batches are moved there. Its
            training mode is restored at the end.
        data: inputs [row, ...] and labels [row]: a data set (of it, all rows) or two tensors.
        objective: what is minimised; made for this model.
        epochs: passes through the data, at least 1.
        batch_size: inputs a step; the last batch of a pass may be smaller.
        optimizer: makes the optimiser of the model's parameters.
        validation: data whose accuracy is measured after each pass.
        seed: of the order, and of random numbers in the model.
        checkpoints: folder for a checkpoint after each pass. Where it holds one of a run with the
            same settings, that run is gone on with; `epochs` may have grown.
        progress: whether to show a bar on standard error.

    Raises:
        DataError: data without rows, of different lengths, or not numbers.
        ModelError: the objective is of another model, or the loss is not finite.
        OutputError, RecordError: the checkpoint cannot be written, or is of another run.
    """
    if objective.model is not model:
        raise ModelError("the objective was made for another model: give it this one")
    x, y = _tensors(data)
    held_out = None if validation is None else _tensors(validation)
    if epochs < 1 or batch_size < 1:
        raise DataError(f"epochs is {epochs} and batch_size {batch_size}; expected at least 1")
    run = _Run(model, objective, optimizer(model.parameters()), x, y, batch_size, seed)
    folder = None if checkpoints is None else Path(checkpoints)
    if folder is not None and (state := files.read(folder, run.settings)) is not None:
        run.restore(state)
    modes = [(module, module.training) for module in (*model.modules(), objective)]
    devices = [run.device] if run.device.type == "cuda" else []
    try:
        with (
            torch.random.fork_rng(devices),
            _interruptible() as interrupted,
            shown(progress, epochs) as show,
        ):
            run.seed_everything()
            objective.train()
            while len(run.epochs) < epochs and not interrupted():
                model.train()
                run.one_epoch(held_out, interrupted, show)
                if folder is not None:
                    files.write(folder, run.state())
    finally:
        for module, training in modes:
            module.training = training
    return History(tuple(run.epochs), run.steps, len(run.epochs) < epochs, run.settings)


class _Run:
    """A run of training and where it is."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        optimizer: Optimizer,
        x: Tensor,
        y: Tensor,
        batch_size: int,
        seed: int,
    ) -> None:
        self.model, self.objective, self.optimizer = model, objective, optimizer
        self.x, self.y, self.batch_size, self.seed = x, y, batch_size, seed
        self.device = next(model.parameters()).device
        self.epochs: list[Epoch] = []
        self.steps = 0
        self.batch = 0  # of the present pass
        self.sums, self.seconds = Sums(), 0.0
        self.random: list[Tensor] | None = None
        chosen = optimizer.param_groups[0]
        self.settings = {
            "objective": type(objective).__name__,
            **objective.settings(),
            "optimizer": type(optimizer).__name__,
            **{f"optimizer.{k}": repr(v) for k, v in chosen.items() if k != "params"},
            "batch_size": str(batch_size),
            "run seed": str(seed),
            "data": f"{list(x.shape)} {_checksum(x)}, {_checksum(y)}",
        }

    def one_epoch(
        self,
        validation: tuple[Tensor, Tensor] | None,
        interrupted: Callable[[], bool],
        show: Callable[..., None],
    ) -> None:
        """Goes on with the present pass, to its end or until it is interrupted."""
        started = time.perf_counter()
        number = len(self.epochs) + 1
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + number) % 2**63)
        order = _batches(torch.randperm(len(self.x), generator=generator), self.batch_size)
        while self.batch < len(order):
            terms = self.one_step(order[self.batch])
            self.batch += 1
            show(number, self.batch / len(order), terms)
            if interrupted():
                break
        self.seconds += time.perf_counter() - started
        if self.batch == len(order):
            score = None if validation is None else accuracy(self.model, *validation)
            self.epochs.append(self.sums.epoch(number, self.seconds, score))
            self.batch, self.sums, self.seconds = 0, Sums(), 0.0

    def one_step(self, rows: Tensor) -> Terms:
        """One batch."""
        x = self.x[rows].to(self.device)
        y = self.y[rows].to(self.device)
        terms = self.objective.terms(x, y)
        self.optimizer.zero_grad()
        total = terms.total
        value = total.item()
        if not math.isfinite(value):
            penalty = "" if terms.penalty is None else f", the penalty {terms.penalty.item():g}"
            raise ModelError(
                f"the loss is {value} at step {self.steps} (the task's is {terms.task.item():g}"
                f"{penalty}): lower the learning rate or alpha, or let epsilon and gamma grow"
                " slowly"
            )
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.objective.step += 1
        self.steps += 1
        self._count(terms, y)
        return terms

    def _count(self, terms: Terms, y: Tensor) -> None:
        n, sums = len(y), self.sums
        sums.inputs += n
        sums.task += terms.task.item() * n
        if terms.penalty is not None:
            sums.penalty += terms.penalty.item() * n
            sums.penalized += n
        if _are_classes(terms.output, y):
            sums.labelled += n
            sums.right += int((terms.output.argmax(1) == y).sum())

    def seed_everything(self) -> None:
        """Sets the generators as they were, or anew."""
        if self.random is None:
            torch.manual_seed(self.seed)
            return
        torch.set_rng_state(self.random[0])
        if self.device.type == "cuda" and len(self.random) > 1:
            torch.cuda.set_rng_state(self.random[1], self.device)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        random = [torch.get_rng_state()]
        if self.device.type == "cuda":
            random.append(torch.cuda.get_rng_state(self.device))
        return {
            "settings": self.settings,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "objective": self.objective.state_dict(),
            "random": random,
            "epochs": [as_record(epoch) for epoch in self.epochs],
            "steps": self.steps,
            "batch": self.batch,
            "sums": as_record(self.sums),
            "seconds": self.seconds,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what :meth:`state` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.objective.load_state_dict(state["objective"])
        self.random = state["random"]
        self.epochs = [Epoch(**record) for record in state["epochs"]]
        self.steps, self.batch = state["steps"], state["batch"]
        self.sums, self.seconds = Sums(**state["sums"]), state["seconds"]


def accuracy(model: nn.Module, x: Tensor, y: Tensor, batch_size: int = 1024) -> float:
    """Share of inputs whose largest output is the label's, in evaluation mode."""
    device = next(model.parameters()).device
    modes = [(module, module.training) for module in model.modules()]
    right = 0
    try:
        model.eval()
        with torch.no_grad():
            for rows in _batches(torch.arange(len(x)), batch_size):
                found = model(x[rows].to(device)).argmax(1)
                right += int((found == y[rows].to(device)).sum())
    finally:
        for module, training in modes:
            module.training = training
    return right / len(x)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C was pressed; pressed again, it interrupts at once."""
    pressed = False

    def press(number: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    # Only the main thread may say what a signal does.
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        # None stands for a handler that was not set from Python.
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def _batches(order: Tensor, size: int) -> list[Tensor]:
    return [order[start : start + size] for start in range(0, len(order), size)]


def _tensors(data: Data) -> tuple[Tensor, Tensor]:
    if isinstance(data, Dataset):
        x, y = torch.tensor(data.inputs), torch.tensor(data.labels)
        y = y.float() if y.is_floating_point() else y
    elif isinstance(data, tuple) and len(data) == 2 and all(isinstance(t, Tensor) for t in data):
        x, y = data
    else:
        raise DataError(
            f"data is a {type(data).__name__}; expected a Dataset, or a pair of tensors"
        )
    if len(x) != len(y) or not len(x):
        raise DataError(f"{len(x)} inputs and {len(y)} labels; expected as many, and some")
    return x.detach(), y.detach()


def _are_classes(output: Tensor, y: Tensor) -> bool:
    return output.ndim == 2 and output.shape[1] > 1 and y.ndim == 1 and not y.is_floating_point()


def _checksum(x: Tensor) -> str:
    return f"{zlib.crc32(x.cpu().contiguous().numpy().tobytes()):08x}"
