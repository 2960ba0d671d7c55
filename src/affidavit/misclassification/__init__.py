"""Which predictions are wrong and should be refused: scores of doubt, thresholds, their worth."""

from __future__ import annotations

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
from affidavit.misclassification.tables import markdown

__all__ = [
    "METRICS",
    "POLICIES",
    "AcceptShare",
    "Cascade",
    "CascadePoint",
    "Comparison",
    "Confusion",
    "Difference",
    "EqualRecall",
    "Estimate",
    "Fixed",
    "MaximumRisk",
    "Metric",
    "Policy",
    "RecallTarget",
    "RiskCoverage",
    "RocCurve",
    "augrc",
    "aupr",
    "aurc",
    "auroc",
    "cascade",
    "cascade_at",
    "compare",
    "confusion",
    "coverage_at_risk",
    "delong",
    "delong_difference",
    "e_aurc",
    "fpr_at_tpr",
    "markdown",
    "policy_from_json",
    "policy_to_json",
    "risk_at_coverage",
    "risk_coverage",
    "roc_curve",
]
