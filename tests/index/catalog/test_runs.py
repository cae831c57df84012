"""Stored evaluation runs: the catalog does not look into them, but deletes them with the documents that they quote."""

from __future__ import annotations

from pathlib import Path

from rag.index.catalog import Catalog
from rag.index.records import RunInfo, StoredRun


def _run(set_name: str, *sources: str) -> StoredRun:
    return StoredRun(
        made="2025-11-28T05:00:00+00:00",
        set_name=set_name,
        set_sha256="ab",
        settings={"k": 5},
        figures={"right": 1.0, "auroc": None},
        questions=3,
        sources=frozenset(sources),
        data=b"not even JSON \xff",
    )


def test_runs(tmp_path: Path) -> None:
    """Any bytes are stored; the newest run comes first; removing a quoted document leaves the figures."""
    catalog = Catalog.open(tmp_path)
    runs = catalog.runs
    first, second = runs.save(_run("one", "a.txt", "b.txt")), runs.save(_run("two", "c.txt"))

    assert [(second, "two"), (first, "one")] == [(info.number, info.set_name) for info in runs.infos()]
    assert b"not even JSON \xff" == runs.data(first)
    runs.strip_quoting(["b.txt", "unknown.txt"])
    assert (None, b"not even JSON \xff") == (runs.data(first), runs.data(second))
    assert runs.infos()[1] == RunInfo(
        number=first,
        made="2025-11-28T05:00:00+00:00",
        set_name="one",
        set_sha256="ab",
        settings={"k": 5},
        figures={"right": 1.0, "auroc": None},
        questions=3,
        whole=False,
    )
    assert [True, False] == [runs.delete(second), runs.delete(second)]
    assert [first] == [info.number for info in runs.infos()]
    catalog.close()
