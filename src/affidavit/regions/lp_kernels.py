"""Splitting cells with small dense linear programs: the compiled loops.

A cell is a list of constraints `row · t <= bound` with rows of unit length, a point inside, and a
vertex as the basis of d constraints that hold there with equality. Every program starts from a
vertex that is known to be feasible, so the primal simplex method needs no first phase, and a cell
that is split hands a vertex to either half.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affidavit.graph.compiled import compiled

Array = np.ndarray[Any, Any]

OPTIMAL = 0
REACHED = 1
FAILED = 2

NO_ROOM = -1
STUCK = -2

_RECENTER = 1e-7
_ENOUGH = 1e-2


@compiled
def invert(rows: Array, basis: Array, inverse: Array) -> bool:
    """Inverse of the basis' rows by elimination with pivoting; False where it is singular."""
    d = len(basis)
    work = np.empty((d, d))
    for i in range(d):
        for j in range(d):
            work[i, j] = rows[basis[i], j]
            inverse[i, j] = 1.0 if i == j else 0.0
    for c in range(d):
        pivot = c
        for r in range(c + 1, d):
            if abs(work[r, c]) > abs(work[pivot, c]):
                pivot = r
        if abs(work[pivot, c]) < 1e-13:
            return False
        if pivot != c:
            for j in range(d):
                held = work[c, j]
                work[c, j] = work[pivot, j]
                work[pivot, j] = held
                held = inverse[c, j]
                inverse[c, j] = inverse[pivot, j]
                inverse[pivot, j] = held
        scale = 1 / work[c, c]
        for j in range(d):
            work[c, j] *= scale
            inverse[c, j] *= scale
        for r in range(d):
            if r != c:
                factor = work[r, c]
                if factor != 0:
                    for j in range(d):
                        work[r, j] -= factor * work[c, j]
                        inverse[r, j] -= factor * inverse[c, j]
    return True


@compiled
def maximise(
    rows: Array,
    bounds: Array,
    count: int,
    basis: Array,
    x: Array,
    cost: Array,
    offset: float,
    enough: float,
    inverse: Array,
    active: Array,
) -> int:
    """Largest `cost · t + offset` on a cell, by the primal simplex method from a vertex.

    Args:
        rows, bounds: the constraints; the first `count` are meant.
        basis, x: the vertex to start from; out, the vertex reached.
        enough: a value above which the search may stop.
        inverse, active: room for the basis' inverse, [d, d], and a flag a constraint.

    Returns:
        OPTIMAL with a dual certificate, REACHED (value above `enough`) or FAILED.
    """
    d = len(x)
    if not invert(rows, basis, inverse):
        return FAILED
    for i in range(count):
        active[i] = False
    for j in range(d):
        active[basis[j]] = True
    for i in range(d):
        x[i] = 0.0
        for j in range(d):
            x[i] += inverse[i, j] * bounds[basis[j]]
    dual = np.empty(d)
    move = np.empty(d)
    stalled = 0
    fresh = True
    for step in range(200 + 20 * (count + d)):
        value = offset
        for i in range(d):
            value += cost[i] * x[i]
        if value > enough:
            return REACHED
        leaving = -1
        worst = -1e-11
        for j in range(d):
            dual[j] = 0.0
            for i in range(d):
                dual[j] += cost[i] * inverse[i, j]
            # The steepest edge of the dual; after a stall the first index, which cannot cycle.
            if dual[j] < worst:
                if stalled < 2 * d:
                    worst = dual[j]
                    leaving = j
                elif leaving < 0 or basis[j] < basis[leaving]:
                    leaving = j
        if leaving < 0:
            # Weak duality proves the bound, if the duals are what they should be.
            worst = 0.0
            for i in range(d):
                rest = cost[i]
                for j in range(d):
                    rest -= dual[j] * rows[basis[j], i]
                worst = max(worst, abs(rest))
            if worst <= 1e-10:
                return OPTIMAL
            if fresh or not invert(rows, basis, inverse):
                return FAILED
            fresh = True
            continue
        for i in range(d):
            move[i] = -inverse[i, leaving]
        entering = -1
        shortest = np.inf
        for i in range(count):
            if active[i]:
                continue
            speed = 0.0
            slack = bounds[i]
            for j in range(d):
                speed += rows[i, j] * move[j]
                slack -= rows[i, j] * x[j]
            if speed > 1e-11:
                length = max(slack, 0.0) / speed
                if length < shortest:
                    shortest = length
                    entering = i
        if entering < 0:
            return FAILED
        stalled = stalled + 1 if shortest <= 1e-13 else 0
        for i in range(d):
            x[i] += shortest * move[i]
        # The entering row takes the leaving one's place in the inverse.
        for j in range(d):
            dual[j] = 0.0
            for i in range(d):
                dual[j] += rows[entering, i] * inverse[i, j]
        pivot = dual[leaving]
        for i in range(d):
            inverse[i, leaving] /= pivot
        for j in range(d):
            if j != leaving and dual[j] != 0:
                for i in range(d):
                    inverse[i, j] -= dual[j] * inverse[i, leaving]
        active[basis[leaving]] = False
        active[entering] = True
        basis[leaving] = entering
        fresh = False
        if step % 64 == 63:
            if not invert(rows, basis, inverse):
                return FAILED
            for i in range(d):
                x[i] = 0.0
                for j in range(d):
                    x[i] += inverse[i, j] * bounds[basis[j]]
            fresh = True
    return FAILED


@compiled
def recenter(rows: Array, bounds: Array, count: int, basis: Array, center: Array) -> float:
    """Centre and radius of the largest ball in a cell: a program in one more dimension.

    Returns:
        The radius, or -1 where the program failed; the centre is then left as it was.
    """
    d = rows.shape[1]
    wide = np.empty((count + 1, d + 1))
    right = np.empty(count + 1)
    for i in range(count):
        for j in range(d):
            wide[i, j] = rows[i, j]
        wide[i, d] = 1.0
        right[i] = bounds[i]
    for j in range(d):
        wide[count, j] = 0.0
    wide[count, d] = -1.0
    right[count] = 0.0
    start = np.empty(d + 1, np.int32)
    for j in range(d):
        start[j] = basis[j]
    start[d] = count
    x = np.empty(d + 1)
    cost = np.zeros(d + 1)
    cost[d] = 1.0
    inverse = np.empty((d + 1, d + 1))
    active = np.empty(count + 1, np.bool_)
    status = maximise(wide, right, count + 1, start, x, cost, 0.0, np.inf, inverse, active)
    if status != OPTIMAL:
        return -1.0
    for j in range(d):
        center[j] = x[j]
    return float(x[d])


@compiled
def split(
    rows: Array,
    bounds: Array,
    given: int,
    basis: Array,
    center: Array,
    slopes: Array,
    values: Array,
    thin: float,
    out_lists: Array,
    out_counts: Array,
    out_basis: Array,
    out_center: Array,
    out_radius: Array,
) -> int:
    """Splits one cell by the comparisons of a stage, depth first.

    Args:
        rows, bounds: constraints of the cell, the first `given`; then room for two a comparison,
            which are filled in here: given + 2 i holds where comparison i is negative, the next
            one where it is positive.
        basis, center: a vertex and a point inside.
        slopes, values: of the comparisons, at the centre.
        thin: depth up to which a hyperplane only grazes a cell.
        out_lists, out_counts, out_basis, out_center, out_radius: out, one a part: its constraints,
            how many, a vertex, a point inside and the radius of a ball around it.

    Returns:
        The number of parts; NO_ROOM, or STUCK where a program failed.
    """
    d = rows.shape[1]
    n = len(values)
    usable = np.empty(n, np.bool_)
    largest = 0.0
    for i in range(n):
        for j in range(d):
            largest = max(largest, abs(slopes[i, j]))
    for i in range(n):
        length = 0.0
        for j in range(d):
            length += slopes[i, j] ** 2
        length = np.sqrt(length)
        # A comparison without slope is constant, whatever rounding left of it.
        usable[i] = length > 1e-14 * largest and length > 0
        if not usable[i]:
            continue
        at = values[i] / length
        low = given + 2 * i
        for j in range(d):
            rows[low, j] = slopes[i, j] / length
            rows[low + 1, j] = -slopes[i, j] / length
            at -= rows[low, j] * center[j]
        # at + row · t is the comparison in units of distance.
        bounds[low] = -at
        bounds[low + 1] = at
    most = given + n
    lists = np.empty((n + 2, most), np.int32)
    counts = np.empty(n + 2, np.int32)
    bases = np.empty((n + 2, d), np.int32)
    points = np.empty((n + 2, d))
    nexts = np.empty(n + 2, np.int32)
    local = np.empty((most, d))
    local_bounds = np.empty(most)
    inverse = np.empty((d, d))
    active = np.empty(most, np.bool_)
    x = np.empty(d)
    y = np.empty(d)
    cost = np.empty(d)
    near = np.empty(d, np.int32)
    far = np.empty(d, np.int32)
    other = np.empty(d)
    for i in range(given):
        lists[0, i] = i
    counts[0] = given
    for j in range(d):
        bases[0, j] = basis[j]
        points[0, j] = center[j]
    nexts[0] = 0
    depth = 1
    parts = 0
    while depth:
        depth -= 1
        count = counts[depth]
        for i in range(count):
            for j in range(d):
                local[i, j] = rows[lists[depth, i], j]
            local_bounds[i] = bounds[lists[depth, i]]
        i = nexts[depth]
        while True:
            while i < n and not usable[i]:
                i += 1
            if i == n:
                break
            low = given + 2 * i
            here = -bounds[low]
            for j in range(d):
                here += rows[low, j] * points[depth, j]
            side = 1.0 if here > 0 else -1.0
            # The vertex at hand tells on which side to look for another.
            for j in range(d):
                near[j] = bases[depth, j]
                far[j] = bases[depth, j]
                cost[j] = -side * rows[low, j]
            status = maximise(
                local,
                local_bounds,
                count,
                far,
                x,
                cost,
                side * bounds[low],
                _ENOUGH,
                inverse,
                active,
            )
            if status == FAILED:
                return STUCK
            depth_found = side * bounds[low]
            for j in range(d):
                depth_found += cost[j] * x[j]
            if depth_found <= thin:
                for j in range(d):
                    bases[depth, j] = far[j]
                i += 1
                continue
            # It crosses. A vertex on the point's own side, unless the one at hand is there.
            for j in range(d):
                cost[j] = -cost[j]
            status = maximise(
                local,
                local_bounds,
                count,
                near,
                y,
                cost,
                -side * bounds[low],
                _ENOUGH,
                inverse,
                active,
            )
            if status == FAILED:
                return STUCK
            own = -side * bounds[low]
            for j in range(d):
                own += cost[j] * y[j]
            if own <= thin:
                # The cell is on the other side, but for a sliver around the point.
                reach = abs(here) + depth_found
                along = (abs(here) + depth_found / 2) / reach if reach > 0 else 0.5
                for j in range(d):
                    points[depth, j] += along * (x[j] - points[depth, j])
                    bases[depth, j] = far[j]
                i += 1
                continue
            # The half on the other side waits; the point's own half goes on.
            reach = abs(here) + depth_found
            along = (abs(here) + depth_found / 2) / reach
            for j in range(d):
                other[j] = points[depth, j] + along * (x[j] - points[depth, j])
            for c in range(count):
                lists[depth + 1, c] = lists[depth, c]
            for j in range(d):
                bases[depth + 1, j] = near[j]
                points[depth + 1, j] = points[depth, j]
                bases[depth, j] = far[j]
                points[depth, j] = other[j]
            lists[depth, count] = low if side > 0 else low + 1
            lists[depth + 1, count] = low + 1 if side > 0 else low
            counts[depth] = count + 1
            counts[depth + 1] = count + 1
            nexts[depth] = i + 1
            nexts[depth + 1] = i + 1
            for half in range(2):
                at = depth + half
                for j in range(d):
                    local[count, j] = rows[lists[at, count], j]
                local_bounds[count] = bounds[lists[at, count]]
                tight = inside(local, local_bounds, count + 1, points[at]) < _RECENTER
                if tight and recenter(local, local_bounds, count + 1, bases[at], points[at]) < 0:
                    return STUCK
            depth += 1
            count += 1
            i += 1
        if parts == len(out_counts):
            return NO_ROOM
        for c in range(count):
            out_lists[parts, c] = lists[depth, c]
        out_counts[parts] = count
        for j in range(d):
            out_basis[parts, j] = bases[depth, j]
            out_center[parts, j] = points[depth, j]
        out_radius[parts] = inside(local, local_bounds, count, points[depth])
        parts += 1
    return parts


@compiled
def inside(rows: Array, bounds: Array, count: int, point: Array) -> float:
    """Radius of the largest ball around a point within the first `count` constraints."""
    radius = np.inf
    for i in range(count):
        slack = bounds[i]
        for j in range(rows.shape[1]):
            slack -= rows[i, j] * point[j]
        radius = min(radius, slack)
    return radius


@compiled
def split_all(
    start: Array,
    rows: Array,
    bounds: Array,
    basis: Array,
    center: Array,
    slopes: Array,
    values: Array,
    thin: float,
    first: int,
    most: int,
    out_start: Array,
    out_rows: Array,
    out_bounds: Array,
    out_basis: Array,
    out_center: Array,
    out_radius: Array,
    out_parent: Array,
) -> tuple[int, int, int]:
    """Splits cells from the `first` on, until there is no more room for parts.

    Cell i has the constraints `rows[start[i] : start[i + 1]]`; parts are given likewise.

    Args:
        most: parts that one cell may have at first.

    Returns:
        The cell that comes next, the number of parts, and the status of `split` at that cell.
    """
    d = center.shape[1]
    n = values.shape[1]
    widest = 0
    for cell in range(first, len(center)):
        widest = max(widest, start[cell + 1] - start[cell])
    work = np.empty((widest + 2 * n, d))
    right = np.empty(widest + 2 * n)
    lists = np.empty((most, widest + n), np.int32)
    counts = np.empty(most, np.int32)
    bases = np.empty((most, d), np.int32)
    points = np.empty((most, d))
    radii = np.empty(most)
    total = 0
    used = 0
    for cell in range(first, len(center)):
        given = start[cell + 1] - start[cell]
        work[:given] = rows[start[cell] : start[cell + 1]]
        right[:given] = bounds[start[cell] : start[cell + 1]]
        parts = split(
            work,
            right,
            given,
            basis[cell],
            center[cell],
            slopes[cell],
            values[cell],
            thin,
            lists,
            counts,
            bases,
            points,
            radii,
        )
        if parts < 0:
            return cell, total, parts
        needed = 0
        for p in range(parts):
            needed += counts[p]
        if total + parts > len(out_radius) or used + needed > len(out_rows):
            return cell, total, 0
        for p in range(parts):
            out_start[total] = used
            for i in range(counts[p]):
                out_rows[used] = work[lists[p, i]]
                out_bounds[used] = right[lists[p, i]]
                used += 1
            out_basis[total] = bases[p]
            out_center[total] = points[p]
            out_radius[total] = radii[p]
            out_parent[total] = cell
            total += 1
        out_start[total] = used
    return len(center), total, 1
