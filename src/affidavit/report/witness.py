"""How a witness is shown: the entries that matter and what the model makes of them."""

from __future__ import annotations

from affidavit.evidence import Cell, Table, Witness
from affidavit.report import wording

SHOWN = 12
"""Entries of an input that a short form shows; `affidavit.json` has them all."""


def witness_table(witness: Witness) -> Table:
    """The witness as a table: the entries that matter, then the outputs and the decision."""
    chosen = _shown(witness)
    # As text: features have units of their own, and would not share a number of decimals.
    entries = [(witness.features[i], witness.input[i]) for i in chosen]
    outputs = zip(witness.output_names, witness.outputs, strict=True)
    rows: list[tuple[Cell, ...]] = [
        *(("input", name, wording.number(float(value))) for name, value in entries),
        *(("output", name, wording.number(float(value))) for name, value in outputs),
    ]
    if witness.decision is not None:
        rows.append(("decision", witness.decision, None))
    left = len(witness.input) - len(chosen)
    rest = f" Features not shown: {wording.number(left)}; see affidavit.json." if left else ""
    return Table("Witness", ("part", "name", "value"), tuple(rows), f"{witness.sentence}{rest}")


def witness_text(witness: Witness) -> str:
    """The witness on one line, for places without tables."""
    chosen = _shown(witness)
    parts = [f"{witness.features[i]} = {wording.number(float(witness.input[i]))}" for i in chosen]
    left = len(witness.input) - len(chosen)
    more = f" and {wording.number(left)} more, all in affidavit.json" if left else ""
    return f"Witness: {', '.join(parts)}{more}. {witness.sentence}"


def _shown(witness: Witness) -> list[int]:
    """Indices of the entries that a short form shows, the most important first."""
    every = range(len(witness.input))
    if len(every) <= SHOWN:
        relevant = set(witness.relevant)
        return [*witness.relevant, *(i for i in every if i not in relevant)]
    return list(witness.relevant[:SHOWN] or every[:SHOWN])
