"""What people ask that is no question to the documents, and conversations: with and without a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Document, Library
from rag.answering.prompts import QUOTED_LIST, QUOTED_SIDES, QUOTED_SUMMARY
from rag.records import Answer, Turn
from rag.settings import Settings

from .. import corpus
from .. import model_server as fake
from ..asking import asked_on_the_page
from ..conftest import ARTICLE
from ..torture.world import leave_chroma_alone


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("conversation") / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        opened.add_documents(corpus.documents())
        yield opened


def stands(library: Library, answer: Answer) -> Answer:
    """Every citation is its document's characters, and the text has its number."""
    for c in answer.citations:
        assert library.document(c.source).text[c.start : c.end] == c.quote != ""
        assert f"[{c.n}]" in answer.text
    return answer


@pytest.mark.parametrize("question", ["Hello!", "help", "what can you do?"])
def test_a_greeting(library: Library, question: str) -> None:
    """Is returned, with what there is to ask about."""
    answer = library.ask(question)

    assert "answered" == answer.status
    assert "8 documents" in answer.text
    assert "City bees" in answer.text
    assert () == answer.citations


def test_thanks(library: Library) -> None:
    """Need no search."""
    assert "You’re welcome." == library.ask("thank you!").text


def test_what_is_in_here(library: Library) -> None:
    """Each document is named and cited by how it begins."""
    answer = stands(library, library.ask("What is in here?"))

    assert 8 == len(answer.citations)
    assert "• City bees (Leila Haddad, 2022-07-09) [1]" in answer.text
    assert {"beginning"} == {c.locator for c in answer.citations}


@pytest.mark.process
@pytest.mark.parametrize(
    "question",
    ["What is in here?", "Who wrote the article about city bees and when?", "Summarise everything", "hello",
     "Summarise the report on the Morava footbridge", "List every sum of money", "Compare the ferry and the footbridge"],
)  # fmt: skip
def test_on_the_page(library: Library, question: str) -> None:
    """Whatever is asked, each citation has its chip and its marked characters beside the answer."""
    chat, source, talked = asked_on_the_page(library, question)
    chips, marks = chat[-1]["content"].count('class="chip"'), source.count('class="cited"')

    assert 1 == len(talked.exchanges)
    assert chips == marks
    assert ("hello" == question) == (chips == 0)


def test_a_quotation_from_elsewhere_in_the_document_on_the_page(tmp_path: Path) -> None:
    """What a model quotes may stand beyond the passage it was shown; it is cited there, and marked beside the answer."""
    sentences = [
        f"In {year} the harbour of Varnes took in {year * 3} boats and {year * 7} nets." for year in range(1800, 1960)
    ]
    with fake.model_server(fake.says(f"“{sentences[150]}” [1]")) as server:
        settings = Settings(model="m", base_url=server.url, k=1, passage_tokens=64)
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            library.add_documents([Document(" ".join(sentences), "Harbour", source="harbour.txt")])
            answer = stands(library, library.ask("How many boats came in 1801?"))
            assert sentences[150] == answer.citations[0].quote
            assert sentences[150] not in answer.hits[0].text
            _, source, _ = asked_on_the_page(library, "How many boats came in 1801?")
    assert 1 == source.count('class="cited"')


def test_nothing_is_in_here(tmp_path: Path) -> None:
    """An empty library says so, to whatever is asked about it."""
    with Library.open(tmp_path / "index", short_lived=True) as empty:
        for question in ("hi", "what is in here?", "summarise this document", "who wrote it?"):
            assert "no documents yet" in empty.ask(question).text


def test_who_wrote_it_and_when(library: Library, seeds: Library, article: str) -> None:
    """What the document says of itself is cited there; what only its metadata has is cited as that."""
    answer = stands(library, library.ask("Who wrote the article about city bees and when?"))
    assert "“City bees” is by Leila Haddad. [1] “City bees” is dated 2022-07-09. [2]" == answer.text
    assert ["", "metadata"] == [c.locator for c in answer.citations]
    assert "Leila Haddad" in answer.citations[0].quote

    answer = seeds.ask("Who wrote it and when?")
    assert "does not name its author" in answer.text
    assert "is dated 2025-06-13 (“Published on June 13, 2025”). [" in answer.text
    for c in answer.citations:
        assert article[c.start : c.end] == c.quote
    assert any("June 13" in c.quote for c in answer.citations)


def test_who_wrote_it_is_not_said(library: Library) -> None:
    """A document that names no author does not answer who wrote it."""
    answer = library.ask("Who wrote the article about the Tartu Open?")

    assert ("abstained", "“Olari wins in Tartu” does not name its author.") == (answer.status, answer.text)
    assert "answered" == library.ask("When was the article about the Tartu Open published?").status


def test_it_is_what_was_talked_about(library: Library) -> None:
    """The document of the answer before."""
    history = [Turn("How many clocks does the museum of Furtwald have?", "1,730.")]
    answer = stands(library, library.ask("Who wrote it and when?", history=history))

    assert "“Clock museum moves” is by Henrik Stahl." in answer.text
    assert "2023-04-14" in answer.text


def test_which_one_is_meant(library: Library) -> None:
    """It asks back where it cannot know."""
    answer = library.ask("Summarise this document")

    assert "Which document do you mean?" in answer.text
    assert () == answer.citations


def test_a_summary_is_quoted(library: Library) -> None:
    """Without a model the sentences that say most, and a notice that says so."""
    answer = stands(library, library.ask("Summarise the report on the Morava footbridge"))

    assert QUOTED_SUMMARY == answer.notice
    assert {"bridge.txt"} == {c.source for c in answer.citations}
    assert 3 <= len(answer.citations) <= 5
    assert all(c.verdict == "exact" for c in answer.citations)


def test_a_summary_of_everything(library: Library) -> None:
    """Something of each document that is named."""
    answer = stands(library, library.ask("Give me a summary of all documents"))

    assert len({c.source for c in answer.citations}) >= 5


def test_a_list_is_gathered(library: Library) -> None:
    """From several documents, and called what it is."""
    answer = stands(library, library.ask("List every price in euros"))

    assert QUOTED_LIST == answer.notice
    assert len({c.source for c in answer.citations}) >= 3


def test_a_comparison_shows_both_sides(library: Library) -> None:
    """Passages about each, side by side."""
    answer = stands(library, library.ask("Compare the night ferry to Skarholm and the footbridge over the Morava"))

    assert QUOTED_SIDES == answer.notice
    assert {"ferry.txt", "bridge.txt"} == {c.source for c in answer.citations}
    assert "The night ferry to Skarholm:" in answer.text


def test_a_follow_up_is_searched_as_it_is_meant(library: Library) -> None:
    """And the answer says how it was understood."""
    history = [Turn("Why was the footbridge over the Morava closed?", "Three of its cables had rusted through.")]
    answer = stands(library, library.ask("When was it closed?", history=history))

    assert "When was the footbridge over the Morava closed?" == answer.searched
    assert "October 2023" in answer.text
    assert "" == library.ask("Who won the Tartu Open?", history=history).searched


def test_with_a_model(tmp_path: Path) -> None:
    """It is shown the document to sum up, both things to compare, and how a follow-up is meant."""
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


def test_a_long_document_is_summed_up_in_time(tmp_path: Path, article: str) -> None:
    """A text of a million characters: a part of it evenly taken, at once."""
    text = "\n\n".join(f"Part {n}. {article}" for n in range(300))
    with Library.open(tmp_path / "index", short_lived=True) as library:
        leave_chroma_alone(library)
        library._embedder.embed(["warm"])
        library._catalog.documents.publish(
            library._catalog.documents.stage(
                library._catalog.files.root_id("memory", ""), Document(text, "Long", source="l", content_hash="l")
            )
        )
        answer = stands(library, library.ask("Summarise this document"))

    assert 5 == len(answer.citations)
    assert ARTICLE.exists()
