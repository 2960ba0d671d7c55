"""The random parameters of a model: declared by the code, and checked on the values."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from affidavit.errors import DomainError
from affidavit.initialization.distributions import Distribution
from affidavit.initialization.fans import fans_of
from affidavit.initialization.finding.candidates import FEWEST_TO_FIT, Candidate, candidates
from affidavit.initialization.finding.declared import Declared
from affidavit.initialization.finding.goodness import Sample, p_value, sample_of
from affidavit.initialization.finding.parameter import RandomParameter
from affidavit.initialization.finding.sources import Model, Source, sources_of
from affidavit.initialization.rules import Initializer
from affidavit.statistics import holm


def find_random_parameters(
    model: Model, *, seeds: int = 3, level: float = 0.01
) -> list[RandomParameter]:
    """How each parameter of a model is drawn: all of them, in the model's order.

    What the code declares is the hypothesis: PyTorch's default of the layer, or the initializer
    that a Keras layer holds. It is tested on the parameter's values; where it is rejected, or where
    nothing is declared, the entry of the catalogue is sought that agrees with them.

    A function that makes models is called under the seeds 0, 1 and so on: what differs is random,
    what does not is not, and the values of all count together. A single model is taken as it is
    initialised: of a trained one, the declared defaults are rejected, and how it was drawn can no
    longer be seen. The model is left as it is, and so are the global random generators.

    Args:
        model: a PyTorch module, a Keras 3 model on the torch backend, or a function that makes one.
        seeds: how many models a function is asked for.
        level: the probability, at most, that of a model drawn just as declared any parameter is
            said to be otherwise (Holm). A few values, or a nearby distribution, pass for the
            declared one: that it `fits` is no proof of it.

    Returns:
        One entry a parameter. Variables of Keras that are not trained (moving means) are among
        them; buffers of PyTorch are not.

    Raises:
        ModelError: not a model, a lazy parameter that has no values yet, a factory whose models
            differ in structure.
        DomainError: a level outside of (0, 1), or fewer than two seeds.

    Source: section 5.1.1 of the paper. Guarantee: `statistical`; what a factory makes random is
    `exact`.
    """
    if not 0 < level < 1:
        raise DomainError(f"level {level}: expected a number between 0 and 1")
    readings = [_read(source) for source in sources_of(model, seeds)]
    # Of a constant nothing is drawn: it is there or not, and takes no share of the level.
    tested = [
        (reading.source.name, reading.p)
        for reading in readings
        if reading.p is not None and reading.declared and reading.declared.initializer.random
    ]
    adjusted = dict(zip([name for name, _ in tested], holm([p for _, p in tested]), strict=True))
    share = level / max(len(readings), 1)
    return [
        _found(reading, adjusted.get(reading.source.name, reading.p), level, share)
        for reading in readings
    ]


@dataclass(frozen=True)
class _Reading:
    """A parameter with what is declared of it, and the test of that.

    `sample` is None where nothing can be tested: `note` says why.
    """

    source: Source
    declared: Declared | None
    sample: Sample | None
    p: float | None
    note: str = ""


def _read(source: Source) -> _Reading:
    declared = source.declared[0] if source.declared else None
    first = source.samples[0]
    if first.numel() == 0:
        return _Reading(source, declared, None, None, "it has no values")
    if first.is_complex():
        return _Reading(source, declared, None, None, "complex values are not tested")
    bad = sum(int((~torch.isfinite(one)).sum()) for one in source.samples)
    if bad:
        note = f"{bad} of its values are NaN or infinite"
        return _Reading(source, declared, None, None if declared is None else 0.0, note)
    if declared is None:
        return _Reading(source, None, sample_of(source.samples), None)
    # Tied weights are drawn by the last of the layers that hold them, whichever that was.
    tests = [_test(source, one) for one in source.declared]
    return max(tests, key=lambda reading: reading.p or 0.0)


def _test(source: Source, declared: Declared) -> _Reading:
    if not all(declared.exceptions_hold(one) for one in source.samples):
        return _Reading(source, declared, sample_of(source.samples), 0.0)
    main = [declared.main_part(one) for one in source.samples]
    if main[0].numel() == 0:
        return _Reading(source, declared, sample_of(source.samples), 1.0)
    sample = sample_of(main)
    return _Reading(source, declared, sample, p_value(sample, declared.distribution))


def _found(
    reading: _Reading, adjusted: float | None, level: float, share: float
) -> RandomParameter:
    source, declared, sample = reading.source, reading.declared, reading.sample
    fits = None if adjusted is None else adjusted >= level
    fans = (declared.fans if declared else None) or fans_of(source.shape, source.layout)
    others: list[Candidate] = []
    initializer: Initializer | None
    distribution: Distribution | None
    if declared is not None and fits is not False:
        initializer = declared.initializer
        distribution, p, by_hand = declared.distribution, reading.p, declared.by_hand
    else:
        # What a parametrization computed from drawn weights is drawn by no entry.
        if sample is not None and not source.derived:
            shape = tuple(sample.tensors[0].shape)
            others = candidates(sample, shape, fans, source.layout, share)
        best = others[0] if others else None
        initializer = best.initializer if best else None
        distribution = best.distribution if best else None
        p, by_hand = best.p_value if best else reading.p, not source.derived
    random = source.differs
    if random is None:
        by = initializer or (declared.initializer if declared else None)
        random = source.samples[0].numel() > 0 and (by is None or by.random)
    return RandomParameter(
        name=source.name,
        layer=source.layer,
        shape=source.shape,
        fan_in=fans.fan_in if fans else None,
        fan_out=fans.fan_out if fans else None,
        declared=declared,
        initializer=initializer,
        distribution=distribution,
        random=random,
        by_hand=by_hand,
        fits=fits,
        p_value=p,
        adjusted_p=adjusted,
        values=len(sample.ordered) if sample else 0,
        also_fits=tuple(one.initializer.text for one in others[1:]),
        shared_with=source.shared_with,
        trainable=source.trainable,
        note="; ".join(_notes(reading, initializer, random)),
    )


def _notes(reading: _Reading, found: Initializer | None, random: bool) -> list[str]:
    source, sample = reading.source, reading.sample
    notes = [note for note in (source.derived, reading.note) if note]
    if source.shared_with:
        notes.append(f"shared with {', '.join(source.shared_with)}")
    if sample is None or source.derived:
        return notes
    if found is None:
        notes.append("set by hand or trained: its values agree with no entry of the catalogue")
    elif source.differs is False and found.random:
        notes.append("the same under every seed")
    if random and sample.count < FEWEST_TO_FIT:
        plural = "s" if sample.count > 1 else ""
        notes.append(f"{sample.count} value{plural}: hardly anything would contradict them")
    return notes
