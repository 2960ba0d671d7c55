"""The interactive map: one HTML file that needs nothing else, drawn on a canvas.

Polygons, borders, shares, weights and ranks travel as typed arrays in base64. A
Content-Security-Policy in the file lets the page's own script run and nothing else.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib.colors import to_hex

from affidavit.plotting import colours
from affidavit.regions.domain import Array
from affidavit.regions.feature_weights import ranked
from affidavit.regions.pictures.cells import Polygons, polygons
from affidavit.regions.pictures.weights import (
    Output,
    affine,
    class_names,
    decisions,
    feature_names,
    outputs_of,
    outputs_told_apart,
    widths,
)
from affidavit.regions.result import Partition

SHOWN = 12
"""Features whose weights travel with the page: those of largest total weight."""

_LARGEST = 20  # regions in the table
_STEPS = 33  # shades of a signed weight


def interactive_map(
    partition: Partition,
    *,
    output: Output | None = None,
    ranges: Any = None,
    names: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    title: str = "Linear regions",
) -> str:
    """A map to move in, as one self-contained HTML document.

    A region under the pointer or in the middle of the view tells its decision, share of the volume,
    affine map, weights and constraints. Polygons are exact to double precision; weights and shares
    are rounded to single precision for display.

    Args:
        partition: two features that vary.
        output: the output whose weights are shown, a pair (a, b) for how far a is above b, or None
            for the output that each region decides for (the only or first one without decisions).
        ranges: lower and upper bounds of all features, by which slopes become weights; by default
            the domain's, in which features held fixed weigh nothing.
        names, classes: names of all features and of the classes.

    Raises:
        DomainError: another number of features varies; an output, bounds or names that do not fit.
    """
    told = outputs_told_apart(partition)
    if output is None and told is None:
        output = 0
    titles = tuple(map(_printable, feature_names(partition, names)))
    kinds = tuple(map(_printable, class_names(partition, classes)))
    drawn = polygons(partition)
    decided = None if told is None else decisions(partition)
    slopes, offsets = affine(partition, output)
    scale = widths(partition, ranges)
    weighed = slopes * scale
    share = partition.volumes / partition.volumes.sum()
    shown = np.argsort(-(share @ np.abs(weighed)), kind="stable")
    shown = np.sort(shown[:SHOWN][scale[shown[:SHOWN]] > 0])
    place = ranked(weighed)
    page = {
        "axes": [titles[feature] for feature in drawn.features],
        "lower": drawn.lower.tolist(),
        "upper": drawn.upper.tolist(),
        "regions": len(partition),
        "features": [titles[feature] for feature in shown],
        "widths": scale[shown].tolist(),
        "of": _of(output, kinds, outputs_of(partition)),
        "classes": list(kinds) if told else [],
        "classColours": [to_hex(shade) for shade in colours.of_classes(told or 1)],
        "rankColours": [to_hex(shade) for shade in colours.of_ranks(int((scale > 0).sum()))],
        "weightColours": [
            to_hex(shade) for shade in colours.of_weights(np.linspace(-1, 1, _STEPS), 1.0)
        ],
        "arrays": _arrays(drawn, decided)
        | {
            "share": _packed(share, np.float32),
            "offset": _packed(offsets, np.float32),
            "slope": _packed(slopes[:, shown].T, np.float32),
            "rank": _packed(place[:, shown].T, np.uint16),
        },
    }
    return _template().render(
        title=_printable(title),
        data=Markup(json.dumps(page).replace("<", "\\u003c")),  # noqa: S704 - escaped
        policy=_policy(),
        script=_asset("interactive.js"),
        style=_asset("interactive.css"),
        regions=len(partition),
        complete=partition.complete,
        reason=_printable(partition.reason),
        decided=partition.decided,
        axes=page["axes"],
        shares=_shares(share, decided, kinds),
        largest=_largest(share, decided, kinds, weighed, titles),
    )


def _arrays(drawn: Polygons, decided: np.ndarray | None) -> dict[str, Any]:
    """Pieces by their region's number, and borders, those of decisions last."""
    order = np.argsort(drawn.region, kind="stable")
    order = order[drawn.region[order] >= 0]
    sizes = np.diff(drawn.start)[order]
    begins = np.repeat(drawn.start[:-1][order], sizes)
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    sides = drawn.sides
    thick = np.zeros(len(sides), bool)
    if decided is not None:
        thick = (sides >= 0).all(1) & (decided[sides[:, 0]] != decided[sides[:, 1]])
    arrays = {
        "point": _packed(drawn.points, np.float64),
        "size": _packed(sizes, np.uint16),
        "vertex": _packed(drawn.vertex[begins + within], np.uint32),
        "region": _packed(drawn.region[order], np.uint32),
        "border": _packed(drawn.borders[np.argsort(thick, kind="stable")], np.uint32),
        "thin": int((~thick).sum()),
    }
    if decided is not None:
        arrays["decision"] = _packed(decided, np.uint16)
    return arrays


def _packed(values: Array | np.ndarray, kind: Any) -> dict[str, str]:
    data = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
    return {"type": np.dtype(kind).name, "data": base64.b64encode(data.tobytes()).decode()}


def _of(output: Output | None, kinds: Sequence[str], outputs: int) -> str:
    def name(number: int) -> str:
        return kinds[number] if len(kinds) == outputs else f"output {number}"

    if output is None:
        return "the output decided for" if outputs > 1 else "the output"
    if isinstance(output, tuple):
        return f"{name(output[0])} above {name(output[1])}"
    return name(output)


def _shares(
    share: Array, decided: np.ndarray | None, kinds: Sequence[str]
) -> list[tuple[str, int, str]]:
    if decided is None:
        return []
    volumes = np.bincount(decided, share, len(kinds))
    counts = np.bincount(decided, minlength=len(kinds))
    return [
        (kind, int(count), _percent(volume))
        for kind, count, volume in zip(kinds, counts, volumes, strict=True)
    ]


def _largest(
    share: Array,
    decided: np.ndarray | None,
    kinds: Sequence[str],
    weighed: Array,
    names: Sequence[str],
) -> list[tuple[int, str, str, str]]:
    rows = []
    for region in np.argsort(-share, kind="stable")[:_LARGEST]:
        top = np.argsort(-np.abs(weighed[region]), kind="stable")[:3]
        text = ", ".join(f"{names[f]} {weighed[region, f]:.3g}" for f in top)
        kind = "" if decided is None else kinds[decided[region]]
        rows.append((int(region), kind, _percent(share[region]), text))
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _printable(text: str) -> str:
    """Without control characters, lone surrogates and marks that turn the direction of text."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _asset(name: str) -> Markup:
    place = resources.files("affidavit.regions.pictures") / "templates" / name
    return Markup(place.read_text(encoding="utf-8"))  # noqa: S704 - a file of this package


def _policy() -> str:
    digest = hashlib.sha256(_asset("interactive.js").encode()).digest()
    return (
        f"default-src 'none'; script-src 'sha256-{base64.b64encode(digest).decode()}'; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("affidavit.regions.pictures"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("interactive.html")
