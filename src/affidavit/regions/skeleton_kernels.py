"""Cutting a simple cell complex by one hyperplane at a time: the compiled loops.

The complex is known by its vertices and edges alone. It is simple: exactly k hyperplanes vanish at
each vertex, so that an edge leaves it for each of them and each side. Slot j of vertex v names one
such hyperplane, `zero[v, j]`, and `neighbour[v, j, s]` is the vertex at the other end of the edge
on which that hyperplane is negative (s = 0) or positive (s = 1) while the others stay zero. Facets
of the domain have an inside, s = 1; outside there is nothing, -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affidavit.graph.compiled import compiled

Array = np.ndarray[Any, Any]

OUTSIDE = -1
UNSET = -2


@compiled
def count_crossings(value: Array, neighbour: Array, vertices: int) -> int:
    """Edges on whose ends the values have different signs (zero counts as negative)."""
    k = neighbour.shape[1]
    crossings = 0
    for v in range(vertices):
        if value[v] > 0:
            continue
        for j in range(k):
            for s in range(2):
                w = neighbour[v, j, s]
                if w >= 0 and value[w] > 0:
                    crossings += 1
    return crossings


@compiled
def cut(
    value: Array,
    point: Array,
    zero: Array,
    neighbour: Array,
    vertices: int,
    hyperplane: int,
    facets: int,
    bits: Array,
    ends: Array,
    share: Array,
) -> int:
    """Cuts every cell that the hyperplane crosses. New vertices are appended, in order of `ends`.

    Args:
        value: of the hyperplane's comparison at each vertex, [vertices].
        point, zero, neighbour: the complex, with room for the new vertices.
        hyperplane: the number it gets.
        facets: hyperplanes below this number are the domain's.
        bits: which hyperplanes are positive at each vertex, packed from number `facets` on,
            [vertex, byte]; of no width where nobody wants to know. What it says of hyperplanes
            through the vertex, or of later ones, means nothing.
        ends: out, [crossings, 2], the negative and the positive end of each edge that was cut.
        share: out, [crossings], where on the edge from the first end to the second.

    Returns:
        The number of new vertices, or -1 where the complex contradicts itself: values within
        rounding of each other had signs that no hyperplane has.
    """
    k = zero.shape[1]
    back_slot = np.empty(len(ends), np.int32)
    back_side = np.empty(len(ends), np.int32)
    slot = np.empty(len(ends), np.int32)
    new = vertices
    for v in range(vertices):
        if value[v] > 0:
            continue
        for j in range(k):
            for s in range(2):
                w = neighbour[v, j, s]
                if w < 0 or w >= vertices or not value[w] > 0:
                    continue
                q = new - vertices
                at = value[v] / (value[v] - value[w])
                ends[q, 0] = v
                ends[q, 1] = w
                share[q] = at
                slot[q] = j
                for i in range(k):
                    point[new, i] = (1 - at) * point[v, i] + at * point[w, i]
                    zero[new, i] = zero[v, i]
                    neighbour[new, i, 0] = OUTSIDE if zero[v, i] < facets else UNSET
                    neighbour[new, i, 1] = UNSET
                for i in range(bits.shape[1]):
                    bits[new, i] = bits[v, i]
                if bits.shape[1] and zero[v, j] >= facets:
                    set_bit(bits, new, zero[v, j] - facets, s)
                zero[new, j] = hyperplane
                neighbour[new, j, 0] = v
                neighbour[new, j, 1] = w
                neighbour[v, j, s] = new
                found = False
                for i in range(k):
                    for side in range(2):
                        if neighbour[w, i, side] == v and not found:
                            neighbour[w, i, side] = new
                            back_slot[q] = i
                            back_side[q] = side
                            found = True
                if not found:
                    return -1
                new += 1
    # The cut crosses a 2-face on exactly two of its edges. From one, walk around the face through
    # its positive vertices to the other.
    for q in range(new - vertices):
        p = vertices + q
        for i in range(k):
            if i == slot[q]:
                continue
            for s in range(2):
                if neighbour[p, i, s] != UNSET:
                    continue
                u = ends[q, 1]
                release = zero[p, i]
                side = s
                kept = zero[u, back_slot[q]]
                kept_side = back_side[q]
                steps = 0
                while True:
                    at_slot = -1
                    for j in range(k):
                        if zero[u, j] == release:
                            at_slot = j
                    if at_slot < 0:
                        return -1
                    nxt = neighbour[u, at_slot, side]
                    if nxt < 0:
                        return -1
                    if nxt >= vertices:
                        break
                    other = -1
                    other_side = 0
                    for j in range(k):
                        for d in range(2):
                            if neighbour[nxt, j, d] == u:
                                other = zero[nxt, j]
                                other_side = d
                    if other < 0:
                        return -1
                    release = kept
                    side = kept_side
                    kept = other
                    kept_side = other_side
                    u = nxt
                    steps += 1
                    if steps > vertices:
                        return -1
                joined = -1
                for j in range(k):
                    if zero[nxt, j] == kept:
                        joined = j
                if joined < 0 or neighbour[nxt, joined, kept_side] != UNSET or nxt == p:
                    return -1
                neighbour[nxt, joined, kept_side] = p
                neighbour[p, i, s] = nxt
    return new - vertices


@compiled
def interpolate(values: Array, rows: Array, vertices: int, ends: Array, share: Array) -> None:
    """Values of the named comparisons at new vertices, [comparison, vertex], from their edges."""
    for r in rows:
        for q in range(len(ends)):
            at = share[q]
            values[r, vertices + q] = (1 - at) * values[r, ends[q, 0]] + at * values[r, ends[q, 1]]


@compiled
def keep_positive(
    value: Array, point: Array, zero: Array, neighbour: Array, vertices: int, new: int
) -> int:
    """Drops the negative side of the last cut, whose `new` vertices come last, in place."""
    k = zero.shape[1]
    total = vertices + new
    place = np.empty(total, np.int32)
    kept = 0
    for v in range(total):
        if v >= vertices or value[v] > 0:
            place[v] = kept
            kept += 1
        else:
            place[v] = OUTSIDE
    for v in range(total):
        to = place[v]
        if to < 0:
            continue
        for j in range(k):
            point[to, j] = point[v, j]
            zero[to, j] = zero[v, j]
            for s in range(2):
                w = neighbour[v, j, s]
                neighbour[to, j, s] = place[w] if w >= 0 else OUTSIDE
    return kept


@compiled
def count_cells(height: Array, neighbour: Array, vertices: int) -> int:
    """Cells, counted by their lowest vertices."""
    k = neighbour.shape[1]
    total = 0
    for v in range(vertices):
        here = 1
        for j in range(k):
            up = 0
            for s in range(2):
                w = neighbour[v, j, s]
                if w >= 0 and height[w] > height[v]:
                    up += 1
            here *= up
            if here == 0:
                break
        total += here
    return total


@compiled
def bottoms(
    height: Array,
    point: Array,
    neighbour: Array,
    vertices: int,
    bottom: Array,
    sides: Array,
    interior: Array,
    radius: Array,
) -> None:
    """For each cell its lowest vertex, on which side of each slot it lies, and a ball inside it.

    In general position the cells around a vertex are told apart by the sides of its k slots, and
    the edges of such a cell are those on its sides. So a vertex is the lowest of a cell exactly
    when all k of them rise. The ball is the one inscribed to the simplex of the vertex and its k
    neighbours in the cell.
    """
    k = neighbour.shape[1]
    up = np.empty((k, 2), np.int32)
    ups = np.empty(k, np.int32)
    choice = np.empty(k, np.int32)
    edges = np.empty((k, k))
    cell = 0
    for v in range(vertices):
        here = 1
        for j in range(k):
            ups[j] = 0
            for s in range(2):
                w = neighbour[v, j, s]
                if w >= 0 and height[w] > height[v]:
                    up[j, ups[j]] = s
                    ups[j] += 1
            here *= ups[j]
            if here == 0:
                break
        for index in range(here):
            rest = index
            code = 0
            for j in range(k):
                choice[j] = up[j, rest % ups[j]]
                rest //= ups[j]
                code |= choice[j] << j
                w = neighbour[v, j, choice[j]]
                for i in range(k):
                    edges[j, i] = point[w, i] - point[v, i]
            bottom[cell] = v
            sides[cell] = code
            radius[cell] = inscribed(edges, interior[cell])
            for i in range(k):
                interior[cell, i] += point[v, i]
            cell += 1


@compiled
def inscribed(edges: Array, center: Array) -> float:
    """Radius of the ball inscribed to the simplex of the origin and the rows of `edges`.

    Its centre goes to `center`. A flat simplex has the radius 0 and its centroid.
    """
    k = edges.shape[0]
    work = np.empty((k, 2 * k))
    for i in range(k):
        for j in range(k):
            work[i, j] = edges[i, j]
            work[i, k + j] = 1.0 if i == j else 0.0
    flat = False
    for c in range(k):
        pivot = c
        for r in range(c + 1, k):
            if abs(work[r, c]) > abs(work[pivot, c]):
                pivot = r
        if work[pivot, c] == 0:
            flat = True
            break
        if pivot != c:
            for j in range(2 * k):
                held = work[c, j]
                work[c, j] = work[pivot, j]
                work[pivot, j] = held
        scale = 1 / work[c, c]
        for j in range(2 * k):
            work[c, j] *= scale
        for r in range(k):
            if r != c:
                factor = work[r, c]
                if factor != 0:
                    for j in range(2 * k):
                        work[r, j] -= factor * work[c, j]
    total = 0.0
    norms = np.zeros(k)
    if not flat:
        last = 0.0
        for i in range(k):
            summed = 0.0
            for j in range(k):
                # Column j of the inverse is the gradient of barycentric coordinate j.
                norms[j] += work[i, k + j] ** 2
                summed += work[i, k + j]
            last += summed * summed
        total = np.sqrt(last)
        for j in range(k):
            norms[j] = np.sqrt(norms[j])
            total += norms[j]
    usable = not flat and np.isfinite(total)
    for i in range(k):
        center[i] = 0.0
        for j in range(k):
            weight = norms[j] / total if usable else 1.0 / (k + 1)
            center[i] += weight * edges[j, i]
    return 1 / total if usable else 0.0


@compiled
def set_bit(bits: Array, row: int, bit: int, value: int) -> None:
    """Sets one bit of a packed row, the lowest bit of a byte first."""
    if value:
        bits[row, bit >> 3] |= np.uint8(1 << (bit & 7))
    else:
        bits[row, bit >> 3] &= np.uint8(255 ^ (1 << (bit & 7)))


@compiled
def mark(bits: Array, value: Array, bit: int, vertices: int) -> None:
    """Notes at which vertices a hyperplane is positive."""
    place = bit >> 3
    one = np.uint8(1 << (bit & 7))
    for v in range(vertices):
        if value[v] > 0:
            bits[v, place] |= one
        else:
            bits[v, place] &= ~one


@compiled
def patterns(
    bits: Array, zero: Array, facets: int, bottom: Array, sides: Array, packed: Array
) -> None:
    """Which hyperplanes are positive on each cell, packed, from one of its vertices."""
    for cell in range(len(bottom)):
        v = bottom[cell]
        for i in range(bits.shape[1]):
            packed[cell, i] = bits[v, i]
        for j in range(zero.shape[1]):
            if zero[v, j] >= facets:
                set_bit(packed, cell, zero[v, j] - facets, (sides[cell] >> j) & 1)
