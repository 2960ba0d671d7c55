from __future__ import annotations

import copy
import threading
from _thread import interrupt_main
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.initialization.training.problems import blobs, dense, same
from tests.reference import plain_training
from torch import nn

from affidavit.errors import DataError, DomainError
from affidavit.initialization.training import SmallCNN, Trainer, Training
from affidavit.initialization.training.dense import DenseCohort
from affidavit.initialization.training.steps import Workspace

INPUTS, LABELS = blobs(53)
RATE = 0.1
OPTIONS: dict[str, dict[str, Any]] = {
    "descent": {},
    "decay": {"weight_decay": 0.1},
    "momentum": {"momentum": 0.9},
    "momentum and decay": {"momentum": 0.9, "weight_decay": 0.1},
    "adam": {"optimizer": "adam"},
    "adam and decay": {"optimizer": "adam", "weight_decay": 0.1},
}


def begin(models: list[nn.Module], seeds: Any = None, batch: int = 8, **more: Any) -> Training:
    options = {"learning_rate": RATE, "batch_size": batch} | more.pop("options", {})
    chosen = range(len(models)) if seeds is None else seeds
    return Trainer(epochs=2, **options).begin(models, INPUTS, LABELS, chosen, **more)


def by_the_book(
    model: nn.Module, seed: int, options: dict[str, Any], batch: int = 8, epochs: int = 2
) -> tuple[nn.Module, list[float]]:
    make = plain_training.optimizer(options, RATE)
    return plain_training.trained(
        model, INPUTS, LABELS, seed, make, epochs=epochs, batch_size=batch
    )


def zoo() -> list[nn.Module]:
    """One or more of each kind, all for the same data."""
    torch.manual_seed(1)
    odd = nn.Sequential(
        nn.Flatten(), nn.Tanh(), nn.Sigmoid(), nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Tanh(),
        nn.Sequential(nn.Linear(5, 3), nn.Sigmoid()),
    )  # fmt: skip
    shared = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
    shared.insert(2, shared[0])
    normed = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))
    images = nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 2, 2), nn.Flatten())
    images.append(nn.Linear(4, 3))
    others = [odd, shared, normed, images, nn.Linear(6, 3)]
    return [
        *dense(3), *dense(1, (7, 4)), *dense(1, activation="tanh"),
        *dense(1, activation="sigmoid"), *(other.double() for other in others), *dense(1, seed=5),
    ]  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_it_is_what_a_plain_loop_does(name: str) -> None:
    models = zoo()
    training = begin(models, options=OPTIONS[name], threads=2)
    training.run()
    for place, (model, found) in enumerate(zip(models, training.models, strict=True)):
        expected, losses = by_the_book(model, place, OPTIONS[name])
        assert same(found, expected, 1e-9)
        assert training.losses[:, place].tolist() == pytest.approx(losses, rel=1e-9)
        right = plain_training.correct(expected, INPUTS, LABELS)
        assert training.correct(INPUTS, LABELS)[place].tolist() == right


@given(
    hidden=st.lists(st.integers(1, 9), max_size=3),
    activation=st.sampled_from(["relu", "tanh", "sigmoid"]),
    batch=st.integers(1, 60),
    name=st.sampled_from(sorted(OPTIONS)),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=15)
def test_any_dense_network_and_batch_size(
    hidden: list[int], activation: str, batch: int, name: str, seed: int
) -> None:
    models = dense(2, tuple(hidden), activation=activation)
    training = begin(models, [3, seed], batch, options=OPTIONS[name])
    training.run(1)
    assert same(training.models[0], by_the_book(models[0], 3, OPTIONS[name], batch, 1)[0], 1e-9)
    assert same(training.models[1], by_the_book(models[1], seed, OPTIONS[name], batch, 1)[0], 1e-9)


def test_single_precision() -> None:
    models = [model.float() for model in dense(3, (32, 16))]
    x = INPUTS.float()
    training = Trainer(batch_size=8, learning_rate=RATE).begin(models, x, LABELS, range(3))
    training.run(1)
    for place, model in enumerate(models):
        make = plain_training.optimizer({}, RATE)
        expected, _ = plain_training.trained(model, x, LABELS, place, make, epochs=1, batch_size=8)
        assert same(training.models[place], expected, 1e-5)


def test_dense_networks_are_trained_together_and_others_alone() -> None:
    training = begin(zoo())
    kinds = {places: isinstance(cohort, DenseCohort) for cohort, places in training._each()}
    assert kinds == {
        (0, 1, 2, 11): True, (3,): True, (4,): True, (5,): True, (6,): True, (10,): True,
        (7, 8, 9): False,
    }  # fmt: skip


def test_together_is_one_by_one_in_any_order() -> None:
    models, seeds = zoo(), [7, 7, *range(10)]
    together = begin(models, seeds, threads=2)
    together.run()
    turned = begin(models[::-1], seeds[::-1], threads=1)
    turned.run()
    for place, (model, seed) in enumerate(zip(models, seeds, strict=True)):
        alone = begin([model], [seed])
        alone.run()
        assert same(together.models[place], alone.models[0], 1e-9)
        assert same(turned.models[-1 - place], alone.models[0], 1e-9)


@pytest.mark.parametrize("name", ["momentum and decay", "adam"])
def test_three_epochs_and_two_are_five(name: str) -> None:
    models = zoo()
    parts, whole = (begin(models, options=OPTIONS[name]) for _ in range(2))
    parts.run(3)
    parts.run(2)
    whole.run(5)
    assert parts.epochs == whole.epochs == 5
    assert torch.equal(parts.losses, whole.losses)
    assert all(map(same, parts.models, whole.models))


def test_keep_goes_on_with_the_right_ones() -> None:
    models = zoo()
    training, whole = begin(models), begin(models)
    training.run(1)
    training.keep([9, 2, 0, 7])
    training.run(2)
    training.keep(torch.tensor([3, 1]).tolist())
    training.run(1)
    whole.run(4)
    assert len(training) == 2
    assert training.seeds == (7, 2)
    assert torch.allclose(training.losses, whole.losses[:, [7, 2]], rtol=1e-9)
    assert torch.equal(training.correct(INPUTS, LABELS), whole.correct(INPUTS, LABELS)[[7, 2]])
    assert same(training.models[0], whole.models[7])
    assert same(training.models[1], whole.models[2], 1e-9)


@pytest.mark.parametrize("positions", [[0, 0], [2], [-1]], ids=str)
def test_positions_that_cannot_be_kept(positions: list[int]) -> None:
    training = begin(dense(2))
    with pytest.raises(DomainError, match="expected different ones from 0 to 1"):
        training.keep(positions)
    assert len(training) == 2


def test_nothing_may_be_kept() -> None:
    training = begin(dense(2))
    training.run(1)
    training.keep([])
    training.run(1)
    assert not len(training)
    assert not training.models
    assert training.losses.shape == (2, 0)
    assert training.correct(INPUTS, LABELS).shape == (0, len(LABELS))


def test_models_are_a_sequence_of_the_moment() -> None:
    training = begin(zoo())
    before = training.models
    training.run(1)
    assert len(before) == len(zoo())
    assert all(map(same, before, zoo()))
    assert not any(map(same, before, training.models))
    assert same(training.models[-1], training.models[11])
    assert len(training.models[2:5]) == 3
    with pytest.raises(IndexError):
        training.models[12]


def test_a_row_with_a_logit_that_is_nan_is_wrong() -> None:
    training = begin(dense(1))
    rows = INPUTS.clone()
    rows[4, 0] = float("nan")
    found = training.correct(rows, torch.zeros_like(LABELS))
    assert not found[0, 4]
    assert torch.equal(found[0, 5:], training.correct(INPUTS, torch.zeros_like(LABELS))[0, 5:])


def test_the_given_models_and_data_stay_as_they_are() -> None:
    models, x, y = zoo(), INPUTS.clone(), LABELS.clone()
    models[8].eval()
    copies = copy.deepcopy(models)
    random = torch.get_rng_state()
    training = begin(models)
    training.run()
    training.models[0].requires_grad_(False)
    training.run(1)
    assert all(map(same, models, copies))
    assert not models[8].training
    assert models[0].training
    assert all(p.grad is None for model in models for p in model.parameters())
    assert torch.equal(INPUTS, x)
    assert torch.equal(LABELS, y)
    assert torch.equal(torch.get_rng_state(), random)


def test_models_are_apart_and_in_evaluation_mode() -> None:
    training = begin(zoo())
    first = training.models
    with torch.no_grad():
        for parameter in (p for model in first for p in model.parameters()):
            parameter.fill_(0)
    assert not any(model.training for model in first)
    assert not any(map(same, first, training.models))
    assert all(p.requires_grad for model in training.models for p in model.parameters())


def test_networks_that_diverge_are_marked_and_disturb_nobody() -> None:
    models = zoo()
    with torch.no_grad():
        models[1].get_parameter("1.weight").mul_(1e200)
        models[8].get_parameter("0.weight").fill_(float("nan"))
    training, alone = begin(models), begin([models[0], models[2]], [0, 2])
    training.run(3)
    alone.run(3)
    assert training.diverged.nonzero().flatten().tolist() == [1, 8]
    assert training.losses.isfinite().all(0).logical_not().tolist() == training.diverged.tolist()
    assert not training.correct(INPUTS, LABELS)[[1, 8]].any()
    assert same(training.models[0], alone.models[0], 1e-9)
    assert same(training.models[2], alone.models[1], 1e-9)
    training.keep([1, 2, 8])
    assert training.diverged.tolist() == [True, False, True]


def test_networks_that_have_diverged_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    training = begin(dense(2), options={"learning_rate": 1e300})
    training.run(2)
    assert training.diverged.all()
    monkeypatch.setattr(Workspace, "step", lambda *_: pytest.fail("a step"))
    training.run(2)
    assert training.epochs == 4
    assert training.losses[-1].isnan().all()


def dropout() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)).double()


def test_dropout_is_a_matter_of_the_seed_and_the_epoch() -> None:
    one, other = dropout(), dropout()
    together, parts = begin([one, other, one], [4, 5, 6]), begin([one], [4])
    together.run(3)
    torch.rand(7)
    parts.run(1)
    parts.run(2)
    assert same(together.models[0], parts.models[0])
    assert not same(together.models[0], together.models[2])


def test_progress_counts_epochs() -> None:
    seen: list[tuple[int, int]] = []
    training = begin(dense(1))
    training.run(progress=lambda done, total: seen.append((done, total)))
    training.run(1, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2), (1, 1)]


def test_epochs_below_zero() -> None:
    with pytest.raises(DomainError, match="epochs is -1"):
        begin(dense(1)).run(-1)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_leaves_the_last_whole_epoch(threads: int) -> None:
    models = [*dense(4, (40,)), *zoo()[7:9]]
    training = begin(models, batch=3, threads=threads)
    timers = []

    def soon(done: int, total: int) -> None:
        if done == 2:
            timers.append(threading.Timer(0.02, interrupt_main))
            timers[0].start()

    with pytest.raises(KeyboardInterrupt):
        training.run(100_000, soon)
    timers[0].join()
    assert training.epochs >= 2
    whole = begin(models, batch=3, threads=threads)
    whole.run(training.epochs)
    assert all(map(same, training.models, whole.models))
    training.run(1)
    whole.run(1)
    assert all(map(same, training.models, whole.models))


@pytest.mark.parametrize("at", [1, 9, 20])
def test_an_error_between_steps_leaves_the_last_whole_epoch(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = dense(2)
    training = begin(models, threads=2, options=OPTIONS["momentum"])
    training.run(1)
    real, count = Workspace.step, 0

    def failing(*args: Any) -> None:
        nonlocal count
        count += 1
        if count == at:
            raise KeyboardInterrupt
        real(*args)

    before = torch.get_num_threads()
    monkeypatch.setattr(Workspace, "step", failing)
    with pytest.raises(KeyboardInterrupt):
        training.run(4)
    monkeypatch.undo()
    assert torch.get_num_threads() == before
    whole = begin(models, threads=2, options=OPTIONS["momentum"])
    whole.run(training.epochs)
    assert all(map(same, training.models, whole.models))
    training.run(2)
    whole.run(2)
    assert all(map(same, training.models, whole.models))


def test_rows_that_do_not_fit_are_refused() -> None:
    training = begin(dense(1))
    with pytest.raises(DataError, match=r"shape \[53, 5\] .* expected \[row, 6\]"):
        training.correct(INPUTS[:, 1:], LABELS)
    with pytest.raises(DataError, match=r"torch\.float32"):
        training.correct(INPUTS.float(), LABELS)
    with pytest.raises(DataError, match="53 inputs, but labels"):
        training.correct(INPUTS, LABELS[1:])


def test_no_rows_and_unknown_classes() -> None:
    training = begin(zoo()[5:8])
    assert training.correct(INPUTS[:0], LABELS[:0]).shape == (3, 0)
    assert not training.correct(INPUTS, LABELS + 9).any()


def test_it_learns() -> None:
    torch.manual_seed(0)
    x = torch.randn(400, 8, 8)
    y = (x[:, :, :4].sum((1, 2)) > x[:, :, 4:].sum((1, 2))).long()
    models = [SmallCNN((4,), ()).make((8, 8), 2)]
    training = Trainer(batch_size=20).begin(models, x[:300], y[:300], [0])
    training.run(10)
    assert training.correct(x[300:], y[300:]).float().mean() > 0.85
    assert training.losses[-1] < training.losses[0]
