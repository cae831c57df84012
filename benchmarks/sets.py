"""Reads the public test sets and splits each into two fixed parts: one for fitting, and one for reporting results."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag import Library
from rag.evaluation import test_sets
from rag.evaluation.records import Corpus, Question, QuestionSet

SQUAD, NQ, CLAPNQ, CHUNKING = "squad20_dev", "nq_litm_oracle", "clapnq_dev", "chunking_eval"
MULTIHOP_NEWS, MULTIHOP_WIKI = "multihop_rag_500", "multihop_wiki_200"
SETS = (SQUAD, NQ, CLAPNQ, CHUNKING, MULTIHOP_NEWS, MULTIHOP_WIKI)
_FEW_DOCUMENTS = 10  # a test set with fewer documents is split by question instead of by document


def read(data: Path, name: str) -> tuple[QuestionSet, Corpus]:
    """Reads a test set and its documents."""
    questions = test_sets.read_set(data / "qa" / name)
    assert questions.corpus is not None
    return questions, questions.corpus


def part(questions: QuestionSet, *, reported: bool, most: int = 10_000) -> QuestionSet:
    """Returns one of a test set's two parts, with at most `most` questions, evenly spaced."""
    assert questions.corpus is not None
    by_question = len(questions.corpus.documents) < _FEW_DOCUMENTS
    of_part = [question for question in questions.questions if _is_reported(question, by_question) == reported]
    return replace(questions, questions=tuple(evenly(of_part, most)))


def _is_reported(question: Question, by_question: bool) -> bool:
    """Returns whether a question belongs to the reported part.

    Questions about the same article or passage are in the same part, unless the test set is split by question.
    """
    first = [*question.within, *(gold.source for gold in question.evidence), question.id][0]
    unit = question.id if by_question else first.split("#")[0]
    return hashlib.sha256(unit.encode()).digest()[0] % 2 == 1


def evenly(rows: Sequence[Any], n: int) -> list[Any]:
    """Returns about n of the rows, evenly spaced."""
    return list(rows[:: max(1, -(-len(rows) // n))])


def opened(corpus: Corpus, folder: Path, **options: Any) -> Library:
    """Opens a library that contains these documents, and builds it if it does not exist yet."""
    library = Library.open(folder, short_lived=True, **options)
    library.add_documents(corpus.documents)
    return library
