"""How a question is understood, searched and answered: follow-ups, documents that are meant, with and without a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Document, Library
from rag.records import AnswerDone, Filter, SourcesFound, TextDelta, Turn
from rag.settings import Settings

from .. import corpus
from .. import model_server as fake
from ..asking import asked_on_the_page
from ..corpus import resolved
from ..torture.world import leave_chroma_alone


@pytest.mark.process
@pytest.mark.parametrize(
    "question",
    ["What is in here?", "Who wrote the article about city bees and when?", "Summarise everything", "hello",
     "Summarise the report on the Morava footbridge", "List every sum of money", "Compare the ferry and the footbridge"],
)  # fmt: skip
def test_on_the_page(library: Library, question: str) -> None:
    """Each citation has its chip in the answer and its marked characters in the source panel."""
    chat, source, talked = asked_on_the_page(library, question)
    chips, marks = chat[-1]["content"].count('class="chip"'), source.count('class="cited"')

    assert 1 == len(talked.exchanges)
    assert chips == marks
    assert ("hello" == question) == (chips == 0)


def test_a_quotation_from_elsewhere_in_the_document_on_the_page(tmp_path: Path) -> None:
    """A model may quote words outside its passages; they are cited where they are, and marked in the source panel."""
    sentences = [
        f"In {year} the harbour of Varnes took in {year * 3} boats and {year * 7} nets." for year in range(1800, 1960)
    ]
    with fake.model_server(fake.says(f"“{sentences[150]}” [1]")) as server:
        settings = Settings(model="m", base_url=server.url, k=1, passage_tokens=64)
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            library.add_documents([Document(" ".join(sentences), "Harbour", source="harbour.txt")])
            answer = resolved(library, library.ask("How many boats came in 1801?"))
            assert sentences[150] == answer.citations[0].quote
            assert sentences[150] not in answer.hits[0].text
            _, source, _ = asked_on_the_page(library, "How many boats came in 1801?")
    assert 1 == source.count('class="cited"')


def test_it_is_the_document_of_the_answer_before(library: Library) -> None:
    """A follow-up about "it" is about the document that was cited."""
    history = [Turn("How many clocks does the museum of Furtwald have?", "1,730.")]
    answer = resolved(library, library.ask("Who wrote it and when?", history=history))

    assert "“Clock museum moves” is by Henrik Stahl." in answer.text
    assert "2023-04-14" in answer.text


def test_an_unclear_document(library: Library) -> None:
    """The answer asks back."""
    answer = library.ask("Summarise this document")

    assert "Which document do you mean?" in answer.text
    assert () == answer.citations


def test_a_follow_up_is_rewritten_for_the_search(library: Library) -> None:
    """The answer says how it was understood; a question that stands alone is searched as it is."""
    history = [Turn("Why was the footbridge over the Morava closed?", "Three of its cables had rusted through.")]
    answer = resolved(library, library.ask("When was it closed?", history=history))

    assert "When was the footbridge over the Morava closed?" == answer.searched
    assert "October 2023" in answer.text
    assert "" == library.ask("Who won the Tartu Open?", history=history).searched


def test_with_a_model(tmp_path: Path) -> None:
    """The prompt has the document to summarise, both sides of a comparison, or the rewritten follow-up."""
    with fake.model_server(fake.says("So it is [1].")) as server:
        settings = Settings(model="m", base_url=server.url)
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            library.add_documents(corpus.documents())
            library.ask("Summarise the report on the Morava footbridge")
            library.ask("Compare the night ferry to Skarholm and the footbridge over the Morava")
            library.ask("When was it closed?", history=[Turn("Why was the footbridge over the Morava closed?", "Rust.")])
            assert "m" != library.ask("Hello!").model
        summary, comparison, follow_up = [r["body"]["messages"][-1]["content"] for r in server.requests]

    assert "five kilometres upstream" in summary
    assert "ferry.txt" not in summary
    assert {"ferry.txt", "bridge.txt"} <= {comparison.split('source="')[i].split('"')[0] for i in range(1, 5)}
    assert "Question: When was it closed?" in follow_up
    assert "When was the footbridge over the Morava closed?" in follow_up


def test_events(library: Library) -> None:
    """First the hits, then the text, last the complete answer, whose page, locator and content hash are filled in."""
    sources, *texts, done = library.stream("Who won the Tartu Open?")

    assert isinstance(sources, SourcesFound)
    assert isinstance(done, AnswerDone)
    assert done.answer.hits == sources.hits
    assert done.answer.text == "".join(event.text for event in texts if isinstance(event, TextDelta))
    assert {library.document("chess.txt").content_hash} == {c.content_hash for c in done.answer.citations}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who won the Tartu Open?", [("Who won the Tartu Open?", 5)]),
        ("List every price in euros", [("price in euros", 20)]),
        ("Compare the ferry and the bridge", [("the ferry", 3), ("the bridge", 3)]),
        ("Compare them", [("Compare them", 5)]),
        ("What is in here?", []),
        ("Who wrote it?", []),
    ],
)
def test_searches(library: Library, question: str, expected: list[tuple[str, int]]) -> None:
    """A list takes 20 passages, a comparison half of k for each side, a question about the documents none."""
    assert expected == library._answerer.searches(question, 5)


def test_a_filter_applies_to_every_intent(library: Library) -> None:
    """Only documents that pass are listed, summarised, quoted or named."""
    only = Filter(sources=("bees.md",))
    for question in ("What is in here?", "Summarise everything", "Who wrote it?", "How much does the honey cost?", "hello"):
        answer = resolved(library, library.ask(question, filters=only))
        assert {c.source for c in answer.citations} <= {"bees.md"}
        assert {hit.source for hit in answer.hits} <= {"bees.md"}
        assert "ferry" not in answer.text
