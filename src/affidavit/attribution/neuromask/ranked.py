"""Masks of every area at once: an order of the places, then the smallest mask that suffices.

The `fast` preset. Deletion and insertion curves hide and show an image's places in order of
relevance; this learns the order for what the curves measure. Each step draws an area, thresholds
the scores softly so that the mask has it, and asks two things: that what the mask shows keeps the
class (sufficiency), and that what it leaves loses it (necessity). The scores begin on a coarse
grid, where masks cannot be adversarial, and are refined; the threshold hardens as they settle.

Related: Fong, Patrick and Vedaldi 2019 (masks of fixed areas), Khorram, Lawson and Fuxin 2021
(both goals at once). Guarantee: `empirical`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from affidavit.attribution.fill_ins import fill_in, gaussian_blur
from affidavit.attribution.neuromask.area_preset import AreaPreset
from affidavit.attribution.neuromask.areas import (
    grid,
    resized,
    slope_of_scores,
    soft_threshold,
)
from affidavit.attribution.neuromask.masks import Record, Tick
from affidavit.attribution.neuromask.problem import Problem, laid_out

# Steps of the golden ratio fill [0, 1) evenly, however many there are, and in no simple rhythm.
_GOLDEN = 0.6180339887498949
# The range of scores in units of T at most: beyond, different scores saturate to one mask.
_STEEPEST = 12.0
# The area of thumbnails on the way: one for all, since those of the steps jump about.
_SHOWN = 0.25


def learn_ranked(
    problem: Problem, preset: AreaPreset, seed: int, record: Record, tick: Tick
) -> tuple[Tensor, Tensor]:
    """The masks [batch, *place] and the steps taken [batch]; see :func:`learn_penalised`."""
    place, batch = problem.place, len(problem.pixels)
    data_range = problem.classifier.data_range
    by_name = {
        name: laid_out(fill_in(name, problem.pixels, data_range, seed))
        for name in set(preset.fill_ins)
    }
    fills = [by_name[name] for name in preset.fill_ins]
    # Features of a row have no coarser grid: a score each from the beginning.
    grids = [grid(place, side) if problem.has_neighbours else place for side, _ in preset.stages]
    scores = problem.pixels.new_zeros((batch, *grids[0]))
    first, second = torch.zeros_like(scores), torch.zeros_like(scores)
    everyone = torch.arange(batch, device=scores.device)
    step = 0
    for (_, count), finer in zip(preset.stages, grids, strict=True):
        scores, first, second = (resized(one, finer) for one in (scores, first, second))
        for _ in range(count):
            temperature = preset.temperature_at(step)
            area = scores.new_full((batch,), preset.area_at((0.5 + step * _GOLDEN) % 1))
            mask = soft_threshold(scores, area, temperature)
            if step in record.wanted:
                middle = soft_threshold(scores, scores.new_full((batch,), _SHOWN), temperature)
                record.mask(step, everyone, resized(middle, place))
            terms, slope = _both_sides(problem, preset, mask, fills[step % len(fills)])
            record.losses(everyone, terms)
            slope = slope_of_scores(mask, slope, temperature)
            if problem.has_neighbours:
                slope = gaussian_blur(slope[:, None], preset.width)[:, 0]
            # Each image's gradient at length 1: an area at which the class is lost anyway says as
            # much about the order as one at which it wavers.
            length = slope.flatten(1).norm(dim=1).reshape(-1, *(1,) * len(place))
            slope /= length.clamp_min(torch.finfo(slope.dtype).tiny)
            step += 1
            decay, slow = preset.momentum, preset.memory
            first.mul_(decay).add_(slope, alpha=1 - decay)
            second.mul_(slow).addcmul_(slope, slope, value=1 - slow)
            spread = (second / (1 - slow**step)).sqrt_()
            everywhere = second.flatten(1).mean(1).div_(1 - slow**step).sqrt_()
            # Where no gradient was seen, nothing moves.
            spread += preset.damping * everywhere.reshape(length.shape) + 1e-30
            scores = scores.addcdiv(first, spread, value=-preset.rate / (1 - decay**step))
            tick()
    mask = _smallest(problem, preset, resized(scores, place), fills[0])
    record.mask(step, everyone, mask)
    return mask, torch.full_like(problem.target, step)


def _both_sides(
    problem: Problem, preset: AreaPreset, mask: Tensor, hidden: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """The two terms, [batch] each, and the gradient of their sum by the mask on its own grid."""
    shown = problem.pixels - hidden
    with torch.enable_grad():
        leaf = mask.clone().requires_grad_(True)
        whole = resized(leaf, problem.place)
    factor = problem.with_channel(whole.detach())
    kept = torch.addcmul(hidden, factor, shown)
    # The two images of a pair add up to the input and its fill-in.
    left = problem.pixels + hidden - kept
    masked = laid_out(torch.cat([kept, left])).requires_grad_(True)
    with torch.enable_grad():
        of_kept, of_left = problem.log_probability(masked).chunk(2)
        terms = {
            "sufficiency": -preset.sufficiency * of_kept,
            "necessity": preset.necessity * of_left.exp(),
        }
        total = torch.stack(list(terms.values())).sum()
        (slope,) = torch.autograd.grad(total, masked)
    by_kept, by_left = slope.chunk(2)
    (by_mask,) = torch.autograd.grad(
        whole, leaf, problem.without_channel((by_kept - by_left) * shown)
    )
    return {name: term.detach() for name, term in terms.items()}, by_mask


def _smallest(problem: Problem, preset: AreaPreset, scores: Tensor, hidden: Tensor) -> Tensor:
    """The scores thresholded at the smallest area tried whose mask keeps enough of the class."""
    whole = problem.log_probability(problem.pixels)
    shown = problem.pixels - hidden
    found = torch.zeros_like(scores)
    end = preset.temperature[1]
    extent = scores.flatten(1).amax(1) - scores.flatten(1).amin(1)
    gentle = (_STEEPEST * end / extent.clamp_min(end)).clamp_max(1)
    scores = scores * gentle.reshape(-1, *(1,) * (scores.ndim - 1))
    open_ = torch.ones(len(scores), dtype=torch.bool, device=scores.device)
    for number, share in enumerate(sorted(preset.tried)):
        area = scores.new_full((len(scores),), share)
        mask = soft_threshold(scores, area, end)
        factor = problem.with_channel(mask)
        kept = problem.log_probability(laid_out(torch.addcmul(hidden, factor, shown)))
        enough = open_ & (kept.exp() >= preset.keep * whole.exp())
        if number == len(preset.tried) - 1:
            enough = open_
        found[enough] = mask[enough]
        open_ = open_ & ~enough
        if not bool(open_.any()):
            break
    return found
