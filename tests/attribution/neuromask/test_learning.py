"""Learning: batches, seeds, early ends, what is recorded, what is refused, and known answers."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from tests.attribution.networks import cnn, images
from tests.attribution.neuromask.patches import (
    SIZE,
    FindsCrosses,
    crosses,
    intersection_over_union,
)
from torch import Tensor, nn

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.neuromask import (
    PRESETS,
    AreaPreset,
    Masks,
    Preset,
    RMSProp,
    learn_masks,
)
from affidavit.attribution.neuromask.presets import AnyPreset
from affidavit.errors import DataError, DomainError, ModelError
from affidavit.graph import load


def penalised(name: str, shape: tuple[int, ...] = (16, 16), **changes: Any) -> Preset:
    """A preset of the paper's kind with other constants."""
    preset = PRESETS[name](shape)
    assert isinstance(preset, Preset)
    return dataclasses.replace(preset, **changes)


def short(name: str, shape: tuple[int, ...] = (16, 16)) -> AnyPreset:
    """The preset with few steps, long enough ones to move the mask."""
    if name == "fast":
        return AreaPreset(stages=((4, 3), (8, 3), (16, 3)))
    return penalised(name, shape, tau=3.0, steps=8, optimiser=RMSProp(rate=0.3))


NAMES = ("paper", "official", "fast")


@pytest.mark.parametrize("name", NAMES)
def test_batched_equals_one_by_one(name: str) -> None:
    classifier, pixels = Classifier(cnn().double().train()), images(5).double()
    preset = short(name)
    whole = learn_masks(classifier, pixels, None, preset, seed=2)
    parts = learn_masks(classifier, pixels, None, preset, seed=2, batch_size=2)
    turned = learn_masks(classifier, pixels.flip(0), None, preset, seed=2)
    for i in range(5):
        alone = learn_masks(classifier, pixels[i : i + 1], None, preset, seed=2)
        for found, at in ((whole, i), (parts, i), (turned, 4 - i)):
            torch.testing.assert_close(found.mask[at], alone.mask[0])
            torch.testing.assert_close(found.losses[:, at], alone.losses[:, 0])
            assert found.steps[at] == alone.steps[0]
            assert found.target[at] == alone.target[0]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_seed_that_decides(name: str) -> None:
    classifier, pixels = Classifier(cnn()), images(2)
    first = learn_masks(classifier, pixels, 0, short(name), seed=1)
    torch.manual_seed(99)
    again = learn_masks(classifier, pixels, 0, short(name), seed=1)
    assert torch.equal(first.mask, again.mask)
    assert torch.equal(first.losses, again.losses)
    if name != "fast":
        assert not torch.equal(first.mask, learn_masks(classifier, pixels, 0, short(name)).mask)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape", [(2, 3, 13, 9), (2, 1, 8, 8), (1, 3, 1, 1), (2, 3, 3, 40), (2, 2, 30)]
)
def test_any_size_and_number_of_channels(name: str, shape: tuple[int, ...]) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(shape[1:]).numel(), 4))
    found = learn_masks(Classifier(model), torch.rand(shape), None, short(name, shape[2:]))
    assert found.mask.shape == (shape[0], *shape[2:])
    assert found.mask.isfinite().all()
    assert (found.mask >= 0).all()
    assert (found.mask <= 1).all()


@pytest.mark.parametrize("name", ["official-cifar", "fast"])
def test_rows_without_channels(name: str) -> None:
    """Only the second feature of four matters; features are no neighbours."""

    class Second(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([8 * x[:, 1] - 4, 0 * x[:, 1]], 1)

    preset: AnyPreset = AreaPreset(stages=((1, 20),), tried=(0.25, 0.5))
    if name != "fast":
        preset = penalised(name, (4,), steps=300, optimiser=RMSProp(rate=0.1))
    found = learn_masks(Classifier(Second()), torch.full((2, 4), 0.9), 0, preset)
    assert found.mask.shape == (2, 4)
    assert "smoothness" not in found.terms
    assert (found.mask[:, 1] > 0.5).all()
    assert (found.mask[:, [0, 2, 3]] < 0.1).all()


def test_the_mask_hides_pixels_before_normalisation() -> None:
    """Of an image that is black all over, nothing can be hidden: the loss does not move."""
    classifier = Classifier(cnn(), Preprocessing((0.5,) * 3, (0.25,) * 3))
    preset = penalised("official", steps=8, sparsity=0.0, smoothness=0.0)
    black = learn_masks(classifier, torch.zeros(1, 3, 16, 16), 1, preset)
    expected = classifier.scores(torch.zeros(1, 3, 16, 16)).log_softmax(1)[0, 1]
    torch.testing.assert_close(black.losses[:, 0], (-0.4 * expected).expand(8))


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_image(name: str) -> None:
    found = learn_masks(Classifier(cnn()), torch.full((1, 3, 16, 16), 0.5), None, short(name))
    assert found.mask.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_the_model_is_as_it_was_and_gradients_may_be_off(name: str) -> None:
    model = cnn().train()
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        off = learn_masks(Classifier(model), images(2), None, short(name))
    assert model.training
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    pixels = images(2).requires_grad_(True)
    on = learn_masks(Classifier(model), pixels, None, short(name))
    assert torch.equal(off.mask, on.mask)
    assert not on.mask.requires_grad
    assert pixels.grad is None


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_gives_the_masks_of_its_module(name: str) -> None:
    model, pixels = cnn().double().eval(), images(2).double()
    graph = load(model.float(), pixels[:1].float()).to(torch.float64)
    of_graph = learn_masks(Classifier(graph), pixels, 0, short(name))
    of_module = learn_masks(Classifier(model.double()), pixels, 0, short(name))
    torch.testing.assert_close(of_graph.mask, of_module.mask)


def test_finished_inputs_leave_the_batch() -> None:
    classifier, pixels = Classifier(cnn().double()), images(4).double()
    preset = penalised(
        "official",
        tau=3.0,
        steps=60,
        sparsity=0.0,
        smoothness=0.0,
        optimiser=RMSProp(rate=0.3),
        patience=3,
    )
    found = learn_masks(classifier, pixels, None, preset, history=(0, 59))
    assert len(set(found.steps.tolist())) > 1
    assert found.steps.min() < 60
    for i in range(4):
        alone = learn_masks(classifier, pixels[i : i + 1], None, preset)
        torch.testing.assert_close(found.mask[i], alone.mask[0])
        taken = int(found.steps[i])
        assert alone.steps.tolist() == [taken]
        assert found.losses[:taken, i].isfinite().all()
        assert found.losses[taken:, i].isnan().all()


def test_the_history_is_small_and_of_the_steps_asked_for() -> None:
    told: list[tuple[int, int]] = []
    found = learn_masks(
        Classifier(cnn()),
        images(3, size=120),
        None,
        short("official", (120, 120)),
        history=(0, 4, 8, 100),
        batch_size=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert list(found.history) == [0, 4, 8]
    assert {kept.dtype for kept in found.history.values()} == {torch.uint8}
    assert {kept.shape for kept in found.history.values()} == {torch.Size((3, 112, 112))}
    mean = found.history[8].double().mean((1, 2)) / 255
    torch.testing.assert_close(mean, found.mask.double().mean((1, 2)), rtol=0, atol=5e-3)
    assert told == [(done, 16) for done in range(1, 17)]
    torch.testing.assert_close(torch.stack(list(found.terms.values())).sum(0), found.losses)
    assert (found.losses[-1] < found.losses[0]).all()


def test_an_empty_batch_has_empty_masks() -> None:
    found = learn_masks(Classifier(cnn()), images(0))
    assert isinstance(found, Masks)
    assert found.mask.shape == (0, 16, 16)
    assert len(found) == 0


class Sick(nn.Module):
    """Gives NaN for inputs that are dark on the whole."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.flatten(1).mean(1, keepdim=True)
        return torch.cat([mean, -mean], 1) / (mean > 0.35)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_gives_nan(name: str) -> None:
    with pytest.raises(ModelError, match="NaN or infinite scores for input 0"):
        learn_masks(Classifier(Sick()), images(2) / 4, 0, short(name))
    with pytest.raises(ModelError, match="NaN or infinite scores"):
        learn_masks(Classifier(Sick()), images(2), 0, short(name))


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (DomainError, "target 3 is out of range", {"target": 3}),
        (DomainError, r"no preset 'papper' \(did you mean 'paper'\?\)", {"preset": "papper"}),
        (DomainError, "batch_size is 0", {"batch_size": 0}),
        (DataError, "the inputs range over", {"pixels": images() + 1}),
    ],
)
def test_what_it_refuses(error: type[Exception], message: str, options: dict[str, Any]) -> None:
    given: dict[str, Any] = {"classifier": Classifier(cnn()), "pixels": images()}
    with pytest.raises(error, match=message):
        learn_masks(**given | options)


def known(name: str) -> AnyPreset:
    if name == "fast":
        return AreaPreset()
    return penalised(name, (SIZE, SIZE), steps=200, optimiser=RMSProp(rate=0.15))


CORNERS = [(2, 3), (12, 14), (8, 0)]


@pytest.mark.parametrize("name", ["paper", "fast"])
def test_the_decisive_patch_is_found(name: str) -> None:
    x, truth = crosses(CORNERS)
    preset = known(name)
    found = learn_masks(Classifier(FindsCrosses()), x, None, preset)
    assert (found.target == 1).all()
    assert (intersection_over_union(found.mask, truth) > (0.8 if name == "paper" else 0.5)).all()


@pytest.mark.parametrize("name", ["paper", "fast"])
def test_no_mask_where_the_network_does_not_look(name: str) -> None:
    """Two crosses; the right half of the image is never looked at."""
    x, truth = crosses([(8, 2), (8, 14)])
    both = torch.maximum(x[:1], x[1:])
    preset = known(name)
    found = learn_masks(Classifier(FindsCrosses(width=12)), both, 1, preset)
    assert found.mask[0, :, 13:].max() < 0.05
    assert found.mask[0][truth[0]].mean() > 0.5
