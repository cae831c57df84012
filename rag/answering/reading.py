"""Reads the passages that were found: which of them answer the question, with which words, and how sure that is.

The reader is asked about the passages in the order in which the search found them: first about a few, and about the others
if none of those is sure to answer. Passages are read half; those that may answer are read completely
(`rag.ports.PassageReader`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rag.ports import PassageReader, Read, Span
from rag.records import Hit

_LONGEST_TITLE, _LONGEST_HEADING, _LONGEST_NAMES = 120, 120, 120  # code points
_FIRST = 3  # passages that are read first
_SURE = 0.71  # if one of them answers with at least this probability, the others are not read
_LEAST_READ, _SHARE_READ = 3, 0.35  # passages that are read completely: at least so many, and this share
_SPAN = 0.5  # weight of a span's margin beside the logit of whether the passage answers
# A margin below this says mainly that no words stand out, as where the answer is spread over several sentences.
NO_WORDS, _BELOW = -6.0, 0.15  # margin, and weight of what is below
_SEARCH = 4.0  # weight of the search's score beside the reader's logits
# Weights of a passage's relevance, and of the probability that it answers, beside the score of the search.
_RELEVANCE, _ANSWERS = 0.05, 0.5
# The log-odds that the documents answer a question, from the best score of a span.
_EVIDENCE, _EVIDENCE_BASE = 0.27, 0.36

Metadata = Callable[[Sequence[int]], Mapping[int, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class ReadHit:
    """A hit that was read completely.

    Attributes:
        hit: The hit.
        answers: Logit of whether it answers the question, in the eyes of both the reader and the search.
        spans: Words that may answer, best first; their offsets refer to the document.
    """

    hit: Hit
    answers: float
    spans: tuple[Span, ...]

    def score(self, span: Span) -> float:
        """Returns how likely a span is the answer, as a logit."""
        return self.answers + _SPAN * max(span.margin, NO_WORDS) + _BELOW * min(span.margin - NO_WORDS, 0)

    @property
    def best(self) -> float:
        """The score of the best span; minus infinity if there is none."""
        return max((self.score(span) for span in self.spans), default=-math.inf)


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading the hits of a search found out.

    Attributes:
        hits: All hits, the most relevant first. Those that were read say how likely they answer, and with which words.
        read: Those that were read completely, the most likely answer first.
        evidence: The probability that the documents answer the question, in [0, 1].
        count: Number of hits that were read, at least half.
    """

    hits: tuple[Hit, ...] = ()
    read: tuple[ReadHit, ...] = ()
    evidence: float = 0.0
    count: int = 0

    def limited(self, k: int) -> Reading:
        """Returns the same of the k best hits."""
        kept = {(hit.document_id, hit.start) for hit in self.hits[:k]}
        read = tuple(one for one in self.read if (one.hit.document_id, one.hit.start) in kept)
        return replace(self, hits=self.hits[:k], read=read, count=min(self.count, k))


def read_hits(
    question: str, hits: Sequence[Hit], reader: PassageReader, metadata: Metadata, count: int, *, thoroughly: bool = False
) -> Reading:
    """Reads the hits of a search.

    Args:
        question: The question.
        hits: The hits, best first.
        reader: The reader.
        metadata: Returns the metadata of documents.
        count: Maximum number of hits that are read; fewer on a slow processor.
        thoroughly: Whether all of them are read, even if the first ones are sure to answer.
    """
    if not hits:
        return Reading()
    count = min(len(hits), max(1, round(count * reader.speed)))
    about = metadata(sorted({hit.document_id for hit in hits[:count]}))
    halves: dict[int, Read] = {}
    read: dict[int, ReadHit] = {}
    for begin, end in itertools.pairwise([0, count] if thoroughly or count <= _FIRST else [0, _FIRST, count]):
        some = hits[begin:end]
        above = [context_of(hit.title, hit.heading, about.get(hit.document_id, {}), hit.date) for hit in some]
        passages = [(before, hit.text) for before, hit in zip(above, some, strict=True)]
        found = [_SEARCH * (hit.score - hits[0].score) for hit in some]
        half, complete = reader.read(question, passages, found, max(_LEAST_READ, math.ceil(_SHARE_READ * len(some))))
        for one in half:
            known = halves.get(begin + one.passage)
            if known is None or one.answers > known.answers:
                halves[begin + one.passage] = one
        for one in complete:
            now = _read_hit(some[one.passage], one, found[one.passage])
            before_this = read.get(begin + one.passage)
            if before_this is None or now.best > before_this.best:
                read[begin + one.passage] = now
        if max(map(_probability_of, read.values())) >= _SURE:
            break
    ranked = _ranked(hits, halves, read)
    best_first = tuple(sorted(read.values(), key=lambda one: -one.best))
    return Reading(ranked, best_first, _probability_of(best_first[0]), len(halves))


def _read_hit(hit: Hit, one: Read, found: float) -> ReadHit:
    spans = tuple(replace(span, start=hit.start + span.start, end=hit.start + span.end) for span in one.spans)
    return ReadHit(hit, one.answers + found, spans)


def _ranked(hits: Sequence[Hit], halves: Mapping[int, Read], read: Mapping[int, ReadHit]) -> tuple[Hit, ...]:
    """Returns the hits in the order of the search's and the reader's scores together."""
    lowest = min(half.relevance for half in halves.values())  # also of the hits that were not read
    known = []
    for n, hit in enumerate(hits):
        score = hit.score + _RELEVANCE * (halves[n].relevance if n in halves else lowest)
        if n in read and read[n].spans:
            probability, span = _probability_of(read[n]), read[n].spans[0]
            score += _ANSWERS * probability
            hit = replace(hit, answers=round(probability, 4), short_start=span.start, short_end=span.end)
        known.append(replace(hit, score=round(score, 6)))
    return tuple(sorted(known, key=lambda hit: -hit.score))


def _probability_of(one: ReadHit) -> float:
    return 1 / (1 + math.exp(-max(-500.0, _EVIDENCE * one.best + _EVIDENCE_BASE)))


def context_of(title: str, heading: str, metadata: Mapping[str, str], date: str) -> str:
    """Returns what the reader knows about a passage: its document's title, names, version and date, and the headings.

    Example:
        >>> context_of("Lease", "3 Rent", {"names": "Ada Crane; Bo Finch", "version": "2"}, "2024-05-01")
        'Lease | Ada Crane; Bo Finch | version 2 | 2024-05-01 | 3 Rent'
    """
    version = metadata.get("version", "")
    names = metadata.get("names", "")[:_LONGEST_NAMES]
    parts = (title[:_LONGEST_TITLE], names, f"version {version}" if version else "", date, heading[-_LONGEST_HEADING:])
    return " | ".join(part for part in parts if part)
