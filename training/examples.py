"""Reads the question sets and turns them into examples: a question, a passage, and the words that answer, if any do.

Documents are parsed and split as rag itself does it, so that the model learns from passages such as it will read.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rag.answering.reading import context_of
from rag.index.splitting import SentencePacker, passages_of
from rag.models.embedder import MiniLM
from rag.settings import Settings
from rag.sources.parsers import parse

_WORD = re.compile(r"[^\W_]+")
_HELD = 5  # one in this many articles or documents is only measured
_NEAREST = 8  # passages that share most words with a question, among which negatives are chosen


@dataclass
class Example:
    """A question and a passage.

    Attributes:
        set: The question set.
        question: The question.
        context: What is known of the passage's document: its title, names, version, date, and the headings above it.
        passage: The passage's text.
        spans: (start, end) of each answer in the passage, in code points; empty if the passage does not answer.
        answers: Whether the passage answers the question.
        relevant: Whether the passage is the one in which a reader would look for the answer.
        golds: The accepted answers.
        style: The question's style; used only for reports.
        is_held: Whether the example is only measured.
    """

    set: str
    question: str
    context: str
    passage: str
    spans: list[tuple[int, int]]
    answers: bool
    relevant: bool
    golds: list[str] = field(default_factory=list)
    style: str = ""
    is_held: bool = False

    def as_json(self) -> str:
        """Returns the example as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def is_held(unit: str) -> bool:
    """Whether an article or document is only measured, and never trained on: every fifth, and those of rag's own tests."""
    return int(hashlib.sha256(unit.encode()).hexdigest(), 16) % _HELD == 0 or unit in _in_tests()


@cache
def _in_tests() -> frozenset[str]:
    """Returns the articles and passages of the test sets in `tests/sets`."""
    corpora = (Path(__file__).parent.parent / "tests" / "sets").glob("*/corpus.jsonl")
    return frozenset(row["id"].split("#")[0] for corpus in corpora for row in _lines(corpus))


class Passages:
    """The passages of one set, found by their words. Passages that share rare words with a question are its hard negatives.

    Args:
        texts: For each passage, its context and its text.
    """

    def __init__(self, texts: Sequence[tuple[str, str]]) -> None:
        self.texts = texts
        self._counts = [Counter(_words(f"{context} {text}")) for context, text in texts]
        self._at: dict[str, list[int]] = defaultdict(list)
        for n, counts in enumerate(self._counts):
            for word in counts:
                self._at[word].append(n)

    def nearest(self, question: str, among: Sequence[int] | None = None) -> list[int]:
        """Returns the passages that share the most words with a question, best first.

        Args:
            question: The question.
            among: The passages to choose from; None for all.
        """
        allowed = None if among is None else set(among)
        scores: Counter[int] = Counter()
        for word in set(_words(question)):
            places = self._at.get(word, [])
            if among is None and len(places) > 0.2 * len(self.texts):
                continue
            weight = math.log(1 + len(self.texts) / (1 + len(places)))
            for n in places:
                if allowed is None or n in allowed:
                    count = self._counts[n][word]
                    scores[n] += weight * count / (count + 1.2)
        return [n for n, _ in scores.most_common(_NEAREST)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def paragraphs(folder: Path, negatives: float, most: int | None = None, seed: int = 7) -> Iterator[Example]:
    """Yields the examples of a public set: each paragraph is a passage.

    Args:
        folder: The set's folder, with `corpus.jsonl` and `questions.jsonl`.
        negatives: Number of paragraphs that do not answer, for each question; the share of questions with one more.
        most: Maximum number of questions.
        seed: Seed for the choice of questions and negatives.
    """
    chosen = random.Random(seed)
    corpus = list(_lines(folder / "corpus.jsonl"))
    numbers = {one["id"]: n for n, one in enumerate(corpus)}
    passages = Passages([(one.get("title", "").replace("_", " "), one["text"]) for one in corpus])
    questions = list(_lines(folder / "questions.jsonl"))
    chosen.shuffle(questions)
    for row in questions[:most]:
        answerable = row.get("answerable", True)
        own = [e["doc_id"] for e in row["evidence"]] or row.get("context_doc_ids", [])[:1]
        own = [one for one in own if one in numbers]
        if not own or (answerable and not any(row["answers"])):
            continue
        golds = row.get("all_answers") or row["answers"]
        common = {"set": folder.name, "question": row["question"], "golds": golds, "is_held": is_held(own[0].split("#")[0])}
        context, text = passages.texts[numbers[own[0]]]
        spans = _spans(text, [e for e in row["evidence"] if e["doc_id"] == own[0]]) if answerable else []
        if answerable and not spans:
            continue
        yield Example(context=context, passage=text, spans=spans, answers=answerable, relevant=True, **common)
        count = int(negatives) + (chosen.random() < negatives % 1)
        others = [n for n in passages.nearest(row["question"]) if corpus[n]["id"] not in own]
        others = [n for n in others if not _holds(passages.texts[n][1], row["answers"])]
        for n in others[:count] if answerable else []:
            context, text = passages.texts[n]
            yield Example(context=context, passage=text, spans=[], answers=False, relevant=False, **common)


def _spans(text: str, evidence: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """Returns where the evidence is in a text; empty if some of it is not there."""
    spans = []
    for one in evidence:
        start = one["start"] if "start" in one else text.find(one["quote"])
        if start < 0 or text[start : start + len(one["quote"])] != one["quote"]:
            return []
        spans.append((start, start + len(one["quote"])))
    return sorted(set(spans))


def _holds(text: str, answers: Sequence[str]) -> bool:
    folded = text.casefold()
    return any(answer.casefold() in folded for answer in answers if answer)


def documents(name: str, files: Path, questions: Path, negatives: int = 2, skip: str = "\0") -> Iterator[Example]:
    """Yields the examples of a set of questions about whole documents, which are split into passages.

    Args:
        name: The set's name.
        files: The folder of the documents.
        questions: The file with the questions.
        negatives: Number of passages that do not answer, for each question.
        skip: Documents whose path begins with these words are left out.
    """
    packer = SentencePacker(Settings().passage_tokens, MiniLM(cores=1).token_starts)
    texts: list[tuple[str, str]] = []
    places: dict[str, list[tuple[int, int, int]]] = {}  # for each document, (start, end, number) of its passages
    for path in sorted(p for p in files.rglob("*") if p.is_file()):
        source = str(path.relative_to(files))
        if source.startswith(skip):
            continue
        document = parse(path.read_bytes(), path.name).documents[0]
        for one in passages_of(packer, document.text, document.blocks, document.has_headings):
            places.setdefault(source, []).append((one.start, one.end, len(texts)))
            texts.append(
                (
                    context_of(document.title, one.heading, document.metadata, document.date),
                    document.text[one.start : one.end],
                )
            )
    passages = Passages(texts)
    owner = {n: source for source, spans in places.items() for _, _, n in spans}
    for row in _lines(questions):
        if row["doc"] in places:
            yield from _about_document(name, row, passages, places[row["doc"]], owner, negatives)


def _about_document(
    name: str,
    row: dict[str, Any],
    passages: Passages,
    places: Sequence[tuple[int, int, int]],
    owner: dict[int, str],
    negatives: int,
) -> Iterator[Example]:
    own = [n for _, _, n in places]
    common = {"set": name, "question": row["question"], "golds": row["answers"], "style": row["style"]}
    common["is_held"] = is_held(f"{name}/{row['doc']}")
    quotes = [one["quote"] for one in row["evidence"]] if row["answerable"] else [row["near"]]
    used = set()
    for n in own:
        context, text = passages.texts[n]
        whole = [quote for quote in quotes if quote in text]
        touched = whole or any(_overlaps(text, quote) for quote in quotes)
        if touched:
            used.add(n)
        if not whole:
            continue
        spans = [_answer_span(text, quote, row["answers"]) for quote in whole] if row["answerable"] else []
        yield Example(
            context=context, passage=text, spans=sorted(set(spans)), answers=row["answerable"], relevant=True, **common
        )
    same = [n for n in passages.nearest(row["question"], own) if n not in used]
    other = [n for n in passages.nearest(row["question"]) if owner[n] != row["doc"]]
    for n in [*same[: negatives - 1], *other[:1]] if row["answerable"] else same[:1]:
        context, text = passages.texts[n]
        yield Example(context=context, passage=text, spans=[], answers=False, relevant=False, **common)


def _overlaps(text: str, quote: str) -> bool:
    """Whether a passage may contain a part of a quote."""
    return quote[: len(quote) // 2] in text or quote[len(quote) // 2 :] in text


def _answer_span(text: str, quote: str, answers: Sequence[str]) -> tuple[int, int]:
    """Returns where the shortest wording of the answer in a quote is; the whole quote if it contains none."""
    begin = text.index(quote)
    found = next((answer for answer in answers if answer and answer in quote), quote)
    start = begin + quote.index(found)
    return start, start + len(found)
