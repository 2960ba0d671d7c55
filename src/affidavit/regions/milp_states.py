"""All states of a network, one solve of a mixed-integer program a state.

Source: Continuous Exact Explanations, section III-D.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from affidavit.regions import milp_cells as cells
from affidavit.regions.domain import FLAT, Array
from affidavit.regions.milp_encoding import encode
from affidavit.regions.milp_solver import solver_named, time_left
from affidavit.regions.network import Network


@dataclass(frozen=True, eq=False)
class States:
    """The states of a network on a domain.

    Attributes:
        patterns: packed as `Network.states` packs them, uint8, shape [region, byte].
        interior: a point inside each region, the centre of its largest ball, in the frame's
            coordinates, shape [region, k].
        radius: of that ball, shape [region].
        complete: whether these are all; False where a limit was reached.
        flat: assignments without an interior that the solver returned on the way.
    """

    patterns: np.ndarray
    interior: Array
    radius: Array
    complete: bool
    flat: int


def states(
    network: Network,
    *,
    solver: str = "highs",
    limit: int | None = None,
    seconds: float | None = None,
    watch: Callable[[int], None] | None = None,
) -> States:
    """All states with an interior: one solve a state, each blocked once found.

    An assignment without an interior is no region. It is blocked together with all that lack one
    for the same reason: where all hyperplanes meet in one point there would be 2^units of them.

    Args:
        solver: `highs`, or `scip` where PySCIPOpt is installed.
        limit, seconds: when to stop before the end.
        watch: called with the number of states after each; may raise.

    Raises:
        EngineError: no such solver, or it gave up.

    Guarantee: `exact`, to the solver's tolerance of 1e-9 on its constraints and to `FLAT` on the
    radius of a region.
    """
    until = None if seconds is None else time.monotonic() + seconds
    create = solver_named(solver)
    encoding = encode(network)
    engine = create(encoding.program)
    regions: dict[bytes, tuple[Array, float]] = {}
    complete, flat = False, 0
    while limit is None or len(regions) < limit:
        found = engine.maximize(None, time_left(until))
        if found.x is None:
            complete = found.finished
            break
        cell = cells.cell(encoding, encoding.picks(found.x), network.frame)
        ball = cells.largest_ball(cell)
        if ball.radius > FLAT:
            pattern = network.states(ball.center[None])[0].tobytes()
            regions.setdefault(pattern, (ball.center, ball.radius))
            engine.require(cells.block(encoding, cell))
            if watch is not None:
                watch(len(regions))
        else:
            flat += 1
            engine.require(cells.block_flat(encoding, cell, ball.support))
    bytes_ = -(-network.bits // 8)
    patterns = np.frombuffer(b"".join(regions), np.uint8).reshape(len(regions), bytes_)
    interior = np.array([center for center, _ in regions.values()])
    radius = np.array([radius for _, radius in regions.values()])
    k = network.frame.dimensions
    return States(patterns, interior.reshape(-1, k), radius, complete, flat)
