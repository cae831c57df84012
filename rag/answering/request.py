"""A question with everything that belongs to it, and what was found for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rag.answering.intent import Intent
from rag.records import Filter, Hit, Turn
from rag.retrieval.search import Retrieval


@dataclass(frozen=True, slots=True)
class Request:
    """A question and how it was understood.

    Attributes:
        standalone: The question rewritten to stand alone; equal to `question` if it does already.
        started: When it was asked, by time.perf_counter.
    """

    question: str
    standalone: str
    intent: Intent
    k: int
    filters: Filter
    history: Sequence[Turn]
    started: float

    @property
    def searched(self) -> str:
        """The question as it was searched for, if that differs; else empty."""
        return "" if self.standalone == self.question else self.standalone


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found for a question; for a comparison of two things, for each of them.

    Attributes:
        parts: (what was searched for, what was found).
        hits: All hits, best first, each once.
    """

    parts: tuple[tuple[str, Retrieval], ...]
    hits: tuple[Hit, ...]

    @classmethod
    def of(cls, parts: Sequence[tuple[str, Retrieval]]) -> Evidence:
        """Merges the hits of several searches in turn."""
        in_turn = [hit for row in zip_longest(*(found.hits for _, found in parts)) for hit in row if hit is not None]
        first: dict[tuple[int, int], Hit] = {}  # (document id, start) → hit, where a search found it first
        for hit in in_turn:
            first.setdefault((hit.document_id, hit.start), hit)
        return cls(tuple(parts), tuple(first.values()))

    @property
    def notice(self) -> str:
        """What the reader must know of the search; empty when all went well."""
        return self.parts[0][1].notice

    @property
    def timings_ms(self) -> Mapping[str, float]:
        """Stage of the search → milliseconds."""
        return self.parts[0][1].timings_ms


def elapsed_ms(since: float) -> float:
    """Returns the milliseconds since a time of time.perf_counter."""
    return round((time.perf_counter() - since) * 1000, 2)
