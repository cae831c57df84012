"""Vector search with the real Chroma: whatever breaks there never affects an answer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag import Document, Filter, Library
from rag.errors import StorageError
from rag.index import vector_search, vector_sync
from rag.index.chroma import ChromaProcess, process
from rag.index.indexed_text import embedded_text

pytestmark = pytest.mark.process


def found_by_vector(library: Library, source: str) -> bool:
    """Whether a document's first passage is found by its own vector."""
    document = library.document(source)
    text = document.text[: library.search(document.text[:100], 100, filters=Filter(sources=(source,)))[0].end].strip()
    vector = library._embedder.embed([embedded_text(document.title, "", text)])[0]
    ids = library._catalog.passages.visible_keys(
        [key for key, cosine in library._vector_search.nearest(vector, 1) if cosine > 0.95]
    )
    return [source] == [passage.source for passage in library._catalog.passages.get(list(ids.values()))]


@pytest.fixture
def filled(tmp_path: Path, folder: Path) -> Iterator[Library]:
    """A library whose vectors are all in Chroma."""
    with Library.open(tmp_path / "index") as library:
        library.sync(folder)
        library.sync_vectors()
        assert library._vector_search.is_open
        assert 3 == library.check().vectors_in_chroma
        yield library


def test_a_small_library_is_scanned(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scanning a few thousand vectors is faster than asking Chroma, and finds the same."""
    asked: list[int] = []
    nearest = filled._vector_search._index.nearest
    monkeypatch.setattr(filled._vector_search._index, "nearest", lambda vector, k: asked.append(k) or nearest(vector, k))
    through_chroma = filled.search("Where does the river end?")
    assert asked
    asked.clear()
    monkeypatch.setattr(vector_search, "_SCAN_ALL_UP_TO", 8_000)
    scanned = filled.search("Where does the river end?")

    assert [] == asked
    assert [(hit.source, hit.score) for hit in through_chroma] == [
        (hit.source, pytest.approx(hit.score)) for hit in scanned
    ]


def test_a_crash_of_chroma_is_answered_through(filled: Library) -> None:
    """Chroma runs in its own process: when that dies, the scan answers, and a new generation is filled."""
    filled._vector_search._index._child.kill()
    hits = filled.search("Where does the river end?")
    assert ("rivers.txt", True) == (hits[0].source, hits[0].ranks.dense is not None)
    assert not filled._vector_search.is_open
    filled.sync_vectors()
    assert 3 == filled.check().vectors_in_chroma


def test_a_hang_of_chroma_ends(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that does not reply is killed, and the scan answers."""
    monkeypatch.setattr(process, "_REPLY_S", 0.3)
    os.kill(filled._vector_search._index._child.pid, signal.SIGSTOP)
    assert "rivers.txt" == filled.search("Where does the river end?")[0].source
    assert not filled._vector_search.is_open


def test_repeated_failures_are_not_tried_again_at_once(filled: Library) -> None:
    """After the first failure, Chroma is reopened at once; after the second in a row, the next try waits."""
    filled._vector_search._index._child.kill()
    filled._vector_search.nearest(np.ones(384, np.float32), 1)
    assert filled._vector_search.try_open()
    filled._vector_search._index._child.kill()
    assert 0 == filled.sync_vectors()
    assert not filled._vector_search.try_open()


def test_a_clean_end_is_trusted(tmp_path: Path, folder: Path) -> None:
    """A sealed generation is opened as it is, and follows the log from there."""
    with Library.open(tmp_path / "index") as library:
        library.sync(folder)
        library.sync_vectors()
    (generation,) = [path for path in (tmp_path / "index" / "chroma").iterdir() if path.is_dir()]
    with Library.open(tmp_path / "index") as library:
        library.add_documents([Document("The Volga reaches the Caspian Sea.", "Volga", source="v")])
        assert 1 == library.sync_vectors()  # the new one only
        assert 4 == library.check().vectors_in_chroma

    assert generation.is_dir()


@pytest.mark.parametrize("harm", ["flipped", "cut", "missing", "added", "no seal"])
def test_a_generation_that_differs_is_thrown_away(tmp_path: Path, folder: Path, harm: str) -> None:
    """By a single byte: it is not repaired and not opened, but replaced."""
    with Library.open(tmp_path / "index") as library:
        library.sync(folder)
        library.sync_vectors()
    chroma = tmp_path / "index" / "chroma"
    (generation,) = [path for path in chroma.iterdir() if path.is_dir()]
    file = max(generation.rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    data = file.read_bytes()
    match harm:
        case "flipped":
            file.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
        case "cut":
            file.write_bytes(data[:-1])
        case "missing":
            file.unlink()
        case "added":
            (generation / "new").touch()
        case "no seal":
            (chroma / f"{generation.name}.seal.json").unlink()
    with Library.open(tmp_path / "index") as library:
        assert "rivers.txt" == library.search("Danube")[0].source
        library.sync_vectors()
        health = library.check()

    assert (3, ()) == (health.vectors_in_chroma, health.problems)
    assert not generation.exists()


def test_an_older_copy_of_a_generation_is_caught_up(tmp_path: Path, folder: Path) -> None:
    """It knows its position in the log; later changes are applied again."""
    chroma = tmp_path / "index" / "chroma"
    with Library.open(tmp_path / "index") as library:
        library.sync(folder)
        library.sync_vectors()
    shutil.copytree(chroma, tmp_path / "older")
    with Library.open(tmp_path / "index") as library:
        library.add_documents([Document("The Volga reaches the Caspian Sea.", "Volga", source="v")])
    shutil.rmtree(chroma)
    shutil.copytree(tmp_path / "older", chroma)
    with Library.open(tmp_path / "index") as library:
        assert 1 == library.sync_vectors()
        health = library.check()

    assert (4, ()) == (health.vectors_in_chroma, health.problems)


def test_a_new_generation_copies_what_is_there(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log's history is not needed: it is trimmed once Chroma has it, and processes that lag read all vectors again."""
    monkeypatch.setattr("rag.index.vector_search._LOG_KEPT", 0)
    with Library.open(filled.folder, short_lived=True) as other:
        other.search("Danube")  # it has scanned up to here
        filled.add_documents(Document(f"Note {n} about lake {n}.", f"N{n}", source=f"n{n}") for n in range(8))
        filled.remove("n3")
        filled.sync_vectors()
        assert 0 == filled._catalog._db.query("SELECT count(*) FROM log")[0][0]
        assert {f"n{n}" for n in range(8) if n != 3} <= {hit.source for hit in other.search("lake note", 12)}
        assert all(found_by_vector(other, f"n{n}") for n in range(8) if n != 3)
    filled._vector_search.erase()
    filled.sync_vectors()
    health = filled.check()

    assert (10, ()) == (health.vectors_in_chroma, health.problems)


def test_the_lock_outlives_its_process(tmp_path: Path, folder: Path) -> None:
    """The child of a killed process finishes and seals; until then, no other process opens Chroma."""
    program = (
        "import sys, os, time; from rag import Library; library = Library.open(sys.argv[1]);"
        "library.sync(sys.argv[2]); library.sync_vectors();"
        "print(library._vector_search._index._child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "index"), str(folder)], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    os.kill(child, signal.SIGSTOP)
    parent.kill()
    parent.communicate()
    with Library.open(tmp_path / "index", short_lived=True) as library:
        assert not library._vector_search.try_open()
        assert "still finishing" in library.check().chroma_holder
        os.kill(child, signal.SIGCONT)
        deadline = time.monotonic() + 20
        while not library._vector_search.try_open() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "" != library._vector_search._index.position  # sealed: nothing has to be copied again
        assert 3 == library.check().vectors_in_chroma


def test_a_second_process_scans(tmp_path: Path, folder: Path) -> None:
    """While another process has Chroma open, the answers are the same, and both find new documents at once."""
    with Library.open(tmp_path / "index") as holder, Library.open(tmp_path / "index") as other:
        holder.sync(folder)
        holder.sync_vectors()  # before the other's first question: the first process holds the lock
        assert holder.search("Danube")[0].source == "rivers.txt"
        assert other.search("Danube")[0].source == "rivers.txt"
        assert holder._vector_search.is_open
        assert not other._vector_search.is_open
        (folder / "new.txt").write_text("Platypuses lay eggs.", "utf-8")
        other.sync(folder)
        assert "new.txt" == holder.search("platypus eggs")[0].source
        assert found_by_vector(holder, "new.txt")
        other.remove("new.txt")
        assert "new.txt" not in {hit.source for hit in holder.search("platypus eggs")}


def test_chroma_errors_are_named(tmp_path: Path) -> None:
    """Every failure of the child is a StorageError with a hint."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="Chroma") as raised:
        ChromaProcess.open(tmp_path / "file", None)
    assert "rebuilds" in raised.value.hint

    held = ChromaProcess.open(tmp_path / "new", None)
    with pytest.raises(StorageError, match="Chroma failed on the request 'apply'"):
        held.apply([("a", np.ones(3, np.float32)), ("b", np.ones(3, np.float32))], ":1") or held.apply(
            [("c", np.ones(5, np.float32))], ":2"
        )
    held.abandon()


def test_chroma_and_the_scan_agree(tmp_path: Path, folder: Path) -> None:
    """The hits are the same whether this process has Chroma open or scans."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.sync(folder)
        scanned = library.search("Which sea does the river reach?")
    with Library.open(tmp_path / "index") as library:
        library.sync_vectors()
        through_chroma = library.search("Which sea does the river reach?")
        assert library._vector_search.is_open
        assert 0 == library._vector_search.unconfirmed()
        library.add_documents([Document("The Volga reaches the Caspian Sea.", "Volga", source="v")])
        assert "v" == library.search("Where does the Volga end?")[0].source  # not in Chroma yet
        health = library.check()

    assert [(h.source, h.start, h.score) for h in scanned] == [(h.source, h.start, h.score) for h in through_chroma]
    assert () == health.problems
    assert 4 == health.vectors_in_chroma


def test_chroma_may_vanish(tmp_path: Path, folder: Path) -> None:
    """If its folder is deleted, it is rebuilt."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.sync(folder)
    shutil.rmtree(tmp_path / "index" / "chroma")
    with Library.open(tmp_path / "index") as library:
        assert "rivers.txt" == library.search("Danube")[0].source
        assert 3 == library.check().vectors_in_chroma


def test_a_child_that_dies_while_nobody_asks_is_replaced(
    filled: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process that keeps running notices, and fills a new generation by itself."""
    monkeypatch.setattr(vector_sync, "_INTERVAL_S", 0.2)
    filled.search("Where does the river end?")  # starts the background thread
    dead = filled._vector_search._index
    os.kill(dead.pid, signal.SIGKILL)
    give_up = time.monotonic() + 30
    while filled._vector_search._index in (None, dead) or len(filled._vector_search) < 3:
        assert time.monotonic() < give_up
        time.sleep(0.1)

    assert "Chroma ended unexpectedly" in caplog.text
    assert found_by_vector(filled, filled.documents()[0].source)
