"""Answers questions: recognises the intent, searches, and then quotes the documents or lets a model write the answer.

An answer arrives as a stream of events (`rag.records.Event`). Markers in the streamed text are provisional until their
citations have been checked. The last event contains the complete, checked answer, and is the only one worth keeping.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

from rag.answering import about_documents, prompts
from rag.answering.answer_builder import ComposedAnswer
from rag.answering.extractive_answer import EXTRACTION, ExtractiveAnswers
from rag.answering.follow_up import standalone
from rag.answering.generation import GeneratedAnswers
from rag.answering.intent import (
    MAX_CHARACTERS,
    Intent,
    authorship_facts,
    compared_sides,
    covers_all_documents,
    intent_of,
    list_subject,
)
from rag.answering.plain_ranking import rank_sentences
from rag.answering.reading import Reading, read_hits
from rag.answering.request import Evidence, Request, elapsed_ms
from rag.ports import ChatModel, DocumentStore, Embedder, PassageReader
from rag.records import Answer, AnswerDone, Event, Filter, Hit, SourcesFound, TextDelta, Turn
from rag.retrieval.search import Retrieval, Search, checked_question

_LIST_PASSAGES = 20  # passages retrieved for a list
_MAX_LISTED = 12  # documents listed by name; the others are only counted: "… and 5 more"
_SUMMARISED_TOGETHER = 5  # maximum number of documents in one summary
_OPENING = 20_000  # code points at the start of a document that are searched for its author and date
_SUMMARISED = 400_000  # maximum number of code points that a summary is based on
_ABOUT_DOCUMENTS: tuple[Intent, ...] = ("greeting", "thanks", "help", "contents", "authorship", "summary")
# The words that identify a document: "bees" in "the report on bees".
_IDENTIFIED = re.compile(r"\b(?:about|on|called|titled|named)\s+(.+?)[?.!]*$|[\"“](.+?)[\"”]", re.IGNORECASE)


class Answerer:
    """Answers questions from one library.

    Args:
        search: Search that finds the passages.
        documents: Store that provides the documents' text, page numbers and locators.
        embedder: Function that returns the embedder used to compare sentences.
        reader: Function that returns the model that reads passages; None if it is switched off.
        extractive: Component that answers by quoting the documents.
        chat_model: Model that writes answers; None to answer only by quoting.
        prompt_tokens: Maximum size of a prompt, in tokens.
        read_passages: Number of passages that are read.
    """

    def __init__(
        self,
        search: Search,
        documents: DocumentStore,
        embedder: Callable[[], Embedder],
        reader: Callable[[], PassageReader] | None,
        extractive: ExtractiveAnswers,
        chat_model: ChatModel | None,
        *,
        prompt_tokens: int,
        read_passages: int,
    ) -> None:
        self._search = search
        self._documents = documents
        self._embedder = embedder
        self._reader = reader
        self._read_passages = read_passages
        self._extractive = extractive
        self._generated = (
            GeneratedAnswers(chat_model, extractive, documents, prompt_tokens=prompt_tokens) if chat_model else None
        )
        self._prompt_tokens = prompt_tokens

    def answer(self, question: str, k: int, filters: Filter | None, history: Sequence[Turn]) -> Generator[Event]:
        """Yields the events of an answer as they arrive. Closing the iterator stops the model.

        Raises:
            QuestionError: The question is empty or too long.
        """
        events = self._events(question, k, filters, history)
        try:
            for event in events:
                yield AnswerDone(self._located(event.answer)) if isinstance(event, AnswerDone) else event
        finally:
            events.close()

    def searches(self, question: str, k: int) -> list[tuple[str, int]]:
        """Returns the searches for a question, as (query, number of passages) pairs.

        Small talk and questions about the documents themselves need no search, so the result is an empty list.

        Raises:
            QuestionError: The question is empty or too long.
        """
        question = checked_question(question)
        intent = intent_of(question)
        return [] if intent in _ABOUT_DOCUMENTS else _searches(intent, question, k)

    def _located(self, answer: Answer) -> Answer:
        """Adds the page, locator and content hash to each citation."""
        citations = []
        for citation in answer.citations:
            page, place = self._documents.locate(citation.document_id, citation.start)
            # A chapter is often named after its first heading, which is then not repeated.
            heading = "" if place and place in citation.locator else citation.locator
            locator = " · ".join(part for part in (place, heading) if part)
            content_hash = self._documents.content_hash(citation.document_id)
            citations.append(replace(citation, page=page, locator=locator, content_hash=content_hash))
        return replace(answer, citations=tuple(citations))

    def _events(self, question: str, k: int, filters: Filter | None, history: Sequence[Turn]) -> Generator[Event]:
        started = time.perf_counter()
        question = checked_question(question)
        request = Request(
            question=question,
            standalone=checked_question(standalone(question, history)),
            intent=intent_of(question),
            k=k,
            filters=filters or Filter(),
            history=history,
            started=started,
        )
        if request.intent in _ABOUT_DOCUMENTS:
            yield from self._about_documents(request)
            return
        evidence = self._find(request)
        yield SourcesFound(evidence.hits)
        if self._generated is not None and evidence.hits:
            yield from self._generated.stream(request, evidence)
        else:
            yield from _at_once(self._extractive.compose(request, evidence, lambda: self._find(request)))

    def _find(self, request: Request) -> Evidence:
        searches = _searches(request.intent, request.standalone, request.k)
        parts, readings = [], []
        for searched, k in searches:
            found = self._search.find(searched, max(k, self._read_passages), request.filters)
            parts.append((searched, found))
            readings.append(self._read(request, searched, found).limited(k))
        return Evidence.of(parts, readings)

    def _read(self, request: Request, searched: str, found: Retrieval) -> Reading:
        # A side of a comparison is no question: the reader could only say that nothing answers it.
        if self._reader is None or request.intent == "comparison":
            return rank_sentences(searched, found, self._embedder())
        is_list = request.intent == "list"
        count = len(found.hits) if is_list else self._read_passages
        metadata = self._documents.metadata_of
        return read_hits(request.standalone, found.hits, self._reader(), metadata, count, thoroughly=is_list)

    def _about_documents(self, request: Request) -> Generator[Event]:
        """Answers a question about the documents themselves."""
        near: tuple[Hit, ...] = ()
        count, openings = self._openings(request.filters, _MAX_LISTED)
        if request.intent in ("greeting", "thanks", "help"):
            composed = about_documents.small_talk(request.intent, count, openings)
        elif request.intent == "contents" or not openings:
            composed = about_documents.contents(count, openings)
        elif request.intent == "summary" and covers_all_documents(request.question):
            yield from self._summary(request, openings[:_SUMMARISED_TOGETHER])
            return
        elif (meant := self._document_meant(request, count)) is None:
            composed = about_documents.ask_which(count, openings)
        elif request.intent == "summary":
            yield from self._summary(request, [meant])
            return
        else:
            who, when = authorship_facts(request.question)
            composed = about_documents.authorship(meant, who=who, when=when)
            near = self._search.find(request.standalone, request.k, request.filters).hits
        yield SourcesFound((*composed.hits, *near))
        yield from _at_once(_from_composed(request, composed, near))

    def _openings(self, filters: Filter, limit: int) -> tuple[int, list[Hit]]:
        """Returns the number of documents that match a filter, and the beginnings of the first `limit` documents."""
        return self._documents.openings(self._documents.matching(filters), limit, _OPENING)

    def _document_meant(self, request: Request, count: int) -> Hit | None:
        """Returns the beginning of the document that "it" or "this article" refers to; None if that is unclear."""
        if count == 1:
            return self._openings(request.filters, 1)[1][0]
        named = _IDENTIFIED.search(request.question[:MAX_CHARACTERS])
        words = (named.group(1) or named.group(2)) if named else ""
        if request.history and not words:
            words = standalone(request.history[-1].question, request.history[:-1])
        hits = self._search.find(words, 1, request.filters).hits if words else ()
        return self._beginning(hits[0], _OPENING) if hits else None

    def _beginning(self, hit: Hit, characters: int) -> Hit:
        """Returns the first characters of a hit's document, as a hit."""
        text = self._documents.text(hit.document_id, 0, characters)
        page, locator = self._documents.locate(hit.document_id, 0)
        return replace(
            hit, page=page, start=0, end=len(text), score=0.0, text=text, heading="", also_in=(), locator=locator
        )

    def _summary(self, request: Request, openings: Sequence[Hit]) -> Generator[Event]:
        """Summarises documents with the model if there is one, otherwise by quoting their most central sentences."""
        parts = [self._beginning(hit, _SUMMARISED // len(openings)) for hit in openings]
        if self._generated is None:
            composed = about_documents.summary(parts, self._embedder())
            yield SourcesFound(composed.hits)
            yield from _at_once(_from_composed(request, composed))
            return
        room = prompts.characters(self._prompt_tokens) // (2 * len(parts))
        passages = [passage for part in parts for passage in about_documents.sample_passages(part, room)]
        evidence = Evidence.of([(request.standalone, Retrieval(tuple(passages), None, {}, {}))])
        yield SourcesFound(evidence.hits)
        yield from self._generated.stream(request, evidence)


def _searches(intent: Intent, question: str, k: int) -> list[tuple[str, int]]:
    """Returns the searches for a question, as (query, number of passages) pairs.

    A comparison of two things needs two searches; any other question needs one. A list needs more passages.
    """
    both = compared_sides(question) if intent == "comparison" else None
    if both:
        return [(side, -(-k // 2)) for side in both]
    return [(list_subject(question), max(k, _LIST_PASSAGES))] if intent == "list" else [(question, k)]


def _from_composed(request: Request, composed: ComposedAnswer, near: tuple[Hit, ...] = ()) -> Answer:
    """Turns text composed without a search into an answer; `near` holds related passages found separately."""
    says_nothing = request.intent == "authorship" and not composed.citations
    return Answer(
        question=request.question,
        text=composed.text,
        status="abstained" if says_nothing else "answered",
        citations=composed.citations,
        flags=(),
        hits=(*composed.hits, *near),
        evidence=0.0 if says_nothing else 1.0,
        model=EXTRACTION,
        notice=composed.notice,
        timings_ms={"answer": elapsed_ms(request.started), "total": elapsed_ms(request.started)},
        read=len(composed.hits),
    )


def _at_once(answer: Answer) -> Iterator[Event]:
    """Yields the events for an answer that is already complete."""
    yield TextDelta(answer.text)
    yield AnswerDone(answer)
