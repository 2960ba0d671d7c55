"""Asking a study for trials, of which other processes may take some at the same time."""

from __future__ import annotations

import contextlib

from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from affidavit.initialization import storage as stored
from affidavit.initialization.job import Job
from affidavit.initialization.runs import INTERRUPTED, OWNER, POSITION, REASON, finished

_BEGUN = (TrialState.RUNNING, TrialState.WAITING)


class Asking:
    """Takes trials from a study, each position once."""

    def __init__(self, study: Study, job: Job, owner: str) -> None:
        self.study = study
        self.job = job
        self.owner = owner

    def first(self) -> list[Trial]:
        """One trial: the first run, or another where a process was faster.

        The first run is trained by whoever needs it, even if another process is at it: all that
        follows is compared with it, and of another machine nobody knows whether it lives.
        """
        if self.study.get_trials(deepcopy=False):
            stored.again(self.study, 0)
        return self.ask(1)

    def ask(self, count: int) -> list[Trial]:
        """So many new trials, fewer where the limit comes first."""
        found: list[Trial] = []
        space = self.job.plan.space(self.job.start)
        while len(found) < count:
            try:
                trial = self.study.ask(space)
                trial.set_user_attr(OWNER, self.owner)
                trials = self.study.get_trials(deepcopy=False)
                place = stored.position(trials[trial.number], trials)
                trial.set_user_attr(POSITION, place)
            except UpdateFinishedTrialError:
                continue  # before it had an owner, another process took it for lost
            if self.job.last is not None and place > self.job.last:
                self.give_back(trial)
                break
            if any(_same(one, place, trials) for one in trials[: trial.number]):
                self.give_back(trial)  # two processes put one lost trial in the queue
            else:
                found.append(trial)
        return found

    def give_back(self, trial: Trial) -> None:
        """Marks a trial that was not trained to its end; it is made again when its turn comes."""
        with contextlib.suppress(UpdateFinishedTrialError):
            trial.set_user_attr(REASON, INTERRUPTED)
            self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


def _same(other: FrozenTrial, place: int, trials: list[FrozenTrial]) -> bool:
    """Whether another trial is, or will be, that of the place."""
    if stored.position(other, trials) != place:
        return False
    return finished(other) or (place > 0 and other.state in _BEGUN)
