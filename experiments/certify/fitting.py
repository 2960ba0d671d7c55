"""Training that goes on where an earlier run was interrupted."""

from __future__ import annotations

import argparse
import sys

from torch import Tensor, nn

from affidavit.certify.training import History, Objective, fit
from affidavit.certify.training.fitting import MakeOptimizer, adam
from experiments.recording import say


def trained(
    given: argparse.Namespace,
    name: str,
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    objective: Objective,
    *,
    epochs: int,
    batch_size: int,
    optimizer: MakeOptimizer = adam,
    validation: tuple[Tensor, Tensor] | None = None,
) -> History:
    """Trains the model in place, or takes it from the work folder; ends the script on Ctrl-C."""
    say(f"training {name}")
    history = fit(
        model,
        data,
        objective,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        validation=validation,
        seed=given.seed,
        checkpoints=given.work / name.replace(" ", "_"),
        progress=sys.stderr.isatty(),
    )
    if history.interrupted:
        sys.exit("interrupted; the same command goes on from here")
    model.eval()
    last = history.epochs[-1]
    seconds = sum(epoch.seconds for epoch in history.epochs)
    say(f"trained {name}: {seconds:.1f} s, {last}")
    return history
