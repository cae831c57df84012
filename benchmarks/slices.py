"""Extracts the test sets for the quality tests (tests/sets/README.md) from the public test sets.

    uv run python benchmarks/slices.py DATA

It takes only questions about articles and passages that no reader was trained on.
From SQuAD, it takes whole articles, so that the right paragraph competes with its neighbours; from the other test sets, it
takes only the passages that belong to the chosen questions. `tests/sets/baselines.py` writes the baselines.
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


def question_row(question: Question) -> dict:
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
        chosen = list(sets.reported(questions).questions)
        if name == sets.SQUAD:
            articles = list(dict.fromkeys(article(question.within[0]) for question in chosen))[:ARTICLES]
            chosen = sets.evenly([question for question in chosen if article(question.within[0]) in articles], most)
            documents = [document for document in corpus.documents if article(document.source) in articles]
        else:
            chosen = sets.evenly(chosen, most)
            needed = {
                source for question in chosen for source in (*question.within, *(g.source for g in question.evidence))
            }
            documents = [document for document in corpus.documents if document.source in needed]
        folder = SLICES / name.split("_")[0].removesuffix("20")
        folder.mkdir(exist_ok=True)
        write(folder / "questions.jsonl", map(question_row, chosen))
        write(folder / "corpus.jsonl", map(document_row, documents))
        print(f"{folder.name}: {len(chosen)} questions, {len(documents)} documents")


def document_row(document: Document) -> dict:
    return {"id": document.source, "title": document.title, "text": document.text}


if __name__ == "__main__":
    main()
