"""Bounds by linear relaxation, forward and backward."""

from affidavit.certify.crown.method import gradient, margins, outputs

__all__ = ["gradient", "margins", "outputs"]
