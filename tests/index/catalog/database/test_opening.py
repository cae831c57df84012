"""A connection to the catalog's file: with checksums, write-ahead logging, and nothing of another program's."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from rag.errors import IndexDamagedError
from rag.index.catalog.database import opening
from rag.index.catalog.database.opening import connect, open_file, open_shared


def test_a_new_catalog_is_set_up(tmp_path: Path) -> None:
    """8 KiB pages with 8 bytes of checksum, write-ahead log, full synchronisation, deleted text overwritten."""
    connection = open_file(tmp_path / "catalog.sqlite3")
    pragmas = ("page_size", "journal_mode", "synchronous", "secure_delete", "trusted_schema")
    found = [connection.execute(f"PRAGMA {name}").fetchall()[0][0] for name in pragmas]
    reserved = connection.reserve_bytes()
    connection.close()

    assert [8192, "wal", 2, 1, 0] == found
    assert 8 == reserved


def test_a_flipped_bit_is_an_error(tmp_path: Path) -> None:
    """When the page is read, not only when the file is checked."""
    path = tmp_path / "catalog.sqlite3"
    connection = open_file(path)
    connection.execute("INSERT INTO roots (kind, path) VALUES ('sync', '/somewhere')")
    connection.close()
    data = bytearray(path.read_bytes())
    data[data.index(b"/somewhere")] ^= 1
    path.write_bytes(data)

    connection = connect(path)
    with pytest.raises(apsw.IOError) as raised:
        connection.execute("SELECT path FROM roots").fetchall()
    connection.close()

    assert apsw.SQLITE_IOERR_DATA == raised.value.extendedresult


def test_another_programs_database_is_refused_untouched(tmp_path: Path) -> None:
    """It has tables, but not a catalog's mark."""
    path = tmp_path / "catalog.sqlite3"
    stranger = apsw.Connection(str(path))
    stranger.execute("CREATE TABLE notes (text)")
    stranger.close()
    before = path.read_bytes()
    with pytest.raises(IndexDamagedError, match="belongs to another program"):
        open_file(path)

    assert before == path.read_bytes()


@pytest.mark.parametrize("failures", [1, 4, 5])
def test_half_a_page_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    """Another process may be writing it at this moment; after five tries it counts as damaged."""
    calls = []

    def failing(path: Path) -> apsw.Connection:
        calls.append(path)
        if len(calls) > failures:
            return open_file(path)
        error = apsw.IOError("disk I/O error")
        error.extendedresult = apsw.SQLITE_IOERR_DATA
        raise error

    monkeypatch.setattr(opening, "open_file", failing)
    if failures < 5:
        open_shared(tmp_path / "catalog.sqlite3").close()
    else:
        with pytest.raises(apsw.IOError):
            open_shared(tmp_path / "catalog.sqlite3")

    assert min(failures + 1, 5) == len(calls)
