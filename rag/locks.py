"""Locks between processes that name who holds them, and end with their holder however it ends. The home of filelock."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from datetime import datetime
from pathlib import Path

import filelock

from rag.errors import IndexBusyError, StorageError

_log = logging.getLogger(__name__)

_ASK_EVERY_S = 0.05
_SAY_AFTER_S = 1.0  # most imports beside ours are a look at a folder, and over before that


class NamedLock:
    """A lock on a file of the index folder. Not to be shared between threads.

    Args:
        path: The lock file; who holds it stands in a file beside it.
        purpose: What the holder does, for the message others get: "importing documents".
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self._lock = filelock.FileLock(path, thread_local=False)
        self._holder = path.with_suffix(".holder.json")
        self._purpose = purpose

    def try_acquire(self) -> bool:
        """Takes the lock if it is free; whether it is held now.

        Raises:
            StorageError: The folder cannot be written.
        """
        if self._lock.is_locked:  # filelock would count, and want as many releases
            return True
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        except OSError as error:
            raise StorageError(
                f"{self._lock.lock_file} cannot be locked ({error.strerror})",
                "check the permissions of the folder, or name another with --index",
            ) from error
        command = " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:2]])
        who = {"pid": os.getpid(), "command": command, "since": datetime.now().strftime("%H:%M:%S")}
        self._holder.write_text(json.dumps(who), encoding="utf-8")
        return True

    def acquire(self, patience_s: float = 0.0) -> None:
        """Takes the lock, waiting for its turn; says once for whom.

        Args:
            patience_s: How long to wait, seconds.

        Raises:
            IndexBusyError: Another process still holds it; the message names it.
        """
        give_up = time.monotonic() + patience_s
        said = time.monotonic() + _SAY_AFTER_S
        while not self.try_acquire():
            now = time.monotonic()
            if now >= give_up:
                raise IndexBusyError(
                    f"another process is {self._purpose} ({self.holder()})", "wait for it to end, or stop it"
                )
            if now >= said:
                _log.warning("waiting: another process is %s (%s)", self._purpose, self.holder())
                said = give_up + 1
            time.sleep(_ASK_EVERY_S)

    def holder(self) -> str:
        """Who holds it, for people: "pid 4711, `rag sync`, since 14:03:10"."""
        try:
            who = json.loads(self._holder.read_text(encoding="utf-8"))
            return f"pid {who['pid']}, `{who['command']}`, since {who['since']}"
        except (OSError, ValueError, KeyError):
            return "it left no name"

    def release(self) -> None:
        """Gives the lock back; harmless if it is not held."""
        if self._lock.is_locked:
            self._holder.unlink(missing_ok=True)
            self._lock.release()
