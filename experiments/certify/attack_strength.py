"""How strong are the attacks? What each gains against random search, at equal budget.

Networks on half-moons and on scikit-learn's digits are trained as usual. Around inputs that were
not trained on, the explanation (gradient of the predicted class's logit) is bent by the input or by
the weights, away from where it was or towards that of another input. Each attack has the same
number of gradients for each input, counted as the package counts them: four for a step of descent.
`plain descent` is the same idea without the surrogate: sign steps along the second derivative of
the ReLU network, from random starts. On half-moons the exact best, over all linear regions of the
box, is told too.

A gain is the change of the mean squared difference that the attack wants, as a share of the
explanation's own mean square. The threshold of success is the median of what random search
gains: half of the inputs, for it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from sklearn.datasets import load_digits, make_moons
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from affidavit.certify.attacks import Aim, attack_inputs, attack_weights, random_search
from affidavit.graph import Graph, load
from affidavit.regions import Box, partition
from benchmarks.networks import mlp
from experiments.recording import arguments, finished, record


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def moons(seed: int) -> tuple[Any, Any]:
    return make_moons(1000, noise=0.15, random_state=seed)


def digits(seed: int) -> tuple[Any, Any]:
    inputs, labels = load_digits(return_X_y=True)
    return inputs / 16, labels


NETWORKS: dict[str, tuple[Callable[[int], Any], Callable[[], nn.Module], tuple[float, ...]]] = {
    "half-moons, MLP 32-32": (moons, lambda: mlp(2, 32, 32, 2), (0.02, 0.1, 0.3)),
    "digits, MLP 64-64": (digits, lambda: mlp(64, 64, 64, 10), (0.01, 0.03, 0.1)),
    "digits, CNN 8-16": (digits, cnn, (0.01, 0.03, 0.1)),
}
GAMMAS = (0.005, 0.02, 0.1)


def trained(given: argparse.Namespace, name: str) -> tuple[Graph, Tensor, float]:
    """The network's graph, inputs to attack, and its accuracy on what was held out."""
    data, make, _ = NETWORKS[name]
    inputs, labels = data(given.seed)
    x, test, y, truth = train_test_split(
        torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels), test_size=0.3,
        random_state=given.seed,
    )  # fmt: skip
    torch.manual_seed(given.seed)
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(given.epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    model.eval()
    right = float((model(test).argmax(1) == truth).float().mean())
    return load(model, x[:1]).to(torch.float64), test[: given.inputs].double(), right


def explain(graph: Graph, x: Tensor, classes: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_(True)
    chosen = graph(leaf).gather(1, classes[:, None]).sum()
    return torch.autograd.grad(chosen, leaf, create_graph=True)[0]


def plain_descent(
    graph: Graph, x: Tensor, epsilon: float, goal: Tensor | None, budget: int, seed: int
) -> Tensor:
    """Values of the best of sign steps on the ReLU network itself."""
    generator = torch.Generator().manual_seed(seed)
    classes = graph(x).argmax(1)
    before = explain(graph, x, classes).detach()
    sign, wanted = (-1.0, before) if goal is None else (1.0, goal)
    best = sign * (wanted - before).square().mean(1)
    steps = 50
    for _ in range(max(1, budget // (4 * steps))):
        share = 2 * torch.rand(x.shape, generator=generator, dtype=x.dtype) - 1
        z = x + epsilon * share
        for step in range(steps):
            leaf = z.clone().requires_grad_(True)
            chosen = graph(leaf).gather(1, classes[:, None]).sum()
            (v,) = torch.autograd.grad(chosen, leaf, create_graph=True)
            loss = sign * (wanted - v).square().mean(1)
            best = torch.minimum(best, loss.detach())
            slope = torch.autograd.grad(loss.sum(), leaf, materialize_grads=True)[0]
            length = 2 * epsilon * 0.01 ** (step / (steps - 1))
            z = torch.clamp(z - length * slope.sign(), x - epsilon, x + epsilon)
    return sign * best


def exact(graph: Graph, x: Tensor, epsilon: float, goal: Tensor | None) -> Tensor:
    """The best value over all linear regions of each box."""
    classes = graph(x).argmax(1)
    before = explain(graph, x, classes).detach()
    found = []
    for i in range(len(x)):
        cells = partition(graph, Box((x[i] - epsilon).tolist(), (x[i] + epsilon).tolist()))
        slopes = torch.from_numpy(cells.maps()[0])[:, int(classes[i])]
        if goal is None:
            found.append((slopes - before[i]).square().mean(1).max())
        else:
            found.append((slopes - goal[i]).square().mean(1).min())
    return torch.stack(found)


def compared(
    given: argparse.Namespace, graph: Graph, x: Tensor, size: float, by: str, goal: Tensor | None
) -> dict[str, Any]:
    """Gains of all attacks in one setting."""
    before = explain(graph, x, graph(x).argmax(1)).detach()
    start = torch.zeros(len(x), dtype=x.dtype)
    if goal is not None:
        start = (before - goal).square().mean(1)
    scale = before.square().mean(1)

    def gain(value: Tensor) -> Tensor:
        return (value - start) / scale if goal is None else (start - value) / scale

    box = {"epsilon" if by == "input" else "gamma": size}
    attack: Any = attack_inputs if by == "input" else attack_weights
    clock = time.perf_counter()
    found = attack(graph, x, Aim(goal=goal, tau=0.0), **box, seed=given.seed)
    seconds = {"attack": time.perf_counter() - clock}
    gains = {"attack": gain(found.value)}
    for name, factor in (("random search", 1), ("random search, 10 times the budget", 10)):
        clock = time.perf_counter()
        drawn: Any = random_search(
            graph,
            x,
            Aim(goal=goal, tau=0.0),
            **box,
            budget=factor * found.evaluations,
            seed=given.seed,
        )
        seconds[name] = time.perf_counter() - clock
        gains[name] = gain(drawn.value)
    if by == "input":
        clock = time.perf_counter()
        value = plain_descent(graph, x, size, goal, found.evaluations, given.seed)
        seconds["plain descent"] = time.perf_counter() - clock
        gains["plain descent"] = gain(value)
        if x.shape[1] == 2:
            gains["exact"] = gain(exact(graph, x, size, goal))
    threshold = gains["random search"].median()
    return {
        "size": size,
        "budget": found.evaluations,
        "mean gain": {name: float(value.mean()) for name, value in gains.items()},
        "success": {name: float((v > threshold).double().mean()) for name, v in gains.items()},
        "inputs where the attack gains more than random search": float(
            (gains["attack"] > gains["random search"]).double().mean()
        ),
        "inputs where it gains less": float(
            (gains["attack"] < gains["random search"]).double().mean()
        ),
        "seconds": seconds,
    }


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        inputs={"type": int, "default": 20, "help": "to attack (default 20)"},
        epochs={"type": int, "default": 40, "help": "of training (default 40)"},
    )
    settings = {"inputs": given.inputs, "epochs": given.epochs}
    results: dict[str, Any] = {}
    for name, (_, _, epsilons) in NETWORKS.items():
        graph, x, right = trained(given, name)
        results[name] = {"accuracy": right}
        before = explain(graph, x, graph(x).argmax(1)).detach()
        # Towards another input's explanation; of two features, towards the opposite.
        other = -before if x.shape[1] == 2 else before.roll(1, 0)
        for by, sizes in (("input", epsilons), ("weights", GAMMAS)):
            for aim, goal in (("untargeted", None), ("targeted", other)):
                results[name][f"{by}, {aim}"] = [
                    finished(
                        given,
                        f"{name}, {by}, {aim}, {size}",
                        settings,
                        partial(compared, given, graph, x, size, by, goal),
                    )
                    for size in sizes
                ]
    record(given, settings, results, ("scikit-learn",))


if __name__ == "__main__":
    main()
