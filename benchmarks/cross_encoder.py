"""A cross-encoder alone, for comparison: it reranks rag's passages and quotes the sentence that it likes best.

It is the model from which rag's reader was trained, as it was published.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

from opponent import citation_of

from rag import Library
from rag.records import Answer, Document, Filter, Hit
from rag.text.sentences import sentences
from training.prepare import Teacher

READ = 10  # passages that are ranked
_QUOTED = 3  # passages whose sentences are compared


class CrossEncoder:
    """Answers the questions of one library. Has the methods that rag's evaluation calls.

    Args:
        library: The library that finds the passages.
        folder: The folder with the model.
    """

    def __init__(self, library: Library, folder: Path) -> None:
        self._library = library
        self._model = Teacher(folder)

    def document(self, source: str) -> Document:
        """Returns a document, in which gold quotes are located and citations are checked."""
        return self._library.document(source)

    def search(self, question: str, k: int | None = None, *, filters: Filter | None = None) -> list[Hit]:
        """Returns the passages, the first ones ranked by the model."""
        hits = self._library.search(question, max(k or READ, READ), filters=filters)
        first = hits[:READ]
        logits = self._model.relevance([(question, f"{hit.title}\n{hit.text}") for hit in first])
        ranked = sorted(
            (replace(hit, score=logit) for hit, logit in zip(first, logits, strict=True)), key=lambda hit: -hit.score
        )
        return [*ranked, *(replace(hit, score=-99.0) for hit in hits[READ:])][:k]

    def ask(self, question: str, *, filters: Filter | None = None) -> Answer:
        """Returns an answer that consists of the best sentence. Its evidence is the best passage's probability."""
        started = time.perf_counter()
        hits = self.search(question, READ, filters=filters)
        quotes = [
            replace(hit, start=hit.start + start, end=hit.start + end, text=hit.text[start:end])
            for hit in hits[:_QUOTED]
            for start, end in sentences(hit.text)
        ]
        logits = self._model.relevance([(question, f"{one.title}\n{one.text}") for one in quotes])
        best = max(zip(logits, quotes, strict=True), key=lambda one: one[0], default=(0.0, None))[1]
        timings_ms = {"total": (time.perf_counter() - started) * 1000}
        return Answer(
            question=question,
            text=best.text if best else "",
            status="answered" if best else "abstained",
            citations=(citation_of(best),) if best else (),
            flags=(),
            hits=tuple(hits),
            evidence=1 / (1 + math.exp(-hits[0].score)) if hits else 0.0,
            model="cross-encoder",
            timings_ms=timings_ms,
        )
