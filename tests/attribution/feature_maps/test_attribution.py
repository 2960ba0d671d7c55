"""Conductance: against equation 5 word for word, captum, and the limit of the sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import captum.attr
import keras
import pytest
import torch
from pytorchcv.models import inceptionv3
from tests.attribution.feature_maps.networks import (
    Untraceable,
    inputs,
    kinds,
    resnet,
    skip,
    skip_graph,
    twice,
    twice_graph,
)
from tests.reference.path_conductance import of_maps
from torch import Tensor, nn

from affidavit.attribution import Conductance, conductance
from affidavit.errors import (
    DataError,
    DomainError,
    EngineError,
    ModelError,
    UnsupportedOpsError,
)
from affidavit.graph import Graph, load

LAYERS = ("stem", "first", "norm", "act", "pool", "last", "end")


def assert_same(found: Conductance, expected: Conductance, tolerance: float) -> None:
    for name, values in expected.values.items():
        torch.testing.assert_close(found.values[name], values, rtol=0, atol=tolerance)


def finely(
    model: nn.Module | Graph, layers: Sequence[str], x: Tensor, pieces: int = 400, **options: Any
) -> Tensor:
    """Equation 5 from 0 to one input in so many pieces of 10 steps, all pieces at once."""
    shares = torch.linspace(0, 1, pieces + 1, dtype=x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
    path = shares * x
    found = conductance(
        model, layers, path[1:], baselines=path[:-1], method="riemann", batch_size=100, **options
    )
    return torch.cat([found.values[name].sum(0) for name in layers])


@pytest.mark.parametrize("shared", [True, False], ids=["one-baseline", "own-baselines"])
@pytest.mark.parametrize("layer", ["first", "pool"])
def test_the_sum_is_equation_5(layer: str, shared: bool) -> None:
    model, x = skip().double(), inputs(3, 2, 6, 6).double()
    baseline = inputs(1 if shared else 3, 2, 6, 6, seed=2).double()

    def stem(x: Tensor) -> Tensor:
        found: Tensor = model.stem(x).relu()
        return found

    def first(x: Tensor) -> Tensor:
        found: Tensor = model.first(stem(x))
        return found

    def pool(x: Tensor) -> Tensor:
        found: Tensor = model.pool(model.act(model.norm(first(x))) + stem(x))
        return found

    after: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
        "first": (first, lambda y, x: model.after_first(y, stem(x))),
        "pool": (pool, lambda y, x: model.after_pool(y)),
    }
    found = conductance(
        model, LAYERS, x, baselines=baseline, steps=5, method="riemann", graph=skip_graph()
    )
    torch.testing.assert_close(found.target, model(x).argmax(1))
    for row in range(3):
        start, target = baseline[min(row, len(baseline) - 1)], int(found.target[row])
        expected = of_maps(*after[layer], x[row], start, target, 5)
        torch.testing.assert_close(found.values[layer][row], torch.tensor(expected).double())
    rise = (model(x) - model(baseline)).gather(1, found.target[:, None])[:, 0]
    torch.testing.assert_close(found.difference, rise)
    left = rise - found.values[layer].sum(1)
    torch.testing.assert_close(found.completeness_error[layer], left)


def test_hooks_and_graph_agree() -> None:
    model, x = skip(), inputs(4, 2, 6, 6)
    graph = skip_graph()
    by_graph = conductance(model, LAYERS, x, method="riemann", graph=graph)
    by_hooks = conductance(Untraceable(model), [f"model.{n}" for n in LAYERS], x)
    assert set(by_hooks.method.values()) == {"riemann"}
    assert set(by_hooks.bypass.values()) == {None}
    for name in LAYERS:
        torch.testing.assert_close(by_hooks.values[f"model.{name}"], by_graph.values[name])
    assert_same(conductance(graph, LAYERS, x, method="riemann"), by_graph, 1e-6)
    # A place of the graph that is no module.
    whole = conductance(model, "relu", x, graph=graph)
    assert whole.bypass["relu"] == ()


def test_bypass_is_named_and_left_over() -> None:
    found = conductance(skip_graph(), LAYERS, inputs(2, 2, 6, 6), method="exact")
    assert found.bypass == {
        "stem": (), "first": ("relu",), "norm": ("relu",), "act": ("relu",),
        "pool": (), "last": (), "end": (),
    }  # fmt: skip
    for name, left in found.completeness_error.items():
        torch.testing.assert_close(left, found.difference - found.values[name].sum(1))
        assert bool((left.abs() < 1e-7).all()) == (found.bypass[name] == ())


def test_exact_is_the_limit_of_the_sum() -> None:
    """Behind a skip too, where completeness would not show an error."""
    x = inputs(1, 2, 6, 6).double()
    found = conductance(skip_graph(), LAYERS, x, method="exact", target=1)
    exact = torch.cat([found.values[name][0] for name in LAYERS])
    near = finely(skip_graph(), LAYERS, x, target=1)
    coarse = conductance(skip_graph(), LAYERS, x, method="riemann", steps=40, target=1)
    rough = torch.cat([coarse.values[name][0] for name in LAYERS])
    assert (near - exact).abs().max() < 1e-4
    assert (rough - exact).abs().max() > 10 * (near - exact).abs().max()


POOLS = {
    "plain": nn.MaxPool2d(2),
    "overlapping": nn.MaxPool2d(3, 2, padding=1),
    "ceiling": nn.MaxPool2d(2, 3, ceil_mode=True),
    "dilated": nn.MaxPool2d((2, 3), 1, dilation=(2, 1)),
}


@pytest.mark.parametrize("pool", POOLS)
def test_exact_for_every_piecewise_linear_op(pool: str) -> None:
    model, x = kinds(POOLS[pool]).double(), inputs(1, 2, 6, 6).double()
    layers = ("left", "right", "prelu", "pool")
    graph = load(model, x)
    found = conductance(graph, layers, x, method="exact", target=0)
    assert found.completeness_error["pool"].abs().max() < 1e-12
    assert all(found.bypass[name] for name in ("left", "right", "prelu"))
    exact = torch.cat([found.values[name][0] for name in layers])
    torch.testing.assert_close(finely(graph, layers, x, target=0), exact, rtol=0, atol=3e-4)


def test_exact_sees_bends_that_coincide() -> None:
    """Where a unit after the layer bends just where one before it does, the slope still changes."""

    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.ReLU()
            self.weight = nn.Parameter(torch.tensor([[1.0, 3.0]]))

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x)
            # Zero until the layer's first unit is on; then the larger of the two, not their sum.
            return torch.maximum(y[:, :1], y[:, 1:]) @ self.weight

    x, start = torch.tensor([[2.0, 1.0]]).double(), torch.tensor([-1.0, -1.5]).double()
    found = conductance(Repeated().double(), "layer", x, baselines=start, method="exact", target=1)
    torch.testing.assert_close(found.values["layer"], torch.tensor([[6.0, 0.0]]).double())


def test_segments_of_the_path_join(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = skip_graph(), inputs(1, 2, 6, 6)
    whole = conductance(model, LAYERS, x, method="exact")
    monkeypatch.setattr("affidavit.attribution.feature_maps.breakpoints._SEGMENT", 1)
    assert_same(conductance(model, LAYERS, x, method="exact"), whole, 1e-7)


def test_closed_on_resnet() -> None:
    """The last block is followed by averages and a linear layer; no other is."""
    model, x = resnet(), inputs(2, 3, 32, 32)
    graph = load(model, x)
    found = conductance(model, ["layer3.2", "layer3.1"], x, graph=graph)
    assert found.method == {"layer3.2": "closed", "layer3.1": "riemann"}
    assert found.completeness_error["layer3.2"].abs().max() < 1e-5
    peer = captum.attr.LayerConductance(model, model.layer3[2]).attribute(
        x, target=found.target, n_steps=10, method="riemann_trapezoid"
    )
    torch.testing.assert_close(found.values["layer3.2"], peer.sum((2, 3)).detach())
    many = finely(graph, ["layer3.2"], x[:1], pieces=100, target=int(found.target[0]))
    torch.testing.assert_close(found.values["layer3.2"][0], many)
    with pytest.raises(UnsupportedOpsError, match=r"after the layer 'layer3.1' to be affine") as e:
        conductance(model, "layer3.1", x, graph=graph, method="closed")
    assert ("Relu", "layer3.2") in e.value.ops


def test_closed_on_the_last_unit_of_inception() -> None:
    torch.manual_seed(0)
    whole = inceptionv3.InceptionV3(
        channels=[[256, 288, 288], [768] * 5, [1280, 2048, 2048]],
        init_block_channels=192,
        b_mid_channels=[128, 160, 160, 192],
    )
    features = whole.features
    model = nn.Sequential(
        features.stage3.unit3, features.final_pool, nn.Flatten(), whole.output
    ).eval()
    x = inputs(1, 2048, 8, 8).relu()
    graph = load(model, x)
    found = conductance(model, "0", x, graph=graph)
    assert found.method == {"0": "closed"}
    assert found.bypass == {"0": ()}
    assert found.values["0"].shape == (1, 2048)
    assert found.completeness_error["0"].abs().max() < 1e-4
    peer = captum.attr.LayerConductance(model, model[0]).attribute(
        x, target=found.target, n_steps=10, method="riemann_trapezoid"
    )
    torch.testing.assert_close(found.values["0"], peer.sum((2, 3)).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.data
def test_closed_on_a_trained_resnet(data_folder: Path) -> None:
    model = resnet()
    file = data_folder / "cifar10" / "resnet20-12fca82f.th"
    state = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
    model.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    x = inputs(2, 3, 32, 32)
    found = conductance(model, "layer3.2", x)
    peer = captum.attr.LayerConductance(model, model.layer3[2]).attribute(
        x, target=found.target, n_steps=10, method="riemann_trapezoid"
    )
    torch.testing.assert_close(
        found.values["layer3.2"], peer.sum((2, 3)).detach(), rtol=1e-4, atol=1e-4
    )
    assert found.completeness_error["layer3.2"].abs().max() < 1e-3


def test_closed_where_the_tail_differs_by_place_and_something_goes_round() -> None:
    class Tail(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv2d(2, 3, 3, padding=1), nn.Tanh()
            self.mix, self.linear = nn.Conv2d(3, 2, 3, stride=2), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.act(self.conv(x))
            around = torch.tanh(x[:, :, :2, :2])
            scores: Tensor = self.linear((2 * self.mix(y) - around).flatten(1)) / 3
            return scores

    torch.manual_seed(0)
    model, x = Tail().double(), inputs(3, 2, 6, 6).double()
    graph = load(model, x)
    found = conductance(graph, "act", x, target=[0, 2, 0])
    assert found.method == {"act": "closed"}
    assert len(found.bypass["act"] or ()) == 1
    near = conductance(graph, "act", x, target=[0, 2, 0], method="riemann", steps=1)
    assert_same(found, near, 1e-12)


def test_a_product_of_two_values_is_no_closed_form() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(3, 4), nn.Linear(3, 4)
            self.linear = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.linear(self.one(x) * self.two(x))
            return scores

    x = inputs(2, 3)
    graph = load(Gate(), x)
    assert conductance(graph, "one", x).method == {"one": "riemann"}
    with pytest.raises(UnsupportedOpsError, match="Mul"):
        conductance(graph, "one", x, method="exact")


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.LogSoftmax(1)], ids=["softmax", "log"])
def test_the_score_is_the_one_before_a_softmax(end: nn.Module) -> None:
    model, x = twice(), inputs(3, 4)
    plain = conductance(model, "two", x, graph=twice_graph())
    assert_same(conductance(nn.Sequential(model, end), "0.two", x), _renamed(plain, "0.two"), 1e-6)
    if isinstance(end, nn.Softmax):
        with pytest.raises(ModelError, match="before the softmax"):
            conductance(Untraceable(nn.Sequential(model, end)), "model.0.two", x)


def _renamed(found: Conductance, name: str) -> Conductance:
    (values,) = found.values.values()
    return Conductance({name: values}, found.target, found.difference, {}, {}, {})


def test_auto_takes_the_exact_way_for_few_units() -> None:
    x = inputs(3, 4)
    graph = twice_graph()
    found = conductance(twice(), ["one", "relu@1"], x, graph=graph)
    assert found.method == {"one": "exact", "relu@1": "closed"}
    assert found.completeness_error["one"].abs().max() < 1e-6
    assert conductance(graph, "one", x, budget=5).method == {"one": "riemann"}
    smooth = load(nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)), x)
    assert conductance(smooth, "0", x).method == {"0": "riemann"}
    with pytest.raises(UnsupportedOpsError, match=r"piecewise-linear(.|\n)*Tanh at 1"):
        conductance(smooth, "0", x, method="exact")


def test_a_budget_is_kept() -> None:
    model, x = skip_graph(), inputs(1, 2, 6, 6)
    with pytest.raises(EngineError, match=r"more than 10 places.*budget=100"):
        conductance(model, "first", x, method="exact", budget=10)


class Zigzag(nn.Module):
    """Folds a line in the middle, again and again: 12 units with 4,095 bends."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(1, 1), nn.Linear(1, 2)
        with torch.no_grad():
            self.first.weight.fill_(1)
            self.first.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.first(x)
        for _ in range(12):
            value = 1 - (2 * value - 1).abs()
        result: Tensor = self.last(value)
        return result


def test_auto_keeps_the_sum_where_few_units_bend_often() -> None:
    torch.manual_seed(0)
    model, x = Zigzag(), torch.tensor([[0.9], [1.0]])
    found = conductance(model, ["first", "last"], x, budget=100, steps=7)
    assert found.method == {"first": "riemann", "last": "closed"}
    expected = conductance(model, "first", x, method="riemann", steps=7)
    assert torch.equal(found.values["first"], expected.values["first"])
    with pytest.raises(EngineError, match="more than 100 places"):
        conductance(model, "first", x, budget=100, method="exact")


@pytest.mark.parametrize("method", ["riemann", "closed", "exact"])
def test_called_in_inference_mode(method: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    layer = "1" if method == "closed" else "0"
    x = torch.randn(5, 3)
    expected = conductance(model, layer, x, method=method)
    with torch.inference_mode():
        found = conductance(model, layer, x + 0, method=method, baselines=torch.zeros(3))
    assert torch.equal(found.values[layer], expected.values[layer])


def test_a_module_used_twice() -> None:
    model, x, graph = twice(), inputs(1, 4), twice_graph()
    exact = conductance(graph, ["relu@0", "relu@1"], x, method="exact", target=0)
    expected = torch.cat([exact.values["relu@0"][0], exact.values["relu@1"][0]])
    watched: tuple[tuple[nn.Module | Graph, str, Graph | None], ...] = (
        (model, "relu", graph),
        (Untraceable(model), "model.relu", None),
        (graph, "relu", None),
    )
    for network, path, known in watched:
        with pytest.raises(ModelError, match=rf"'{path}' (is used|has) 2 .*'{path}@0'"):
            conductance(network, path, x, graph=known)
        found = finely(network, [f"{path}@0", f"{path}@1"], x, target=0, graph=known)
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    with pytest.raises(ModelError, match=r"called 'relu' 2 times; the layer 'relu@2' is none"):
        conductance(model, "relu@2", x, graph=graph)


def test_steps_in_place_do_not_reach_a_layer() -> None:
    x = inputs(2, 2, 6, 6)
    plain = conductance(skip_graph(), LAYERS, x, method="riemann")
    for wrap, prefix in ((lambda model: model, ""), (Untraceable, "model.")):
        names = [prefix + name for name in LAYERS]
        found = conductance(wrap(skip(inplace=True)), names, x, method="riemann")
        for name in LAYERS:
            torch.testing.assert_close(found.values[prefix + name], plain.values[name])


@pytest.mark.parametrize("method", ["auto", "riemann", "exact"])
def test_inputs_do_not_touch_each_other(method: Any) -> None:
    model, x, graph = skip(), inputs(5, 2, 6, 6), skip_graph()
    whole = conductance(model, LAYERS, x, method=method, graph=graph)
    parts = conductance(model, LAYERS, x, method=method, graph=graph, batch_size=2)
    assert_same(parts, whole, 1e-6)
    for row in range(5):
        alone = conductance(model, LAYERS, x[row : row + 1], method=method, graph=graph)
        for name in LAYERS:
            torch.testing.assert_close(alone.values[name][0], whole.values[name][row])


def test_targets_and_baselines() -> None:
    model, x, graph = skip(), inputs(3, 2, 6, 6), skip_graph()

    def of(**options: Any) -> Tensor:
        return conductance(model, "last", x, graph=graph, **options).values["last"]

    zero = of(target=0)
    zeros: tuple[Any, ...] = ([0, 0, 0], torch.zeros(3, dtype=torch.int32), torch.tensor(0))
    for same in zeros:
        assert torch.equal(of(target=same), zero)
    assert torch.equal(of(target=[0, 2, 1])[0], zero[0])
    assert not torch.allclose(of(target=[0, 2, 1])[1], zero[1])
    for shape in ((2, 6, 6), (1, 2, 6, 6), (3, 2, 6, 6)):
        torch.testing.assert_close(of(target=0, baselines=torch.zeros(shape)), zero)
    for same in (0.0, torch.tensor(0.0)):
        torch.testing.assert_close(of(target=0, baselines=same), zero)
    assert not torch.allclose(of(target=0, baselines=1.0), zero)
    with pytest.raises(DomainError, match=r"target 3 is out of range: the model has 3 classes"):
        of(target=3)
    with pytest.raises(DomainError, match=r"baselines has the shape \[2, 2, 6, 6\]; expected"):
        of(baselines=torch.zeros(2, 2, 6, 6))
    with pytest.raises(DataError, match="baseline 0 has values that are NaN"):
        of(baselines=float("nan"))


@pytest.mark.parametrize("method", ["auto", "riemann", "exact"])
def test_no_inputs_give_no_conductances(method: Any) -> None:
    found = conductance(skip_graph(), ["last", "end"], inputs(0, 2, 6, 6), method=method)
    assert len(found) == 0
    assert found.values["last"].shape == (0, 4)
    assert found.completeness_error["end"].shape == (0,)
    assert found.target.dtype == torch.long


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    yield
    assert all(part.training for part in model.modules())
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    assert not any(part._forward_hooks for part in model.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("wrap", [nn.Sequential, Untraceable], ids=["graph", "hooks"])
def test_the_model_is_left_as_it_was(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model, x = wrap(skip()), inputs(2, 2, 6, 6).requires_grad_(True)
    prefix = "0." if isinstance(model, nn.Sequential) else "model."
    with unchanged(model), torch.no_grad():
        found = conductance(model, prefix + "first", x, method="riemann")
    assert not found.values[prefix + "first"].requires_grad
    assert not found.completeness_error[prefix + "first"].requires_grad
    graph = load(model, x) if isinstance(model, nn.Sequential) else None
    with unchanged(model), pytest.raises(ModelError):
        conductance(model, prefix + "frist", x, graph=graph)
    with unchanged(model), pytest.raises(DomainError):
        conductance(model, prefix + "first", x, target=7, method="riemann", graph=graph)


def test_what_makes_no_sense_is_refused() -> None:
    model, x, graph = skip(), inputs(2, 2, 6, 6), skip_graph()
    with pytest.raises(
        ModelError, match=r"no layer 'frist' \(did you mean 'first'\?\); it has stem"
    ):
        conductance(model, "frist", x, graph=graph)
    with pytest.raises(ModelError, match=r"no node or module 'frist'.*did you mean 'first'"):
        conductance(graph, "frist", x)
    with pytest.raises(DomainError, match=r"layers is \(\); expected the name"):
        conductance(model, (), x)
    with pytest.raises(DomainError, match=r"method is 'rieman' \(did you mean 'riemann'\?\)"):
        conductance(model, "first", x, method="rieman")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="steps is 0; expected a whole number of at least 1"):
        conductance(model, "first", x, steps=0)
    with pytest.raises(DataError, match="input 1 has values that are NaN or infinite"):
        conductance(model, "first", torch.stack([x[0], x[0] * float("nan")]))
    with pytest.raises(DataError, match=r"float64 on cpu, .*float32 on cpu: give inputs.to"):
        conductance(model, "first", x.double())
    with pytest.raises(DataError, match=r"inputs are torch.uint8; expected a floating tensor"):
        conductance(model, "first", x.to(torch.uint8))
    with pytest.raises(ModelError, match=r"fails on an input of shape \[1, 3, 6, 6\]: Given"):
        conductance(model, "first", inputs(2, 3, 6, 6), graph=graph)
    with pytest.raises(ModelError, match=r"gave \[1, 2, 6, 6\] .*; expected scores \[batch, class"):
        conductance(nn.Sequential(nn.ReLU()), "0", x, graph=graph)
    with pytest.raises(ModelError, match="the model is a str; expected"):
        conductance("model.onnx", "first", x)  # type: ignore[arg-type]
    with pytest.raises(
        ModelError, match=r"method='closed' needs the layer 'model.last' in a graph"
    ):
        conductance(Untraceable(model), "model.last", x, method="closed")

    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(4, 2), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            self.idle(x)
            scores: Tensor = self.used(x)
            return scores

    with pytest.raises(ModelError, match="'idle' does not affect the scores"):
        conductance(Idle(), "idle", inputs(2, 4))


def test_a_keras_model_by_nodes_of_its_graph() -> None:
    keras.utils.set_random_seed(0)
    parts = [
        keras.Input((6, 6, 2)),
        keras.layers.Conv2D(3, 3, activation="relu", bias_initializer="normal"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model, x = keras.Sequential(parts), inputs(2, 6, 6, 2)
    graph = load(model)
    pooled = next(node for node in graph.nodes if node.op.__class__.__name__ == "MaxPool")
    names = [pooled.name, pooled.operands[0]]
    found = conductance(model, names, x)
    assert found.method == {pooled.name: "closed", pooled.operands[0]: "exact"}
    assert found.values[pooled.name].shape == (2, 3)
    for left in found.completeness_error.values():
        assert left.abs().max() < 1e-5
    # Only pooling is between the two, map by map.
    torch.testing.assert_close(*found.values.values(), rtol=0, atol=1e-5)
    with pytest.raises(ModelError, match=r"has 2 results in the graph: name one of the nodes"):
        conductance(model, pooled.operands[0].rpartition(".")[0] or graph.nodes[1].module, x)


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    x = inputs(5, 2, 6, 6)
    conductance(skip_graph(), "end", x, batch_size=2, progress=lambda *done: told.append(done))
    assert told == [(2, 5), (4, 5), (5, 5)]
