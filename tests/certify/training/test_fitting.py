"""The trainer: what it returns, that it can be repeated, resumed and interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.certify.training import (
    AdversarialLoss,
    Constant,
    GradientCertifiedLoss,
    GradientRegularizedLoss,
    HessianNormLoss,
    History,
    Objective,
    Ramp,
    StandardLoss,
    accuracy,
    fit,
    with_softplus,
)
from affidavit.data import Dataset
from affidavit.errors import DataError, ModelError, OutputError, RecordError


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(6, 16),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(16, 8),
        nn.ReLU(),
        nn.Linear(8, 2),
    )


def data(rows: int = 90) -> tuple[Tensor, Tensor]:
    x = torch.rand(rows, 6, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] + x[:, 1] > 1).long()


def certified(model: nn.Module) -> Objective:
    return GradientCertifiedLoss(model, alpha=0.01, epsilon=Ramp(0.05, steps=6, warmup=2))


def adversarial(model: nn.Module) -> Objective:
    return AdversarialLoss(model, epsilon=0.05, steps=3)


def regularized(model: nn.Module) -> Objective:
    return GradientRegularizedLoss(model, alpha=0.1, epsilon=0.1)


def hessian(model: nn.Module) -> Objective:
    return HessianNormLoss(model, alpha=0.1)


def momentum(parameters: object) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)  # type: ignore[arg-type]


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_learns_and_tells_how() -> None:
    model = network()
    x, y = data(400)
    held_out = data(120)
    before = torch.get_rng_state()
    history = fit(model, (x, y), StandardLoss(model), epochs=30, batch_size=64, validation=held_out)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    assert [epoch.number for epoch in history.epochs] == list(range(1, 31))
    assert history.steps == 30 * 7
    assert not history.interrupted
    first, last = history.epochs[0], history.epochs[-1]
    assert last.task < first.task
    assert first.penalty is None
    assert last.validation == accuracy(model, *held_out)
    assert last.validation is not None
    assert last.validation > 0.9
    assert repr(history).startswith("History(30 epochs, 210 steps, last Epoch(number=30")


def test_means_are_over_inputs_and_the_last_batch_is_used() -> None:
    model = nn.Linear(6, 2)
    x, y = data(50)

    def still(parameters: object) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=0.0)  # type: ignore[arg-type]

    objective = GradientRegularizedLoss(model, alpha=0.5)
    history = fit(model, (x, y), objective, epochs=1, batch_size=32, optimizer=still)
    assert history.steps == 2
    (epoch,) = history.epochs
    assert epoch.task == pytest.approx(F.cross_entropy(model(x), y).item(), rel=1e-5)
    penalty = objective.terms(x, y).penalty
    assert penalty is not None
    assert epoch.penalty == pytest.approx(penalty.item(), rel=1e-5)
    assert epoch.accuracy == accuracy(model, x, y)


MAKERS = [StandardLoss, certified, adversarial, regularized]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("optimizer", [momentum, None])
def test_resumed_is_bit_by_bit_what_was_not_interrupted(
    make: Callable[[nn.Module], Objective],
    optimizer: Callable[..., torch.optim.Optimizer] | None,
    tmp_path: Path,
) -> None:
    options = {} if optimizer is None else {"optimizer": optimizer}

    def run(epochs: int, folder: Path | None) -> tuple[nn.Module, History]:
        model = network()
        history = fit(
            model,
            data(),
            make(model),
            epochs=epochs,
            batch_size=32,
            checkpoints=folder,
            validation=data(30),
            **options,  # type: ignore[arg-type]
        )
        return model, history

    whole, expected = run(4, None)
    run(1, tmp_path)
    run(3, tmp_path)
    resumed, found = run(4, tmp_path)
    assert found == expected
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


class Interrupting(nn.Module):
    """Presses Ctrl-C in its n-th forward pass."""

    def __init__(self, inner: nn.Module, at: int, times: int = 1) -> None:
        super().__init__()
        self.inner, self.at, self.times = inner, at, times
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
        found: Tensor = self.inner(x)
        return found


def test_interrupted_within_a_pass_keeps_everything(tmp_path: Path) -> None:
    def run(at: int, folder: Path | None) -> tuple[nn.Module, History]:
        model = Interrupting(network(), at)
        history = fit(
            model,
            data(),
            StandardLoss(model),
            epochs=3,
            batch_size=32,
            checkpoints=folder,
        )
        return model, history

    whole, expected = run(-1, None)
    _, found = run(5, tmp_path)  # three steps a pass
    assert found.interrupted
    assert found.steps == 5
    assert found.epochs == expected.epochs[:1]
    resumed, found = run(-1, tmp_path)
    assert found == expected
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_pressed_twice_it_interrupts_at_once() -> None:
    model = Interrupting(network(), at=2, times=2)
    with pytest.raises(KeyboardInterrupt):
        fit(model, data(), StandardLoss(model), epochs=2)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_seeds_matter() -> None:
    found = []
    for seed in (0, 0, 1):
        model = network()
        fit(model, data(), StandardLoss(model), epochs=1, batch_size=32, seed=seed)
        found.append(weights(model))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert not all(torch.equal(found[0][name], found[2][name]) for name in found[0])


def test_hessian_on_softplus_and_a_dataset() -> None:
    x, y = data()
    model = with_softplus(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)))
    dataset = Dataset("made", x.numpy(), y.numpy(), ("low", "high"))
    history = fit(model, dataset, hessian(model), epochs=2)
    assert history.epochs[1].penalty is not None


def test_regression() -> None:
    x, _ = data()
    model = nn.Linear(6, 1)
    dataset = Dataset("made", x.numpy(), np.asarray(x.sum(1)))

    def error(output: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(output.squeeze(1), y)

    history = fit(model, dataset, StandardLoss(model, task=error), epochs=5)
    assert history.epochs[-1].task < history.epochs[0].task
    assert history.epochs[-1].accuracy is None


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    model = network()
    fit(model, data(), certified(model), epochs=1, progress=True)
    assert capsys.readouterr().out == ""


def test_checkpoints_of_other_runs_are_refused(tmp_path: Path) -> None:
    def run(alpha: float, seed: int = 0, rows: int = 90) -> None:
        model = network()
        objective = GradientRegularizedLoss(model, alpha=Constant(alpha))
        fit(model, data(rows), objective, epochs=1, checkpoints=tmp_path, seed=seed)

    run(0.1)
    with pytest.raises(RecordError, match=r"alpha was Constant\(value=0.1\), is Constant\(value=0"):
        run(0.2)
    with pytest.raises(RecordError, match="run seed was 0, is 1"):
        run(0.1, seed=1)
    with pytest.raises(RecordError, match="data was"):
        run(0.1, rows=80)
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(RecordError, match="not a checkpoint of training, or a damaged one"):
        run(0.1)
    model = network()
    file = tmp_path / "checkpoint.pt"
    with pytest.raises(OutputError, match="the checkpoint cannot be written"):
        fit(model, data(), StandardLoss(model), epochs=1, checkpoints=file / "below")


def test_bad_arguments() -> None:
    model, other = network(), network()
    x, y = data()
    with pytest.raises(ModelError, match="made for another model"):
        fit(model, (x, y), StandardLoss(other), epochs=1)
    with pytest.raises(DataError, match="90 inputs and 80 labels"):
        fit(model, (x, y[:80]), StandardLoss(model), epochs=1)
    with pytest.raises(DataError, match="epochs is 0"):
        fit(model, (x, y), StandardLoss(model), epochs=0)
    with pytest.raises(DataError, match="data is a list"):
        fit(model, [x, y], StandardLoss(model), epochs=1)  # type: ignore[arg-type]


def test_a_loss_without_bounds_is_an_error() -> None:
    model = network()
    x, y = data()

    def leap(parameters: object) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=1e30)  # type: ignore[arg-type]

    with pytest.raises(ModelError, match=r"the loss is (nan|inf) at step \d+.*learning rate"):
        fit(model, (x, y), StandardLoss(model), epochs=5, optimizer=leap)
