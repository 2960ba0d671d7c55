"""Bounds by linear relaxation, forward and backward."""

from affidavit.certify.crown.method import gradient, margins, outputs, relaxed

__all__ = ["gradient", "margins", "outputs", "relaxed"]
