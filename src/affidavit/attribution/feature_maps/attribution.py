"""Conductance of feature maps: one call for all three ways to have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from affidavit.attribution.feature_maps.breakpoints import (
    is_piecewise_linear,
    require_piecewise_linear,
    units,
)
from affidavit.attribution.feature_maps.flow import bypass, not_affine
from affidavit.attribution.feature_maps.layers import names_of
from affidavit.attribution.feature_maps.questions import (
    Baselines,
    checked_baselines,
    checked_inputs,
)
from affidavit.attribution.feature_maps.result import Conductance, Way
from affidavit.attribution.feature_maps.running import by_pieces, by_sums
from affidavit.attribution.feature_maps.setup import Setup, set_up
from affidavit.attribution.targets import Target
from affidavit.errors import DomainError, EngineError, UnsupportedOpsError, nearest
from affidavit.graph import Graph
from affidavit.progress import Progress

Method: TypeAlias = Literal["auto", "closed", "exact", "riemann"]

CHEAP = 256
"""Units up to which `auto` takes the exact way: each may cost as much as a step of the sum."""


def conductance(
    model: nn.Module | Graph,
    layers: str | Sequence[str],
    inputs: Tensor,
    *,
    baselines: Baselines = None,
    target: Target = None,
    steps: int = 10,
    method: Method = "auto",
    batch_size: int = 32,
    budget: int = 10_000,
    graph: Graph | None = None,
    progress: Progress | None = None,
) -> Conductance:
    """How much each feature map of some layers contributes to the score of a class.

    For a neuron y and the path `x_α = x′ + α (x − x′)` it is `∫ ∂f/∂y(x_α) · dy(x_α)/dα dα`, f the
    score before a final softmax; for a feature map, the sum over its neurons. All layers come from
    one pass over the path; no more than one step of it is in memory.

    The model is evaluated in evaluation mode and left as it was.

    Args:
        model: module or graph from inputs to scores [batch, class].
        layers: a layer or several, by path of the module (`layer3.2`), use of a module that is
            used more than once (`relu@1` for the second), or node of the graph. Axis 1 of a
            layer's value counts as its channels.
        inputs: [batch, ...], floating, finite; any number of them.
        baselines: x′. Left out, zeros; a number; one input; or one for each.
        target: one class for all, or one each; left out, the predicted class.
        steps: n of the sum in `riemann`.
        method: `riemann` is equation 5: the integral as a sum of n steps, the gradient taken at
            their right ends. `closed`, where everything after the layer is affine: the gradient is
            the same all along, so that the two ends of the path are all that is needed. `exact`,
            for piecewise-linear networks: the path is split where a unit after the layer bends.
            `auto` takes `closed` where it can; else `exact` where the network has at most 256
            piecewise-linear units and bends within the budget; else `riemann`.
        batch_size: inputs (in `exact`, pieces) that are evaluated at once. Values do not depend on
            it.
        budget: most places between baseline and input, for one input, at which the network may
            bend in `exact`.
        graph: `affidavit.graph.load(model, inputs)`, if there is one of the model as it is now.
            Left out, it is made at each call, which takes seconds for large models; without a
            graph there are only `riemann` and an unknown bypass.
        progress: told how many inputs of how many are done.

    Returns:
        The conductances, what they leave over and what bypasses the layers.

    Guarantee: `closed` and `exact` up to rounding (in `exact`, of double precision); `riemann`
    converges to the integral as n grows.

    Raises:
        DataError: inputs or baselines that are not floating, or not finite.
        DomainError: a target, baseline, number or name of a method that has no meaning.
        ModelError: no such layer (with the nearest name), one that does not affect the scores, a
            bare name of a module that is used more than once, or scores that are not finite.
        UnsupportedOpsError: the method does not fit what the network computes; names the ops.
        EngineError: in `exact`, more places than the budget.

    Source: Wu, Michel and Briot 2019, equations 4 and 5, after Dhamdhere et al. 2018 and Shrikumar
    et al. 2018.
    """
    names = names_of(layers)
    _check_numbers(method, steps=steps, batch_size=batch_size, budget=budget)
    x = checked_inputs(inputs)
    baseline = checked_baselines(baselines, x)
    # Gradients cannot be had in inference mode, in which a caller may be.
    with torch.inference_mode(False), torch.no_grad():
        x, baseline = (t.clone() if t.is_inference() else t for t in (x, baseline))
        setup = set_up(model, names, x, graph)
        ways: dict[str, Way] = {name: _way(setup, name, method, budget) for name in names}
        found = by_sums(setup, ways, x, baseline, target, steps, batch_size, progress)
        split = [name for name in names if ways[name] == "exact"]
        try:
            if split:
                found = by_pieces(setup, split, x, baseline, found, budget, batch_size, progress)
        except EngineError:
            if method != "auto":
                raise
            # Few units can bend at very many places: each layer may double them.
            ways |= dict.fromkeys(split, "riemann")
            found = by_sums(setup, ways, x, baseline, target, steps, batch_size, progress)
    return Conductance(
        {name: found.sums[name].to(x.dtype) for name in names},
        found.target,
        found.rise.to(x.dtype),
        {name: found.left[name].to(x.dtype) for name in names},
        ways,
        {name: _bypass(setup, name) for name in names},
    )


def _check_numbers(method: str, **numbers: int) -> None:
    if method not in get_args(Method):
        raise DomainError(
            f"method is {method!r}{nearest(str(method), get_args(Method))}; expected one of"
            f" {', '.join(get_args(Method))}"
        )
    for name, number in numbers.items():
        if not isinstance(number, int) or number < 1:
            raise DomainError(f"{name} is {number!r}; expected a whole number of at least 1")


def _way(setup: Setup, layer: str, method: Method, budget: int) -> Way:
    """How a layer's conductances are found. Raises where the method that was asked for cannot."""
    if method == "riemann" or (method == "auto" and layer not in setup.nodes):
        return "riemann"
    graph, node = setup.place(layer, method)
    if method == "exact":
        require_piecewise_linear(graph)
        return "exact"
    faults = not_affine(graph, node)
    if not faults:
        return "closed"
    if method == "closed":
        raise UnsupportedOpsError(
            f"The closed form needs everything after the layer {layer!r} to be affine in it, but"
            " (method='auto' finds another way):",
            faults,
        )
    cheap = units(graph) <= min(CHEAP, budget) and is_piecewise_linear(graph)
    return "exact" if cheap else "riemann"


def _bypass(setup: Setup, layer: str) -> tuple[str, ...] | None:
    node = setup.nodes.get(layer)
    return None if setup.graph is None or node is None else bypass(setup.graph, node)
