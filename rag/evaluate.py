"""Measures answers on a test set of the user's own questions. Gold is text, so re-splitting never spoils a set."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rag import metrics, quotes
from rag.errors import SetError, SourceError
from rag.metrics import Span
from rag.records import Answer, Document

_FIELDS = {"id", "question", "answers", "must_mention", "evidence", "answerable", "type"}
_HITS = 5  # hits that retrieval is judged by


class Answering(Protocol):
    """What is measured: a library, or a fake."""

    def ask(self, question: str) -> Answer:
        """Answers."""

    def document(self, source: str) -> Document:
        """A document, to check citations by."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a test set. `evidence` holds (source, quote) pairs."""

    id: str
    question: str
    answers: tuple[str, ...]
    must_mention: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]
    answerable: bool
    type: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One question's answer and what was measured of it; measures that do not apply are None."""

    question: Question
    answer: Answer
    rank: int | None
    span_recall: float | None
    contained: bool | None
    citations_exact: int
    citations_right: int


@dataclass(frozen=True, slots=True)
class Run:
    """A whole evaluation. `defects` are faults of the set, never scored silently."""

    figures: Mapping[str, float | int]
    scored: Sequence[Scored]
    defects: Sequence[str] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """Everything needed to score it again."""
        rows = [
            {
                "question": asdict(s.question),
                "answer": s.answer.text,
                "status": s.answer.status,
                "evidence": s.answer.evidence,
                "citations": [asdict(citation) for citation in s.answer.citations],
                "hits": [{"source": h.source, "start": h.start, "end": h.end, "score": h.score} for h in s.answer.hits],
                "timings_ms": dict(s.answer.timings_ms),
            }
            for s in self.scored
        ]
        return {"schema_version": 1, "figures": dict(self.figures), "defects": list(self.defects), "questions": rows}


@dataclass(frozen=True, slots=True)
class Gate:
    """A bound on a figure, such as "hit@5>=0.95"."""

    words: str
    figure: str
    sign: str
    bound: float

    def holds(self, figures: Mapping[str, float | int]) -> bool:
        """Whether the figure keeps the bound.

        Raises:
            SetError: There is no such figure.
        """
        if self.figure not in figures:
            raise SetError(f"no figure {self.figure!r}", f"there are {', '.join(figures)}")
        value = figures[self.figure]
        return value >= self.bound if self.sign == ">=" else value <= self.bound


def parse_gate(words: str) -> Gate:
    """Reads a gate.

    Raises:
        SetError: It is not FIGURE>=NUMBER or FIGURE<=NUMBER.
    """
    match = re.fullmatch(r"\s*([\w@]+)\s*(>=|<=)\s*(\d+(?:\.\d+)?)\s*", words)
    if not match:
        raise SetError(f"{words!r} is not a gate", 'write "hit@5>=0.95" or "false_refusals<=0.05"')
    return Gate(words, match.group(1), match.group(2), float(match.group(3)))


def read_set(path: Path) -> list[Question]:
    """Reads a test set, YAML or JSONL.

    Raises:
        SetError: It cannot be read, or a question of it cannot be used; the message names it.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetError(f"the test set {str(path)!r} cannot be read ({getattr(error, 'strerror', 'not UTF-8')})") from None
    try:
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            rows = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise SetError(f"{path} is not valid {'JSON lines' if path.suffix == '.jsonl' else 'YAML'}: {error}") from None
    if not isinstance(rows, list) or not rows:
        raise SetError(f"{path} holds no questions", "a set is a list of questions; see the README, Evaluate")
    questions = [_question(row, n) for n, row in enumerate(rows, start=1)]
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise SetError(f"{path}: two questions have the id {question.id!r}")
        seen.add(question.id)
    return questions


def _question(row: object, n: int) -> Question:
    if not isinstance(row, dict) or not str(row.get("question") or "").strip():
        raise SetError(f"question {n} has no question")
    name = str(row.get("id") or n)
    unknown = set(row) - _FIELDS
    if unknown:
        raise SetError(f"question {name!r} has unknown fields: {', '.join(sorted(map(str, unknown)))}")
    answerable = row.get("answerable", True)
    for name_of_list in ("answers", "must_mention", "evidence"):
        if not isinstance(row.get(name_of_list) or [], list):
            raise SetError(f"question {name!r}: {name_of_list} must be a list")
    answers = tuple(str(answer) for answer in row.get("answers") or ())
    if answerable and not any(answer.strip() for answer in answers) and not row.get("must_mention"):
        raise SetError(f"question {name!r} is answerable but has no answers")
    try:
        evidence = tuple(
            (str(e.get("source") or e["doc_id"]), str(e["quote"])) for e in row.get("evidence") or () if e.get("quote")
        )
    except (KeyError, AttributeError, TypeError):
        raise SetError(f"question {name!r}: evidence needs source and quote") from None
    must = tuple(str(words) for words in row.get("must_mention") or ())
    return Question(name, str(row["question"]), answers, must, evidence, bool(answerable), str(row.get("type") or ""))


def run(library: Answering, questions: Sequence[Question]) -> Run:
    """Asks every question and measures the answers."""
    documents: dict[str, Document] = {}
    defects: list[str] = []
    scored = [_score(library, question, documents, defects) for question in questions]
    return Run(_figures(scored), scored, tuple(defects))


def _score(library: Answering, question: Question, documents: dict[str, Document], defects: list[str]) -> Scored:
    answer = library.ask(question.question)
    gold: list[Span] = []
    for source, quote in question.evidence:
        document = _document(library, source, documents)
        place = quotes.find_quote(quote, document.text) if document else None
        if place is None:
            defects.append(
                f"{question.id}: {'no document ' + source if document is None else 'gold quote not in ' + source}"
            )
        else:
            gold.append((source, place[0], place[1]))
    hits: list[Span] = [(hit.source, hit.start, hit.end) for hit in answer.hits[:_HITS]]
    cited: list[Span] = [(c.source, c.start, c.end) for c in answer.citations]
    exact = sum(
        (document := _document(library, c.source, documents)) is not None and document.text[c.start : c.end] == c.quote
        for c in answer.citations
    )
    contained = None
    if question.answerable:
        contained = not question.answers or metrics.contains_gold(answer.text, question.answers)
        contained = contained and all(metrics.contains_gold(answer.text, [words]) for words in question.must_mention)
    return Scored(
        question,
        answer,
        metrics.first_relevant(hits, gold),
        metrics.span_recall(hits, gold) if gold else None,
        contained,
        exact,
        sum(any(metrics.overlaps(c, g) for g in gold) for c in cited) if gold else 0,
    )


def _document(library: Answering, source: str, documents: dict[str, Document]) -> Document | None:
    if source not in documents:
        try:
            documents[source] = library.document(source)
        except SourceError:
            return None
    return documents[source]


def _figures(scored: Sequence[Scored]) -> dict[str, float | int]:
    with_gold = [s for s in scored if s.span_recall is not None]
    answerable = [s for s in scored if s.question.answerable]
    refused = [s for s in scored if s.answer.status == "abstained"]
    unanswerable = [s for s in scored if not s.question.answerable]
    given = [s for s in answerable if s.answer.status != "abstained"]
    citations = sum(len(s.answer.citations) for s in scored)
    cited_with_gold = sum(len(s.answer.citations) for s in with_gold)
    rightly_refused = sum(not s.question.answerable for s in refused)
    return {
        "questions": len(scored),
        "answerable": len(answerable),
        "hit@1": metrics.mean([s.rank == 1 for s in with_gold]),
        "hit@5": metrics.mean([s.rank is not None for s in with_gold]),
        "mrr@5": metrics.mean([1 / s.rank if s.rank else 0.0 for s in with_gold]),
        "span_recall@5": metrics.mean([s.span_recall or 0.0 for s in with_gold]),
        "gold_contained": metrics.mean([bool(s.contained) for s in answerable]),
        "gold_contained_if_answered": metrics.mean([bool(s.contained) for s in given]),
        "sentences": metrics.mean([len(s.answer.citations) for s in given]),
        "citations": citations,
        "citation_exact": sum(s.citations_exact for s in scored) / citations if citations else 1.0,
        "citation_precision": sum(s.citations_right for s in with_gold) / cited_with_gold if cited_with_gold else 1.0,
        "refusal_recall": rightly_refused / len(unanswerable) if unanswerable else 1.0,
        "refusal_precision": rightly_refused / len(refused) if refused else 1.0,
        "false_refusals": metrics.mean([s.answer.status == "abstained" for s in answerable]),
        "p50_ms": statistics.median([s.answer.timings_ms.get("total", 0.0) for s in scored]) if scored else 0.0,
    }
