"""Searches: limits, failures, interruptions, and what is kept."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from tests.initialization.problems import descend, exclusive_or, small
from tests.reference.initial_weights import anneal, walk
from torch import Tensor, nn

from affidavit.errors import AffidavitError, DataError, DomainError, ModelError, OutputError
from affidavit.initialization.limits import Limits
from affidavit.initialization.runs import INTERRUPTED, attributes
from affidavit.initialization.searching import search
from affidavit.initialization.standing import Standing
from affidavit.initialization.strategies import Annealing, Halving, Reseeding, Walk
from affidavit.initialization.training import Trainer

DATA = exclusive_or()
SEED = 3


def run(**options: Any) -> Any:
    given: dict[str, Any] = {"max_trial": 5, "train": descend, "seed": SEED}
    return search(small, DATA, **given | options)


def accuracy_of(weights: list[np.ndarray], seed: int) -> float:
    model = small()
    for value, array in zip(model.parameters(), weights, strict=True):
        value.data = torch.from_numpy(array.copy())
    train, validation = DATA.part("train"), DATA.part("validation")
    descend(model, torch.tensor(train.inputs), torch.tensor(train.labels), seed)
    with torch.no_grad():
        found = model(torch.tensor(validation.inputs)).argmax(1).numpy()
    return float((found == validation.labels).mean())


def first_weights(seed: int) -> list[np.ndarray]:
    torch.manual_seed(seed)
    return [value.detach().numpy().copy() for value in small().parameters()]


class TestStrategies:
    def test_the_walk_is_algorithm_1_trial_for_trial(self) -> None:
        plan = Walk(deltas=(0.3, -0.2), budget=4)
        found = run(strategy=plan, max_trial=100)
        order = int(Reseeding().order(*start(plan)))
        expected = walk(
            lambda weights: accuracy_of(weights, order), first_weights(order), plan.deltas, 4
        )
        assert found.accuracies.tolist() == expected
        assert len(set(expected)) > 3
        assert found.stopped == "max_trial"

    def test_the_walk_ends_at_a_gain_as_algorithm_1_does(self) -> None:
        plan = Walk(deltas=(0.3, -0.2), budget=4)
        order = int(Reseeding().order(*start(plan)))
        gain = 0.005
        expected = walk(
            lambda weights: accuracy_of(weights, order), first_weights(order), plan.deltas, 4, gain
        )
        found = run(strategy=plan, max_trial=100, max_gain=gain)
        assert found.accuracies.tolist() == expected
        assert (found.stopped == "max_gain") == (found.gain >= gain)

    @pytest.mark.parametrize("chains", [1, 2])
    def test_annealing_draws_what_the_loop_draws(self, chains: int) -> None:
        plan = Annealing(reach=0.8, chains=chains, steps=12, coldest=1e-3, reanneal=5)
        found = run(strategy=plan, max_trial=24 * chains)
        order = int(Reseeding().order(*start(plan)))
        weights = first_weights(order)

        def cost_of(state: np.ndarray) -> float:
            moved = [w + np.float32(x) for w, x in zip(weights, state, strict=True)]
            return 1 - accuracy_of(moved, order)

        constants = {"reach": 0.8, "steps": 12, "coldest": 1e-3, "reanneal": 5}
        for chain in range(chains):
            expected = anneal(cost_of, len(weights), (SEED, chain), 24, **constants)  # type: ignore[arg-type]
            states = [list(run.parameters.values()) for run in found.runs[1 + chain :: chains]]
            np.testing.assert_allclose(states, expected, rtol=1e-7, atol=1e-9)

    def test_reseeding_trains_what_its_seeds_say(self) -> None:
        found = run(strategy="reseed")
        seeds = [one.parameters["seed"] for one in found.runs]
        assert len(set(seeds)) == 6
        expected = [accuracy_of(first_weights(seed), seed) for seed in seeds]
        assert found.accuracies.tolist() == expected

    def test_the_same_search_is_the_same(self) -> None:
        one, two, other = run(), run(), run(seed=4)
        assert one.accuracies.tolist() == two.accuracies.tolist()
        assert one.accuracies.tolist() != other.accuracies.tolist()
        for key, value in one.model.state_dict().items():
            assert torch.equal(value, two.model.state_dict()[key])


def start(plan: Any) -> tuple[Any, Any]:
    from affidavit.initialization.start import Start

    begin = Start(small, SEED)
    return begin, {"seed": begin.run_seed(0)}


class TestOutcome:
    def test_the_chosen_run_is_the_best_and_its_network_is_given(self) -> None:
        found = run(max_trial=8)
        assert found.chosen.accuracy == max(found.accuracies)
        assert found.gain == found.chosen.accuracy - found.accuracies[0]
        validation = DATA.part("validation")
        with torch.no_grad():
            scores = found.model(torch.tensor(validation.inputs))
        right = scores.argmax(1).numpy() == validation.labels
        assert (right == found.correct("validation")[found.place]).all()
        assert found.correct("test").shape == (9, 120)

    def test_the_part_that_judges_changes_no_choice(self) -> None:
        labels = DATA.labels.copy()
        labels[DATA.parts["test"]] = 1 - labels[DATA.parts["test"]]
        other = dataclasses.replace(DATA, labels=labels)
        one, two = run(), search(small, other, max_trial=5, train=descend, seed=SEED)
        assert one.accuracies.tolist() == two.accuracies.tolist()
        assert one.chosen.position == two.chosen.position
        assert (one.correct("test") != two.correct("test")).all()

    def test_without_such_a_part_nothing_is_judged(self) -> None:
        parts = {"train": np.arange(100), "validation": np.arange(100, 200)}
        found = search(small, dataclasses.replace(DATA, parts=parts), max_trial=2, train=descend)
        assert found.correct("validation").shape == (3, 100)
        with pytest.raises(DataError, match="kept from choosing"):
            found.correct("test")


class TestLimits:
    @pytest.mark.parametrize("count", [1, 3])
    def test_never_a_trial_more(self, count: int) -> None:
        found = run(max_trial=count)
        assert [one.position for one in found.runs] == list(range(count + 1))
        assert found.stopped == "max_trial"

    def test_time_ends_a_search(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = itertools.count(step=1.0)
        monkeypatch.setattr("affidavit.initialization.worker.time.monotonic", lambda: next(clock))
        found = run(max_trial=None, max_time=100.0)
        assert found.stopped == "max_time"
        assert 2 < len(found.runs) < 100

    def test_a_target_ends_a_search(self) -> None:
        best = float(np.sort(run(max_trial=8).accuracies)[-2])
        found = run(max_trial=8, target=best)
        assert found.stopped == "target"
        assert found.chosen.accuracy >= best
        assert found.chosen is found.runs[-1]

    def test_a_target_that_is_reached_exactly_counts(self) -> None:
        first = run(max_trial=1).accuracies[0]
        found = run(max_trial=8, target=first)
        assert (found.stopped, len(found.runs)) == ("target", 1)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({}, "no end"),
            ({"max_gain": 0.1}, "no end"),
            ({"max_trial": 0}, "max_trial is 0"),
            ({"max_trial": True}, "max_trial is True"),
            ({"max_trial": 2.5}, "max_trial is 2.5"),
            ({"max_time": 0}, "max_time is 0"),
            ({"max_time": float("nan")}, "max_time is nan"),
            ({"max_trial": 1, "max_gain": 0}, "max_gain is 0"),
            ({"max_trial": 1, "max_gain": 2}, "2 % is 0.02"),
        ],
        ids=str,
    )
    def test_limits_without_meaning(self, options: dict[str, Any], said: str) -> None:
        with pytest.raises(DomainError, match=said):
            Limits(**options)

    def test_a_target_above_1(self) -> None:
        with pytest.raises(DomainError, match=r"target is 98; expected .* 98 % is 0\.98"):
            run(target=98)


class TestFailures:
    def test_a_run_that_diverges_fails_and_the_search_goes_on(self) -> None:
        calls = itertools.count()

        def sometimes(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
            descend(model, inputs, labels, seed)
            if (call := next(calls)) in (2, 4):
                next(model.parameters()).data.fill_(torch.nan if call == 2 else torch.inf)

        found = run(train=sometimes)
        assert [one.state for one in found.runs] == [
            "complete", "complete", "failed", "complete", "failed", "complete",
        ]  # fmt: skip
        assert np.isnan(found.accuracies[[2, 4]]).all()
        assert "NaN or infinite" in found.runs[2].reason
        assert found.correct("test").shape == (4, 120)

    def test_what_a_training_raises_is_kept(self) -> None:
        calls = itertools.count()

        def sometimes(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
            if next(calls) == 1:
                raise RuntimeError("out of luck")

        found = run(train=sometimes, max_trial=2)
        assert found.runs[1].reason == "RuntimeError: out of luck"
        assert found.runs[2].state == "complete"

    def test_a_first_run_that_fails_ends_it(self) -> None:
        def never(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
            raise ValueError("no such thing")

        with pytest.raises(ModelError, match="first run failed: ValueError: no such thing"):
            run(train=never)

    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (lambda: nn.ReLU(), "no parameters to train"),
            (lambda: 3, "gave a int"),
            (lambda: 1 / 0, "make_model failed: ZeroDivisionError"),
            (
                lambda: nn.Sequential(nn.Linear(4, 2), nn.Unflatten(1, (1, 2))),
                r"\[120, 1, 2\].*expected logits",
            ),
            (lambda: nn.Linear(5, 2), "fails in evaluation on inputs of the shape"),
        ],
        ids=["no parameters", "no module", "failing", "shape", "features"],
    )
    def test_models_that_cannot_be_searched(self, make: Any, said: str) -> None:
        with pytest.raises(ModelError, match=said):
            search(make, DATA, max_trial=1, train=lambda *_: None)

    def test_data_that_cannot_be_searched(self) -> None:
        with pytest.raises(DataError, match="1 logits, but there is a label 1"):
            search(lambda: nn.Linear(4, 1), DATA, max_trial=1, train=lambda *_: None)
        numbers = dataclasses.replace(DATA, labels=DATA.labels.astype(float), class_names=())
        with pytest.raises(DataError, match="expected classes"):
            search(small, numbers, max_trial=1, train=descend)
        parts = {"train": np.arange(10), "test": np.arange(10, 20)}
        without = dataclasses.replace(DATA, parts=parts)
        with pytest.raises(DataError, match="no rows in a part 'validation', only: train, test"):
            search(small, without, max_trial=1, train=descend)

    def test_unknown_strategy(self) -> None:
        with pytest.raises(DomainError, match="did you mean 'anneal'"):
            run(strategy="aneal")

    def test_a_function_cannot_be_stopped_between_epochs(self) -> None:
        with pytest.raises(DomainError, match="expected a Trainer"):
            run(strategy="halving")


class TestStorage:
    @pytest.mark.parametrize("strategy", [Reseeding(), Walk(budget=4), Annealing(reach=0.5)])
    def test_a_search_goes_on_as_if_it_had_not_ended(self, tmp_path: Path, strategy: Any) -> None:
        path = tmp_path / "trials.log"
        whole = run(max_trial=7, strategy=strategy)
        run(max_trial=3, strategy=strategy, storage=path)
        found = run(max_trial=7, strategy=strategy, storage=path)
        assert found.accuracies.tolist() == whole.accuracies.tolist()
        assert (found.correct("test") == whole.correct("test")).all()
        for key, value in whole.model.state_dict().items():
            assert torch.equal(value, found.model.state_dict()[key])

    def test_a_finished_search_trains_nothing_but_the_chosen_again(self, tmp_path: Path) -> None:
        path = tmp_path / "trials.log"
        first = run(storage=path)
        calls = []

        def counted(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
            calls.append(seed)
            descend(model, inputs, labels, seed)

        counted.__qualname__, counted.__module__ = descend.__qualname__, descend.__module__
        again = run(storage=path, train=counted)
        assert len(calls) == 1
        assert again.chosen.position == first.chosen.position
        for key, value in first.model.state_dict().items():
            assert torch.equal(value, again.model.state_dict()[key])

    def test_interrupted_it_keeps_what_is_finished_and_goes_on(self, tmp_path: Path) -> None:
        path = tmp_path / "trials.log"
        calls = itertools.count()

        def stopped(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
            if next(calls) == 3:
                raise KeyboardInterrupt
            descend(model, inputs, labels, seed)

        stopped.__qualname__, stopped.__module__ = descend.__qualname__, descend.__module__
        found = run(storage=path, train=stopped)
        assert (found.stopped, len(found.runs)) == ("interrupted", 3)
        assert found.chosen.accuracy == max(found.accuracies)
        assert run(storage=path).accuracies.tolist() == run().accuracies.tolist()

    def test_interrupted_before_anything_is_finished(self) -> None:
        def stopped(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(train=stopped)

    @pytest.mark.parametrize("known", [True, False], ids=["with an owner", "without"])
    def test_what_a_killed_process_had_begun_is_made_again(
        self, tmp_path: Path, known: bool
    ) -> None:
        path = tmp_path / "trials.log"
        run(storage=path, max_trial=2)
        study = load(path)
        lost = study.ask()
        if known:
            lost.set_user_attr("owner", f"{__import__('socket').gethostname()}:{2**22 + 1}:0")
            lost.set_user_attr("position", 3)
        assert run(storage=path).accuracies.tolist() == run().accuracies.tolist()

    def test_a_process_killed_at_its_last_words_leaves_no_failure(self, tmp_path: Path) -> None:
        path = tmp_path / "trials.log"
        whole = run(storage=path, max_trial=2)
        lost = load(path).ask()
        lost.set_user_attr("owner", None)
        lost.set_user_attr("position", 3)
        for key, value in attributes(whole.runs[2]).items():
            lost.set_user_attr(key, value)
        found = run(storage=path)
        assert [one.position for one in found.runs] == list(range(6))
        assert found.accuracies.tolist() == run().accuracies.tolist()

    def test_what_another_machine_is_training_is_left_to_it(self, tmp_path: Path) -> None:
        path = tmp_path / "trials.log"
        run(storage=path, max_trial=2)
        busy = load(path).ask()
        busy.set_user_attr("owner", "elsewhere:1:0")
        busy.set_user_attr("position", 3)
        found = run(storage=path)
        assert [one.position for one in found.runs] == [0, 1, 2, 4, 5]

    def test_two_that_share_a_storage_do_the_work_once(self, tmp_path: Path) -> None:
        path = tmp_path / "trials.log"
        inner: list[Any] = []

        def show(standing: Standing) -> None:
            if standing.trials == 2 and not inner:
                inner.append(None)
                inner[0] = run(storage=path, max_trial=6)

        outer = run(storage=path, max_trial=6, progress=show)
        assert [one.position for one in outer.runs] == list(range(7))
        assert outer.accuracies.tolist() == run(max_trial=6).accuracies.tolist()
        numbers = [trial.number for trial in load(path).trials]
        assert len(numbers) == 7

    def test_a_trial_over_the_limit_is_given_back(self, tmp_path: Path) -> None:
        path = tmp_path / "trials.log"
        run(storage=path, max_trial=2)
        late = load(path).ask()
        late.set_user_attr("position", 3)
        late.set_user_attr("reason", INTERRUPTED)
        load(path).tell(late.number, state=optuna.trial.TrialState.FAIL)
        assert len(run(storage=path, max_trial=2).runs) == 3
        found = run(storage=path, max_trial=5)
        assert found.accuracies.tolist() == run().accuracies.tolist()

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"strategy": "walk"}, "strategy was 'Reseeding"),
            ({"seed": 9}, "seed was '3' and is now '9'"),
            ({"train": lambda *_: None}, "training was"),
        ],
        ids=["strategy", "seed", "training"],
    )
    def test_another_search(self, tmp_path: Path, options: dict[str, Any], said: str) -> None:
        path = tmp_path / "trials.log"
        run(storage=path, max_trial=1)
        before = path.read_bytes()
        with pytest.raises(OutputError, match=said):
            run(storage=path, **options)
        # Optuna notes that the study was asked for; no trial or setting is touched.
        assert path.read_bytes().startswith(before)
        assert len(run(storage=path, max_trial=1).runs) == 2

    def test_another_studys_storage(self, tmp_path: Path) -> None:
        path = tmp_path / "trials.log"
        backend = optuna.storages.journal.JournalFileBackend(str(path))
        storage = optuna.storages.JournalStorage(backend)
        study = optuna.create_study(storage=storage, study_name="affidavit", direction="maximize")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
        with pytest.raises(OutputError, match="was not made by this search"):
            run(storage=path)
        assert len(load(path).trials) == 2
        assert len(run(storage=path, name="mine", max_trial=1).runs) == 2

    @pytest.mark.parametrize("text", ["hello\n", "[1]\n", '{"a": 1}\n', "\0\1"])
    def test_a_file_that_is_no_journal(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "notes.txt"
        path.write_text(text)
        with pytest.raises(OutputError, match="no journal of trials"):
            run(storage=path)
        assert path.read_text() == text

    def test_a_folder_or_no_database(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="is a folder"):
            run(storage=tmp_path)
        with pytest.raises(OutputError, match="cannot be opened"):
            run(storage=f"sqlite:///{tmp_path}/there/is/no/such.db")

    def test_a_database(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/trials.db"
        run(storage=url, max_trial=2)
        assert run(storage=url).accuracies.tolist() == run().accuracies.tolist()


def load(path: Path) -> optuna.Study:
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    return optuna.load_study(
        study_name="affidavit", storage=optuna.storages.JournalStorage(backend)
    )


class TestHalving:
    def test_only_the_best_of_a_stage_go_on(self) -> None:
        plan = Halving(population=8, factor=2, stages=3)
        found = run(strategy=plan, max_trial=8, train=Trainer(epochs=4, learning_rate=0.3))
        states = [one.state for one in found.runs]
        assert states.count("complete") == 1 + 2
        first = [one for one in found.runs if one.epochs == 1]
        second = [one for one in found.runs if one.epochs == 2]
        assert (len(first), len(second)) == (4, 2)
        full = run(max_trial=8, train=Trainer(epochs=1, learning_rate=0.3)).accuracies[1:]
        dropped = {one.position - 1 for one in first}
        assert max(full[sorted(dropped)]) <= min(np.delete(full, sorted(dropped)))

    def test_what_is_left_is_trained_as_if_alone(self) -> None:
        trainer = Trainer(epochs=4, learning_rate=0.3)
        found = run(strategy=Halving(8, 2, 3), max_trial=8, train=trainer)
        alone = run(max_trial=8, train=trainer)
        for one in found.runs:
            if one.state == "complete":
                np.testing.assert_allclose(one.accuracy, alone.runs[one.position].accuracy)

    def test_the_gain_is_of_complete_runs(self) -> None:
        found = run(strategy=Halving(4, 2, 2), max_trial=4, train=Trainer(epochs=2))
        assert found.chosen.state == "complete"


class TestProgress:
    def test_it_is_told_where_the_search_stands(self) -> None:
        seen: list[Standing] = []
        found = run(progress=seen.append)
        last = seen[-1]
        assert (last.trials, last.max_trial) == (5, 5)
        assert (last.first, last.best) == (found.accuracies[0], max(found.accuracies))
        assert last.gain == found.gain
        assert last.seconds_left == 0
        assert [one.trials for one in seen] == sorted(one.trials for one in seen)

    def test_time_left_is_the_least_of_what_limits_say(self) -> None:
        standing = Standing(5, 10, 0.5, 0.6, 20.0, 25.0, "")
        assert standing.seconds_left == 5
        assert dataclasses.replace(standing, max_time=None).seconds_left == 20
        assert dataclasses.replace(standing, max_time=None, max_trial=None).seconds_left is None


def test_all_errors_are_of_the_tree() -> None:
    with pytest.raises(AffidavitError):
        run(together=0)
