"""Finds a saved citation in the current text of its document. The caller provides the text."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal, get_args

from rag.text.sentences import sentences
from rag.text.terms import terms

State = Literal["unchanged", "moved", "changed", "deleted"]
STATES: tuple[State, ...] = get_args(State)  # best first
_MIN_OVERLAP = 0.35  # a sentence counts as the changed quotation if their words have at least this Jaccard similarity
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class SavedCitation:
    """A citation as `rag ask --json` prints it."""

    n: int
    source: str
    start: int
    end: int
    quote: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class CitationTrace:
    """The current state of a quotation.

    Attributes:
        state: "unchanged"; "moved" if the document has changed but still contains the quotation, perhaps in the same
            place; "changed" if the document no longer contains it; "deleted" if the document no longer exists.
        start: Start of the quotation, or of its changed version, in the current text; 0 if there is no match.
        end: End of the same span, exclusive; 0 if there is no match.
        now: The current text between `start` and `end`; empty if there is no match.
    """

    state: State
    start: int = 0
    end: int = 0
    now: str = ""


def trace(saved: SavedCitation, text: str, content_hash: str) -> CitationTrace:
    """Finds a saved citation's quotation in the current text of its document.

    Args:
        saved: The citation.
        text: The document's current canonical text.
        content_hash: The document's current content hash.

    Example:
        >>> saved = SavedCitation(1, "a.txt", 0, 15, "The roof is red", "then")
        >>> trace(saved, "In May: The roof is red.", "now")
        CitationTrace(state='moved', start=8, end=23, now='The roof is red')
    """
    if text[saved.start : saved.end] == saved.quote:
        same = saved.content_hash == content_hash or not saved.content_hash
        return CitationTrace("unchanged" if same else "moved", saved.start, saved.end, saved.quote)
    places = [match.start() for match in re.finditer(re.escape(saved.quote), text)] if saved.quote else []
    if places:
        nearest = min(places, key=lambda place: abs(place - saved.start))
        return CitationTrace("moved", nearest, nearest + len(saved.quote), saved.quote)
    quoted_words = set(terms(saved.quote))
    best_span, best_overlap = (0, 0), 0.0
    for start, end in sentences(text):
        words = set(terms(text[start:end]))
        overlap = len(quoted_words & words) / max(1, len(quoted_words | words))
        if overlap > best_overlap:
            best_span, best_overlap = (start, end), overlap
    if best_overlap < _MIN_OVERLAP:
        return CitationTrace("changed")
    return CitationTrace("changed", *best_span, text[best_span[0] : best_span[1]])


def difference(was: str, now: str) -> list[tuple[Literal["=", "-", "+"], str]]:
    """Compares two texts word by word. Returns the unchanged ("="), deleted ("-") and added ("+") parts in order.

    Example:
        >>> difference("The roof is red", "The roof is blue")
        [('=', 'The roof is '), ('-', 'red'), ('+', 'blue')]
    """
    old, new = _TOKEN.findall(was), _TOKEN.findall(now)
    parts: list[tuple[Literal["=", "-", "+"], str]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append(("=", "".join(old[a:b])))
            continue
        if b > a:
            parts.append(("-", "".join(old[a:b])))
        if d > c:
            parts.append(("+", "".join(new[c:d])))
    return parts
