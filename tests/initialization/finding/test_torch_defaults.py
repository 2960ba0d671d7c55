"""PyTorch's defaults: what is declared of each layer is what it draws, under many seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from affidavit.initialization.distributions import Constant, Normal, Uniform
from affidavit.initialization.finding import find_random_parameters
from affidavit.initialization.finding.torch_defaults import declared_in
from affidavit.seeding import seeded


def _within(bound: float) -> Any:
    return stats.uniform(-bound, 2 * bound)


ZERO, ONE = 0.0, 1.0
NORM: Mapping[str, Any] = {"weight": ONE, "bias": ZERO}
RECURRENT = _within(1 / math.sqrt(5))

# Of each layer its parameters and how they are drawn, from PyTorch's documentation: a constant or a
# distribution of SciPy.
LAYERS: dict[str, tuple[Callable[[], nn.Module], Mapping[str, Any]]] = {
    "Linear": (
        lambda: nn.Linear(16, 9),
        {"weight": _within(1 / 4), "bias": _within(1 / 4)},
    ),
    "Bilinear": (
        lambda: nn.Bilinear(16, 4, 9),
        {"weight": _within(1 / 4), "bias": _within(1 / 4)},
    ),
    "Conv1d": (
        lambda: nn.Conv1d(4, 9, 4),
        {"weight": _within(1 / 4), "bias": _within(1 / 4)},
    ),
    "Conv2d in groups": (
        lambda: nn.Conv2d(8, 6, (2, 4), groups=2),
        {"weight": _within(1 / math.sqrt(32)), "bias": _within(1 / math.sqrt(32))},
    ),
    "Conv3d": (
        lambda: nn.Conv3d(2, 4, 2),
        {"weight": _within(1 / 4), "bias": _within(1 / 4)},
    ),
    # [in, out, k]: its fan-in counts outputs.
    "ConvTranspose1d": (
        lambda: nn.ConvTranspose1d(9, 4, 4),
        {"weight": _within(1 / 4), "bias": _within(1 / 4)},
    ),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(9, 12, 2, groups=3, bias=False),
        {"weight": _within(1 / 4)},
    ),
    "ConvTranspose3d": (
        lambda: nn.ConvTranspose3d(3, 2, 2),
        {"weight": _within(1 / 4), "bias": _within(1 / 4)},
    ),
    "Embedding": (lambda: nn.Embedding(9, 5), {"weight": stats.norm()}),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(9, 5), {"weight": stats.norm()}),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(5), NORM),
    "LayerNorm": (lambda: nn.LayerNorm((5, 2)), NORM),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), NORM),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(5, affine=True), NORM),
    "RMSNorm": (lambda: nn.RMSNorm(5), {"weight": ONE}),
    "PReLU": (lambda: nn.PReLU(3, init=0.1), {"weight": 0.1}),
    "RNN": (
        lambda: nn.RNN(3, 5, bias=False),
        {"weight_ih_l0": RECURRENT, "weight_hh_l0": RECURRENT},
    ),
    "LSTM": (
        lambda: nn.LSTM(3, 5, proj_size=2),
        dict.fromkeys(
            ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0"), RECURRENT
        ),
    ),
    "GRUCell": (
        lambda: nn.GRUCell(3, 5),
        dict.fromkeys(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), RECURRENT),
    ),
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True),
        {
            "in_proj_weight": _within(math.sqrt(6 / 16)),
            "in_proj_bias": ZERO,
            "bias_k": stats.norm(0, math.sqrt(2 / 8)),
            "bias_v": stats.norm(0, math.sqrt(2 / 8)),
            "out_proj.weight": _within(1 / 2),
            "out_proj.bias": ZERO,
        },
    ),
    "MultiheadAttention of three widths": (
        lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5, bias=False),
        {
            "q_proj_weight": _within(math.sqrt(6 / 8)),
            "k_proj_weight": _within(math.sqrt(6 / 7)),
            "v_proj_weight": _within(math.sqrt(6 / 9)),
            "out_proj.weight": _within(1 / 2),
        },
    ),
}  # fmt: skip

SEEDS = 40


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_drawn_as_declared(name: str) -> None:
    make, expected = LAYERS[name]
    draws: dict[str, list[torch.Tensor]] = {}
    for seed in range(SEEDS):
        with seeded(seed):
            layer = make()
        for key, parameter in layer.named_parameters():
            draws.setdefault(key, []).append(parameter.detach().reshape(-1))
    assert draws.keys() == expected.keys()
    for key, parameter in layer.named_parameters():
        owners: list[tuple[nn.Module, str]] = [(layer, key)]
        if "." in key:
            owners.append((layer.get_submodule(key.split(".")[0]), key.split(".")[1]))
        declared = declared_in(owners, parameter)
        assert declared is not None
        values = torch.cat(draws[key]).double().numpy()
        ours, theirs = declared.distribution, expected[key]
        if isinstance(theirs, float):
            assert ours == Constant(theirs)
            assert (values == np.float32(theirs)).all()
            continue
        assert isinstance(ours, Uniform | Normal)
        assert stats.kstest(values, theirs.cdf).pvalue > 1e-3
        points = np.linspace(-1.5, 1.5, 61)
        np.testing.assert_allclose(ours.cdf(points), theirs.cdf(points), atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_are_drawn_otherwise_are_told(name: str) -> None:
    make, expected = LAYERS[name]

    def stretched() -> nn.Module:
        layer = make()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.mul_(1.5).add_(0.2)
        return layer

    right = find_random_parameters(make, seeds=SEEDS)
    assert [one.name for one in right] == list(expected)
    assert all(one.fits and not one.by_hand for one in right)
    assert [one.random for one in right] == [
        not isinstance(theirs, float) for theirs in expected.values()
    ]
    wrong = find_random_parameters(stretched, seeds=SEEDS)
    assert not any(one.fits for one in wrong)
    assert all(one.by_hand for one in wrong)


def test_transformers_draw_the_weights_of_their_parts_again() -> None:
    model = nn.Transformer(4, 2, 1, 1, 6, batch_first=True)
    by_name = {one.name: one for one in find_random_parameters(model)}
    inside = by_name["encoder.layers.0.linear1.weight"]
    assert inside.declared is not None
    assert inside.declared.text == "xavier_uniform_"
    assert isinstance(inside.distribution, Uniform)
    assert inside.distribution.high == pytest.approx(math.sqrt(6 / 10))
    bias = by_name["encoder.layers.0.linear1.bias"]
    assert bias.declared is not None
    assert bias.declared.text == "torch_linear"
    assert all(one.fits for one in by_name.values())
    alone = find_random_parameters(nn.TransformerEncoderLayer(4, 2, 6, batch_first=True))
    first = next(one for one in alone if one.name == "linear1.weight")
    assert first.declared is not None
    assert first.declared.text == "torch_linear"


def test_every_layer_of_pytorch_with_parameters_is_known() -> None:
    # Classes that hold parameters of their own, and so draw them.
    held = {
        kind
        for name in dir(nn)
        if isinstance(kind := getattr(nn, name), type)
        and issubclass(kind, nn.Module)
        and ("reset_parameters" in dir(kind) or "_reset_parameters" in dir(kind))
        and not name.startswith("Lazy")
    }
    apart = {nn.AdaptiveLogSoftmaxWithLoss}  # of linear layers, which draw for themselves
    bases = (
        nn.Linear, nn.modules.conv._ConvNd, nn.Bilinear, nn.Embedding, nn.EmbeddingBag,
        nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.PReLU,
        nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention, nn.Transformer, nn.CrossMapLRN2d,
    )  # fmt: skip
    assert {kind for kind in held - apart if not issubclass(kind, bases)} == set()


class _Drawn(nn.Linear):
    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.1)
        nn.init.zeros_(self.bias)


class _Other(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).relu()


def test_a_class_that_draws_for_itself_declares_nothing() -> None:
    weight, bias = find_random_parameters(_Drawn(40, 30))
    assert weight.declared is None
    assert bias.declared is None
    assert bias.initializer is not None
    assert bias.initializer.name == "zeros"
    weight, _ = find_random_parameters(_Other(40, 30))
    assert weight.fits
