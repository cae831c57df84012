"""The source beside the conversation: cited documents with the exact characters marked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.citation_trace import CitationTrace, difference
from rag.records import Citation, Document, Hit
from rag.server.page.views.answer_view import WORDS, escaped, one_line

_AROUND = 1_500  # code points shown on either side of what is marked
_PDF = "application/pdf"
_TAGS = {"=": "span", "-": "del", "+": "ins"}
_NOW = {
    "unchanged": "several documents have this name now; the words are as they were cited",
    "moved": "the document has changed since; these words stand elsewhere in it now",
    "changed": "the cited text has changed since",
    "deleted": "this document is no longer in your library; the words are as they were cited",
}


@dataclass(frozen=True, slots=True)
class Span:
    """What is marked in a document: its anchor on the page, its characters, one line about it, and how it is marked."""

    anchor: str
    start: int
    end: int
    about: str
    kind: str = "cited"


def cited(turn: int, citation: Citation) -> Span:
    """A citation's characters."""
    return Span(f"c{turn}-{citation.n}", citation.start, citation.end, WORDS[citation.verdict])


def near(turn: int, n: int, hit: Hit) -> Span:
    """A passage that came near, and does not answer."""
    return Span(f"h{turn}-{n}", hit.start, hit.end, "close, but no answer", "near")


def section(document: Document, document_id: int, spans: Sequence[Span], locator: str = "") -> str:
    """One document: what it is, its text around what is marked, and a way to all of it."""
    in_order = sorted(spans, key=lambda span: (span.start, span.end))
    marked = ",".join(f"{span.start}-{span.end}" for span in in_order)
    pages = dict.fromkeys(
        page for span in in_order if document.media_type == _PDF and (page := document.page_at(span.start))
    )
    link = f'<a class="open" href="/documents/{document_id}?marked={marked}#marked" target="_blank">Open document</a>'
    return (
        f'<section class="source"><h2>{one_line(document.title or document.source)}</h2>'
        f'<p class="about">{about(document, locator)}</p>'
        f'<div class="text" tabindex="0">{_marked(document.text, in_order)}</div>'
        f"{''.join(_printed(document, document_id, page, in_order) for page in pages)}"
        f'<p class="about">{link}</p></section>'
    )


def _printed(document: Document, document_id: int, page: int, spans: Sequence[Span]) -> str:
    marked = ",".join(f"{span.start}-{span.end}" for span in spans)
    alt = f"Page {page} of {one_line(document.title or document.source)} as printed, with the cited lines marked"
    address = f"/documents/{document_id}/pages/{page}?marked={marked}"
    return (
        f'<details class="printed" open><summary>Page {page} as printed</summary>'
        f'<img src="{address}" alt="{alt}" loading="lazy"></details>'
    )


def about(document: Document, locator: str = "") -> str:
    """What a document is: its date, author and source, and where in it to look."""
    facts = (document.date, document.author, document.source, locator)
    return " · ".join(one_line(fact) for fact in facts if fact)


def kept(turn: int, citation: Citation, trace: CitationTrace) -> str:
    """A citation of a saved answer whose document has changed since, or is gone: its words as they were, and are."""
    now = ""
    if trace.state == "changed" and trace.now:
        parts = difference(citation.quote, trace.now)
        shown = "".join(f"<{_TAGS[sign]}>{escaped(text)}</{_TAGS[sign]}>" for sign, text in parts)
        now = f'<details open><summary>What changed</summary><div class="text">{shown}</div></details>'
    return (
        f'<section class="source changed"><h2>{one_line(citation.title or citation.source)}</h2>'
        f'<p class="notice">{escaped(_NOW[trace.state])}</p>'
        f'<div class="text"><mark id="c{turn}-{citation.n}" class="cited" tabindex="-1" title="as it was cited">'
        f"{escaped(citation.quote)}</mark></div>{now}</section>"
    )


def _marked(text: str, spans: Sequence[Span]) -> str:
    """The text around some spans, each span's characters marked, gaps shown by an ellipsis."""
    parts, at = [], 0
    for span in spans:
        begin = max(at, span.start - _AROUND)
        if begin > at:
            if at:
                parts.append(escaped(text[at : min(begin, at + _AROUND)]))
            parts.append(" … ")
        start = max(at, span.start)  # two claims may rest on the same words
        parts.append(escaped(text[max(at, begin) : start]))
        mark = f'<mark id="{span.anchor}" class="{span.kind}" tabindex="-1" title="{one_line(span.about)}">'
        parts.append(f"{mark}{escaped(text[start : span.end])}</mark>")
        at = max(at, span.end)
    parts.append(escaped(text[at : at + _AROUND]) + (" …" if at + _AROUND < len(text) else ""))
    return "".join(parts)
