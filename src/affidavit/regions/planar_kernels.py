"""Cutting convex polygons by the comparisons that cross them: the compiled loops.

A bundle of polygons is `start`, `point` and `label`: the vertices of polygon i, counter-clockwise,
are `point[start[i] : start[i + 1]]`; `label` belongs to the edge from a vertex to the next. Label
-1 - h is facet h of the domain; each cut has a number n of its own, and labels its edge 2 n on the
one side and 2 n + 1 on the other.

Everything about one polygon stays in cache: a polygon that is cut hands on to its halves only the
comparisons that still cross them, by their values at the vertices, which are affine along edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affidavit.graph.compiled import compiled

Array = np.ndarray[Any, Any]

FINISHED = -1
"""Stands for the number of comparisons done where none is left."""

_SAME = 4 * 2.0**-52
"""Vertices this close in every coordinate are one."""


@compiled
def distinct(bits: Array, vertex: Array, first: Array) -> int:
    """Numbers distinct points.

    Args:
        bits: coordinates of points, as integers, [point, 2].
        vertex: out, number of each point.
        first: out, of each number the first point that has it.

    Returns:
        How many are distinct.
    """
    size = 16
    while size < 2 * len(bits):
        size *= 2
    mask = np.uint64(size - 1)
    slots = np.full(size, -1, np.int32)
    count = 0
    for i in range(len(bits)):
        mixed = np.uint64(bits[i, 0]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed = (mixed + np.uint64(bits[i, 1])) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        at = mixed & mask
        while slots[at] >= 0:
            other = first[slots[at]]
            if bits[other, 0] == bits[i, 0] and bits[other, 1] == bits[i, 1]:
                break
            at = (at + np.uint64(1)) & mask
        if slots[at] < 0:
            slots[at] = count
            first[count] = i
            count += 1
        vertex[i] = slots[at]
    return count


@compiled
def signs(table: Array, noise: Array, positive: Array, negative: Array) -> None:
    """Which comparisons are above and below zero, beyond noise, one bit each.

    Args:
        table: [vertex, comparison].
        noise: of each comparison, values up to which it counts as zero.
        positive, negative: out, uint64, [vertex, word].
    """
    n = table.shape[1]
    for v in range(len(table)):
        for word in range(positive.shape[1]):
            above = np.uint64(0)
            below = np.uint64(0)
            for j in range(64 * word, min(n, 64 * word + 64)):
                bit = np.uint64(j - 64 * word)
                above |= np.uint64(table[v, j] > noise[j]) << bit
                below |= np.uint64(table[v, j] < -noise[j]) << bit
            positive[v, word] = above
            negative[v, word] = below


@compiled
def wider(array: Array, needed: int) -> Array:
    """The array, moved into more room."""
    wide = np.empty(max(needed, 2 * len(array)), array.dtype)
    wide[: len(array)] = array
    return wide


@compiled
def crossing(
    point: Array,
    vertex: Array,
    table: Array,
    positive: Array,
    negative: Array,
    rank: Array,
    done: int,
    noise: Array,
    thin: float,
    snap: float,
    found: Array,
    graze: Array,
    near: Array,
) -> int:
    """The comparisons that cross one polygon deeper than `thin` on either side.

    Args:
        point, vertex: the polygon's vertices, and their rows in the table.
        noise: see `signs`.
        rank: place of each comparison in the order of cuts; the first `done` are past.
        found: out, the comparisons, in the order of cuts.
        graze, near: out, for each comparison: values up to which it only grazes a polygon, and up
            to which it counts as passing through a vertex.

    Returns:
        How many.
    """
    k = len(point)
    area = 0.0
    around = 0.0
    for i in range(k):
        j = i + 1 if i + 1 < k else 0
        dx, dy = point[j, 0] - point[i, 0], point[j, 1] - point[i, 1]
        area += (point[i, 0] - point[0, 0]) * dy - (point[i, 1] - point[0, 1]) * dx
        around += np.sqrt(dx * dx + dy * dy)
    # The radius of a ball in a convex body is at most twice its area by its perimeter.
    if area <= thin * around:
        return 0
    count = 0
    for word in range(positive.shape[1]):
        above = np.uint64(0)
        below = np.uint64(0)
        for i in range(k):
            above |= positive[vertex[i], word]
            below |= negative[vertex[i], word]
        both = above & below
        c = 64 * word
        while both != np.uint64(0):
            if both & np.uint64(1) and rank[c] >= done:
                # The slope of an affine function, by Green's theorem.
                sx = 0.0
                sy = 0.0
                high = 0.0
                low = 0.0
                for i in range(k):
                    j = i + 1 if i + 1 < k else 0
                    value = table[vertex[i], c]
                    middle = value + table[vertex[j], c]
                    sx += middle * (point[j, 1] - point[i, 1])
                    sy += middle * (point[i, 0] - point[j, 0])
                    high = max(high, value)
                    low = min(low, value)
                slope = np.sqrt(sx * sx + sy * sy) / area
                bound = max(thin * slope, noise[c])
                if high > bound and low < -bound:
                    graze[c] = bound
                    near[c] = max(snap * slope, noise[c])
                    found[count] = c
                    count += 1
            both >>= np.uint64(1)
            c += 1
    if count > 24:
        found[:count] = found[:count][np.argsort(rank[found[:count]])]
    else:
        for i in range(1, count):
            held = found[i]
            j = i
            while j and rank[found[j - 1]] > rank[held]:
                found[j] = found[j - 1]
                j -= 1
            found[j] = held
    return count


@compiled
def border(value: Array, near: float, start: int, stop: int, sign: float) -> tuple[int, bool]:
    """Where values fall through zero on the way around from one vertex to another.

    Args:
        value: at each vertex.
        near: values up to which a vertex counts as lying there.
        start, stop: vertices with `sign * value` above `near` and below `-near`.

    Returns:
        A vertex that lies there, and False; or the first vertex of the edge that crosses, and True.
    """
    k = len(value)
    i = start
    best = -1
    while True:
        following = i + 1 if i + 1 < k else 0
        v = sign * value[following]
        if v < -near:
            return (best, False) if best >= 0 else (i, True)
        if v > near:
            best = -1
        elif best < 0 or abs(v) < abs(value[best]):
            best = following
        i = following
        if i == stop:
            return i, False


@compiled
def meet(px: Array, py: Array, values: Array, count: int, a: int, b: int, out: int) -> None:
    """The point of an edge where the first comparison is zero, and all values there.

    The same numbers come out whichever polygon beside the edge asks.
    """
    if px[a] > px[b] or (px[a] == px[b] and py[a] > py[b]):
        a, b = b, a
    share = values[a, 0] / (values[a, 0] - values[b, 0])
    px[out] = px[a] + share * (px[b] - px[a])
    py[out] = py[a] + share * (py[b] - py[a])
    for j in range(count):
        values[out, j] = values[a, j] + share * (values[b, j] - values[a, j])


@compiled
def split_all(
    start: Array,
    point: Array,
    label: Array,
    done: Array,
    vertex: Array,
    table: Array,
    positive: Array,
    negative: Array,
    rank: Array,
    noise: Array,
    thin: float,
    snap: float,
    most: int,
    room: int,
    cuts: int,
) -> tuple[int, int, Array, Array, Array, Array, Array]:
    """Cuts polygons by the comparisons of a stage, until the parts have more than `room` vertices.

    Args:
        start, point, label: the polygons.
        done: comparisons, in the order of cuts, that each is past.
        vertex, table, positive, negative: see `distinct` and `signs`.
        rank, noise, thin, snap: see `crossing`.
        most: comparisons to cut one polygon by; the others are left for another round.
        cuts: the number of cuts so far.

    Returns:
        The polygon that comes next, the number of cuts, and the parts: start, point, label, done,
        and the polygon that each is a part of.
    """
    n = table.shape[1]
    found = np.empty(n, np.int64)
    graze = np.empty(n)
    near = np.empty(n)
    out_start = np.zeros(1024, np.int64)
    out_done = np.empty(1024, np.int64)
    out_parent = np.empty(1024, np.int64)
    out_x, out_y = np.empty(4096), np.empty(4096)
    out_label = np.empty(4096, np.int64)
    parts = 0
    used = 0
    # The stack: each frame is vertices, comparisons and values [vertex, comparison].
    stack_x, stack_y = np.empty(256), np.empty(256)
    stack_label = np.empty(256, np.int64)
    stack_list = np.empty(256, np.int64)
    stack_value = np.empty(1024)
    frames = np.empty((64, 2), np.int64)
    # The polygon at hand, and room for the two vertices of a cut.
    px, py = np.empty(64), np.empty(64)
    plabel = np.empty(64, np.int64)
    members, labels = np.empty(64, np.int64), np.empty(64, np.int64)
    list_ = np.empty(64, np.int64)
    kept = np.empty(64, np.int64)
    high, low = np.empty(64), np.empty(64)
    values = np.empty((8, 8))
    cell = 0
    while cell < len(start) - 1 and used <= room:
        s, e = start[cell], start[cell + 1]
        k = e - s
        count = crossing(
            point[s:e],
            vertex[s:e],
            table,
            positive,
            negative,
            rank,
            done[cell],
            noise,
            thin,
            snap,
            found,
            graze,
            near,
        )
        past = FINISHED
        if count > most:
            past = rank[found[most]]
            count = most
        if k > len(stack_x):
            stack_x, stack_y = wider(stack_x, k), wider(stack_y, k)
            stack_label = wider(stack_label, k)
        if count > len(stack_list):
            stack_list = wider(stack_list, count)
        if k * count > len(stack_value):
            stack_value = wider(stack_value, k * count)
        for i in range(k):
            stack_x[i], stack_y[i] = point[s + i, 0], point[s + i, 1]
            stack_label[i] = label[s + i]
            for j in range(count):
                stack_value[i * count + j] = table[vertex[s + i], found[j]]
        stack_list[:count] = found[:count]
        frames[0] = k, count
        depth = 1
        tops, topc, topv = k, count, k * count
        while depth:
            depth -= 1
            k, count = frames[depth]
            tops -= k
            topc -= count
            topv -= k * count
            if count == 0:
                # Of vertices that rounding made one, the last stays.
                if used + k > len(out_x):
                    out_x, out_y = wider(out_x, used + k), wider(out_y, used + k)
                    out_label = wider(out_label, used + k)
                begin = used
                for i in range(k):
                    a, b = tops + i, tops + (i + 1 if i + 1 < k else 0)
                    if (
                        abs(stack_x[a] - stack_x[b]) <= _SAME
                        and abs(stack_y[a] - stack_y[b]) <= _SAME
                    ):
                        continue
                    out_x[used], out_y[used] = stack_x[a], stack_y[a]
                    out_label[used] = stack_label[a]
                    used += 1
                if used - begin < 3:
                    used = begin
                    continue
                if parts + 1 == len(out_start):
                    out_start, out_done = wider(out_start, 0), wider(out_done, 0)
                    out_parent = wider(out_parent, 0)
                out_done[parts] = past
                out_parent[parts] = cell
                parts += 1
                out_start[parts] = used
                continue
            if k + 2 > len(px):
                px, py, plabel = wider(px, k + 2), wider(py, k + 2), wider(plabel, k + 2)
                members, labels = wider(members, k + 2), wider(labels, k + 2)
            if count > len(list_):
                list_, kept = wider(list_, count), wider(kept, count)
                high, low = wider(high, count), wider(low, count)
            if k + 2 > values.shape[0] or count > values.shape[1]:
                values = np.empty((max(k + 2, values.shape[0]), max(2 * count, values.shape[1])))
            for i in range(k):
                px[i], py[i] = stack_x[tops + i], stack_y[tops + i]
                plabel[i] = stack_label[tops + i]
                for j in range(count):
                    values[i, j] = stack_value[topv + i * count + j]
            list_[:count] = stack_list[topc : topc + count]
            top, bottom = 0, 0
            for i in range(1, k):
                if values[i, 0] > values[top, 0]:
                    top = i
                if values[i, 0] < values[bottom, 0]:
                    bottom = i
            close = near[list_[0]]
            down, new_down = border(values[:k, 0], close, top, bottom, 1.0)
            up, new_up = border(values[:k, 0], close, bottom, top, -1.0)
            at_down, at_up = down, up
            if new_down:
                at_down = k
                meet(px, py, values, count, down, down + 1 if down + 1 < k else 0, k)
            if new_up:
                at_up = k + 1
                meet(px, py, values, count, up, up + 1 if up + 1 < k else 0, k + 1)
            for half in range(2):
                # From where the half begins, around, to where it ends.
                first, last = (up, down) if half == 0 else (down, up)
                begin, end = (at_up, at_down) if half == 0 else (at_down, at_up)
                ends_new = new_down if half == 0 else new_up
                members[0], labels[0] = begin, plabel[first]
                size = 1
                i = first + 1 if first + 1 < k else 0
                while i != last:
                    members[size], labels[size] = i, plabel[i]
                    size += 1
                    i = i + 1 if i + 1 < k else 0
                if ends_new:
                    members[size], labels[size] = last, plabel[last]
                    size += 1
                members[size], labels[size] = end, 2 * cuts + half
                size += 1
                for j in range(1, count):
                    high[j] = low[j] = 0.0
                for i in range(size):
                    row = members[i]
                    for j in range(1, count):
                        high[j] = max(high[j], values[row, j])
                        low[j] = min(low[j], values[row, j])
                left = 0
                for j in range(1, count):
                    bound = graze[list_[j]]
                    if high[j] > bound and low[j] < -bound:
                        kept[left] = j
                        left += 1
                if tops + size > len(stack_x):
                    stack_x, stack_y = wider(stack_x, tops + size), wider(stack_y, tops + size)
                    stack_label = wider(stack_label, tops + size)
                if topc + left > len(stack_list):
                    stack_list = wider(stack_list, topc + left)
                if topv + size * left > len(stack_value):
                    stack_value = wider(stack_value, topv + size * left)
                if depth == len(frames):
                    old = frames
                    frames = np.empty((2 * depth, 2), np.int64)
                    frames[:depth] = old
                for i in range(size):
                    row = members[i]
                    stack_x[tops + i], stack_y[tops + i] = px[row], py[row]
                    stack_label[tops + i] = labels[i]
                    for j in range(left):
                        stack_value[topv + i * left + j] = values[row, kept[j]]
                for j in range(left):
                    stack_list[topc + j] = list_[kept[j]]
                frames[depth] = size, left
                depth += 1
                tops += size
                topc += left
                topv += size * left
            cuts += 1
        cell += 1
    points = np.empty((used, 2))
    points[:, 0] = out_x[:used]
    points[:, 1] = out_y[:used]
    return (
        cell,
        cuts,
        out_start[: parts + 1].copy(),
        points,
        out_label[:used].copy(),
        out_done[:parts].copy(),
        out_parent[:parts].copy(),
    )


@compiled
def sides(
    start: Array,
    point: Array,
    vertex: Array,
    table: Array,
    positive: Array,
    noise: Array,
    parent: Array,
    center: Array,
    done: Array,
    offset: int,
    pattern: Array,
) -> None:
    """Which comparisons are positive in each part of a polygon, where none is left to cut it.

    Args:
        start, point, vertex, table, positive, noise: see `split_all`.
        parent, center, done: of each part: its polygon, a point inside, and what it is past.
        offset: place of the first comparison in the patterns.
        pattern: uint64, [part, word]; bits of the comparisons are set in here.
    """
    n = table.shape[1]
    words = positive.shape[1]
    everywhere = np.empty(words, np.uint64)
    open_ = np.empty(n, np.int64)
    form = np.empty((n, 3))
    count = 0
    previous = -1
    shift = np.uint64(offset % 64)
    back = np.uint64(63) - shift
    for part in range(len(parent)):
        if done[part] != FINISHED:
            continue
        if parent[part] != previous:
            previous = parent[part]
            s, e = start[previous], start[previous + 1]
            count = 0
            for word in range(words):
                every = positive[vertex[s], word]
                any_ = every
                for i in range(s + 1, e):
                    every &= positive[vertex[i], word]
                    any_ |= positive[vertex[i], word]
                everywhere[word] = every
                some = any_ & ~every
                c = 64 * word
                while some != np.uint64(0):
                    if some & np.uint64(1):
                        affine(point[s:e], vertex[s:e], table[:, c], form[count])
                        open_[count] = c
                        count += 1
                    some >>= np.uint64(1)
                    c += 1
        for word in range(words):
            place = offset // 64 + word
            pattern[part, place] |= everywhere[word] << shift
            over = (everywhere[word] >> back) >> np.uint64(1)
            if over != np.uint64(0):
                pattern[part, place + 1] |= over
        for i in range(count):
            at = form[i, 0] * center[part, 0] + form[i, 1] * center[part, 1] + form[i, 2]
            if at > noise[open_[i]]:
                place = offset + open_[i]
                pattern[part, place // 64] |= np.uint64(1) << np.uint64(place % 64)


@compiled
def affine(point: Array, vertex: Array, values: Array, form: Array) -> None:
    """Slopes and constant of an affine function known at the vertices of a polygon."""
    k = len(point)
    area = 0.0
    form[:] = 0.0
    middle = 0.0
    mx = 0.0
    my = 0.0
    for i in range(k):
        j = i + 1 if i + 1 < k else 0
        dx, dy = point[j, 0] - point[i, 0], point[j, 1] - point[i, 1]
        area += (point[i, 0] - point[0, 0]) * dy - (point[i, 1] - point[0, 1]) * dx
        both = values[vertex[i]] + values[vertex[j]]
        form[0] += both * dy
        form[1] -= both * dx
        middle += values[vertex[i]] / k
        mx += point[i, 0] / k
        my += point[i, 1] / k
    if area > 1e-24:
        form[0] /= area
        form[1] /= area
    else:
        form[0] = form[1] = 0.0
    form[2] = middle - form[0] * mx - form[1] * my
