"""Which predictions hang by a thread: mutants of a model, and how often they change its label."""

from affidavit.mutation.comparison import (
    ByCount,
    OperatorComparison,
    Separation,
    auroc_by_count,
    compare_operators,
    separation,
)
from affidavit.mutation.early import SequentialDecisions, sequential_label_change
from affidavit.mutation.edits import Edit, Mutant, mutated, mutated_graph
from affidavit.mutation.generation import mutants
from affidavit.mutation.mutant_set import Mutants
from affidavit.mutation.operators import OPERATORS, SCHEMES, UNITS
from affidavit.mutation.rates import label_change_rate, predictions, votes
from affidavit.mutation.sequential import (
    OperatingCharacteristics,
    SequentialTest,
    operating_characteristics,
)

__all__ = [
    "OPERATORS",
    "SCHEMES",
    "UNITS",
    "ByCount",
    "Edit",
    "Mutant",
    "Mutants",
    "OperatingCharacteristics",
    "OperatorComparison",
    "Separation",
    "SequentialDecisions",
    "SequentialTest",
    "auroc_by_count",
    "compare_operators",
    "label_change_rate",
    "mutants",
    "mutated",
    "mutated_graph",
    "operating_characteristics",
    "predictions",
    "separation",
    "sequential_label_change",
    "votes",
]
