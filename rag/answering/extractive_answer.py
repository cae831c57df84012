"""Answers by quoting: composes an answer from the sentences that extraction chose, or declines to answer."""

from __future__ import annotations

import time
from collections.abc import Callable

from rag.answering import prompts
from rag.answering.answer_builder import AnswerBuilder
from rag.answering.extraction import ChosenSentence, Extraction, extract
from rag.answering.reading import Reading
from rag.answering.request import Evidence, Request, elapsed_ms
from rag.ports import DocumentStore
from rag.records import Answer, Status

EXTRACTION = "extraction"  # shown in place of a model's name in extractive answers
_RETRIES = 3  # number of further attempts if documents change while they are being quoted
_LIST_SENTENCES = 10
_LIST_THRESHOLD = 0.2  # for a list, this fraction of the usual evidence threshold is enough
_SIDE_SENTENCES = 2  # sentences quoted for each side of a comparison
_NOTICES = {"list": prompts.QUOTED_LIST, "comparison": prompts.QUOTED_SIDES}


class ExtractiveAnswers:
    """Composes extractive answers for one library.

    Args:
        documents: Store that provides the documents' text for checking quotations.
        sentences: Maximum number of sentences in an answer.
        threshold: Function that returns the evidence score below which rag declines to answer; called for each question.
    """

    def __init__(
        self,
        documents: DocumentStore,
        *,
        sentences: int,
        threshold: Callable[[], float],
    ) -> None:
        self._documents = documents
        self._sentences = sentences
        self._threshold = threshold

    def compose(self, request: Request, evidence: Evidence, search: Callable[[], Evidence]) -> Answer:
        """Returns the answer; searches again if a document was replaced while it was being quoted."""
        answer = self.compose_once(request, evidence)
        for _ in range(_RETRIES):
            if all(self._documents.text(hit.document_id, hit.start, hit.end) == hit.text for hit in evidence.hits):
                break
            evidence = search()
            answer = self.compose_once(request, evidence)
        return answer

    def compose_once(self, request: Request, evidence: Evidence, failure: str = "") -> Answer:
        """Composes the answer from the passages that were found.

        Args:
            request: The question.
            evidence: The passages that were found for it.
            failure: A sentence that says why the model did not write the answer; empty if no model was asked.
        """
        started = time.perf_counter()
        builder = AnswerBuilder()
        confidence, read = 0.0, 0
        # No single sentence answers "List every …", so weaker evidence is enough, and a notice says that the list may be
        # incomplete.
        threshold = self._threshold() * (_LIST_THRESHOLD if request.intent == "list" else 1)
        short = ""
        for (searched, _), reading in zip(evidence.parts, evidence.readings, strict=False):
            extracted = self._extract(request, reading)
            short = extracted.short if extracted.evidence > confidence else short
            confidence = max(confidence, extracted.evidence)
            read += reading.count
            label = f"{searched[0].upper()}{searched[1:]}:" if len(evidence.parts) > 1 else ""
            self._add(builder, extracted, label, threshold)
        timings = {**evidence.timings_ms, "answer": elapsed_ms(started), "total": elapsed_ms(request.started)}
        return Answer(
            question=request.question,
            text=builder.text if builder.citations else prompts.REFUSAL,
            short=short if builder.citations and len(evidence.parts) == 1 else "",
            status=_status(failure, builder),
            citations=tuple(builder.citations),
            flags=(),
            hits=evidence.hits,
            evidence=round(confidence, 4),
            model=EXTRACTION,
            notice=_notice(request, evidence, failure, builder),
            timings_ms=timings,
            searched=request.searched,
            read=min(read, len(evidence.hits)),
        )

    def _extract(self, request: Request, reading: Reading) -> Extraction:
        limit = {"list": _LIST_SENTENCES, "comparison": _SIDE_SENTENCES}.get(request.intent, self._sentences)
        return extract(reading, limit, is_list=request.intent == "list")

    def _add(self, builder: AnswerBuilder, extracted: Extraction, label: str, threshold: float) -> None:
        """Adds the chosen sentences, below the label if there is one.

        If the evidence is too weak, adds only the label and a statement that nothing was found. Without a label, adds
        nothing.
        """
        sentences = [sentence for sentence in extracted.chosen if self._is_unchanged(sentence)]
        if not sentences or extracted.evidence < threshold:
            if label:
                builder.add(f"{label} {prompts.NOTHING_ABOUT}", before="\n")
            return
        if label:
            builder.add(label, before="\n")
        for sentence in sentences:
            builder.add(sentence.quote, sentence.hit, (sentence.start, sentence.end), short=sentence.short)

    def _is_unchanged(self, sentence: ChosenSentence) -> bool:
        return self._documents.text(sentence.hit.document_id, sentence.start, sentence.end) == sentence.quote


def _status(failure: str, builder: AnswerBuilder) -> Status:
    if failure:
        return "degraded"
    return "answered" if builder.citations else "abstained"


def _notice(request: Request, evidence: Evidence, failure: str, builder: AnswerBuilder) -> str:
    quoted = _NOTICES.get(request.intent, "") if builder.citations else ""
    instead = prompts.QUOTED_INSTEAD if failure and builder.citations else ""
    return " ".join(notice for notice in (failure, instead, quoted, evidence.notice) if notice)
