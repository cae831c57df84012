"""Control, invisible and look-alike characters: the sets, and what their users make of them."""

from __future__ import annotations

import re

import pytest

from rag.cli.rendering import plain
from rag.errors import ReadError, SourceError
from rag.evaluation.reports import wording
from rag.sources.decoding.page_lines import _DROPPED
from rag.sources.decoding.text import decode
from rag.sources.web_pages import normalized_url
from rag.text.unicode_text import plain_punctuation, strip_invisible

EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
# Written out, independently of the module.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
SPACES = "\x0b\x0c\x0d\x1c\x1d\x1e\x1f\x85"
TERMINAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
DIRECTION = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
MARKS = {'"': "“”„‟«»", "'": "‘’‚‛`´", "-": "–—‐‑‒―−"}


def test_invisible_characters_are_stripped() -> None:
    assert [c for c in EVERY if INVISIBLE.match(c)] == [c for c in EVERY if strip_invisible(c) != c]
    assert {""} == {strip_invisible(c) for c in EVERY if strip_invisible(c) != c}


def test_punctuation_is_made_plain() -> None:
    """Quotation marks and dashes are replaced, invisible characters removed, white space is kept."""
    plain_of = {c: plain_mark for plain_mark, marks in MARKS.items() for c in marks}
    expected = {c: "" for c in EVERY if INVISIBLE.match(c) and c not in SPACES} | plain_of

    assert expected == {c: plain_punctuation(c) for c in EVERY if plain_punctuation(c) != c}


def test_what_steers_a_terminal_is_replaced() -> None:
    assert {c: "\ufffd" for c in EVERY if TERMINAL.match(c)} == {c: plain(c) for c in EVERY if plain(c) != c}


def test_what_steers_a_terminal_is_made_visible_in_reports() -> None:
    table = wording._UNSAFE

    assert {c: "\ufffd" for c in EVERY if TERMINAL.match(c)} == {
        c: c.translate(table) for c in EVERY if c.translate(table) != c
    }


def test_marks_inside_words_of_a_pdf_are_dropped() -> None:
    assert "\xad\u200b\ufeff" == _DROPPED


def is_text(character: str) -> bool:
    try:
        decode(("word" + 5 * character).encode())
    except ReadError:
        return False
    return True


def test_control_characters_show_that_a_file_is_not_text() -> None:
    """All of ASCII's but tab, line feed, carriage return, form feed and escape; and the replacement character."""
    allowed = set("\t\n\r\f\x1b")
    expected = {c for c in map(chr, range(0x20)) if c not in allowed} | {"\x7f", "\ufffd"}

    assert expected == {c for c in [*map(chr, range(0x400)), "\ufffd", "\u200b"] if not is_text(c)}


def test_addresses_have_no_control_characters() -> None:
    for c in [*map(chr, range(0x20)), "\x7f", "\\"]:
        with pytest.raises(SourceError, match="not the address of a web page"):
            normalized_url(f"http://example.org/a{c}b")
    for c in "\x80\x9f\xad é":
        normalized_url(f"http://example.org/a{c}b")
