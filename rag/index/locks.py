"""Provides locks between processes. If the process that holds a lock crashes, the lock is released.

Other processes can find out which process holds a lock. Only this module uses filelock.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

from filelock import lock_descriptor

from rag.errors import IndexBusyError, StorageError

_log = logging.getLogger(__name__)

_POLL_S = 0.05
_WARN_AFTER_S = 1.0  # most imports only check a folder for changes, which takes less time than this
_HOLDER_S = 0.5  # how long a process may take to write its description after it has acquired the lock


class NamedLock:
    """A lock on a file in the index folder. Not safe to share between threads.

    Args:
        path: The lock file. A file next to it describes the process that holds the lock.
        purpose: What the holder is doing, for messages in other processes, such as "importing documents".
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self._path = path
        self._holder = path.with_suffix(".holder.json")
        self._purpose = purpose
        self._file: int | None = None
        self._child, self._child_module = 0, ""  # see `name_child`

    def fileno(self) -> int | None:
        """Returns the lock's file descriptor, for a child process to inherit; None while the lock is not held.

        A child that inherits the descriptor also holds the lock. The lock is released only when both processes have closed
        the descriptor or exited.
        """
        return self._file

    def try_acquire(self) -> bool:
        """Acquires the lock if it is free. Returns True if this process now holds the lock.

        Raises:
            StorageError: The folder is not writable.
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
                "check the disk and the folder's permissions, or choose another folder with --index",
            ) from error
        self._file = file
        return True

    def acquire(self, timeout_s: float = 0.0) -> None:
        """Waits for the lock and acquires it. After waiting for a second, logs once which process holds it.

        Args:
            timeout_s: Maximum waiting time, in seconds.

        Raises:
            IndexBusyError: Another process still holds the lock; the message names that process.
            StorageError: The folder is not writable.
        """
        give_up = time.monotonic() + timeout_s
        warn_at = time.monotonic() + _WARN_AFTER_S
        while not self.try_acquire():
            now = time.monotonic()
            if now >= give_up:
                raise IndexBusyError(
                    f"another process is {self._purpose} ({self.holder()})", "wait until it has finished, or stop it"
                )
            if now >= warn_at:
                _log.warning("waiting: another process is %s (%s)", self._purpose, self.holder())
                warn_at = give_up + 1  # so that the warning is logged only once
            time.sleep(_POLL_S)

    def name_child(self, pid: int, module: str) -> None:
        """Notes which child process inherits the lock, and the Python module that it runs."""
        self._child, self._child_module = pid, module
        with contextlib.suppress(OSError):
            self._write_name()

    def end_orphan(self) -> bool:
        """Kills the child that still holds the lock although its parent has exited. Returns whether there was one."""
        try:
            who = json.loads(self._holder.read_text(encoding="utf-8"))
            if not _is_running(who["pid"]) and _runs_module(who["child"], who["module"]):
                os.kill(who["child"], signal.SIGKILL)
                return True
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return False

    def holder(self) -> str:
        """Describes the process that holds the lock, such as "pid 4711, `rag sync`, since 14:03:10".

        Returns an empty string if the lock is free.
        """
        give_up = time.monotonic() + _HOLDER_S
        while not self._is_free():
            try:
                who = json.loads(self._holder.read_text(encoding="utf-8"))
                if _is_running(who["pid"]) or time.monotonic() > give_up:
                    ending = "" if _is_running(who["pid"]) else ", which has ended; its last operation is still finishing"
                    return f"pid {who['pid']}, `{who['command']}`, since {who['since']}{ending}"
            except (OSError, ValueError, KeyError, TypeError):
                if time.monotonic() > give_up:
                    return "unknown process"
            time.sleep(_POLL_S)  # the file may still describe the previous holder
        return ""

    def release(self) -> None:
        """Releases the lock. Does nothing if this process does not hold the lock."""
        if self._file is not None:
            if not _runs_module(self._child, self._child_module):  # otherwise, the file tells whose child it is
                with contextlib.suppress(OSError):  # if the file cannot be deleted, it is ignored while the lock is free
                    self._holder.unlink()
            os.close(self._file)  # closed, not unlocked: a child that inherited the descriptor may still need the lock
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
        since = datetime.now().strftime("%H:%M:%S")
        who = {"pid": os.getpid(), "command": command, "since": since, "child": self._child, "module": self._child_module}
        self._holder.write_text(json.dumps(who), encoding="utf-8")


def _is_running(pid: int) -> bool:
    """Returns whether a process exists; True if that cannot be told."""
    if sys.platform == "win32":  # there, os.kill sends Ctrl-C instead of checking
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _runs_module(pid: int, module: str) -> bool:
    """Returns whether a process runs this Python module; False if that cannot be told (on Windows and macOS).

    A process whose command line is empty has only just been started, or has just ended.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return bool(module) and (not command or module.encode() in command.split(b"\0"))
