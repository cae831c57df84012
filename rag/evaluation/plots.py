"""Small plots as SVG, for reports that need no network and no other program. Pure; colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 460, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 14, 40


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its label, value, interval, and what it rests on."""

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
    other: Sequence[tuple[float, float]] = (),
) -> str:
    """A line through points, both axes from 0.

    Args:
        points: (x, y), in the order in which they are joined.
        title: Read aloud to those who do not see it.
        x: What the horizontal axis shows.
        y: What the vertical one shows.
        marked: A point to mark, and its label.
        other: A second, thinner line, to compare with.
    """
    every = [*points, *other, *([marked[:2]] if marked else [])] or [(1.0, 1.0)]
    right, top = _round_up(max(p[0] for p in every)), _round_up(max(p[1] for p in every))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * point[0] / right
        return across, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * point[1] / top

    parts = list(_axes(right, top, x, y))
    for way, name in ((other, "other"), (points, "line")):
        if way:
            drawn = " ".join(f"{a:.1f},{b:.1f}" for a, b in map(place, way))
            parts.append(f'<polyline class="{name}" points="{drawn}"/>')
    if marked:
        a, b = place(marked[:2])
        anchor = "end" if a > _WIDTH / 2 else "start"
        parts.append(f'<circle class="mark" cx="{a:.1f}" cy="{b:.1f}" r="4"/>')
        parts.append(
            f'<text x="{a + (-8 if anchor == "end" else 8):.1f}" y="{b - 8:.1f}" text-anchor="{anchor}">'
            f"{escape(marked[2])}</text>"
        )
    return _framed(parts, title, _HEIGHT)


def dots(points: Sequence[tuple[float, float]], *, title: str, x: str, y: str) -> str:
    """A dot for each (x, y), both axes from 0."""
    right, top = (_round_up(max((point[i] for point in points), default=1.0)) for i in (0, 1))
    parts = list(_axes(right, top, x, y))
    for a, b in points:
        across, up = _LEFT + (_WIDTH - _LEFT - _RIGHT) * a / right, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * b / top
        parts.append(f'<circle class="dot" cx="{across:.1f}" cy="{up:.1f}" r="2.5"/>')
    return _framed(parts, title, _HEIGHT)


def bars(given: Sequence[Bar], *, title: str) -> str:
    """Horizontal bars from 0 to 1, each with its interval and how many questions it rests on."""
    row, left = 26, 150
    height = _TOP + row * len(given) + 24
    width = _WIDTH - left - 70

    def across(value: float) -> float:
        return left + width * min(1.0, max(0.0, value))

    parts = []
    for n, bar in enumerate(given):
        top = _TOP + row * n
        middle = top + row / 2
        parts.append(f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{escape(_short(bar.label))}</text>')
        parts.append(
            f'<rect class="bar" x="{left}" y="{top + 5}" width="{across(bar.value) - left:.1f}" height="{row - 10}"/>'
        )
        if bar.low is not None and bar.high is not None:
            parts.append(
                f'<path class="interval" d="M{across(bar.low):.1f} {middle}H{across(bar.high):.1f}'
                f'M{across(bar.low):.1f} {middle - 4}v8M{across(bar.high):.1f} {middle - 4}v8"/>'
            )
        parts.append(f'<text x="{left + width + 8}" y="{middle + 4}">{bar.value:.2f} ({bar.cases})</text>')
    for tick in (0, 0.5, 1):
        parts.append(f'<text x="{across(tick):.1f}" y="{height - 4}" text-anchor="middle" class="tick">{tick:g}</text>')
    return _framed(parts, title, height)


def histogram(values: Sequence[float], *, title: str, x: str, bins: int = 24) -> str:
    """How often values come, from 0 to their largest."""
    most = _round_up(max(values, default=1.0))
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int(bins * value / most))] += 1
    top = _round_up(max(counts))
    width = (_WIDTH - _LEFT - _RIGHT) / bins
    parts = list(_axes(most, top, x, "questions"))
    for n, count in enumerate(counts):
        height = (_HEIGHT - _TOP - _BOTTOM) * count / top
        at = f'x="{_LEFT + n * width + 0.5:.1f}" y="{_HEIGHT - _BOTTOM - height:.1f}"'
        parts.append(f'<rect class="bar" {at} width="{width - 1:.1f}" height="{height:.1f}"/>')
    return _framed(parts, title, _HEIGHT)


def _axes(right: float, top: float, x: str, y: str) -> Sequence[str]:
    floor, wall = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{floor}H{wall}"/>']
    for n in range(5):
        share = n / 4
        across, up = _LEFT + (wall - _LEFT) * share, floor - (floor - _TOP) * share
        parts.append(f'<path class="grid" d="M{_LEFT} {up:.1f}H{wall}"/>' if n else "")
        parts.append(f'<text class="tick" x="{across:.1f}" y="{floor + 15}" text-anchor="middle">{right * share:g}</text>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{up + 4:.1f}" text-anchor="end">{top * share:g}</text>')
    parts.append(f'<text x="{(_LEFT + wall) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 3}">{escape(y)}</text>')
    return parts


def _framed(parts: Sequence[str], title: str, height: float) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 8, 10 times a power of ten."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return float(next(step * scale for step in (1, 2, 4, 5, 8, 10) if step * scale >= value * (1 - 1e-9)))


def _short(label: str) -> str:
    return label if len(label) <= 22 else f"{label[:21]}…"


def alone(drawn: str) -> str:
    """A plot as a picture of its own, which takes nothing from the page it is shown on: with its colours."""
    return drawn.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" ', 1).replace(">", _STYLE, 1)


_STYLE = (
    "><style>.plot { --ink: #1c2430; --soft: #5a6472; --line: #d9d6cd; --accent: #1f4e8c; font-family: system-ui }"
    "@media (prefers-color-scheme: dark) { .plot { --ink: #e6e4de; --soft: #a3a9b3; --line: #363b44; --accent: #8db8f2 } }"
    ".plot text { fill: var(--ink); font-size: 12px } .plot .tick { fill: var(--soft); font-size: 11px }"
    ".plot .axis, .plot .grid { fill: none; stroke: var(--line) } .plot .interval { fill: none; stroke: var(--ink) }"
    ".plot .line { fill: none; stroke: var(--accent); stroke-width: 2 }"
    ".plot .dot { fill: var(--accent); fill-opacity: .5 }"
    ".plot .other { fill: none; stroke: var(--soft); stroke-dasharray: 4 4 }"
    ".plot .bar, .plot .mark { fill: var(--accent) }</style>"
)
