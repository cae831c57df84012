"""What became of cited words when their document changed. Pure: it compares texts, and reads none by itself."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal, get_args

from rag.text.sentences import sentences
from rag.text.terms import terms

State = Literal["unchanged", "moved", "changed", "deleted"]
STATES: tuple[State, ...] = get_args(State)  # the better first
_COUNTERPART = 0.35  # share of a quotation's words from which a sentence says in its place what it said
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class SavedCitation:
    """A citation as it was saved: `rag ask --json` has all of it."""

    n: int
    source: str
    start: int
    end: int
    quote: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class CitationTrace:
    """What became of cited words.

    Attributes:
        state: "unchanged"; "moved", where they stand elsewhere in the document now; "changed"; or "deleted".
        start: Where they, or what stands in their place, begin now; `end` is one past. Both 0 where nothing does.
        now: What stands there; empty where nothing does.
    """

    state: State
    start: int = 0
    end: int = 0
    now: str = ""


def trace(saved: SavedCitation, text: str, content_hash: str) -> CitationTrace:
    """Follows cited words into the text as it is now.

    Args:
        saved: The citation.
        text: The document's canonical text now.
        content_hash: And what it was read from now.

    Example:
        >>> saved = SavedCitation(1, "a.txt", 0, 15, "The roof is red", "then")
        >>> trace(saved, "In May: The roof is red.", "now")
        CitationTrace(state='moved', start=8, end=23, now='The roof is red')
    """
    if text[saved.start : saved.end] == saved.quote:
        same = saved.content_hash == content_hash or not saved.content_hash
        return CitationTrace("unchanged" if same else "moved", saved.start, saved.end, saved.quote)
    places = [found.start() for found in re.finditer(re.escape(saved.quote), text)] if saved.quote else []
    if places:
        nearest = min(places, key=lambda place: abs(place - saved.start))
        return CitationTrace("moved", nearest, nearest + len(saved.quote), saved.quote)
    said = set(terms(saved.quote))
    best, share = (0, 0), 0.0
    for begin, end in sentences(text):
        words = set(terms(text[begin:end]))
        found = len(said & words) / max(1, len(said | words))
        if found > share:
            best, share = (begin, end), found
    if share < _COUNTERPART:
        return CitationTrace("changed")
    return CitationTrace("changed", *best, text[best[0] : best[1]])


def difference(was: str, now: str) -> list[tuple[Literal["=", "-", "+"], str]]:
    """Both texts as one: what they share, what is gone, what is new, word by word.

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
