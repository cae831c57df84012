"""Opens a connection to the catalog's file: creates or migrates the file, and turns on checksums and write-ahead logging.

Every page of the file has a checksum (written by SQLite's cksumvfs extension), which is verified whenever the page is read.
Therefore a flipped bit causes an error, never a wrong answer.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import apsw
import apsw.sqlite_extra

from rag.errors import StorageError
from rag.index.catalog.database.schema import check_kind, migrate, version_of
from rag.index.catalog.database.sqlite_errors import WAIT_S, extended_code

_PAGE_BYTES = 8192  # holds five vectors of 384 floats; a page of 4,096 bytes would hold only two
_CHECKSUM_BYTES = 8  # size of the checksum at the end of each page
_LARGEST_WAL = 64 << 20  # in bytes; a larger write-ahead log is truncated once its contents are in the catalog's file
# Memory in bytes that all connections of this process may use together. Each thread of a server has its own connection, and
# without this limit, their caches grew with the catalog to gigabytes.
_MOST_MEMORY = 64 << 20
_OPEN_TRIES = 5  # failed attempts to read the first page before the file is reported as damaged
_registering = threading.Lock()


def open_shared(path: Path) -> apsw.Connection:
    """Opens a catalog that other processes may be writing to.

    subtle: before SQLite knows about the write-ahead log, it reads the file's first page, which another process may be
    writing at that moment. A half-written page has no valid checksum, so a failed attempt is repeated: the page
    is soon complete, whereas real damage remains.
    """
    for _ in range(_OPEN_TRIES - 1):
        try:
            return open_file(path)
        except apsw.IOError as error:
            if extended_code(error) != apsw.SQLITE_IOERR_DATA:
                raise
        time.sleep(0.02)
    return open_file(path)


def open_file(path: Path) -> apsw.Connection:
    """Opens a catalog; creates or migrates it first if necessary.

    Raises:
        IndexDamagedError: The file is not a catalog, or was written by a newer version of rag.
        StorageError: This build of apsw lacks cksumvfs.
        apsw.Error: SQLite cannot open the file.
    """
    connection = connect(path)
    try:
        check_kind(connection)
        if connection.reserve_bytes() != _CHECKSUM_BYTES:
            _add_checksums(connection)
            connection.close()  # its cached pages were read without verifying their checksums
            connection = connect(path)
        _set_journal_mode(connection, "wal")
        for pragma in (
            "synchronous = FULL",
            "secure_delete = ON",  # overwrite the text of removed documents
            "cache_size = -32768",  # 32 MiB; all connections together stay below _MOST_MEMORY
            f"journal_size_limit = {_LARGEST_WAL}",
            "trusted_schema = OFF",  # do not run SQL functions embedded in a catalog from an untrusted source
            "cell_size_check = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path) -> apsw.Connection:
    """Returns an unconfigured connection that verifies the checksum of every page that has one."""
    with _registering:
        if "cksmvfs" not in apsw.vfs_names():
            if not apsw.sqlite_extra.has("cksumvfs"):
                raise StorageError("this build of apsw lacks cksumvfs", "install the official wheel: pip install apsw")
            apsw.sqlite_extra.load(apsw.Connection(":memory:"), "cksumvfs")
            if not apsw.soft_heap_limit(-1):
                apsw.soft_heap_limit(_MOST_MEMORY)
    connection = apsw.Connection(str(path), vfs="cksmvfs")
    connection.set_busy_timeout(WAIT_S * 1000)
    return connection


def _add_checksums(connection: apsw.Connection) -> None:
    """Reserves space for a checksum in every page. A catalog without checksums is rewritten in one transaction."""
    version = version_of(connection)
    if connection.reserve_bytes() == _CHECKSUM_BYTES:
        return  # another process has reserved the space in the meantime
    if version == 0:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.reserve_bytes(reserve=_CHECKSUM_BYTES)
    else:
        _set_journal_mode(connection, "delete")
        connection.reserve_bytes(reserve=_CHECKSUM_BYTES)
        # subtle: if the page size changed together with the reserved space, cksumvfs would write wrong checksums.
        connection.execute("VACUUM")
    _set_journal_mode(connection, "wal")  # also writes the first page of a new file


def _set_journal_mode(connection: apsw.Connection, mode: str) -> None:
    """Sets the journal mode. SQLite does not wait for other processes in this case, so the statement is retried."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()[0][0] == mode:
                return
        except apsw.BusyError:
            pass
        if time.monotonic() > deadline:
            raise apsw.BusyError(f"the journal mode could not be changed to {mode}")
        time.sleep(0.05)
