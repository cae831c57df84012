"""Answers a question from what was found: extracted, or written by a model, every citation checked before it is shown.

An answer comes as events. Text arrives as it is written; markers in it are neutral until their sentence is complete and
its citation stands. The last event is the whole answer, the only thing to keep.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from rag.answering import about_documents, answer_check, prompts
from rag.answering.verification.answer_check import Checked
from rag.answering.extraction import ChosenSentence, Extraction, extract
from rag.answering.follow_up import standalone
from rag.answering.intent import Intent, facts_asked, intent_of, is_of_all, sides, subject
from rag.answering.verification.reasoning_tags import spoken
from rag.answering.verification.url_filter import Cleaner, known_addresses
from rag.errors import ModelError, PromptTooLongError
from rag.ports import ChatModel, TokenEmbedder
from rag.records import Answer, AnswerDone, Event, Filter, Hit, SourcesFound, Status, TextDelta, Turn
from rag.retrieval.search import Retrieval, Search, checked_question
from rag.text.unicode_text import visible

_log = logging.getLogger(__name__)

EXTRACTION = "extraction"
_TRIES = 3  # to quote from documents that are being changed all the while
_TURNS = 6  # earlier exchanges that a model is shown
_LONGEST_ANSWER = 20_000  # code points; a model that goes on has lost its way
_CUT = {
    "": "The answer was cut off.",
    "length": "The answer was cut off: it is too long.",
    "filter": "The answer was cut off: the server filtered it.",
}
_LIST_PASSAGES = 20  # that a list is gathered from
_LIST_SENTENCES = 10
_FOR_A_LIST = 0.2  # of the evidence that a single answer needs
_SIDE_SENTENCES = 2  # of each thing that is compared
_NAMED = 12  # documents named before "and … more"
_SUMMED_UP_TOGETHER = 5  # documents that one summary is of
_OPENING = 20_000  # code points of a document's beginning in which its author and date may stand
_SUMMED_UP = 400_000  # code points of a document that a summary is made from
# "the report on bees": the words that tell which document is meant.
_NAMED_ONE = re.compile(r"\b(?:about|on|called|titled|named)\s+(.+?)[?.!]*$|[\"“](.+?)[\"”]", re.IGNORECASE)


# (documents asked about, how many of them, code points of each) → how many there are, and how the first begin.
Openings = Callable[[Filter, int, int], tuple[int, list[Hit]]]


@dataclass(frozen=True, slots=True)
class _Request:
    """A question with all that belongs to it.

    Attributes:
        meant: The question made to stand alone.
        begun: When it was asked, by time.perf_counter.
    """

    question: str
    meant: str
    kind: Intent
    k: int
    filters: Filter
    history: Sequence[Turn]
    begun: float

    @property
    def searched(self) -> str:
        """The question as it was searched for, where that is another."""
        return "" if self.meant == self.question else self.meant


@dataclass(frozen=True, slots=True)
class _Retrieved:
    """What was found for a question; for a comparison of two things, for each of them.

    Attributes:
        parts: (what was searched for, its passages).
        hits: All of them, best first, each once.
    """

    parts: tuple[tuple[str, Retrieval], ...]
    hits: tuple[Hit, ...]

    @classmethod
    def of(cls, parts: Sequence[tuple[str, Retrieval]]) -> _Retrieved:
        in_turn = [hit for row in zip_longest(*(found.hits for _, found in parts)) for hit in row if hit is not None]
        return cls(tuple(parts), tuple({(hit.document_id, hit.start): hit for hit in reversed(in_turn)}.values())[::-1])

    @property
    def notice(self) -> str:
        return self.parts[0][1].notice

    @property
    def timings_ms(self) -> Mapping[str, float]:
        return self.parts[0][1].timings_ms


class Answerer:
    """Answers questions from one library.

    Args:
        search: Finds passages.
        embedder: Returns the one that sentences are read by; it may be another than searches.
        text: (document id, start, end) → those characters of the document, to check a citation by.
        locate: (document id, offset) → the page there, where to look in words, and the document's content hash.
        openings: How documents begin.
        chat_model: The model that writes answers; None for extraction.
        prompt_tokens: Room for what the model is asked, tokens.
        sentences: Most sentences of an extracted answer.
        threshold: The evidence below which an extracted answer abstains, in [0, 1]; asked anew for each question.
    """

    def __init__(
        self,
        search: Search,
        embedder: Callable[[], TokenEmbedder],
        text: Callable[[int, int, int], str],
        locate: Callable[[int, int], tuple[int | None, str, str]],
        openings: Openings,
        chat_model: ChatModel | None,
        *,
        prompt_tokens: int,
        sentences: int,
        threshold: Callable[[], float],
    ) -> None:
        self._search = search
        self._embedder = embedder
        self._text = text
        self._locate = locate
        self._openings = openings
        self._chat_model = chat_model
        self._prompt_tokens = prompt_tokens
        self._sentences = sentences
        self._threshold = threshold

    def answer(self, question: str, k: int, filters: Filter | None, history: Sequence[Turn]) -> Generator[Event]:
        """Answers one question. Closing the iterator stops the model.

        Raises:
            QuestionError: It is empty or too long.
        """
        events = self._events(question, k, filters, history)
        try:
            for event in events:
                yield AnswerDone(self._located(event.answer)) if isinstance(event, AnswerDone) else event
        finally:
            events.close()

    def _located(self, answer: Answer) -> Answer:
        """The answer, each citation with the page, or whatever its document has, on which it begins."""
        citations = []
        for citation in answer.citations:
            page, place, content_hash = self._locate(citation.document_id, citation.start)
            # A chapter is often named by its first heading.
            heading = "" if place and place in citation.locator else citation.locator
            locator = " · ".join(part for part in (place, heading) if part)
            citations.append(replace(citation, page=page, locator=locator, content_hash=content_hash))
        return replace(answer, citations=tuple(citations))

    def _events(self, question: str, k: int, filters: Filter | None, history: Sequence[Turn]) -> Generator[Event]:
        begun = time.perf_counter()
        question = checked_question(question)
        meant = checked_question(standalone(question, history))
        asking = _Request(question, meant, intent_of(question), k, filters or Filter(), history, begun)
        if asking.kind in _ABOUT_DOCUMENTS:
            yield from self._about_documents(asking)
            return
        found = self._found(asking)
        yield SourcesFound(found.hits)
        if self._chat_model is not None and found.hits:
            yield from self._written(self._chat_model, asking, found)
        else:
            yield from _whole(self._quoting(asking, found))

    def searches(self, question: str, k: int) -> list[tuple[str, int]]:
        """(What is searched for, how many passages) to answer a question; nothing where it is about the documents.

        Raises:
            QuestionError: It is empty or too long.
        """
        question = checked_question(question)
        kind = intent_of(question)
        return [] if kind in _ABOUT_DOCUMENTS else _searches(kind, question, k)

    def _found(self, asking: _Request) -> _Retrieved:
        searches = _searches(asking.kind, asking.meant, asking.k)
        return _Retrieved.of([(searched, self._search.find(searched, k, asking.filters)) for searched, k in searches])

    def _about_documents(self, asking: _Request) -> Generator[Event]:
        """What is asked about the documents rather than of them."""
        near: tuple[Hit, ...] = ()
        count, openings = self._openings(asking.filters, _NAMED, _OPENING)
        if asking.kind in ("greeting", "thanks", "help"):
            told = about_documents.spoken(asking.kind, count, openings)
        elif asking.kind == "contents" or not openings:
            told = about_documents.contents(count, openings)
        elif asking.kind == "summary" and is_of_all(asking.question):
            yield from self._summary(asking, openings[:_SUMMED_UP_TOGETHER])
            return
        elif (meant := self._document_meant(asking, count)) is None:
            told = about_documents.which_one(count, openings)
        elif asking.kind == "summary":
            yield from self._summary(asking, [meant])
            return
        else:
            who, when = facts_asked(asking.question)
            told = about_documents.authorship(meant, who=who, when=when)
            near = self._search.find(asking.meant, asking.k, asking.filters).hits
        yield SourcesFound((*told.hits, *near))
        yield from _whole(_own(asking, told, near))

    def _document_meant(self, asking: _Request, count: int) -> Hit | None:
        """How the document begins that "it" or "this article" is; None where that cannot be told."""
        if count == 1:
            return self._openings(asking.filters, 1, _OPENING)[1][0]
        named = _NAMED_ONE.search(asking.question)
        words = (named.group(1) or named.group(2)) if named else ""
        if asking.history and not words:
            words = standalone(asking.history[-1].question, asking.history[:-1])
        hits = self._search.find(words, 1, asking.filters).hits if words else ()
        return self._beginning(hits[0], _OPENING) if hits else None

    def _beginning(self, hit: Hit, characters: int) -> Hit:
        """How a hit's document begins."""
        text = self._text(hit.document_id, 0, characters)
        page, locator, _ = self._locate(hit.document_id, 0)
        return Hit(hit.source, hit.title, page, 0, len(text), 0.0, text, "", hit.author, hit.date,
                   hit.ranks, hit.document_id, locator=locator)  # fmt: skip

    def _summary(self, asking: _Request, openings: Sequence[Hit]) -> Generator[Event]:
        """What documents say in short: by the model where there is one, else by the sentences that say most."""
        parts = [self._beginning(hit, _SUMMED_UP // len(openings)) for hit in openings]
        if self._chat_model is None:
            told = about_documents.summary(parts, self._embedder())
            yield SourcesFound(told.hits)
            yield from _whole(_own(asking, told))
            return
        room = prompts.characters(self._prompt_tokens) // (2 * len(parts))
        passages = [passage for part in parts for passage in about_documents.cut(part, room)]
        found = _Retrieved.of([(asking.meant, Retrieval(tuple(passages), None, {}, {}))])
        yield SourcesFound(found.hits)
        yield from self._written(self._chat_model, asking, found)

    def _quoting(self, asking: _Request, found: _Retrieved) -> Answer:
        """The answer by quoting, again if a document was replaced while it was being quoted."""
        answer = self._extracted(asking, found)
        for _ in range(_TRIES):
            if all(self._text(hit.document_id, hit.start, hit.end) == hit.text for hit in found.hits):
                break
            found = self._found(asking)
            answer = self._extracted(asking, found)
        return answer

    def _extracted(self, asking: _Request, found: _Retrieved, failed: str = "") -> Answer:
        """The answer by quoting. `failed` says why a model did not write it."""
        started = time.perf_counter()
        lines = about_documents.AnswerBuilder()
        evidence, read = 0.0, 0
        # No one sentence answers "List every …": what comes near is shown, and called that.
        threshold = self._threshold() * (_FOR_A_LIST if asking.kind == "list" else 1)
        for searched, part in found.parts:
            extracted = self._extract(asking, searched, part)
            evidence = max(evidence, extracted.evidence)
            read += extracted.read
            standing = [sentence for sentence in extracted.chosen if self._stands(sentence)]
            label = f"{searched[0].upper()}{searched[1:]}:" if len(found.parts) > 1 else ""
            if not standing or extracted.evidence < threshold:
                if label:
                    lines.add(f"{label} {prompts.NOTHING_ABOUT}", before="\n")
                continue
            if label:
                lines.add(label, before="\n")
            for sentence in standing:
                lines.add(sentence.quote, sentence.hit, (sentence.start, sentence.end))
        kind_notice = _QUOTED.get(asking.kind, "") if lines.citations else ""
        instead = "Here is what the documents say, word for word." if failed and lines.citations else ""
        status: Status = "degraded" if failed else "answered" if lines.citations else "abstained"
        text = lines.text if lines.citations else prompts.REFUSAL
        timings = {**found.timings_ms, "answer": _ms(started), "total": _ms(asking.begun)}
        return Answer(
            asking.question, text, status, tuple(lines.citations), (), found.hits, round(evidence, 4), EXTRACTION,
            " ".join(notice for notice in (failed, instead, kind_notice, found.notice) if notice), timings,
            searched=asking.searched, read=min(read, len(found.hits)),
        )  # fmt: skip

    def _extract(self, asking: _Request, searched: str, found: Retrieval) -> Extraction:
        most = {"list": _LIST_SENTENCES, "comparison": _SIDE_SENTENCES}.get(asking.kind, self._sentences)
        return extract(searched, found, self._embedder(), most, gathers=asking.kind == "list")

    def _stands(self, sentence: ChosenSentence) -> bool:
        """Whether a sentence is in its document still."""
        return self._text(sentence.hit.document_id, sentence.start, sentence.end) == sentence.quote

    def _written(self, chat_model: ChatModel, asking: _Request, found: _Retrieved) -> Generator[Event]:
        """The answer by a model, as it is written; extracted if the model says nothing."""
        started = time.perf_counter()
        hits, turns = prompts.fitting(asking.question, found.hits, asking.history[-_TURNS:], self._prompt_tokens)
        told = _ReplyStream(known_addresses(asking.question, [hit.text for hit in found.hits]))
        failed = ""
        while True:
            try:
                yield from told.by(chat_model, prompts.messages(asking.question, hits, turns, asking.searched), started)
            except PromptTooLongError as error:
                if not told.text and len(hits) > 1:
                    hits, turns = hits[: len(hits) // 2], ()
                    continue
                failed = str(error)
            except ModelError as error:
                _log.warning("%s", error)
                failed = str(error)
            break
        yield told.rest()
        if not told.text.strip():
            failed = failed or f"{chat_model.name} sent an empty answer"
            yield from _whole(self._extracted(asking, found, f"{failed[0].upper()}{failed[1:]}."))
            return
        cut = f"The answer was cut off: {failed}." if failed else _CUT.get(told.finish, "")
        status: Status = "incomplete" if cut else "answered"
        text = told.text.strip()
        if prompts.refuses(text) and not cut:
            checked, status = Checked(prompts.REFUSAL, (), ()), "abstained"
        else:
            checked = answer_check.checked(text, hits, self._text, asking.question)
        timings = {
            **found.timings_ms, "first_token": told.first_ms, "answer": _ms(started), "total": _ms(asking.begun),
        }  # fmt: skip
        yield AnswerDone(
            Answer(
                asking.question, checked.text, status, checked.citations, checked.flags, found.hits,
                0.0 if status == "abstained" else 1.0,  # a model says only whether the documents answer
                chat_model.name, " ".join(part for part in (cut, found.notice) if part), timings, told.usage,
                asking.searched,
                len(hits),
            )
        )  # fmt: skip


_ABOUT_DOCUMENTS: tuple[Intent, ...] = ("greeting", "thanks", "help", "contents", "authorship", "summary")
_QUOTED = {"list": prompts.QUOTED_LIST, "comparison": prompts.QUOTED_SIDES}


def _searches(kind: Intent, meant: str, k: int) -> list[tuple[str, int]]:
    """What is searched for, and how many passages: both sides of a comparison, more of them for a list."""
    both = sides(meant) if kind == "comparison" else None
    if both:
        return [(side, -(-k // 2)) for side in both]
    return [(subject(meant), max(k, _LIST_PASSAGES))] if kind == "list" else [(meant, k)]


def _own(asking: _Request, told: about_documents.ComposedAnswer, near: tuple[Hit, ...] = ()) -> Answer:
    """An answer in rag's own words, or of sentences it chose without a search; `near` is what a search finds beside it."""
    timings = {"answer": _ms(asking.begun), "total": _ms(asking.begun)}
    says_nothing = asking.kind == "authorship" and not told.citations
    return Answer(
        asking.question, told.text, "abstained" if says_nothing else "answered", told.citations, (), (*told.hits, *near),
        0.0 if says_nothing else 1.0, EXTRACTION, told.notice, timings, read=len(told.hits),
    )  # fmt: skip


def _whole(answer: Answer) -> Iterator[Event]:
    """An answer that comes in one piece."""
    yield TextDelta(answer.text)
    yield AnswerDone(answer)


class _ReplyStream:
    """What a model has said so far.

    Args:
        known: Texts whose addresses it may repeat.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._cleaner = Cleaner(known)
        self.text = ""
        self.finish = ""
        self.usage: Mapping[str, int] = {}
        self.first_ms = 0.0

    def by(self, chat_model: ChatModel, messages: Sequence[tuple[str, str]], started: float) -> Iterator[TextDelta]:
        """Passes on what a model says, without what nobody sees and without foreign addresses.

        Raises:
            ModelError: It said no more, or nothing.
        """
        written = chat_model.stream(messages)
        try:
            for delta in spoken(written):
                self.finish = delta.finish or self.finish
                self.usage = dict(delta.usage) or self.usage
                if delta.text and not self.first_ms:
                    self.first_ms = _ms(started)
                yield self._said(self._cleaner.passed(visible(delta.text)))
                if len(self.text) > _LONGEST_ANSWER:
                    self.finish = "length"
                    break
        finally:
            if isinstance(written, Generator):
                written.close()  # which closes the connection

    def rest(self) -> TextDelta:
        """What was held back of the last word, at the end."""
        return self._said(self._cleaner.rest())

    def _said(self, text: str) -> TextDelta:
        self.text += text
        return TextDelta(text)  # empty while nothing comes: whoever reads may stop it then, too


def _ms(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 2)
