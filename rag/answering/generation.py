"""Answers with a language model: streams the reply, filters it, and checks it once it is complete."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence

from rag.answering import prompts
from rag.answering.extractive_answer import ExtractiveAnswers
from rag.answering.request import Evidence, Request, elapsed_ms
from rag.answering.verification import answer_check
from rag.answering.verification.answer_check import CheckedAnswer
from rag.answering.verification.reasoning_tags import without_reasoning
from rag.answering.verification.url_filter import UrlFilter, allowed_texts
from rag.errors import ModelError, PromptTooLongError
from rag.ports import ChatModel, DocumentStore
from rag.records import Answer, AnswerDone, Event, Hit, Status, TextDelta, Turn
from rag.text.unicode_text import strip_invisible

_log = logging.getLogger(__name__)

_TURNS = 6  # maximum number of earlier exchanges in a prompt
_LONGEST_ANSWER = 20_000  # code points; a model that writes more is stopped
_CUT_OFF = {
    "": "The answer was cut off.",
    "length": "The answer was cut off because it was too long.",
    "filter": "The answer was cut off by the server’s content filter.",
}


class GeneratedAnswers:
    """Answers questions about one library with a language model.

    Args:
        chat_model: The model that writes the answers.
        extractive: Component that composes the answer if the model returns no text.
        documents: Store that provides the documents' text for checking citations.
        prompt_tokens: Maximum size of a prompt, in tokens.
    """

    def __init__(
        self, chat_model: ChatModel, extractive: ExtractiveAnswers, documents: DocumentStore, *, prompt_tokens: int
    ) -> None:
        self._chat_model = chat_model
        self._extractive = extractive
        self._documents = documents
        self._prompt_tokens = prompt_tokens

    def stream(self, request: Request, evidence: Evidence) -> Generator[Event]:
        """Yields the answer as the model writes it, or an extractive answer if the model returns no text."""
        started = time.perf_counter()
        history = request.history[-_TURNS:]
        hits, turns = prompts.fit(request.question, evidence.hits, history, self._prompt_tokens)
        reply = _Reply(allowed_texts(request.question, [hit.text for hit in hits]))
        failure = ""
        while True:
            try:
                yield from reply.receive(self._chat_model, _messages(request, hits, turns), started)
            except PromptTooLongError as error:
                if not reply.text and len(hits) > 1:
                    hits, turns = hits[: len(hits) // 2], ()
                    continue
                failure = str(error)
            except ModelError as error:
                _log.warning("%s", error)
                failure = str(error)
            break
        yield reply.flush()
        if not reply.text.strip():
            failure = failure or f"{self._chat_model.name} sent an empty answer"
            answer = self._extractive.compose_once(request, evidence, f"{failure[0].upper()}{failure[1:]}.")
            yield TextDelta(answer.text)
            yield AnswerDone(answer)
            return
        yield AnswerDone(self._answer(request, evidence, hits, reply, failure, started))

    def _answer(
        self, request: Request, evidence: Evidence, hits: Sequence[Hit], reply: _Reply, failure: str, started: float
    ) -> Answer:
        """Checks the complete reply, and turns it into an answer."""
        cut_off = f"The answer was cut off: {failure}." if failure else _CUT_OFF.get(reply.finish, "")
        status: Status = "incomplete" if cut_off else "answered"
        text = reply.text.strip()
        if prompts.is_refusal(text) and not cut_off:
            checked, status = CheckedAnswer(prompts.REFUSAL, (), ()), "abstained"
        else:
            checked = answer_check.check_answer(text, hits, self._documents.text, request.question)
        timings = {
            **evidence.timings_ms,
            "first_token": reply.first_ms,
            "answer": elapsed_ms(started),
            "total": elapsed_ms(request.started),
        }
        return Answer(
            question=request.question,
            text=checked.text,
            status=status,
            citations=checked.citations,
            flags=checked.flags,
            hits=evidence.hits,
            evidence=0.0 if status == "abstained" else 1.0,  # a model gives no score: it answers or declines
            model=self._chat_model.name,
            notice=" ".join(part for part in (cut_off, evidence.notice) if part),
            timings_ms=timings,
            usage=reply.usage,
            searched=request.searched,
            read=len(hits),
        )


def _messages(request: Request, hits: Sequence[Hit], turns: Sequence[Turn]) -> list[tuple[str, str]]:
    return prompts.messages(request.question, hits, turns, request.searched)


class _Reply:
    """The filtered text that a model has written so far.

    Args:
        known: Texts whose URLs the reply may repeat.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._url_filter = UrlFilter(known)
        self.text = ""
        self.finish = ""
        self.usage: Mapping[str, int] = {}
        self.first_ms = 0.0

    def receive(self, chat_model: ChatModel, messages: Sequence[tuple[str, str]], started: float) -> Iterator[TextDelta]:
        """Yields the text that the model writes, without reasoning, invisible characters or URLs that are not allowed.

        Raises:
            ModelError: The model failed before or while it was writing.
        """
        deltas = chat_model.stream(messages)
        try:
            for delta in without_reasoning(deltas):
                self.finish = delta.finish or self.finish
                self.usage = dict(delta.usage) or self.usage
                if delta.text and not self.first_ms:
                    self.first_ms = elapsed_ms(started)
                yield self._append(self._url_filter.feed(strip_invisible(delta.text)))
                if len(self.text) > _LONGEST_ANSWER:
                    self.finish = "length"
                    break
        finally:
            if isinstance(deltas, Generator):
                deltas.close()  # this also closes the connection

    def flush(self) -> TextDelta:
        """Returns the rest of the text, which was held back. Must be called after the last delta."""
        return self._append(self._url_filter.flush())

    def _append(self, text: str) -> TextDelta:
        self.text += text
        return TextDelta(text)  # even an empty delta lets the caller stop the answer while no text arrives
