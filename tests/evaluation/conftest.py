"""What tests of evaluation share: a small library, a test set about it, and a model server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Document, Library
from rag.evaluation.records import QuestionSet, RunJSON
from rag.evaluation.test_sets import read_set

from ..model_server import ModelServer, model_server

SEED = Path(__file__).parent.parent / "sets" / "seed.yaml"
CRANE_SET = """
- {id: crane, question: "How much can the new crane lift?", answers: [forty-two tonnes], type: number,
   evidence: [{source: crane.txt, quote: forty-two tonnes}]}
- {id: from, question: "Where was the new crane ordered?", answers: [Gdansk], type: place,
   evidence: [{source: crane.txt, quote: ordered from Gdansk}]}
- {id: moon, question: "Who walked on the moon first?", answerable: false, type: near miss}
"""


def write(folder: Path, text: str, name: str = "set.yaml") -> Path:
    """Writes a file and returns its path."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library of two documents: one about a crane in two sentences, one about bees."""
    with Library.open(tmp_path / "index", short_lived=True) as opened:
        text = "The new crane was ordered from Gdansk. The new crane can lift forty-two tonnes."
        opened.add_documents(
            [Document(text, "Crane", source="crane.txt"), Document("Bees fly.", "Bees", source="bees.txt")]
        )
        yield opened


@pytest.fixture
def crane_set(tmp_path: Path) -> QuestionSet:
    """Two questions that the library answers, and one that it does not."""
    return read_set(write(tmp_path, CRANE_SET))


@pytest.fixture
def run(library: Library, crane_set: QuestionSet) -> RunJSON:
    """A run of the crane set."""
    return library.evaluate(crane_set)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A server of a chat model, with queued replies."""
    with model_server() as running:
        yield running
