"""Finds and removes control characters and invisible characters, and replaces look-alike characters with plain ones."""

from __future__ import annotations

BYTE_ORDER_MARK = "\ufeff"
SOFT_HYPHEN = "\xad"
ZERO_WIDTH_SPACE = "\u200b"
ASCII_CONTROLS = frozenset(map(chr, (*range(0x20), 0x7F)))
CONTROLS = ASCII_CONTROLS | frozenset(map(chr, range(0x80, 0xA0)))
# Direction marks, embeddings, overrides and isolates, which change the order in which the text after them is shown.
DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
TERMINAL_CONTROLS = CONTROLS - {"\t", "\n"} | DIRECTION_MARKS  # characters that can control a terminal
# Controls, joiners, fillers, variation selectors, overrides and tags, which can be used to hide words from people.
INVISIBLE = (CONTROLS - {"\t", "\n"}) | frozenset(
    map(
        chr,
        [0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010),
         *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0,
         *range(0xFFF0, 0xFFFC), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)],
    )
)  # fmt: skip

_PLAIN = {"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'", "`": "'",
          "´": "'", "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "―": "-", "−": "-"}  # fmt: skip
_WITHOUT_INVISIBLE = str.maketrans(dict.fromkeys(INVISIBLE))
# White space is kept, even if it is a control character, because callers that compare texts collapse it.
_WITH_PLAIN_PUNCTUATION = str.maketrans({**{c: None for c in INVISIBLE if not c.isspace()}, **_PLAIN})


def strip_invisible(text: str) -> str:
    """Returns the text without invisible characters and control characters. Tabs and line feeds are kept."""
    return text.translate(_WITHOUT_INVISIBLE)


def plain_punctuation(text: str) -> str:
    r"""Returns the text with plain quotation marks and dashes, and without invisible characters. White space is kept.

    Example:
        >>> plain_punctuation("“so­called” – it’s")
        '"socalled" - it\'s'
    """
    return text.translate(_WITH_PLAIN_PUNCTUATION)
