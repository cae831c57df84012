"""Builds an answer that `rag` writes without a model: text and citations grow together, sentence by sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rag.answering.verification.citations import cite
from rag.records import Citation, Hit


@dataclass(frozen=True, slots=True)
class ComposedAnswer:
    """A text with its citations.

    Attributes:
        hits: The parts of documents that are cited.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    notice: str = ""
    hits: tuple[Hit, ...] = ()


class AnswerBuilder:
    """A text in the making. Each added part is cited as it is added."""

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
        locator: str = "",
        before: str = " ",
    ) -> None:
        """Appends words, with a citation of what they rest on.

        Args:
            words: The words.
            hit: The passage they rest on; None for words without a citation.
            span: The cited characters [start, end) of the hit's document; the whole hit if left out.
            locator: Where to look, for people; found later if left out.
            before: What separates the words from the text before.
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
        self.citations.append(replace(citation, locator=locator) if locator else citation)
        self._hits.append(replace(hit, start=begin, end=end, text=quote))
        self.text += f" [{citation.n}]"

    def composed(self, notice: str = "") -> ComposedAnswer:
        """Returns the text as it is now."""
        return ComposedAnswer(self.text, tuple(self.citations), notice, tuple(self._hits))
