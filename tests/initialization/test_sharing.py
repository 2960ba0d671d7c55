"""Processes that are killed, and such as work on one search at the same time."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from tests.initialization.problems import descend, exclusive_or, small

from affidavit.initialization import storage as stored
from affidavit.initialization.journal import open_journal
from affidavit.initialization.searching import search
from affidavit.initialization.standing import Standing
from affidavit.initialization.training import Trainer

DATA = exclusive_or(40)
HOST = socket.gethostname()


def run(path: Path | None = None, **options: Any) -> Any:
    given: dict[str, Any] = {"max_trial": 5, "train": descend, "seed": 3, "storage": path}
    return search(small, DATA, **given | options)


def load(path: Path) -> optuna.Study:
    return optuna.load_study(study_name="affidavit", storage=open_journal(path))


def told(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ctrl-C when the outcome of a trial is half told."""
    tell = optuna.Study.tell

    def stopped(study: optuna.Study, trial: Any, *given: Any, **options: Any) -> Any:
        if getattr(trial, "number", trial) == number and options.get("state") is not None:
            monkeypatch.undo()
            raise KeyboardInterrupt
        return tell(study, trial, *given, **options)

    monkeypatch.setattr(optuna.Study, "tell", stopped)


@pytest.mark.parametrize("train", [descend, Trainer(epochs=2)], ids=["alone", "together"])
def test_interrupted_while_an_outcome_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: Any
) -> None:
    path = tmp_path / "trials.log"
    told(monkeypatch, 3)
    found = run(path, train=train)
    assert found.stopped == "interrupted"
    assert [one.position for one in found.runs] == [0, 1, 2]
    again = run(path, train=train)
    assert [one.state for one in again.runs] == ["complete"] * 6
    assert again.accuracies.tolist() == run(train=train).accuracies.tolist()


def test_killed_while_an_outcome_is_told(tmp_path: Path) -> None:
    path = tmp_path / "trials.log"
    first = run(path, max_trial=2)
    lost = load(path).ask()
    whole = load(path).trials[2].user_attrs
    for key, value in (whole | {"owner": f"{HOST}:{2**22 + 1}:0", "position": 3}).items():
        lost.set_user_attr(key, value)
    found = run(path)
    assert found.accuracies.tolist() == run().accuracies.tolist()
    assert found.accuracies[:3].tolist() == first.accuracies.tolist()


def test_two_that_put_a_lost_trial_in_the_queue_train_it_once(tmp_path: Path) -> None:
    path = tmp_path / "trials.log"
    run(path, max_trial=2)
    for _ in range(2):
        load(path).enqueue_trial({}, user_attrs={"position": 3, "again": True})
    calls = []

    def counted(*given: Any) -> None:
        calls.append(given[3])
        descend(*given)

    counted.__qualname__, counted.__module__ = descend.__qualname__, descend.__module__
    found = run(path, train=counted)
    assert [one.position for one in found.runs] == list(range(6))
    assert found.accuracies.tolist() == run().accuracies.tolist()
    assert len(set(calls)) == len(calls)


def test_a_trial_taken_for_lost_before_it_had_an_owner_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trials.log"
    ask = optuna.Study.ask

    def robbed(study: optuna.Study, *given: Any) -> optuna.Trial:
        trial = ask(study, *given)
        if trial.number == 2:
            stored.retry(study)
        return trial

    monkeypatch.setattr(optuna.Study, "ask", robbed)
    found = run(path)
    assert [one.position for one in found.runs] == list(range(6))
    monkeypatch.undo()
    assert found.accuracies.tolist() == run().accuracies.tolist()


def test_the_first_run_is_made_by_all_who_need_it(tmp_path: Path) -> None:
    """Another machine began it, and nobody knows whether it lives."""
    path = tmp_path / "trials.log"
    run(path, max_trial=1)
    names = load(path).user_attrs
    other = tmp_path / "other.log"
    study = optuna.create_study(
        study_name="affidavit", storage=open_journal(other), direction="maximize"
    )
    for key, value in names.items():
        study.set_user_attr(key, value)
    begun = study.ask()
    begun.set_user_attr("owner", "elsewhere:1:0")
    begun.set_user_attr("position", 0)
    found = run(other, max_gain=0.5)
    assert found.accuracies.tolist() == run().accuracies.tolist()
    assert found.first.position == 0
    # The other machine tells its outcome after all.
    whole = next(one for one in study.trials if one.state == TrialState.COMPLETE)
    for key, value in whole.user_attrs.items():
        if key != "owner":
            begun.set_user_attr(key, value)
    study.tell(begun, whole.value)
    assert [one.position for one in run(other).runs] == list(range(6))


def test_a_number_that_another_process_has_now_is_no_owner(tmp_path: Path) -> None:
    path = tmp_path / "trials.log"
    run(path, max_trial=2)
    lost = load(path).ask()
    lost.set_user_attr("owner", f"{HOST}:{os.getppid()}:0:1")  # began with the machine
    lost.set_user_attr("position", 3)
    busy = load(path).ask()
    busy.set_user_attr("owner", f"{HOST}:{os.getppid()}:0:{stored._born(os.getppid())}")
    busy.set_user_attr("position", 4)
    assert [one.position for one in run(path).runs] == [0, 1, 2, 3, 5]


def test_a_search_that_goes_on_knows_how_long_a_trial_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trials.log"
    trainer = Trainer(epochs=1)
    now = [0.0]

    def slow(standing: Standing) -> None:
        now[0] += 10.0 if standing.doing else 0.0  # each batch

    monkeypatch.setattr("affidavit.initialization.worker.time.monotonic", lambda: now[0])
    run(path, max_trial=1, train=trainer, progress=slow)
    found = run(path, max_trial=None, max_time=25.0, train=trainer, progress=slow)
    assert len(found.runs) - 2 < 20


@pytest.mark.parametrize("said", ["table studies already exists", "UNIQUE constraint failed: x"])
def test_a_database_that_others_are_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    create = optuna.create_study
    failed: list[str] = []

    def late(**options: Any) -> Any:
        if not failed:
            failed.append(said)
            raise RuntimeError(said)
        return create(**options)

    monkeypatch.setattr(optuna, "create_study", late)
    monkeypatch.setattr("affidavit.initialization.storage.time.sleep", lambda seconds: None)
    assert len(run(tmp_path / "trials.log", max_trial=1).runs) == 2
    assert failed
