"""Areas, inner balls and shared edges of convex polygons: the compiled loops.

Polygons and their labels are as in `planar_kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affidavit.graph.compiled import compiled

Array = np.ndarray[Any, Any]


@compiled
def measure(start: Array, point: Array, area: Array, center: Array, radius: Array) -> None:
    """Area and centroid of each polygon, and the radius of a ball around the centroid."""
    for cell in range(len(start) - 1):
        s, e = start[cell], start[cell + 1]
        total = 0.0
        cx = 0.0
        cy = 0.0
        mx = 0.0
        my = 0.0
        for i in range(s, e):
            ax, ay = point[i, 0] - point[s, 0], point[i, 1] - point[s, 1]
            mx += ax
            my += ay
            if i + 1 < e:
                bx, by = point[i + 1, 0] - point[s, 0], point[i + 1, 1] - point[s, 1]
                twice = max(ax * by - ay * bx, 0.0)
                total += twice
                cx += twice * (ax + bx)
                cy += twice * (ay + by)
        area[cell] = total / 2
        if total > 1e-24:
            center[cell, 0] = point[s, 0] + cx / (3 * total)
            center[cell, 1] = point[s, 1] + cy / (3 * total)
        else:
            center[cell, 0] = point[s, 0] + mx / (e - s)
            center[cell, 1] = point[s, 1] + my / (e - s)
        radius[cell] = room(point[s:e], center[cell])


@compiled
def room(point: Array, center: Array) -> float:
    """Distance from a point to the border of a convex polygon, 0 where it is not inside."""
    k = len(point)
    least = np.inf
    for i in range(k):
        j = i + 1 if i + 1 < k else 0
        dx, dy = point[j, 0] - point[i, 0], point[j, 1] - point[i, 1]
        hx, hy = center[0] - point[i, 0], center[1] - point[i, 1]
        length = dx * dx + dy * dy
        # Of a very short edge only the place is known, not the direction.
        if dx * hy - dy * hx <= 0 and length > 1e-20:
            return 0.0
        share = min(1.0, max(0.0, (hx * dx + hy * dy) / length)) if length > 0 else 0.0
        least = min(least, (hx - share * dx) ** 2 + (hy - share * dy) ** 2)
    return float(np.sqrt(least))


@compiled
def shared(
    order: Array,
    label: Array,
    owner: Array,
    begin: Array,
    end: Array,
    least: float,
    pairs: Array,
    met: Array,
    ends: Array,
) -> int:
    """Pairs of polygons on the two sides of each cut, with a piece of it in common.

    Args:
        order: edges that cuts made, sorted by label.
        label, owner: of each edge.
        begin, end: its points, [edge, 2].
        least: length of a common piece that counts.
        pairs: out, [pair, 2].
        met: out, whether each edge has a partner.
        ends: out, the two ends of each common piece, [pair, 2, 2].

    Returns:
        The number of pairs.
    """
    count = 0
    low = np.empty(len(order))
    high = np.empty(len(order))
    first = 0
    while first < len(order):
        cut = label[order[first]] >> 1
        middle = first
        while middle < len(order) and label[order[middle]] == 2 * cut:
            middle += 1
        last = middle
        while last < len(order) and label[order[last]] == 2 * cut + 1:
            last += 1
        longest = -1.0
        dx, dy = 1.0, 0.0
        for at in range(first, last):
            i = order[at]
            ex, ey = end[i, 0] - begin[i, 0], end[i, 1] - begin[i, 1]
            if ex * ex + ey * ey > longest:
                longest = ex * ex + ey * ey
                dx, dy = ex, ey
        length = max(np.sqrt(longest), 1e-300)
        for at in range(first, last):
            i = order[at]
            a = (begin[i, 0] * dx + begin[i, 1] * dy) / length
            b = (end[i, 0] * dx + end[i, 1] * dy) / length
            low[at], high[at] = min(a, b), max(a, b)
        # Both sides in order along the line; the one that ends first is passed.
        if middle - first > 1:
            sort(order, low, high, first, middle)
        if last - middle > 1:
            sort(order, low, high, middle, last)
        a, b = first, middle
        while a < middle and b < last:
            left, right = max(low[a], low[b]), min(high[a], high[b])
            if right - left > least:
                i = order[a]
                at = (begin[i, 0] * dx + begin[i, 1] * dy) / length
                for axis in range(2):
                    along = (dx if axis == 0 else dy) / length
                    ends[count, 0, axis] = begin[i, axis] + (left - at) * along
                    ends[count, 1, axis] = begin[i, axis] + (right - at) * along
                pairs[count, 0], pairs[count, 1] = owner[order[a]], owner[order[b]]
                met[order[a]] = met[order[b]] = True
                count += 1
            if high[a] < high[b]:
                a += 1
            else:
                b += 1
        first = last
    return count


@compiled
def sort(order: Array, low: Array, high: Array, first: int, last: int) -> None:
    """Brings the edges between two places into the order in which they begin."""
    ranked = np.argsort(low[first:last]) + first
    order[first:last] = order[ranked]
    low[first:last] = low[ranked]
    high[first:last] = high[ranked]
