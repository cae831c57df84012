"""Where quoted words stand in a text, to the character, and whether a claim is what its source says. Pure; no model.

A quotation passes exactly, or but for white space, quotation marks and dashes. Nothing is ever matched by likeness.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from rag.sentences import sentences
from rag.terms import terms

_SAME = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "`": "'",
                       "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "−": "-"})  # fmt: skip
MARKER = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_QUOTATION = re.compile(r'"([^"\n]{8,600})"|“([^”\n]{8,600})”|«([^»\n]{8,600})»')
_LEAST_WORDS = 3  # fewer in quotation marks are a term, not a quotation


def find_quote(quote: str, text: str) -> tuple[int, int, Literal["exact", "normalised"]] | None:
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
    wanted, _ = _normalised(quote)
    have, places = _normalised(text)
    at = have.find(wanted)
    if at < 0 or not wanted:
        return None
    return places[at], places[at + len(wanted) - 1] + 1, "normalised"


def _normalised(text: str) -> tuple[str, list[int]]:
    """The text with marks made alike and white space made one space, and the place each character came from."""
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text.translate(_SAME)):
        if character.isspace():
            if kept and kept[-1] != " ":
                kept.append(" ")
                places.append(place)
        else:
            kept.append(character)
            places.append(place)
    while kept and kept[-1] == " ":
        kept.pop()
        places.pop()
    return "".join(kept), places


def quotations(text: str) -> list[tuple[int, int]]:
    """(start, end) of the words inside quotation marks that are long enough to be a quotation."""
    found = []
    for match in _QUOTATION.finditer(text):
        group = next(i for i in (1, 2, 3) if match.group(i) is not None)
        if len(match.group(group).split()) >= _LEAST_WORDS:
            found.append(match.span(group))
    return found


def supporting_sentence(claim: str, passage: str, rarities: Mapping[str, float] | None = None) -> tuple[int, int, float]:
    """The sentence of a passage that a claim rests on, and how much of the claim's words the passage has.

    Args:
        claim: What the answer says.
        passage: The text it cites.
        rarities: Word → how much it tells; all alike if left out.

    Returns:
        (start, end) in `passage`, and the share of the claim's words found in it, in [0, 1].
    """
    words = set(terms(claim))
    weight = rarities or {}
    found = sentences(passage) or [(0, len(passage))]
    scored = []
    for start, end in found:
        shared = words & set(terms(passage[start:end]))
        scored.append((sum(weight.get(word, 1.0) for word in shared), -start, start, end))
    _, _, start, end = max(scored)
    covered = len(words & set(terms(passage))) / len(words) if words else 1.0
    return start, end, covered
