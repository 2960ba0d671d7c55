"""Pictures of detectors: ROC, risk and coverage, scores, the four counts, and cascades."""

from __future__ import annotations

from affidavit.misclassification.pictures.cascades import cascade_curves
from affidavit.misclassification.pictures.counts import confusion_counts
from affidavit.misclassification.pictures.histograms import score_histograms
from affidavit.misclassification.pictures.lines import risk_coverage_curves, roc_curves

__all__ = [
    "cascade_curves",
    "confusion_counts",
    "risk_coverage_curves",
    "roc_curves",
    "score_histograms",
]
