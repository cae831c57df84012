"""The commands for the index, as processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import ARTICLE
from .command import checked, rag

pytestmark = pytest.mark.process


def test_doctor(room: Path) -> None:
    """Exit code 0 and no problems."""
    rag(room, "sync")
    done = rag(room, "doctor")

    assert (0, True) == (done.returncode, done.stdout.endswith("no problems\n"))
    assert [] == checked(rag(room, "doctor", "--json"), "doctor")["problems"]
    assert [] == checked(rag(room, "doctor", "--repair", "--json"), "doctor")["repaired"]


def test_reindex(room: Path) -> None:
    """With another passage size it switches; again, there is nothing to do."""
    rag(room, "sync")
    assert "nothing to do: the index already uses" in rag(room, "reindex").stdout
    switched = checked(rag(room, "reindex", "--json", RAG_PASSAGE_TOKENS="64"), "reindex")
    assert (True, 1, "sentences-64") == (switched["switched"], switched["documents"], switched["splitter"])
    assert "the index now uses" in rag(room, "reindex").stdout


def test_backup_restore_and_compact(room: Path) -> None:
    """What was removed after the backup is back, and the replaced index is erased by compact."""
    rag(room, "sync")
    kept = checked(rag(room, "backup", "papers.sqlite3", "--json"), "backup")
    assert {"file": "papers.sqlite3", "bytes": (room / "papers.sqlite3").stat().st_size} == kept
    assert "restore it with: rag restore again.sqlite3" in rag(room, "backup", "again.sqlite3").stdout
    rag(room, "rm", ARTICLE.name)
    restored = checked(rag(room, "restore", "papers.sqlite3", "--json"), "restore")
    assert (room / restored["old"]).exists()
    assert [ARTICLE.name] == [row["source"] for row in checked(rag(room, "ls", "--json"), "ls")]
    assert "the old index is in" in rag(room, "restore", "papers.sqlite3").stdout

    sizes = checked(rag(room, "compact", "--json"), "compact")
    assert sizes["bytes_after"] < sizes["bytes_before"]
    assert not (room / restored["old"]).exists()
    assert "all traces of removed documents are erased" in rag(room, "compact").stdout


def test_restore_into_no_index(room: Path) -> None:
    """There is no old index to keep."""
    rag(room, "sync")
    rag(room, "backup", "papers.sqlite3")

    assert checked(rag(room, "--index", "new", "restore", "papers.sqlite3", "--json"), "restore")["old"] is None
