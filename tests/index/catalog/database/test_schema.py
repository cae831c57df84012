"""Every released version of the index opens in this one, with everything in it."""

from __future__ import annotations

import tarfile
import threading
from pathlib import Path

import apsw
import pytest

from rag import Library
from rag.errors import IndexDamagedError
from rag.index.catalog import Catalog
from rag.index.catalog.database.opening import connect
from rag.index.catalog.database.schema import VERSION, check_kind

DATA = Path(__file__).parent.parent.parent.parent / "data"
RELEASED = sorted(DATA.glob("index-v*.tar.gz"))


@pytest.fixture(params=RELEASED, ids=lambda path: path.name.split(".")[0])
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with `index` as an older rag left it, and `docs`, of which one was removed by hand."""
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def test_there_is_a_sample_of_each_version() -> None:
    """A new version of the catalog comes with a stored sample, written by tests/data/make_index.py."""
    assert [path.name for path in RELEASED] == [f"index-v{n}.tar.gz" for n in range(1, VERSION + 1)]


@pytest.mark.process
def test_it_opens_with_all_that_was_in_it(released: Path) -> None:
    """Documents, failures, vectors; what was removed by hand stays out; nothing is embedded again."""
    with Library.open(released / "index") as library:
        states = {info.source: info.state for info in library.documents()}
        article = "india-raises-rare-earth-curbs-with-china.txt"
        assert {article: "ready", "cafe.txt": "ready", "rivers.md": "ready", "empty.txt": "failed"} == states
        for name in (article, "cafe.txt", "rivers.md"):
            assert (released / "docs" / name).read_text("utf-8") == library.document(name).text
        assert "rivers.md" == library.search("Which sea does the Danube reach?")[0].source
        library.sync_vectors()
        health = library.check()
        assert ((), 5) == (health.problems, health.vectors_in_chroma)
        ((root_id, _),) = library._catalog.files.roots("sync")
        assert library._catalog.files.is_removed(root_id, "gone.txt")
    with Library.open(released / "index") as library:  # and opens again
        assert library.check().problems == ()


def test_a_newer_one_is_refused_untouched(released: Path) -> None:
    """No file of it changes."""
    path = released / "index" / "catalog.sqlite3"
    with Library.open(released / "index"):
        pass
    connection = apsw.Connection(str(path), vfs="cksmvfs")  # registered when the catalog was opened
    connection.execute("PRAGMA user_version = 999")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    before = {p: p.read_bytes() for p in (released / "index").rglob("*") if p.is_file()}
    with pytest.raises(IndexDamagedError, match="newer version of rag"):
        Library.open(released / "index")

    assert before == {p: p.read_bytes() for p in (released / "index").rglob("*") if p.is_file()}


def test_one_that_is_being_made_is_no_stranger(tmp_path: Path) -> None:
    """Another process creates the catalog while this one reads its kind."""
    path = tmp_path / "catalog.sqlite3"
    path.touch()
    connection = connect(path)
    maker = threading.Thread(target=lambda: Catalog.open(tmp_path).close())

    def made_meanwhile(_: object, sql: str, __: object) -> bool:
        if "application_id" in sql and not maker.ident:
            maker.start()
            maker.join(0.5)
        return True

    connection.exec_trace = made_meanwhile
    check_kind(connection)
    connection.exec_trace = None
    connection.close()
    maker.join()

    assert maker.ident
    Catalog.open(tmp_path).close()
