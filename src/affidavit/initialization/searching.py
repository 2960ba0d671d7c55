"""A search over initial weights, within the user's limits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from optuna.storages import BaseStorage
from torch import nn

from affidavit.data import Dataset
from affidavit.errors import DomainError
from affidavit.initialization import storage as stored
from affidavit.initialization.functions import ByFunction, TrainFunction
from affidavit.initialization.job import Job
from affidavit.initialization.limits import Limits, check_share
from affidavit.initialization.parts import Parts
from affidavit.initialization.result import SearchResult
from affidavit.initialization.standing import Progress
from affidavit.initialization.start import Start
from affidavit.initialization.strategies import Strategy
from affidavit.initialization.strategies import strategy as strategy_of
from affidavit.initialization.training import Trainer
from affidavit.initialization.worker import Worker

TOGETHER = 20
"""Networks that are trained at once, unless the caller says otherwise."""


def search(
    make_model: Callable[[], nn.Module],
    data: Dataset,
    *,
    max_time: float | None = None,
    max_trial: int | None = None,
    max_gain: float | None = None,
    strategy: str | Strategy = "reseed",
    train: Trainer | TrainFunction | None = None,
    target: float | None = None,
    seed: int = 0,
    together: int = TOGETHER,
    storage: str | os.PathLike[str] | BaseStorage | None = None,
    name: str = stored.NAME,
    progress: Progress | None = None,
) -> SearchResult:
    """Trains networks that differ in how they begin, and chooses the best on validation rows.

    The first run comes before the limits count. Every run is trained on the part `train` and
    compared on `validation`; the part `test`, where there is one, is evaluated for the statements
    about the outcome and takes no part in any choice. A run whose training diverges or fails is
    recorded as failed, and the search goes on.

    Args:
        make_model: gives a new network with random parameters, from the global generators, which
            are seeded while it is called.
        data: classes to predict, with parts `train` and `validation`.
        max_time, max_trial, max_gain: as in :class:`affidavit.initialization.limits.Limits`.
        strategy: an entry of :data:`affidavit.initialization.strategies.STRATEGIES` or its name.
        train: a trainer (default: its own constants), or a function (model, inputs, labels, seed)
            that trains in place.
        target: end once a run has this validation accuracy, a share of 1.
        seed: of everything random.
        together: networks that are trained at once; 1 for a function.
        storage: keeps the trials: a file, or a database's URL or a storage of Optuna's, which
            several machines can share. A call with the same settings goes on where the last one
            ended. None: in memory.
        name: of the study in the storage.
        progress: is told where the search stands.

    Returns:
        All runs, the chosen one and its trained network. After Ctrl-C too, from what was finished;
        `stopped` says so.

    Raises:
        DomainError: limits, target, seed or constants without meaning.
        DataError: no such parts, an empty one, or targets of regression.
        ModelError: the factory fails, gives the same parameters twice, other weights under the same
            seed, or (reseeding, halving) the same under any; the model has no parameters to train,
            does not give scores [row, class], or the first run fails.
        OutputError: the storage cannot be opened, or holds another search.

    Guarantee: none by itself; that of :mod:`affidavit.initialization.evidence` is `statistical`.
    Source: Pan, Nguyen and Ahmed, Algorithm 1 and section 5.2.
    """
    limits = Limits(max_time, max_trial, max_gain)
    check_share("target", target)
    if not isinstance(together, int) or isinstance(together, bool) or together < 1:
        raise DomainError(f"together is {together!r}; expected a whole number, at least 1")
    trainer = _trainer(train)
    plan = strategy_of(strategy)
    if isinstance(trainer, ByFunction):
        together = 1
        if len(plan.rungs(2**20, 2)) > 1:
            raise DomainError(
                f"the strategy {plan.name!r} stops runs between epochs, which a training function"
                " does not allow; expected a Trainer"
            )
    parts = Parts.of(data)
    start = Start(make_model, seed)
    plan.check(start)
    settings = {
        "strategy": repr(plan),
        "training": repr(trainer),
        "data": data.sha256,
        "first weights": start.digest,
        "seed": str(seed),
    }
    with stored.quiet(), stored.owner() as owner:
        study = stored.open_study(storage, name, stored.ByPosition(plan, start), settings)
        stored.retry(study)
        job = Job(plan, start, trainer, parts, limits, target)
        worker = Worker(study, job, owner, progress)
        began = time.monotonic()
        stopped = worker.work(plan.together(together))
        chosen, model = worker.chosen()
        runs = [chosen if run.position == chosen.position else run for run in worker.runs()]
    return SearchResult(
        runs=tuple(runs),
        chosen=chosen,
        model=model,
        strategy=plan.name,
        fresh=plan.fresh,
        limits=limits,
        target=target,
        stopped=stopped,
        seconds=time.monotonic() - began,
        rows={part: len(rows) for part, rows in data.parts.items()},
        settings=settings,
    )


def _trainer(given: Trainer | TrainFunction | None) -> Trainer | ByFunction:
    if given is None:
        return Trainer()
    return given if isinstance(given, Trainer) else ByFunction(given)
