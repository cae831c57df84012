"""The public question sets, each in two fixed parts: on one things are fitted, on the other they are reported."""

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
_FEW = 10  # documents


def read(data: Path, name: str) -> tuple[QuestionSet, Corpus]:
    """A set and its documents."""
    questions = test_sets.read_set(data / "qa" / name)
    assert questions.corpus is not None
    return questions, questions.corpus


def part(questions: QuestionSet, *, reported: bool, most: int = 10_000) -> QuestionSet:
    """One of the two parts, at most so many questions of it, evenly spaced."""
    assert questions.corpus is not None
    apart = len(questions.corpus.documents) < _FEW
    of_it = [question for question in questions.questions if _is_reported(question, apart) == reported]
    return replace(questions, questions=tuple(evenly(of_it, most)))


def _is_reported(question: Question, apart: bool) -> bool:
    """What is about one article or passage is in one part, unless there are too few of them: then `apart`."""
    first = [*question.within, *(gold.source for gold in question.evidence), question.id][0]
    whole = question.id if apart else first.split("#")[0]
    return hashlib.sha256(whole.encode()).digest()[0] % 2 == 1


def evenly(rows: Sequence[Any], n: int) -> list[Any]:
    """About n of them, evenly spaced."""
    return list(rows[:: max(1, -(-len(rows) // n))])


def opened(corpus: Corpus, folder: Path, **how: Any) -> Library:
    """A library that holds these documents; it is built when it is not there."""
    library = Library.open(folder, short_lived=True, **how)
    library.add_documents(corpus.documents)
    return library
