"""`rag ask`, `rag search` and `rag why`, run as processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .. import model_server as fake
from ..conftest import ARTICLE
from .command import QUESTION, checked, checked_lines, rag

pytestmark = pytest.mark.process


def test_ask(room: Path, article: str) -> None:
    """A new user's first question is answered at once, with citations that are exact to the character."""
    done = rag(room, "ask", QUESTION)
    assert 0 == done.returncode
    assert "rare earth restrictions" in done.stdout
    assert "[1] india-raises-rare-earth-curbs-with-china.txt, characters 0–266" in done.stdout
    assert "" == done.stderr

    answer = checked(rag(room, "ask", QUESTION, "--json"), "ask")
    assert "answered" == answer["status"]
    for citation in answer["citations"]:
        assert article[citation["start"] : citation["end"]] == citation["quote"]


def test_abstaining_is_no_failure(room: Path) -> None:
    """An abstention has exit code 0 and prints the refusal and the closest passages."""
    done = rag(room, "ask", "Who is the president of Brazil?")

    assert 0 == done.returncode
    assert done.stdout.startswith("Your documents don't answer this.\n\nClosest passages:")


def test_an_empty_folder(tmp_path: Path) -> None:
    """With no documents, the command says so and abstains."""
    (tmp_path / "seeds").mkdir()
    (tmp_path / "rag.toml").write_text('documents = "seeds"\n', "utf-8")
    done = rag(tmp_path, "ask", QUESTION)

    assert 0 == done.returncode
    assert "no documents yet" in done.stderr
    assert "Your documents don't answer this." in done.stdout


def test_a_missing_folder(room: Path) -> None:
    """If the folder is missing, the answer comes from the index, with a note that the folder could not be synced."""
    rag(room, "sync")
    (room / "seeds").rename(room / "moved")
    done = rag(room, "ask", QUESTION)

    assert "no folder 'seeds'" in done.stderr.replace(str(room) + "/", "")
    assert "rare earth" in done.stdout


def test_a_wrong_key_degrades(room: Path) -> None:
    """If the model refuses the key, rag quotes the documents and says why, without printing the key."""
    key = "sk-canary0123456789abc"
    with fake.model_server(fake.fails(401, f"bad key {key}")) as server:
        done = rag(room, "--model", "m", "--base-url", server.url, "ask", QUESTION, OPENAI_API_KEY=key)

    assert 0 == done.returncode
    assert "rejected the API key" in done.stderr
    assert "rare earth restrictions" in done.stdout
    assert key not in done.stdout + done.stderr


def test_search(room: Path) -> None:
    """Text, JSON and JSON lines show the same hits in the same order."""
    found = checked(rag(room, "search", "magnets", "--json"), "search")
    lines = rag(room, "search", "magnets", "--jsonl").stdout
    text = rag(room, "search", "magnets").stdout

    assert found["hits"]
    assert found["hits"] == checked_lines(lines, "search-line")
    assert text.startswith(f"1. {ARTICLE.name} [{found['hits'][0]['start']}:{found['hits'][0]['end']}]")


def test_search_in_the_order_of_the_reader(room: Path) -> None:
    """The hits that were read say how likely they answer; without the reader, it is a mistake."""
    words = ("search", "Who met Sun Weidong?", "--rerank")
    found = checked(rag(room, *words, "--json"), "search")
    refused = rag(room, *words, RAG_READER="off")

    assert "Vikram Misri" in found["hits"][0]["text"]
    assert 0 <= found["hits"][0]["answers"] <= 1
    assert found["timings_ms"]["read"] > 0
    assert ": answers 0." in rag(room, *words).stdout
    assert refused.returncode == 1
    assert "the reader is off" in refused.stderr


def test_search_that_finds_nothing(room: Path) -> None:
    """A search without results prints a note and no hits."""
    done = rag(room, "search", "magnets", "--source", "*.pdf")

    assert ("", 0) == (done.stdout, done.returncode)
    assert "nothing found" in done.stderr


def test_why(room: Path) -> None:
    """The explanation is printed as JSON or as text."""
    words = ("why", "Who met Sun Weidong?", "--expect", "Foreign Secretary Vikram Misri")

    assert "cited" == checked(rag(room, *words, "--json"), "why")["stage"]
    assert rag(room, *words).stdout.startswith("cited: ")
