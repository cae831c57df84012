"""Chroma as its parent sees it: a child process that is asked over a pipe, and ended when it does not answer.

It knows no chromadb. What goes wrong in the child, a crash and a hang included, is a StorageError here.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rag.child_process import receive, send
from rag.errors import StorageError
from rag.index.chroma.seal import remove_all_but

_ANSWER_S = 10.0  # a query takes 2 ms, a batch of 512 vectors 0.2 s
_OPEN_S = 20.0  # importing Chroma takes 1.5 s; and a second for each _BYTES_A_SECOND
_BYTES_A_SECOND = 100_000_000  # of checking the seal, on a slow disk
_WATCH_S = 0.5
_REPAIR = "`rag doctor --repair` builds it anew"


class ChromaProcess:
    """A generation of Chroma that a child process holds. Safe to share between threads.

    Attributes:
        position: How far the generation was filled when it was opened, in the words of who filled it; "" if it is new.
    """

    def __init__(self, child: subprocess.Popen[bytes], folder: Path) -> None:
        self._child = child
        self._folder = folder
        self._speaking = threading.Lock()
        self._deadline: float | None = None
        threading.Thread(target=self._watch, name="chroma-watch", daemon=True).start()
        self.position = ""

    @classmethod
    def open(cls, folder: Path, lock: int | None) -> ChromaProcess:
        """Opens a generation, or makes it.

        Args:
            folder: The generation's.
            lock: File descriptor of the lock that says who may open it. The child keeps it until it is done, should this
                process end before.

        Raises:
            StorageError: It is not as it was left, or Chroma cannot use it.
        """
        keep = [lock] if lock is not None and sys.platform != "win32" else []
        child = subprocess.Popen(
            # -P: nothing of the folder we happen to stand in is imported.
            [sys.executable, "-P", "-m", "rag.index.chroma.child", str(folder.absolute())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=keep,
        )
        opened = cls(child, folder)
        try:
            message, _ = opened._answer("open", opened._seal_s())
        except StorageError:
            opened.abandon()
            raise
        opened.position = str(message["position"])
        return opened

    def __len__(self) -> int:
        return int(self._ask({"do": "count"})[0]["count"])

    def keys(self) -> list[str]:
        """Every key it holds."""
        return [str(key) for key in self._ask({"do": "keys"}, limit_s=_OPEN_S)[0]["keys"]]

    def apply(self, changes: Sequence[tuple[str, NDArray[np.float32] | None]], position: str) -> None:
        """Upserts (key, unit row) and deletes (key, None); the last change of a key counts. A repeat is harmless.

        Args:
            changes: In order.
            position: What is remembered of how far it is, once this is done.
        """
        final = dict(changes)
        kept = {key: vector for key, vector in final.items() if vector is not None}
        gone = [key for key, vector in final.items() if vector is None]
        rest = np.stack(list(kept.values())).astype(np.float32).tobytes() if kept else b""
        self._ask({"do": "apply", "gone": gone, "keys": list(kept), "position": position}, rest)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Lists (key, cosine), best first, at most k."""
        if not np.isfinite(vector).all():  # Chroma would return arbitrary rows
            return []
        found, _ = self._ask({"do": "nearest", "k": k}, vector.astype(np.float32).tobytes())
        return list(zip(found["keys"], found["scores"], strict=True))

    def close(self) -> None:
        """Has the generation sealed, and waits until the child has ended."""
        with contextlib.suppress(OSError):
            self._pipe_in().close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(self._seal_s())
        self.abandon()

    def abandon(self) -> None:
        """Ends the child at once; its generation stays unsealed, and is never opened again."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _ask(
        self, message: dict[str, Any], rest: bytes = b"", *, limit_s: float | None = None
    ) -> tuple[dict[str, Any], bytes]:
        limit_s = limit_s or _ANSWER_S
        with self._speaking:
            self._deadline = time.monotonic() + limit_s
            try:
                send(self._pipe_in(), message, rest)
            except (OSError, ValueError):
                self._deadline = None
                raise StorageError(f"Chroma ended by itself, before: {message['do']}", _REPAIR) from None
            return self._answer(str(message["do"]), limit_s)

    def _answer(self, what: str, limit_s: float) -> tuple[dict[str, Any], bytes]:
        self._deadline = deadline = time.monotonic() + limit_s
        try:
            frame = receive(self._pipe_out())
        except (OSError, ValueError):
            frame = None
        finally:
            self._deadline = None
        if frame is None:
            hung = time.monotonic() >= deadline
            why = f"did not answer within {limit_s:.0f} s" if hung else f"ended by itself (code {self._child.poll()})"
            raise StorageError(f"Chroma {why}: {what}", _REPAIR)
        if "unsound" in frame[0]:
            raise StorageError(f"Chroma's generation {self._folder.name} cannot be used: {frame[0]['unsound']}", _REPAIR)
        if "error" in frame[0]:
            raise StorageError(f"Chroma failed to {what} ({frame[0]['error']})", _REPAIR)
        return frame

    def _seal_s(self) -> float:
        """How long opening or sealing may take, seconds: every byte is read."""
        size = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        return _OPEN_S + size / _BYTES_A_SECOND

    def _watch(self) -> None:
        """Ends a child that is over its time; then whoever waits for it sees its pipe end."""
        while self._child.poll() is None:
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._child.kill()
                return
            time.sleep(_WATCH_S)

    def _pipe_in(self) -> BinaryIO:
        if self._child.stdin is None:
            raise ValueError
        return self._child.stdin  # type: ignore[return-value]  # a pipe of bytes

    def _pipe_out(self) -> BinaryIO:
        if self._child.stdout is None:
            raise ValueError
        return self._child.stdout  # type: ignore[return-value]


class ChromaFolder:
    """Generations of Chroma, each a folder below one of ours.

    Args:
        folder: Ours.
        lock: File descriptor of the lock that the holder has.
    """

    def __init__(self, folder: Path, lock: int | None) -> None:
        self._folder = folder
        self._lock = lock

    def open(self, name: str) -> ChromaProcess:
        """Opens a generation, or makes it.

        Raises:
            StorageError: It is not as it was left, or Chroma cannot use it.
        """
        return ChromaProcess.open(self._folder / name, self._lock)

    def remove_others(self, name: str) -> None:
        """Removes every generation but this one."""
        remove_all_but(self._folder, name)
