"""The work of one call: trials are asked for, trained and told."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import replace

import numpy as np
from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from torch import nn

from affidavit.errors import ModelError
from affidavit.initialization.asking import Asking
from affidavit.initialization.failing import FailedError, failing
from affidavit.initialization.functions import TrainingRun
from affidavit.initialization.job import Job
from affidavit.initialization.result import Stopped
from affidavit.initialization.runs import POSITION, Bits, Run, attributes, from_trial
from affidavit.initialization.standing import Progress, Standing


class Worker:
    """Asks for trials, trains them and tells what came of them, until a limit is reached."""

    def __init__(self, study: Study, job: Job, owner: str, progress: Progress | None) -> None:
        self.study = study
        self.job = job
        self.asking = Asking(study, job, owner)
        self.progress = progress
        self._finished: dict[int, Run] = {}
        self.began = time.monotonic()
        # A search that goes on knows what a trial takes, and its clock continues.
        runs = self.runs()
        self.before = max((run.finished for run in runs), default=0.0)
        self.seconds_per_trial = max((run.seconds for run in runs), default=0.0)
        self.best: tuple[Run, nn.Module] | None = None

    def runs(self) -> list[Run]:
        """The finished runs of all calls, by position."""
        for trial in self.study.get_trials(deepcopy=False):
            # What is finished does not change: it is unpacked once.
            if trial.number not in self._finished and (run := from_trial(trial)) is not None:
                self._finished[trial.number] = run
        found: dict[int, Run] = {}
        for number in sorted(self._finished):  # of two at one position, the one asked for first
            found.setdefault(self._finished[number].position, self._finished[number])
        return [found[position] for position in sorted(found)]

    def work(self, together: int) -> Stopped:
        """Trains until a limit is reached."""
        try:
            while (first := self._first()) is None:
                self._batch(self.asking.first())
            if first.state == "failed":
                raise ModelError(
                    f"the first run failed: {first.reason}. There is no accuracy to gain on;"
                    " expected a model and a training that work once."
                )
            while (stopped := self._stopped()) is None:
                trials = self.asking.ask(self._affordable(together))
                if not trials:
                    return "max_trial"
                self._batch(trials)
        except KeyboardInterrupt:
            return "interrupted"
        return stopped

    def chosen(self) -> tuple[Run, nn.Module]:
        """The best complete run, of equal ones the earliest, and its trained network.

        If it was trained by another call, it is trained again: alone, so that the last digits of
        its weights may differ, and with them a row. The run is that of the network given.

        Raises KeyboardInterrupt if there is no run at all.
        """
        complete = [run for run in self.runs() if run.state == "complete"]
        if not complete:
            raise KeyboardInterrupt
        chosen = max(complete, key=lambda run: (run.accuracy, -run.position))
        if self.best is not None and self.best[0].position == chosen.position:
            return self.best[0], self.best[1].eval()
        training = self.job.begin([chosen.parameters])
        training.run(chosen.epochs)
        if training.failures[0]:
            raise ModelError(
                f"run {chosen.position}, the best, was trained by another call. Trained again for"
                f" its network, it failed: {training.failures[0]}. What is stored is left as it was"
            )
        validation, test = self._correct(training)
        again = replace(
            chosen,
            accuracy=float(validation[0].mean()),
            validation=validation[0],
            test=None if test is None else test[0],
        )
        return again, training.models[0].eval()

    def _first(self) -> Run | None:
        return next((run for run in self.runs() if run.position == 0), None)

    def _stopped(self) -> Stopped | None:
        runs = self.runs()
        best = max(run.accuracy for run in runs if run.state == "complete")
        target, limits = self.job.target, self.job.limits
        # Accuracies are whole numbers of rows: what is compared differs by far more than this.
        best += 1e-6 / len(self.job.parts.validation[1])
        if target is not None and best >= target:
            return "target"
        if limits.max_gain is not None and best - runs[0].accuracy >= limits.max_gain:
            return "max_gain"
        if self._left() == 0:
            return "max_trial"
        return "max_time" if self._late() else None

    def _left(self) -> int | None:
        """Trials that nobody has begun; None for no end."""
        if self.job.last is None:
            return None
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        taken = {run.position for run in self.runs()}
        taken |= {trial.user_attrs.get(POSITION, 0) for trial in running}
        return max(0, self.job.last - len(taken - {0}))

    def _affordable(self, together: int) -> int:
        """Trials for one batch: all but one have to fit into the time that is left."""
        left = self._left()
        count = together if left is None else min(together, left)
        if self.job.limits.max_time is not None and self.seconds_per_trial > 0:
            seconds = max(0.0, self.job.limits.max_time - self._elapsed())
            count = min(count, max(1, math.floor(seconds / self.seconds_per_trial)))
        return count

    def _batch(self, trials: list[Trial]) -> None:
        """Trains trials together; where that fails, those that are left each alone."""
        began = time.monotonic()
        alive = list(trials)
        try:
            try:
                self._train(trials, alive)
            except FailedError as failure:
                self._apart(trials, alive, failure)
        finally:
            for trial in alive:  # Ctrl-C, or an error that ends the search
                with contextlib.suppress(Exception):
                    self.asking.give_back(trial)
        self.seconds_per_trial = (time.monotonic() - began) / len(trials)
        self._show("")

    def _train(self, trials: list[Trial], alive: list[Trial]) -> None:
        """Trains trials, tells their outcome, and drops some where the strategy says.

        `alive` keeps those that have no outcome yet.
        """
        began = time.monotonic()
        with failing():
            training = self.job.begin([trial.params for trial in trials])
        done = 0
        rungs = self.job.plan.rungs(self.job.trainer.epochs, len(trials))
        if len(trials) == 1 and not _place(trials[0]):
            rungs = rungs[-1:]  # the first run is compared with, so it is trained in full
        for number, rung in enumerate(rungs):
            self._show(f"{len(alive)} to epoch {rung.epochs}")
            with failing():
                training.run(rung.epochs - done)
            done = rung.epochs
            seconds = (time.monotonic() - began) / len(trials)
            last = number == len(rungs) - 1 or self._late()
            with failing():
                runs = self._evaluate(training, alive, done, seconds, last)
            kept = [] if last else _best(runs, rung.kept)
            kept = [place for place in kept if runs[place].state != "failed"]
            trained, there = training.models, list(alive)
            for place, (trial, run) in enumerate(zip(there, runs, strict=True)):
                if place not in kept:
                    self._tell(trial, run, trained[place])
                    alive.remove(trial)
            if not alive:
                break
            training.keep(kept)

    def _apart(self, trials: list[Trial], alive: list[Trial], failure: FailedError) -> None:
        """Trains each alone, so that what fails is one run."""
        for trial in list(alive):
            if self._late():
                return
            if len(trials) > 1:
                try:
                    self._train([trial], [trial])
                    alive.remove(trial)
                    continue
                except FailedError as found:
                    failure = found
            if not _place(trial):
                raise failure.error
            self._tell(trial, self._failed(trial, failure), None)
            alive.remove(trial)

    def _failed(self, trial: Trial, failure: FailedError) -> Run:
        return Run(
            position=_place(trial),
            parameters=trial.params,
            state="failed",
            accuracy=math.nan,
            seconds=failure.seconds,
            epochs=0,
            finished=self.before + self._elapsed(),
            reason=str(failure),
        )

    def _evaluate(
        self, training: TrainingRun, trials: list[Trial], epochs: int, seconds: float, last: bool
    ) -> list[Run]:
        whole = epochs == self.job.trainer.epochs
        validation, test = self._correct(training, judged=last and whole)
        now = self.before + self._elapsed()
        runs = []
        for place, (trial, failure) in enumerate(zip(trials, training.failures, strict=True)):
            runs.append(
                Run(
                    position=_place(trial),
                    parameters=trial.params,
                    state="failed" if failure else "complete" if last and whole else "dropped",
                    accuracy=math.nan if failure else float(validation[place].mean()),
                    seconds=seconds,
                    epochs=epochs,
                    finished=now,
                    validation=None if failure else validation[place],
                    test=None if failure or test is None else test[place],
                    reason=failure,
                )
            )
        return runs

    def _correct(self, training: TrainingRun, judged: bool = True) -> tuple[Bits, Bits | None]:
        """Of the validation rows and, if they are to be judged, those that choose nothing."""
        parts = self.job.parts
        test = parts.test if judged else None
        return (
            training.correct(*parts.validation).numpy(),
            None if test is None else training.correct(*test).numpy(),
        )

    def _tell(self, trial: Trial, run: Run, model: nn.Module | None) -> None:
        states = {
            "complete": TrialState.COMPLETE,
            "dropped": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }
        value = run.accuracy if run.state == "complete" else None
        try:
            for key, attribute in attributes(run).items():
                trial.set_user_attr(key, attribute)
            if run.state == "dropped":
                trial.report(run.accuracy, run.epochs)
            self.study.tell(trial, value, state=states[run.state])
        except UpdateFinishedTrialError:
            return  # taken for lost, it is another's now
        if model is None or run.state != "complete":
            return
        if self.best is None or run.accuracy > self.best[0].accuracy:
            self.best = (run, model)

    def _late(self) -> bool:
        return self.job.limits.max_time is not None and self._elapsed() >= self.job.limits.max_time

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _show(self, doing: str) -> None:
        if self.progress is None:
            return
        runs = self.runs()
        complete = [run.accuracy for run in runs if run.state == "complete"]
        self.progress(
            Standing(
                trials=sum(run.position > 0 for run in runs),
                max_trial=self.job.last,
                first=runs[0].accuracy if runs else math.nan,
                best=max(complete, default=math.nan),
                seconds=self._elapsed(),
                max_time=self.job.limits.max_time,
                doing=doing,
            )
        )


def _place(trial: Trial) -> int:
    return int(trial.user_attrs[POSITION])


def _best(runs: list[Run], count: int) -> list[int]:
    """Places of the most accurate, in order; of equal ones the earlier, failed ones last."""
    accuracy = np.array([-math.inf if math.isnan(run.accuracy) else run.accuracy for run in runs])
    return sorted(np.argsort(-accuracy, kind="stable")[:count].tolist())
