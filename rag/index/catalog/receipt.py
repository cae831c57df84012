"""Remembers beside the catalog how many commits were acknowledged, so that losing some of them never goes unseen.

SQLite takes a catalog whose write-ahead log was deleted or damaged for an older catalog, and a missing or empty file for a
new one. The number here is written after each commit, unsynced: it is never ahead of what is on disk, and may lag behind
after a power cut. It does not know SQLite.
"""

from __future__ import annotations

import logging
import threading
import zlib
from pathlib import Path
from typing import BinaryIO

_log = logging.getLogger(__name__)


class Receipt:
    """The number of the last acknowledged commit of one catalog. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._last = 0
        self._guard = threading.Lock()

    def read(self) -> tuple[str, int] | None:
        """(the catalog's id, its commits); None where nothing sound was written yet."""
        try:
            catalog, commits, checksum = self._path.read_text("utf-8").split()
            sound = zlib.crc32(f"{catalog} {commits}".encode()) == int(checksum)
            return (catalog, int(commits)) if sound else None
        except (OSError, ValueError):
            return None

    def write(self, catalog: str, commits: int) -> None:
        """Remembers a commit; a failure is logged only, for the commit itself stands."""
        said = f"{catalog} {commits}"
        with self._guard:
            if commits <= self._last:
                return
            try:
                if self._file is None:
                    self._path.touch()
                    self._file = self._path.open("r+b", buffering=0)
                self._file.seek(0)
                self._file.write(f"{said} {zlib.crc32(said.encode())}\n".ljust(80).encode())
                self._last = commits
            except OSError as error:
                _log.warning("%s cannot be written (%s)", self._path, error.strerror)

    def forget(self) -> None:
        """Begins anew, for a catalog that was put in place on purpose."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets go of the file."""
        with self._guard:
            if self._file is not None:
                self._file.close()
            self._file, self._last = None, 0
