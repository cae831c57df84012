"""Creates the markup for the source panel, which highlights the cited characters in documents. Has no side effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.extraction import closest_sentence
from rag.answering.verification.citation_trace import CitationTrace, difference
from rag.records import Citation, Document, Hit
from rag.server.page.views.answer_view import VERDICTS
from rag.server.page.views.markup import escaped, one_line

_CONTEXT_CHARACTERS = 1_500  # number of characters shown on either side of a highlight
_PDF = "application/pdf"
_DIFF_TAGS = {"=": "span", "-": "del", "+": "ins"}
_TRACE_NOTICES = {  # state of a citation → the notice shown above its saved quotation
    "unchanged": "several documents now have this name; this is the quotation as it was cited",
    "moved": "this document has changed since it was cited; it still contains the quotation",
    "changed": "the text has changed since it was cited",
    "deleted": "this document is no longer in your library; this is the quotation as it was cited",
}


@dataclass(frozen=True, slots=True)
class Highlight:
    """A highlighted span in a document.

    Attributes:
        anchor: The id of the highlight's HTML element, to which citations link.
        start: Offset of the first character in the document's text.
        end: Offset just after the last character.
        tooltip: A line of text that explains the highlight.
        css_class: "cited" for a citation, or "near" for a passage that is similar to the question but does not answer it.
    """

    anchor: str
    start: int
    end: int
    tooltip: str
    css_class: str = "cited"


def citation_highlight(turn: int, citation: Citation) -> Highlight:
    """Returns the highlight for a citation in the answer with the given number."""
    return Highlight(f"c{turn}-{citation.n}", citation.start, citation.end, VERDICTS[citation.verdict])


def passage_highlight(turn: int, n: int, hit: Hit) -> Highlight:
    """Returns the highlight for the n-th of the closest passages that are listed when rag abstains."""
    closest = closest_sentence(hit)
    return Highlight(f"h{turn}-{n}", closest.start, closest.end, "closest passage; it does not answer the question", "near")


def document_markup(document: Document, document_id: int, highlights: Sequence[Highlight], locator: str = "") -> str:
    """Returns a document's section in the source panel.

    The section shows the document's title and facts, the text around the highlights, an image of each cited page if the
    document is a PDF, and a link to the whole document.
    """
    in_order = sorted(highlights, key=lambda highlight: (highlight.start, highlight.end))
    spans = ",".join(f"{highlight.start}-{highlight.end}" for highlight in in_order)
    pages = dict.fromkeys(
        page for highlight in in_order if document.media_type == _PDF and (page := document.page_at(highlight.start))
    )
    images = "".join(
        _page_image_markup(document, f"/documents/{document_id}/pages/{page}?marked={spans}", page) for page in pages
    )
    link = (
        f'<a class="open" href="/documents/{document_id}?marked={spans}#marked" target="_blank">Open the whole document</a>'
    )
    return (
        f'<section class="source"><h2>{one_line(document.title or document.source)}</h2>'
        f'<p class="about">{document_facts(document, locator)}</p>'
        f'<div class="text" tabindex="0">{_highlighted_text(document.text, in_order)}</div>'
        f'{images}<p class="about">{link}</p></section>'
    )


def _page_image_markup(document: Document, address: str, page: int) -> str:
    alt = f"Page {page} of {one_line(document.title or document.source)} as printed, with the cited lines highlighted"
    return (
        f'<details class="printed" open><summary>Page {page} as printed</summary>'
        f'<img src="{address}" alt="{alt}" loading="lazy"></details>'
    )


def document_facts(document: Document, locator: str = "") -> str:
    """Returns a line with the document's date, author and source, and the location of the citation."""
    facts = (document.date, document.author, document.source, locator)
    return " · ".join(one_line(fact) for fact in facts if fact)


def changed_citation_markup(turn: int, citation: Citation, trace: CitationTrace) -> str:
    """Returns the quotation as it was cited and, if the text has changed, the differences."""
    now = ""
    if trace.state == "changed" and trace.now:
        parts = difference(citation.quote, trace.now)
        changes = "".join(f"<{_DIFF_TAGS[sign]}>{escaped(text)}</{_DIFF_TAGS[sign]}>" for sign, text in parts)
        now = f'<details open><summary>What changed</summary><div class="text">{changes}</div></details>'
    return (
        f'<section class="source changed"><h2>{one_line(citation.title or citation.source)}</h2>'
        f'<p class="notice">{escaped(_TRACE_NOTICES[trace.state])}</p>'
        f'<div class="text"><mark id="c{turn}-{citation.n}" class="cited" tabindex="-1" title="Quotation as it was cited">'
        f"{escaped(citation.quote)}</mark></div>{now}</section>"
    )


def _highlighted_text(text: str, highlights: Sequence[Highlight]) -> str:
    """Returns the text around the highlights, which must be sorted by start; an ellipsis replaces omitted text."""
    parts, at = [], 0
    for highlight in highlights:
        begin = max(at, highlight.start - _CONTEXT_CHARACTERS)
        if begin > at:
            if at:
                parts.append(escaped(text[at : min(begin, at + _CONTEXT_CHARACTERS)]))
            parts.append(" … ")
        start = max(at, highlight.start)  # citations may overlap, because two claims may cite the same words
        parts.append(escaped(text[max(at, begin) : start]))
        attributes = f'id="{highlight.anchor}" class="{highlight.css_class}" title="{one_line(highlight.tooltip)}"'
        parts.append(f'<mark {attributes} tabindex="-1">{escaped(text[start : highlight.end])}</mark>')
        at = max(at, highlight.end)
    is_cut = at + _CONTEXT_CHARACTERS < len(text)
    parts.append(escaped(text[at : at + _CONTEXT_CHARACTERS]) + (" …" if is_cut else ""))
    return "".join(parts)
