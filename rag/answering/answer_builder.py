"""Builds an answer that rag writes without a model, adding each sentence together with its citation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rag.answering.verification.citations import cite
from rag.records import Citation, Hit


@dataclass(frozen=True, slots=True)
class ComposedAnswer:
    """The text of an answer, with its citations.

    Attributes:
        hits: The cited parts of documents.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    notice: str = ""
    hits: tuple[Hit, ...] = ()


class AnswerBuilder:
    """Builds the text of an answer piece by piece, with a citation for each piece that has a source."""

    def __init__(self) -> None:
        self.text = ""
        self.citations: list[Citation] = []
        self._hits: list[Hit] = []

    def add(
        self,
        words: str,
        hit: Hit | None = None,
        span: tuple[int, int] | None = None,
        *,
        short: tuple[int, int] | None = None,
        locator: str = "",
        before: str = " ",
    ) -> None:
        """Appends some text, with a citation of the passage that supports it.

        Args:
            words: The text to append.
            hit: The passage that supports it; None for text without a citation.
            span: The cited characters [start, end) in the hit's document; if left out, the whole hit.
            short: The characters among them that answer, [start, end) in the hit's document; None if there are none.
            locator: Human-readable position of the passage; if left out, it is filled in later.
            before: Separator between this text and the text before it.
        """
        self.text += before if self.text else ""
        start = len(self.text)
        self.text += words
        if hit is None:
            return
        begin, end = span or (hit.start, hit.end)
        quote = hit.text[begin - hit.start : end - hit.start]
        citation = cite(
            hit,
            (begin, end),
            quote,
            n=len(self.citations) + 1,
            verdict="exact" if quote == words else "supported",
            claim=(start, len(self.text)),
        )
        if short is not None:
            citation = replace(citation, short_start=short[0], short_end=short[1])
        self.citations.append(replace(citation, locator=locator) if locator else citation)
        self._hits.append(replace(hit, start=begin, end=end, text=quote))
        self.text += f" [{citation.n}]"

    def composed(self, notice: str = "") -> ComposedAnswer:
        """Returns the answer as built so far."""
        return ComposedAnswer(self.text, tuple(self.citations), notice, tuple(self._hits))
