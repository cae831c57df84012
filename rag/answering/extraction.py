"""Extracts an answer: chooses the few sentences that contain the words which the reader takes for the answer.

Nothing is rephrased, and no language model is used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.answering.reading import NO_WORDS, ReadHit, Reading
from rag.ports import Span
from rag.records import Hit
from rag.text.blocks.leaves import leaves
from rag.text.sentences import sentences

_LIST_MARGIN = 3.0  # log-odds; a list leaves out sentences that score lower than the best one by more than this
_COVERAGE = 0.8  # intended probability that the chosen sentences contain the answer
_WHOLE, _LONGEST_WHOLE = ("item", "pair", "entry", "footnote"), 300  # kinds of blocks, and code points
_VAGUE = 1  # sentences that are quoted if no words stand out
_SHARPNESS = 0.7  # how much more likely a sentence is for each unit of its score


@dataclass(frozen=True, slots=True)
class ChosenSentence:
    """A sentence chosen for the answer. Its quote consists of the characters [start, end) in the hit's document.

    Attributes:
        short: (start, end) of the words in it that answer, in the document; None if there are none.
    """

    hit: Hit
    start: int
    end: int
    quote: str
    short: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Extraction:
    """The result of an extraction.

    Attributes:
        chosen: The chosen sentences, in reading order.
        evidence: Probability that the documents answer the question, in [0, 1].
        short: The words that answer; empty if there are none.
    """

    chosen: tuple[ChosenSentence, ...]
    evidence: float
    short: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Sentences that contain a span.

    Attributes:
        hit: The hit that contains them.
        start: Where they start in the document.
        end: Where they end.
        span: The span.
        score: Log-odds that they answer.
    """

    hit: Hit
    start: int
    end: int
    span: Span
    score: float

    @property
    def quote(self) -> str:
        return self.hit.text[self.start - self.hit.start : self.end - self.hit.start]


def extract(reading: Reading, limit: int, *, is_list: bool = False) -> Extraction:
    """Chooses at most `limit` sentences from the passages that were read.

    Args:
        reading: What the reader says of the passages.
        limit: Maximum number of sentences.
        is_list: Whether the answer is a list. If so, more sentences are chosen.
    """
    best_first = _distinct(sorted(_candidates(reading.read), key=lambda one: -one.score))
    if not best_first:
        return Extraction((), reading.evidence, "")
    count = _count_within_margin(best_first) if is_list else _credible_set_size(best_first)
    if best_first[0].span.margin < NO_WORDS and not is_list:  # more sentences of the kind are no better
        count = min(count, _VAGUE)
    chosen: list[ChosenSentence] = []
    for one in best_first[: min(count, limit)]:
        before = _antecedent(one)
        if before is not None and len(chosen) + 1 < limit:
            chosen.append(before)
        chosen.append(ChosenSentence(one.hit, one.start, one.end, one.quote, (one.span.start, one.span.end)))
    best = best_first[0]
    short = best.hit.text[best.span.start - best.hit.start : best.span.end - best.hit.start]
    return Extraction(tuple(_in_reading_order(chosen)), reading.evidence, " ".join(short.split()))


def closest_sentence(hit: Hit) -> Hit:
    """Returns the sentence in which a hit comes closest to an answer, as a hit; the whole hit if it was not read."""
    if hit.short_start is None or hit.short_end is None:
        return hit
    around = _around(_units(hit.text), hit.short_start - hit.start, hit.short_end - hit.start)
    start, end = around or (0, len(hit.text))
    return replace(hit, start=hit.start + start, end=hit.start + end, text=hit.text[start:end])


def _candidates(read: Sequence[ReadHit]) -> Iterator[_Candidate]:
    """Yields the units around each span."""
    for one in read:
        bounds, begin = _units(one.hit.text), one.hit.start
        for span in one.spans:
            if around := _around(bounds, span.start - begin, span.end - begin):
                yield _Candidate(one.hit, begin + around[0], begin + around[1], span, one.score(span))


def _units(text: str) -> list[tuple[int, int]]:
    """Returns where the units of a text start and end: sentences, and short items and labelled values, which stay whole."""
    wholes = [
        (block.start, block.end)
        for block in leaves(text, markdown=False, is_whole=False)
        if block.kind in _WHOLE and block.end - block.start <= _LONGEST_WHOLE
    ]
    units: list[tuple[int, int]] = []
    for start, end in sentences(text):
        unit = next((one for one in wholes if one[0] <= start and end <= one[1]), (start, end))
        if not units or units[-1] != unit:
            units.append(unit)
    return units


def _around(bounds: Sequence[tuple[int, int]], first: int, last: int) -> tuple[int, int] | None:
    """Returns where the units that contain the characters [first, last) start and end; None if there are none."""
    found = [(start, end) for start, end in bounds if start < last and end > first]
    return (found[0][0], found[-1][1]) if found else None


def _distinct(best_first: Sequence[_Candidate]) -> list[_Candidate]:
    """Leaves out candidates that overlap with a better one or repeat its words."""
    kept: list[_Candidate] = []
    for one in best_first:
        same = (other for other in kept if other.hit.document_id == one.hit.document_id)
        is_apart = all(one.end <= other.start or one.start >= other.end for other in same)
        if is_apart and all(one.quote != other.quote for other in kept):
            kept.append(one)
    return kept


def _credible_set_size(best_first: Sequence[_Candidate]) -> int:
    """Returns how many of the best candidates are needed to include the answer with probability `_COVERAGE`.

    Assumes that one of them contains the answer.
    """
    odds = [math.exp(_SHARPNESS * (one.score - best_first[0].score)) for one in best_first]
    required = _COVERAGE * sum(odds)
    cumulative = 0.0
    for n, own in enumerate(odds, start=1):
        cumulative += own
        if cumulative >= required:
            return n
    return len(odds)


def _count_within_margin(best_first: Sequence[_Candidate]) -> int:
    return sum(one.score >= best_first[0].score - _LIST_MARGIN for one in best_first)


_ANAPHORIC = re.compile(
    r"[\"'“‘(]*(?:(?:It|They|He|She|This|These|Those|That|Such)\b(?! (?:is|was) (?:said|thought|believed))"
    r"|The (?:issue|matter|move|decision|deal|agreement|proposal|measure|change|problem|incident|announcement|rule|ban"
    r"|latter|former|same|topic|question)s?\b)"
)


def _antecedent(one: _Candidate) -> ChosenSentence | None:
    """Returns the sentence before a candidate, if the candidate cannot be understood without it.

    This is assumed if it begins with a reference such as "It" or "The issue".
    """
    if not _ANAPHORIC.match(one.quote):
        return None
    hit = one.hit
    before = [(start, end) for start, end in sentences(hit.text) if hit.start + end <= one.start]
    if not before:
        return None
    start, end = before[-1]
    return ChosenSentence(hit, hit.start + start, hit.start + end, hit.text[start:end], None)


def _in_reading_order(chosen: Sequence[ChosenSentence]) -> list[ChosenSentence]:
    """Orders documents by their best sentences, and the sentences of a document as they stand there, without repetition."""
    rank = {id_: n for n, id_ in reversed(list(enumerate(one.hit.document_id for one in chosen)))}
    ordered: list[ChosenSentence] = []
    for one in sorted(chosen, key=lambda one: (rank[one.hit.document_id], one.start, one.short is None)):
        if all((one.hit.document_id, one.start) != (other.hit.document_id, other.start) for other in ordered):
            ordered.append(one)
    return ordered
