"""Answers questions about the documents themselves: which ones there are, who wrote them and when, and what they say.

Answers are quoted, not generated. A summary consists of a document's most central sentences, each with a citation. The
author and date are those that the parser found in the document; the citation shows where the document states them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rag.answering import prompts
from rag.answering.answer_builder import AnswerBuilder, ComposedAnswer
from rag.ports import Embedder
from rag.records import Hit
from rag.text.dates import date_spellings
from rag.text.quotes import find_quote
from rag.text.sentences import sentences

_MAX_SENTENCES = 160  # sentences considered for a summary: the first ones, and an evenly spaced sample of the later ones
_FIRST_SENTENCES = 20
_SUMMARY_SENTENCES = 5
_DUPLICATE = 0.8  # sentences with at least this cosine similarity count as repetitions
_MAX_QUOTE = 300  # code points
_MAX_DATE_LINE = 80  # code points
_PASSAGE_CHARACTERS = 1_000  # maximum number of code points in a passage for a prompt


def small_talk(intent: str, count: int, openings: Sequence[Hit]) -> ComposedAnswer:
    """Returns the reply to a greeting, to thanks, or to a request for help.

    Args:
        intent: "greeting", "thanks" or "help".
        count: Number of documents.
        openings: The beginnings of some of the documents.
    """
    if intent == "thanks":
        return ComposedAnswer(prompts.WELCOME)
    if not openings:
        return ComposedAnswer(prompts.NOTHING_HERE)
    return ComposedAnswer(prompts.GREETING.format(count=_count_noun(count, "document"), some=_example_titles(openings)))


def contents(count: int, openings: Sequence[Hit]) -> ComposedAnswer:
    """Lists the documents with their authors and dates, and cites the beginning of each.

    Args:
        count: Number of documents.
        openings: The beginnings of the documents to list, which may be fewer than `count`.
    """
    if not openings:
        return ComposedAnswer(prompts.NOTHING_HERE)
    builder = AnswerBuilder()
    builder.add(f"There {'is' if count == 1 else 'are'} {_count_noun(count, 'document')} here:")
    for hit in openings:
        about = ", ".join(part for part in (hit.author, hit.date) if part)
        item = f"• {hit.title or hit.source}" + (f" ({about})" if about else "")
        builder.add(item, hit, _first_sentence(hit), locator="beginning", before="\n")
    if count > len(openings):
        builder.add(f"… and {count - len(openings):,} more. To list all of them: rag ls", before="\n")
    return builder.composed()


def ask_which(count: int, openings: Sequence[Hit]) -> ComposedAnswer:
    """Asks which document the user means."""
    return ComposedAnswer(prompts.WHICH_ONE.format(count=count, some=_example_titles(openings)))


def authorship(opening: Hit, *, who: bool, when: bool) -> ComposedAnswer:
    """States a document's author and date, and cites the text that states them or, failing that, the metadata.

    Args:
        opening: The document's beginning.
        who: Whether to state the author.
        when: Whether to state the date.

    Returns:
        The answer; it has no citations if none of the requested facts are known.
    """
    title = opening.title or opening.source
    builder = AnswerBuilder()
    for is_wanted, fact, statement, absent in (
        (who, opening.author, f"“{title}” is by {opening.author}", f"“{title}” does not name its author."),
        (when, opening.date, f"“{title}” is dated {opening.date}", f"“{title}” has no date."),
    ):
        if is_wanted and fact:
            span = _find_fact(fact, opening.text)
            line = opening.text[slice(*span)] if span else fact
            # If the document writes the date in another format, the answer also quotes the line that contains it.
            original = f" (“{line}”)." if fact not in line and len(line) <= _MAX_DATE_LINE else "."
            builder.add(statement + original, opening, span or _first_sentence(opening), locator="" if span else "metadata")
        elif is_wanted:
            builder.add(absent)
    return builder.composed()


def _find_fact(fact: str, text: str) -> tuple[int, int] | None:
    """Returns the span of the line that states a fact, or of the fact alone if the line is long.

    If the text does not contain the fact, returns None.
    """
    for spelling in date_spellings(fact):
        if found := find_quote(spelling, text):
            start = text.rfind("\n", 0, found[0]) + 1
            end = text.find("\n", found[1])
            end = end if end >= 0 else len(text)
            return (start, end) if end - start <= _MAX_QUOTE else (found[0], found[1])
    return None


def summary(parts: Sequence[Hit], embedder: Embedder, limit: int = _SUMMARY_SENTENCES) -> ComposedAnswer:
    """Returns the most central sentences in one or more documents, in reading order.

    Args:
        parts: The text of each document, as one hit per document.
        embedder: Embeds the sentences.
        limit: Total number of sentences; at least one is chosen from each document.
    """
    builder = AnswerBuilder()
    for hit in parts:
        if len(parts) > 1:
            builder.add(f"{hit.title or hit.source}:", before="\n")
        for start, end in _central_sentences(hit.text, embedder, max(1, limit // len(parts))):
            builder.add(hit.text[start:end], hit, (hit.start + start, hit.start + end))
    return builder.composed(prompts.QUOTED_SUMMARY)


def sample_passages(part: Hit, characters: int) -> list[Hit]:
    """Splits a document into passages for a model to summarise; if there are too many, returns an evenly spaced sample.

    Args:
        part: A hit that contains the document's whole text.
        characters: Approximate number of code points in all passages combined.
    """
    spans = sentences(part.text)
    passages: list[tuple[int, int]] = []
    for start, end in spans:
        if passages and end - passages[-1][0] <= _PASSAGE_CHARACTERS:
            passages[-1] = (passages[-1][0], end)
        else:
            passages.append((start, min(end, start + 2 * _PASSAGE_CHARACTERS)))
    limit = max(1, characters // _PASSAGE_CHARACTERS)
    if len(passages) > limit:
        passages = [passages[i * len(passages) // limit] for i in range(limit)]
    return [replace(part, start=part.start + a, end=part.start + b, text=part.text[a:b]) for a, b in passages]


def _central_sentences(text: str, embedder: Embedder, limit: int) -> list[tuple[int, int]]:
    """Returns the spans of the sentences most similar to the text as a whole, without near-duplicates.

    Each sentence's vector is compared with the mean of all sentence vectors. Earlier sentences are preferred.
    """
    candidates = [(a, b) for a, b in sentences(text) if 30 <= b - a <= _MAX_QUOTE and text[a:b].count(" ") >= 4]
    candidates = candidates or sentences(text)[:limit]
    if len(candidates) > _MAX_SENTENCES:
        stride = (len(candidates) - _FIRST_SENTENCES) / (_MAX_SENTENCES - _FIRST_SENTENCES)
        candidates = candidates[:_FIRST_SENTENCES] + [
            candidates[_FIRST_SENTENCES + int(i * stride)] for i in range(_MAX_SENTENCES - _FIRST_SENTENCES)
        ]
    if not candidates:
        return []
    vectors = embedder.embed([text[a:b] for a, b in candidates])
    centroid = vectors.mean(axis=0)
    scores = vectors @ (centroid / (np.linalg.norm(centroid) or 1.0)) - 0.15 * np.arange(len(candidates)) / len(candidates)
    chosen: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(float(vectors[i] @ vectors[j]) < _DUPLICATE for j in chosen):
            chosen.append(int(i))
        if len(chosen) == limit:
            break
    return [candidates[i] for i in sorted(chosen)]


def _first_sentence(hit: Hit) -> tuple[int, int]:
    found = sentences(hit.text[:_PASSAGE_CHARACTERS])
    start, end = found[0] if found else (0, min(len(hit.text), _MAX_QUOTE))
    return hit.start + start, hit.start + min(end, start + _MAX_QUOTE)


def _example_titles(openings: Sequence[Hit]) -> str:
    return "; ".join(hit.title or hit.source for hit in openings[:3])


def _count_noun(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
