"""Saved citations are traced into the current text of their documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Library
from rag.answering.verification.citation_trace import CitationTrace, SavedCitation, difference, trace
from rag.schemas.answers import ask_json, saved_answer

WAS = "The bridge at Kemi was opened in 1951. Its three arches are of granite. Nobody was hurt."


def cited(quote: str) -> SavedCitation:
    at = WAS.index(quote)
    return SavedCitation(1, "a.txt", at, at + len(quote), quote, "old")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (WAS, CitationTrace("moved", 39, 71, "Its three arches are of granite.")),  # another revision, the same words
        (f"A note. {WAS}", CitationTrace("moved", 47, 79, "Its three arches are of granite.")),
        (WAS.replace("three", "four"), CitationTrace("changed", 39, 70, "Its four arches are of granite.")),
        ("Something else entirely stands here.", CitationTrace("changed")),
        ("", CitationTrace("changed")),
    ],
)
def test_what_became_of_it(now: str, expected: CitationTrace) -> None:
    """The same words elsewhere, other words in their place, or nothing."""
    assert expected == trace(cited("Its three arches are of granite."), now, "new")


def test_the_same_revision() -> None:
    """Is unchanged."""
    assert "unchanged" == trace(cited("Nobody was hurt."), WAS, "old").state


@given(st.text(max_size=80), st.text(max_size=80))
def test_the_difference_holds_both(was: str, now: str) -> None:
    """Without what is new it is what was, without what is gone it is what is."""
    parts = difference(was, now)

    assert was == "".join(words for kind, words in parts if kind in "=-")
    assert now == "".join(words for kind, words in parts if kind in "=+")


def test_a_saved_answer(tmp_path: Path) -> None:
    """Through the library: unchanged, changed with its old words, deleted without a word of them."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bridge.txt").write_text(WAS)
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.sync(folder)
        _, (saved,) = saved_answer(json.dumps(ask_json(library.ask("Of what are the three arches?"))))
        assert "unchanged" == library.trace_citation(saved).state
        (folder / "bridge.txt").write_text(WAS.replace("granite", "limestone"))
        library.sync(folder)
        found = library.trace_citation(saved)
        assert ("changed", "Its three arches are of limestone.") == (found.state, found.now)
        assert [("-", "granite"), ("+", "limestone")] == [
            part for part in difference(saved.quote, found.now) if part[0] != "="
        ]
        library.remove("bridge.txt")
        assert CitationTrace("deleted") == library.trace_citation(saved)


def test_two_documents_of_one_name(tmp_path: Path) -> None:
    """The citation is traced in the document that contains its words."""
    for n, text in enumerate((WAS, "Something else entirely.")):
        (tmp_path / f"folder{n}").mkdir()
        (tmp_path / f"folder{n}" / "bridge.txt").write_text(text)
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.sync(tmp_path / "folder0")
        library.sync(tmp_path / "folder1")
        found = library.trace_citation(SavedCitation(1, "bridge.txt", 39, 71, "Its three arches are of granite.", ""))

    assert ("unchanged", 39) == (found.state, found.start)


@pytest.mark.process
def test_the_command(tmp_path: Path) -> None:
    """`rag verify` prints what changed, says so by its exit code, and names what is no answer."""
    note, index = tmp_path / "note.txt", tmp_path / "index"
    note.write_text(WAS)

    def rag(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rag.cli", "--index", str(index), *words], capture_output=True, text=True
        )

    rag("add", str(note))
    (tmp_path / "answer.json").write_text(rag("ask", "When was the bridge at Kemi opened?", "--json").stdout)
    assert (0, True) == ((done := rag("verify", str(tmp_path / "answer.json"))).returncode, "unchanged" in done.stdout)
    note.write_text(WAS.replace("1951", "1962"))
    rag("add", str(note))
    changed = rag("verify", str(tmp_path / "answer.json"))
    assert (1, True) == (changed.returncode, "[-1951-]{+1962+}" in changed.stdout), changed
    for wrong in ("nowhere.json", str(note)):
        done = rag("verify", wrong)
        assert (1, 1) == (done.returncode, done.stderr.strip().count("\n")), done
