"""Draws small charts as SVG, without scripts or external programs. The style sheet of the page sets the colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 460, 250  # size of a chart, in SVG user units
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 14, 40  # margins
_BAR_HEIGHT, _LABEL_WIDTH, _VALUE_WIDTH = 26, 150, 70  # sizes in a bar chart
_MAX_LABEL = 22  # maximum length of a bar's label, in characters

# Colours for a chart that is a separate image file; report.css has the same rules for charts inside a report.
_STYLE = (
    "<style>.plot { --ink: #1c2430; --soft: #5a6472; --line: #d9d6cd; --accent: #1f4e8c; font-family: system-ui }"
    "@media (prefers-color-scheme: dark) { .plot { --ink: #e6e4de; --soft: #a3a9b3; --line: #363b44; --accent: #8db8f2 } }"
    ".plot text { fill: var(--ink); font-size: 12px } .plot .tick { fill: var(--soft); font-size: 11px }"
    ".plot .axis, .plot .grid { fill: none; stroke: var(--line) } .plot .interval { fill: none; stroke: var(--ink) }"
    ".plot .line { fill: none; stroke: var(--accent); stroke-width: 2 }"
    ".plot .dot { fill: var(--accent); fill-opacity: .5 }"
    ".plot .reference { fill: none; stroke: var(--soft); stroke-dasharray: 4 4 }"
    ".plot .bar, .plot .mark { fill: var(--accent) }</style>"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in a bar chart.

    Attributes:
        value: Length of the bar, from 0 to 1.
        low: Lower end of the value's interval; None if the value has no interval.
        high: Upper end of the value's interval; None if the value has no interval.
        cases: Number of questions that the value is computed from.
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    cases: int = 0


def line(
    points: Sequence[tuple[float, float]],
    *,
    title: str,
    x: str,
    y: str,
    marked: tuple[float, float, str] | None = None,
    reference: Sequence[tuple[float, float]] = (),
) -> str:
    """Draws a line through points. Both axes begin at 0.

    Args:
        points: The points (x, y), in drawing order.
        title: Title of the chart, read aloud by screen readers.
        x: Label for the horizontal axis.
        y: Label for the vertical axis.
        marked: A point to highlight, as (x, y, label).
        reference: Points of a dashed line, drawn for comparison.
    """
    all_points = [*points, *reference, *([marked[:2]] if marked else [])] or [(1.0, 1.0)]
    max_x, max_y = (_round_up(max(point[i] for point in all_points)) for i in (0, 1))
    parts = list(_axes(max_x, max_y, x, y))
    for name, polyline in (("reference", reference), ("line", points)):
        if polyline:
            drawn = " ".join("{:.1f},{:.1f}".format(*_place(point, max_x, max_y)) for point in polyline)
            parts.append(f'<polyline class="{name}" points="{drawn}"/>')
    if marked:
        at_x, at_y = _place(marked[:2], max_x, max_y)
        anchor, shift = ("end", -8) if at_x > _WIDTH / 2 else ("start", 8)
        parts.append(f'<circle class="mark" cx="{at_x:.1f}" cy="{at_y:.1f}" r="4"/>')
        parts.append(f'<text x="{at_x + shift:.1f}" y="{at_y - 8:.1f}" text-anchor="{anchor}">{escape(marked[2])}</text>')
    return _svg(parts, title, _HEIGHT)


def dots(points: Sequence[tuple[float, float]], *, title: str, x: str, y: str) -> str:
    """Draws a dot at each point. Both axes begin at 0. The arguments have the same meaning as for `line`."""
    max_x, max_y = (_round_up(max((point[i] for point in points), default=1.0)) for i in (0, 1))
    parts = list(_axes(max_x, max_y, x, y))
    for point in points:
        at_x, at_y = _place(point, max_x, max_y)
        parts.append(f'<circle class="dot" cx="{at_x:.1f}" cy="{at_y:.1f}" r="2.5"/>')
    return _svg(parts, title, _HEIGHT)


def bars(given: Sequence[Bar], *, title: str) -> str:
    """Draws horizontal bars on a scale from 0 to 1, each with its interval, value and number of questions."""
    height = _TOP + _BAR_HEIGHT * len(given) + 24
    width = _WIDTH - _LABEL_WIDTH - _VALUE_WIDTH

    def place_x(value: float) -> float:
        return _LABEL_WIDTH + width * min(1.0, max(0.0, value))

    parts = []
    for n, bar in enumerate(given):
        top = _TOP + _BAR_HEIGHT * n
        middle = top + _BAR_HEIGHT / 2
        label = escape(_shorten(bar.label))
        parts.append(f'<text x="{_LABEL_WIDTH - 8}" y="{middle + 4}" text-anchor="end">{label}</text>')
        parts.append(
            f'<rect class="bar" x="{_LABEL_WIDTH}" y="{top + 5}" width="{place_x(bar.value) - _LABEL_WIDTH:.1f}"'
            f' height="{_BAR_HEIGHT - 10}"/>'
        )
        if bar.low is not None and bar.high is not None:
            parts.append(
                f'<path class="interval" d="M{place_x(bar.low):.1f} {middle}H{place_x(bar.high):.1f}'
                f'M{place_x(bar.low):.1f} {middle - 4}v8M{place_x(bar.high):.1f} {middle - 4}v8"/>'
            )
        parts.append(f'<text x="{_LABEL_WIDTH + width + 8}" y="{middle + 4}">{bar.value:.2f} ({bar.cases})</text>')
    for tick in (0, 0.5, 1):
        parts.append(f'<text x="{place_x(tick):.1f}" y="{height - 4}" text-anchor="middle" class="tick">{tick:g}</text>')
    return _svg(parts, title, height)


def histogram(values: Sequence[float], *, title: str, x: str, bins: int = 24) -> str:
    """Draws a histogram of one value per question. The bins are equally wide and extend from 0 to the largest value."""
    max_x = _round_up(max(values, default=1.0))
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int(bins * value / max_x))] += 1
    max_y = _round_up(max(counts))
    width = (_WIDTH - _LEFT - _RIGHT) / bins
    parts = list(_axes(max_x, max_y, x, "questions"))
    for n, count in enumerate(counts):
        height = (_HEIGHT - _TOP - _BOTTOM) * count / max_y
        position = f'x="{_LEFT + n * width + 0.5:.1f}" y="{_HEIGHT - _BOTTOM - height:.1f}"'
        parts.append(f'<rect class="bar" {position} width="{width - 1:.1f}" height="{height:.1f}"/>')
    return _svg(parts, title, _HEIGHT)


def standalone(svg: str) -> str:
    """Turns a chart into a separate image file by adding the namespace, size and colours that a page would provide."""
    image = svg.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" ', 1)
    return image.replace(">", f">{_STYLE}", 1)


def _place(point: tuple[float, float], max_x: float, max_y: float) -> tuple[float, float]:
    """Returns the SVG coordinates of a point."""
    at_x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * point[0] / max_x
    return at_x, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * point[1] / max_y


def _axes(max_x: float, max_y: float, x: str, y: str) -> Sequence[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>']
    for n in range(5):
        share = n / 4
        at_x, at_y = _LEFT + (right - _LEFT) * share, bottom - (bottom - _TOP) * share
        parts.append(f'<path class="grid" d="M{_LEFT} {at_y:.1f}H{right}"/>' if n else "")
        parts.append(f'<text class="tick" x="{at_x:.1f}" y="{bottom + 15}" text-anchor="middle">{max_x * share:g}</text>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{at_y + 4:.1f}" text-anchor="end">{max_y * share:g}</text>')
    parts.append(f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 3}">{escape(y)}</text>')
    return parts


def _svg(parts: Sequence[str], title: str, height: float) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _round_up(value: float) -> float:
    """Rounds up to the nearest number that is 1, 2, 4, 5, 8 or 10 times a power of ten.

    Example:
        >>> _round_up(23.0), _round_up(0.0)
        (40.0, 1.0)
    """
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return float(next(step * scale for step in (1, 2, 4, 5, 8, 10) if step * scale >= value * (1 - 1e-9)))


def _shorten(label: str) -> str:
    return label if len(label) <= _MAX_LABEL else f"{label[: _MAX_LABEL - 1]}…"
