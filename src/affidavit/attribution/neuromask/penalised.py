"""Algorithm 1 of NeuroMask: descent on the class term and two penalties, inputs side by side."""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.fill_ins import fill_in
from affidavit.attribution.neuromask.masks import Record, Tick
from affidavit.attribution.neuromask.penalties import smoothness, sparsity
from affidavit.attribution.neuromask.presets import Preset
from affidavit.attribution.neuromask.problem import Problem, laid_out


def learn_penalised(
    problem: Problem, preset: Preset, seed: int, record: Record, tick: Tick
) -> tuple[Tensor, Tensor]:
    """The masks [batch, *place] and the steps taken [batch].

    The losses of the inputs are summed and every constant works on each weight alone, so that
    inputs do not affect each other. Inputs whose loss no longer falls leave the batch, if the
    preset has a patience.

    Args:
        problem: inputs and classes.
        preset: the constants.
        seed: of the first weights: one draw, the same for every input of this size.
        record: what is to be written down.
        tick: called after every step.
    """
    weights = initial_weights(problem, preset, seed)
    found = torch.empty_like(weights)
    steps = torch.zeros(len(weights), dtype=torch.long, device=weights.device)
    active = torch.arange(len(weights), device=weights.device)
    average = torch.full_like(weights, preset.optimiser.start)
    best = weights.new_full((len(weights),), torch.inf)
    since = torch.zeros_like(steps)
    hidden, shown = _parts(problem, preset, seed)
    for step in range(preset.steps):
        mask = torch.sigmoid(weights / preset.temperature)
        record.mask(step, active, mask)
        likely, slope = _class_term(problem, mask, hidden, shown)
        sparse, sparse_slope = sparsity(weights, preset.tau, preset.reduction)
        terms = {
            "prediction": -preset.prediction * likely,
            "sparsity": preset.sparsity * sparse,
        }
        # dm/dW = m (1 - m) / T; the class term is the negative of the logarithm.
        slope *= mask.sub_(mask.square()).mul_(-preset.prediction / preset.temperature)
        slope.add_(sparse_slope, alpha=preset.sparsity)
        if problem.has_neighbours:
            rough, rough_slope = smoothness(
                weights, preset.kernel, preset.roughness, preset.reduction
            )
            terms["smoothness"] = preset.smoothness * rough
            slope.add_(rough_slope, alpha=preset.smoothness)
        record.losses(active, terms)
        _descend(weights, average, slope, preset)
        steps[active] += 1
        tick()
        if preset.patience is None:
            continue
        loss = torch.stack(list(terms.values())).sum(0)
        since = torch.where(loss < best, 0, since + 1)
        best = torch.minimum(best, loss)
        going = since < preset.patience
        if not bool(going.all()):
            found[active[~going]] = torch.sigmoid(weights[~going] / preset.temperature)
            active, weights, average = active[going], weights[going], average[going]
            best, since, problem = best[going], since[going], problem.take(going)
            hidden, shown = _parts(problem, preset, seed)
        if len(active) == 0:
            break
    found[active] = torch.sigmoid(weights / preset.temperature)
    record.mask(preset.steps, active, found[active])
    return found, steps


def initial_weights(problem: Problem, preset: Preset, seed: int) -> Tensor:
    """The weights before the first step, [batch, *place], uniform on [-τ, τ].

    One draw for all inputs, on the CPU in one dtype: neither an input's place in the batch nor the
    device changes where it starts.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(problem.place, generator=generator, dtype=torch.float64)
    weights = (preset.tau * (2 * drawn - 1)).to(problem.pixels.device, problem.pixels.dtype)
    return weights.expand(len(problem.pixels), *problem.place).clone()


def _parts(problem: Problem, preset: Preset, seed: int) -> tuple[Tensor, Tensor]:
    """The fill-in, and what the inputs have above it."""
    hidden = fill_in(preset.fill_in, problem.pixels, problem.classifier.data_range, seed)
    return laid_out(hidden), laid_out(problem.pixels - hidden)


def _class_term(
    problem: Problem, mask: Tensor, hidden: Tensor, shown: Tensor
) -> tuple[Tensor, Tensor]:
    """The logarithm of the class's probability, [batch], and its gradient by the mask."""
    masked = torch.addcmul(hidden, problem.with_channel(mask), shown).requires_grad_(True)
    with torch.enable_grad():
        likely = problem.log_probability(masked)
        (slope,) = torch.autograd.grad(likely.sum(), masked)
    return likely.detach(), problem.without_channel(slope * shown)


def _descend(weights: Tensor, average: Tensor, slope: Tensor, preset: Preset) -> None:
    rms = preset.optimiser
    average.mul_(rms.decay).addcmul_(slope, slope, value=1 - rms.decay)
    weights.addcdiv_(slope, (average + rms.epsilon).sqrt_(), value=-rms.rate)
