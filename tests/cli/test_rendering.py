"""What is printed: nothing that steers a terminal, and no marker before it is checked."""

from __future__ import annotations

import pytest

from rag.cli import rendering


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "a\x07b", "\x9b2J", "x\u202egpj.exe", "\r overwritten", "\u2066hidden\u2069"]
)
def test_plain(text: str) -> None:
    """Escapes, bells and reordering marks are shown as a sign that something was there."""
    shown = rendering.plain(text)

    assert "\ufffd" in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e\r\u2066")


def test_tabs_and_lines_stay() -> None:
    """Layout is no danger."""
    assert rendering.plain("a\tb\nc") == "a\tb\nc"


def test_markers_are_neutral_while_they_come() -> None:
    """Also when a marker arrives in pieces; brackets that are none are kept."""
    live = rendering.LiveText()
    pieces = ["It is so [", "1", "]. And [2, 3", "] that [sic] was all", " [1"]

    assert "".join(map(live.feed, pieces)) == "It is so [·]. And [·] that [sic] was all "
