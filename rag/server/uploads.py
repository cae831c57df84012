"""Stores uploaded files until they are in the library, and limits the disk space that they take."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rag.errors import StorageError
from rag.index.locks import NamedLock

_PREFIX, _LOCK, _FILES = "rag-uploads-", "server.lock", "files"
_SETTLED_S = 60  # a younger folder may belong to a server that is starting and does not hold its lock yet
_MAX_BYTES = 3_000_000_000  # of all uploads that are not in the library yet
_FREE_BYTES = 500_000_000  # what an upload leaves free on the disk


@contextmanager
def uploads_folder() -> Iterator[Path]:
    """Creates a folder that only this user can read, and deletes it with its files on exit.

    Also deletes the folders of servers that were killed, so that no upload stays on the disk for longer than that.
    """
    _delete_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
        lock = NamedLock(Path(folder) / _LOCK, "receiving uploads")
        lock.try_acquire()
        files = Path(folder) / _FILES
        files.mkdir(0o700)
        try:
            yield files
        finally:
            lock.release()


def _delete_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        lock = NamedLock(folder / _LOCK, "deleting the uploads of a server that was killed")
        with suppress(OSError, StorageError):
            if _is_own(folder) and time.time() - (folder / _LOCK).stat().st_mtime > _SETTLED_S and lock.try_acquire():
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()


def _is_own(folder: Path) -> bool:
    """Whether this user created the folder; other users of this machine can put anything into its parent."""
    return not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()


class UploadSpace:
    """The disk space for uploads: for those that are arriving, and those that wait until they are added.

    Args:
        folder: The folder in which Gradio stores uploads. It writes an upload's files directly into this folder, and moves
            each to a folder of its own when the upload is complete.
        max_bytes: Maximum size of all uploads together.
        free_bytes: Space that an upload must leave free on the disk.
    """

    def __init__(self, folder: Path, max_bytes: int = _MAX_BYTES, free_bytes: int = _FREE_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._free_bytes = free_bytes
        self._arriving: list[int] = []  # the sizes of the uploads that are arriving

    @contextmanager
    def reserve(self, size: int) -> Iterator[bool]:
        """Reserves space for an upload of `size` bytes while it arrives. Yields whether there is enough.

        Uploads that were cut off are deleted when no other upload is arriving.
        """
        arriving = sum(self._arriving) + size
        is_free = arriving <= shutil.disk_usage(self._folder).free - self._free_bytes
        if not is_free or arriving + self._complete_bytes() > self._max_bytes:
            yield False
            return
        self._arriving.append(size)
        try:
            yield True
        finally:
            self._arriving.remove(size)
            if not self._arriving:
                self._delete_incomplete()

    def _complete_bytes(self) -> int:
        size = 0
        for file in self._folder.glob("*/*"):
            with suppress(OSError):  # it has been added in the meantime
                size += file.stat().st_size
        return size

    def _delete_incomplete(self) -> None:
        for file in self._folder.iterdir():
            if not file.is_dir():
                file.unlink(missing_ok=True)
