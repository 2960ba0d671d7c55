"""Intervals, and their forward propagation through a graph."""

from affidavit.graph.intervals.interval import Interval
from affidavit.graph.intervals.propagate import propagate

__all__ = ["Interval", "propagate"]
