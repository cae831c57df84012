"""Ranks sentences by their words and their meaning, for machines on which the reader is switched off."""

from __future__ import annotations

import math

from rag.answering.reading import ReadHit, Reading
from rag.ports import Embedder, Span
from rag.retrieval.search import Retrieval
from rag.text.sentences import sentences
from rag.text.terms import terms

_MOST_HITS, _MOST_SENTENCES = 5, 60
_WORDS, _MEANING, _BASE = 3.0, 6.0, -5.5  # weights of both shares for the log-odds that a sentence answers


def rank_sentences(question: str, found: Retrieval, embedder: Embedder) -> Reading:
    """Returns every sentence of the best hits as words that may answer.

    Args:
        question: The question.
        found: The result of the search.
        embedder: Compares the sentences with the question.
    """
    places = [(n, *span) for n, hit in enumerate(found.hits[:_MOST_HITS]) for span in sentences(hit.text)][:_MOST_SENTENCES]
    if not places:
        return Reading(found.hits)
    texts = [f"{found.hits[n].title}\n{found.hits[n].text[start:end]}" for n, start, end in places]
    asked, *vectors = embedder.embed([question, *texts])
    total = sum(found.idf.values()) or 1.0
    spans: dict[int, list[Span]] = {}
    for (n, start, end), text, vector in zip(places, texts, vectors, strict=True):
        shared = sum(found.idf.get(word, 0.0) for word in set(terms(text))) / total
        score = _WORDS * shared + _MEANING * float(vector @ asked) + _BASE
        begin = found.hits[n].start
        spans.setdefault(n, []).append(Span(begin + start, begin + end, score))
    read = [
        ReadHit(found.hits[n], max(span.margin for span in own) / 2, tuple(sorted(own, key=lambda span: -span.margin)))
        for n, own in spans.items()
    ]
    best_first = tuple(sorted(read, key=lambda one: -one.best))
    return Reading(found.hits, best_first, 1 / (1 + math.exp(-best_first[0].best)), min(_MOST_HITS, len(found.hits)))
