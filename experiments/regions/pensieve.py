"""Figure 3: which bit rate Pensieve chooses, over buffer and throughput.

Checks the paper's two findings on the published actor, exactly, in several settings of the other
features: (a) 1200 kbps is chosen nowhere, so that 750 borders on 1850; (b) boundaries are
monotone: more buffer or more throughput never lowers the bit rate.

In the published network the branch meant for the chunks left reads the last column of the row of
chunk sizes, and the state is rolled by one column a step: what it sees is the size, at the lowest
bit rate, of the chunk just fetched. We follow the published network.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affidavit.graph import load
from affidavit.regions import Box, Partition, Slice, partition
from experiments.recording import arguments, record, timed
from experiments.regions.drawing import fill, legend, plt, save

RATES = np.array([300, 750, 1200, 1850, 2850, 4300])  # kbps
SECONDS = 4.0  # of video in a chunk
SIZES = RATES * SECONDS / 8e3  # MB, at the nominal rate
BUFFER, THROUGHPUT = 1 * 8 + 7, 2 * 8 + 7  # places in the flat state
TO_MBPS = 8.0  # from MB/s
LOWER, UPPER = np.array([0, 0]), np.array([6, 0.75])  # 60 s, the simulator's limit; 6 Mbps
COLOURS = ["#c8553d", "#7fb069", "#8d6ba8", "#f2c14e", "#3b7ea1", "#9aa5b1"]


class Actor(nn.Module):
    """State [6, 8] to six logits: six ReLU branches, joined, 128 ReLU units, 6 outputs."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        with np.load(path) as file:
            for name in file.files:
                self.register_buffer(name.replace(".", "_"), torch.from_numpy(file[name]))

    def forward(self, x: Tensor) -> Tensor:
        merged = [
            self.dense("FullyConnected", x[:, 0:1, -1]),
            self.dense("FullyConnected_1", x[:, 1:2, -1]),
            self.conv("Conv1D", x[:, 2]),
            self.conv("Conv1D_1", x[:, 3]),
            self.conv("Conv1D_2", x[:, 4, :6]),
            self.dense("FullyConnected_2", x[:, 4:5, -1]),
        ]
        hidden = F.relu(self.dense("FullyConnected_3", F.relu(torch.cat(merged, 1))))
        return self.dense("FullyConnected_4", hidden)

    def dense(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, getattr(self, f"{name}_W").T, getattr(self, f"{name}_b"))

    def conv(self, name: str, x: Tensor) -> Tensor:
        # Eight channels along an axis of length one, with "same" padding of four taps: one before,
        # two after, so that only tap 1 meets data.
        return F.linear(x, getattr(self, f"{name}_W")[1, 0].T, getattr(self, f"{name}_b"))


@dataclass
class Player:
    """The player of Pensieve's simulator, with chunks of nominal size."""

    state: np.ndarray
    buffer: float = 0.0

    def fetch(self, choice: int, throughput: float, left: int) -> None:
        """One chunk at a throughput in MB/s; round trip 80 ms, buffer at most 60 s."""
        delay = SIZES[choice] / throughput + 0.08
        self.buffer = min(max(self.buffer - delay, 0) + SECONDS, 60)
        self.state = np.roll(self.state, -1, axis=1)
        self.state[0, -1] = RATES[choice] / RATES[-1]
        self.state[1, -1] = self.buffer / 10
        self.state[2, -1] = SIZES[choice] / delay
        self.state[3, -1] = delay / 10
        self.state[4, :6] = SIZES
        self.state[5, -1] = left / 48


def visited(actor: nn.Module, seed: int, videos: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """States that the actor itself comes to, with random throughputs, and its choices there."""
    generator = np.random.default_rng(seed)
    states, choices = [], []
    for _ in range(videos):
        player = Player(np.zeros((6, 8)))
        level = generator.uniform(np.log(0.3), np.log(5))  # mean of a trace: 0.3 to 5 Mbps
        drift, choice = 0.0, 1
        for left in range(47, -1, -1):
            drift = 0.8 * drift + 0.3 * generator.standard_normal()
            mbps = np.clip(np.exp(level + drift), 0.1, 6)
            player.fetch(choice, mbps / TO_MBPS, left)
            with torch.no_grad():
                logits = actor(torch.from_numpy(player.state[None]))
            choice = int(logits.argmax())
            states.append(player.state)
            choices.append(choice)
    return np.array(states), np.array(choices)


def settings(states: np.ndarray, seed: int, drawn: int) -> dict[str, np.ndarray]:
    """States whose other features the slices keep."""
    average = states.mean(0)
    found = {"average state": average}
    for rate in RATES:
        state = average.copy()
        state[0, -1] = rate / RATES[-1]
        found[f"average, last bit rate {rate}"] = state
    for mbps in (0.5, 1.0, 2.0, 4.0):
        state = average.copy()
        choice = int(np.searchsorted(RATES, 1000 * mbps, side="right") - 1)
        state[0, -1] = RATES[choice] / RATES[-1]
        state[2] = mbps / TO_MBPS
        state[3] = (SIZES[choice] / (mbps / TO_MBPS) + 0.08) / 10
        found[f"steady {mbps:g} Mbps, last bit rate {RATES[choice]}"] = state
    state = average.copy()
    state[4, 7] = 0.5
    found["average, 0.5 where the chunks left were meant"] = state
    state = average.copy()
    state[3] *= 2
    found["average, download times doubled"] = state
    picked = np.random.default_rng(seed).choice(len(states), drawn, replace=False)
    return found | {f"visited state {place}": states[place] for place in sorted(picked)}


def tied(actor: nn.Module, state: np.ndarray) -> nn.Module:
    """The actor of two numbers: the buffer, and one throughput for all eight columns."""
    lift = nn.Linear(2, 48, dtype=torch.float64)
    lift.weight.data.zero_()
    lift.weight.data[BUFFER, 0] = 1
    lift.weight.data[16:24, 1] = 1
    rest = state.copy()
    rest[1, -1], rest[2] = 0, 0
    lift.bias.data = torch.from_numpy(rest.ravel())
    return nn.Sequential(lift, nn.Unflatten(1, (6, 8)), actor)


def borders(found: Partition) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges between regions of different choices.

    Returns:
        ends [edge, 2, 2] in user coordinates, the choices on both sides [edge, 2], and the unit
        normals [edge, 2] from the first side to the second, in coordinates where the slice is
        a square.
    """
    (shape,) = found.shapes
    start, vertex = shape.vertices
    choice = found.answers.ravel()
    ends, sides, normals = [], [], []
    for a, b in shape.facets[0]:
        first, second = choice[shape.region[[a, b]]]
        if first == second:
            continue
        both = np.intersect1d(vertex[start[a] : start[a + 1]], vertex[start[b] : start[b + 1]])
        p, q = shape.complex.point[both]
        normal = np.array([p[1] - q[1], q[0] - p[0]])
        across = shape.points(int(b)).mean(0) - shape.points(int(a)).mean(0)
        normal *= np.sign(normal @ across) / max(np.linalg.norm(normal), 1e-300)
        ends.append(found.frame.to_user(np.array([p, q])))
        sides.append((first, second))
        normals.append(normal)
    return np.array(ends), np.array(sides), np.array(normals)


def drops(found: Partition, axis: int) -> dict[str, Any]:
    """Where more of one coordinate lowers the bit rate.

    Returns:
        The share of the other coordinate's range at which that happens somewhere, and the choices
        before and after.
    """
    ends, sides, normals = borders(found)
    if not len(ends):
        return {"share": 0.0, "changes": []}
    upward = np.where(normals[:, axis] > 0, sides[:, 1] - sides[:, 0], sides[:, 0] - sides[:, 1])
    bad = np.flatnonzero((upward < 0) & (np.abs(normals[:, axis]) > 1e-9))
    other = 1 - axis
    spans = np.sort(ends[bad][:, :, other], axis=1)
    covered, reached = 0.0, -np.inf
    for low, high in spans[np.argsort(spans[:, 0])]:
        covered += max(0.0, high - max(low, reached))
        reached = max(reached, high)
    ordered = np.where(normals[bad, axis, None] > 0, sides[bad], sides[bad][:, ::-1])
    changes = sorted({f"{RATES[a]} to {RATES[b]}" for a, b in ordered})
    result = {"share": covered / float(UPPER[other] - LOWER[other]), "changes": changes}
    if len(bad):
        widest = bad[np.argmax(spans[:, 1] - spans[:, 0])]
        result["witness"] = witness(found, ends[widest].mean(0), axis)
    return result


def witness(found: Partition, place: np.ndarray, axis: int) -> dict[str, Any]:
    """Two states on either side of a border, and what the network itself chooses there."""
    network = found.network
    step = np.zeros(2)
    step[axis] = 1e-6 * (UPPER - LOWER)[axis]
    both = np.array([place - step, place + step])
    chosen = network.value(found.frame.from_user(both)).argmax(1)
    return {
        "buffer_s": place[0] * 10,
        "throughput_mbps": place[1] * TO_MBPS,
        "just_below": int(RATES[chosen[0]]),
        "just_above": int(RATES[chosen[1]]),
    }


def describe(found: Partition) -> dict[str, Any]:
    """The two findings on one slice."""
    choice = found.answers.ravel()
    share = np.bincount(choice, found.volumes, 6) / found.domain_volume
    touching = {tuple(sorted(pair)) for pair in choice[found.neighbours] if pair[0] != pair[1]}
    return {
        "regions": len(found),
        "seconds": found.seconds,
        "share_of_area": dict(zip(map(str, RATES), share, strict=True)),
        "choices_that_touch": sorted(f"{RATES[a]}|{RATES[b]}" for a, b in touching),
        "1200_chosen_nowhere": not (choice == 2).any(),
        "750_touches_1850": (1, 3) in touching,
        "more_buffer_lowers": drops(found, 0),
        "more_throughput_lowers": drops(found, 1),
    }


def main() -> None:
    given = arguments(
        __doc__,
        drawn={"type": int, "default": 15, "help": "visited states to slice through (default 15)"},
    )
    if "AFFIDAVIT_DATA" not in os.environ:
        sys.exit("set AFFIDAVIT_DATA to the folder that holds pensieve/actor.npz")
    actor = Actor(Path(os.environ["AFFIDAVIT_DATA"]) / "pensieve" / "actor.npz").eval().double()
    with timed("states that the actor visits"):
        states, choices = visited(actor, given.seed)
    average = states.mean(0)
    graph = load(actor, torch.zeros(1, 6, 8, dtype=torch.float64))
    results: dict[str, Any] = {}
    pictures = {}
    for name, state in settings(states, given.seed, given.drawn).items():
        with timed(name):
            last = partition(
                graph,
                Slice(state.ravel(), (BUFFER, THROUGHPUT), LOWER, UPPER),
                refine="decision",
                seed=given.seed,
            )
            every = partition(
                tied(actor, state), Box(LOWER, UPPER), refine="decision", seed=given.seed
            )
            results[name] = {
                "last throughput varies": describe(last),
                "all eight throughputs vary together": describe(every),
            }
        pictures[name] = (last, every)
    chosen = np.bincount(choices, minlength=6) / len(choices)
    cases = [case for both in results.values() for case in both.values()]
    summary = {
        "slices": len(cases),
        "slices_where_1200_is_chosen_nowhere": sum(c["1200_chosen_nowhere"] for c in cases),
        "slices_where_750_touches_1850": sum(c["750_touches_1850"] for c in cases),
        "slices_monotone_in_buffer": sum(c["more_buffer_lowers"]["share"] == 0 for c in cases),
        "slices_monotone_in_throughput": sum(
            c["more_throughput_lowers"]["share"] == 0 for c in cases
        ),
        "choices_on_visited_states": dict(zip(map(str, RATES), chosen, strict=True)),
    }
    shown = [list(pictures)[place] for place in (0, 2, 8, 9)]
    figure, axes = plt.subplots(2, 4, figsize=(15, 6.4), sharex=True, sharey=True)
    for column, name in enumerate(shown):
        for row, found in enumerate(pictures[name]):
            fill(
                axes[row, column],
                found,
                found.answers.ravel(),
                COLOURS,
                (-0.5, 5.5),
                units=(10, TO_MBPS),
            )
        axes[0, column].set_title(name, fontsize=9)
        axes[1, column].set_xlabel("buffer (s)")
    axes[0, 0].set_ylabel("last throughput (Mbps)")
    axes[1, 0].set_ylabel("all eight throughputs (Mbps)")
    legend(
        axes[0, 3],
        [f"{rate} kbps" for rate in RATES],
        COLOURS,
        loc="upper left",
        bbox_to_anchor=(1, 1),
        fontsize=8,
    )
    save(figure, given.out / "pensieve.png", dpi=80)
    record(
        given,
        {
            "buffer_s": [0, 60],
            "throughput_mbps": [0, 6],
            "average_state": {
                "last_bit_rate_kbps": average[0, -1] * RATES[-1],
                "throughputs_mbps": average[2] * TO_MBPS,
                "download_times_s": average[3] * 10,
                "next_chunk_sizes_mb": average[4, :6],
                "last_column_of_sizes_mb": average[4, 7],
            },
            "visited_states": len(states),
        },
        {"summary": summary, "settings": results},
    )


if __name__ == "__main__":
    main()
