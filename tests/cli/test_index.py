"""The commands for maintaining the index, run as processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import ARTICLE
from .command import checked, rag

pytestmark = pytest.mark.process


def test_doctor(room: Path) -> None:
    """A sound index has no problems and exit code 0."""
    rag(room, "sync")
    done = rag(room, "doctor")

    assert (0, True) == (done.returncode, done.stdout.endswith("no problems\n"))
    assert [] == checked(rag(room, "doctor", "--json"), "doctor")["problems"]
    assert [] == checked(rag(room, "doctor", "--repair", "--json"), "doctor")["repaired"]


def test_reindex(room: Path) -> None:
    """Reindexing with another passage size switches the index; reindexing with the same one has nothing to do."""
    rag(room, "sync")
    assert "nothing to do: the index already uses" in rag(room, "reindex").stdout
    switched = checked(rag(room, "reindex", "--json", RAG_PASSAGE_TOKENS="64"), "reindex")
    assert (True, 1, "sentences-64-2") == (switched["switched"], switched["documents"], switched["splitter"])
    assert "the index now uses" in rag(room, "reindex").stdout


def test_backup_restore_and_compact(room: Path) -> None:
    """Restoring brings back a document removed after the backup, and `rag compact` erases the replaced index."""
    rag(room, "sync")
    kept = checked(rag(room, "backup", "papers.sqlite3", "--json"), "backup")
    assert {"file": "papers.sqlite3", "bytes": (room / "papers.sqlite3").stat().st_size} == kept
    assert "restore it with: rag restore again.sqlite3" in rag(room, "backup", "again.sqlite3").stdout
    rag(room, "rm", ARTICLE.name)
    restored = checked(rag(room, "restore", "papers.sqlite3", "--json"), "restore")
    assert (room / restored["old"]).exists()
    assert [ARTICLE.name] == [row["source"] for row in checked(rag(room, "ls", "--json"), "ls")]
    assert "the previous index was moved to" in rag(room, "restore", "papers.sqlite3").stdout

    sizes = checked(rag(room, "compact", "--json"), "compact")
    assert sizes["bytes_after"] < sizes["bytes_before"]
    assert not (room / restored["old"]).exists()
    assert "erased all traces of removed documents" in rag(room, "compact").stdout


def test_restore_into_no_index(room: Path) -> None:
    """Restoring works if there is no index to replace."""
    rag(room, "sync")
    rag(room, "backup", "papers.sqlite3")

    assert checked(rag(room, "--index", "new", "restore", "papers.sqlite3", "--json"), "restore")["old"] is None
