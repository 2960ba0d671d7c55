"""Contracts, claims and audits.

`audit` checks every claim of a contract and returns an `Affidavit`. A contract is a TOML file or
its equal Python form: `Contract(model=Model(...), data=Data(...), claim=[Accuracy(...)])`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affidavit.contract.affidavit import Affidavit
    from affidavit.contract.auditing import audit
    from affidavit.contract.claim import Claim, Finding
    from affidavit.contract.context import Context
    from affidavit.contract.kinds import (
        KINDS,
        Accuracy,
        AttainableAccuracy,
        Decision,
        DetectsErrors,
        ExplanationFaithful,
        ExplanationRobust,
        ExplanationSufficient,
        FeatureRank,
        Lipschitz,
        Monotone,
        PredictionRobust,
        SeedStability,
        SelectiveAccuracy,
    )
    from affidavit.contract.reading import read_contract
    from affidavit.contract.specification import Contract, Data, Model, Preprocessing, Run
    from affidavit.contract.subject import load_data

_HOMES = {
    "affidavit": ("Affidavit",),
    "auditing": ("audit",),
    "claim": ("Claim", "Finding"),
    "context": ("Context",),
    "kinds": (
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
    ),
    "reading": ("read_contract",),
    "subject": ("load_data",),
    "specification": ("Contract", "Data", "Model", "Preprocessing", "Run"),
}

__all__ = [
    "KINDS",
    "Accuracy",
    "Affidavit",
    "AttainableAccuracy",
    "Claim",
    "Context",
    "Contract",
    "Data",
    "Decision",
    "DetectsErrors",
    "ExplanationFaithful",
    "ExplanationRobust",
    "ExplanationSufficient",
    "FeatureRank",
    "Finding",
    "Lipschitz",
    "Model",
    "Monotone",
    "PredictionRobust",
    "Preprocessing",
    "Run",
    "SeedStability",
    "SelectiveAccuracy",
    "audit",
    "load_data",
    "read_contract",
]


def __getattr__(name: str) -> Any:
    # Names load on first use: showing a saved affidavit must not wait for torch.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"affidavit.contract.{home}"), name)
    raise AttributeError(f"module 'affidavit.contract' has no attribute {name!r}")
