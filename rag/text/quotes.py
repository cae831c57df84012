"""Finds quoted words and their exact position in a text, without a model.

A quotation must match exactly, or differ only in white space, quotation marks, dashes and invisible characters. There is no
fuzzy matching.
"""

from __future__ import annotations

import re
from typing import Literal

from rag.text.unicode_text import plain_punctuation

QuoteMatch = tuple[int, int, Literal["exact", "normalised"]]

_SPACES = re.compile(r"\s+")
# An opening mark must not follow a word, and a closing mark must not precede one, so the mark in 27" does not start a
# quotation. A quotation may span a line break but not a paragraph break.
_QUOTATION = re.compile(
    r'(?<![\w"])"(?=\S)((?:[^"\n]|\n(?![^\S\n]*\n)){2,2000}?)(?<=\S)"(?!\w)'
    r"|“((?:[^“”\n]|\n(?![^\S\n]*\n)){2,2000})”"
    r"|„((?:[^„“”\n]|\n(?![^\S\n]*\n)){2,2000})[“”]"
    r"|«((?:[^«»\n]|\n(?![^\S\n]*\n)){2,2000})»"
    r"|「((?:[^「」\n]|\n(?![^\S\n]*\n)){2,2000})」"
)
_ELLIPSIS = re.compile(r"[\[(]?(?:…|\.{3,}+|(?:\. ){2,}\.)[\])]?")
_MAX_PARTS = 20  # a quotation with more parts is a list of words; looking for each takes as long as for the first
_PUNCTUATION = ",.;:!?…，。！？、；："


def find_quote(quote: str, text: str) -> QuoteMatch | None:
    """Finds a quote in a text.

    Args:
        quote: The words to find.
        text: The text to search.

    Returns:
        (start, end, verdict) for the first match, with offsets into `text` and the verdict "exact" or "normalised"; None if
        there is no match.

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
    normalised = _SPACES.sub(" ", plain_punctuation(quote)).strip()
    if not normalised or normalised not in _SPACES.sub(" ", plain_punctuation(text)):
        return None
    haystack, places = _normalised(text)  # this is slower than the search above, but also returns offsets
    at = haystack.find(normalised)
    if at < 0:
        return None
    return places[at], places[at + len(normalised) - 1] + 1, "normalised"


def _normalised(text: str) -> tuple[str, list[int]]:
    """Returns the text with plain punctuation and single spaces, and each character's offset in the original."""
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
    """Returns (start, end) for the words inside each pair of quotation marks.

    Example:
        >>> [text[a:b] for text in ['a 27" screen, "as it is"'] for a, b in quotations(text)]
        ['as it is']
    """
    return [match.span(match.lastindex or 0) for match in _QUOTATION.finditer(text)]


def find_quotation(quotation: str, text: str) -> QuoteMatch | None:
    """Finds a quotation in a text, allowing for added punctuation and omitted words.

    The quotation may end with punctuation that the text lacks, and may have an ellipsis in place of omitted words.

    Args:
        quotation: The words between quotation marks.
        text: The text to search. All parts of the quotation must occur in it, in order.

    Returns:
        (start, end, verdict) for the span from the first part to the last; None if the text does not contain all parts.

    Example:
        >>> find_quotation("we agreed … on rules,", "There we agreed, at last, on rules of trade.")
        (6, 34, 'normalised')
    """
    parts = [part for part in _ELLIPSIS.split(quotation.strip()) if part.strip(_PUNCTUATION + " ")]
    if len(parts) > _MAX_PARTS:
        return None
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
