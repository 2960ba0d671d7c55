"""The work of one call: trials are asked for, trained and told."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import replace

import numpy as np
from optuna import Study, Trial
from optuna.trial import TrialState
from torch import nn

from affidavit.errors import ModelError
from affidavit.initialization import storage as stored
from affidavit.initialization.functions import TrainingRun
from affidavit.initialization.job import Job
from affidavit.initialization.result import Stopped
from affidavit.initialization.runs import (
    INTERRUPTED,
    OWNER,
    POSITION,
    REASON,
    Bits,
    Run,
    attributes,
    from_trial,
)
from affidavit.initialization.standing import Progress, Standing


class Worker:
    """Asks for trials, trains them and tells what came of them, until a limit is reached."""

    def __init__(self, study: Study, job: Job, owner: str, progress: Progress | None) -> None:
        self.study = study
        self.job = job
        self.owner = owner
        self.progress = progress
        self._finished: dict[int, Run] = {}
        self.began = time.monotonic()
        # The clock of a search that goes on continues where it stopped.
        self.before = max((run.finished for run in self.runs()), default=0.0)
        self.best: tuple[Run, nn.Module] | None = None
        self.seconds_per_trial = 0.0

    def runs(self) -> list[Run]:
        """The finished runs of all calls, by position."""
        for trial in self.study.get_trials(deepcopy=False):
            # What is finished does not change: it is unpacked once.
            if trial.number not in self._finished and (run := from_trial(trial)) is not None:
                self._finished[trial.number] = run
        return sorted(self._finished.values(), key=lambda run: run.position)

    def work(self, together: int) -> Stopped:
        """Trains until a limit is reached."""
        try:
            if not self.runs():
                self._batch(self._ask(1))
            self._require_first()
            while (stopped := self._stopped()) is None:
                trials = self._ask(self._affordable(together))
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
            return self.best
        training = self.job.begin([chosen.parameters])
        training.run(chosen.epochs)
        validation, test = self._correct(training)
        again = replace(
            chosen,
            accuracy=float(validation[0].mean()),
            validation=validation[0],
            test=None if test is None else test[0],
        )
        return again, training.models[0]

    def _require_first(self) -> None:
        first = next((run for run in self.runs() if run.position == 0), None)
        if first is not None and first.state == "failed":
            raise ModelError(
                f"the first run failed: {first.reason}. There is no accuracy to gain on; expected a"
                " model and a training that work once."
            )

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

    def _ask(self, count: int) -> list[Trial]:
        """New trials, fewer than asked for where another machine was faster."""
        found = []
        space = self.job.plan.space(self.job.start)
        for _ in range(count):
            trial = self.study.ask(space)
            trials = self.study.get_trials(deepcopy=False)
            place = stored.position(trials[trial.number], trials)
            trial.set_user_attr(POSITION, place)
            trial.set_user_attr(OWNER, self.owner)
            if self.job.last is not None and place > self.job.last:
                self._give_back(trial)
                break
            found.append(trial)
        return found

    def _give_back(self, trial: Trial) -> None:
        trial.set_user_attr(REASON, INTERRUPTED)
        self.study.tell(trial, state=TrialState.FAIL)

    def _batch(self, trials: list[Trial]) -> None:
        """Trains trials together, tells their outcome, and drops some where the strategy says."""
        began = time.monotonic()
        alive = list(trials)
        try:
            training = self.job.begin([trial.params for trial in trials])
            done = 0
            rungs = self.job.plan.rungs(self.job.trainer.epochs, len(trials))
            if len(trials) == 1 and not _place(trials[0]):
                rungs = rungs[-1:]  # the first run is compared with, so it is trained in full
            for number, rung in enumerate(rungs):
                self._show(f"{len(alive)} to epoch {rung.epochs}")
                training.run(rung.epochs - done)
                done = rung.epochs
                seconds = (time.monotonic() - began) / len(trials)
                last = number == len(rungs) - 1 or self._late()
                runs = self._evaluate(training, alive, done, seconds, last)
                kept = range(len(alive)) if last else _best(runs, rung.kept)
                for place, (trial, run) in enumerate(zip(alive, runs, strict=True)):
                    if last or place not in kept or run.state == "failed":
                        self._tell(trial, run, training.models[place])
                if last:
                    alive = []
                    break
                kept = [place for place in kept if runs[place].state != "failed"]
                training.keep(kept)
                alive = [alive[place] for place in kept]
                if not alive:
                    break
        finally:
            for trial in alive:  # Ctrl-C, or an error that ends the search
                with contextlib.suppress(Exception):
                    self._give_back(trial)
        self.seconds_per_trial = (time.monotonic() - began) / len(trials)
        self._show("")

    def _evaluate(
        self, training: TrainingRun, trials: list[Trial], epochs: int, seconds: float, last: bool
    ) -> list[Run]:
        whole = epochs == self.job.trainer.epochs
        validation, test = self._correct(training, judged=last and whole)
        finished = self.before + self._elapsed()
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
                    finished=finished,
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

    def _tell(self, trial: Trial, run: Run, model: nn.Module) -> None:
        states = {
            "complete": TrialState.COMPLETE,
            "dropped": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }
        for key, value in attributes(run).items():
            trial.set_user_attr(key, value)
        if run.state == "dropped":
            trial.report(run.accuracy, run.epochs)
        value = run.accuracy if run.state == "complete" else None
        self.study.tell(trial, value, state=states[run.state])
        if run.state == "complete" and (self.best is None or run.accuracy > self.best[0].accuracy):
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
