"""Learning masks for a batch of inputs."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from affidavit.attribution.classifier import Classifier
from affidavit.attribution.neuromask.masks import Masks, Record
from affidavit.attribution.neuromask.penalised import learn_penalised
from affidavit.attribution.neuromask.presets import (
    AnyPreset,
    Preset,
    filled_with,
    preset_for,
)
from affidavit.attribution.neuromask.problem import Problem, laid_out
from affidavit.attribution.neuromask.ranked import learn_ranked
from affidavit.attribution.targets import Target, classes
from affidavit.errors import DomainError
from affidavit.progress import Progress


def learn_masks(
    classifier: Classifier,
    pixels: Tensor,
    target: Target = None,
    preset: str | AnyPreset = "fast",
    *,
    fill_in: str | None = None,
    neighbours: bool = True,
    seed: int = 0,
    batch_size: int = 16,
    history: Collection[int] = (),
    progress: Progress | None = None,
) -> Masks:
    """Learns for each input which places the classifier's answer rests on.

    Works under `no_grad`; the model is afterwards as it was. For one seed the result for an input
    does not depend on the others, but for rounding in the network's own batched arithmetic.

    Args:
        classifier: the network.
        pixels: inputs inside the classifier's range, [batch, channel, height, width], with one
            axis of places [batch, channel, place], or without channels [batch, place].
        target: the class to explain; left out, the predicted one.
        preset: one of :data:`~affidavit.attribution.neuromask.presets.PRESETS` by name, or
            constants of one's own.
        fill_in: what hidden parts become, in place of what the preset says.
        neighbours: whether places that follow each other belong together, so that masks are
            smoothed; features without channels never do.
        seed: of the first weights, and of other draws.
        batch_size: how many inputs are learned together; memory is in proportion to it, and does
            not grow with the steps.
        history: steps of whose masks thumbnails are kept.
        progress: told after each step how many are done, and how many there are at most.

    Raises:
        DataError, ModelError: as :meth:`Classifier.scores`; an empty batch gives empty masks.
        DomainError: a wrong target, an unknown preset or fill-in, a batch size below 1.
    """
    classifier.check(pixels)
    if batch_size < 1:
        raise DomainError(f"batch_size is {batch_size}; expected at least 1")
    shape = tuple(pixels.shape[2:] or pixels.shape[1:])
    constants = filled_with(preset_for(preset, shape), fill_in)
    if len(pixels) == 0:
        return _nothing(pixels, shape)
    pixels = pixels.detach()
    chosen = classes(target, classifier.scores(pixels, batch_size))
    parts = range(0, len(pixels), batch_size)
    ticks = _Ticks(progress, constants.steps, len(parts))
    found, steps, records = [], [], []
    with classifier.evaluating(), torch.no_grad():
        for first in parts:
            part = slice(first, first + batch_size)
            problem = Problem(classifier, laid_out(pixels[part]), chosen[part], neighbours)
            record = Record(len(problem.pixels), frozenset(history))
            mask, taken = (
                learn_penalised(problem, constants, seed, record, ticks.tick)
                if isinstance(constants, Preset)
                else learn_ranked(problem, constants, seed, record, ticks.tick)
            )
            ticks.part()
            found.append(mask)
            steps.append(taken)
            records.append(record)
    return _joined(torch.cat(found), chosen, torch.cat(steps), records)


class _Ticks:
    """Counts steps over all parts of a batch."""

    def __init__(self, progress: Progress | None, steps: int, parts: int) -> None:
        self._progress, self._steps, self._total = progress, steps, steps * parts
        self._done, self._parts = 0, 0

    def tick(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)

    def part(self) -> None:
        """A part is finished, though perhaps before its last step."""
        self._parts += 1
        early = self._done < self._parts * self._steps
        self._done = self._parts * self._steps
        if early and self._progress is not None:
            self._progress(self._done, self._total)


def _nothing(pixels: Tensor, shape: tuple[int, ...]) -> Masks:
    none = torch.zeros(0, dtype=torch.long, device=pixels.device)
    return Masks(pixels.new_zeros((0, *shape)), none, pixels.new_zeros((0, 0)), {}, none)


def _joined(mask: Tensor, target: Tensor, steps: Tensor, records: list[Record]) -> Masks:
    longest = max(len(record.terms) for record in records)
    terms = {
        name: torch.cat([_padded(record, name, longest) for record in records], 1)
        for name in records[0].terms[0]
    }
    kept = sorted({step for record in records for step in record.history})
    history = {step: torch.cat([_latest(record, step) for record in records]) for step in kept}
    losses = torch.stack(list(terms.values())).sum(0)
    return Masks(mask, target, losses, terms, steps, history)


def _padded(record: Record, name: str, length: int) -> Tensor:
    rows = torch.stack([row[name] for row in record.terms])
    missing = rows.new_full((length - len(rows), rows.shape[1]), torch.nan)
    return torch.cat([rows, missing])


def _latest(record: Record, step: int) -> Tensor:
    return record.history[max(kept for kept in record.history if kept <= step)]
