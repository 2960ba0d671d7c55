"""Which parts of an input decided: learned masks, other attributions, and what they are worth."""

from affidavit.attribution.classifier import Classifier, Preprocessing

__all__ = ["Classifier", "Preprocessing"]
