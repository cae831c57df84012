"""Cuts the slices of public sets that the tests are gated on (tests/sets/README.md), from the parts that are reported.

    uv run python benchmarks/slices.py DATA

Whole articles of SQuAD, so that a question's neighbours are there to be mistaken for its paragraph; of the others, the
passages of the questions taken. The baselines are written by `tests/sets/baselines.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import sets

from rag.evaluation.records import Question
from rag.records import Document

SLICES = Path(__file__).parent.parent / "tests" / "sets"
ARTICLES, QUESTIONS = 3, {sets.SQUAD: 100, sets.NQ: 60, sets.CLAPNQ: 40}


def article(source: str) -> str:
    return source.split("#")[0]


def of_question(question: Question) -> dict:
    row = {"id": question.id, "question": question.question, "answerable": question.answerable}
    if question.answerable:
        row |= {"answers": list(question.answers)}
        row |= {"evidence": [{"source": gold.source, "quote": gold.quote} for gold in question.evidence]}
    return row | {"type": question.type, "group": question.group, "context_doc_ids": list(question.within)}


def write(path: Path, rows: Iterable[dict]) -> None:
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")


def main() -> None:
    for name, most in QUESTIONS.items():
        questions, corpus = sets.read(Path(sys.argv[1]), name)
        asked = list(sets.part(questions, reported=True).questions)
        if name == sets.SQUAD:
            articles = list(dict.fromkeys(article(question.within[0]) for question in asked))[:ARTICLES]
            asked = sets.evenly([question for question in asked if article(question.within[0]) in articles], most)
            documents = [document for document in corpus.documents if article(document.source) in articles]
        else:
            asked = sets.evenly(asked, most)
            wanted = {source for question in asked for source in (*question.within, *(g.source for g in question.evidence))}
            documents = [document for document in corpus.documents if document.source in wanted]
        folder = SLICES / name.split("_")[0].removesuffix("20")
        folder.mkdir(exist_ok=True)
        write(folder / "questions.jsonl", map(of_question, asked))
        write(folder / "corpus.jsonl", map(of_document, documents))
        print(f"{folder.name}: {len(asked)} questions, {len(documents)} documents")


def of_document(document: Document) -> dict:
    return {"id": document.source, "title": document.title, "text": document.text}


if __name__ == "__main__":
    main()
