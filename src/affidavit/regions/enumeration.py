"""Enumeration of all regions of a domain: engines, limits, progress, interruption, resumption."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import nn

from affidavit.errors import DomainError
from affidavit.graph import Graph, load
from affidavit.regions.domain import Array, Domain, Point, frame, same_frame
from affidavit.regions.engines import start
from affidavit.regions.geometry import Geometry, together
from affidavit.regions.lp import LinearPrograms
from affidavit.regions.network import Network
from affidavit.regions.patterns import group
from affidavit.regions.polytope import largest_ball
from affidavit.regions.result import Partition
from affidavit.regions.skeleton import TooLargeError
from affidavit.regions.switches import Level, Ranking, Switch, largest, same_switch
from affidavit.regions.work import THIN, Found, Limits, Work, available_bytes

Engine: TypeAlias = Literal["auto", "skeleton", "planar", "lp", "milp"]
Refinement: TypeAlias = Literal["decision", "ranking"] | Switch | None


@dataclass
class Progress:
    """How far an enumeration is.

    Attributes:
        regions: pieces found so far.
        decided: share of the domain's volume gone through.
        within: share of the present item.
        seconds: time taken.
    """

    regions: int = 0
    decided: float = 0.0
    within: float = 0.0
    seconds: float = 0.0


_SHARE = 0.7


class _StopError(Exception):
    """Time is up."""


def partition(
    model: Graph | nn.Module,
    domain: Domain,
    *,
    engine: Engine = "auto",
    refine: Refinement = None,
    limits: Limits | None = None,
    progress: Callable[[Progress], None] | bool = False,
    resume: Partition | None = None,
    geometry: bool = True,
    verify: bool = True,
    seed: int = 0,
) -> Partition:
    """All linear regions of a network on a domain.

    Guarantee: exact, to stated numerical tolerance (`docs/regions.md`). Source: Dethise and
    Canini, Continuous Exact Explanations of Neural Networks, sections III and IV; the engines are
    ours.

    Args:
        model: a graph, or a PyTorch module.
        domain: Box, Polytope, Slice, or Point (whose region alone is found).
        engine: `skeleton` (cuts all cells at once; up to about 8 features that vary), `planar`
            (two features, many units), `lp` (depth-first with linear programs; any number),
            `milp` (the paper's; slow, an oracle), or `auto`.
        refine: `decision` tells regions apart by the largest output too, `ranking` by the two
            largest; a `Switch` by its states.
        limits: when to stop; the result is marked incomplete then. An interrupt (Ctrl-C) does the
            same.
        progress: True for a progress bar on stderr, or a function called with the Progress.
        resume: an incomplete partition of the same network, domain and refinement, to go on
            from; it stays as it is.
        geometry: keep cells, from which volumes and neighbours of all regions are quick. They are
            let go where they would take more than half of the memory.
        verify: check the result (`verification.verify`) and raise when it is wrong.
        seed: of the tiny displacements that resolve degenerate positions.

    Raises:
        UnsupportedOpsError: the network is not piecewise linear.
        DomainError: the domain is empty, flat, unbounded, or does not fit the network; a limit
            below 1; an engine that cannot do it; a partition to resume that is complete, or of
            something else.
    """
    from affidavit.regions.progress import shown
    from affidavit.regions.verification import verify as check

    network = on(model, domain, refine)
    if isinstance(domain, Point):
        return _of_point(network, domain)
    with shown(progress) as report:
        run = _Run(network, domain, limits or Limits(), report, geometry, seed, resume)
        result = run.result(engine)
    if verify:
        check(result)
    return result


def on(model: Graph | nn.Module, domain: Domain, refine: Refinement = None) -> Network:
    """The network of a model on a domain: what engines, queries and explanations work with."""
    graph = as_graph(model, domain)
    features = int(np.prod(graph.input_shape))
    found = frame(domain, features)
    return Network(graph, found, _refinement(refine, graph))


def as_graph(model: Graph | nn.Module, domain: Domain) -> Graph:
    """The graph of a model; a module's input has the shape of one flat row."""
    if isinstance(model, Graph):
        return model
    features = len(domain.point) if hasattr(domain, "point") else len(domain.lower)
    # Weights may be kept as buffers: they too say which precision the module computes in.
    tensors = (*model.parameters(), *model.buffers(), torch.zeros(()))
    weight = next(tensor for tensor in tensors if tensor.is_floating_point())
    return load(model, torch.zeros(1, features, dtype=weight.dtype, device=weight.device))


def _refinement(refine: Refinement, graph: Graph) -> Switch | None:
    outputs = abs(int(np.prod(graph.shapes[graph.output])))
    if refine == "decision":
        if outputs == 1:
            # One output decides between two classes at zero: the logit of a sigmoid.
            return Level(torch.ones(1, 1), torch.zeros(1))
        return largest(outputs)
    if refine == "ranking":
        if outputs < 2:
            raise DomainError("a ranking needs two outputs or more; the network has one")
        return Ranking(outputs)
    if isinstance(refine, str):
        raise DomainError(f"refine = {refine!r}: expected 'decision', 'ranking' or a Switch")
    return refine


@dataclass
class _Run:
    network: Network
    domain: Domain
    limits: Limits
    report: Callable[[Progress], None]
    geometry: bool
    seed: int
    resume: Partition | None
    pieces: list[Found] = field(default_factory=list)
    state: Progress = field(default_factory=Progress)
    cell_bytes: int = 0

    def result(self, engine: Engine) -> Partition:
        started = time.monotonic()
        before = self.resume.seconds if self.resume else 0.0
        work = self._work(engine)
        if self.resume is not None:
            self._take_up(self.resume)
        reason = ""
        deadline = started + self.limits.seconds

        def watch(share: float) -> None:
            now = time.monotonic()
            self.state.within = share
            self.state.seconds = before + now - started
            self.report(self.state)
            if now > deadline:
                raise _StopError

        try:
            while work.open:
                watch(0.0)
                if self.state.regions >= self.limits.regions:
                    reason = f"the limit of {self.limits.regions:,.0f} regions was reached"
                    break
                self._save_memory()
                if self._bytes() > self._memory:
                    reason = self._out_of_memory()
                    break
                try:
                    found = work.step(watch)
                except TooLargeError:
                    work = LinearPrograms(self.network, self.seed)
                    continue
                if found is not None:
                    found.shape = found.shape if self.geometry else None
                    self._keep(found)
                    self.state.regions += len(found.centers)
                    self.state.decided += found.decided
                    if found.stopped:
                        reason = found.stopped
                        break
        except _StopError:
            reason = f"the limit of {self.limits.seconds:g} s was reached"
        except KeyboardInterrupt:
            reason = "interrupted"
        seconds = before + time.monotonic() - started
        return self._gather(work, reason, seconds)

    def _work(self, engine: Engine) -> Work:
        if self.resume is not None:
            work: Work | None = self.resume.remaining
            if work is None and self.resume.complete:
                raise DomainError("the partition to resume is complete: nothing is left to do")
            if work is None:
                raise DomainError(
                    f"what engine {self.resume.engine!r} has left to do is not saved: start anew"
                )
            self._fit(self.resume)
            return work.again(self.network, self.limits)
        return start(self.network, engine, self.limits, self.seed)

    def _fit(self, earlier: Partition) -> None:
        """Work is left in the frame's coordinates: all that they mean must be the same."""
        one, other = earlier.network, self.network
        if one.graph.sha256 != other.graph.sha256 or not same_frame(one.frame, other.frame):
            raise DomainError("the partition to resume is of another network or another domain")
        if not same_switch(one.refine, other.refine):
            raise DomainError("the partition to resume has another refinement")

    def _take_up(self, earlier: Partition) -> None:
        for shape in earlier.shapes:
            self._keep(Found(shape.interior, shape.radius, 0.0, shape))
        if not earlier.shapes:
            self._keep(Found(earlier.centers, earlier.radii, 0.0))
        self.state.regions = len(earlier)
        self.state.decided = earlier.decided

    def _keep(self, found: Found) -> None:
        self.pieces.append(found)
        self.cell_bytes += 0 if found.shape is None else found.shape.bytes

    def _bytes(self) -> float:
        """Memory of what was found, and of putting it together."""
        k = self.network.frame.dimensions
        each = 8 * (k + 1) + -(-self.network.bits // 8)
        return self.state.regions * each * 3.0 + self.cell_bytes

    @cached_property
    def _memory(self) -> float:
        return min(self.limits.bytes, _SHARE * available_bytes())

    def _save_memory(self) -> None:
        """Lets go of the cells where they take more than half of what there is."""
        if self.geometry and self._bytes() > self._memory / 2:
            self.geometry = False
            self.cell_bytes = 0
            for found in self.pieces:
                found.shape = None

    def _out_of_memory(self) -> str:
        total = self.state.regions / max(self.state.decided, 1e-9)
        return (
            f"the memory limit of {self._memory / 2**30:.2g} GiB was reached; about"
            f" {total:,.0f} regions are to be expected"
        )

    def _gather(self, work: Work, reason: str, seconds: float) -> Partition:
        k = self.network.frame.dimensions
        centers = np.concatenate([np.zeros((0, k)), *(found.centers for found in self.pieces)])
        radii = np.concatenate([np.zeros(0), *(found.radii for found in self.pieces)])
        patterns = self._patterns()
        if len(self.pieces) == 1 and self.pieces[0].distinct:
            chosen = region = np.arange(len(centers))
        else:
            chosen, region = group(patterns, radii)
        patterns, centers, radii = patterns[chosen], centers[chosen], radii[chosen]
        real = self._settle(patterns, centers, radii)
        number = np.where(real, np.cumsum(real) - 1, -1)
        patterns, centers, radii = patterns[real], centers[real], radii[real]
        shapes: list[Geometry] = []
        start = 0
        kept = self.geometry and all(found.shape is not None for found in self.pieces)
        for found in self.pieces if kept else ():
            cells = number[region[start : start + len(found.centers)]]
            if found.shape is not None:
                shapes.append(found.shape.numbered(cells))
            start += len(found.centers)
        return Partition(
            network=self.network,
            domain=self.domain,
            engine=work.name,
            patterns=patterns,
            centers=centers,
            radii=radii,
            complete=not work.open and not reason,
            reason=reason,
            decided=min(1.0, self.state.decided) if work.open else 1.0,
            seconds=seconds,
            shapes=together(shapes),
            remaining=work if work.open else None,
        )

    def _patterns(self) -> np.ndarray:
        none = np.zeros((0, -(-self.network.bits // 8)), np.uint8)
        known = [
            self.network.states(found.centers) if found.patterns is None else found.patterns
            for found in self.pieces
            if len(found.centers)
        ]
        return np.concatenate([none, *known])

    def _settle(self, patterns: np.ndarray, centers: Array, radii: Array) -> np.ndarray:
        """Which regions have an interior. Doubtful ones get their largest ball, in place."""
        real = np.ones(len(radii), bool)
        for index in np.flatnonzero(radii <= THIN):
            ball, radius = largest_ball(*next(self.network.constraints(centers[[index]])))
            same = radius > THIN and np.array_equal(
                self.network.states(ball[None])[0], patterns[index]
            )
            real[index] = same
            if same:
                centers[index], radii[index] = ball, radius
        return real


def _of_point(network: Network, point: Point) -> Partition:
    """The region around a point; on a border, one of those that meet there."""
    frame = network.frame
    t = frame.from_user(np.asarray(point.x)[None])
    generator = np.random.default_rng(0)
    for size in (0.0, *(1e-10 * 10.0**power for power in range(5) for _ in range(4))):
        step = generator.uniform(-size, size, t.shape)
        center = np.clip(t, -1 + size, 1 - size) + step
        ball, radius = largest_ball(*next(network.constraints(center)))
        pattern = network.states(ball[None])
        if radius > THIN and np.array_equal(pattern, network.states(center)):
            inside = float(network.clearance(center)[0])
            if inside > THIN:
                ball, radius = center[0], inside
            return Partition(network, point, "point", pattern, ball[None], np.array([radius]))
    raise DomainError("no region with an interior was found around the point")
