"""Sends requests to Chroma in a child process, and kills the child if it does not reply in time.

This module does not import chromadb. Any failure of the child, including a crash or hang, is raised as a StorageError.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.child_process import ChildCrashError, ChildTimeoutError, Frame, SupervisedChild
from rag.errors import StorageError
from rag.index.chroma.seal import remove_all_but

_log = logging.getLogger(__name__)
_REPLY_S = 10.0  # for comparison: a query takes 2 ms, and storing 512 vectors takes 0.2 s
_CLOSE_S = 1.0  # for comparison: sealing 20,000 vectors takes 0.2 s
_OPEN_S = 20.0  # for comparison: importing Chroma takes 1.5 s
_BYTES_PER_S = 100_000_000  # reading speed of a slow disk, from which the extra time for checking the seal is calculated
_REBUILT = "rag rebuilds it from the catalog automatically"
_CHILD = "rag.index.chroma.child"


class ChromaProcess:
    """A Chroma generation that a child process has open. Safe to share between threads.

    After a StorageError, the generation must be abandoned; no new child process is started for it.

    Attributes:
        position: How far the generation had been filled when it was opened: the position last passed to `apply`, or
            "" if the generation is new.
    """

    def __init__(self, child: SupervisedChild, folder: Path) -> None:
        self._child = child
        self._folder = folder
        self._lock = threading.Lock()  # held during a request
        self.position = ""

    @classmethod
    def open(cls, folder: Path, lock: int | None) -> ChromaProcess:
        """Opens or creates a generation.

        Args:
            folder: The generation's folder.
            lock: File descriptor of the lock on Chroma. The child holds the lock until it exits, even if this process
                exits first.

        Raises:
            StorageError: The generation has changed since it was sealed, or Chroma cannot open it.
        """
        inherit = [lock] if lock is not None and sys.platform != "win32" else []
        try:
            opened = cls(SupervisedChild.start(_CHILD, str(folder.absolute()), inherit=inherit), folder)
        except OSError as error:  # for example, too many open files
            raise StorageError(
                f"Chroma cannot be started ({error.strerror})", "stop other programs, then try again"
            ) from None
        try:
            greeting = opened._checked("open", lambda child: child.receive(limit_s=opened._seal_s()))
        except StorageError:
            opened.abandon()
            raise
        opened.position = str(greeting.message["position"])
        return opened

    def __len__(self) -> int:
        return int(self._request({"do": "count"}).message["count"])

    def keys(self) -> list[str]:
        """Returns the keys of all vectors."""
        return [str(key) for key in self._request({"do": "keys"}, limit_s=_OPEN_S).message["keys"]]

    def apply(self, changes: Sequence[tuple[str, NDArray[np.float32] | None]], position: str) -> None:
        """Upserts each (key, unit vector) and deletes each (key, None).

        If a key occurs more than once, only its last change is applied. Repeating a call has no further effect.

        Args:
            changes: The changes, in order.
            position: How far the generation is filled after these changes; stored with the seal.
        """
        last = dict(changes)
        vectors = {key: vector for key, vector in last.items() if vector is not None}
        deleted = [key for key, vector in last.items() if vector is None]
        payload = np.stack(list(vectors.values())).astype(np.float32).tobytes() if vectors else b""
        self._request({"do": "apply", "deleted": deleted, "keys": list(vectors), "position": position}, payload)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Returns (key, cosine similarity) for the k nearest vectors, best first."""
        if not np.isfinite(vector).all():  # for such a vector, Chroma would return arbitrary rows
            return []
        found = self._request({"do": "nearest", "k": k}, vector.astype(np.float32).tobytes()).message
        return list(zip(found["keys"], found["scores"], strict=True))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def is_alive(self) -> bool:
        """Whether the child is running."""
        return self._child.is_alive()

    def close(self) -> None:
        """Makes the child seal the generation and exit. A child that needs longer is left to finish on its own."""
        if sys.platform == "win32":  # the child does not hold the lock there, so it must not outlive this process
            if not self._child.close(self._seal_s()):
                self._child.end()
        elif not self._child.close(_CLOSE_S):
            _log.info("Chroma is still saving its vectors; until it has finished, searches scan the vectors instead")

    def abandon(self) -> None:
        """Kills the child. The generation stays unsealed and is never opened again."""
        self._child.end()

    def _request(self, message: dict[str, Any], payload: bytes = b"", *, limit_s: float | None = None) -> Frame:
        limit_s = limit_s or _REPLY_S
        with self._lock:
            return self._checked(str(message["do"]), lambda child: child.request(message, payload, limit_s=limit_s))

    def _checked(self, action: str, exchange: Callable[[SupervisedChild], Frame]) -> Frame:
        """Returns the reply, or raises a StorageError that names the request and says what went wrong."""
        try:
            reply = exchange(self._child)
        except ChildTimeoutError as error:
            raise StorageError(
                f"Chroma did not reply to the request {action!r} within {error.limit_s:.0f} s", _REBUILT
            ) from None
        except ChildCrashError as error:
            raise StorageError(f"Chroma {error} during the request {action!r}", _REBUILT) from None
        if "unsound" in reply.message:
            raise StorageError(
                f"Chroma's generation {self._folder.name} cannot be used: {reply.message['unsound']}", _REBUILT
            )
        if "error" in reply.message:
            raise StorageError(f"Chroma failed on the request {action!r} ({reply.message['error']})", _REBUILT)
        return reply

    def _seal_s(self) -> float:
        """Returns the time limit for opening or sealing, in seconds. Both operations read the entire generation."""
        size = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        return _OPEN_S + size / _BYTES_PER_S


class InheritedLock(Protocol):
    """The lock on Chroma, which the child inherits, so that it is held until both processes have ended."""

    def fileno(self) -> int | None:
        """Returns the lock's file descriptor; None while the lock is not held."""

    def name_child(self, pid: int, module: str) -> None:
        """Notes which child process inherits the lock."""


class ChromaFolder:
    """A folder that contains Chroma's generations, each in its own subfolder.

    Args:
        folder: The folder's path.
        lock: The lock on Chroma, which the caller holds.
    """

    def __init__(self, folder: Path, lock: InheritedLock) -> None:
        self._folder = folder
        self._lock = lock

    def open(self, name: str) -> ChromaProcess:
        """Opens or creates a generation.

        Raises:
            StorageError: The generation has changed since it was sealed, or Chroma cannot open it.
        """
        opened = ChromaProcess.open(self._folder / name, self._lock.fileno())
        self._lock.name_child(opened.pid, _CHILD)
        return opened

    def remove_others(self, name: str) -> None:
        """Removes every generation except this one."""
        remove_all_but(self._folder, name)
