"""What `conductance` finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

Way: TypeAlias = Literal["closed", "exact", "riemann"]
"""How conductances are found."""


@dataclass(frozen=True, eq=False)
class Conductance:
    """How much each feature map of some layers contributed to the score, against a baseline.

    All tensors are detached, in the inputs' dtype and on their device.

    Attributes:
        values: of each layer, [batch, channel]: the conductance of its feature maps, in units of
            the score. For a layer of features [batch, feature] each is a map of one neuron.
        target: class whose score it is, [batch].
        difference: f(x) − f(x′), score at the input less that at the baseline, [batch].
        completeness_error: of each layer, `difference` less the sum of its conductances, [batch].
            Where nothing goes round the layer it is the error of the sum that stands for the
            integral (zero but for rounding, if the method is `closed` or `exact`); elsewhere also
            what the bypass contributed.
        method: how each layer's were found: `closed`, `exact` or `riemann`.
        bypass: of each layer, the names of the graph's values that reach the score round it: none
            where it cuts every path from input to score, None where no graph can tell.
    """

    values: Mapping[str, Tensor]
    target: Tensor
    difference: Tensor
    completeness_error: Mapping[str, Tensor]
    method: Mapping[str, Way]
    bypass: Mapping[str, tuple[str, ...] | None]

    def __len__(self) -> int:
        """The number of inputs."""
        return len(self.target)
