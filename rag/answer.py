"""Answers a question from what was found: extracted, or written by a model, every citation checked before it is shown.

An answer comes as events. Text arrives as it is written; markers in it are neutral until their sentence is complete and
its citation stands. The last event is the whole answer, the only thing to keep.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag import check, prompts
from rag.addresses import Cleaner, known_addresses
from rag.characters import visible
from rag.check import Checked, citation
from rag.errors import EmbedderError, ModelError, PromptTooLongError
from rag.extract import Chosen, extract
from rag.ports import Embedder, Writer
from rag.records import Answer, Citation, Filter, Hit, Status, Turn
from rag.search import Retrieval, Search, checked_question
from rag.thoughts import spoken

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


@dataclass(frozen=True, slots=True)
class Sources:
    """What was found, before anything is answered."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """The next piece of the answer's text, markers included."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer."""

    answer: Answer


Event = Sources | Said | Finished


class Ask:
    """Answers questions from one library.

    Args:
        search: Finds passages.
        embedder: Returns the embedder that `search` uses.
        text: (document id, start, end) → those characters of the document, to check a citation by.
        writer: The model that writes answers; None for extraction.
        prompt_tokens: Room for what the model is asked, tokens.
        sentences: Most sentences of an extracted answer.
        evidence: Below it, an extracted answer abstains; in [0, 1].
    """

    def __init__(
        self,
        search: Search,
        embedder: Callable[[], Embedder],
        text: Callable[[int, int, int], str],
        writer: Writer | None,
        *,
        prompt_tokens: int,
        sentences: int,
        evidence: float,
    ) -> None:
        self._search = search
        self._embedder = embedder
        self._text = text
        self._writer = writer
        self._prompt_tokens = prompt_tokens
        self._sentences = sentences
        self._threshold = evidence

    def __call__(self, question: str, k: int, wanted: Filter | None, history: Sequence[Turn]) -> Generator[Event]:
        """Answers one question. Closing the iterator stops the model.

        Raises:
            QuestionError: It is empty or too long.
        """
        question = checked_question(question)
        begun = time.perf_counter()
        found = self._search(question, k, wanted)
        yield Sources(found.hits)
        if self._writer is None or not found.hits:
            answer = self._extracted(question, found, begun)
            for _ in range(_TRIES):
                if not self._has_changed(found):
                    break
                found = self._search(question, k, wanted)  # a document was replaced while it was being quoted
                answer = self._extracted(question, found, begun)
            yield Said(answer.text)
            yield Finished(answer)
            return
        yield from self._written(self._writer, question, found, history, begun)

    def _extracted(self, question: str, found: Retrieval, begun: float, failed: str = "") -> Answer:
        """The answer by quoting. `failed` says why a model did not write it."""
        started = time.perf_counter()
        notices = [n for n in (failed, found.notice) if n]
        try:
            extracted = extract(question, found, self._embedder(), self._sentences)
        except EmbedderError as error:
            _log.warning("extracting by words only: %s", error)
            by_words = Retrieval(found.hits, None, found.rarities, found.timings_ms, found.notice)
            extracted = extract(question, by_words, self._embedder(), self._sentences)
        status: Status = "degraded" if failed else "answered"
        text, citations = self._quoted(extracted.chosen)
        if not citations or extracted.evidence < self._threshold:
            text, citations = prompts.REFUSAL, ()
            status = "degraded" if failed else "abstained"
        timings = {**found.timings_ms, "answer": _ms(started), "total": _ms(begun)}
        return Answer(
            question,
            text,
            status,
            citations,
            (),
            found.hits,
            round(extracted.evidence, 4),
            EXTRACTION,
            " ".join(notices),
            timings,
        )

    def _has_changed(self, found: Retrieval) -> bool:
        """Whether a passage that was found is not there any more."""
        return any(self._text(hit.document_id, hit.start, hit.end) != hit.text for hit in found.hits)

    def _quoted(self, chosen: Sequence[Chosen]) -> tuple[str, tuple[Citation, ...]]:
        """The chosen sentences as text, each cited; one whose document changed meanwhile is left out."""
        text = ""
        citations: list[Citation] = []
        for sentence in chosen:
            hit = sentence.hit
            if self._text(hit.document_id, sentence.start, sentence.end) != sentence.quote:
                continue
            text += " " if text else ""
            start, n = len(text), len(citations) + 1
            text += sentence.quote
            citations.append(citation(n, hit, sentence.start, sentence.end, sentence.quote, "exact", start, len(text)))
            text += f" [{n}]"
        return text, tuple(citations)

    def _written(
        self, writer: Writer, question: str, found: Retrieval, history: Sequence[Turn], begun: float
    ) -> Generator[Event]:
        """The answer by a model, as it is written; extracted if the model says nothing."""
        started = time.perf_counter()
        hits, turns = prompts.fitting(question, found.hits, history[-_TURNS:], self._prompt_tokens)
        told = _Told(known_addresses(question, [hit.text for hit in found.hits]))
        failed = ""
        while True:
            try:
                yield from told.by(writer, prompts.messages(question, hits, turns), started)
            except PromptTooLongError as error:
                if not told.text and len(hits) > 1:
                    hits, turns = hits[: len(hits) // 2], ()
                    continue
                failed = str(error)
            except ModelError as error:
                _log.warning("%s", error)
                failed = str(error)
            break
        if not told.text.strip():
            failed = failed or f"{writer.name} sent an empty answer"
            notice = f"{failed[0].upper()}{failed[1:]}. Here is what the documents say, word for word."
            answer = self._extracted(question, found, begun, notice)
            yield Said(answer.text)
            yield Finished(answer)
            return
        cut = f"The answer was cut off: {failed}." if failed else _CUT.get(told.finish, "")
        status: Status = "incomplete" if cut else "answered"
        text = told.text.strip()
        if prompts.refuses(text) and not cut:
            checked, status = Checked(prompts.REFUSAL, (), ()), "abstained"
        else:
            checked = check.checked(text, hits, self._text, question)
        timings = {**found.timings_ms, "first_token": told.first_ms, "answer": _ms(started), "total": _ms(begun)}
        yield Finished(
            Answer(
                question, checked.text, status, checked.citations, checked.flags, found.hits,
                0.0 if status == "abstained" else 1.0,  # a model says only whether the documents answer
                writer.name, " ".join(part for part in (cut, found.notice) if part), timings, told.usage,
            )
        )  # fmt: skip


class _Told:
    """What a model has said so far.

    Args:
        known: Texts whose addresses it may repeat.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known
        self.text = ""
        self.finish = ""
        self.usage: Mapping[str, int] = {}
        self.first_ms = 0.0

    def by(self, writer: Writer, messages: Sequence[tuple[str, str]], started: float) -> Iterator[Said]:
        """Passes on what a model says, without what nobody sees and without foreign addresses.

        Raises:
            ModelError: It said no more, or nothing.
        """
        cleaner = Cleaner(self._known)
        written = writer.write(messages)
        try:
            for delta in spoken(written):
                self.finish = delta.finish or self.finish
                self.usage = dict(delta.usage) or self.usage
                if delta.text and not self.first_ms:
                    self.first_ms = _ms(started)
                yield self._said(cleaner.passed(visible(delta.text)))
                if len(self.text) > _LONGEST_ANSWER:
                    self.finish = "length"
                    break
        finally:
            if isinstance(written, Generator):
                written.close()  # which closes the connection
            self.text += cleaner.rest()

    def _said(self, text: str) -> Said:
        self.text += text
        return Said(text)  # empty while nothing comes: whoever reads may stop it then, too


def _ms(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 2)
