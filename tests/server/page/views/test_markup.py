"""Escaped text is only text."""

from __future__ import annotations

import html
import re

import pytest

from rag.errors import RagError
from rag.server.page.views import markup

from .samples import HOSTILE


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_only_text(text: str) -> None:
    """No tag, link, image or entity survives; the visible text is the original without invisible characters."""
    escaped = markup.escaped(text)
    without_entities = re.sub(r"&#\d+;|<br>", "", escaped)

    assert re.fullmatch(r"[\w\s]*", without_entities)
    assert html.unescape(escaped.replace("<br>", "\n")) == re.sub("[\u202a-\u202e]", "", text)


def test_one_line_keeps_attributes_closed() -> None:
    """Line breaks and runs of white space become single spaces, quotation marks become entities."""
    assert "a&#34; b" == markup.one_line(' a"\n\n  b ')


def test_an_error_shows_its_hint() -> None:
    """The message and the hint, escaped; a plain string has no hint."""
    assert '<p class="flag">no &#60;b&#62;&#46; try c</p>' == markup.error_markup(RagError("no <b>", "try c"))
    assert '<p class="flag">no</p>' == markup.error_markup("no")
    assert '<p class="about">a&#42;b</p>' == markup.note_markup("a*b")
