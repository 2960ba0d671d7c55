"""A view of a graph: another graph of the same function, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from affidavit.errors import ModelError
from affidavit.graph.graph import Graph

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class View:
    """What a pass makes of a graph.

    Both graphs take the same input and compute the same function, and a name that both have stands
    for the same value in both. That is the way back: what a method finds at a node of the view
    holds at the node of that name in the source.

    Attributes:
        source: the graph that the pass was given.
        graph: the graph it made.
        same_as: for source nodes that left no node of their own but whose value is still computed,
            the name of the node that has it.
        merged_into: for source nodes and tensors that the view has no longer, the node that took
            them in.
    """

    source: Graph
    graph: Graph
    same_as: Mapping[str, str]
    merged_into: Mapping[str, str]

    def name_of(self, source_name: str) -> str:
        """The view's name for a value of the source.

        Raises:
            ModelError: no such value, or one that the view no longer computes.
        """
        self.source.require(source_name)
        if source_name in self.merged_into:
            raise ModelError(
                f"{source_name!r} was merged into {self.merged_into[source_name]!r}: its value is"
                " no longer computed in this view"
            )
        return self.same_as.get(source_name, source_name)

    def to_source(self, found: Mapping[str, T]) -> dict[str, T]:
        """Findings keyed by names of the view, keyed by names of the source instead.

        A finding at a value that several source nodes share comes back at each of them. Names that
        only the view has (tensors that it folded) have no counterpart and are left out.
        """
        back = {name: item for name, item in found.items() if name in self.source.shapes}
        back |= {name: found[same] for name, same in self.same_as.items() if same in found}
        return back

    def then(self, later: View) -> View:
        """This view followed by one of its own graph, as one view of this view's source."""
        same_as: dict[str, str] = {}
        merged_into = {
            name: later.merged_into.get(place, later.same_as.get(place, place))
            for name, place in self.merged_into.items()
        }
        for name in self.source.shapes:
            if name in self.merged_into:
                continue
            here = self.same_as.get(name, name)
            if here in later.merged_into:
                merged_into[name] = later.merged_into[here]
            else:
                there = later.same_as.get(here, here)
                if there != name:
                    same_as[name] = there
        return View(self.source, later.graph, same_as, merged_into)
