"""The largest gradient on a domain: the exact local Lipschitz constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from affidavit.errors import DomainError
from affidavit.regions import targets
from affidavit.regions.domain import Array
from affidavit.regions.result import Partition
from affidavit.regions.targets import Target

Norm: TypeAlias = float | Literal["l1", "l2", "linf"]

_NORMS: dict[Any, float] = {"l1": 1.0, "l2": 2.0, "linf": np.inf, 1: 1.0, 2: 2.0, np.inf: np.inf}

_DUAL = {1.0: np.inf, 2.0: 2.0, np.inf: 1.0}


@dataclass(frozen=True, eq=False)
class LargestGradient:
    """The largest gradient norm on a domain.

    Attributes:
        value: the Lipschitz constant of the target on the domain.
        region: index of the region that has it.
        witness: a whole input inside that region, flat.
        gradient: the target's slopes there, in the features' own units, [feature], or
            [output, feature] for all outputs.
        norms: the same norm in every region, [region].
        complete: whether all regions are known; if not, the value is a lower bound.
    """

    value: float
    region: int
    witness: Array
    gradient: Array
    norms: Array
    complete: bool


def largest_gradient(
    partition: Partition,
    output: Target = None,
    *,
    norm: Norm = 2,
    output_norm: Norm | None = None,
    scale: Any = None,
) -> LargestGradient:
    """The least L with `|f(x) - f(y)| <= L |x - y|` for all x and y in the domain.

    On a convex domain it is the largest dual norm of a region's gradient (1-norm for the maximum
    norm, and so on), or operator norm of its slopes where all outputs are asked for. Only features
    that vary in the domain count.

    Guarantee: exact on a complete partition, a lower bound on any. Source: follows from Continuous
    Exact Explanations, definition 1.

    Args:
        partition: the regions.
        output: an output, a margin, or `all`, before a final softmax or sigmoid.
        norm: of inputs: 1, 2 or inf, also by the names `l1`, `l2`, `linf`.
        output_norm: of outputs, where `all` are asked for: the same unless given.
        scale: how large a change of each feature counts as 1, [feature]; 1 unless given.

    Raises:
        DomainError: no such output or norm; a scale that is not positive; norms of inputs and
            outputs whose operator norm is hard to compute (from inf to 1 or 2, and from 2 to 1).
    """
    p = norm_number(norm)
    q = p if output_norm is None else norm_number(output_norm)
    network = partition.network
    rows = targets.rows(output, network.outputs)
    if not len(partition):
        raise DomainError("the partition has no regions: nothing is known of any slope")
    slopes = np.einsum("po,rof->rpf", rows, partition.maps()[0])
    free = network.frame.free
    units = scale_of(scale, len(network.frame.base))
    norms = _operator_norms((slopes * units)[:, :, free], p, q)
    region = int(norms.argmax())
    gradient = slopes[region] if output == "all" else slopes[region, 0]
    witness = partition.inputs(np.array([region]))[0]
    return LargestGradient(
        float(norms[region]), region, witness, gradient, norms, partition.complete
    )


def norm_number(norm: Norm) -> float:
    """The exponent of a norm.

    Raises:
        DomainError: a norm other than 1, 2 and inf.
    """
    if not isinstance(norm, str | int | float) or norm not in _NORMS:
        raise DomainError(f"norm = {norm!r}: expected 1, 2 or inf")
    return _NORMS[norm]


def scale_of(scale: Any, features: int) -> Array:
    """Units of the features, checked; 1 unless given.

    Raises:
        DomainError: another number of entries, or one that is not positive and finite.
    """
    if scale is None:
        return np.ones(features)
    units = np.asarray(scale, np.float64).reshape(-1)
    if len(units) != features:
        raise DomainError(f"scale has {len(units)} entries for {features} features")
    if not (np.isfinite(units).all() and (units > 0).all()):
        raise DomainError("scale has an entry that is not positive and finite")
    return units


def _operator_norms(matrices: Array, p: float, q: float) -> Array:
    """`max |M x|_q over |x|_p <= 1` of each matrix, [matrix, row, column]."""
    result: Array
    if matrices.shape[1] == 1:
        result = np.asarray(np.linalg.norm(matrices[:, 0], _DUAL[p], axis=1))
    elif p == 1:
        # A convex function is largest at a corner of the cross-polytope: a column.
        result = np.asarray(np.linalg.norm(matrices, q, axis=1).max(1))
    elif q == np.inf:
        result = np.asarray(np.linalg.norm(matrices, _DUAL[p], axis=2).max(1))
    elif p == q == 2:
        result = np.asarray(np.linalg.svd(matrices, compute_uv=False)[:, 0])
    else:
        raise DomainError(
            f"the operator norm from the {p:g}-norm of inputs to the {q:g}-norm of outputs is hard"
            " to compute: take norm = 1, output_norm = inf, or 2 for both"
        )
    return result
