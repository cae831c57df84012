"""The questions that a reader is only measured with, and the libraries of documents that they are asked of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rag import Library
from rag.evaluation import test_sets
from rag.settings import Settings
from training.examples import is_held

HERE = Path(__file__).parent
ROOT = HERE.parent
SETS = ("seed", "desk", "own", "squad20_dev", "nq_litm_oracle")


@dataclass(frozen=True)
class Held:
    """A question that no reader was trained on.

    Attributes:
        unit: The article or document that it is about.
        answers: The accepted answers; empty if it cannot be answered.
        quotes: The sentences that contain the answer.
        near: For some questions that cannot be answered, the sentence that a careless reader would take.
    """

    unit: str
    question: str
    answerable: bool
    answers: tuple[str, ...]
    quotes: tuple[str, ...]
    style: str = ""
    near: str = ""


def held(name: str, data: Path) -> Iterator[Held]:
    """Yields a set's questions about articles and documents that are never trained on."""
    if name == "seed":
        for one in test_sets.read_set(ROOT / "tests" / "sets" / "seed.yaml").questions:
            yield Held(one.id, one.question, one.answerable, one.answers, tuple(gold.quote for gold in one.evidence))
    elif name == "desk":
        yield from _of_documents("desk", data / "desk" / "questions.jsonl", skip="langs/")
    elif name == "own":
        for folder in sorted((HERE / "data").glob("*/")):
            yield from _of_documents(f"own-{folder.name}", folder / "questions.jsonl")
    else:
        for row in _rows(data / name / "questions.jsonl"):
            own = [one["doc_id"] for one in row["evidence"]] or row.get("context_doc_ids", [])[:1]
            unit = own[0].split("#")[0] if own else ""
            if own and is_held(unit):
                answers = tuple(row.get("all_answers") or row["answers"])
                quotes = tuple(one["quote"] for one in row["evidence"])
                yield Held(unit, row["question"], row.get("answerable", True), answers, quotes)


def _of_documents(name: str, questions: Path, skip: str = "\0") -> Iterator[Held]:
    for row in _rows(questions):
        unit = f"{name}/{row['doc']}"
        if is_held(unit) and not row["doc"].startswith(skip):
            quotes = tuple(one["quote"] for one in row["evidence"])
            yield Held(
                unit, row["question"], row["answerable"], tuple(row["answers"]), quotes, row["style"], row.get("near", "")
            )


def _rows(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def library(name: str, data: Path, folder: Path, settings: Settings | None = None) -> Library:
    """Opens the library that a set's questions are asked of, and fills it if it is empty.

    Args:
        name: The set's name.
        data: The folder of the question sets.
        folder: The folder of the libraries.
        settings: The library's settings.
    """
    opened = Library.open(folder / name, settings, short_lived=True)
    if opened.is_empty():
        if name == "seed":
            opened.sync(ROOT / "seeds")
        elif name == "desk":
            opened.sync(data / "desk" / "files")
        elif name == "own":
            for kind in sorted((HERE / "data").glob("*/files")):
                opened.add(kind)
        else:
            corpus = test_sets.read_set(data / name).corpus
            opened.add_documents(corpus.documents if corpus else ())
    return opened
