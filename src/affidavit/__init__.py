"""Affidavit makes a trained neural network answerable.

Hand it a model, data and a contract; it checks every claim with the strongest evidence there is
and writes a report in which each statement carries its verdict, grade of evidence, number and cost.

The parts are modules: :mod:`affidavit.graph` (the network as a closed op graph),
:mod:`affidavit.data` (data sets and splits), :mod:`affidavit.contract` (claims and audits) and
:mod:`affidavit.report` (terminal, JSON, JUnit and HTML).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affidavit import contract, data, graph, report

__version__ = "0.1.0"
__all__ = ["__version__", "contract", "data", "graph", "report"]


def __getattr__(name: str) -> Any:
    # Parts load on first use: `affidavit --help` must not wait for torch.
    if name in __all__:
        return importlib.import_module(f"affidavit.{name}")
    raise AttributeError(f"module 'affidavit' has no attribute {name!r}")
