"""Answers about the documents rather than from them: what is here, who wrote it and when, what it says in short.

Everything is quoted: a summary is the sentences that say most, each cited; who wrote a document is read off what its reader
found in it, and cited as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rag.answering import prompts
from rag.answering.answer_builder import AnswerBuilder, ComposedAnswer
from rag.ports import Embedder
from rag.records import Hit
from rag.text.quotes import find_quote
from rag.text.sentences import sentences

_CONSIDERED = 160  # sentences of a document that a summary is chosen from: its beginning, and others evenly
_LEAD = 20
_SUMMED_UP = 5  # sentences of a summary
_ALIKE = 0.8  # cosine from which a sentence repeats another
_LONGEST = 300
_SHORT_LINE = 80
_PASSAGE = 1_000  # code points that a model is shown as one


def small_talk(kind: str, count: int, openings: Sequence[Hit]) -> ComposedAnswer:
    """What is said to a greeting, to thanks, or to somebody who does not know what to ask.

    Args:
        kind: "greeting", "thanks" or "help".
        count: Documents there are.
        openings: How some of them begin.
    """
    if kind == "thanks":
        return ComposedAnswer(prompts.WELCOME)
    if not openings:
        return ComposedAnswer(prompts.NOTHING_HERE)
    return ComposedAnswer(prompts.GREETING.format(count=_counted(count, "document"), some=_named(openings)))


def contents(count: int, openings: Sequence[Hit]) -> ComposedAnswer:
    """The documents, each with author and date, citing how it begins.

    Args:
        count: Documents there are.
        openings: How the first of them begin; no more than these are named.
    """
    if not openings:
        return ComposedAnswer(prompts.NOTHING_HERE)
    builder = AnswerBuilder()
    builder.add(f"There {'is' if count == 1 else 'are'} {_counted(count, 'document')} here:")
    for hit in openings:
        about = ", ".join(part for part in (hit.author, hit.date) if part)
        said = f"• {hit.title or hit.source}" + (f" ({about})" if about else "")
        builder.add(said, hit, _first_sentence(hit), locator="beginning", before="\n")
    if count > len(openings):
        builder.add(f"… and {count - len(openings):,} more; `rag ls` lists them all.", before="\n")
    return builder.composed()


def which_one(count: int, openings: Sequence[Hit]) -> ComposedAnswer:
    """Asks back which document is meant."""
    return ComposedAnswer(prompts.WHICH_ONE.format(count=count, some=_named(openings)))


def authorship(opening: Hit, *, who: bool, when: bool) -> ComposedAnswer:
    """Who wrote a document and when, cited where it says so, else as its metadata; without citations it says neither.

    Args:
        opening: How it begins.
        who: The author is asked for.
        when: The date is.
    """
    title = opening.title or opening.source
    builder = AnswerBuilder()
    for asked, fact, said, missing in (
        (who, opening.author, f"“{title}” is by {opening.author}", f"“{title}” does not name its author."),
        (when, opening.date, f"“{title}” is dated {opening.date}", f"“{title}” is not dated."),
    ):
        if asked and fact:
            span = _where(fact, opening.text)
            words = opening.text[slice(*span)] if span else fact
            # A date is written in many ways: it is said in the document's own too, unless that is how it was said.
            own = f" (“{words}”)." if fact not in words and len(words) <= _SHORT_LINE else "."
            builder.add(said + own, opening, span or _first_sentence(opening), locator="" if span else "metadata")
        elif asked:
            builder.add(missing)
    return builder.composed()


def _where(fact: str, text: str) -> tuple[int, int] | None:
    """The line of a text that names an author, or a date in some way of writing it."""
    for words in _ways_to_write(fact):
        if found := find_quote(words, text):
            begin = text.rfind("\n", 0, found[0]) + 1
            end = text.find("\n", found[1])
            end = end if end >= 0 else len(text)
            return (begin, end) if end - begin <= _LONGEST else (found[0], found[1])
    return None


_MONTHS = "January February March April May June July August September October November December".split()


def _ways_to_write(fact: str) -> list[str]:
    """A name, or an ISO date as people write it.

    Example:
        >>> _ways_to_write("2024-03-18")[:3]
        ['2024-03-18', 'March 18, 2024', '18 March 2024']
    """
    parts = fact.split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return [fact]
    year, month, day = parts
    name = _MONTHS[int(month) - 1] if 1 <= int(month) <= 12 else month
    written = [fact]
    for d in dict.fromkeys((str(int(day)), day)):
        written += [f"{name} {d}, {year}", f"{d} {name} {year}", f"{name[:3]} {d}, {year}", f"{d} {name[:3]} {year}",
                    f"{name[:3]}. {d}, {year}", f"{d}.{month}.{year}", f"{d}/{month}/{year}"]  # fmt: skip
    return written


def summary(parts: Sequence[Hit], embedder: Embedder, most: int = _SUMMED_UP) -> ComposedAnswer:
    """The sentences that say most of some documents, in reading order.

    Args:
        parts: Each document's text, as one hit.
        embedder: Tells what is central.
        most: Sentences in all; each document has at least one.
    """
    builder = AnswerBuilder()
    for hit in parts:
        if len(parts) > 1:
            builder.add(f"{hit.title or hit.source}:", before="\n")
        for start, end in _central(hit.text, embedder, max(1, most // len(parts))):
            builder.add(hit.text[start:end], hit, (hit.start + start, hit.start + end))
    return builder.composed(prompts.QUOTED_SUMMARY)


def sampled(part: Hit, room: int) -> list[Hit]:
    """A document's text as passages for a model to sum up: all of it, or pieces evenly taken from it.

    Args:
        part: The text, as one hit.
        room: Code points for all passages together.
    """
    spans = sentences(part.text)
    passages: list[tuple[int, int]] = []
    for start, end in spans:
        if passages and end - passages[-1][0] <= _PASSAGE:
            passages[-1] = (passages[-1][0], end)
        else:
            passages.append((start, min(end, start + 2 * _PASSAGE)))
    most = max(1, room // _PASSAGE)
    if len(passages) > most:
        passages = [passages[i * len(passages) // most] for i in range(most)]
    return [replace(part, start=part.start + a, end=part.start + b, text=part.text[a:b]) for a, b in passages]


def _central(text: str, embedder: Embedder, most: int) -> list[tuple[int, int]]:
    """The sentences nearest to the middle of what a text says, none like another, those at its beginning preferred."""
    every = [(a, b) for a, b in sentences(text) if 30 <= b - a <= _LONGEST and text[a:b].count(" ") >= 4]
    every = every or sentences(text)[:most]
    if len(every) > _CONSIDERED:
        step = (len(every) - _LEAD) / (_CONSIDERED - _LEAD)
        every = every[:_LEAD] + [every[_LEAD + int(i * step)] for i in range(_CONSIDERED - _LEAD)]
    if not every:
        return []
    vectors = embedder.embed([text[a:b] for a, b in every])
    middle = vectors.mean(axis=0)
    scores = vectors @ (middle / (np.linalg.norm(middle) or 1.0)) - 0.15 * np.arange(len(every)) / len(every)
    chosen: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(float(vectors[i] @ vectors[j]) < _ALIKE for j in chosen):
            chosen.append(int(i))
        if len(chosen) == most:
            break
    return [every[i] for i in sorted(chosen)]


def _first_sentence(hit: Hit) -> tuple[int, int]:
    found = sentences(hit.text[:_PASSAGE])
    start, end = found[0] if found else (0, min(len(hit.text), _LONGEST))
    return hit.start + start, hit.start + min(end, start + _LONGEST)


def _named(openings: Sequence[Hit]) -> str:
    return "; ".join(hit.title or hit.source for hit in openings[:3])


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
