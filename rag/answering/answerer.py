"""Answers questions: recognises the intent, searches, and has the answer extracted or written.

An answer comes as events (`rag.records.Event`). Markers in streamed text are neutral until their sentence is complete and
its citation is verified. The last event is the whole answer, the only thing to keep.
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
from rag.answering.intent import Intent, authorship_facts, compared_sides, covers_all_documents, intent_of, list_subject
from rag.answering.request import Evidence, Request, elapsed_ms
from rag.ports import ChatModel, DocumentStore, TokenEmbedder
from rag.records import Answer, AnswerDone, Event, Filter, Hit, SourcesFound, TextDelta, Turn
from rag.retrieval.search import Retrieval, Search, checked_question

_LIST_PASSAGES = 20  # that a list is gathered from
_MAX_LISTED = 12  # documents listed before "… and 5 more"
_SUMMARISED_TOGETHER = 5  # documents that one summary covers
_OPENING = 20_000  # code points at a document's beginning in which its author and date may be given
_SUMMARISED = 400_000  # code points of a document that a summary is made from
_ABOUT_DOCUMENTS: tuple[Intent, ...] = ("greeting", "thanks", "help", "contents", "authorship", "summary")
# The words that identify a document: "the report on bees".
_IDENTIFIED = re.compile(r"\b(?:about|on|called|titled|named)\s+(.+?)[?.!]*$|[\"“](.+?)[\"”]", re.IGNORECASE)


class Answerer:
    """Answers questions from one library.

    Args:
        search: Finds passages.
        documents: The documents' text and places.
        embedder: Returns the embedder that sentences are read with.
        extractive: Answers by quoting.
        chat_model: Writes answers; None for extraction.
        prompt_tokens: Room for what the model is asked, tokens.
    """

    def __init__(
        self,
        search: Search,
        documents: DocumentStore,
        embedder: Callable[[], TokenEmbedder],
        extractive: ExtractiveAnswers,
        chat_model: ChatModel | None,
        *,
        prompt_tokens: int,
    ) -> None:
        self._search = search
        self._documents = documents
        self._embedder = embedder
        self._extractive = extractive
        self._generated = (
            GeneratedAnswers(chat_model, extractive, documents, prompt_tokens=prompt_tokens) if chat_model else None
        )
        self._prompt_tokens = prompt_tokens

    def answer(self, question: str, k: int, filters: Filter | None, history: Sequence[Turn]) -> Generator[Event]:
        """Yields the answer to one question as it comes. Closing the iterator stops the model.

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
        """Returns (what is searched for, number of passages) for a question; empty if it is about the documents.

        Raises:
            QuestionError: The question is empty or too long.
        """
        question = checked_question(question)
        intent = intent_of(question)
        return [] if intent in _ABOUT_DOCUMENTS else _searches(intent, question, k)

    def _located(self, answer: Answer) -> Answer:
        """Completes each citation with its page, locator and content hash."""
        citations = []
        for citation in answer.citations:
            page, place = self._documents.locate(citation.document_id, citation.start)
            # A chapter is often named by its first heading.
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
        return Evidence.of([(searched, self._search.find(searched, k, request.filters)) for searched, k in searches])

    def _about_documents(self, request: Request) -> Generator[Event]:
        """Answers a question about the documents rather than from them."""
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
        """Counts the documents that pass a filter, and returns how the first of them begin."""
        return self._documents.openings(self._documents.matching(filters), limit, _OPENING)

    def _document_meant(self, request: Request, count: int) -> Hit | None:
        """Returns the beginning of the document that "it" or "this article" refers to; None if that is unclear."""
        if count == 1:
            return self._openings(request.filters, 1)[1][0]
        named = _IDENTIFIED.search(request.question)
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
        """Summarises documents: by the model if there is one, else by their most central sentences."""
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
    """Returns (what is searched for, number of passages): both sides of a comparison, more passages for a list."""
    both = compared_sides(question) if intent == "comparison" else None
    if both:
        return [(side, -(-k // 2)) for side in both]
    return [(list_subject(question), max(k, _LIST_PASSAGES))] if intent == "list" else [(question, k)]


def _from_composed(request: Request, composed: ComposedAnswer, near: tuple[Hit, ...] = ()) -> Answer:
    """Returns the answer of a text that was composed without a search; `near` is what a search finds beside it."""
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
    """Yields an answer that comes in one piece."""
    yield TextDelta(answer.text)
    yield AnswerDone(answer)
