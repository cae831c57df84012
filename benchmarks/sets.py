"""Reads the public test sets, and tells which of their questions the reader may have been trained on."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag import Library
from rag.evaluation import test_sets
from rag.evaluation.records import Corpus, Gold, Question, QuestionSet

sys.path.append(str(Path(__file__).parent.parent))
from training.examples import is_held

SQUAD, NQ, CLAPNQ, CHUNKING = "squad20_dev", "nq_litm_oracle", "clapnq_dev", "chunking_eval"
MULTIHOP_NEWS, MULTIHOP_WIKI = "multihop_rag_500", "multihop_wiki_200"
DESK = "desk"
SETS = (SQUAD, NQ, CLAPNQ, CHUNKING, MULTIHOP_NEWS, MULTIHOP_WIKI, DESK)
TRAINED = (SQUAD, NQ, DESK)  # the reader was trained on a part of these sets


def read(data: Path, name: str) -> tuple[QuestionSet, Corpus]:
    """Reads a test set and its documents."""
    if name == DESK:
        return _read_desk(data / "qa" / DESK)
    questions = test_sets.read_set(data / "qa" / name)
    assert questions.corpus is not None
    return questions, questions.corpus


def _read_desk(folder: Path) -> tuple[QuestionSet, Corpus]:
    """Reads the desk set, whose questions have styles, which count as their types; without those in other languages."""
    rows = map(json.loads, (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines())
    questions = tuple(
        Question(
            row["id"],
            row["question"],
            answers=tuple(row["answers"]),
            evidence=tuple(Gold(one["source"], one["quote"]) for one in row["evidence"]),
            answerable=row["answerable"],
            type=row["style"],
            group=row["doc"],
            within=(row["doc"],),
        )
        for row in rows
        if not row["doc"].startswith("langs/")
    )
    corpus = test_sets.read_corpus(folder / "files")
    return QuestionSet(DESK, corpus.digest, questions, corpus), corpus


def reported(questions: QuestionSet, most: int = 10_000) -> QuestionSet:
    """Returns the questions about articles and documents that no reader was trained on, at most `most`, evenly spaced."""
    kept = questions.questions
    if questions.name in TRAINED:
        kept = tuple(question for question in kept if is_held(_unit(questions.name, question)))
    return replace(questions, questions=tuple(evenly(kept, most)))


def _unit(name: str, question: Question) -> str:
    """Returns the article or document that a question is about, by the name that it has in the training."""
    first = [*(gold.source for gold in question.evidence), *question.within, question.id][0]
    return f"{name}/{first}" if name == DESK else first.split("#")[0]


def evenly(rows: Sequence[Any], n: int) -> list[Any]:
    """Returns about n of the rows, evenly spaced."""
    return list(rows[:: max(1, -(-len(rows) // n))])


def opened(corpus: Corpus, folder: Path, **options: Any) -> Library:
    """Opens a library that contains these documents, and builds it if it does not exist yet."""
    library = Library.open(folder, short_lived=True, **options)
    library.add_documents(corpus.documents)
    return library
