"""Where quoted words stand in a text, to the character. Pure; no model.

A quotation passes exactly, or but for white space, quotation marks, dashes and what nobody sees. Nothing is ever matched by
likeness.
"""

from __future__ import annotations

import re
from typing import Literal

from rag.text.unicode_text import plain_punctuation

QuoteMatch = tuple[int, int, Literal["exact", "normalised"]]

_SPACES = re.compile(r"\s+")
# A mark opens where a word does not end, and closes where none begins: 27" is no quotation. It may span a line break, not a
# paragraph.
_QUOTATION = re.compile(
    r'(?<![\w"])"(?=\S)((?:[^"\n]|\n(?![^\S\n]*\n)){2,2000}?)(?<=\S)"(?!\w)'
    r"|“((?:[^“”\n]|\n(?![^\S\n]*\n)){2,2000})”"
    r"|„((?:[^„“”\n]|\n(?![^\S\n]*\n)){2,2000})[“”]"
    r"|«((?:[^«»\n]|\n(?![^\S\n]*\n)){2,2000})»"
    r"|「((?:[^「」\n]|\n(?![^\S\n]*\n)){2,2000})」"
)
_LEFT_OUT = re.compile(r"\s*[\[(]?(?:…|\.{3,}|(?:\. ){2,}\.)[\])]?\s*")
_PUNCTUATION = ",.;:!?…，。！？、；："


def find_quote(quote: str, text: str) -> QuoteMatch | None:
    """Finds words in a text.

    Args:
        quote: What is said to stand there.
        text: Where it should stand.

    Returns:
        (start, end, verdict) of its first place, offsets into `text`; None if it does not stand there.

    Example:
        >>> find_quote('the "new"  plan', "So “the “new” plan” it is")
        (4, 18, 'normalised')
    """
    quote = quote.strip()
    if not quote:
        return None
    start = text.find(quote)
    if start >= 0:
        return start, start + len(quote), "exact"
    wanted = _SPACES.sub(" ", plain_punctuation(quote)).strip()
    if not wanted or wanted not in _SPACES.sub(" ", plain_punctuation(text)):
        return None
    have, places = _normalised(text)  # slower, and says where
    at = have.find(wanted)
    if at < 0:
        return None
    return places[at], places[at + len(wanted) - 1] + 1, "normalised"


def _normalised(text: str) -> tuple[str, list[int]]:
    """The text with marks made alike and white space made one space, and the place each character came from."""
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character.isspace():
            if not kept or kept[-1] != " ":
                kept.append(" ")
                places.append(place)
        else:
            plain = plain_punctuation(character)
            kept.extend(plain)
            places.extend([place] * len(plain))
    return "".join(kept), places


def quotations(text: str) -> list[tuple[int, int]]:
    """(start, end) of the words inside each pair of quotation marks.

    Example:
        >>> [text[a:b] for text in ['a 27" screen, "as it is"'] for a, b in quotations(text)]
        ['as it is']
    """
    return [match.span(match.lastindex or 0) for match in _QUOTATION.finditer(text)]


def find_quotation(quotation: str, text: str) -> QuoteMatch | None:
    """Finds a quotation as people write them: a comma before the closing mark, three dots for what was left out.

    Args:
        quotation: The words between quotation marks.
        text: Where they should stand; all parts of the quotation in it, in their order.

    Returns:
        (start, end, verdict) from its first character to its last; None if it does not stand there so.

    Example:
        >>> find_quotation("we agreed … on rules,", "There we agreed, at last, on rules of trade.")
        (6, 34, 'normalised')
    """
    parts = [part for part in _LEFT_OUT.split(quotation.strip()) if part.strip(_PUNCTUATION + " ")]
    begin = end = 0
    exact = len(parts) == 1
    for n, part in enumerate(parts):
        found = find_quote(part, text[end:]) or find_quote(part.strip().rstrip(_PUNCTUATION), text[end:])
        if found is None:
            return None
        exact &= found[2] == "exact" and found[1] - found[0] == len(quotation.strip())
        begin = end + found[0] if n == 0 else begin
        end += found[1]
    if not parts:
        return None
    return begin, end, "exact" if exact else "normalised"
