"""Which predictions are wrong and should be refused: scores of doubt, thresholds, their worth."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from affidavit.misclassification.cascade import Cascade, CascadePoint, cascade, cascade_at
from affidavit.misclassification.comparison import Comparison, Difference, Estimate, compare
from affidavit.misclassification.confusion import Confusion, confusion
from affidavit.misclassification.curves import RiskCoverage, RocCurve, risk_coverage, roc_curve
from affidavit.misclassification.delong import delong, delong_difference
from affidavit.misclassification.measures import METRICS, Metric
from affidavit.misclassification.metrics import (
    augrc,
    aupr,
    aurc,
    auroc,
    coverage_at_risk,
    e_aurc,
    fpr_at_tpr,
    risk_at_coverage,
)
from affidavit.misclassification.policies import (
    POLICIES,
    AcceptShare,
    EqualRecall,
    Fixed,
    MaximumRisk,
    Policy,
    RecallTarget,
    policy_from_json,
    policy_to_json,
)
from affidavit.misclassification.signals import NEEDS, Signals, concatenate
from affidavit.misclassification.tables import markdown

if TYPE_CHECKING:
    from affidavit.misclassification.detector import Detector
    from affidavit.misclassification.extraction import Extraction, extract
    from affidavit.misclassification.features import BLOCKS
    from affidavit.misclassification.heads import HEADS
    from affidavit.misclassification.scorers import SCORERS

# They bring scikit-learn's estimators with them, which numbers and thresholds do without.
_LATER = {
    "BLOCKS": "features",
    "HEADS": "heads",
    "SCORERS": "scorers",
    "Detector": "detector",
    "Extraction": "extraction",
    "extract": "extraction",
}

__all__ = [
    "BLOCKS",
    "HEADS",
    "METRICS",
    "NEEDS",
    "POLICIES",
    "SCORERS",
    "AcceptShare",
    "Cascade",
    "CascadePoint",
    "Comparison",
    "Confusion",
    "Detector",
    "Difference",
    "EqualRecall",
    "Estimate",
    "Extraction",
    "Fixed",
    "MaximumRisk",
    "Metric",
    "Policy",
    "RecallTarget",
    "RiskCoverage",
    "RocCurve",
    "Signals",
    "augrc",
    "aupr",
    "aurc",
    "auroc",
    "cascade",
    "cascade_at",
    "compare",
    "concatenate",
    "confusion",
    "coverage_at_risk",
    "delong",
    "delong_difference",
    "e_aurc",
    "extract",
    "fpr_at_tpr",
    "markdown",
    "policy_from_json",
    "policy_to_json",
    "risk_at_coverage",
    "risk_coverage",
    "roc_curve",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
