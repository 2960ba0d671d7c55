from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.mutation.networks import inputs, network
from torch import Tensor, nn

from affidavit import graph
from affidavit.errors import DataError, ModelError
from affidavit.mutation import Mutant, Mutants, mutated, mutated_graph
from affidavit.mutation.edits import copy, negate, put

X = inputs()
MUTANT = Mutant(
    (
        negate("0.weight", np.array([1, 4])),
        put("3.weight", np.array([0, 17]), np.full((2, 3, 3), 2.5), axes=2),
        copy("4.running_mean", np.array([2, 3]), np.array([3, 2])),
        negate("1.weight", np.array([5])),
    ),
    units=3,
)


def bits(model: nn.Module) -> dict[str, bytes]:
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: tensor.detach().numpy().tobytes() for name, tensor in tensors.items()}


def with_odd_numbers() -> nn.Module:
    """A network in whose weights are -0 and NaN, that arithmetic would not bring back."""
    model = network("normed")
    with torch.no_grad():
        weight = model.get_parameter("0.weight")
        weight[1, 0, 0, 0], weight[4, 0, 0, 0] = -0.0, torch.nan
    return model


def test_edits_are_as_described() -> None:
    model = network("normed")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with mutated(model, MUTANT) as same:
        assert same is model
        now = model.state_dict()
        assert torch.equal(now["0.weight"][[1, 4]], -before["0.weight"][[1, 4]])
        assert torch.equal(now["0.weight"][[0, 2, 3, 5]], before["0.weight"][[0, 2, 3, 5]])
        assert torch.equal(now["3.weight"][0, 0], torch.full((3, 3), 2.5).double())
        assert torch.equal(now["3.weight"][2, 5], torch.full((3, 3), 2.5).double())
        assert int((now["3.weight"] != before["3.weight"]).sum()) == 18
        # Both are taken from the tensor as it was, not one from the other's new value.
        assert now["4.running_mean"][2] == before["4.running_mean"][3]
        assert now["4.running_mean"][3] == before["4.running_mean"][2]


def test_the_model_is_restored_bit_for_bit() -> None:
    model = with_odd_numbers()
    before = bits(model)
    with mutated(model, MUTANT):
        assert bits(model) != before
    assert bits(model) == before


def test_the_model_is_restored_when_the_body_raises() -> None:
    model = with_odd_numbers()
    before = bits(model)
    with pytest.raises(RuntimeError, match="on purpose"), mutated(model, MUTANT):
        raise RuntimeError("on purpose")
    assert bits(model) == before


def test_edits_that_do_not_fit_leave_nothing_changed() -> None:
    model = network("normed")
    before = bits(model)
    for wrong in (
        negate("9.weight", np.array([0])),
        negate("0.weight", np.array([6])),
        put("0.weight", np.array([0]), np.zeros((1, 2, 3, 3))),
    ):
        with (
            pytest.raises(ModelError, match="made from another model"),
            mutated(model, Mutant((*MUTANT.edits, wrong), 1)),
        ):
            pass
    assert bits(model) == before


def test_a_graph_is_not_written_to() -> None:
    model = network("normed")
    made = graph.load(model, X[:1])
    before = made.sha256
    with mutated(model, MUTANT), torch.no_grad():
        expected = model.eval()(X)
    torch.testing.assert_close(mutated_graph(made, MUTANT)(X), expected, rtol=1e-9, atol=1e-9)
    assert made.sha256 == before


def test_innermost_channels_and_half_precision() -> None:
    model = nn.Conv2d(3, 4, 3).to(torch.bfloat16)
    model.weight.data = model.weight.data.contiguous(memory_format=torch.channels_last)
    before: Tensor = model.weight.detach().clone()
    mutant = Mutant((put("weight", np.array([1]), np.ones((1, 3, 3, 3), np.float32)),), 1)
    with mutated(model, mutant):
        assert bool((model.weight[1] == 1).all())
        assert torch.equal(model.weight[0], before[0])
    assert torch.equal(model.weight, before)
    assert model.weight.is_contiguous(memory_format=torch.channels_last)


def a_set() -> Mutants:
    second = Mutant(
        (put("0.weight", np.array([3]), np.full((1, 3, 3, 3), 0.1, np.float32)),), 1, 0.7
    )
    return Mutants((MUTANT, second), "GF", "wu", "filter", 0.01, 7, 14, 0.8, 0.9, 5)


def test_sets_survive_a_file(tmp_path: Path) -> None:
    made = a_set()
    made.save(tmp_path / "mutants.npz")
    back = Mutants.load(tmp_path / "mutants.npz")
    assert repr(back) == repr(made)
    assert {**back.__dict__, "mutants": 0} == {**made.__dict__, "mutants": 0}
    for one, other in zip(back, made, strict=True):
        assert one.units == other.units
        np.testing.assert_equal(one.accuracy, other.accuracy)
        for edit, expected in zip(one.edits, other.edits, strict=True):
            assert (edit.tensor, edit.axes, edit.change) == (
                expected.tensor, expected.axes, expected.change,
            )  # fmt: skip
            for kind in ("index", "source", "values"):
                np.testing.assert_array_equal(getattr(edit, kind), getattr(expected, kind))
            assert edit.values.dtype == expected.values.dtype


def test_sets_can_be_cut() -> None:
    made = a_set()
    assert made[0] is MUTANT
    assert len(made[:1]) == 1
    assert made[:1].operator == "GF"
    assert made.rejected == 3
    assert made.nbytes == sum(mutant.nbytes for mutant in made) < 2000
    assert "2 by GF of 3 of 14 units (wu), 3 of 5 candidates rejected" in repr(made)


def test_files_of_something_else(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    (tmp_path / "text.npz").write_text("not an archive")
    for name in ("other.npz", "text.npz"):
        with pytest.raises(DataError, match="holds no mutants"):
            Mutants.load(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read"):
        Mutants.load(tmp_path / "missing.npz")
