"""Statements and transactions, one connection a thread; lost changes are detected when the catalog is opened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import IndexDamagedError
from rag.index.catalog.database.connections import Connections


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite3"


@pytest.fixture
def connections(path: Path) -> Iterator[Connections]:
    """A new catalog."""
    opened = Connections(path)
    assert "" == opened.open()
    yield opened
    opened.close()


def test_ended_threads_leave_no_connection(connections: Connections) -> None:
    """A server's threads come and go."""
    for _ in range(10):
        thread = threading.Thread(target=connections.query, args=("SELECT 1",))
        thread.start()
        thread.join()
    connections.query("SELECT 1")

    assert len(connections._all) <= 3


def test_an_inner_transaction_joins_the_outer_one(connections: Connections) -> None:
    """Undone together."""

    def interrupted() -> None:
        with connections.transaction():
            connections.run("INSERT INTO roots (kind, path) VALUES ('sync', '/a')")
            with connections.transaction():
                connections.run_many("INSERT INTO roots (kind, path) VALUES ('sync', ?)", [("/b",), ("/c",)])
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert [] == list(connections.stream("SELECT path FROM roots"))


def test_run_returns_the_id_of_the_new_row(connections: Connections) -> None:
    """Ids count up."""
    sql = "INSERT INTO roots (kind, path) VALUES ('sync', ?)"

    assert [1, 2] == [connections.run(sql, ("/a",)), connections.run(sql, ("/b",))]


def test_a_snapshot_reads_a_fact_once(connections: Connections) -> None:
    """Outside of one, every time."""
    calls = []

    def read() -> int:
        calls.append(1)
        return len(calls)

    assert [1, 2] == [connections.cached_in_snapshot("n", read) for _ in range(2)]
    with connections.snapshot():
        assert [3, 3] == [connections.cached_in_snapshot("n", read) for _ in range(2)]
    with connections.snapshot():
        assert 4 == connections.cached_in_snapshot("n", read)


def test_a_file_that_is_not_a_database_is_damaged(path: Path) -> None:
    """The hint says what to do."""
    path.write_bytes(b"not a database at all" * 300)
    with pytest.raises(IndexDamagedError, match="damaged") as raised:
        Connections(path).open()

    assert "backup" in raised.value.hint


@pytest.mark.parametrize("harm", ["removed", "emptied", "replaced by another catalog"])
def test_a_lost_catalog_is_not_a_new_one(connections: Connections, path: Path, tmp_path: Path, harm: str) -> None:
    """The loss of acknowledged documents is noticed; accepting it reports what is missing, once."""
    connections.run("INSERT INTO roots (kind, path) VALUES ('sync', '/a')")
    connections.close()
    path.unlink()
    if harm == "emptied":
        path.touch()
    elif harm == "replaced by another catalog":
        (tmp_path / "elsewhere").mkdir()
        other = Connections(tmp_path / "elsewhere" / "catalog.sqlite3")
        other.open()
        other.close()
        other.path.rename(path)
    with pytest.raises(IndexDamagedError, match=r"missing or empty|replaced with another file") as raised:
        Connections(path).open()
    assert "doctor --repair" in raised.value.hint

    repaired = Connections(path)
    assert str(path) in repaired.open(accept_data_loss=True)
    repaired.close()
    reopened = Connections(path)
    assert "" == reopened.open()
    reopened.close()
