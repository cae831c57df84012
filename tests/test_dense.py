"""Chroma behind the catalog: what breaks there never reaches an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Library, vectors
from rag.errors import StorageError
from rag.scan import ExactScan


def test_a_failing_chroma_is_left_aside(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that Chroma cannot answer is answered by the scan; the next process builds it anew."""
    with Library.open(tmp_path / "index") as library:
        library.sync(folder)
        library.fill()
        assert library.search("Danube")[0].source == "rivers.txt"

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("hnsw segment reader")

        monkeypatch.setattr(library._dense._held._collection, "query", broken)
        assert "rivers.txt" == library.search("Where does the river end?")[0].source
        assert library.search("Where does the river end?")[0].ranks.dense is not None
    with Library.open(tmp_path / "index") as library:
        assert 3 == library.check().vectors_in_chroma


def test_an_unclean_end_is_probed(tmp_path: Path, folder: Path) -> None:
    """A generation whose holder did not end well, and that is damaged, is built anew."""
    with Library.open(tmp_path / "index") as library:
        library.sync(folder)
    for path in (tmp_path / "index" / "chroma").rglob("*.sqlite3"):
        path.write_bytes(path.read_bytes()[:3000])
    with Library.open(tmp_path / "index", asks_once=True) as library:
        library._catalog.set_meta("chroma_open", "yes")
    with Library.open(tmp_path / "index") as library:
        assert "rivers.txt" == library.search("Danube")[0].source
        assert 3 == library.check().vectors_in_chroma


def test_a_second_process_scans(tmp_path: Path, folder: Path) -> None:
    """While another holds Chroma, the answers are the same, and new documents are found at once by both."""
    with Library.open(tmp_path / "index") as holder, Library.open(tmp_path / "index") as other:
        holder.sync(folder)
        assert holder.search("Danube")[0].source == "rivers.txt"
        assert other.search("Danube")[0].source == "rivers.txt"
        assert holder._dense.holds_chroma
        assert not other._dense.holds_chroma
        (folder / "new.txt").write_text("Platypuses lay eggs.", "utf-8")
        other.sync(folder)
        assert "new.txt" == holder.search("platypus eggs")[0].source
        other.remove("new.txt")
        assert "new.txt" not in {hit.source for hit in holder.search("platypus eggs")}


def test_chroma_errors_are_named(tmp_path: Path) -> None:
    """Whatever Chroma raises is a StorageError with a hint."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="Chroma failed to open") as raised:
        vectors.ChromaVectors.open(tmp_path / "file")

    assert "doctor" in raised.value.hint


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(0, 7))), max_size=40))
def test_the_scan_agrees_with_a_dictionary(changes: list[tuple[str, int | None]]) -> None:
    """Upserts and deletes in any order leave what a dictionary holds, ranked by cosine."""
    scan, model = ExactScan(), {}
    directions = np.eye(8, dtype=np.float32)
    scan.apply((key, None if at is None else directions[at]) for key, at in changes)
    for key, at in changes:
        model.pop(key, None)
        if at is not None:
            model[key] = at
    query = np.arange(8, dtype=np.float32)
    found = scan.nearest(query, 3)

    assert len(scan) == len(model)
    assert [score for _, score in found] == sorted((float(at) for at in model.values()), reverse=True)[:3]
    assert all(model[key] == score for key, score in found)
