"""Locks between processes that name who holds them, and end with their holder however it ends. The home of filelock."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from filelock import lock_descriptor

from rag.errors import IndexBusyError, StorageError

_log = logging.getLogger(__name__)

_ASK_EVERY_S = 0.05
_SAY_AFTER_S = 1.0  # most imports beside ours are a look at a folder, and over before that
_NAMELESS_S = 0.5  # how long a holder may take to write its name


class NamedLock:
    """A lock on a file of the index folder. Not to be shared between threads.

    Args:
        path: The lock file; who holds it stands in a file beside it.
        purpose: What the holder does, for the message others get: "importing documents".
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self._path = path
        self._holder = path.with_suffix(".holder.json")
        self._purpose = purpose
        self._file: int | None = None

    def fileno(self) -> int | None:
        """The descriptor that has the lock, for a child that is to keep it; None while it is not held.

        A child that inherits it holds the lock too: it is free when both have ended or closed it.
        """
        return self._file

    def try_acquire(self) -> bool:
        """Takes the lock if it is free; whether it is held now.

        Raises:
            StorageError: The folder cannot be written.
        """
        if self._file is not None:
            return True
        file = None
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            if not lock_descriptor(file, blocking=False):
                os.close(file)
                return False
            self._write_name()
        except OSError as error:
            if file is not None:
                os.close(file)
            raise StorageError(
                f"{self._path} cannot be locked ({error.strerror})",
                "check the disk and the permissions of the folder, or name another with --index",
            ) from error
        self._file = file
        return True

    def acquire(self, timeout_s: float = 0.0) -> None:
        """Takes the lock, waiting for its turn; says once for whom.

        Args:
            timeout_s: How long to wait, seconds.

        Raises:
            IndexBusyError: Another process still holds it; the message names it.
            StorageError: The folder cannot be written.
        """
        give_up = time.monotonic() + timeout_s
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
        """Who holds it, for people: "pid 4711, `rag sync`, since 14:03:10"; empty if nobody does."""
        give_up = time.monotonic() + _NAMELESS_S
        while not self._is_free():
            try:
                who = json.loads(self._holder.read_text(encoding="utf-8"))
                if _is_running(who["pid"]) or time.monotonic() > give_up:
                    ending = "" if _is_running(who["pid"]) else ", which ended; its last work is being finished"
                    return f"pid {who['pid']}, `{who['command']}`, since {who['since']}{ending}"
            except (OSError, ValueError, KeyError, TypeError):
                if time.monotonic() > give_up:
                    return "it left no name"
            time.sleep(_ASK_EVERY_S)  # the last holder's name may still stand there
        return ""

    def release(self) -> None:
        """Gives the lock back; harmless if it is not held."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # a name left behind misleads nobody while the lock is free
                self._holder.unlink()
            os.close(self._file)  # not unlocked: a child that inherited it may still need it
            self._file = None

    def _is_free(self) -> bool:
        try:
            file = os.open(self._path, os.O_RDWR)
        except OSError:
            return True
        try:
            return self._file is None and lock_descriptor(file, blocking=False)
        except OSError:
            return False
        finally:
            os.close(file)

    def _write_name(self) -> None:
        command = " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:2]])
        who = {"pid": os.getpid(), "command": command, "since": datetime.now().strftime("%H:%M:%S")}
        self._holder.write_text(json.dumps(who), encoding="utf-8")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
