"""The network as a mixed-integer program: all states one solve at a time, and single questions.

Enumerating states this way is the slowest way known, and owes nothing to the geometry that the
other engines share: it is what they are checked against. Questions that have one answer (the
largest output, the nearest input with some outcome) need no enumeration, and here are at home.

Source: Continuous Exact Explanations, sections III and IV-B.
"""

from affidavit.regions.milp_questions import Answer, exists, maximize, nearest
from affidavit.regions.milp_states import States, states

__all__ = ["Answer", "States", "exists", "maximize", "nearest", "states"]
