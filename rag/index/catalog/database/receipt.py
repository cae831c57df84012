"""Records the number of acknowledged commits in a file next to the catalog, so that any loss of commits is detected.

If a catalog's write-ahead log was deleted or damaged, SQLite opens the catalog in an older state without an error; if the
file is missing or empty, SQLite creates a new one. The receipt is written after each commit, without syncing: it is never
ahead of the commits on disk, but after a power failure it may be behind them. This module does not use SQLite.
"""

from __future__ import annotations

import logging
import threading
import zlib
from pathlib import Path
from typing import BinaryIO

_log = logging.getLogger(__name__)


class Receipt:
    """Stores the number of a catalog's last acknowledged commit. Safe to share between threads.

    Args:
        path: The file in which the receipt is stored.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._last = 0
        self._lock = threading.Lock()

    def read(self) -> tuple[str, int] | None:
        """Returns (catalog id, number of commits); None if there is no valid receipt."""
        try:
            catalog_id, commits, checksum = self._path.read_text("utf-8").split()
            is_valid = zlib.crc32(f"{catalog_id} {commits}".encode()) == int(checksum)
            return (catalog_id, int(commits)) if is_valid else None
        except (OSError, ValueError):
            return None

    def write(self, catalog_id: str, commits: int) -> None:
        """Records a commit. If this fails, only a warning is logged, because the commit itself is on disk."""
        content = f"{catalog_id} {commits}"
        with self._lock:
            if commits <= self._last:
                return
            try:
                if self._file is None:
                    self._path.touch()
                    self._file = self._path.open("r+b", buffering=0)
                self._file.seek(0)
                self._file.write(f"{content} {zlib.crc32(content.encode())}\n".ljust(80).encode())
                self._last = commits
            except OSError as error:
                _log.warning("cannot write %s (%s)", self._path, error.strerror)

    def reset(self) -> None:
        """Deletes the receipt after the user has accepted the catalog's current state."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file, self._last = None, 0
