"""Charts as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from rag.evaluation.reports import svg_charts


@pytest.mark.parametrize(
    "chart",
    [
        svg_charts.line([(0.0, 0.0), (1.0, 0.5)], title="a < b", x="x", y="y", marked=(1.0, 0.5, "here")),
        svg_charts.line([], title="nothing", x="x", y="y"),
        svg_charts.bars([svg_charts.Bar("<long>" * 9, 0.5, 0.4, 0.6, 9)], title="bars"),
        svg_charts.histogram([], title="none", x="ms"),
        svg_charts.histogram([1.0, 50.0], title="two", x="ms"),
        svg_charts.dots([(1, 2)], title="dots", x="x", y="y"),
    ],
)
def test_charts_are_valid(chart: str) -> None:
    """Charts are complete SVG, also without data; as an image they bring their namespace and colours."""
    assert ElementTree.fromstring(chart).tag == "svg"
    image = ElementTree.fromstring(svg_charts.standalone(chart))
    assert image.tag == "{http://www.w3.org/2000/svg}svg"
    assert image[0].tag == "{http://www.w3.org/2000/svg}style"


def test_a_line_by_hand() -> None:
    """The axes end at 1: the origin is at (46, 210), the point (1, .5) half-way up the 196 units to the right."""
    chart = svg_charts.line([(0.0, 0.0), (1.0, 0.5)], title="t", x="x", y="y", marked=(1.0, 1.0, "m"))

    assert 'points="46.0,210.0 448.0,112.0"' in chart


def test_a_bar_by_hand() -> None:
    """A bar of .5 is half as wide as the 240 units from 0 to 1."""
    assert 'x="150" y="19" width="120.0"' in svg_charts.bars([svg_charts.Bar("half", 0.5)], title="t")
