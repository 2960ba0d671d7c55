"""Branch and bound: bounds that tighten the longer it runs."""

from affidavit.certify.bab.methods import gradient, margins, outputs
from affidavit.certify.bab.search import Progress

__all__ = ["Progress", "gradient", "margins", "outputs"]
