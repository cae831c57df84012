"""Defines records for a question as rag understood it, and for the passages that were found for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rag.answering.intent import Intent
from rag.answering.reading import Reading
from rag.records import Filter, Hit, Turn
from rag.retrieval.search import Retrieval


@dataclass(frozen=True, slots=True)
class Request:
    """A question, as rag understood it.

    Attributes:
        standalone: The question rewritten to stand alone; the same as `question` if that already stands alone.
        started: When the question was asked, as a value of time.perf_counter.
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
        """The rewritten question that was searched for; empty if it is the same as the original."""
        return "" if self.standalone == self.question else self.standalone


@dataclass(frozen=True, slots=True)
class Evidence:
    """The passages found for a question or, if the question compares two things, for each of the two.

    Attributes:
        parts: The searches, each as (query, result).
        readings: What reading the hits of each search found out; empty if they were not read.
        hits: The best hits of all searches, best first, without duplicates.
    """

    parts: tuple[tuple[str, Retrieval], ...]
    readings: tuple[Reading, ...]
    hits: tuple[Hit, ...]

    @classmethod
    def of(cls, parts: Sequence[tuple[str, Retrieval]], readings: Sequence[Reading] = ()) -> Evidence:
        """Merges the hits from several searches by taking one hit from each search in turn.

        Args:
            parts: The searches, each as (query, result).
            readings: What reading the hits of each search found out; empty if they were not read.
        """
        ranked = [reading.hits for reading in readings] or [found.hits for _, found in parts]
        in_turn = [hit for row in zip_longest(*ranked) for hit in row if hit is not None]
        first: dict[tuple[int, int], Hit] = {}  # the first hit found for each (document id, start)
        for hit in in_turn:
            first.setdefault((hit.document_id, hit.start), hit)
        return cls(tuple(parts), tuple(readings), tuple(first.values()))

    @property
    def notice(self) -> str:
        """A warning about the search to show to the user; empty if there were no problems."""
        return self.parts[0][1].notice

    @property
    def timings_ms(self) -> Mapping[str, float]:
        """Time spent in each stage of the search, milliseconds."""
        return self.parts[0][1].timings_ms


def elapsed_ms(since: float) -> float:
    """Returns the number of milliseconds since `since`, which is a value of time.perf_counter."""
    return round((time.perf_counter() - since) * 1000, 2)
