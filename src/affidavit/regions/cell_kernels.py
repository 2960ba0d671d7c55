"""Vertices, volumes and facets of the cells of a simple complex: the compiled loops.

Terms as in `skeleton_kernels`. Within a cell, the side of a hyperplane is the same at all of the
cell's vertices; the walk below carries it from vertex to vertex.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affidavit.graph.compiled import compiled

Array = np.ndarray[Any, Any]


@compiled
def walk(
    zero: Array, neighbour: Array, bottom: int, sides: int, found: Array, codes: Array, seen: Array
) -> int:
    """All vertices of a cell, from one of them.

    Args:
        bottom, sides: a vertex of the cell, and the cell's side of each of its slots as bits.
        found, codes: out, the vertices and the cell's sides at each.
        seen: an open-addressing table of -1, of a power of two entries; left as it was.

    Returns:
        The number of vertices, or -1 where `found` has no room for them.
    """
    k = zero.shape[1]
    mask = len(seen) - 1
    room = min(len(found), len(seen) // 2)
    found[0] = bottom
    codes[0] = sides
    seen[(bottom * 40503) & mask] = bottom
    count = 1
    done = 0
    while done < count:
        v = found[done]
        code = codes[done]
        done += 1
        for j in range(k):
            w = neighbour[v, j, (code >> j) & 1]
            place = (w * 40503) & mask
            while seen[place] != -1 and seen[place] != w:
                place = (place + 1) & mask
            if seen[place] == w:
                continue
            if count == room:
                seen[:] = -1
                return -1
            seen[place] = w
            there = 0
            for i in range(k):
                side = -1
                for m in range(k):
                    if m != j and zero[v, m] == zero[w, i]:
                        side = (code >> m) & 1
                if side < 0:
                    side = 0 if neighbour[w, i, 0] == v else 1
                there |= side << i
            found[count] = w
            codes[count] = there
            count += 1
    # Entries of a cluster may only be cleared together: any order empties all of them.
    for i in range(count):
        place = (found[i] * 40503) & mask
        while seen[place] != -1:
            seen[place] = -1
            place = (place + 1) & mask
    return count


@compiled
def rooms(size: int) -> tuple[Array, Array, Array]:
    """Room for a walk to that many vertices."""
    found, codes = np.empty(size, np.int32), np.empty(size, np.int64)
    return found, codes, np.full(2 * size, -1, np.int32)


@compiled
def walk_all(
    zero: Array, neighbour: Array, bottom: int, sides: int, found: Array, codes: Array, seen: Array
) -> tuple[int, Array, Array, Array]:
    """As `walk`, with more room where it is needed: the number of vertices and the rooms."""
    count = walk(zero, neighbour, bottom, sides, found, codes, seen)
    while count < 0:
        found, codes, seen = rooms(4 * len(found))
        count = walk(zero, neighbour, bottom, sides, found, codes, seen)
    return count, found, codes, seen


@compiled
def volumes(
    point: Array,
    zero: Array,
    neighbour: Array,
    bottom: Array,
    sides: Array,
    direction: Array,
    volume: Array,
    doubt: Array,
    counts: Array,
) -> None:
    """Volume of each cell by Lawrence's formula, the number of its vertices, and its cancellation.

    The volume of a simple polytope is the sum, over its vertices v with edge vectors e_1, …, e_k,
    of (-1)^k (c·v)^k |det e| / (k! Π c·e_j), for any c not orthogonal to an edge. `doubt`, times
    the rounding unit, estimates the error: each term's size times how blurred its edges are.
    """
    k = point.shape[1]
    factorial = 1.0
    for i in range(2, k + 1):
        factorial *= i
    found, codes, seen = rooms(1 << 8)
    edges = np.empty((k, k))
    for cell in range(len(bottom)):
        count, found, codes, seen = walk_all(
            zero, neighbour, bottom[cell], sides[cell], found, codes, seen
        )
        total = 0.0
        absolute = 0.0
        origin = point[bottom[cell]]
        for n in range(count):
            v = found[n]
            height = 0.0
            for i in range(k):
                height += direction[i] * (point[v, i] - origin[i])
            product = 1.0
            blur = 1.0
            for j in range(k):
                w = neighbour[v, j, (codes[n] >> j) & 1]
                rise = 0.0
                length = 0.0
                for i in range(k):
                    edges[j, i] = point[w, i] - point[v, i]
                    rise += direction[i] * edges[j, i]
                    length = max(length, abs(edges[j, i]))
                if length > 0:
                    for i in range(k):
                        edges[j, i] /= length
                    rise /= length
                product *= -rise
                # Short edges, and edges across the direction, are known less well.
                blur += 1 / max(length * abs(rise), 1e-300)
            term = abs(determinant(edges)) * height**k / product if product != 0 else 0.0
            if product == 0 and height != 0:
                absolute = np.inf
            total += term
            absolute += abs(term) * blur
        volume[cell] = total / factorial
        doubt[cell] = absolute / factorial
        counts[cell] = count


@compiled
def determinant(matrix: Array) -> float:
    """Determinant by elimination, in place."""
    k = matrix.shape[0]
    result = 1.0
    for c in range(k):
        pivot = c
        for r in range(c + 1, k):
            if abs(matrix[r, c]) > abs(matrix[pivot, c]):
                pivot = r
        if matrix[pivot, c] == 0:
            return 0.0
        if pivot != c:
            for j in range(c, k):
                held = matrix[c, j]
                matrix[c, j] = matrix[pivot, j]
                matrix[pivot, j] = held
            result = -result
        result *= matrix[c, c]
        for r in range(c + 1, k):
            factor = matrix[r, c] / matrix[c, c]
            if factor != 0:
                for j in range(c + 1, k):
                    matrix[r, j] -= factor * matrix[c, j]
    return result


@compiled
def vertices(
    zero: Array, neighbour: Array, bottom: Array, sides: Array, start: Array, out: Array
) -> None:
    """Vertices of each cell, `out[start[cell] : start[cell + 1]]`, as numbers in the complex."""
    most = 1
    for cell in range(len(bottom)):
        most = max(most, start[cell + 1] - start[cell])
    size = 4
    while size < 2 * most + 2:
        size *= 2
    found = np.empty(most + 1, np.int32)
    codes = np.empty(most + 1, np.int64)
    seen = np.full(size, -1, np.int32)
    for cell in range(len(bottom)):
        count = walk(zero, neighbour, bottom[cell], sides[cell], found, codes, seen)
        for n in range(count):
            out[start[cell] + n] = found[n]


@compiled
def facets(
    zero: Array,
    neighbour: Array,
    height: Array,
    bottom: Array,
    sides: Array,
    most: int,
    hyperplanes: Array,
    keys: Array,
    owner: Array,
) -> int:
    """The facets of all cells, each with a key that the cell on its other side gives it too.

    A facet's key is its lowest vertex, with the cell's sides there but for the facet's own slot.

    Args:
        most: largest number of vertices of a cell.
        hyperplanes, keys, owner: out, [facet], [facet, 3], [facet].

    Returns:
        The number of facets, or minus that where the arrays have no room.
    """
    k = zero.shape[1]
    size = 4
    while size < 2 * most + 2:
        size *= 2
    found = np.empty(most + 1, np.int32)
    codes = np.empty(most + 1, np.int64)
    seen = np.full(size, -1, np.int32)
    here = np.empty(k * (most + 1), np.int32)
    lowest = np.empty((k * (most + 1), 3), np.int64)
    total = 0
    for cell in range(len(bottom)):
        count = walk(zero, neighbour, bottom[cell], sides[cell], found, codes, seen)
        seen_facets = 0
        for n in range(count):
            v = found[n]
            for j in range(k):
                at = -1
                for f in range(seen_facets):
                    if here[f] == zero[v, j]:
                        at = f
                if at < 0:
                    at = seen_facets
                    here[at] = zero[v, j]
                    lowest[at, 0] = v
                    lowest[at, 1] = codes[n] & ~(1 << j)
                    lowest[at, 2] = j
                    seen_facets += 1
                elif height[v] < height[lowest[at, 0]]:
                    lowest[at, 0] = v
                    lowest[at, 1] = codes[n] & ~(1 << j)
                    lowest[at, 2] = j
        for f in range(seen_facets):
            if total < len(owner):
                hyperplanes[total] = here[f]
                keys[total] = lowest[f]
                owner[total] = cell
            total += 1
    return total if total <= len(owner) else -total


@compiled
def centroids(
    point: Array, zero: Array, neighbour: Array, bottom: Array, sides: Array, center: Array
) -> None:
    """The mean of each cell's vertices."""
    k = point.shape[1]
    found, codes, seen = rooms(1 << 8)
    for cell in range(len(bottom)):
        count, found, codes, seen = walk_all(
            zero, neighbour, bottom[cell], sides[cell], found, codes, seen
        )
        for i in range(k):
            center[cell, i] = 0.0
            for n in range(count):
                center[cell, i] += point[found[n], i] / count
