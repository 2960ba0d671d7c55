"""Optuna's storage: trials that outlive the process, and are shared by several."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from affidavit.errors import OutputError
from affidavit.initialization.journal import open_journal
from affidavit.initialization.runs import OWNER, POSITION, finished
from affidavit.initialization.start import Start
from affidavit.initialization.strategies.strategy import History, Parameters, Strategy

NAME = "affidavit"
"""Of the study, unless the caller gives another."""

_SETTINGS = "affidavit settings"
_AGAIN = "again"
_MADE_MEANWHILE = ("already exists", "UNIQUE constraint failed", "duplicate key")
# Searches of this process that are under way.
_ACTIVE: set[str] = set()


class ByPosition(BaseSampler):
    """Gives each trial what a strategy has for its position.

    Optuna numbers trials in the order in which they are asked for, by whichever machine. A trial
    that is made again keeps its position, so that the numbers after it are one too many.
    """

    def __init__(self, strategy: Strategy, start: Start) -> None:
        self._strategy = strategy
        self._start = start

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._strategy.space(self._start)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        trials = study.get_trials(deepcopy=False)
        last = self._strategy.positions()
        place = position(trial, trials)
        if last is not None and place > last:
            place = 0  # asked for by two machines at once; it is given back untried
        return dict(self._strategy.parameters(self._start, place, history(trials)))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        raise NotImplementedError("all parameters of a trial are drawn at once")


def position(trial: FrozenTrial, trials: list[FrozenTrial]) -> int:
    """The place of a trial in the strategy's order."""
    if POSITION in trial.user_attrs:
        return int(trial.user_attrs[POSITION])
    return trial.number - sum(_AGAIN in one.user_attrs for one in trials[: trial.number])


def history(trials: list[FrozenTrial]) -> History:
    """Validation accuracy by position, of all runs that are finished."""
    found: dict[int, float] = {}
    for trial in trials:
        if finished(trial):  # of two at one position, the one asked for first
            value = math.nan if trial.value is None else float(trial.value)
            found.setdefault(int(trial.user_attrs[POSITION]), value)
    return found


def open_study(
    storage: str | os.PathLike[str] | BaseStorage | None,
    name: str,
    sampler: BaseSampler,
    settings: Mapping[str, str],
) -> optuna.Study:
    """The study of a search, new or to be gone on with.

    Args:
        storage: a file (a journal, made if it is not there), a database's URL, a storage of
            Optuna's, or None to keep trials in memory.
        name: of the study in the storage.
        sampler: gives trials their parameters.
        settings: all that results depend on. Those of a study that is there have to be the same.

    Raises OutputError for a file that is no journal, a storage that cannot be opened, or a study of
    another search; whatever it is, it is left as it was.
    """
    try:
        study = _created(storage, name, sampler)
        known = study.user_attrs.get(_SETTINGS)
        strange = known is None and (bool(study.user_attrs) or bool(study.get_trials(False)))
    except OutputError:
        raise
    except Exception as error:  # of the journal, a database's driver, or SQLAlchemy
        raise OutputError(
            f"the storage {storage} cannot be opened: {type(error).__name__}: {error}"
        ) from error
    if strange:
        raise OutputError(
            f"the study {name!r} in {storage} was not made by this search; expected another name"
            " or another storage. It is left as it was."
        )
    if known is None:
        study.set_user_attr(_SETTINGS, dict(settings))
    elif known != dict(settings):
        other = [key for key in settings if known.get(key) != settings[key]]
        seen = "; ".join(
            f"{key} was {known.get(key)!r} and is now {settings[key]!r}" for key in other
        )
        raise OutputError(
            f"the study {name!r} in {storage} is of another search: {seen}. Go on with the settings"
            " that it has, or give another storage or name. It is left as it was."
        )
    return study


def _created(
    storage: str | os.PathLike[str] | BaseStorage | None, name: str, sampler: BaseSampler
) -> optuna.Study:
    def create() -> optuna.Study:
        return optuna.create_study(
            storage=_storage(storage),
            sampler=sampler,
            study_name=name,
            direction="maximize",
            load_if_exists=True,
        )

    for _ in range(4):
        try:
            return create()
        except Exception as error:
            # Several processes make the tables of a new database at once: some find them there.
            if not any(text in str(error) for text in _MADE_MEANWHILE):
                raise
            time.sleep(0.5)
    return create()


def retry(study: optuna.Study) -> None:
    """Puts trials back in the queue whose process is gone, or that were interrupted."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not _alive(trial.user_attrs.get(OWNER)):
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
    trials = study.get_trials(deepcopy=False)
    done = {trial.user_attrs[POSITION] for trial in trials if finished(trial)}
    for trial in trials:
        # Without an owner it was cut off before it had one: its position is the number's.
        place = position(trial, trials)
        if trial.state != TrialState.FAIL or place in done:
            continue
        if not _any(study, place, (TrialState.WAITING, TrialState.RUNNING)):
            again(study, place)


def again(study: optuna.Study, place: int) -> None:
    """Puts a position in the queue, unless it is there."""
    if not _any(study, place, (TrialState.WAITING,)):
        study.enqueue_trial({}, user_attrs={POSITION: place, _AGAIN: True})


def _any(study: optuna.Study, place: int, states: tuple[TrialState, ...]) -> bool:
    trials = study.get_trials(deepcopy=False, states=states)
    return any(trial.user_attrs.get(POSITION) == place for trial in trials)


@contextmanager
def owner() -> Iterator[str]:
    """A name for a search under way in this process."""
    process = os.getpid()
    mine = f"{socket.gethostname()}:{process}:{os.urandom(8).hex()}:{_born(process)}"
    _ACTIVE.add(mine)
    try:
        yield mine
    finally:
        _ACTIVE.discard(mine)


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's messages: the search has its own."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _alive(name: str | None) -> bool:
    """Whether a search may still be under way. Of another machine it cannot be known: yes."""
    if name is None:
        return False
    host, process, _, *born = name.split(":")
    if host != socket.gethostname():
        return True
    if int(process) == os.getpid():
        return name in _ACTIVE
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not born or born[0] == _born(int(process))


def _born(process: int) -> str:
    """When a process began, where the system tells: numbers of processes are given again."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[19]


def _storage(given: str | os.PathLike[str] | BaseStorage | None) -> BaseStorage | str:
    if given is None:
        return InMemoryStorage()
    if isinstance(given, BaseStorage) or (isinstance(given, str) and "://" in given):
        return given
    return open_journal(given)


__all__ = [
    "NAME",
    "ByPosition",
    "Parameters",
    "again",
    "open_study",
    "owner",
    "position",
    "quiet",
    "retry",
]
