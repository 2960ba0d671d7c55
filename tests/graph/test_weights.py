"""Weights are read without running anything, and every misfit is named."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from affidavit.errors import ModelError
from affidavit.graph import load_weights, read_weights

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor] = STATE) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor, expected[name])


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        OrderedDict(STATE),
        {"state_dict": STATE, "epoch": 3, "best": 0.9},
        {"model_state_dict": STATE, "optimizer": {"state": {}}},
        {"model": {"state_dict": STATE}},
        {"net": {"model": {"state_dict": STATE}}},
        {f"module.{name}": tensor for name, tensor in STATE.items()},
        {f"_orig_mod.{name}": tensor for name, tensor in STATE.items()},
        {f"module._orig_mod.{name}": tensor for name, tensor in STATE.items()},
        {"state_dict": {f"module.{name}": tensor for name, tensor in STATE.items()}},
        {**STATE, "version": 2},
    ],
)
def test_checkpoints(content: Any, tmp_path: Path) -> None:
    for legacy in (False, True):
        torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=not legacy)
        same(read_weights(tmp_path / "w.pt"))


def test_keys_that_are_no_strings(tmp_path: Path) -> None:
    torch.save({0: torch.ones(2), 1: "x"}, tmp_path / "w.pt")
    assert torch.equal(read_weights(tmp_path / "w.pt")["0"], torch.ones(2))


def test_a_prefix_of_some_names_is_kept(tmp_path: Path) -> None:
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    torch.save(state, tmp_path / "w.pt")
    assert set(read_weights(tmp_path / "w.pt")) == set(state)


def test_safetensors_by_name_and_by_content(tmp_path: Path) -> None:
    for name in ("w.safetensors", "w.bin", "w.pt"):
        save_file(STATE, tmp_path / name)
        same(read_weights(str(tmp_path / name)))


class Code:
    """Would create a file when unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.sentinel),)


def test_code_is_never_run(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    path = tmp_path / "w.pt"
    contents: list[Any] = [Code(sentinel), {"state_dict": {"a": Code(sentinel)}}]
    for content in contents:
        for write in (
            lambda c: path.write_bytes(pickle.dumps(c)),
            lambda c: torch.save(c, path),
            lambda c: torch.save(c, path, _use_new_zipfile_serialization=False),
        ):
            write(content)
            with pytest.raises(ModelError, match="not a checkpoint"):
                read_weights(path)
            assert not sentinel.exists()
    pickle.loads(pickle.dumps(Code(sentinel)))
    assert sentinel.exists()  # it does run code where code is run


def test_whole_modules_are_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(ModelError, match="Files that hold code are never opened"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no tensors"),
        ({"epoch": 1}, "holds no tensors"),
        ([torch.ones(1)], "holds a list; expected a state dict"),
        (torch.ones(1), "holds a Tensor; expected a state dict"),
        (3, "holds a int"),
    ],
)
def test_files_without_tensors(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=message):
        read_weights(tmp_path / "w.pt")


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.pt").touch()
    for name in ("none.pt", "empty.pt", "."):
        with pytest.raises(ModelError, match="no such file, or an empty one"):
            read_weights(tmp_path / name)


def test_damaged_files(tmp_path: Path) -> None:
    path, chance = tmp_path / "w.pt", random.Random(0)
    files = []
    for legacy in (False, True):
        torch.save(STATE, path, _use_new_zipfile_serialization=not legacy)
        files.append(path.read_bytes())
    save_file(STATE, path)
    files.append(path.read_bytes())
    for good in files:
        damaged = [good[:length] for length in range(0, len(good), max(len(good) // 60, 1))]
        for _ in range(60):
            mutant = bytearray(good)
            for _ in range(chance.choice([1, 3])):
                mutant[chance.randrange(len(mutant))] ^= 1 << chance.randrange(8)
            damaged.append(bytes(mutant))
        damaged += [chance.randbytes(size) for size in (1, 8, 9, 100, 3000)]
        for content in damaged:
            path.write_bytes(content)
            with contextlib.suppress(ModelError):
                assert read_weights(path)


@pytest.mark.parametrize("size", [10**18, 2**64 - 1, 10**8])
def test_safetensors_headers_that_claim_too_much(size: int, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(size.to_bytes(8, "little") + b'{"a":1}')
    with pytest.raises(ModelError, match="not a safetensors file, or a damaged one"):
        read_weights(path)


def test_safetensors_shapes_that_claim_too_much(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"1234")
    with pytest.raises(ModelError, match="damaged"):
        read_weights(path)


def test_load_weights(tmp_path: Path) -> None:
    source, target = (nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)) for _ in range(2))
    state = source.state_dict()
    torch.save(state, tmp_path / "w.pt")
    load_weights(target, tmp_path / "w.pt")
    same(target.state_dict(), source.state_dict())
    del state["1.num_batches_tracked"]  # older checkpoints have none
    torch.save(state, tmp_path / "w.pt")
    load_weights(target, tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.bias"), "does not fit Sequential: missing '0.bias'"),
        (lambda s: s.update({"9.b": torch.ones(1)}), "unexpected '9.b'"),
        (
            lambda s: s.update({"0.wieght": s.pop("0.weight")}),
            "missing '0.weight'; unexpected '0.wieght' (did you mean '0.weight'?)",
        ),
        (lambda s: s.update({"0.bias": torch.ones(3)}), "'0.bias' has the shape [3], expected [2]"),
        (lambda s: s.update({str(i): torch.ones(1) for i in range(9)}), "; and 4 more"),
    ],
)
def test_misfits_are_named(change: Any, message: str, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state = module.state_dict()
    change(state)
    torch.save(dict(state), tmp_path / "w.pt")
    with pytest.raises(ModelError, match=re.escape(message)):
        load_weights(module, tmp_path / "w.pt")
    same(module.state_dict(), before)
