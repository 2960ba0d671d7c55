"""A canvas in pixels that Matplotlib draws and that ends as clean, themable inline SVG.

Matplotlib's own SVG is made for a file of its own: fixed colours, fonts and ids that clash when
two figures share a page. Here every colour stands for a role and becomes a CSS variable, the
page's font applies, and ids carry the figure's key. The same drawing gives the same bytes.
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from affidavit.report.wording import one_line

ROLES = {
    "ink": "#010101",
    "muted": "#010102",
    "rule": "#010103",
    "band": "#010104",
    "accent": "#010105",
    "paper": "#010106",
    "holds": "#010107",
    "violated": "#010108",
    "undecided": "#010109",
}
"""Each role of a colour, as the placeholder that stands for `var(--role)` until the end."""

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_DPI = 72  # an SVG of Matplotlib counts in points: at 72 to the inch they are our pixels
_STYLE_COLOUR = re.compile("|".join(ROLES.values()))
_PLACEHOLDERS = {colour: f"var(--{role})" for role, colour in ROLES.items()}


class Canvas:
    """A drawing surface `width` x `height` pixels, y downwards. Ends with :meth:`svg`."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        self._axes = self._figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self._axes.set(xlim=(0, width), ylim=(height, 0))
        self._axes.set_axis_off()
        self._figure.patch.set_visible(False)
        self._images: list[dict[str, str]] = []

    def line(
        self, xs: Sequence[float], ys: Sequence[float], role: str, width: float = 1, dash: Any = "-"
    ) -> None:
        """A polyline."""
        self._add(Line2D(xs, ys, color=ROLES[role], linewidth=width, linestyle=dash))

    def marker(self, x: float, y: float, shape: str, role: str, size: float = 7) -> None:
        """A small filled sign, by Matplotlib's letter for its shape."""
        self._add(
            Line2D(
                [x],
                [y],
                linestyle="none",
                marker=shape,
                markersize=size,
                markerfacecolor=ROLES[role],
                markeredgecolor=ROLES["paper"],
                markeredgewidth=0.8,
            )
        )

    def boxes(
        self, boxes: Iterable[tuple[float, float, float, float]], role: str, alpha: float = 1
    ) -> None:
        """Filled rectangles (left, top, width, height), as one path however many there are."""
        vertices: list[tuple[float, float]] = []
        codes: list[Any] = []
        for left, top, width, height in boxes:
            right, bottom = left + width, top + height
            vertices += [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
            codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
        if vertices:
            path = Path(vertices, codes)
            self._add(PathPatch(path, facecolor=ROLES[role], alpha=alpha, linewidth=0))

    def image(self, left: float, top: float, width: float, height: float, png: str) -> None:
        """A PNG file in base64, its pixels kept apart, under all else."""
        place = {"x": left, "y": top, "width": width, "height": height}
        self._images.append(
            {name: f"{value:g}" for name, value in place.items()}
            | {
                "preserveAspectRatio": "xMidYMid meet",
                "style": "image-rendering: pixelated",
                "href": f"data:image/png;base64,{png}",
            }
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        role: str = "ink",
        *,
        size: float = 11,
        anchor: str = "left",
        turned: bool = False,
    ) -> None:
        """One line of text, vertically centred on `y`; `anchor` is its left, center or right."""
        self._axes.text(
            x,
            y,
            one_line(text),
            color=ROLES[role],
            fontsize=size,
            horizontalalignment=anchor,
            verticalalignment="center_baseline",
            rotation=90 if turned else 0,
            rotation_mode="anchor",
            parse_math=False,  # a label "$x$" is text, and "$\\frac" must not fail
            clip_on=False,
        )

    def svg(self, key: str, title: str, description: str) -> str:
        """The drawing as one `<svg>` element. `key` must be unlike any other figure's."""
        buffer = io.BytesIO()
        settings = {"svg.fonttype": "none", "svg.hashsalt": key, "path.simplify": False}
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with matplotlib.rc_context(settings), warnings.catch_warnings():
            # Matplotlib measures text with a font of its own; the browser draws it with another.
            warnings.filterwarnings("ignore", message=r"(?s)Glyph .* missing from")
            warnings.filterwarnings("ignore", message=r"(?s)Matplotlib currently does not support")
            FigureCanvasSVG(self._figure).print_svg(buffer, metadata=nothing)
        named = (key, one_line(title), one_line(description))
        return _inline(buffer.getvalue(), *named, self._images)

    def _add(self, artist: Any) -> None:
        artist.set_clip_on(False)
        self._axes.add_artist(artist)


def _inline(
    document: bytes, key: str, title: str, description: str, images: Sequence[dict[str, str]]
) -> str:
    drawn = ElementTree.fromstring(document)  # noqa: S314 - written a moment ago, by Matplotlib
    _, _, width, height = drawn.attrib["viewBox"].split()
    root = ElementTree.Element(
        f"{_SVG}svg",
        {"viewBox": f"0 0 {width} {height}", "width": width, "height": height, "role": "img"},
    )
    root.set("aria-labelledby", f"{key}-title {key}-description")
    for tag, text in (("title", title), ("desc", description)):
        suffix = "title" if tag == "title" else "description"
        ElementTree.SubElement(root, f"{_SVG}{tag}", {"id": f"{key}-{suffix}"}).text = text
    root.extend(child for child in drawn if child.tag == f"{_SVG}g")
    place = len(root.findall(f"{_SVG}title") + root.findall(f"{_SVG}desc"))
    used = {e.attrib[_HREF].lstrip("#") for e in root.iter() if _HREF in e.attrib}
    for element in root.iter():
        _tidy(element, key, used)
    for number, attributes in enumerate(images, place):
        root.insert(number, ElementTree.Element(f"{_SVG}image", attributes))
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    text = ElementTree.tostring(root, encoding="unicode")
    # Inside HTML the elements need no namespace, and `href` has replaced the old xlink form.
    return re.sub(r"^<svg [^>]*?xmlns=\"[^\"]*\" ?", "<svg ", text)


def _tidy(element: ElementTree.Element, key: str, used: set[str]) -> None:
    if element.tag in (f"{_SVG}title", f"{_SVG}desc"):
        return
    name = element.attrib.pop("id", None)
    if name in used:
        element.set("id", f"{key}-{name}")
    if _HREF in element.attrib:
        element.set("href", f"#{key}-{element.attrib.pop(_HREF).lstrip('#')}")
    if style := element.attrib.get("style"):
        style = _STYLE_COLOUR.sub(lambda match: _PLACEHOLDERS[match.group()], style)
        # "font: 11px 'DejaVu Sans', ..." names Matplotlib's font: keep the size, leave the family.
        style = re.sub(r"font: ([\d.]+)px [^;]*", r"font-size: \1px", style)
        element.set("style", style)


def width_of(text: str, size: float = 11) -> float:
    """About how many pixels `text` takes, in whichever sans-serif font the page has."""
    ems = 0.0
    for character in text:
        if unicodedata.combining(character):
            continue
        wide = unicodedata.east_asian_width(character) in "WF"
        narrow = character in "iljtf.,:;'|![]() \u202f"
        # Digits and capitals of wide fonts, such as DejaVu Sans and Verdana, take 0.64 and more.
        ems += 1.0 if wide else 0.36 if narrow else 0.7 if character.isupper() else 0.62
    return ems * size


def shortened(text: str, room: float, size: float = 11) -> str:
    """`text`, its end replaced by an ellipsis where it takes more than `room` pixels."""
    text = one_line(text)
    if width_of(text, size) <= room:
        return text
    while text and width_of(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"
