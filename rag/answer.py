"""Answers a question from what was found: extracted, or written by a model, every citation checked before it is shown.

An answer comes as events. Text arrives as it is written; markers in it are neutral until their sentence is complete and
its citation stands. The last event is the whole answer, the only thing to keep.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag import prompts, quotes
from rag.errors import EmbedderError, ModelError
from rag.extract import Chosen, extract
from rag.ports import Embedder, Writer
from rag.records import Answer, Citation, Filter, Flag, Hit, Status, Turn, Verdict
from rag.search import Retrieval, Search, checked_question
from rag.sentences import sentences
from rag.terms import terms

_log = logging.getLogger(__name__)

EXTRACTION = "extraction"
_SUPPORTED = 0.5  # share of a claim's words that its passage must have
_TRIES = 3  # to quote from documents that are being changed all the while
_TURNS = 6  # earlier exchanges that a model is shown
_CLAIM_WORDS = 3  # a sentence with fewer words that carry meaning claims nothing ("Yes.")


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
        sentences: int,
        evidence: float,
    ) -> None:
        self._search = search
        self._embedder = embedder
        self._text = text
        self._writer = writer
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
            citations.append(_citation(n, hit, sentence.start, sentence.end, sentence.quote, "exact", start, len(text)))
            text += f" [{n}]"
        return text, tuple(citations)

    def _written(
        self, writer: Writer, question: str, found: Retrieval, history: Sequence[Turn], begun: float
    ) -> Generator[Event]:
        """The answer by a model, as it is written; extracted if the model says nothing."""
        started = time.perf_counter()
        text, finish, notice = "", "", ""
        usage: Mapping[str, int] = {}
        first_ms = 0.0
        try:
            for delta in writer.write(prompts.messages(question, found.hits, history[-_TURNS:])):
                if delta.text:
                    first_ms = first_ms or _ms(started)
                    text += delta.text
                    yield Said(delta.text)
                finish = delta.finish or finish
                usage = dict(delta.usage) or usage
        except ModelError as error:
            _log.warning("%s", error)
            if not text.strip():
                notice = f"{error}. Here is what the documents say, word for word."
                answer = self._extracted(question, found, begun, notice[0].upper() + notice[1:])
                yield Said(answer.text)
                yield Finished(answer)
                return
            notice = f"The answer was cut off: {error}."
        if not text.strip():
            answer = self._extracted(question, found, begun, f"{writer.name} sent an empty answer.")
            yield Said(answer.text)
            yield Finished(answer)
            return
        status: Status = "incomplete" if finish != "stop" else "answered"
        if finish in ("length", "filter"):
            notice = "The answer was cut off: " + ("it is too long." if finish == "length" else "the server filtered it.")
        text = prompts.visible(text).strip()
        if text.strip('"').startswith(prompts.REFUSAL) and status == "answered":
            text, status = prompts.REFUSAL, "abstained"
        refused = status == "abstained"
        citations: tuple[Citation, ...] = ()
        flags: tuple[Flag, ...] = ()
        if not refused:
            text, citations, flags = self._checked(text, found)
        timings = {**found.timings_ms, "first_token": first_ms, "answer": _ms(started), "total": _ms(begun)}
        notice = " ".join(part for part in (notice, found.notice) if part)
        evidence = 0.0 if refused else 1.0  # a model says only whether the documents answer
        yield Finished(
            Answer(question, text, status, citations, flags, found.hits, evidence, writer.name, notice, timings, usage)
        )

    def _checked(self, text: str, found: Retrieval) -> tuple[str, tuple[Citation, ...], tuple[Flag, ...]]:
        """Resolves markers to the sentences they rest on, and names what does not stand; see `records.Verdict`.

        Returns:
            The text with each marker numbered by its citation (a marker that leads nowhere becomes "[?]"), the citations
            in that order, and the flags.
        """
        citations: list[Citation] = []
        flags: list[Flag] = []
        shown, at = "", 0  # the text as it will be read; how far the model's text has been read
        for begin, end in _claims(text):
            claim = text[begin:end]
            numbers = [int(n) for m in quotes.MARKER.finditer(claim) for n in re.findall(r"\d+", m.group(1))]
            bare = quotes.MARKER.sub("", claim).strip()
            cited = {n: self._cited(bare, found.hits[n - 1], found) for n in numbers if 1 <= n <= len(found.hits)}
            places = {n: place for n, place in cited.items() if place is not None}
            order = {n: len(citations) + i for i, n in enumerate(places, start=1)}
            shown += text[at:begin]
            start = len(shown)
            shown += quotes.MARKER.sub(lambda match, order=order: _renumbered(match.group(1), order), claim)  # type: ignore[misc]
            at, stop = end, len(shown)
            for n, (quote_start, quote_end, quote, verdict) in places.items():
                hit = found.hits[n - 1]
                citations.append(_citation(order[n], hit, quote_start, quote_end, quote, verdict, start, stop))
                if verdict == "weak":
                    flags.append(Flag(bare, "weak", start, stop))
            flags += [Flag(f"[{n}]", "unknown marker", start, stop) for n in numbers if n not in places]
            if not places and len(terms(bare)) >= _CLAIM_WORDS:
                flags.append(Flag(bare, "uncited", start, stop))
            rests_on = [found.hits[n - 1] for n in places]
            flags += self._quotation_flags(shown[start:stop], start, rests_on, found.hits)
        return shown + text[at:], tuple(citations), tuple(flags)

    def _cited(self, claim: str, hit: Hit, found: Retrieval) -> tuple[int, int, str, Verdict] | None:
        """The sentence of a hit that a claim rests on: (start, end, words, verdict); None if the document changed."""
        at, to, covered = quotes.supporting_sentence(claim, hit.text, found.rarities)
        quote = hit.text[at:to]
        if self._text(hit.document_id, hit.start + at, hit.start + to) != quote:
            return None
        verdict: Verdict = "supported" if covered >= _SUPPORTED else "weak"
        quoted = [claim[a:b] for a, b in quotes.quotations(claim)]
        places = [quotes.find_quote(words, hit.text) for words in quoted]
        if quoted and all(places):
            verdict = "exact" if all(place is not None and place[2] == "exact" for place in places) else "normalised"
        return hit.start + at, hit.start + to, quote, verdict

    def _quotation_flags(self, claim: str, offset: int, cited: Sequence[Hit], shown: Sequence[Hit]) -> Iterator[Flag]:
        """Quotations that do not stand where the answer says they do."""
        for start, end in quotes.quotations(claim):
            said = claim[start:end]
            if any(quotes.find_quote(said, hit.text) for hit in (cited or shown)):
                continue
            elsewhere = any(quotes.find_quote(said, hit.text) for hit in shown)
            yield Flag(said, "misattributed" if elsewhere else "not found", offset + start, offset + end)


def _renumbered(numbers: str, order: Mapping[int, int]) -> str:
    """A marker with the numbers of its citations: "1, 3" → "[1][2]" where passage 3 is the second citation."""
    return "".join(f"[{order.get(int(n), '?')}]" for n in re.findall(r"\d+", numbers))


def _claims(text: str) -> list[tuple[int, int]]:
    """Sentences of an answer, each with the markers that follow its full stop."""
    claims: list[tuple[int, int]] = []
    for start, end in sentences(text):
        if claims and not quotes.MARKER.sub("", text[start:end]).strip(" .,;"):
            claims[-1] = (claims[-1][0], end)
            continue
        # "… so. [1] Next …": markers that begin a sentence belong to the one before.
        leading = re.match(rf"(?:{quotes.MARKER.pattern}\s*)+", text[start:end])
        if claims and leading:
            claims[-1] = (claims[-1][0], start + len(leading.group().rstrip()))
            start += leading.end()
        if start < end:
            claims.append((start, end))
    return claims


def _citation(
    n: int, hit: Hit, start: int, end: int, quote: str, verdict: Verdict, answer_start: int, answer_end: int
) -> Citation:
    locator = " · ".join(part for part in (f"p. {hit.page}" if hit.page else "", hit.heading) if part)
    return Citation(n, hit.source, hit.title, locator, hit.page, start, end, quote, verdict, answer_start, answer_end)


def _ms(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 2)
