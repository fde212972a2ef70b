"""Two kinds of plot as SVG: bars with their spread, and curves over a logarithmic axis.

Written by hand, so that the benchmark needs no plotting library; colours follow the reader's
light or dark theme.
"""

import math
import statistics
from html import escape

STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.small { font-size: 12px; fill: #57606a }
.title { font-size: 15px; font-weight: 600 }
.grid { stroke: #d0d7de }
.spread { stroke: #24292f }
.c0 { fill: #8c959f; stroke: #8c959f }
.c1 { fill: #0969da; stroke: #0969da }
.c2 { fill: #afb8c1; stroke: #afb8c1 }
polyline.c0, polyline.c1, polyline.c2 { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .spread { stroke: #e6edf3 }
  .c0 { fill: #9198a1; stroke: #9198a1 }
  .c1 { fill: #4493f8; stroke: #4493f8 }
  .c2 { fill: #59636e; stroke: #59636e }
}
</style>"""
COLOURS = {"floor": "c0", "tailws": "c1"}
#: Pixels from one label to the next below it.
LABEL = 16

Point = tuple[int, float, float, float]
"""x, median, least, greatest."""


def _element(name: str, text: str = "", **attributes: object) -> str:
    """`class_` is class, `stroke_dasharray` stroke-dasharray; numbers get one decimal."""
    said = []
    for key, value in attributes.items():
        shown = f"{value:.1f}" if isinstance(value, float) else escape(str(value))
        said.append(f'{key.rstrip("_").replace("_", "-")}="{shown}"')
    return f"<{name} {' '.join(said)}>{escape(text)}</{name}>"


def _text(x: float, y: float, text: str, **attributes: object) -> str:
    return _element("text", text, x=x, y=y, **attributes)


def _line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    return _element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def _svg(width: int, height: float, title: str, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" '
        f'width="{width}" height="{height:.0f}" role="img" aria-label="{escape(title)}">'
    )
    return "\n".join([head, STYLE, _text(12, 24, title, class_="title"), *parts, "</svg>", ""])


def bars(title: str, groups: list[tuple[str, list[tuple[str, list[float]]]]]) -> str:
    """Horizontal bars: for each group its rows of (label, values); the bar is the median."""
    width, left, right, row = 760, 120, 110, 24
    longest = max(statistics.median(values) for _, rows in groups for _, values in rows)
    scale = (width - left - right) / longest
    parts: list[str] = []
    y = 44
    for name, rows in groups:
        y += 20
        parts.append(_text(12, y, name, class_="small"))
        y += 10
        top = y
        for label, values in rows:
            middle, low, high = statistics.median(values), min(values), min(max(values), longest)
            centre, colour = y + row / 2, COLOURS.get(label, "c2")
            shape = {"x": left, "y": y + 4, "width": middle * scale, "height": row - 8, "rx": 2}
            parts += [
                _text(left - 8, centre + 4, label, text_anchor="end"),
                _element("rect", class_=colour, **shape),
                _line(left + low * scale, centre, left + high * scale, centre, class_="spread"),
                _text(left + max(middle, high) * scale + 8, centre + 4, f"{middle:.2f} x"),
            ]
            y += row
        one = left + scale
        parts.append(_line(one, top, one, y, class_="grid", stroke_dasharray="3 3"))
    return _svg(width, y + 16, title, parts)


def curves(title: str, unit: str, lines: dict[str, list[Point]]) -> str:
    """Curves of points; x is logarithmic, y begins at 0."""
    width, height, left, right, bottom, top = 760, 320, 60, 660, 276, 48
    points = [point for line in lines.values() for point in line]
    if not points:
        return _svg(width, height, title, [])
    first, last = math.log10(min(p[0] for p in points)), math.log10(max(p[0] for p in points))
    most = max(p[3] for p in points) * 1.1

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - first) / ((last - first) or 1)
        return left + across * (right - left), bottom - y / most * (bottom - top)

    parts: list[str] = []
    for step in range(5):
        value = most * step / 4
        _, y = at(points[0][0], value)
        parts.append(_line(left, y, right, y, class_="grid"))
        parts.append(_text(left - 8, y + 4, f"{value:.2g}", class_="small", text_anchor="end"))
    for size in sorted({p[0] for p in points}):
        x, _ = at(size, 0)
        parts.append(_text(x, bottom + 20, f"{size:,}", class_="small", text_anchor="middle"))
    middle = (left + right) / 2
    parts.append(_text(middle, height - 6, unit, class_="small", text_anchor="middle"))
    for name, line in lines.items():
        colour = COLOURS.get(name, "c2")
        path = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y, _, _ in line)
        parts.append(_element("polyline", class_=colour, points=path))
        for size, value, least, greatest in line:
            x, y = at(size, value)
            low, high = at(size, least)[1], at(size, greatest)[1]
            parts.append(_line(x, low, x, high, class_="spread"))
            parts.append(_element("circle", class_=colour, cx=x, cy=y, r=3.5))
    below = 0.0  # the next label must not touch the one above
    for y, name in sorted((at(*line[-1][:2])[1] + 4, name) for name, line in lines.items() if line):
        below = max(y, below)
        parts.append(_text(right + 8, below, name))
        below += LABEL
    return _svg(width, height, title, parts)
