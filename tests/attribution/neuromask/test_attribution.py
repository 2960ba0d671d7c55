"""NeuroMask as captum and Quantus call it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import Attribution, NoiseTunnel
from captum.metrics import infidelity, sensitivity_max
from tests.attribution.networks import cnn, images
from torch import Tensor, nn

from affidavit.attribution import Classifier, NeuroMask, Preprocessing, learn_masks
from affidavit.attribution.neuromask import AreaPreset, Preset, RMSProp, explain_func
from affidavit.errors import DataError
from affidavit.graph import load

FEW = Preset(tau=3.0, steps=4, optimiser=RMSProp(rate=0.3))
PRESETS = {"penalised": FEW, "fast": AreaPreset(stages=((4, 2), (8, 2)))}


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("target", [None, 0, [2, 1, 0], torch.tensor([0, 0, 1])])
def test_it_gives_the_mask_in_every_channel(preset: Any, target: Any) -> None:
    model, pixels = cnn(), images(3)
    method = NeuroMask(model, preset, seed=4)
    assert isinstance(method, Attribution)
    found = method.attribute(pixels, target=target)
    assert found.shape == pixels.shape
    expected = learn_masks(Classifier(model), pixels, target, preset, seed=4)
    for channel in range(3):
        assert torch.equal(found[:, channel], expected.mask)
    (as_tuple,) = method.attribute((pixels,), target=target)
    assert torch.equal(as_tuple, found)
    # A tensor of its own: writing to one channel leaves the others.
    found[:, 0] = 0
    assert torch.equal(found[:, 1], expected.mask)


def test_class_0_is_not_the_predicted_class() -> None:
    model, pixels = cnn(), images(6)
    method = NeuroMask(model, "fast")
    predicted = Classifier(model).scores(pixels).argmax(1)
    assert (predicted != 0).any()
    of_zero, of_predicted = method.masks(pixels, 0), method.masks(pixels)
    assert of_zero.target.tolist() == [0] * 6
    assert torch.equal(of_predicted.target, predicted)
    assert not torch.equal(of_zero.mask, of_predicted.mask)


def test_the_default_preset_takes_a_graph_or_a_classifier() -> None:
    model, pixels = cnn().eval(), images(2)
    shown = Preprocessing((0.5,) * 3, (0.25,) * 3)
    of_module = NeuroMask(model, preprocessing=shown).attribute(pixels, target=1)
    of_classifier = NeuroMask(Classifier(model, shown)).attribute(pixels, target=1)
    assert torch.equal(of_module, of_classifier)
    of_graph = NeuroMask(load(model, pixels[:1]), preprocessing=shown).attribute(pixels, target=1)
    assert of_graph.shape == pixels.shape


def test_infidelity_of_captum() -> None:
    model, pixels = cnn().eval(), images(3)
    method = NeuroMask(model, FEW)
    found = method.attribute(pixels, target=1)

    def perturb(x: Tensor) -> tuple[Tensor, Tensor]:
        noise = 0.05 * torch.randn(x.shape)
        return noise, x - noise

    value = infidelity(method.forward_func, perturb, pixels, found, target=1, n_perturb_samples=4)
    assert value.shape == (3,)
    assert value.isfinite().all()


def test_sensitivity_of_captum() -> None:
    method = NeuroMask(cnn(), FEW, clip=True)
    value = sensitivity_max(method.attribute, images(3), target=0, n_perturb_samples=3)
    assert value.shape == (3,)
    assert (value > 0).all()


@pytest.mark.parametrize("kind", ["smoothgrad", "vargrad"])
def test_noise_tunnel_of_captum(kind: str) -> None:
    pixels = images(2)
    method = NeuroMask(cnn(), FEW, clip=True)
    tunnel = NoiseTunnel(method)
    found = tunnel.attribute(pixels, nt_type=kind, nt_samples=4, stdevs=0.2, target=[0, 2])
    assert found.shape == pixels.shape
    assert found.isfinite().all()
    with pytest.raises(DataError, match="the inputs range over"):
        NoiseTunnel(NeuroMask(cnn(), FEW)).attribute(pixels, nt_samples=4, stdevs=0.2, target=0)


def test_quantus_calls_it_with_arrays() -> None:
    parameters = list(inspect.signature(explain_func).parameters)
    assert parameters[:3] == ["model", "inputs", "targets"]
    model, pixels = cnn(), images(3)
    labels = np.array([0, 2, 1])
    found = explain_func(
        model=model, inputs=pixels.double().numpy(), targets=labels, device="cpu", preset=FEW
    )
    assert isinstance(found, np.ndarray)
    expected = learn_masks(Classifier(model), pixels, labels, FEW).mask
    np.testing.assert_array_equal(found, expected[:, None].numpy())


def test_more_than_one_input_is_refused() -> None:
    with pytest.raises(DataError, match="a tuple of 2; expected one tensor"):
        NeuroMask(cnn()).attribute((images(), images()))


def test_an_empty_batch_and_a_model_in_training_mode() -> None:
    model = cnn().train()
    assert NeuroMask(model).attribute(images(0)).shape == (0, 3, 16, 16)
    training = NeuroMask(model, FEW).attribute(images(2), target=1)
    assert model.training
    assert torch.equal(training, NeuroMask(model.eval(), FEW).attribute(images(2), target=1))


def test_the_bar_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    NeuroMask(model, FEW, progress=True).attribute(images(1), target=0)
    captured = capsys.readouterr()
    assert captured.out == ""
    # A bar is for terminals; into a pipe goes no more than its last, empty line.
    assert captured.err.strip() == ""
    assert captured.err


def test_it_works_where_captum_is_not_installed() -> None:
    # Without captum: the class stands on its own. With it: nothing of it is loaded before.
    code = (
        "import sys\n"
        "import torch, affidavit.attribution as attribution\n"
        "assert 'captum' not in sys.modules\n"
        "sys.modules['captum'] = sys.modules['captum.attr'] = None\n"
        "model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))\n"
        "mask = attribution.NeuroMask(model).attribute(torch.rand(1, 3, 2, 2), target=0)\n"
        "assert mask.shape == (1, 3, 2, 2)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
