"""Surveys: what is certified, refuted and open, and what is kept when they are cut short."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affidavit.certify.attacks import attack_predictions
from affidavit.certify.bounds import Method
from affidavit.certify.properties import Prediction, Proof, Property, Refutation, Threat
from affidavit.certify.surveying import Survey, survey
from affidavit.graph import Graph, load


@dataclasses.dataclass(frozen=True, eq=False)
class Scripted(Property):
    """Knows beforehand which input each method certifies, and which the attack refutes."""

    by: dict[str, Tensor]
    refuted: Tensor
    calls: list[tuple[str, list[int]]]
    given: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    stop_at: str = ""
    about_explanations = False

    @property
    def sign(self) -> int:
        return 1

    def prove(
        self,
        graph: Graph,
        x: Tensor,
        rows: Tensor,
        threat: Threat,
        method: Method,
        **options: Any,
    ) -> Proof:
        self.given.append(options)
        if self.stop_at == method:
            raise KeyboardInterrupt
        self.calls.append((method, rows.tolist()))
        return Proof(self.by[method][rows])

    def refute(
        self, graph: Graph, x: Tensor, rows: Tensor, threat: Threat, seed: int
    ) -> Refutation:
        self.calls.append(("attack", rows.tolist()))
        return Refutation(
            self.refuted[rows], x + 1, {"w": rows[:, None].double()}, rows.double(), rows % 2 == 0
        )


def numbers(*rows: int) -> Tensor:
    return torch.tensor([row in rows for row in range(10)])


def scripted(**changes: Any) -> Scripted:
    fields: dict[str, Any] = {"calls": [], "refuted": numbers(3, 5, 6, 7)}
    fields["by"] = {"ibp": numbers(0, 1), "crown": numbers(2, 3), "bab": numbers(4)}
    return Scripted(**(fields | changes))


def run(wanted: Property, **options: Any) -> Survey:
    graph = load(nn.Linear(2, 2), torch.zeros(1, 2))
    x = torch.arange(20, dtype=torch.float64).reshape(10, 2)
    return survey(graph, x, wanted, Threat(0.1), **{"batch_size": 4, **options})


def test_each_step_takes_what_the_last_left_open() -> None:
    wanted = scripted()
    found = run(wanted)
    assert [name for name, _ in wanted.calls] == ["ibp"] * 3 + ["attack"] * 2 + ["crown"]
    assert wanted.calls[3:] == [
        ("attack", [2, 3, 4, 5]), ("attack", [6, 7, 8, 9]), ("crown", [2, 4, 8, 9])
    ]  # fmt: skip
    assert np.flatnonzero(found.certified).tolist() == [0, 1, 2]
    assert np.flatnonzero(found.refuted).tolist() == [3, 5, 6, 7]
    assert np.flatnonzero(found.open).tolist() == [4, 8, 9]
    assert found.method == ("ibp", "ibp", "crown", *[""] * 7)
    assert found.finished
    assert np.isnan(found.value[:2]).all()
    assert found.value[2:].tolist() == list(range(2, 10))
    np.testing.assert_array_equal(found.adversarial[5], [11, 12])
    assert np.isnan(found.adversarial[4]).all()
    assert np.isnan(found.width).all()


def test_the_clearest_counterexamples_are_kept_changed_ones_first() -> None:
    found = run(scripted(), keep=3)
    assert [(item.row, item.already) for item in found.counterexamples] == [
        (7, False), (5, False), (3, False)
    ]  # fmt: skip
    params = found.counterexamples[0].params
    assert params is not None
    assert params["w"].tolist() == [7.0]
    assert [item.row for item in run(scripted(), keep=4).counterexamples] == [7, 5, 3, 6]
    assert run(scripted(), keep=0).counterexamples == ()


def test_one_method_and_no_attack() -> None:
    wanted = scripted()
    found = run(wanted, method="bab", attack=False)
    assert {name for name, _ in wanted.calls} == {"bab"}
    assert np.flatnonzero(found.certified).tolist() == [4]
    assert not found.refuted.any()


def test_what_was_found_before_an_interruption_is_kept() -> None:
    found = run(scripted(stop_at="crown"))
    assert np.flatnonzero(found.certified).tolist() == [0, 1]
    assert np.flatnonzero(found.refuted).tolist() == [3, 5, 6, 7]
    assert (found.finished, found.reason) == (False, "it was interrupted")


def test_a_limit_of_time_leaves_the_rest_open() -> None:
    found = run(scripted(), seconds=0.0)
    assert not found.finished
    assert found.reason == "the limit of 0 s came first"
    assert found.open.sum() >= 6


def test_attacks_on_large_models_take_few_inputs_at_once() -> None:
    wanted = scripted()
    graph = load(nn.Linear(2, 2), torch.zeros(1, 2))
    x = torch.zeros(10, 2, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("affidavit.certify.surveying.MOST_WEIGHTS", 13)  # the model has 6
        survey(graph, x, wanted, Threat(0.0, 0.1), batch_size=4)
    assert [rows for name, rows in wanted.calls if name == "attack"] == [
        [2, 3],
        [4, 5],
        [6, 7],
        [8, 9],
    ]


def test_branch_and_bound_shares_the_time_that_is_left() -> None:
    wanted = scripted()
    run(wanted, method="bab", seconds=100.0)
    seconds = [options["max_seconds"] for options in wanted.given]
    # Four inputs of ten, four of six, two of two; the script itself takes next to no time.
    assert seconds[0] <= 40.0
    assert seconds[1] <= 100 * 4 / 6
    assert seconds[1] > seconds[0]
    assert seconds[2] <= 100.0
    unlimited = scripted()
    run(unlimited, method="bab")
    assert unlimited.given == [{}] * 3


def test_progress_is_told() -> None:
    seen: list[tuple[str, int, int]] = []
    run(scripted(), progress=lambda *state: seen.append(state))
    assert seen[0] == ("ibp", 0, 10)
    assert ("attack", 4, 8) in seen


@pytest.mark.parametrize("sizes", [(0.05, 0.0), (0.0, 0.05), (0.02, 0.02)])
def test_predictions(sizes: tuple[float, float]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)).double()
    x = torch.rand(60, 4, dtype=torch.float64)
    labels = model(x).argmax(1)
    labels[:5] = (labels[:5] + 1) % 3  # wrong from the start
    graph = load(model, x[:1])
    threat = Threat(*sizes, (0.0, 1.0))
    found = survey(graph, x, Prediction(labels), threat)
    assert found.certified.any()
    assert found.refuted[:5].all()
    assert not (found.certified & found.refuted).any()
    again = attack_predictions(
        graph, x, labels, epsilon=sizes[0], gamma=sizes[1], data_range=(0.0, 1.0), seed=7
    )
    assert not (again.success.numpy() & found.certified).any()
    tighter = survey(graph, x, Prediction(labels), threat, method="ibp")
    assert not (tighter.certified & ~found.certified).any()
