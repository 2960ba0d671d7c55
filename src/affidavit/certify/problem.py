"""What is to be bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from affidavit.certify.boxes import Range, Size, input_box, weight_boxes
from affidavit.graph import Graph, Interval
from affidavit.graph.intervals.ball import Ball


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be bounded: a network over a box of inputs and of weights.

    Attributes:
        graph: the network, not simplified.
        box: bounds of the inputs.
        weights: bounds of those parameters that vary, by name.
        x: the inputs that the box is around, where they are known.
        within: bounds of values by name, [batch, *shape], that only those inputs of the box are
            asked about whose values keep them; gradients alone are bounded so.
    """

    graph: Graph
    box: Interval
    weights: Mapping[str, Interval]
    x: Tensor | None = None
    within: Mapping[str, Interval] = field(default_factory=dict)

    def part(self, batch: slice) -> Problem:
        """The same for some inputs of the batch."""

        def cut(value: Interval) -> Interval:
            return Interval(value.lower[batch], value.upper[batch])

        x = None if self.x is None else self.x[batch]
        within = {name: cut(value) for name, value in self.within.items()}
        box = self.box
        if isinstance(box, Ball):
            part: Interval = box.part(batch)
        else:
            part = Interval.point(box.lower[batch]) if box.is_point else cut(box)
        return Problem(self.graph, part, self.weights, x, within)


def pose(
    graph: Graph,
    x: Tensor,
    *,
    epsilon: Size = 0.0,
    gamma: float | Mapping[str, float] = 0.0,
    data_range: Range | None = None,
    params: Mapping[str, Tensor] | None = None,
) -> Problem:
    """A network around inputs; arguments as of :func:`affidavit.certify.gradient_bounds`."""
    graph.check_input(x)
    box = input_box(x, epsilon, data_range)
    return Problem(graph, box, weight_boxes(graph, gamma, params), x.detach())
