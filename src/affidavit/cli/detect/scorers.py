"""From options of the command line to scorers, what they need, and how thresholds are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from affidavit.attribution import Classifier
from affidavit.cli.options import value_of
from affidavit.errors import DomainError, RecordError, nearest
from affidavit.graph import Graph
from affidavit.misclassification import POLICIES, policy_from_json
from affidavit.misclassification.extraction import Source
from affidavit.misclassification.policies import AnyPolicy
from affidavit.misclassification.scorers import SCORERS, Scorer, scorer
from affidavit.misclassification.scorers.base import parameters


def scorer_of(
    name: str | None,
    features: Sequence[str],
    head: str | None,
    layers: Sequence[str],
    options: Sequence[str],
    seed: int,
) -> Scorer:
    """The scorer that the options name; without one, a head on features.

    Raises DomainError for names and settings that there are not.
    """
    chosen = "learned" if name is None else name
    if chosen not in SCORERS:
        raise DomainError(
            f"--scorer: there is none {chosen!r}{nearest(chosen, SCORERS)}; there are"
            f" {', '.join(SCORERS)}"
        )
    known = parameters(SCORERS[chosen])
    given: dict[str, Any] = {"seed": seed} if "seed" in known else {}
    if chosen == "learned":
        given["features"] = ("conductance", "label_change_rate")
    asked: tuple[tuple[str, Any], ...] = (("features", tuple(features)), ("head", head))
    for setting, value in asked:
        if value and setting not in known:
            option = f"--{setting.removesuffix('s')}"
            raise DomainError(f"{option}: the scorer {chosen} takes none; leave it out")
        if value:
            given[setting] = value
    if layers and "layers" in known:
        given["layers"] = tuple(layers)
    for text in options:
        setting, sign, value = text.partition("=")
        if not sign or not setting:
            raise DomainError(f"--option {text!r}: expected NAME=VALUE, such as k=5")
        if setting not in known:
            raise DomainError(
                f"--option {text!r}: {chosen} has no {setting!r}{nearest(setting, known)}; it has"
                f" {', '.join(known) or 'none'}"
            )
        given[setting] = value_of(value)
    return scorer(chosen, **given)


def needs_of(scorers: Mapping[str, Scorer], layers: Sequence[str], model: Source) -> frozenset[str]:
    """The signals that all scorers need. Raises DomainError where an option that they take is
    missing."""
    needs = frozenset({"logits"}.union(*(one.needs for one in scorers.values())))
    for name, one in scorers.items():
        if "ensemble" in one.needs:
            raise DomainError(
                f"{name} takes further models, which the command line does not: use Detector from"
                " Python"
            )
        if one.needs & {"conductance", "runner_up"} and not layers:
            raise DomainError(
                f"{name} takes the conductance of layers: give --layer NAME, repeated for several,"
                f" of {_layer_names(model)}; or other features with --feature"
            )
    return needs


def _layer_names(model: Source) -> str:
    inner = model.model if isinstance(model, Classifier) else model
    if isinstance(inner, Graph):
        names = [node.name for node in inner.nodes]
    else:
        names = [name for name, _ in inner.named_modules() if name]
    return ", ".join(names if len(names) <= 24 else [*names[:4], "…", *names[-20:]])


def policy_of(text: str) -> AnyPolicy:
    """A policy as the options write it: `maximum_risk:0.05,confidence=0.9`.

    After the colon stand settings with commas, the first by itself where it is a number;
    `recall_target:wrong=0.95` says of which class, and how much.

    Raises DomainError for no such policy, or settings that it does not have or lacks.
    """
    name, _, rest = text.partition(":")
    if name not in POLICIES:
        raise DomainError(
            f"--policy {text!r}: there is no {name!r}{nearest(name, POLICIES)}; there are"
            f" {', '.join(POLICIES)}"
        )
    known = [one.name for one in fields(POLICIES[name])]
    settings: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign:
            key, value = (known or [""])[0], key
        elif key in ("wrong", "right") and name == "recall_target":
            settings["of"], key = key, "at_least"
        settings[key] = value if key == "of" else _number(text, value)
    try:
        return policy_from_json({"policy": name, **settings})
    except (RecordError, DomainError) as error:
        raise DomainError(f"--policy {text!r}: {error}") from None


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DomainError(f"--policy {option!r}: {text!r} is no number") from None
