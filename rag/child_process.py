"""Runs a module in a supervised child process: frames over two pipes, one deadline per reply. Does not know the messages.

A frame is a JSON object followed by raw bytes; nothing that is received is ever executed. `SupervisedChild` is the parent's
side, `ParentConnection` the child's. A child that hangs, crashes or runs out of memory costs its parent one exception.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

_LENGTH_BYTES = 4  # big-endian, before each JSON object
_HEARTBEAT = "busy"  # the key of a frame that means: still at work on the same request
_EXIT_S = 1.0  # a process that exits closes its pipes a moment before its exit code is there


class ChildTimeoutError(Exception):
    """No reply came before the deadline. The child has been killed.

    Attributes:
        limit_s: The time limit that passed, seconds.
    """

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"no reply within {limit_s:.0f} s")
        self.limit_s = limit_s


class ChildCrashError(Exception):
    """The child ended before it replied, or what it sent is not a frame.

    Attributes:
        returncode: Its exit code; negative: the signal that ended it.
    """

    def __init__(self, returncode: int) -> None:
        super().__init__(f"ended unexpectedly (exit code {returncode})")
        self.returncode = returncode


class Frame(NamedTuple):
    """One request or reply."""

    message: dict[str, Any]
    payload: bytes


def send_frame(pipe: BinaryIO, message: Mapping[str, Any], payload: bytes = b"") -> None:
    """Writes one frame."""
    head = json.dumps({**message, "bytes": len(payload)}).encode()
    pipe.write(len(head).to_bytes(_LENGTH_BYTES, "big") + head)
    pipe.write(payload)
    pipe.flush()


def receive_frame(pipe: BinaryIO) -> Frame | None:
    """Reads one frame. Returns None at the end of the pipe and where the bytes are not a frame."""
    length = pipe.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        return None
    head = pipe.read(int.from_bytes(length, "big"))
    try:
        message = json.loads(head)
        payload = pipe.read(message["bytes"])
    except (ValueError, KeyError, TypeError):
        return None
    return Frame(message, payload) if len(payload) == message["bytes"] else None


class SupervisedChild:
    """A child process that answers requests. One request at a time: the caller serializes them.

    `kill` may be called from another thread; a thread that waits for a reply then gets `ChildCrashError`.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._requests = cast("BinaryIO", process.stdin)
        self._replies = cast("BinaryIO", process.stdout)
        self._deadline: float | None = None  # by time.monotonic
        self._timed_out = False
        self._changed = threading.Condition()  # of _deadline and _ended
        self._ended = False
        threading.Thread(target=self._enforce_deadlines, name=f"child-{process.pid}-deadlines", daemon=True).start()

    @classmethod
    def start(cls, module: str, *arguments: str, inherit: Sequence[int] = ()) -> SupervisedChild:
        """Starts `python -P -m module`.

        Args:
            module: A module that opens a `ParentConnection`.
            arguments: Its command line.
            inherit: File descriptors that the child gets too. The child holds a lock it inherits until it has ended.
        """
        process = subprocess.Popen(
            # -P: no module of the current folder is imported by mistake.
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=inherit,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def request(self, message: Mapping[str, Any], payload: bytes = b"", *, limit_s: float) -> Frame:
        """Sends a request and returns the reply.

        Args:
            message: A JSON object.
            payload: Bytes that follow it.
            limit_s: Seconds until the child is killed; each heartbeat of the child starts them again.

        Raises:
            ChildTimeoutError: Neither a reply nor a heartbeat came in time.
            ChildCrashError: The child ended first.
        """
        return self._exchange(message, payload, limit_s)

    def receive(self, *, limit_s: float) -> Frame:
        """Returns a reply that needs no request: the greeting of a child that has started. Raises as `request` does."""
        return self._exchange(None, b"", limit_s)

    def close(self, grace_s: float) -> None:
        """Closes the request pipe, lets the child finish for at most `grace_s` seconds, then ends it."""
        with contextlib.suppress(OSError):
            self._requests.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        self.end()

    def kill(self) -> None:
        """Kills the process and leaves the rest to `end`, so that a thread waiting for a reply can be woken up first."""
        self._process.kill()

    def end(self) -> int:
        """Kills the process if it is running, closes the pipes, and returns the exit code. Harmless when repeated."""
        self._process.kill()
        returncode = self._process.wait()
        with self._changed:
            self._ended = True
            self._changed.notify()
        for pipe in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                pipe.close()
        return returncode

    def _exchange(self, message: Mapping[str, Any] | None, payload: bytes, limit_s: float) -> Frame:
        frame = None
        self._set_deadline(limit_s)
        try:
            if message is not None:
                send_frame(self._requests, message, payload)
            frame = receive_frame(self._replies)
            while frame is not None and _HEARTBEAT in frame.message:
                self._set_deadline(limit_s)
                frame = receive_frame(self._replies)
        except (OSError, ValueError):  # a broken pipe; ValueError: a pipe that was closed before
            frame = None
        finally:
            self._set_deadline(None)
        if self._timed_out:
            self._timed_out = False
            self.end()
            raise ChildTimeoutError(limit_s)
        if frame is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_S)
            raise ChildCrashError(self.end())
        return frame

    def _set_deadline(self, limit_s: float | None) -> None:
        with self._changed:
            self._deadline = None if limit_s is None else time.monotonic() + limit_s
            self._changed.notify()

    def _enforce_deadlines(self) -> None:
        """Kills the child when a deadline passes; the thread that waits for a reply then reads the end of the pipe."""
        with self._changed:
            while not self._ended:
                left_s = None if self._deadline is None else self._deadline - time.monotonic()
                if left_s is None or left_s > 0:
                    self._changed.wait(left_s)
                    continue
                self._timed_out = True
                self._process.kill()
                return


class ParentConnection:
    """The child's side: requests in, replies out. The child serves until its parent closes the pipe or ends."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests = requests
        self._replies = replies

    @classmethod
    def open(cls) -> ParentConnection:
        """Prepares this process: stop signals are ignored, and standard output is kept free of what libraries print."""
        for stop in (signal.SIGINT, signal.SIGTERM):  # meant for the parent; this process ends when its pipe does
            signal.signal(stop, signal.SIG_IGN)
        replies = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        return cls(sys.stdin.buffer, replies)

    def requests(self) -> Iterator[Frame]:
        """Yields each request until the parent closes the pipe or ends."""
        while (frame := receive_frame(self._requests)) is not None:
            yield frame

    def reply(self, message: Mapping[str, Any], payload: bytes = b"") -> None:
        """Sends the reply to the last request.

        Raises:
            BrokenPipeError: The parent is gone.
        """
        send_frame(self._replies, message, payload)

    def heartbeat(self) -> None:
        """Tells the parent that the last request is still being worked on: its time limit starts again."""
        send_frame(self._replies, {_HEARTBEAT: True})
