"""The presets against Algorithm 1 written out, step for step."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from tests.attribution.networks import cnn, images
from tests.reference import algorithm1 as reference

from affidavit.attribution import Classifier
from affidavit.attribution.neuromask import PRESETS, Preset, learn_masks
from affidavit.attribution.neuromask.penalised import initial_weights
from affidavit.attribution.neuromask.problem import Problem

SHAPE = (7, 6)


def penalised(name: str, shape: tuple[int, ...]) -> Preset:
    preset = PRESETS[name](shape)
    assert isinstance(preset, Preset)
    return preset


LITERAL: dict[str, dict[str, Any]] = {
    "paper": {},
    "official-imagenet": {
        "f_s": reference.SQUARE_5,
        "sparse_norm": reference.absolute_mean,
        "smooth_norm": reference.square_mean,
        "v": 1.0,
    },
    "official-cifar": {
        "f_s": reference.SQUARE_3,
        "sparse_norm": reference.absolute_mean,
        "smooth_norm": reference.square_mean,
        "v": 1.0,
    },
}


@pytest.mark.parametrize("target", [None, 0])
@pytest.mark.parametrize("name", LITERAL)
def test_losses_and_masks_are_those_of_algorithm_1(name: str, target: int | None) -> None:
    model = cnn().double().eval()
    x = images(2)[:, :, : SHAPE[0], : SHAPE[1]].double()
    # Fewer steps than the preset's, each longer: the class term, blind at first, has its say.
    preset = penalised(name, SHAPE)
    preset = dataclasses.replace(
        preset,
        tau=preset.tau / 4,
        steps=12,
        optimiser=dataclasses.replace(preset.optimiser, rate=0.4),
    )
    classifier = Classifier(model)
    start = initial_weights(Problem(classifier, x, torch.zeros(2)), preset, seed=5)
    found = {
        steps: learn_masks(classifier, x, target, dataclasses.replace(preset, steps=steps), seed=5)
        for steps in (1, 5, 12)
    }
    for i in range(len(x)):
        trace = reference.algorithm1(
            model,
            x[i],
            target,
            start[i].numpy(),
            steps=12,
            tau=preset.tau,
            T=preset.temperature,
            weights=(preset.prediction, preset.sparsity, preset.smoothness),
            alpha=preset.optimiser.rate,
            beta=preset.optimiser.decay,
            epsilon=preset.optimiser.epsilon,
            **LITERAL[name],
        )
        for steps, masks in found.items():
            terms = [masks.terms[part][:, i] for part in ("prediction", "sparsity", "smoothness")]
            np.testing.assert_allclose(torch.stack(terms, 1), trace.losses[:steps], rtol=1e-9)
            np.testing.assert_allclose(
                masks.losses[:, i], np.sum(trace.losses[:steps], 1), rtol=1e-9
            )
            np.testing.assert_allclose(masks.mask[i], trace.masks[steps - 1], rtol=1e-8, atol=1e-12)


def test_the_paper_constants() -> None:
    preset = penalised("paper", (224, 224))
    assert (preset.tau, preset.temperature, preset.reduction) == (20, 1, "sum")
    assert (preset.kernel, preset.roughness) == ("five_point", "absolute")
    # The weights of means, over the number of pixels and of places where the kernel fits.
    official = penalised("official", (224, 224))
    assert preset.prediction == official.prediction
    assert preset.sparsity * 224**2 == pytest.approx(official.sparsity)
    assert preset.smoothness * 222**2 == pytest.approx(official.smoothness)


def test_the_official_constants_go_by_the_size_of_the_image() -> None:
    large, small = (penalised("official", shape) for shape in ((299, 299), (32, 32)))
    weights = [(one.prediction, one.sparsity, one.smoothness) for one in (large, small)]
    assert weights == [(50, 16, 3), (0.4, 0.35, 0.15)]
    assert [(one.tau, one.temperature) for one in (large, small)] == [(10, 0.3), (10, 1)]
    assert [one.kernel for one in (large, small)] == ["box5", "box3"]
    assert {one.roughness for one in (large, small)} == {"squared"}
    assert large == PRESETS["official-imagenet"]((299, 299))
    assert small == PRESETS["official-cifar"]((32, 32))
