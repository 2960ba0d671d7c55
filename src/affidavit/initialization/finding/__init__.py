"""Finding the parameters of a model that are drawn at random, and what they are drawn from."""

from affidavit.initialization.finding.declared import Declared
from affidavit.initialization.finding.discovery import find_random_parameters
from affidavit.initialization.finding.parameter import (
    RandomParameter,
    only_random,
    parameters_table,
    require_random,
)

__all__ = [
    "Declared",
    "RandomParameter",
    "find_random_parameters",
    "only_random",
    "parameters_table",
    "require_random",
]
