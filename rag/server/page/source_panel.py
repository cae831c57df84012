"""The panel of sources for one answer: its cited documents as the library has them now, or what became of them since."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from rag.answering.citation_trace import CitationTrace, SavedCitation
from rag.errors import RagError
from rag.library import Library
from rag.records import Document
from rag.server.page.views import answer_view, source_view
from rag.server.page.views.conversations import Exchange, Talk


def parts(library: Library, talked: Talk) -> list[str]:
    """What the panel shows for each answer of a conversation, the newest first."""
    return [part(library, turn, one) for turn, one in enumerate(talked.exchanges, start=1)][::-1]


def part(library: Library, turn: int, exchange: Exchange) -> str:
    """What it shows for one answer."""
    answer = exchange.answer
    if answer is None:
        return ""
    shown: list[str] = []
    documents: dict[int, Document] = {}
    spans: dict[int, list[source_view.Span]] = {}
    locators: dict[int, str] = {}

    def stands(document_id: int) -> bool:
        with contextlib.suppress(RagError):  # it was deleted or replaced meanwhile
            if document_id and document_id not in documents:
                documents[document_id] = library.document_by_id(document_id)
        return document_id in documents

    for citation in answer.citations:
        id_, span = citation.document_id, source_view.cited(turn, citation)
        if not stands(id_):
            saved = SavedCitation(
                citation.n, citation.source, citation.start, citation.end, citation.quote, citation.content_hash
            )
            try:
                trace = library.trace_citation(saved)
            except RagError:
                trace = CitationTrace("deleted")  # just now
            id_, span = library.id_of(citation.source), replace(span, start=trace.start, end=trace.end)
            if trace.state not in ("unchanged", "moved") or not stands(id_):
                shown.append(source_view.kept(turn, citation, trace))
                continue
        spans.setdefault(id_, []).append(span)
        locators.setdefault(id_, citation.locator)
    for n, hit in enumerate(answer_view.closest_hits(answer), start=1):
        id_ = hit.document_id or library.id_of(hit.source)
        if stands(id_):
            spans.setdefault(id_, []).append(source_view.near(turn, n, hit))
    shown += [source_view.section(documents[id_], id_, marked, locators.get(id_, "")) for id_, marked in spans.items()]
    return "".join(shown)
