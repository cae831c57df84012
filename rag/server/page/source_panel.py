"""Fills the source panel with the cited documents and, if the text of a citation has changed, the original quotation."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from rag.answering.verification.citation_trace import CitationTrace, SavedCitation
from rag.errors import RagError
from rag.library import Library
from rag.records import Citation, Document
from rag.server.page.views import answer_view, source_view
from rag.server.page.views.conversations import Conversation, Exchange
from rag.server.page.views.source_view import Highlight


def conversation_sources(library: Library, conversation: Conversation) -> list[str]:
    """Returns the panel's markup for each answer in a conversation, newest first."""
    return [exchange_sources(library, turn, exchange) for turn, exchange in enumerate(conversation.exchanges, start=1)][
        ::-1
    ]


def exchange_sources(library: Library, turn: int, exchange: Exchange) -> str:
    """Returns the panel's markup for one answer: first the citations whose text has changed, then the cited documents.

    Args:
        library: The library that contains the documents.
        turn: The number of the exchange in its conversation, starting at 1.
        exchange: The exchange; if it has no answer, the markup is empty.
    """
    answer = exchange.answer
    if answer is None:
        return ""
    documents = _Documents(library)
    changed: list[str] = []
    highlights: dict[int, list[Highlight]] = {}  # document id → its highlights
    locators: dict[int, str] = {}  # document id → location of the first citation, such as a page

    for citation in answer.citations:
        document_id, highlight = citation.document_id, source_view.citation_highlight(turn, citation)
        # The document was replaced or deleted, or its id is unknown because the answer comes from the browser's storage.
        if not documents.has(document_id):
            trace = _trace(library, citation)
            document_id = library.id_of(citation.source)
            highlight = replace(highlight, start=trace.start, end=trace.end)
            if trace.state not in ("unchanged", "moved") or not documents.has(document_id):
                changed.append(source_view.changed_citation_markup(turn, citation, trace))
                continue
        highlights.setdefault(document_id, []).append(highlight)
        locators.setdefault(document_id, citation.locator)
    for n, hit in enumerate(answer_view.closest_hits(answer), start=1):
        document_id = hit.document_id or library.id_of(hit.source)
        if documents.has(document_id):
            highlights.setdefault(document_id, []).append(source_view.passage_highlight(turn, n, hit))
    current = [
        source_view.document_markup(documents.get(document_id), document_id, spans, locators.get(document_id, ""))
        for document_id, spans in highlights.items()
    ]
    return "".join(changed + current)


def _trace(library: Library, citation: Citation) -> CitationTrace:
    saved = SavedCitation(
        n=citation.n,
        source=citation.source,
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
        content_hash=citation.content_hash,
    )
    try:
        return library.trace_citation(saved)
    except RagError:  # the document has just been deleted
        return CitationTrace("deleted")


class _Documents:
    """A cache of a library's documents by id, which loads each document only once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._loaded: dict[int, Document] = {}

    def has(self, document_id: int) -> bool:
        """Returns whether the library still contains the document; False for id 0, which stands for an unknown document."""
        with contextlib.suppress(RagError):  # the document has been deleted or replaced in the meantime
            if document_id and document_id not in self._loaded:
                self._loaded[document_id] = self._library.document_by_id(document_id)
        return document_id in self._loaded

    def get(self, document_id: int) -> Document:
        """Returns a document for which `has` has returned True."""
        return self._loaded[document_id]
