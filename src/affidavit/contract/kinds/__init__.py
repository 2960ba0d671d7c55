"""The registry of claim kinds: one file each."""

from __future__ import annotations

from typing import Any

from affidavit.contract.claim import Claim
from affidavit.contract.kinds.accuracy import Accuracy
from affidavit.contract.kinds.attainable_accuracy import AttainableAccuracy
from affidavit.contract.kinds.decision import Decision
from affidavit.contract.kinds.detects_errors import DetectsErrors
from affidavit.contract.kinds.explanation_faithful import ExplanationFaithful
from affidavit.contract.kinds.explanation_robust import ExplanationRobust
from affidavit.contract.kinds.explanation_sufficient import ExplanationSufficient
from affidavit.contract.kinds.feature_rank import FeatureRank
from affidavit.contract.kinds.lipschitz import Lipschitz
from affidavit.contract.kinds.monotone import Monotone
from affidavit.contract.kinds.prediction_robust import PredictionRobust
from affidavit.contract.kinds.seed_stability import SeedStability
from affidavit.contract.kinds.selective_accuracy import SelectiveAccuracy
from affidavit.errors import nearest

KINDS: dict[str, type[Claim]] = {
    kind.kind: kind
    for kind in (
        Accuracy,
        Decision,
        Monotone,
        FeatureRank,
        Lipschitz,
        ExplanationRobust,
        PredictionRobust,
        ExplanationSufficient,
        ExplanationFaithful,
        DetectsErrors,
        SelectiveAccuracy,
        AttainableAccuracy,
        SeedStability,
    )
}
"""Claim kind by its name in contracts."""


def claim_from(value: Any, context: dict[str, bool] | None = None) -> Claim:
    """A claim from the table of a contract; a claim is returned as it is.

    Raises:
        ValueError: no table, no kind, or an unknown one (the nearest is named).
        ContractError: faulty keys; pydantic's own error when the validation context asks for it.
    """
    if isinstance(value, Claim):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"Input should be a table with the keys id and kind, not {value!r}")
    name = value.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        seen = "without a kind" if name is None else f"of the unknown kind {name!r}"
        hint = nearest(name, KINDS) if isinstance(name, str) else ""
        raise ValueError(f"a claim {seen}{hint}; known kinds: {', '.join(KINDS)}")
    keys = {key: item for key, item in value.items() if key != "kind"}
    return KINDS[name].model_validate(keys, context=context)


__all__ = [
    "KINDS",
    "Accuracy",
    "AttainableAccuracy",
    "Decision",
    "DetectsErrors",
    "ExplanationFaithful",
    "ExplanationRobust",
    "ExplanationSufficient",
    "FeatureRank",
    "Lipschitz",
    "Monotone",
    "PredictionRobust",
    "SeedStability",
    "SelectiveAccuracy",
    "claim_from",
]
